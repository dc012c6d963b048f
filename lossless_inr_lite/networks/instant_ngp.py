"""Instant-NGP: tables of features on grids of several resolutions.

Source: Mueller et al., "Instant Neural Graphics Primitives with a Multiresolution Hash Encoding",
ACM Transactions on Graphics, 2022.
"""

import torch
from torch import Tensor, nn

from lossless_inr_lite.networks.grid import corners, levels
from lossless_inr_lite.networks.perceptron import Rectified
from lossless_inr_lite.networks.problem import Problem

# Eq. 4; the fourth is that of the authors' code.
PRIMES = (1, 2654435761, 805459861, 3674653429)


class InstantNgp(Rectified):
    """Features of `num_levels` grids, interpolated multilinearly, then a perceptron with ReLU.

    This is Sections 3 and 4. Grids grow geometrically from `coarsest` cells along an axis to the
    longest side of the signal (Eq. 2 and 3), which is also the coarsest where it is below 16. Each
    has at most 2^`log2_entries` entries of `level_features` numbers, started from U(+-1e-4). Where
    the grid has more points, points share entries by a spatial hash (Eq. 4). All coordinates, the
    bit's index too, are axes of the grids. Perceptron weights start from Glorot's distribution.
    """

    recommended_learning_rate = 1e-2

    def __init__(
        self,
        problem: Problem,
        hidden_features: int,
        hidden_layers: int,
        *,
        num_levels: float = 16,
        level_features: float = 2,
        log2_entries: float = 14,
        coarsest: float = 16,
    ) -> None:
        count = int(num_levels)
        features = int(level_features)
        super().__init__(problem, hidden_features, hidden_layers, count * features)
        finest = max(problem.sides)
        self.resolutions = levels(min(int(coarsest), finest), finest, count)
        largest = 2 ** int(log2_entries)
        points = [(resolution + 1) ** problem.in_features for resolution in self.resolutions]
        sizes = [min(count, largest) for count in points]
        self.tables = nn.ParameterList(
            torch.empty(problem.groups, size, features) for size in sizes
        )

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        finest = max(problem.sides)
        return {
            "num_levels": (1, 64),
            "level_features": (1, 64),
            "log2_entries": (1, 24),
            "coarsest": (1, finest),
        }

    def encode(self, x: Tensor) -> Tensor:
        """(1, S, in) -> (groups, S, num_levels level_features)."""
        features = []
        for resolution, table in zip(self.resolutions, self.tables, strict=True):
            points, weights = corners(x[0], resolution)
            entries = table[:, entry(points, resolution, table.shape[1])]
            features.append((entries * weights[..., None]).sum(dim=2))
        return torch.cat(features, dim=-1)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the tables, and the perceptron's weights."""
        super().initialise(generator)
        for table in self.tables:
            table.uniform_(-1e-4, 1e-4, generator=generator)


def entry(points: Tensor, resolution: int, size: int) -> Tensor:
    """(..., axes) grid points -> (...) rows of a table of `size` rows, int64.

    One to one where the table is long enough, else by the spatial hash of Eq. 4.
    """
    axes = points.shape[-1]
    rows = torch.zeros(points.shape[:-1], dtype=torch.int64, device=points.device)
    if (resolution + 1) ** axes <= size:
        for axis in range(axes):
            rows = rows * (resolution + 1) + points[..., axis]
        return rows
    for axis in range(axes):
        rows ^= points[..., axis] * PRIMES[axis]
    return rows % size
