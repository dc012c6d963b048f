"""Linear layers for many networks at once."""

import torch
from torch import Tensor, nn


class GroupedLinear(nn.Module):
    """`groups` independent linear layers as one batched product.

    (groups or 1, S, in) -> (groups, S, out). One group is an ordinary linear layer. Tiles and
    formulations with one network per plane use more.
    """

    def __init__(self, groups: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, in_features, out_features))
        self.bias = nn.Parameter(torch.empty(groups, 1, out_features))

    @property
    def flops(self) -> int:
        """Operations of one sample in one network: a multiplication and an addition per weight."""
        return 2 * self.weight[0].numel()

    @torch.no_grad()
    def uniform_(self, weight_bound: float, bias_bound: float, generator: torch.Generator) -> None:
        """Draw weights and biases from U(-bound, bound)."""
        self.weight.uniform_(-weight_bound, weight_bound, generator=generator)
        self.bias.uniform_(-bias_bound, bias_bound, generator=generator)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        """scale (x W + b), the scale at no cost."""
        groups = self.weight.shape[0]
        return torch.baddbmm(
            self.bias, x.expand(groups, -1, -1), self.weight, beta=scale, alpha=scale
        )


class GroupedComplexLinear(nn.Module):
    """The same with complex weights, inputs and outputs.

    A weight is two trained numbers (last axis: real, imaginary). They are stored as real tensors,
    so that files, optimisers and other precisions need to know nothing of it.
    """

    def __init__(self, groups: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, in_features, out_features, 2))
        self.bias = nn.Parameter(torch.empty(groups, 1, out_features, 2))

    @property
    def flops(self) -> int:
        """Operations of one sample in one network: four multiplications and additions per weight.

        The weights are complex, the operations real.
        """
        return 4 * self.weight[0].numel()

    uniform_ = GroupedLinear.uniform_

    def forward(self, x: Tensor) -> Tensor:
        groups = self.weight.shape[0]
        # Not view_as_complex: weights may be slices of one long row, at odd places.
        weight = torch.complex(self.weight[..., 0], self.weight[..., 1])
        bias = torch.complex(self.bias[..., 0], self.bias[..., 1])
        return torch.baddbmm(bias, x.expand(groups, -1, -1), weight)
