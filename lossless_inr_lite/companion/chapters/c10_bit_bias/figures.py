"""The figures, tables and verdicts of notebook 10."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure
from scipy.stats import rankdata

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.companion.chapters.c10_bit_bias.study import (
    ASKED,
    BITS,
    CONTROLS,
    METHODS,
    VALUES,
    bias,
    explained,
    lateness,
    slowdown,
)
from lossless_inr_lite.companion.plots import COSTS, plain_ticks
from lossless_inr_lite.companion.records import Verdict, verdict
from lossless_inr_lite.companion.statistics import rank_correlation
from lossless_inr_lite.companion.tables import Row, by_method

FLOOR = 1e-4  # of a BER on a logarithmic axis


def heat_maps(rows: Sequence[Row], clock: str = "iteration", columns: int = 4) -> Figure:
    """BER of every plane (MSB on top) against a clock, a panel a method; the rows are of one picture and seed."""
    lines = -(-len(rows) // columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(10, 1.9 * lines), squeeze=False, layout="constrained"
    )
    for axes in grid.flat[len(rows) :]:
        axes.set_axis_off()
    mesh = None
    for axes, row in zip(grid.flat, rows, strict=False):
        history = [h for h in row["history"] if h["iteration"] > 0]
        if not history:  # not one step in its seconds
            axes.set_axis_off()
            continue
        errors = np.array([h["ber_planes"] for h in history]).T
        edges = [0.9 * history[0][clock], *(h[clock] for h in history)]
        mesh = axes.pcolormesh(
            edges, range(len(errors) + 1), errors, vmin=0, vmax=0.5, cmap="magma"
        )
        axes.set(
            xscale="log",
            title=row["method"],
            yticks=[0.5, len(errors) - 0.5],
            yticklabels=["LSB", "MSB"],
        )
        axes.title.set_fontsize(8)
        plain_ticks(axes)
        axes.tick_params(labelsize=7)
    if mesh is not None:
        figure.colorbar(mesh, ax=grid, label="BER", shrink=0.6)
    figure.supxlabel(COSTS[clock], fontsize=9)
    return figure


def plane_courses(rows: Sequence[Row]) -> Figure:
    """BER of every plane against iterations, samples seen and seconds; a line of panels a method."""
    figure, grid = plt.subplots(
        len(rows), 3, figsize=(10, 2.4 * len(rows)), squeeze=False, sharey=True
    )
    for panels, row in zip(grid, rows, strict=True):
        history = [h for h in row["history"] if h["iteration"] > 0]
        errors = np.maximum([h["ber_planes"] for h in history], FLOOR)
        colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, errors.shape[1]))
        for axes, (clock, label) in zip(panels, COSTS.items(), strict=True):
            for plane in reversed(range(errors.shape[1])):
                name = {0: "LSB", errors.shape[1] - 1: "MSB"}.get(plane)
                axes.plot(
                    [h[clock] for h in history], errors[:, plane], color=colours[plane], label=name
                )
            axes.set(xscale="log", yscale="log", xlabel=label)
            plain_ticks(axes)
        panels[0].set_ylabel(f"{row['method']}\nBER", fontsize=8)
    grid[0, 0].legend(fontsize=8, loc="lower left")
    figure.tight_layout()
    return figure


def order_against(
    rows: Sequence[Row], by: tuple[str, ...] = ("significance", "roughness")
) -> Figure:
    """How late each plane of the rearranged pictures was learnt, against its place and against what it shows."""
    figure, grid = plt.subplots(
        len(by), len(ASKED), figsize=(10, 2.9 * len(by)), sharey=True, squeeze=False
    )
    for column, (name, method) in enumerate(ASKED.items()):
        kept = [row for row in rows if row["method"].startswith(f"{method}, ")]
        for axes, what in zip(grid[:, column], by, strict=True):
            for row in kept:
                late, count = lateness(row), len(row["roughness"])
                x = (
                    row["roughness"]
                    if what == "roughness"
                    else np.arange(count) / max(1, count - 1)
                )
                axes.plot(x, late, "o", markersize=4, alpha=0.6, color="#0072B2")
            axes.set(
                xlabel=f"{what} of the plane", title=f"{name}: {explained(kept, what).value:.2f}"
            )
    for axes in grid[:, 0]:
        axes.set_ylabel("how late")
    figure.tight_layout()
    return figure


def reached_table(rows: Sequence[Row]) -> Markdown:
    """Fits of one picture: the iteration at which each plane came to 1 %, and to no error in brackets; MSB first."""
    planes = range(len(rows[0]["roughness"]))
    lines = [
        (f"plane {i}", f"{rows[0]['roughness'][i]:.3f}", *(_when(row, i) for row in rows))
        for i in reversed(planes)
    ]
    return table(("", "roughness", *(row["method"] for row in rows)), lines)


def _when(row: Row, plane: int) -> str:
    one, none = (row["reached"][level][plane] for level in ("0.01", "0"))
    return f"{'never' if one is None else f'{one:,}'} ({'never' if none is None else f'{none:,}'})"


def bias_table(rows: Sequence[Row]) -> Markdown:
    """The bit bias of every method: by the iteration of 1 %, of no error, and by BER a third of the way."""
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
    """Share of planes that came to 1 % in the fits' budgets; the order of the others is that of their last BER."""
    reached = [at is not None for row in rows for at in row["reached"]["0.01"]]
    return sum(reached) / len(reached)


def early_order(rows: Sequence[Row]) -> float:
    """Rank correlation of significance and accuracy at a third of each fit's iterations: what Fig. 7 shows.

    BERs are ranked within each fit, so that easy pictures are not mixed with hard ones.
    """
    places, accuracies = [], []
    for row in rows:
        third = row["history"][-1]["iteration"] / 3
        planes = min(row["history"], key=lambda h: abs(h["iteration"] - third))["ber_planes"]
        kept = [i for i, rough in enumerate(row["roughness"]) if rough > 0]
        places += [i / len(planes) for i in kept]
        accuracies += (rankdata([-planes[i] for i in kept]) / max(1, len(kept))).tolist()
    return rank_correlation(places, accuracies, ["one"] * len(places)).value


def explained_table(rows: Sequence[Row]) -> Markdown:
    """What tells how late a plane is learnt, in rearranged pictures: its place, or its roughness."""
    lines = []
    for name, method in ASKED.items():
        kept = [row for row in rows if row["method"].startswith(f"{method}, ")]
        lines.append((name, *(explained(kept, by).text() for by in ("significance", "roughness"))))
    return table(("asked for", "lateness and significance", "lateness and roughness"), lines)


def replaced_table(rows: Sequence[Row]) -> Markdown:
    """What happens to the lowest plane when it shows the picture's MSB."""
    found = by_method(rows)
    lines = [
        (name, ", ".join(f"{x:.2f}" for x in _replaced(found, method)) or "-")
        for name, method in ASKED.items()
    ]
    return table(
        ("asked for", "iterations until the lowest plane is at 1 %, MSB there / as it is"), lines
    )


def _replaced(found: Mapping[str, Sequence[Row]], method: str) -> list[float]:
    pairs = zip(found.get(f"{method}, {CONTROLS[2]}", []), found.get(method, []), strict=False)
    quotients = [slowdown(moved, natural, 0) for moved, natural in pairs]
    return [x for x in quotients if x == x]


def facts(rows: Sequence[Row]) -> dict[str, Any]:
    """The bias of every method and what explains it, for pages to quote."""
    found = by_method(rows)
    asked = {n: [r for r in rows if r["method"].startswith(f"{m}, ")] for n, m in ASKED.items()}
    return {
        "bias": {name: bias(group).as_dict() for name, group in found.items() if name in METHODS},
        "explained": {
            n: {by: explained(kept, by).as_dict() for by in ("significance", "roughness")}
            for n, kept in asked.items()
            if kept
        },
    }


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Fig. 6 and 7, judged on these fits, and the question that the controls answer."""
    found = by_method(rows)
    values, bits = (
        {n: bias(found[n]).value for n in names if n in found} for names in (VALUES, BITS)
    )
    early = {name: early_order(found[name]) for name in (*values, *bits)}
    answers = {name: _follows(rows, method) for name, method in ASKED.items()}
    return [
        verdict(
            "Fig. 6",
            "networks asked for values learn the planes from the MSB down, whatever the activation",
            "all of them",
            _lowest(values),
            "rank correlation at least 0.8",
            min(values.values()) >= 0.8,
            row="fig6",
        ),
        verdict(
            "Fig. 6",
            "the bit coordinate does so too, with every network",
            "yes",
            _lowest(bits),
            "rank correlation at least 0.8",
            min(bits.values()) >= 0.8,
            row="fig6",
        ),
        verdict(
            "Fig. 7",
            "a third of the way, upper planes have fewer errors than lower ones",
            "all methods",
            _lowest(early),
            "rank correlation at least 0.8",
            min(early.values()) >= 0.8,
            row="fig7",
        ),
        *(
            verdict(
                "our question",
                f"asked for {name}: the order follows significance, not what the plane shows",
                "significance",
                text,
                "significance above roughness, whatever its sign",
                follows,
            )
            for name, (text, follows) in answers.items()
        ),
    ]


def _lowest(values: Mapping[str, float]) -> str:
    worst = min(values, key=values.__getitem__)
    return f"{min(values.values()):.2f} ({worst}) to {max(values.values()):.2f}"


def _follows(rows: Sequence[Row], method: str) -> tuple[str, bool]:
    """Both correlations so that 1 is what the claim has in mind: upper planes first, and smooth planes first."""
    kept = [row for row in rows if row["method"].startswith(f"{method}, ")]
    place, rough = (explained(kept, by).value for by in ("significance", "roughness"))
    return f"significance {-place:.2f}, roughness {rough:.2f}", -place > abs(rough)


def groups(record: Mapping[str, Any] | None) -> dict[str, list[Row]]:
    """The fits of a committed record by what was fitted; nothing where there is no record."""
    names = {"8 bits": "", "16 bits": "deep/", "8 bits, rearranged": "rearranged/"}
    fits = record["fits"] if record else {}
    kept = {
        name: [row for label, row in fits.items() if _prefix(label) == start]
        for name, start in names.items()
    }
    return {name: rows for name, rows in kept.items() if rows}


def _prefix(label: str) -> str:
    return next((start for start in ("deep/", "rearranged/") if label.startswith(start)), "")
