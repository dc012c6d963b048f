"""The experiments of notebook 09.

How tight the bound is, what its construction stores, what its constant hides, and whether it
predicts the cost of a fit. Theorems, lemmas and propositions are those of the notebook.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lossless_inr_lite.companion.claims import claim_of
from lossless_inr_lite.companion.statistics import Correlation, rank_correlation
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals import Signal, load_image
from lossless_inr_lite.signals.bits import bit_planes, quantise
from lossless_inr_lite.signals.resampling import area_means, centre_square
from lossless_inr_lite.theory.bounds import (
    centres_a_side,
    depth_bound,
    eps,
    grid_lipschitz,
    size_bound,
    upper_bound,
)
from lossless_inr_lite.theory.max_convolution import (
    Function,
    approximate,
    cell_centres,
    grid_positions,
    stored_network,
)
from lossless_inr_lite.theory.relu_networks import ReluNetwork, load_networks, save_networks

ROUNDING = 1e-12
"""Of float64 sums, relative to the tolerance."""

ASYMPTOTIC = 16
"""From so many centres on, the largest terms decide the size."""

PRINTED = ((1, 2), (2, 2), (4, 2), (8, 2), (1, 3), (8, 5))
"""Bits n and coordinates d of the values of U_d(n) / C that the paper prints."""

ABOUT = "about "
NEAR = 0.05
"""How far a value may be from one that the paper prints with a sign for "about"."""

SUFFIXES = {"K": 1e3, "M": 1e6, "G": 1e9}


# The printed values ------------------------------------------------------------------------------


@dataclass(frozen=True)
class PrintedBound:
    """A value of U_d(n) / C as the paper prints it, and as Eq. 6 gives it."""

    num_bits: int
    d: int
    printed: str
    computed: int

    @property
    def claim_id(self) -> str:
        """The id of the paper's claim."""
        return f"eq6-n{self.num_bits}-d{self.d}"

    @property
    def agrees(self) -> bool:
        """Whether `computed`, divided by the printed unit, rounds to the printed digits.

        Of a value that is printed as "about" something it may be 5 % away.
        """
        if self.printed.startswith(ABOUT):
            return abs(self.computed / float(self.printed.removeprefix(ABOUT)) - 1) <= NEAR
        digits, _, power = self.printed.rstrip("KMG").partition("e")
        unit = SUFFIXES.get(self.printed[-1], 1.0) * 10.0 ** int(power or 0)
        decimals = len(digits.partition(".")[2])
        return round(self.computed / unit, decimals) == float(digits)


def printed_bounds() -> list[PrintedBound]:
    """The values of U_d(n) / C that the paper prints, in its order."""
    found = []
    for num_bits, d in PRINTED:
        printed = claim_of(f"eq6-n{num_bits}-d{d}").paper
        found.append(PrintedBound(num_bits, d, printed, upper_bound(num_bits, d)))
    return found


# Functions to approximate ------------------------------------------------------------------------


def waves(lipschitz: float) -> Function:
    """A smooth function: L sin(7 x_j) / 7, summed over the coordinates j."""
    return lambda points: lipschitz * np.sin(7 * points).sum(axis=1) / 7


def hardest(lipschitz: float, side: int, d: int) -> Function:
    """The function on [0, 1]^d for which the error of Lemma 3 is reached.

    It is L times the 1-norm distance to the nearest of side^d centres.
    """
    axis = cell_centres(side, 1, 0.0, 1.0)[:, 0]

    def function(points: np.ndarray) -> np.ndarray:
        distances = np.abs(points[:, :, None] - axis).min(axis=2)
        return lipschitz * distances.sum(axis=1)

    return function


def sample_points(d: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """About `count` points of a regular grid on [0, 1]^d, and `count` random ones, each (P, d).

    The grid holds the corners.
    """
    axis = np.linspace(0.0, 1.0, max(2, round(count ** (1 / d))))
    grid = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    return grid, np.random.default_rng(seed).random((count, d))


# How tight the bound is --------------------------------------------------------------------------


@dataclass(frozen=True)
class Slack:
    """A network built for a function on [0, 1]^d, beside the two bounds of Theorem 1.

    Errors are the largest over the points of `sample_points`, in units of the function.
    """

    function: Literal["waves", "hardest"]
    d: int
    lipschitz: int
    tolerance: float
    centres: int
    grid_error: float
    random_error: float
    num_parameters: int
    num_nonzero: int
    hidden_layers: int
    size_bound: float
    depth_bound: float


def slack_rows(max_centres: int, points: int, seed: int = 0) -> list[Slack]:
    """Networks for d = 1, 2, 3, for L = 1, 2, and for two functions.

    The tolerance is 1, 1/2, 1/4, ... as long as `max_centres` are enough. Errors are measured at
    about `points` points of a grid and as many random ones.
    """
    rows = []
    for d, lipschitz in product((1, 2, 3), (1, 2)):
        for power in range(64):
            tolerance = Fraction(1, 2**power)
            side = centres_a_side(d, lipschitz, tolerance, 0, 1)
            if side**d > max_centres:
                break
            samples = sample_points(d, points, seed)
            smooth = waves(lipschitz)
            rows.append(_slack("waves", smooth, d, lipschitz, tolerance, samples))
            hard = hardest(lipschitz, side, d)
            rows.append(_slack("hardest", hard, d, lipschitz, tolerance, samples))
    return rows


def _slack(
    name: Literal["waves", "hardest"],
    function: Function,
    d: int,
    lipschitz: int,
    tolerance: Fraction,
    samples: tuple[np.ndarray, np.ndarray],
) -> Slack:
    network = approximate(function, d, lipschitz, tolerance, 0, 1)
    grid, random = samples
    return Slack(
        function=name,
        d=d,
        lipschitz=lipschitz,
        tolerance=float(tolerance),
        centres=centres_a_side(d, lipschitz, tolerance, 0, 1) ** d,
        grid_error=_largest_error(network, function, grid),
        random_error=_largest_error(network, function, random),
        num_parameters=network.num_parameters,
        num_nonzero=network.num_nonzero,
        hidden_layers=network.hidden_layers,
        size_bound=float(size_bound(d, lipschitz, tolerance, 0, 1)),
        depth_bound=depth_bound(d, lipschitz, tolerance, 0, 1),
    )


def _largest_error(network: ReluNetwork, function: Function, points: np.ndarray) -> float:
    return float(np.abs(network(points)[:, 0] - function(points)).max())


@dataclass(frozen=True)
class Exponents:
    """The powers of the tolerance that the sizes of the constructed networks follow.

    `dense` is that of all weights and biases, `nonzero` that of those that are not 0.
    """

    dense: float
    nonzero: float


def exponents(rows: Iterable[Slack]) -> dict[int, Exponents]:
    """The fitted powers by d, where L = 1, for the smooth function.

    Rows of fewer than 16 centres are left out, and so is a d with fewer than two other rows.
    """
    found = {}
    for d in (1, 2, 3):
        mine = [
            row
            for row in rows
            if (row.d, row.lipschitz, row.function) == (d, 1, "waves") and row.centres >= ASYMPTOTIC
        ]
        if len(mine) > 1:
            tolerances = [row.tolerance for row in mine]
            found[d] = Exponents(
                dense=_power(tolerances, [row.num_parameters for row in mine]),
                nonzero=_power(tolerances, [row.num_nonzero for row in mine]),
            )
    return found


def _power(x: Sequence[float], y: Sequence[float]) -> float:
    """The p of y ~ x^p by least squares on logarithms."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


# A picture, stored -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """A picture of `num_bits` bits as networks, one for each channel, read back from their file.

    `bits` counts those of the raw picture, `wrong_float32` and `wrong_float64` those that differ
    when the networks are evaluated so. `log_bound` is the decimal logarithm of U_2(n), its constant
    included, for all channels, with L of these n-bit values.
    """

    num_bits: int
    num_parameters: int
    bits: int
    num_nonzero: int
    hidden_layers: int
    log_bound: float
    file_bytes: int
    wrong_float32: int
    wrong_float64: int


def analog(source: str, size: int) -> np.ndarray:
    """A picture's area means (size, size, C) in [0, 1], before any rounding to n bits: h of Eq. 2.

    Raises InputError for a picture that cannot be read and for a size larger than its shorter side.
    """
    signal = load_image(source)
    square = centre_square(signal.samples)[..., :3]
    if not 1 <= size <= len(square):
        raise InputError(
            f"size is {size}: allowed are 1 to {len(square)}, the shorter side of {source}"
        )
    return area_means(square, size) / (2**signal.num_bits - 1)


def store_row(values: np.ndarray, num_bits: int, folder: Path) -> Stored:
    """Store `values` (H, W, C) in [0, 1] at n bits in a file in `folder`, and read them back."""
    words = quantise(values, num_bits)
    built = [stored_network(channel) for channel in np.moveaxis(words, -1, 0)]
    path = save_networks(folder / f"stored_{num_bits:02d}.safetensors", built)
    networks = load_networks(path)
    levels = words / (2.0**num_bits - 1)
    bound = size_bound(2, grid_lipschitz(levels, pixel_spacings(words)), eps(num_bits))
    return Stored(
        num_bits=num_bits,
        num_parameters=sum(network.num_parameters for network in networks),
        bits=words.size * num_bits,
        num_nonzero=sum(network.num_nonzero for network in networks),
        hidden_layers=networks[0].hidden_layers,
        log_bound=log10(len(networks) * bound),
        file_bytes=path.stat().st_size,
        wrong_float32=wrong_bits(networks, words, np.float32),
        wrong_float64=wrong_bits(networks, words, np.float64),
    )


def wrong_bits(
    networks: Sequence[ReluNetwork], words: np.ndarray, precision: type[np.floating]
) -> int:
    """Bits in which the networks, one for each channel, differ from `words` (..., C).

    Outputs are compared and never rounded: one that is no integer counts as 32 wrong bits.
    """
    positions = grid_positions(words.shape[:-1])
    values = [network(positions, precision)[:, 0] for network in networks]
    outputs = np.stack(values, axis=-1)
    integers = np.rint(outputs).astype(np.int64)
    differing = np.bitwise_count(integers ^ words.reshape(integers.shape))
    return int(np.where(outputs == integers, differing, 32).sum())


def between_pixels(
    values: np.ndarray, num_bits: int, side: int, factor: int
) -> dict[str, np.ndarray]:
    """A middle square of a picture (H, W, C) in [0, 1], and its network between the pixels.

    Both are words. The network is evaluated at `factor` steps for each pixel.
    """
    top = (len(values) - side) // 2
    words = quantise(values[top : top + side, top : top + side], num_bits)
    fine_side = factor * (side - 1) + 1
    positions = grid_positions((fine_side, fine_side)) / factor
    channels = [stored_network(channel)(positions)[:, 0] for channel in np.moveaxis(words, -1, 0)]
    seen = np.stack(channels, axis=-1).reshape(fine_side, fine_side, -1)
    seen_words = np.clip(np.rint(seen), 0, None).astype(np.uint32)
    return {"the picture": words, "its network": seen_words}


def stored_in_many_dimensions(values: np.ndarray, num_bits: int) -> dict[str, list[int]]:
    """One channel of a picture (H, W, C) in [0, 1], stored twice; columns of a table.

    The networks have 2 coordinates, and one binary coordinate for each halving of the picture.
    """
    side = 2 ** int(math.log2(len(values)))
    flat = quantise(values[:side, :side, 0], num_bits)
    halvings = int(math.log2(flat.size))
    deep = flat.reshape((2,) * halvings)
    columns: dict[str, list[int]] = {"d": [], "num_parameters": [], "wrong_bits": []}
    for words in (flat, deep):
        network = stored_network(words)
        columns["d"].append(words.ndim)
        columns["num_parameters"].append(network.num_parameters)
        columns["wrong_bits"].append(wrong_bits([network], words[..., None], np.float32))
    return columns


# What the constant hides -------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """U_2(n) of a picture's values and U_3(1) of its bit-planes, each with its whole constant.

    Coordinates lie in [-1, 1] and values in [0, 1]. `step` is the largest difference between
    neighbours, `values` and `planes` are the Lipschitz constants, `log_values` and `log_planes` the
    decimal logarithms of the bounds. `holds` tells whether the planes have the smaller bound, as
    the paper says.
    """

    name: str
    num_bits: int
    size: int
    step: float
    values: float
    planes: float
    log_values: float
    log_planes: float
    holds: bool


def order_row(signal: Signal) -> Order:
    """The two bounds of one picture."""
    values = signal.words / (2.0**signal.num_bits - 1)
    spacings = pixel_spacings(signal.words)
    bit_spacing = 2 / max(1, signal.num_bits - 1)
    planes = np.moveaxis(bit_planes(signal.words, signal.num_bits), -1, 2).astype(np.float64)
    values_lipschitz = grid_lipschitz(values, spacings)
    planes_lipschitz = grid_lipschitz(planes, (*spacings, bit_spacing))
    values_bound = size_bound(2, values_lipschitz, eps(signal.num_bits))
    planes_bound = size_bound(3, planes_lipschitz, eps(1))
    return Order(
        name=signal.name,
        num_bits=signal.num_bits,
        size=signal.words.shape[0],
        step=grid_lipschitz(values, (1, 1)),
        values=values_lipschitz,
        planes=planes_lipschitz,
        log_values=log10(values_bound),
        log_planes=log10(planes_bound),
        holds=planes_bound < values_bound,
    )


def orders_by_depth(signal: Signal) -> list[Order]:
    """`order_row` of a picture's most significant 1, 2, ... bits, up to all of them."""
    orders = []
    for num_bits in range(1, signal.num_bits + 1):
        samples = signal.samples >> (signal.num_bits - num_bits)
        orders.append(order_row(Signal(samples, num_bits, signal.name)))
    return orders


def reversed_up_to(orders: Sequence[Order]) -> int:
    """The largest n such that the order is the other way round, in all pictures, up to n bits.

    `orders` are those of `orders_by_depth` for some pictures; for none of them it is 0.
    """
    holding = [order.num_bits for order in orders if order.holds]
    if holding:
        return min(holding) - 1
    return max((order.num_bits for order in orders), default=0)


def pixel_spacings(words: np.ndarray) -> tuple[float, float]:
    """The distances of neighbouring rows and columns of (H, W, ...) when each axis is [-1, 1]."""
    height, width = words.shape[:2]
    return 2 / max(1, height - 1), 2 / max(1, width - 1)


def log10(value: Fraction | int) -> float:
    """Decimal logarithm of a positive fraction of any size.

    >>> log10(10**400)
    400.0
    """
    exact = Fraction(value)
    return math.log10(exact.numerator) - math.log10(exact.denominator)


def reversal_side(num_bits: int, step: float) -> float:
    """The side of a square picture from which on U_3(1) of its planes exceeds U_2(n) of its values.

    It is 1 + step^2 (2^(n+1) - 2)^2 / 243 pixels, constants included (Proposition 6, our own).
    `step` is the largest difference of neighbours in [0, 1]. The planes must flip between
    neighbours, and the side must be n pixels at least.
    """
    return 1 + step**2 * upper_bound(num_bits, 1) / 243


# Is the bound a predictor? -----------------------------------------------------------------------


@dataclass(frozen=True)
class LosslessFit:
    """A recorded fit that became lossless, and what might have told its cost beforehand.

    `samples_seen` is its cost. `bound` is U_d(n) / C of its formulation. `total_variation` is that
    of the picture, NaN where it was not recorded.
    """

    picture: str
    samples_seen: float
    bound: float
    bits_per_parameter: float
    total_variation: float


PREDICTORS = {
    "U_d(n) / C": "bound",
    "bits per parameter": "bits_per_parameter",
    "total variation": "total_variation",
}
"""What might predict the cost, as tables call it, and its field in `LosslessFit`."""


def bound_of(formulation: str, num_bits: int) -> int:
    """U_d(n) / C of a formulation: d counts its input coordinates, n the bits of one output.

    >>> bound_of("amplitude", 8) == upper_bound(8, 2), bound_of("digits_4", 8) == upper_bound(4, 2)
    (True, True)
    >>> bound_of("bit_coordinate", 8) == upper_bound(1, 3)
    True
    """
    d = 3 if formulation in ("bit_coordinate", "bit_heads_3d") else 2
    if formulation == "amplitude":
        output_bits = num_bits
    elif formulation.startswith("digits_"):
        output_bits = int(formulation.removeprefix("digits_"))
    else:
        output_bits = 1
    return upper_bound(output_bits, d)


def lossless_fits(record: Mapping[str, Any], measures: Mapping[str, Any]) -> list[LosslessFit]:
    """Every lossless fit of a record, be it of capacity or of a study.

    `measures` are the rows of the record picture_measures, by "NAME, SIZE".
    """
    return _smallest_networks(record, measures) + _fits_of_study(record, measures)


def _smallest_networks(record: Mapping[str, Any], measures: Mapping[str, Any]) -> list[LosslessFit]:
    """The rows of a record of capacity: the smallest width, without tiles, that became lossless."""
    size = record["parameters"]["size"] if "rows" in record else None
    found = []
    for row in record.get("rows", {}).values():
        became_lossless = bool(row["width"])
        if became_lossless and row["tile"] is None:
            found.append(
                LosslessFit(
                    picture=row["name"],
                    samples_seen=row["samples_seen"],
                    bound=float(bound_of(row["formulation"], row["num_bits"])),
                    bits_per_parameter=row["bits_per_parameter"],
                    total_variation=_recorded_variation(measures, row["name"], size),
                )
            )
    return found


def _fits_of_study(record: Mapping[str, Any], measures: Mapping[str, Any]) -> list[LosslessFit]:
    """The fits of a study's record."""
    found = []
    for fit in record["fits"].values():
        if fit["lossless"]:
            signal = fit["signal"]
            model = fit["model"]
            size = signal["shape"][0]
            found.append(
                LosslessFit(
                    picture=signal["name"],
                    samples_seen=fit["samples_seen"],
                    bound=float(bound_of(model["formulation"], signal["num_bits"])),
                    bits_per_parameter=model["bits_per_parameter"],
                    total_variation=_recorded_variation(measures, signal["name"], size),
                )
            )
    return found


def _recorded_variation(measures: Mapping[str, Any], name: str, size: int | None) -> float:
    return measures.get(f"{name}, {size}", {}).get("total_variation", math.nan)


def predictors(fits: Sequence[LosslessFit]) -> dict[str, Correlation]:
    """Rank correlation of each of `PREDICTORS` with the samples that were seen until lossless.

    Fits without a predictor are left out of its correlation.
    """
    found = {}
    for label, field in PREDICTORS.items():
        known = [fit for fit in fits if not math.isnan(getattr(fit, field))]
        found[label] = rank_correlation(
            [getattr(fit, field) for fit in known],
            [fit.samples_seen for fit in known],
            [fit.picture for fit in known],
        )
    return found


def total_variation(signal: Signal) -> float:
    """Mean absolute difference of neighbouring samples along both axes, in parts of the range."""
    values = signal.words / (2.0**signal.num_bits - 1)
    sums = [np.abs(np.diff(values, axis=axis)).sum() for axis in (0, 1)]
    return float(sum(sums) / values.size)
