"""Networks in integers: no result depends on the order of a sum, so every machine has the same.

Weights and activations are integers held in float64, where sums and products below 2^53 are exact.
Each layer knows by how many bits its sums are shifted down again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lossless_inr_lite.codec.tables import clipped
from lossless_inr_lite.errors import FileFormatError

INPUT_BITS = 8  # inputs are multiples of 2^-8
ACTIVATION_BITS = 10  # everything behind a layer is a multiple of 2^-10
LARGEST = 2.0**20 - 1  # activations are clipped here
WEIGHT_BITS = 16  # bits of a weight, with its sign
LARGEST_SCALE = 15  # bits behind the point of a weight
SMALLEST_MAXIMUM = 2.0**-20  # weights of a layer that are all smaller count as this large


@dataclass(frozen=True)
class Layer:
    """x -> (W x + b) 2^-shift, rounded; W (out, in) and b (out,) are integers in float64."""

    weight: np.ndarray
    bias: np.ndarray
    shift: int

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Integers (N, in) -> integers (N, out), clipped to +-LARGEST.

        The result is exact for |W| < 2^15, |x| < 2^20 and in < 2^10.
        """
        sums = x @ self.weight.T + self.bias
        return clipped(shifted(sums, self.shift), -LARGEST, LARGEST)

    @classmethod
    def rounded(
        cls, weight: np.ndarray, bias: np.ndarray, input_bits: int, output_bits: int
    ) -> "Layer":
        """The integer layer nearest to one in floats, W (out, in) and b (out,).

        Its inputs are in units of 2^-input_bits, its outputs in units of 2^-output_bits.
        """
        scale = weight_scale(weight)
        return cls(
            np.rint(np.ldexp(weight, scale)),
            np.rint(np.ldexp(bias, scale + input_bits)),
            scale + input_bits - output_bits,
        )


def rounded_layers(layers: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Layer]:
    """The integer layers nearest to weights and biases in floats, one behind the other."""
    found: list[Layer] = []
    input_bits = INPUT_BITS
    for weight, bias in layers:
        found.append(Layer.rounded(weight, bias, input_bits, ACTIVATION_BITS))
        input_bits = ACTIVATION_BITS
    return found


def run_layers(layers: Sequence[Layer], inputs: np.ndarray) -> np.ndarray:
    """Integers (N, in) -> integers (N, out); rectified between the layers, not behind the last."""
    hidden = inputs
    for layer in layers[:-1]:
        hidden = np.maximum(layer(hidden), 0)
    return layers[-1](hidden)


def shifted_biases(layer: Layer, deltas: np.ndarray, bits: int) -> Layer:
    """The layer with integers `deltas` (out,), multiples of 2^-bits, added to its results.

    They are added before the results are rectified.
    """
    bias = layer.bias + np.ldexp(deltas, layer.shift + ACTIVATION_BITS - bits)
    return Layer(layer.weight, bias, layer.shift)


def weight_scale(weight: np.ndarray) -> int:
    """The largest scale, at most 15, for which |weight| 2^scale stays below 2^15."""
    largest = max(float(np.abs(weight).max()), SMALLEST_MAXIMUM)
    limit = 2 ** (WEIGHT_BITS - 1) - 1
    return int(min(LARGEST_SCALE, np.floor(np.log2(limit / largest))))


def shifted(sums: np.ndarray, bits: int) -> np.ndarray:
    """Integer sums times 2^-bits, rounded half up.

    This is exact, since only powers of two and floor are at work.

    >>> shifted(np.array([1.0, 2.0, 3.0, -2.0]), 2)
    array([0., 1., 1., 0.])
    """
    return np.floor(sums * 2.0**-bits + 0.5)


def layers_from(tensors: Mapping[str, np.ndarray], prefix: str) -> list[Layer]:
    """The layers `prefix`0, `prefix`1, ... of a file of integers.

    Raises FileFormatError when there is none, or when the shapes do not follow from each other.
    """
    found: list[Layer] = []
    while f"{prefix}{len(found)}.weight" in tensors:
        name = f"{prefix}{len(found)}"
        weight = tensors[f"{name}.weight"].astype(np.float64)
        bias = tensors[f"{name}.bias"].astype(np.float64)
        shift = int(tensors[f"{name}.shift"][0])
        if weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise FileFormatError(f"the layer {name} has weights of shape {weight.shape}")
        if found and weight.shape[1] != len(found[-1].bias):
            raise FileFormatError(f"the layer {name} does not suit the one before it")
        found.append(Layer(weight, bias, shift))
    if not found:
        raise FileFormatError(f"there is no layer {prefix}0")
    return found


def layer_tensors(layers: list[Layer], prefix: str) -> dict[str, np.ndarray]:
    """The inverse of `layers_from`: weights as int16, biases as int32."""
    tensors: dict[str, np.ndarray] = {}
    for number, layer in enumerate(layers):
        tensors[f"{prefix}{number}.weight"] = layer.weight.astype(np.int16)
        tensors[f"{prefix}{number}.bias"] = layer.bias.astype(np.int32)
        tensors[f"{prefix}{number}.shift"] = np.array([layer.shift], dtype=np.int16)
    return tensors
