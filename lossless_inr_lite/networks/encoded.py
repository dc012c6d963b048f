"""Plain activations behind NeRF's encoding.

Source: Mildenhall et al., "NeRF: Representing Scenes as Neural Radiance Fields for View Synthesis",
ECCV 2020.
"""

import math

import torch
from torch import Tensor

from lossless_inr_lite.networks.perceptron import Rectified
from lossless_inr_lite.networks.problem import Problem


class ReluPe(Rectified):
    """x -> relu(W x + b) behind the encoding of Eq. 4.

    Every coordinate p becomes p, sin(2^k pi p) and cos(2^k pi p), k below `num_frequencies`. p
    itself is not in the equation but in the authors' code. It is needed: all sines and cosines have
    the same value at -1 and at 1, so the first and last row, or bit, would always get one answer.
    Weights start as NeRF's do: Glorot's uniform distribution and biases of 0. Repositories that
    start it as a plain linear layer have other spreads.
    """

    recommended_learning_rate = 5e-4

    def __init__(
        self,
        problem: Problem,
        hidden_features: int,
        hidden_layers: int,
        *,
        num_frequencies: float = 10,
    ) -> None:
        frequencies = int(num_frequencies)
        super().__init__(
            problem, hidden_features, hidden_layers, (1 + 2 * frequencies) * problem.in_features
        )
        self.num_frequencies = frequencies

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        return {"num_frequencies": (1, 24)}  # float32 coordinates tell nothing finer

    def encode(self, x: Tensor) -> Tensor:
        """(1, S, in) -> (1, S, in (1 + 2 num_frequencies))."""
        powers = 2.0 ** torch.arange(self.num_frequencies, device=x.device, dtype=x.dtype)
        angles = (x[..., None] * (math.pi * powers)).flatten(-2)
        return torch.cat([x, torch.sin(angles), torch.cos(angles)], dim=-1)


class TanhPe(ReluPe):
    """The same with tanh."""

    def activate(self, x: Tensor, layer: int) -> Tensor:
        return torch.tanh(x)

    def steepness(self, layer: int) -> float:
        return 1.0
