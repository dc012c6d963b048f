"""Level 0, the paper's spirit: one small network for one picture, and its weights in the file.

The network is asked for one bit: it sees the pixel's coordinates, the bit's coordinate and the decoded bits above it,
and no other pixel. Its weights are rounded to a few bits each and deflated; the file is weights and coded bits, and the
size of the network and the precision of its weights are chosen so that the sum is smallest.
"""

import struct
import zlib
from itertools import pairwise

import numpy as np

from lossless_inr_lite.codec.bit_streams import BitMeter
from lossless_inr_lite.codec.coordinate_prior import NUM_BITS, CoordinatePrior
from lossless_inr_lite.codec.integer_network import ACTIVATION_BITS, INPUT_BITS, Layer
from lossless_inr_lite.codec.learning import (
    CoordinateNet,
    Plan,
    array,
    prefix_features,
    trained_net,
)
from lossless_inr_lite.codec.tables import LOGIT_BITS
from lossless_inr_lite.errors import FileFormatError

HEAD = struct.Struct("<BBBb")  # three widths, number of triangle waves
WAVES = tuple(2**k for k in range(8))
PRECISIONS = (4, 5, 6, 8)  # bits a weight
SHAPES = ((4, 4, 4), (8, 8, 8), (16, 16, 16), (32, 32, 16))
WIDEST = 64
ITERATIONS = 1500
SMALLEST_SCALE, LARGEST_SCALE = (
    -4,
    10,
)  # bits behind the point of weights; then all shifts below are upwards


def fit_picture(
    picture: np.ndarray,
    hidden: tuple[int, int, int],
    waves: int = 6,
    iterations: int = 0,
    seed: int = 0,
) -> CoordinateNet:
    """A network for one grey picture of 8 bits, (H, W), in floats; `iterations` 0 stands for ITERATIONS."""
    plan = Plan(
        [],
        hidden,
        "bits",
        WAVES[:waves],
        iterations or ITERATIONS,
        batch=2048,
        learning_rate=1e-2,
        seed=seed,
    )
    return trained_net(picture[None], plan)


def smallest_side(
    picture: np.ndarray, shapes: tuple[tuple[int, int, int], ...] = (), **options: int
) -> bytes:
    """The weights whose bytes and coded bits together are smallest, over sizes of network (SHAPES) and precisions."""
    sides = [
        side
        for hidden in shapes or SHAPES
        for side in sides_of(fit_picture(picture, hidden, **options)).values()
    ]
    return min(sides, key=lambda side: total_bits(picture, side))


def total_bits(picture: np.ndarray, side: bytes) -> float:
    """Bits of the weights and of the picture (H, W) coded with them."""
    meter = BitMeter(picture.astype(np.int64).ravel(), NUM_BITS)
    unpack(side).code(meter, 1, (*picture.shape, 1))
    return 8 * len(side) + float(meter.lengths.sum())


def sides_of(net: CoordinateNet) -> dict[int, bytes]:
    """The weights of a network in all precisions, by their bits."""
    tensors = [array(t) for layer in net.linear for t in (layer.weight, layer.bias)]
    tensors += [array(net.prefixes), array(net.biases), array(net.last)]
    head = HEAD.pack(*net.plan.hidden, len(net.plan.waves))
    sides: dict[int, bytes] = {}
    for precision in PRECISIONS:
        rounded = [_rounded(tensor, precision) for tensor in tensors]
        scales = np.array([scale for _, scale in rounded], dtype=np.int8).tobytes()
        weights = b"".join(whole.tobytes() for whole, _ in rounded)
        sides[precision] = head + zlib.compress(scales + weights, 9)
    return sides


def unpack(side: bytes) -> CoordinatePrior:
    """The network of a file; raises FileFormatError for what `sides_of` does not write."""
    if len(side) < HEAD.size:
        raise FileFormatError("the container's network is cut off")
    *hidden, waves = HEAD.unpack_from(side)
    if not (all(1 <= width <= WIDEST for width in hidden) and 1 <= waves <= len(WAVES)):
        raise FileFormatError(
            f"the container's network has widths {hidden} and {waves} waves: out of bounds"
        )
    shapes = _shapes(hidden, waves)
    sizes = [int(np.prod(shape)) for shape in shapes]
    data = _inflated(side[HEAD.size :], len(shapes) + sum(sizes))
    scales = np.frombuffer(data, np.int8, len(shapes)).astype(int)
    if scales.min() < SMALLEST_SCALE or scales.max() > LARGEST_SCALE:
        raise FileFormatError("the container's network has scales out of bounds")
    weights = np.split(
        np.frombuffer(data, np.int8, offset=len(shapes)).astype(np.float64), np.cumsum(sizes)[:-1]
    )
    return _assembled(
        [w.reshape(s) for w, s in zip(weights, shapes, strict=True)],
        [int(s) for s in scales],
        waves,
    )


def _shapes(hidden: list[int], waves: int) -> list[tuple[int, ...]]:
    widths, features = [2 + 2 * waves, *hidden], prefix_features("bits").shape[1]
    shapes = [shape for before, after in pairwise(widths) for shape in ((after, before), (after,))]
    return [*shapes, (features, hidden[-1]), (features,), (NUM_BITS, hidden[-1])]


def _assembled(tensors: list[np.ndarray], scales: list[int], waves: int) -> CoordinatePrior:
    """Whole numbers and their scales (bits behind the point) as a prior: everything is shifted, nothing rounded."""
    features, layers = prefix_features("bits"), []
    for number in range(3):
        weight, bias = tensors[2 * number : 2 * number + 2]
        unit = scales[2 * number] + LARGEST_SCALE + (INPUT_BITS if number == 0 else ACTIVATION_BITS)
        bias = np.ldexp(bias, unit - scales[2 * number + 1])
        layers.append(Layer(np.ldexp(weight, LARGEST_SCALE), bias, unit - ACTIVATION_BITS))
    table, biases, last = tensors[6:]
    unit = ACTIVATION_BITS + scales[8] + LARGEST_SCALE
    return CoordinatePrior(
        [],
        WAVES[:waves],
        layers,
        np.ldexp(features @ table, ACTIVATION_BITS - scales[6]),
        np.ldexp(features @ biases, unit - scales[7]),
        np.ldexp(last, LARGEST_SCALE),
        unit - LOGIT_BITS,
    )


def _rounded(tensor: np.ndarray, precision: int) -> tuple[np.ndarray, int]:
    largest, limit = max(float(np.abs(tensor).max()), 2.0**-20), 2 ** (precision - 1) - 1
    scale = int(np.clip(np.floor(np.log2(limit / largest)), SMALLEST_SCALE, LARGEST_SCALE))
    return np.clip(np.rint(np.ldexp(tensor, scale)), -limit, limit).astype(np.int8), scale


def _inflated(packed: bytes, size: int) -> bytes:
    try:
        data = zlib.decompressobj().decompress(packed, size + 1)
    except zlib.error as error:
        raise FileFormatError("the container's network cannot be inflated") from error
    if len(data) != size:
        raise FileFormatError(
            f"the container's network has {len(data)} bytes, and {size} are needed"
        )
    return data
