"""Level 2: what is added to the biases of a prior for the pictures of one file, sent in the file.

Only biases are adapted, in steps of 2^-6, as signed bytes, deflated. The encoder learns them by the
code length itself (`learning.adaptation`), and keeps them only if the file becomes smaller.
"""

import zlib

import numpy as np

from lossless_inr_lite.codec.coordinate_prior import CoordinatePrior
from lossless_inr_lite.codec.integer_network import shifted_biases
from lossless_inr_lite.codec.photo_prior import PAD
from lossless_inr_lite.codec.priors import Prior
from lossless_inr_lite.errors import FileFormatError
from lossless_inr_lite.files import inflated

STEP_BITS = 6  # a step is 2^-6
LARGEST_STEPS = 127


def adaptable(prior: Prior, shape: tuple[int, ...]) -> bool:
    """Whether pictures of this shape (H, W, C) are large enough to learn from.

    The border of a photograph is left out.
    """
    return isinstance(prior, CoordinatePrior) or min(shape[:2]) > 2 * PAD


def num_biases(prior: Prior) -> int:
    """How many biases can be adapted."""
    return sum(len(layer.bias) for layer in prior.all_layers())


def pack_steps(steps: np.ndarray) -> bytes:
    """Steps (num_biases,) -> the bytes that a container holds; rounded, and clipped to a byte."""
    rounded = np.clip(np.rint(steps), -LARGEST_STEPS, LARGEST_STEPS)
    return zlib.compress(rounded.astype(np.int8).tobytes(), 9)


def adapted(prior: Prior, side: bytes) -> Prior:
    """The prior with the steps that `pack_steps` packed into `side` added to its biases.

    Raises FileFormatError when they cannot be inflated, or are not as many as its biases.
    """
    data = inflated(side, num_biases(prior), "the container's adaptation")
    if len(data) != num_biases(prior):
        raise FileFormatError(
            f"the container adapts {len(data)} biases, and the prior has {num_biases(prior)}"
        )
    steps = np.frombuffer(data, np.int8).astype(np.float64)
    layers = []
    start = 0
    for layer in prior.all_layers():
        end = start + len(layer.bias)
        layers.append(shifted_biases(layer, steps[start:end], STEP_BITS))
        start = end
    return prior.with_layers(layers)
