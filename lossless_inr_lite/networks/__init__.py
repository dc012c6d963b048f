"""Coordinate networks: (1, S, in_features) coordinates -> (groups, S, out_features) outputs.

Each network has a module, and `registry` builds them by name. `problem`, `integer_tables` and
`ternary_layout` need no torch: a file of ternary weights is decoded with numpy alone.
"""

NETWORK_NAMES = (
    "tanh_pe",
    "relu_pe",
    "wire",
    "gauss",
    "siren",
    "finer",
    "instant_ngp",
    "diner",
    "ternary",
)
"""The names of `registry.NETWORKS`, in its order."""

MAX_FEATURES = 65_536
"""Largest width. No file and no typing slip asks for more."""

MAX_LAYERS = 64
"""Largest number of hidden layers."""
