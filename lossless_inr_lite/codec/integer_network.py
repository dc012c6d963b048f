"""Networks in whole numbers: no result depends on the order of a sum, so every machine computes the same bits.

Weights and activations are whole numbers held in float64, where sums and products below 2^53 are exact. Each layer
knows by how many bits its sums are shifted down again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

INPUT_BITS = 8  # inputs are multiples of 2^-8
ACTIVATION_BITS = 10  # everything behind a layer is a multiple of 2^-10
LARGEST = 2.0**20 - 1  # activations are clipped here
WEIGHT_BITS = 16


@dataclass(frozen=True)
class Layer:
    """x -> (W x + b) 2^-shift, rounded; W (out, in) and b (out,) are whole numbers in float64."""

    weight: np.ndarray
    bias: np.ndarray
    shift: int

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(N, in) whole numbers -> (N, out) whole numbers, exact: |W| < 2^15, |x| < 2^20, in < 2^10."""
        return np.clip(shifted(x @ self.weight.T + self.bias, self.shift), -LARGEST, LARGEST)

    @classmethod
    def rounded(
        cls, weight: np.ndarray, bias: np.ndarray, input_bits: int, output_bits: int
    ) -> "Layer":
        """The layer in whole numbers nearest to one in floats, for inputs and outputs in those units."""
        scale = weight_scale(weight)
        shift = scale + input_bits - output_bits
        return cls(
            np.rint(np.ldexp(weight, scale)), np.rint(np.ldexp(bias, scale + input_bits)), shift
        )


def shifted_biases(layer: Layer, deltas: np.ndarray, bits: int) -> Layer:
    """The layer with whole multiples `deltas` of 2^-bits added to its results before they are rectified."""
    return Layer(
        layer.weight,
        layer.bias + np.ldexp(deltas, layer.shift + ACTIVATION_BITS - bits),
        layer.shift,
    )


def weight_scale(weight: np.ndarray) -> int:
    """The largest s, at most 15, for which |weight| 2^s stays below 2^15."""
    largest = max(float(np.abs(weight).max()), 2.0**-20)
    return int(min(15, np.floor(np.log2((2**15 - 1) / largest))))


def shifted(sums: np.ndarray, bits: int) -> np.ndarray:
    """Whole sums 2^-bits, rounded half up: exact, since only powers of two and floor are at work."""
    return np.floor(sums * 2.0**-bits + 0.5)


def layers_from(tensors: Mapping[str, np.ndarray], prefix: str) -> list[Layer]:
    """The layers `prefix`0, `prefix`1, ... of a file of whole numbers."""
    found: list[Layer] = []
    while (name := f"{prefix}{len(found)}") + ".weight" in tensors:
        weight, bias = (tensors[f"{name}.{part}"].astype(np.float64) for part in ("weight", "bias"))
        found.append(Layer(weight, bias, int(tensors[f"{name}.shift"][0])))
    return found


def layer_tensors(layers: list[Layer], prefix: str) -> dict[str, np.ndarray]:
    """The inverse of `layers_from`: weights as int16, biases as int32."""
    tensors: dict[str, np.ndarray] = {}
    for number, layer in enumerate(layers):
        tensors[f"{prefix}{number}.weight"] = layer.weight.astype(np.int16)
        tensors[f"{prefix}{number}.bias"] = layer.bias.astype(np.int32)
        tensors[f"{prefix}{number}.shift"] = np.array([layer.shift], dtype=np.int16)
    return tensors
