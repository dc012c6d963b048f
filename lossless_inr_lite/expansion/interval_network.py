"""An implicit representation that may be anywhere inside the intervals of the quantiser, and is smooth there."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from lossless_inr_lite.expansion.linear_predictor import in_steps, last_bit, linear_part
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.networks import build_network
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.signals.signal import SignalSpec

TILE, WAVE = (
    32,
    64,
)  # side of a tile, each with a SIREN of its own; tiles that train at once, which bounds memory
WIDTH, LAYERS, OMEGAS = 32, 2, {"first_omega_0": 30.0, "omega_0": 10.0}
STEPS, RATE = 150, 3e-3
VARIATION, TIGHTNESS = (
    0.03,
    0.03,
)  # weights of the total variation and of the deviation from the prior mean


def interval_network(
    words: np.ndarray,
    from_bits: int,
    to_bits: int,
    seed: int = 0,
    effort: float = 1.0,
    prior: bool = False,
) -> np.ndarray:
    """The lost part of words (H, W, C) by networks of position that deviate from a prior mean.

    The mean is the middle of the step, or with `prior` what the linear predictor says. The loss has no penalty inside
    the interval, the squared distance outside, and the total variation of the picture (Rudin, Osher and Fatemi, 1992).
    How far the deviation is believed is learnt one bit higher, where the truth is known: its regression coefficient.
    """
    steps = max(2, round(STEPS * effort))
    mean, deviation = _fitted(words, from_bits, prior, seed, steps)
    return in_steps(
        mean + _trust(words, from_bits, prior, seed, steps) * deviation, to_bits - from_bits
    )


interval_with_prior = partial(interval_network, prior=True)


def _trust(words: np.ndarray, from_bits: int, prior: bool, seed: int, steps: int) -> float:
    """The share of the deviation, from 0 to 1, that was right for the bit that cutting one more bit loses."""
    if from_bits < 2:
        return 0.0
    mean, deviation = _fitted(words >> 1, from_bits - 1, prior, seed, steps)
    lost = last_bit(words, np.arange(words[..., 0].size)).reshape(words.shape) - mean
    power = float((deviation**2).sum())
    return min(1.0, max(0.0, float((deviation * lost).sum()) / power)) if power else 0.0


def _fitted(
    words: np.ndarray, from_bits: int, prior: bool, seed: int, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Prior mean and deviation from it, both (H, W, C) in steps and together inside the interval from -1/2 to 1/2."""
    mean = (
        linear_part(words, from_bits).clip(-0.5, 0.5)
        if prior
        else np.zeros(words.shape, dtype=np.float32)
    )
    posed = get_formulation("amplitude", min(TILE, *words.shape[:2]))
    spec = SignalSpec("words", words.shape, max(1, from_bits))
    points, places = torch.from_numpy(posed.coordinates(spec)), posed.positions(spec)
    found = np.zeros((words[..., 0].size, spec.channels), dtype=np.float32)
    middles, means = (x.reshape(found.shape).astype(np.float32) for x in (words, mean))
    for start in range(0, len(places), WAVE):
        wave = places[start : start + WAVE]
        middle, offset = (torch.from_numpy(x[wave]) for x in (middles, means))
        found[wave] = _wave(
            points, posed.tile_sides(spec), middle, offset, seed + start, steps
        ).numpy()
    return mean, np.clip(found.reshape(words.shape) + mean, -0.5, 0.5) - mean


def _wave(
    points: Tensor, sides: tuple[int, ...], middle: Tensor, mean: Tensor, seed: int, steps: int
) -> Tensor:
    """Train the networks of some tiles and return their deviations, (G, P, C)."""
    problem = Problem(2, middle.shape[-1], sides, len(middle))
    network = build_network("siren", problem, WIDTH, LAYERS, seed, OMEGAS)
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.1)
    for _ in range(steps):
        deviation = network(points)
        outside = torch.relu((mean + deviation).abs() - 0.5)
        picture = (middle + mean + deviation).unflatten(1, sides)
        loss = (
            (outside**2).mean() + VARIATION * variation(picture) + TIGHTNESS * (deviation**2).mean()
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        return network(points)


def variation(pictures: Tensor, rounding: float = 0.01) -> Tensor:
    """Mean length of the gradient of pictures (G, H, W, C), `rounding` squared steps from its kink at 0."""
    if min(pictures.shape[1:3]) < 2:
        return pictures.new_zeros(())
    corner = pictures[:, :-1, :-1]
    down, right = pictures[:, 1:, :-1] - corner, pictures[:, :-1, 1:] - corner
    return (down**2 + right**2 + rounding).sqrt().mean()
