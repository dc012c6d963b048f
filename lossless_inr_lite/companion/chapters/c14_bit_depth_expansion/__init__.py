"""Chapter 14, notebooks/14_bit_depth_expansion.ipynb: bit-depth expansion, measured.

Item of the paper: Table 5. `study` has the pictures and the measurements, `figures` the figures,
tables and verdicts.
"""
