"""Chapter 1, notebooks/01_bit_planes.ipynb: Eq. 1 to 7, the quantiser and the bit-planes."""

from collections.abc import Mapping

import numpy as np

from lossless_inr_lite.companion.claims import Verdict, judge
from lossless_inr_lite.companion.evidence import Exact, arithmetic
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.bits import quantise


def surviving_levels(num_bits: int, error: float) -> float:
    """Share of the levels that still round to themselves when `error` is added to their values.

    Values lie in [0, 1] (Eq. 1 and 2). The top level is left out: what is added to it is clipped.
    """
    top = 2**num_bits - 1
    levels = np.arange(top, dtype=np.uint32)
    return float(np.mean(quantise(levels / top + error, num_bits) == levels))


def stretched(signal: Signal, num_bits: int) -> Signal:
    """The signal cut to `num_bits` and stretched over its range again, as in many deep files."""
    few = 2**num_bits - 1
    full = 2**signal.num_bits - 1
    cut = np.rint(signal.words / full * few)
    return Signal(
        np.rint(cut / few * full).astype(signal.samples.dtype),
        signal.num_bits,
        f"{signal.name}, cut to {num_bits} bits",
    )


def verdicts(
    recombined: Mapping[str, bool], below: Mapping[int, float], above: Mapping[int, float]
) -> list[Verdict]:
    """Equations 3, 5 and 7.

    `recombined` tells for each picture, by its name, whether its planes add up to it. `below` and
    `above` are the `surviving_levels` of each depth in bits for errors just below and just above
    the tolerance.
    """
    equal = all(recombined.values())
    forgiven = all(share == 1 for share in below.values())
    noticed = all(share == 0 for share in above.values())
    return [
        judge(
            "eq7",
            "equal" if equal else "different",
            "none",
            Exact(equal),
            arithmetic(len(recombined), ", ".join(recombined)),
        ),
        judge(
            "eq3",
            "0 levels change" if forgiven else "some change",
            "none",
            Exact(forgiven),
            arithmetic(len(below), f"all levels of {_listed(below)} bits"),
        ),
        judge(
            "eq5",
            "equal" if forgiven else "different",
            "none, for every level at once",
            Exact(forgiven),
            arithmetic(len(below), f"all levels of {_listed(below)} bits"),
        ),
        judge(
            "eq3-tight",
            "all levels" if noticed else "not all",
            "none",
            Exact(noticed),
            arithmetic(len(above), f"all levels of {_listed(above)} bits"),
        ),
    ]


def _listed(depths: Mapping[int, float]) -> str:
    return ", ".join(map(str, depths))
