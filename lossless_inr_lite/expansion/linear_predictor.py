"""Learn on the picture itself, one bit higher, how a lost part depends on its surroundings; apply it one level down.

Cut a picture of K bits to K - 1: the bit that this loses is known, and so is the neighbourhood in what is left. A
regression of the one on the other, both in units of the step, is then used on the neighbourhoods of the K bits.
"""

import numpy as np

RADIUS = 2  # of the neighbourhood: 5 x 5 pixels
BAND = 1 << 15  # pixels whose neighbourhoods are in memory at a time
RIDGE = 1.0
REACH = 1.0  # steps: larger differences are cut, since they tell little of the step


class Surroundings:
    """The neighbourhoods of words (H, W, C) of `num_bits`, gathered where they are asked for."""

    def __init__(self, words: np.ndarray, num_bits: int, reach: float) -> None:
        self.words, self.num_bits, self.reach = words, num_bits, reach
        self.height, self.width, self.channels = words.shape
        margin, across = ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), self.width + 2 * RADIUS
        self.padded = np.pad(words.astype(np.float32), margin, mode="reflect").reshape(
            -1, self.channels
        )
        steps = range(-RADIUS, RADIUS + 1)
        self.offsets = np.array(
            [down * across + right for down in steps for right in steps if (down, right) != (0, 0)]
        )

    def differences(self, pixels: np.ndarray) -> np.ndarray:
        """Neighbour less pixel in steps, at most `reach` in size, for flat positions (n,): (n, 24, C) float32."""
        rows, columns = pixels // self.width, pixels % self.width
        centres = (rows + RADIUS) * (self.width + 2 * RADIUS) + columns + RADIUS
        around = self.padded.take(centres[:, None] + self.offsets, axis=0)
        around -= self.padded[centres][:, None]
        return np.clip(around, -self.reach, self.reach, out=around)

    def places(self, pixels: np.ndarray) -> np.ndarray:
        """Row and column, from -1 to 1: (n, 2) float32."""
        rows, columns = pixels // self.width, pixels % self.width
        scaled = [2 * rows / max(1, self.height - 1) - 1, 2 * columns / max(1, self.width - 1) - 1]
        return np.stack(scaled, axis=1).astype(np.float32)

    def values(self, pixels: np.ndarray) -> np.ndarray:
        """The middles of the intervals, from -1 to 1: (n, C) float32."""
        words = self.words.reshape(-1, self.channels)[pixels]
        return ((2 * words.astype(np.float32) + 1) / 2**self.num_bits - 1).astype(np.float32)


def bands(pixels: int) -> list[np.ndarray]:
    """All flat positions in pieces of at most BAND."""
    return [np.arange(start, min(start + BAND, pixels)) for start in range(0, pixels, BAND)]


def last_bit(words: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """What cutting the last bit loses, from the middle of the step: -1/4 or 1/4 of it; (n, C) float32."""
    return (words.reshape(-1, words.shape[-1])[pixels] & 1).astype(np.float32) / 2 - 0.25


def linear(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """The zero-shot linear predictor of the lost part of words (H, W, C)."""
    return in_steps(linear_part(words, from_bits), to_bits - from_bits)


def linear_part(words: np.ndarray, from_bits: int) -> np.ndarray:
    """Ridge regression of every channel's lost part on the differences of all channels: (H, W, C) float32, in steps.

    Parts count from the middle of the step. The regression has no constant, so a flat neighbourhood says 0.
    """
    higher, here = (
        Surroundings(w, b, REACH) for w, b in ((words >> 1, from_bits - 1), (words, from_bits))
    )
    features = here.channels * len(here.offsets)
    products, sums = RIDGE * np.eye(features), np.zeros((features, here.channels))
    pieces = bands(here.height * here.width)
    for piece in pieces:
        x = higher.differences(piece).reshape(len(piece), -1)
        products += x.T @ x
        sums += x.T @ last_bit(words, piece)
    weights = np.linalg.solve(products, sums).astype(np.float32)
    parts = [here.differences(piece).reshape(len(piece), -1) @ weights for piece in pieces]
    return np.concatenate(parts).reshape(words.shape)


def in_steps(part: np.ndarray, lost_bits: int) -> np.ndarray:
    """A part of the step, from its middle, in whole steps of the target: 0 becomes (2^k - 1) / 2."""
    return (part + 0.5) * (1 << lost_bits) - 0.5
