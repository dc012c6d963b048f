"""Chapter 3, notebooks/03_fast_fitting.ipynb: what the recipe "fast" gains over the paper's.

It asks questions of ours, and judges no table of the paper. FAST is run with one ingredient taken
away at a time on equal seconds, and with tiles of other sides.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import geometric_mean
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from lossless_inr_lite.companion.claims import Verdict, judge_own, slug
from lossless_inr_lite.companion.evidence import Evidence, Exact, Open, Range, of_rows
from lossless_inr_lite.companion.plots import panel
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.tables import table
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals import Signal, SignalSpec
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.training.fast import Fast
from lossless_inr_lite.training.fit import fit
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
HIDDEN_LAYERS = 2  # of FAST's own networks
OMEGA_PER_PIXEL = 2.0  # FAST's omega_0 of the first layer is this times a tile's side in pixels
LARGE = 1000  # from here on ratios are rounded
FEWER = 4.0  # times fewer samples that FAST shall need than the paper's recipe


def rounded(text: str) -> str:
    """The text with two digits of every number from 1,000 on: more say nothing of a ratio.

    >>> rounded("seconds: PAPER / FAST = 9508.3 (4349.4 to 10990.0)")
    'seconds: PAPER / FAST = 9,500 (4,300 to 11,000)'
    """

    def shorter(found: re.Match[str]) -> str:
        value = float(found[0].replace(",", ""))
        return found[0] if value < LARGE else f"{float(f'{value:.2g}'):,.0f}"

    return re.sub(r"\d[\d,]*\.?\d*", shorter, text)


def variant(name: str) -> Recipe:
    """FAST with the ingredient of that name changed."""
    return replace(FAST, name=f"fast: {name}", trainer=replace(Fast(), **VARIANTS[name]))


def ablate(signal: Signal, max_seconds: float, seed: int) -> dict[str, Fit]:
    """Fits by variant, on equal seconds: all of `VARIANTS`, five hidden layers, and no tiles.

    The last two have no more parameters than the others.
    """
    fits = {}
    for name in VARIANTS:
        fits[name] = fit(
            signal, recipe=variant(name), max_seconds=max_seconds, seed=seed, certify=False
        )
    fits["five hidden layers"] = _fit_heads(
        signal, default_tile(signal.spec), seed, hidden_layers=5, max_seconds=max_seconds
    )
    fits["one network, no tiles"] = _fit_heads(signal, None, seed, max_seconds=max_seconds)
    return fits


def tile_curve(signal: Signal, sides: Sequence[int], seed: int) -> dict[int, Fit]:
    """Fits by the side of a tile in pixels, all with the same number of parameters.

    The picture's own side means one network for all.
    """
    largest = max(signal.spec.grid_shape)
    fits = {}
    for side in sides:
        tile = side if side < largest else None
        fits[side] = _fit_heads(signal, tile, seed, first_omega_0=OMEGA_PER_PIXEL * side)
    return fits


def _fit_heads(
    signal: Signal,
    tile: int | None,
    seed: int,
    *,
    hidden_layers: int = HIDDEN_LAYERS,
    first_omega_0: float | None = None,
    max_seconds: float | None = None,
) -> Fit:
    """FAST with other tiles or layers, as wide as the parameter budget of the signal allows."""
    posed = get_formulation("bit_heads", tile)
    budget = parameter_budget(signal.spec)
    if first_omega_0 is None:
        first_omega_0 = OMEGA_PER_PIXEL * max(posed.tile_sides(signal.spec))
    return fit(
        signal,
        formulation="bit_heads",
        network="siren",
        hidden_features=widest(posed, signal.spec, "siren", hidden_layers, budget),
        hidden_layers=hidden_layers,
        tile=tile,
        seed=seed,
        max_seconds=max_seconds,
        options={"first_omega_0": first_omega_0},
        certify=False,
    )


def both_recipes(signal: Signal, seed: int) -> dict[str, Fit]:
    """Fits of the same bit coordinate network by recipe: "paper" and "fast"."""
    fits = {}
    for recipe in ("paper", "fast"):
        fits[recipe] = fit(
            signal,
            formulation="bit_coordinate",
            network="siren",
            hidden_features=64,
            hidden_layers=5,
            recipe=recipe,
            seed=seed,
            certify=False,
        )
    return fits


# Tables and figures ------------------------------------------------------------------------------


def fit_table(fits: Mapping[Any, Fit], first: str) -> Markdown:
    """Where every fit ended and what it took; `first` heads the column of the mapping's keys."""
    head = (first, "parameters", "width", "networks", "seconds", "samples seen", "wrong bits left")
    rows = []
    for name, result in fits.items():
        last = result.history.entries[-1]
        rows.append(
            (
                name,
                f"{result.num_parameters:,}",
                result.model.architecture.hidden_features,
                result.model.formulation.groups(result.model.spec),
                f"{last.seconds:.1f}",
                f"{last.samples_seen:,}",
                result.entry.wrong_bits or "none",
            )
        )
    return table(head, rows)


def wrong_bits_curves(fits: Mapping[str, Fit]) -> Figure:
    """Wrong bits against seconds, one line per fit; a dot where none is left."""
    none_left = 0.7  # where a logarithmic axis shows 0
    colours = plt.colormaps["tab10"].colors  # type: ignore[attr-defined]
    figure, axes = panel((9, 4.6))
    for (name, result), colour in zip(fits.items(), colours, strict=False):
        seconds = result.history.column("seconds")
        wrong = result.history.column("wrong_bits")
        width = 2.5 if name == "FAST" else 1.2
        shown = np.maximum(wrong, none_left)
        axes.plot(seconds, shown, label=name, color=colour, linewidth=width)
        if wrong[-1] == 0:
            axes.plot(seconds[-1], none_left, marker="o", color=colour)
    axes.set(yscale="log", xlabel="seconds", ylabel="wrong bits (dot: none left)")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def seconds_curve(fits: Mapping[int, Fit], positions: int) -> Figure:
    """Seconds to zero wrong bits against the side of a tile; the picture has `positions` pixels."""
    seconds = [result.history.entries[-1].seconds for result in fits.values()]
    figure, axes = panel((6, 3.6))
    axes.plot(list(fits), seconds, marker="o")
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel(f"side of a tile (largest: one network for all {positions:,} pixels)")
    axes.set_ylabel("seconds to no wrong bit")
    axes.set_xticks(list(fits), [str(side) for side in fits])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter())
    return figure


# The parts of the ratio --------------------------------------------------------------------------

WHOLE_FROM = 100
"""Factors from here on are shown as whole numbers."""

PARTS = {
    "its rate": ("paper", "best rate"),
    "the recipe": ("best rate", "recipe"),
    "a head a bit": ("recipe", "heads"),
    "tiles": ("heads", "tiles"),
}
"""What each change is from and to, in the fits of `benchmarks/speed_parts.py`."""


def speed_parts(fits: Mapping[str, Row]) -> dict[str, dict[str, float | None]]:
    """How many times the FLOPs and seconds each change takes off, and all together.

    `fits` are by "PICTURE/STEP"; several pictures give geometric means. The best rate is the one at
    which the paper's recipe takes the fewest FLOPs, its own among them. None stands where a fit did
    not become lossless.
    """
    of_picture: dict[str, dict[str, Row]] = {}
    for label, row in fits.items():
        picture, step = label.rsplit("/", 1)
        of_picture.setdefault(picture, {})[step] = row
    for steps in of_picture.values():
        papers = [
            row for name, row in steps.items() if name.startswith("paper") and row["lossless"]
        ]
        if papers:
            steps["best rate"] = min(papers, key=lambda row: row["flops"])
    pairs = {**PARTS, "all": ("paper", "tiles")}
    return {
        name: {cost: _factor(of_picture.values(), *pair, cost) for cost in ("flops", "seconds")}
        for name, pair in pairs.items()
    }


def _factor(
    pictures: Iterable[Mapping[str, Row]], before: str, after: str, cost: str
) -> float | None:
    factors = []
    for steps in pictures:
        pair = [steps.get(name) for name in (before, after)]
        if not all(row and row["lossless"] for row in pair):
            return None
        factors.append(steps[before][cost] / steps[after][cost])
    return geometric_mean(factors) if factors else None


def parts_text(parts: Mapping[str, Mapping[str, float | None]]) -> str:
    """The parts in a sentence: "FLOPs 2,000 times = its rate 5.0 x ...; seconds ..."."""
    told = []
    for cost, name in (("flops", "FLOPs"), ("seconds", "seconds")):
        factors = " x ".join(f"{part} {_times(parts[part][cost])}" for part in PARTS)
        told.append(f"{name}: {_times(parts['all'][cost])} times = {factors}")
    return "; ".join(told)


def _times(factor: float | None) -> str:
    if factor is None:
        return "not lossless"
    return f"{factor:,.0f}" if factor >= WHOLE_FROM else f"{factor:.3g}"


def parts_table(record: Mapping[str, Any]) -> Markdown:
    """The parts of a record of `benchmarks/speed_parts.py`, and the load it was made under."""
    parts = record["facts"]["parts"]
    lines = [
        (name, _times(parts[name]["flops"]), _times(parts[name]["seconds"]))
        for name in (*PARTS, "all")
    ]
    loads = [row["made"]["load_average"] for row in record["fits"].values()]
    head = ("part", "times fewer FLOPs", f"times fewer seconds (load {max(loads):.1f} at most)")
    return table(head, lines)


# Verdicts ----------------------------------------------------------------------------------------


def verdicts(headline: Row, samples: Mapping[str, int], arrived: bool) -> list[Verdict]:
    """Our two claims: on the fit of a whole picture, and on the fits of `both_recipes`.

    `headline` is the row of the first. `samples` are those that the others saw by recipe, `arrived`
    tells whether both became lossless.
    """
    return [_within_the_papers_parameters(headline), _fewer_samples(samples, arrived)]


def _within_the_papers_parameters(headline: Row) -> Verdict:
    signal = headline["signal"]
    *grid, _ = signal["shape"]
    budget = parameter_budget(
        SignalSpec(signal["name"], tuple(signal["shape"]), signal["num_bits"])
    )
    sides = " x ".join(str(side) for side in grid)
    question = f"{sides} x {signal['num_bits']} bits lossless with at most {budget:,} parameters"
    return judge_own(
        slug(question),
        question,
        f"{headline['seconds']:.1f} s",
        "certified",
        Exact(headline["lossless"] and headline["model"]["num_parameters"] <= budget),
        # That one exists is shown by one; how often it is so, by the records of the benchmarks.
        replace(of_rows([headline]), exact=True),
    )


def _fewer_samples(samples: Mapping[str, int], arrived: bool) -> Verdict:
    ratio = sample_ratio(samples)
    question = (
        f"with the paper's own network, `fast` needs at least {FEWER:g} times fewer samples than "
        "`paper`"
    )
    return judge_own(
        slug(question),
        question,
        f"{ratio:.1f}",
        f"at least {FEWER:g}",
        Range({"the picture": [ratio]}, low=FEWER) if arrived else Open("a fit did not arrive"),
        Evidence(data="1 picture", signals=1, seeds=1, fits=len(samples)),
    )


def sample_ratio(samples: Mapping[str, int]) -> float:
    """How many times as many samples the paper's recipe saw as FAST."""
    return samples["paper"] / max(1, samples["fast"])


def samples_seen(result: Fit) -> int:
    """Samples that a fit saw from its start to its end."""
    return result.history.entries[-1].samples_seen
