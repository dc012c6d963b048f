"""Tables of studies: many fits by method, each cell the mean of one figure over pictures and seeds."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from IPython.display import Markdown

from lossless_inr_lite.chapter import table
from lossless_inr_lite.history import Entry, History
from lossless_inr_lite.intervals import Interval, interval

Row = Mapping[str, Any]
CLOCK_NAMES = {"iteration": "iterations", "samples_seen": "samples seen", "seconds": "seconds"}


def by_method(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of a study by method, in the order in which methods first come."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["method"], []).append(row)
    return groups


def of_bits(rows: Iterable[Row], num_bits: int) -> list[Row]:
    """The rows of pictures with that many bits."""
    return [row for row in rows if row["signal"]["num_bits"] == num_bits]


def mean_of(rows: Iterable[Row], value: Callable[[Row], float | None]) -> Interval | None:
    """Mean and interval of one figure over rows, without those that have none; None when no row has it."""
    values: dict[str, list[float]] = {}
    for row in rows:
        if (number := value(row)) is not None:
            values.setdefault(row["signal"]["name"], []).append(number)
    return interval(values) if values else None


def quality(row: Row, clock: str) -> Mapping[str, Any] | None:
    """All metrics of one checkpoint: the last weights not beyond the reference's end; of the reference, its end."""
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
        finite = [q["psnr"] for q in found if q["psnr"] is not None]
        lines.append((
            method, len(found), exact, f"{sum(finite) / len(finite):.2f}" if finite else "infinite",
            *(f"{sum(q[name] for q in found) / len(found):{form}}"
              for name, form in (("ssim", ".4f"), ("rmse", ".4g"), ("ber", ".4f"))),
            f"{sum(row['model']['num_parameters'] for row in group) / len(group):,.0f}",
        ))  # fmt: skip
    head = ("method", "fits", "exact", "PSNR of the others, dB", "SSIM", "RMSE", "BER", "parameters")
    return table(head, lines)


def arrival_table(rows: Iterable[Row]) -> Markdown:
    """What every method needed to become lossless: means and 95 % intervals over the fits that did."""
    lines = []
    for method, group in by_method(rows).items():
        arrived = [row for row in group if row["lossless"]]
        cells = [mean_of(arrived, lambda row, c=cost: row[c]) for cost in ("iterations", "samples_seen", "seconds")]
        texts = [f"{c.text(f)} +- {format(c.deviation, f)}" if c else "-"
                 for c, f in zip(cells, (",.0f", ",.0f", ".1f"), strict=True)]  # fmt: skip
        worst = max(row["metrics"]["ber"] for row in group)
        lines.append((method, f"{len(arrived)} of {len(group)}", *texts, f"{worst:.4f}" if worst else "0"))
    head = ("method", "certified lossless", "iterations", "samples seen", "seconds", "largest BER at the end")
    return table(head, lines)


def sweep_table(table_of: Mapping[str, Mapping[float, float]]) -> Markdown:
    """BER of every method at every rate of the sweep, the best in bold."""
    rates = sorted({rate for errors in table_of.values() for rate in errors})
    lines = []
    for method, errors in table_of.items():
        best = min(errors.values())
        cells = [f"**{errors[r]:.4f}**" if errors[r] == best else f"{errors[r]:.4f}" for r in rates]
        lines.append((method, *cells))
    return table(("BER by rate", *(f"{rate:g}" for rate in rates)), lines)


def history(row: Row) -> History:
    """The course of a fit as the plots take it."""
    entries = [
        Entry(h["iteration"], h["samples_seen"], 0, h["seconds"], 0.0, 0, h["ber"], h["ber_planes"], h["psnr"])
        for h in row["history"]
    ]
    return History(entries)


def where(record: Mapping[str, Any]) -> Markdown:
    """Machine, threads, date and commit of a committed record."""
    place = record["environment"]
    date = f", {place['date']}" if place.get("date") else ""
    return Markdown(
        f"*Recorded at profile {record['profile']} on {place['gpu'] or place['processor']}, "
        f"{place['cores']} cores{date}, commit {(place['git_commit'] or 'unknown')[:9]}.*"
    )
