"""Table 5 on pictures of your own: all methods and depths, and what the table leaves out.

Pictures are given as words of N bits, the truth. What a method sees are their K top bits.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lossless_inr_lite.companion.rows import Row, RowCache, RowKey
from lossless_inr_lite.companion.statistics import Interval, interval
from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.expansion import METHODS, cut, expand, inside
from lossless_inr_lite.expansion.extrapolation import fit_known_planes, lower_planes
from lossless_inr_lite.signals import Signal, load_image
from lossless_inr_lite.signals.genuineness import genuineness
from lossless_inr_lite.signals.metrics import bit_error_rate, psnr, ssim
from lossless_inr_lite.signals.resampling import area_means, centre_square

Depths = tuple[int, int]
"""From and to how many bits: K and N."""

SHALLOW_DEPTHS: tuple[Depths, ...] = ((4, 8),)
"""For pictures of 8 bits."""

DEEP_DEPTHS: tuple[Depths, ...] = ((8, 16), (8, 12), (6, 16))
"""For pictures of 16 bits."""

BEST = "local_network"
WITHOUT_COORDINATES = "local_predictor"
BASE = "mid_point"
LINEAR = "linear"

Part = Literal["crop", "whole"]


# Pictures ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """One picture and what to do with it. `part` tells crops from whole pictures."""

    signal: Signal
    part: Part
    depths: tuple[Depths, ...]
    methods: tuple[str, ...]


def centre_crop(signal: Signal, size: int) -> Signal:
    """The middle size x size pixels, or as many of them as there are."""
    height, width = signal.samples.shape[:2]
    top = max(0, height - size) // 2
    left = max(0, width - size) // 2
    return signal.with_samples(signal.samples[top : top + size, left : left + size])


def deepened(signal: Signal, size: int) -> Signal:
    """A picture of 8 bits as one of 16: the means of its areas, size x size.

    The mean of m pixels has at most log2(m) genuine bits more than they have, so the last planes
    carry little of their own.
    """
    means = area_means(centre_square(signal.samples), size)
    return Signal(np.rint(means * 257).astype(np.uint16), 16, signal.name)


def deep_picture(name: str, size: int) -> Signal:
    """A picture of 16 bits, or one of 8 `deepened`. Raises InputError as `check_deep` does."""
    signal = load_image(name)
    return deepened(signal, size) if signal.num_bits == 8 else check_deep(signal)


def check_deep(signal: Signal) -> Signal:
    """Return the signal; raise InputError unless it has 16 bits, all of them genuine.

    Stretched bits are no truth.
    """
    if signal.num_bits != 16:
        raise InputError(
            f"{signal.name} has {signal.num_bits} bits: 16 are needed to judge an expansion to 16"
        )
    report = genuineness(signal)
    if not report.genuine:
        raise InputError(f"{signal.name} cannot judge a bit-depth expansion: {report.verdict}")
    return signal


def pictures(
    shallow: Sequence[str], deep: Sequence[str], size: int, whole_methods: Sequence[str]
) -> list[Picture]:
    """Crops of `size` pixels a side for all methods; whole pictures, where larger, for some.

    `shallow` and `deep` name pictures of 8 and of 16 bits. Raises InputError for an unknown method,
    for no picture at all, for two pictures of one name in a list, and as `deep_picture` does.
    """
    for method in whole_methods:
        check_choice("method", method, list(METHODS))
    if not shallow and not deep:
        raise InputError(
            "no picture is named: at least one is needed, several are separated by commas"
        )
    shallow_signals = [load_image(name) for name in shallow]
    deep_signals = [deep_picture(name, size) for name in deep]
    return [
        *_parts(shallow_signals, SHALLOW_DEPTHS, size, whole_methods),
        *_parts(deep_signals, DEEP_DEPTHS, size, whole_methods),
    ]


def _parts(
    signals: Sequence[Signal], depths: tuple[Depths, ...], size: int, whole_methods: Sequence[str]
) -> list[Picture]:
    """The crop of each picture and, where it is wanted and larger, the whole."""
    found = []
    names = set()
    for signal in signals:
        if signal.name in names:
            raise InputError(
                f"two pictures are called {signal.name}: tables go by name, so rename one"
            )
        names.add(signal.name)
        found.append(Picture(centre_crop(signal, size), "crop", depths, tuple(METHODS)))
        if whole_methods and max(signal.samples.shape[:2]) > size:
            found.append(Picture(signal, "whole", depths, tuple(whole_methods)))
    return found


# Measurements ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """What a method made of a picture: a row of numbers, and the expanded words (H, W, C)."""

    row: Row
    words: np.ndarray


def measure(
    signal: Signal, from_bits: int, to_bits: int, method: str, effort: float = 1.0
) -> Measured:
    """Expand a picture by a method. The truth is the signal's `to_bits` most significant bits.

    PSNR is in dB, `seconds` is the wall time of one call, `effort` the share of the usual training.
    SSIM is None where the picture is smaller than its window. Raises AssertionError when the
    result, cut back, is not the input.
    """
    truth = cut(signal.words, signal.num_bits, to_bits)
    words = cut(truth, to_bits, from_bits)
    started = time.perf_counter()
    found = expand(words, from_bits, to_bits, method, effort=effort)
    seconds = time.perf_counter() - started
    if not np.array_equal(cut(found, to_bits, from_bits), words):
        raise AssertionError(f"{method} left its interval")
    similarity = ssim(found, truth, to_bits)
    row = {
        "picture": signal.name,
        "sha256": signal.sha256,
        "shape": list(signal.samples.shape),
        "method": method,
        "from_bits": from_bits,
        "to_bits": to_bits,
        "psnr": psnr(found, truth, to_bits),
        "effort": effort,
        "ssim": None if np.isnan(similarity) else similarity,
        "seconds": seconds,
    }
    return Measured(row, found)


def run(chosen: Iterable[Picture], folder: Path, effort: float = 1.0) -> list[dict[str, Any]]:
    """Measure all pictures, and keep each row in `folder`: a run that was stopped goes on.

    A row is measured again when the picture, what is asked for, or the code has changed. Raises
    InputError for a kept row that cannot be read.
    """
    cache = RowCache(folder, (__name__,))
    rows = []
    for picture in chosen:
        for from_bits, to_bits in picture.depths:
            for method in picture.methods:
                key = _row_key(picture, from_bits, to_bits, method, effort)
                make = partial(_row, picture, from_bits, to_bits, method, effort)
                rows.append(cache.row(key, make))
    return rows


def _row_key(picture: Picture, from_bits: int, to_bits: int, method: str, effort: float) -> RowKey:
    facts = {
        "part": picture.part,
        "from_bits": from_bits,
        "to_bits": to_bits,
        "method": method,
        "effort": effort,
    }
    label = f"{picture.signal.name}/{picture.part}/{from_bits}-{to_bits}/{method}"
    return RowKey(label, facts, picture.signal.sha256)


def _row(picture: Picture, from_bits: int, to_bits: int, method: str, effort: float) -> Row:
    measured = measure(picture.signal, from_bits, to_bits, method, effort)
    return {**measured.row, "part": picture.part}


# Statistics over rows ----------------------------------------------------------------------------


def select(rows: Iterable[Row], depths: Depths, method: str, part: Part = "crop") -> dict[str, Row]:
    """The rows of one method and pair of depths, by picture."""
    wanted = (*depths, method, part)
    return {
        row["picture"]: row
        for row in rows
        if (row["from_bits"], row["to_bits"], row["method"], row["part"]) == wanted
    }


def mean_of(rows: Mapping[str, Row], field: str) -> Interval | None:
    """Mean of a field over pictures, without those that have none; None when no picture has it."""
    values = {name: [row[field]] for name, row in rows.items() if row[field] is not None}
    return interval(values) if values else None


def gains(
    rows: Sequence[Row], depths: Depths, method: str, over: str, part: Part = "crop"
) -> dict[str, float]:
    """PSNR of `method` less that of the method `over`, in dB, picture by picture."""
    mine = select(rows, depths, method, part)
    theirs = select(rows, depths, over, part)
    return {name: mine[name]["psnr"] - theirs[name]["psnr"] for name in mine if name in theirs}


def mean_gain(
    rows: Sequence[Row], depths: Depths, method: str, over: str, part: Part = "crop"
) -> Interval | None:
    """The mean of `gains` in dB and its interval over pictures; None when there is no picture."""
    found = gains(rows, depths, method, over, part)
    return interval({name: [gain] for name, gain in found.items()}) if found else None


# Single pictures ---------------------------------------------------------------------------------


def gradient(size: int) -> Signal:
    """A sanity case: a smooth slope of 16 bits, size x size, in the middle of the range."""
    rows, columns = np.mgrid[0:size, 0:size] / max(1, size - 1)
    slope = 0.3 + 0.3 * rows + 0.1 * columns**2
    return Signal(np.rint(slope * 65535).astype(np.uint16)[..., None], 16, "gradient")


@dataclass(frozen=True)
class Extrapolated:
    """What the paper's method made of one picture.

    Wrong bits and BER of the known planes tell whether they were learnt. `lost_ber` is the BER of
    the lost ones, `gain` the PSNR over the mid-point in dB.
    """

    wrong_known_bits: int
    known_ber: float
    lost_ber: float
    gain: float


def extrapolated(signal: Signal, from_bits: int, to_bits: int, effort: float = 1.0) -> Extrapolated:
    """Fit the known planes of a picture and compare the extrapolated ones with the truth."""
    truth = cut(signal.words, signal.num_bits, to_bits)
    words = cut(truth, to_bits, from_bits)
    lost_bits = to_bits - from_bits
    lost_planes = (1 << lost_bits) - 1
    fitted = fit_known_planes(words, from_bits, to_bits, effort=effort)
    found = inside(lower_planes(fitted.model, to_bits), words, lost_bits)
    middle = expand(words, from_bits, to_bits, BASE)
    return Extrapolated(
        wrong_known_bits=fitted.entry.wrong_bits,
        known_ber=fitted.entry.ber,
        lost_ber=bit_error_rate(found & lost_planes, truth & lost_planes, lost_bits),
        gain=psnr(found, truth, to_bits) - psnr(middle, truth, to_bits),
    )


def smooth_part(signal: Signal, from_bits: int, side: int) -> Signal:
    """The window of side x side pixels in which bands show best; see `smooth_window`."""
    window = smooth_window(signal.words, from_bits, signal.num_bits, side)
    return signal.with_samples(signal.samples[window])


def smooth_window(
    truth: np.ndarray, from_bits: int, to_bits: int, side: int
) -> tuple[slice, slice]:
    """Rows and columns of the smoothest window of words (H, W, C) with three levels at `from_bits`.

    Smoothness is the mean absolute second difference along both axes. Windows of side x side pixels
    are tried at steps of half a side. Where none has three levels it is the first one.
    """
    height = min(side, truth.shape[0])
    width = min(side, truth.shape[1])
    smallest_bend = np.inf
    found = (slice(0, height), slice(0, width))
    for top in range(0, truth.shape[0] - height + 1, max(1, height // 2)):
        for left in range(0, truth.shape[1] - width + 1, max(1, width // 2)):
            place = (slice(top, top + height), slice(left, left + width))
            window = truth[place].astype(np.float64)
            levels = [
                len(np.unique(cut(window[..., channel], to_bits, from_bits)))
                for channel in range(window.shape[-1])
            ]
            bend = sum(float(np.abs(np.diff(window, 2, axis=axis)).mean()) for axis in (0, 1))
            if min(levels) >= 3 and bend < smallest_bend:
                smallest_bend = bend
                found = place
    return found


def reports(chosen: Iterable[Picture]) -> dict[str, dict[str, Any]]:
    """The genuineness of every picture's crop, and of a control.

    The control is the top byte of the first picture, written twice. Its entry holds the error of
    `check_deep` under "refused".
    """
    crops = {picture.signal.name: picture.signal for picture in chosen if picture.part == "crop"}
    found = {name: genuineness(signal).as_dict() for name, signal in crops.items()}
    first = next(iter(crops.values()))
    top_byte = cut(first.words, first.num_bits, 8)
    stretched = Signal((top_byte * 257).astype(np.uint16), 16, f"{first.name} x 257")
    found[stretched.name] = {**genuineness(stretched).as_dict(), "refused": _refusal(stretched)}
    return found


def _refusal(signal: Signal) -> str:
    """The error of `check_deep`; AssertionError when there is none."""
    try:
        check_deep(signal)
    except InputError as error:
        return str(error)
    raise AssertionError("a stretched picture was taken for genuine")
