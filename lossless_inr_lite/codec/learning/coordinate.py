"""Training of coordinate priors by binary cross entropy, which is the code length."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from lossless_inr_lite.codec.coordinate_prior import (
    NUM_BITS,
    CoordinatePrior,
    coordinate_inputs,
    prefix_features,
    rounded_prior,
)
from lossless_inr_lite.codec.integer_network import INPUT_BITS
from lossless_inr_lite.codec.learning.common import (
    Report,
    Reporter,
    array,
    layer_arrays,
    schedule,
    seeded_linear,
)
from lossless_inr_lite.codec.wavefront import Offsets, causal_offsets

POOL = 2000  # pictures whose contexts are in memory at once
# Pixels with nothing but 0 around them are drawn this much more rarely, and count this much more.
RARITY = 8
# Neighbours for sets of small pictures, of about 28 x 28.
SMALL_SETS = [*causal_offsets(4, 4, 4), (0, -5), (-5, -2), (-5, 0), (-5, 2)]


@dataclass(frozen=True)
class CoordinateRecipe:
    """What a coordinate prior sees and how it is trained.

    offsets: the (row, column) of the neighbours that it sees.
    hidden: widths of its hidden layers.
    prefix: what it is told beside the bit's coordinate: "none", each of the "bits" above it (a
        weight each), or a "table" of all prefixes; see `prefix_features`.
    waves: numbers of triangle waves of the coordinates; none for no coordinates at all.
    batch: pixels per iteration.
    """

    offsets: Offsets
    hidden: tuple[int, ...] = (96, 64, 48)
    prefix: Literal["none", "bits", "table"] = "table"
    waves: tuple[int, ...] = (1, 2, 4)
    iterations: int = 10_000
    batch: int = 4096
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """Random pixels as a network sees them.

    inputs: (N, inputs). prefixes, bits: (N, 8), the most significant first; see
    `bits_and_prefixes`. weights: (N,), how much each pixel counts.
    """

    inputs: Tensor
    prefixes: Tensor
    bits: Tensor
    weights: Tensor


class CoordinateNet(nn.Module):
    """The network of `CoordinatePrior` in floats."""

    def __init__(self, recipe: CoordinateRecipe, generator: torch.Generator) -> None:
        super().__init__()
        num_inputs = len(recipe.offsets)
        if recipe.waves:
            num_inputs += 2 + 2 * len(recipe.waves)
        widths = [num_inputs, *recipe.hidden]
        features = prefix_features(recipe.prefix)
        num_features = features.shape[1]
        self.recipe = recipe
        self.linear = [seeded_linear(*pair, generator) for pair in pairwise(widths)]
        self.layers = nn.ModuleList(self.linear)
        self.features = torch.from_numpy(features).float()
        first = torch.randn(num_features, widths[-1], generator=generator)
        last = torch.randn(NUM_BITS, widths[-1], generator=generator)
        self.prefixes = nn.Parameter(first * 0.1)
        self.biases = nn.Parameter(torch.zeros(num_features))
        self.last = nn.Parameter(last * 0.1)

    def forward(self, inputs: Tensor, prefixes: Tensor) -> Tensor:
        """Inputs (N, inputs) and the prefixes of all bits (N, 8) -> logits (N, 8).

        The most significant bit comes first.
        """
        hidden = inputs
        for layer in self.linear[:-1]:
            hidden = functional.relu(layer(hidden))
        table = self.prefixes
        biases = self.biases
        if self.recipe.prefix != "table":
            table = self.features @ table
            biases = self.features @ biases
        active = functional.relu(self.linear[-1](hidden)[:, None] + table[prefixes])
        return (active * self.last).sum(dim=-1) + biases[prefixes]

    def prior(self) -> CoordinatePrior:
        """The network in integers."""
        features = prefix_features(self.recipe.prefix)
        return rounded_prior(
            self.recipe.offsets,
            self.recipe.waves,
            [layer_arrays(layer) for layer in self.linear],
            features @ array(self.prefixes),
            features @ array(self.biases),
            array(self.last),
        )


def learn_prior(
    pictures: np.ndarray, recipe: CoordinateRecipe, report: Report | None = None
) -> CoordinatePrior:
    """A prior trained on grey pictures of 8 bits, (N, H, W).

    `report` gets the iteration and bits per pixel.
    """
    return train_network(pictures, recipe, report).prior()


def train_network(
    pictures: np.ndarray, recipe: CoordinateRecipe, report: Report | None = None
) -> CoordinateNet:
    """The same, still in floats."""
    net = CoordinateNet(recipe, torch.Generator().manual_seed(recipe.seed))
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    batches = _batches(pictures, recipe)
    reporter = Reporter(report)
    for iteration in range(recipe.iterations):
        rate = recipe.learning_rate * schedule(iteration, recipe.iterations)
        optimiser.param_groups[0]["lr"] = rate
        batch = next(batches)
        logits = net(batch.inputs, batch.prefixes)
        losses = functional.binary_cross_entropy_with_logits(logits, batch.bits, reduction="none")
        weighted = losses.sum(dim=1) * batch.weights
        loss = weighted.sum() / batch.weights.sum() / math.log(2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        reporter.add(loss.item())
    return net


def bits_and_prefixes(values: np.ndarray) -> tuple[Tensor, Tensor]:
    """Values (N,) of 8 bits -> their bits as floats, and the row of each bit's prefix, (N, 8) both.

    The most significant bit comes first; row 2^k + p stands for the k bits p.
    """
    depth = np.arange(NUM_BITS)
    words = values.astype(np.int64)[:, None]
    bits = words >> (NUM_BITS - 1 - depth) & 1
    prefixes = (1 << depth) | (words >> (NUM_BITS - depth))
    return torch.from_numpy(bits).float(), torch.from_numpy(prefixes)


def contexts(pictures: np.ndarray, offsets: Offsets) -> np.ndarray:
    """The neighbours of all pixels of (N, H, W) -> (N H W, offsets) uint8; 0 outside."""
    if not offsets:
        return np.zeros((pictures.size, 0), dtype=np.uint8)
    _, height, width = pictures.shape
    above = -min(row for row, _ in offsets)
    side = max(abs(column) for _, column in offsets)
    padded = np.pad(pictures, ((0, 0), (above, 0), (side, side)))
    moved = []
    for row, column in offsets:
        top = above + row
        left = side + column
        moved.append(padded[:, top : top + height, left : left + width])
    return np.stack(moved, axis=-1).reshape(-1, len(offsets))


def pixel_inputs(near: np.ndarray, places: np.ndarray) -> Tensor:
    """Neighbours (N, offsets) and coordinates (N, ...) in units of 2^-8 -> inputs in floats."""
    joined = np.concatenate([near, places], axis=1)
    return torch.from_numpy(joined.astype(np.float32) / 2**INPUT_BITS)


def all_places(height: int, width: int, waves: tuple[int, ...]) -> np.ndarray:
    """`coordinate_inputs` of all pixels of a picture, (H W, ...)."""
    rows, columns = np.divmod(np.arange(height * width), width)
    return coordinate_inputs(rows, columns, height, width, waves)


def _batches(pictures: np.ndarray, recipe: CoordinateRecipe) -> Iterator[Batch]:
    """Batches of random pixels, without end."""
    generator = np.random.default_rng(recipe.seed)
    _, height, width = pictures.shape
    places = all_places(height, width, recipe.waves).astype(np.uint16)
    size = recipe.batch
    while True:
        pool = generator.choice(len(pictures), min(POOL, len(pictures)), replace=False)
        chosen = pictures[pool]
        values = chosen.ravel()
        near = contexts(chosen, recipe.offsets)
        empty = np.zeros(len(values), dtype=bool)
        if recipe.offsets:
            empty = near.max(axis=1) == 0
        shown = ~empty | (generator.random(len(values)) < 1 / RARITY)
        drawn = generator.permutation(np.flatnonzero(shown))
        # Whole batches; where there is not one, all pixels are a smaller one.
        for start in range(0, max(len(drawn) - size, 0) + 1, size):
            pixels = drawn[start : start + size]
            weights = np.where(empty[pixels], float(RARITY), 1.0).astype(np.float32)
            bits, prefixes = bits_and_prefixes(values[pixels])
            inputs = pixel_inputs(near[pixels], places[pixels % len(places)])
            yield Batch(inputs, prefixes, bits, torch.from_numpy(weights))
