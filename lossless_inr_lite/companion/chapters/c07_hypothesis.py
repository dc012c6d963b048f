"""Table 3: pictures as digits of n bits, and the cross of loss, input dimension and output layout behind it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from IPython.display import Markdown

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.companion.records import Verdict, paper_value, verdict
from lossless_inr_lite.companion.study import Case, run_cases
from lossless_inr_lite.companion.tables import Row, by_method, cost_text, means

DIGITS = {"n = 1": "digits_1", "n = 2": "digits_2", "n = 4": "digits_4", "n = 8": "digits_8"}
# (input dimension, output layout) -> formulation
LAYOUTS = {
    (2, "heads"): "bit_heads",
    (3, "heads"): "bit_heads_3d",
    (2, "bit coordinate"): "bit_mosaic",
    (3, "bit coordinate"): "bit_coordinate",
}
LOSSES = ("mse", "bce")
OURS = "bce, d = 3, bit coordinate"


def cases(template: Case) -> list[Case]:
    """Digits of 1, 2, 4 and 8 bits with MSE, and every loss with every layout; n = 1 is one of these."""
    digits = [
        replace(template, method=name, formulation=posed, loss="mse")
        for name, posed in DIGITS.items()
    ]
    crossed = [
        replace(template, method=method(loss, *layout), formulation=posed, loss=loss)
        for layout, posed in LAYOUTS.items()
        for loss in LOSSES
        if (loss, posed) != ("mse", "bit_heads")
    ]
    return digits + crossed


def method(loss: str, dimension: int, layout: str) -> str:
    """Name of a corner of the cross; MSE on heads is what Table 3 calls n = 1."""
    return (
        "n = 1"
        if (loss, dimension, layout) == ("mse", 2, "heads")
        else f"{loss}, d = {dimension}, {layout}"
    )


def run(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Every case of every template, until lossless or out of budget."""
    return run_cases([case for template in templates for case in cases(template)], folder, workers)


def effects(means: Mapping[str, float]) -> dict[str, float]:
    """Geometric mean of the factor on a cost that each choice brings, over the four settings of the other two.

    `means` holds the cost of every corner by its `method`; corners that never arrived are missing, and the
    settings that need them are left out.
    """
    corners = {
        (loss, *layout): means.get(method(loss, *layout)) for loss in LOSSES for layout in LAYOUTS
    }
    flips = {
        "MSE to BCE": lambda loss, d, out: ("bce", d, out) if loss == "mse" else None,
        "d = 2 to d = 3": lambda loss, d, out: (loss, 3, out) if d == 2 else None,
        "heads to bit coordinate": lambda loss, d, out: (
            (loss, d, "bit coordinate") if out == "heads" else None
        ),
    }
    result = {}
    for name, flip in flips.items():
        factors = [
            after / before
            for corner, before in corners.items()
            if (other := flip(*corner)) and before and (after := corners[other])
        ]
        if factors:
            result[name] = geometric_mean(factors)
    return result


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Table 3's rows and the hypothesis behind them, judged on these fits."""
    fits, costs = by_method(rows), means(rows, "iterations")
    order = [costs.get(name, math.inf) for name in DIGITS]
    ours, single = (costs.get(name, math.inf) for name in (OURS, "n = 1"))
    printed = f"{_printed(1, 'proposed')} against {_printed(1)}"
    samples = [means(rows, "samples_seen").get(name, math.inf) for name in (OURS, "n = 1")]
    heads = [costs.get(method("bce", d, "heads"), math.inf) for d in (3, 2)]
    silent = heads[0] / heads[1] if math.isfinite(heads[1]) else math.nan
    result = [
        verdict(
            "Table 3",
            f"{name}, MSE: {'not lossless' if n == 8 else 'lossless'} in this budget",
            f"{_printed(n)} iterations",
            f"{sum(r['lossless'] for r in fits[name])} of {len(fits[name])} certified",
            "none" if n == 8 else "all",
            all(r["lossless"] != (n == 8) for r in fits[name]),
            row=f"table3/{'SIREN' if n == 8 else 'experiment'}/{n}",
        )
        for name, n in zip(DIGITS, (1, 2, 4, 8), strict=True)
    ]
    text = ", ".join(cost_text(cost) for cost in order)
    return [
        *result,
        verdict(
            "Table 3",
            "the method needs fewer iterations than n = 1 with MSE",
            printed,
            f"{cost_text(ours)} against {cost_text(single)}",
            "fewer",
            math.isfinite(ours) and ours < single,
            row="table3/proposed/1",
        ),
        verdict(
            "Fig. 8",
            "iterations grow with the bits a digit",
            "n = 1, 2, 4, 8",
            text,
            "in this order, 10 %",
            _grows(order),
            row="fig8",
        ),
        verdict(
            "Hypothesis",
            "fewer bits a digit, fewer iterations",
            "fewer",
            text,
            "in this order, 10 %",
            _grows(order),
            row="hypothesis",
        ),
        verdict(
            "our question",
            "the method also needs fewer samples than n = 1 with MSE",
            "not told",
            f"{cost_text(samples[0])} against {cost_text(samples[1])}",
            "fewer",
            samples[0] < samples[1],
        ),
        verdict(
            "our question",
            "a silent third input costs iterations, as the bound says",
            "not told",
            f"{silent:.2f} times",
            "above 1.25",
            silent > 1.25,
        ),
    ]


def factor_table(rows: Sequence[Row]) -> Markdown:
    """`effects` on iterations, samples seen and seconds."""
    factors = {
        cost: effects(means(rows, cost)) for cost in ("iterations", "samples_seen", "seconds")
    }
    choices = dict.fromkeys(choice for found in factors.values() for choice in found)
    lines = [
        (c, *(f"{found[c]:.2f}" if c in found else "-" for found in factors.values()))
        for c in choices
    ]
    return table(("factor of", "iterations", "samples seen", "seconds"), lines)


def _grows(costs: Sequence[float]) -> bool:
    """Each cost is at least the one before, less a tenth; what never arrived is infinite."""
    return math.isfinite(costs[0]) and all(b >= 0.9 * a for a, b in pairwise(costs))


def _printed(num_bits: int, group: str = "") -> str:
    name = group or ("SIREN" if num_bits == 8 else "experiment")
    return paper_value("table3", "iterations", group=name, num_bits=str(num_bits))
