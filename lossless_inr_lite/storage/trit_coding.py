"""Trits as bytes: five in one, since 3^5 = 243 fits into 256; or by how often each occurs, where that is shorter."""

import numpy as np
from constriction import stream  # pyright: ignore[reportAttributeAccessIssue]

from lossless_inr_lite.errors import FileFormatError

A_BYTE = 5
LONGEST = 40  # trits that a coded byte may stand for, so that a few bytes cannot claim millions
_POWERS = 3 ** np.arange(A_BYTE)


def pack(trits: np.ndarray) -> bytes:
    """(n,) int8 of -1, 0, 1 -> ceil(n / 5) bytes of 8/5 = 1.6 bits a trit; missing ones count as -1."""
    digits = np.zeros(-(-len(trits) // A_BYTE) * A_BYTE, np.int64)
    digits[: len(trits)] = trits + 1
    return (digits.reshape(-1, A_BYTE) @ _POWERS).astype(np.uint8).tobytes()


def unpack(data: bytes, count: int) -> np.ndarray:
    """The `count` trits of `pack`; raises FileFormatError for bytes that `pack` does not make of so many."""
    values = np.frombuffer(data, np.uint8).astype(np.int64)
    if len(values) != -(-count // A_BYTE) or (values > 242).any():
        raise FileFormatError(f"{len(data)} bytes are not {count} trits in fives")
    digits = values[:, None] // _POWERS % 3
    if digits.reshape(-1)[count:].any():
        raise FileFormatError(f"{len(data)} bytes hold more than {count} trits")
    return (digits.reshape(-1)[:count] - 1).astype(np.int8)


def encode(trits: np.ndarray) -> bytes:
    """(n,) trits -> frequencies in two bytes, then what an entropy coder makes of the trits."""
    shares = np.bincount(trits + 1, minlength=3)[:2] * 255 // max(1, len(trits))
    coder = stream.stack.AnsCoder()
    coder.encode_reverse((trits + 1).astype(np.int32), _model(shares))
    return bytes(shares.astype(np.uint8)) + coder.get_compressed().astype("<u4").tobytes()


def decode(data: bytes, count: int) -> np.ndarray:
    """The `count` trits of `encode`; raises FileFormatError for what `encode` cannot have made."""
    if len(data) % 4 != 2 or count > LONGEST * len(data) or sum(data[:2]) > 255:
        raise FileFormatError(f"{len(data)} bytes are not {count} coded trits")
    try:
        coder = stream.stack.AnsCoder(np.frombuffer(data[2:], "<u4").astype(np.uint32))
    except ValueError as error:
        raise FileFormatError(f"{len(data)} bytes are not {count} coded trits") from error
    trits = coder.decode(_model(np.frombuffer(data[:2], np.uint8)), count)
    if not coder.is_empty():
        raise FileFormatError(f"{len(data)} bytes hold more than {count} coded trits")
    return (trits - 1).astype(np.int8)


def _model(shares: np.ndarray) -> stream.model.Categorical:
    """Probabilities of -1, 0, 1 in multiples of 1/256, which floats hold exactly; none is 0."""
    low, middle = (int(share) for share in shares)
    counts = np.array([low, middle, 256 - low - middle], np.float64)
    return stream.model.Categorical(np.maximum(counts, 1) / 256, perfect=False)
