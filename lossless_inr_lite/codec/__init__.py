"""A lossless codec whose model is a coordinate network: its logits are the probabilities of the bits.

A network that need not be exact pays for its errors with bits, and the sum of the bits is its cross entropy divided by
ln 2. Everything that the decoder computes is a whole number, so a file decodes to the same samples on every machine.
"""

from lossless_inr_lite.codec.coding import code_lengths, decode, encode

__all__ = ["code_lengths", "decode", "encode"]
