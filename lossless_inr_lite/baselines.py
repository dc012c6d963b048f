"""Table 1: the method and six baselines at equal iterations, at equal samples seen and at equal seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossless_inr_lite.study import PAPER_RATE, Case, run_cases, run_groups

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
PATIENCE = 1.25  # times the method's seconds, for baselines that need longer for as many samples
Row = dict[str, Any]


def cases(template: Case) -> list[Case]:
    """The method first, then the baselines, all with the template's picture, sizes, rate and seed."""
    ours = replace(template, method=OURS, formulation="bit_coordinate", network="siren")
    return [ours] + [
        replace(template, method=name, formulation="amplitude", network=network) for name, network in METHODS.items()
    ]


def sweep(template: Case, samples_a_position: int, folder: Path, workers: int = 1) -> dict[str, dict[float, float]]:
    """BER of every method at every rate after the same samples seen: method -> rate -> BER."""
    every = [
        replace(case, learning_rate=rate, max_iterations=max(1, samples_a_position // _samples(case)))
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
    return {method: min(errors, key=lambda rate: (errors[rate], rate)) for method, errors in table.items()}


def compare(
    templates: Sequence[Case], rates: Mapping[str, float] | None, folder: Path, workers: int = 1
) -> dict[str, Row]:
    """The method on every template, then all baselines until they have used its iterations, samples and seconds.

    `rates` gives every method its own; None is the paper's for all.
    """
    groups = [
        [replace(case, learning_rate=rates[case.method] if rates else PAPER_RATE) for case in cases(template)]
        for template in templates
    ]
    return run_groups(groups, folder, workers, PATIENCE)


def _samples(case: Case) -> int:
    """Samples that one iteration shows of every position; all pictures of the sweep have 8 bits."""
    return 8 if case.formulation == "bit_coordinate" else 1
