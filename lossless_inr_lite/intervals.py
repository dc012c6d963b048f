"""Means over pictures and seeds, and how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A mean of `count` values, their standard deviation, and a 95 % interval of the mean."""

    mean: float
    deviation: float
    low: float
    high: float
    count: int

    def text(self, form: str = ",.0f") -> str:
        """``mean +- deviation (low to high)``; of a single value the value."""
        mean, deviation, low, high = (format(x, form) for x in (self.mean, self.deviation, self.low, self.high))
        return mean if self.count == 1 else f"{mean} +- {deviation} ({low} to {high})"


def interval(values: Mapping[str, Sequence[float]]) -> Interval:
    """Mean of all values, by picture, and its bootstrap interval (Efron and Tibshirani, 1993).

    Whole pictures are drawn with replacement, since the seeds of one picture are not independent of each other:
    with few pictures the interval is rough. The draws are always the same.
    """
    groups = [np.asarray(group, dtype=np.float64) for group in values.values() if len(group)]
    everything = np.concatenate(groups)
    drawn = np.random.default_rng(0).integers(len(groups), size=(RESAMPLES, len(groups)))
    sums, counts = np.array([group.sum() for group in groups]), np.array([len(group) for group in groups])
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    deviation = float(everything.std(ddof=1)) if len(everything) > 1 else 0.0
    return Interval(float(everything.mean()), deviation, float(low), float(high), len(everything))
