"""FINER: variable-periodic activations.

Source: Liu et al., "FINER: Flexible spectral-bias tuning in INR by Variable-periodic Activation
Functions", CVPR 2024.
"""

import torch
from torch import Tensor

from lossless_inr_lite.networks.perceptron import Perceptron
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.networks.siren import Siren


class Finer(Siren):
    """x -> sin(omega_0 (|z| + 1) z), z = W x + b: the larger z, the faster the sine turns.

    Starts as SIREN does, but the first biases from U(+-`first_bias_scale`). A scale of 0 leaves
    them as SIREN has them, which the authors' commands for images do. The factor |z| + 1 is part of
    the function and has its gradient; in the authors' script it has none, which `detached` of 1
    does too. The outputs are the same either way.
    """

    recommended_learning_rate = 5e-4

    def __init__(
        self,
        problem: Problem,
        hidden_features: int,
        hidden_layers: int,
        *,
        first_omega_0: float = 30.0,
        omega_0: float = 30.0,
        first_bias_scale: float = 0.0,
        detached: int = 0,
    ) -> None:
        super().__init__(
            problem, hidden_features, hidden_layers, first_omega_0=first_omega_0, omega_0=omega_0
        )
        self.first_bias_scale = first_bias_scale
        self.detached = bool(detached)

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        return super().option_ranges(problem) | {
            "first_bias_scale": (0, 1e6),
            "detached": (0, 1),
        }

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights from the published distributions."""
        super().initialise(generator)
        if self.first_bias_scale:
            with torch.no_grad():
                scale = self.first_bias_scale
                self.layers[0].bias.uniform_(-scale, scale, generator=generator)

    def activate(self, x: Tensor, layer: int) -> Tensor:
        factor = x.abs() + 1
        if self.detached:
            factor = factor.detach()
        return torch.sin(self.omegas[layer] * factor * x)

    forward = Perceptron.forward
