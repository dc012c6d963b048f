"""Contour regions: a ramp inside every region of equal value, from its darker to its brighter edge.

The rule of Cheng, Au, Liu and Yip, "Bit-Depth Expansion by Contour Region Reconstruction", ISCAS
2009.
"""

import numpy as np

OUTSIDE = -1
"""The value of the margin around a picture. No word has it."""

DARKER = -1
BRIGHTER = 1


def contour_regions(words: np.ndarray, from_bits: int, to_bits: int) -> np.ndarray:
    """Return the lost part of words (H, W, C), each channel by itself, in target steps: float64.

    The lost part is d / (d + b) of the interval of 2^k steps. d and b count the moves between
    4-neighbours, inside the region of equal value, from the nearest darker and from the nearest
    brighter pixel beside the region. The paper leaves open what a region with only one kind of
    border gets. Here it keeps the mid-point, like a region with no border.
    """
    channels_first = np.moveaxis(words.astype(np.int64), -1, 0)
    margin = ((0, 0), (1, 1), (1, 1))
    values = np.pad(channels_first, margin, constant_values=OUTSIDE)
    from_darker = _distances(values, DARKER)[:, 1:-1, 1:-1]
    from_brighter = _distances(values, BRIGHTER)[:, 1:-1, 1:-1]
    between = (from_darker > 0) & (from_brighter > 0)
    share = np.where(between, from_darker / np.maximum(1, from_darker + from_brighter), 0.5)
    return np.moveaxis(share, 0, -1) * (1 << (to_bits - from_bits)) - 0.5


def _distances(values: np.ndarray, direction: int) -> np.ndarray:
    """Count the moves from every pixel, inside its region, to a darker or brighter pixel beside it.

    `values` is (C, H + 2, W + 2) with a margin of OUTSIDE, and so is the result, int32. The
    distance is 1 at the border of the region, and 0 where no such border is reached. All regions
    are flooded at once, from all of their borders.
    """
    flat = values.ravel()
    distance = np.zeros(values.size, dtype=np.int32)
    moves = np.array([1, -1, values.shape[2], -values.shape[2]])
    pixels = np.flatnonzero(flat != OUTSIDE)
    neighbours = flat[pixels[:, None] + moves]
    steps_that_way = np.sign(neighbours - flat[pixels][:, None]) == direction
    at_border = (steps_that_way & (neighbours != OUTSIDE)).any(axis=1)
    front = pixels[at_border]
    length = 1
    while len(front):
        distance[front] = length
        reached = front[:, None] + moves
        same_region = flat[reached] == flat[front][:, None]
        front = np.unique(reached[same_region & (distance[reached] == 0)])
        length += 1
    return distance.reshape(values.shape)
