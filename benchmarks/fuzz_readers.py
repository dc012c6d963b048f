"""Damaged and hostile files for every reader: each must give a signal or one clear error, soon.

``python benchmarks/fuzz_readers.py [--count 10000] [--reader NAME ...] [--seed 0]``

Small files of each format are damaged, as bytes and piece by piece (`layouts.py`), and given to the
reader of that format. What must not happen: another exception than `InputError`, the end of the
process, more than 2 seconds, more than 1 GiB of memory, or a file left behind. Signals may have
2^22 pixels or samples, so that what a large but honest one takes is not taken for a fault. The
mutation of a number is the same in every run with the same seed.

With ``--output FILE`` the counts are written down, with the commit of each reader. A later run with
the same seed and commit goes on from them. ``--keep FOLDER`` keeps the files that were read badly.
``--atheris`` lets libFuzzer choose the damage by the code that it reaches (`pip install atheris`),
one reader a run. Memory is measured as Linux tells it.
"""

import argparse
import json
import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from layouts import any_damage
from mutations import one_of
from reader_seeds import SEEDS

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.files import write_json

BAD_INPUT = 2
MOST_SECONDS = 2.0  # of the processor, a file
MOST_MEMORY = 2**30  # bytes that reading one file may add
# Address space that a reading process may add. What is only reserved is no memory yet.
MOST_ADDRESSES = 3 * 2**30
PATIENCE = 60.0  # seconds without a sign of life, on a busy machine
REPORT_EVERY = 200  # mutations
MOST_SENTENCES = 60  # of a reader in the record
MOST_FAULTS = 20
MAX_PIXELS = 2**22
SMALL_SIGNAL = 4096  # samples that a network is asked for
WORDS = 9  # of a sentence that tell its kind
FAULTS = ("traceback", "crash", "slow", "memory", "left behind")
Read = Callable[[Path, int | None], object]


@dataclass
class Tally:
    """What became of the mutations of one reader."""

    done: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    memory_growth: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[list[Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, number: int, message: str) -> None:
        """Count a fault; the first ones are kept with the number of their mutation."""
        self.counts[kind] += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append([kind, number, message[:300]])

    def join(self, part: "Tally") -> None:
        """Add the tally of a part that follows."""
        self.done = part.done
        self.seconds += part.seconds
        self.slowest = max(self.slowest, part.slowest)
        self.memory_growth = max(self.memory_growth, part.memory_growth)
        self.outcomes += part.outcomes
        self.counts += part.counts
        self.faults = (self.faults + part.faults)[:MOST_FAULTS]

    @property
    def facts(self) -> dict[str, Any]:
        """The tally as plain JSON values."""
        outcomes = dict(self.outcomes.most_common(MOST_SENTENCES))
        return asdict(self) | {"outcomes": outcomes, "counts": dict(self.counts)}


# Reading -----------------------------------------------------------------------------------------


def _read_picture(path: Path, page: int | None) -> object:
    from lossless_inr_lite.signals import load_image

    return load_image(path, max_pixels=MAX_PIXELS, page=page)


def _read_sound(path: Path, page: int | None) -> object:
    from lossless_inr_lite.signals import load_audio

    return load_audio(path, max_samples=MAX_PIXELS)


def _read_network(path: Path, page: int | None) -> object:
    from lossless_inr_lite.storage.saved import read_model

    model, header = read_model(path)
    # To decode a large signal takes its time, and no harm is in it.
    if np.prod([float(side) for side in header.shape]) <= SMALL_SIGNAL:
        model.signal()
    return model


def _read_container(path: Path, page: int | None) -> object:
    from lossless_inr_lite.codec.files import decompress_file

    folder = path.parent / "restored"
    line = decompress_file(path, folder)
    for restored in folder.iterdir():
        restored.unlink()
    folder.rmdir()
    return line


def _read_certificate(path: Path, page: int | None) -> object:
    from lossless_inr_lite.storage.certificate import parse_certificate

    found = parse_certificate(path)
    if found is None:
        raise InputError(f"{path.name} is no certificate")
    return json.dumps(found.smallest_margin, allow_nan=False)


# Reader -> the name of the file that it is given, and how it is read.
READERS: dict[str, tuple[str, Read]] = {
    "png": ("x.png", _read_picture),
    "apng": ("x.png", _read_picture),
    "gif": ("x.gif", _read_picture),
    "jpeg": ("x.jpg", _read_picture),
    "tiff": ("x.tif", _read_picture),
    "netpbm": ("x.pgm", _read_picture),
    "dicom": ("x.dcm", _read_picture),
    "wav": ("x.wav", _read_sound),
    "flac": ("x.flac", _read_sound),
    "safetensors": ("x.safetensors", _read_network),
    "trits": ("x.trits", _read_network),
    "lic": ("x.lic", _read_container),
    "certificate": ("x.json", _read_certificate),
}


def mutation(name: str, seeds: Sequence[bytes], seed: int, number: int) -> tuple[bytes, int | None]:
    """The damaged file of a number, and the page that is asked for."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
    page = one_of((None, None, None, 0, 1), generator)
    return any_damage(name, seeds, generator), page


def sentence_kind(message: str) -> str:
    """The first words of an error, without numbers and quoted names.

    >>> sentence_kind("x.png declares 7 x 0 pixels: an empty picture")
    'x.png declares N x N pixels: an empty picture'
    """
    plain = re.sub(r"'[^']*'|-?[0-9]+(\.[0-9]+)?", "N", message)
    return " ".join(plain.split()[:WORDS])


def _mentions_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError) or "allocate" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def try_one(read: Read, path: Path, page: int | None) -> tuple[str, str]:
    """Read one file: the kind of its fault or "", and a sentence."""
    try:
        read(path, page)
    except InputError as error:
        if _mentions_memory(error):
            return "memory", str(error)
        return "", sentence_kind(str(error))
    except MemoryError as error:
        return "memory", f"MemoryError: {error}"
    except Exception as error:
        return "traceback", f"{type(error).__name__}: {error}"
    return "", "read"


# In the reading process --------------------------------------------------------------------------


def work(
    connection: Connection,
    name: str,
    seeds: Sequence[bytes],
    seed: int,
    numbers: range,
    skipped: set[int],
) -> None:
    """Try mutations and send the number of each, tallies in between, and None at the end."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        tempfile.tempdir = str(folder)  # what libraries leave would be seen there
        os.chdir(folder)
        _warm_up(name, seeds, folder)
        _limit_addresses()
        for tally in _tallies(name, seeds, seed, numbers, skipped, folder, connection):
            connection.send(tally)
    connection.send(None)


def _warm_up(name: str, seeds: Sequence[bytes], folder: Path) -> None:
    """Read all seeds, so that what is imported and kept is not taken for growth."""
    file, read = READERS[name]
    for data in seeds:
        (folder / file).write_bytes(data)
        try_one(read, folder / file, None)
        try_one(read, folder / file, 0)


def _limit_addresses() -> None:
    limit = _memory("VmSize") + MOST_ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _memory(what: str) -> int:
    """Bytes of this process: VmSize is the address space, VmHWM the peak of what is in memory.

    The peak that `resource` tells would be that of the process that started this one, if larger.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{what}:"))
    return 1024 * int(line.split()[1])


def _forget_peak() -> None:
    """Set the peak to what is in memory now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def _tallies(
    name: str,
    seeds: Sequence[bytes],
    seed: int,
    numbers: range,
    skipped: set[int],
    folder: Path,
    connection: Connection,
) -> Iterator[Tally]:
    file, read = READERS[name]
    path = folder / file
    tally = Tally()
    _forget_peak()
    usual = _memory("VmHWM")
    started = time.perf_counter()
    for number in numbers:
        tally.done = number + 1
        if number not in skipped:
            data, page = mutation(name, seeds, seed, number)
            connection.send(number)
            path.write_bytes(data)
            began = time.process_time()
            fault, sentence = try_one(read, path, page)
            took = time.process_time() - began
            tally.slowest = max(tally.slowest, took)
            tally.outcomes[f"{fault}: {sentence_kind(sentence)}" if fault else sentence] += 1
            if fault:
                tally.add(fault, number, sentence)
            if took > MOST_SECONDS:
                tally.add("slow", number, f"{took:.1f} s: {sentence}")
            grown = _memory("VmHWM") - usual
            tally.memory_growth = max(tally.memory_growth, grown)
            if grown > MOST_MEMORY:
                tally.add("memory", number, f"{grown / 2**20:.0f} MiB: {sentence}")
                _forget_peak()
            for left in _left_behind(folder, file):
                tally.add("left behind", number, f"{left}: {sentence}")
        if tally.done % REPORT_EVERY == 0 or tally.done == numbers.stop:
            tally.seconds = time.perf_counter() - started
            yield tally
            tally = Tally()
            started = time.perf_counter()


def _left_behind(folder: Path, file: str) -> list[str]:
    """The names of what lies in the folder beside the file; it is removed."""
    others = [path for path in folder.iterdir() if path.name != file]
    for path in others:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return [path.name for path in others]


# In the process that leads -----------------------------------------------------------------------


def fuzz(name: str, seeds: Sequence[bytes], seed: int, count: int, tally: Tally) -> Iterator[Tally]:
    """Go on with a tally until `count` mutations are done; yields it after every part.

    The process that reads is started again when it has ended, and left out is what ended it.
    Raises RuntimeError when that does not help.
    """
    skipped: set[int] = set()
    context = multiprocessing.get_context("spawn")
    while tally.done < count:
        ours, theirs = context.Pipe(duplex=False)
        numbers = range(tally.done, count)
        arguments = (theirs, name, seeds, seed, numbers, skipped)
        process = context.Process(target=work, args=arguments, daemon=True)
        process.start()
        theirs.close()
        current = tally.done
        ended = False
        fault = "slow"
        while not ended and ours.poll(PATIENCE):
            try:
                message = ours.recv()
            except EOFError:
                process.join()
                fault = "crash"
                break
            if isinstance(message, int):
                current = message
            elif message is None:
                ended = True
            else:
                tally.join(message)
                yield tally
        process.kill()
        process.join()
        ours.close()
        if not ended:
            if current in skipped:
                raise RuntimeError(f"the process that reads {name} cannot be started")
            skipped.add(current)
            tally.add(fault, current, f"the process ended with {process.exitcode}")


def main() -> int:
    """Fuzz the readers, print what became of the mutations, and write the record where wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="mutations of each reader")
    parser.add_argument("--reader", action="append", choices=sorted(READERS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="the record; a run goes on from it")
    parser.add_argument("--keep", type=Path, help="a folder for the files that were read badly")
    parser.add_argument("--atheris", action="store_true", help="let libFuzzer choose the damage")
    options = parser.parse_args()
    names = options.reader or list(READERS)
    if options.atheris:
        try:
            return guided(names[0], options.count, options.seed)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            return BAD_INPUT
    record = _record_to_go_on(options.output, options.seed)
    commit = record["environment"]["git_commit"]
    known = record["facts"]["readers"]
    tallies = {name: _tally_to_go_on(known.get(name), commit) for name in names}
    for name, tally in tallies.items():
        seeds = SEEDS[name]()
        for _ in fuzz(name, seeds, options.seed, options.count, tally):
            if options.output:
                known[name] = {"git_commit": commit, **tally.facts}
                write_json(options.output, record)
        _print(name, tally)
        if options.keep:
            _keep(options.keep, name, seeds, options.seed, tally)
    return int(any(tally.counts for tally in tallies.values()))


def guided(name: str, count: int, seed: int) -> int:
    """Fuzz one reader with atheris. It ends the process, with another code than 0 at a fault."""
    with importing("atheris", "--atheris"):
        atheris: Any = import_module("atheris")
    file, read = READERS[name]
    seeds = SEEDS[name]()
    folder = Path(tempfile.mkdtemp())
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(seeds):
        (corpus / str(number)).write_bytes(data)

    def one_input(data: bytes) -> None:
        (folder / file).write_bytes(data)
        fault, sentence = try_one(read, folder / file, None)
        if fault:
            raise AssertionError(f"{fault}: {sentence}")

    def damage(data: bytes, max_size: int, seed: int) -> bytes:
        generator = np.random.default_rng(seed)
        try:
            changed = any_damage(name, [data, one_of(seeds, generator)], generator)
        except Exception:  # the layouts expect whole files, and these may be damaged already
            return atheris.Mutate(data, max_size)
        return changed[:max_size]

    for data in seeds:
        one_input(data)  # what is imported when it is first needed must be there
    for function in _functions_of_the_package():
        atheris.instrument_func(function)
    arguments = [sys.argv[0], str(corpus), f"-runs={count}", f"-seed={seed + 1}", "-timeout=20"]
    atheris.Setup(arguments, one_input, custom_mutator=damage)
    atheris.Fuzz()
    return 0


def _functions_of_the_package() -> list[FunctionType]:
    """The functions of this package's modules that are loaded, but for those of fitting."""
    modules = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(("lossless_inr_lite.signals", "lossless_inr_lite.storage"))
        or name.startswith(("lossless_inr_lite.codec", "lossless_inr_lite.fields"))
    ]
    found = [value for module in modules for value in vars(module).values()]
    return [
        value
        for value in found
        if isinstance(value, FunctionType) and value.__module__.startswith("lossless_inr_lite")
    ]


def _record_to_go_on(output: Path | None, seed: int) -> dict[str, Any]:
    """A new record, with the readers of an earlier one of the same seed."""
    from lossless_inr_lite.companion import records  # with torch, which not every reader needs

    readers: dict[str, Any] = {}
    if output is not None and output.is_file():
        old = json.loads(output.read_text(encoding="utf-8"))
        if old["facts"]["seed"] == seed:
            readers = old["facts"]["readers"]
    return {
        "schema_version": records.SCHEMA_VERSION,
        "experiment": "fuzz_readers",
        "environment": records.environment(),
        "facts": {"seed": seed, "max_pixels": MAX_PIXELS, "readers": readers},
        "fits": {},
    }


def _tally_to_go_on(facts: dict[str, Any] | None, commit: str | None) -> Tally:
    """The tally of an earlier run of the same commit, or a new one."""
    if facts is None or facts["git_commit"] != commit:
        return Tally()
    tally = Tally(**{name: value for name, value in facts.items() if name != "git_commit"})
    tally.outcomes = Counter(facts["outcomes"])
    tally.counts = Counter(facts["counts"])
    return tally


def _print(name: str, tally: Tally) -> None:
    faults = ", ".join(f"{count} {kind}" for kind, count in tally.counts.items()) or "no fault"
    print(
        f"{name}: {tally.done} mutations, {tally.outcomes['read']} read, {tally.seconds:.0f} s, "
        f"slowest {tally.slowest:.2f} s, memory grew by {tally.memory_growth / 2**20:.0f} MiB, "
        f"{faults}",
        flush=True,
    )
    for kind, number, message in tally.faults:
        print(f"  {kind} {number}: {message}")


def _keep(folder: Path, name: str, seeds: Sequence[bytes], seed: int, tally: Tally) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file, _ = READERS[name]
    for kind, number, _ in tally.faults:
        data, page = mutation(name, seeds, seed, number)
        asked = "" if page is None else f"_page{page}"
        path = folder / f"{name}_{number}_{kind.replace(' ', '_')}{asked}{Path(file).suffix}"
        path.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
