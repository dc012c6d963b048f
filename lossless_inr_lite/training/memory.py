"""How much memory a fit needs, and in what pieces it computes."""

import torch

from lossless_inr_lite.formulations import Formulation
from lossless_inr_lite.networks.registry import num_parameters
from lossless_inr_lite.signals import SignalSpec


def default_chunk(device: str) -> int:
    """Samples whose gradient is computed at a time: what stays in a CPU's cache, or fills a GPU."""
    return 8192 if device == "cpu" else 65536


def fit_memory(
    network: torch.nn.Module, formulation: Formulation, spec: SignalSpec, chunk: int
) -> int:
    """Estimated bytes that a fit needs at its peak.

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
