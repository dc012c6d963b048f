"""Losses and the decisions that belong to them: what a network's output says about a digit."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lossless_inr_lite.architecture import LOGIT_LOSSES
from lossless_inr_lite.errors import check_choice


@dataclass(frozen=True)
class Loss:
    """An elementwise loss between outputs and targets in [0, 1].

    `function(outputs, targets)` returns the loss of every element. Outputs of logit losses pass
    through the sigmoid to become values in [0, 1]. Outputs of the others are such values already.
    """

    name: str
    function: Callable[[Tensor, Tensor], Tensor]

    @property
    def logits(self) -> bool:
        """Whether outputs are logits."""
        return self.name in LOGIT_LOSSES

    @property
    def threshold(self) -> float:
        """The output above which a bit is 1: the rounding of Section 3 of the paper."""
        return 0.0 if self.logits else 0.5

    def codes(self, outputs: Tensor, digit_bits: int) -> Tensor:
        """Outputs -> the digits they say, 0 .. 2^digit_bits - 1, same shape.

        A bit (uint8) is 1 when its output exceeds `threshold`. A longer digit (int64) is the
        nearest level, computed in float64 so that 16 bits and more are resolved.
        """
        if digit_bits == 1:
            return (outputs > self.threshold).to(torch.uint8)
        levels = 2**digit_bits - 1
        return (self._values(outputs) * levels).round().clamp(0, levels).to(torch.int64)

    def margins(self, outputs: Tensor, digit_bits: int) -> Tensor:
        """Distance of every output from the nearest other decision, same shape.

        For single bits it is in units of the output, so |logit| for logit losses. For longer digits
        it is in steps of the digit, where 0.5 is the centre of a level.
        """
        if digit_bits == 1:
            return (outputs - self.threshold).abs()
        scaled = self._values(outputs) * (2**digit_bits - 1)
        return 0.5 - (scaled - scaled.round()).abs()

    def _values(self, outputs: Tensor) -> Tensor:
        doubles = outputs.double()
        return torch.sigmoid(doubles) if self.logits else doubles


def _bce(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")


def _sigmoid_bce(outputs: Tensor, targets: Tensor) -> Tensor:
    """The paper's form: above a logit of about 16.6 a wrong bit has no gradient in float32."""
    return F.binary_cross_entropy(torch.sigmoid(outputs), targets, reduction="none")


def _mse(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(outputs, targets, reduction="none")


def _mae(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.l1_loss(outputs, targets, reduction="none")


LOSSES = {
    "bce": Loss("bce", _bce),
    "sigmoid_bce": Loss("sigmoid_bce", _sigmoid_bce),
    "mse": Loss("mse", _mse),
    "mae": Loss("mae", _mae),
}


def get_loss(name: str) -> Loss:
    """Return the loss of that name; raises InputError that lists the known ones."""
    return LOSSES[check_choice("loss", name, list(LOSSES))]
