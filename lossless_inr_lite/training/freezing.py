"""SETTLE: training with coarse weights, which come to rest one after another.

A weight that would like to lie between two levels sits on the border between them and flips at every few steps, however
small the rate; all of them together are a noise of several per cent wrong bits that no schedule takes away (Nagel et
al., "Overcoming Oscillations in Quantization-Aware Training", ICML 2022). Here every weight has an hour of its own at
which it stops, at the level where it has been most of late, and those that still move make up for it.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from lossless_inr_lite.training.full_batch import confirmed, gradient
from lossless_inr_lite.training.memory import default_chunk
from lossless_inr_lite.training.run import Run

REMEMBERED = 0.98  # share of a level's running mean that stays, a step
LOOK_EVERY = 10  # steps between rows of the history


class Coarse(Protocol):
    """A layer with trained weights (G, in, out) that computes with whole multiples of `step`: its `codes`."""

    weight: Tensor
    largest: int  # code; the smallest is its negative

    def step(self) -> Tensor: ...

    def codes(self) -> Tensor: ...


@dataclass(frozen=True)
class Settle:
    """Adam on the whole signal, a rate that falls to `last_rate` of the first, and weights that settle.

    The first weights settle after `settle_from` of the planned iterations, the last before `settled_by`.
    """

    learning_rate: float = 3e-3
    last_rate: float = 0.1
    warm_up: int = 50
    settle_from: float = 0.2
    settled_by: float = 0.98

    def train(self, run: Run, bar: "tqdm[Any]", chunk: int | None, seed: int) -> str:
        """Update until lossless or out of budget; return why it stopped."""
        chunk = chunk or default_chunk(run.device)
        layers = coarse_layers(run.network)
        optimiser = torch.optim.Adam(run.network.parameters(), lr=self.learning_rate)
        resting = [
            _Resting(layer, times)
            for layer, times in zip(layers, self.hours(layers, seed), strict=True)
        ]
        while True:
            loss, codes = gradient(run, chunk)
            run.check_finite(loss)
            wrong = int((torch.from_numpy(codes).to(run.device) != run.codes).sum())
            if wrong == 0 or run.iteration % LOOK_EVERY == 0 or run.ended():
                entry = run.observe(loss, codes, run.network.state_dict)
                if wrong == 0 and confirmed(run, chunk):
                    run.keep(entry, run.network.state_dict())
                    return "lossless"
                if why := run.ended():
                    return why
            bar.set_postfix_str(f"{wrong} wrong bits")
            hour = run.iteration / run.budget.max_iterations
            for group in optimiser.param_groups:
                group["lr"] = (
                    self.learning_rate
                    * self.last_rate**hour
                    * min(1.0, (run.iteration + 1) / self.warm_up)
                )
            for rest in resting:
                rest.settle(hour)
            optimiser.step()
            for rest in resting:
                rest.hold()
            run.count(run.coordinates.shape[1], run.codes.shape[0])
            bar.update()

    def hours(self, layers: list[Coarse], seed: int) -> list[Tensor]:
        """When every weight settles, as a share of the planned iterations: first layers first, at random within."""
        generator = torch.Generator().manual_seed(seed)
        hours, span = [], (self.settled_by - self.settle_from) / max(1, len(layers))
        for number, layer in enumerate(layers):
            place = number + torch.rand(layer.weight.shape, generator=generator)
            hours.append((self.settle_from + span * place).to(layer.weight.device))
        return hours


def coarse_layers(network: nn.Module) -> list[Coarse]:
    """The layers whose weights have levels, in the network's order."""
    return [module for module in network.modules() if hasattr(module, "codes")]  # type: ignore[misc]


class _Resting:
    """Which weights of a layer have settled, and the level that each has had of late."""

    def __init__(self, layer: Coarse, hours: Tensor) -> None:
        self.layer, self.hours = layer, hours
        self.level = layer.codes().clone()
        self.settled = torch.zeros_like(hours, dtype=torch.bool)
        self.kept = layer.weight.detach().clone()

    @torch.no_grad()
    def settle(self, hour: float) -> None:
        """Remember the levels of this step; weights whose hour has come move well inside their usual level."""
        layer, latent = self.layer, self.layer.weight
        self.level.mul_(REMEMBERED).add_(layer.codes(), alpha=1 - REMEMBERED)
        new = (self.hours < hour) & ~self.settled
        if new.any():
            code, step = self.level.round(), layer.step().to(latent.dtype)
            low = torch.where(code == -layer.largest, -torch.inf, (code - 0.25) * step)
            high = torch.where(code == layer.largest, torch.inf, (code + 0.25) * step)
            latent.copy_(torch.where(new, torch.maximum(torch.minimum(latent, high), low), latent))
            self.settled |= new
        self.kept.copy_(latent)

    @torch.no_grad()
    def hold(self) -> None:
        """Undo the optimiser's step for weights that have settled."""
        self.layer.weight.copy_(torch.where(self.settled, self.kept, self.layer.weight))
