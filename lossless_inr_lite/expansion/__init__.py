"""Bit-depth expansion (Table 5 of the paper): the low bits that a picture lacks, guessed.

`expand` works on words, `expand_signal` on pictures; `METHODS` names what both can do:

- `rules`: zero padding, the ideal gain, bit replication and the mid-point of the interval;
- `contour`: a ramp inside every region of equal value;
- `linear_predictor` and `local_network`: learnt from the picture itself, one bit higher;
- `interval_network`: an implicit representation anywhere inside the quantiser's intervals;
- `extrapolation`: the paper's method, lower bit coordinates of a fit.

Importing this package does not import torch.
"""

from lossless_inr_lite.expansion.methods import (
    DEFAULT_METHOD,
    METHODS,
    check_expansion,
    expand,
    expand_signal,
)
from lossless_inr_lite.expansion.rules import cut, inside

__all__ = [
    "DEFAULT_METHOD",
    "METHODS",
    "check_expansion",
    "cut",
    "expand",
    "expand_signal",
    "inside",
]
