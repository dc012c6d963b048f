"""SIREN: sines as activations.

Source: Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions",
NeurIPS 2020.
"""

import math

import torch
from torch import Tensor

from lossless_inr_lite.networks.perceptron import Perceptron
from lossless_inr_lite.networks.problem import Problem

# Above 0; `fast` takes the sides of tiles for the first.
OMEGA_RANGE = (1e-6, 1e9)


class Siren(Perceptron):
    """x -> sin(omega_0 (W x + b)) in every hidden layer.

    Initialisation as published: first layer U(+-1/in), the others U(+-sqrt(6/in)/omega), biases
    U(+-1/sqrt(in)).
    """

    recommended_learning_rate = 1e-4

    def __init__(
        self,
        problem: Problem,
        hidden_features: int,
        hidden_layers: int,
        encoded_features: int | None = None,
        *,
        first_omega_0: float = 30.0,
        omega_0: float = 30.0,
    ) -> None:
        super().__init__(problem, hidden_features, hidden_layers, encoded_features)
        self.omegas = [first_omega_0] + [omega_0] * hidden_layers

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        return {"first_omega_0": OMEGA_RANGE, "omega_0": OMEGA_RANGE}

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights from the published distributions."""
        for i, layer in enumerate(self.layers):
            fan_in = layer.weight.shape[1]
            omega = self.omegas[min(i, len(self.omegas) - 1)]
            bound = 1 / fan_in if i == 0 else math.sqrt(6 / fan_in) / omega
            layer.uniform_(bound, 1 / math.sqrt(fan_in), generator)

    def steepness(self, layer: int) -> float:
        return self.omegas[layer]

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        x = self.encode(x)
        for omega, layer in zip(self.omegas, hidden, strict=True):
            # The layer scales its sum itself, which saves a pass over memory.
            x = torch.sin(layer(x, omega))
        return last(x)
