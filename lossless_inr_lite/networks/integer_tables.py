"""Sines and GELU as tables of integers: every machine has the same ones.

The tables were computed with 40 digits by `workflow/make_integer_tables.py` and lie beside this
module, so that a decoder needs numpy alone. A test computes them again.
"""

from functools import cache
from pathlib import Path

import numpy as np

TABLES = Path(__file__).with_name("integer_tables.npz")

# A full turn of a sine is 2^TURN_BITS steps.
TURN_BITS = 15
# Amplitude of the encoding: about as large, in the mean square, as what a layer norm gives.
INPUT_AMPLITUDE = 45
# GELU's argument has steps of 2^-Z_BITS and is clamped to +-Z_LIMIT.
Z_BITS = 6
Z_LIMIT = 16
# GELU's value has steps of 2^-GELU_BITS.
GELU_BITS = 8
# The activation that stands for 1: the standard deviation behind a layer norm.
ONE = 32
# Largest activation: they have 8 bits.
LARGEST_ACTIVATION = 127
# A layer's multiplier has this many bits behind the binary point.
MULTIPLIER_BITS = 16


@cache
def sine_table() -> np.ndarray:
    """Return round(INPUT_AMPLITUDE sin(2 pi j / 2^TURN_BITS)) for j = 0 .. 2^TURN_BITS - 1.

    The array is int32 of shape (2^TURN_BITS,) and read-only.
    """
    rising = _stored("sine_quarter")
    half = np.concatenate([rising, rising[-2:0:-1]])
    return _read_only(np.concatenate([half, -half]))


@cache
def gelu_table() -> np.ndarray:
    """Return round(2^GELU_BITS gelu(z)) for z = -Z_LIMIT .. Z_LIMIT in steps of 2^-Z_BITS.

    GELU is z (1 + erf(z / sqrt 2)) / 2: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
    The array is int32 of shape (2 Z_LIMIT 2^Z_BITS + 1,) and read-only.
    """
    return _read_only(_stored("gelu"))


def _stored(name: str) -> np.ndarray:
    with np.load(TABLES, allow_pickle=False) as tables:
        return tables[name].astype(np.int32)


def _read_only(table: np.ndarray) -> np.ndarray:
    table.flags.writeable = False
    return table
