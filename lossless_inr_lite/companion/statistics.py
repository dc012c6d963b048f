"""Means over pictures and seeds, rank correlations, and how sure both are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

CONFIDENCE = 0.95
INTERVAL_FROM = 6
"""Pictures from which an interval is printed; below, the value of each picture is."""

NEVER = 1e9  # later than any arrival


@dataclass(frozen=True)
class Interval:
    """A mean over pictures and its 95 % interval.

    `pictures` holds the mean of each picture's `count` values in all. `deviation` is the standard
    deviation over pictures; `low` and `high` are infinite for a single one.
    """

    mean: float
    deviation: float
    low: float
    high: float
    count: int
    pictures: tuple[float, ...]

    def text(self, form: str = ",.0f") -> str:
        """``mean +- deviation (low to high)``; below `INTERVAL_FROM` pictures their values."""
        mean = format(self.mean, form)
        if len(self.pictures) == 1:
            return mean
        if len(self.pictures) < INTERVAL_FROM:
            return f"{mean} ({'; '.join(format(value, form) for value in self.pictures)})"
        deviation = format(self.deviation, form)
        return f"{mean} +- {deviation} ({format(self.low, form)} to {format(self.high, form)})"


def interval(values: Mapping[str, Sequence[float]]) -> Interval:
    """Mean over pictures with Student's interval, which takes each picture as one value.

    The seeds of a picture are averaged first, since they are not independent of each other. Raises
    ValueError without any value.

    >>> interval({"a": [4.0, 6.0], "b": [6.0]}).mean
    5.5
    """
    groups = [np.asarray(group, dtype=np.float64) for group in values.values() if len(group)]
    if not groups:
        raise ValueError("an interval needs at least one value")
    means = np.array([group.mean() for group in groups])
    mean = float(means.mean())
    deviation = float(means.std(ddof=1)) if len(means) > 1 else 0.0
    half = _half_width(deviation, len(means))
    return Interval(
        mean=mean,
        deviation=deviation,
        low=mean - half,
        high=mean + half,
        count=sum(len(group) for group in groups),
        pictures=tuple(means.tolist()),
    )


def _half_width(deviation: float, count: int) -> float:
    """Half of Student's interval of a mean of `count` values."""
    if count < 2:
        return math.inf
    return float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * deviation / math.sqrt(count)


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of `count` pairs and its 95 % interval over `pictures`.

    NaN stands where ranks cannot be told, and for an interval of fewer than `INTERVAL_FROM`
    pictures.
    """

    value: float
    low: float
    high: float
    count: int
    pictures: int = 1

    def as_dict(self) -> dict[str, float | None]:
        """All fields; None where one is not defined, since JSON knows no NaN."""
        return {name: None if np.isnan(value) else value for name, value in asdict(self).items()}

    def text(self) -> str:
        """``value (low to high)``; without an interval the value and how many pictures it is of."""
        if np.isnan(self.value):
            return "not defined"
        if np.isnan(self.low):
            return f"{self.value:.2f}" + (f" ({self.pictures} pictures)" * (self.pictures > 1))
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def rank_correlation(x: Sequence[float], y: Sequence[float], groups: Sequence[str]) -> Correlation:
    """Rank correlation of x and y, of equal length, with an interval over their `groups`.

    The interval is the jackknife's that leaves out a whole group (a picture) at a time, with
    Student's factor, within -1 to 1.
    """
    if not len(x):
        return Correlation(float("nan"), float("nan"), float("nan"), 0, 0)
    pairs = np.column_stack([x, y])
    names = np.asarray(groups)
    different = list(dict.fromkeys(groups))
    value = spearman(pairs)
    without = [spearman(pairs[names != name]) for name in different]
    count = len(different)
    if count < INTERVAL_FROM or np.isnan([value, *without]).any():
        return Correlation(value, float("nan"), float("nan"), len(pairs), count)
    pseudo = count * value - (count - 1) * np.array(without)
    half = _half_width(float(pseudo.std(ddof=1)), count)
    low = max(-1.0, value - half)
    high = min(1.0, value + half)
    return Correlation(value, low, high, len(pairs), count)


def spearman(pairs: np.ndarray) -> float:
    """Spearman's rank correlation of two columns (pairs, 2); NaN when one is constant."""
    if len(pairs) < 2 or (pairs == pairs[0]).all(axis=0).any():
        return float("nan")
    return float(np.corrcoef(rankdata(pairs, axis=0), rowvar=False)[0, 1])


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
