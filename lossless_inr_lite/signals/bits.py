"""Samples as unsigned words, words as bit-planes and digits: integer shifts only.

These are Eq. 1, 2 and 7 of the paper. A *word* is an unsigned integer of `num_bits` bits that
stands for one sample. Unsigned samples are their own words. Signed samples are offset by half the
range, so that the order is kept and the top plane is the sign. IEEE-754 float32 samples are their
32-bit patterns (sign, 8 exponent and 23 mantissa planes).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lossless_inr_lite.errors import InputError

Kind = Literal["unsigned", "signed", "float"]
MAX_BITS = 32


def check_num_bits(num_bits: int) -> int:
    """Return `num_bits` as an int; raise InputError unless it is an integer from 1 to 32.

    >>> check_num_bits(8)
    8
    """
    if not _is_integer(num_bits) or not 1 <= num_bits <= MAX_BITS:
        raise InputError(f"num_bits is {num_bits!r}: allowed are integers from 1 to {MAX_BITS}")
    return int(num_bits)


def quantise(analog: np.ndarray, num_bits: int) -> np.ndarray:
    """Nearest level of Q_n = {0, 1/(2^n-1), ..., 1}, as its integer numerator (Eq. 1, 2).

    Values outside of 0..1 are clipped. Returns uint32 of the same shape.

    >>> quantise(np.array([-1.0, 0.0, 0.49, 0.51, 1.0]), 1).tolist()
    [0, 0, 0, 1, 1]
    >>> quantise(np.array([0.5]), 8).tolist()
    [128]
    """
    levels = 2 ** check_num_bits(num_bits) - 1
    clipped = np.clip(np.asarray(analog, dtype=np.float64), 0.0, 1.0)
    return np.rint(clipped * levels).astype(np.uint32)


def error_ceiling(num_bits: int) -> float:
    """eps(n) = 1 / (2 (2^n - 1)), the largest error that still rounds to the right level (Eq. 3).

    >>> error_ceiling(1)
    0.5
    >>> 1 / error_ceiling(8)
    510.0
    """
    return 1.0 / (2 * (2 ** check_num_bits(num_bits) - 1))


def sample_dtype(kind: Kind, num_bits: int) -> np.dtype:
    """The smallest NumPy type that holds samples of this kind and width.

    >>> sample_dtype("signed", 24), sample_dtype("unsigned", 5)
    (dtype('int32'), dtype('uint8'))
    """
    if kind == "float":
        return np.dtype(np.float32)
    width = next(width for width in (8, 16, 32) if num_bits <= width)
    prefix = "u" if kind == "unsigned" else ""
    return np.dtype(f"{prefix}int{width}")


def to_words(samples: np.ndarray, num_bits: int, kind: Kind = "unsigned") -> np.ndarray:
    """Samples of any shape -> uint32 words below 2^num_bits, same shape.

    Raises InputError when a sample does not fit into `num_bits`.

    >>> to_words(np.array([-8, -1, 0, 7]), 4, "signed").tolist()
    [0, 7, 8, 15]
    """
    check_num_bits(num_bits)
    if kind == "float":
        if samples.dtype != np.float32 or num_bits != 32:
            raise InputError(
                f"float samples must be float32 with 32 bits, not {samples.dtype} with {num_bits}"
            )
        return np.ascontiguousarray(samples).view(np.uint32)
    lowest = _lowest(num_bits, kind)
    highest = lowest + (1 << num_bits) - 1
    if samples.size > 0:
        smallest = int(samples.min())
        largest = int(samples.max())
        if smallest < lowest or largest > highest:
            raise InputError(
                f"a sample lies outside {lowest}..{highest}, the range of {num_bits} bits: "
                f"found {smallest}..{largest}"
            )
    return (samples.astype(np.int64) - lowest).astype(np.uint32)


def from_words(words: np.ndarray, num_bits: int, kind: Kind = "unsigned") -> np.ndarray:
    """The exact inverse of `to_words`, in the type that `sample_dtype` names.

    >>> from_words(np.array([0, 7, 8, 15]), 4, "signed").tolist()
    [-8, -1, 0, 7]
    >>> from_words(np.array([0x3F800000, 0x80000000]), 32, "float").tolist()
    [1.0, -0.0]
    """
    dtype = sample_dtype(kind, check_num_bits(num_bits))
    if kind == "float":
        return np.ascontiguousarray(words, dtype=np.uint32).view(np.float32)
    return (words.astype(np.int64) + _lowest(num_bits, kind)).astype(dtype)


def split_digits(words: np.ndarray, num_bits: int, digit_bits: int) -> np.ndarray:
    """Words (...) -> digits (..., q) of `digit_bits` bits each, q = ceil(num_bits / digit_bits).

    Digit 0 is the least significant; the last one holds the bits that are left over. Returns
    uint32.

    >>> split_digits(np.array([0b10_111_001]), 8, 3).tolist()
    [[1, 7, 2]]
    """
    shifts = _digit_shifts(num_bits, digit_bits)
    mask = np.uint32((1 << digit_bits) - 1)
    digits = np.asarray(words, dtype=np.uint32)[..., None] >> shifts
    digits &= mask  # in place: this is the largest array of a long sound
    return digits


def join_digits(digits: np.ndarray, num_bits: int, digit_bits: int) -> np.ndarray:
    """Digits (..., q) -> words (...), uint32: the exact inverse of `split_digits`.

    >>> join_digits(np.array([1, 7, 2]), 8, 3) == 0b10_111_001
    np.True_
    """
    shifts = _digit_shifts(num_bits, digit_bits)
    digits = np.asarray(digits)
    words = np.zeros(digits.shape[:-1], dtype=np.uint32)
    # One digit after another: all of them as words would be the largest array of a long sound.
    for digit, shift in zip(np.moveaxis(digits, -1, 0), shifts, strict=True):
        words |= digit.astype(np.uint32) << shift
    return words & np.uint32((1 << num_bits) - 1)


def bit_planes(words: np.ndarray, num_bits: int) -> np.ndarray:
    """Words (...) -> planes (..., num_bits) of 0 and 1, uint8; plane i weighs 2^i (Eq. 7).

    >>> bit_planes(np.array([6]), 4).tolist()
    [[0, 1, 1, 0]]
    """
    return split_digits(words, num_bits, 1).astype(np.uint8)


def join_planes(planes: np.ndarray) -> np.ndarray:
    """Planes (..., num_bits) -> words (...), uint32: Eq. 7 as an exact sum of shifts.

    >>> join_planes(np.array([[0, 1, 1, 0]])).tolist()
    [6]
    """
    return join_digits(planes, planes.shape[-1], 1)


def rearrange_planes(words: np.ndarray, num_bits: int, order: Sequence[int]) -> np.ndarray:
    """Words whose plane i is plane `order[i]` of `words`; uint32, same shape.

    A plane may come twice or not at all. Raises InputError unless `order` names `num_bits` planes
    of 0 .. num_bits - 1.

    >>> rearrange_planes(np.array([0b001]), 3, [2, 1, 0]).tolist()
    [4]
    """
    named = all(_is_integer(plane) and 0 <= plane < num_bits for plane in order)
    if len(order) != num_bits or not named:
        raise InputError(
            f"the order {tuple(order)} must name {num_bits} planes, each from 0 to {num_bits - 1}"
        )
    return join_planes(bit_planes(words, num_bits)[..., list(order)])


def to_gray(words: np.ndarray) -> np.ndarray:
    """The reflected code of Gray (US patent 2,632,058): neighbours differ in one bit.

    Returns uint32 of the same shape.

    >>> [f"{code:02b}" for code in to_gray(np.arange(4))]
    ['00', '01', '11', '10']
    """
    words = np.asarray(words, dtype=np.uint32)
    return words ^ (words >> np.uint32(1))


def from_gray(codes: np.ndarray) -> np.ndarray:
    """The exact inverse of `to_gray`: bit i is the parity of all code bits from i upwards.

    >>> from_gray(to_gray(np.arange(4))).tolist()
    [0, 1, 2, 3]
    """
    words = np.array(codes, dtype=np.uint32)
    for shift in (1, 2, 4, 8, 16):
        words ^= words >> np.uint32(shift)
    return words


def plane_names(num_bits: int, kind: Kind = "unsigned") -> list[str]:
    """A name for each plane, least significant first; the parts of the IEEE word for floats.

    >>> plane_names(3)
    ['bit 0 (LSB)', 'bit 1', 'bit 2 (MSB)']
    >>> plane_names(32, "float")[22:25]
    ['mantissa 22', 'exponent 0', 'exponent 1']
    """
    if kind == "float":
        mantissa = [f"mantissa {i}" for i in range(23)]
        exponent = [f"exponent {i}" for i in range(8)]
        return [*mantissa, *exponent, "sign"]
    names = [f"bit {i}" for i in range(num_bits)]
    if num_bits > 1:
        names[0] += " (LSB)"
        names[-1] += " (MSB)"
    return names


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _lowest(num_bits: int, kind: Kind) -> int:
    """The smallest sample, whose word is 0."""
    return -(1 << (num_bits - 1)) if kind == "signed" else 0


def _digit_shifts(num_bits: int, digit_bits: int) -> np.ndarray:
    """How far each digit stands from the least significant bit, (q,) uint32."""
    check_num_bits(num_bits)
    check_num_bits(digit_bits)
    return np.arange(0, num_bits, digit_bits, dtype=np.uint32)
