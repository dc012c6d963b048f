"""Chapter 5, notebooks/05_baselines.ipynb: Table 1 and Fig. 2, 3, 5 and 7.

The method and six baselines at equal iterations, at equal samples seen and at equal seconds.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.companion.backbones import BASELINES, PICTURES
from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.claims import Verdict, judge, judge_own, paper_value, slug
from lossless_inr_lite.companion.evidence import (
    Every,
    Evidence,
    Range,
    Statement,
    by_signal,
    of_rows,
)
from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.statistics import interval, spearman
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
PAPERS = "paper"
"""What fits at the paper's rate are called; those of the sweep's best are "best"."""

COST_CLOCKS = ("flops", "samples_seen", "seconds")
"""Clocks of cost. FLOPs come first: they depend neither on the machine nor on its load."""


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
    """Table 1 and Fig. 2, 3, 5 and 7, judged on fits at the rates "paper" or "best".

    At the paper's rate its claims are judged; at the best rates the same are questions of ours.
    """
    comparisons = []
    for num_bits, data in PICTURES.items():
        of_depth = of_bits(rows, num_bits)
        if of_depth:
            comparisons.append(_Comparison(of_depth, data, rates))
    found = []
    for comparison in comparisons:
        found += comparison.papers() if rates == PAPERS else comparison.at_best_rates()
        found += comparison.at_equal_cost()
    if rates == PAPERS and comparisons:
        found += _figures(rows)
    return found


def _figures(rows: Sequence[Row]) -> list[Verdict]:
    """The figures show pictures of any depth, so they are judged on all fits together."""
    both = _Comparison(rows, "", PAPERS)
    return [
        both.judge_figure("fig2", both.wrong_upper_planes()),
        both.judge_figure("fig3", both.only_the_method_is_exact()),
        both.judge_figure("fig5", both.upper_planes_first()),
    ]


@dataclass(frozen=True)
class _Found:
    """What was counted, when that agrees with a claim, and the fits behind it."""

    ours: str
    tolerance: str
    statement: Statement
    evidence: Evidence


@dataclass(frozen=True)
class _Comparison:
    """The fits of some pictures, made at `rates`, and the set `data` of the paper's."""

    rows: Sequence[Row]
    data: str
    rates: str

    @property
    def where(self) -> str:
        """What tells this comparison's questions from those of other rates and depths."""
        return f"rate: {self.rates}, {self.rows[0]['signal']['num_bits']} bits"

    @property
    def ours(self) -> list[Row]:
        """The fits of the method."""
        return by_method(self.rows).get(OURS, [])

    @property
    def baselines(self) -> list[Row]:
        """The fits that were stopped at the method's cost."""
        return [row for row in self.rows if not row["reference"]]

    @property
    def arrived(self) -> bool:
        """Whether the method's every fit is exact: without its end nothing can be compared."""
        return bool(self.ours) and all(row["lossless"] for row in self.ours)

    def papers(self) -> list[Verdict]:
        """The rows of Table 1, at the paper's rate."""
        table = f"table1/{self.data}"
        found = [self.judge_figure(f"{table}/ours", self.method_ends_exact())]
        if not self.arrived:
            return found
        for name in METHODS:
            one = self.has_wrong_bits(name)
            if one:
                found.append(self.judge_figure(f"{table}/{name}", one))
        order = self.in_the_papers_order()
        return found + ([self.judge_figure(f"{table}/order", order)] if order else [])

    def at_best_rates(self) -> list[Verdict]:
        """The same as questions of ours, at each method's best rate."""
        asked = {"the method ends at BER 0": self.method_ends_exact()}
        if self.arrived:
            asked |= {
                "every baseline has wrong bits after as many iterations": (
                    self.only_the_method_is_exact()
                ),
                "baselines are wrong by MSB - 4 or more after as many iterations": (
                    self.wrong_upper_planes()
                ),
                "the top plane comes before the lowest in every fit": self.upper_planes_first(),
                "the baselines come in the paper's order": self.in_the_papers_order(),
            }
        return [self.answer(question, one) for question, one in asked.items() if one]

    def at_equal_cost(self) -> list[Verdict]:
        """Whether the method still wins at equal FLOPs, the first clock for cost, and others."""
        if not self.arrived:
            return []
        return [self.no_baseline_wins(clock) for clock in COST_CLOCKS]

    @staticmethod
    def judge_figure(claim_id: str, found: _Found) -> Verdict:
        """The paper's claim, judged by what was found."""
        return judge(claim_id, found.ours, found.tolerance, found.statement, found.evidence)

    def answer(self, question: str, found: _Found) -> Verdict:
        """A question of ours, answered by what was found."""
        asked = f"{self.where}: {question}"
        return judge_own(
            slug(asked), asked, found.ours, found.tolerance, found.statement, found.evidence
        )

    def method_ends_exact(self) -> _Found:
        """Every fit of the method is certified."""
        exact = [row["lossless"] for row in self.ours]
        return _Found(
            f"{sum(exact)} of {len(exact)} certified",
            "all",
            Every(by_signal(self.ours, exact)),
            of_rows(self.ours, self.data),
        )

    def has_wrong_bits(self, name: str) -> _Found | None:
        """A baseline has wrong bits at the method's end; None where no fit of it came that far."""
        fits = by_method(self.rows).get(name, [])
        reached = [row for row in fits if quality(row, "iteration")]
        if not reached:
            return None
        mean = mean_of(reached, _ber_at_equal_iterations)
        errors = [end["ber"] for end in qualities(reached, "iteration")]
        return _Found(
            f"BER {mean.mean if mean else 0:.4f}",
            "above 0 after as many iterations as the method needs",
            Every(by_signal(reached, [error > 0 for error in errors])),
            of_rows([*self.ours, *fits], self.data, clock="iteration"),
        )

    def in_the_papers_order(self) -> _Found | None:
        """The rank correlation of the baselines' errors with the printed ones, by picture."""
        printed = {
            name: float(paper_value("table1", "ber", data=self.data, method=name))
            for name in METHODS
        }
        values = order_of_methods(self.baselines, printed)
        if not values:
            return None
        found = interval(values)
        return _Found(
            f"rank correlation {found.text('.2f')}",
            "rank correlation with the printed order above 0",
            Range(values, low=0),
            of_rows(self.rows, self.data, clock="iteration"),
        )

    def wrong_upper_planes(self) -> _Found:
        """Fig. 2: errors in the upper planes of baselines, at the method's end."""
        return self._at_the_methods_end(
            lambda end: max(end["ber_planes"][-UPPER_PLANES:]) > 0,
            "fits",
            f"all are wrong by MSB - {UPPER_PLANES - 1} or more somewhere, after as many "
            "iterations as the method needs",
        )

    def only_the_method_is_exact(self) -> _Found:
        """Fig. 3: the method ends at a bit error rate of 0, all baselines above it."""
        return self._at_the_methods_end(
            lambda end: end["ber"] != 0,
            "above",
            "all above BER 0 after as many iterations as the method needs",
        )

    def _at_the_methods_end(
        self, agrees: Callable[[Mapping[str, Any]], bool], counted: str, tolerance: str
    ) -> _Found:
        reached = [row for row in self.baselines if quality(row, "iteration")]
        agree = [agrees(end) for end in qualities(reached, "iteration")]
        evidence = of_rows(self.rows, self.data, clock="iteration")
        return _Found(
            f"{sum(agree)} of {len(agree)} {counted}",
            tolerance,
            Every(by_signal(reached, agree)),
            evidence if reached and self.arrived else replace(evidence, fits=0),
        )

    def upper_planes_first(self) -> _Found:
        """Fig. 5 and 7: under-fitted pictures have their upper planes right first."""
        kept = [row for row in self.rows if row["history"]]
        early = [_early_planes(row) for row in kept]
        first = [planes[-1] < planes[0] for planes in early]
        return _Found(
            f"{sum(first)} of {len(first)} fits",
            "all: after about a third of the iterations the top plane has fewer errors than the "
            "lowest",
            Every(by_signal(kept, first)),
            of_rows(kept, self.data, clock="iteration"),
        )

    def no_baseline_wins(self, clock: str) -> Verdict:
        """Whether the method still wins when it is given no more of another cost."""
        reached = [row for row in self.baselines if quality(row, clock)]
        exact = [row["lossless"] and _is_exact(row, clock) for row in reached]
        names = {row["method"] for row, one in zip(reached, exact, strict=True) if one}
        evidence = of_rows(self.rows, self.data, clock=clock)
        return self.answer(
            f"no baseline is lossless after as many {CLOCK_NAMES[clock]}",
            _Found(
                ", ".join(sorted(names)) or "none",
                "none",
                Every(by_signal(reached, [not one for one in exact])),
                evidence if reached else replace(evidence, fits=0),
            ),
        )


def order_of_methods(rows: Iterable[Row], printed: Mapping[str, float]) -> dict[str, list[float]]:
    """By picture and seed, the rank correlation of errors after equal iterations and `printed`.

    Pictures on which a method did not come that far, or all have equal errors, are left out.
    """
    errors: dict[tuple[str, int], dict[str, float]] = {}
    for row in rows:
        error = _ber_at_equal_iterations(row)
        if error is not None and row["method"] in printed:
            errors.setdefault((row["signal"]["name"], row["seed"]), {})[row["method"]] = error
    found: dict[str, list[float]] = {}
    for (name, _), of_method in errors.items():
        if len(of_method) < len(printed):
            continue
        pairs = np.array([(printed[method], of_method[method]) for method in printed])
        value = spearman(pairs)
        if not math.isnan(value):
            found.setdefault(name, []).append(value)
    return found


def _ber_at_equal_iterations(row: Row) -> float | None:
    found = quality(row, "iteration")
    return found["ber"] if found else None


def _is_exact(row: Row, clock: str) -> bool:
    found = quality(row, clock)
    return found is not None and found["ber"] == 0


def _early_planes(row: Row) -> list[float]:
    """Bit error rate of every plane, the least significant first, of an under-fitted picture.

    That is after a third of the iterations of the whole comparison, or of the fit if it ended
    before.
    """
    end = row["checkpoints"].get("iteration") or row["history"][-1]
    third = end["iteration"] / 3
    nearest = min(row["history"], key=lambda entry: abs(entry["iteration"] - third))
    return nearest["ber_planes"]
