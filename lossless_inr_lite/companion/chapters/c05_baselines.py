"""Chapter 5, notebooks/05_baselines.ipynb: Table 1 and Fig. 2, 3, 5 and 7.

The method and six baselines at equal iterations, at equal samples seen and at equal seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossless_inr_lite.companion.backbones import BASELINES, PICTURES
from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.claims import Verdict, judge, judge_own, paper_value, slug
from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.study import film, run_cases, run_groups
from lossless_inr_lite.companion.tables import (
    CLOCK_NAMES,
    by_method,
    mean_of,
    of_bits,
    qualities,
    quality,
)

OURS = "bit-planes"
METHODS = BASELINES
"""The baselines: the paper's name of each and its network here. All of them fit amplitudes."""
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
PATIENCE = 2.0
"""Times the method's seconds that baselines get to see as many samples as it saw."""
UPPER_PLANES = 5
"""Planes from the MSB down to MSB - 4, in which Fig. 2 shows errors."""
PLACES_APART = 1
"""How many places a baseline's rank may differ from the paper's."""


def cases(template: Case, rates: Mapping[str, float] | None = None) -> list[Case]:
    """The method first, then the baselines, all with the template's picture, sizes and seed.

    `rates` gives every method its own learning rate; without one it has the template's.
    """
    ours = template.varied(method=OURS, formulation="bit_coordinate", network="siren")
    found = [ours]
    for name, network in METHODS.items():
        found.append(ours.varied(method=name, formulation="amplitude", network=network))
    own = rates or {}
    return [case.varied(learning_rate=own.get(case.method, case.learning_rate)) for case in found]


def sweep(
    template: Case, samples_per_position: int, folder: Path, workers: int = 1
) -> dict[str, dict[float, float]]:
    """Bit error rates by method and learning rate, all after the same number of samples seen."""
    num_bits = template.load().num_bits
    every = []
    for case in cases(template):
        # One iteration of the method shows every bit of a position, one of a baseline its value.
        shown = num_bits if case.method == OURS else 1
        iterations = max(1, samples_per_position // shown)
        for rate in RATES:
            every.append(case.varied(learning_rate=rate, max_iterations=iterations))
    errors: dict[str, dict[float, float]] = {}
    for row in run_cases(every, folder, workers).values():
        errors.setdefault(row["method"], {})[row["learning_rate"]] = row["metrics"]["ber"]
    return errors


def compare(
    templates: Sequence[Case], rates: Mapping[str, float] | None, folder: Path, workers: int = 1
) -> dict[str, dict[str, Any]]:
    """Rows of the method on every template, and of all baselines at its cost.

    The baselines go on until they have used its iterations, samples and seconds. `rates` are as in
    `cases`.
    """
    return run_groups([cases(template, rates) for template in templates], folder, workers, PATIENCE)


def films(rows: Iterable[Row], template: Case, folder: Path) -> dict[str, Filmstrip]:
    """The films by method of the fits that `compare` made of the template's picture and seed."""
    found = {}
    for row in rows:
        case = Case.from_facts(row["case"])
        if (case.signal, case.seed) == (template.signal, template.seed):
            found[case.method] = film(case, folder)
    return found


# Verdicts ----------------------------------------------------------------------------------------


def verdicts(rows: Sequence[Row], rates: str) -> list[Verdict]:
    """Table 1's rows judged on these fits, by depth; `rates` says at which rates they were made."""
    found = []
    for num_bits, data in PICTURES.items():
        of_depth = of_bits(rows, num_bits)
        if of_depth:
            found += _Comparison(of_depth, data, rates).verdicts()
    return found


@dataclass(frozen=True)
class _Comparison:
    """The fits of pictures of one depth, made at `rates`, and the set `data` of the paper's."""

    rows: Sequence[Row]
    data: str
    rates: str

    @property
    def where(self) -> str:
        """What tells this comparison's verdicts from those of other rates and depths."""
        return f"{self.rates}, {self.rows[0]['signal']['num_bits']} bits"

    def verdicts(self) -> list[Verdict]:
        """All verdicts, or only the first: without an end of the method nothing is compared."""
        ours = self.method_ends_exact()
        if ours.verdict != "reproduced":
            return [ours]
        return [
            ours,
            *self.baselines_by_place(),
            self.wrong_upper_planes(),
            self.only_the_method_is_exact(),
            self.upper_planes_first("fig5"),
            self.upper_planes_first("fig7"),
            *(self.no_baseline_wins(clock) for clock in ("samples_seen", "seconds")),
        ]

    def method_ends_exact(self) -> Verdict:
        """Every fit of the method is certified."""
        fits = by_method(self.rows).get(OURS, [])
        exact = sum(row["lossless"] for row in fits)
        return judge(
            f"table1/{self.data}/ours",
            f"{exact} of {len(fits)} certified",
            "all",
            exact == len(fits),
            evidence=fits,
            case=f"{self.where}: the method ends at BER 0",
        )

    def baselines_by_place(self) -> list[Verdict]:
        """Each baseline has wrong bits at the method's end, and nearly the place of the paper."""
        fits = by_method(self.rows)
        means = {name: mean_of(fits.get(name, []), _ber_at_equal_iterations) for name in METHODS}
        reached = {name: mean for name, mean in means.items() if mean}
        printed = {name: self.printed_ber(name) for name in METHODS}
        place_here = _places({name: mean.mean for name, mean in reached.items()})
        place_in_paper = _places({name: float(ber) for name, ber in printed.items()})
        found = []
        for name, mean in reached.items():
            here = place_here[name]
            wanted = place_in_paper[name]
            found.append(
                judge(
                    f"table1/{self.data}/{name}",
                    f"BER {mean.mean:.4f}, place {here}",
                    f"above 0, place within {PLACES_APART}",
                    mean.mean > 0 and abs(here - wanted) <= PLACES_APART,
                    evidence=mean.count,
                    case=f"{self.rates}: {name} has wrong bits after as many iterations, "
                    f"place {wanted} of {len(METHODS)} from the worst",
                )
            )
        return found

    def wrong_upper_planes(self) -> Verdict:
        """Fig. 2: errors in the upper planes of baselines, at the method's end."""
        ends = qualities(self.baselines, "iteration")
        wrong = sum(max(end["ber_planes"][-UPPER_PLANES:]) > 0 for end in ends)
        return judge(
            "fig2",
            f"{wrong} of {len(ends)} fits",
            "all",
            wrong == len(ends),
            evidence=ends,
            case=f"{self.where}: baselines are wrong by MSB - {UPPER_PLANES - 1} or more "
            "somewhere, after as many iterations",
        )

    def only_the_method_is_exact(self) -> Verdict:
        """Fig. 3: the method ends at a bit error rate of 0, all baselines above it."""
        ends = qualities(self.baselines, "iteration")
        above = sum(end["ber"] != 0 for end in ends)
        return judge(
            "fig3",
            f"{above} of {len(ends)} above",
            "all",
            above == len(ends),
            evidence=ends,
            case=f"{self.where}: the method ends at BER 0, baselines are above it after as many "
            "iterations",
        )

    def upper_planes_first(self, figure: str) -> Verdict:
        """Fig. 5 and 7: under-fitted pictures have their upper planes right first."""
        early = [_early_planes(row) for row in self.rows if row["history"]]
        first = sum(planes[-1] < planes[0] for planes in early)
        return judge(
            figure,
            f"{first} of {len(early)} fits",
            "all",
            first == len(early),
            evidence=early,
            case=f"{self.where}: after about a third of the iterations the top plane has fewer "
            "errors than the lowest",
        )

    def no_baseline_wins(self, clock: str) -> Verdict:
        """Whether the method still wins when it is given no more samples, or seconds."""
        reached = [row for row in self.baselines if quality(row, clock)]
        exact = {row["method"] for row in reached if row["lossless"] and _is_exact(row, clock)}
        question = f"{self.where}: no baseline is lossless after as many {CLOCK_NAMES[clock]}"
        return judge_own(
            slug(question),
            question,
            ", ".join(sorted(exact)) or "none",
            "none",
            not exact,
            evidence=reached,
        )

    @property
    def baselines(self) -> list[Row]:
        """The fits that were stopped at the method's cost."""
        return [row for row in self.rows if not row["reference"]]

    def printed_ber(self, method: str) -> str:
        """The bit error rate that Table 1 prints."""
        return paper_value("table1", "ber", data=self.data, method=method)


def _ber_at_equal_iterations(row: Row) -> float | None:
    found = quality(row, "iteration")
    return found["ber"] if found else None


def _is_exact(row: Row, clock: str) -> bool:
    found = quality(row, clock)
    return found is not None and found["ber"] == 0


def _places(errors: Mapping[str, float]) -> dict[str, int]:
    """The place of each method, the one with the largest error first."""
    order = sorted(errors, key=errors.__getitem__, reverse=True)
    return {name: place for place, name in enumerate(order, start=1)}


def _early_planes(row: Row) -> list[float]:
    """Bit error rate of every plane, the least significant first, of an under-fitted picture.

    That is after a third of the iterations of the whole comparison, or of the fit if it ended
    before.
    """
    end = row["checkpoints"].get("iteration") or row["history"][-1]
    third = end["iteration"] / 3
    nearest = min(row["history"], key=lambda entry: abs(entry["iteration"] - third))
    return nearest["ber_planes"]
