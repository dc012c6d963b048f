"""Bit-depth expansion (Table 5): guess the low bits that a picture lost, and keep those it has.

A method maps words (H, W, C) of K bits to their lost parts, real numbers of target steps from 0 to
2^k - 1 for k = N - K lost bits. `expand` alone turns these into words. It holds every method inside
the interval of its input: cut back to K bits, a result is the input, bit for bit.

The networks' modules are imported when their method is called, so that this module needs no torch.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from lossless_inr_lite.errors import InputError, as_integer, check_choice, check_type
from lossless_inr_lite.expansion.contour import contour_regions
from lossless_inr_lite.expansion.linear_predictor import linear
from lossless_inr_lite.expansion.rules import (
    bit_replication,
    cut,
    ideal_gain,
    inside,
    mid_point,
    zero_padding,
)
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.bits import from_words

MAX_BITS = 16
"""Of the deepest picture that is written."""

ALPHA_LAST = (2, 4)
"""Numbers of channels of which the last is alpha."""


class Method(Protocol):
    """What every method is called with, and what it answers."""

    def __call__(
        self, words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
    ) -> np.ndarray:
        """Map words (H, W, C), uint32, to their lost parts in target steps, of the same shape.

        `effort` is the share of the usual training of a network; rules ignore it and the seed.
        """
        ...


def _untrained(rule: Callable[[np.ndarray, int, int], np.ndarray]) -> Method:
    """A rule as a method: it has nothing to train."""

    def method(
        words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
    ) -> np.ndarray:
        return rule(words, from_bits, to_bits)

    return method


def _extrapolation(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    from lossless_inr_lite.expansion.extrapolation import extrapolation

    return extrapolation(words, from_bits, to_bits, seed, effort)


def _interval_network(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    from lossless_inr_lite.expansion.interval_network import interval_network

    return interval_network(words, from_bits, to_bits, seed, effort)


def _interval_with_prior(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    from lossless_inr_lite.expansion.interval_network import interval_with_prior

    return interval_with_prior(words, from_bits, to_bits, seed, effort)


def _local_predictor(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    from lossless_inr_lite.expansion.local_network import local_predictor

    return local_predictor(words, from_bits, to_bits, seed, effort)


def _local_network(
    words: np.ndarray, from_bits: int, to_bits: int, seed: int = 0, effort: float = 1.0
) -> np.ndarray:
    from lossless_inr_lite.expansion.local_network import local_network

    return local_network(words, from_bits, to_bits, seed, effort)


METHODS: dict[str, Method] = {
    "zero_padding": _untrained(zero_padding),
    "ideal_gain": _untrained(ideal_gain),
    "bit_replication": _untrained(bit_replication),
    "mid_point": _untrained(mid_point),
    "contour_regions": _untrained(contour_regions),
    "linear": _untrained(linear),
    "extrapolation": _extrapolation,
    "interval_network": _interval_network,
    "interval_with_prior": _interval_with_prior,
    "local_predictor": _local_predictor,
    "local_network": _local_network,
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
    """Expand words (H, W, C) of `from_bits` to `to_bits`: uint32, the same shape.

    The top bits of the result are the input's. `effort` is the share of its usual steps that a
    network is trained for. The same seed gives the same result on one machine, except for
    "extrapolation", whose training is limited by time.

    Raises InputError for an unknown method, for depths out of range, and for words that do not fit
    into `from_bits`.

    >>> expand(np.array([[[0], [1], [15]]]), 4, 8, "mid_point").ravel().tolist()
    [7, 23, 247]
    """
    check_choice("method", method, list(METHODS))
    check_depths(from_bits, to_bits)
    if words.ndim != 3 or 0 in words.shape or words.dtype.kind not in "ui":
        raise InputError(
            f"words of shape {words.shape} and type {words.dtype}: "
            "integers of shape (H, W, C) are needed"
        )
    if words.min() < 0 or words.max() >> from_bits:
        raise InputError(
            f"words reach from {words.min()} to {words.max()}: "
            f"{from_bits} bits hold 0 to {2**from_bits - 1}"
        )
    words = words.astype(np.uint32)
    lost = METHODS[method](words, from_bits, to_bits, seed, effort)
    return inside(lost, words, to_bits - from_bits)


def check_depths(from_bits: int, to_bits: int) -> None:
    """Raise InputError unless both are integers with 1 <= from_bits < to_bits <= 16."""
    for what, value in (("from_bits", from_bits), ("to_bits", to_bits)):
        is_integer = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not is_integer or not 1 <= value <= MAX_BITS:
            raise InputError(f"{what} is {value!r}: allowed are integers from 1 to {MAX_BITS}")
    if to_bits <= from_bits:
        raise InputError(
            f"{to_bits} bits are asked for and {from_bits} are there: the target must be larger"
        )


def check_expansion(signal: Signal, to_bits: int, from_bits: int | None, method: str) -> int:
    """Return the bits to keep, by default all of the signal's.

    Raises InputError for all that `expand_signal` refuses, before any work.
    """
    check_type("signal", signal, Signal, "a Signal is needed, as load_image gives one")
    check_choice("method", method, list(METHODS))
    if from_bits is not None:
        from_bits = as_integer("from_bits", from_bits)
    if signal.sample_rate is not None or signal.kind == "float":
        raise InputError(f"{signal.name} is not a picture of integers: only those can be expanded")
    if signal.meaning.white is not None:
        raise InputError(
            f"{signal.name} is white at {signal.meaning.white}, not at the largest value of its "
            f"{signal.num_bits} bits, {2**signal.num_bits - 1}: more bits would not be what it lost"
        )
    if from_bits is not None and from_bits > signal.num_bits:
        raise InputError(
            f"{from_bits} bits of {signal.name} are asked for, and it has {signal.num_bits}: "
            "use at most those"
        )
    kept = signal.num_bits if from_bits is None else from_bits
    check_depths(kept, to_bits)
    return kept


def expand_signal(
    signal: Signal,
    to_bits: int,
    from_bits: int | None = None,
    method: str = DEFAULT_METHOD,
    seed: int = 0,
) -> Signal:
    """Expand the `from_bits` most significant bits of a picture, by default all, to `to_bits`.

    An alpha channel (the last of 2 or 4) is expanded by "ideal_gain", so that what was opaque stays
    so. A rescale to physical units is adapted to the larger values.

    Raises InputError for an unknown method, for sound and floats, for a picture that is white below
    its largest value, unless 1 <= from_bits < to_bits <= 16, and when the signal has fewer than
    `from_bits`.
    """
    kept = check_expansion(signal, to_bits, from_bits, method)
    words = cut(signal.words, signal.num_bits, kept)
    channels = words.shape[-1]
    colours = channels - 1 if _has_alpha(signal) else channels
    parts = [expand(words[..., :colours], kept, to_bits, method, seed)]
    if colours < channels:
        parts.append(expand(words[..., colours:], kept, to_bits, "ideal_gain"))
    expanded = np.concatenate(parts, axis=-1)
    meaning = signal.meaning
    if meaning.rescale is not None:
        slope, intercept = meaning.rescale
        meaning = replace(meaning, rescale=(slope / 2 ** (to_bits - signal.num_bits), intercept))
    return Signal(from_words(expanded, to_bits, signal.kind), to_bits, signal.name, meaning=meaning)


def _has_alpha(signal: Signal) -> bool:
    """Whether the last channel of a picture is alpha."""
    is_black = signal.meaning.colours == "cmyk"
    return signal.spec.channels in ALPHA_LAST and signal.meaning.alpha != "none" and not is_black
