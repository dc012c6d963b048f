"""Means over pictures and seeds, rank correlations, and how sure both are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import rankdata

RESAMPLES = 2000  # of a mean
CORRELATION_RESAMPLES = 500  # each takes a sort
CONFIDENCE = (2.5, 97.5)  # percentiles of a 95 % interval
NEVER = 1e9  # later than any arrival


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
        if self.count == 1:
            return format(self.mean, form)
        mean = format(self.mean, form)
        deviation = format(self.deviation, form)
        return f"{mean} +- {deviation} ({format(self.low, form)} to {format(self.high, form)})"


def interval(values: Mapping[str, Sequence[float]]) -> Interval:
    """Mean of all values, by picture, and its bootstrap interval (Efron and Tibshirani, 1993).

    Whole pictures are drawn with replacement, since the seeds of one picture are not independent of
    each other: with few pictures the interval is rough. The draws are always the same.

    >>> interval({"a": [4.0, 6.0], "b": [5.0]}).mean
    5.0
    """
    groups = [np.asarray(group, dtype=np.float64) for group in values.values() if len(group)]
    everything = np.concatenate(groups)
    drawn = np.random.default_rng(0).integers(len(groups), size=(RESAMPLES, len(groups)))
    sums = np.array([group.sum() for group in groups])
    counts = np.array([len(group) for group in groups])
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, CONFIDENCE)
    deviation = float(everything.std(ddof=1)) if len(everything) > 1 else 0.0
    return Interval(float(everything.mean()), deviation, float(low), float(high), len(everything))


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of `count` pairs and its 95 % bootstrap interval.

    NaN stands where ranks cannot be told.
    """

    value: float
    low: float
    high: float
    count: int

    def as_dict(self) -> dict[str, float | None]:
        """All fields; None where one is not defined, since JSON knows no NaN."""
        return {name: None if np.isnan(value) else value for name, value in asdict(self).items()}

    def text(self) -> str:
        """``value (low to high)``; of a single picture the value."""
        if np.isnan(self.value):
            return "not defined"
        if self.low == self.high == self.value:
            return f"{self.value:.2f}"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def rank_correlation(x: Sequence[float], y: Sequence[float], groups: Sequence[str]) -> Correlation:
    """Rank correlation of x and y, of equal length, with an interval over their `groups`.

    Whole groups (pictures) are drawn with replacement, always the same draws. Draws in which x or y
    is constant have no correlation and are left out.
    """
    if not len(x):
        return Correlation(float("nan"), float("nan"), float("nan"), 0)
    pairs = np.column_stack([x, y])
    names = np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(groups)]
    draws = CORRELATION_RESAMPLES if len(members) > 1 else 1
    drawn = np.random.default_rng(0).integers(len(members), size=(draws, len(members)))
    values = [_spearman(pairs[np.concatenate([members[i] for i in draw])]) for draw in drawn]
    kept = [value for value in values if not np.isnan(value)]
    low, high = np.percentile(kept, CONFIDENCE) if kept else (np.nan, np.nan)
    return Correlation(_spearman(pairs), float(low), float(high), len(pairs))


def arrival_ranks(arrivals: Sequence[float | None], last_errors: Sequence[float]) -> list[float]:
    """When each of several things was learnt, as ranks in (0, 1]; equals share a rank.

    What never arrived (None) is last, in the order of its error at the end.

    >>> arrival_ranks([None, 10, 20, None], [0.2, 0.0, 0.0, 0.1])
    [1.0, 0.25, 0.5, 0.75]
    """
    late = []
    for arrival, error in zip(arrivals, last_errors, strict=True):
        late.append(NEVER * (1 + error) if arrival is None else arrival)
    return (rankdata(late) / len(late)).tolist()


def _spearman(pairs: np.ndarray) -> float:
    """Rank correlation of two columns (pairs, 2); NaN when one is constant."""
    if len(pairs) < 2 or (pairs == pairs[0]).all(axis=0).any():
        return float("nan")
    return float(np.corrcoef(rankdata(pairs, axis=0), rowvar=False)[0, 1])
