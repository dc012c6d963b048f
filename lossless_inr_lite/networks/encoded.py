"""Plain activations behind NeRF's encoding: Mildenhall et al., "NeRF: Representing Scenes as Neural Radiance Fields for
View Synthesis", ECCV 2020.
"""

import math

import torch
from torch import Tensor

from lossless_inr_lite.networks.perceptron import Perceptron
from lossless_inr_lite.networks.problem import Problem


class ReluPe(Perceptron):
    """x -> relu(W x + b) behind p, sin(2^k pi p), cos(2^k pi p) of every coordinate p, k below `num_frequencies` (Eq. 4).

    p itself is not in the equation but in the authors' code, and needed: all sines and cosines have the same value at
    -1 and at 1, so that the first and last row, or bit, would always get one answer. Starts from Glorot's
    uniform distribution with biases 0, as NeRF does.
    """

    recommended_learning_rate = 5e-4

    def __init__(
        self, problem: Problem, hidden_features: int, hidden_layers: int, *, num_frequencies: float = 10
    ) -> None:
        frequencies = int(num_frequencies)
        super().__init__(problem, hidden_features, hidden_layers, (1 + 2 * frequencies) * problem.in_features)
        self.num_frequencies = frequencies

    def encode(self, x: Tensor) -> Tensor:
        """(1, S, in) -> (1, S, in (1 + 2 num_frequencies))."""
        powers = 2.0 ** torch.arange(self.num_frequencies, device=x.device, dtype=x.dtype)
        angles = (x[..., None] * (math.pi * powers)).flatten(-2)
        return torch.cat([x, torch.sin(angles), torch.cos(angles)], dim=-1)

    def activate(self, x: Tensor, layer: int) -> Tensor:
        return torch.relu(x)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw weights from Glorot's uniform distribution."""
        for layer in self.layers:
            layer.uniform_(math.sqrt(6 / sum(layer.weight.shape[1:])), 0.0, generator)


class TanhPe(ReluPe):
    """The same with tanh."""

    def activate(self, x: Tensor, layer: int) -> Tensor:
        return torch.tanh(x)
