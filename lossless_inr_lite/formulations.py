"""How a signal becomes a learning problem, and the exact way back.

Every formulation writes each word as q digits of `digit_bits` bits and asks a network for them; they differ in
how many bits a digit has and in where its index goes:

- ``amplitude``: one digit with all the bits, as ordinary coordinate networks do (Eq. 2);
- ``bit_coordinate``: q = num_bits single bits, the index is one more input coordinate (Eq. 8, the paper's method);
- ``bit_heads``: single bits, one output a bit and channel: the network sees each position once.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lossless_inr_lite.bits import join_digits, split_digits
from lossless_inr_lite.coords import grid
from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.signals import SignalSpec


@dataclass(frozen=True)
class Formulation:
    """One way to pose the problem. P positions, C channels, q digits a word; S samples and G networks result.

    `bits_per_digit` None puts the whole word into one digit. `layout` says where the digit's index goes:
    "heads" makes it an output (S = P, C q outputs), "coordinate" an input (S = P q, C outputs).
    """

    name: str
    bits_per_digit: int | None
    layout: Literal["heads", "coordinate"]
    default_loss: str

    def digit_bits(self, spec: SignalSpec) -> int:
        return min(self.bits_per_digit or spec.num_bits, spec.num_bits)

    def num_digits(self, spec: SignalSpec) -> int:
        return -(-spec.num_bits // self.digit_bits(spec))

    def groups(self, spec: SignalSpec) -> int:
        """Number of independent networks."""
        return 1

    def in_features(self, spec: SignalSpec) -> int:
        return len(spec.grid_shape) + (self.layout == "coordinate")

    def out_features(self, spec: SignalSpec) -> int:
        return spec.channels * (self.num_digits(spec) if self.layout == "heads" else 1)

    def num_samples(self, spec: SignalSpec) -> int:
        """S: the samples that one pass over the signal shows to each network."""
        return int(np.prod(spec.grid_shape)) * (self.num_digits(spec) if self.layout == "coordinate" else 1)

    def check(self, spec: SignalSpec) -> None:
        """Raise InputError when the formulation makes no sense for this kind of signal."""
        if self.bits_per_digit is None and spec.kind == "float":
            raise InputError(
                f"{self.name} needs whole-number samples, and {spec.name} holds floats: use bit_coordinate or bit_heads"
            )

    def coordinates(self, spec: SignalSpec) -> np.ndarray:
        """(1, S, in_features) float32, all in [-1, 1]; with a bit coordinate, it is the last and fastest."""
        extra = (self.num_digits(spec),) if self.layout == "coordinate" else ()
        return grid(*spec.grid_shape, *extra)[None]

    def codes(self, words: np.ndarray, spec: SignalSpec) -> np.ndarray:
        """Words of shape `spec.shape` -> digits (G, S, out_features), uint8 for single bits, else int64."""
        digits = split_digits(words.reshape(-1, spec.channels), spec.num_bits, self.digit_bits(spec))
        if self.layout == "coordinate":
            digits = digits.transpose(0, 2, 1)
        dtype = np.uint8 if self.digit_bits(spec) == 1 else np.int64
        return np.ascontiguousarray(digits.reshape(1, -1, self.out_features(spec)), dtype=dtype)

    def words(self, codes: np.ndarray, spec: SignalSpec) -> np.ndarray:
        """The exact inverse of `codes`."""
        digits, channels = self.num_digits(spec), spec.channels
        if self.layout == "coordinate":
            ordered = codes.reshape(-1, digits, channels).transpose(0, 2, 1)
        else:
            ordered = codes.reshape(-1, channels, digits)
        return join_digits(ordered, spec.num_bits, self.digit_bits(spec)).reshape(spec.shape)


FORMULATIONS = {
    formulation.name: formulation
    for formulation in (
        Formulation("amplitude", None, "heads", "mse"),
        Formulation("bit_coordinate", 1, "coordinate", "bce"),
        Formulation("bit_heads", 1, "heads", "bce"),
    )
}


def get_formulation(name: str) -> Formulation:
    """The formulation of that name; raises InputError that lists the known ones."""
    return FORMULATIONS[check_choice("formulation", name, list(FORMULATIONS))]
