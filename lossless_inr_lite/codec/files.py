"""Files in, one container out; and back, all of the files or none."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lossless_inr_lite.codec.coding import decode, encode
from lossless_inr_lite.codec.names import unsafe
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.files import check_writable, read_bytes, replacing
from lossless_inr_lite.signals import MAX_SAMPLES, Signal, load_image
from lossless_inr_lite.signals.image_files import WRITABLE, check_image_output, write_image

MAX_FILE = 2**30  # bytes of a container


def compress_files(
    paths: Sequence[Path],
    output: Path,
    prior: str = "auto",
    level: int = 1,
    max_pixels: int = MAX_SAMPLES,
) -> str:
    """Code pictures into the container `output`, as `encode` does; returns one line about it.

    Raises InputError for what is not a picture of at most `max_pixels`, and for two files that
    would be restored under one name.
    """
    check_writable(output)
    signals = [_named(path, max_pixels) for path in paths]
    _check_names([signal.name for signal in signals], InputError)
    data = encode(signals, prior, level)
    with replacing(output) as temporary:
        temporary.write_bytes(data)
    pixels = sum(math.prod(signal.spec.grid_shape) for signal in signals)
    raw = sum(signal.spec.total_bits for signal in signals) // 8
    return (
        f"{output}: {len(signals)} pictures, {len(data)} bytes of {raw}, "
        f"{8 * len(data) / pixels:.3f} bits per pixel"
    )


def decompress_file(source: Path, folder: Path, max_pixels: int = MAX_SAMPLES) -> str:
    """Restore the pictures of a container in `folder`, under the names of their files.

    Returns one line about them. Raises FileFormatError for anything but a whole container with
    names that are safe, and InputError when a file of one of these names is there already. Then
    nothing is written.
    """
    signals = decode(read_bytes(source, MAX_FILE), max_pixels)
    _check_names([signal.name for signal in signals], FileFormatError)
    for signal in signals:
        name = Path(signal.name)
        check_image_output(name, signal.spec)
        if (folder / name).exists():
            raise InputError(f"{folder / name} exists: give another folder, nothing was written")
    check_writable(folder / signals[0].name)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part") as temporary:
        paths = [Path(temporary) / signal.name for signal in signals]
        for path, signal in zip(paths, signals, strict=True):
            write_image(path, signal.samples, signal.num_bits, signal.meaning)
        _move_all(paths, folder)
    return f"{folder}: {len(signals)} pictures, each with the samples that were coded"


def _move_all(paths: Sequence[Path], folder: Path) -> None:
    """Move files into a folder on the same disk.

    When one cannot be moved, those before it are taken back.
    """
    moved: list[Path] = []
    try:
        for path in paths:
            moved.append(path.rename(folder / path.name))
    except OSError as error:
        for path in moved:
            path.unlink(missing_ok=True)
        raise InputError(
            f"cannot write into {folder}: {error.strerror or error}, nothing was written"
        ) from error


def _named(path: Path, max_pixels: int) -> Signal:
    """The picture of a file, under the name that it is restored with.

    Formats that are not written (JPEG, DICOM) come back as PNG or TIFF.
    """
    signal = load_image(path, max_pixels=max_pixels)
    name = path.name
    if path.suffix.lower() not in WRITABLE:
        needs_tiff = signal.kind == "signed" or signal.spec.channels > 4
        name += ".tif" if needs_tiff else ".png"
    return replace(signal, name=name)


def _check_names(names: Sequence[str], error: type[InputError]) -> None:
    for name in names:
        reason = unsafe(name)
        if reason:
            raise error(f"the file name {name!r} cannot be restored: {reason}")
    if len({name.casefold() for name in names}) < len(names):
        raise error("two of the pictures have the same file name: a container needs each name once")
