"""Sample positions as network inputs: every axis, of space, time or bit index, runs from -1 to 1."""

import numpy as np


def axis(length: int) -> np.ndarray:
    """`length` evenly spaced positions from -1 to 1 with both ends, (length,) float64; one position is 0."""
    return np.linspace(-1.0, 1.0, length) if length > 1 else np.zeros(1)


WHOLE_BITS = 14  # fractional bits of a coordinate as a whole number


def whole_axis(length: int) -> np.ndarray:
    """`axis` in steps of 2^-WHOLE_BITS, rounded half up, (length,) int64: no floating point is needed for it."""
    if length == 1:
        return np.zeros(1, np.int64)
    ends = length - 1
    return ((2 * np.arange(length) - ends) * 2 ** (WHOLE_BITS + 1) + ends) // (2 * ends)


def grid(*lengths: int, whole: bool = False) -> np.ndarray:
    """Every point of a grid in C order: (prod(lengths), len(lengths)), first axis slowest; float32, or int64."""
    axes = np.meshgrid(*((whole_axis if whole else axis)(n) for n in lengths), indexing="ij")
    return (
        np.stack(axes, axis=-1).reshape(-1, len(lengths)).astype(np.int64 if whole else np.float32)
    )
