"""Studies: many fits that differ in a few things, each kept in a file of its own, so that a stopped run goes on."""

import hashlib
import json
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from lossless_inr_lite.companion.movies import CLOCKS, Filmstrip
from lossless_inr_lite.companion.records import fit_record
from lossless_inr_lite.errors import DivergedError, InputError
from lossless_inr_lite.files import write_json
from lossless_inr_lite.history import Entry, History
from lossless_inr_lite.signals.bits import rearrange_planes
from lossless_inr_lite.signals.metrics import signal_metrics
from lossless_inr_lite.signals.signal import Signal, load_signal
from lossless_inr_lite.storage.certify import certify_models
from lossless_inr_lite.training.fit import Fit, fit
from lossless_inr_lite.training.recipes import PAPER, get_recipe, paper_at

PAPER_RATE = 1e-4
HISTORY_ROWS = 40
LEVELS = (0.01, 0)  # of a plane's BER: rows say when each was first reached
FITTING = (
    "networks/*.py",
    "formulations.py",
    "losses.py",
    "model.py",
    "signals/*.py",
    "training/*.py",
    "companion/movies.py",
    "companion/study.py",
)
KEPT_AFTER = 20.0  # seconds of fitting, at most lost when a run is stopped


@dataclass(frozen=True)
class Case:
    """One fit of a study. `method` is its name in tables; the other fields as in `fit`, but for these.

    `size` is a picture's side, None for sound. `learning_rate` is that of the recipe "paper".

    `stops` are moments by clock ("iteration", "samples_seen", "seconds") at which the quality of the best weights so
    far is noted; the fit ends once all have passed, or all but "samples_seen" after `patience` seconds. Without
    stops it ends when lossless. `planes` puts other planes in the place of the picture's own: plane i of what is
    fitted is plane ``planes[i]`` of the picture.
    """

    method: str
    signal: str
    size: int | None
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
    patience: float = math.inf
    options: Mapping[str, float] = field(default_factory=dict)
    planes: Sequence[int] = ()
    tile: int | None = None
    recipe: str = "paper"

    def load(self) -> Signal:
        """The picture that is fitted."""
        signal = load_signal(self.signal, size=self.size)
        if not self.planes:
            return signal
        return signal.spec.signal(rearrange_planes(signal.words, signal.num_bits, self.planes))

    @property
    def label(self) -> str:
        """What tells this fit from the others of its study."""
        return f"{Path(self.signal).stem}/{self.method}/{self.learning_rate:g}/{self.seed}"

    @property
    def facts(self) -> dict[str, Any]:
        """All fields as JSON has them, and a hash of the code that a fit depends on: rows of others are not reused."""
        fields = {
            name: None if value == math.inf else value for name, value in asdict(self).items()
        }
        return json.loads(json.dumps(fields | {"code": _code_hash()}))


def spread(case: Case, signals: str, seeds: int = 1, parameter: str = "signals") -> list[Case]:
    """The case for every picture among the comma-separated `signals` and every seed below `seeds`.

    Raises InputError, before any fit, when one cannot be read at the case's size, two have the same name, or the
    case has no width. `parameter` is what these errors call the pictures.
    """
    if case.hidden_features < 1:
        raise InputError(
            f"hidden_features is {case.hidden_features}: in a study allowed are whole numbers from 1"
        )
    names = [name.strip() for name in signals.split(",") if name.strip()]
    if not names:
        raise InputError(
            f"{parameter} is {signals!r}: at least one picture is needed, several are separated by commas"
        )
    loaded = [load_signal(name, size=case.size).name for name in names]
    if twice := [name for name in loaded if loaded.count(name) > 1]:
        raise InputError(
            f"{parameter} holds two pictures called {twice[0]}: tables and files go by name, so rename one"
        )
    return [replace(case, signal=name, seed=seed) for seed in range(seeds) for name in names]


class _Done(NamedTuple):
    case: Case
    signal: Signal
    fit: Fit
    strip: Filmstrip


def run_cases(cases: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Rows by label, in the order of the cases; fits whose whole row lies in `folder` are not repeated.

    `workers` processes with one thread each share the work. One worker stays in this process, with all its
    threads, and certifies short fits together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [case for case in cases if _kept(case, folder) is None]
    if workers == 1:
        _run(missing, folder)
    else:
        with ProcessPoolExecutor(
            workers, get_context("spawn"), torch.set_num_threads, (1,)
        ) as pool:
            list(pool.map(_run, [[case] for case in missing], [folder] * len(missing)))
    rows = {case.label: _kept(case, folder) for case in cases}
    return {label: row for label, row in rows.items() if row is not None}


def _row_path(case: Case, folder: Path) -> Path:
    """The label, short enough for a file's name and with nothing in it that could mean a folder."""
    safe = re.sub(r"[^\w.+-]", "_", case.label)
    return folder / f"{safe[:80]}.{hashlib.sha256(case.label.encode()).hexdigest()[:8]}.json"


def _kept(case: Case, folder: Path) -> dict[str, Any] | None:
    """The row of exactly this case, picture and code, with its frames; None when there is none or it is damaged."""
    try:
        row = json.loads(_row_path(case, folder).read_text(encoding="utf-8"))
        film(case, folder)
        same = row["case"] == case.facts
        same = same and row["signal"]["sha256"] == case.load().sha256
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
    return row if same else None


@cache
def _code_hash() -> str:
    """Of the modules that decide what a fit does."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for pattern in FITTING:
        for path in sorted(package.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _run(cases: Sequence[Case], folder: Path) -> None:
    """Fit all, and keep what is done whenever it took longer than a new process that certifies it takes to start."""
    done: list[_Done] = []
    for case in cases:
        signal, strip = case.load(), Filmstrip(case.stops, case.patience)
        result = _fit(case, signal, strip)
        if result.stopped == "interrupted":  # half a fit is no result
            _keep(done, folder)
            raise KeyboardInterrupt
        done.append(_Done(case, signal, result, strip))
        if sum(one.fit.history.entries[-1].seconds for one in done) > KEPT_AFTER:
            _keep(done, folder)
            done = []
    _keep(done, folder)


def _keep(done: Sequence[_Done], folder: Path) -> None:
    """Certify what ended without a wrong bit from its saved file, and write rows and, beside, frames as .npz."""
    exact = [one for one in done if one.fit.entry.wrong_bits == 0]
    certificates = certify_models([(one.fit, one.signal) for one in exact])
    for one, certificate in zip(exact, certificates, strict=True):
        one.fit.certificate = certificate
    for one in done:
        one.strip.save(_row_path(one.case, folder).with_suffix(".npz"))
        write_json(_row_path(one.case, folder), _row(one))


def run_groups(
    groups: Sequence[Sequence[Case]], folder: Path, workers: int = 1, patience: float = 1.0
) -> dict[str, dict[str, Any]]:
    """The first case of every group until lossless; then the others until they have used its iterations, its seconds
    and its samples; for the samples alone no more than `patience` times its seconds. Rows by label.
    """
    rows = run_cases([reference for reference, *_ in groups], folder, workers)
    others = []
    for reference, *rest in groups:
        last = rows[reference.label]["history"][-1]
        stops = {clock: last[clock] for clock in CLOCKS}
        most = 10 * last["seconds"] + 60  # for those whose steps are much slower
        limits = {
            "patience": patience * last["seconds"],
            "max_seconds": most,
            "max_iterations": 10**9,
        }
        others += [replace(case, stops=stops, **limits) for case in rest]
    return rows | run_cases(others, folder, workers)


def film(case: Case, folder: Path) -> Filmstrip:
    """The frames of a fit that `run_cases` has run."""
    return Filmstrip.load(_row_path(case, folder).with_suffix(".npz"))


def _fit(case: Case, signal: Signal, strip: Filmstrip) -> Fit:
    """Fit, without a certificate yet; a diverged fit keeps its best."""
    recipe = get_recipe(case.recipe)
    if recipe is PAPER and case.learning_rate != PAPER_RATE:
        recipe = paper_at(case.learning_rate)
    try:
        return fit(
            signal,
            case.formulation,
            case.network,
            case.hidden_features,
            case.hidden_layers,
            case.tile,
            recipe,
            case.loss,
            case.seed,
            case.max_iterations,
            case.max_seconds,
            options=dict(case.options),
            callback=strip,
            progress=False,
            certify=False,
        )
    except DivergedError as error:
        if not isinstance(error.best, Fit):
            raise
        return error.best


def _row(done: _Done) -> dict[str, Any]:
    """The fit's record, the method, the rate, and the quality at every stop that was reached."""
    case, strip = done.case, done.strip
    row = fit_record(done.fit, done.signal)
    reached = strip.best_at
    if done.fit.stopped == "lossless" and strip.best:  # and stays so
        reached = dict.fromkeys(case.stops, strip.best) | reached
    row["checkpoints"] = {clock: _quality(done.signal, *best) for clock, best in reached.items()}
    row["history"] = _short(done.fit.history)
    row["reached"] = {str(level): _reached(done.fit.history, level) for level in LEVELS}
    row["case"] = case.facts
    return {
        "method": case.method,
        "learning_rate": case.learning_rate,
        "reference": not case.stops,
        **row,
    }


def _quality(signal: Signal, entry: Entry, words: np.ndarray) -> dict[str, Any]:
    """All metrics of one evaluation's weights: one checkpoint, one row."""
    return {
        "iteration": entry.iteration,
        "samples_seen": entry.samples_seen,
        "seconds": entry.seconds,
        **signal_metrics(words, signal),
        "ber": entry.ber,
        "ber_planes": _rounded(entry.ber_planes),
    }


def _reached(history: History, level: float) -> list[int | None]:
    """The iteration at which each plane's BER was first at most `level`, least significant first; None: never."""
    below = history.column("ber_planes") <= level
    iterations = history.column("iteration")
    return [int(iterations[plane.argmax()]) if plane.any() else None for plane in below.T]


def _short(history: History) -> list[dict[str, Any]]:
    """The history's course in few rows and digits."""
    kept = ("iteration", "samples_seen", "seconds", "ber", "psnr", "ber_planes")
    return [{name: _rounded(row[name]) for name in kept} for row in history.thinned(HISTORY_ROWS)]


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
