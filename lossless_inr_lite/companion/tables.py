"""Tables: one way to write one, and those of studies.

A study's table has a line a method, and each cell is the mean of one figure over pictures and
seeds.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.plots import fit_curves
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.statistics import Interval, interval
from lossless_inr_lite.history import Entry, History

COLUMNS = {"psnr": ".2f", "ssim": ".4f", "rmse": ".4g", "ber": ".4f"}
CLOCK_NAMES = {
    "iteration": "iterations",
    "flops": "FLOPs",
    "samples_seen": "samples seen",
    "seconds": "seconds",
}
COST_FORMS = {"iterations": ",.0f", "flops": ".2e", "samples_seen": ",.0f", "seconds": ".1f"}
BYTE = 8  # bits
COMMIT_DIGITS = 9


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """A table that Jupyter and the book render; cells are turned into text as they are.

    A column without a single cell is left out.
    """
    rows = [[str(cell) for cell in row] for row in rows]
    filled = [place for place in range(len(head)) if not rows or any(row[place] for row in rows)]
    head = [head[place] for place in filled]
    rows = [[row[place] for place in filled] for row in rows]
    lines = [_line(head), "|" + "---|" * len(head), *(_line(row) for row in rows)]
    return Markdown("\n".join(lines))


def _line(cells: Iterable[object]) -> str:
    texts = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells]
    return "| " + " | ".join(texts) + " |"


# Rows of a study ---------------------------------------------------------------------------------


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Rows in the order in which they were added; a record's keys are in that of the alphabet."""
    return sorted(rows, key=lambda row: row.get("number", 0))


def by_method(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of a study by method, in the order in which methods first came."""
    groups: dict[str, list[Row]] = {}
    for row in in_order(rows):
        groups.setdefault(row["method"], []).append(row)
    return groups


def of_bits(rows: Iterable[Row], num_bits: int) -> list[Row]:
    """The rows of pictures whose samples need that many bits in whole bytes.

    Pictures of 15 bits are among those of 16.
    """
    return [row for row in rows if -(-row["signal"]["num_bits"] // BYTE) * BYTE == num_bits]


def mean_of(rows: Iterable[Row], value: Callable[[Row], float | None]) -> Interval | None:
    """Mean and interval of one figure over the rows that have it; None when no row has it."""
    values: dict[str, list[float]] = {}
    for row in rows:
        number = value(row)
        if number is not None:
            values.setdefault(row["signal"]["sha256"], []).append(number)
    return interval(values) if values else None


def means(rows: Iterable[Row], cost: str) -> dict[str, float]:
    """Mean cost of the methods whose every fit became lossless."""
    found = {}
    for method, group in by_method(rows).items():
        mean = mean_of(group, lambda row: row[cost])
        if mean and all(row["lossless"] for row in group):
            found[method] = mean.mean
    return found


def mean_cost(rows: Iterable[Row], method: str, cost: str) -> float:
    """Mean cost of one method's fits; infinite when one did not arrive, or there is none."""
    return means(rows, cost).get(method, math.inf)


def fits_behind(rows: Iterable[Row], methods: Iterable[str]) -> int:
    """How many fits a comparison of these methods rests on: 0 when one of them has none."""
    groups = by_method(rows)
    counts = [len(groups.get(method, [])) for method in methods]
    return sum(counts) if all(counts) else 0


def quality(row: Row, clock: str) -> Mapping[str, Any] | None:
    """All metrics of one checkpoint; None where a fit did not reach it.

    That is the best weights not beyond the reference's end; of the reference, its end.
    """
    return row["metrics"] if row["reference"] else row["checkpoints"].get(clock)


def clocks_of(rows: Iterable[Row]) -> list[str]:
    """The clocks at which rows were compared; older records have none for FLOPs."""
    rows = list(rows)
    return [clock for clock in CLOCK_NAMES if any(row["checkpoints"].get(clock) for row in rows)]


def qualities(rows: Iterable[Row], clock: str) -> list[Mapping[str, Any]]:
    """`quality` of the rows that reached the checkpoint."""
    found = [quality(row, clock) for row in rows]
    return [metrics for metrics in found if metrics]


def quality_table(rows: Iterable[Row], clock: str) -> Markdown:
    """Table 1 at equal `clock`: means over the fits of each method.

    Every row's figures are of the same weights.
    """
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
    lines = []
    for method, group in by_method(rows).items():
        found = qualities(group, clock)
        if not found:
            lines.append((method, len(group), "not reached", "", "", "", "", ""))
            continue
        exact = sum(metrics["ber"] == 0 for metrics in found)
        cells = [
            _mean([metrics[name] for metrics in found], form) for name, form in COLUMNS.items()
        ]
        parameters = sum(row["model"]["num_parameters"] for row in group) / len(group)
        lines.append((method, len(found), exact, *cells, f"{parameters:,.0f}"))
    return table(head, lines)


def quality_facts(rows: Iterable[Row]) -> dict[str, Any]:
    """The tables' counts and mean BER for pages to quote.

    They stand by bits, method and clock, as "fits", "exact" and "ber". Depths without pictures and
    clocks that no fit reached are left out.
    """
    rows = list(rows)
    facts: dict[str, Any] = {}
    for num_bits in (8, 16, 24, 32):
        for method, group in by_method(of_bits(rows, num_bits)).items():
            of_method = facts.setdefault(str(num_bits), {}).setdefault(method, {})
            for clock in CLOCK_NAMES:
                found = qualities(group, clock)
                if found:
                    of_method[clock] = _counts(found)
    return facts


def _counts(found: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    errors = [metrics["ber"] for metrics in found]
    return {"fits": len(errors), "exact": errors.count(0), "ber": sum(errors) / len(errors)}


def _mean(values: Sequence[float | None], form: str) -> str:
    """Mean of those that are finite; "-" when none is, as SSIM of pictures below its window."""
    finite = [value for value in values if value is not None]
    return format(sum(finite) / len(finite), form) if finite else "-"


def arrival_table(rows: Iterable[Row]) -> Markdown:
    """What every method needed to become lossless.

    These are means and 95 % intervals over the fits that did.
    """
    head = (
        "method",
        "certified lossless",
        *CLOCK_NAMES.values(),
        "largest BER at the end",
    )
    lines = []
    for method, group in by_method(rows).items():
        arrived = [row for row in group if row["lossless"]]
        costs = []
        for cost, form in COST_FORMS.items():
            mean = mean_of(arrived, lambda row, cost=cost: row[cost])
            costs.append(mean.text(form) if mean else "-")
        worst = max(row["metrics"]["ber"] for row in group)
        share = f"{len(arrived)} of {len(group)}"
        lines.append((method, share, *costs, f"{worst:.4f}" if worst else "0"))
    return table(head, lines)


def sweep_table(table_of: Mapping[str, Mapping[float, float]], what: str = "rate") -> Markdown:
    """BER of every method at every rate of the sweep, the best in bold.

    `what` names what was swept where that is not the rate.
    """
    rates = sorted({rate for errors in table_of.values() for rate in errors})
    lines = []
    for method, errors in table_of.items():
        best = min(errors.values())
        cells = [f"**{errors[r]:.4f}**" if errors[r] == best else f"{errors[r]:.4f}" for r in rates]
        lines.append((method, *cells))
    return table((f"BER by {what}", *(f"{rate:g}" for rate in rates)), lines)


def course(rows: Iterable[Row]) -> Figure:
    """BER and PSNR of the first picture's first seed, a line a method."""
    ordered = in_order(rows)
    first = ordered[0]
    same = [
        row
        for row in ordered
        if row["signal"]["name"] == first["signal"]["name"] and row["seed"] == first["seed"]
    ]
    return fit_curves(
        {row["method"]: history(row) for row in same},
        {row["method"]: row["lossless"] for row in same},
    )


def history(row: Row) -> History:
    """The course of a fit as the plots take it; what a row leaves out is 0."""
    entries = [
        Entry(
            iteration=h["iteration"],
            samples_seen=h["samples_seen"],
            flops=h.get("flops", 0),
            seconds=h["seconds"],
            loss=0.0,
            wrong_bits=0,
            ber=h["ber"],
            ber_planes=h["ber_planes"],
            psnr=h["psnr"],
        )
        for h in row["history"]
    ]
    return History(entries)


def cost_text(cost: float) -> str:
    """A mean cost as tables and verdicts show it.

    An infinite one belongs to a method that did not always arrive.
    """
    return "not lossless" if math.isinf(cost) else f"{cost:,.0f}"


def heading(text: str, rows: Sequence[Row]) -> Markdown:
    """A line above a table, with the number of pictures and seeds behind it."""
    pictures = {row["signal"]["sha256"] for row in rows}
    seeds = {row["seed"] for row in rows}
    return Markdown(f"**{text}** ({len(pictures)} pictures, {len(seeds)} seeds)")


# Committed records -------------------------------------------------------------------------------


def recorded_verdicts(record: Mapping[str, Any] | None) -> Markdown:
    """The verdicts of a committed record as a chapter shows its own.

    Where there is none, a line that says so.
    """
    if record is None:
        return Markdown("*No averages are recorded yet: run this chapter at profile cpu.*")
    head = ("Item", "Claim", "Paper", "Ours, recorded", "Tolerance", "Verdict")
    lines = []
    for said in record["verdicts"]:
        cells = [said[field] for field in ("item", "claim", "paper", "ours", "tolerance")]
        lines.append((*cells, f"**{said['verdict']}**"))
    return table(head, lines)


def where(record: Mapping[str, Any]) -> Markdown:
    """Machine, threads, date and commit of a committed record."""
    place = record["environment"]
    date = f", {place['date']}" if place.get("date") else ""
    sources = record.get("made_by", {"one_code": True})
    mixed = ""
    if not sources["one_code"]:
        commits = ", ".join(map(_short_commit, sources["commits"]))
        mixed = f" Its rows come from different code, of the commits {commits}."
    return Markdown(
        f"*Recorded at profile {record['profile']} on {place['gpu'] or place['processor']}, "
        f"{place['cores']} cores{date}, commit {_short_commit(place['git_commit'])}.{mixed}*"
    )


def _short_commit(commit: str | None) -> str:
    """The first digits of a commit, and the "+" of a tree with changes."""
    if not commit:
        return "unknown"
    return commit[:COMMIT_DIGITS] + ("+" if commit.endswith("+") else "")
