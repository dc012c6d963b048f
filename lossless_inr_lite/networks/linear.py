"""One linear layer for many networks at once."""

import torch
from torch import Tensor, nn


class GroupedLinear(nn.Module):
    """`groups` independent linear layers as one batched product: (groups, S, in) -> (groups, S, out).

    One group is an ordinary linear layer. Tiles and one-network-a-plane formulations use more.
    """

    def __init__(self, groups: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, in_features, out_features))
        self.bias = nn.Parameter(torch.empty(groups, 1, out_features))

    @torch.no_grad()
    def uniform_(self, weight_bound: float, bias_bound: float, generator: torch.Generator) -> None:
        """Draw weights and biases from U(-bound, bound)."""
        self.weight.uniform_(-weight_bound, weight_bound, generator=generator)
        self.bias.uniform_(-bias_bound, bias_bound, generator=generator)

    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        """scale (x W + b), the scale at no cost."""
        groups = self.weight.shape[0]
        return torch.baddbmm(self.bias, x.expand(groups, -1, -1), self.weight, beta=scale, alpha=scale)
