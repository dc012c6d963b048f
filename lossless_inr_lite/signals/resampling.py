"""Smaller pictures and slower sounds: sums of integers, rounded once, the same everywhere."""

from collections.abc import Callable

import numpy as np

from lossless_inr_lite.errors import InputError, check_choice


def centre_square(samples: np.ndarray) -> np.ndarray:
    """The largest centred square of a picture: (H, W, C) -> (L, L, C), L = min(H, W), a view."""
    height, width = samples.shape[:2]
    side = min(height, width)
    top = (height - side) // 2
    left = (width - side) // 2
    return samples[top : top + side, left : left + side]


def area_resample(samples: np.ndarray, size: int) -> np.ndarray:
    """`area_means` rounded to the nearest integer, halves to even.

    (L, L, C) -> (size, size, C), of the samples' type.
    """
    return np.rint(area_means(samples, size)).astype(samples.dtype)


def area_means(samples: np.ndarray, size: int) -> np.ndarray:
    """Mean over the area of every target pixel: (L, L, C) -> (size, size, C) float64.

    The weights are counted in units of 1/size of a source pixel, so every sum is an integer below
    2^53 and float64 arithmetic is exact up to one division.
    """
    length = samples.shape[0]
    target_starts = np.arange(size)[:, None] * length
    source_starts = np.arange(length)[None, :] * size
    ends = np.minimum(target_starts + length, source_starts + size)
    overlap = ends - np.maximum(target_starts, source_starts)
    weights = np.clip(overlap, 0, None).astype(np.float64)
    rows = np.einsum("ij,jkc->ikc", weights, samples.astype(np.float64), optimize=True)
    sums = np.einsum("kl,ilc->ikc", weights, rows, optimize=True)
    return sums / length**2


def bilinear_resample(samples: np.ndarray, size: int) -> np.ndarray:
    """Bilinear interpolation with antialias, rounded once: (L, L, C) -> (size, size, C).

    This is the protocol of the paper's pictures, as image libraries have it: a triangle of the
    width of two target pixels weighs the source pixels, and the weights add up to 1. They are
    counted in integers, as in `area_means`.
    """
    length = samples.shape[0]
    targets = (2 * np.arange(size)[:, None] + 1) * length
    sources = (2 * np.arange(length)[None, :] + 1) * size
    # Half the base of the triangle, in the same units; below the source's spacing it does not go.
    reach = 2 * max(length, size)
    weights = np.clip(reach - np.abs(sources - targets), 0, None).astype(np.float64)
    totals = weights.sum(axis=1)
    rows = np.einsum("ij,jkc->ikc", weights, samples.astype(np.float64), optimize=True)
    sums = np.einsum("kl,ilc->ikc", weights, rows, optimize=True)
    means = sums / (totals[:, None, None] * totals[None, :, None])
    return np.rint(means).astype(samples.dtype)


RESAMPLERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "area": area_resample,
    "bilinear": bilinear_resample,
}
"""Ways of bringing a square to a smaller size: exact means of areas, and the paper's protocol."""


def resampled(samples: np.ndarray, size: int, resample: str) -> np.ndarray:
    """The centre square of a picture at `size` pixels a side, (H, W, C) -> (size, size, C).

    Raises InputError for an unknown way.
    """
    way = RESAMPLERS[check_choice("resample", resample, list(RESAMPLERS))]
    return way(centre_square(samples), size)


def block_means(samples: np.ndarray, rate: int, sample_rate: int, name: str) -> np.ndarray:
    """Means of rate / sample_rate neighbours, rounded once, halves to even.

    (T, C) integers at `rate` Hz -> (T', C) of the same type at `sample_rate` Hz. What is left over
    at the end is dropped.

    Raises InputError when `sample_rate` does not divide `rate`, for floats, and when the sound
    `name` has less than one block.
    """
    if not _has_blocks(samples, rate, sample_rate):
        raise InputError(
            f"{name} cannot be brought from {rate} Hz to {sample_rate} Hz: integer samples, "
            "a rate that divides the file's, and at least one block of them are needed"
        )
    block = rate // sample_rate
    blocks = samples[: len(samples) // block * block].reshape(-1, block, samples.shape[1])
    sums = blocks.sum(axis=1, dtype=np.int64)
    return np.rint(sums / block).astype(samples.dtype)


def _has_blocks(samples: np.ndarray, rate: int, sample_rate: int) -> bool:
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, int) or sample_rate < 1:
        return False
    if samples.dtype.kind == "f" or rate % sample_rate != 0:
        return False
    return len(samples) >= rate // sample_rate
