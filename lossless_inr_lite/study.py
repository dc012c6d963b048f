"""Studies: many fits that differ in a few things, each kept in a file of its own, so that a stopped run goes on."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from lossless_inr_lite.atomic import write_json
from lossless_inr_lite.certify import certify_model
from lossless_inr_lite.errors import DivergedError
from lossless_inr_lite.fitting import Fit, fit
from lossless_inr_lite.history import History
from lossless_inr_lite.metrics import image_metrics, plane_error_rates
from lossless_inr_lite.movies import CLOCKS, Filmstrip
from lossless_inr_lite.recipes import PAPER, paper_at
from lossless_inr_lite.records import fit_record
from lossless_inr_lite.signals import Signal, load_signal

PAPER_RATE = 1e-4
HISTORY_ROWS = 40


@dataclass(frozen=True)
class Case:
    """One fit of a study by the paper's recipe. `method` is its name in tables; the other fields as in `fit`.

    `stops` are moments by clock ("iteration", "samples_seen", "seconds") at which quality is noted; the fit ends
    once all have passed. Without stops it ends when lossless.
    """

    method: str
    signal: str
    size: int
    formulation: str
    network: str = "siren"
    hidden_features: int = 64
    hidden_layers: int = 5
    loss: str | None = None
    learning_rate: float = PAPER_RATE
    seed: int = 0
    max_iterations: int = 20_000
    max_seconds: float = 600.0
    stops: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What tells this fit from the others of its study."""
        return f"{Path(self.signal).stem}/{self.method}/{self.learning_rate:g}/{self.seed}"


def run_cases(cases: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Rows by label, in the order of the cases; fits whose row lies in `folder` are not repeated.

    `workers` processes with one thread each share the work; one worker stays in this process with all its threads.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if workers == 1:
        return {case.label: run_case(case, folder) for case in cases}
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        rows = list(pool.map(run_case, cases, [folder] * len(cases)))
    return {case.label: row for case, row in zip(cases, rows, strict=True)}


def run_case(case: Case, folder: Path) -> dict[str, Any]:
    """The row of one fit, from its file in `folder` or from a run; its frames lie beside as .npz."""
    path = folder / (case.label.replace("/", "~").replace(" ", "_") + ".json")
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    signal = load_signal(case.signal, size=case.size)
    strip = Filmstrip(case.stops)
    row = _row(case, signal, _fit(case, signal, strip), strip)
    strip.save(path.with_suffix(".npz"))
    write_json(path, row)
    return row


def run_groups(
    groups: Sequence[Sequence[Case]], folder: Path, workers: int = 1, patience: float = 1.0
) -> dict[str, dict[str, Any]]:
    """The first case of every group until lossless; then the others until they have used its iterations, samples and
    seconds, or `patience` times its seconds. Rows by label.
    """
    rows = run_cases([reference for reference, *_ in groups], folder, workers)
    others = []
    for reference, *rest in groups:
        last = rows[reference.label]["history"][-1]
        stops = {clock: last[clock] for clock in CLOCKS}
        others += [replace(case, stops=stops, max_seconds=patience * last["seconds"] + 1) for case in rest]
    return rows | run_cases(others, folder, workers)


def film(case: Case, folder: Path) -> Filmstrip:
    """The frames of a fit that `run_case` has run."""
    return Filmstrip.load(folder / (case.label.replace("/", "~").replace(" ", "_") + ".npz"))


def _fit(case: Case, signal: Signal, strip: Filmstrip) -> Fit:
    """Fit, and certify from the saved file what ended without a wrong bit; a diverged fit keeps its best."""
    recipe = PAPER if case.learning_rate == PAPER_RATE else paper_at(case.learning_rate)
    try:
        done = fit(
            signal, case.formulation, case.network, case.hidden_features, case.hidden_layers, None, recipe, case.loss,
            case.seed, case.max_iterations, case.max_seconds, options=dict(case.options), callback=strip,
            progress=False, certify=False,
        )  # fmt: skip
    except DivergedError as error:
        if not isinstance(error.best, Fit):
            raise
        done = error.best
    if done.entry.wrong_bits == 0:
        done.certificate = certify_model(done, signal)
    return done


def _row(case: Case, signal: Signal, done: Fit, strip: Filmstrip) -> dict[str, Any]:
    """The fit's record, the method, the rate, and the quality at every stop that was reached."""
    row = fit_record(done, signal)
    reached = done.history.entries[-1]
    ended = done.stopped == "lossless"
    row["checkpoints"] = {
        clock: _quality(signal, done.history, strip, clock, stop)
        for clock, stop in case.stops.items()
        if ended or getattr(reached, clock) >= stop
    }
    row["history"] = _short(done.history)
    return {"method": case.method, "learning_rate": case.learning_rate, "reference": not case.stops, **row}


def _quality(signal: Signal, history: History, strip: Filmstrip, clock: str, stop: float) -> dict[str, Any]:
    """All metrics of the last weights that were evaluated not beyond `stop`: one checkpoint, one row."""
    index = strip.index(clock, stop)
    words, entry = strip.words[index], strip.entries[index]
    metrics = image_metrics(words, signal.words, signal.num_bits) if signal.sample_rate is None else {}
    planes = plane_error_rates(words, signal.words, signal.num_bits)
    return {
        "iteration": entry.iteration, "samples_seen": entry.samples_seen, "seconds": entry.seconds,
        **{name: value if abs(value) < float("inf") else None for name, value in metrics.items()},
        "ber": float(planes.mean()), "ber_planes": [round(float(p), 6) for p in planes],
    }  # fmt: skip


def _short(history: History) -> list[dict[str, Any]]:
    """The history's course in few rows and digits."""
    kept = ("iteration", "samples_seen", "seconds", "ber", "psnr", "ber_planes")
    return [{name: _rounded(row[name]) for name in kept} for row in history.thinned(HISTORY_ROWS)]


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
