"""Fetch the paper's public data sets, and check those that have to be asked for.

``python -m lossless_inr_lite.companion.data list``
``python -m lossless_inr_lite.companion.data fetch kodak [--to DIR] [--mirror URL | --from DIR]``
``python -m lossless_inr_lite.companion.data check testimages DIR``

A set lies in a folder of its own name below --to, or below the folder LOSSLESS_INR_DATA, so that
chapters and commands find its files by their names. That folder is there as a whole or not at all.
Exit codes: 0 when all is as expected, 1 when files show signs of fewer bits than they declare
(check), 2 for bad input and for what could not be fetched, 130 when stopped.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
import urllib.parse
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lossless_inr_lite.companion.data_checks import check_folder, members
from lossless_inr_lite.companion.data_sets import DataSet, SourceFile, data_set, data_sets
from lossless_inr_lite.companion.downloads import PART, Patience, download
from lossless_inr_lite.companion.locks import FolderLock
from lossless_inr_lite.companion.unpacking import unpack
from lossless_inr_lite.errors import InputError, OutputError
from lossless_inr_lite.files import check_writable, read_bytes, reason_of, replacing, write_json
from lossless_inr_lite.signals.embedded import DATA_FOLDER

DONE = 0
DOUBTFUL = 1
BAD_INPUT = 2
STOPPED = 130

STAGING = ".fetch-"
"""Before the name of a set: the folder in which it is made, beside its place."""

LOCK = ".lock"
RECORD = "source.json"
"""What lies beside the files of an archive: their checksums, so that a second run can tell."""

MOST_RECORD_BYTES = 2**24
SPARE = 2**24
"""Bytes to leave free on a disk."""


@dataclass(frozen=True)
class Origin:
    """Where files come from: their own hosts, a mirror in place of these, or a folder."""

    mirror: str = ""
    folder: Path | None = None

    def addresses(self, chosen: DataSet, file: SourceFile) -> list[str]:
        """Where to ask for a file, the first address first.

        On a mirror it may lie under the path that it has on its own host, or directly below.
        """
        own = [base + file.name for base in chosen.bases]
        if not self.mirror:
            return own
        root = self.mirror.rstrip("/")
        return [root + urllib.parse.urlsplit(own[0]).path, f"{root}/{file.name}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("stopped: what came is kept, and the next run goes on from there", file=sys.stderr)
        return STOPPED


def _parser() -> argparse.ArgumentParser:
    name = "python -m lossless_inr_lite.companion.data"
    parser = argparse.ArgumentParser(prog=name, description="Fetch and check the paper's data.")
    commands = parser.add_subparsers(required=True)
    fetch = commands.add_parser("fetch", help="download, check, unpack and check again")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="a data set; see list")
    fetch.add_argument("--to", type=Path, metavar="DIR", help=f"default: ${DATA_FOLDER}")
    origin = fetch.add_mutually_exclusive_group()
    origin.add_argument("--mirror", default="", metavar="URL", help="in place of the files' hosts")
    origin.add_argument(
        "--from", dest="source", type=Path, metavar="DIR", help="files that you downloaded already"
    )
    fetch.add_argument("--yes", action="store_true", help="do not ask, also not on a terminal")
    standard = Patience()
    fetch.add_argument("--timeout", type=seconds, default=standard.timeout, metavar="SECONDS")
    fetch.add_argument("--attempts", type=int, default=standard.attempts, metavar="N")
    fetch.set_defaults(run=_fetch_command)
    check = commands.add_parser("check", help="count, shape, depth and genuineness of a folder")
    check.add_argument("name", metavar="NAME", help="a data set; see list")
    check.add_argument("folder", type=Path, metavar="DIR")
    check.set_defaults(run=_check_command)
    commands.add_parser("list", help="show all data sets").set_defaults(run=_list_command)
    return parser


def seconds(text: str) -> float:
    """A time to wait; raises ValueError unless it is positive and finite."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def _list_command(options: argparse.Namespace) -> int:
    for chosen in data_sets().values():
        print("\n".join(_facts(chosen)))
    return DONE


def _facts(chosen: DataSet) -> list[str]:
    """What there is to know of a set before it is fetched."""
    lines = [f"{chosen.name}: {chosen.title} ({chosen.used_for})"]
    lines.append(f"  licence: {chosen.licence}")
    lines.append(f"  page: {chosen.page}")
    lines.append(f"  expected: {chosen.expected.text}")
    if chosen.files:
        count = "1 file" if len(chosen.files) == 1 else f"{len(chosen.files)} files"
        lines.append(f"  size: {_size(chosen.bytes)} in {count} to fetch")
        lines.append(f"  checksums: SHA-256, all files; published by {chosen.checksums}")
    else:
        lines.append(f"  by hand: {chosen.ask}; then: check {chosen.name} DIR")
    return lines


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


# Fetch -------------------------------------------------------------------------------------------


def _fetch_command(options: argparse.Namespace) -> int:
    if options.attempts < 1:
        raise InputError(f"attempts is {options.attempts}: allowed is 1 or more")
    chosen = [data_set(name) for name in options.names]
    for one in chosen:
        if not one.files:
            raise InputError(
                f"{one.name} has no source to fetch it from: {one.ask}, and try "
                f"it with: check {one.name} DIR"
            )
    target = _target(options.to)
    origin = Origin(options.mirror, options.source)
    if origin.folder is not None and not origin.folder.is_dir():
        raise InputError(f"--from {origin.folder} is no folder")
    patience = Patience(options.timeout, options.attempts)
    for one in chosen:
        place = target / one.name
        if os.path.lexists(place):
            check_there(one, place)
            _forget_staging(one, target)
            print(f"{place} is there, and whole: nothing to do")
            continue
        print("\n".join([*_facts(one), f"  to: {place}"]), flush=True)
        if not options.yes and not _agreed():
            raise InputError(f"{one.name} was not fetched: you did not agree")
        fetch(one, target, origin, patience)
    if os.environ.get(DATA_FOLDER) != str(target):
        print(f"set {DATA_FOLDER}={target} so that files are found by their names")
    return DONE


def _target(given: Path | None) -> Path:
    """The folder below which sets lie. Raises InputError when none was named."""
    named = os.environ.get(DATA_FOLDER)
    if given is None and not named:
        raise InputError(f"say where the data shall lie: --to DIR, or the variable {DATA_FOLDER}")
    return Path(named or "").expanduser() if given is None else given.expanduser()


def _agreed() -> bool:
    """Ask on a terminal; elsewhere the command itself is the agreement."""
    if not sys.stdin.isatty():
        return True
    print("Fetch it under this licence? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def fetch(chosen: DataSet, target: Path, origin: Origin, patience: Patience) -> Path:
    """Bring a data set into the folder `target / chosen.name`, and return that.

    Files are made in a folder beside it, which takes its place when all are there and checked. Of
    a download that is stopped the part stays for the next run.

    Raises InputError, in one sentence, when a file cannot be had or is not the published one, when
    the archive is damaged or not safe, when the files are not what is expected, and when another
    process fetches the same set; OutputError when the disk is too small or cannot be written.
    """
    staging = target / f"{STAGING}{chosen.name}"
    check_writable(staging / LOCK)
    try:
        lock = FolderLock(staging, LOCK)
    except InputError as error:
        raise InputError(
            f"another process fetches {chosen.name} into {target}: wait until it ends, "
            "or choose another --to"
        ) from error
    try:
        return _fetch_into(staging, chosen, target / chosen.name, origin, patience)
    except OSError as error:
        raise OutputError(f"cannot write into {target}: {reason_of(error)}") from error
    finally:
        lock.release()
        if staging.is_dir() and not any(staging.iterdir()):
            staging.rmdir()


def _fetch_into(
    staging: Path, chosen: DataSet, place: Path, origin: Origin, patience: Patience
) -> Path:
    """Do `fetch` in a folder in which nobody else works."""
    ready = staging / "ready"
    names = [file.name for file in chosen.files]
    _tidy(staging, [*names, *(PART + name for name in names)])  # after a run that was killed
    found = _found(chosen, origin)
    _check_disk(chosen, staging, origin)
    ready.mkdir()
    try:
        for file in chosen.files:
            if origin.folder is None:
                addresses = origin.addresses(chosen, file)
                path = download(file, addresses, staging, patience)
            else:
                path = found[file.name]
            if chosen.archive is not None:
                unpack(path, ready, chosen.archive)
            else:
                _copy(path, ready / file.place)
        checked = check_folder(chosen, ready)
        _write_record(chosen, ready)
        if os.path.lexists(place):
            raise InputError(f"{place} was made meanwhile, and is left as it is")
        os.rename(ready, place)
    finally:
        shutil.rmtree(ready, ignore_errors=True)
    _tidy(staging)
    print(f"{chosen.name}: {chosen.expected.text}: as expected, in {place}")
    print(f"{chosen.name}: {checked.text}")
    return place


def _tidy(staging: Path, keep: Sequence[str] = ()) -> None:
    """Remove what lies in a staging folder, but not its lock and what to keep."""
    for path in staging.iterdir():
        if path.name == LOCK or path.name in keep:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _forget_staging(chosen: DataSet, target: Path) -> None:
    """Remove what a run left that was killed after its set had taken its place."""
    staging = target / f"{STAGING}{chosen.name}"
    if not staging.is_dir():
        return
    with suppress(InputError, OSError):  # another process works there, or it is protected
        lock = FolderLock(staging, LOCK)
        _tidy(staging)
        lock.release()
        staging.rmdir()


def _found(chosen: DataSet, origin: Origin) -> dict[str, Path]:
    """The files of a set in the folder that was given, by their names, all with their checksums.

    Raises InputError for the first one that is missing or another.
    """
    if origin.folder is None:
        return {}
    return {file.name: _find(file, origin.folder) for file in chosen.files}


def _find(file: SourceFile, folder: Path) -> Path:
    """The file in a folder, or below it, that has the published checksum."""
    others = []
    for name in dict.fromkeys((file.name, file.place)):
        for path in sorted(folder.rglob(name)):
            digest = _sha256(path)
            if digest == file.sha256:
                return path
            others.append(f"{path} has the SHA-256 {digest}, and {file.sha256} was published")
    raise InputError(others[0] if others else f"{file.name} is not in {folder}, nor below it")


def _sha256(path: Path) -> str:
    """Raises InputError when the file cannot be read."""
    try:
        with open(path, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason_of(error)}") from error


def _check_disk(chosen: DataSet, staging: Path, origin: Origin) -> None:
    """Raise OutputError when the disk has no room for what comes."""
    needed = SPARE + (chosen.bytes if chosen.archive is None else chosen.archive.most_bytes)
    if origin.folder is None:
        came = sum(path.stat().st_size for path in staging.iterdir() if path.is_file())
        needed += max(0, chosen.bytes - came)
    free = shutil.disk_usage(staging).free
    if free < needed:
        raise OutputError(
            f"{chosen.name} needs up to {_size(needed)} in {staging.parent}, "
            f"and {_size(free)} are free there"
        )


def _copy(source: Path, target: Path) -> None:
    """A file under its final name: whole or not at all."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def _write_record(chosen: DataSet, folder: Path) -> None:
    """Keep what the files are, so that `check_there` knows them again."""
    files = {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    facts = {
        "data_set": chosen.name,
        "page": chosen.page,
        "licence": chosen.licence,
        "fetched": {file.name: file.sha256 for file in chosen.files},
        "sha256": files,
    }
    write_json(folder / RECORD, facts)


# What is there already ---------------------------------------------------------------------------


def check_there(chosen: DataSet, place: Path) -> None:
    """Raise InputError unless `place` holds a data set as `fetch` leaves it, to the last byte."""
    if not place.is_dir():
        raise InputError(f"{place} is there and is no folder: move it away, or choose another --to")
    for name, digest in _digests(chosen, place).items():
        path = place / name
        if not path.is_file():
            raise _kept(place, f"{name} is missing in it")
        found = _sha256(path)
        if found != digest:
            raise _kept(place, f"{name} in it has the SHA-256 {found}, and {digest} is expected")


def _digests(chosen: DataSet, place: Path) -> dict[str, str]:
    """The checksums of a set's files: the published ones, or for an archive those kept beside."""
    if chosen.archive is None:
        return {file.place: file.sha256 for file in chosen.files}
    record = place / RECORD
    if not record.is_file():
        raise _kept(place, f"no {RECORD} in it tells where it came from")
    try:
        facts = json.loads(read_bytes(record, MOST_RECORD_BYTES))
        fetched = dict(facts["fetched"])
        digests = {str(name): str(digest) for name, digest in facts["sha256"].items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _kept(place, f"its {RECORD} cannot be read") from error
    if fetched != {file.name: file.sha256 for file in chosen.files}:
        raise _kept(place, f"its {RECORD} is of another version")
    listed = {path.relative_to(place).as_posix() for path in members(chosen, place)}
    if len(listed & digests.keys()) != chosen.expected.count:
        raise _kept(place, f"files that its {RECORD} names are missing")
    return digests


def _kept(place: Path, what: str) -> InputError:
    return InputError(
        f"{place} is there, and {what}: nothing was replaced; move it away, or choose another --to"
    )


# Check -------------------------------------------------------------------------------------------


def _check_command(options: argparse.Namespace) -> int:
    chosen = data_set(options.name)
    if not options.folder.is_dir():
        raise InputError(f"{options.folder} is no folder")
    print("\n".join(_facts(chosen)), flush=True)
    checked = check_folder(chosen, options.folder)
    if chosen.files and chosen.archive is None:
        for path in members(chosen, options.folder):
            _check_digest(chosen, path)
        print(f"{chosen.name}: all checksums are the published ones")
    print(f"{chosen.name}: {checked.count} files, as expected")
    print(f"{chosen.name}: {checked.text}")
    return DOUBTFUL if checked.signs else DONE


def _check_digest(chosen: DataSet, path: Path) -> None:
    """Raise InputError when a file is not the published one of its name."""
    published = {file.place: file.sha256 for file in chosen.files}
    digest = published.get(path.name)
    if digest is None:
        raise InputError(f"{path} has a name that no file of {chosen.name} has")
    found = _sha256(path)
    if found != digest:
        raise InputError(f"{path} has the SHA-256 {found}, and {digest} was published")


if __name__ == "__main__":
    sys.exit(main())
