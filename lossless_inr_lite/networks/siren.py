"""SIREN: Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", NeurIPS 2020."""

import itertools
import math

import torch
from torch import Tensor, nn

from lossless_inr_lite.networks.linear import GroupedLinear


class Siren(nn.Module):
    """x -> sin(omega_0 (W x + b)), `hidden_layers` times more, then linear; (groups or 1, S, in) -> (groups, S, out).

    Initialisation as published: first layer U(+-1/in), the others U(+-sqrt(6/in)/omega), biases U(+-1/sqrt(in)).
    """

    recommended_learning_rate = 1e-4

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden_features: int,
        hidden_layers: int,
        groups: int = 1,
        *,
        first_omega_0: float = 30.0,
        omega_0: float = 30.0,
    ) -> None:
        super().__init__()
        self.omegas = [first_omega_0] + [omega_0] * hidden_layers
        widths = [in_features] + [hidden_features] * (hidden_layers + 1) + [out_features]
        self.layers = nn.ModuleList(
            GroupedLinear(groups, fan_in, fan_out) for fan_in, fan_out in itertools.pairwise(widths)
        )

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights from the published distributions."""
        for i, layer in enumerate(self.layers):
            assert isinstance(layer, GroupedLinear)
            fan_in = layer.weight.shape[1]
            omega = self.omegas[min(i, len(self.omegas) - 1)]
            bound = 1 / fan_in if i == 0 else math.sqrt(6 / fan_in) / omega
            layer.uniform_(bound, 1 / math.sqrt(fan_in), generator)

    def rate_scales(self) -> dict[str, float]:
        """Relative rates for `fast`, as if the omegas were part of the weights; 0 marks the output layer."""
        factors = [1 / omega for omega in self.omegas] + [0.0]
        return {f"layers.{i}.{kind}": f for i, f in enumerate(factors) for kind in ("weight", "bias")}

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for omega, layer in zip(self.omegas, hidden, strict=True):
            x = torch.sin(layer(x, omega))
        return last(x)
