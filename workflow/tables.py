"""The paper's tables as a sweep: resumable, side by side, on this machine or on a cluster.

``python workflow/tables.py --profile cpu [--tables "1 3"] [--signals "kodim01 kodim03"]
[--cores 2] [--grid FILE] [--rows DIR] [--dry-run] [--budget] [-- SNAKEMAKE OPTIONS]``

The profile's grid (`workflow/grids/PROFILE.yaml`) is checked first. Its jobs are run by Snakemake,
from an environment of its own; options behind ``--`` go to it. Every row is a file in
``_build/tables/PROFILE``, and what is there is not made again. At the end the rows are joined, one
file a table, with what is missing.

With ``--budget`` nothing is run: for each table the rows that are missing, their FLOPs, core-hours
at the rate of the committed record of the paper's recipe, and minutes of an H100. Rows that follow
from others are not counted yet: equal samples take about as much as the method's own rows for each
baseline, and best rates as much as Table 1, 3 and 8 at one rate.

Exit codes: 0, all rows are there; 1, some are missing; 2, bad input.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lossless_inr_lite.companion.collect import collect
from lossless_inr_lite.companion.grid import Grid, read_grid
from lossless_inr_lite.companion.locks import BATCH, FolderLock
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.companion.plan import Planned, make_plan, write_plan
from lossless_inr_lite.companion.records import load_record
from lossless_inr_lite.errors import InputError, check_choice

WORKFLOW = ROOT / "workflow"
GRIDS = WORKFLOW / "grids"
ENGINE = ROOT / ".venv-scale" / "bin" / "snakemake"
BAD_INPUT = 2
MISSING = 1
H100_RATE = 40e12
"""FLOP/s that float32 fits of this kind reach on an H100, for orientation."""

HOUR = 3600
MINUTE = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sweep; see the module for the exit codes."""
    options = _options(arguments)
    rows = options.rows or ROOT / "_build" / "tables" / options.profile
    try:
        grid = _grid(options)
        lock = FolderLock(rows, BATCH)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    try:
        return _run(grid, rows.resolve(), options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    finally:
        lock.release()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", default="cpu", help="a grid in workflow/grids")
    parser.add_argument("--grid", type=Path, help="a grid of your own, in place of a profile's")
    parser.add_argument("--tables", default="", help='only these tables, such as "1 3"')
    parser.add_argument("--signals", default="", help="only these pictures of the grid")
    parser.add_argument("--budget", action="store_true", help="tell what is missing would cost")
    parser.add_argument("--cores", type=int, default=1, help="cores for jobs on this machine")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--rows", type=Path, help="the folder of the rows")
    parser.add_argument("--dry-run", action="store_true", help="only count what is missing")
    parser.add_argument("engine", nargs="*", help="options of Snakemake, behind --")
    return parser.parse_args(arguments)


def _grid(options: argparse.Namespace) -> Grid:
    """The grid, with the tables that were asked for."""
    path = options.grid
    if path is None:
        check_choice("profile", options.profile, [one.stem for one in GRIDS.glob("*.yaml")])
        path = GRIDS / f"{options.profile}.yaml"
    grid = read_grid(path)
    if options.cores < 1:
        raise InputError(f"cores is {options.cores}: allowed are integers from 1")
    tables = options.tables.split()
    for table in tables:
        check_choice("table of the grid", table, list(grid.tables))
    signals = options.signals.split()
    for signal in signals:
        check_choice("signal of the grid", signal, grid.signals)
    changes = {"tables": tables} if tables else {}
    return grid.model_copy(update=changes | ({"signals": signals} if signals else {}))


def _run(grid: Grid, rows: Path, options: argparse.Namespace) -> int:
    """Run what is missing, until the plan no longer grows; then join the rows."""
    planned = make_plan(grid, rows)
    if options.budget:
        print("\n".join(budget_lines(_missing(planned, rows))))
        return 0
    # Baselines at equal samples are planned when the method's own row is there.
    while missing := _missing(planned, rows):
        print(f"{len(missing)} of {len(planned)} rows are missing", flush=True)
        if options.dry_run:
            return MISSING
        done = _engine(write_plan(grid, planned, rows), options)
        planned = make_plan(grid, rows)
        if done != 0:
            break
    write_plan(grid, planned, rows)
    for table in collect([rows], rows / "tables"):
        print(table)
    return MISSING if _missing(planned, rows) else 0


def budget_lines(missing: Sequence[Planned]) -> list[str]:
    """What the missing rows of each table would cost."""
    # It takes torch, which a plan does not.
    from lossless_inr_lite.companion.sweep import expected_flops

    rate = recorded_rate()
    flops: dict[str, list[int]] = {}
    for one in missing:
        flops.setdefault(one.job.table, []).append(expected_flops(one.job))
    lines = []
    for table, each in sorted(flops.items()):
        total = sum(each)
        lines.append(
            f"Table {table}: {len(each)} rows, {total:.2e} FLOPs, {total / rate / HOUR:.1f} "
            f"core-hours, {total / H100_RATE / MINUTE:.1f} minutes of an H100"
        )
    return lines or ["nothing is missing"]


def recorded_rate() -> float:
    """FLOP/s of one core in the committed record of the paper's recipe at 64 x 64, width 128."""
    fits = load_record("cpu", "paper_kodak64")["fits"].values()
    return sum(row["flops"] for row in fits) / sum(row["seconds"] for row in fits)


def _missing(planned: Sequence[Planned], rows: Path) -> list[Planned]:
    return [one for one in planned if not (rows / f"{one.name}.json").is_file()]


def _engine(plan: Path, options: argparse.Namespace) -> int:
    """Run Snakemake on a plan; return its exit code."""
    engine = ENGINE if ENGINE.is_file() else shutil.which("snakemake")
    if engine is None:
        raise InputError("Snakemake is not installed: run `make tables`, or install [scale]")
    command = [
        str(engine),
        "--snakefile",
        str(WORKFLOW / "Snakefile"),
        "--directory",
        str(plan.parent / "engine"),
        "--cores",
        str(options.cores),
        "--config",
        f"plan={plan}",
        f"python={sys.executable}",
        f"device={options.device}",
        # This command holds the folder's own lock, which ends with it, however that ends.
        "--nolock",
        # A row is written whole or not at all: what a killed run left is no half a file.
        "--ignore-incomplete",
        "--rerun-triggers",
        "mtime",
        "--keep-going",
        "--quiet",
        "rules",
        *options.engine,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
