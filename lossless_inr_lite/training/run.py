"""The state that every way of training shares: the problem, the clock, the history, the best."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lossless_inr_lite.errors import DivergedError
from lossless_inr_lite.history import Entry, History
from lossless_inr_lite.model import Model
from lossless_inr_lite.networks.registry import flops_per_sample
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.metrics import plane_errors, psnr
from lossless_inr_lite.storage.fitted import TimeLeft
from lossless_inr_lite.training.budget import Budget

NamedWeights = dict[str, Tensor]

Callback = Callable[[Entry, np.ndarray], object]
"""It sees every evaluation: the entry, and the decoded words. A true answer ends the fit."""

MOST_RESERVED = 0.5
"""The share of the seconds that may be kept for what comes after the training."""

FORWARD_AND_BACKWARD = 3
"""What a training step costs, in forward passes."""


class Trainer(Protocol):
    """Something that updates a run's network until lossless or out of budget."""

    def train(self, run: "Run", bar: "tqdm[Any]") -> str:
        """Train the network of `run`, and return why it stopped."""
        ...

    def num_batches(self, groups: int) -> int:
        """Return how many batches of networks are trained one after another."""
        ...

    def memory(self, shape: Model, chunk: int) -> int:
        """Return an estimate of the bytes that a fit takes at its peak.

        shape: the model, which may be on torch's meta device. chunk: see `Plan`.
        """
        ...


@dataclass
class Costs:
    """What was spent on training: updates, samples seen, floating-point operations, seconds."""

    iterations: int = 0
    samples_seen: int = 0
    flops: int = 0
    seconds: float = 0.0

    def add(self, other: "Costs") -> None:
        """Count what was spent elsewhere too."""
        self.iterations += other.iterations
        self.samples_seen += other.samples_seen
        self.flops += other.flops
        self.seconds += other.seconds


@dataclass(frozen=True)
class Plan:
    """What of a fit's arguments concerns the way of training.

    chunk: samples whose gradient is computed at a time.
    resume_dir: the folder of finished batches of tiles; None: nothing is kept.
    callback: see `Callback`.
    """

    recipe: str
    seed: int
    budget: Budget
    device: str
    chunk: int
    callback: Callback | None = None
    resume_dir: Path | None = None


class Run:
    """One fit: the problem on its device, and everything that is measured on the way.

    coordinates: (1, S, d) float32. codes: (G, S, out), the digits that the networks should say.
    spent: what this run and those that it goes on from have cost; its seconds are only those of
        earlier runs, see `seconds`.
    history: one entry per evaluation.
    best: the entry and the weights with the fewest wrong bits so far.
    looked_at: the share of the codes that the first evaluation decided before its time was over.
        Those that it did not decide count as wrong.
    look_seconds: what a whole evaluation takes, by the first one, set-up included; 0 before it.
    """

    def __init__(self, signal: Signal, model: Model, plan: Plan) -> None:
        started = time.perf_counter()
        self.signal = signal
        self.model = model
        self.plan = plan
        self.device = plan.device
        self.truth = signal.words
        self.digit_bits = model.formulation.digit_bits(model.spec)
        self.network = model.network.to(plan.device)
        coordinates = model.formulation.coordinates(model.spec)
        self.coordinates = torch.from_numpy(coordinates).to(plan.device)
        codes = model.formulation.codes(self.truth, model.spec)
        self.codes = torch.from_numpy(codes).to(plan.device)
        self.flops_per_sample = FORWARD_AND_BACKWARD * flops_per_sample(self.network)
        self.spent = Costs()
        self.history = History()
        self.best: tuple[Entry, NamedWeights] | None = None
        self.is_enough = False
        self.looked_at = 1.0
        self.look_seconds = 0.0
        self.started = started

    @property
    def iteration(self) -> int:
        """Number of updates so far."""
        return self.spent.iterations

    @property
    def seconds_of_this_run(self) -> float:
        """Seconds since this run began."""
        return time.perf_counter() - self.started

    @property
    def seconds(self) -> float:
        """Seconds of this run and of those that it goes on from."""
        return self.spent.seconds + self.seconds_of_this_run

    def count(self, samples: int, groups: int = 1) -> None:
        """Count one update, for which `groups` networks saw `samples` samples each."""
        seen = samples * groups
        self.spent.iterations += 1
        self.spent.samples_seen += seen
        self.spent.flops += seen * self.flops_per_sample

    def add_earlier(self, costs: Costs) -> None:
        """Count what an earlier run spent on something that need not be done again."""
        self.spent.add(costs)

    def iterations_left(self) -> float:
        """Updates that the budget still allows."""
        limit = self.plan.budget.max_iterations
        return math.inf if limit is None else limit - self.iteration

    def seconds_left(self) -> float:
        """Seconds that the budget still allows to the training of this run.

        What two evaluations take is kept back: the last of the training, and the decoding of the
        saved file. It is at most MOST_RESERVED of the limit.
        """
        limit = self.plan.budget.max_seconds
        if limit is None:
            return math.inf
        reserved = min(2 * self.look_seconds, MOST_RESERVED * limit)
        return limit - reserved - self.seconds_of_this_run

    def is_out_of_budget(self) -> bool:
        """Whether no other iteration is allowed."""
        return self.iterations_left() <= 0 or self.seconds_left() <= 0

    def wrong_codes(self) -> Tensor:
        """Return codes (G, S, out) of which every bit is wrong: a start for those to be decided."""
        return (2**self.digit_bits - 1) - self.codes

    def time_left(self) -> TimeLeft | None:
        """Return what a limit of seconds leaves for the certificate; None without a limit."""
        limit = self.plan.budget.max_seconds
        if limit is None:
            return None
        return TimeLeft(limit, limit - self.seconds_of_this_run, self.look_seconds)

    def ended(self) -> str | None:
        """Return which limit was reached, or "callback"; None to go on."""
        if self.is_enough:
            return "callback"
        if self.iterations_left() <= 0:
            return "max_iterations"
        if self.seconds_left() <= 0:
            return "max_seconds"
        return None

    def check_finite(self, loss: float) -> None:
        """Raise DivergedError when the loss is NaN or infinite."""
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss of recipe {self.plan.recipe} is {loss} at iteration {self.iteration}: "
                "use another seed, loss or network"
            )

    def observe(self, loss: float, codes: np.ndarray, weights: Callable[[], NamedWeights]) -> Entry:
        """Measure decided codes (G, S, out), and add an entry to the history.

        `weights` returns what decided them. They are kept when they are the best so far.
        """
        spec = self.model.spec
        words = self.model.formulation.words(codes, spec)
        errors = plane_errors(words, self.truth, spec.num_bits)
        wrong_bits = int(errors.sum())
        quality = psnr(words, self.truth, spec.num_bits)
        entry = Entry(
            iteration=self.iteration,
            samples_seen=self.spent.samples_seen,
            flops=self.spent.flops,
            seconds=self.seconds,
            loss=loss,
            wrong_bits=wrong_bits,
            ber=wrong_bits / spec.total_bits,
            ber_planes=(errors / self.truth.size).tolist(),
            psnr=quality if math.isfinite(quality) else None,
        )
        self.history.entries.append(entry)
        if self.look_seconds == 0.0:
            self.look_seconds = self.seconds_of_this_run / self.looked_at
        if self.best is None or wrong_bits < self.best[0].wrong_bits:
            self.keep(entry, weights())
        if self.plan.callback is not None:
            self.is_enough = bool(self.plan.callback(entry, words))
        return entry

    def keep(self, entry: Entry, weights: NamedWeights) -> None:
        """Take these weights for the best, in copies that no update touches."""
        copies = {name: tensor.detach().clone() for name, tensor in weights.items()}
        self.best = (entry, copies)

    def best_model(self) -> tuple[Entry, Model]:
        """Return the entry of the best weights, and the model with them on the CPU."""
        assert self.best is not None
        entry, weights = self.best
        self.network.load_state_dict(weights)
        self.model.network = self.network.cpu()
        return entry, self.model
