"""Fitting a network to a signal until every bit is right."""

import numbers
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypedDict, Unpack

import torch
from tqdm import tqdm

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.devices import check_memory, get_device, limit_threads
from lossless_inr_lite.errors import (
    DivergedError,
    InputError,
    as_integer,
    check_choice,
    check_type,
    shown,
)
from lossless_inr_lite.files import as_path
from lossless_inr_lite.model import Model, build_model, build_shape
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.storage.certify import certify_model
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.storage.saved import SUFFIXES, check_storable
from lossless_inr_lite.training import RECIPE_NAMES
from lossless_inr_lite.training.budget import Budget
from lossless_inr_lite.training.memory import default_chunk
from lossless_inr_lite.training.parts import forget_parts
from lossless_inr_lite.training.recipes import Recipe, get_recipe
from lossless_inr_lite.training.run import Callback, Plan, Run

__all__ = ["Budget", "Fit", "fit", "forget_parts", "warm_up"]

SEEDS = 2**63


class Parts(TypedDict, total=False):
    """The fields of an `Architecture`, as keywords of `fit`."""

    formulation: str | None
    network: str | None
    hidden_features: int | None
    hidden_layers: int | None
    loss: str | None
    tile: int | None
    options: Mapping[str, float] | None


def fit(
    signal: Signal,
    architecture: Architecture | None = None,
    recipe: str | Recipe = "fast",
    budget: Budget | None = None,
    *,
    seed: int = 0,
    device: str = "auto",
    chunk_samples: int | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
    certify: bool = True,
    resume_dir: str | Path | None = None,
    saved_as: str = ".safetensors",
    max_iterations: int | None = None,
    max_seconds: float | None = None,
    **parts: Unpack[Parts],
) -> Fit:
    """Fit `signal` until no bit is wrong or the budget ends, and certify the result.

    architecture: what is fitted. What it leaves open is chosen by the recipe: "paper" takes a SIREN
        of 5 hidden layers of 512 (1,316,867 parameters for RGB) with the bit index as a coordinate,
        "fast" takes many small networks with one head per bit, "ternary" ternary ones.
    parts: the fields of an architecture by name, such as `tile=32`, in place of one or beside it.
    recipe: a name, or a `Recipe` of your own.
    budget: when to end at the latest; `max_iterations` and `max_seconds` are short for it.
    seed: of the first weights and of the order of samples, 0 to 2^63 - 1.
    device: "auto", "cpu" or "cuda".
    chunk_samples: samples whose gradient is computed at a time by "paper" and "ternary". It bounds
        their memory and does not change their gradient.
    callback: `callback(entry, words)` sees every evaluation, and a true answer ends the fit.
    progress: whether to show a bar; None shows one on a terminal.
    max_seconds: for training and certifying together. The training ends early enough for one more
        decoding. Samples that were not even decided once by then count as wrong. A result without
        a wrong bit is always decoded in one way at least, in a new process, which may exceed a very
        short limit.
    certify: False skips the certificate; the fit is then not `lossless`, whatever its wrong bits.
    resume_dir: a folder in which "fast" keeps every batch of tiles that is finished, each in a file
        of its own, and the other recipes their whole state every half minute and at an early end.
        A later fit of the same signal, architecture, recipe and seed goes on from there and ends
        with the same weights.
    saved_as: the suffix of the file that will hold the fit. What could not be saved so is refused
        before any work.

    A fit that goes on begins its history with the state in which the kept batches leave it. Its
    iterations, samples seen, FLOPs and seconds are the sums over all runs. `max_iterations` limits
    that sum, `max_seconds` this run alone, its certificate included.

    Raises InputError before any work for unknown names, bad numbers, a folder that cannot be
    written, or more memory than is free. Raises DivergedError, with the best fit so far, when the
    loss is no longer finite.
    """
    check_type("signal", signal, Signal, "a Signal is needed, as load_image gives one")
    needed = f"a recipe is needed: {', '.join(RECIPE_NAMES)}, or a Recipe of your own"
    check_type("recipe", recipe, (str, Recipe), needed)
    plan = get_recipe(recipe) if isinstance(recipe, str) else recipe
    wanted = _one_architecture(architecture, parts)
    allowed = _one_budget(budget, max_iterations, max_seconds)
    seed = _checked_seed(seed)
    if callback is not None and not callable(callback):
        raise InputError(f"callback is {shown(callback)}: a function of (entry, words) is needed")
    for what, value in (("progress", progress), ("certify", certify)):
        check_type(what, value, (bool, type(None)), "True or False is needed")
    check_choice("suffix of a saved network", saved_as, list(SUFFIXES))
    folder = None if resume_dir is None else as_path(resume_dir, "resume_dir")
    device = get_device(device)
    if chunk_samples is None:
        chunk_samples = default_chunk(device)
    chunk = as_integer("chunk_samples", chunk_samples, 1)
    warm_up()
    started = time.perf_counter()
    complete = plan.complete(wanted, signal.spec)
    model = _checked_model(complete, plan, signal, seed, chunk, device)
    check_storable(signal.spec, complete, saved_as)
    allowed = _with_default_limit(allowed, plan, model)
    allowed = allowed.after(time.perf_counter() - started)
    run = Run(signal, model, Plan(plan.name, seed, allowed, device, chunk, callback, folder))
    result = _train(run, plan, progress)
    if certify:
        result.certificate = certify_model(result, signal)
    return result


def _one_architecture(architecture: Architecture | None, parts: Parts) -> Architecture:
    """The architecture with the parts in it; raises InputError when a field is given twice."""
    allowed = list(vars(Architecture()))
    for name in parts:
        check_choice("argument of fit", name, allowed)
    if architecture is None:
        return Architecture(**parts)
    if not isinstance(architecture, Architecture):
        raise InputError(
            f"architecture is {architecture!r}: an Architecture is needed, "
            "or its fields by name, such as formulation='bit_heads'"
        )
    for name, value in parts.items():
        if value is not None and getattr(architecture, name) is not None:
            raise InputError(f"{name} is given twice, by itself and in the architecture")
    return Architecture(**parts).completed(architecture)


def _one_budget(
    budget: Budget | None, max_iterations: int | None, max_seconds: float | None
) -> Budget:
    """The budget with these limits in it; raises InputError when one is given twice."""
    limits = Budget(max_iterations, max_seconds)
    if budget is None:
        return limits
    check_type("budget", budget, Budget, "a Budget is needed, or max_iterations and max_seconds")
    for name, value in vars(limits).items():
        if value is not None and getattr(budget, name) is not None:
            raise InputError(f"{name} is given twice, by itself and in the budget")
    given = {name: value for name, value in vars(limits).items() if value is not None}
    return replace(budget, **given)


def _with_default_limit(budget: Budget, recipe: Recipe, model: Model) -> Budget:
    """The budget with the recipe's own limit, which grows with the batches that take turns."""
    if budget.max_iterations is not None:
        return budget
    batches = recipe.trainer.num_batches(model.formulation.groups(model.spec))
    return replace(budget, max_iterations=recipe.max_iterations * batches)


def _checked_model(
    architecture: Architecture, recipe: Recipe, signal: Signal, seed: int, chunk: int, device: str
) -> Model:
    """Build the model, after a look at its size on the meta device, which allocates nothing."""
    shape = build_shape(architecture, signal.spec)
    check_memory(recipe.trainer.memory(shape, chunk), device)
    return build_model(architecture, signal.spec, seed)


def _checked_seed(seed: Any) -> int:
    is_integer = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if not is_integer or not 0 <= int(seed) < SEEDS:
        raise InputError(f"seed is {shown(seed)}: allowed are integers from 0 to 2^63 - 1")
    return int(seed)


@cache
def warm_up() -> None:
    """Make and step an optimiser once, with no more threads than there are cores.

    The first optimiser of a process imports seconds of torch's code. Those would be counted as the
    first fit's training, and eat its budget of seconds.
    """
    limit_threads()
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimiser.step()


def _train(run: Run, recipe: Recipe, progress: bool | None) -> Fit:
    """Let the recipe train; Ctrl-C and a loss that is not finite keep the best so far."""
    shown = sys.stderr.isatty() if progress is None else progress
    bar: tqdm[Any] = tqdm(desc=run.signal.name, unit=" steps", disable=not shown)
    with bar:
        try:
            stopped = recipe.trainer.train(run, bar)
        except KeyboardInterrupt:
            if run.best is None:
                raise
            stopped = "interrupted"
        except DivergedError as error:
            error.best = None if run.best is None else _result(run, "diverged")
            raise
    return _result(run, stopped)


def _result(run: Run, stopped: str) -> Fit:
    entry, model = run.best_model()
    return Fit(
        model=model,
        recipe=run.plan.recipe,
        seed=run.plan.seed,
        device=run.device,
        sha256_samples=run.signal.sha256,
        entry=entry,
        stopped=stopped,
        history=run.history,
        time_left=run.time_left(),
    )
