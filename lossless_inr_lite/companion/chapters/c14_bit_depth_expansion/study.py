"""Table 5 on pictures of yours: every method, every pair of depths, and what the paper's table leaves out."""

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.companion.statistics import Interval, interval
from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.expansion.extrapolation import fit_known_planes, lower_planes
from lossless_inr_lite.expansion.methods import METHODS, cut, expand, inside
from lossless_inr_lite.files import write_json
from lossless_inr_lite.signals.genuineness import genuineness
from lossless_inr_lite.signals.metrics import bit_error_rate, psnr, ssim
from lossless_inr_lite.signals.signal import Signal, area_means, centre_square, load_image

SHALLOW, DEEP = (
    ((4, 8),),
    ((8, 16), (8, 12), (6, 16)),
)  # from and to how many bits, for pictures of 8 and of 16
BEST, BASE, STRAIGHT, WITHOUT = "local_network", "mid_point", "linear", "local_predictor"
CODE = ("bit_depth", "contours", "zero_shot", "local_network", "interval_network", "extrapolation")
Row = dict[str, Any]


@dataclass(frozen=True)
class Picture:
    """One picture and what to do with it; `part` is "crop" or "whole"."""

    signal: Signal
    part: str
    depths: tuple[tuple[int, int], ...]
    methods: tuple[str, ...]


def names_of(text: str) -> list[str]:
    """The names in a comma-separated list."""
    return [name.strip() for name in text.split(",") if name.strip()]


def centre_crop(signal: Signal, size: int) -> Signal:
    """The middle size x size pixels, or as many of them as there are."""
    height, width = signal.samples.shape[:2]
    top, left = max(0, height - size) // 2, max(0, width - size) // 2
    return signal.with_samples(signal.samples[top : top + size, left : left + size])


def deepened(signal: Signal, size: int) -> Signal:
    """A picture of 8 bits as one of 16: the means of its areas, size x size, which have more bits than the pixels.

    The mean of m pixels has log2(m) more genuine bits at most, so the last planes carry little of their own.
    """
    means = area_means(centre_square(signal.samples), size)
    return Signal(np.rint(means * 257).astype(np.uint16), 16, signal.name)


def deep_picture(name: str, size: int) -> Signal:
    """A picture of 16 bits, or one of 8 `deepened`. Raises InputError as `check_deep` does."""
    signal = load_image(name)
    return deepened(signal, size) if signal.num_bits == 8 else check_deep(signal)


def check_deep(signal: Signal) -> Signal:
    """The signal; raises InputError unless it has 16 bits, all of them genuine: stretched ones are no truth."""
    report = genuineness(signal)
    if signal.num_bits != 16:
        raise InputError(
            f"{signal.name} has {signal.num_bits} bits: 16 are needed to judge an expansion to 16"
        )
    if not report.genuine:
        raise InputError(f"{signal.name} cannot judge a bit-depth expansion: {report.verdict}")
    return signal


def pictures(
    shallow: Sequence[str], deep: Sequence[str], size: int, whole_methods: Sequence[str]
) -> list[Picture]:
    """Crops of `size` a side for all methods, and whole pictures, where they are larger, for some."""
    for method in whole_methods:
        check_choice("method", method, list(METHODS))
    if not shallow and not deep:
        raise InputError(
            "no picture is named: at least one is needed, several are separated by commas"
        )
    found = []
    for depths, signals in (
        (SHALLOW, [load_image(n) for n in shallow]),
        (DEEP, [deep_picture(n, size) for n in deep]),
    ):
        for signal in signals:
            found.append(Picture(centre_crop(signal, size), "crop", depths, tuple(METHODS)))
            if whole_methods and max(signal.samples.shape[:2]) > size:
                found.append(Picture(signal, "whole", depths, tuple(whole_methods)))
    return found


def measure(
    signal: Signal, from_bits: int, to_bits: int, method: str, effort: float = 1.0
) -> tuple[Row, np.ndarray]:
    """One row, and the expanded words. The truth is the signal's `to_bits` most significant bits.

    Raises AssertionError when the result, cut back, is not the input.
    """
    truth = cut(signal.words, signal.num_bits, to_bits)
    words = cut(truth, to_bits, from_bits)
    started = time.perf_counter()
    found = expand(words, from_bits, to_bits, method, effort=effort)
    seconds = time.perf_counter() - started
    assert np.array_equal(cut(found, to_bits, from_bits), words), f"{method} left its interval"
    similarity = ssim(found, truth, to_bits)
    return {
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
    }, found


def run(chosen: Iterable[Picture], folder: Path, effort: float = 1.0) -> list[Row]:
    """All rows, each kept in `folder`: a run that was stopped goes on, unless the picture or the code has changed."""
    folder.mkdir(parents=True, exist_ok=True)
    code = hashlib.sha256(
        b"".join((Path(__file__).parent / f"{name}.py").read_bytes() for name in CODE)
    ).hexdigest()
    rows = []
    for picture in chosen:
        for from_bits, to_bits in picture.depths:
            for method in picture.methods:
                key = f"{code}/{picture.signal.sha256}/{from_bits}/{to_bits}/{method}/{effort}"
                path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
                if not path.is_file():
                    row, _ = measure(picture.signal, from_bits, to_bits, method, effort)
                    write_json(path, row | {"part": picture.part})
                rows.append(json.loads(path.read_text(encoding="utf-8")))
    return rows


def select(
    rows: Iterable[Row], from_bits: int, to_bits: int, method: str, part: str = "crop"
) -> dict[str, Row]:
    """The rows of one method and pair of depths, by picture."""
    wanted = (from_bits, to_bits, method, part)
    return {
        r["picture"]: r
        for r in rows
        if (r["from_bits"], r["to_bits"], r["method"], r["part"]) == wanted
    }


def mean_of(found: dict[str, Row], field: str) -> Interval | None:
    """Mean over pictures of a figure, without those that have none."""
    values = {name: [row[field]] for name, row in found.items() if row[field] is not None}
    return interval(values) if values else None


def gains(
    rows: Sequence[Row], depths: tuple[int, int], method: str, over: str, part: str = "crop"
) -> dict[str, float]:
    """PSNR of `method` less that of `over`, in dB, picture by picture."""
    ours, theirs = (select(rows, *depths, one, part) for one in (method, over))
    return {name: ours[name]["psnr"] - theirs[name]["psnr"] for name in ours if name in theirs}


def mean_gain(
    rows: Sequence[Row], depths: tuple[int, int], method: str, over: str, part: str = "crop"
) -> Interval:
    """The mean of `gains` and its interval over pictures."""
    return interval(
        {name: [gain] for name, gain in gains(rows, depths, method, over, part).items()}
    )


def gradient(size: int) -> Signal:
    """A sanity case: a smooth slope of 16 bits, size x size, from the lower third to the upper of its range."""
    rows, columns = np.mgrid[0:size, 0:size] / max(1, size - 1)
    slope = 0.3 + 0.3 * rows + 0.1 * columns**2
    return Signal(np.rint(slope * 65535).astype(np.uint16)[..., None], 16, "gradient")


def extrapolated(
    signal: Signal, from_bits: int, to_bits: int, effort: float = 1.0
) -> dict[str, float]:
    """(a) on one picture, with what `expand` does not tell: was the known part learnt, and which lost bits are wrong.

    Wrong bits of the known planes, BER of the lost ones, and dB over the mid-point.
    """
    truth = cut(signal.words, signal.num_bits, to_bits)
    words = cut(truth, to_bits, from_bits)
    done, lost = fit_known_planes(words, from_bits, to_bits, 0, effort), to_bits - from_bits
    found = inside(lower_planes(done.model, to_bits), words, lost)
    middle = expand(words, from_bits, to_bits, BASE)
    return {
        "wrong_known_bits": done.entry.wrong_bits,
        "known_ber": done.entry.ber,
        "lost_ber": bit_error_rate(found & ((1 << lost) - 1), truth & ((1 << lost) - 1), lost),
        "gain": psnr(found, truth, to_bits) - psnr(middle, truth, to_bits),
    }


def smooth_part(signal: Signal, from_bits: int, side: int) -> Signal:
    """The window of side x side pixels in which bands show best: the smoothest with three levels of `from_bits`."""
    return signal.with_samples(
        signal.samples[smooth_window(signal.words, from_bits, signal.num_bits, side)]
    )


def smooth_window(
    truth: np.ndarray, from_bits: int, to_bits: int, side: int
) -> tuple[slice, slice]:
    """Rows and columns of `smooth_part` in words (H, W, C)."""
    height, width = (min(side, length) for length in truth.shape[:2])
    best, found = np.inf, (slice(0, height), slice(0, width))
    for top in range(0, truth.shape[0] - height + 1, max(1, height // 2)):
        for left in range(0, truth.shape[1] - width + 1, max(1, width // 2)):
            window = truth[top : top + height, left : left + width].astype(np.float64)
            levels = min(
                len(np.unique(cut(window[..., c], to_bits, from_bits)))
                for c in range(window.shape[-1])
            )
            bends = sum(float(np.abs(np.diff(window, 2, axis=axis)).mean()) for axis in (0, 1))
            if levels >= 3 and bends < best:
                best, found = bends, (slice(top, top + height), slice(left, left + width))
    return found


def reports(chosen: Iterable[Picture]) -> dict[str, dict[str, Any]]:
    """The genuineness of every picture's crop, and of a control: the first one's top byte, written twice."""
    crops = {picture.signal.name: picture.signal for picture in chosen if picture.part == "crop"}
    first = next(iter(crops.values()))
    stretched = Signal(
        (cut(first.words, first.num_bits, 8) * 257).astype(np.uint16), 16, f"{first.name} x 257"
    )
    found = {name: genuineness(signal).as_dict() for name, signal in crops.items()}
    try:
        check_deep(stretched)
    except InputError as error:
        return found | {stretched.name: genuineness(stretched).as_dict() | {"refused": str(error)}}
    raise AssertionError("a stretched picture was taken for genuine")
