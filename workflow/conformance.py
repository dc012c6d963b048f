"""Read public test suites with the package's readers, and compare every sample with a witness.

``python workflow/conformance.py DIR [--output conformance.json] [--suite NAME]``

DIR holds a folder for each suite, whatever is at hand: PngSuite, libpng, libjxl's test data, the
FLAC decoder testbench, the test files of pydicom and Pillow. A suite's commit is taken from its git
repository, or from a file COMMIT in its folder.

Each file is read in a process of its own kind, with limits of time and memory, and then compared
with independent readings (`witnesses.py`). It comes out as one of these:

- right: all samples agree; or the suite says that the file is corrupt, and it is refused;
- refused: with a sentence, which is printed; "elsewhere" counts those that a witness reads;
- unchecked: read, and no witness has read it;
- wrong: samples differ, or a corrupt file was read as if it were whole;
- crash, hang: another exception or the end of the process; more than the limit of time;
- foreign: a file of another kind, refused.

The command ends with 1 when there is anything wrong, a crash or a hang.
"""

import argparse
import multiprocessing
import os
import re
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from witnesses import Testimony, is_read_by_others, testimonies

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import write_json
from lossless_inr_lite.signals import Signal, load_signal

FAILED = 1
BAD_INPUT = 2
SECONDS = 30.0  # a file
MEMORY = 4 * 2**30  # bytes of address space of a reading process
COMMIT = "COMMIT"
# Files of the kinds that are read, by suffix. DICOM files often have none.
PICTURES = (".png", ".apng", ".gif", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm")
NETPBM = (".pbm", ".pgm", ".ppm", ".pnm", ".pam")
SUFFIXES = (*PICTURES, *NETPBM, ".wav", ".flac")
RESULTS = ("right", "refused", "unchecked", "wrong", "crash", "hang", "foreign")
BAD = ("wrong", "crash", "hang")
# PngSuite names corrupt files with an x in front. Other suites keep faulty files in folders of
# their own; those may be read where the samples agree with a witness, or refused.
MUST_REFUSE = re.compile(r"(^|/)x[a-z0-9]{2}n\dg\d\d\.png$|(^|/)x[cd]\dn\dc\d\d\.png$")
MAY_REFUSE = re.compile(r"(^|/)(faulty|crash[a-z]*)/")
SEVERAL = re.compile(r"holds (\d+) .*--page")


@dataclass(frozen=True)
class Outcome:
    """What became of a file: one of RESULTS, a sentence, who confirmed it, and who differs.

    `elsewhere` tells of a refused file whether a witness reads it.
    """

    result: str
    sentence: str = ""
    confirmed_by: tuple[str, ...] = ()
    differs_from: tuple[str, ...] = ()
    elsewhere: bool = False


@dataclass
class Suite:
    """The outcomes of one suite, by file."""

    name: str
    commit: str | None
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def counts(self) -> Counter[str]:
        """How many files came out how."""
        return Counter(outcome.result for outcome in self.outcomes.values())

    @property
    def facts(self) -> dict[str, Any]:
        """What the record keeps: counts, every sentence once, and what is bad by its file."""
        witnesses = Counter(who for one in self.outcomes.values() for who in one.confirmed_by)
        refused = [one for one in self.outcomes.values() if one.result == "refused"]
        return {
            "commit": self.commit,
            "files": len(self.outcomes),
            **{result: self.counts[result] for result in RESULTS},
            "refused_but_read_elsewhere": sum(one.elsewhere for one in refused),
            "confirmed_by": dict(witnesses.most_common()),
            "refusals": grouped(self.outcomes, "refused"),
            "corrupt_and_refused": grouped(self.outcomes, "right"),
            "bad": {
                name: [one.result, one.sentence]
                for name, one in self.outcomes.items()
                if one.result in BAD
            },
        }


def grouped(outcomes: dict[str, Outcome], result: str) -> list[dict[str, Any]]:
    """The sentences of the files with a result, alike ones together, most frequent first."""
    groups: dict[str, list[str]] = {}
    for name, outcome in outcomes.items():
        if outcome.result == result and outcome.sentence:
            groups.setdefault(template(outcome.sentence), []).append(name)
    return [
        {
            "template": template(outcomes[names[0]].sentence),
            "sentence": outcomes[names[0]].sentence,
            "files": len(names),
            "read_elsewhere": sum(outcomes[name].elsewhere for name in names),
            "example": names[0],
        }
        for names in sorted(groups.values(), key=len, reverse=True)
    ]


def template(sentence: str) -> str:
    """A sentence without its numbers, so that alike ones can be counted together.

    >>> template("FILE declares 3 x 70 pixels")
    'FILE declares N x N pixels'
    """
    return re.sub(r"-?\d+(\.\d+)?", "N", sentence)


# In the reading process --------------------------------------------------------------------------


def serve(connection: Connection, memory: int) -> None:
    """Examine the files that are named over a connection, until it is closed."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    # Libraries write warnings of their own.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    while True:
        try:
            path = connection.recv()
        except EOFError:
            return
        connection.send(examine(path, connection.send))


def examine(path: Path, say: Callable[[Outcome], None] = lambda outcome: None) -> Outcome:
    """Read a file and ask the witnesses. `say` gets the outcome that holds without witnesses."""
    try:
        signals = list(_signals(path))
    except InputError as error:
        without_path = str(error).replace(str(path), "FILE").replace(path.name, "FILE")
        sentence = " ".join(without_path.split())
        return _refused(path, sentence, say)
    except Exception as error:
        return Outcome("crash", f"{type(error).__name__}: {error}")
    say(Outcome("unchecked"))
    told = [one for page, signal in signals for one in testimonies(path, page, signal)]
    return _compared(path, told)


def _signals(path: Path) -> Iterator[tuple[int | None, Signal]]:
    """The signal of a file; of a file with several pictures the first and the last of them."""
    try:
        yield None, load_signal(path)
    except InputError as error:
        several = SEVERAL.search(str(error))
        if several is None:
            raise
        for page in (0, int(several[1]) - 1):
            yield page, load_signal(path, page=page)


def _refused(path: Path, sentence: str, say: Callable[[Outcome], None]) -> Outcome:
    name = path.as_posix()
    if MUST_REFUSE.search(name) or MAY_REFUSE.search(name):
        return Outcome("right", sentence)
    if not _is_of_our_kinds(path):
        return Outcome("foreign", sentence)
    say(Outcome("refused", sentence))
    return Outcome("refused", sentence, elsewhere=is_read_by_others(path))


def _compared(path: Path, told: list[Testimony]) -> Outcome:
    """One witness that agrees is enough, unless a final one differs."""
    confirmed = tuple(sorted({one.witness for one in told if one.agrees}))
    differs = tuple(sorted({one.witness for one in told if not one.agrees}))
    if MUST_REFUSE.search(path.as_posix()):
        return Outcome("wrong", "a corrupt file was read")
    outvoted = any(one.is_final and not one.agrees for one in told)
    if outvoted or (differs and not confirmed):
        return Outcome("wrong", f"differs from {', '.join(differs)}", confirmed, differs)
    if not confirmed:
        return Outcome("unchecked")
    return Outcome("right", "", confirmed, differs)


def _is_of_our_kinds(path: Path) -> bool:
    if path.suffix.lower() in SUFFIXES:
        return True
    with open(path, "rb") as file:
        return file.read(132)[128:] == b"DICM"


# In the process that leads -----------------------------------------------------------------------


class Reader:
    """A process that examines files, made anew after a crash or a hang."""

    def __init__(self, seconds: float, memory: int) -> None:
        self.seconds = seconds
        self.memory = memory
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, self.memory), daemon=True)
        self.process.start()
        other.close()
        self.examined = 0

    def outcome(self, path: Path) -> Outcome:
        """The outcome of one file."""
        try:
            self.connection.send(path)
        except OSError:  # it ended behind the file before this one
            self._start()
            self.connection.send(path)
        without_witnesses = None
        # The first file waits for the imports too.
        patience = self.seconds if self.examined else self.seconds + 60
        self.examined += 1
        while self.connection.poll(patience):
            try:
                found = self.connection.recv()
            except EOFError:
                self.process.join()
                code = self.process.exitcode
                self._start()
                return without_witnesses or Outcome("crash", f"the process ended with {code}")
            if without_witnesses is not None or found.result not in ("unchecked", "refused"):
                return found
            without_witnesses = found
        self.close()
        self._start()
        return without_witnesses or Outcome("hang", f"more than {self.seconds:g} s")

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def files_of(folder: Path) -> list[Path]:
    """The files of a suite, in order, without hidden folders and links."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(
        path
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.relative_to(folder).as_posix() != COMMIT
    )


def commit_of(folder: Path) -> str | None:
    """The commit of a suite, from its own git repository or from its file COMMIT."""
    if (folder / COMMIT).is_file():
        return (folder / COMMIT).read_text(encoding="utf-8").strip()
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or None


def run(folder: Path, reader: Reader) -> Suite:
    """Examine all files of one suite."""
    suite = Suite(folder.name, commit_of(folder))
    for path in files_of(folder):
        suite.outcomes[path.relative_to(folder).as_posix()] = reader.outcome(path)
    return suite


def print_table(suites: list[Suite]) -> None:
    """A line a suite, then the sentences of its refusals and whatever is bad."""
    width = max(len(suite.name) for suite in suites)
    print(f"{'suite':{width}}  {'files':>9}" + "".join(f"  {name:>9}" for name in RESULTS))
    for suite in suites:
        numbers = [len(suite.outcomes), *(suite.counts[result] for result in RESULTS)]
        print(f"{suite.name:{width}}" + "".join(f"  {number:9d}" for number in numbers))
    for suite in suites:
        for group in suite.facts["refusals"]:
            print(
                f"{suite.name}: {group['files']} refused, {group['read_elsewhere']} of them read "
                f"elsewhere: {group['sentence']} ({group['example']})"
            )
        for name, (result, sentence) in suite.facts["bad"].items():
            print(f"{suite.name}: {result.upper()}: {name}: {sentence}")


def main(arguments: list[str] | None = None) -> int:
    """Examine the suites, print the table and write the record. Exit 1 when anything is bad."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder with a folder a suite")
    parser.add_argument("--suite", action="append", help="only this one; may be given repeatedly")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="limit for a file")
    parser.add_argument("--memory", type=int, default=MEMORY, help="limit in bytes for a file")
    parser.add_argument("--output", type=Path, help="write the record to this JSON file")
    options = parser.parse_args(arguments)
    folders = _suite_folders(options.folder, options.suite)
    if not folders:
        print(f"error: {options.folder} holds no folder with a suite", file=sys.stderr)
        return BAD_INPUT
    reader = Reader(options.seconds, options.memory)
    suites = [run(folder, reader) for folder in folders]
    reader.close()
    if options.output:
        write_json(options.output, _record(suites))
    print_table(suites)
    return FAILED if any(suite.counts[result] for suite in suites for result in BAD) else 0


def _suite_folders(folder: Path, names: list[str] | None) -> list[Path]:
    if not folder.is_dir():
        return []
    found = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    return [path for path in found if names is None or path.name in names]


def _record(suites: list[Suite]) -> dict[str, Any]:
    from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment

    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": "conformance",
        "environment": environment(),
        "facts": {"suites": {suite.name: suite.facts for suite in suites}},
        "fits": {},
    }


if __name__ == "__main__":
    sys.exit(main())
