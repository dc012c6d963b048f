"""How a signal becomes a learning problem, and the exact way back.

Every formulation writes each word as q digits of `digit_bits` bits and asks a network for them; they differ in
how many bits a digit has and in where its index goes:

- ``amplitude``: one digit with all the bits, as ordinary coordinate networks do (Eq. 2);
- ``bit_coordinate``: q = num_bits single bits, the index is one more input coordinate (Eq. 8, the paper's method);
- ``bit_heads``: single bits, one output a bit and channel: the network sees each position once.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lossless_inr_lite.bits import join_digits, split_digits
from lossless_inr_lite.coords import grid
from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.signals import SignalSpec


@dataclass(frozen=True)
class Formulation:
    """One way to pose the problem: G networks, each with S samples of P positions, C channels and q digits a word.

    `bits_per_digit` None puts the whole word into one digit. `layout` says where the digit's index goes:
    "heads" makes it an output (S = P, C q outputs), "coordinate" an input (S = P q, C outputs). `tile` cuts
    the positions into tiles of at least that many a side, each with a network of its own (G > 1).
    """

    name: str
    bits_per_digit: int | None
    layout: Literal["heads", "coordinate"]
    default_loss: str
    tile: int | None = None

    def digit_bits(self, spec: SignalSpec) -> int:
        return min(self.bits_per_digit or spec.num_bits, spec.num_bits)

    def num_digits(self, spec: SignalSpec) -> int:
        return -(-spec.num_bits // self.digit_bits(spec))

    def tile_counts(self, spec: SignalSpec) -> tuple[int, ...]:
        """Number of tiles along each axis."""
        return tuple(max(1, length // self.tile) if self.tile else 1 for length in spec.grid_shape)

    def tile_sides(self, spec: SignalSpec) -> tuple[int, ...]:
        """Positions along each axis of a tile: all tiles have the same, and together they cover the axis."""
        return tuple(-(-length // n) for length, n in zip(spec.grid_shape, self.tile_counts(spec), strict=True))

    def groups(self, spec: SignalSpec) -> int:
        """G: number of independent networks."""
        return math.prod(self.tile_counts(spec))

    def in_features(self, spec: SignalSpec) -> int:
        return len(spec.grid_shape) + (self.layout == "coordinate")

    def out_features(self, spec: SignalSpec) -> int:
        return spec.channels * (self.num_digits(spec) if self.layout == "heads" else 1)

    def num_samples(self, spec: SignalSpec) -> int:
        """S: the samples that one pass over the signal shows to each network."""
        return math.prod(self.tile_sides(spec)) * (self.num_digits(spec) if self.layout == "coordinate" else 1)

    def check(self, spec: SignalSpec) -> None:
        """Raise InputError when the formulation makes no sense for this signal."""
        if self.bits_per_digit is None and spec.kind == "float":
            raise InputError(
                f"{self.name} needs whole-number samples, and {spec.name} holds floats: use bit_coordinate or bit_heads"
            )
        if self.tile is not None and (isinstance(self.tile, bool) or not 1 <= self.tile <= max(spec.grid_shape)):
            raise InputError(f"tile is {self.tile}: allowed are 1 to {max(spec.grid_shape)}, the longest side")

    def coordinates(self, spec: SignalSpec) -> np.ndarray:
        """(1, S, in_features) float32, all in [-1, 1], the same in every tile; a bit coordinate is the last axis."""
        extra = (self.num_digits(spec),) if self.layout == "coordinate" else ()
        return grid(*self.tile_sides(spec), *extra)[None]

    def codes(self, words: np.ndarray, spec: SignalSpec) -> np.ndarray:
        """Words of shape `spec.shape` -> digits (G, S, out_features), uint8 for single bits, else int64."""
        tiled = words.reshape(-1, spec.channels)[self._positions(spec)]
        digits = split_digits(tiled, spec.num_bits, self.digit_bits(spec))
        if self.layout == "coordinate":
            digits = digits.swapaxes(2, 3)
        dtype = np.uint8 if self.digit_bits(spec) == 1 else np.int64
        return np.ascontiguousarray(digits.reshape(len(tiled), -1, self.out_features(spec)), dtype=dtype)

    def words(self, codes: np.ndarray, spec: SignalSpec) -> np.ndarray:
        """The exact inverse of `codes`; where tiles overlap, the last one decides."""
        groups, digits, channels = len(codes), self.num_digits(spec), spec.channels
        if self.layout == "coordinate":
            ordered = codes.reshape(groups, -1, digits, channels).swapaxes(2, 3)
        else:
            ordered = codes.reshape(groups, -1, channels, digits)
        words = np.empty((math.prod(spec.grid_shape), channels), dtype=np.uint32)
        words[self._positions(spec)] = join_digits(ordered, spec.num_bits, self.digit_bits(spec))
        return words.reshape(spec.shape)

    def _positions(self, spec: SignalSpec) -> np.ndarray:
        """(G, P): flat position of every sample of every tile. Tiles overlap where the sides do not divide."""
        axes = [
            np.rint(np.linspace(0, length - side, n)).astype(np.int64)[:, None] + np.arange(side)
            for length, side, n in zip(spec.grid_shape, self.tile_sides(spec), self.tile_counts(spec), strict=True)
        ]
        if len(axes) == 1:
            return axes[0]
        rows, columns = axes
        flat = rows[:, None, :, None] * spec.grid_shape[1] + columns[None, :, None, :]
        return flat.reshape(self.groups(spec), -1)


FORMULATIONS = {
    formulation.name: formulation
    for formulation in (
        Formulation("amplitude", None, "heads", "mse"),
        Formulation("bit_coordinate", 1, "coordinate", "bce"),
        Formulation("bit_heads", 1, "heads", "bce"),
    )
}


def get_formulation(name: str, tile: int | None = None) -> Formulation:
    """The formulation of that name, in tiles if wanted; raises InputError that lists the known ones."""
    return replace(FORMULATIONS[check_choice("formulation", name, list(FORMULATIONS))], tile=tile)
