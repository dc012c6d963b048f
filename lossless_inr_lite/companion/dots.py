"""Records of studies as figures: a line a method, a dot a fit, a bar for mean and interval.

They say at one look what tables say in numbers.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lossless_inr_lite.companion.plots import frame, plain_ticks
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.statistics import interval
from lossless_inr_lite.companion.tables import CLOCK_NAMES, by_method, clocks_of, qualities

LINE = 0.34  # inches of height a method
MARGIN = 1.1  # inches above and below the lines
WIDTH = 9.0
EXACT = "#009E73"
WRONG = "#D55E00"
NOT_REACHED = "#888888"
ROOM_FOR_COUNTS = 30  # left of "exact", as a factor
EXACT_SHARE = 0.35  # decades: how far left of the smallest error "exact" stands
ARRIVAL_COSTS = {
    "iterations": "iterations until lossless",
    "samples_seen": "samples seen until then",
}


def quality_dots(rows: Iterable[Row]) -> Figure:
    """Bit error rates at equal cost: a panel a clock, a line a method, a dot a fit.

    Green dots at the left edge are fits without a wrong bit. A method that did not reach the moment
    says so.
    """
    rows = list(rows)
    clocks = clocks_of(rows)
    methods = by_method(rows)
    figure, grid = frame(1, len(clocks), _size(len(methods)), sharey=True, sharex=True)
    errors = {
        clock: {
            name: [q["ber"] for q in qualities(group, clock)] for name, group in methods.items()
        }
        for clock in clocks
    }
    positive = [
        ber for by_name in errors.values() for bers in by_name.values() for ber in bers if ber > 0
    ]
    exact_at = min(positive, default=1e-3) / 10**EXACT_SHARE
    for axes, clock in zip(grid[0], clocks, strict=True):
        _quality_panel(axes, errors[clock], exact_at)
        axes.set_title(f"equal {CLOCK_NAMES[clock]}", fontsize=10)
        axes.set_xlabel("bit error rate")
    return figure


def _quality_panel(axes: Axes, errors: Mapping[str, Sequence[float]], exact_at: float) -> None:
    axes.set_xscale("log")
    axes.axvspan(exact_at / 2, exact_at * 1.5, color=EXACT, alpha=0.12, linewidth=0)
    for line, bers in enumerate(errors.values()):
        exact = [ber for ber in bers if ber == 0]
        wrong = [ber for ber in bers if ber > 0]
        if not bers:
            axes.text(exact_at * 2, line, "not reached", color=NOT_REACHED, va="center", fontsize=8)
        axes.scatter(wrong, _spread(line, len(wrong)), s=14, color=WRONG, alpha=0.7)
        axes.scatter([exact_at] * len(exact), _spread(line, len(exact)), s=14, color=EXACT)
        if exact:
            told = f"{len(exact)} exact "
            axes.text(exact_at / 1.5, line, told, ha="right", va="center", fontsize=8)
    axes.set_xlim(left=exact_at / ROOM_FOR_COUNTS)
    _name_lines(axes, list(errors))


def arrival_dots(rows: Iterable[Row], costs: Mapping[str, str] = ARRIVAL_COSTS) -> Figure:
    """What each method needed to become lossless: a panel a cost, a line a method, a dot a fit.

    The bar is the mean with its 95 % interval over pictures. Where fits did not arrive, the
    method's name says how many did.
    """
    methods = by_method(rows)
    figure, grid = frame(1, len(costs), _size(len(methods)), sharey=True)
    for axes, (cost, label) in zip(grid[0], costs.items(), strict=True):
        axes.set_xscale("log")
        for line, group in enumerate(methods.values()):
            _arrival_line(axes, line, group, cost)
        axes.set_xlabel(label)
        plain_ticks(axes)
        _name_lines(axes, [_with_count(name, group) for name, group in methods.items()])
    return figure


def _arrival_line(axes: Axes, line: int, group: Sequence[Row], cost: str) -> None:
    arrived = [row for row in group if row["lossless"]]
    values = [row[cost] for row in arrived]
    axes.scatter(values, _spread(line, len(values)), s=14, color=EXACT, alpha=0.6)
    if arrived:
        by_picture: dict[str, list[float]] = {}
        for row in arrived:
            by_picture.setdefault(row["signal"]["sha256"], []).append(row[cost])
        mean = interval(by_picture)
        axes.plot([mean.low, mean.high], [line, line], color="black", linewidth=1.5)
        axes.plot([mean.mean], [line], marker="|", color="black", markersize=12)


def _with_count(name: str, group: Sequence[Row]) -> str:
    """The method's name; where fits did not arrive, how many did."""
    arrived = sum(row["lossless"] for row in group)
    return name if arrived == len(group) else f"{name}\n({arrived} of {len(group)} lossless)"


def _size(methods: int) -> tuple[float, float]:
    return WIDTH, MARGIN + LINE * methods


def _spread(line: int, count: int) -> np.ndarray:
    """Heights of so many dots around a line, so that equal ones do not hide each other."""
    if count < 2:
        return np.full(count, float(line))
    return line + np.linspace(-0.22, 0.22, count)


def _name_lines(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
