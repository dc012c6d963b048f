"""Samples as unsigned words, words as bit-planes and digits: integer shifts only (Eq. 1, 2 and 7 of the paper).

A *word* is an unsigned integer of `num_bits` bits that stands for one sample. Unsigned samples are their own
words; signed samples are offset by half the range, so that the order is kept and the top plane is the sign;
IEEE-754 float32 samples are their 32-bit patterns (sign, 8 exponent and 23 mantissa planes).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lossless_inr_lite.errors import InputError

Kind = Literal["unsigned", "signed", "float"]
MAX_BITS = 32


def check_num_bits(num_bits: int) -> int:
    """Return `num_bits`; raise InputError unless it is a whole number from 1 to 32."""
    if (
        isinstance(num_bits, bool)
        or not isinstance(num_bits, (int, np.integer))
        or not 1 <= num_bits <= MAX_BITS
    ):
        raise InputError(
            f"num_bits is {num_bits!r}: allowed are whole numbers from 1 to {MAX_BITS}"
        )
    return int(num_bits)


def quantise(analog: np.ndarray, num_bits: int) -> np.ndarray:
    """Nearest level of Q_n = {0, 1/(2^n-1), ..., 1} as its integer numerator (Eq. 1, 2); uint32, same shape."""
    levels = 2 ** check_num_bits(num_bits) - 1
    return np.rint(np.clip(np.asarray(analog, dtype=np.float64), 0.0, 1.0) * levels).astype(
        np.uint32
    )


def error_ceiling(num_bits: int) -> float:
    """eps(n) = 1 / (2 (2^n - 1)), the largest error that still rounds to the right level (Eq. 3)."""
    return 1.0 / (2 * (2 ** check_num_bits(num_bits) - 1))


def sample_dtype(kind: Kind, num_bits: int) -> np.dtype:
    """The smallest NumPy type that holds samples of this kind and width."""
    if kind == "float":
        return np.dtype(np.float32)
    width = next(w for w in (8, 16, 32) if num_bits <= w)
    return np.dtype(f"{'u' if kind == 'unsigned' else ''}int{width}")


def to_words(samples: np.ndarray, num_bits: int, kind: Kind = "unsigned") -> np.ndarray:
    """Samples of any shape -> uint32 words below 2^num_bits, same shape.

    Raises InputError when a sample does not fit into `num_bits`.
    """
    check_num_bits(num_bits)
    if kind == "float":
        if samples.dtype != np.float32 or num_bits != 32:
            raise InputError(
                f"float samples must be float32 with 32 bits, not {samples.dtype} with {num_bits}"
            )
        return np.ascontiguousarray(samples).view(np.uint32)
    low = -(1 << (num_bits - 1)) if kind == "signed" else 0
    high = low + (1 << num_bits) - 1
    if samples.size and (int(samples.min()) < low or int(samples.max()) > high):
        raise InputError(
            f"a sample lies outside {low}..{high}, the range of {num_bits} bits: "
            f"found {int(samples.min())}..{int(samples.max())}"
        )
    return (samples.astype(np.int64) - low).astype(np.uint32)


def from_words(words: np.ndarray, num_bits: int, kind: Kind = "unsigned") -> np.ndarray:
    """The exact inverse of `to_words`, in the type that `sample_dtype` names."""
    dtype = sample_dtype(kind, check_num_bits(num_bits))
    if kind == "float":
        return np.ascontiguousarray(words, dtype=np.uint32).view(np.float32)
    low = -(1 << (num_bits - 1)) if kind == "signed" else 0
    return (words.astype(np.int64) + low).astype(dtype)


def split_digits(words: np.ndarray, num_bits: int, digit_bits: int) -> np.ndarray:
    """Words (...) -> digits (..., q) of `digit_bits` bits each, q = ceil(num_bits / digit_bits).

    Digit 0 is the least significant; the last one holds the bits that are left over.
    """
    check_num_bits(num_bits)
    check_num_bits(digit_bits)
    shifts = np.arange(0, num_bits, digit_bits, dtype=np.uint32)
    mask = np.uint32((1 << digit_bits) - 1)
    return (np.asarray(words, dtype=np.uint32)[..., None] >> shifts) & mask


def join_digits(digits: np.ndarray, num_bits: int, digit_bits: int) -> np.ndarray:
    """Digits (..., q) -> words (...), uint32: the exact inverse of `split_digits`."""
    check_num_bits(num_bits)
    check_num_bits(digit_bits)
    shifts = np.arange(0, num_bits, digit_bits, dtype=np.uint32)
    shifted = np.asarray(digits).astype(np.uint32) << shifts
    return np.bitwise_or.reduce(shifted, axis=-1) & np.uint32((1 << num_bits) - 1)


def bit_planes(words: np.ndarray, num_bits: int) -> np.ndarray:
    """Words (...) -> planes (..., num_bits) of 0 and 1, uint8; plane i weighs 2^i (Eq. 7)."""
    return split_digits(words, num_bits, 1).astype(np.uint8)


def join_planes(planes: np.ndarray) -> np.ndarray:
    """Planes (..., num_bits) -> words (...): Eq. 7 as an exact sum of shifts."""
    return join_digits(planes, planes.shape[-1], 1)


def rearrange_planes(words: np.ndarray, num_bits: int, order: Sequence[int]) -> np.ndarray:
    """Words whose plane i is plane ``order[i]`` of `words`; uint32, same shape. A plane may come twice or not at all.

    Raises InputError unless `order` names `num_bits` planes of 0 .. num_bits - 1.
    """
    whole = all(
        isinstance(plane, (int, np.integer)) and not isinstance(plane, bool) for plane in order
    )
    if len(order) != num_bits or not whole or not all(0 <= plane < num_bits for plane in order):
        raise InputError(
            f"the order {tuple(order)} must name {num_bits} planes, each from 0 to {num_bits - 1}"
        )
    return join_planes(bit_planes(words, num_bits)[..., list(order)])


def to_gray(words: np.ndarray) -> np.ndarray:
    """The reflected code of Gray (US patent 2,632,058): neighbours differ in one bit; uint32, same shape."""
    words = np.asarray(words, dtype=np.uint32)
    return words ^ (words >> np.uint32(1))


def from_gray(codes: np.ndarray) -> np.ndarray:
    """The exact inverse of `to_gray`: bit i is the parity of all code bits from i upwards."""
    words = np.array(codes, dtype=np.uint32)
    for shift in (1, 2, 4, 8, 16):
        words ^= words >> np.uint32(shift)
    return words


def plane_names(num_bits: int, kind: Kind = "unsigned") -> list[str]:
    """A name for each plane, least significant first: bit 0 (LSB), ...; the parts of the IEEE word for floats."""
    if kind == "float":
        return [f"mantissa {i}" for i in range(23)] + [f"exponent {i}" for i in range(8)] + ["sign"]
    ends = {0: " (LSB)", num_bits - 1: " (MSB)"} if num_bits > 1 else {}
    return [f"bit {i}{ends.get(i, '')}" for i in range(num_bits)]
