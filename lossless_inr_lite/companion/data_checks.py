"""Is a folder what a data set is: count, shape, depth, checksums, and bits that carry something?"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lossless_inr_lite.companion.data_sets import DataSet, Expected, SourceFile
from lossless_inr_lite.errors import FileFormatError, InputError, counted
from lossless_inr_lite.files import inflated, read_bytes
from lossless_inr_lite.signals import Signal, load_signal
from lossless_inr_lite.signals.genuineness import genuineness

LOOKED_AT = 24
"""So many files, evenly spread over the set, are tested for genuineness: it takes a while."""

NAMED = 5
"""So many files are named in one sentence; of the others the number is told."""

GZIP = zlib.MAX_WBITS | 16
IDX_BYTES = 8  # the third byte of an IDX file: its values are unsigned bytes


@dataclass(frozen=True)
class Checked:
    """What was found in a folder that is as expected.

    looked_at: the number of files that were tested for genuineness. signs: those of them with a
    sign of fewer bits, and what was found.
    """

    count: int
    looked_at: int
    signs: dict[str, str]

    @property
    def text(self) -> str:
        """What was found, for people."""
        without = self.looked_at - len(self.signs)
        told = f"{without} of {self.looked_at} that were looked at show no sign of fewer bits"
        if not self.signs:
            return told
        name, verdict = next(iter(self.signs.items()))
        return f"{told}; {_some(list(self.signs))} do, {name} so: {verdict}"


def check_folder(chosen: DataSet, folder: Path) -> Checked:
    """Decode every file of a data set below `folder`, and compare it with what is expected.

    Raises InputError, in one sentence, when files are missing, unreadable, or of another shape,
    depth or rate.
    """
    paths = members(chosen, folder)
    expected = chosen.expected
    if len(paths) != expected.count:
        raise InputError(
            f"{folder} holds {len(paths)} files whose names are those of {chosen.name}, and "
            f"{expected.count} are expected: {_missing(chosen, paths) or expected.text}"
        )
    spread = np.linspace(0, len(paths) - 1, min(LOOKED_AT, len(paths))).round()
    chosen_ones = {paths[int(index)] for index in spread}
    shapes = {file.place: file for file in chosen.files}
    wrong: dict[str, str] = {}
    signs: dict[str, str] = {}
    looked_at = 0
    for path in tqdm(paths, desc=f"checking {chosen.name}", leave=False, disable=None):
        try:
            signal = _load(path, expected, shapes.get(path.name))
        except InputError as error:
            wrong[path.name] = str(error)
            continue
        if signal is None or path not in chosen_ones:
            continue
        looked_at += 1
        report = genuineness(signal)
        if not report.genuine:
            signs[path.name] = report.verdict
    if wrong:
        first = next(iter(wrong.values()))
        raise InputError(
            f"{len(wrong)} of {len(paths)} files in {folder} are not those of {chosen.name} "
            f"({_some(list(wrong))}): {first}"
        )
    return Checked(len(paths), looked_at, signs)


def _missing(chosen: DataSet, paths: Sequence[Path]) -> str:
    """Which files are not there, where their names are known."""
    if chosen.archive is not None:
        return ""
    there = {path.name for path in paths}
    names = [file.place for file in chosen.files if file.place not in there]
    return f"{_some(names)} missing" if names else ""


def members(chosen: DataSet, folder: Path) -> list[Path]:
    """The files below a folder whose names are those of a data set, in the order of their paths.

    Files and folders with a dot before their names are not looked at.
    """
    pattern = re.compile(chosen.expected.names)
    return [
        path
        for path in sorted(folder.rglob("*"))
        if pattern.fullmatch(path.name)
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _load(path: Path, expected: Expected, file: SourceFile | None) -> Signal | None:
    """One file, decoded and compared; None for labels, which are no signal."""
    if expected.kind == "idx":
        return _load_idx(path, () if file is None else file.shape)
    signal = load_signal(path)
    is_sound = signal.sample_rate is not None
    if is_sound != (expected.kind == "sound"):
        raise InputError(f"{path.name} is no {expected.kind}")
    if signal.num_bits != expected.bits or signal.kind == "float":
        raise InputError(
            f"{path.name} has {signal.num_bits} bits a sample, and {expected.bits} are expected"
        )
    if signal.sample_rate != expected.sample_rate:
        raise InputError(
            f"{path.name} has {signal.sample_rate} Hz, and {expected.sample_rate} are expected"
        )
    *grid, channels = signal.samples.shape
    if channels != expected.channels:
        raise InputError(
            f"{path.name} has {counted(channels, 'channel')}, and {expected.channels} are expected"
        )
    fits_one = not expected.shapes or tuple(grid) in expected.shapes
    if not fits_one or (expected.one_side is not None and expected.one_side not in grid):
        size = " x ".join(str(side) for side in reversed(grid))
        raise InputError(f"{path.name} is {size}, and expected are {expected.text}")
    return signal


def _load_idx(path: Path, shape: Sequence[int]) -> Signal | None:
    """An IDX file of bytes, whose format stands on the page of MNIST: its first 10,000 pictures.

    Raises InputError when its header or its length is not that of `shape`.
    """
    head = bytes([0, 0, IDX_BYTES, len(shape)])
    head += b"".join(size.to_bytes(4, "big") for size in shape)
    whole = len(head) + int(np.prod(shape, dtype=np.int64))
    data = inflated(read_bytes(path), whole, path.name, wbits=GZIP)
    if not data.startswith(head) or len(data) != whole:
        sizes = " x ".join(str(size) for size in shape)
        raise FileFormatError(f"{path.name} is not an IDX file of {sizes} bytes")
    if len(shape) == 1:
        return None
    pictures = np.frombuffer(data, np.uint8, offset=len(head)).reshape(shape)
    below_each_other = pictures[:10_000].reshape(-1, shape[-1], 1)
    return Signal(below_each_other, 8, path.name)


def _some(names: Sequence[str]) -> str:
    """Some of many names, and how many more there are."""
    told = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    return f"{told} and {more} more" if more > 0 else told
