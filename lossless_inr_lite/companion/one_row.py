"""One job of a plan, in a process of its own.

``python -m lossless_inr_lite.companion.one_row PLAN NAME [--device auto] [--minutes M]``

The row is written into the plan's folder. Exit codes: 0, the row is there; 2, bad input; 3, the
time was over: the fit's state is kept, and the same command goes on from it.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lossless_inr_lite.companion.jobs import rows_in
from lossless_inr_lite.companion.locks import BusyError, FolderLock
from lossless_inr_lite.companion.plan import planned_job, read_plan
from lossless_inr_lite.companion.sweep import PARTS, run_job
from lossless_inr_lite.errors import InputError

BAD_INPUT = 2
TIME_IS_OVER = 3
SECONDS_BETWEEN_LOOKS = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the row of one job, unless it is there; see the module for the exit codes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path)
    parser.add_argument("name", help="the job, as the plan calls it")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="when to stop at the latest"
    )
    options = parser.parse_args(arguments)
    deadline = time.monotonic() + 60 * options.minutes
    try:
        return _make_row(options.plan, options.name, options.device, deadline)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT


def _make_row(path: Path, name: str, device: str, deadline: float) -> int:
    rows = path.parent
    job = planned_job(read_plan(path), name)
    wanted = rows_in(rows).path(job.key)
    if wanted.stem != name:
        raise InputError(
            f"the plan {path} is older than the code or the picture of {job.label}: make it again"
        )
    lock = _only_one(rows / PARTS, name, deadline)
    if lock is None:
        print(f"{job.label}: another process made it until the time was over", file=sys.stderr)
        return TIME_IS_OVER
    try:
        row = run_job(job, rows, device, max(deadline - time.monotonic(), 0.001))
    finally:
        lock.release()
    if row is None:
        print(f"{job.label}: the time is over, its state is kept", file=sys.stderr)
        return TIME_IS_OVER
    wrong = row["wrong_bits"]
    print(f"{job.label}: {wrong} wrong bits after {row['iterations']} iterations")
    return 0


def _only_one(folder: Path, name: str, deadline: float) -> FolderLock | None:
    """A lock on the job; None when another process had it until the deadline.

    The one that starts a job may have been killed, and a job that it started goes on.
    """
    while True:
        try:
            return FolderLock(folder, f"{name}.lock")
        except BusyError:
            if time.monotonic() > deadline:
                return None
            time.sleep(SECONDS_BETWEEN_LOOKS)


if __name__ == "__main__":
    sys.exit(main())
