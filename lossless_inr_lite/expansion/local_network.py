"""A network that sees the neighbourhood: the linear predictor without its straight lines.

With coordinates it is an implicit representation that also sees what lies around a pixel. Without
them it is a predictor of local structure, and no representation of the picture.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lossless_inr_lite.expansion.linear_predictor import (
    RADIUS,
    Surroundings,
    in_steps,
    last_bit,
    pixel_batches,
)

SIDE = 2 * RADIUS + 1
"""Pixels along each side of the neighbourhood."""

REACH = 2.0
"""In steps. Larger differences are clipped to it."""

CONTEXT = 0.3
"""Scale of values and places, which run from -1 to 1."""

HIDDEN_FEATURES = 96
STEPS = 700
BATCH = 1024
LEARNING_RATE = 6e-3


class LocalNetwork(nn.Module):
    """Differences, values and places of n pixels -> the lost parts (n, C), from the step's middle.

    The network is odd in the differences, so that a flat neighbourhood says 0. Place and value
    alone would be learnt by heart, region by region, and that knowledge is of no use one level
    down. For the same reason both are small (CONTEXT) beside the differences.
    """

    def __init__(self, channels: int, coordinates: bool) -> None:
        super().__init__()
        self.coordinates = coordinates
        num_neighbours = SIDE**2 - 1
        num_values = channels
        num_places = 2 if coordinates else 0
        inputs = num_neighbours * channels + num_values + num_places
        self.layers = nn.ModuleList(
            [
                nn.Linear(inputs, HIDDEN_FEATURES),
                nn.Linear(HIDDEN_FEATURES, HIDDEN_FEATURES),
                nn.Linear(HIDDEN_FEATURES, channels),
            ]
        )

    def forward(self, differences: Tensor, values: Tensor, places: Tensor) -> Tensor:
        """Map differences (n, 24, C), values (n, C) and places (n, 2) to parts (n, C)."""
        context = torch.cat([values, places], dim=1) if self.coordinates else values
        context = CONTEXT * context
        flat = differences.flatten(1)
        return self._one_side(flat, context) - self._one_side(-flat, context)

    def _one_side(self, differences: Tensor, context: Tensor) -> Tensor:
        first, second, last = self.layers
        hidden = F.gelu(first(torch.cat([differences, context], dim=1)))
        hidden = F.gelu(second(hidden))
        return last(hidden)


def local_network(
    words: np.ndarray,
    from_bits: int,
    to_bits: int,
    seed: int = 0,
    effort: float = 1.0,
    coordinates: bool = True,
) -> np.ndarray:
    """Return the lost part of words (H, W, C), in target steps, by a network of this picture.

    The network is trained on the picture one bit higher, for STEPS steps times `effort`. Its inputs
    are a pixel's value and neighbourhood, and with `coordinates` its place too. One bit leaves
    nothing to learn from: then the lost part is the middle. The caller's random state is kept.
    """
    lost_bits = to_bits - from_bits
    if from_bits < 2:
        return in_steps(np.zeros(words.shape), lost_bits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LocalNetwork(words.shape[-1], coordinates)
        _train(network, words, from_bits, max(2, round(STEPS * effort)))
    return in_steps(_predict(network, Surroundings(words, from_bits, REACH)), lost_bits)


def local_predictor(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """Return the lost part of words (H, W, C) by `local_network` without coordinates."""
    return local_network(words, from_bits, to_bits, seed, effort, coordinates=False)


def _train(network: LocalNetwork, words: np.ndarray, from_bits: int, steps: int) -> None:
    """Least squares on the bit that the next cut loses.

    Each step sees random pixels in one of the eight orientations.
    """
    higher = Surroundings(words >> 1, from_bits - 1, REACH)
    orders = orientations()
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=LEARNING_RATE, weight_decay=1e-4, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=LEARNING_RATE, total_steps=steps, pct_start=0.1
    )
    draws = torch.randint(higher.height * higher.width, (steps, BATCH)).numpy()
    for step, pixels in enumerate(draws):
        differences, values, places = _inputs(higher, pixels)
        order = orders[step % len(orders)]
        found = network(differences[:, order], values, places)
        loss = F.mse_loss(found, torch.from_numpy(last_bit(words, pixels)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _predict(network: LocalNetwork, here: Surroundings) -> np.ndarray:
    """The mean over all orientations of what the network says of every pixel, (H, W, C)."""
    orders = orientations()
    parts = []
    for pixels in pixel_batches(here.height * here.width):
        differences, values, places = _inputs(here, pixels)
        total = sum(network(differences[:, order], values, places) for order in orders)
        parts.append(total / len(orders))
    return torch.cat(parts).numpy().reshape(here.words.shape)


def _inputs(around: Surroundings, pixels: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """What the network is told of the pixels: differences, values and places."""
    return (
        torch.from_numpy(around.differences(pixels)),
        torch.from_numpy(around.values(pixels)),
        torch.from_numpy(around.places(pixels)),
    )


def orientations() -> list[np.ndarray]:
    """Return the orders of the 24 neighbours under the eight turns and mirrors of a square.

    Neighbours are numbered row by row, without the pixel in the middle.
    """
    middle = SIDE**2 // 2
    square = np.insert(np.arange(SIDE**2 - 1), middle, -1).reshape(SIDE, SIDE)
    orders = []
    for side in (square, square[:, ::-1]):
        for turns in range(4):
            turned = np.rot90(side, turns).ravel()
            orders.append(turned[turned >= 0])
    return orders
