"""What most coordinate networks are: linear layers with one kind of activation between them."""

import itertools
import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from lossless_inr_lite.networks.linear import GroupedLinear
from lossless_inr_lite.networks.problem import Problem


class Perceptron(nn.Module):
    """encode, then `hidden_layers` + 1 times activate(W x + b), then linear.

    (1, S, in) -> (groups, S, out). A subclass says what its `activate` is, how its weights start,
    where needed how inputs are encoded, and which values its options may have. Options are the
    keyword arguments of its constructor.
    """

    recommended_learning_rate: ClassVar[float]
    layer: ClassVar[type[Any]] = GroupedLinear

    def __init__(
        self,
        problem: Problem,
        hidden_features: int,
        hidden_layers: int,
        encoded_features: int | None = None,
    ) -> None:
        super().__init__()
        first = problem.in_features if encoded_features is None else encoded_features
        widths = [first, *[hidden_features] * (hidden_layers + 1), problem.out_features]
        self.layers: Any = nn.ModuleList(
            self.layer(problem.groups, inputs, outputs)
            for inputs, outputs in itertools.pairwise(widths)
        )

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        """Return the smallest and largest value of every option.

        `build_network` checks them before anything is built.
        """
        return {}

    def encode(self, x: Tensor) -> Tensor:
        """Inputs of the first layer."""
        return x

    def activate(self, x: Tensor, layer: int) -> Tensor:
        """What follows hidden layer number `layer`, from 0."""
        raise NotImplementedError

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights from U(+-1/sqrt(fan_in)), the usual start of a linear layer."""
        for layer in self.layers:
            bound = 1 / math.sqrt(layer.weight.shape[1])
            layer.uniform_(bound, bound, generator)

    def rate_scales(self) -> dict[str, float]:
        """Return relative learning rates for `fast`, by the name of the weight; 0 marks the output.

        They are those of a network in which what multiplies a layer's sum is part of its weights. A
        table of features is such a weight too, with nothing that multiplies it.
        """
        output_layer = len(self.layers) - 1
        scales = {}
        for layer in range(len(self.layers)):
            scale = 0.0 if layer == output_layer else 1 / self.steepness(layer)
            scales[f"layers.{layer}.weight"] = scale
            scales[f"layers.{layer}.bias"] = scale
        return scales

    def steepness(self, layer: int) -> float:
        """What the activation of that layer multiplies its input with."""
        return 1.0

    def forward(self, x: Tensor) -> Tensor:
        x = self.encode(x)
        *hidden, last = self.layers
        for i, layer in enumerate(hidden):
            x = self.activate(layer(x), i)
        return last(x)


class Rectified(Perceptron):
    """x -> relu(W x + b), started from Glorot's uniform distribution with biases 0."""

    def activate(self, x: Tensor, layer: int) -> Tensor:
        return torch.relu(x)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw weights from Glorot's uniform distribution."""
        for layer in self.layers:
            layer.uniform_(math.sqrt(6 / sum(layer.weight.shape[1:])), 0.0, generator)

    def steepness(self, layer: int) -> float:
        """5, for `fast`: ReLU multiplies with 1, but it has no bounds, so long steps harm it.

        Found on pictures of 24 x 24: with 1 fits take ten times longer or never arrive, and values
        from 3 to 10 are alike.
        """
        return 5.0
