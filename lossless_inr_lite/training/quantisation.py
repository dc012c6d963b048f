"""Coarse weights for any network of linear layers: after training, and in training (Fig. 10)."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from lossless_inr_lite.architecture import required
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.model import build_model
from lossless_inr_lite.networks.linear import GroupedLinear
from lossless_inr_lite.networks.registry import NETWORKS
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.training.budget import Budget
from lossless_inr_lite.training.freezing import IterativeFreezing
from lossless_inr_lite.training.memory import default_chunk
from lossless_inr_lite.training.run import Plan, Run

LIKELY_RANGES = torch.arange(1, 41) / 40
"""Of the largest magnitude: what is tried as the range of a layer's grid."""

LEAST_MAGNITUDE = 1e-12


def largest_code(bits: int) -> int:
    """Return the largest code of a grid of 2^bits - 1 levels around 0.

    >>> largest_code(2), largest_code(8)
    (1, 127)
    """
    return 2 ** (bits - 1) - 1


def best_step(weight: Tensor, bits: int) -> Tensor:
    """Return the step of the grid with the least squared error, (G, in, out) -> (G, 1, 1)."""
    largest = largest_code(bits)
    most = weight.abs().amax((1, 2), keepdim=True).clamp(min=LEAST_MAGNITUDE)
    steps = most * LIKELY_RANGES.to(weight)[:, None, None, None] / largest
    errors = (rounded(weight, steps, largest) - weight).square().sum((2, 3))
    best = errors.argmin(0)[None, :, None, None]
    return steps.gather(0, best)[0]


def rounded(weight: Tensor, step: Tensor, largest: int) -> Tensor:
    """Return the nearest multiple of `step`, of at most `largest` steps."""
    return (weight / step).round().clamp(-largest, largest) * step


@torch.no_grad()
def after_training(fitted: Fit, signal: Signal, bits: int) -> Fit:
    """Return the fit with every weight matrix on the best grid of so many bits; biases stay.

    It has no certificate yet.
    """
    state = {name: value.clone() for name, value in fitted.model.network.state_dict().items()}
    for name, value in state.items():
        if name.endswith("weight"):
            value.copy_(rounded(value, best_step(value, bits), largest_code(bits)))
    return _with_weights(fitted, signal, state)


class CoarseLinear(GroupedLinear):
    """A linear layer that computes with weights on a grid.

    The gradient goes straight through the rounding (Bengio et al., "Estimating or Propagating
    Gradients Through Stochastic Neurons for Conditional Computation", 2013).
    """

    grid: Tensor

    def __init__(self, groups: int, in_features: int, out_features: int, *, bits: int) -> None:
        super().__init__(groups, in_features, out_features)
        self.largest = largest_code(bits)
        # It moves to the device with the weights, and is no weight itself.
        self.register_buffer("grid", torch.ones(groups, 1, 1), persistent=False)

    def step(self) -> Tensor:
        """Return the grid's step, (groups, 1, 1), set once at the start."""
        return self.grid

    def codes(self) -> Tensor:
        """Return the levels in steps of the grid, (groups, in, out)."""
        return (self.weight.detach() / self.grid).round().clamp(-self.largest, self.largest)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        """(groups or 1, S, in) -> (groups, S, out): scale * (x W + b) with coarse weights W."""
        coarse = self.weight + (self.codes() * self.grid - self.weight).detach()
        return torch.baddbmm(
            self.bias, x.expand(len(coarse), -1, -1), coarse, beta=scale, alpha=scale
        )


def in_training(
    fitted: Fit, signal: Signal, bits: int, max_iterations: int, learning_rate: float, seed: int
) -> Fit:
    """Go on from a fit with weights on a grid of so many bits, which freeze one after another.

    See `freezing`. The result has no certificate yet.

    Raises InputError for networks that are not of plain linear layers.
    """
    network = _coarse_network(fitted, bits)
    run = Run(
        signal,
        replace(fitted.model, network=network),
        Plan("coarse", seed, Budget(max_iterations), "cpu", default_chunk("cpu")),
    )
    IterativeFreezing(learning_rate).train(run, tqdm(disable=True))
    _, best = run.best_model()
    named = replace(fitted, recipe=f"{bits} bits in training")
    return _with_weights(named, signal, _coarse_state(best.network))


def _coarse_network(fitted: Fit, bits: int) -> Any:
    """The network of a fit with its weights, and with coarse layers in the place of its own."""
    chosen = fitted.model.architecture
    kind: type[Any] = NETWORKS[required("the network", chosen.network)]
    if getattr(kind, "layer", None) is not GroupedLinear:
        raise InputError(
            f"a {chosen.network} has no coarse form: allowed are networks of plain linear layers"
        )
    layer = staticmethod(partial(CoarseLinear, bits=bits))
    coarse_kind = type(f"Coarse{kind.__name__}", (kind,), {"layer": layer})
    network = coarse_kind(
        fitted.model.formulation.problem(fitted.model.spec),
        chosen.hidden_features,
        chosen.hidden_layers,
        **(chosen.options or {}),
    )
    network.load_state_dict(fitted.model.network.state_dict())
    for coarse_layer in network.layers:
        coarse_layer.grid = best_step(coarse_layer.weight.detach(), bits)
    return network


def _coarse_state(network: nn.Module) -> dict[str, Tensor]:
    """The state with the weights that a coarse network computes with."""
    state = dict(network.state_dict())
    for name, module in network.named_modules():
        if isinstance(module, CoarseLinear):
            state[f"{name}.weight"] = module.codes() * module.grid
    return state


def _with_weights(fitted: Fit, signal: Signal, state: Mapping[str, Tensor]) -> Fit:
    """The fit with that state in place of its own, and its wrong bits, without a certificate."""
    model = build_model(fitted.model.architecture, fitted.model.spec)
    model.network.load_state_dict(state)
    words, _ = model.decode()
    wrong_bits = int(np.bitwise_count(words ^ signal.words).sum())
    entry = replace(fitted.entry, wrong_bits=wrong_bits)
    return replace(fitted, model=model, entry=entry, certificate=None)
