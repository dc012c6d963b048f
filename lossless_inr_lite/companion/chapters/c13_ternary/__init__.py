"""Notebook 13_ternary: Table 4 and Fig. 10, networks with weights of -1, 0 and 1.

`study` says which networks are fitted, and judges. `precision` makes the weights of other networks
coarse. `figures` shows both.
"""
