"""Level 0, the paper's spirit: one small network for one picture, and its weights in the file.

The network is asked for one bit: it sees the pixel's coordinates, the bit's coordinate and the
decoded bits above it, and no other pixel. Its weights are rounded to a few bits each and deflated.
The encoder (`learning.single_picture`) chooses the size of the network and the precision of its
weights so that weights and coded bits together are smallest.

Bytes: three widths of layers and the number of triangle waves (1 byte each); deflated: the scale of
each tensor (its bits behind the point) and the weights of all tensors, one signed byte each.
"""

import math
import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from lossless_inr_lite.codec.bit_streams import BitMeter
from lossless_inr_lite.codec.coordinate_prior import NUM_BITS, CoordinatePrior, prefix_features
from lossless_inr_lite.codec.integer_network import (
    ACTIVATION_BITS,
    INPUT_BITS,
    SMALLEST_MAXIMUM,
    Layer,
)
from lossless_inr_lite.codec.tables import LOGIT_BITS
from lossless_inr_lite.errors import FileFormatError
from lossless_inr_lite.files import inflated

HEAD = struct.Struct("<BBBb")  # three widths, number of triangle waves
NUM_LAYERS = 3
WAVES = tuple(2**k for k in range(8))  # a network uses the first few of these
WIDEST = 64
PREFIX = "bits"  # what the network is told of the bits above
# Bits behind the point of weights: with these bounds all shifts in `_assembled` are upwards, so
# that nothing is rounded.
SMALLEST_SCALE = -4
LARGEST_SCALE = 10
# Sizes and precisions (bits per weight) that an encoder tries.
SHAPES = ((4, 4, 4), (8, 8, 8), (16, 16, 16), (32, 32, 16))
PRECISIONS = (4, 5, 6, 8)


def total_bits(picture: np.ndarray, side: bytes) -> float:
    """Bits of the weights `side` and of a grey picture (H, W) of 8 bits coded with them."""
    meter = BitMeter(picture.astype(np.int64).ravel(), NUM_BITS)
    unpack(side).code(meter, 1, (*picture.shape, 1))
    return 8 * len(side) + float(meter.lengths.sum())


def tensor_shapes(hidden: Sequence[int], num_waves: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a network's tensors by name, in the order in which they are stored."""
    features = prefix_features(PREFIX).shape[1]
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 2 + 2 * num_waves
    for number, width in enumerate(hidden):
        shapes[f"weight{number}"] = (width, inputs)
        shapes[f"bias{number}"] = (width,)
        inputs = width
    shapes["prefixes"] = (features, inputs)
    shapes["biases"] = (features,)
    shapes["last"] = (NUM_BITS, inputs)
    return shapes


def pack(
    tensors: Mapping[str, np.ndarray], hidden: Sequence[int], num_waves: int, precision: int
) -> bytes:
    """A trained network, each weight rounded to `precision` bits, as the bytes of a container.

    `tensors` are floats with the names and shapes of `tensor_shapes`.
    """
    scales: list[int] = []
    weights: list[bytes] = []
    for name in tensor_shapes(hidden, num_waves):
        scale = _scale(tensors[name], precision)
        limit = _largest_weight(precision)
        rounded = np.clip(np.rint(np.ldexp(tensors[name], scale)), -limit, limit)
        scales.append(scale)
        weights.append(rounded.astype(np.int8).tobytes())
    body = np.array(scales, dtype=np.int8).tobytes() + b"".join(weights)
    return HEAD.pack(*hidden, num_waves) + zlib.compress(body, 9)


def unpack(side: bytes) -> CoordinatePrior:
    """The network that `pack` packed; raises FileFormatError for what it does not write."""
    if len(side) < HEAD.size:
        raise FileFormatError("the container's network is cut off")
    *hidden, num_waves = HEAD.unpack_from(side)
    widths_fit = all(1 <= width <= WIDEST for width in hidden)
    if not widths_fit or not 1 <= num_waves <= len(WAVES):
        raise FileFormatError(
            f"the container's network has widths {hidden} and {num_waves} waves: out of bounds"
        )
    shapes = tensor_shapes(hidden, num_waves)
    size = len(shapes) + sum(math.prod(shape) for shape in shapes.values())
    data = inflated(side[HEAD.size :], size, "the container's network")
    if len(data) != size:
        raise FileFormatError(
            f"the container's network has {len(data)} bytes, and {size} are needed"
        )
    body = np.frombuffer(data, np.int8)
    scales = body[: len(shapes)].astype(int)
    if scales.min() < SMALLEST_SCALE or scales.max() > LARGEST_SCALE:
        raise FileFormatError("the container's network has scales out of bounds")
    tensors: dict[str, np.ndarray] = {}
    start = len(shapes)
    for name, shape in shapes.items():
        end = start + math.prod(shape)
        tensors[name] = body[start:end].astype(np.float64).reshape(shape)
        start = end
    named_scales = dict(zip(shapes, scales.tolist(), strict=True))
    return _assembled(tensors, named_scales, num_waves)


def _assembled(
    tensors: Mapping[str, np.ndarray], scales: Mapping[str, int], num_waves: int
) -> CoordinatePrior:
    """Integers and their scales (bits behind the point) as a network.

    Every tensor is brought to a common unit by a shift upwards: nothing is rounded.
    """
    layers: list[Layer] = []
    for number in range(NUM_LAYERS):
        weight = np.ldexp(tensors[f"weight{number}"], LARGEST_SCALE)
        input_bits = INPUT_BITS if number == 0 else ACTIVATION_BITS
        # Bits behind the point of the sums W x: those of the stored weights, of the shift above,
        # and of the inputs.
        sum_bits = scales[f"weight{number}"] + LARGEST_SCALE + input_bits
        bias = np.ldexp(tensors[f"bias{number}"], sum_bits - scales[f"bias{number}"])
        layers.append(Layer(weight, bias, sum_bits - ACTIVATION_BITS))
    features = prefix_features(PREFIX)
    sum_bits = ACTIVATION_BITS + scales["last"] + LARGEST_SCALE
    prefixes = features @ tensors["prefixes"]
    biases = features @ tensors["biases"]
    return CoordinatePrior(
        offsets=[],
        waves=WAVES[:num_waves],
        layers=layers,
        prefixes=np.ldexp(prefixes, ACTIVATION_BITS - scales["prefixes"]),
        biases=np.ldexp(biases, sum_bits - scales["biases"]),
        last=np.ldexp(tensors["last"], LARGEST_SCALE),
        last_shift=sum_bits - LOGIT_BITS,
    )


def _scale(tensor: np.ndarray, precision: int) -> int:
    """The largest scale for which all weights fit into `precision` bits, within its bounds."""
    largest = max(float(np.abs(tensor).max()), SMALLEST_MAXIMUM)
    scale = np.floor(np.log2(_largest_weight(precision) / largest))
    return int(np.clip(scale, SMALLEST_SCALE, LARGEST_SCALE))


def _largest_weight(precision: int) -> int:
    return 2 ** (precision - 1) - 1
