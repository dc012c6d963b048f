"""Iterative freezing: training with coarse weights, which stop one after another.

A weight that would like to lie between two levels sits on the border between them and flips every
few steps, however small the rate. All of them together are a noise of several per cent wrong bits
that no schedule takes away (Nagel et al., "Overcoming Oscillations in Quantization-Aware Training",
ICML 2022, whose remedy this is). Here every weight has a freeze time of its own. Then it is frozen
at the level where it has been most of late, and those that still move make up for it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from lossless_inr_lite.model import Model
from lossless_inr_lite.training.full_batch import Hooks, train_full_batch
from lossless_inr_lite.training.memory import full_batch_memory
from lossless_inr_lite.training.run import Run

REMEMBERED = 0.98
"""The share of a level's running mean that stays, per step."""

LOOK_EVERY = 10
"""Steps between entries of the history."""

INSIDE = 0.25
"""How far from the middle of its level a weight may lie when it is frozen, in steps of the grid."""


class CoarseLayer(Protocol):
    """A layer with trained weights (G, in, out) that computes with multiples of a step.

    largest: the largest multiple; the smallest is its negative.
    """

    weight: Tensor
    largest: int

    def step(self) -> Tensor:
        """Return the step of the grid, (G, 1, 1)."""
        ...

    def codes(self) -> Tensor:
        """Return the multiples, (G, in, out)."""
        ...


@dataclass(frozen=True)
class IterativeFreezing:
    """Adam on the whole signal, with a falling rate and weights that freeze.

    learning_rate: the first rate. last_rate: the last one, as a share of the first; the rate falls
        exponentially between them.
    warm_up: steps in which the rate rises.
    freeze_from, frozen_by: when the first and the last weights freeze, as a share of the budget's
        iterations.
    """

    learning_rate: float = 3e-3
    last_rate: float = 0.1
    warm_up: int = 50
    freeze_from: float = 0.2
    frozen_by: float = 0.98

    def train(self, run: Run, bar: "tqdm[Any]") -> str:
        """Train the network of `run`, and return why it stopped."""
        layers = coarse_layers(run.network)
        times = self.freeze_times(layers, run.plan.seed)
        freezing = [_Freezing(layer, when) for layer, when in zip(layers, times, strict=True)]
        optimiser = torch.optim.Adam(run.network.parameters(), lr=self.learning_rate)
        # The schedule ends with the iterations: a fit with other ones is another fit.
        numbers = {**asdict(self), "planned": run.plan.budget.max_iterations}
        hooks = _Schedule(self, freezing)
        return train_full_batch(run, bar, optimiser, hooks, numbers, LOOK_EVERY)

    def num_batches(self, groups: int) -> int:
        """Return 1: all networks are trained at once."""
        return 1

    def memory(self, shape: Model, chunk: int) -> int:
        """Return an estimate of the bytes that a fit takes at its peak; see `Trainer`."""
        return full_batch_memory(shape, chunk)

    def freeze_times(self, layers: list[CoarseLayer], seed: int) -> list[Tensor]:
        """Return when every weight of every layer freezes, as a share of the budget's iterations.

        The first layers come first, the weights of a layer at random.
        """
        generator = torch.Generator().manual_seed(seed)
        span = (self.frozen_by - self.freeze_from) / max(1, len(layers))
        times = []
        for number, layer in enumerate(layers):
            place = number + torch.rand(layer.weight.shape, generator=generator)
            times.append((self.freeze_from + span * place).to(layer.weight.device))
        return times

    def rate(self, iteration: int, progress: float) -> float:
        """Return the learning rate of a step; `progress` is its share of the planned iterations."""
        warmth = min(1.0, (iteration + 1) / self.warm_up)
        return self.learning_rate * self.last_rate**progress * warmth


def coarse_layers(network: nn.Module) -> list[CoarseLayer]:
    """Return the layers whose weights have levels, in the network's order."""
    found = [module for module in network.modules() if hasattr(module, "codes")]
    return cast(list[CoarseLayer], found)


class _Schedule(Hooks):
    """Sets the rate before a step, freezes weights, and holds them through the step."""

    def __init__(self, numbers: IterativeFreezing, layers: "list[_Freezing]") -> None:
        self.numbers = numbers
        self.layers = layers

    def before_step(self, optimiser: Optimizer, run: Run) -> None:
        planned = run.plan.budget.max_iterations
        progress = 0.0 if planned is None else run.iteration / planned
        for group in optimiser.param_groups:
            group["lr"] = self.numbers.rate(run.iteration, progress)
        for layer in self.layers:
            layer.freeze(progress)

    def after_step(self) -> None:
        for layer in self.layers:
            layer.hold()

    def remembered(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for number, layer in enumerate(self.layers):
            tensors[f"{number}/usual_level"] = layer.usual_level
            tensors[f"{number}/is_frozen"] = layer.is_frozen
        return tensors

    def restore(self, remembered: Mapping[str, Tensor]) -> None:
        for number, layer in enumerate(self.layers):
            layer.usual_level.copy_(remembered[f"{number}/usual_level"])
            layer.is_frozen.copy_(remembered[f"{number}/is_frozen"])


class _Freezing:
    """Which weights of a layer are frozen, and the level that each has had of late."""

    def __init__(self, layer: CoarseLayer, times: Tensor) -> None:
        self.layer = layer
        self.times = times
        self.usual_level = layer.codes().clone()
        self.is_frozen = torch.zeros_like(times, dtype=torch.bool)
        self.before_step = layer.weight.detach().clone()

    @torch.no_grad()
    def freeze(self, progress: float) -> None:
        """Remember the levels of this step, and freeze the weights whose time has come.

        These move to well inside their usual level. The outermost levels have no outer border.
        """
        self.remember()
        if self.is_due(progress).any():
            self.freeze_due(progress)
        self.before_step.copy_(self.layer.weight)

    @torch.no_grad()
    def remember(self) -> None:
        """Let the running mean of the levels follow those of this step."""
        self.usual_level.mul_(REMEMBERED).add_(self.layer.codes(), alpha=1 - REMEMBERED)

    def is_due(self, progress: float) -> Tensor:
        """Return which weights have to be frozen now."""
        return (self.times < progress) & ~self.is_frozen

    @torch.no_grad()
    def freeze_due(self, progress: float) -> None:
        """Move the weights that are due to well inside their usual level, and mark them."""
        weight = self.layer.weight
        is_due = self.is_due(progress)
        code = self.usual_level.round()
        step = self.layer.step().to(weight.dtype)
        largest = self.layer.largest
        low = torch.where(code == -largest, -torch.inf, (code - INSIDE) * step)
        high = torch.where(code == largest, torch.inf, (code + INSIDE) * step)
        inside = torch.maximum(torch.minimum(weight, high), low)
        weight.copy_(torch.where(is_due, inside, weight))
        self.is_frozen |= is_due

    @torch.no_grad()
    def hold(self) -> None:
        """Undo the optimiser's step for the frozen weights."""
        weight = self.layer.weight
        weight.copy_(torch.where(self.is_frozen, self.before_step, weight))
