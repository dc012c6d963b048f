"""What a formulation tells a network about the problem."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Sizes of `groups` networks of one kind: coordinates in [-1, 1] go in, `out_features` values come out.

    The first `len(sides)` inputs are positions on a grid of that many points an axis, evenly spaced from -1 to 1;
    any further inputs are the bit's index or the colour channel. Networks with tables need the grid, others do not.
    """

    in_features: int
    out_features: int
    sides: tuple[int, ...]
    groups: int = 1
