"""Means over pictures and seeds, and how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

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
        mean, deviation, low, high = (
            format(x, form) for x in (self.mean, self.deviation, self.low, self.high)
        )
        return mean if self.count == 1 else f"{mean} +- {deviation} ({low} to {high})"


def interval(values: Mapping[str, Sequence[float]]) -> Interval:
    """Mean of all values, by picture, and its bootstrap interval (Efron and Tibshirani, 1993).

    Whole pictures are drawn with replacement, since the seeds of one picture are not independent of each other:
    with few pictures the interval is rough. The draws are always the same.
    """
    groups = [np.asarray(group, dtype=np.float64) for group in values.values() if len(group)]
    everything = np.concatenate(groups)
    drawn = np.random.default_rng(0).integers(len(groups), size=(RESAMPLES, len(groups)))
    sums, counts = (
        np.array([group.sum() for group in groups]),
        np.array([len(group) for group in groups]),
    )
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    deviation = float(everything.std(ddof=1)) if len(everything) > 1 else 0.0
    return Interval(float(everything.mean()), deviation, float(low), float(high), len(everything))


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of `count` pairs and its 95 % bootstrap interval; NaN where ranks cannot be told."""

    value: float
    low: float
    high: float
    count: int

    def as_dict(self) -> dict[str, float | None]:
        """All fields; None where one is not defined, since JSON knows no NaN."""
        return {name: None if np.isnan(value) else value for name, value in vars(self).items()}

    def text(self) -> str:
        """``value (low to high)``; of a single picture the value."""
        if np.isnan(self.value):
            return "not defined"
        one = self.low == self.high == self.value
        return (
            f"{self.value:.2f}" if one else f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"
        )


def rank_correlation(x: Sequence[float], y: Sequence[float], groups: Sequence[str]) -> Correlation:
    """Rank correlation of x and y; whole `groups` (pictures) are drawn with replacement, always the same draws.

    Draws in which x or y is constant have no correlation and are left out.
    """
    if not len(x):
        return Correlation(float("nan"), float("nan"), float("nan"), 0)
    pairs, names = np.column_stack([x, y]), np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(groups)]
    draws = RESAMPLES // 4 if len(members) > 1 else 1
    drawn = np.random.default_rng(0).integers(len(members), size=(draws, len(members)))
    values = [_spearman(pairs[np.concatenate([members[i] for i in draw])]) for draw in drawn]
    kept = [value for value in values if not np.isnan(value)]
    low, high = np.percentile(kept, [2.5, 97.5]) if kept else (np.nan, np.nan)
    return Correlation(_spearman(pairs), float(low), float(high), len(pairs))


def arrival_ranks(arrivals: Sequence[float | None], last_errors: Sequence[float]) -> list[float]:
    """When each of several things was learnt, as ranks in (0, 1]; equals share a rank.

    What never arrived (None) is last, in the order of its error at the end.
    """
    late = [
        1e9 * (1 + error) if at is None else at
        for at, error in zip(arrivals, last_errors, strict=True)
    ]
    return (rankdata(late) / len(late)).tolist()


def _spearman(pairs: np.ndarray) -> float:
    """Rank correlation of two columns; NaN when one is constant."""
    if len(pairs) < 2 or (pairs == pairs[0]).all(axis=0).any():
        return float("nan")
    return float(np.corrcoef(rankdata(pairs, axis=0), rowvar=False)[0, 1])
