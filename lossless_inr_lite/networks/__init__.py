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
from lossless_inr_lite.networks.ternary import Ternary
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
    "ternary": Ternary,
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

    Raises InputError for an unknown name or option and for sizes and options out of range, all before anything of
    these sizes is built: they may come from a file's header.
    """
    kind = NETWORKS[check_choice("network", name, list(NETWORKS))]
    sizes = (
        ("hidden_features", hidden_features, MAX_FEATURES),
        ("hidden_layers", hidden_layers, MAX_LAYERS),
    )
    for what, value, most in sizes:
        _check_number(what, value, (1, most), (int,), whole=True)
    ranges, defaults = kind.option_ranges(problem), inspect.signature(kind).parameters
    for option, value in (options or {}).items():
        check_choice(f"option of {name}", option, list(ranges))
        whole = isinstance(defaults[option].default, int)
        _check_number(f"option {option} of {name}", value, ranges[option], (int, float), whole)
    try:
        network = kind(problem, hidden_features, hidden_layers, **(options or {}))
    except RuntimeError as error:  # torch counts bytes in 63 bits, and asks the system for them
        raise InputError(
            f"a {name} of these sizes is too large: use a smaller network or larger tiles"
        ) from error
    if seed is not None:
        network.initialise(torch.Generator().manual_seed(seed))
    return network


def _check_number(
    what: str, value: float, allowed: tuple[float, float], types: tuple[type, ...], whole: bool
) -> None:
    """Raise InputError unless `value` is of one of the types and in the range; 16.0 is a whole number, for headers."""
    number = isinstance(value, types) and not isinstance(value, bool)
    if not number or not allowed[0] <= value <= allowed[1] or (whole and value != int(value)):
        numbers = "whole numbers" if whole else "numbers"
        raise InputError(
            f"{what} is {value!r}: allowed are {numbers} from {allowed[0]:.10g} to {allowed[1]:.10g}"
        )


def num_parameters(network: nn.Module) -> int:
    """Number of trained weights and biases."""
    return sum(p.numel() for p in network.parameters())


def flops_per_sample(network: nn.Module) -> int:
    """Floating-point operations of one forward pass of one sample: those of the linear layers.

    Activations, encodings and tables are not counted, as is usual; a training step costs three times as much.
    """
    return sum(module.flops for module in network.modules() if hasattr(module, "flops"))  # type: ignore[misc]
