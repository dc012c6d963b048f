"""A coordinate network that also sees the neighbourhood: the zero-shot predictor without its straight lines."""

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lossless_inr_lite.expansion.linear_predictor import (
    RADIUS,
    Surroundings,
    bands,
    in_steps,
    last_bit,
)

REACH = 2.0  # steps: larger differences are cut
CONTEXT = 0.3  # of values and places, which run from -1 to 1
WIDTH, STEPS, BATCH, RATE = 96, 700, 1024, 6e-3
SIDE = 2 * RADIUS + 1


class LocalNetwork(nn.Module):
    """(differences, values, places) of n pixels -> the lost parts of their C channels, from the middle of the step.

    Odd in the differences, so that a flat neighbourhood says 0: place and value alone would be learnt by heart, region
    by region, and that knowledge is of no use one level down. Both are also made small (CONTEXT) beside differences.
    """

    def __init__(self, channels: int, coordinates: bool) -> None:
        super().__init__()
        self.coordinates = coordinates
        inputs = SIDE**2 * channels + (2 if coordinates else 0)
        sizes = ((inputs, WIDTH), (WIDTH, WIDTH), (WIDTH, channels))
        self.layers = nn.ModuleList(nn.Linear(*size) for size in sizes)

    def forward(self, differences: Tensor, values: Tensor, places: Tensor) -> Tensor:
        context = CONTEXT * (torch.cat([values, places], dim=1) if self.coordinates else values)
        return self.one_side(differences.flatten(1), context) - self.one_side(
            -differences.flatten(1), context
        )

    def one_side(self, differences: Tensor, context: Tensor) -> Tensor:
        first, second, last = self.layers
        return last(F.gelu(second(F.gelu(first(torch.cat([differences, context], dim=1))))))


def local_network(
    words: np.ndarray,
    from_bits: int,
    to_bits: int,
    seed: int = 0,
    effort: float = 1.0,
    coordinates: bool = True,
) -> np.ndarray:
    """The lost part of words (H, W, C), by a network that is trained on the picture one bit higher.

    Its inputs are a pixel's place, value and surroundings; every picture has a network of its own, trained for
    STEPS steps (times `effort`). Without `coordinates` it is a predictor and no implicit representation of the picture.
    """
    if from_bits < 2:  # one bit less is nothing to learn from
        return in_steps(np.zeros(words.shape), to_bits - from_bits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LocalNetwork(words.shape[-1], coordinates)
        _train(network, words, from_bits, max(2, round(STEPS * effort)))
    return in_steps(_apply(network, Surroundings(words, from_bits, REACH)), to_bits - from_bits)


local_predictor = partial(local_network, coordinates=False)


def _train(network: LocalNetwork, words: np.ndarray, from_bits: int, steps: int) -> None:
    """Least squares on the bit that the next cut loses, each step on random pixels in one of eight orientations."""
    higher, turns = Surroundings(words >> 1, from_bits - 1, REACH), orientations()
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=RATE, weight_decay=1e-4, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.1)
    draws = torch.randint(higher.height * higher.width, (steps, BATCH)).numpy()
    for step, pixels in enumerate(draws):
        differences, *rest = _seen(higher, pixels)
        found = network(differences[:, turns[step % len(turns)]], *rest)
        loss = F.mse_loss(found, torch.from_numpy(last_bit(words, pixels)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _apply(network: LocalNetwork, here: Surroundings) -> np.ndarray:
    """The mean over all orientations of what the network says of every pixel: (H, W, C)."""
    turns = orientations()
    parts = []
    for piece in bands(here.height * here.width):
        differences, *rest = _seen(here, piece)
        parts.append(sum(network(differences[:, turn], *rest) for turn in turns) / len(turns))
    return torch.cat(parts).numpy().reshape(here.words.shape)


def _seen(around: Surroundings, pixels: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """What the network is told of the pixels: differences (n, 24, C), values (n, C), places (n, 2)."""
    return (
        torch.from_numpy(around.differences(pixels)),
        torch.from_numpy(around.values(pixels)),
        torch.from_numpy(around.places(pixels)),
    )


def orientations() -> list[np.ndarray]:
    """The orders of the neighbours (row by row, without the pixel) under the eight turns and mirrors of a square."""
    square = np.insert(np.arange(SIDE**2 - 1), SIDE**2 // 2, -1).reshape(SIDE, SIDE)
    turned = [np.rot90(side, turns) for side in (square, square[:, ::-1]) for turns in range(4)]
    return [order[order >= 0] for order in (one.ravel() for one in turned)]
