"""FAST with one ingredient taken away at a time, on equal seconds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.training.fast import Fast
from lossless_inr_lite.training.fit import Fit, fit
from lossless_inr_lite.training.recipes import FAST, Recipe, default_tile, parameter_budget, widest

# name -> what is changed in the recipe's numbers
VARIANTS: dict[str, dict[str, Any]] = {
    "FAST": {},
    "usual memory of Adam (0.999)": {"betas": (0.9, 0.999)},
    "output no faster than the rest": {"output_rate": 0.0005},
    "no average of the weights": {"averaging": 0.0},
    "full batches": {"steps_per_epoch": 1, "batch": (1 << 30, 1 << 30)},
    "batches do not grow": {"grow_at": 0.0},
    "rate never falls": {"decay": 1.0},
    "no warm-up": {"warm_up": 1},
}


def variant(name: str) -> Recipe:
    """FAST with the ingredient of that name changed."""
    return replace(FAST, name=f"fast: {name}", trainer=replace(Fast(), **VARIANTS[name]))


def ablate(signal: Signal, max_seconds: float, seed: int) -> dict[str, Fit]:
    """Every variant at FAST's own network on equal seconds; then FAST with five hidden layers, and without tiles.

    Both of these have no more parameters than the others.
    """
    fits = {
        name: fit(signal, recipe=variant(name), max_seconds=max_seconds, seed=seed, certify=False)
        for name in VARIANTS
    }
    budget = parameter_budget(signal.spec)
    for name, layers, tile in (
        ("five hidden layers", 5, default_tile(signal.spec)),
        ("one network, no tiles", 2, None),
    ):
        posed = get_formulation("bit_heads", tile)
        width = widest(posed, signal.spec, "siren", layers, budget)
        first = {"first_omega_0": 2.0 * max(posed.tile_sides(signal.spec))}
        fits[name] = fit(
            signal,
            "bit_heads",
            "siren",
            width,
            layers,
            tile,
            max_seconds=max_seconds,
            seed=seed,
            options=first,
            certify=False,
        )
    return fits


def tile_curve(signal: Signal, sides: list[int], seed: int) -> dict[int, Fit]:
    """FAST at the same number of parameters in all, with tiles of these sides (the picture's own side: one network)."""
    fits = {}
    for side in sides:
        tile = side if side < max(signal.spec.grid_shape) else None
        posed = get_formulation("bit_heads", tile)
        width = widest(posed, signal.spec, "siren", 2, parameter_budget(signal.spec))
        fits[side] = fit(
            signal,
            "bit_heads",
            "siren",
            width,
            2,
            tile,
            seed=seed,
            options={"first_omega_0": 2.0 * side},
            certify=False,
        )
    return fits


def fit_table(fits: Mapping[Any, Fit], first: str) -> Markdown:
    """Where every fit ended and what it took."""
    rows = [
        (
            name,
            f"{result.num_parameters:,}",
            result.model.architecture.hidden_features,
            result.model.formulation.groups(result.model.spec),
            f"{result.history.entries[-1].seconds:.1f}",
            f"{result.history.entries[-1].samples_seen:,}",
            result.entry.wrong_bits or "none",
        )
        for name, result in fits.items()
    ]
    return table(
        (first, "parameters", "width", "networks", "seconds", "samples seen", "wrong bits left"),
        rows,
    )


def wrong_bits_curves(fits: Mapping[str, Fit]) -> Figure:
    """Wrong bits against seconds, one line a fit; a dot where none is left."""
    figure, axes = plt.subplots(figsize=(9, 4.6))
    for (name, result), colour in zip(fits.items(), plt.colormaps["tab10"].colors, strict=False):  # type: ignore[attr-defined]
        seconds, wrong = result.history.column("seconds"), result.history.column("wrong_bits")
        axes.plot(
            seconds,
            np.maximum(wrong, 0.7),
            label=name,
            color=colour,
            linewidth=2.5 if name == "FAST" else 1.2,
        )
        if wrong[-1] == 0:
            axes.plot(seconds[-1], 0.7, marker="o", color=colour)
    axes.set(yscale="log", xlabel="seconds", ylabel="wrong bits (dot: none left)")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    return figure


def seconds_curve(fits: Mapping[int, Fit], positions: int) -> Figure:
    """Seconds to zero wrong bits against the side of a tile."""
    figure, axes = plt.subplots(figsize=(6, 3.6))
    axes.plot(
        list(fits), [result.history.entries[-1].seconds for result in fits.values()], marker="o"
    )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=f"side of a tile (largest: one network for all {positions:,} pixels)",
    )
    axes.set_xticks(list(fits), [str(side) for side in fits])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter())
    axes.set_ylabel("seconds to no wrong bit")
    figure.tight_layout()
    return figure
