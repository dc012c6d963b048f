"""Tables of studies: many fits by method, each cell the mean of one figure over pictures and seeds."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.companion.plots import fit_curves
from lossless_inr_lite.companion.statistics import Interval, interval
from lossless_inr_lite.history import Entry, History

Row = Mapping[str, Any]
COLUMNS = {"psnr": ".2f", "ssim": ".4f", "rmse": ".4g", "ber": ".4f"}
CLOCK_NAMES = {"iteration": "iterations", "samples_seen": "samples seen", "seconds": "seconds"}


def by_method(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of a study by method, in the order in which methods first came: that of a record's keys is alphabetical."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.get("number", 0)):
        groups.setdefault(row["method"], []).append(row)
    return groups


def of_bits(rows: Iterable[Row], num_bits: int) -> list[Row]:
    """The rows of pictures whose samples need that many bits in whole bytes: 15 bits are among those of 16."""
    return [row for row in rows if -(-row["signal"]["num_bits"] // 8) * 8 == num_bits]


def mean_of(rows: Iterable[Row], value: Callable[[Row], float | None]) -> Interval | None:
    """Mean and interval of one figure over rows, without those that have none; None when no row has it."""
    values: dict[str, list[float]] = {}
    for row in rows:
        if (number := value(row)) is not None:
            values.setdefault(row["signal"]["sha256"], []).append(number)
    return interval(values) if values else None


def means(rows: Iterable[Row], cost: str) -> dict[str, float]:
    """Mean cost of the methods whose every fit became lossless."""
    return {
        method: interval.mean
        for method, group in by_method(rows).items()
        if all(row["lossless"] for row in group)
        and (interval := mean_of(group, lambda row: row[cost]))
    }


def quality(row: Row, clock: str) -> Mapping[str, Any] | None:
    """All metrics of one checkpoint: the best weights not beyond the reference's end; of the reference, its end."""
    return row["metrics"] if row["reference"] else row["checkpoints"].get(clock)


def quality_table(rows: Iterable[Row], clock: str) -> Markdown:
    """Table 1 at equal `clock`: means over the fits of each method; every row's figures are of the same weights."""
    lines = []
    for method, group in by_method(rows).items():
        found = [q for row in group if (q := quality(row, clock))]
        if not found:
            lines.append((method, len(group), "not reached", "", "", "", "", ""))
            continue
        exact = sum(q["ber"] == 0 for q in found)
        lines.append(
            (
                method,
                len(found),
                exact,
                *(_mean([q[name] for q in found], form) for name, form in COLUMNS.items()),
                f"{sum(row['model']['num_parameters'] for row in group) / len(group):,.0f}",
            )
        )
    head = (
        "method",
        "fits",
        "exact",
        "PSNR of the others, dB",
        "SSIM",
        "RMSE",
        "BER",
        "parameters",
    )
    return table(head, lines)


def quality_facts(rows: Iterable[Row]) -> dict[str, Any]:
    """The tables' counts and mean BER for pages to quote: bits -> method -> clock -> fits, exact, ber."""
    rows, facts = list(rows), {}
    for num_bits in (8, 16, 24, 32):
        if not of_bits(rows, num_bits):
            continue
        facts[str(num_bits)] = {
            method: {
                clock: _counts(found)
                for clock in CLOCK_NAMES
                if (found := [q for row in group if (q := quality(row, clock))])
            }
            for method, group in by_method(of_bits(rows, num_bits)).items()
        }
    return facts


def _counts(found: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    errors = [q["ber"] for q in found]
    return {"fits": len(errors), "exact": errors.count(0), "ber": sum(errors) / len(errors)}


def _mean(values: Sequence[float | None], form: str) -> str:
    """Mean of those that are finite; nothing when none is, as SSIM of pictures smaller than its window."""
    finite = [value for value in values if value is not None]
    return format(sum(finite) / len(finite), form) if finite else "-"


def arrival_table(rows: Iterable[Row]) -> Markdown:
    """What every method needed to become lossless: means and 95 % intervals over the fits that did."""
    lines = []
    for method, group in by_method(rows).items():
        arrived = [row for row in group if row["lossless"]]
        cells = [
            mean_of(arrived, lambda row, c=cost: row[c])
            for cost in ("iterations", "samples_seen", "seconds")
        ]
        texts = [
            c.text(f) if c else "-" for c, f in zip(cells, (",.0f", ",.0f", ".1f"), strict=True)
        ]
        worst = max(row["metrics"]["ber"] for row in group)
        lines.append(
            (method, f"{len(arrived)} of {len(group)}", *texts, f"{worst:.4f}" if worst else "0")
        )
    head = (
        "method",
        "certified lossless",
        "iterations",
        "samples seen",
        "seconds",
        "largest BER at the end",
    )
    return table(head, lines)


def sweep_table(table_of: Mapping[str, Mapping[float, float]], what: str = "rate") -> Markdown:
    """BER of every method at every rate of the sweep, or `what` else was swept, the best in bold."""
    rates = sorted({rate for errors in table_of.values() for rate in errors})
    lines = []
    for method, errors in table_of.items():
        best = min(errors.values())
        cells = [f"**{errors[r]:.4f}**" if errors[r] == best else f"{errors[r]:.4f}" for r in rates]
        lines.append((method, *cells))
    return table((f"BER by {what}", *(f"{rate:g}" for rate in rates)), lines)


def course(rows: Iterable[Row]) -> Figure:
    """BER and PSNR of the first picture's first seed, a line a method."""
    rows = sorted(rows, key=lambda row: row.get("number", 0))
    first = {
        row["method"]: row
        for row in rows
        if (row["signal"]["name"], row["seed"]) == (rows[0]["signal"]["name"], rows[0]["seed"])
    }
    return fit_curves(
        {m: history(row) for m, row in first.items()},
        {m: row["lossless"] for m, row in first.items()},
    )


def history(row: Row) -> History:
    """The course of a fit as the plots take it."""
    entries = [
        Entry(
            h["iteration"],
            h["samples_seen"],
            0,
            h["seconds"],
            0.0,
            0,
            h["ber"],
            h["ber_planes"],
            h["psnr"],
        )
        for h in row["history"]
    ]
    return History(entries)


def cost_text(cost: float) -> str:
    """A mean cost as tables and verdicts show it; an infinite one belongs to a method that did not always arrive."""
    return "not lossless" if math.isinf(cost) else f"{cost:,.0f}"


def heading(text: str, rows: Sequence[Row]) -> Markdown:
    """A line above a table, with the number of pictures and seeds behind it."""
    pictures, seeds = {row["signal"]["sha256"] for row in rows}, {row["seed"] for row in rows}
    return Markdown(f"**{text}** ({len(pictures)} pictures, {len(seeds)} seeds)")


def recorded_verdicts(record: Mapping[str, Any] | None) -> Markdown:
    """The verdicts of a committed record as a chapter shows its own; a line that says so where there is none."""
    if record is None:
        return Markdown("*No averages are recorded yet: run this chapter at profile cpu.*")
    head = ("Item", "Claim", "Paper", "Ours, recorded", "Tolerance", "Verdict")
    return table(
        head,
        [
            (
                *(v[field] for field in ("item", "claim", "paper", "ours", "tolerance")),
                f"**{v['verdict']}**",
            )
            for v in record["verdicts"]
        ],
    )


def where(record: Mapping[str, Any]) -> Markdown:
    """Machine, threads, date and commit of a committed record."""
    place = record["environment"]
    date = f", {place['date']}" if place.get("date") else ""
    return Markdown(
        f"*Recorded at profile {record['profile']} on {place['gpu'] or place['processor']}, "
        f"{place['cores']} cores{date}, commit {(place['git_commit'] or 'unknown')[:9]}.*"
    )
