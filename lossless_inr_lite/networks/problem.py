"""What a formulation tells a network about the problem, and how numbers are checked."""

from dataclasses import dataclass

from lossless_inr_lite.errors import InputError


@dataclass(frozen=True)
class Problem:
    """Sizes of `groups` networks of one kind.

    Coordinates in [-1, 1] go in, `out_features` values come out. The first `len(sides)` inputs are
    positions on a grid with that many points along each axis, evenly spaced from -1 to 1. Any
    further inputs are the bit's index or the colour channel. Networks with tables need the grid,
    others do not.
    """

    in_features: int
    out_features: int
    sides: tuple[int, ...]
    groups: int = 1


def check_number(
    what: str,
    value: object,
    allowed: tuple[float, float],
    *,
    integer: bool,
    float_allowed: bool = False,
) -> None:
    """Raise InputError unless `value` is a number in the closed range `allowed`.

    `integer` asks for an integer. With `float_allowed` the float 16.0 is one too, since the headers
    of files hold floats.
    """
    types = (int, float) if float_allowed or not integer else (int,)
    low, high = allowed
    is_number = isinstance(value, types) and not isinstance(value, bool)
    in_range = is_number and low <= value <= high  # type: ignore[operator]
    if in_range and not (integer and value != int(value)):  # type: ignore[call-overload]
        return
    numbers = "integers" if integer else "numbers"
    raise InputError(f"{what} is {value!r}: allowed are {numbers} from {low:.10g} to {high:.10g}")
