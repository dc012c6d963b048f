"""Tables of the logistic function in whole numbers, the same on every machine.

They are computed with `decimal`, whose exponential is correctly rounded by its specification, and not with the
platform's floats, which may differ in the last digit.
"""

from decimal import Decimal, localcontext
from functools import cache

import numpy as np

PROBABILITY_BITS = 16  # frequencies of a bit are k / 2^16 with 0 < k < 2^16
LOGIT_BITS = 8  # logits are whole multiples of 2^-8
LARGEST_LOGIT = (
    2840  # ln(2^16 - 1) in those units, rounded up: beyond it the frequency no longer changes
)
MASS_BITS = 40  # the distribution functions of mixtures are multiples of 2^-40
Z_BITS = 7  # their table has 2^7 entries a unit
LARGEST_Z = 28  # beyond it the logistic function is 0 or 1 to 40 bits


def frequencies(logits: np.ndarray) -> np.ndarray:
    """Whole logits in units of 2^-8 -> whole probabilities of a 1 in units of 2^-16, from 1 to 2^16 - 1."""
    return frequency_table()[
        np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT).astype(np.int64) + LARGEST_LOGIT
    ]


@cache
def frequency_table() -> np.ndarray:
    """round(2^16 sigmoid(i / 2^8)) for i from -LARGEST_LOGIT to LARGEST_LOGIT, int64, never 0 or 2^16."""
    half = [
        _logistic(Decimal(i) / 2**LOGIT_BITS, PROBABILITY_BITS) for i in range(LARGEST_LOGIT + 1)
    ]
    upper = np.minimum(half, 2**PROBABILITY_BITS - 1)
    return np.concatenate([2**PROBABILITY_BITS - upper[:0:-1], upper])


@cache
def logistic_table() -> np.ndarray:
    """round(2^40 sigmoid(i / 2^7)) for i from -LARGEST_Z 2^7 to LARGEST_Z 2^7, and its last entry twice; int64."""
    half = [_logistic(Decimal(i) / 2**Z_BITS, MASS_BITS) for i in range(LARGEST_Z * 2**Z_BITS + 1)]
    return np.array([2**MASS_BITS - h for h in half[:0:-1]] + half + half[-1:], dtype=np.int64)


@cache
def exponential_table(bits: int, largest: int) -> np.ndarray:
    """round(2^16 exp(i / 2^bits)) for i from -largest to largest, int64."""
    with localcontext() as context:
        context.prec = 30
        steps = range(-largest, largest + 1)
        return np.array(
            [int((Decimal(i) / 2**bits).exp() * 2**16 + Decimal("0.5")) for i in steps],
            dtype=np.int64,
        )


def _logistic(x: Decimal, bits: int) -> int:
    with localcontext() as context:
        context.prec = 30
        return int(2**bits / (1 + (-x).exp()) + Decimal("0.5"))
