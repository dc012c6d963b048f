"""A prior for sets of small pictures: the paper's network that is asked for one bit, and told what came before.

Its inputs are the pixel's coordinates, the pixels around it that are known already, the bit's coordinate and the
decoded bits above it; its output is the logit of the bit. The part that depends on the pixel alone is evaluated once
a pixel; what the bit's coordinate and prefix add to the last hidden layer is a table with one row for each of the
2^n - 1 possible prefixes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lossless_inr_lite.codec.bit_streams import BitStream
from lossless_inr_lite.codec.integer_network import (
    ACTIVATION_BITS,
    INPUT_BITS,
    LARGEST,
    Layer,
    layer_tensors,
    layers_from,
    shifted,
)
from lossless_inr_lite.codec.tables import LOGIT_BITS, frequencies
from lossless_inr_lite.codec.wavefront import Offsets, reach_of, wavefront

NUM_BITS = 8
LOCK_STEP = 2**20  # samples of a batch of pictures that are coded together


def coordinate_inputs(
    rows: np.ndarray, columns: np.ndarray, height: int, width: int, waves: Sequence[int]
) -> np.ndarray:
    """Rows and columns (m,) -> (m, 2 + 2 waves) in units of 2^-8, whole: each itself and as triangle waves.

    `waves` are how many of them go across the picture; without any there are no coordinates at all, (m, 0).
    """
    inputs = []
    for place, length in ((rows, height), (columns, width)) if waves else ():
        inputs.append(place * 256 // max(length - 1, 1))
        for number in waves:
            phase = place * number % length
            inputs.append(np.minimum(phase, length - phase) * 512 // length)
    return np.stack(inputs, axis=1) if inputs else np.zeros((len(rows), 0), dtype=np.int64)


@dataclass(frozen=True)
class CoordinatePrior:
    """Layers of the pixel, the table of prefixes (256, hidden) and the last weights (8, hidden), whole numbers.

    `offsets` are the (row, column) of the neighbours that it sees; outside of the picture they are 0.
    """

    offsets: Offsets
    waves: tuple[int, ...]
    layers: list[Layer]
    prefixes: np.ndarray
    biases: np.ndarray
    last: np.ndarray
    last_shift: int

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> "CoordinatePrior":
        prefixes, biases, last = (
            tensors[name].astype(np.float64) for name in ("prefixes", "biases", "last")
        )
        offsets = [(int(row), int(column)) for row, column in tensors["offsets"]]
        waves = tuple(int(number) for number in tensors["waves"])
        return cls(
            offsets,
            waves,
            layers_from(tensors, "layer"),
            prefixes,
            biases,
            last,
            int(tensors["last_shift"][0]),
        )

    def tensors(self) -> dict[str, np.ndarray]:
        """What is stored."""
        return {
            "offsets": np.array(self.offsets, dtype=np.int16).reshape(-1, 2),
            "waves": np.array(self.waves, dtype=np.int16),
            **layer_tensors(self.layers, "layer"),
            "prefixes": self.prefixes.astype(np.int16),
            "biases": self.biases.astype(np.int32),
            "last": self.last.astype(np.int16),
            "last_shift": np.array([self.last_shift], dtype=np.int16),
        }

    def with_layers(self, layers: list[Layer]) -> "CoordinatePrior":
        return replace(self, layers=layers)

    def suits(self, shape: tuple[int, ...], num_bits: int) -> bool:
        return shape[2] == 1 and num_bits == NUM_BITS

    def code(
        self, stream: BitStream, count: int, shape: tuple[int, ...], num_bits: int = NUM_BITS
    ) -> np.ndarray:
        """Pass `count` grey pictures of 8 bits through a stream and return them, (count, H, W, 1) int64."""
        height, width, _ = shape
        batch = max(1, LOCK_STEP // (height * width))
        parts = [
            self._code_batch(stream, start, min(batch, count - start), height, width)
            for start in range(0, count, batch)
        ]
        return np.concatenate(parts)[..., None]

    def _code_batch(
        self, stream: BitStream, start: int, count: int, height: int, width: int
    ) -> np.ndarray:
        above = -min((row for row, _ in self.offsets), default=0)
        side = max((abs(column) for _, column in self.offsets), default=0)
        known = np.zeros((count, height + above, width + 2 * side), dtype=np.int64)
        firsts = (start + np.arange(count))[:, None] * height * width
        for rows, columns in wavefront(height, width, reach_of(self.offsets)):
            near = known[
                :, rows[:, None] + above + self._steps[0], columns[:, None] + side + self._steps[1]
            ]
            place = coordinate_inputs(rows, columns, height, width, self.waves)
            place = np.broadcast_to(place, (count, *place.shape))
            inputs = (
                np.concatenate([near, place], axis=2)
                .reshape(count * len(rows), -1)
                .astype(np.float64)
            )
            sites = (firsts + rows * width + columns).ravel()
            values = self._code_pixels(stream, inputs, sites)
            known[:, rows + above, columns + side] = values.reshape(count, -1)
        return known[:, above:, side : side + width]

    @cached_property
    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        steps = np.array(self.offsets, dtype=np.int64).reshape(-1, 2).T
        return steps[0], steps[1]

    def _code_pixels(self, stream: BitStream, inputs: np.ndarray, sites: np.ndarray) -> np.ndarray:
        """Inputs (N, inputs) and flat indices (N,) of pixels -> their values (N,)."""
        hidden = self._pixel_part(inputs)
        prefix = np.ones(len(sites), dtype=np.int64)
        for plane in reversed(range(NUM_BITS)):
            ones = frequencies(self._logits(hidden, prefix, NUM_BITS - 1 - plane))
            prefix = 2 * prefix + stream.bits(ones, sites, plane)
        return prefix - 2**NUM_BITS

    def _pixel_part(self, inputs: np.ndarray) -> np.ndarray:
        hidden = inputs
        for layer in self.layers[:-1]:
            hidden = np.maximum(layer(hidden), 0)
        return self.layers[-1](hidden)

    def _logits(self, hidden: np.ndarray, prefix: np.ndarray, depth: int) -> np.ndarray:
        """Whole logits in units of 2^-8 of the bit behind each prefix; `depth` 0 is the most significant bit."""
        active = np.clip(hidden + self.prefixes[prefix], 0, LARGEST)
        return shifted(active @ self.last[depth] + self.biases[prefix], self.last_shift)


def rounded_prior(
    offsets: Offsets,
    waves: tuple[int, ...],
    layers: list[tuple[np.ndarray, np.ndarray]],
    prefixes: np.ndarray,
    biases: np.ndarray,
    last: np.ndarray,
    scale: int = 12,
) -> CoordinatePrior:
    """The prior in whole numbers nearest to trained floats; `scale` bits behind the point for the last weights."""
    units = [INPUT_BITS, *[ACTIVATION_BITS] * len(layers)]
    whole = [Layer.rounded(w, b, units[i], units[i + 1]) for i, (w, b) in enumerate(layers)]
    return CoordinatePrior(
        offsets,
        waves,
        whole,
        np.rint(np.ldexp(prefixes, ACTIVATION_BITS)),
        np.rint(np.ldexp(biases, ACTIVATION_BITS + scale)),
        np.rint(np.ldexp(last, scale)),
        ACTIVATION_BITS + scale - LOGIT_BITS,
    )
