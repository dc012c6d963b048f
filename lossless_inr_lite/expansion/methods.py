"""Bit-depth expansion (Table 5): guess the low bits that a picture has lost, and never touch those that it has.

A method maps words (H, W, C) of K bits to what it believes of the lost part: a real number of target steps, from 0 to
2^k - 1 for k = N - K lost bits. `expand` alone makes words of it, and holds every method inside the interval of its
input: cut back to K bits, a result is the input, bit for bit.
"""

from collections.abc import Callable

import numpy as np

from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.expansion.contours import contour_regions
from lossless_inr_lite.expansion.extrapolation import extrapolation
from lossless_inr_lite.expansion.interval_network import interval_network, interval_with_prior
from lossless_inr_lite.expansion.linear_predictor import linear
from lossless_inr_lite.expansion.local_network import local_network, local_predictor
from lossless_inr_lite.signals.bits import from_words
from lossless_inr_lite.signals.signal import Signal

MAX_BITS = 16  # the deepest picture that is written
# words, from_bits, to_bits, seed, effort (share of the usual training) -> lost part, in steps
Method = Callable[[np.ndarray, int, int, int, float], np.ndarray]


def zero_padding(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """The lost bits are 0: v 2^k."""
    return np.zeros(words.shape)


def ideal_gain(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """MIG, multiplication by an ideal gain: v (2^N - 1) / (2^K - 1), rounded half up, in whole numbers.

    It is v 2^k + v (2^k - 1) / (2^K - 1), and the second part never leaves 0 .. 2^k - 1.
    """
    gain, levels = (1 << (to_bits - from_bits)) - 1, (1 << from_bits) - 1
    return (2 * words.astype(np.int64) * gain + levels) // (2 * levels)


def bit_replication(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """The lost bits repeat the word from its top bit on, as often as needed (Ulichney and Cheung, 1998)."""
    lost = to_bits - from_bits
    times = -(-lost // from_bits)
    repeated = sum(words.astype(np.int64) << (from_bits * i) for i in range(times))
    return np.asarray(repeated) >> (from_bits * times - lost)


def mid_point(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    """The middle (2^k - 1) / 2 of the interval, the lower of its two whole numbers."""
    return np.full(words.shape, ((1 << (to_bits - from_bits)) - 1) // 2)


METHODS: dict[str, Method] = {
    "zero_padding": zero_padding,
    "ideal_gain": ideal_gain,
    "bit_replication": bit_replication,
    "mid_point": mid_point,
    "contour_regions": contour_regions,
    "linear": linear,
    "extrapolation": extrapolation,
    "interval_network": interval_network,
    "interval_with_prior": interval_with_prior,
    "local_predictor": local_predictor,
    "local_network": local_network,
}
DEFAULT_METHOD = "local_predictor"


def expand(
    words: np.ndarray,
    from_bits: int,
    to_bits: int,
    method: str = DEFAULT_METHOD,
    seed: int = 0,
    effort: float = 1.0,
) -> np.ndarray:
    """Words (H, W, C) of `from_bits` -> words of `to_bits`, uint32, same shape, whose top bits are the input's.

    `effort` is the share of its usual steps that a network is trained for. The same seed gives the same result on one
    machine, but for `extrapolation`, which is bounded by time.
    Raises InputError for an unknown method, depths out of range, and words that do not fit into `from_bits`.
    """
    check_choice("method", method, list(METHODS))
    check_depths(from_bits, to_bits)
    if words.ndim != 3 or 0 in words.shape or words.dtype.kind not in "ui":
        raise InputError(
            f"words of shape {words.shape} and type {words.dtype}: whole numbers (H, W, C) are needed"
        )
    if words.min() < 0 or words.max() >> from_bits:
        raise InputError(
            f"words reach from {words.min()} to {words.max()}: {from_bits} bits hold 0 to {2**from_bits - 1}"
        )
    words = words.astype(np.uint32)
    return inside(
        METHODS[method](words, from_bits, to_bits, seed, effort), words, to_bits - from_bits
    )


def inside(lost: np.ndarray, words: np.ndarray, lost_bits: int) -> np.ndarray:
    """v 2^k + the nearest whole number of `lost` in 0 .. 2^k - 1, uint32; the middle where `lost` is not finite."""
    largest = (1 << lost_bits) - 1
    finite = np.where(np.isfinite(lost), lost, largest // 2)
    return (words << np.uint32(lost_bits)) | np.clip(np.rint(finite), 0, largest).astype(np.uint32)


def check_depths(from_bits: int, to_bits: int) -> None:
    """Raise InputError unless both are whole numbers with 1 <= from_bits < to_bits <= 16."""
    for what, value in (("from_bits", from_bits), ("to_bits", to_bits)):
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, np.integer))
            or not 1 <= value <= MAX_BITS
        ):
            raise InputError(f"{what} is {value!r}: allowed are whole numbers from 1 to {MAX_BITS}")
    if to_bits <= from_bits:
        raise InputError(
            f"{to_bits} bits are asked for and {from_bits} are there: the target must be larger"
        )


def cut(words: np.ndarray, num_bits: int, to_bits: int) -> np.ndarray:
    """The `to_bits` most significant bits of words of `num_bits`, uint32, same shape."""
    return np.asarray(words, dtype=np.uint32) >> np.uint32(num_bits - to_bits)


def check_expansion(signal: Signal, to_bits: int, from_bits: int | None, method: str) -> int:
    """K, by default the signal's own depth; raises InputError for all that `expand_signal` refuses."""
    check_choice("method", method, list(METHODS))
    if signal.sample_rate is not None or signal.kind == "float":
        raise InputError(
            f"{signal.name} is not a picture of whole numbers: only those can be expanded"
        )
    kept = signal.num_bits if from_bits is None else from_bits
    if from_bits is not None and from_bits > signal.num_bits:
        raise InputError(
            f"{kept} bits of {signal.name} are asked for, and it has {signal.num_bits}: use at most those"
        )
    check_depths(kept, to_bits)
    return kept


def expand_signal(
    signal: Signal,
    to_bits: int,
    from_bits: int | None = None,
    method: str = DEFAULT_METHOD,
    seed: int = 0,
) -> Signal:
    """A picture of `to_bits` from the `from_bits` most significant bits of `signal`, by default all of them.

    Where there is an alpha channel (the last of 2 or 4) it is expanded by `ideal_gain`: what was opaque stays so.
    Raises InputError for an unknown method, for sound and floats, unless 1 <= from_bits < to_bits <= 16, and when
    the signal has fewer than `from_bits`.
    """
    kept = check_expansion(signal, to_bits, from_bits, method)
    words = cut(signal.words, signal.num_bits, kept)
    colours = words.shape[-1] - (words.shape[-1] in (2, 4))
    parts = [expand(words[..., :colours], kept, to_bits, method, seed)]
    if colours < words.shape[-1]:
        parts.append(expand(words[..., colours:], kept, to_bits, "ideal_gain"))
    expanded = np.concatenate(parts, axis=-1)
    return Signal(from_words(expanded, to_bits, signal.kind), to_bits, signal.name)
