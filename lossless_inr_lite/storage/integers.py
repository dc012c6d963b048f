"""A ternary network without floating point: two bit masks a layer, popcounts, shifts, one integer division, tables.

A sum of activations over a mask is taken plane by plane: an activation of 8 bits is its bit-planes, and a plane of a
whole layer's inputs lies in a few machine words, of which the population count of the bits under the mask is the sum.
Whole numbers are the same whatever the batch, the threads or the device.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lossless_inr_lite.networks.fixed_point import Z_BITS, Z_LIMIT, gelu_table
from lossless_inr_lite.networks.ternary import LIMIT, MULTIPLIER_BITS, ONE, encoded

AT_ONCE = 2**22  # words of masked bits, which bounds the memory of a sum


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
    """Layers and the frequencies (F, in) of the encoding; see `networks.ternary`, whose forward pass this is."""

    layers: list[TernaryLayer]
    waves: np.ndarray

    def totals(self, points: np.ndarray) -> Iterator[np.ndarray]:
        """Coordinates (S, in) in steps of 2^-14 -> sums of the last layer (S, out) int64, group by group.

        A bit is 1 where its sum is above 0.
        """
        first, last = encoded(points, self.waves), self.layers[-1]
        for group in range(len(last.trits)):
            yield _sums(self.inputs(first, group)[-1], last, group)

    def inputs(self, first: np.ndarray, group: int = 0) -> list[np.ndarray]:
        """What every layer of one group gets, of 8 bits: (S, in) each, beginning with the encoded coordinates."""
        values = [first]
        for layer in self.layers[:-1]:
            sums = _sums(values[-1], layer, group)
            values.append(normalised(gelu(sums, int(layer.multipliers[group]))))
        return values


def _sums(values: np.ndarray, layer: TernaryLayer, group: int) -> np.ndarray:
    return masked_sums(values, *(mask[group] for mask in layer.masks))


def packed_bits(bits: np.ndarray) -> np.ndarray:
    """(..., n) truth values -> (..., ceil(n / 64)) uint64; what is missing to whole words is 0."""
    padded = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, -bits.shape[-1] % 64)])
    return np.ascontiguousarray(np.packbits(padded, axis=-1)).view(np.uint64)


def masked_sums(values: np.ndarray, plus: np.ndarray, minus: np.ndarray) -> np.ndarray:
    """Activations (S, in) of 8 bits, masks (out, words) -> sums under `plus` less those under `minus`, (S, out)."""
    step = max(1, AT_ONCE // plus.size)
    parts = [
        _masked_sums(values[start : start + step], plus, minus)
        for start in range(0, len(values), step)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(plus)), np.int64)


def _masked_sums(values: np.ndarray, plus: np.ndarray, minus: np.ndarray) -> np.ndarray:
    patterns = values.astype(np.int8).view(np.uint8)
    sums = np.zeros((len(values), len(plus)), np.int64)
    for plane in range(8):
        bits = packed_bits((patterns >> plane) & 1)[:, None, :]
        count = np.bitwise_count(bits & plus).sum(-1, dtype=np.int64)
        count -= np.bitwise_count(bits & minus).sum(-1, dtype=np.int64)
        sums += (
            -(count << 7) if plane == 7 else count << plane
        )  # two's complement: the top plane counts -128
    return sums


def gelu(sums: np.ndarray, multiplier: int) -> np.ndarray:
    """2^GELU_BITS gelu of multiples of sums, from the table; int64."""
    limit = Z_LIMIT * 2**Z_BITS
    z = (sums * multiplier + 2 ** (MULTIPLIER_BITS - 1)) >> MULTIPLIER_BITS
    return gelu_table()[np.clip(z, -limit, limit) + limit].astype(np.int64)


def normalised(values: np.ndarray) -> np.ndarray:
    """A layer norm over the last axis: mean 0, standard deviation ONE, rounded half up, at most LIMIT; int64."""
    width, total = values.shape[-1], values.sum(-1, keepdims=True)
    spread = np.maximum(
        square_root(width * (values * values).sum(-1, keepdims=True) - total * total), 1
    )
    return np.clip((2 * ONE * (width * values - total) + spread) // (2 * spread), -LIMIT, LIMIT)


def square_root(values: np.ndarray) -> np.ndarray:
    """The largest whole number whose square is not above each value, of int64 below 2^62: a bit at a time."""
    root = np.zeros_like(values)
    for bit in range(30, -1, -1):
        larger = root | (1 << bit)
        root = np.where(larger * larger <= values, larger, root)
    return root
