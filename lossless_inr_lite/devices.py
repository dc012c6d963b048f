"""Where a fit runs, and whether it fits there."""

import psutil
import torch

from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.formulations import Formulation
from lossless_inr_lite.networks import num_parameters
from lossless_inr_lite.signals.signal import SignalSpec

DEVICES = ["auto", "cpu", "cuda"]


def get_device(name: str) -> str:
    """ "auto" becomes "cuda" where there is a GPU, else "cpu"; raises InputError for unknown or absent devices."""
    check_choice("device", name, DEVICES)
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "device 'cuda' was asked for, and this machine has no usable GPU: use auto or cpu"
        )
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


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


def check_memory(needed: int, device: str) -> None:
    """Raise InputError when `needed` bytes are more than `device` has free."""
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else psutil.virtual_memory().available
    if needed > free:
        raise InputError(
            f"this needs about {needed / 2**30:.1f} GiB and {free / 2**30:.1f} GiB are free: "
            "use a smaller --size, --tile or network, or smaller chunks (--chunk-samples)"
        )
