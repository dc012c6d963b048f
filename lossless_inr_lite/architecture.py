"""`Architecture`: the one description of what is fitted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from lossless_inr_lite.errors import InputError, as_integer, check_type

LOGIT_LOSSES = ("bce", "sigmoid_bce")
"""Losses whose outputs are logits: a bit is 1 where its output is above 0."""


LOSS_NAMES = (*LOGIT_LOSSES, "mse", "mae")
"""The names of `losses.LOSSES`, in its order."""


@dataclass(frozen=True)
class Architecture:
    """Names and numbers that rebuild a model without its weights.

    A field that is None is left open: the description is then partial, and a recipe completes it
    (`Recipe.complete`). Of a complete one only `tile` may be None, which means no tiles. A complete
    one goes into a saved network's header.

    formulation: how the signal is posed as a learning problem (`formulations.FORMULATIONS`).
    network: the kind of network (`networks.NETWORK_NAMES`).
    hidden_features, hidden_layers: width and number of hidden layers.
    loss: the loss and its decision rule (`losses.LOSSES`).
    tile: smallest side of a tile in pixels, or in samples of sound; each tile has its own network.
    options: numbers of the network's kind, such as `omega_0`.
    """

    formulation: str | None = None
    network: str | None = None
    hidden_features: int | None = None
    hidden_layers: int | None = None
    loss: str | None = None
    tile: int | None = None
    options: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        for what in ("hidden_features", "hidden_layers", "tile"):
            object.__setattr__(self, what, _plain(getattr(self, what)))
        if isinstance(self.options, Mapping):
            options = {name: _plain(value) for name, value in self.options.items()}
            object.__setattr__(self, "options", options)

    def completed(self, defaults: "Architecture") -> "Architecture":
        """Return this description with `defaults` in the place of what is open.

        >>> Architecture(network="wire").completed(Architecture("bit_heads", "siren")).formulation
        'bit_heads'
        """
        chosen = {name: value for name, value in vars(self).items() if value is not None}
        return replace(defaults, **chosen)

    def check_types(self) -> None:
        """Raise InputError for fields of a wrong type; what they allow is checked where used."""
        for what in ("formulation", "network", "loss"):
            check_type(what, getattr(self, what), (str, type(None)), "a name is needed")
        for what in ("hidden_features", "hidden_layers", "tile"):
            value = getattr(self, what)
            if value is not None:
                as_integer(what, value)
        needed = 'numbers by name are needed, such as {"omega_0": 30.0}'
        check_type("options", self.options, (Mapping, type(None)), needed)


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


T = TypeVar("T")


def required(what: str, value: T | None) -> T:
    """Return `value`; raise InputError when an architecture is not complete."""
    if value is None:
        raise InputError(f"the architecture leaves {what} open: a complete one is needed here")
    return value
