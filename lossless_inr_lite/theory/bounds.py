"""The upper bound on a network's size that the paper's hypothesis rests on, in exact arithmetic.

Throughout, `d` is the number of input coordinates, each from `a` to `b`. `lipschitz` is a constant
L with |f(x) - f(y)| <= L |x - y|_1, where |x|_1 is the 1-norm. Sizes count weights and biases, as
if all matrices were full. Numbers may be int, Fraction or float; a float stands for exactly the
number that it holds. Theorem 1 and Corollary 2 are those of notebook 09, after Proposition 4.3.8
and Corollary 4.3.9 of Jentzen, Kuckuck and von Wurstemberger (arXiv 2310.20360).
"""

import math
from fractions import Fraction

import numpy as np

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.bits import check_num_bits

Number = int | float | Fraction

MAX_DIMENSION = 64
"""Largest number of input coordinates."""


def eps(num_bits: int) -> Fraction:
    """Return eps(n) = 1 / (2 (2^n - 1)), exactly: the error that rounding to n bits forgives.

    Eq. 3, in units of the full range. `signals.bits.error_ceiling` is the same as a float. Raises
    InputError for a depth that is not 1 to 32.

    >>> eps(8)
    Fraction(1, 510)
    """
    return Fraction(1, 2 * (2 ** check_num_bits(num_bits) - 1))


def upper_bound(num_bits: int, d: int) -> int:
    """Return U_d(n) / C = eps(n)^(-2d) = (2^(n+1) - 2)^(2d), for n bits and d coordinates (Eq. 6).

    The constant C depends on d and on L (see `constant`). So values of different d can be compared
    only after it is multiplied in. Raises InputError for d below 1 or above 64.

    >>> upper_bound(1, 2), upper_bound(1, 3), upper_bound(8, 2)
    (16, 64, 67652010000)
    """
    return int(eps(num_bits) ** (-2 * check_dimension(d)))


def constant(d: int, lipschitz: Number, a: Number = -1, b: Number = 1) -> Fraction:
    """Return C(d, L, a, b) = 9 d^2 (3 d max(L (b - a), 1))^(2d), exactly (Theorem 1).

    This is the constant of Eq. 6. Raises InputError as `reach_of` does.

    >>> constant(1, 1, 0, 1)
    Fraction(81, 1)
    """
    reach = max(reach_of(d, lipschitz, a, b), Fraction(1))
    return 9 * d**2 * (3 * d * reach) ** (2 * d)


def size_bound(
    d: int, lipschitz: Number, tolerance: Number, a: Number = -1, b: Number = 1
) -> Fraction:
    """Return C(d, L, a, b) tolerance^(-2d), exactly (Theorem 1).

    So many weights and biases suffice for an error of at most `tolerance`, which lies in (0, 1].
    Raises InputError for a tolerance outside, and as `reach_of` does.

    >>> size_bound(2, 3, eps(8)) == constant(2, 3) * upper_bound(8, 2)
    True
    """
    return constant(d, lipschitz, a, b) / check_tolerance(tolerance) ** (2 * d)


def depth_bound(
    d: int, lipschitz: Number, tolerance: Number, a: Number = -1, b: Number = 1
) -> float:
    """Return d log2(max(3 d L (b - a) / 2, 1) / tolerance) + 2 (Theorem 1, our own derivation).

    The network of `size_bound` has at most so many hidden layers. Raises InputError as it does.

    >>> depth_bound(1, 2, 1, 0, 1) == math.log2(3) + 2
    True
    """
    span = max(3 * d * reach_of(d, lipschitz, a, b) / 2, Fraction(1))
    return d * (math.log2(span) - math.log2(check_tolerance(tolerance))) + 2


def centres_a_side(
    d: int, lipschitz: Number, tolerance: Number, a: Number = -1, b: Number = 1
) -> int:
    """Return N, so that centres in the middle of N^d equal cubes keep the error in `tolerance`.

    With z = d L (b - a) / tolerance, N is 1 when z <= 2: then the value in the middle serves all of
    the cube. Otherwise it is z, rounded up (proof of Theorem 1). Raises InputError as `size_bound`.

    >>> [centres_a_side(1, 1, tolerance, 0, 1) for tolerance in (1, 0.5, 0.25)]
    [1, 1, 4]
    """
    z = d * reach_of(d, lipschitz, a, b) / check_tolerance(tolerance)
    return 1 if z <= 2 else math.ceil(z)


def grid_lipschitz(values: np.ndarray, spacings: tuple[float, ...]) -> float:
    """Return the smallest L of `values` on a grid, for the 1-norm.

    `spacings` are those of the first axes of `values`; any further axes are channels. L is in units
    of the values per unit of the spacings. Neighbours decide: the 1-norm of a step across many
    cells is the sum of steps along the axes.

    >>> grid_lipschitz(np.array([[0.0, 1.0], [0.5, 0.5]]), (0.1, 1.0))
    5.0
    """
    slopes = []
    for axis, spacing in enumerate(spacings):
        largest_step = np.abs(np.diff(values, axis=axis)).max(initial=0.0)
        slopes.append(largest_step / spacing)
    return float(max(slopes))


def check_dimension(d: int) -> int:
    """Return d; raise InputError unless it is an integer from 1 to 64."""
    is_integer = isinstance(d, (int, np.integer)) and not isinstance(d, bool)
    if not is_integer or not 1 <= d <= MAX_DIMENSION:
        raise InputError(f"d is {d}: allowed are integers from 1 to {MAX_DIMENSION}")
    return int(d)


def check_tolerance(tolerance: Number) -> Fraction:
    """Return the tolerance, exactly; raise InputError unless it lies in (0, 1], as in Theorem 1."""
    if not 0 < tolerance <= 1:
        raise InputError(f"the tolerance is {tolerance}: allowed are numbers above 0 and up to 1")
    return Fraction(tolerance)


def reach_of(d: int, lipschitz: Number, a: Number, b: Number) -> Fraction:
    """Return L (b - a), exactly.

    Raises InputError for a bad d, a negative or infinite L, or b not above a.
    """
    check_dimension(d)
    if not 0 <= lipschitz < math.inf:
        raise InputError(
            f"the Lipschitz constant is {lipschitz}: allowed are finite numbers from 0"
        )
    if not -math.inf < a < b < math.inf:
        raise InputError(f"the interval is [{a}, {b}]: two finite ends in this order are needed")
    return Fraction(lipschitz) * (Fraction(b) - Fraction(a))
