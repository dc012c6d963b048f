"""Notebook 11_bit_spectral_bias: Fig. 9, how soon each frequency along the bit axis is learnt.

The paper does not tell how its picture is made. Here it has a stripe for each of eight colours and
a band for each frequency. A channel that the colour lights holds the band's wave, and one that it
does not holds the complement.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lossless_inr_lite.architecture import required
from lossless_inr_lite.companion.case import PAPER_RATE, Case
from lossless_inr_lite.companion.claims import Verdict, judge_both, judge_own
from lossless_inr_lite.companion.evidence import (
    Evidence,
    Open,
    Range,
    Statement,
    Together,
    by_signal,
    of_methods,
    of_rows,
    other_rate,
)
from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.plots import frame, panel, plain_ticks
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.statistics import Correlation, arrival_ranks, rank_correlation
from lossless_inr_lite.companion.study import film, run_cases
from lossless_inr_lite.companion.tables import by_method, table
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals.bits import bit_planes, to_gray
from lossless_inr_lite.signals.image_files import write_image

NUM_BITS = 16
RUNS = (16, 8, 4, 2, 1)
"""Equal neighbouring bits of each wave: from constant to alternating."""

FREQUENCIES = ("constant", *(f"{NUM_BITS // (2 * run)} cycles" for run in RUNS[1:]))
"""What figures and tables call the waves of `RUNS`."""

COLOURS = {
    "R": (1, 0, 0),
    "G": (0, 1, 0),
    "B": (0, 0, 1),
    "C": (0, 1, 1),
    "M": (1, 0, 1),
    "Y": (1, 1, 0),
    "K": (0, 0, 0),
    "W": (1, 1, 1),
}
PLAIN = "bit coordinate"
SHRUNK = "axis shrunk to 1/4"
STRETCHED = "axis stretched by 4"
GRAY = "Gray-coded bits"
HEADS = "bit heads"
METHODS = {
    PLAIN: "bit_coordinate",
    SHRUNK: "bit_coordinate_x0.25",
    STRETCHED: "bit_coordinate_x4",
    GRAY: "bit_coordinate_gray",
    HEADS: "bit_heads",
}
"""Formulations by the names of the ways of asking."""

LEVEL = 0.01
"""The BER at which a band counts as learnt."""

FLOOR = 1e-4
"""The lowest BER on a logarithmic axis."""

# Tolerances of the predictions.
STRONGER = 1.5
WEAKER = 0.3


# The pictures ------------------------------------------------------------------------------------


def wave(run: int) -> int:
    """The 16-bit word of `run` ones from the MSB, then `run` zeros, and so on.

    >>> f"{wave(4):016b}"
    '1111000011110000'
    """
    return sum(1 << (NUM_BITS - 1 - i) for i in range(NUM_BITS) if (i // run) % 2 == 0)


def changes(words: np.ndarray | int) -> np.ndarray:
    """How often neighbouring bits of each 16-bit word differ: 0 to 15.

    That is twice its cycles along the bit axis.
    """
    planes = bit_planes(np.asarray(words, dtype=np.uint32), NUM_BITS)
    return (planes[..., 1:] != planes[..., :-1]).sum(axis=-1)


def bands(size: int, order: int) -> np.ndarray:
    """(size,): the index into `RUNS` of every line; `order` shuffles where the bands lie."""
    places = np.random.default_rng(order).permutation(len(RUNS))
    return places[np.arange(size) * len(RUNS) // size]


def oscillating(size: int, order: int) -> np.ndarray:
    """The picture as words (size, size, 3) uint16: lines by frequency, columns by colour."""
    waves = np.array([wave(run) for run in RUNS], dtype=np.uint16)
    of_lines = waves[bands(size, order)][:, None, None]
    colours = np.array(list(COLOURS.values()), dtype=bool)
    lit = colours[np.arange(size) * len(COLOURS) // size]
    return np.where(lit[None], of_lines, ~of_lines)


def cases(template: Case, folder: Path, pictures: int) -> list[Case]:
    """Every way of asking for each of so many pictures.

    The pictures are written to `folder` as 16-bit PNG. Raises InputError when a picture of that
    size has no place for every colour.
    """
    size = template.size or 0
    if size < len(COLOURS):
        raise InputError(
            f"size is {template.size}: {len(COLOURS)} or more are needed, a column for every colour"
        )
    folder.mkdir(parents=True, exist_ok=True)
    result = []
    for order in range(pictures):
        path = folder / f"oscillating_{order}.png"
        write_image(path, oscillating(size, order), NUM_BITS)
        result += _asked(template.varied(signal=str(path), seed=order))
    return result


def _asked(template: Case) -> list[Case]:
    """The template once for every way of asking."""
    return [
        template.varied(method=method, formulation=formulation)
        for method, formulation in METHODS.items()
    ]


# Running and measuring ---------------------------------------------------------------------------


def on_pictures(
    templates: Sequence[Case], folder: Path, workers: int = 1
) -> dict[str, dict[str, Any]]:
    """The same ways of asking for real pictures, until lossless or out of budget."""
    cases = [case for template in templates for case in _asked(template)]
    return run_cases(cases, folder, workers)


def run(cases: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """The rows of `run_cases`, each with the course of BER by frequency as "bands"."""
    rows = run_cases(cases, folder, workers)
    for case in cases:
        rows[case.label]["bands"] = courses(film(case, folder), case)
    return rows


def courses(strip: Filmstrip, case: Case) -> dict[str, list[Any]]:
    """The BER of every frequency as in `RUNS`, at each kept frame: "iteration" and "ber".

    It counts the bits that were asked for: those of the Gray code where that was fitted.
    """
    name = required("the formulation", case.architecture.formulation)
    coded = to_gray if get_formulation(name).gray else np.asarray
    size = case.size or 0
    truth = coded(oscillating(size, case.seed))
    band_of_line = bands(size, case.seed)
    errors = []
    for words in strip.words:
        wrong = np.bitwise_count(coded(words) ^ truth).mean(axis=(1, 2)) / NUM_BITS
        of_bands = [wrong[band_of_line == band].mean() for band in range(len(RUNS))]
        errors.append([float(f"{error:.5g}") for error in of_bands])
    return {"iteration": strip.clock("iteration"), "ber": errors}


def arrivals(row: Row, level: float = LEVEL) -> list[float]:
    """The iteration at which each frequency was first at most `level`; infinite if never."""
    below = np.array(row["bands"]["ber"]) <= level
    iterations = row["bands"]["iteration"]
    return [float(iterations[band.argmax()]) if band.any() else math.inf for band in below.T]


def predicted(method: str) -> list[float]:
    """Frequency of each wave as the network sees it.

    That is the bit changes of the word, or of its Gray code, a mean over the wave and its
    complement.
    """
    waves = np.array([wave(run) for run in RUNS], dtype=np.uint32)
    both = np.stack([waves, ~waves & np.uint32(0xFFFF)])
    seen = to_gray(both) if method == GRAY else both
    return changes(seen).mean(axis=0).tolist()


def lateness(row: Row, level: float = LEVEL) -> list[float]:
    """Ranks in (0, 1] of the frequencies by `arrivals`.

    Those that never came are last, by their BER at the end.
    """
    came = [None if math.isinf(at) else at for at in arrivals(row, level)]
    return arrival_ranks(came, row["bands"]["ber"][-1])


def frequency_order(rows: Sequence[Row], method: str) -> Correlation:
    """Rank correlation of a wave's frequency, as `method` sees it, and when it is learnt.

    1 is strictly from low to high.
    """
    late = [rank for row in rows for rank in lateness(row)]
    pictures = [row["signal"]["name"] for row in rows for _ in RUNS]
    return rank_correlation(predicted(method) * len(rows), late, pictures)


def spread_of(rows: Iterable[Row]) -> float:
    """Iterations of the latest frequency over those of the earliest, mean over fits.

    Infinite when a frequency never came. NaN when none did, and without fits.
    """
    quotients = []
    for row in rows:
        came = arrivals(row)
        quotients.append(max(came) / max(1.0, min(came)))
    if not quotients:
        return math.nan
    return sum(quotients) / len(quotients)


# Figures and tables ------------------------------------------------------------------------------


def frequency_curves(rows: Sequence[Row]) -> Figure:
    """BER of every frequency against iterations, a panel a method; the first picture."""
    first = {method: group[0] for method, group in by_method(rows).items()}
    figure, panels = frame(1, len(first), (11, 3), sharey=True)
    for axes, (method, row) in zip(panels[0], first.items(), strict=True):
        _frequency_panel(axes, method, row)
    panels[0, 0].set_ylabel("BER")
    panels[0, -1].legend(fontsize=7)
    return figure


def _frequency_panel(axes: Axes, method: str, row: Row) -> None:
    iterations = np.maximum(row["bands"]["iteration"], 1)
    errors = np.maximum(row["bands"]["ber"], FLOOR)
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(RUNS)))
    for band, name in enumerate(FREQUENCIES):
        axes.plot(iterations, errors[:, band], color=colours[band], label=name)
    axes.set(xscale="log", yscale="log", xlabel="iterations")
    axes.set_title(method, fontsize=9)
    plain_ticks(axes)


def arrival_figure(rows: Sequence[Row]) -> Figure:
    """When each frequency came to 1 %, in parts of the method's own mean: means over pictures."""
    figure, axes = panel((8, 3.6))
    for method, group in by_method(rows).items():
        late = np.array([arrivals(row) for row in group])
        # Without an arrival in every picture there is no mean.
        came = np.isfinite(late).all(axis=0)
        mean = late[:, came].mean(axis=0)
        shares = mean / mean.mean() if came.any() else mean
        axes.plot(np.flatnonzero(came), shares, "o-", markersize=4, label=method)
    axes.set_xticks(range(len(RUNS)), FREQUENCIES)
    axes.set(xlabel="along the bit axis", ylabel="iterations to 1 %, of the mean")
    axes.legend(fontsize=8)
    return figure


def waves_table() -> Markdown:
    """The waves, and their bit changes in the plain code and in Gray's, which predict the order."""
    lines = []
    for run, plain, gray in zip(RUNS, predicted(PLAIN), predicted(GRAY), strict=True):
        lines.append((f"`{wave(run):016b}` and its complement", f"{plain:.0f}", f"{gray:.1f}"))
    return table(("word", "bit changes", "of the Gray codes, mean of both"), lines)


def order_table(rows: Sequence[Row]) -> Markdown:
    """For every method: lossless fits, each frequency's iteration, and the rank correlation."""
    lines = []
    for method, group in by_method(rows).items():
        late = np.array([arrivals(row) for row in group]).mean(axis=0)
        exact = sum(row["lossless"] for row in group)
        lines.append(
            (
                method,
                f"{exact} of {len(group)}",
                *(f"{at:,.0f}" if math.isfinite(at) else "never" for at in late),
                frequency_order(group, method).text(),
                _quotient(spread_of(group)),
            )
        )
    head = ("method", "certified", *FREQUENCIES, "rank correlation", "latest / earliest")
    return table(head, lines)


def _quotient(value: float) -> str:
    if math.isnan(value):
        return "not defined"
    if math.isinf(value):
        return "above any"
    return f"{value:.2f}"


# Verdicts and facts ------------------------------------------------------------------------------


def verdicts(rows: Sequence[Row], level: float = 0.5) -> list[Verdict]:
    """Fig. 9, and what this chapter predicts for other codes, judged on these fits.

    A prediction is undecided where no frequency came to 1 %. Correlations are those of all fits
    together; what decides is the interval over pictures.
    """
    found = by_method(rows)
    fits = {method: found.get(method, []) for method in METHODS}
    order = {method: frequency_order(group, method) for method, group in fits.items()}
    spread = {method: spread_of(group) for method, group in fits.items()}
    like_plain = frequency_order(fits[GRAY], PLAIN)

    def both(method: str) -> str:
        quotient = _quotient(spread[method])
        return f"rank correlation {order[method].text()}, latest / earliest {quotient}"

    return [
        *judge_both(
            "fig9",
            both(PLAIN),
            f"rank correlation at least {level}",
            Range(_orders(fits[PLAIN], PLAIN), low=level),
            _evidence(fits[PLAIN]),
        ),
        judge_own(
            "shrinking-the-axis-to-a-quarter-makes-the-bias-stronger",
            "shrinking the axis to a quarter makes the bias stronger",
            f"{_quotient(spread[SHRUNK])} against {_quotient(spread[PLAIN])}",
            "latest / earliest larger by a half",
            _compared(fits[SHRUNK], fits[PLAIN], _spread_ratio, low=STRONGER),
            _evidence(of_methods(rows, (SHRUNK, PLAIN))),
        ),
        judge_own(
            "stretching-it-by-4-makes-the-bias-weaker",
            "stretching it by 4 makes the bias weaker",
            f"{order[STRETCHED].text()} against {order[PLAIN].text()}",
            f"rank correlation smaller by {WEAKER}",
            _compared(fits[STRETCHED], fits[PLAIN], _less_order, low=WEAKER),
            _evidence(of_methods(rows, (STRETCHED, PLAIN))),
        ),
        judge_own(
            "with-gray-coded-bits-the-order-is-that-of-the-gray-codes",
            "with Gray-coded bits the order is that of the Gray codes",
            f"{order[GRAY].text()}; with the order of the plain words {like_plain.text()}",
            f"rank correlation at least {level} and the larger one",
            Together(
                [
                    Range(_orders(fits[GRAY], GRAY), low=level),
                    _compared(fits[GRAY], fits[GRAY], _more_gray_than_plain, low=0),
                ]
            ),
            _evidence(fits[GRAY]),
        ),
        judge_own(
            "bit-heads-have-no-bit-axis-and-no-such-order",
            "bit heads have no bit axis and no such order",
            both(HEADS),
            f"rank correlation within {level} of 0",
            Range(_orders(fits[HEADS], HEADS), low=-level, high=level),
            _evidence(fits[HEADS]),
        ),
    ]


def _orders(rows: Sequence[Row], method: str) -> dict[str, list[float]]:
    """`frequency_order` of each fit, by picture; of those in which a frequency came to 1 %."""
    kept = [row for row in rows if math.isfinite(min(arrivals(row)))]
    found = by_signal(kept, [frequency_order([row], method).value for row in kept])
    return {name: values for name, values in found.items() if not np.isnan(values).any()}


def _compared(
    rows: Sequence[Row],
    others: Sequence[Row],
    measure: Callable[[Row, Row], float],
    low: float,
) -> Statement:
    """A figure of two fits of the same picture, at least `low`."""
    values: dict[str, list[float]] = {}
    for row, other in zip(rows, others, strict=False):
        value = measure(row, other)
        if not math.isnan(value):
            values.setdefault(row["signal"]["name"], []).append(value)
    return Range(values, low=low) if values else Open("no frequency came to 1 %")


def _spread_ratio(row: Row, other: Row) -> float:
    """How many times as far apart the frequencies come in `row`; NaN where one never came."""
    mine = spread_of([row])
    theirs = spread_of([other])
    return mine / theirs if math.isfinite(mine) and math.isfinite(theirs) else math.nan


def _less_order(row: Row, other: Row) -> float:
    """By how much the order of `row` is weaker."""
    return frequency_order([other], PLAIN).value - frequency_order([row], STRETCHED).value


def _more_gray_than_plain(row: Row, _other: Row) -> float:
    """By how much more the order is that of the Gray codes than that of the words."""
    return frequency_order([row], GRAY).value - frequency_order([row], PLAIN).value


def _evidence(fits: Sequence[Row]) -> Evidence:
    settings = other_rate((row["learning_rate"] for row in fits), PAPER_RATE)
    return of_rows(fits, settings=settings)


def facts(rows: Sequence[Row]) -> Mapping[str, Any]:
    """Rank correlation and certified fits of every method, for pages to quote."""
    return {
        method: {
            "order": frequency_order(group, method).as_dict(),
            "certified": sum(row["lossless"] for row in group),
        }
        for method, group in by_method(rows).items()
    }
