"""Training of the codec's networks, with torch: nothing that decodes imports this room.

Networks are trained in floats, by the code length of the pictures itself, and rounded to integers
at the end. `coordinate` and `photo` make priors, `single_picture` and `adaptation` the weights that
levels 0 and 2 send in a file. Every training draws from generators of its own, which its seed
determines: the state of torch's and numpy's global generators is neither used nor changed.
"""

from lossless_inr_lite.codec.learning.adaptation import learn_side
from lossless_inr_lite.codec.learning.coordinate import (
    SMALL_SETS,
    CoordinateNet,
    CoordinateRecipe,
    learn_prior,
    train_network,
)
from lossless_inr_lite.codec.learning.photo import Samples, joined, learn_network, samples_of
from lossless_inr_lite.codec.learning.single_picture import fit_picture, sides_of, smallest_side

__all__ = [
    "SMALL_SETS",
    "CoordinateNet",
    "CoordinateRecipe",
    "Samples",
    "fit_picture",
    "joined",
    "learn_network",
    "learn_prior",
    "learn_side",
    "samples_of",
    "sides_of",
    "smallest_side",
    "train_network",
]
