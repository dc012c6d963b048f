"""Sines and GELU as tables of whole numbers, computed in arithmetic of 40 digits: every machine has the same ones."""

from functools import cache

import mpmath
import numpy as np

TURN_BITS = 15  # a full turn is 2^15 steps
Z_BITS, Z_LIMIT = 6, 16  # GELU's argument: steps of 2^-6, clamped to +-16
GELU_BITS = 8  # GELU's value: steps of 2^-8
DIGITS = 40


@cache
def sine_table(amplitude: int) -> np.ndarray:
    """round(amplitude sin(2 pi j / 2^TURN_BITS)) for j = 0 .. 2^TURN_BITS - 1, int32, read-only."""
    quarter = 2 ** (TURN_BITS - 2)
    with mpmath.workdps(DIGITS):
        step = mpmath.pi / (2 * quarter)
        rise = np.array(
            [int(mpmath.nint(amplitude * mpmath.sin(step * j))) for j in range(quarter + 1)],
            np.int32,
        )
    half = np.concatenate([rise, rise[-2:0:-1]])
    return _frozen(np.concatenate([half, -half]))


@cache
def gelu_table() -> np.ndarray:
    """round(2^GELU_BITS gelu(z)) for z = -Z_LIMIT .. Z_LIMIT in steps of 2^-Z_BITS, int32, read-only.

    GELU is z (1 + erf(z / sqrt 2)) / 2: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
    """
    with mpmath.workdps(DIGITS):
        steps = [mpmath.mpf(j) / 2**Z_BITS for j in range(Z_LIMIT * 2**Z_BITS + 1)]
        right = [2**GELU_BITS * z * (1 + mpmath.erf(z / mpmath.sqrt(2))) / 2 for z in steps]
        left = [
            value - 2**GELU_BITS * z for value, z in zip(right, steps, strict=True)
        ]  # gelu(-z) = gelu(z) - z
        values = [int(mpmath.nint(value)) for value in left[:0:-1] + right]
    return _frozen(np.array(values, np.int32))


def _frozen(table: np.ndarray) -> np.ndarray:
    table.flags.writeable = False
    return table
