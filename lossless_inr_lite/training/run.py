"""The state that every way of training shares: the problem, the clock, the history, and the best weights so far."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lossless_inr_lite.errors import DivergedError
from lossless_inr_lite.history import Entry, History
from lossless_inr_lite.model import Model
from lossless_inr_lite.networks.registry import flops_per_sample
from lossless_inr_lite.signals.metrics import plane_errors, psnr
from lossless_inr_lite.signals.signal import Signal

Weights = dict[str, Tensor]
Callback = Callable[[Entry, np.ndarray], object]  # a true answer ends the fit


@dataclass(frozen=True)
class Budget:
    """What ends a run that has not become lossless."""

    max_iterations: float
    max_seconds: float


class Run:
    """One fit: the problem on its device and everything that is measured on the way.

    `coordinates` (1, S, d) and `codes` (G, S, out) are the problem; `iteration`, `samples_seen` and `flops`
    count what was done; `best` is the entry and the weights with the fewest wrong bits.
    """

    def __init__(
        self,
        signal: Signal,
        model: Model,
        recipe: str,
        budget: Budget,
        device: str,
        callback: Callback | None,
    ) -> None:
        self.signal, self.model, self.recipe, self.budget = signal, model, recipe, budget
        self.device, self.callback = device, callback
        self.truth = signal.words
        self.digit_bits = model.formulation.digit_bits(model.spec)
        self.network = model.network.to(device)
        self.coordinates = torch.from_numpy(model.formulation.coordinates(model.spec)).to(device)
        self.codes = torch.from_numpy(model.formulation.codes(self.truth, model.spec)).to(device)
        self.flops_per_sample = 3 * flops_per_sample(self.network)
        self.iteration = self.samples_seen = self.flops = 0
        self.history = History()
        self.best: tuple[Entry, Weights] | None = None
        self.enough = False
        self.started = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def count(self, samples: int, groups: int = 1) -> None:
        """One more update, for which `groups` networks saw the gradient of `samples` samples each."""
        self.iteration += 1
        self.samples_seen += samples * groups
        self.flops += samples * groups * self.flops_per_sample

    def ended(self) -> str | None:
        """What the budget and the callback say: None to go on, else which limit was reached."""
        if self.enough:
            return "callback"
        if self.iteration >= self.budget.max_iterations:
            return "max_iterations"
        return "max_seconds" if self.seconds >= self.budget.max_seconds else None

    def check_finite(self, loss: float) -> None:
        """Raise DivergedError, with the best weights, when the loss is NaN or infinite."""
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss of recipe {self.recipe} is {loss} at iteration {self.iteration}: use another seed, "
                "loss or network"
            )

    def observe(self, loss: float, codes: np.ndarray, weights: Callable[[], Weights]) -> Entry:
        """Measure decided codes (G, S, out), add a row to the history, and keep the weights if they are the best."""
        words = self.model.formulation.words(codes, self.model.spec)
        errors = plane_errors(words, self.truth, self.model.spec.num_bits)
        wrong, quality = int(errors.sum()), psnr(words, self.truth, self.model.spec.num_bits)
        entry = Entry(
            self.iteration,
            self.samples_seen,
            self.flops,
            self.seconds,
            loss,
            wrong,
            wrong / self.model.spec.total_bits,
            (errors / self.truth.size).tolist(),
            quality if math.isfinite(quality) else None,
        )
        self.history.entries.append(entry)
        if self.best is None or wrong < self.best[0].wrong_bits:
            self.keep(entry, weights())
        if self.callback:
            self.enough = bool(self.callback(entry, words))
        return entry

    def keep(self, entry: Entry, weights: Weights) -> None:
        """Take these weights for the best, in copies that no update touches."""
        self.best = entry, {name: tensor.detach().clone() for name, tensor in weights.items()}

    def best_model(self) -> tuple[Entry, Model]:
        """The entry of the best weights, and the model with them on the CPU."""
        assert self.best is not None
        entry, weights = self.best
        self.network.load_state_dict(weights)
        self.model.network = self.network.cpu()
        return entry, self.model
