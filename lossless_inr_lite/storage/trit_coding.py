"""Trits as bytes: five in a byte, since 3^5 = 243 fits into 256, or entropy-coded if shorter."""

from typing import Any

import numpy as np

from lossless_inr_lite.errors import FileFormatError

TRITS_PER_BYTE = 5
POWERS = 3 ** np.arange(TRITS_PER_BYTE)
LARGEST_BYTE = 3**TRITS_PER_BYTE - 1
# Trits that a coded byte may stand for, so that a few bytes cannot claim millions.
MAX_TRITS_PER_BYTE = 40


def pack(trits: np.ndarray) -> bytes:
    """(n,) int8 of -1, 0, 1 -> ceil(n / 5) bytes: 8/5 = 1.6 bits per trit.

    Missing trits of the last byte count as -1.

    >>> list(pack(np.array([1, 0, -1, -1, -1], np.int8)))
    [5]
    """
    num_bytes = -(-len(trits) // TRITS_PER_BYTE)
    digits = np.zeros(num_bytes * TRITS_PER_BYTE, np.int64)
    digits[: len(trits)] = trits + 1
    return (digits.reshape(-1, TRITS_PER_BYTE) @ POWERS).astype(np.uint8).tobytes()


def unpack(data: bytes, count: int) -> np.ndarray:
    """Return the `count` trits of `pack`, (count,) int8.

    Raises FileFormatError for bytes that `pack` does not make of so many trits.
    """
    values = np.frombuffer(data, np.uint8).astype(np.int64)
    needed = -(-count // TRITS_PER_BYTE)
    if len(values) != needed or (values > LARGEST_BYTE).any():
        raise FileFormatError(f"{len(data)} bytes are not {count} trits in fives")
    digits = (values[:, None] // POWERS % 3).reshape(-1)
    if digits[count:].any():
        raise FileFormatError(f"{len(data)} bytes hold more than {count} trits")
    return (digits[:count] - 1).astype(np.int8)


def encode(trits: np.ndarray) -> bytes:
    """(n,) int8 trits -> frequencies in two bytes, then what an entropy coder makes of the trits.

    The frequencies are those of -1 and 0, in 255ths.
    """
    from constriction import stream  # pyright: ignore[reportAttributeAccessIssue]

    counts = np.bincount(trits + 1, minlength=3)
    shares = counts[:2] * 255 // max(1, len(trits))
    coder = stream.stack.AnsCoder()
    coder.encode_reverse((trits + 1).astype(np.int32), _probabilities(shares))
    return bytes(shares.astype(np.uint8)) + coder.get_compressed().astype("<u4").tobytes()


def decode(data: bytes, count: int) -> np.ndarray:
    """Return the `count` trits of `encode`, (count,) int8.

    Raises FileFormatError for bytes that `encode` cannot have made.
    """
    from constriction import stream  # pyright: ignore[reportAttributeAccessIssue]

    wrong = FileFormatError(f"{len(data)} bytes are not {count} coded trits")
    if len(data) % 4 != 2 or count > MAX_TRITS_PER_BYTE * len(data) or sum(data[:2]) > 255:
        raise wrong
    words = np.frombuffer(data[2:], "<u4").astype(np.uint32)
    try:
        coder = stream.stack.AnsCoder(words)
    except ValueError as error:
        raise wrong from error
    symbols = coder.decode(_probabilities(np.frombuffer(data[:2], np.uint8)), count)
    if not coder.is_empty():
        raise FileFormatError(f"{len(data)} bytes hold more than {count} coded trits")
    return (symbols - 1).astype(np.int8)


def _probabilities(shares: np.ndarray) -> Any:
    """Probabilities of -1, 0, 1 in multiples of 1/256, which floats hold exactly; none is 0."""
    from constriction import stream  # pyright: ignore[reportAttributeAccessIssue]

    low, middle = (int(share) for share in shares)
    counts = np.array([low, middle, 256 - low - middle], np.float64)
    return stream.model.Categorical(np.maximum(counts, 1) / 256, perfect=False)
