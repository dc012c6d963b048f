"""Contour-region reconstruction: a ramp inside every region of one value, from its darker to its brighter border.

The rule of Cheng, Au, Liu and Yip, "Bit-Depth Expansion by Contour Region Reconstruction", ISCAS 2009.
"""

import numpy as np

OUTSIDE = -1  # a value that no word has


def contour_regions(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """The lost part of words (H, W, C) as d / (d + b) of the step, each channel by itself.

    d and b count steps between 4-neighbours, inside the region of equal value, from the nearest darker and from the
    nearest brighter pixel beside it. The paper leaves open what a region with only one kind of border gets: here it,
    like one with none, keeps the mid-point.
    """
    values = np.pad(
        np.moveaxis(words.astype(np.int64), -1, 0),
        ((0, 0), (1, 1), (1, 1)),
        constant_values=OUTSIDE,
    )
    darker, brighter = (_distances(values, sign)[:, 1:-1, 1:-1] for sign in (-1, 1))
    between = (darker > 0) & (brighter > 0)
    share = np.where(between, darker / np.maximum(1, darker + brighter), 0.5)
    return np.moveaxis(share, 0, -1) * (1 << (to_bits - from_bits)) - 0.5


def _distances(values: np.ndarray, sign: int) -> np.ndarray:
    """Steps inside its region from every pixel to a darker (-1) or brighter (1) one beside it; 0 where there is none.

    `values` is (C, H + 2, W + 2) with a margin of OUTSIDE. The regions are flooded from all borders at once.
    """
    flat, distance, length = values.ravel(), np.zeros(values.size, dtype=np.int32), 1
    moves = np.array([1, -1, values.shape[2], -values.shape[2]])
    inner = np.flatnonzero(flat != OUTSIDE)
    beside = flat[inner[:, None] + moves]
    border = (np.sign(beside - flat[inner][:, None]) == sign) & (beside != OUTSIDE)
    front = inner[border.any(axis=1)]
    while len(front):
        distance[front] = length
        reached = front[:, None] + moves
        new = (flat[reached] == flat[front][:, None]) & (distance[reached] == 0)
        front, length = np.unique(reached[new]), length + 1
    return distance.reshape(values.shape)
