"""Chapter 7, notebooks/07_hypothesis.ipynb: the hypothesis, Table 3 and Fig. 8.

Pictures as digits of n bits, and the cross of loss, input dimension and output layout behind it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from IPython.display import Markdown

from lossless_inr_lite.companion.case import PAPER_RATE, Case
from lossless_inr_lite.companion.claims import Verdict, judge_both, judge_own, paper_value
from lossless_inr_lite.companion.evidence import (
    Every,
    Evidence,
    Together,
    by_signal,
    cost_ratio,
    of_methods,
    of_rows,
    other_rate,
)
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.study import run_cases
from lossless_inr_lite.companion.tables import (
    CLOCK_NAMES,
    by_method,
    cost_text,
    mean_cost,
    means,
    table,
)

DIGITS = {"n = 1": 1, "n = 2": 2, "n = 4": 4, "n = 8": 8}
"""Bits of a digit by method, all with MSE; of an 8-bit picture the last is the value itself."""
LAYOUTS = {
    (2, "heads"): "bit_heads",
    (3, "heads"): "bit_heads_3d",
    (2, "bit coordinate"): "bit_mosaic",
    (3, "bit coordinate"): "bit_coordinate",
}
"""Formulation of each input dimension and output layout."""
LOSSES = ("mse", "bce")
OURS = "bce, d = 3, bit coordinate"
SINGLE = "n = 1"
"""What Table 3 calls the corner of the cross with MSE, d = 2 and heads."""
COSTS = ("iterations", "flops", "samples_seen", "seconds")
SLACK = 0.1
"""The part by which a cost may fall where the paper says that it grows."""
SILENT_COST = 1.25
"""The factor above which a silent third input counts as costing iterations."""


@dataclass(frozen=True)
class Corner:
    """One corner of the cross."""

    loss: str
    dimension: int
    layout: str

    @property
    def method(self) -> str:
        """Its name in tables."""
        if (self.loss, self.dimension, self.layout) == ("mse", 2, "heads"):
            return SINGLE
        return f"{self.loss}, d = {self.dimension}, {self.layout}"


CORNERS = [Corner(loss, *layout) for loss in LOSSES for layout in LAYOUTS]
CHOICES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "MSE to BCE": ({"loss": "mse"}, {"loss": "bce"}),
    "d = 2 to d = 3": ({"dimension": 2}, {"dimension": 3}),
    "heads to bit coordinate": ({"layout": "heads"}, {"layout": "bit coordinate"}),
}
"""What each choice changes in a corner: from these fields to those."""


def cases(template: Case) -> list[Case]:
    """Digits of 1, 2, 4 and 8 bits with MSE, then every other corner of the cross."""
    found = []
    for name, num_bits in DIGITS.items():
        found.append(template.varied(method=name, formulation=f"digits_{num_bits}", loss="mse"))
    for layout, formulation in LAYOUTS.items():
        for loss in LOSSES:
            name = Corner(loss, *layout).method
            if name not in DIGITS:
                found.append(template.varied(method=name, formulation=formulation, loss=loss))
    return found


def run(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Rows of every case of every template, until lossless or out of budget."""
    return run_cases([case for template in templates for case in cases(template)], folder, workers)


def effects(costs: Mapping[str, float]) -> dict[str, float]:
    """The factor on a cost that each choice brings.

    It is the geometric mean over the four settings of the other two choices. `costs` holds the cost
    of every corner by its `method`; corners that never arrived are missing, and the settings that
    need them are left out.
    """
    found = {}
    for choice, (before, after) in CHOICES.items():
        factors = []
        for corner in CORNERS:
            if replace(corner, **before) != corner:
                continue
            old = costs.get(corner.method)
            new = costs.get(replace(corner, **after).method)
            if old and new:
                factors.append(new / old)
        if factors:
            found[choice] = geometric_mean(factors)
    return found


def factor_table(rows: Sequence[Row]) -> Markdown:
    """`effects` on iterations, samples seen and seconds."""
    factors = [effects(means(rows, cost)) for cost in COSTS]
    lines = []
    for choice in CHOICES:
        cells = [f"{found[choice]:.2f}" if choice in found else "-" for found in factors]
        if any(choice in found for found in factors):
            lines.append((choice, *cells))
    return table(("factor of", *CLOCK_NAMES.values()), lines)


# Verdicts ----------------------------------------------------------------------------------------


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Table 3's rows and the hypothesis behind them, judged on these fits.

    At other rates than the paper's its claims stay undecided, and each is a question of ours too.
    """
    return [*table_3(rows), _silent_input(rows)]


def table_3(rows: Sequence[Row]) -> list[Verdict]:
    """The verdicts on Table 3 alone, which need no more than its own rows."""
    return [
        *(verdict for name in DIGITS for verdict in _digits(rows, name)),
        *_fewer_iterations(rows),
        *_in_order(rows),
        _fewer_samples(rows),
    ]


def _digits(rows: Sequence[Row], name: str) -> list[Verdict]:
    """Digits are lossless in this budget, but those of 8 bits are not within the paper's."""
    num_bits = DIGITS[name]
    group = "SIREN" if num_bits == 8 else "experiment"
    fits = by_method(rows).get(name, [])
    exact = [row["lossless"] for row in fits]
    tolerance = "all"
    agree = exact
    if num_bits == 8:
        limit = int(paper_value("table3", "iterations", group=group, num_bits="8"))
        tolerance = f"none within the paper's {limit:,} iterations"
        agree = [not (row["lossless"] and row["iterations"] <= limit) for row in fits]
    return judge_both(
        f"table3/{group}/{num_bits}",
        f"{sum(exact)} of {len(fits)} certified",
        tolerance,
        Every(by_signal(fits, agree)),
        _evidence(fits),
    )


def _fewer_iterations(rows: Sequence[Row]) -> list[Verdict]:
    ours = mean_cost(rows, OURS, "iterations")
    single = mean_cost(rows, SINGLE, "iterations")
    return judge_both(
        "table3/proposed/1",
        f"{cost_text(ours)} against {cost_text(single)}",
        f"fewer iterations than {SINGLE} with MSE",
        cost_ratio(rows, (OURS, SINGLE), "iterations", high=1),
        _evidence(of_methods(rows, (OURS, SINGLE))),
    )


def _in_order(rows: Sequence[Row]) -> list[Verdict]:
    """Iterations grow with the bits of a digit."""
    costs = [mean_cost(rows, name, "iterations") for name in DIGITS]
    grow = [
        cost_ratio(rows, (later, sooner), "iterations", low=1 - SLACK)
        for sooner, later in pairwise(DIGITS)
    ]
    return judge_both(
        "fig8",
        ", ".join(cost_text(cost) for cost in costs),
        f"in this order, {100 * SLACK:.0f} %",
        Together(grow),
        _evidence(of_methods(rows, DIGITS)),
    )


def _fewer_samples(rows: Sequence[Row]) -> Verdict:
    ours = mean_cost(rows, OURS, "samples_seen")
    single = mean_cost(rows, SINGLE, "samples_seen")
    return judge_own(
        "the-method-also-needs-fewer-samples-than-n-1-with-mse",
        "the method also needs fewer samples than n = 1 with MSE",
        f"{cost_text(ours)} against {cost_text(single)}",
        "fewer",
        cost_ratio(rows, (OURS, SINGLE), "samples_seen", high=1),
        _evidence(of_methods(rows, (OURS, SINGLE))),
    )


def _silent_input(rows: Sequence[Row]) -> Verdict:
    """Heads with a third input that is always the same, against heads without it."""
    with_input = Corner("bce", 3, "heads").method
    without = Corner("bce", 2, "heads").method
    before = mean_cost(rows, without, "iterations")
    factor = math.nan
    if math.isfinite(before):
        factor = mean_cost(rows, with_input, "iterations") / before
    return judge_own(
        "a-silent-third-input-costs-iterations-as-the-bound-says",
        "a silent third input costs iterations, as the bound says",
        f"{factor:.2f} times",
        f"above {SILENT_COST:g}",
        cost_ratio(rows, (with_input, without), "iterations", low=SILENT_COST),
        _evidence(of_methods(rows, (with_input, without))),
    )


def _evidence(fits: Sequence[Row]) -> Evidence:
    settings = other_rate((row["learning_rate"] for row in fits), PAPER_RATE)
    return of_rows(fits, "Kodak", settings=settings)
