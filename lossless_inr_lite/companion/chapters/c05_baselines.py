"""Table 1: the method and six baselines at equal iterations, at equal samples seen and at equal seconds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossless_inr_lite.companion.records import Verdict, paper_value, verdict
from lossless_inr_lite.companion.study import Case, run_cases, run_groups
from lossless_inr_lite.companion.tables import Row, mean_of, of_bits, quality
from lossless_inr_lite.signals.signal import load_signal

OURS = "bit-planes"
METHODS = {  # the paper's name -> ours; all but the method itself ask for amplitudes
    "Tanh+PE": "tanh_pe",
    "ReLU+PE": "relu_pe",
    "WIRE": "wire",
    "Gauss": "gauss",
    "SIREN": "siren",
    "FINER": "finer",
}
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
PATIENCE = 2.0  # times the method's seconds, for baselines that need longer for as many samples


def cases(template: Case, rates: Mapping[str, float] | None = None) -> list[Case]:
    """The method first, then the baselines, all with the template's picture, sizes and seed.

    `rates` gives every method its own; None is the template's for all.
    """
    ours = replace(template, method=OURS, formulation="bit_coordinate", network="siren")
    others = [
        replace(ours, method=name, formulation="amplitude", network=net)
        for name, net in METHODS.items()
    ]
    return [
        replace(case, learning_rate=(rates or {}).get(case.method, case.learning_rate))
        for case in (ours, *others)
    ]


def sweep(
    template: Case, samples_a_position: int, folder: Path, workers: int = 1
) -> dict[str, dict[float, float]]:
    """BER of every method at every rate after the same samples seen: method -> rate -> BER."""
    bits = load_signal(
        template.signal, size=template.size
    ).num_bits  # that an iteration of the method shows
    every = [
        replace(
            case,
            learning_rate=rate,
            max_iterations=max(1, samples_a_position // (bits if case.method == OURS else 1)),
        )
        for case in cases(template)
        for rate in RATES
    ]
    rows = run_cases(every, folder, workers)
    table: dict[str, dict[float, float]] = {}
    for row in rows.values():
        table.setdefault(row["method"], {})[row["learning_rate"]] = row["metrics"]["ber"]
    return table


def best_rates(table: Mapping[str, Mapping[float, float]]) -> dict[str, float]:
    """The rate with the smallest BER of every method; of equals the smaller rate."""
    return {
        method: min(errors, key=lambda rate: (errors[rate], rate))
        for method, errors in table.items()
    }


def compare(
    templates: Sequence[Case], rates: Mapping[str, float] | None, folder: Path, workers: int = 1
) -> dict[str, dict[str, Any]]:
    """The method on every template, then all baselines until they have used its iterations, samples and seconds.

    `rates` as in `cases`.
    """
    return run_groups([cases(template, rates) for template in templates], folder, workers, PATIENCE)


def verdicts(rows: Sequence[Row], rates: str) -> list[Verdict]:
    """Table 1's rows judged on these fits, by depth; `rates` says at which rates they were made."""
    result = []
    for num_bits, data in ((8, "Kodak"), (16, "TESTIMAGES")):
        if kept := of_bits(rows, num_bits):
            result.append(_ours(kept, data, rates))
            if result[-1].verdict == "reproduced":  # else there is no end to compare with
                result += [
                    *_order(kept, data, rates),
                    *_figures(kept, rates),
                    *_equal_cost(kept, rates),
                ]
    return result


def _ours(rows: Sequence[Row], data: str, rates: str) -> Verdict:
    fits = [row for row in rows if row["method"] == OURS]
    exact = sum(row["lossless"] for row in fits)
    return verdict(
        "Table 1",
        f"{rates}, {fits[0]['signal']['num_bits']} bits: the method ends at BER 0",
        paper_value("table1", "ber", data=data, method="ours"),
        f"{exact} of {len(fits)} certified",
        "all",
        exact == len(fits),
        row=f"table1/{data}/ours",
    )


def _order(rows: Sequence[Row], data: str, rates: str) -> list[Verdict]:
    """Each baseline has wrong bits when the method is done, and its place among the six is the paper's, within one."""
    printed = {
        name: float(paper_value("table1", "ber", data=data, method=name)) for name in METHODS
    }
    found = {
        name: mean_of([r for r in rows if r["method"] == name], _ber("iteration"))
        for name in METHODS
    }
    ours = {name: cell.mean for name, cell in found.items() if cell}
    places = [sorted(errors, key=errors.__getitem__, reverse=True) for errors in (printed, ours)]
    result = []
    for name, ber in ours.items():
        wanted, place = (order.index(name) + 1 for order in places)
        result.append(
            verdict(
                "Table 1",
                f"{rates}: {name} has wrong bits after as many iterations, place {wanted} of 6 from the worst",
                f"BER {printed[name]}",
                f"BER {ber:.4f}, place {place}",
                "above 0, place within 1",
                ber > 0 and abs(place - wanted) <= 1,
                row=f"table1/{data}/{name}",
            )
        )
    return result


def _figures(rows: Sequence[Row], rates: str) -> list[Verdict]:
    """What Fig. 2, 3, 5 and 7 show, in numbers: errors at the method's end, and planes of under-fitted pictures."""
    num_bits = rows[0]["signal"]["num_bits"]
    at_end = [q for row in rows if not row["reference"] and (q := quality(row, "iteration"))]
    exact, upper = (
        sum(q["ber"] == 0 for q in at_end),
        sum(max(q["ber_planes"][-5:]) > 0 for q in at_end),
    )
    early = [_early_planes(row) for row in rows if row["history"]]
    first = sum(planes[-1] < planes[0] for planes in early)
    where = f"{rates}, {num_bits} bits"
    return [
        verdict(
            "Fig. 2",
            f"{where}: baselines are wrong by MSB - 4 or more somewhere, after as many iterations",
            "all of them",
            f"{upper} of {len(at_end)} fits",
            "all",
            upper == len(at_end),
            row="fig2",
        ),
        verdict(
            "Fig. 3",
            f"{where}: the method ends at BER 0, baselines are above it after as many iterations",
            "0 against above 0",
            f"{len(at_end) - exact} of {len(at_end)} above",
            "all",
            exact == 0,
            row="fig3",
        ),
        *(
            verdict(
                figure,
                f"{where}: after about a third of the iterations the top plane has fewer errors than the "
                "lowest",
                "upper planes first",
                f"{first} of {len(early)} fits",
                "all",
                first == len(early),
                row=row,
            )
            for figure, row in (("Fig. 5", "fig5"), ("Fig. 7", "fig7"))
        ),
    ]


def _early_planes(row: Row) -> list[float]:
    """BER of every plane at a third of the iterations of the whole comparison, or of the fit if it ended before."""
    stop = (row["checkpoints"].get("iteration") or row["history"][-1])["iteration"] / 3
    return min(row["history"], key=lambda h: abs(h["iteration"] - stop))["ber_planes"]


def _equal_cost(rows: Sequence[Row], rates: str) -> list[Verdict]:
    """Whether the method still wins when it is given no more samples, or seconds, than the baselines."""
    num_bits, result = rows[0]["signal"]["num_bits"], []
    for clock, words in (("samples_seen", "samples seen"), ("seconds", "seconds")):
        quickest = {
            row["method"]
            for row in rows
            if row["lossless"]
            and not row["reference"]
            and (q := quality(row, clock))
            and not q["ber"]
        }
        result.append(
            verdict(
                "our question",
                f"{rates}, {num_bits} bits: no baseline is lossless after as many {words}",
                "not told",
                ", ".join(sorted(quickest)) or "none",
                "none",
                not quickest,
            )
        )
    return result


def _ber(clock: str) -> Callable[[Row], float | None]:
    def value(row: Row) -> float | None:
        found = quality(row, clock)
        return found["ber"] if found else None

    return value
