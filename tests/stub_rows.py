"""Rows of fits that were never made, as the tests of verdicts need them."""


def on_pictures(rows, names=("kodim01", "kodim02", "kodim03"), seeds=(0, 1)):
    """The same rows for three pictures and two seeds: enough to decide."""
    return [
        {**one, "seed": seed, "signal": {**one["signal"], "name": name, "sha256": name}}
        for name in names
        for seed in seeds
        for one in rows
    ]
