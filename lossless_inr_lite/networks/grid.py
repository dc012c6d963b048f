"""Coordinates in [-1, 1] as places on a grid, for networks that keep tables."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def positions(x: Tensor, sides: Sequence[int]) -> Tensor:
    """(S, axes) coordinates of grid points -> (S,) flat index of each on the grid, int64.

    `sides` are the numbers of points along the axes.
    """
    index = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    for axis, side in enumerate(sides):
        # In float64: 1 + x would cost float32 its last digits.
        place = (x[:, axis].double() + 1) / 2 * (side - 1)
        index = index * side + place.round().to(torch.int64)
    return index


def corners(x: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
    """Interpolate multilinearly on a grid with `resolution` cells along each axis.

    (S, axes) coordinates in [-1, 1] -> the corners of each one's cell, (S, 2^axes, axes) int64 in
    0 .. resolution, and their weights (S, 2^axes), which add up to 1.
    """
    scaled = (x + 1) / 2 * resolution
    lower = scaled.floor().clamp(0, resolution - 1)
    axes = x.shape[1]
    steps = torch.cartesian_prod(*[torch.arange(2, device=x.device)] * axes).reshape(2**axes, axes)
    share = (scaled - lower)[:, None]
    weights = torch.where(steps.bool(), share, 1 - share).prod(dim=-1)
    return lower.to(torch.int64)[:, None] + steps, weights


def levels(coarsest: int, finest: int, count: int) -> list[int]:
    """Return resolutions in geometric progression (Instant-NGP, Eq. 2 and 3).

    They are floor(coarsest b^l) with b = (finest / coarsest)^(1 / (count - 1)).

    >>> levels(16, 64, 3)
    [16, 32, 64]
    """
    growth = math.exp(math.log(finest / coarsest) / max(1, count - 1))
    return [math.floor(coarsest * growth**level + 1e-9) for level in range(count)]
