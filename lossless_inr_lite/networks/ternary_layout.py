"""Shapes and input encoding of ternary networks in integers, without torch.

A file of ternary weights is decoded from this and `integer_tables` alone. `networks.ternary` trains
with the same functions.
"""

import itertools
from collections.abc import Mapping

import numpy as np

from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.networks.integer_tables import INPUT_AMPLITUDE, TURN_BITS, sine_table
from lossless_inr_lite.networks.problem import Problem, check_number

# What keeps sums exact in float64, and the rounding of a coordinate beyond doubt.
MAX_WIDTH = 4096
MAX_SIDE = 1024

DEFAULT_FREQUENCIES = 6
OPTION_RANGES: dict[str, tuple[float, float]] = {
    "num_frequencies": (1, TURN_BITS - 1),
    "num_waves": (0, 4096),
}
# Largest frequency of an input that is no position, such as the bit's index.
INDEX_FREQUENCY = 8


def check_ternary(
    problem: Problem, hidden_features: int, hidden_layers: int, options: Mapping[str, float]
) -> None:
    """Raise InputError for sizes and options that a ternary network cannot have."""
    for option, value in options.items():
        check_choice("option of ternary", option, list(OPTION_RANGES))
        check_number(
            f"option {option} of ternary",
            value,
            OPTION_RANGES[option],
            integer=True,
            float_allowed=True,
        )
    longest = max(problem.sides)
    if hidden_features > MAX_WIDTH or longest > MAX_SIDE:
        raise InputError(
            f"a ternary network of width {hidden_features} on a side of {longest} is too large: "
            f"allowed are widths up to {MAX_WIDTH} and sides up to {MAX_SIDE} (use tiles)"
        )


def frequencies(
    problem: Problem, num_frequencies: float = DEFAULT_FREQUENCIES, num_waves: float = 0
) -> np.ndarray:
    """Return the frequencies of the encoding, (waves, inputs) int64, in turns over an axis.

    These are `num_waves` plane waves, or, without any, `num_frequencies` octaves along each axis.
    """
    if num_waves:
        return plane_waves(problem, int(num_waves))
    return octaves(problem, int(num_frequencies))


def layer_shapes(
    problem: Problem, num_waves: int, hidden_features: int, hidden_layers: int
) -> list[tuple[int, int, int]]:
    """Return the shape (groups, in, out) of every layer of a network with `num_waves` waves."""
    encoded_features = problem.in_features + 2 * num_waves
    widths = [encoded_features, *[hidden_features] * (hidden_layers + 1), problem.out_features]
    return [(problem.groups, inputs, outputs) for inputs, outputs in itertools.pairwise(widths)]


def octaves(problem: Problem, count: int) -> np.ndarray:
    """Return NeRF's frequencies 1, 2, 4, ... along each axis, (count inputs, inputs) int64.

    Source: Mildenhall et al., "NeRF", ECCV 2020, Eq. 4.
    """
    powers = 2 ** np.arange(count, dtype=np.int64)
    return np.kron(np.eye(problem.in_features, dtype=np.int64), powers[:, None])


def plane_waves(problem: Problem, count: int) -> np.ndarray:
    """Return frequencies up to the grid's Nyquist frequency, (count, inputs) int64.

    They come from a fixed generator of integers: Knuth's linear congruential generator MMIX.
    """
    extra = problem.in_features - len(problem.sides)
    reach = [max(1, side // 2) for side in problem.sides] + [INDEX_FREQUENCY] * extra
    state = 1
    waves = []
    for _ in range(count):
        wave = []
        for most in reach:
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            wave.append((state >> 33) % (2 * most + 1) - most)
        waves.append(wave)
    return np.array(waves, dtype=np.int64).reshape(count, problem.in_features)


def encoded(points: np.ndarray, waves: np.ndarray) -> np.ndarray:
    """Encode coordinates by themselves and by their sines and cosines.

    `points` (..., inputs) are in steps of 2^-14, `waves` (W, inputs) as from `frequencies`. The
    result (..., inputs + 2 W) is int32 and fits 8 bits.
    """
    sines = sine_table()
    phases = points @ waves.T
    half = 2 ** (TURN_BITS - 2)
    plain = (INPUT_AMPLITUDE * points + half) >> (TURN_BITS - 1)
    mask = 2**TURN_BITS - 1
    parts = [plain, sines[phases & mask], sines[(phases + half) & mask]]
    return np.concatenate(parts, axis=-1).astype(np.int32)
