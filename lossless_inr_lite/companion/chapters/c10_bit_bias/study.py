"""Fig. 6 and 7: when each bit-plane is learnt, and whether that follows its significance or what it shows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.companion.chapters.c06_backbones import BACKBONES
from lossless_inr_lite.companion.statistics import Correlation, arrival_ranks, rank_correlation
from lossless_inr_lite.companion.study import Case, run_cases
from lossless_inr_lite.signals.bits import bit_planes
from lossless_inr_lite.signals.signal import Signal

# name -> (formulation, network): every network asked for values and for bits, and the other ways to ask
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


def cases(
    template: Case, rates: Mapping[str, float], methods: Iterable[str] = METHODS
) -> list[Case]:
    """Each method with the template's picture and seed; `rates` by network name win over its rate for values."""
    result = []
    for name in methods:
        formulation, network = METHODS[name]
        case = replace(template, method=name, formulation=formulation, network=network)
        backbone = BACKBONES.get(name.split(",")[0])
        if network in ("instant_ngp", "diner") and backbone:
            case = replace(
                case, hidden_layers=backbone.hidden_layers, learning_rate=backbone.learning_rate
            )
        elif name in VALUES:
            case = replace(case, learning_rate=rates.get(name.split(",")[0], case.learning_rate))
        result.append(case)
    return result


def controls(template: Case, rates: Mapping[str, float]) -> list[Case]:
    """The same picture with its planes upside down, shuffled (by the seed), and with the MSB in the LSB's place too."""
    signal = template.load()
    orders = dict(zip(CONTROLS, control_orders(signal.num_bits, template.seed), strict=True))
    return [
        replace(case, method=f"{case.method}, {name}", planes=order)
        for case in cases(template, rates, ASKED.values())
        for name, order in orders.items()
    ]


def control_orders(num_bits: int, seed: int) -> tuple[list[int], list[int], list[int]]:
    """For each control, which plane of the picture stands in every plane's place, least significant first."""
    natural = list(range(num_bits))
    shuffled = np.random.default_rng(seed).permutation(num_bits).tolist()
    return natural[::-1], shuffled, [num_bits - 1, *natural[1:]]


def run(cases: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """The rows of `run_cases`, each with the roughness of its planes and what stands in their places."""
    rows = run_cases(cases, folder, workers)
    for case in cases:
        signal = case.load()
        rows[case.label] |= {
            "roughness": roughness(signal),
            "planes": list(case.planes or range(signal.num_bits)),
        }
    return rows


def roughness(signal: Signal) -> list[float]:
    """Share of neighbouring samples that differ, by plane, least significant first; 0 is constant, 1/2 is noise."""
    planes = bit_planes(signal.words, signal.num_bits)
    axes = range(len(signal.spec.grid_shape))
    differing = sum(np.not_equal(*_neighbours(planes, axis)).sum(axis=(*axes, -2)) for axis in axes)
    pairs = sum(_neighbours(planes, axis)[0][..., 0].size for axis in axes)
    return (np.asarray(differing) / max(1, pairs)).tolist()


def _neighbours(planes: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    length = planes.shape[axis]
    return planes.take(range(length - 1), axis), planes.take(range(1, length), axis)


def lateness(row: Mapping[str, Any], level: float = 0.01) -> list[float]:
    """When each plane's BER was first at most `level`, as ranks in (0, 1], least significant plane first.

    Planes that never came that far are last, in the order of their BER at the end of the fit; equals share a rank.
    """
    return arrival_ranks(row["reached"][str(level)], row["history"][-1]["ber_planes"])


def bias(rows: Iterable[Mapping[str, Any]], level: float = 0.01) -> Correlation:
    """Rank correlation of a plane's significance and how early it is learnt: 1 is strictly from the MSB down."""
    points = _points(rows, level)
    return rank_correlation(
        [p["significance"] for p in points],
        [-p["late"] for p in points],
        [p["picture"] for p in points],
    )


def explained(rows: Iterable[Mapping[str, Any]], by: str, level: float = 0.01) -> Correlation:
    """Rank correlation of lateness and `by`: "significance" or "roughness" of the planes."""
    points = _points(rows, level)
    return rank_correlation(
        [p[by] for p in points], [p["late"] for p in points], [p["picture"] for p in points]
    )


def _points(rows: Iterable[Mapping[str, Any]], level: float) -> list[dict[str, Any]]:
    """One point for every plane that is not constant: a constant one is learnt at once, wherever it stands."""
    return [
        {
            "significance": i / len(late),
            "roughness": rough,
            "late": rank,
            "picture": row["signal"]["name"],
        }
        for row in rows
        for late, roughness_ in [(lateness(row, level), row["roughness"])]
        for i, (rank, rough) in enumerate(zip(late, roughness_, strict=True))
        if rough > 0
    ]


def slowdown(
    moved: Mapping[str, Any], natural: Mapping[str, Any], place: int, level: float = 0.01
) -> float:
    """Iterations until the plane at `place` of `moved` came to `level`, over those of the same place of `natural`."""
    after, before = (row["reached"][str(level)][place] for row in (moved, natural))
    return math.nan if not after or not before else after / before
