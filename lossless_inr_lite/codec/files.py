"""Files in, one container out; and back, all of the files or none."""

import math
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from lossless_inr_lite.codec.coding import decode, encode
from lossless_inr_lite.codec.container import ENVELOPE, CodedGroup, parse
from lossless_inr_lite.codec.names import shortened, unsafe
from lossless_inr_lite.errors import (
    FileFormatError,
    InputError,
    OutputError,
    as_integer,
    check_type,
    counted,
    shown,
)
from lossless_inr_lite.files import (
    PREFIX,
    as_path,
    check_not_input,
    check_replaceable,
    check_writable,
    local_name,
    portable_name,
    read_bytes,
    reason_of,
    replacing,
)
from lossless_inr_lite.signals import MAX_SAMPLES, Signal, SignalSpec, load_image
from lossless_inr_lite.signals.embedded import embedded_path
from lossless_inr_lite.signals.image_files import WRITABLE, check_image_output, write_image

MAX_FILE = 2**30  # bytes of a container
SUFFIX = ".lic"
# What a picture is restored as when its own name does not suit: the first of these that holds it.
PREFERRED = (".png", ".tif")


@dataclass(frozen=True)
class Report:
    """What was done, in one line; and what is not kept of which picture, a phrase each."""

    line: str
    not_kept: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __str__(self) -> str:
        return self.line


class _Place(NamedTuple):
    """A name under which a picture can be restored, and what such a file cannot hold of it."""

    name: str
    left_out: tuple[str, ...]


def compress_files(
    paths: Sequence[str | Path],
    output: str | Path,
    prior: str = "auto",
    level: int = 1,
    max_pixels: int = MAX_SAMPLES,
    page: int | None = None,
    force: bool = False,
) -> Report:
    """Code pictures into the container `output`, as `encode` does, and tell of it in one line.

    `page` is the number of the picture in files with several, from 0. `force` replaces what is at
    `output` even when it is no container.

    Raises InputError, before any work, for an output that does not end in .lic, is one of the
    inputs or would replace something else; for what is not a picture of at most `max_pixels` that
    `decompress_file` can write again; and for two files that would be restored under one name.
    """
    output = as_path(output, "the output")
    paths = _as_paths(paths)
    as_integer("max_pixels", max_pixels, 1)
    if not output.name.lower().endswith(SUFFIX):
        raise InputError(f"the output {output} is no container: its name must end in {SUFFIX}")
    check_writable(output)
    check_not_input(output, [embedded_path(path) for path in paths])
    check_replaceable(output, is_container, "a container of pictures", force)
    signals: list[Signal] = []
    not_kept: list[tuple[str, tuple[str, ...]]] = []
    for path in paths:
        signal = load_image(path, max_pixels=max_pixels, page=page)
        place = restored_as(path.name, signal.spec)
        signals.append(replace(signal, name=portable_name(place.name)))
        not_kept.append((path.name, signal.not_kept + place.left_out))
    _check_names([signal.name for signal in signals], InputError)
    data = encode(signals, prior, level)
    with replacing(output) as temporary:
        temporary.write_bytes(data)
    pixels = sum(math.prod(signal.spec.grid_shape) for signal in signals)
    raw = sum(signal.spec.total_bits for signal in signals) // 8
    line = (
        f"{output}: {counted(len(signals), 'picture')}, {counted(len(data), 'byte')} of {raw}, "
        f"{8 * len(data) / pixels:.3f} bits per pixel"
    )
    return Report(line, _told(not_kept))


def decompress_file(
    source: str | Path, folder: str | Path, max_pixels: int = MAX_SAMPLES
) -> Report:
    """Restore the pictures of a container in `folder`, under the names of their files.

    Raises FileFormatError for anything but a whole container with names that are safe, and
    InputError when anything of one of these names is there already. Then nothing is written.
    """
    source = as_path(source, "the container")
    folder = as_path(folder, "the folder")
    as_integer("max_pixels", max_pixels, 1)
    data = read_bytes(source, MAX_FILE)
    specs = parse(data, max_pixels).specs()
    _check_names([spec.name for spec in specs], FileFormatError)
    names = [local_name(spec.name) for spec in specs]
    not_kept: list[tuple[str, tuple[str, ...]]] = []
    for name, spec in zip(names, specs, strict=True):
        not_kept.append((name, check_image_output(Path(name), spec)))
        _check_free(folder / name)
    check_writable(folder / names[0])
    signals = decode(data, max_pixels)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=PREFIX) as temporary:
            paths = [Path(temporary) / name for name in names]
            for path, signal in zip(paths, signals, strict=True):
                _check_new(path, folder)
                write_image(path, signal.samples, signal.num_bits, signal.meaning)
            _move_all(paths, folder)
    except (OSError, OutputError) as error:
        # The file that could not be written has a name that says nothing to the user.
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        raise OutputError(
            f"cannot write into {folder}: {reason_of(cause)}, nothing was written"
        ) from error
    line = f"{folder}: {counted(len(signals), 'picture')}, each with the samples that were coded"
    return Report(line, _told(not_kept))


def _as_paths(paths: Sequence[str | Path]) -> list[Path]:
    """At least one path."""
    needed = "a list of pictures is needed"
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise InputError(f"paths is {shown(paths)}: {needed}")
    check_type("paths", paths, Iterable, needed)
    found = [as_path(path, "a picture") for path in paths]
    if not found:
        raise InputError(f"paths is empty: {needed}")
    return found


def is_container(path: Path) -> bool:
    """Whether a file is a whole container of pictures, by its mark and its checksum."""
    try:
        ENVELOPE.opened(read_bytes(path, MAX_FILE), path.name)
    except InputError:
        return False
    return True


def container_facts(name: str, data: bytes) -> dict[str, Any]:
    """What a container says of itself, as plain JSON values; no picture is decoded.

    Raises FileFormatError as `parse` does.
    """
    container = parse(data)
    specs = container.specs()
    pixels = sum(math.prod(spec.grid_shape) for spec in specs)
    return {
        "name": name,
        "kind": "container of pictures",
        "bytes": len(data),
        "bits_per_pixel": 8 * len(data) / pixels,
        "num_pictures": len(specs),
        "groups": [_group_facts(part) for part in container.parts],
        "names": container.names,
    }


def restored_as(name: str, spec: SignalSpec) -> _Place:
    """The name under which a picture from a file of that name is restored.

    It is the file's own when its suffix holds the picture. Otherwise a suffix is appended: for
    formats that are not written (JPEG, DICOM), and where the suffix is not what the file holds.
    Of the suffixes that hold the picture the one comes first that leaves out least of what the
    file says of it.

    Raises InputError when no format that is written holds the picture.
    """
    others = [suffix for suffix in WRITABLE if suffix not in PREFERRED]
    candidates = [name, *(shortened(name, suffix) for suffix in (*PREFERRED, *others))]
    places: list[_Place] = []
    reasons: list[str] = []
    for candidate in candidates:
        try:
            left_out = check_image_output(Path(candidate), spec)
        except InputError as error:
            reasons.append(str(error))
            continue
        places.append(_Place(candidate, left_out))
        if not left_out:
            break
    if not places:
        raise InputError(f"{name} could not be restored: {reasons[1]}")
    return min(places, key=lambda place: len(place.left_out))


def _group_facts(part: CodedGroup) -> dict[str, Any]:
    header = part.header
    facts: dict[str, Any] = {
        "num_pictures": header.count,
        "shape": list(header.shape),
        "num_bits": header.num_bits,
        "kind": header.kind,
        "level": header.level,
        "prior": header.prior or None,
        "bytes": len(part.side) + len(part.bits),
    }
    if header.meaning.facts:
        facts["meaning"] = header.meaning.facts
    return facts


def _told(
    not_kept: Sequence[tuple[str, tuple[str, ...]]],
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The pictures of which something is not kept."""
    return tuple((name, phrases) for name, phrases in not_kept if phrases)


def _check_free(path: Path) -> None:
    """Raise InputError when anything is at `path`, be it a link that leads nowhere."""
    if os.path.lexists(path):
        raise InputError(f"{path} exists: give another folder, nothing was written")


def _check_new(path: Path, folder: Path) -> None:
    """Raise InputError when a picture before has the same name in the eyes of this file system."""
    if os.path.lexists(path):
        raise InputError(
            f"{path.name!r} and another name in the container are the same for the file system of "
            f"{folder}: give a folder on another one, nothing was written"
        )


def _move_all(paths: Sequence[Path], folder: Path) -> None:
    """Move files into a folder on the same disk.

    When one cannot be moved, those before it are taken back.
    """
    moved: list[Path] = []
    try:
        for path in paths:
            _check_free(folder / path.name)  # it was free before the pictures were decoded
            moved.append(path.rename(folder / path.name))
    except BaseException:
        for path in moved:
            path.unlink(missing_ok=True)
        raise


def _check_names(names: Sequence[str], error: type[InputError]) -> None:
    for name in names:
        reason = unsafe(name)
        if reason:
            raise error(f"the file name {name!r} cannot be restored: {reason}")
    most_common, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise error(
            f"two of the pictures have the same file name, {most_common!r}: a container needs each "
            "name once"
        )
