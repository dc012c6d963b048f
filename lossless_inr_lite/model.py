"""A `Model`: a network with everything needed to turn its outputs back into the samples of a signal."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from lossless_inr_lite.devices import check_memory
from lossless_inr_lite.formulations import Formulation, get_formulation
from lossless_inr_lite.losses import Loss, get_loss
from lossless_inr_lite.networks import build_network
from lossless_inr_lite.signals.signal import Signal, SignalSpec

DECODE_BATCH = 8192  # samples a forward pass; small enough for the activations to stay in cache


@dataclass(frozen=True)
class Architecture:
    """Names and numbers that rebuild a model without its weights; all of it goes into the file's header."""

    formulation: str
    network: str
    hidden_features: int
    hidden_layers: int
    loss: str
    tile: int | None = None
    options: dict[str, float] = field(default_factory=dict)

    def build(self, spec: SignalSpec, seed: int | None = 0) -> "Model":
        """The model for signals like `spec`, with weights drawn from `seed` (None: unset).

        Raises InputError for unknown names, bad sizes, or a formulation that does not suit the signal.
        """
        formulation = get_formulation(self.formulation, self.tile)
        formulation.check(spec)
        network = build_network(
            self.network,
            formulation.problem(spec),
            self.hidden_features,
            self.hidden_layers,
            seed,
            self.options,
        )
        return Model(spec, self, formulation, get_loss(self.loss), network)


@dataclass
class Model:
    """A signal's description, the formulation, the loss (for its decision rule) and the network."""

    spec: SignalSpec
    architecture: Architecture
    formulation: Formulation
    loss: Loss
    network: nn.Module

    def decode(
        self, batch: int = DECODE_BATCH, dtype: torch.dtype = torch.float32, device: str = "cpu"
    ) -> tuple[np.ndarray, float]:
        """Words of shape `spec.shape`, and the smallest margin of any decision; see `Loss.margins`.

        `batch` samples go through the networks at a time, of all networks together. The result of a lossless
        model depends on none of the arguments, which is what `certify` checks.
        """
        check_memory(self._decode_memory(), "cpu")
        network = copy.deepcopy(self.network).to(device=device, dtype=dtype)
        digit_bits = self.formulation.digit_bits(self.spec)
        coordinates = torch.from_numpy(self.formulation.coordinates(self.spec))
        codes, margin = [], float("inf")
        with torch.no_grad():
            step = max(1, batch // self.formulation.groups(self.spec))
            for start in range(0, coordinates.shape[1], step):
                outputs = network(
                    coordinates[:, start : start + step].to(device=device, dtype=dtype)
                )
                codes.append(self.loss.codes(outputs, digit_bits).cpu().numpy())
                margin = min(margin, float(self.loss.margins(outputs, digit_bits).min()))
        return self.formulation.words(np.concatenate(codes, axis=1), self.spec), margin

    def _decode_memory(self) -> int:
        """Estimated bytes that decoding needs: coordinates, codes and words, each with its scratch."""
        samples, bits = self.formulation.num_samples(self.spec), self.spec.total_bits
        return (
            24 * samples * self.formulation.problem(self.spec).in_features
            + 8 * bits
            + 24 * (bits // self.spec.num_bits)
        )

    def signal(self) -> Signal:
        """The decoded signal."""
        return self.spec.signal(self.decode()[0])


def named_weights(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Weights by name in sorted order, on the CPU and contiguous: the order in which they are hashed and saved."""
    for name, tensor in sorted(network.state_dict().items()):
        yield name, tensor.detach().cpu().contiguous()
