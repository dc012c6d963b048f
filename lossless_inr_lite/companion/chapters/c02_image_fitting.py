"""Chapter 2, notebooks/02_image_fitting.ipynb: Table 1 and Fig. 1 and 3 on one picture.

One network and three formulations, compared at equal samples seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from IPython.display import Markdown

from lossless_inr_lite.companion.backbones import PICTURES
from lossless_inr_lite.companion.chapter import Chapter
from lossless_inr_lite.companion.claims import Verdict, judge, judge_own, paper_value, slug
from lossless_inr_lite.companion.evidence import Every, Evidence, Open, by_signal, of_rows
from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.plots import LABELS
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.tables import table
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.history import History
from lossless_inr_lite.signals import Signal, SignalSpec
from lossless_inr_lite.storage.certify import save
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.training.fit import fit
from lossless_inr_lite.training.recipes import parameter_budget, widest

FORMULATIONS = ("bit_coordinate", "bit_heads", "amplitude")
"""In this order: the amplitude gets as many samples as the bit coordinate used."""
SMALLEST_WIDTH = 56


@dataclass(frozen=True)
class Plan:
    """What all fits of a comparison share; the fields are as in `fit`.

    A `hidden_features` of 0 is replaced by `papers_density`.
    """

    hidden_features: int
    hidden_layers: int
    recipe: str
    seed: int
    max_iterations: int
    max_seconds: float
    device: str


@dataclass
class Comparison:
    """The fits of one picture by formulation, their films, and the files they were saved to."""

    signal: Signal
    fits: dict[str, Fit] = field(default_factory=dict)
    strips: dict[str, Filmstrip] = field(default_factory=dict)
    saved: list[tuple[Path, Fit]] = field(default_factory=list)

    @property
    def histories(self) -> dict[str, History]:
        """The course of every fit."""
        return {name: result.history for name, result in self.fits.items()}

    @property
    def lossless(self) -> dict[str, bool]:
        """Whether each fit is certified lossless."""
        return {name: result.lossless for name, result in self.fits.items()}

    def at_common_stop(self, clock: str, share: float) -> dict[str, np.ndarray]:
        """Decoded words of every formulation at the same moment, each (H, W, C).

        That is when `clock` ("iteration", "samples_seen" or "seconds") showed `share` of all that
        the bit coordinate used.
        """
        stop = share * getattr(self.fits["bit_coordinate"].history.entries[-1], clock)
        return {name: strip.at(clock, stop) for name, strip in self.strips.items()}


def compare(signal: Signal, plan: Plan, chapter: Chapter) -> Comparison:
    """Fit, certify and save the picture in all formulations; the chapter keeps their records."""
    result = Comparison(signal)
    width = plan.hidden_features or papers_density(signal.spec, plan.hidden_layers)
    for name in FORMULATIONS:
        strip = Filmstrip()
        done = fit(
            signal,
            formulation=name,
            hidden_features=width,
            hidden_layers=plan.hidden_layers,
            recipe=plan.recipe,
            seed=plan.seed,
            max_iterations=_equal_samples(result) if name == "amplitude" else plan.max_iterations,
            max_seconds=plan.max_seconds,
            device=plan.device,
            callback=strip,
        )
        path = save(done, chapter.folder / f"{signal.name}.{name}.safetensors")
        result.strips[name] = strip
        result.fits[name] = done
        result.saved.append((path, done))
        chapter.add_fit(f"{signal.name}/{name}", done, signal)
    return result


def papers_density(spec: SignalSpec, hidden_layers: int) -> int:
    """The width at which the bit coordinate has as many parameters per sample as in the paper.

    It is at least `SMALLEST_WIDTH`.
    """
    posed = get_formulation("bit_coordinate")
    width = widest(posed, spec, "siren", hidden_layers, parameter_budget(spec))
    return max(SMALLEST_WIDTH, width)


def _equal_samples(result: Comparison) -> int:
    """Iterations in which the amplitude sees as many samples as the bit coordinate saw."""
    height, width, *_ = result.signal.samples.shape
    seen = result.fits["bit_coordinate"].history.entries[-1].samples_seen
    return max(1, seen // (height * width))


def cost_table(runs: Mapping[str, Comparison]) -> Markdown:
    """What every fit cost and where it ended; all numbers of a row are of the same weights."""
    head = (
        "picture",
        "formulation",
        "certified lossless",
        "BER",
        "PSNR, dB",
        "iterations",
        "samples seen",
        "seconds",
        "FLOPs",
        "parameters",
    )
    rows = []
    for name, run in runs.items():
        for formulation, result in run.fits.items():
            rows.append((name, LABELS[formulation], *_cost_cells(result)))
    return table(head, rows)


def _cost_cells(result: Fit) -> tuple[str, ...]:
    entry = result.entry
    return (
        "yes" if result.lossless else f"no ({result.stopped})",
        f"{entry.ber:.2%}" if entry.ber else "0",
        "infinite" if entry.psnr is None else f"{entry.psnr:.1f}",
        f"{entry.iteration:,}",
        f"{entry.samples_seen:,}",
        f"{entry.seconds:.1f}",
        f"{entry.flops:.2e}",
        f"{result.num_parameters:,}",
    )


# Verdicts ----------------------------------------------------------------------------------------


def verdicts(fits: Mapping[str, Row]) -> list[Verdict]:
    """Table 1's claims about the method and about SIREN, judged on the rows of a record.

    `fits` are by the labels of `compare`, "PICTURE/FORMULATION".
    """
    runs: dict[str, dict[str, Row]] = {}
    for label, row in fits.items():
        picture, formulation = label.rsplit("/", 1)
        runs.setdefault(picture, {})[formulation] = row
    found = []
    for num_bits, data in PICTURES.items():
        of_depth = [run for run in runs.values() if num_bits == _whole_bytes(run)]
        if of_depth:
            found += _of_depth(of_depth, data)
    return found


def _whole_bytes(run: Mapping[str, Row]) -> int:
    return 8 if run["bit_coordinate"]["signal"]["num_bits"] <= 8 else 16


def _of_depth(runs: Sequence[Mapping[str, Row]], data: str) -> list[Verdict]:
    """The claims and questions about pictures of one depth, which stand for the set `data`."""
    return [
        _ends_exact(runs, data),
        _siren_at_equal_iterations(runs, data),
        _in_the_papers_iterations(runs, data),
        _siren_at_equal_samples(runs, data),
    ]


def _ends_exact(runs: Sequence[Mapping[str, Row]], data: str) -> Verdict:
    ours = [run["bit_coordinate"] for run in runs]
    told = [
        _ber(row["metrics"]["ber"]) + (", certified" if row["lossless"] else "") for row in ours
    ]
    return judge(
        f"table1/{data}/ours",
        "; ".join(told),
        "exact",
        Every(by_signal(ours, [row["lossless"] for row in ours])),
        _evidence(ours, data),
    )


def _siren_at_equal_iterations(runs: Sequence[Mapping[str, Row]], data: str) -> Verdict:
    fits = [run["amplitude"] for run in runs]
    errors = [_error_at(run["amplitude"], run["bit_coordinate"]["iterations"]) for run in runs]
    arrived = all(run["bit_coordinate"]["lossless"] for run in runs)
    wrong = Every(by_signal(fits, [error > 0 for error in errors]))
    return judge(
        f"table1/{data}/SIREN",
        "; ".join(f"BER {_ber(error)}" for error in errors),
        "above 0 after as many iterations as the bit coordinate needs",
        wrong if arrived else Open("the bit coordinate did not become lossless"),
        _evidence([*fits, *(run["bit_coordinate"] for run in runs)], data),
    )


def _in_the_papers_iterations(runs: Sequence[Mapping[str, Row]], data: str) -> Verdict:
    budget = int(paper_value("table1", "iterations", data=data, method="SIREN"))
    ours = [run["bit_coordinate"] for run in runs]
    names = ", ".join(row["signal"]["name"] for row in ours)
    within = [row["lossless"] and row["iterations"] <= budget for row in ours]
    return judge_own(
        slug(f"{names}: bit coordinate within the {budget} iterations of the baselines"),
        f"{names}: the bit coordinate is lossless within the {budget} iterations of the baselines",
        ", ".join(str(row["iterations"]) for row in ours),
        f"at most {budget}",
        Every(by_signal(ours, within)),
        _evidence(ours, data),
        paper=paper_value("table1", "iterations", data=data, method="ours"),
    )


def _siren_at_equal_samples(runs: Sequence[Mapping[str, Row]], data: str) -> Verdict:
    fits = [run["amplitude"] for run in runs]
    names = ", ".join(row["signal"]["name"] for row in fits)
    question = f"{names}: SIREN still has wrong bits after as many samples"
    return judge_own(
        slug(question),
        question,
        "; ".join(f"BER {_ber(row['metrics']['ber'])}" for row in fits),
        "above 0",
        Every(by_signal(fits, [row["wrong_bits"] > 0 for row in fits])),
        _evidence(fits, data),
    )


def _evidence(fits: Sequence[Row], data: str) -> Evidence:
    recipes = sorted({row["recipe"] for row in fits} - {"paper"})
    settings = f"recipe {', '.join(recipes)}, not the paper's" if recipes else ""
    return of_rows(fits, data, settings=settings)


def _error_at(row: Row, iteration: int) -> float:
    """The bit error rate of the last evaluation in the record that is not beyond `iteration`."""
    kept = [entry for entry in row["history"] if entry["iteration"] <= iteration]
    return kept[-1]["ber"]


def _ber(value: float) -> str:
    return "0" if value == 0 else f"{value:.4f}"
