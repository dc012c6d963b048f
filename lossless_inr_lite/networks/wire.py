"""WIRE: complex Gabor wavelets as activations.

Source: Saragadam et al., "WIRE: Wavelet Implicit Neural Representations", CVPR 2023.
"""

import torch
from torch import Tensor

from lossless_inr_lite.networks.linear import GroupedComplexLinear, GroupedLinear
from lossless_inr_lite.networks.perceptron import Perceptron
from lossless_inr_lite.networks.problem import Problem


class Wire(Perceptron):
    """x -> exp(j omega_0 z - |s_0 z|^2), z = W x + b complex: a Gabor wavelet.

    The output is the real part. The first layer has real weights, as published. Of
    `hidden_features`, floor(hidden_features / sqrt(2)) complex ones are built, which keeps the
    number of trained numbers. All start as a plain linear layer's. The authors name 10 to 20 for
    omega_0 and 10 to 30 for s_0, with three hidden layers. The default of 10 and 10 is ours: with
    six layers the authors' values do not start.
    """

    recommended_learning_rate = 5e-3
    layer = GroupedComplexLinear

    def __init__(
        self,
        problem: Problem,
        hidden_features: int,
        hidden_layers: int,
        *,
        omega_0: float = 10.0,
        scale_0: float = 10.0,
    ) -> None:
        complex_features = max(1, int(hidden_features / 2**0.5))
        super().__init__(problem, complex_features, hidden_layers)
        self.layers[0] = GroupedLinear(problem.groups, problem.in_features, complex_features)
        self.omega_0 = omega_0
        self.scale_0 = scale_0

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        return {"omega_0": (1e-6, 1e6), "scale_0": (1e-6, 1e6)}

    def activate(self, x: Tensor, layer: int) -> Tensor:
        return torch.exp(1j * self.omega_0 * x - (self.scale_0 * x).abs().square())

    def steepness(self, layer: int) -> float:
        return self.omega_0

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).real
