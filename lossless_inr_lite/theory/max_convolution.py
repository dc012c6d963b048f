"""The network behind the bound: F(x) = max_k (y_k - L |x - x_k|_1) as a real ReLU network.

Each centre x_k with its value y_k carries a cone of slope L, and F is the largest of the cones. The
1-norm takes 2d neurons for a centre: |x_j - c| = relu(x_j - c) + relu(c - x_j). The maximum is a
binary tree of max(p, q) = relu(p - q) + relu(q) - relu(-q). This is our own arrangement of the
construction in Jentzen, Kuckuck and von Wurstemberger (arXiv 2310.20360, Section 4.3). Lemmas and
propositions are those of notebook 09, with their proofs.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.theory.bounds import Number, centres_a_side
from lossless_inr_lite.theory.relu_networks import ReluNetwork

if TYPE_CHECKING:
    from scipy.sparse import csr_array

MAX_CENTRES = 2**17
"""Largest number of cones in a network."""

MAX_EXACT = 2**24
"""Beyond it, float32 skips integers."""

Function = Callable[[np.ndarray], np.ndarray]
"""Points (P, d) -> values (P,)."""


def max_convolution(centres: np.ndarray, values: np.ndarray, lipschitz: float) -> ReluNetwork:
    """Build the network of centres (K, d), their values (K,) and the slope L (Lemma 4).

    It has 1 + ceil(log2 K) hidden layers. Raises InputError when the shapes disagree or K is above
    2^17.
    """
    from scipy.sparse import csr_array, eye_array, kron

    if centres.ndim != 2 or values.shape != centres.shape[:1]:
        raise InputError(
            f"centres {centres.shape} and values {values.shape}: (K, d) and (K,) are needed"
        )
    count, d = centres.shape
    check_centres(count)

    # Hidden layer 1: relu(x_j - c_j) and relu(c_j - x_j) for every centre c and coordinate j.
    both_sides = kron(eye_array(d), [[1.0], [-1.0]])
    weights = [kron(np.ones((count, 1)), both_sides, "csr")]
    biases = [np.stack([-centres, centres], axis=-1).reshape(-1).astype(np.float64)]

    # What follows it, linear so far: the cones y_k - L |x - x_k|_1.
    linear = kron(eye_array(count), np.full((1, 2 * d), -float(lipschitz)), "csr")
    bias = values.astype(np.float64)

    # Every further hidden layer halves the number of candidates for the maximum.
    while count > 1:
        split = _split(count)
        weights.append(split @ linear)
        biases.append(split @ bias)
        linear = _join(count)
        count = -(-count // 2)
        bias = np.zeros(count)
    weights.append(linear)
    biases.append(bias)
    return ReluNetwork(d, tuple(csr_array(weight) for weight in weights), tuple(biases))


def approximate(
    function: Function, d: int, lipschitz: Number, tolerance: Number, a: Number = -1, b: Number = 1
) -> ReluNetwork:
    """Build a network within `tolerance` of an L-Lipschitz function on [a, b]^d, never above it.

    `tolerance` lies in (0, 1]. The size is at most `bounds.size_bound` (Theorem 1). Where one
    centre is enough, the network is the constant in the middle, which may lie above. Raises
    InputError, before memory is taken, when more than 2^17 centres are needed.
    """
    from scipy.sparse import csr_array

    side = centres_a_side(d, lipschitz, tolerance, a, b)
    check_centres(side**d)
    centres = cell_centres(side, d, float(a), float(b))
    values = function(centres)
    if side == 1:
        return ReluNetwork(d, (csr_array((1, d)),), (values.astype(np.float64),))
    return max_convolution(centres, values, float(lipschitz))


def cell_centres(side: int, d: int, a: float, b: float) -> np.ndarray:
    """Return the middles of side^d equal cubes that fill [a, b]^d, (side^d, d) float64.

    >>> cell_centres(4, 1, 0.0, 1.0).ravel().tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    axis = a + (b - a) * (2 * np.arange(side) + 1) / (2 * side)
    grid = np.meshgrid(*[axis] * d, indexing="ij")
    return np.stack(grid, axis=-1).reshape(-1, d)


def stored_network(words: np.ndarray) -> ReluNetwork:
    """Build a network that equals the integers `words` at their grid positions (Proposition 5).

    `words` has d axes. Coordinates are indices (0, 1, ...), values are steps of the quantiser, and
    L is the largest step between neighbours. So all weights are integers, whatever the number of
    bits. Raises InputError when a sum could exceed 2^24, beyond which float32 skips integers, and
    for more than 2^17 samples.
    """
    check_centres(words.size)
    values = words.astype(np.int64)
    steps = [int(np.abs(np.diff(values, axis=k)).max(initial=0)) for k in range(values.ndim)]
    slope = max(steps)
    farthest = sum(length - 1 for length in words.shape)
    largest_sum = slope * farthest + int(np.abs(values).max())
    if largest_sum > MAX_EXACT:
        raise InputError(
            f"sums reach {largest_sum}: up to 2^24 float32 is exact, so fewer pixels or bits are "
            "needed"
        )
    return max_convolution(grid_positions(words.shape), values.reshape(-1), slope)


def grid_positions(shape: tuple[int, ...]) -> np.ndarray:
    """Return the indices of all entries of an array in C order, (entries, axes) float64.

    >>> grid_positions((2, 2)).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    indices = np.unravel_index(np.arange(np.prod(shape)), shape)
    return np.stack(indices, axis=-1).astype(np.float64)


def check_centres(count: int) -> None:
    """Raise InputError unless 1 to 2^17 centres are asked for."""
    if not 1 <= count <= MAX_CENTRES:
        raise InputError(f"{count} centres are needed: allowed are 1 to {MAX_CENTRES}")


def _split(count: int) -> "csr_array":
    """Matrix of (p, q, ...) -> (p - q, q, -q, ...) for each pair, (p, -p) for one left over."""
    return _pairs(count, pair=[[1.0, -1.0], [0.0, 1.0], [0.0, -1.0]], single=[[1.0], [-1.0]])


def _join(count: int) -> "csr_array":
    """Matrix of what is left of `_split` after the ReLU -> the larger number of each pair.

    max(p, q) = relu(p - q) + relu(q) - relu(-q), and p = relu(p) - relu(-p).
    """
    return _pairs(count, pair=[[1.0, 1.0, -1.0]], single=[[1.0, -1.0]])


def _pairs(count: int, pair: list[list[float]], single: list[list[float]]) -> "csr_array":
    """Block diagonal matrix: `pair` for each two of `count` numbers, `single` for one left over."""
    from scipy.sparse import block_diag, csr_array, eye_array, kron

    blocks = kron(eye_array(count // 2), pair)
    if count % 2:
        blocks = block_diag([blocks, single])
    return csr_array(blocks)
