"""Fitting a network to a signal until every bit is right."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lossless_inr_lite.bits import check_num_bits
from lossless_inr_lite.certify import Certificate, certify_model
from lossless_inr_lite.devices import check_memory, default_chunk, fit_memory, get_device
from lossless_inr_lite.errors import DivergedError, InputError
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.history import Entry, History
from lossless_inr_lite.losses import get_loss
from lossless_inr_lite.metrics import plane_errors, psnr
from lossless_inr_lite.model import Architecture, Model
from lossless_inr_lite.networks import flops_per_sample, num_parameters
from lossless_inr_lite.recipes import Recipe, get_recipe
from lossless_inr_lite.signals import Signal

Callback = Callable[[Entry, np.ndarray], None]


@dataclass
class Fit:
    """A fitted model and how it came about; the model holds the best weights of the run.

    `entry` is the row of the history at which these weights were seen. `stopped` says why the run ended:
    "lossless", "max_iterations", "max_seconds" or "interrupted". `certificate` is None until the saved file
    was decoded again in a new process.
    """

    model: Model
    recipe: str
    seed: int
    device: str
    sha256_samples: str
    entry: Entry
    stopped: str
    history: History = field(default_factory=History)
    certificate: Certificate | None = None

    @property
    def lossless(self) -> bool:
        """True only when `certify` decoded the saved file to the same samples in every way it tried."""
        return self.certificate is not None and self.certificate.lossless

    @property
    def num_parameters(self) -> int:
        return num_parameters(self.model.network)


def fit(
    signal: Signal,
    formulation: str = "bit_coordinate",
    network: str = "siren",
    hidden_features: int = 512,
    hidden_layers: int = 5,
    recipe: str = "paper",
    loss: str | None = None,
    seed: int = 0,
    max_iterations: int | None = None,
    max_seconds: float | None = None,
    device: str = "auto",
    chunk_samples: int | None = None,
    options: dict[str, float] | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
    certify: bool = True,
) -> Fit:
    """Fit `signal` until no bit is wrong or the budget ends, and certify the result.

    The defaults are the paper's: a SIREN of 5 hidden layers of 512 (1,316,867 parameters for RGB) that takes
    the bit index as a coordinate. `max_iterations` counts updates; None takes the recipe's limit.
    `chunk_samples` bounds memory and does not change the gradient. `callback(entry, words)` sees every
    evaluation. `progress` None shows a bar on a terminal only. `certify=False` skips the certificate, and the
    fit is then not `lossless`, whatever its wrong bits.

    Raises InputError before any work for unknown names, bad numbers, or more memory than is free, and
    DivergedError (with the best fit so far) when the loss is no longer finite.
    """
    plan = get_recipe(recipe)
    architecture = Architecture(
        formulation, network, hidden_features, hidden_layers,
        get_loss(loss or plan.loss_name(get_formulation(formulation))).name, options or {},
    )  # fmt: skip
    budget = Budget(
        _positive("max_iterations", max_iterations, plan.max_iterations),
        _positive("max_seconds", max_seconds, math.inf),
    )
    device = get_device(device)
    chunk = int(_positive("chunk_samples", chunk_samples, default_chunk(device)))
    model = _checked_model(architecture, signal, seed, chunk, device)
    run = _Run(signal, model, plan, budget, device, chunk, callback)
    with _bar(progress, signal.name) as bar:
        stopped = run.train(bar)
    result = run.result(seed, stopped)
    if certify:
        result.certificate = certify_model(result, signal)
    return result


@dataclass(frozen=True)
class Budget:
    """What ends a run that has not become lossless."""

    max_iterations: float
    max_seconds: float


class _Run:
    """The state of one fit: the problem on its device, the weights, the clock, the history and the best so far."""

    def __init__(
        self, signal: Signal, model: Model, recipe: Recipe, budget: Budget, device: str, chunk: int,
        callback: Callback | None,
    ) -> None:  # fmt: skip
        spec, formulation = model.spec, model.formulation
        self.signal, self.model, self.recipe, self.budget = signal, model, recipe, budget
        self.device, self.chunk, self.callback = device, chunk, callback
        self.truth = signal.words
        self.digit_bits = formulation.digit_bits(spec)
        self.network = model.network.to(device)
        self.coordinates = torch.from_numpy(formulation.coordinates(spec)).to(device)
        self.codes = torch.from_numpy(formulation.codes(self.truth, spec)).to(device)
        self.flops_per_pass = 3 * flops_per_sample(self.network) * formulation.groups(spec) * self.coordinates.shape[1]
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)
        self.history = History()
        self.best: tuple[Entry, dict[str, Tensor]] | None = None
        self.started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def train(self, bar: "tqdm[Any]") -> str:
        """Update until lossless or out of budget; return why it stopped. Ctrl-C keeps the best so far."""
        iteration = 0
        try:
            while True:
                loss, decided = self.gradient()
                entry = self.observe(iteration, loss, decided)
                bar.set_postfix_str(f"BER {entry.ber:.2e}, {entry.wrong_bits} wrong bits")
                if entry.wrong_bits == 0 and self.confirmed():
                    return "lossless"
                if iteration >= self.budget.max_iterations:
                    return "max_iterations"
                if self.seconds >= self.budget.max_seconds:
                    return "max_seconds"
                self.optimiser.step()
                iteration += 1
                bar.update()
        except KeyboardInterrupt:
            if self.best is None:
                raise
            return "interrupted"

    def gradient(self) -> tuple[float, np.ndarray]:
        """Set the gradient of the mean loss over the whole signal; return that loss and the decided codes.

        The decisions are those of the weights before any update, so that checking for losslessness is free.
        """
        self.optimiser.zero_grad(set_to_none=True)
        levels, total, decided = 2**self.digit_bits - 1, 0.0, []
        for start in range(0, self.coordinates.shape[1], self.chunk):
            part = slice(start, start + self.chunk)
            outputs = self.network(self.coordinates[:, part])
            targets = self.codes[:, part].to(torch.float32) / levels
            loss = self.model.loss.function(outputs, targets).sum() / self.codes.numel()
            loss.backward()
            total += loss.item()
            decided.append(self.model.loss.codes(outputs.detach(), self.digit_bits))
        return total, torch.cat(decided, dim=1).cpu().numpy()

    def observe(self, iteration: int, loss: float, decided: np.ndarray) -> Entry:
        """Measure the decisions, keep the weights if they are the best, and add a row to the history."""
        if not math.isfinite(loss):
            best = self.result(-1, "diverged") if self.best else None
            raise DivergedError(
                f"the loss of recipe {self.recipe.name} is {loss} at iteration {iteration}: use another seed, "
                "loss or network", best,
            )  # fmt: skip
        words = self.model.formulation.words(decided, self.model.spec)
        errors = plane_errors(words, self.truth, self.model.spec.num_bits)
        wrong, quality = int(errors.sum()), psnr(words, self.truth, self.model.spec.num_bits)
        entry = Entry(
            iteration, iteration * self.coordinates.shape[1], iteration * self.flops_per_pass, self.seconds, loss,
            wrong, wrong / self.model.spec.total_bits, (errors / self.truth.size).tolist(),
            quality if math.isfinite(quality) else None,
        )  # fmt: skip
        self.history.entries.append(entry)
        if self.best is None or wrong < self.best[0].wrong_bits:
            self.best = entry, {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        if self.callback:
            self.callback(entry, words)
        return entry

    def confirmed(self) -> bool:
        """No bit changes in float64 either: a decision that hangs on rounding is not lossless yet."""
        words, _ = self.model.decode(batch=self.chunk, dtype=torch.float64, device=self.device)
        if np.array_equal(words, self.truth):
            entry = self.history.entries[-1]
            self.best = entry, {k: v.detach().clone() for k, v in self.network.state_dict().items()}
            return True
        return False

    def result(self, seed: int, stopped: str) -> Fit:
        """The fit with the best weights, on the CPU."""
        assert self.best is not None
        entry, weights = self.best
        self.network.load_state_dict(weights)
        self.model.network = self.network.cpu()
        return Fit(self.model, self.recipe.name, seed, self.device, self.signal.sha256, entry, stopped, self.history)


def _checked_model(architecture: Architecture, signal: Signal, seed: int, chunk: int, device: str) -> Model:
    """Build the model, after a look at its size on the meta device, which allocates nothing."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InputError(f"seed is {seed!r}: allowed are whole numbers from 0 to 2^63 - 1")
    check_num_bits(signal.num_bits)
    with torch.device("meta"):
        shape = architecture.build(signal.spec, seed=None)
    check_memory(fit_memory(shape.network, shape.formulation, signal.spec, chunk), device)
    return architecture.build(signal.spec, seed)


def _positive(what: str, value: float | None, default: float) -> float:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InputError(f"{what} is {value!r}: a number above 0 is needed")
    return value


def _bar(progress: bool | None, name: str) -> "tqdm[Any]":
    shown = sys.stderr.isatty() if progress is None else progress
    return tqdm(desc=name, unit=" steps", disable=not shown, leave=True)
