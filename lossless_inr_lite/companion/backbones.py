"""The networks and pictures of the paper's Tables 1 and 2, and how they are run here.

What several chapters share about them stands here, since a chapter imports no other chapter.
"""

from collections.abc import Mapping
from dataclasses import dataclass

BASELINES = {
    "Tanh+PE": "tanh_pe",
    "ReLU+PE": "relu_pe",
    "WIRE": "wire",
    "Gauss": "gauss",
    "SIREN": "siren",
    "FINER": "finer",
}
"""Network of each baseline of Table 1 by the paper's name for it."""

PICTURES = {8: "Kodak", 16: "TESTIMAGES"}
"""The set of pictures, of those with rows in both tables, that stands for a depth in bits."""


@dataclass(frozen=True)
class Backbone:
    """A network of Table 2 as it is run here.

    `widening` is a factor on the width of a study: it makes up for the parameters that fewer hidden
    layers save.
    """

    network: str
    hidden_layers: int
    learning_rate: float
    widening: float = 1.0


# The learning rates are the authors', but for DINER: its authors' 1e-4 is for 10,000 iterations,
# and ten times that learns within the fewer ones here.
BACKBONES = {
    "Instant-NGP": Backbone("instant_ngp", hidden_layers=1, learning_rate=1e-2),
    "DINER": Backbone("diner", hidden_layers=2, learning_rate=1e-3, widening=1.5),
    "Gauss": Backbone("gauss", hidden_layers=5, learning_rate=1e-3),
    "FINER": Backbone("finer", hidden_layers=5, learning_rate=5e-4),
}
"""The backbones of Table 2 by the paper's names for them."""


def best_rates(errors: Mapping[str, Mapping[float, float]]) -> dict[str, float]:
    """The learning rate with the smallest bit error rate for each method.

    `errors` holds the bit error rates by learning rate of each method. Of equal errors the smaller
    rate wins.

    >>> best_rates({"SIREN": {1e-4: 0.2, 1e-3: 0.1, 1e-2: 0.1}})
    {'SIREN': 0.001}
    """
    best = {}
    for method, by_rate in errors.items():
        best[method] = min(by_rate, key=lambda rate: (by_rate[rate], rate))
    return best
