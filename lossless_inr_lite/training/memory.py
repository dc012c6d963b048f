"""How much memory a fit needs, and in what pieces it computes."""

import torch

from lossless_inr_lite.formulations import Formulation
from lossless_inr_lite.networks.registry import num_parameters
from lossless_inr_lite.signals import SignalSpec

CPU_CHUNK = 8192  # stays in a CPU's cache
GPU_CHUNK = 65536


def default_chunk(device: str) -> int:
    """Return how many samples' gradient is computed at a time."""
    return CPU_CHUNK if device == "cpu" else GPU_CHUNK


def full_batch_memory(
    network: torch.nn.Module, formulation: Formulation, spec: SignalSpec, chunk: int
) -> int:
    """Return an estimate of the bytes that a fit needs at its peak.

    Weights eight times over (themselves, gradients, two Adam moments, averages, good and best ones, scratch),
    activations of a chunk (three tensors a layer), the coordinates, the targets and decisions, and the words.
    """
    weights = 8 * 4 * num_parameters(network)
    named = list(network.named_parameters())
    width = sum(p[0].numel() for name, p in named if name.endswith("bias")) or sum(
        p.shape[-1] for _, p in named
    )
    samples = formulation.num_samples(spec)
    activations = 3 * 4 * width * min(chunk, samples)
    code_bytes = 1 if formulation.digit_bits(spec) == 1 else 8
    shape = formulation.problem(spec)
    problem = (
        8 * samples * shape.in_features
        + 4 * code_bytes * shape.groups * samples * shape.out_features
    )
    words = 16 * (spec.total_bits // spec.num_bits)
    return weights + activations + problem + words


def tiles_memory(
    network: torch.nn.Module,
    formulation: Formulation,
    spec: SignalSpec,
    tiles: int,
    batch: int,
) -> int:
    """Return an estimate of the bytes that a fit of tiles, so many at once, needs at its peak."""
    return full_batch_memory(network, formulation, spec, batch)
