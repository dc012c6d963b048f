"""How a signal becomes a learning problem, and the exact way back.

Every formulation writes each word as q digits of `bits_per_digit` bits and asks networks for them.
They differ in how many bits a digit has, and in where its index and the colour channel go:

- ``amplitude``: one digit with all the bits, as ordinary coordinate networks do (Eq. 2);
- ``bit_coordinate``: single bits, the index is one more input coordinate (Eq. 8, the paper's
  method);
- ``bit_heads``: single bits, one output per bit and channel; the network sees each position once;
- ``parallel_bits``: single bits, one network per bit (the paper's alternative to Eq. 8);
- ``bit_colour_coordinate``: the channel is an input coordinate too (Table 8);
- ``digits_K``: digits of K bits as outputs, asked for as values (the experiment group of Table 3);
- ``bit_coordinate_xF``: the axis of the bit's index is F times as long, for a decimal F up to 100;
- ``bit_coordinate_gray``, ``bit_heads_gray``: the bits of the word's Gray code;
- ``bit_mosaic`` and ``bit_heads_3d`` are controls of chapter 7: a bit coordinate without a third
  input (the planes lie side by side in one larger picture), and bit heads with a third input that
  says nothing.

Shapes: a signal of shape (H, W, C) or (T, C) has P positions in each of its tiles. G networks each
see S samples and give `out` outputs for every one of them.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.networks.problem import Problem
from lossless_inr_lite.signals import SignalSpec
from lossless_inr_lite.signals.bits import from_gray, join_digits, split_digits, to_gray
from lossless_inr_lite.signals.coords import grid, integer_grid

# What float32 outputs can resolve.
MAX_DIGIT_BITS = 24
# Largest factor by which the axis of the bit's index can be stretched.
MAX_REACH = 100


@dataclass(frozen=True)
class Formulation:
    """One way to pose the problem.

    bits_per_digit: None puts the whole word into one digit.
    default_loss: the loss that suits it.
    digit_index: where a digit's index goes: "output" (one output each), "input" (one more
        coordinate), "network" (a network each) or "mosaic" (copies of the picture side by side
        along its last axis).
    channel_index: where the colour channel goes, "output" or "input".
    digit_reach: the largest coordinate of a digit's index.
    gray: the digits are those of the word's Gray code.
    silent_inputs: number of additional coordinates that are always 0.
    tile: smallest side of a tile, in positions; each tile has its own networks. None: no tiles.
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
        """Return the number of bits of a digit."""
        if self.bits_per_digit is None:
            return spec.num_bits
        return min(self.bits_per_digit, spec.num_bits)

    def num_digits(self, spec: SignalSpec) -> int:
        """Return q, the number of digits of a word."""
        return math.ceil(spec.num_bits / self.digit_bits(spec))

    def tile_counts(self, spec: SignalSpec) -> tuple[int, ...]:
        """Return the number of tiles along each axis."""
        if self.tile is None:
            return (1,) * len(spec.grid_shape)
        return tuple(max(1, length // self.tile) for length in spec.grid_shape)

    def tile_sides(self, spec: SignalSpec) -> tuple[int, ...]:
        """Return the positions of a tile along each axis.

        All tiles have the same sides, and together they cover the axis.
        """
        counts = self.tile_counts(spec)
        return tuple(
            math.ceil(length / count) for length, count in zip(spec.grid_shape, counts, strict=True)
        )

    def groups(self, spec: SignalSpec) -> int:
        """Return G, the number of independent networks."""
        tiles = math.prod(self.tile_counts(spec))
        if self.digit_index == "network":
            return tiles * self.num_digits(spec)
        return tiles

    def problem(self, spec: SignalSpec) -> Problem:
        """Return what a network has to know to be built: inputs, outputs, positions, groups."""
        inputs = len(spec.grid_shape) + self.silent_inputs
        if self.digit_index == "input":
            inputs += 1
        if self.channel_index == "input":
            inputs += 1
        outputs = 1
        if self.channel_index == "output":
            outputs *= spec.channels
        if self.digit_index == "output":
            outputs *= self.num_digits(spec)
        *sides, last = self.tile_sides(spec)
        if self.digit_index == "mosaic":
            last *= self.num_digits(spec)
        return Problem(inputs, outputs, (*sides, last), self.groups(spec))

    def num_samples(self, spec: SignalSpec) -> int:
        """Return S: the samples that one pass over the signal shows to each network."""
        samples = math.prod(self.tile_sides(spec))
        if self.digit_index in ("input", "mosaic"):
            samples *= self.num_digits(spec)
        if self.channel_index == "input":
            samples *= spec.channels
        return samples

    def check(self, spec: SignalSpec) -> None:
        """Raise InputError when the formulation makes no sense for this signal."""
        if self.bits_per_digit is None and spec.kind == "float":
            raise InputError(
                f"{self.name} needs integer samples, and {spec.name} holds floats: "
                "use bit_coordinate or bit_heads"
            )
        if self.tile is None:
            return
        longest = max(spec.grid_shape)
        if isinstance(self.tile, bool) or not 1 <= self.tile <= longest:
            raise InputError(f"tile is {self.tile}: allowed are 1 to {longest}, the longest side")

    def coordinates(self, spec: SignalSpec) -> np.ndarray:
        """Return (1, S, inputs) float32 in [-1, 1], the same for every network.

        The inputs are the position, the bit's index, the channel and silent zeros.
        """
        points = self._points(spec, grid)
        if self.digit_index == "input":
            points[:, len(spec.grid_shape)] *= self.digit_reach
        return points[None]

    def integer_coordinates(self, spec: SignalSpec) -> np.ndarray:
        """Return the same as (S, inputs) int64 in steps of 2^-14, without floating point.

        Raises InputError for a stretched axis of bits.
        """
        if self.digit_reach != 1:
            raise InputError(f"{self.name} has no integer coordinates: use bit_coordinate")
        return self._points(spec, integer_grid)

    def _points(self, spec: SignalSpec, make_grid: Callable[..., np.ndarray]) -> np.ndarray:
        sides = self.tile_sides(spec)
        if self.digit_index == "mosaic":
            points = self._mosaic_points(spec, make_grid)
        else:
            extra = []
            if self.digit_index == "input":
                extra.append(self.num_digits(spec))
            if self.channel_index == "input":
                extra.append(spec.channels)
            points = make_grid(*sides, *extra)
        silent = np.zeros((len(points), self.silent_inputs), dtype=points.dtype)
        return np.concatenate([points, silent], axis=1)

    def _mosaic_points(self, spec: SignalSpec, make_grid: Callable[..., np.ndarray]) -> np.ndarray:
        """Positions in a picture of all planes side by side; a position's planes come together."""
        *rows, last = self.tile_sides(spec)
        planes = self.num_digits(spec)
        axes = len(rows) + 1
        wide = make_grid(*rows, planes * last)
        plane_first = wide.reshape(*rows, planes, last, axes)
        return plane_first.swapaxes(-3, -2).reshape(-1, axes)

    def codes(self, words: np.ndarray, spec: SignalSpec) -> np.ndarray:
        """Words of shape `spec.shape` -> digits (G, S, out), uint8 for single bits, else int64."""
        coded = to_gray(words) if self.gray else words
        tiled = coded.reshape(-1, spec.channels)[self.positions(spec)]
        digits = split_digits(tiled, spec.num_bits, self.digit_bits(spec))
        ordered = digits.transpose(self._order())
        dtype = np.uint8 if self.digit_bits(spec) == 1 else np.int64
        shape = (self.groups(spec), self.num_samples(spec), -1)
        return np.ascontiguousarray(ordered.reshape(shape), dtype=dtype)

    def words(self, codes: np.ndarray, spec: SignalSpec) -> np.ndarray:
        """Digits (G, S, out) -> words of shape `spec.shape`: the exact inverse of `codes`.

        Where tiles overlap, the last one decides.
        """
        places = self.positions(spec)
        natural = (*places.shape, spec.channels, self.num_digits(spec))
        order = self._order()
        ordered = codes.reshape([natural[axis] for axis in order])
        digits = ordered.transpose(np.argsort(order))
        words = np.empty((math.prod(spec.grid_shape), spec.channels), dtype=np.uint32)
        words[places] = join_digits(digits, spec.num_bits, self.digit_bits(spec))
        shaped = words.reshape(spec.shape)
        return from_gray(shaped) if self.gray else shaped

    def _order(self) -> tuple[int, int, int, int]:
        """Axes tile 0, position 1, channel 2, digit 3 as codes have them.

        Networks come first, then samples, then outputs.
        """
        if self.digit_index == "network":
            return (0, 3, 1, 2)
        if self.digit_index == "output":
            return (0, 1, 2, 3)
        return (0, 1, 3, 2)

    def positions(self, spec: SignalSpec) -> np.ndarray:
        """Return the flat position of every sample of every tile, (tiles, P) int64.

        Tiles overlap where the sides do not divide the axis.
        """
        sides = self.tile_sides(spec)
        counts = self.tile_counts(spec)
        axes = []
        for length, side, count in zip(spec.grid_shape, sides, counts, strict=True):
            starts = np.rint(np.linspace(0, length - side, count)).astype(np.int64)
            axes.append(starts[:, None] + np.arange(side))
        if len(axes) == 1:
            return axes[0]
        rows, columns = axes
        flat = rows[:, None, :, None] * spec.grid_shape[1] + columns[None, :, None, :]
        return flat.reshape(math.prod(counts), -1)


def decoding_memory(formulation: Formulation, spec: SignalSpec) -> int:
    """Estimate the bytes that decoding needs: coordinates, codes and words, with their scratch."""
    inputs = formulation.problem(spec).in_features
    coordinates = 24 * formulation.num_samples(spec) * inputs
    codes = 8 * spec.total_bits
    words = 24 * (spec.total_bits // spec.num_bits)
    return coordinates + codes + words


def digits(bits_per_digit: int) -> Formulation:
    """Return digits of that many bits, each an output asked for as a value (Table 3)."""
    return Formulation(f"digits_{bits_per_digit}", bits_per_digit, "mse")


def stretched(name: str) -> Formulation | None:
    """Return ``bit_coordinate_xF``; None for other names, and unless 0 < F <= 100."""
    match = re.fullmatch(r"bit_coordinate_x([0-9]{1,3}(?:\.[0-9]{1,4})?)", name)
    if match is None:
        return None
    reach = float(match[1])
    if not 0 < reach <= MAX_REACH:
        return None
    return Formulation(name, 1, "bce", "input", digit_reach=reach)


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
    """Return the formulation of that name, in tiles if wanted.

    ``digits_K`` is known for every K from 1 to 24, which float32 outputs can resolve. Raises
    InputError that lists the known ones.

    >>> get_formulation("digits_3").bits_per_digit
    3
    """
    found = stretched(str(name))
    match = re.fullmatch(r"digits_([1-9][0-9]?)", str(name))
    if found is None and match is not None and int(match[1]) <= MAX_DIGIT_BITS:
        found = digits(int(match[1]))
    if found is None:
        found = FORMULATIONS[check_choice("formulation", name, list(FORMULATIONS))]
    return replace(found, tile=tile)
