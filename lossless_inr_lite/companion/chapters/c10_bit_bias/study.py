"""When each bit-plane is learnt, and whether that follows its significance or what it shows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lossless_inr_lite.companion.backbones import BACKBONES
from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.statistics import Correlation, arrival_ranks, rank_correlation
from lossless_inr_lite.companion.study import run_cases
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.bits import bit_planes

NETWORKS = {
    "Tanh+PE": "tanh_pe",
    "ReLU+PE": "relu_pe",
    "WIRE": "wire",
    "Gauss": "gauss",
    "SIREN": "siren",
    "FINER": "finer",
    "Instant-NGP": "instant_ngp",
    "DINER": "diner",
}
OTHERS = ("bit_heads", "parallel_bits", "bit_colour_coordinate", "bit_coordinate_gray", "digits_2")

# Formulation and network by method: every network asked for values and for bits, and the other
# ways to ask a SIREN.
VALUES = {f"{name}, values": ("amplitude", network) for name, network in NETWORKS.items()}
BITS = {
    f"{name}, bit coordinate": ("bit_coordinate", network) for name, network in NETWORKS.items()
}
WAYS = {f"SIREN, {name.replace('_', ' ')}": (name, "siren") for name in OTHERS}
METHODS = {**VALUES, **BITS, **WAYS}

# The ways of asking that the controls compare, by their method without a control.
ASKED = {
    "values": "SIREN, values",
    "bit coordinate": "SIREN, bit coordinate",
    "bit heads": "SIREN, bit heads",
}
CONTROLS = ("reversed", "shuffled", "LSB is an MSB")
TABULATED = ("instant_ngp", "diner")
"""Networks with a table of their own, which have the depth and the rate of their backbone."""

Measure = Literal["significance", "roughness"]


# What is fitted ----------------------------------------------------------------------------------


def cases(
    template: Case, rates: Mapping[str, float], methods: Iterable[str] = METHODS
) -> list[Case]:
    """Each method with the template's picture and seed.

    `rates` are learning rates by network name; they win over the template's for values.
    """
    return [_case(template, rates, method) for method in methods]


def _case(template: Case, rates: Mapping[str, float], method: str) -> Case:
    formulation, network = METHODS[method]
    name = method.split(",")[0]
    case = template.varied(method=method, formulation=formulation, network=network)
    if network in TABULATED:
        backbone = BACKBONES[name]
        return case.varied(
            hidden_layers=backbone.hidden_layers, learning_rate=backbone.learning_rate
        )
    if method in VALUES:
        return case.varied(learning_rate=rates.get(name, case.learning_rate))
    return case


def controls(template: Case, rates: Mapping[str, float]) -> list[Case]:
    """The same picture with its planes rearranged, once for each of `CONTROLS` and way of asking.

    They are upside down, shuffled by the seed, or the MSB stands in the LSB's place too.
    """
    num_bits = template.load().num_bits
    orders = dict(zip(CONTROLS, control_orders(num_bits, template.seed), strict=True))
    return [
        case.varied(method=f"{case.method}, {name}", planes=order)
        for case in cases(template, rates, ASKED.values())
        for name, order in orders.items()
    ]


def control_orders(num_bits: int, seed: int) -> tuple[list[int], list[int], list[int]]:
    """For each control, which plane of the picture stands in every plane's place, LSB first.

    >>> control_orders(3, 0)[2]
    [2, 1, 2]
    """
    natural = list(range(num_bits))
    upside_down = natural[::-1]
    shuffled = np.random.default_rng(seed).permutation(num_bits).tolist()
    msb_twice = [num_bits - 1, *natural[1:]]
    return upside_down, shuffled, msb_twice


def run(cases: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """The rows of `run_cases`, each with the roughness of its planes and what stands there."""
    rows = run_cases(cases, folder, workers)
    for case in cases:
        signal = case.load()
        row = rows[case.label]
        row["roughness"] = roughness(signal)
        row["planes"] = list(case.planes or range(signal.num_bits))
    return rows


# What is measured --------------------------------------------------------------------------------


def roughness(signal: Signal) -> list[float]:
    """Share of neighbouring samples that differ, by plane, least significant first.

    0 is a constant plane, 1/2 is noise.
    """
    planes = bit_planes(signal.words, signal.num_bits)
    axes = range(len(signal.spec.grid_shape))
    differing = np.zeros(signal.num_bits)
    pairs = 0
    for axis in axes:
        before, after = _neighbours(planes, axis)
        differing += (before != after).sum(axis=(*axes, -2))
        pairs += before[..., 0].size
    return (differing / max(1, pairs)).tolist()


def _neighbours(planes: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    length = planes.shape[axis]
    return planes.take(range(length - 1), axis), planes.take(range(1, length), axis)


def lateness(row: Row, level: float = 0.01) -> list[float]:
    """When each plane's BER was first at most `level`, as ranks in (0, 1], LSB first.

    Planes that never came that far are last, in the order of their BER at the end of the fit;
    equals share a rank.
    """
    return arrival_ranks(row["reached"][str(level)], row["history"][-1]["ber_planes"])


@dataclass(frozen=True)
class PlaneOfFit:
    """A plane of a fit: its place from the LSB in [0, 1), what it shows, and when it was learnt."""

    significance: float
    roughness: float
    lateness: float
    picture: str


def planes_of(rows: Iterable[Row], level: float = 0.01) -> list[PlaneOfFit]:
    """The planes of all fits but the constant ones, which are learnt at once, wherever they are."""
    found = []
    for row in rows:
        ranks = lateness(row, level)
        for place, (rank, rough) in enumerate(zip(ranks, row["roughness"], strict=True)):
            if rough > 0:
                found.append(PlaneOfFit(place / len(ranks), rough, rank, row["signal"]["name"]))
    return found


def bias(rows: Iterable[Row], level: float = 0.01) -> Correlation:
    """Rank correlation of a plane's significance and how early it is learnt.

    1 is strictly from the MSB down.
    """
    planes = planes_of(rows, level)
    return rank_correlation(
        [plane.significance for plane in planes],
        [-plane.lateness for plane in planes],
        [plane.picture for plane in planes],
    )


def explained(rows: Iterable[Row], by: Measure, level: float = 0.01) -> Correlation:
    """Rank correlation of the planes' lateness and their significance or roughness."""
    planes = planes_of(rows, level)
    return rank_correlation(
        [getattr(plane, by) for plane in planes],
        [plane.lateness for plane in planes],
        [plane.picture for plane in planes],
    )


def rearranged(rows: Iterable[Row], method: str) -> list[Row]:
    """The rows in which a method fitted rearranged planes."""
    return [row for row in rows if row["method"].startswith(f"{method}, ")]


def slowdown(moved: Row, natural: Row, place: int, level: float = 0.01) -> float:
    """Iterations until the plane at `place` came to `level`: in `moved` over in `natural`.

    NaN where one of them never did, or did at once.
    """
    after = moved["reached"][str(level)][place]
    before = natural["reached"][str(level)][place]
    if not after or not before:
        return math.nan
    return after / before
