"""When a measurement decides a claim: the one rule behind every verdict.

A statement is what was measured against its threshold (`Exact`, `Every`, `Range`, `Together`).
`Evidence` is what it rests on. `decide` joins both: without enough evidence no statement decides.

Decided needs at least `SIGNALS` signals and `SEEDS` seeds of each, unless the statement is exact.
Every fit has to be ended by its goal or by the budget that is compared, never by our time limit.
The settings have to be the paper's. And the interval has to exclude the threshold.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.statistics import INTERVAL_FROM, interval
from lossless_inr_lite.errors import counted

SIGNALS = 3
"""Signals that a measured statement needs."""

SEEDS = 2
"""Seeds of each signal that it needs, where something in it is random."""

TIME_LIMITS = ("max_seconds", "interrupted")
"""Ends of a fit that say nothing about the method."""

OF_THE_PAPER = {
    "Kodak": r"kodim\d\d",
    "LibriSpeech": r"\d+-\d+-\d+(_fp32)?",
}
"""The paper's sets whose signals are known by their names."""

SECONDS_AN_HOUR = 3600.0


# Evidence ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """What a statement rests on.

    data: names the signals ("Kodak, 4 pictures"). papers_data: whether they are the claim's own.
    signals: how many. seeds: the fewest of a signal; 0 where nothing is random. fits: fits or other
    measurements; 0 is no evidence. capped: how many of them our time limit ended. pixels: positions
    of the smallest signal. width: features of the narrowest network. settings: what is not the
    paper's, in words; empty where all is. seconds: what the fits took together. methods: how many
    were compared. exact: whether the statement is arithmetic, which no sample can change.
    """

    data: str = ""
    papers_data: bool = False
    signals: int = 0
    seeds: int = 0
    random: bool = True
    fits: int = 0
    capped: int = 0
    pixels: int = 0
    width: int = 0
    settings: str = ""
    seconds: float = 0.0
    methods: int = 1
    exact: bool = False

    @property
    def scale(self) -> tuple[bool, int]:
        """What ranks runs that judge the same claim: the paper's data first, then the size.

        The size is pixels x width x signals x seeds.
        """
        factors = (self.pixels, self.width, self.signals, self.seeds)
        return self.papers_data, math.prod(max(1, factor) for factor in factors)

    @property
    def facts(self) -> dict[str, Any]:
        """All fields as JSON has them."""
        return asdict(self)

    @property
    def lacks(self) -> list[str]:
        """What is missing before these runs can decide anything, in words."""
        if self.exact:
            return []
        missing = []
        if self.signals < SIGNALS:
            missing.append(f"{counted(self.signals, 'signal')} of {SIGNALS}")
        if self.random and self.seeds < SEEDS:
            missing.append(f"{counted(self.seeds, 'seed')} of {SEEDS}")
        if self.capped:
            missing.append(f"our time limit ended {self.capped} of {self.fits} fits")
        if self.settings:
            missing.append(self.settings)
        return missing

    @property
    def told(self) -> str:
        """The data and the scale in words."""
        if not self.fits:
            return ""
        if self.exact and not self.data:
            return "arithmetic"
        parts = [self.data or counted(self.signals, "signal")]
        if self.pixels:
            parts.append(f"{self.pixels:,} positions")
        if self.width:
            parts.append(f"width {self.width}")
        if self.random and not self.exact:
            parts.append(counted(self.seeds, "seed"))
        return ", ".join(parts)

    @property
    def cost(self) -> str:
        """What a run with enough signals and seeds would take at this size, in words.

        As these fits took, without what a longer limit or a lower rate adds; empty where no time is
        known.
        """
        if not self.fits or not self.seconds:
            return ""
        signals = max(SIGNALS, self.signals)
        seeds = max(SEEDS, self.seeds) if self.random else 1
        wanted = self.methods * signals * seeds
        hours = wanted * self.seconds / self.fits / SECONDS_AN_HOUR
        at_least = "at least " if self.capped or self.settings else "about "
        return (
            f"{signals} signals x {seeds} seeds at this size take {at_least}{hours:.2g} core-hours"
        )


def arithmetic(count: int = 1, data: str = "") -> Evidence:
    """Evidence of a statement that follows from definitions; `count` is how much was checked."""
    return Evidence(data=data, fits=count, random=False, exact=True)


def of_rows(
    rows: Iterable[Row], wanted: str = "", *, clock: str = "", settings: str = ""
) -> Evidence:
    """The evidence of fits, as rows of a study or a record.

    `wanted` is the set of the paper's that the claim is about. `clock` is the one at which fits are
    compared: a fit that reached that moment, or its goal, was not ended by us.
    """
    rows = list(rows)
    of_signal: dict[str, dict[str, set[int]]] = {}
    for row in rows:
        seeds = of_signal.setdefault(row["signal"]["sha256"], {})
        seeds.setdefault(row.get("method", ""), set()).add(row["seed"])
    names = {row["signal"]["sha256"]: row["signal"]["name"] for row in rows}
    data, papers = data_text(list(names.values()), wanted)
    widths = [row["model"].get("hidden_features") or 0 for row in rows]
    return Evidence(
        data=data,
        papers_data=papers,
        signals=len(of_signal),
        seeds=min((len(one) for seeds in of_signal.values() for one in seeds.values()), default=0),
        fits=len(rows),
        capped=sum(is_capped(row, clock) for row in rows),
        pixels=min((_positions(row["signal"]) for row in rows), default=0),
        width=min(widths, default=0),
        settings=settings,
        seconds=math.fsum(_seconds(row) for row in rows),
        methods=len({row.get("method", "") for row in rows}) or 1,
    )


def of_signals(
    names: Sequence[str], wanted: str = "", *, papers: bool = False, pixels: int = 0, count: int = 0
) -> Evidence:
    """Evidence without anything random: rules and codecs on signals with these names.

    `papers` says that they are the claim's own. `count` is how many there are where `names` are not
    those of single signals.
    """
    data, known = data_text(names, wanted)
    total = count or len(names)
    return Evidence(
        data=data,
        papers_data=papers or known,
        signals=total,
        random=False,
        fits=total,
        pixels=pixels,
    )


def is_capped(row: Row, clock: str = "") -> bool:
    """Whether our time limit, and neither the goal nor a compared budget, ended a fit."""
    if row["stopped"] not in TIME_LIMITS:
        return False
    return not (clock and row.get("checkpoints", {}).get(clock))


def data_text(names: Sequence[str], wanted: str = "") -> tuple[str, bool]:
    """The signals in words, and whether all are of the set `wanted`; of any of the paper's if "".

    >>> data_text(["kodim01", "kodim02"], "Kodak")
    ('Kodak, 2 signals', True)
    >>> data_text(["weld_16bit"], "TESTIMAGES")
    ('1 other signal in place of TESTIMAGES', False)
    """
    counts = Counter(set_of(name) for name in names)
    parts = [f"{name}, {counted(counts[name], 'signal')}" for name in sorted(counts) if name]
    if counts[""]:
        parts.append(counted(counts[""], "other signal"))
    papers = bool(names) and set(counts) <= ({wanted} if wanted else set(OF_THE_PAPER))
    text = " and ".join(parts)
    if names and wanted and not papers:
        text += f" in place of {wanted}"
    return text, papers


def set_of(name: str) -> str:
    """The paper's set that a signal's name belongs to, or ""."""
    for known, pattern in OF_THE_PAPER.items():
        if re.fullmatch(pattern, name):
            return known
    return ""


def other_rate(rates: Iterable[float], papers: float) -> str:
    """What to say of fits at other learning rates than the paper's; empty where there are none."""
    others = sorted({rate for rate in rates if rate != papers})
    told = ", ".join(f"{rate:g}" for rate in others)
    return f"rate {told}, the paper's is {papers:g}" if others else ""


def _positions(signal: Mapping[str, Any]) -> int:
    """Places of a signal: pixels, or samples of one channel."""
    return math.prod(signal["shape"][:-1])


def _seconds(row: Row) -> float:
    """What a fit took until its very end."""
    history = row.get("history")
    return history[-1]["seconds"] if history else row.get("seconds", 0.0)


# Statements --------------------------------------------------------------------------------------


class Statement(Protocol):
    """Something that was measured against its threshold."""

    @property
    def holds(self) -> bool | None:
        """Whether it holds; None where the interval has the threshold inside."""
        ...

    @property
    def why(self) -> str:
        """Why nothing is decided, where `holds` is None."""
        ...

    @property
    def basis(self) -> dict[str, Any]:
        """The statement as JSON, from which `holds_again` finds the same."""
        ...


@dataclass(frozen=True)
class Exact:
    """A statement without an interval: arithmetic, or a count of everything there is."""

    holds: bool
    why: str = ""

    @property
    def basis(self) -> dict[str, Any]:
        """The statement as JSON."""
        return {"exact": self.holds}


@dataclass(frozen=True)
class Open:
    """What was measured cannot answer the question; `why` says what is missing."""

    why: str
    holds: None = None

    @property
    def basis(self) -> dict[str, Any]:
        """The statement as JSON."""
        return {"open": self.why}


@dataclass(frozen=True)
class Every:
    """A statement about every fit, by signal: whether each agrees.

    It holds when all agree, and does not when none does. Some of both decide nothing: then it
    depends on the signal or the seed.
    """

    agree: Mapping[str, Sequence[bool]]

    @property
    def holds(self) -> bool | None:
        """Whether all agree; None where only some do."""
        found = {one for group in self.agree.values() for one in group}
        return found.pop() if len(found) == 1 else None

    @property
    def why(self) -> str:
        """How many agree."""
        fits = [one for group in self.agree.values() for one in group]
        return f"it is so in {sum(fits)} of {len(fits)} fits"

    @property
    def basis(self) -> dict[str, Any]:
        """The statement as JSON."""
        return {"every": {name: list(group) for name, group in self.agree.items()}}


@dataclass(frozen=True)
class Range:
    """The mean of a figure over signals lies between `low` and `high`.

    `values` are by signal, seeds side by side; an infinite one is a cost that was never paid. It
    holds when the whole 95 % interval lies inside, and does not when it lies outside. Where a value
    is infinite there is no mean: then all signals have to lie on one side, and be at least
    `INTERVAL_FROM`, as a sign test at 5 % asks.
    """

    values: Mapping[str, Sequence[float]]
    low: float = -math.inf
    high: float = math.inf

    @property
    def bounds(self) -> tuple[float, float]:
        """The 95 % interval of the mean over signals; all there is where it does not exist."""
        means = [sum(group) / len(group) for group in self.values.values() if len(group)]
        if not all(math.isfinite(mean) for mean in means):
            few = len(means) < INTERVAL_FROM
            return (-math.inf, math.inf) if few else (min(means), max(means))
        if len(means) < 2:
            return -math.inf, math.inf
        found = interval(self.values)
        return found.low, found.high

    @property
    def holds(self) -> bool | None:
        """Whether the interval lies inside; None where a threshold lies in it."""
        low, high = self.bounds
        if (math.isinf(self.low) or low > self.low) and (math.isinf(self.high) or high < self.high):
            return True
        return False if high < self.low or low > self.high else None

    @property
    def why(self) -> str:
        """The interval, or why there is none."""
        low, high = self.bounds
        if math.isinf(low) and math.isinf(high):
            return f"no interval from {counted(len(self.values), 'signal')}"
        told = f"the interval {low:.4g} to {high:.4g} has a threshold inside"
        wanted = self._signals_that_would_do()
        return (
            f"{told}; with this mean and spread about {wanted:,} signals would do"
            if wanted
            else told
        )

    def _signals_that_would_do(self) -> int:
        """Signals after which the interval would exclude the nearest threshold; 0 if untellable.

        An interval narrows with the root of their number.
        """
        low, high = self.bounds
        mean = (low + high) / 2
        distance = min(abs(mean - end) for end in (self.low, self.high))
        half = (high - low) / 2
        if not distance or not math.isfinite(half) or half / distance > 100:
            return 0
        return math.ceil(len(self.values) * (half / distance) ** 2)

    @property
    def basis(self) -> dict[str, Any]:
        """The statement as JSON, which knows no infinity: null stands for it."""
        values = {
            name: [one if math.isfinite(one) else None for one in group]
            for name, group in self.values.items()
        }
        ends = {"low": self.low, "high": self.high}
        return {
            "range": values,
            **{name: None if math.isinf(end) else end for name, end in ends.items()},
        }


@dataclass(frozen=True)
class Together:
    """Several statements that all have to hold."""

    parts: Sequence[Statement]

    @property
    def holds(self) -> bool | None:
        """True when all hold, False when one does not."""
        found = [part.holds for part in self.parts]
        if False in found:
            return False
        return None if None in found or not found else True

    @property
    def why(self) -> str:
        """The reasons of those that decide nothing."""
        return "; ".join(dict.fromkeys(part.why for part in self.parts if part.holds is None))

    @property
    def basis(self) -> dict[str, Any]:
        """The statement as JSON."""
        return {"together": [part.basis for part in self.parts]}


def holds_again(basis: Mapping[str, Any]) -> bool | None:
    """What a statement of a record says, found again from its `basis`.

    Raises KeyError for what is none.
    """
    return statement_of(basis).holds


def statement_of(basis: Mapping[str, Any]) -> Statement:
    """The statement of a record's `basis`; KeyError for what is none."""
    if "exact" in basis:
        return Exact(basis["exact"])
    if "open" in basis:
        return Open(basis["open"])
    if "every" in basis:
        return Every(basis["every"])
    if "together" in basis:
        return Together([statement_of(part) for part in basis["together"]])
    values = {
        name: [math.inf if one is None else one for one in group]
        for name, group in basis["range"].items()
    }
    low = -math.inf if basis["low"] is None else basis["low"]
    high = math.inf if basis["high"] is None else basis["high"]
    return Range(values, low, high)


def by_signal(rows: Iterable[Row], values: Iterable[Any]) -> dict[str, list[Any]]:
    """Values of rows by the name of their signal, as statements take them."""
    found: dict[str, list[Any]] = {}
    for row, value in zip(rows, values, strict=True):
        found.setdefault(row["signal"]["name"], []).append(value)
    return found


def cost_of(row: Row, cost: str) -> float:
    """What a fit took to become lossless, in `cost`; infinite where it did not."""
    return row[cost] if row["lossless"] else math.inf


def cost_ratio(
    rows: Iterable[Row],
    methods: tuple[str, str],
    cost: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
) -> Statement:
    """How many times the cost of the second method the first one takes, pair by pair.

    A pair is of the same signal and seed. Of a pair in which neither arrived nothing is known.
    """
    of_pair: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        pair = of_pair.setdefault((row["signal"]["name"], row["seed"]), {})
        pair[row["method"]] = cost_of(row, cost)
    first, second = methods
    values: dict[str, list[float]] = {}
    for (name, _), costs in of_pair.items():
        if first not in costs or second not in costs:
            continue
        if math.isinf(costs[first]) and math.isinf(costs[second]):
            continue
        ratio = math.inf if math.isinf(costs[first]) else costs[first] / costs[second]
        values.setdefault(name, []).append(ratio)
    if not values:
        return Open(f"there is no pair of {first} and {second} in which one became lossless")
    return Range(values, low, high)


def of_methods(rows: Iterable[Row], methods: Iterable[str]) -> list[Row]:
    """The rows of a comparison of these methods; none where one of them has no fit."""
    wanted = list(methods)
    kept = [row for row in rows if row["method"] in wanted]
    there = {row["method"] for row in kept}
    return kept if there >= set(wanted) else []


# The rule ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decision:
    """`holds` is None where nothing is decided, `attempted` is false without any evidence.

    `needs` says what would decide it, and at which cost where that is known.
    """

    holds: bool | None
    attempted: bool
    needs: str


def decide(statement: Statement, evidence: Evidence) -> Decision:
    """Apply the rule of this module."""
    if not evidence.fits:
        return Decision(None, False, statement.why if isinstance(statement, Open) else "")
    lacking = evidence.lacks
    if statement.holds is None:
        lacking = [*lacking, statement.why]
    if not lacking:
        return Decision(statement.holds, True, "")
    needs = "; ".join(lacking)
    cost = evidence.cost
    if cost:
        needs += f". {cost}"
    return Decision(None, True, needs)


def without_settings(evidence: Evidence) -> Evidence:
    """The same evidence for a question of ours, which has no settings of the paper's to meet."""
    return replace(evidence, settings="")
