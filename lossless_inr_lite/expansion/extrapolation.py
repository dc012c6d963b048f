"""The paper's bit-depth expansion: fit the planes that are there, then ask for those at lower bit coordinates."""

import numpy as np
import torch

from lossless_inr_lite.errors import DivergedError
from lossless_inr_lite.model import Model
from lossless_inr_lite.signals.bits import from_words
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.training.fit import Fit, fit

TILE = 32
MAX_SECONDS, MAX_ITERATIONS = 20.0, 100_000


def extrapolation(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """The lower planes of words (H, W, C) as a network with a bit coordinate continues them: "ours" of Table 5.

    Bits are rounded as the paper rounds them. Known planes are taken from the input, learnt or not.
    """
    return lower_planes(fit_known_planes(words, from_bits, to_bits, seed, effort).model, to_bits)


def fit_known_planes(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> Fit:
    """The fit of the planes that are there, for at most MAX_SECONDS (times `effort`), by recipe FAST in tiles.

    Planes are as far apart as on an axis of `to_bits` planes from -1 to 1, and the known ones are centred on it: where
    an axis begins is no more than a phase to the first sine layer.
    """
    signal = Signal(from_words(words, from_bits), from_bits)
    reach = round((from_bits - 1) / (to_bits - 1), 4)
    tile = TILE if max(words.shape[:2]) > TILE else None
    try:
        return fit(
            signal,
            f"bit_coordinate_x{reach}" if reach else "bit_coordinate",
            tile=tile,
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
    """The words (H, W, C) of the planes below those that the model was fitted to."""
    spec, posed = model.spec, model.formulation
    points, places = posed.coordinates(spec)[0, :: spec.num_bits], posed.positions(spec)
    lost = np.zeros((spec.shape[0] * spec.shape[1], spec.channels), dtype=np.int64)
    for plane in range(to_bits - spec.num_bits):
        points[:, 2] = (2 * plane - (2 * to_bits - spec.num_bits - 1)) / (to_bits - 1)
        outputs = [
            model.network(torch.from_numpy(part)[None]) for part in np.array_split(points, 4)
        ]
        bits = model.loss.codes(torch.cat(outputs, dim=1), 1).numpy()
        plane_words = np.zeros_like(lost)
        plane_words[places] = bits
        lost |= plane_words << plane
    return lost.reshape(spec.shape)
