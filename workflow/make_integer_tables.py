"""Make the tables of `networks.integer_tables` again, in arithmetic of 40 digits.

Run ``python workflow/make_integer_tables.py`` only to change them: files of ternary weights are
decoded with these very integers.
"""

import mpmath
import numpy as np

from lossless_inr_lite.networks.integer_tables import (
    GELU_BITS,
    INPUT_AMPLITUDE,
    TABLES,
    TURN_BITS,
    Z_BITS,
    Z_LIMIT,
)

DIGITS = 40


def sine_quarter() -> np.ndarray:
    """Return round(INPUT_AMPLITUDE sin(2 pi j / 2^TURN_BITS)) of the first quarter turn, int8."""
    steps = 2 ** (TURN_BITS - 2)
    with mpmath.workdps(DIGITS):
        step = mpmath.pi / (2 * steps)
        values = [mpmath.nint(INPUT_AMPLITUDE * mpmath.sin(step * j)) for j in range(steps + 1)]
    return np.array([int(value) for value in values], np.int8)


def gelu() -> np.ndarray:
    """Return round(2^GELU_BITS gelu(z)) for z = -Z_LIMIT .. Z_LIMIT, int16."""
    with mpmath.workdps(DIGITS):
        positive = [mpmath.mpf(j) / 2**Z_BITS for j in range(Z_LIMIT * 2**Z_BITS + 1)]
        right = [2**GELU_BITS * z * (1 + mpmath.erf(z / mpmath.sqrt(2))) / 2 for z in positive]
        # gelu(-z) = gelu(z) - z
        left = [value - 2**GELU_BITS * z for value, z in zip(right, positive, strict=True)]
        values = [int(mpmath.nint(value)) for value in left[:0:-1] + right]
    return np.array(values, np.int16)


if __name__ == "__main__":
    np.savez_compressed(TABLES, sine_quarter=sine_quarter(), gelu=gelu())
    print(f"{TABLES.name}: {TABLES.stat().st_size} bytes")
