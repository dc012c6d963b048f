"""Fully connected ReLU networks that are written down instead of trained, as sparse matrices."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.files import replacing

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NUMBERS_AT_ONCE = 2**22
"""In the widest layer of one forward pass, which bounds the memory."""

HEADER = "relu_networks"
"""The key of the file's metadata that holds the shapes, as JSON."""


@dataclass(frozen=True, eq=False)
class ReluNetwork:
    """The function x -> W_m relu(... relu(W_1 x + b_1) ...) + b_m of x with `inputs` numbers.

    Each of `weights` is a sparse matrix (out, in), and each of `biases` has the shape (out,).
    """

    inputs: int
    weights: tuple["csr_array", ...]
    biases: tuple[np.ndarray, ...]

    @property
    def widths(self) -> list[int]:
        """Numbers that enter, the neurons of every hidden layer, numbers that come out."""
        return [self.inputs, *(len(bias) for bias in self.biases)]

    @property
    def num_parameters(self) -> int:
        """Weights and biases of the same network with full matrices: what Theorem 1 counts."""
        return sum(outputs * (inputs + 1) for inputs, outputs in pairwise(self.widths))

    @property
    def num_nonzero(self) -> int:
        """Weights and biases that are not 0."""
        weights = sum(np.count_nonzero(weight.data) for weight in self.weights)
        biases = sum(np.count_nonzero(bias) for bias in self.biases)
        return int(weights + biases)

    @property
    def hidden_layers(self) -> int:
        """Layers but the last."""
        return len(self.weights) - 1

    def __call__(self, points: np.ndarray, precision: type[np.floating] = np.float64) -> np.ndarray:
        """Return the values (P, outputs) at `points` (P, inputs), computed in `precision`.

        Points go through in pieces, so that memory stays bounded. Raises InputError for points of
        another shape.
        """
        from scipy.sparse import csr_array

        if points.ndim != 2 or points.shape[1] != self.inputs:
            raise InputError(
                f"the points have shape {points.shape}: (points, {self.inputs}) is needed"
            )
        weights = [csr_array(weight, dtype=precision) for weight in self.weights]
        biases = [bias.astype(precision)[:, None] for bias in self.biases]
        points_at_once = max(1, NUMBERS_AT_ONCE // max(self.widths))
        pieces = max(1, math.ceil(len(points) / points_at_once))
        values = [
            _forward(weights, biases, piece.T.astype(precision))
            for piece in np.array_split(points, pieces)
        ]
        return np.concatenate(values, axis=1).T


def _forward(
    weights: Sequence["csr_array"], biases: Sequence[np.ndarray], columns: np.ndarray
) -> np.ndarray:
    """Send points through all layers; a column each, (inputs, P) -> (outputs, P)."""
    last = len(weights) - 1
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        columns = weight @ columns
        columns += bias
        if layer < last:
            np.maximum(columns, 0, out=columns)
    return columns


def save_networks(path: str | Path, networks: Sequence[ReluNetwork]) -> Path:
    """Write networks (one for each channel, say) to a .safetensors file, atomically.

    Weights are written as float32, which holds the integers of `max_convolution.stored_network`
    exactly.
    """
    from safetensors.numpy import save_file

    tensors = {}
    for number, network in enumerate(networks):
        for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
            prefix = f"{number}.{layer}"
            tensors[f"{prefix}.data"] = weight.data.astype(np.float32)
            tensors[f"{prefix}.indices"] = weight.indices.astype(np.int32)
            tensors[f"{prefix}.indptr"] = weight.indptr.astype(np.int32)
            tensors[f"{prefix}.bias"] = bias.astype(np.float32)
    shapes = {
        "inputs": [network.inputs for network in networks],
        "layers": [len(network.weights) for network in networks],
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary, {HEADER: json.dumps(shapes)})
    return Path(path)


def load_networks(path: str | Path) -> list[ReluNetwork]:
    """Read the networks of a file of `save_networks`; raise FileFormatError for any other file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            shapes = json.loads(file.metadata()[HEADER])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        each = enumerate(zip(shapes["inputs"], shapes["layers"], strict=True))
        return [_network(tensors, number, inputs, layers) for number, (inputs, layers) in each]
    except (
        OSError,
        SafetensorError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:
        raise FileFormatError(
            f"{Path(path).name} is not a file of constructed networks: {error}"
        ) from error


def _network(tensors: dict[str, np.ndarray], number: int, inputs: int, layers: int) -> ReluNetwork:
    """Put one network together; raises KeyError, TypeError or ValueError for what is not one."""
    from scipy.sparse import csr_array

    weights = []
    biases = []
    width = inputs
    for layer in range(layers):
        prefix = f"{number}.{layer}"
        data = tensors[f"{prefix}.data"]
        indices = tensors[f"{prefix}.indices"]
        row_starts = tensors[f"{prefix}.indptr"]
        bias = tensors[f"{prefix}.bias"]
        if bias.ndim != 1:
            raise ValueError(f"the bias {prefix}.bias has shape {bias.shape}")
        weight = csr_array((data, indices, row_starts), shape=(len(bias), width))
        weight.check_format(full_check=True)
        weights.append(weight)
        biases.append(bias)
        width = len(bias)
    return ReluNetwork(inputs, tuple(weights), tuple(biases))
