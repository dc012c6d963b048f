"""Sweeps: one fit of a table at a time, for machines that may take the work away at any moment.

A fit that had to end early keeps its state beside the rows, and the next run of the same job goes
on from there, bit for bit.
"""

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lossless_inr_lite.companion.case import PAPER_RATE, Case
from lossless_inr_lite.companion.jobs import Job, rows_in
from lossless_inr_lite.companion.records import environment
from lossless_inr_lite.companion.rows import fit_record
from lossless_inr_lite.errors import DivergedError
from lossless_inr_lite.model import build_shape
from lossless_inr_lite.networks.registry import flops_per_sample
from lossless_inr_lite.storage.certify import certify_model
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.training.fit import fit, forget_parts
from lossless_inr_lite.training.recipes import Recipe, get_recipe, paper_at
from lossless_inr_lite.training.run import FORWARD_AND_BACKWARD

PARTS = "unfinished"
"""The folder, beside the rows, of the states of fits that had to end early."""

GEMM_SIDE = 4096
GEMM_REPEATS = 20


def run_job(
    job: Job, folder: Path, device: str = "auto", max_seconds: float = math.inf
) -> dict[str, Any] | None:
    """The row of a job: the one that is there, or a new one.

    None when the fit has not ended within `max_seconds`: then its state is kept. Raises InputError
    as `fit` and `RowCache.read` do.
    """
    cache = rows_in(folder)
    found = cache.read(job.key)
    if found is not None:
        return found
    parts = folder / PARTS / cache.path(job.key).stem
    own_limit = job.case.budget.max_seconds or math.inf
    limit = min(own_limit, max_seconds)
    budget = replace(job.case.budget, max_seconds=None if math.isinf(limit) else limit)
    signal = job.case.load()
    try:
        result = fit(
            signal,
            job.case.architecture,
            recipe_of(job.case),
            budget,
            seed=job.case.seed,
            device=device,
            progress=False,
            certify=False,
            resume_dir=parts,
        )
    except DivergedError as error:
        if not isinstance(error.best, Fit):
            raise
        result = error.best
    if result.stopped == "interrupted":
        raise KeyboardInterrupt
    if result.stopped == "max_seconds" and max_seconds <= own_limit:
        return None
    seconds = result.history.last.seconds  # of all runs that it took
    if result.entry.wrong_bits == 0:
        started = time.perf_counter()
        result.certificate = certify_model(result, signal)
        seconds += time.perf_counter() - started
    row = {
        "table": job.table,
        "method": job.case.method,
        "learning_rate": job.case.learning_rate,
        **fit_record(result, signal),
        "case": job.case.facts,
        "environment": environment(result.device),
    }
    cache.write(job.key, row, seconds, result.device)
    forget_parts(parts)
    return cache.read(job.key)


def recipe_of(case: Case) -> Recipe:
    """The recipe of a case, with its learning rate."""
    if case.recipe == "paper" and case.learning_rate != PAPER_RATE:
        return paper_at(case.learning_rate)
    return get_recipe(case.recipe)


def expected_flops(job: Job) -> int:
    """The floating-point operations that a job is expected to take."""
    spec = job.case.load().spec
    architecture = recipe_of(job.case).complete(job.case.architecture, spec)
    shape = build_shape(architecture, spec)
    samples = shape.formulation.groups(spec) * shape.formulation.num_samples(spec)
    per_sample = FORWARD_AND_BACKWARD * flops_per_sample(shape.network)
    return job.expected_iterations * samples * per_sample


def measured_gemm_rate(device: str) -> float:
    """FLOP/s of products of large float32 matrices: the bound of what a fit can reach.

    TF32 is off by default in torch, and here.
    """
    side = GEMM_SIDE if device == "cuda" else GEMM_SIDE // 4
    matrix = torch.ones(side, side, device=device)
    for _ in range(2):  # the first product sets things up
        torch.mm(matrix, matrix)
    _wait(device)
    started = time.perf_counter()
    for _ in range(GEMM_REPEATS):
        torch.mm(matrix, matrix)
    _wait(device)
    return GEMM_REPEATS * 2 * side**3 / (time.perf_counter() - started)


def _wait(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()
