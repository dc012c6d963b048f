"""Studies: many fits that differ in a few things, each kept in a file of its own.

A run that was stopped goes on where it was. Rows are kept by `rows.RowCache`, and beside each row
the frames of its fit, for movies and for questions about its course.
"""

import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lossless_inr_lite.companion.case import PAPER_RATE, Case
from lossless_inr_lite.companion.filmstrip import CLOCKS, Filmstrip
from lossless_inr_lite.companion.rows import RowCache, fit_record
from lossless_inr_lite.errors import DivergedError, InputError
from lossless_inr_lite.history import Entry, History
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.metrics import signal_metrics
from lossless_inr_lite.storage.certify import certify_models
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.training.fit import fit
from lossless_inr_lite.training.recipes import PAPER, get_recipe, paper_at

HISTORY_ROWS = 40
LEVELS = (0.01, 0)  # of a plane's BER: rows say when each was first reached
KEPT_AFTER = 20.0  # seconds of fitting, at most lost when a run is stopped
SLOWER = 10  # times the reference's seconds (and some more): what a slower method may take at most
SOME_SECONDS = 60.0


# Running -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Done:
    """A fit that has ended, on the way to its row."""

    case: Case
    signal: Signal
    fit: Fit
    strip: Filmstrip
    seconds: float


def cache_in(folder: Path) -> RowCache:
    """The rows of fits in a folder; all that this module reaches decides them."""
    return RowCache(folder, (__name__,))


def run_cases(cases: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Rows by label, in the order of the cases; what `folder` has already is not fitted again.

    `workers` processes with one thread each share the work. One worker stays in this process, with
    all its threads, and certifies short fits together. Raises InputError, before any fit, for a row
    that is there but cannot be read (see `RowCache.read`).
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows_of = cache_in(folder)
    missing = [case for case in cases if not _is_whole(case, rows_of)]
    if workers == 1:
        _run(missing, folder)
    elif missing:
        with ProcessPoolExecutor(
            workers, get_context("spawn"), torch.set_num_threads, (1,)
        ) as pool:
            list(pool.map(_run, [[case] for case in missing], [folder] * len(missing)))
    rows = {}
    for case in cases:
        row = rows_of.read(case.key)
        if row is None:
            raise InputError(f"the row {rows_of.path(case.key)} was removed while the study ran")
        rows[case.label] = row
    return rows


def run_groups(
    groups: Sequence[Sequence[Case]], folder: Path, workers: int = 1, patience: float = 1.0
) -> dict[str, dict[str, Any]]:
    """The first case of every group until lossless, then the others at its cost. Rows by label.

    The others go on until they have used its iterations, FLOPs, samples and seconds; for FLOPs and
    samples alone no more than `patience` times its seconds.
    """
    rows = run_cases([reference for reference, *_ in groups], folder, workers)
    others = []
    for reference, *rest in groups:
        last = rows[reference.label]["history"][-1]
        for case in rest:
            others.append(
                case.varied(
                    stops={clock: last[clock] for clock in CLOCKS},
                    patience=patience * last["seconds"],
                    max_seconds=SLOWER * last["seconds"] + SOME_SECONDS,
                    max_iterations=10**9,
                )
            )
    return rows | run_cases(others, folder, workers)


def film(case: Case, folder: Path) -> Filmstrip:
    """The frames of a fit that `run_cases` has run. Raises InputError where there are none."""
    path = _frames_path(case, cache_in(folder))
    try:
        return Filmstrip.load(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"the frames {path} of {case.label} cannot be read: {error}") from error


def _frames_path(case: Case, rows_of: RowCache) -> Path:
    return rows_of.path(case.key).with_suffix(".npz")


def _is_whole(case: Case, rows_of: RowCache) -> bool:
    """Whether a case's row and frames are there.

    Frames are written before their row: a row without them was robbed of them, and is made again.
    """
    if rows_of.read(case.key) is None:
        return False
    if _frames_path(case, rows_of).is_file():
        return True
    rows_of.discard(case.key)
    return False


def _run(cases: Sequence[Case], folder: Path) -> None:
    """Fit all, and keep what is done as soon as it would be a pity to lose it.

    That is when it took longer than a new process that certifies it takes to start.
    """
    done: list[_Done] = []
    for case in cases:
        one = _fit(case)
        if one.fit.stopped == "interrupted":  # half a fit is no result
            _keep(done, folder)
            raise KeyboardInterrupt
        done.append(one)
        if sum(one.seconds for one in done) > KEPT_AFTER:
            _keep(done, folder)
            done = []
    _keep(done, folder)


def _keep(done: Sequence[_Done], folder: Path) -> None:
    """Certify from its saved file what ended without a wrong bit; write frames, then rows."""
    if not done:
        return
    exact = [one for one in done if one.fit.entry.wrong_bits == 0]
    started = time.perf_counter()
    certificates = certify_models([(one.fit, one.signal) for one in exact])
    certifying = time.perf_counter() - started
    for one, certificate in zip(exact, certificates, strict=True):
        one.fit.certificate = certificate
    rows_of = cache_in(folder)
    for one in done:
        seconds = one.seconds
        if one.fit.entry.wrong_bits == 0:
            seconds += certifying / len(exact)
        one.strip.save(_frames_path(one.case, rows_of))
        rows_of.write(one.case.key, _row(one), seconds, one.fit.device)


def _fit(case: Case) -> _Done:
    """Fit, without a certificate yet; a diverged fit keeps its best."""
    signal = case.load()
    strip = Filmstrip(case.stops, case.patience)
    recipe = get_recipe(case.recipe)
    if recipe is PAPER and case.learning_rate != PAPER_RATE:
        recipe = paper_at(case.learning_rate)
    started = time.perf_counter()
    try:
        found = fit(
            signal,
            case.architecture,
            recipe,
            case.budget,
            seed=case.seed,
            callback=strip,
            progress=False,
            certify=False,
        )
    except DivergedError as error:
        if not isinstance(error.best, Fit):
            raise
        found = error.best
    return _Done(case, signal, found, strip, time.perf_counter() - started)


# Rows --------------------------------------------------------------------------------------------


def _row(done: _Done) -> dict[str, Any]:
    """The fit's record, the method, the rate, and the quality at every stop that was reached."""
    case = done.case
    strip = done.strip
    reached = dict(strip.best_at)
    if done.fit.stopped == "lossless" and strip.best:
        # It stays so: the moments that it did not live to see would show the same.
        reached = dict.fromkeys(case.stops, strip.best) | reached
    checkpoints = {clock: _quality(done.signal, *best) for clock, best in reached.items()}
    return {
        "method": case.method,
        "learning_rate": case.learning_rate,
        "reference": not case.stops,
        **fit_record(done.fit, done.signal),
        "checkpoints": checkpoints,
        "history": _short(done.fit.history),
        "reached": {str(level): _reached(done.fit.history, level) for level in LEVELS},
        "case": case.facts,
    }


def _quality(signal: Signal, entry: Entry, words: np.ndarray) -> dict[str, Any]:
    """All metrics of one evaluation's weights: one checkpoint, one row."""
    return {
        "iteration": entry.iteration,
        "samples_seen": entry.samples_seen,
        "flops": entry.flops,
        "seconds": entry.seconds,
        **signal_metrics(words, signal),
        "ber": entry.ber,
        "ber_planes": _rounded(entry.ber_planes),
    }


def _reached(history: History, level: float) -> list[int | None]:
    """The iteration at which each plane's BER was first at most `level`; None where it never was.

    The least significant plane comes first.
    """
    below = history.column("ber_planes") <= level
    iterations = history.column("iteration")
    return [int(iterations[plane.argmax()]) if plane.any() else None for plane in below.T]


def _short(history: History) -> list[dict[str, Any]]:
    """The history's course in few rows and digits."""
    kept = ("iteration", "flops", "samples_seen", "seconds", "ber", "psnr", "ber_planes")
    return [{name: _rounded(row[name]) for name in kept} for row in history.thinned(HISTORY_ROWS)]


def _rounded(value: Any) -> Any:
    """Floats, and those in a list, to five digits."""
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
