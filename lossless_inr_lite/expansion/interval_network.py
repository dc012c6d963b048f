"""An implicit representation that may be anywhere inside the quantiser's intervals, smoothly."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lossless_inr_lite.expansion.linear_predictor import in_steps, last_bit, linear_part
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.networks.registry import build_network
from lossless_inr_lite.signals import SignalSpec

TILE = 32
"""Side of a tile in pixels. Each tile has a SIREN of its own."""

TILES_AT_ONCE = 64
"""So many tiles train together, which bounds the memory."""

HIDDEN_FEATURES = 32
HIDDEN_LAYERS = 2
OPTIONS = {"first_omega_0": 30.0, "omega_0": 10.0}
STEPS = 150
LEARNING_RATE = 3e-3

VARIATION_WEIGHT = 0.03
"""Of the total variation in the loss."""

DEVIATION_WEIGHT = 0.03
"""Of the squared deviation from the prior mean in the loss."""


@dataclass(frozen=True)
class _Fitted:
    """A prior mean and the deviation from it, both (H, W, C) in steps from the step's middle.

    Their sum lies inside the interval from -1/2 to 1/2.
    """

    mean: np.ndarray
    deviation: np.ndarray


def interval_network(
    words: np.ndarray,
    from_bits: int,
    to_bits: int,
    seed: int = 0,
    effort: float = 1.0,
    prior: bool = False,
) -> np.ndarray:
    """Return the lost part of words (H, W, C), in target steps, by networks of position alone.

    They deviate from a prior mean: the middle of the step, or with `prior` what the linear
    predictor says. The loss has no penalty inside the interval, the squared distance outside, and
    the total variation of the picture (Rudin, Osher and Fatemi, 1992). How far the deviation is
    believed is learnt one bit higher, where the truth is known: its regression coefficient. Each
    network is trained for STEPS steps times `effort`.
    """
    steps = max(2, round(STEPS * effort))
    fitted = _fit(words, from_bits, prior, seed, steps)
    trust = _trust(words, from_bits, prior, seed, steps)
    return in_steps(fitted.mean + trust * fitted.deviation, to_bits - from_bits)


def interval_with_prior(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """Return the lost part of words (H, W, C) by `interval_network` on the linear predictor."""
    return interval_network(words, from_bits, to_bits, seed, effort, prior=True)


def variation(pictures: Tensor, rounding: float = 0.01) -> Tensor:
    """Return the mean length of the gradient of pictures (G, H, W, C), in their units.

    `rounding`, in squared units, keeps the length away from its kink at 0.
    """
    if min(pictures.shape[1:3]) < 2:
        return pictures.new_zeros(())
    corner = pictures[:, :-1, :-1]
    down = pictures[:, 1:, :-1] - corner
    right = pictures[:, :-1, 1:] - corner
    return (down**2 + right**2 + rounding).sqrt().mean()


def _trust(words: np.ndarray, from_bits: int, prior: bool, seed: int, steps: int) -> float:
    """The share of the deviation, from 0 to 1, that was right for the last of the known bits."""
    if from_bits < 2:
        return 0.0
    fitted = _fit(words >> 1, from_bits - 1, prior, seed, steps)
    num_pixels = words[..., 0].size
    lost = last_bit(words, np.arange(num_pixels)).reshape(words.shape) - fitted.mean
    power = float((fitted.deviation**2).sum())
    if power == 0:
        return 0.0
    coefficient = float((fitted.deviation * lost).sum()) / power
    return min(1.0, max(0.0, coefficient))


def _fit(words: np.ndarray, from_bits: int, prior: bool, seed: int, steps: int) -> _Fitted:
    """Train the networks of all tiles. Where tiles overlap, the last one decides."""
    if prior:
        mean = linear_part(words, from_bits).clip(-0.5, 0.5)
    else:
        mean = np.zeros(words.shape, dtype=np.float32)
    formulation = get_formulation("amplitude", min(TILE, *words.shape[:2]))
    spec = SignalSpec("words", words.shape, max(1, from_bits))
    sides = formulation.tile_sides(spec)
    points = torch.from_numpy(formulation.coordinates(spec))
    positions = formulation.positions(spec)
    flat_words = words.reshape(-1, spec.channels).astype(np.float32)
    flat_mean = mean.reshape(-1, spec.channels).astype(np.float32)
    found = np.zeros_like(flat_words)
    for start in range(0, len(positions), TILES_AT_ONCE):
        batch = positions[start : start + TILES_AT_ONCE]
        batch_words = torch.from_numpy(flat_words[batch])
        batch_mean = torch.from_numpy(flat_mean[batch])
        trained = _train(points, sides, batch_words, batch_mean, seed + start, steps)
        found[batch] = trained.numpy()
    deviation = np.clip(found.reshape(words.shape) + mean, -0.5, 0.5) - mean
    return _Fitted(mean, deviation)


def _train(
    points: Tensor, sides: tuple[int, ...], words: Tensor, mean: Tensor, seed: int, steps: int
) -> Tensor:
    """Train the networks of a batch of tiles and return their deviations, (G, P, C).

    `words` are the middles of the steps and `mean` the prior mean from there, both (G, P, C);
    `points` are (1, P, 2).
    """
    num_tiles, _, channels = words.shape
    problem = Problem(2, channels, sides, num_tiles)
    network = build_network("siren", problem, HIDDEN_FEATURES, HIDDEN_LAYERS, seed, OPTIONS)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=LEARNING_RATE, total_steps=steps, pct_start=0.1
    )
    for _ in range(steps):
        deviation = network(points)
        outside = torch.relu((mean + deviation).abs() - 0.5)
        pictures = (words + mean + deviation).unflatten(1, sides)
        loss = (
            (outside**2).mean()
            + VARIATION_WEIGHT * variation(pictures)
            + DEVIATION_WEIGHT * (deviation**2).mean()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return network(points)
