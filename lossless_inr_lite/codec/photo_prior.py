"""A prior for photographs of any size, depth and number of channels: a context model, not an INR.

Coordinates say nothing about a photograph that the prior has not seen, so they are left out. The
network sees the decoded pixels around the next one, in this channel and in those before it,
relative to their level and measured in their own mean difference, which makes it blind to
brightness, contrast and depth. It answers with a mixture of logistic distributions of the value.
The probability of each bit, given the bits above it, follows from that.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lossless_inr_lite.codec.bit_streams import BitStream
from lossless_inr_lite.codec.integer_network import (
    ACTIVATION_BITS,
    INPUT_BITS,
    Layer,
    layer_tensors,
    layers_from,
    run_layers,
)
from lossless_inr_lite.codec.tables import (
    EXPONENTIAL_BITS,
    LARGEST_Z,
    MASS_BITS,
    PROBABILITY_BITS,
    Z_BITS,
    clipped,
    exponential_table,
    logistic_table,
)
from lossless_inr_lite.codec.wavefront import Offsets, wavefront

# Neighbours (row, column) in the channel itself that are known already, by their distance.
_OWN_NEXT = [(0, -1), (-1, 0), (-1, -1), (-1, 1)]
_OWN_SECOND = [(0, -2), (-2, 0), (-1, 2), (-2, 1), (-2, -1), (-1, -2)]
_OWN_THIRD = [(0, -3), (-3, 0), (-2, 2), (-2, -2), (-1, -3), (-3, 1), (-3, -1)]
OWN = _OWN_NEXT + _OWN_SECOND + _OWN_THIRD
# Those in a channel that is decoded already: the pixel itself and all around it.
_BEFORE_NEXT = [(0, 0), (0, -1), (-1, 0), (0, 1), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]
_BEFORE_SECOND = [(0, -2), (-2, 0), (0, 2), (2, 0)]
_BEFORE_THIRD = [(-1, -2), (-2, -1), (-2, 1), (-1, 2), (1, -2), (2, -1), (2, 1), (1, 2)]
BEFORE = _BEFORE_NEXT + _BEFORE_SECOND + _BEFORE_THIRD
REACH = 2  # columns to the right that `OWN` goes
PAD = 3  # pixels around a plane that neighbours may lie in
NUM_NETWORKS = 3  # for a first channel, for a second one, and for all others
# The unit is the mean of the differences to so many of the nearest neighbours.
NEAR_OWN = 7
NEAR_BEFORE = 9
LARGEST_INPUT = 8 << INPUT_BITS  # inputs are clipped to 8 units

COMPONENTS = 3  # logistic distributions in a mixture
WEIGHT_BITS = 12  # weights of the components are multiples of 2^-12
# A uniform part of 2^-13 in the mixture keeps every value possible.
UNIFORM_BITS = 13
# Exponentials (of logits and of logarithms of scales) are tabulated at multiples of 2^-6, from -8
# to 8.
EXPONENT_BITS = 6
LARGEST_EXPONENT = 8 << EXPONENT_BITS
# Places of values and means are multiples of 2^-16 of the view's unit. They are clipped to 2^15
# units: a sharpness is below 2^28, so that their product stays below 2^60 and fits into 64 bits.
POSITION_BITS = 16
LARGEST_POSITION = 2**31
# The argument of the logistic function, (place - mean) / scale, is a multiple of 2^-20.
ARGUMENT_BITS = 20
LARGEST_ARGUMENT = LARGEST_Z << ARGUMENT_BITS
INTERPOLATED_BITS = ARGUMENT_BITS - Z_BITS  # so many of them lie between two entries of the table

# Samples of the pictures that are coded together. It decides the order of the bits in a file, and
# is part of the format.
LOCK_STEP = 2**21


@dataclass(frozen=True)
class View:
    """What is known of M samples, in integers.

    inputs: (M, inputs), what the network sees, units of 2^-8.
    centre: (M,), twice the expected value.
    unit: (M,), the sum of `terms` absolute differences, each taken twice; never 0.
    """

    inputs: np.ndarray
    centre: np.ndarray
    unit: np.ndarray
    terms: int


def view(own: np.ndarray, before: list[np.ndarray]) -> View:
    """The `View` of M samples from their neighbours, int64.

    `own` (M, len(OWN)) are those in the channel, `before` those in up to two channels before it,
    (M, len(BEFORE)) each. All differences are twice those to the mean of the left and upper
    neighbour, so that they are integers.
    """
    level = own[:, 0] + own[:, 1]
    differences = [2 * own - level[:, None]]
    unit = np.abs(differences[0][:, :NEAR_OWN]).sum(axis=1)
    terms = NEAR_OWN
    for other in before:
        other_level = other[:, 1] + other[:, 2]
        difference = 2 * other - other_level[:, None]
        unit = unit + np.abs(difference[:, :NEAR_BEFORE]).sum(axis=1)
        terms += NEAR_BEFORE
        differences.append(difference)
    unit = unit + terms
    ratio = np.concatenate(differences, axis=1) * (terms << INPUT_BITS) // unit[:, None]
    size = binary_logarithm(unit // terms) // 2
    relative = clipped(ratio, -LARGEST_INPUT, LARGEST_INPUT)
    inputs = np.concatenate([relative, size[:, None]], axis=1)
    # The channel before tells how far this pixel lies from its left and upper neighbour.
    centre = level + differences[1][:, 0] if before else level
    return View(inputs, centre, unit, terms)


def binary_logarithm(x: np.ndarray) -> np.ndarray:
    """2^8 log2 of integers from 1 to 2^52, int64, linear between powers of two.

    >>> binary_logarithm(np.array([1, 2, 3, 1024]))
    array([   0,  256,  384, 2560])
    """
    mantissa, exponent = np.frexp(x.astype(np.float64))  # x = mantissa 2^exponent, from 1/2 to 1
    fraction = np.floor((mantissa * 2 - 1) * 2**INPUT_BITS).astype(np.int64)
    return ((exponent.astype(np.int64) - 1) << INPUT_BITS) + fraction


@dataclass(frozen=True)
class Mixture:
    """Distributions of M samples of `num_bits`, each of COMPONENTS logistics, in integers.

    The mass of all values less than v is

        sum over k of weight_k sigmoid((place(v) - mean_k) sharpness_k) + v 2^-(13 + num_bits),

    where place(v) = (v - 1/2 - centre) / unit, all measured as in the view.

    weights: (M, COMPONENTS), units of 2^-12; their sum is at most 1.
    means: (M, COMPONENTS), units of 2^-16 of the view's unit.
    sharpness: (M, COMPONENTS), 1 / scale, units of 2^-16.
    """

    view: View
    num_bits: int
    weights: np.ndarray
    means: np.ndarray
    sharpness: np.ndarray

    @classmethod
    def of(cls, view: View, outputs: np.ndarray, num_bits: int) -> "Mixture":
        """From what a network answers, (M, 3 COMPONENTS) in units of 2^-10.

        These are the logits of the weights, the means, and the logarithms of the scales.
        """
        logits, means, log_scales = np.split(outputs.astype(np.int64), 3, axis=1)
        to_exponent = ACTIVATION_BITS - EXPONENT_BITS
        table = exponential_table(EXPONENT_BITS, LARGEST_EXPONENT)
        exponents = (logits - logits.max(axis=1, keepdims=True)) >> to_exponent
        parts = table[np.maximum(exponents, -LARGEST_EXPONENT) + LARGEST_EXPONENT]
        weights = (parts << WEIGHT_BITS) // parts.sum(axis=1, keepdims=True)
        exponents = clipped(-log_scales >> to_exponent, -LARGEST_EXPONENT, LARGEST_EXPONENT)
        sharpness = table[exponents + LARGEST_EXPONENT]
        return cls(view, num_bits, weights, means << (POSITION_BITS - ACTIVATION_BITS), sharpness)

    def below(self, value: np.ndarray) -> np.ndarray:
        """Mass (M,) of all values less than `value` (M,), int64 in units of 2^-52.

        It is 0 for `value` <= 0, and `total` from 2^num_bits on.
        """
        distance = 2 * value - 1 - self.view.centre  # twice that from the centre to value - 1/2
        place = distance * (self.view.terms << POSITION_BITS) // self.view.unit
        place = clipped(place, -LARGEST_POSITION, LARGEST_POSITION)
        to_argument = POSITION_BITS + EXPONENTIAL_BITS - ARGUMENT_BITS
        argument = (place[:, None] - self.means) * self.sharpness >> to_argument
        components = (self.weights * _logistic(argument)).sum(axis=1)
        mass = components + value * self.uniform
        end = np.where(value >= 2**self.num_bits, self.total, mass)
        return np.where(value <= 0, 0, end)

    @property
    def uniform(self) -> int:
        """Mass of the uniform part of one value, units of 2^-52."""
        return 2 ** (MASS_BITS + WEIGHT_BITS - UNIFORM_BITS - self.num_bits)

    @cached_property
    def total(self) -> np.ndarray:
        """Mass (M,) of all values, units of 2^-52; about 1."""
        return (self.weights.sum(axis=1) << MASS_BITS) + (self.uniform << self.num_bits)

    def code(self, stream: BitStream, sites: np.ndarray) -> np.ndarray:
        """The values (M,) of the samples `sites`, bit by bit, the most significant first."""
        value = np.zeros(len(sites), dtype=np.int64)
        # Masses of all values less than the smallest and the largest that the known bits allow.
        low = np.zeros(len(sites), dtype=np.int64)
        high = self.total
        largest = 2**PROBABILITY_BITS - 1
        for plane in reversed(range(self.num_bits)):
            middle = self.below(value + (1 << plane))
            ones = (high - middle) // (((high - low) >> PROBABILITY_BITS) + 1)
            bits = stream.bits(clipped(ones, 1, largest), sites, plane)
            low = np.where(bits == 1, middle, low)
            high = np.where(bits == 1, high, middle)
            value = value + (bits << plane)
        return value


def _logistic(argument: np.ndarray) -> np.ndarray:
    """2^40 sigmoid of arguments in units of 2^-20, int64, linear between the table's entries."""
    inside = clipped(argument, 1 - LARGEST_ARGUMENT, LARGEST_ARGUMENT - 1)
    from_start = inside + LARGEST_ARGUMENT
    table = logistic_table()
    entry = from_start >> INTERPOLATED_BITS
    start = table[entry]
    rest = from_start & (2**INTERPOLATED_BITS - 1)
    return start + ((table[entry + 1] - start) * rest >> INTERPOLATED_BITS)


@dataclass(frozen=True)
class PhotoPrior:
    """Three networks: for a first channel, for one with one channel before it, for all others.

    Each is a list of layers, from the inputs of a `View` to the outputs of `Mixture.of`.
    """

    networks: list[list[Layer]]

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> "PhotoPrior":
        """The prior of a file; raises KeyError or FileFormatError for one of something else."""
        networks = [layers_from(tensors, f"channel{number}.") for number in range(NUM_NETWORKS)]
        return cls(networks)

    def tensors(self) -> dict[str, np.ndarray]:
        """What is stored, by name: the inverse of `from_tensors`."""
        tensors: dict[str, np.ndarray] = {}
        for number, layers in enumerate(self.networks):
            tensors |= layer_tensors(layers, f"channel{number}.")
        return tensors

    def all_layers(self) -> list[Layer]:
        """All layers whose biases can be adapted, of one network behind the other."""
        return [layer for network in self.networks for layer in network]

    def with_layers(self, layers: list[Layer]) -> "PhotoPrior":
        """The same networks with these layers, as many as `all_layers` gives."""
        rest = iter(layers)
        return PhotoPrior([[next(rest) for _ in network] for network in self.networks])

    def suits(self, shape: tuple[int, ...], num_bits: int) -> bool:
        """Whether it codes pictures of this shape (H, W, C) and depth: all of 1 to 16 bits."""
        return 1 <= num_bits <= 16

    def code(
        self, stream: BitStream, count: int, shape: tuple[int, ...], num_bits: int
    ) -> np.ndarray:
        """Pass `count` pictures of `shape` (H, W, C) through a stream and return their words.

        The result is (count, H, W, C) int64. Sites of the stream count in that order.
        """
        batch = max(1, LOCK_STEP // math.prod(shape))
        parts = [
            self._code_batch(stream, start, min(batch, count - start), shape, num_bits)
            for start in range(0, count, batch)
        ]
        return np.concatenate(parts)

    def _code_batch(
        self, stream: BitStream, start: int, count: int, shape: tuple[int, ...], num_bits: int
    ) -> np.ndarray:
        """Pictures `start` to `start + count`, in lock step -> (count, H, W, C)."""
        height, width, channels = shape
        words = np.zeros((count, *shape), dtype=np.int64)
        first_pixels = (start + np.arange(count)) * height * width
        pixels = first_pixels[:, None, None] + np.arange(height * width).reshape(height, width)
        borders = ((0, 0), (PAD, PAD), (PAD, PAD))
        decoded: list[np.ndarray] = []  # the first two channels, with their borders repeated
        for channel in channel_order(channels):
            sites = pixels * channels + channel
            plane = self._code_plane(stream, decoded, sites, num_bits)
            words[..., channel] = plane
            if len(decoded) < NUM_NETWORKS - 1:
                decoded.append(np.pad(plane, borders, mode="edge"))
        return words

    def _code_plane(
        self, stream: BitStream, before: list[np.ndarray], sites: np.ndarray, num_bits: int
    ) -> np.ndarray:
        """One channel of pictures, whose samples are `sites` (N, H, W) -> its words (N, H, W).

        `before` are the channels that are known, (N, H + 2 PAD, W + 2 PAD) each.
        """
        count, height, width = sites.shape
        padded = (count, height + 2 * PAD, width + 2 * PAD)
        known = np.full(padded, 2 ** (num_bits - 1), dtype=np.int64)
        network = self.networks[len(before)]
        for rows, columns in wavefront(height, width, REACH):
            own = neighbours(known, rows, columns, OWN)
            others = [neighbours(plane, rows, columns, BEFORE) for plane in before]
            near = view(own, others)
            outputs = run_layers(network, near.inputs.astype(np.float64))
            mixture = Mixture.of(near, outputs, num_bits)
            values = mixture.code(stream, sites[:, rows, columns].ravel())
            _keep(known, rows, columns, values.reshape(count, -1))
        return known[:, PAD:-PAD, PAD:-PAD]


def channel_order(channels: int) -> list[int]:
    """In which order channels are coded: green first in colour, since it tells most of the others.

    >>> channel_order(4)
    [1, 0, 2, 3]
    """
    if channels >= 3:
        return [1, 0, *range(2, channels)]
    return list(range(channels))


def neighbours(
    padded: np.ndarray, rows: np.ndarray, columns: np.ndarray, offsets: Offsets
) -> np.ndarray:
    """Values around pixels (m,) of planes (N, H + 2 PAD, W + 2 PAD) -> (N m, len(offsets))."""
    row_steps, column_steps = np.array(offsets).T + PAD
    near = padded[:, rows[:, None] + row_steps, columns[:, None] + column_steps]
    return near.reshape(-1, len(offsets))


def _keep(known: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> None:
    """Store values (N, m) of decoded pixels, also where the border repeats them for pixels to come.

    `known` is (N, H + 2 PAD, W + 2 PAD); rows and columns (m,) are those of one wavefront step.
    """
    known[:, rows + PAD, columns + PAD] = values
    last_column = known.shape[2] - 2 * PAD - 1
    if rows[0] == 0:  # above and right of the first row: its latest pixel
        known[:, :PAD, columns[0] + PAD + 1 :] = values[:, :1, None]
    if columns[-1] == 0:  # left of the next row: the pixel above
        known[:, rows[-1] + PAD + 1, :PAD] = values[:, -1:]
    if columns[0] == last_column:  # right of a row: its last pixel
        known[:, rows[0] + PAD, -PAD:] = values[:, :1]
