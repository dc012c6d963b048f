"""Level 0: a network for one picture, as small as weights and coded bits together can be."""

from collections.abc import Sequence

import numpy as np

from lossless_inr_lite.codec import single_picture
from lossless_inr_lite.codec.learning.common import array, layer_arrays
from lossless_inr_lite.codec.learning.coordinate import (
    CoordinateNet,
    CoordinateRecipe,
    train_network,
)
from lossless_inr_lite.codec.single_picture import PRECISIONS, WAVES, pack, total_bits

ITERATIONS = 1500
NUM_WAVES = 6
BATCH = 2048  # pixels
LEARNING_RATE = 1e-2


def fit_picture(
    picture: np.ndarray,
    hidden: tuple[int, int, int],
    waves: int = NUM_WAVES,
    iterations: int | None = None,
    seed: int = 0,
) -> CoordinateNet:
    """A network in floats for one grey picture (H, W) of 8 bits.

    `hidden` are the widths of its layers, `waves` is the number of triangle waves.
    `iterations` None stands for ITERATIONS.
    """
    recipe = CoordinateRecipe(
        offsets=[],
        hidden=hidden,
        prefix="bits",
        waves=WAVES[:waves],
        iterations=ITERATIONS if iterations is None else iterations,
        batch=BATCH,
        learning_rate=LEARNING_RATE,
        seed=seed,
    )
    return train_network(picture[None], recipe)


def smallest_side(
    picture: np.ndarray,
    shapes: Sequence[tuple[int, int, int]] | None = None,
    iterations: int | None = None,
) -> bytes:
    """The packed weights with which a picture (H, W) of 8 bits is smallest, weights and code.

    All widths of layers in `shapes` (None: SHAPES of `codec.single_picture`) and all precisions are
    tried. `iterations` None stands for ITERATIONS.
    """
    sides: list[bytes] = []
    for hidden in single_picture.SHAPES if shapes is None else shapes:
        net = fit_picture(picture, hidden, iterations=iterations)
        sides.extend(sides_of(net).values())
    return min(sides, key=lambda side: total_bits(picture, side))


def sides_of(net: CoordinateNet) -> dict[int, bytes]:
    """The packed weights of a network in all precisions, by their bits."""
    tensors = {
        "prefixes": array(net.prefixes),
        "biases": array(net.biases),
        "last": array(net.last),
    }
    for number, layer in enumerate(net.linear):
        weight, bias = layer_arrays(layer)
        tensors[f"weight{number}"] = weight
        tensors[f"bias{number}"] = bias
    num_waves = len(net.recipe.waves)
    return {
        precision: pack(tensors, net.recipe.hidden, num_waves, precision)
        for precision in PRECISIONS
    }
