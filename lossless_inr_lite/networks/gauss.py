"""Gaussian activations.

Source: Ramasinghe and Lucey, "Beyond Periodicity: Towards a Unifying Framework for Activations in
Coordinate-MLPs", ECCV 2022.
"""

import torch
from torch import Tensor

from lossless_inr_lite.networks.perceptron import Perceptron
from lossless_inr_lite.networks.problem import Problem


class Gauss(Perceptron):
    """x -> exp(-z^2 / (2 sigma^2)), z = W x + b.

    `sigma` 0.1 is the authors' for images. Repositories that write exp(-(a z)^2) have an a of 10 to
    30, which is a sigma of 1 / (a sqrt(2)), 0.0707 to 0.0236. Weights start as a plain linear
    layer's.
    """

    recommended_learning_rate = 1e-3

    def __init__(
        self, problem: Problem, hidden_features: int, hidden_layers: int, *, sigma: float = 0.1
    ) -> None:
        super().__init__(problem, hidden_features, hidden_layers)
        self.sigma = sigma

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        return {"sigma": (1e-6, 1e6)}

    def activate(self, x: Tensor, layer: int) -> Tensor:
        return torch.exp(-(x**2) / (2 * self.sigma**2))

    def steepness(self, layer: int) -> float:
        return 1 / self.sigma
