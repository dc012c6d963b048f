"""A prior for sets of small pictures: the paper's network that is asked for one bit.

Its inputs are the pixel's coordinates, the pixels around it that are known already, the bit's
coordinate and the decoded bits above it (the prefix); its output is the logit of the bit. The part
that depends on the pixel alone is evaluated once per pixel. What the bit's coordinate and prefix
add to the last hidden layer is a table with one row for each of the 2^8 - 1 possible prefixes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from lossless_inr_lite.codec.bit_streams import BitStream
from lossless_inr_lite.codec.integer_network import (
    ACTIVATION_BITS,
    INPUT_BITS,
    LARGEST,
    Layer,
    layer_tensors,
    layers_from,
    rounded_layers,
    run_layers,
    shifted,
)
from lossless_inr_lite.codec.tables import LOGIT_BITS, clipped, frequencies
from lossless_inr_lite.codec.wavefront import Offsets, reach_of, wavefront
from lossless_inr_lite.errors import FileFormatError

NUM_BITS = 8
NUM_PREFIXES = 2**NUM_BITS  # row 2^k + p stands for the k bits p; row 0 for none
LAST_WEIGHT_BITS = 12  # bits behind the point of the last weights of a trained prior
# Samples of a batch of pictures that are coded together. It decides the order of the bits in a
# file, and is part of the format.
LOCK_STEP = 2**20


def coordinate_inputs(
    rows: np.ndarray, columns: np.ndarray, height: int, width: int, waves: Sequence[int]
) -> np.ndarray:
    """Rows (m,) and columns (m,) -> inputs (m, 2 + 2 len(waves)), integers in units of 2^-8.

    Each coordinate stands there itself, from 0 to 1, and as triangle waves from 0 to 1; `waves`
    are how many of them go across the picture. Without any there are no coordinates at all, (m, 0).
    """
    if not waves:
        return np.zeros((len(rows), 0), dtype=np.int64)
    one = 2**INPUT_BITS
    inputs = []
    for place, length in ((rows, height), (columns, width)):
        inputs.append(place * one // max(length - 1, 1))
        for number in waves:
            phase = place * number % length
            inputs.append(np.minimum(phase, length - phase) * (2 * one) // length)
    return np.stack(inputs, axis=1)


@cache
def prefix_features(prefix: str) -> np.ndarray:
    """What a network is told of each prefix, (256, features); row 2^k + p stands for the k bits p.

    "none": one feature for each length k, which is the bit's coordinate. "bits": also one for each
    bit of each length, -1 or 1, (256, 36). "table": each prefix its own, (256, 256).
    """
    if prefix == "table":
        return np.eye(NUM_PREFIXES)
    num_features = NUM_BITS
    if prefix == "bits":
        num_features += NUM_BITS * (NUM_BITS - 1) // 2
    features = np.zeros((NUM_PREFIXES, num_features))
    for row in range(1, NUM_PREFIXES):
        length = row.bit_length() - 1
        features[row, length] = 1
        if prefix == "bits":
            start = NUM_BITS + length * (length - 1) // 2
            signs = [2 * (row >> k & 1) - 1 for k in range(length)]
            features[row, start : start + length] = signs
    return features


@dataclass(frozen=True)
class CoordinatePrior:
    """A network for grey pictures of 8 bits. All weights are integers, held in float64.

    offsets: the (row, column) of the neighbours that it sees; outside of the picture they are 0.
    waves: numbers of triangle waves of the coordinates, see `coordinate_inputs`.
    layers: the part of the pixel, from neighbours and coordinates to the last hidden layer.
    prefixes: (256, hidden), what each prefix adds to the last hidden layer, units of 2^-10.
    biases: (256,), what each prefix adds to the logit.
    last: (8, hidden), the weights from the last hidden layer to the logit of each bit plane, the
        most significant first.
    last_shift: by how many bits that sum is shifted down to a logit in units of 2^-8.
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
        """The prior of a file.

        Raises KeyError for a missing tensor, and FileFormatError for shapes that do not suit each
        other.
        """
        prior = cls(
            offsets=[(int(row), int(column)) for row, column in tensors["offsets"]],
            waves=tuple(int(number) for number in tensors["waves"]),
            layers=layers_from(tensors, "layer"),
            prefixes=tensors["prefixes"].astype(np.float64),
            biases=tensors["biases"].astype(np.float64),
            last=tensors["last"].astype(np.float64),
            last_shift=int(tensors["last_shift"][0]),
        )
        hidden = len(prior.layers[-1].bias)
        needed = ((NUM_PREFIXES, hidden), (NUM_PREFIXES,), (NUM_BITS, hidden))
        shapes = (prior.prefixes.shape, prior.biases.shape, prior.last.shape)
        if shapes != needed:
            raise FileFormatError(f"its tables have the shapes {shapes}: {needed} are needed")
        return prior

    def tensors(self) -> dict[str, np.ndarray]:
        """What is stored, by name: the inverse of `from_tensors`."""
        return {
            "offsets": np.array(self.offsets, dtype=np.int16).reshape(-1, 2),
            "waves": np.array(self.waves, dtype=np.int16),
            **layer_tensors(self.layers, "layer"),
            "prefixes": self.prefixes.astype(np.int16),
            "biases": self.biases.astype(np.int32),
            "last": self.last.astype(np.int16),
            "last_shift": np.array([self.last_shift], dtype=np.int16),
        }

    def all_layers(self) -> list[Layer]:
        """All layers whose biases can be adapted."""
        return self.layers

    def with_layers(self, layers: list[Layer]) -> "CoordinatePrior":
        """The same prior with these layers, as many as `all_layers` gives."""
        return replace(self, layers=layers)

    def suits(self, shape: tuple[int, ...], num_bits: int) -> bool:
        """Whether it codes pictures of this shape (H, W, C) and depth."""
        return shape[2] == 1 and num_bits == NUM_BITS

    def code(
        self, stream: BitStream, count: int, shape: tuple[int, ...], num_bits: int = NUM_BITS
    ) -> np.ndarray:
        """Pass `count` pictures of `shape` (H, W, 1) through a stream and return them.

        The result is (count, H, W, 1) int64. Sites of the stream count in that order.
        """
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
        """Pictures `start` to `start + count`, in lock step -> (count, H, W)."""
        # The picture with a border of zeros as wide as the neighbours go.
        above = -min((row for row, _ in self.offsets), default=0)
        side = max((abs(column) for _, column in self.offsets), default=0)
        known = np.zeros((count, height + above, width + 2 * side), dtype=np.int64)
        first_sites = (start + np.arange(count))[:, None] * height * width
        row_steps, column_steps = self._steps
        for rows, columns in wavefront(height, width, reach_of(self.offsets)):
            near_rows = rows[:, None] + above + row_steps
            near_columns = columns[:, None] + side + column_steps
            near = known[:, near_rows, near_columns]
            place = coordinate_inputs(rows, columns, height, width, self.waves)
            place = np.broadcast_to(place, (count, *place.shape))
            inputs = np.concatenate([near, place], axis=2).reshape(count * len(rows), -1)
            sites = (first_sites + rows * width + columns).ravel()
            values = self._code_pixels(stream, inputs.astype(np.float64), sites)
            known[:, rows + above, columns + side] = values.reshape(count, -1)
        return known[:, above:, side : side + width]

    @cached_property
    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        steps = np.array(self.offsets, dtype=np.int64).reshape(-1, 2)
        return steps[:, 0], steps[:, 1]

    def _code_pixels(self, stream: BitStream, inputs: np.ndarray, sites: np.ndarray) -> np.ndarray:
        """Inputs (N, inputs) and flat indices (N,) of pixels -> their values (N,)."""
        hidden = run_layers(self.layers, inputs)
        prefix = np.ones(len(sites), dtype=np.int64)  # no bit is known yet: row 2^0 + 0
        for plane in reversed(range(NUM_BITS)):
            ones = frequencies(self._logits(hidden, prefix, NUM_BITS - 1 - plane))
            prefix = 2 * prefix + stream.bits(ones, sites, plane)
        return prefix - 2**NUM_BITS

    def _logits(self, hidden: np.ndarray, prefix: np.ndarray, depth: int) -> np.ndarray:
        """Integer logits (N,), units of 2^-8, of the bit behind each prefix (N,).

        `depth` 0 is the most significant bit.
        """
        active = clipped(hidden + self.prefixes[prefix], 0, LARGEST)
        return shifted(active @ self.last[depth] + self.biases[prefix], self.last_shift)


def rounded_prior(
    offsets: Offsets,
    waves: tuple[int, ...],
    layers: Sequence[tuple[np.ndarray, np.ndarray]],
    prefixes: np.ndarray,
    biases: np.ndarray,
    last: np.ndarray,
) -> CoordinatePrior:
    """The prior in integers nearest to trained floats, which have the shapes of its fields."""
    return CoordinatePrior(
        offsets=offsets,
        waves=waves,
        layers=rounded_layers(layers),
        prefixes=np.rint(np.ldexp(prefixes, ACTIVATION_BITS)),
        biases=np.rint(np.ldexp(biases, ACTIVATION_BITS + LAST_WEIGHT_BITS)),
        last=np.rint(np.ldexp(last, LAST_WEIGHT_BITS)),
        last_shift=ACTIVATION_BITS + LAST_WEIGHT_BITS - LOGIT_BITS,
    )
