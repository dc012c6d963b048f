"""Coordinate networks by name. Each maps coordinates (1, S, in_features) to (groups, S, out_features)."""

import inspect
from typing import Any

import torch
from torch import nn

from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.networks.diner import Diner
from lossless_inr_lite.networks.encoded import ReluPe, TanhPe
from lossless_inr_lite.networks.finer import Finer
from lossless_inr_lite.networks.gauss import Gauss
from lossless_inr_lite.networks.instant_ngp import InstantNgp
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.networks.siren import Siren
from lossless_inr_lite.networks.wire import Wire

MAX_FEATURES, MAX_LAYERS = 65_536, 64  # no file and no typing slip asks for more
NETWORKS: dict[str, type[Any]] = {
    "tanh_pe": TanhPe,
    "relu_pe": ReluPe,
    "wire": Wire,
    "gauss": Gauss,
    "siren": Siren,
    "finer": Finer,
    "instant_ngp": InstantNgp,
    "diner": Diner,
}


def build_network(
    name: str,
    problem: Problem,
    hidden_features: int,
    hidden_layers: int,
    seed: int | None = 0,
    options: dict[str, float] | None = None,
) -> nn.Module:
    """A network of that name, its weights drawn on the CPU from `seed` (None leaves them unset, for loading).

    Raises InputError for an unknown name or option and for sizes out of range.
    """
    kind = NETWORKS[check_choice("network", name, list(NETWORKS))]
    sizes = (("hidden_features", hidden_features, MAX_FEATURES), ("hidden_layers", hidden_layers, MAX_LAYERS))
    for what, value, most in sizes:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise InputError(f"{what} is {value!r}: allowed are whole numbers from 1 to {most}")
    known = [p.name for p in inspect.signature(kind).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for option in options or {}:
        check_choice(f"option of {name}", option, known)
    network = kind(problem, hidden_features, hidden_layers, **(options or {}))
    if seed is not None:
        network.initialise(torch.Generator().manual_seed(seed))
    return network


def num_parameters(network: nn.Module) -> int:
    """Number of trained weights and biases."""
    return sum(p.numel() for p in network.parameters())


def flops_per_sample(network: nn.Module) -> int:
    """Floating-point operations of one forward pass of one sample: those of the linear layers.

    Activations, encodings and tables are not counted, as is usual; a training step costs three times as much.
    """
    return sum(module.flops for module in network.modules() if hasattr(module, "flops"))  # type: ignore[misc]
