"""Coarse weights for any network of linear layers: after training, and in training (Fig. 10)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.model import build_model
from lossless_inr_lite.networks.linear import GroupedLinear
from lossless_inr_lite.networks.registry import NETWORKS
from lossless_inr_lite.signals.metrics import signal_metrics
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.storage.certify import certify_models
from lossless_inr_lite.training.budget import Budget
from lossless_inr_lite.training.fit import Fit, fit
from lossless_inr_lite.training.memory import default_chunk
from lossless_inr_lite.training.freezing import IterativeFreezing
from lossless_inr_lite.training.recipes import PAPER, paper_at
from lossless_inr_lite.training.run import Plan as RunPlan
from lossless_inr_lite.training.run import Run

PRECISIONS = (8, 6, 4, 3, 2)  # bits a weight; 2 bits are three levels, so ternary
LIKELY_RANGES = torch.arange(1, 41) / 40  # of the largest magnitude, tried for the steps of a layer


def best_step(weight: Tensor, bits: int) -> Tensor:
    """(G, in, out) -> (G, 1, 1): the step of a grid of 2^bits - 1 levels around 0 with the least squared error."""
    largest = 2 ** (bits - 1) - 1
    most = weight.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)
    steps = most * LIKELY_RANGES.to(weight)[:, None, None, None] / largest
    errors = (rounded(weight, steps, largest) - weight).square().sum((2, 3))
    return steps.gather(0, errors.argmin(0)[None, :, None, None])[0]


def rounded(weight: Tensor, step: Tensor, largest: int) -> Tensor:
    """The nearest multiple of `step`, of at most `largest` steps."""
    return (weight / step).round().clamp(-largest, largest) * step


@torch.no_grad()
def after_training(fitted: Fit, signal: Signal, bits: int) -> Fit:
    """The fit with every weight matrix on the best grid of so many bits; biases stay. No certificate yet."""
    model = fitted.model
    state = {name: value.clone() for name, value in model.network.state_dict().items()}
    for name, value in state.items():
        if name.endswith("weight"):
            value.copy_(rounded(value, best_step(value, bits), 2 ** (bits - 1) - 1))
    return _with_weights(fitted, signal, state)


class CoarseLinear(GroupedLinear):
    """A linear layer that computes with weights on a fixed grid; the gradient goes straight through the rounding."""

    def __init__(self, groups: int, in_features: int, out_features: int, *, bits: int) -> None:
        super().__init__(groups, in_features, out_features)
        self.largest, self.grid = 2 ** (bits - 1) - 1, torch.ones(groups, 1, 1)

    def step(self) -> Tensor:
        """(groups, 1, 1): the grid's step, set once at the start."""
        return self.grid

    def codes(self) -> Tensor:
        """(groups, in, out): levels in whole steps."""
        return (self.weight.detach() / self.grid).round().clamp(-self.largest, self.largest)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        coarse = self.weight + (self.codes() * self.grid - self.weight).detach()
        return torch.baddbmm(
            self.bias, x.expand(len(coarse), -1, -1), coarse, beta=scale, alpha=scale
        )


def in_training(
    fitted: Fit, signal: Signal, bits: int, max_iterations: int, learning_rate: float, seed: int
) -> Fit:
    """Go on from a fit with weights on a grid of so many bits, which settle; see `settling`. No certificate yet.

    Raises InputError for networks that are not of plain linear layers.
    """
    chosen, problem = fitted.model.architecture, fitted.model.formulation.problem(fitted.model.spec)
    kind: type[Any] = NETWORKS[chosen.network]
    if getattr(kind, "layer", None) is not GroupedLinear:
        raise InputError(
            f"a {chosen.network} has no coarse form: allowed are networks of plain linear layers"
        )
    coarse = type(
        f"Coarse{kind.__name__}", (kind,), {"layer": staticmethod(partial(CoarseLinear, bits=bits))}
    )
    network = coarse(problem, chosen.hidden_features, chosen.hidden_layers, **chosen.options)
    network.load_state_dict(fitted.model.network.state_dict())
    for layer in network.layers:
        layer.grid = best_step(layer.weight.detach(), bits)
    run = Run(
        signal,
        replace(fitted.model, network=network),
        RunPlan("coarse", seed, Budget(max_iterations), "cpu", default_chunk("cpu")),
    )
    IterativeFreezing(learning_rate).train(run, tqdm(disable=True))
    _, best = run.best_model()
    return _with_weights(
        replace(fitted, recipe=f"{bits} bits in training"), signal, _coarse_state(best.network)
    )


def _coarse_state(network: nn.Module) -> dict[str, Tensor]:
    """The state with the weights that a coarse network computes with."""
    state = dict(network.state_dict())
    for name, module in network.named_modules():
        if isinstance(module, CoarseLinear):
            state[f"{name}.weight"] = module.codes() * module.grid
    return state


def _with_weights(fitted: Fit, signal: Signal, state: Mapping[str, Tensor]) -> Fit:
    """The fit with that state in place of its own, and its wrong bits; there is no certificate yet."""
    model = build_model(fitted.model.architecture, fitted.model.spec)
    model.network.load_state_dict(state)
    wrong = int(np.bitwise_count(model.decode()[0] ^ signal.words).sum())
    return replace(
        fitted, model=model, entry=replace(fitted.entry, wrong_bits=wrong), certificate=None
    )


@dataclass(frozen=True)
class Subject:
    """A network of Fig. 10 as it is trained here before its weights become coarse."""

    formulation: str
    network: str
    learning_rate: float  # of PAPER, with floats


SUBJECTS = {
    "SIREN, values": Subject("amplitude", "siren", 1e-3),
    "SIREN, bits": Subject("bit_heads", "siren", 1e-3),
    "ReLU+PE, bits": Subject("bit_heads", "relu_pe", 3e-3),
}


@dataclass(frozen=True)
class Plan:
    """What all subjects share."""

    hidden_features: int
    hidden_layers: int
    max_iterations: int  # with floats, and again with coarse weights
    seed: int


def precisions(text: str) -> list[int]:
    """Bits a weight, separated by commas. Raises InputError for others than those of `PRECISIONS`."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    for part in found:
        check_choice("value in precision_bits", part, [str(bits) for bits in PRECISIONS])
    return [int(part) for part in found]


def precision_study(signal: Signal, plan: Plan, trained: Sequence[int]) -> list[dict[str, Any]]:
    """A row for every subject and precision: BER and PSNR, coarse after training, and for `trained` bits in training.

    Rows without wrong bits are certified from their saved files.
    """
    found: list[tuple[dict[str, Any], Fit]] = []
    for name, subject in SUBJECTS.items():
        whole = fit(
            signal,
            formulation=subject.formulation,
            network=subject.network,
            hidden_features=plan.hidden_features,
            hidden_layers=plan.hidden_layers,
            seed=plan.seed,
            recipe=paper_at(subject.learning_rate) if subject.learning_rate != 1e-4 else PAPER,
            loss=_loss(subject),
            max_iterations=plan.max_iterations,
            progress=False,
            certify=False,
        )
        found.append(_row(name, 32, "floats", whole, signal))
        for bits in PRECISIONS:
            found.append(
                _row(name, bits, "after training", after_training(whole, signal, bits), signal)
            )
        for bits in trained:
            rate = subject.learning_rate
            coarse = in_training(whole, signal, bits, plan.max_iterations, rate, plan.seed)
            found.append(_row(name, bits, "in training", coarse, signal))
    exact = [(row, done) for row, done in found if row["ber"] == 0]
    for (row, _), proof in zip(
        exact, certify_models([(done, signal) for _, done in exact]), strict=True
    ):
        row["lossless"], row["margin"] = proof.lossless, proof.smallest_margin
    return [row for row, _ in found]


def _loss(subject: Subject) -> str | None:
    return None if subject.formulation == "amplitude" else "bce"


def _row(name: str, bits: int, how: str, done: Fit, signal: Signal) -> tuple[dict[str, Any], Fit]:
    words, margin = done.model.decode()
    metrics = signal_metrics(words, signal)
    return {
        "method": name,
        "bits": bits,
        "how": how,
        "weights": done.num_parameters,
        "psnr": metrics["psnr"],
        "ber": metrics["ber"],
        "margin": margin,
        "lossless": False,
    }, done


def lossless_down_to(rows: Iterable[Mapping[str, Any]], method: str) -> int | None:
    """The fewest bits a weight at which a method is certified, by either way of becoming coarse; None: at none."""
    return min(
        (row["bits"] for row in rows if row["method"] == method and row["lossless"]), default=None
    )
