"""Coordinate networks by name, with their sizes and options checked before anything is built."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.networks import MAX_FEATURES, MAX_LAYERS
from lossless_inr_lite.networks.diner import Diner
from lossless_inr_lite.networks.encoded import ReluPe, TanhPe
from lossless_inr_lite.networks.finer import Finer
from lossless_inr_lite.networks.gauss import Gauss
from lossless_inr_lite.networks.instant_ngp import InstantNgp
from lossless_inr_lite.networks.problem import Problem, check_number
from lossless_inr_lite.networks.siren import Siren
from lossless_inr_lite.networks.ternary import Ternary
from lossless_inr_lite.networks.wire import Wire

NETWORKS: dict[str, type[Any]] = {
    "tanh_pe": TanhPe,
    "relu_pe": ReluPe,
    "wire": Wire,
    "gauss": Gauss,
    "siren": Siren,
    "finer": Finer,
    "instant_ngp": InstantNgp,
    "diner": Diner,
    "ternary": Ternary,
}


def build_network(
    name: str,
    problem: Problem,
    hidden_features: int,
    hidden_layers: int,
    seed: int | None = 0,
    options: Mapping[str, float] | None = None,
) -> nn.Module:
    """Build the network of that name; its weights are drawn on the CPU from `seed`.

    A `seed` of None leaves the weights unset, for loading.
    Raises InputError for an unknown name or option, and for sizes and options out of range. All of
    this is checked before anything of these sizes is built: they may come from a file's header.
    """
    kind = NETWORKS[check_choice("network", name, list(NETWORKS))]
    check_number("hidden_features", hidden_features, (1, MAX_FEATURES), integer=True)
    check_number("hidden_layers", hidden_layers, (1, MAX_LAYERS), integer=True)
    chosen = dict(options or {})
    ranges = kind.option_ranges(problem)
    defaults = inspect.signature(kind).parameters
    for option, value in chosen.items():
        check_choice(f"option of {name}", option, list(ranges))
        integer = isinstance(defaults[option].default, int)
        check_number(
            f"option {option} of {name}", value, ranges[option], integer=integer, float_allowed=True
        )
    try:
        network = kind(problem, hidden_features, hidden_layers, **chosen)
    except RuntimeError as error:  # torch counts bytes in 63 bits, and asks the system for them
        raise InputError(
            f"a {name} of these sizes is too large: use a smaller network or larger tiles"
        ) from error
    if seed is not None:
        network.initialise(torch.Generator().manual_seed(seed))
    return network


def num_parameters(network: nn.Module) -> int:
    """Return the number of trained weights and biases."""
    return sum(p.numel() for p in network.parameters())


def flops_per_sample(network: nn.Module) -> int:
    """Return the floating-point operations of one forward pass of one sample.

    Those of the linear layers are counted. Activations, encodings and tables are not, as is usual.
    A training step costs three times as much.
    """
    counted = (module for module in network.modules() if hasattr(module, "flops"))
    return sum(module.flops for module in counted)  # type: ignore[misc]
