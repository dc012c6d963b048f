"""The comparison of chapter 2: one picture, one network, three formulations, at equal samples seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import Markdown

from lossless_inr_lite.companion.chapter import Chapter, table
from lossless_inr_lite.companion.movies import Filmstrip
from lossless_inr_lite.companion.plots import LABELS
from lossless_inr_lite.companion.records import Verdict, paper_value, verdict
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.history import History
from lossless_inr_lite.signals.signal import Signal, SignalSpec
from lossless_inr_lite.storage.certify import save
from lossless_inr_lite.training.fit import Fit, fit
from lossless_inr_lite.training.recipes import parameter_budget, widest

BITS = ("bit_coordinate", "bit_heads")
FORMULATIONS = (*BITS, "amplitude")


@dataclass(frozen=True)
class Plan:
    """What all fits of a comparison share; see `fit` for the fields. A width of 0 is chosen by `papers_density`."""

    hidden_features: int
    hidden_layers: int
    recipe: str
    seed: int
    max_iterations: int
    max_seconds: float
    device: str


@dataclass
class Comparison:
    """The fits of one picture by formulation, with their films and the files they were saved to."""

    signal: Signal
    fits: dict[str, Fit] = field(default_factory=dict)
    strips: dict[str, Filmstrip] = field(default_factory=dict)
    saved: list[tuple[Path, Fit]] = field(default_factory=list)

    @property
    def histories(self) -> dict[str, History]:
        return {name: result.history for name, result in self.fits.items()}

    @property
    def lossless(self) -> dict[str, bool]:
        return {name: result.lossless for name, result in self.fits.items()}

    def at_common_stop(self, clock: str, share: float) -> dict[str, np.ndarray]:
        """Decoded words of every formulation when `clock` showed `share` of what the bit coordinate used in all."""
        stop = share * getattr(self.fits["bit_coordinate"].history.entries[-1], clock)
        return {name: strip.at(clock, stop) for name, strip in self.strips.items()}


def compare(signal: Signal, plan: Plan, chapter: Chapter) -> Comparison:
    """Fit, certify and save all formulations; the amplitude gets the samples that the bit coordinate used."""
    result = Comparison(signal)
    for name in FORMULATIONS:
        width = plan.hidden_features or papers_density(signal.spec, plan.hidden_layers)
        settings: dict[str, Any] = (
            vars(plan)
            | {"hidden_features": width}
            | ({"max_iterations": _equal_samples(result)} if name == "amplitude" else {})
        )
        strip = result.strips[name] = Filmstrip()
        done = result.fits[name] = fit(signal, name, callback=strip, **settings)
        path = save(done, chapter.folder / f"{signal.name}.{name}.safetensors")
        result.saved.append((path, done))
        chapter.add_fit(f"{signal.name}/{name}", done, signal)
    return result


def papers_density(spec: SignalSpec, hidden_layers: int) -> int:
    """The width at which the bit coordinate has as many parameters a sample as the paper's network; at least 56."""
    return max(
        56,
        widest(
            get_formulation("bit_coordinate"), spec, "siren", hidden_layers, parameter_budget(spec)
        ),
    )


def _equal_samples(result: Comparison) -> int:
    positions = result.signal.samples.shape[0] * result.signal.samples.shape[1]
    return max(1, result.fits["bit_coordinate"].history.entries[-1].samples_seen // positions)


def cost_table(runs: Mapping[str, Comparison]) -> Markdown:
    """What every fit cost and where it ended; all figures of a row are of the same weights."""
    rows = [
        (
            name,
            LABELS[formulation],
            "yes" if result.lossless else f"no ({result.stopped})",
            f"{entry.ber:.2%}" if entry.ber else "0",
            "infinite" if entry.psnr is None else f"{entry.psnr:.1f}",
            f"{entry.iteration:,}",
            f"{entry.samples_seen:,}",
            f"{entry.seconds:.1f}",
            f"{entry.flops:.2e}",
            f"{result.num_parameters:,}",
        )
        for name, run in runs.items()
        for formulation, result in run.fits.items()
        for entry in [result.entry]
    ]
    head = (
        "picture",
        "formulation",
        "certified lossless",
        "BER",
        "PSNR, dB",
        "iterations",
        "samples seen",
        "seconds",
    )
    return table((*head, "FLOPs", "parameters"), rows)


def paper_rows(runs: Mapping[str, Comparison]) -> list[Verdict]:
    """Table 1's claims about the method and about SIREN, judged on each picture."""
    return [row for run in runs.values() for row in _rows_of(run)]


def _rows_of(run: Comparison) -> list[Verdict]:
    data = "Kodak" if run.signal.num_bits <= 8 else "TESTIMAGES"
    budget = int(paper_value("table1", "iterations", data=data, method="SIREN"))
    ours, amplitude = run.fits["bit_coordinate"], run.fits["amplitude"].history
    name, arrived = run.signal.name, ours.entry.iteration
    iterations = amplitude.column("iteration")
    same_iterations = amplitude.entries[int(np.searchsorted(iterations, arrived, side="right")) - 1]
    bits_win = run.fits["bit_heads"].lossless and ours.lossless
    siren_ber = paper_value("table1", "ber", data=data, method="SIREN")
    return [
        verdict(
            "Table 1",
            f"{name}: bit formulations end at BER 0",
            paper_value("table1", "ber", data=data, method="ours"),
            _ber(ours.entry.ber) + (", certified" if ours.lossless else ""),
            "exact",
            bits_win,
            row=f"table1/{data}/ours",
        ),
        verdict(
            "Table 1",
            f"{name}: bit coordinate is lossless within the {budget} iterations of the baselines",
            paper_value("table1", "iterations", data=data, method="ours"),
            arrived,
            f"at most {budget}",
            ours.lossless and arrived <= budget,
            row=f"table1/{data}/ours",
        ),
        verdict(
            "Table 1",
            f"{name}: SIREN has wrong bits after as many iterations",
            f"BER {siren_ber}",
            f"BER {_ber(same_iterations.ber)}",
            "above 0",
            ours.lossless and same_iterations.wrong_bits > 0,
            row=f"table1/{data}/SIREN",
        ),
        verdict(
            "Fig. 3",
            f"{name}: SIREN still has wrong bits after as many samples",
            "not told",
            f"BER {_ber(run.fits['amplitude'].entry.ber)}",
            "above 0",
            run.fits["amplitude"].entry.wrong_bits > 0,
        ),
    ]


def _ber(value: float) -> str:
    return "0" if value == 0 else f"{value:.4f}"
