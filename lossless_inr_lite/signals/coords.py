"""Sample positions as network inputs: every axis runs from -1 to 1, be it space, time or bits."""

import numpy as np

FRACTION_BITS = 14  # of a coordinate as an integer: it counts steps of 2^-14


def axis(length: int) -> np.ndarray:
    """`length` evenly spaced positions from -1 to 1 with both ends, (length,) float64.

    A single position is 0.

    >>> axis(5).tolist()
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    >>> axis(1).tolist()
    [0.0]
    """
    if length == 1:
        return np.zeros(1)
    return np.linspace(-1.0, 1.0, length)


def integer_axis(length: int) -> np.ndarray:
    """`axis` in steps of 2^-FRACTION_BITS, rounded half up, (length,) int64.

    All arithmetic is on integers, so that every machine has the same positions.

    >>> integer_axis(5).tolist()
    [-16384, -8192, 0, 8192, 16384]
    """
    if length == 1:
        return np.zeros(1, np.int64)
    ends = length - 1
    # The position 2 k / ends - 1, and a half for the rounding, over the denominator 2 ends.
    doubled = 2 * np.arange(length) - ends
    return (doubled * 2 ** (FRACTION_BITS + 1) + ends) // (2 * ends)


def grid(*lengths: int) -> np.ndarray:
    """Every point of a grid in C order, the first axis slowest.

    Returns (prod(lengths), len(lengths)) float32.

    >>> grid(2, 3).tolist()
    [[-1.0, -1.0], [-1.0, 0.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    return _points([axis(length) for length in lengths]).astype(np.float32)


def integer_grid(*lengths: int) -> np.ndarray:
    """`grid` in steps of 2^-FRACTION_BITS, int64.

    >>> integer_grid(1, 2).tolist()
    [[0, -16384], [0, 16384]]
    """
    return _points([integer_axis(length) for length in lengths])


def _points(axes: list[np.ndarray]) -> np.ndarray:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
