"""A prior for photographs of any size, depth and number of channels: a context model, and no longer an INR.

Coordinates say nothing about a photograph that the prior has not seen, so they are left out. The network sees the
decoded pixels around the next one, in this channel and in those before it, relative to their level and measured in
their own mean difference, which makes it blind to brightness, contrast and depth. It answers with a mixture of
logistic distributions of the value; the probability of each bit, given the bits above it, follows from that.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lossless_inr_lite.codec.bit_streams import BitStream
from lossless_inr_lite.codec.integer_network import Layer, layer_tensors, layers_from
from lossless_inr_lite.codec.tables import (
    LARGEST_Z,
    MASS_BITS,
    PROBABILITY_BITS,
    Z_BITS,
    exponential_table,
    logistic_table,
)
from lossless_inr_lite.codec.wavefront import wavefront

# (row, column) of the known pixels of the channel itself, nearest first, and of those of a channel before it.
OWN = [
    (0, -1),
    (-1, 0),
    (-1, -1),
    (-1, 1),
    (0, -2),
    (-2, 0),
    (-1, 2),
    (-2, 1),
    (-2, -1),
    (-1, -2),
    (0, -3),
    (-3, 0),
    (-2, 2),
    (-2, -2),
    (-1, -3),
    (-3, 1),
    (-3, -1),
]
BEFORE = [
    (0, 0),
    (0, -1),
    (-1, 0),
    (0, 1),
    (1, 0),
    (-1, -1),
    (-1, 1),
    (1, -1),
    (1, 1),
    (0, -2),
    (-2, 0),
    (0, 2),
    (2, 0),
    (-1, -2),
    (-2, -1),
    (-2, 1),
    (-1, 2),
    (1, -2),
    (2, -1),
    (2, 1),
    (1, 2),
]
REACH = 2
PAD = 3
NEAR_OWN, NEAR_BEFORE = 7, 9  # of these differences the unit is the mean
LARGEST_INPUT = 2**11  # 8 units
COMPONENTS = 3
POSITION_BITS = 16
SCALE_STEPS = 6  # scales of the logistics are exp(i / 2^6)
UNIFORM_BITS = 13  # a uniform part of 2^-13 keeps every value possible
WEIGHT_BITS = 12
LOCK_STEP = 2**21  # samples of the pictures that are coded together


@dataclass(frozen=True)
class View:
    """What is known of M samples: network inputs (M, inputs), twice the expected value (M,), and the unit (M,).

    The unit is a sum of `terms` absolute differences, each taken twice.
    """

    inputs: np.ndarray
    centre: np.ndarray
    unit: np.ndarray
    terms: int


def view(own: np.ndarray, before: list[np.ndarray]) -> View:
    """Neighbours in the channel (M, len(OWN)) and in up to two others (M, len(BEFORE)), int64, as a `View`.

    All differences are twice those to the mean of the left and upper neighbour, so that they are whole.
    """
    level = own[:, 0] + own[:, 1]
    differences, terms = [2 * own - level[:, None]], NEAR_OWN
    unit = np.abs(differences[0][:, :NEAR_OWN]).sum(axis=1)
    for other in before:
        difference = 2 * other - (other[:, 1] + other[:, 2])[:, None]
        unit = unit + np.abs(difference[:, :NEAR_BEFORE]).sum(axis=1)
        terms += NEAR_BEFORE
        differences.append(difference)
    unit = unit + terms
    ratio = np.concatenate(differences, axis=1) * (256 * terms) // unit[:, None]
    size = binary_logarithm(unit // terms) // 2
    inputs = np.concatenate([np.clip(ratio, -LARGEST_INPUT, LARGEST_INPUT), size[:, None]], axis=1)
    centre = level + differences[1][:, 0] if before else level
    return View(inputs, centre, unit, terms)


def binary_logarithm(x: np.ndarray) -> np.ndarray:
    """2^8 log2 of whole numbers from 1 to 2^52, linear between powers of two; whole."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return (exponent.astype(np.int64) - 1) * 256 + np.floor((mantissa * 2 - 1) * 256).astype(
        np.int64
    )


@dataclass(frozen=True)
class Mixture:
    """Distribution functions of M samples of `num_bits`, each a mixture of COMPONENTS logistics, in whole numbers."""

    view: View
    num_bits: int
    weights: np.ndarray  # (M, COMPONENTS), sum at most 2^12
    means: np.ndarray  # (M, COMPONENTS), units of 2^-16 of the view's unit
    sharpness: np.ndarray  # (M, COMPONENTS), 2^16 / scale

    @classmethod
    def of(cls, view: View, outputs: np.ndarray, num_bits: int) -> "Mixture":
        """From what a network answers, (M, 3 COMPONENTS) in units of 2^-10: logits, means, logarithms of scales."""
        logits, means, scales = np.split(outputs.astype(np.int64), 3, axis=1)
        table, largest = exponential_table(SCALE_STEPS, 8 << SCALE_STEPS), 8 << SCALE_STEPS
        logits = (logits - logits.max(axis=1, keepdims=True)) >> (10 - SCALE_STEPS)
        parts = table[np.maximum(logits, -largest) + largest]
        weights = (parts << WEIGHT_BITS) // parts.sum(axis=1, keepdims=True)
        sharpness = table[np.clip(-scales >> (10 - SCALE_STEPS), -largest, largest) + largest]
        return cls(view, num_bits, weights, means << (POSITION_BITS - 10), sharpness)

    def below(self, value: np.ndarray) -> np.ndarray:
        """Mass (M,) of everything less than `value` (M,), 0 below `value` <= 0 and `total` from 2^num_bits on."""
        place = (
            (2 * value - 1 - self.view.centre)
            * (self.view.terms << POSITION_BITS)
            // self.view.unit
        )
        place = np.clip(place, -(2**31), 2**31)
        z = (place[:, None] - self.means) * self.sharpness >> 12
        fine = 20 - Z_BITS
        limit = (LARGEST_Z << 20) - 1
        z = np.clip(z, -limit, limit) + (LARGEST_Z << 20)
        table, entry = logistic_table(), z >> fine
        start = table[entry]
        logistic = start + ((table[entry + 1] - start) * (z & (2**fine - 1)) >> fine)
        mass = (self.weights * logistic).sum(axis=1) + value * self.uniform
        return np.where(value <= 0, 0, np.where(value >= 2**self.num_bits, self.total, mass))

    @property
    def uniform(self) -> int:
        return 2 ** (MASS_BITS + WEIGHT_BITS - UNIFORM_BITS - self.num_bits)

    @property
    def total(self) -> np.ndarray:
        return (self.weights.sum(axis=1) << MASS_BITS) + (self.uniform << self.num_bits)

    def code(self, stream: BitStream, sites: np.ndarray) -> np.ndarray:
        """The values (M,) of the samples `sites`, bit by bit, the most significant first."""
        low, value = np.zeros(len(sites), dtype=np.int64), np.zeros(len(sites), dtype=np.int64)
        high = self.total
        for plane in reversed(range(self.num_bits)):
            middle = self.below(value + (1 << plane))
            ones = (high - middle) // (((high - low) >> PROBABILITY_BITS) + 1)
            bit = stream.bits(np.clip(ones, 1, 2**PROBABILITY_BITS - 1), sites, plane)
            low, high = np.where(bit == 1, middle, low), np.where(bit == 1, high, middle)
            value = value + (bit << plane)
        return value


@dataclass(frozen=True)
class PhotoPrior:
    """Three networks: for a first channel, for one with one channel before it, and for all others."""

    networks: list[list[Layer]]

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> "PhotoPrior":
        return cls([layers_from(tensors, f"channel{number}.") for number in range(3)])

    def tensors(self) -> dict[str, np.ndarray]:
        """What is stored."""
        named = [
            layer_tensors(layers, f"channel{number}.")
            for number, layers in enumerate(self.networks)
        ]
        return {name: tensor for part in named for name, tensor in part.items()}

    def with_layers(self, layers: list[Layer]) -> "PhotoPrior":
        """The same networks with these layers, one behind the other."""
        rest = iter(layers)
        return PhotoPrior([[next(rest) for _ in network] for network in self.networks])

    def suits(self, shape: tuple[int, ...], num_bits: int) -> bool:
        return 1 <= num_bits <= 16

    def code(
        self, stream: BitStream, count: int, shape: tuple[int, ...], num_bits: int
    ) -> np.ndarray:
        """Pass `count` pictures of `shape` (H, W, C) through a stream and return their words, (count, H, W, C)."""
        batch = max(1, LOCK_STEP // int(np.prod(shape)))
        starts = range(0, count, batch)
        return np.concatenate(
            [self._batch(stream, at, min(batch, count - at), shape, num_bits) for at in starts]
        )

    def _batch(
        self, stream: BitStream, start: int, count: int, shape: tuple[int, ...], num_bits: int
    ) -> np.ndarray:
        height, width, channels = shape
        words = np.zeros((count, *shape), dtype=np.int64)
        firsts = (start + np.arange(count)) * height * width
        planes: list[np.ndarray] = []
        for channel in channel_order(channels):
            sites = (
                firsts[:, None, None] + np.arange(height * width).reshape(height, width)
            ) * channels + channel
            plane = self._plane(stream, planes[:2], sites, num_bits)
            words[..., channel] = plane[:, PAD:-PAD, PAD:-PAD]
            planes.append(
                np.pad(words[..., channel], ((0, 0), (PAD, PAD), (PAD, PAD)), mode="edge")
            )
        return words

    def _plane(
        self, stream: BitStream, before: list[np.ndarray], sites: np.ndarray, num_bits: int
    ) -> np.ndarray:
        count, height, width = sites.shape
        known = np.full(
            (count, height + 2 * PAD, width + 2 * PAD), 2 ** (num_bits - 1), dtype=np.int64
        )
        for rows, columns in wavefront(height, width, REACH):
            near = view(
                neighbours(known, rows, columns, OWN),
                [neighbours(b, rows, columns, BEFORE) for b in before],
            )
            outputs = run(self.networks[len(before)], near.inputs.astype(np.float64))
            values = Mixture.of(near, outputs, num_bits).code(
                stream, sites[:, rows, columns].ravel()
            )
            _keep(known, rows, columns, values.reshape(count, -1))
        return known


def channel_order(channels: int) -> list[int]:
    """Green comes first in colour pictures: it tells most about the others."""
    return [1, 0, *range(2, channels)] if channels >= 3 else list(range(channels))


def run(layers: list[Layer], inputs: np.ndarray) -> np.ndarray:
    """A network of whole numbers: rectified between its layers."""
    for layer in layers[:-1]:
        inputs = np.maximum(layer(inputs), 0)
    return layers[-1](inputs)


def neighbours(
    padded: np.ndarray, rows: np.ndarray, columns: np.ndarray, offsets: list[tuple[int, int]]
) -> np.ndarray:
    """Values around pixels (m,) of padded planes (N, H + 2 PAD, W + 2 PAD) -> (N m, offsets)."""
    steps = np.array(offsets).T + PAD
    return padded[:, rows[:, None] + steps[0], columns[:, None] + steps[1]].reshape(
        -1, len(offsets)
    )


def _keep(known: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> None:
    """Store values (N, m) of decoded pixels, also where the padding repeats them for the pixels to come."""
    known[:, rows + PAD, columns + PAD] = values
    last = known.shape[2] - 2 * PAD - 1
    if rows[0] == 0:  # above the first row: its latest pixel
        known[:, :PAD, columns[0] + PAD + 1 :] = values[:, :1, None]
    if columns[-1] == 0:  # left of the next row: the pixel above
        known[:, rows[-1] + PAD + 1, :PAD] = values[:, -1:]
    if columns[0] == last:
        known[:, rows[0] + PAD, -PAD:] = values[:, :1]
