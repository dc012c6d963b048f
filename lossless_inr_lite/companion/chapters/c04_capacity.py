"""Chapter 4, notebooks/04_capacity.ipynb: how small a network may be, and Eq. 6's prediction of it.

The smallest width that still becomes lossless is found by bisection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from IPython.display import Markdown

from lossless_inr_lite.companion.claims import Verdict, judge
from lossless_inr_lite.companion.evidence import Every, Evidence, Open
from lossless_inr_lite.companion.tables import table
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.theory.bounds import upper_bound
from lossless_inr_lite.training.fit import fit

FIRST_WIDTH = 8
LARGEST_WIDTH = 1024
HIDDEN_LAYERS = 2
CLOSE_ENOUGH = 20  # a width is the smallest once one that is less than 1/20 below it has failed
FACTOR = 10.0  # by which the measured ratio may differ from the predicted one


@dataclass
class _Search:
    """Fits of a signal at different widths: which of them arrived, and the last that did."""

    signal: Signal
    formulation: str
    tile: int | None
    max_seconds: float
    tried: dict[int, bool] = field(default_factory=dict)
    best: Fit | None = None

    def arrives(self, width: int) -> bool:
        """Whether a fit of that width has no wrong bit before the time is over."""
        found = fit(
            self.signal,
            formulation=self.formulation,
            network="siren",
            hidden_features=width,
            hidden_layers=HIDDEN_LAYERS,
            tile=self.tile,
            recipe="paper" if self.formulation == "amplitude" else "fast",
            max_seconds=self.max_seconds,
            max_iterations=10**9,
            certify=False,
        )
        arrived = found.stopped == "lossless"
        self.tried[width] = arrived
        if arrived:
            self.best = found
        return arrived


def smallest_width(
    signal: Signal, formulation: str, tile: int | None, max_seconds: float
) -> dict[str, Any]:
    """The smallest width at which a fit arrives within `max_seconds`, and what is known of it.

    The width is doubled from `FIRST_WIDTH` until a fit arrives, then bisected. A longer limit can
    only find smaller networks. `amplitude` is trained with the recipe "paper", since "fast" is made
    for bits. `tried` tells which widths arrived; `width` is None when not even LARGEST_WIDTH does.
    """
    search = _Search(signal, formulation, tile, max_seconds)
    low = 0
    high = FIRST_WIDTH
    while not search.arrives(high):
        if 2 * high > LARGEST_WIDTH:
            break
        low = high
        high = 2 * high
    if search.best is None:
        return {
            "width": None,
            "num_parameters": None,
            "bits_per_parameter": None,
            "tried": search.tried,
        }
    while high - low > max(1, high // CLOSE_ENOUGH):
        middle = (low + high) // 2
        if search.arrives(middle):
            high = middle
        else:
            low = middle
    best = search.best
    return {
        "width": high,
        "num_parameters": best.num_parameters,
        "tried": search.tried,
        "bits_per_parameter": signal.spec.total_bits / best.num_parameters,
        "seconds": best.history.entries[-1].seconds,
        "samples_seen": best.entry.samples_seen,
    }


def capacity_table(rows: Sequence[Mapping[str, Any]]) -> Markdown:
    """What `smallest_width` found, a row per picture and formulation."""
    head = (
        "picture",
        "bits",
        "formulation",
        "tile",
        "smallest width",
        "parameters",
        "bits per parameter",
    )
    cells = []
    for row in rows:
        found = bool(row["width"])
        cells.append(
            (
                row["name"],
                row["num_bits"],
                row["formulation"],
                row["tile"] or "none",
                row["width"] or "none found",
                row["num_parameters"] or "",
                f"{row['bits_per_parameter']:.2f}" if found else "",
            )
        )
    return table(head, cells)


# The bound of Eq. 6 ------------------------------------------------------------------------------


@dataclass(frozen=True)
class SizeRatio:
    """How many times the parameters of the bit coordinate the amplitude needs, for one picture.

    `predicted` is the ratio of the bounds, `measured` that of the smallest networks without tiles,
    None where one of them was not found in time.
    """

    name: str
    num_bits: int
    predicted: float
    measured: float | None

    @property
    def agrees(self) -> bool:
        """Whether both ratios were found and differ by a factor of at most `FACTOR`."""
        if self.measured is None:
            return False
        return 1 / FACTOR <= self.measured / self.predicted <= FACTOR


def size_ratios(rows: Sequence[Mapping[str, Any]]) -> list[SizeRatio]:
    """The ratio of every picture and depth among the recorded `rows`, in the order of names."""
    parameters = {}
    for row in rows:
        if row["tile"] is None:
            where = row["name"], row["num_bits"], row["formulation"]
            parameters[where] = row["num_parameters"]
    ratios = []
    for name, num_bits in sorted({(row["name"], row["num_bits"]) for row in rows}):
        amplitude = parameters.get((name, num_bits, "amplitude"))
        bit_coordinate = parameters.get((name, num_bits, "bit_coordinate"))
        predicted = upper_bound(num_bits, 2) / upper_bound(1, 3)
        measured = None
        if amplitude and bit_coordinate:
            measured = amplitude / bit_coordinate
        ratios.append(SizeRatio(name, num_bits, predicted, measured))
    return ratios


def ratio_table(ratios: Sequence[SizeRatio]) -> Markdown:
    """The predicted and the measured ratio of every picture."""
    head = ("picture", "bits", "predicted amplitude / bit coordinate", "measured")
    cells = []
    for ratio in ratios:
        measured = "amplitude: none found in time"
        if ratio.measured is not None:
            measured = f"{ratio.measured:.2f}"
        cells.append((ratio.name, ratio.num_bits, f"{ratio.predicted:.3g}", measured))
    return table(head, cells)


def verdicts(ratios: Sequence[SizeRatio]) -> list[Verdict]:
    """What the ratios say of the order and of the sizes that Eq. 6 predicts.

    The order is not judged: the amplitude is trained with another recipe than the bits. Nor is a
    smallest width under a limit of time the smallest one there is.
    """
    found = [ratio for ratio in ratios if ratio.measured is not None]
    agreeing = [ratio for ratio in ratios if ratio.agrees]
    evidence = Evidence(
        data=f"{len({ratio.name for ratio in ratios})} pictures",
        signals=len({ratio.name for ratio in ratios}),
        seeds=1,
        fits=len(ratios),
        capped=len(ratios),
        settings="smallest networks that arrive within a time, by two recipes",
    )
    return [
        judge(
            "eq6-order",
            f"{len(found)} of {len(ratios)} found in time",
            "needs one recipe for both",
            Open("both ways of asking have to be trained by one recipe, to their end"),
            evidence,
        ),
        judge(
            "eq6-ratio",
            f"{len(agreeing)} of {len(ratios)} pictures",
            f"a factor of {FACTOR:g}",
            Every({f"{ratio.name}, {ratio.num_bits} bits": [ratio.agrees] for ratio in ratios}),
            evidence,
        ),
    ]
