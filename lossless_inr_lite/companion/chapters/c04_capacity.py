"""How small may a network be? The smallest width that still becomes lossless, by bisection."""

from collections.abc import Mapping, Sequence
from typing import Any

from IPython.display import Markdown

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.training.fit import Fit, fit

LARGEST_WIDTH = 1024


def smallest_width(
    signal: Signal, formulation: str, tile: int | None, max_seconds: float
) -> dict[str, Any]:
    """The smallest width (two hidden layers) at which a fit arrives within `max_seconds`, and what is known of it.

    `amplitude` is trained with the recipe "paper", since "fast" is made for bits. A longer limit can only find
    smaller networks. `width` is None when not even LARGEST_WIDTH arrives.
    """
    recipe = "paper" if formulation == "amplitude" else "fast"

    def attempt(width: int) -> Fit:
        return fit(
            signal,
            formulation,
            "siren",
            width,
            2,
            tile,
            recipe,
            max_seconds=max_seconds,
            max_iterations=10**9,
            certify=False,
        )

    tried: dict[int, bool] = {}
    low, high, best = 0, 8, None
    while best is None and high <= LARGEST_WIDTH:
        found = attempt(high)
        tried[high] = found.stopped == "lossless"
        best, low, high = (found, low, high) if tried[high] else (None, high, 2 * high)
    while best is not None and high - low > max(1, high // 20):
        middle = (low + high) // 2
        found = attempt(middle)
        tried[middle] = found.stopped == "lossless"
        best, low, high = (found, low, middle) if tried[middle] else (best, middle, high)
    if best is None:
        return {"width": None, "num_parameters": None, "bits_per_parameter": None, "tried": tried}
    return {
        "width": high,
        "num_parameters": best.num_parameters,
        "tried": tried,
        "bits_per_parameter": signal.spec.total_bits / best.num_parameters,
        "seconds": best.history.entries[-1].seconds,
        "samples_seen": best.entry.samples_seen,
    }


def capacity_table(rows: Sequence[Mapping[str, Any]]) -> Markdown:
    """What `smallest_width` found, a row a picture and way of asking."""
    head = (
        "picture",
        "bits",
        "formulation",
        "tile",
        "smallest width",
        "parameters",
        "bits a parameter",
    )
    cells = [
        (
            r["name"],
            r["num_bits"],
            r["formulation"],
            r["tile"] or "none",
            r["width"] or "none found",
            r["num_parameters"] or "",
            f"{r['bits_per_parameter']:.2f}" if r["width"] else "",
        )
        for r in rows
    ]
    return table(head, cells)
