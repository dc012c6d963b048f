"""Notebook 15_lossless_compression: Tables 6 and 7, a codec whose model is a coordinate network.

`study` measures our codec and what its network contributes, `standard_codecs` runs the codecs that
it is compared with, and `figures` shows and judges both.
"""
