"""Fitting a network to a signal until every bit is right."""

import math
import sys
from functools import cache
from typing import Any

import torch
from tqdm import tqdm

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.devices import check_memory, get_device
from lossless_inr_lite.errors import DivergedError, InputError
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.losses import get_loss
from lossless_inr_lite.model import Model, build_model, build_shape
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.storage.certify import certify_model
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.storage.header import check_storable
from lossless_inr_lite.training.memory import default_chunk, fit_memory
from lossless_inr_lite.training.recipes import Choice, Recipe, get_recipe
from lossless_inr_lite.training.run import Budget, Callback, Run


def fit(
    signal: Signal,
    formulation: str | None = None,
    network: str | None = None,
    hidden_features: int | None = None,
    hidden_layers: int | None = None,
    tile: int | None = None,
    recipe: str | Recipe = "fast",
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

    What is None is chosen by the recipe: "paper" takes a SIREN of 5 hidden layers of 512 (1,316,867 parameters for
    RGB) with the bit index as a coordinate, "fast" many small ones with a head a bit. `tile` cuts the signal into
    tiles of at least that side, a network each.
    `recipe` is a name or a `Recipe` of your own. `max_iterations` counts updates. `chunk_samples` bounds the
    memory of "paper" and does not change its gradient. `callback(entry, words)` sees every evaluation, and a true
    answer ends the fit. `progress`
    None shows a bar on a terminal only. `certify=False` skips the certificate, and the fit is then not `lossless`,
    whatever its wrong bits.

    Raises InputError before any work for unknown names, bad numbers, or more memory than is free, and
    DivergedError (with the best fit so far) when the loss is no longer finite.
    """
    plan = get_recipe(recipe) if isinstance(recipe, str) else recipe
    choice = Choice(formulation, network, hidden_features, hidden_layers, tile, options)
    architecture = choose_architecture(plan, signal, choice, loss)
    budget = Budget(
        positive("max_iterations", max_iterations, plan.max_iterations),
        positive("max_seconds", max_seconds, math.inf),
    )
    device = get_device(device)
    chunk = int(positive("chunk_samples", chunk_samples, default_chunk(device)))
    model = _checked_model(architecture, signal, seed, chunk, device)
    _warm_up()
    run = Run(signal, model, plan.name, budget, device, callback)
    result = _train(run, plan, progress, chunk, seed)
    if certify:
        result.certificate = certify_model(result, signal)
    return result


@cache
def _warm_up() -> None:
    """Make and step an optimiser once: a process's first loads seconds of code, which are nobody's training."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.Adam([parameter])
    parameter.sum().backward()
    optimiser.step()


def _train(run: Run, plan: Recipe, progress: bool | None, chunk: int, seed: int) -> Fit:
    """Let the recipe train; Ctrl-C and a loss that is not finite keep the best so far."""
    shown = sys.stderr.isatty() if progress is None else progress
    bar: tqdm[Any] = tqdm(desc=run.signal.name, unit=" steps", disable=not shown)
    with bar:
        try:
            stopped = plan.trainer.train(run, bar, chunk, seed)
        except KeyboardInterrupt:
            if run.best is None:
                raise
            stopped = "interrupted"
        except DivergedError as error:
            error.best = _result(run, plan, "diverged", seed) if run.best else None
            raise
    return _result(run, plan, stopped, seed)


def _result(run: Run, plan: Recipe, stopped: str, seed: int) -> Fit:
    entry, model = run.best_model()
    return Fit(model, plan.name, seed, run.device, run.signal.sha256, entry, stopped, run.history)


def choose_architecture(
    plan: Recipe, signal: Signal, choice: Choice, loss: str | None
) -> Architecture:
    """The user's choice, completed by the recipe; raises InputError for unknown names and bad sizes."""
    if choice.tile is not None and (
        isinstance(choice.tile, bool) or not isinstance(choice.tile, int)
    ):
        raise InputError(f"tile is {choice.tile!r}: a whole number is needed")
    full = plan.choose(signal.spec, choice)
    loss_name = (
        loss if loss is not None else plan.loss_name(get_formulation(full.formulation, full.tile))
    )
    return Architecture(
        full.formulation,
        full.network,
        full.hidden_features,
        full.hidden_layers,
        get_loss(loss_name).name,
        full.tile,
        full.options,
    )


def _checked_model(
    architecture: Architecture, signal: Signal, seed: int, chunk: int, device: str
) -> Model:
    """Build the model, after a look at its size on the meta device, which allocates nothing."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InputError(f"seed is {seed!r}: allowed are whole numbers from 0 to 2^63 - 1")
    shape = build_shape(architecture, signal.spec)
    check_storable(signal.spec, architecture)
    check_memory(fit_memory(shape.network, shape.formulation, signal.spec, chunk), device)
    return build_model(architecture, signal.spec, seed)


def positive(what: str, value: float | None, default: float) -> float:
    """`value`, or `default` for None; raises InputError unless it is a number above 0."""
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InputError(f"{what} is {value!r}: a number above 0 is needed")
    return value
