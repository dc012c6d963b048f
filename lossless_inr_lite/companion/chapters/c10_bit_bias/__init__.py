"""Notebook 10_bit_bias: Fig. 6 and 7, whether significant bits are learnt first.

`study` says what is fitted and measures when each plane is learnt; `figures` shows and judges it.
"""
