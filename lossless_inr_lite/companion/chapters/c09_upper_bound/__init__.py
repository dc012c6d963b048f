"""Chapter 9, notebooks/09_upper_bound.ipynb: the upper bound on a network's size, measured.

Items of the paper: Eq. 6 (the bound and its printed values), the order of the bounds of bit-planes
and of values, and the limitation to few coordinates. `study` has the experiments, `figures` the
figures, tables and verdicts.
"""
