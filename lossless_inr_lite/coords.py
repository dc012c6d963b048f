"""Sample positions as network inputs: every axis, of space, time or bit index, runs from -1 to 1."""

import numpy as np


def axis(length: int) -> np.ndarray:
    """`length` evenly spaced positions from -1 to 1 with both ends, (length,) float64; one position is 0."""
    return np.linspace(-1.0, 1.0, length) if length > 1 else np.zeros(1)


def grid(*lengths: int) -> np.ndarray:
    """Every point of a grid in C order: (prod(lengths), len(lengths)) float32, first axis slowest."""
    axes = np.meshgrid(*(axis(n) for n in lengths), indexing="ij")
    return np.stack(axes, axis=-1).reshape(-1, len(lengths)).astype(np.float32)
