"""The figures, tables and verdicts of notebook 10_bit_bias."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from scipy.stats import rankdata

from lossless_inr_lite.companion.case import PAPER_RATE
from lossless_inr_lite.companion.chapters.c10_bit_bias.study import (
    ASKED,
    BITS,
    CONTROLS,
    METHODS,
    VALUES,
    Measure,
    bias,
    explained,
    lateness,
    rearranged,
    slowdown,
)
from lossless_inr_lite.companion.claims import Verdict, judge_both, judge_own, slug
from lossless_inr_lite.companion.evidence import (
    Evidence,
    Open,
    Range,
    Statement,
    Together,
    by_signal,
    of_rows,
    other_rate,
)
from lossless_inr_lite.companion.plots import COSTS, frame, plain_ticks
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.statistics import Correlation, spearman
from lossless_inr_lite.companion.tables import by_method, table

FLOOR = 1e-4
"""The lowest BER on a logarithmic axis."""

MEASURES: tuple[Measure, ...] = ("significance", "roughness")
AXES: Mapping[Measure, str] = {"significance": "significance", "roughness": "smoothness"}
BIASED = 0.8
"""The rank correlation from which an order counts as that of the planes' significance."""

ORDERED = f"rank correlation at least {BIASED}, of every method"

MSB_LOWEST = CONTROLS[2]


# Figures -----------------------------------------------------------------------------------------


def heat_maps(rows: Sequence[Row], clock: str = "iteration", columns: int = 4) -> Figure:
    """BER of every plane (MSB on top) against a clock, a panel a method.

    The rows are of one picture and seed.
    """
    lines = -(-len(rows) // columns)
    figure, grid = frame(lines, columns, (10, 1.9 * lines))
    # One colour bar for all panels needs it.
    figure.set_layout_engine("constrained")
    mesh = None
    for axes, row in zip(grid.flat, rows, strict=False):
        history = _trained(row)
        if history:
            mesh = _heat_map(axes, row["method"], history, clock)
        else:
            # Not one step in its seconds.
            axes.set_axis_off()
    for axes in grid.flat[len(rows) :]:
        axes.set_axis_off()
    if mesh is not None:
        figure.colorbar(mesh, ax=grid, label="BER", shrink=0.6)
    figure.supxlabel(COSTS[clock], fontsize=9)
    return figure


def _heat_map(
    axes: Axes, method: str, history: Sequence[Mapping[str, Any]], clock: str
) -> QuadMesh:
    errors = np.array([entry["ber_planes"] for entry in history]).T
    num_bits = len(errors)
    edges = [0.9 * history[0][clock], *(entry[clock] for entry in history)]
    mesh = axes.pcolormesh(edges, range(num_bits + 1), errors, vmin=0, vmax=0.5, cmap="magma")
    axes.set_xscale("log")
    axes.set_yticks([0.5, num_bits - 0.5], ["LSB", "MSB"])
    axes.set_title(method, fontsize=8)
    plain_ticks(axes)
    axes.tick_params(labelsize=7)
    return mesh


def _trained(row: Row) -> list[Mapping[str, Any]]:
    """The course of a fit without the untrained network, which a logarithmic axis cannot show."""
    return [entry for entry in row["history"] if entry["iteration"] > 0]


def plane_courses(rows: Sequence[Row]) -> Figure:
    """BER of every plane against iterations, samples seen and seconds; each method has a line."""
    figure, grid = frame(len(rows), len(COSTS), (10, 2.4 * len(rows)), sharey=True)
    for panels, row in zip(grid, rows, strict=True):
        for axes, clock in zip(panels, COSTS, strict=True):
            _plane_course(axes, _trained(row), clock)
        panels[0].set_ylabel(f"{row['method']}\nBER", fontsize=8)
    grid[0, 0].legend(fontsize=8, loc="lower left")
    return figure


def _plane_course(axes: Axes, history: Sequence[Mapping[str, Any]], clock: str) -> None:
    errors = np.maximum([entry["ber_planes"] for entry in history], FLOOR)
    num_bits = errors.shape[1]
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, num_bits))
    names = {0: "LSB", num_bits - 1: "MSB"}
    times = [entry[clock] for entry in history]
    for plane in reversed(range(num_bits)):
        axes.plot(times, errors[:, plane], color=colours[plane], label=names.get(plane))
    axes.set(xscale="log", yscale="log", xlabel=COSTS[clock])
    plain_ticks(axes)


def order_against(rows: Sequence[Row], by: Sequence[Measure] = MEASURES) -> Figure:
    """How early each plane of rearranged pictures was learnt, against its place and smoothness."""
    figure, grid = frame(len(by), len(ASKED), (10, 2.9 * len(by)), sharey=True)
    for column, (name, method) in enumerate(ASKED.items()):
        kept = rearranged(rows, method)
        for axes, measure in zip(grid[:, column], by, strict=True):
            for row in kept:
                early = 1 - np.asarray(lateness(row))
                look = {"markersize": 4, "alpha": 0.6, "color": "#0072B2"}
                axes.plot(_on_axis(row, measure), early, "o", **look)
            title = f"{name}: {earliness(kept, measure).value:.2f}"
            axes.set(xlabel=f"{AXES[measure]} of the plane", title=title)
    for axes in grid[:, 0]:
        axes.set_ylabel("how early")
    return figure


def earliness(rows: Sequence[Row], measure: Measure) -> Correlation:
    """The rank correlation of how early planes are learnt with significance or smoothness.

    `study.explained` correlates lateness with significance and roughness. Earliness turns the sign
    round, and smoothness, the share of equal neighbours, turns it back.
    """
    found = explained(rows, measure)
    if measure == "roughness":
        return found
    return replace(found, value=-found.value, low=-found.high, high=-found.low)


def _on_axis(row: Row, measure: Measure) -> Sequence[float] | np.ndarray:
    """Where a row's planes lie: their smoothness, or their place from 0 (LSB) to 1 (MSB)."""
    if measure == "roughness":
        return 1 - np.asarray(row["roughness"])
    return np.linspace(0, 1, len(row["roughness"]))


# Tables ------------------------------------------------------------------------------------------


def reached_table(rows: Sequence[Row]) -> Markdown:
    """Fits of one picture: the iteration at which each plane came to 1 %, MSB first.

    In brackets stands that of no error.
    """
    roughness = rows[0]["roughness"]
    lines = []
    for plane in reversed(range(len(roughness))):
        cells = [_when(row, plane) for row in rows]
        lines.append((f"plane {plane}", f"{roughness[plane]:.3f}", *cells))
    return table(("", "roughness", *(row["method"] for row in rows)), lines)


def _when(row: Row, plane: int) -> str:
    one_percent = _iterations(row["reached"]["0.01"][plane])
    no_error = _iterations(row["reached"]["0"][plane])
    return f"{one_percent} ({no_error})"


def _iterations(count: int | None) -> str:
    return "never" if count is None else f"{count:,}"


def bias_table(rows: Sequence[Row]) -> Markdown:
    """The bit bias of every method.

    It is told by when planes came to 1 % and to no error, and by their BER at a third of the way.
    """
    lines = []
    for method, group in by_method(rows).items():
        exact = sum(row["lossless"] for row in group)
        lines.append(
            (
                method,
                f"{exact} of {len(group)}",
                f"{arrived(group):.0%}",
                bias(group).text(),
                bias(group, 0).text(),
                f"{early_order(group):.2f}",
            )
        )
    head = (
        "method",
        "certified lossless",
        "planes that came to 1 %",
        "by 1 %",
        "by no error",
        "by BER at a third",
    )
    return table(head, lines)


def arrived(rows: Sequence[Row]) -> float:
    """Share of planes that came to 1 % in the fits' budgets.

    The order of the others is that of their last BER.
    """
    reached = [at is not None for row in rows for at in row["reached"]["0.01"]]
    return sum(reached) / len(reached)


def early_order(rows: Sequence[Row]) -> float:
    """Rank correlation of significance and accuracy at a third of each fit's iterations (Fig. 7).

    BERs are ranked within each fit, so that easy pictures are not mixed with hard ones.
    """
    places: list[float] = []
    accuracies: list[float] = []
    for row in rows:
        errors = _errors_at(row, row["history"][-1]["iteration"] / 3)
        kept = [plane for plane, rough in enumerate(row["roughness"]) if rough > 0]
        ranks = rankdata([-errors[plane] for plane in kept]) / max(1, len(kept))
        places += [plane / len(errors) for plane in kept]
        accuracies += ranks.tolist()
    return spearman(np.column_stack([places, accuracies]))


def _errors_at(row: Row, iteration: float) -> Sequence[float]:
    """BER of every plane at the recorded iteration that is nearest."""
    nearest = min(row["history"], key=lambda entry: abs(entry["iteration"] - iteration))
    return nearest["ber_planes"]


def explained_table(rows: Sequence[Row]) -> Markdown:
    """What tells how early a rearranged plane is learnt: its place, or what it shows."""
    lines = []
    for name, method in ASKED.items():
        kept = rearranged(rows, method)
        lines.append((name, *(earliness(kept, measure).text() for measure in MEASURES)))
    return table(("asked for", "early and significant", "early and smooth"), lines)


def replaced_table(rows: Sequence[Row]) -> Markdown:
    """What happens to the lowest plane when it shows the picture's MSB."""
    found = by_method(rows)
    lines = []
    for name, method in ASKED.items():
        quotients = [f"{quotient:.2f}" for quotient in _replaced(found, method)]
        lines.append((name, ", ".join(quotients) or "-"))
    head = ("asked for", "iterations until the lowest plane is at 1 %, MSB there / as it is")
    return table(head, lines)


def _replaced(found: Mapping[str, Sequence[Row]], method: str) -> list[float]:
    moved = found.get(f"{method}, {MSB_LOWEST}", [])
    natural = found.get(method, [])
    quotients = [slowdown(*pair, place=0) for pair in zip(moved, natural, strict=False)]
    return [quotient for quotient in quotients if not np.isnan(quotient)]


# Facts and verdicts ------------------------------------------------------------------------------


def facts(rows: Sequence[Row]) -> dict[str, Any]:
    """The bias of every method and what explains it, for pages to quote."""
    by_name = {
        method: bias(group).as_dict()
        for method, group in by_method(rows).items()
        if method in METHODS
    }
    by_measure = {}
    for name, method in ASKED.items():
        kept = rearranged(rows, method)
        if kept:
            by_measure[name] = {by: explained(kept, by).as_dict() for by in MEASURES}
    return {"bias": by_name, "explained": by_measure}


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Fig. 6 and the planes of Fig. 7, judged on these fits, and what the controls answer."""
    found = by_method(rows)
    values = {method: found[method] for method in VALUES if method in found}
    bits = {method: found[method] for method in BITS if method in found}
    every = {**values, **bits}
    order = _order_of_planes(every, _bias_value)
    asked_for_values = _order_of_planes(values, _bias_value)
    asked_for_bits = _order_of_planes(bits, _bias_value)
    early = _order_of_planes(every, early_order)
    return [
        *judge_both("fig6", order.ours, ORDERED, order.statement, order.evidence),
        judge_own(
            "values-learn-the-planes-from-the-msb-down",
            "networks asked for values learn the planes from the MSB down, whatever the activation",
            asked_for_values.ours,
            ORDERED,
            asked_for_values.statement,
            asked_for_values.evidence,
            paper="all of them",
        ),
        judge_own(
            "the-bit-coordinate-learns-the-planes-from-the-msb-down",
            "the bit coordinate does so too, with every network",
            asked_for_bits.ours,
            ORDERED,
            asked_for_bits.statement,
            asked_for_bits.evidence,
            paper="yes",
        ),
        *judge_both("fig5", early.ours, ORDERED, early.statement, early.evidence),
        *(judge_control(rows, name) for name in ASKED),
    ]


def _bias_value(rows: Sequence[Row]) -> float:
    return bias(rows).value


@dataclass(frozen=True)
class _Ordered:
    """The orders of several methods, as a verdict takes them."""

    ours: str
    statement: Statement
    evidence: Evidence


def _order_of_planes(
    fits: Mapping[str, Sequence[Row]], measure: Callable[[Sequence[Row]], float]
) -> _Ordered:
    """Whether the order of each method, a rank correlation by `measure`, is from the MSB down."""
    orders = {method: measure(group) for method, group in fits.items()}
    ours = "no fits"
    if orders:
        worst = min(orders, key=orders.__getitem__)
        ours = f"{orders[worst]:.2f} ({worst}) to {max(orders.values()):.2f}"
    parts = []
    for group in fits.values():
        orders_of_fits = [measure([row]) for row in group]
        kept = [pair for pair in zip(group, orders_of_fits, strict=True) if not np.isnan(pair[1])]
        values = by_signal([row for row, _ in kept], [order for _, order in kept])
        parts.append(Range(values, low=BIASED))
    return _Ordered(
        ours, Together(parts), _evidence([row for group in fits.values() for row in group])
    )


def _evidence(fits: Sequence[Row]) -> Evidence:
    settings = other_rate((row["learning_rate"] for row in fits), PAPER_RATE)
    return of_rows(fits, settings=settings)


def judge_control(rows: Sequence[Row], name: str) -> Verdict:
    """Whether planes are learnt in the order of their significance, rearranged or not.

    `name` is a way of asking among `ASKED`. Both correlations are told so that 1 is what the claim
    has in mind: upper planes first, and smooth planes first.
    """
    kept = rearranged(rows, ASKED[name])
    significance = -explained(kept, "significance").value
    roughness = explained(kept, "roughness").value
    values: dict[str, list[float]] = {}
    for picture in dict.fromkeys(row["signal"]["name"] for row in kept):
        of_picture = [row for row in kept if row["signal"]["name"] == picture]
        by_place = -explained(of_picture, "significance").value
        by_content = explained(of_picture, "roughness").value
        if not np.isnan(by_place - by_content):
            values[picture] = [by_place - abs(by_content)]
    # Rearranged planes are another signal, and still of the same picture.
    natural = [
        {**row, "signal": {**row["signal"], "sha256": row["signal"]["name"]}} for row in kept
    ]
    return judge_own(
        f"asked-for-{slug(name)}-the-order-follows-significance-not-what-the-plane-shows",
        f"asked for {name}: the order follows significance, not what the plane shows",
        f"significance {significance:.2f}, roughness {roughness:.2f}",
        "significance above roughness, whatever its sign",
        Range(values, low=0) if values else Open("no planes that can be ranked"),
        _evidence(natural),
        paper="significance",
    )


# Committed records -------------------------------------------------------------------------------


def groups(record: Mapping[str, Any] | None) -> dict[str, list[Row]]:
    """The fits of a committed record by what was fitted; nothing where there is no record."""
    fits = record["fits"] if record else {}
    found: dict[str, list[Row]] = {"8 bits": [], "16 bits": [], "8 bits, rearranged": []}
    for label, row in fits.items():
        found[_group(label)].append(row)
    return {name: rows for name, rows in found.items() if rows}


def _group(label: str) -> str:
    if label.startswith("deep/"):
        return "16 bits"
    if label.startswith("rearranged/"):
        return "8 bits, rearranged"
    return "8 bits"
