"""DINER: Xie et al., "DINER: Disorder-Invariant Implicit Neural Representation", CVPR 2023."""

import math

import torch
from torch import Tensor, nn

from lossless_inr_lite.networks.grid import positions
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.networks.siren import Siren


class Diner(Siren):
    """A learned point of `table_features` numbers for every position of the grid, then a SIREN.

    Inputs beyond the position (the bit's index, the channel) reach the SIREN as they are: the
    publication knows only positions. The table starts from U(+-1e-4). It has as many rows as the
    signal has positions.
    """

    recommended_learning_rate = 1e-4

    def __init__(
        self,
        problem: Problem,
        hidden_features: int,
        hidden_layers: int,
        *,
        first_omega_0: float = 30.0,
        omega_0: float = 30.0,
        table_features: float = 2,
    ) -> None:
        features = int(table_features)
        further_inputs = problem.in_features - len(problem.sides)
        super().__init__(
            problem,
            hidden_features,
            hidden_layers,
            features + further_inputs,
            first_omega_0=first_omega_0,
            omega_0=omega_0,
        )
        self.sides = problem.sides
        self.table = nn.Parameter(torch.empty(problem.groups, math.prod(problem.sides), features))

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        return super().option_ranges(problem) | {"table_features": (1, 1024)}

    def encode(self, x: Tensor) -> Tensor:
        """(1, S, in) -> (groups, S, table_features + further inputs)."""
        axes = len(self.sides)
        points = self.table[:, positions(x[0, :, :axes], self.sides)]
        return torch.cat([points, x[..., axes:].expand(len(points), -1, -1)], dim=-1)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the table, and SIREN's weights."""
        super().initialise(generator)
        self.table.uniform_(-1e-4, 1e-4, generator=generator)
