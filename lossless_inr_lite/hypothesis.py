"""Table 3: pictures as digits of n bits, and the cross of loss, input dimension and output layout behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from lossless_inr_lite.study import Case, run_cases

DIGITS = {"n = 1": "digits_1", "n = 2": "digits_2", "n = 4": "digits_4", "n = 8": "amplitude"}
# (input dimension, output layout) -> formulation
LAYOUTS = {
    (2, "heads"): "bit_heads",
    (3, "heads"): "bit_heads_3d",
    (2, "bit coordinate"): "bit_mosaic",
    (3, "bit coordinate"): "bit_coordinate",
}
LOSSES = ("mse", "bce")


def cases(template: Case) -> list[Case]:
    """Digits of 1, 2, 4 and 8 bits with MSE, and every loss with every layout; n = 1 is one of these."""
    digits = [replace(template, method=name, formulation=posed, loss="mse") for name, posed in DIGITS.items()]
    crossed = [
        replace(template, method=method(loss, *layout), formulation=posed, loss=loss)
        for layout, posed in LAYOUTS.items()
        for loss in LOSSES
        if (loss, posed) != ("mse", "bit_heads")
    ]
    return digits + crossed


def method(loss: str, dimension: int, layout: str) -> str:
    """Name of a corner of the cross; MSE on heads is what Table 3 calls n = 1."""
    return "n = 1" if (loss, dimension, layout) == ("mse", 2, "heads") else f"{loss}, d = {dimension}, {layout}"


def run(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Every case of every template, until lossless or out of budget."""
    return run_cases([case for template in templates for case in cases(template)], folder, workers)


def effects(means: Mapping[str, float]) -> dict[str, float]:
    """Geometric mean of the factor on a cost that each choice brings, over the four settings of the other two.

    `means` holds the cost of every corner by its `method`; corners that never arrived are missing, and the
    settings that need them are left out.
    """
    corners = {(loss, *layout): means.get(method(loss, *layout)) for loss in LOSSES for layout in LAYOUTS}
    flips = {
        "MSE to BCE": lambda loss, d, out: ("bce", d, out) if loss == "mse" else None,
        "d = 2 to d = 3": lambda loss, d, out: (loss, 3, out) if d == 2 else None,
        "heads to bit coordinate": lambda loss, d, out: (loss, d, "bit coordinate") if out == "heads" else None,
    }
    result = {}
    for name, flip in flips.items():
        factors = [after / before for corner, before in corners.items()
                   if (other := flip(*corner)) and before and (after := corners[other])]  # fmt: skip
        if factors:
            result[name] = geometric_mean(factors)
    return result
