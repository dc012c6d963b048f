"""The experiments of notebook 09: how tight the bound is, what a construction stores, and what its constant hides."""

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.companion.claims import paper_claims
from lossless_inr_lite.companion.statistics import Correlation, rank_correlation
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.bits import bit_planes, quantise
from lossless_inr_lite.signals.signal import Signal, area_means, centre_square, load_image
from lossless_inr_lite.theory import bounds
from lossless_inr_lite.theory.bounds import eps, grid_lipschitz, size_bound, upper_bound
from lossless_inr_lite.theory.max_convolution import (
    Function,
    approximate,
    cell_centres,
    grid_positions,
    stored_network,
)
from lossless_inr_lite.theory.relu_networks import ReluNetwork, load_networks, save_networks

ROUNDING = 1e-12  # of float64 sums, relative to the tolerance
ASYMPTOTIC = 16  # centres from which on the largest terms decide the size
PRINTED = (
    (1, 2),
    (2, 2),
    (4, 2),
    (8, 2),
    (1, 3),
    (8, 5),
)  # (n, d) of the values of U_d(n) / C in the paper
SUFFIXES = {"K": 1e3, "M": 1e6, "G": 1e9}


def printed_column() -> list[tuple[int, int, str, int, bool]]:
    """n, d, U_d(n) / C as printed, as computed, and whether the two agree to the last printed digit."""
    printed = {claim.id: claim.paper for claim in paper_claims()}
    rows = [(n, d, printed[f"eq6-n{n}-d{d}"], upper_bound(n, d)) for n, d in PRINTED]
    return [(*row, _agrees(row[2], row[3])) for row in rows]


def _agrees(printed: str, computed: int) -> bool:
    """Whether `computed`, divided by the printed unit, rounds to the printed digits."""
    digits, _, power = printed.rstrip("KMG").partition("e")
    unit = SUFFIXES.get(printed[-1], 1.0) * 10.0 ** int(power or 0)
    return round(computed / unit, len(digits.partition(".")[2])) == float(digits)


# Functions -------------------------------------------------------------------------------------------------


def waves(lipschitz: float) -> Function:
    """A smooth function: L sin(7 x_j) / 7, summed over the coordinates."""
    return lambda x: lipschitz * np.sin(7 * x).sum(axis=1) / 7


def hardest(lipschitz: float, side: int, d: int) -> Function:
    """L times the 1-norm distance to the nearest of side^d centres in [0, 1]^d: here the proved error is reached."""
    axis = cell_centres(side, 1, 0.0, 1.0)[:, 0]
    return lambda x: lipschitz * np.abs(x[:, :, None] - axis).min(axis=2).sum(axis=1)


def sample_points(d: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """About `count` points of a regular grid on [0, 1]^d with its corners, and `count` random ones."""
    axis = np.linspace(0.0, 1.0, max(2, round(count ** (1 / d))))
    grid = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    return grid, np.random.default_rng(seed).random((count, d))


# How tight the bound is ------------------------------------------------------------------------------------


def slack_rows(max_centres: int, points: int, seed: int = 0) -> list[dict[str, Any]]:
    """One network for every d = 1, 2, 3, L = 1, 2 and tolerance 1, 1/2, 1/4, ... that takes at most `max_centres`."""
    rows = []
    for d, lipschitz in product((1, 2, 3), (1, 2)):
        for power in range(64):
            tolerance = Fraction(1, 2**power)
            side = bounds.centres_a_side(d, lipschitz, tolerance, 0, 1)
            if side**d > max_centres:
                break
            for name, function in (
                ("waves", waves(lipschitz)),
                ("hardest", hardest(lipschitz, side, d)),
            ):
                rows.append(_slack(name, function, d, lipschitz, tolerance, side, points, seed))
    return rows


def _slack(
    name: str,
    function: Function,
    d: int,
    lipschitz: int,
    tolerance: Fraction,
    side: int,
    points: int,
    seed: int,
) -> dict[str, Any]:
    network = approximate(function, d, lipschitz, tolerance, 0, 1)
    errors = [np.abs(network(x)[:, 0] - function(x)).max() for x in sample_points(d, points, seed)]
    bound = size_bound(d, lipschitz, tolerance, 0, 1)
    return {
        "function": name,
        "d": d,
        "lipschitz": lipschitz,
        "tolerance": float(tolerance),
        "centres": side**d,
        "grid_error": float(errors[0]),
        "random_error": float(errors[1]),
        "num_parameters": network.num_parameters,
        "num_nonzero": network.num_nonzero,
        "hidden_layers": network.hidden_layers,
        "size_bound": float(bound),
        "depth_bound": bounds.depth_bound(d, lipschitz, tolerance, 0, 1),
    }


def exponents(rows: Iterable[Mapping[str, Any]]) -> dict[int, tuple[float, float]]:
    """By d, the powers of the tolerance that dense and non-zero weights follow, where L = 1.

    From rows of at least 16 centres, the smooth function; a d with fewer than two such rows is left out.
    """
    kept = [
        r
        for r in rows
        if r["centres"] >= ASYMPTOTIC and (r["lipschitz"], r["function"]) == (1, "waves")
    ]
    groups = {d: [row for row in kept if row["d"] == d] for d in (1, 2, 3)}
    return {
        d: (_slope(mine, "num_parameters"), _slope(mine, "num_nonzero"))
        for d, mine in groups.items()
        if len(mine) > 1
    }


def _slope(rows: Sequence[Mapping[str, Any]], kind: str) -> float:
    x, y = (np.log([row[key] for row in rows]) for key in ("tolerance", kind))
    return float(np.polyfit(x, y, 1)[0])


# A picture, stored -----------------------------------------------------------------------------------------


def analog(source: str, size: int) -> np.ndarray:
    """A picture's area means (size, size, C) in [0, 1], before any rounding to n bits: h of Eq. 2."""
    signal = load_image(source)
    square = centre_square(signal.samples)[..., :3]
    if not 1 <= size <= len(square):
        raise InputError(
            f"size is {size}: allowed are 1 to {len(square)}, the shorter side of {source}"
        )
    return area_means(square, size) / (2**signal.num_bits - 1)


def store_row(values: np.ndarray, num_bits: int, folder: Path) -> dict[str, Any]:
    """Store `values` (H, W, C) at n bits, a network a channel; wrong bits of the saved file in both precisions.

    `log_bound` is the decimal logarithm of C U_2(n) / C for all channels, with L of these n-bit values.
    """
    words = quantise(values, num_bits)
    path = save_networks(
        folder / f"stored_{num_bits:02d}.safetensors",
        [stored_network(w) for w in np.moveaxis(words, -1, 0)],
    )
    networks = load_networks(path)
    spacings = tuple(2 / max(1, n - 1) for n in words.shape[:2])
    bound = size_bound(2, grid_lipschitz(words / (2.0**num_bits - 1), spacings), eps(num_bits))
    return {
        "num_bits": num_bits,
        "num_parameters": sum(n.num_parameters for n in networks),
        "bits": words.size * num_bits,
        "num_nonzero": sum(n.num_nonzero for n in networks),
        "hidden_layers": networks[0].hidden_layers,
        "log_bound": log10(len(networks) * bound),
        "file_bytes": path.stat().st_size,
        **{
            f"wrong_{kind.__name__}": wrong_bits(networks, words, kind)
            for kind in (np.float32, np.float64)
        },
    }


def wrong_bits(
    networks: Sequence[ReluNetwork], words: np.ndarray, precision: type[np.floating]
) -> int:
    """Bits in which the networks (one a channel) differ from `words` (..., C); no output is rounded, only compared."""
    outputs = np.stack([n(grid_positions(words.shape[:-1]), precision)[:, 0] for n in networks], axis=-1)
    whole = np.rint(outputs).astype(np.int64)
    differing = np.bitwise_count(whole ^ words.reshape(whole.shape))
    return int(np.where(outputs == whole, differing, 32).sum())


def between_pixels(
    values: np.ndarray, num_bits: int, side: int, factor: int
) -> dict[str, np.ndarray]:
    """A middle square of a picture (H, W, C), and its stored network seen `factor` times as finely; words."""
    top = (len(values) - side) // 2
    words = quantise(values[top : top + side, top : top + side], num_bits)
    fine = grid_positions((factor * (side - 1) + 1,) * 2) / factor
    seen = [stored_network(channel)(fine)[:, 0] for channel in np.moveaxis(words, -1, 0)]
    shown = np.stack(seen, axis=-1).reshape(*(factor * (side - 1) + 1,) * 2, -1)
    return {"the picture": words, "its network": np.clip(np.rint(shown), 0, None).astype(np.uint32)}


def stored_in_many_dimensions(values: np.ndarray, num_bits: int) -> dict[str, Any]:
    """One channel of a picture (H, W, C) twice: at 2 coordinates, and at one binary coordinate for each halving."""
    side = 2 ** int(math.log2(len(values)))
    flat = quantise(values[:side, :side, 0], num_bits)
    deep = flat.reshape((2,) * int(math.log2(flat.size)))
    networks = {words.ndim: (stored_network(words), words) for words in (flat, deep)}
    return {
        "d": list(networks),
        "num_parameters": [n.num_parameters for n, _ in networks.values()],
        "wrong_bits": [wrong_bits([n], w[..., None], np.float32) for n, w in networks.values()],
    }


# What the constant hides -----------------------------------------------------------------------------------


def lipschitz_facts(signal: Signal) -> dict[str, float]:
    """On [-1, 1]^d with values in [0, 1]: the largest step of neighbours, L of the values and of the planes (d = 3)."""
    values = signal.words / (2.0**signal.num_bits - 1)
    height, width = signal.words.shape[:2]
    spacings = (2 / max(1, height - 1), 2 / max(1, width - 1))
    planes = np.moveaxis(bit_planes(signal.words, signal.num_bits), -1, 2).astype(np.float64)
    return {
        "step": grid_lipschitz(values, (1, 1)),
        "values": grid_lipschitz(values, spacings),
        "planes": grid_lipschitz(planes, (*spacings, 2 / max(1, signal.num_bits - 1))),
    }


def order_row(signal: Signal) -> dict[str, Any]:
    """U_2(n) of the values and U_3(1) of the bit-planes, each with its whole constant, as powers of ten."""
    facts = lipschitz_facts(signal)
    values = size_bound(2, facts["values"], eps(signal.num_bits))
    planes = size_bound(3, facts["planes"], eps(1))
    return {
        "name": signal.name,
        "num_bits": signal.num_bits,
        "size": signal.words.shape[0],
        **facts,
        "log_values": log10(values),
        "log_planes": log10(planes),
        "holds": planes < values,
    }


def orders_by_depth(signal: Signal) -> list[dict[str, Any]]:
    """`order_row` of a picture's most significant 1, 2, ... bits, up to all of them."""
    shifted = [(n, signal.samples >> (signal.num_bits - n)) for n in range(1, signal.num_bits + 1)]
    return [order_row(Signal(samples, n, signal.name)) for n, samples in shifted]


def log10(value: Fraction | int) -> float:
    """Decimal logarithm of a fraction of any size."""
    exact = Fraction(value)
    return math.log10(exact.numerator) - math.log10(exact.denominator)


def reversal_side(num_bits: int, step: float) -> float:
    """Side of a square picture from which on U_3(1) of its planes exceeds U_2(n) of its values, constants included.

    1 + step^2 (2^(n+1) - 2)^2 / 243, `step` being the largest difference of neighbours in [0, 1]. Our own derivation
    in notebook 09, for planes that flip between neighbours and sides of at least n pixels.
    """
    return 1 + step**2 * upper_bound(num_bits, 1) / 243


# Is the bound a predictor? ---------------------------------------------------------------------------------


def bound_of(formulation: str, num_bits: int) -> int:
    """U_d(n) / C of a way of asking: its input coordinates, and the bits of one output."""
    d = 3 if formulation in ("bit_coordinate", "bit_heads_3d") else 2
    if formulation == "amplitude":
        return upper_bound(num_bits, d)
    return upper_bound(
        int(formulation.removeprefix("digits_")) if formulation.startswith("digits_") else 1, d
    )


def arrivals(record: Mapping[str, Any], measures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every lossless fit of a record of capacity or of a study: its picture, cost, and what might predict it.

    `measures` are the rows of the record picture_measures; a picture that is not among them has no variation.
    """
    small = [
        (
            r["name"],
            r["num_bits"],
            r["formulation"],
            r["bits_per_parameter"],
            r["samples_seen"],
            record["parameters"]["size"],
        )
        for r in record.get("rows", {}).values()
        if r["width"] and r["tile"] is None
    ]
    fits = [
        (
            f["signal"]["name"],
            f["signal"]["num_bits"],
            f["model"]["formulation"],
            f["model"]["bits_per_parameter"],
            f["samples_seen"],
            f["signal"]["shape"][0],
        )
        for f in record["fits"].values()
        if f["lossless"]
    ]
    return [
        {
            "picture": name,
            "samples": samples,
            "U_d(n) / C": float(bound_of(formulation, n)),
            "bits a parameter": bits,
            "total variation": measures.get(f"{name}, {size}", {}).get("total_variation", math.nan),
        }
        for name, n, formulation, bits, samples, size in small + fits
    ]


def predictors(rows: Sequence[Mapping[str, Any]]) -> dict[str, Correlation]:
    """Rank correlation of each possible predictor with the samples until lossless, over rows of `arrivals`."""
    found = {}
    for name in ("U_d(n) / C", "bits a parameter", "total variation"):
        kept = [row for row in rows if not math.isnan(row[name])]
        columns = ([row[key] for row in kept] for key in (name, "samples", "picture"))
        found[name] = rank_correlation(*columns)
    return found


def total_variation(signal: Signal) -> float:
    """Mean absolute difference of neighbouring samples along both axes, in parts of the full range."""
    values = signal.words / (2.0**signal.num_bits - 1)
    return float(sum(np.abs(np.diff(values, axis=k)).sum() for k in (0, 1)) / values.size)
