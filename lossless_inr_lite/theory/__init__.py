"""The theory behind the paper's hypothesis: the upper bound on a network's size, and its network.

- `bounds`: the bound of Eq. 6 with its constant, in exact arithmetic;
- `relu_networks`: fully connected ReLU networks that are written down instead of trained;
- `max_convolution`: the network of the bound's proof, for functions and for pictures.

Propositions and lemmas are numbered as in notebook 09, where they are proved. The last two modules
need scipy, and import it when they are used.
"""

from lossless_inr_lite.theory.bounds import (
    centres_a_side,
    constant,
    depth_bound,
    eps,
    grid_lipschitz,
    size_bound,
    upper_bound,
)

__all__ = [
    "centres_a_side",
    "constant",
    "depth_bound",
    "eps",
    "grid_lipschitz",
    "size_bound",
    "upper_bound",
]
