"""Saved networks: their files, and the certificate that they decode to the very samples.

- `header`: what a file says of itself.
- `weights`: ``.safetensors``, weights as trained; `trits`: ``.trits``, ternary weights.
- `trit_coding`: trits as bytes; `integers`: a ternary network computed in integers, without torch.
- `saved`: either kind by its suffix.
- `fitted`: a fit; `certificate`, `certify`: what decoding its file finds, and how both are saved.
"""
