"""The state of a fit of the whole signal on disk, so that a fit that was killed goes on.

A folder holds one file, ``state.safetensors``: the weights, what the optimiser remembers, the best
weights so far, the history, what the recipe remembers beside that, and the description of the fit
(see `parts`). A fit that goes on from it ends with the same weights, bit for bit, as one that was
never stopped, on the same device and with the same number of threads.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.optim import Optimizer

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import check_writable, read_bytes
from lossless_inr_lite.history import Entry
from lossless_inr_lite.training.parts import (
    STATE_NAME,
    description_of_fit,
    keep_if_possible,
    opened,
    sealed,
)
from lossless_inr_lite.training.run import Costs, NamedWeights, Run

WRITE_EVERY = 30.0
"""Seconds between two writings at least."""

WRITING_SHARE = 0.02
"""Of the time that may go into writing."""

MOST_BYTES = 2**34
"""A larger file is not read: no state of this package is."""

# What a tensor's name begins with.
WEIGHT = "weight/"
OPTIMISER = "optimiser/"
BEST = "best/"
RECIPE = "recipe/"
HISTORY = "history/"


class StateFile:
    """The file of one fit.

    numbers: those of the recipe, as plain JSON values, with all that decides the weights.

    Raises InputError when `folder` cannot hold such a file.
    """

    def __init__(self, folder: Path, run: Run, numbers: dict[str, Any]) -> None:
        self.path = folder / STATE_NAME
        self.run = run
        self.fit = description_of_fit(run, {**numbers, "chunk": run.plan.chunk})
        self.next_writing = time.perf_counter() + WRITE_EVERY
        check_writable(self.path)

    def is_due(self) -> bool:
        """Whether it is time to write again."""
        return time.perf_counter() >= self.next_writing

    def write(self, optimiser: Optimizer, remembered: Mapping[str, Tensor]) -> None:
        """Write the state before a step, atomically, where that is possible.

        Whatever had the name is replaced.

        remembered: what the recipe needs beside weights and optimiser, by name.
        """
        began = time.perf_counter()
        run = self.run
        tensors = _prefixed(WEIGHT, run.network.state_dict())
        for number, values in optimiser.state_dict()["state"].items():
            tensors |= _prefixed(f"{OPTIMISER}{number}/", values)
        tensors |= _prefixed(RECIPE, remembered)
        # The step that follows looks at the present weights again.
        earlier = [entry for entry in run.history.entries if entry.iteration < run.iteration]
        tensors |= _prefixed(HISTORY, _columns(earlier))
        best_entry = None
        if run.best is not None:
            best_entry = asdict(run.best[0])
            tensors |= _prefixed(BEST, run.best[1])
        costs = {**asdict(run.spent), "seconds": run.seconds}
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        described = {"fit": self.fit, "costs": costs, "best": best_entry}
        keep_if_possible(self.path, sealed(tensors, described))
        ended = time.perf_counter()
        self.next_writing = ended + max(WRITE_EVERY, (ended - began) / WRITING_SHARE)

    def read(self, optimiser: Optimizer) -> dict[str, Tensor] | None:
        """Put an earlier state into the run and the optimiser; return what the recipe remembers.

        None, and nothing is changed, when there is none, when it belongs to another fit, and when
        it is damaged.
        """
        found = self._load()
        if found is None:
            return None
        described, tensors = found
        network = self.run.network
        try:
            costs = Costs(**described["costs"])
            entries = _entries(_named(HISTORY, tensors))
            weights = _fitting(_named(WEIGHT, tensors), network.state_dict())
            states = _optimiser_states(_named(OPTIMISER, tensors), optimiser)
            best = None
            if described["best"] is not None:
                best_weights = _fitting(_named(BEST, tensors), network.state_dict())
                best = (Entry(**described["best"]), best_weights)
        except (ValueError, KeyError, TypeError):
            return None
        network.load_state_dict(weights)
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": states, "param_groups": groups})
        self.run.add_earlier(costs)
        self.run.history.entries = entries
        if best is not None:
            on_device = {name: tensor.to(self.run.device) for name, tensor in best[1].items()}
            self.run.best = (best[0], on_device)
        return _named(RECIPE, tensors)

    def _load(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """The description and the tensors of a whole file of this very fit."""
        try:
            described, tensors = opened(read_bytes(self.path, MOST_BYTES))
            if described["fit"] != self.fit:
                return None
        except (InputError, SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return described, tensors


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it."""
    start = len(prefix)
    return {name[start:]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _fitting(tensors: NamedWeights, wanted: NamedWeights) -> NamedWeights:
    """The tensors, if they have the names and shapes that are wanted; raises ValueError."""
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    if shapes != {name: tensor.shape for name, tensor in wanted.items()}:
        raise ValueError("the tensors have other names or shapes")
    return tensors


def _optimiser_states(tensors: dict[str, Tensor], optimiser: Optimizer) -> dict[int, Any]:
    """What the optimiser remembers of every parameter, by number; raises ValueError."""
    parameters = [tensor for group in optimiser.param_groups for tensor in group["params"]]
    states: dict[int, Any] = {}
    for name, tensor in tensors.items():
        number, _, what = name.partition("/")
        if tensor.ndim and tensor.shape != parameters[int(number)].shape:
            raise ValueError("the optimiser's tensors have other shapes")
        states.setdefault(int(number), {})[what] = tensor
    if states and len(states) != len(parameters):
        raise ValueError("the optimiser's tensors are incomplete")
    return states


def _columns(entries: list[Entry]) -> dict[str, Tensor]:
    """The history as one tensor per field; a PSNR of None becomes NaN."""
    columns: dict[str, Tensor] = {}
    for name in Entry.__dataclass_fields__:
        values = [getattr(entry, name) for entry in entries]
        if name == "psnr":
            values = [np.nan if value is None else value for value in values]
        is_count = name in ("iteration", "samples_seen", "flops", "wrong_bits")
        columns[name] = torch.tensor(values, dtype=torch.int64 if is_count else torch.float64)
    return columns


def _entries(columns: dict[str, Tensor]) -> list[Entry]:
    """The inverse of `_columns`; raises ValueError, KeyError or TypeError."""
    lists = {name: columns[name].tolist() for name in Entry.__dataclass_fields__}
    lists["psnr"] = [None if np.isnan(value) else value for value in lists["psnr"]]
    rows = zip(*lists.values(), strict=True)
    return [Entry(**dict(zip(lists, row, strict=True))) for row in rows]
