"""A ternary network without floating point, in numpy.

A layer is two bit masks, and what follows it is shifts, one integer division and tables. A sum of
activations over a mask is taken plane by plane. An activation of 8 bits is its bit-planes. A plane
of a whole layer's inputs lies in a few machine words, and its sum is the population count of the
bits under the mask. Integers are the same whatever the batch, the threads or the device.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.devices import check_memory
from lossless_inr_lite.formulations import Formulation, decoding_memory
from lossless_inr_lite.networks.integer_tables import (
    LARGEST_ACTIVATION,
    MULTIPLIER_BITS,
    ONE,
    Z_BITS,
    Z_LIMIT,
    gelu_table,
)
from lossless_inr_lite.networks.ternary_layout import encoded
from lossless_inr_lite.signals import Signal, SignalSpec

# Words of masked bits at a time, which bounds the memory of a sum.
MASKED_WORDS_AT_ONCE = 2**22
# Positions that are decoded at a time.
DECODE_BATCH = 8192


@dataclass(frozen=True)
class TernaryLayer:
    """`trits` (groups, in, out) int8 in {-1, 0, 1} and `multipliers` (groups,) int64."""

    trits: np.ndarray
    multipliers: np.ndarray

    @cached_property
    def masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Where a trit is 1 and where it is -1: (groups, out, words) uint64 each."""
        across = self.trits.transpose(0, 2, 1)
        return packed_bits(across > 0), packed_bits(across < 0)


@dataclass(frozen=True)
class IntegerNetwork:
    """Layers, and the frequencies (waves, in) of the encoding.

    Its results are those of the forward pass of `networks.ternary`.
    """

    layers: list[TernaryLayer]
    waves: np.ndarray

    def totals(self, points: np.ndarray) -> Iterator[np.ndarray]:
        """Coordinates (S, in) in steps of 2^-14 -> sums of the last layer (S, out) int64.

        One array a group. A bit is 1 where its sum is above 0.
        """
        first = encoded(points, self.waves)
        last = self.layers[-1]
        for group in range(len(last.trits)):
            yield _sums(self.inputs(first, group)[-1], last, group)

    def inputs(self, first: np.ndarray, group: int = 0) -> list[np.ndarray]:
        """What every layer of one group gets, (S, in) of 8 bits each.

        The list begins with the encoded coordinates `first`.
        """
        values = [first]
        for layer in self.layers[:-1]:
            sums = _sums(values[-1], layer, group)
            values.append(normalised(gelu(sums, int(layer.multipliers[group]))))
        return values


@dataclass
class IntegerModel:
    """A saved ternary model: it decodes a signal in integers alone."""

    spec: SignalSpec
    architecture: Architecture
    formulation: Formulation
    integers: IntegerNetwork

    def decode(
        self, batch: int = DECODE_BATCH, precision: str = "float32", device: str = "cpu"
    ) -> tuple[np.ndarray, float]:
        """Return words of shape `spec.shape`, and the smallest margin.

        The margin is the distance of a sum from the other decision, in steps of a half. `batch`
        positions are decoded at a time. `precision` and `device` change nothing: there is one way
        to add integers.
        """
        check_memory(decoding_memory(self.formulation, self.spec))
        points = self.formulation.integer_coordinates(self.spec)
        problem = self.formulation.problem(self.spec)
        bits = np.empty((problem.groups, len(points), problem.out_features), np.uint8)
        smallest = None
        for start in range(0, len(points), batch):
            part = slice(start, start + batch)
            for group, sums in enumerate(self.integers.totals(points[part])):
                bits[group, part] = sums > 0
                distance = int(np.abs(2 * sums - 1).min())
                smallest = distance if smallest is None else min(smallest, distance)
        margin = float("inf") if smallest is None else smallest / 2
        return self.formulation.words(bits, self.spec), margin

    def signal(self) -> Signal:
        """Return the decoded signal."""
        words, _ = self.decode()
        return self.spec.signal(words)


def _sums(values: np.ndarray, layer: TernaryLayer, group: int) -> np.ndarray:
    plus, minus = layer.masks
    return masked_sums(values, plus[group], minus[group])


def packed_bits(bits: np.ndarray) -> np.ndarray:
    """(..., n) booleans -> (..., ceil(n / 64)) uint64, with zeros behind the last."""
    unused = -bits.shape[-1] % 64
    padded = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, unused)])
    return np.ascontiguousarray(np.packbits(padded, axis=-1)).view(np.uint64)


def masked_sums(values: np.ndarray, plus: np.ndarray, minus: np.ndarray) -> np.ndarray:
    """Sum activations under `plus` and subtract those under `minus`.

    `values` (S, in) have 8 bits, the masks have shape (out, words). The result is (S, out) int64.
    """
    step = max(1, MASKED_WORDS_AT_ONCE // plus.size)
    starts = range(0, len(values), step)
    parts = [_masked_sums(values[start : start + step], plus, minus) for start in starts]
    if not parts:
        return np.zeros((0, len(plus)), np.int64)
    return np.concatenate(parts)


def _masked_sums(values: np.ndarray, plus: np.ndarray, minus: np.ndarray) -> np.ndarray:
    patterns = values.astype(np.int8).view(np.uint8)
    sums = np.zeros((len(values), len(plus)), np.int64)
    for plane in range(8):
        bits = packed_bits((patterns >> plane) & 1)[:, None, :]
        count = np.bitwise_count(bits & plus).sum(-1, dtype=np.int64)
        count -= np.bitwise_count(bits & minus).sum(-1, dtype=np.int64)
        if plane == 7:  # two's complement: the top plane counts -128
            sums -= count << 7
        else:
            sums += count << plane
    return sums


def gelu(sums: np.ndarray, multiplier: int) -> np.ndarray:
    """2^GELU_BITS gelu of multiples of sums, from the table; int64."""
    limit = Z_LIMIT * 2**Z_BITS
    half = 2 ** (MULTIPLIER_BITS - 1)
    z = (sums * multiplier + half) >> MULTIPLIER_BITS
    return gelu_table()[np.clip(z, -limit, limit) + limit].astype(np.int64)


def normalised(values: np.ndarray) -> np.ndarray:
    """Apply a layer norm over the last axis, in integers; int64.

    The result has mean 0 and standard deviation ONE, is rounded half up, and is clamped to
    +-LARGEST_ACTIVATION.
    """
    width = values.shape[-1]
    total = values.sum(-1, keepdims=True)
    squares = (values * values).sum(-1, keepdims=True)
    spread = np.maximum(square_root(width * squares - total * total), 1)
    rounded = (2 * ONE * (width * values - total) + spread) // (2 * spread)
    return np.clip(rounded, -LARGEST_ACTIVATION, LARGEST_ACTIVATION)


def square_root(values: np.ndarray) -> np.ndarray:
    """Return the largest integer whose square is not above each value; one bit at a time.

    The values are int64 below 2^62.

    >>> square_root(np.array([0, 3, 4, 99])).tolist()
    [0, 1, 2, 9]
    """
    root = np.zeros_like(values)
    for bit in range(30, -1, -1):
        larger = root | (1 << bit)
        root = np.where(larger * larger <= values, larger, root)
    return root
