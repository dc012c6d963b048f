"""Streams of bits with probabilities: one writes, one reads, one only measures.

A model asks for the bits of some samples in one bit plane and says how probable a 1 is. A writer
looks the bits up in the known samples, a reader takes them from the file. The model cannot tell
which, so the encoder and the decoder run the same code.
"""

from typing import Protocol

import constriction
import numpy as np

from lossless_inr_lite.codec.tables import PROBABILITY_BITS
from lossless_inr_lite.errors import FileFormatError

stream = constriction.stream  # pyright: ignore[reportAttributeAccessIssue] a compiled module
# Its argument is a float, but a multiple of 2^-16: the coder's steps are then exact everywhere.
BIT = stream.model.Bernoulli(perfect=False)
WORD = "<u4"  # the coder's output is 32-bit words, stored little-endian
# A coder may end so many bits before the information does that was read from it.
SLACK = 128


class BitStream(Protocol):
    """What a model codes with."""

    def bits(self, ones: np.ndarray, sites: np.ndarray, plane: int) -> np.ndarray:
        """The bits (N,) int64 of bit plane `plane` of the samples `sites`; plane 0 is the lowest.

        `sites` (N,) are flat indices. `ones` (N,) are the probabilities of a 1 in units of 2^-16,
        integers from 1 to 2^16 - 1.
        """
        ...


class BitWriter:
    """Writes the bits of known words, a flat array of integers."""

    def __init__(self, words: np.ndarray) -> None:
        self.words = words
        self.coder = stream.queue.RangeEncoder()

    def bits(self, ones: np.ndarray, sites: np.ndarray, plane: int) -> np.ndarray:
        """See `BitStream.bits`."""
        found = _plane_bits(self.words, sites, plane)
        self.coder.encode(found.astype(np.int32), BIT, ones / 2**PROBABILITY_BITS)
        return found

    def to_bytes(self) -> bytes:
        """What a `BitReader` needs: a multiple of 4 bytes."""
        return self.coder.get_compressed().astype(WORD).tobytes()


class BitReader:
    """Reads what a `BitWriter` wrote.

    Behind its end a coder goes on with zeros. So the information that was read is held against the
    bytes there are: a few bytes that pretend to be a huge picture end soon.
    """

    def __init__(self, data: bytes) -> None:
        self.coder = stream.queue.RangeDecoder(np.frombuffer(data, WORD).astype(np.uint32))
        self.bits_left = 8.0 * len(data) + SLACK

    def bits(self, ones: np.ndarray, sites: np.ndarray, plane: int) -> np.ndarray:
        """See `BitStream.bits`. Raises FileFormatError when the data are damaged or end early."""
        try:
            found = self.coder.decode(BIT, ones / 2**PROBABILITY_BITS).astype(np.int64)
        except AssertionError as error:
            raise FileFormatError("the coded bits are damaged: no picture leads to them") from error
        self.bits_left -= float(code_lengths(ones, found).sum())
        if self.bits_left < 0:
            raise FileFormatError("the coded bits are damaged: they end before the picture does")
        return found


class BitMeter:
    """Writes nothing, and keeps the code length of every bit of known words.

    `words` (M,) are integers of `num_bits`; `lengths` (M, num_bits) are in bits, plane 0 is the
    least significant.
    """

    def __init__(self, words: np.ndarray, num_bits: int) -> None:
        self.words = words
        self.lengths = np.zeros((words.size, num_bits))

    def bits(self, ones: np.ndarray, sites: np.ndarray, plane: int) -> np.ndarray:
        """See `BitStream.bits`."""
        found = _plane_bits(self.words, sites, plane)
        self.lengths[sites, plane] = code_lengths(ones, found)
        return found


def code_lengths(ones: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """-log2 of the probability that each bit had, in bits; `ones` as in `BitStream.bits`.

    >>> code_lengths(np.array([2**15, 2**14]), np.array([0, 1]))
    array([1., 2.])
    """
    return PROBABILITY_BITS - np.log2(np.where(bits == 1, ones, 2**PROBABILITY_BITS - ones))


def _plane_bits(words: np.ndarray, sites: np.ndarray, plane: int) -> np.ndarray:
    return (words[sites] >> plane & 1).astype(np.int64)
