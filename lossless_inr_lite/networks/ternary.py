"""Ternary networks: Wang et al., "BitNet: Scaling 1-bit Transformers for Large Language Models", 2023, with the
ternary weights of Ma et al., "The Era of 1-bit LLMs: All Large Language Models are in 1.58 Bits", 2024.

The forward pass is one of whole numbers: floats only carry them, none is ever rounded, so that `integer_inference`,
which has no floats, gives the same bits. Gradients pass straight through every rounding.
"""

import math
from functools import cache
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.networks.fixed_point import (
    GELU_BITS,
    TURN_BITS,
    Z_BITS,
    Z_LIMIT,
    gelu_table,
    sine_table,
)
from lossless_inr_lite.networks.perceptron import Perceptron
from lossless_inr_lite.networks.problem import Problem

ONE = 32  # the activation that stands for 1: the standard deviation behind a layer norm
LIMIT = 127  # largest activation: 8 bits
INPUT = (
    45  # amplitude of the encoding, about as large in the mean square as what a layer norm gives
)
MULTIPLIER_BITS = 16
MAX_WIDTH, MAX_SIDE = (
    4096,
    1024,
)  # what keeps sums exact in float64, and a coordinate's rounding beyond doubt


class Ternary(Perceptron):
    """x -> gelu(BitLinear(x)) behind an encoding by sines and cosines, all in whole numbers.

    The encoding is NeRF's of `num_frequencies` octaves an axis, or, with `num_waves` above 0, that many plane waves
    of fixed frequencies (Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in Low
    Dimensional Domains", NeurIPS 2020); the coordinates themselves go in beside them. No layer has biases.
    """

    recommended_learning_rate = 3e-3

    def __init__(
        self,
        problem: Problem,
        hidden_features: int,
        hidden_layers: int,
        *,
        num_frequencies: float = 6,
        num_waves: float = 0,
    ) -> None:
        if hidden_features > MAX_WIDTH or max(problem.sides) > MAX_SIDE:
            raise InputError(
                f"a ternary network of width {hidden_features} on a side of {max(problem.sides)} is too large: allowed "
                f"are widths up to {MAX_WIDTH} and sides up to {MAX_SIDE} (use tiles)"
            )
        waves = (
            plane_waves(problem, int(num_waves))
            if num_waves
            else octaves(problem, int(num_frequencies))
        )
        super().__init__(
            problem, hidden_features, hidden_layers, problem.in_features + 2 * len(waves)
        )
        self.waves = waves

    layer: ClassVar[type[Any]]

    @classmethod
    def option_ranges(cls, problem: Problem) -> dict[str, tuple[float, float]]:
        return {"num_frequencies": (1, TURN_BITS - 1), "num_waves": (0, 4096)}

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights from N(0, 1 / fan_in)."""
        for layer in self.layers:
            with torch.no_grad():
                layer.weight.normal_(0, 1 / math.sqrt(layer.weight.shape[1]), generator=generator)

    def rate_scales(self) -> dict[str, float]:
        last = len(self.layers) - 1
        return {f"layers.{i}.weight": float(i < last) for i in range(last + 1)}

    def encode(self, x: Tensor) -> Tensor:
        """(1, S, in) coordinates in [-1, 1] -> (1, S, in + 2 waves) whole numbers of 8 bits."""
        points = torch.round(x.double() * 2 ** (TURN_BITS - 1)).to(torch.int64).cpu().numpy()
        return torch.from_numpy(encoded(points, self.waves)).to(x)

    def forward(self, x: Tensor) -> Tensor:
        """(1, S, in) -> (groups, S, out) logits, none of which is 0."""
        *hidden, last = self.layers
        x = self.encode(x)
        for layer in hidden:
            z, multiplier = layer(x)
            x = normalised(gelu(z, multiplier))
        total, multiplier = last(x)
        return (2 * total - 1) * (multiplier / (2 * ONE * 2 ** (MULTIPLIER_BITS + 1))).to(
            total.dtype
        )


class BitLinear(nn.Module):
    """x -> x q of `groups` layers at once, q in {-1, 0, 1}; (groups or 1, S, in) -> (groups, S, out).

    `weight` holds the numbers that are trained. A trit is weight / step, rounded and clamped, and `step` the mean
    magnitude of the group's weights: "absmean". It follows as a multiplier, a whole number
    near 2^(MULTIPLIER_BITS + 1) step.
    """

    def __init__(self, groups: int, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(groups, in_features, out_features))

    largest: ClassVar[int] = 1  # code

    @property
    def flops(self) -> int:
        """Operations of one sample in one network: a multiply and an add a weight."""
        return 2 * self.weight[0].numel()

    def step(self) -> Tensor:
        """(groups, 1, 1): mean magnitude of the trained weights, in double precision."""
        return self.weight.detach().double().abs().mean((1, 2), keepdim=True)

    def codes(self) -> Tensor:
        """(groups, in, out): the trits, in the type of the weights."""
        weight = self.weight.detach()
        return weight.sign() * (weight.abs() > self.step().to(weight.dtype) / 2)

    def multiplier(self) -> Tensor:
        """(groups, 1, 1): whole numbers from 1 to 2^24 in double precision."""
        return (self.step() * 2 ** (MULTIPLIER_BITS + 1)).round().clamp(1, 2**24)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of activations, and what they have to be multiplied with."""
        multiplier = self.multiplier()
        trits = _Straight.apply(self.weight, self.codes())
        return torch.bmm(x.expand(len(trits), -1, -1), trits), multiplier


Ternary.layer = BitLinear


def octaves(problem: Problem, count: int) -> np.ndarray:
    """(count inputs, inputs) int64: NeRF's frequencies 1, 2, 4, ... along each axis."""
    powers = 2 ** np.arange(count, dtype=np.int64)
    return np.kron(np.eye(problem.in_features, dtype=np.int64), powers[:, None])


def plane_waves(problem: Problem, count: int) -> np.ndarray:
    """(count, inputs) int64: frequencies up to the grid's Nyquist frequency, from a fixed generator of whole numbers.

    Further inputs, as the bit's index, have frequencies up to 8.
    """
    reach = [max(1, side // 2) for side in problem.sides] + [8] * (
        problem.in_features - len(problem.sides)
    )
    state, waves = 1, []
    for _ in range(count):
        wave = []
        for most in reach:
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64  # Knuth's MMIX
            wave.append((state >> 33) % (2 * most + 1) - most)
        waves.append(wave)
    return np.array(waves, dtype=np.int64).reshape(count, problem.in_features)


def encoded(points: np.ndarray, waves: np.ndarray) -> np.ndarray:
    """Coordinates (..., in) in steps of 2^-14, and their sines and cosines: (..., in + 2 waves) int32 of 8 bits."""
    sines = sine_table(INPUT)
    phases = points @ waves.T
    half = 2 ** (TURN_BITS - 2)
    plain = (INPUT * points + half) >> (TURN_BITS - 1)
    mask = 2**TURN_BITS - 1
    return np.concatenate(
        [plain, sines[phases & mask], sines[(phases + half) & mask]], axis=-1
    ).astype(np.int32)


class _Straight(torch.autograd.Function):
    """The second argument, with the gradient going to the first."""

    @staticmethod
    def forward(ctx: Any, latent: Tensor, value: Tensor) -> Tensor:
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return gradients[0], None


def gelu(total: Tensor, multiplier: Tensor) -> Tensor:
    """Sums (groups, S, out) of whole numbers -> 2^GELU_BITS gelu of their multiples, from the table."""
    return _Gelu.apply(total, multiplier)  # type: ignore[no-any-return]


class _Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, total: Tensor, multiplier: Tensor) -> Tensor:
        limit = Z_LIMIT * 2**Z_BITS
        z = (
            total.to(torch.float64, copy=True)
            .mul_(multiplier * 2.0**-MULTIPLIER_BITS)
            .add_(0.5)
            .floor_()
            .clamp_(-limit, limit)
        )
        place = z.add_(limit).to(torch.int32)
        ctx.save_for_backward(place, multiplier)
        return torch.tensor(gelu_table(), dtype=total.dtype, device=total.device)[place]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        place, multiplier = ctx.saved_tensors
        scale = multiplier * 2.0 ** (GELU_BITS - Z_BITS - MULTIPLIER_BITS)
        slope = torch.tensor(_slopes(), dtype=gradients[0].dtype, device=place.device)[place]
        return slope.mul_(gradients[0]).mul_(scale.to(slope.dtype)), None


@cache
def _slopes() -> np.ndarray:
    """Derivative of GELU at every entry of its table; only gradients need it."""
    z = torch.linspace(-Z_LIMIT, Z_LIMIT, len(gelu_table()), dtype=torch.float64)
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return (0.5 * (1 + torch.erf(z * math.sqrt(0.5))) + z * density).numpy()


def normalised(values: Tensor) -> Tensor:
    """A layer norm over the last axis in whole numbers: mean 0, standard deviation ONE, rounded, at most LIMIT."""
    return _Norm.apply(values)  # type: ignore[no-any-return]


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        exact, width = values.to(torch.float64, copy=True), values.shape[-1]
        total = exact.sum(-1, keepdim=True)
        squares = torch.linalg.vecdot(exact, exact)[..., None]
        spread = (width * squares - total * total).sqrt_().floor_().clamp_(min=1)
        rounded = (
            exact.mul_(2 * ONE * width).sub_(2 * ONE * total - spread).div_(2 * spread).floor_()
        )
        result = rounded.clamp_(-LIMIT, LIMIT).to(values.dtype)
        ctx.save_for_backward(result, (width / spread).to(values.dtype))
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        result, scale = ctx.saved_tensors
        gradient = gradients[0] * (result.abs() < LIMIT)
        shape = result / ONE
        mean, along = gradient.mean(-1, keepdim=True), (gradient * shape).mean(-1, keepdim=True)
        return gradient.sub_(mean).sub_(shape.mul_(along)).mul_(ONE * scale)
