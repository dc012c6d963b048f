"""The network behind the bound: F(x) = max_k (y_k - L |x - x_k|_1) as a real ReLU network, for functions and pictures.

The 1-norm takes 2d neurons a centre, relu(x_j - c_j) and relu(c_j - x_j); the maximum is a binary tree of
max(p, q) = relu(p - q) + relu(q) - relu(-q). Our own arrangement of the construction in Jentzen, Kuckuck and von
Wurstemberger (arXiv 2310.20360, Section 4.3); the proofs stand in notebook 09.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import block_diag, csr_array, eye_array, kron

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.theory.bounds import Number, centres_a_side
from lossless_inr_lite.theory.relu_networks import ReluNetwork

MAX_CENTRES = 2**17
Function = Callable[[np.ndarray], np.ndarray]  # points (P, d) -> values (P,)


def max_convolution(centres: np.ndarray, values: np.ndarray, lipschitz: float) -> ReluNetwork:
    """The network of centres (K, d), their values (K,) and the slope L, with 1 + ceil(log2 K) hidden layers.

    Raises InputError when the shapes disagree or K is above 2^17.
    """
    if centres.ndim != 2 or values.shape != centres.shape[:1]:
        raise InputError(
            f"centres {centres.shape} and values {values.shape}: (K, d) and (K,) are needed"
        )
    count, d = centres.shape
    check_centres(count)
    weights = [kron(np.ones((count, 1)), kron(eye_array(d), [[1.0], [-1.0]]), "csr")]
    biases = [np.stack([-centres, centres], axis=-1).reshape(-1).astype(np.float64)]
    affine, bias = (
        kron(eye_array(count), np.full((1, 2 * d), -float(lipschitz)), "csr"),
        values.astype(np.float64),
    )
    while count > 1:
        weights.append(_split(count) @ affine)
        biases.append(_split(count) @ bias)
        affine, count = _join(count), -(-count // 2)
        bias = np.zeros(count)
    return ReluNetwork(
        d, tuple(csr_array(weight) for weight in [*weights, affine]), (*biases, bias)
    )


def approximate(
    function: Function, d: int, lipschitz: Number, tolerance: Number, a: Number = -1, b: Number = 1
) -> ReluNetwork:
    """A network within `tolerance` (0 to 1) of an L-Lipschitz function on [a, b]^d, never above it.

    Where one centre is enough it is the constant in the middle. Raises InputError, before memory is taken,
    when more than 2^17 centres are needed.
    """
    side = centres_a_side(d, lipschitz, tolerance, a, b)
    check_centres(side**d)
    centres = cell_centres(side, d, float(a), float(b))
    values = function(centres)
    if side == 1:
        return ReluNetwork(d, (csr_array((1, d)),), (values.astype(np.float64),))
    return max_convolution(centres, values, float(lipschitz))


def cell_centres(side: int, d: int, a: float, b: float) -> np.ndarray:
    """Middles of side^d equal cubes that fill [a, b]^d, (side^d, d)."""
    axis = a + (b - a) * (2 * np.arange(side) + 1) / (2 * side)
    return np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)


def stored(words: np.ndarray) -> ReluNetwork:
    """A network that equals whole numbers `words` at their grid positions, for any number of bits.

    `words` has d axes; coordinates are indices (0, 1, ...), values are steps and L is the largest step between
    neighbours, so all weights are whole numbers. Raises InputError when a sum could exceed 2^24, beyond which
    float32 skips whole numbers.
    """
    check_centres(words.size)
    values = words.astype(np.int64)
    slope = max(int(np.abs(np.diff(values, axis=k)).max(initial=0)) for k in range(values.ndim))
    largest = slope * sum(n - 1 for n in words.shape) + int(np.abs(values).max())
    if largest > 2**24:
        raise InputError(
            f"sums reach {largest}: up to 2^24 float32 is exact, so fewer pixels or bits are needed"
        )
    return max_convolution(positions(words.shape), values.reshape(-1), slope)


def positions(shape: tuple[int, ...]) -> np.ndarray:
    """Indices of all entries of an array in C order, (entries, axes) float64."""
    return np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), axis=-1).astype(np.float64)


def check_centres(count: int) -> None:
    """Raise InputError unless 1 to 2^17 centres are asked for."""
    if not 1 <= count <= MAX_CENTRES:
        raise InputError(f"{count} centres are needed: allowed are 1 to {MAX_CENTRES}")


def _split(count: int) -> csr_array:
    """Numbers (p, q, ...) -> (p - q, q, -q, ...) for each pair, (p, -p) for one left over."""
    pairs = kron(eye_array(count // 2), [[1.0, -1.0], [0.0, 1.0], [0.0, -1.0]])
    return csr_array(block_diag([pairs, [[1.0], [-1.0]]]) if count % 2 else pairs)


def _join(count: int) -> csr_array:
    """What is left of `_split` after the ReLU -> the larger number of each pair: relu(p - q) + relu(q) - relu(-q)."""
    pairs = kron(eye_array(count // 2), [[1.0, 1.0, -1.0]])
    return csr_array(block_diag([pairs, [[1.0, -1.0]]]) if count % 2 else pairs)
