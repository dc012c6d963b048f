"""Smaller pictures and slower sounds: exact means, rounded once, so the same on every machine."""

import numpy as np

from lossless_inr_lite.errors import InputError


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
