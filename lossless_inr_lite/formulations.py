"""How a signal becomes a learning problem, and the exact way back.

Every formulation writes each word as q digits of `bits_per_digit` bits and asks networks for them. They differ in
how many bits a digit has, and in where its index and the colour channel go:

- ``amplitude``: one digit with all the bits, as ordinary coordinate networks do (Eq. 2);
- ``bit_coordinate``: single bits, the index is one more input coordinate (Eq. 8, the paper's method);
- ``bit_heads``: single bits, one output a bit and channel: the network sees each position once;
- ``parallel_bits``: single bits, one network a bit (the paper's alternative to Eq. 8);
- ``bit_colour_coordinate``: the channel is an input coordinate too (Table 8);
- ``digits_K``: digits of K bits as outputs, asked for as values (the experiment group of Table 3);
- ``bit_coordinate_xF``: the axis of the bit's index is F times as long, for a decimal F up to 100;
- ``bit_coordinate_gray``, ``bit_heads_gray``: the bits of the word's Gray code;
- ``bit_mosaic`` and ``bit_heads_3d`` are controls of the hypothesis chapter: a bit coordinate without a third
  input (the planes lie side by side in one larger picture), and bit heads with a third input that says nothing.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.signals.bits import from_gray, join_digits, split_digits, to_gray
from lossless_inr_lite.signals.coords import grid
from lossless_inr_lite.signals.signal import SignalSpec


@dataclass(frozen=True)
class Formulation:
    """One way to pose the problem: G networks, each with S samples of P positions, C channels and q digits a word.

    `bits_per_digit` None puts the whole word into one digit. `digit_index` and `channel_index` say where these
    go: "output" (one output each), "input" (one more coordinate), "network" (a network each) or "mosaic" (copies
    of the picture side by side along its last axis). `digit_reach` is the largest coordinate of a digit's index.
    `gray` takes the digits from the word's Gray code. `silent_inputs` adds coordinates that are always 0. `tile`
    cuts the positions into tiles of at least that many a side, each with networks of its own.
    """

    name: str
    bits_per_digit: int | None
    default_loss: str
    digit_index: Literal["output", "input", "network", "mosaic"] = "output"
    channel_index: Literal["output", "input"] = "output"
    digit_reach: float = 1.0
    gray: bool = False
    silent_inputs: int = 0
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
        return tuple(
            -(-length // n)
            for length, n in zip(spec.grid_shape, self.tile_counts(spec), strict=True)
        )

    def groups(self, spec: SignalSpec) -> int:
        """G: number of independent networks."""
        return math.prod(self.tile_counts(spec)) * (
            self.num_digits(spec) if self.digit_index == "network" else 1
        )

    def problem(self, spec: SignalSpec) -> Problem:
        """What a network has to know to be built: inputs, outputs, the grid of positions, and how many it is."""
        inputs = (
            len(spec.grid_shape) + (self.digit_index == "input") + (self.channel_index == "input")
        )
        outputs = (spec.channels if self.channel_index == "output" else 1) * (
            self.num_digits(spec) if self.digit_index == "output" else 1
        )
        *sides, last = self.tile_sides(spec)
        copies = self.num_digits(spec) if self.digit_index == "mosaic" else 1
        return Problem(
            inputs + self.silent_inputs, outputs, (*sides, last * copies), self.groups(spec)
        )

    def num_samples(self, spec: SignalSpec) -> int:
        """S: the samples that one pass over the signal shows to each network."""
        digits = self.num_digits(spec) if self.digit_index in ("input", "mosaic") else 1
        channels = spec.channels if self.channel_index == "input" else 1
        return math.prod(self.tile_sides(spec)) * digits * channels

    def check(self, spec: SignalSpec) -> None:
        """Raise InputError when the formulation makes no sense for this signal."""
        if self.bits_per_digit is None and spec.kind == "float":
            raise InputError(
                f"{self.name} needs whole-number samples, and {spec.name} holds floats: use bit_coordinate or bit_heads"
            )
        if self.tile is not None and (
            isinstance(self.tile, bool) or not 1 <= self.tile <= max(spec.grid_shape)
        ):
            raise InputError(
                f"tile is {self.tile}: allowed are 1 to {max(spec.grid_shape)}, the longest side"
            )

    def coordinates(self, spec: SignalSpec) -> np.ndarray:
        """(1, S, inputs) float32 in [-1, 1], the same for every network: position, bit index, channel, silent zeros."""
        points = self._points(spec, whole=False)
        if self.digit_index == "input":
            points[:, len(spec.grid_shape)] *= self.digit_reach
        return points[None]

    def whole_coordinates(self, spec: SignalSpec) -> np.ndarray:
        """The same as (S, inputs) int64 in steps of 2^-14, without floating point.

        Raises InputError for a stretched axis of bits.
        """
        if self.digit_reach != 1:
            raise InputError(f"{self.name} has no coordinates in whole numbers: use bit_coordinate")
        return self._points(spec, whole=True)

    def _points(self, spec: SignalSpec, whole: bool) -> np.ndarray:
        sides, digits = self.tile_sides(spec), self.num_digits(spec)
        if self.digit_index == "mosaic":
            *rows, last = sides
            plane_first = grid(*rows, digits * last, whole=whole).reshape(
                *rows, digits, last, len(sides)
            )
            points = plane_first.swapaxes(-3, -2).reshape(-1, len(sides))
        else:
            extra = [
                n
                for n, place in ((digits, self.digit_index), (spec.channels, self.channel_index))
                if place == "input"
            ]
            points = grid(*sides, *extra, whole=whole)
        silent = np.zeros((len(points), self.silent_inputs), dtype=points.dtype)
        return np.concatenate([points, silent], axis=1)

    def codes(self, words: np.ndarray, spec: SignalSpec) -> np.ndarray:
        """Words of shape `spec.shape` -> digits (G, S, outputs), uint8 for single bits, else int64."""
        coded = to_gray(words) if self.gray else words
        tiled = coded.reshape(-1, spec.channels)[self.positions(spec)]
        digits = split_digits(tiled, spec.num_bits, self.digit_bits(spec)).transpose(self._order())
        dtype = np.uint8 if self.digit_bits(spec) == 1 else np.int64
        shape = (self.groups(spec), self.num_samples(spec), -1)
        return np.ascontiguousarray(digits.reshape(shape), dtype=dtype)

    def words(self, codes: np.ndarray, spec: SignalSpec) -> np.ndarray:
        """The exact inverse of `codes`; where tiles overlap, the last one decides."""
        places = self.positions(spec)
        natural = (*places.shape, spec.channels, self.num_digits(spec))
        order = self._order()
        ordered = codes.reshape([natural[axis] for axis in order]).transpose(np.argsort(order))
        words = np.empty((math.prod(spec.grid_shape), spec.channels), dtype=np.uint32)
        words[places] = join_digits(ordered, spec.num_bits, self.digit_bits(spec))
        words = words.reshape(spec.shape)
        return from_gray(words) if self.gray else words

    def _order(self) -> tuple[int, int, int, int]:
        """The axes tile 0, position 1, channel 2 and digit 3 as codes have them: networks, samples, then outputs."""
        if self.digit_index == "network":
            return (0, 3, 1, 2)
        return (0, 1, 2, 3) if self.digit_index == "output" else (0, 1, 3, 2)

    def positions(self, spec: SignalSpec) -> np.ndarray:
        """(G, P): flat position of every sample of every tile. Tiles overlap where the sides do not divide."""
        axes = [
            np.rint(np.linspace(0, length - side, n)).astype(np.int64)[:, None] + np.arange(side)
            for length, side, n in zip(
                spec.grid_shape, self.tile_sides(spec), self.tile_counts(spec), strict=True
            )
        ]
        if len(axes) == 1:
            return axes[0]
        rows, columns = axes
        flat = rows[:, None, :, None] * spec.grid_shape[1] + columns[None, :, None, :]
        return flat.reshape(math.prod(self.tile_counts(spec)), -1)


def digits(bits_per_digit: int) -> Formulation:
    """Digits of that many bits, each an output asked for as a value: Table 3's n-bit pictures."""
    return Formulation(f"digits_{bits_per_digit}", bits_per_digit, "mse")


def stretched(name: str) -> Formulation | None:
    """``bit_coordinate_xF``; None for other names and when F is not above 0 and at most 100."""
    match = re.fullmatch(r"bit_coordinate_x([0-9]{1,3}(?:\.[0-9]{1,4})?)", name)
    reach = float(match[1]) if match else 0.0
    return Formulation(name, 1, "bce", "input", digit_reach=reach) if 0 < reach <= 100 else None


FORMULATIONS = {
    formulation.name: formulation
    for formulation in (
        Formulation("amplitude", None, "mse"),
        Formulation("bit_coordinate", 1, "bce", "input"),
        Formulation("bit_heads", 1, "bce"),
        Formulation("parallel_bits", 1, "bce", "network"),
        Formulation("bit_colour_coordinate", 1, "bce", "input", "input"),
        Formulation("bit_coordinate_gray", 1, "bce", "input", gray=True),
        Formulation("bit_heads_gray", 1, "bce", gray=True),
        Formulation("bit_mosaic", 1, "bce", "mosaic"),
        Formulation("bit_heads_3d", 1, "bce", silent_inputs=1),
        *(digits(k) for k in (1, 2, 4, 8)),
    )
}


def get_formulation(name: str, tile: int | None = None) -> Formulation:
    """The formulation of that name, in tiles if wanted; raises InputError that lists the known ones.

    ``digits_K`` is known for every K from 1 to 24, what a float32 output can resolve.
    """
    if found := stretched(str(name)):
        return replace(found, tile=tile)
    if (match := re.fullmatch(r"digits_([1-9][0-9]?)", str(name))) and int(match[1]) <= 24:
        return replace(digits(int(match[1])), tile=tile)
    return replace(FORMULATIONS[check_choice("formulation", name, list(FORMULATIONS))], tile=tile)
