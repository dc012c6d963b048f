"""The paper's own tables at the paper's own scale, as far as the time on a GPU goes.

``python workflow/gpu_tables.py --signals DIR --minutes M --output DIR``

The most valuable rows come first: Tables 1 and 3 on four pictures, then on all of them, then equal
samples, then Table 8, then 16 bits. Every row is a file of its own in the output folder. When the
time is over the fit that runs keeps its state, and the same command goes on from there. What is
left is printed at the end. `python -m lossless_inr_lite.companion.collect` joins the rows.

It needs torch, numpy, safetensors, scikit-image, scipy and tifffile, and this checkout.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.jobs import Job, missing_jobs, rows_in
from lossless_inr_lite.companion.paper_tables import (
    OURS,
    is_deep,
    stages,
    table1_at_equal_samples,
    template,
)
from lossless_inr_lite.companion.sweep import expected_flops, measured_gemm_rate, run_job
from lossless_inr_lite.devices import get_device
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import check_writable

SUFFIXES = (".png", ".tif", ".tiff", ".pgm", ".ppm")
SPARE_SECONDS = 20.0
"""Kept back at the end for writing the state and for certifying."""

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as many rows as the time allows; exit 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signals", type=Path, required=True, help="a folder with pictures")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--hidden-features", type=int, default=512)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first", type=int, default=4, help="pictures that come first")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        run(options, started + 60 * options.minutes)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted: what was fitted is kept", file=sys.stderr)
    return 0


def run(options: argparse.Namespace, deadline: float) -> None:
    """Make rows until `deadline`, in seconds of `time.perf_counter`."""
    device = get_device(options.device)
    cases = cases_of(options)
    check_writable(options.output / "row.json")
    rate = measured_gemm_rate(device)
    print(f"{device}: {rate / 1e12:.2f} TFLOP/s in products of float32 matrices, TF32 is off")
    for job in jobs_in_order(cases, options):
        left = deadline - SPARE_SECONDS - time.perf_counter()
        if left <= 0:
            break
        row = run_job(job, options.output, device, left)
        if row is None:
            print(f"{job.label}: the time is over, its state is kept")
            break
        print(line(job, row, rate), flush=True)
    print_what_is_left(cases, options, rate)


def cases_of(options: argparse.Namespace) -> list[Case]:
    """The paper's method on every picture in the folder that is large enough, for every seed."""
    if not options.signals.is_dir():
        raise InputError(f"{options.signals} is no folder: a folder with pictures is needed")
    paths = sorted(path for path in options.signals.iterdir() if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(f"{options.signals} holds no picture: {', '.join(SUFFIXES)} are read")
    cases = []
    for seed in range(options.seeds):
        for path in paths:
            cases.append(template(str(path), options.size, options.hidden_features, seed))
    for case in cases:
        case.load()
    return cases


def jobs_in_order(cases: Sequence[Case], options: argparse.Namespace) -> Iterator[Job]:
    """All jobs, the most valuable ones first; equal samples follow from the method's own rows."""
    order = stages(cases, options.first)
    yield from order.first
    yield from order.others
    yield from equal_samples(cases, options.output)
    yield from order.colours
    yield from order.deep


def equal_samples(cases: Sequence[Case], folder: Path) -> list[Job]:
    """The baselines at the samples of the method, where its row of Table 1 is there."""
    jobs = []
    cache = rows_in(folder)
    for case in cases:
        row = cache.read(Job("1", case, 0).key)
        if row is not None and row["lossless"] and not is_deep(case):
            jobs += table1_at_equal_samples(case, row["iterations"])
    return jobs


def line(job: Job, row: dict[str, Any], rate: float) -> str:
    """One row in words, with the bound of its time: FLOP / measured rate."""
    quality = "BER 0" if row["wrong_bits"] == 0 else f"BER {row['metrics']['ber']:.4f}"
    certified = ", certified" if row["lossless"] else ""
    bound = row["flops"] / rate
    return (
        f"Table {job.table}, {row['signal']['name']}, {row['method']}: {quality}{certified} after "
        f"{row['iterations']} iterations, {row['seconds']:.1f} s (bound {bound:.1f} s)"
    )


def print_what_is_left(cases: Sequence[Case], options: argparse.Namespace, rate: float) -> None:
    """The rows that are missing, by table, and the least time that they take."""
    left = missing_jobs(list(jobs_in_order(cases, options)), options.output)
    if not left:
        print("nothing is left")
        return
    for table in sorted({job.table for job in left}):
        jobs = [job for job in left if job.table == table]
        minutes = sum(expected_flops(job) for job in jobs) / rate / 60
        print(f"left: {len(jobs)} rows of Table {table}, {minutes:.0f} minutes at least")
    ours = sum(job.case.method == OURS for job in left)
    print(f"of these {ours} by the method itself; the same command goes on")


if __name__ == "__main__":
    torch.backends.cuda.matmul.allow_tf32 = False
    sys.exit(main())
