"""The rules that need no training, and the interval that every method must stay in.

A picture of K bits says of a sample of N bits that it lies in [v 2^k, v 2^k + 2^k - 1]. Here v is
the word of K bits (`from_bits`), N is `to_bits`, and k = N - K bits are lost. A method answers with
the *lost part*: a real number of target steps from 0 to 2^k - 1 for every sample.
"""

import numpy as np


def cut(words: np.ndarray, num_bits: int, to_bits: int) -> np.ndarray:
    """Return the `to_bits` most significant bits of words of `num_bits`: uint32, the same shape.

    >>> cut(np.array([0, 15, 16, 255]), 8, 4).tolist()
    [0, 0, 1, 15]
    """
    return np.asarray(words, dtype=np.uint32) >> np.uint32(num_bits - to_bits)


def inside(lost: np.ndarray, words: np.ndarray, lost_bits: int) -> np.ndarray:
    """Join words with their lost parts, held inside the interval: uint32, the shape of `words`.

    The result is v 2^k plus the integer of 0 .. 2^k - 1 that is nearest to `lost` (halves go to the
    even one). Where `lost` is not finite it is the middle of the interval.

    >>> inside(np.array([-7.0, 2.4, np.nan]), np.array([1, 1, 1], dtype=np.uint32), 4).tolist()
    [16, 18, 23]
    """
    largest = (1 << lost_bits) - 1
    finite = np.where(np.isfinite(lost), lost, largest // 2)
    low_bits = np.clip(np.rint(finite), 0, largest).astype(np.uint32)
    return (words << np.uint32(lost_bits)) | low_bits


def zero_padding(words: np.ndarray, from_bits: int, to_bits: int) -> np.ndarray:
    """Return the lost part 0 for words of any shape: the result is v 2^k."""
    return np.zeros(words.shape)


def ideal_gain(words: np.ndarray, from_bits: int, to_bits: int) -> np.ndarray:
    """Return the lost part of MIG, multiplication by an ideal gain: int64, the shape of `words`.

    The result is v (2^N - 1) / (2^K - 1), rounded half up. That equals
    v 2^k + v (2^k - 1) / (2^K - 1), and the second term never leaves 0 .. 2^k - 1. The arithmetic
    is that of integers.

    >>> ideal_gain(np.array([0, 1, 255]), 8, 16).tolist()
    [0, 1, 255]
    """
    largest_lost = (1 << (to_bits - from_bits)) - 1
    largest_word = (1 << from_bits) - 1
    return (2 * words.astype(np.int64) * largest_lost + largest_word) // (2 * largest_word)


def bit_replication(words: np.ndarray, from_bits: int, to_bits: int) -> np.ndarray:
    """Return lost bits that repeat the word from its top bit on: int64, the shape of `words`.

    The word is repeated as often as the lost bits need (Ulichney and Cheung, "Pixel bit-depth
    increase by bit replication", 1998).

    >>> [format(part, "05b") for part in bit_replication(np.array([0b110, 0b011]), 3, 8)]
    ['11011', '01101']
    """
    lost_bits = to_bits - from_bits
    repeats = -(-lost_bits // from_bits)
    repeated = np.zeros(words.shape, dtype=np.int64)
    for _ in range(repeats):
        repeated = (repeated << from_bits) | words.astype(np.int64)
    return repeated >> (from_bits * repeats - lost_bits)


def mid_point(words: np.ndarray, from_bits: int, to_bits: int) -> np.ndarray:
    """Return the middle (2^k - 1) / 2 of the interval, the lower of the two integers beside it."""
    largest_lost = (1 << (to_bits - from_bits)) - 1
    return np.full(words.shape, largest_lost // 2)
