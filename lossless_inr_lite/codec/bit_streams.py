"""Streams of bits with probabilities: one writes, one reads, one only measures, and models cannot tell which.

A model asks for the bits of some samples in one plane and says how probable a 1 is; a writer looks them up in the
known samples, a reader takes them from the file. So encoder and decoder run the same code.
"""

from typing import Protocol

import constriction
import numpy as np

from lossless_inr_lite.codec.tables import PROBABILITY_BITS
from lossless_inr_lite.errors import FileFormatError

stream = constriction.stream  # pyright: ignore[reportAttributeAccessIssue] a compiled module without stubs
# Its argument is a float, but a multiple of 2^-16: the coder's steps are then exact, whatever the machine.
BIT = stream.model.Bernoulli(perfect=False)


SLACK = 128  # bits that a coder may end before its information does


class BitStream(Protocol):
    def bits(self, ones: np.ndarray, sites: np.ndarray, plane: int) -> np.ndarray:
        """The bits of plane `plane` of the samples `sites` (flat indices), as int64, shape of `sites`.

        `ones` are the probabilities of a 1 in units of 2^-16, from 1 to 2^16 - 1.
        """
        ...


class BitWriter:
    """Writes the bits of known words (flat, whole numbers)."""

    def __init__(self, words: np.ndarray) -> None:
        self.words, self.coder = words, stream.queue.RangeEncoder()

    def bits(self, ones: np.ndarray, sites: np.ndarray, plane: int) -> np.ndarray:
        found = (self.words[sites] >> plane & 1).astype(np.int64)
        self.coder.encode(found.astype(np.int32), BIT, ones / 2**PROBABILITY_BITS)
        return found

    def to_bytes(self) -> bytes:
        """What a `BitReader` needs, as little-endian 32-bit words."""
        return self.coder.get_compressed().astype("<u4").tobytes()


class BitReader:
    """Reads what a `BitWriter` wrote; raises FileFormatError where that is impossible.

    Behind its end a coder goes on with zeros. So the information that was read is held against the bytes there are:
    a few bytes that pretend to be a huge picture end soon.
    """

    def __init__(self, data: bytes) -> None:
        self.coder = stream.queue.RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))
        self.left = 8.0 * len(data) + SLACK

    def bits(self, ones: np.ndarray, sites: np.ndarray, plane: int) -> np.ndarray:
        try:
            found = self.coder.decode(BIT, ones / 2**PROBABILITY_BITS).astype(np.int64)
        except AssertionError as error:
            raise FileFormatError("the coded bits are damaged: no picture leads to them") from error
        self.left -= float(code_lengths(ones, found).sum())
        if self.left < 0:
            raise FileFormatError("the coded bits are damaged: they end before the picture does")
        return found


class BitMeter:
    """Writes nothing and keeps the code length of every bit of known words: `lengths`, (samples, planes), in bits."""

    def __init__(self, words: np.ndarray, num_bits: int) -> None:
        self.words, self.lengths = words, np.zeros((words.size, num_bits))

    def bits(self, ones: np.ndarray, sites: np.ndarray, plane: int) -> np.ndarray:
        found = (self.words[sites] >> plane & 1).astype(np.int64)
        self.lengths[sites, plane] = code_lengths(ones, found)
        return found


def code_lengths(ones: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """-log2 of the probability that each bit had."""
    return PROBABILITY_BITS - np.log2(np.where(bits == 1, ones, 2**PROBABILITY_BITS - ones))
