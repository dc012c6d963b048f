"""The paper's tables of fits as jobs: its own methods at its own settings (Section 2 of its text).

Baselines fit amplitudes with MSE for a fixed number of iterations; the method goes on until every
bit is right. All use Adam at 1e-4 and the whole signal in every step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.companion.backbones import BASELINES
from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.jobs import Job
from lossless_inr_lite.training.budget import Budget

OURS = "bit-planes"
METHOD_LIMIT = 20_000
"""Iterations after which the method counts as not arriving; the paper needs 790 and 3,450."""

BASELINE_ITERATIONS = {8: 1000, 16: 5000}
"""By depth, in Table 1."""

EXPECTED_ITERATIONS = {8: 790, 16: 3450}
"""Of the method by depth, in Table 1: for estimates."""

DIGIT_ITERATIONS = {1: 1233, 2: 1288, 4: 3852}
"""Of digits of so many bits, in Table 3: for estimates."""

SIREN_ITERATIONS = 5000
"""Of the network that fits whole values, in Table 3."""

COLOUR_ITERATIONS = 1438
"""Of the formulation with colour as a coordinate, in Table 8: for estimates."""


def template(signal: str, size: int | None, hidden_features: int, seed: int = 0) -> Case:
    """The paper's method on one picture."""
    return Case(
        method=OURS,
        signal=signal,
        size=size,
        architecture=Architecture(
            formulation="bit_coordinate",
            network="siren",
            hidden_features=hidden_features,
            hidden_layers=5,
        ),
        budget=Budget(max_iterations=METHOD_LIMIT),
        seed=seed,
    )


def table1(case: Case) -> list[Job]:
    """The method, then the six baselines at the paper's iterations for the picture's depth."""
    depth = 8 if case.load().num_bits <= 8 else 16
    jobs = [Job("1", case, EXPECTED_ITERATIONS[depth])]
    iterations = BASELINE_ITERATIONS[depth]
    for name, network in BASELINES.items():
        baseline = case.varied(
            method=name, formulation="amplitude", network=network, max_iterations=iterations
        )
        jobs.append(Job("1", baseline, iterations))
    return jobs


def table1_at_equal_samples(case: Case, method_iterations: int) -> list[Job]:
    """The baselines until they have seen as many samples as the method in so many iterations."""
    iterations = method_iterations * case.load().num_bits
    jobs = []
    for name, network in BASELINES.items():
        baseline = case.varied(
            method=f"{name}, equal samples",
            formulation="amplitude",
            network=network,
            max_iterations=iterations,
        )
        jobs.append(Job("1", baseline, iterations))
    return jobs


def table3(case: Case) -> list[Job]:
    """Digits of 1, 2 and 4 bits with MSE, then whole values with MSE.

    The table's last row, the method, is the one of Table 1.
    """
    jobs = []
    for num_bits, iterations in DIGIT_ITERATIONS.items():
        digits = case.varied(method=f"n = {num_bits}", formulation=f"digits_{num_bits}", loss="mse")
        jobs.append(Job("3", digits, iterations))
    values = case.varied(
        method="n = 8", formulation="amplitude", loss="mse", max_iterations=SIREN_ITERATIONS
    )
    jobs.append(Job("3", values, SIREN_ITERATIONS))
    return jobs


def table8(case: Case) -> list[Job]:
    """Colour as one more coordinate."""
    colour = case.varied(method="(h, w, i, c)", formulation="bit_colour_coordinate")
    return [Job("8", colour, COLOUR_ITERATIONS)]


def is_deep(case: Case) -> bool:
    """Whether a picture has more than 8 bits."""
    return case.load().num_bits > 8


@dataclass(frozen=True)
class Stages:
    """The jobs of all pictures, the most valuable ones first.

    first, others: Tables 1 and 3 on the first pictures of 8 bits, and on the others. colours:
    Table 8. deep: Table 1 on pictures of more bits. Equal samples come between others and colours,
    when the method's own iterations are known: see `table1_at_equal_samples`.
    """

    first: list[Job]
    others: list[Job]
    colours: list[Job]
    deep: list[Job]


def stages(cases: Sequence[Case], num_first: int) -> Stages:
    """The jobs of these cases of the method; `num_first` pictures of 8 bits come first."""
    shallow = [case for case in cases if not is_deep(case)]
    deep = [case for case in cases if is_deep(case)]
    return Stages(
        first=_tables_1_and_3(shallow[:num_first]),
        others=_tables_1_and_3(shallow[num_first:]),
        colours=[job for case in shallow for job in table8(case)],
        deep=[job for case in deep for job in table1(case)],
    )


def _tables_1_and_3(cases: Sequence[Case]) -> list[Job]:
    return [job for case in cases for job in (*table1(case), *table3(case))]
