"""The upper bound on a network's size that the paper's hypothesis rests on, as exact integers."""

from lossless_inr_lite.bits import check_num_bits
from lossless_inr_lite.errors import InputError


def upper_bound(num_bits: int, d: int) -> int:
    """U_d(n) / C = eps(n)^(-2d) = (2^(n+1) - 2)^(2d) (Eq. 6), for n bits and d input coordinates.

    In units of a constant C that itself depends on d and on the Lipschitz constant, so values of different d
    are comparable in order of magnitude only. Raises InputError for d below 1.
    """
    if d < 1:
        raise InputError(f"d is {d}: allowed are whole numbers from 1")
    return (2 ** (check_num_bits(num_bits) + 1) - 2) ** (2 * d)
