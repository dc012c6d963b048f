"""Learn from the picture itself, one bit higher, how lost bits follow from their neighbourhood.

Cut a picture of K bits to K - 1. The bit that this loses is known, and so is the neighbourhood in
what is left. A regression of the one on the other, both in units of the quantiser's step, is then
applied one level down: to the neighbourhoods of the K bits.

Parts of a step count from its middle: -1/2 is the lower end of the interval, 1/2 the upper.
"""

from collections.abc import Iterator

import numpy as np

RADIUS = 2
"""Of the neighbourhood: 5 x 5 pixels."""

PIXELS_AT_ONCE = 1 << 15
"""So many neighbourhoods are in memory at a time."""

RIDGE = 1.0
"""Weight of the squared coefficients in the regression."""

REACH = 1.0
"""In steps. Larger differences are clipped to it, since they tell little of the step."""


class Surroundings:
    """The neighbourhoods of words (H, W, C) of `num_bits`, gathered where they are asked for.

    Differences are clipped to `reach` steps. The picture is mirrored at its edges.
    """

    def __init__(self, words: np.ndarray, num_bits: int, reach: float) -> None:
        self.words = words
        self.num_bits = num_bits
        self.reach = reach
        self.height, self.width, self.channels = words.shape
        self.padded_width = self.width + 2 * RADIUS
        margin = ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0))
        padded = np.pad(words.astype(np.float32), margin, mode="reflect")
        self.padded = padded.reshape(-1, self.channels)
        moves = range(-RADIUS, RADIUS + 1)
        around = [(down, right) for down in moves for right in moves if (down, right) != (0, 0)]
        self.offsets = np.array([down * self.padded_width + right for down, right in around])

    def differences(self, pixels: np.ndarray) -> np.ndarray:
        """Return neighbour less pixel, in steps, at flat positions (n,): (n, 24, C) float32."""
        rows = pixels // self.width + RADIUS
        columns = pixels % self.width + RADIUS
        centres = rows * self.padded_width + columns
        around = self.padded.take(centres[:, None] + self.offsets, axis=0)
        around -= self.padded[centres][:, None]
        return np.clip(around, -self.reach, self.reach, out=around)

    def places(self, pixels: np.ndarray) -> np.ndarray:
        """Return row and column, each from -1 to 1, of flat positions (n,): (n, 2) float32."""
        rows = 2 * (pixels // self.width) / max(1, self.height - 1) - 1
        columns = 2 * (pixels % self.width) / max(1, self.width - 1) - 1
        return np.stack([rows, columns], axis=1).astype(np.float32)

    def values(self, pixels: np.ndarray) -> np.ndarray:
        """Return the middles of the intervals, from -1 to 1, at positions (n,): (n, C) float32."""
        words = self.words.reshape(-1, self.channels)[pixels]
        return ((2 * words.astype(np.float32) + 1) / 2**self.num_bits - 1).astype(np.float32)


def pixel_batches(count: int) -> Iterator[np.ndarray]:
    """Yield the flat positions 0 .. count - 1 in batches of at most PIXELS_AT_ONCE."""
    for start in range(0, count, PIXELS_AT_ONCE):
        yield np.arange(start, min(start + PIXELS_AT_ONCE, count))


def last_bit(words: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return what cutting the last bit of words (H, W, C) loses, at positions (n,): (n, C) float32.

    It is -1/4 or 1/4 of the step that is twice as wide, from that step's middle.
    """
    bits = words.reshape(-1, words.shape[-1])[pixels] & 1
    return bits.astype(np.float32) / 2 - 0.25


def linear(words: np.ndarray, from_bits: int, to_bits: int) -> np.ndarray:
    """Return the lost part of words (H, W, C) by the linear predictor, in target steps."""
    return in_steps(linear_part(words, from_bits), to_bits - from_bits)


def linear_part(words: np.ndarray, from_bits: int) -> np.ndarray:
    """Return every channel's part of a step by ridge regression, (H, W, C) float32.

    The regression is on the differences of all channels. It has no constant, so that a flat
    neighbourhood says 0: the middle of the step.
    """
    higher = Surroundings(words >> 1, from_bits - 1, REACH)
    here = Surroundings(words, from_bits, REACH)
    num_pixels = here.height * here.width
    num_features = here.channels * len(here.offsets)
    products = RIDGE * np.eye(num_features)
    sums = np.zeros((num_features, here.channels))
    for pixels in pixel_batches(num_pixels):
        features = _features(higher, pixels)
        products += features.T @ features
        sums += features.T @ last_bit(words, pixels)
    weights = np.linalg.solve(products, sums).astype(np.float32)
    parts = [_features(here, pixels) @ weights for pixels in pixel_batches(num_pixels)]
    return np.concatenate(parts).reshape(words.shape)


def in_steps(part: np.ndarray, lost_bits: int) -> np.ndarray:
    """Turn a part of the step, counted from its middle, into target steps.

    The middle of 2^k steps becomes (2^k - 1) / 2:

    >>> in_steps(np.array([-0.5, 0.0, 0.5]), 4).tolist()
    [-0.5, 7.5, 15.5]
    """
    return (part + 0.5) * (1 << lost_bits) - 0.5


def _features(around: Surroundings, pixels: np.ndarray) -> np.ndarray:
    """The differences of all neighbours and channels, (n, 24 C)."""
    return around.differences(pixels).reshape(len(pixels), -1)
