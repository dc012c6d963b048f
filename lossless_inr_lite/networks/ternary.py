"""Ternary networks that compute in integers.

Sources: Wang et al., "BitNet: Scaling 1-bit Transformers for Large Language Models", 2023, with the
ternary weights of Ma et al., "The Era of 1-bit LLMs: All Large Language Models are in 1.58 Bits",
2024.

The forward pass is one of integers: floats only carry them, none is ever rounded. So
`storage.integers`, which has no floats, gives the same bits. Gradients pass straight through every
rounding.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lossless_inr_lite.networks.integer_tables import (
    GELU_BITS,
    INPUT_AMPLITUDE,
    LARGEST_ACTIVATION,
    MULTIPLIER_BITS,
    ONE,
    TURN_BITS,
    Z_BITS,
    Z_LIMIT,
    gelu_table,
    sine_table,
)
from lossless_inr_lite.networks.perceptron import Perceptron
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.networks.ternary_layout import (
    DEFAULT_FREQUENCIES,
    OPTION_RANGES,
    check_ternary,
    frequencies,
)


class BitLinear(nn.Module):
    """x -> x q for `groups` layers at once, with q in {-1, 0, 1}.

    (groups or 1, S, in) -> (groups, S, out). `weight` holds the latent numbers that are trained. A
    trit is weight / step, rounded and clamped. The step is the mean magnitude of the group's
    weights ("absmean"). It follows as a multiplier, an integer near 2^(MULTIPLIER_BITS + 1) step.
    """

    largest: ClassVar[int] = 1
    """Largest code of a weight; the smallest is its negative."""

    def __init__(self, groups: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, in_features, out_features))

    @property
    def flops(self) -> int:
        """Operations of one sample in one network: a multiplication and an addition per weight."""
        return 2 * self.weight[0].numel()

    def step(self) -> Tensor:
        """Return the mean magnitude of the trained weights, (groups, 1, 1) float64."""
        return self.weight.detach().double().abs().mean((1, 2), keepdim=True)

    def codes(self) -> Tensor:
        """Return the trits, (groups, in, out) in the type of the weights."""
        weight = self.weight.detach()
        return weight.sign() * (weight.abs() > self.step().to(weight.dtype) / 2)

    def multiplier(self) -> Tensor:
        """Return integers from 1 to 2^24, (groups, 1, 1) float64."""
        return (self.step() * 2 ** (MULTIPLIER_BITS + 1)).round().clamp(1, 2**24)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return sums of activations, and what they have to be multiplied with."""
        multiplier = self.multiplier()
        trits = _StraightThrough.apply(self.weight, self.codes())
        return torch.bmm(x.expand(len(trits), -1, -1), trits), multiplier


class Ternary(Perceptron):
    """x -> gelu(BitLinear(x)) behind an encoding by sines and cosines, all in integers.

    The encoding is NeRF's of `num_frequencies` octaves along each axis. With `num_waves` above 0 it
    has that many plane waves of fixed frequencies instead (Tancik et al., "Fourier Features Let
    Networks Learn High Frequency Functions in Low Dimensional Domains", NeurIPS 2020). The
    coordinates themselves go in beside them. No layer has biases.
    """

    recommended_learning_rate = 3e-3
    layer: ClassVar[type[Any]] = BitLinear

    def __init__(
        self,
        problem: Problem,
        hidden_features: int,
        hidden_layers: int,
        *,
        num_frequencies: float = DEFAULT_FREQUENCIES,
        num_waves: float = 0,
    ) -> None:
        options = {"num_frequencies": num_frequencies, "num_waves": num_waves}
        check_ternary(problem, hidden_features, hidden_layers, options)
        waves = frequencies(problem, num_frequencies, num_waves)
        encoded_features = problem.in_features + 2 * len(waves)
        super().__init__(problem, hidden_features, hidden_layers, encoded_features)
        self.waves = waves

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        return dict(OPTION_RANGES)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights from N(0, 1 / fan_in)."""
        for layer in self.layers:
            with torch.no_grad():
                layer.weight.normal_(0, 1 / math.sqrt(layer.weight.shape[1]), generator=generator)

    def rate_scales(self) -> dict[str, float]:
        last = len(self.layers) - 1
        return {f"layers.{i}.weight": float(i < last) for i in range(last + 1)}

    def encode(self, x: Tensor) -> Tensor:
        """(1, S, in) coordinates in [-1, 1] -> (1, S, in + 2 waves) integers of 8 bits.

        These are those of `ternary_layout.encoded`: products and sums of integers below 2^53 are
        exact in float64.
        """
        points = torch.round(x.double() * 2 ** (TURN_BITS - 1))
        waves = torch.from_numpy(self.waves).to(points)
        phases = (points @ waves.T).to(torch.int64)
        half = 2 ** (TURN_BITS - 2)
        mask = 2**TURN_BITS - 1
        plain = ((INPUT_AMPLITUDE * points + half) / 2 ** (TURN_BITS - 1)).floor()
        sines = _on_device(sine_table, x.dtype, x.device)
        parts = [plain.to(x.dtype), sines[phases & mask], sines[(phases + half) & mask]]
        return torch.cat(parts, dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """(1, S, in) -> (groups, S, out) logits, none of which is 0."""
        *hidden, last = self.layers
        x = self.encode(x)
        for layer in hidden:
            total, multiplier = layer(x)
            x = normalised(gelu(total, multiplier))
        total, multiplier = last(x)
        scale = multiplier / (2 * ONE * 2 ** (MULTIPLIER_BITS + 1))
        return (2 * total - 1) * scale.to(total.dtype)


class _StraightThrough(torch.autograd.Function):
    """The second argument, with the gradient going to the first."""

    @staticmethod
    def forward(ctx: Any, latent: Tensor, value: Tensor) -> Tensor:
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return gradients[0], None


def gelu(total: Tensor, multiplier: Tensor) -> Tensor:
    """Sums (groups, S, out) of integers -> 2^GELU_BITS gelu of their multiples, from the table."""
    return _Gelu.apply(total, multiplier)  # type: ignore[no-any-return]


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, total: Tensor, multiplier: Tensor) -> Tensor:
        limit = Z_LIMIT * 2**Z_BITS
        # In place, one operation after another: this is the largest tensor of the network.
        z = total.to(torch.float64, copy=True)
        z.mul_(multiplier * 2.0**-MULTIPLIER_BITS)
        z.add_(0.5).floor_()
        z.clamp_(-limit, limit)
        place = z.add_(limit).to(torch.int32)
        ctx.save_for_backward(place, multiplier)
        return _on_device(gelu_table, total.dtype, total.device)[place]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        place, multiplier = ctx.saved_tensors
        scale = multiplier * 2.0 ** (GELU_BITS - Z_BITS - MULTIPLIER_BITS)
        slope = _on_device(_slopes, gradients[0].dtype, place.device)[place]
        return slope.mul_(gradients[0]).mul_(scale.to(slope.dtype)), None


@cache
def _on_device(table: Callable[[], np.ndarray], dtype: torch.dtype, device: Any) -> Tensor:
    """A table as a tensor; it is sent to a device once."""
    return torch.tensor(table(), dtype=dtype, device=device)


@cache
def _slopes() -> np.ndarray:
    """Return the derivative of GELU at every entry of its table; only gradients need it."""
    z = torch.linspace(-Z_LIMIT, Z_LIMIT, len(gelu_table()), dtype=torch.float64)
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return (0.5 * (1 + torch.erf(z * math.sqrt(0.5))) + z * density).numpy()


def normalised(values: Tensor) -> Tensor:
    """Apply a layer norm over the last axis, in integers.

    The result has mean 0 and standard deviation ONE, is rounded, and is clamped to
    +-LARGEST_ACTIVATION.
    """
    return _LayerNorm.apply(values)  # type: ignore[no-any-return]


class _LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        exact = values.to(torch.float64, copy=True)
        width = values.shape[-1]
        total = exact.sum(-1, keepdim=True)
        squares = torch.linalg.vecdot(exact, exact)[..., None]
        spread = (width * squares - total * total).sqrt_().floor_().clamp_(min=1)
        # floor((2 ONE (width x - total) + spread) / (2 spread)): rounded half up.
        numerator = exact.mul_(2 * ONE * width).sub_(2 * ONE * total - spread)
        rounded = numerator.div_(2 * spread).floor_()
        result = rounded.clamp_(-LARGEST_ACTIVATION, LARGEST_ACTIVATION).to(values.dtype)
        ctx.save_for_backward(result, (width / spread).to(values.dtype))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        result, scale = ctx.saved_tensors
        gradient = gradients[0] * (result.abs() < LARGEST_ACTIVATION)
        shape = result / ONE
        mean = gradient.mean(-1, keepdim=True)
        along = (gradient * shape).mean(-1, keepdim=True)
        return gradient.sub_(mean).sub_(shape.mul_(along)).mul_(ONE * scale)
