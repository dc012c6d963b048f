"""The upper bound on a network's size that the paper's hypothesis rests on, in exact arithmetic.

`d` is the number of input coordinates, each from a to b; `lipschitz` is a constant L with
|f(x) - f(y)| <= L |x - y|_1. Numbers may be int, Fraction or float; a float stands for exactly the number it holds.
"""

import math
from fractions import Fraction

import numpy as np

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.bits import check_num_bits

Number = int | float | Fraction
MAX_DIMENSION = 64


def eps(num_bits: int) -> Fraction:
    """eps(n) = 1 / (2 (2^n - 1)), exactly: the error that rounding to n bits forgives (Eq. 3)."""
    return Fraction(1, 2 * (2 ** check_num_bits(num_bits) - 1))


def upper_bound(num_bits: int, d: int) -> int:
    """U_d(n) / C = eps(n)^(-2d) = (2^(n+1) - 2)^(2d) (Eq. 6), for n bits and d input coordinates.

    In units of a constant C that itself depends on d and on the Lipschitz constant (`constant`), so values of
    different d are comparable only after that is multiplied in. Raises InputError for d below 1 or above 64.
    """
    return int(eps(num_bits) ** (-2 * check_dimension(d)))


def constant(d: int, lipschitz: Number, a: Number = -1, b: Number = 1) -> Fraction:
    """C(d, L, a, b) = 9 d^2 (3 d max(L (b - a), 1))^(2d), exactly: what multiplies eps^(-2d) in the bound.

    From Jentzen, Kuckuck and von Wurstemberger (arXiv 2310.20360, Prop. 4.3.8 and Cor. 4.3.9).
    """
    reach = max(reach_of(d, lipschitz, a, b), Fraction(1))
    return 9 * d**2 * (3 * d * reach) ** (2 * d)


def size_bound(
    d: int, lipschitz: Number, tolerance: Number, a: Number = -1, b: Number = 1
) -> Fraction:
    """C(d, L, a, b) tolerance^(-2d): so many parameters suffice for an error of at most `tolerance`, in (0, 1]."""
    return constant(d, lipschitz, a, b) / check_tolerance(tolerance) ** (2 * d)


def depth_bound(
    d: int, lipschitz: Number, tolerance: Number, a: Number = -1, b: Number = 1
) -> float:
    """d log2(max(3 d L (b - a) / 2, 1) / tolerance) + 2 hidden layers at most; derived in notebook 09."""
    wide = max(3 * d * reach_of(d, lipschitz, a, b) / 2, Fraction(1))
    return d * (math.log2(wide) - math.log2(check_tolerance(tolerance))) + 2


def centres_a_side(
    d: int, lipschitz: Number, tolerance: Number, a: Number = -1, b: Number = 1
) -> int:
    """N, so that N^d centres in the middle of equal cubes give an error of at most `tolerance`.

    z = d L (b - a) / tolerance; N = ceil(z), but 1 when z <= 2: then the value in the middle serves all of the cube.
    """
    z = d * reach_of(d, lipschitz, a, b) / check_tolerance(tolerance)
    return 1 if z <= 2 else math.ceil(z)


def grid_lipschitz(values: np.ndarray, spacings: tuple[float, ...]) -> float:
    """Smallest L of `values` on a grid, for the 1-norm; `spacings` of its first axes, any further ones are channels.

    Neighbours decide: the 1-norm of a step across many cells is the sum of steps along the axes.
    """
    steps = [
        np.abs(np.diff(values, axis=k)).max(initial=0.0) / spacing
        for k, spacing in enumerate(spacings)
    ]
    return float(max(steps))


def check_dimension(d: int) -> int:
    """Return d; raise InputError unless it is a whole number from 1 to 64."""
    if isinstance(d, bool) or not isinstance(d, (int, np.integer)) or not 1 <= d <= MAX_DIMENSION:
        raise InputError(f"d is {d}: allowed are whole numbers from 1 to {MAX_DIMENSION}")
    return int(d)


def check_tolerance(tolerance: Number) -> Fraction:
    """The tolerance as a fraction; raise InputError unless it lies in (0, 1], where the theorem holds."""
    if not 0 < tolerance <= 1:
        raise InputError(f"the tolerance is {tolerance}: allowed are numbers above 0 and up to 1")
    return Fraction(tolerance)


def reach_of(d: int, lipschitz: Number, a: Number, b: Number) -> Fraction:
    """L (b - a), exactly. Raises InputError for a bad d, a negative or infinite L, or b not above a."""
    check_dimension(d)
    if not 0 <= lipschitz < math.inf:
        raise InputError(
            f"the Lipschitz constant is {lipschitz}: allowed are finite numbers from 0"
        )
    if not -math.inf < a < b < math.inf:
        raise InputError(f"the interval is [{a}, {b}]: two finite ends in this order are needed")
    return Fraction(lipschitz) * (Fraction(b) - Fraction(a))
