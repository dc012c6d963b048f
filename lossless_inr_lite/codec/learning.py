"""Training of coordinate priors: in floats, by binary cross entropy, and rounded to whole numbers at the end."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
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
    rounded_prior,
)
from lossless_inr_lite.codec.wavefront import Offsets, causal_offsets

POOL = 2000  # pictures whose contexts are in memory at once
RARELY = 8  # pixels with nothing but 0 around them are drawn this much more rarely, and count this much more
SMALL_SETS = [
    *causal_offsets(4, 4, 4),
    (0, -5),
    (-5, -2),
    (-5, 0),
    (-5, 2),
]  # for pictures of about 28 x 28


@dataclass(frozen=True)
class Plan:
    """How a coordinate prior is made. `hidden` are the widths of its layers, and `prefix` is what the network is told
    beside the bit's coordinate: "none", each of the "bits" above it (a weight each), or a "table" of all prefixes."""

    offsets: Offsets
    hidden: tuple[int, ...] = (96, 64, 48)
    prefix: Literal["none", "bits", "table"] = "table"
    waves: tuple[int, ...] = (1, 2, 4)
    iterations: int = 10_000
    batch: int = 4096
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    seed: int = 0


class CoordinateNet(nn.Module):
    """The network of `CoordinatePrior` in floats."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        widths = [len(plan.offsets) + (2 + 2 * len(plan.waves) if plan.waves else 0), *plan.hidden]
        self.plan = plan
        self.linear = [nn.Linear(*pair) for pair in pairwise(widths)]
        self.layers = nn.ModuleList(self.linear)
        features = prefix_features(plan.prefix)
        self.features = torch.from_numpy(features).float()
        self.prefixes = nn.Parameter(torch.randn(features.shape[1], widths[-1]) * 0.1)
        self.biases = nn.Parameter(torch.zeros(features.shape[1]))
        self.last = nn.Parameter(torch.randn(NUM_BITS, widths[-1]) * 0.1)

    def forward(self, inputs: Tensor, prefixes: Tensor) -> Tensor:
        """Inputs (N, inputs) and the prefixes of all bits (N, 8) -> logits (N, 8), the most significant bit first."""
        hidden = inputs
        for layer in self.linear[:-1]:
            hidden = functional.relu(layer(hidden))
        table, biases = self.prefixes, self.biases
        if self.plan.prefix != "table":
            table, biases = self.features @ table, self.features @ biases
        active = functional.relu(self.linear[-1](hidden)[:, None] + table[prefixes])
        return (active * self.last).sum(dim=-1) + biases[prefixes]

    def prior(self) -> CoordinatePrior:
        """In whole numbers."""
        layers = [(array(layer.weight), array(layer.bias)) for layer in self.linear]
        features = prefix_features(self.plan.prefix)
        table, biases = features @ array(self.prefixes), features @ array(self.biases)
        return rounded_prior(
            self.plan.offsets, self.plan.waves, layers, table, biases, array(self.last)
        )


@cache
def prefix_features(prefix: str) -> np.ndarray:
    """(256, features): what the network is told of each prefix; row 2^k + p stands for the k bits p.

    One feature for each length; with "bits" also one for each bit of each length, -1 or 1; with "table" each its own.
    """
    if prefix == "table":
        return np.eye(256)
    features = np.zeros((256, 36 if prefix == "bits" else NUM_BITS))
    for row in range(1, 256):
        depth = row.bit_length() - 1
        features[row, depth] = 1
        if prefix == "bits":
            start = NUM_BITS + depth * (depth - 1) // 2
            features[row, start : start + depth] = [2 * (row >> k & 1) - 1 for k in range(depth)]
    return features


def learn(
    pictures: np.ndarray, plan: Plan, report: Callable[[int, float], None] = lambda *_: None
) -> CoordinatePrior:
    """A prior for grey pictures of 8 bits, (N, H, W), trained on them; `report` gets iteration and bits a pixel."""
    return trained_net(pictures, plan, report).prior()


def trained_net(
    pictures: np.ndarray, plan: Plan, report: Callable[[int, float], None] = lambda *_: None
) -> CoordinateNet:
    """The same, still in floats."""
    torch.manual_seed(plan.seed)
    net = CoordinateNet(plan)
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    batches = _batches(pictures, plan)
    recent: list[float] = []
    for iteration in range(plan.iterations):
        optimiser.param_groups[0]["lr"] = plan.learning_rate * schedule(iteration, plan.iterations)
        inputs, prefixes, bits, weights = next(batches)
        losses = functional.binary_cross_entropy_with_logits(
            net(inputs, prefixes), bits, reduction="none"
        ).sum(dim=1)
        loss = (losses * weights).sum() / weights.sum() / math.log(2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        recent.append(loss.item())
        if iteration % 1000 == 999:
            report(iteration + 1, float(np.mean(recent[-1000:])))
    return net


def schedule(iteration: int, iterations: int) -> float:
    """Warm-up over at most 200 iterations, then half a cosine down to 0."""
    return (
        min(1.0, (iteration + 1) / min(200, iterations / 5))
        * (1 + math.cos(math.pi * iteration / iterations))
        / 2
    )


def bits_and_prefixes(values: np.ndarray) -> tuple[Tensor, Tensor]:
    """Values (N,) of 8 bits -> the row of each bit's prefix (N, 8), and the bits (N, 8) as floats."""
    depth = np.arange(NUM_BITS)
    words = values.astype(np.int64)[:, None]
    bits = words >> (NUM_BITS - 1 - depth) & 1
    return torch.from_numpy((1 << depth) | (words >> (NUM_BITS - depth))), torch.from_numpy(
        bits
    ).float()


def contexts(pictures: np.ndarray, offsets: Offsets) -> np.ndarray:
    """The neighbours of all pixels of (N, H, W) -> (N H W, offsets) uint8; 0 outside of the picture."""
    if not offsets:
        return np.zeros((pictures.size, 0), dtype=np.uint8)
    _, height, width = pictures.shape
    above, side = -min(row for row, _ in offsets), max(abs(column) for _, column in offsets)
    padded = np.pad(pictures, ((0, 0), (above, 0), (side, side)))
    shifts = [
        padded[:, above + row : above + row + height, side + column : side + column + width]
        for row, column in offsets
    ]
    return np.stack(shifts, axis=-1).reshape(-1, len(offsets))


def _batches(pictures: np.ndarray, plan: Plan) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Inputs, prefixes, bits and weights of random pixels, without end."""
    generator = np.random.default_rng(plan.seed)
    _, height, width = pictures.shape
    rows, columns = np.divmod(np.arange(height * width), width)
    places = coordinate_inputs(rows, columns, height, width, plan.waves).astype(np.uint16)
    while True:
        chosen = pictures[generator.choice(len(pictures), min(POOL, len(pictures)), replace=False)]
        near, values = contexts(chosen, plan.offsets), chosen.ravel()
        empty = near.max(axis=1) == 0 if plan.offsets else np.zeros(len(values), dtype=bool)
        drawn = generator.permutation(
            np.flatnonzero(~empty | (generator.random(len(values)) < 1 / RARELY))
        )
        for start in range(0, max(len(drawn) - plan.batch, 0) + 1, plan.batch):
            pixels = drawn[start : start + plan.batch]
            inputs = (
                np.concatenate([near[pixels], places[pixels % len(places)]], axis=1).astype(
                    np.float32
                )
                / 256
            )
            weights = np.where(empty[pixels], float(RARELY), 1.0).astype(np.float32)
            prefixes, bits = bits_and_prefixes(values[pixels])
            yield torch.from_numpy(inputs), prefixes, bits, torch.from_numpy(weights)


def array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().double().numpy()
