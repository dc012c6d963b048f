"""The paper's bit-depth expansion: fit the known planes, then ask for lower bit coordinates.

The last row of Table 5.
"""

import numpy as np
import torch

from lossless_inr_lite.errors import DivergedError
from lossless_inr_lite.model import Model
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.bits import from_words
from lossless_inr_lite.training.fit import Fit, fit

TILE = 32
"""Side of a tile in pixels. Smaller pictures are one tile."""

MAX_SECONDS = 20.0
MAX_ITERATIONS = 100_000

PASSES = 4
"""A plane goes through the networks in so many pieces, which bounds the memory."""

BIT_AXIS = 2
"""The place of the bit's index among the coordinates: row, column, bit."""


def extrapolation(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """Return the lower planes of words (H, W, C) as a network with a bit coordinate continues them.

    This is "ours" of Table 5. The result is int64 in target steps. Bits are rounded as the paper
    rounds them. The known planes are taken from the input, learnt or not.
    """
    fitted = fit_known_planes(words, from_bits, to_bits, seed, effort)
    return lower_planes(fitted.model, to_bits)


def fit_known_planes(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> Fit:
    """Fit the known planes of words (H, W, C), in tiles, by the recipe "fast".

    The fit ends after MAX_SECONDS times `effort`. Planes are as far apart as `to_bits` planes on an
    axis from -1 to 1, and the known ones are centred on it: where an axis begins is no more than a
    phase to the first sine layer. A fit that diverges gives its best weights; DivergedError is
    raised when there are none.
    """
    signal = Signal(from_words(words, from_bits), from_bits)
    reach = round((from_bits - 1) / (to_bits - 1), 4)
    formulation = f"bit_coordinate_x{reach}" if reach else "bit_coordinate"
    tile = TILE if max(words.shape[:2]) > TILE else None
    try:
        return fit(
            signal,
            formulation=formulation,
            tile=tile,
            recipe="fast",
            seed=seed,
            max_iterations=MAX_ITERATIONS,
            max_seconds=effort * MAX_SECONDS,
            device="cpu",
            progress=False,
            certify=False,
        )
    except DivergedError as error:
        if not isinstance(error.best, Fit):
            raise
        return error.best


@torch.no_grad()
def lower_planes(model: Model, to_bits: int) -> np.ndarray:
    """Return the words (H, W, C), int64, of the planes below those that the model was fitted to."""
    spec = model.spec
    formulation = model.formulation
    # The points of one plane: the bit is the fastest of the axes.
    points = formulation.coordinates(spec)[0, :: spec.num_bits]
    positions = formulation.positions(spec)
    lost = np.zeros((spec.shape[0] * spec.shape[1], spec.channels), dtype=np.int64)
    for plane in range(to_bits - spec.num_bits):
        points[:, BIT_AXIS] = _plane_coordinate(plane, spec.num_bits, to_bits)
        pieces = [torch.from_numpy(piece)[None] for piece in np.array_split(points, PASSES)]
        outputs = torch.cat([model.network(piece) for piece in pieces], dim=1)
        bits = np.zeros_like(lost)
        bits[positions] = model.loss.codes(outputs, 1).numpy()
        lost |= bits << plane
    return lost.reshape(spec.shape)


def _plane_coordinate(plane: int, known_bits: int, to_bits: int) -> float:
    """The bit coordinate of a plane below the known ones, which are centred on the axis.

    >>> [round(_plane_coordinate(plane, 8, 15), 2) for plane in (0, 6)]
    [-1.5, -0.64]
    """
    return (2 * plane - (2 * to_bits - known_bits - 1)) / (to_bits - 1)
