"""A lossless codec whose model is a coordinate network: its logits are probabilities of bits.

A network that need not be exact pays for its errors with bits, and the sum of the bits is its cross
entropy divided by ln 2. Everything that the decoder computes is an integer, so a file decodes to
the same samples on every machine.

A file, from the outside to the inside:

- `files`: picture files in, one container out, and back;
- `coding`: `encode` and `decode` lists of pictures;
- `container`, `names`: the bytes of a container and what its header may declare;
- `priors`, `tensor_file`: the shipped networks and their files;
- `coordinate_prior`, `photo_prior`: the two kinds of networks and how they code pictures;
- `single_picture` (level 0), `adaptation` (level 2): weights that are sent in the file;
- `wavefront`, `integer_network`, `tables`, `bit_streams`: the order of the pixels, arithmetic, and
  the range coder.

All of these run with numpy and constriction alone. Training lies in `learning`, which needs torch
and is imported only while a picture is encoded at level 0 or 2, or a prior is made.
"""

from lossless_inr_lite.codec.coding import code_lengths, decode, encode

__all__ = ["code_lengths", "decode", "encode"]
