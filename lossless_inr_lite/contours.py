"""Contour-region reconstruction: a ramp inside every region of one value, from its darker to its brighter border.

The rule of Cheng, Au, Liu and Yip, "Bit-Depth Expansion by Contour Region Reconstruction", ISCAS 2009.
"""

import numpy as np

SHIFTS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def contour_regions(words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0) -> np.ndarray:
    """The lost part of words (H, W, C) as d / (d + b) of the step, each channel by itself.

    d and b count steps between 4-neighbours, inside the region of equal value, from the nearest darker and from the
    nearest brighter pixel beside it. The paper leaves open what a region with only one kind of border gets: here it,
    like one with none, keeps the mid-point.
    """
    darker, brighter = (_distances(words, sign) for sign in (-1, 1))
    with np.errstate(invalid="ignore"):
        share = np.where(np.isfinite(darker + brighter), darker / (darker + brighter), 0.5)
    return share * (1 << (to_bits - from_bits)) - 0.5


def _distances(words: np.ndarray, sign: int) -> np.ndarray:
    """Length of the shortest way inside its region from every pixel to a darker (-1) or brighter (1) one; inf: none."""
    values = np.pad(words.astype(np.int64), ((1, 1), (1, 1), (0, 0)), mode="edge")
    beside = [np.sign(_moved(values, *shift) - words) for shift in SHIFTS]
    distance = np.where(np.any([b == sign for b in beside], axis=0), 1.0, np.inf)
    while True:
        around = np.pad(distance, ((1, 1), (1, 1), (0, 0)), mode="constant", constant_values=np.inf)
        ways = [np.where(b == 0, _moved(around, *shift), np.inf) + 1 for b, shift in zip(beside, SHIFTS, strict=True)]
        shorter = np.minimum(distance, np.min(ways, axis=0))
        if np.array_equal(shorter, distance):
            return distance
        distance = shorter


def _moved(padded: np.ndarray, down: int, right: int) -> np.ndarray:
    """What lies `down` rows below and `right` columns beside every pixel."""
    height, width = padded.shape[0] - 2, padded.shape[1] - 2
    return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
