"""How much memory a fit needs, and in what pieces it computes.

The estimates are sums of the largest arrays, counted in the code. What allocators add to them was
measured: the estimates are between 0.7 and 3 times the growth of a process.
"""

from torch import nn

from lossless_inr_lite.model import Model
from lossless_inr_lite.networks.registry import num_parameters

CPU_CHUNK = 8192  # stays in a CPU's cache
GPU_CHUNK = 65536

FLOAT = 4  # bytes
DOUBLE = 8

KERNELS = 16 * 2**20
"""Bytes that libraries keep for themselves."""

TRAINED_TENSORS = 6
"""Tensors per hidden layer that a training step holds, with what the allocator loses to holes."""

MORE_TRAINED_TENSORS = {"wire": 9, "finer": 8, "ternary": 9}
"""The same, for networks that keep more: parts of complex numbers, scales, integers as doubles."""

DECIDING_TENSORS = 3
"""Tensors of one layer that a forward pass without gradients holds."""

FULL_BATCH_WEIGHTS = 10
"""Copies: weights, gradient, two moments of Adam, four to freeze them, the best, scratch."""

ALL_TILES_WEIGHTS = 4
"""Copies: the network, the best of every tile, those of the best evaluation, scratch."""

TILE_BATCH_WEIGHTS = 10
"""Copies: current, average and last good, two moments of Adam, gradient, rates, scratch."""


def default_chunk(device: str) -> int:
    """Return how many samples' gradient is computed at a time."""
    return CPU_CHUNK if device == "cpu" else GPU_CHUNK


def full_batch_memory(shape: Model, chunk: int) -> int:
    """Return an estimate of the bytes that a fit on the whole signal takes at its peak.

    `chunk` is the number of samples of all networks together whose gradient is computed at a time.
    """
    groups = shape.formulation.groups(shape.spec)
    samples = min(chunk, groups * shape.formulation.num_samples(shape.spec))
    weights = FULL_BATCH_WEIGHTS * FLOAT * num_parameters(shape.network)
    return weights + _training_step(shape, samples) + _problem(shape) + KERNELS


def tiles_memory(shape: Model, tiles_at_once: int, decided_at_once: int) -> int:
    """Return an estimate of the bytes that a fit of tiles in batches takes at its peak.

    Tiles that are set aside keep their state, for which nothing is counted: there are few of them.
    """
    groups = shape.formulation.groups(shape.spec)
    parameters = num_parameters(shape.network)
    share = min(1.0, tiles_at_once / groups)
    weights = FLOAT * (ALL_TILES_WEIGHTS + TILE_BATCH_WEIGHTS * share) * parameters
    samples = min(groups, tiles_at_once) * shape.formulation.num_samples(shape.spec)
    layer = max(parameter.shape[-1] for parameter in shape.network.parameters())
    deciding = DECIDING_TENSORS * DOUBLE * layer * min(samples, decided_at_once)
    step = max(_training_step(shape, samples), deciding)
    return int(weights) + step + _problem(shape) + KERNELS


def _training_step(shape: Model, samples: int) -> int:
    """Bytes of the activations of so many samples, of all networks together."""
    kind = shape.architecture.network or ""
    tensors = MORE_TRAINED_TENSORS.get(kind, TRAINED_TENSORS)
    return tensors * FLOAT * _units(shape.network) * samples


def _units(network: nn.Module) -> int:
    """The units of one network in all layers: there is a bias for each, where there are any."""
    named = list(network.named_parameters())
    biases = sum(tensor[0].numel() for name, tensor in named if name.endswith("bias"))
    return biases or sum(tensor.shape[-1] for _, tensor in named)


def _problem(shape: Model) -> int:
    """Bytes of the coordinates, of the codes wanted and decided, and of the words."""
    spec = shape.spec
    problem = shape.formulation.problem(spec)
    samples = shape.formulation.num_samples(spec)
    coordinates = 2 * FLOAT * samples * problem.in_features
    code_bytes = 1 if shape.formulation.digit_bits(spec) == 1 else 8
    num_codes = problem.groups * samples * problem.out_features
    codes = (4 + 3 * code_bytes) * num_codes
    words = 16 * (spec.total_bits // spec.num_bits)
    return coordinates + codes + words
