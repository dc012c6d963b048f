"""Tables of the logistic and the exponential function in integers, the same on every machine.

They are computed with `decimal`, whose exponential is correctly rounded by its specification, and
not with the platform's floats, which may differ in the last digit. They are part of the format: a
changed table makes old files unreadable.
"""

from decimal import Decimal, localcontext
from functools import cache

import numpy as np

PROBABILITY_BITS = 16  # probabilities of a bit are k / 2^16 with 0 < k < 2^16
LOGIT_BITS = 8  # logits are multiples of 2^-8
# ln(2^16 - 1) in units of 2^-8, rounded up: beyond it the probability no longer changes.
LARGEST_LOGIT = 2840
MASS_BITS = 40  # the distribution functions of mixtures are multiples of 2^-40
Z_BITS = 7  # the table of the logistic distribution function has 2^7 entries per unit
LARGEST_Z = 28  # beyond it that function is 0 or 1 to 40 bits
EXPONENTIAL_BITS = 16  # exponentials are multiples of 2^-16
FEW = 4096  # numbers; see `clipped`
DIGITS = 30  # decimal digits with which the entries are computed before they are rounded


def frequencies(logits: np.ndarray) -> np.ndarray:
    """Logits in units of 2^-8 -> probabilities of a 1 in units of 2^-16, from 1 to 2^16 - 1.

    Both are integers; the result is int64 of the same shape.

    >>> frequencies(np.array([-(10**6), 0, 10**6]))
    array([    1, 32768, 65535])
    """
    entries = clipped(logits, -LARGEST_LOGIT, LARGEST_LOGIT).astype(np.int64) + LARGEST_LOGIT
    return frequency_table()[entries]


def clipped(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """`np.clip`, made for the few numbers of one step of a wavefront.

    `np.clip` inspects its bounds on every call, which takes longer than to clip so few.
    """
    if x.size > FEW:
        return np.clip(x, low, high)
    return np.minimum(np.maximum(x, low), high)


@cache
def frequency_table() -> np.ndarray:
    """round(2^16 sigmoid(i / 2^8)) for i from -LARGEST_LOGIT to LARGEST_LOGIT, int64.

    No entry is 0 or 2^16: every bit stays possible.
    """
    steps = range(LARGEST_LOGIT + 1)
    half = [_logistic(Decimal(i) / 2**LOGIT_BITS, PROBABILITY_BITS) for i in steps]
    upper = np.minimum(half, 2**PROBABILITY_BITS - 1)
    lower = 2**PROBABILITY_BITS - upper[:0:-1]
    return np.concatenate([lower, upper])


@cache
def logistic_table() -> np.ndarray:
    """round(2^40 sigmoid(i / 2^7)) for i from -LARGEST_Z 2^7 to LARGEST_Z 2^7, int64.

    The last entry stands there twice, so that every entry has one behind it to interpolate to.
    """
    steps = range(LARGEST_Z * 2**Z_BITS + 1)
    upper = [_logistic(Decimal(i) / 2**Z_BITS, MASS_BITS) for i in steps]
    lower = [2**MASS_BITS - entry for entry in upper[:0:-1]]
    return np.array([*lower, *upper, upper[-1]], dtype=np.int64)


@cache
def exponential_table(bits: int, largest: int) -> np.ndarray:
    """round(2^16 exp(i / 2^bits)) for i from -largest to largest, int64."""
    with localcontext() as context:
        context.prec = DIGITS
        entries = [
            _rounded((Decimal(i) / 2**bits).exp() * 2**EXPONENTIAL_BITS)
            for i in range(-largest, largest + 1)
        ]
    return np.array(entries, dtype=np.int64)


def _logistic(x: Decimal, bits: int) -> int:
    """round(2^bits sigmoid(x))."""
    with localcontext() as context:
        context.prec = DIGITS
        return _rounded(2**bits / (1 + (-x).exp()))


def _rounded(x: Decimal) -> int:
    """The nearest integer of a positive number; halves go up. Uses the precision around it."""
    return int(x + Decimal("0.5"))
