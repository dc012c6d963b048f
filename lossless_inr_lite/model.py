"""A `Model`: a network with everything needed to turn its outputs back into a signal's samples."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import nn

from lossless_inr_lite.architecture import Architecture, required
from lossless_inr_lite.devices import check_memory
from lossless_inr_lite.formulations import Formulation, decoding_memory, get_formulation
from lossless_inr_lite.losses import Loss, get_loss
from lossless_inr_lite.networks.registry import build_network
from lossless_inr_lite.signals import Signal, SignalSpec

# Samples in a forward pass: few enough for the activations to stay in a processor's cache.
DECODE_BATCH = 8192


class Decoder(Protocol):
    """What a saved network is, whatever its weights are: `Model`, or integers without torch."""

    spec: SignalSpec
    architecture: Architecture

    def decode(
        self, batch: int = ..., precision: str = ..., device: str = ...
    ) -> tuple[np.ndarray, float]:
        """Return words of shape `spec.shape`, and the smallest margin of any decision."""
        ...

    def signal(self) -> Signal:
        """Return the decoded signal."""
        ...


@dataclass
class Model:
    """A signal's description, the formulation, the loss (for its decision rule), the network."""

    spec: SignalSpec
    architecture: Architecture
    formulation: Formulation
    loss: Loss
    network: nn.Module

    def __repr__(self) -> str:
        """One line, without the weights."""
        shape = " x ".join(map(str, self.spec.shape))
        parts = self.architecture
        return (
            f"Model({self.spec.name!r}: {shape}, {self.spec.num_bits} bits; "
            f"{parts.formulation}, {parts.network}, {parts.hidden_layers} x "
            f"{parts.hidden_features})"
        )

    def decode(
        self, batch: int = DECODE_BATCH, precision: str = "float32", device: str = "cpu"
    ) -> tuple[np.ndarray, float]:
        """Return words of shape `spec.shape`, and the smallest margin; see `Loss.margins`.

        `batch` samples go through all networks together at a time. `precision` is "float32" or
        "float64". The result of a lossless model depends on none of the arguments; `certify` checks
        that.
        """
        check_memory(decoding_memory(self.formulation, self.spec))
        dtype = torch.float64 if precision == "float64" else torch.float32
        network = copy.deepcopy(self.network).to(device=device, dtype=dtype)
        digit_bits = self.formulation.digit_bits(self.spec)
        coordinates = torch.from_numpy(self.formulation.coordinates(self.spec))
        step = max(1, batch // self.formulation.groups(self.spec))
        codes = []
        margin = float("inf")
        with torch.no_grad():
            for start in range(0, coordinates.shape[1], step):
                part = coordinates[:, start : start + step].to(device=device, dtype=dtype)
                outputs = network(part)
                codes.append(self.loss.codes(outputs, digit_bits).cpu().numpy())
                margin = min(margin, float(self.loss.margins(outputs, digit_bits).min()))
        words = self.formulation.words(np.concatenate(codes, axis=1), self.spec)
        return words, margin

    def signal(self) -> Signal:
        """Return the decoded signal."""
        words, _ = self.decode()
        return self.spec.signal(words)


def build_model(architecture: Architecture, spec: SignalSpec, seed: int | None = 0) -> Model:
    """Build the model for signals like `spec`, with weights drawn from `seed` (None: unset).

    Raises InputError for unknown names, bad sizes, an open field, or a formulation that does not
    suit the signal.
    """
    name = required("the formulation", architecture.formulation)
    formulation = get_formulation(name, architecture.tile)
    formulation.check(spec)
    network = build_network(
        required("the network", architecture.network),
        formulation.problem(spec),
        required("hidden_features", architecture.hidden_features),
        required("hidden_layers", architecture.hidden_layers),
        seed,
        architecture.options,
    )
    loss = get_loss(required("the loss", architecture.loss))
    return Model(spec, architecture, formulation, loss, network)


def build_shape(architecture: Architecture, spec: SignalSpec) -> Model:
    """Build the model on torch's meta device: it has shapes, and no memory is allocated.

    Raises InputError as `build_model` does.
    """
    with torch.device("meta"):
        return build_model(architecture, spec, seed=None)


def named_weights(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield weights by name in sorted order, on the CPU and contiguous.

    This is the order in which they are hashed and saved.
    """
    for name, tensor in sorted(network.state_dict().items()):
        yield name, tensor.detach().cpu().contiguous()
