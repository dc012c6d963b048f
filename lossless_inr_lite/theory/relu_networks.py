"""Fully connected ReLU networks that are written down instead of trained, kept as sparse matrices."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy.sparse import csr_array

from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.files import replacing

ENTRIES_AT_ONCE = 2**22  # numbers in the widest layer of one forward pass, which bounds the memory
PARTS = ("data", "indices", "indptr", "bias")


@dataclass(frozen=True, eq=False)
class ReluNetwork:
    """x -> W_m relu(... relu(W_1 x + b_1) ...) + b_m; `weights` (out, in), `biases` (out,); x has `inputs` numbers."""

    inputs: int
    weights: tuple[csr_array, ...]
    biases: tuple[np.ndarray, ...]

    @property
    def widths(self) -> list[int]:
        """Numbers that enter, every hidden layer's neurons, numbers that come out."""
        return [self.inputs, *map(len, self.biases)]

    @property
    def num_parameters(self) -> int:
        """Weights and biases of the same network with full matrices: what the theorem counts."""
        return sum(
            out * (into + 1) for into, out in zip(self.widths, self.widths[1:], strict=False)
        )

    @property
    def num_nonzero(self) -> int:
        """Weights and biases that are not 0."""
        return int(
            sum(np.count_nonzero(part) for part in (*(w.data for w in self.weights), *self.biases))
        )

    @property
    def hidden_layers(self) -> int:
        return len(self.weights) - 1

    def __call__(self, points: np.ndarray, precision: type[np.floating] = np.float64) -> np.ndarray:
        """Values at `points` (P, d), shape (P, outputs), computed in `precision`; in pieces of bounded memory."""
        if points.ndim != 2 or points.shape[1] != self.inputs:
            raise InputError(
                f"the points have shape {points.shape}: (points, {self.inputs}) is needed"
            )
        weights = [csr_array(weight, dtype=precision) for weight in self.weights]
        biases = [bias.astype(precision)[:, None] for bias in self.biases]
        pieces = math.ceil(len(points) / max(1, ENTRIES_AT_ONCE // max(self.widths)))
        parts = [
            _forward(weights, biases, part.T.astype(precision))
            for part in np.array_split(points, max(1, pieces))
        ]
        return np.concatenate(parts, axis=1).T


def _forward(
    weights: Sequence[csr_array], biases: Sequence[np.ndarray], columns: np.ndarray
) -> np.ndarray:
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
        columns = weight @ columns
        columns += bias
        if number < len(weights):
            np.maximum(columns, 0, out=columns)
    return columns


def save_networks(path: str | Path, networks: Sequence[ReluNetwork]) -> Path:
    """Write networks (one a channel, say) to a .safetensors file, atomically.

    Weights are written as float32, which holds the whole numbers of `max_convolution.stored` exactly.
    """
    tensors = {}
    for number, network in enumerate(networks):
        for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            parts = (
                weight.data.astype(np.float32),
                weight.indices.astype(np.int32),
                weight.indptr.astype(np.int32),
                bias.astype(np.float32),
            )
            tensors |= {
                f"{number}.{layer}.{name}": part for name, part in zip(PARTS, parts, strict=True)
            }
    inputs = [network.inputs for network in networks]
    layers = [len(network.weights) for network in networks]
    with replacing(path) as temporary:
        save_file(
            tensors, temporary, {"relu_networks": json.dumps({"inputs": inputs, "layers": layers})}
        )
    return Path(path)


def load_networks(path: str | Path) -> list[ReluNetwork]:
    """The networks of a file of `save_networks`. Raises FileFormatError for any other file."""
    try:
        with safe_open(path, "numpy") as file:
            header = json.loads(file.metadata()["relu_networks"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return [
            _network(tensors, number, *shape)
            for number, shape in enumerate(zip(header["inputs"], header["layers"], strict=True))
        ]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise FileFormatError(
            f"{Path(path).name} is not a file of constructed networks: {error}"
        ) from error


def _network(tensors: dict[str, np.ndarray], number: int, inputs: int, layers: int) -> ReluNetwork:
    weights, biases, width = [], [], inputs
    for layer in range(layers):
        data, indices, indptr, bias = (tensors[f"{number}.{layer}.{part}"] for part in PARTS)
        weight = csr_array((data, indices, indptr), shape=(len(bias), width))
        weight.check_format(full_check=True)
        weights.append(weight)
        biases.append(bias)
        width = len(bias)
    return ReluNetwork(inputs, tuple(weights), tuple(biases))
