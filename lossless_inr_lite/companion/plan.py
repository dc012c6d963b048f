"""Plans: the jobs of a grid as a file, for an engine that knows nothing of networks.

``python -m lossless_inr_lite.companion.plan GRID --rows DIR``

The plan lies beside the rows, as `plan.json`. It names every job with its row's file, and how to
run it. Which rows are missing can be seen from file names alone.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.grid import Grid, jobs_of, read_grid
from lossless_inr_lite.companion.jobs import Job, rows_in
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import read_bytes, write_json

PLAN = "plan.json"
LOGS = "logs"
MAX_PLAN_BYTES = 2**28
BAD_INPUT = 2
FOR_THE_ENGINE = ("threads", "memory_mb", "minutes", "gpus", "retries")


@dataclass(frozen=True)
class Planned:
    """A job with the name of its row's file, without the suffix."""

    name: str
    job: Job


def make_plan(grid: Grid, rows: Path) -> list[Planned]:
    """The jobs of a grid with the names of their rows in the folder `rows`.

    Raises InputError as `grid.jobs_of` does.
    """
    cache = rows_in(rows)
    return [Planned(cache.path(job.key).stem, job) for job in jobs_of(grid, rows)]


def write_plan(grid: Grid, planned: Sequence[Planned], rows: Path) -> Path:
    """Write the plan beside its rows, and return its path. A plan that is the same stays."""
    jobs = {
        one.name: {
            "table": one.job.table,
            "label": one.job.label,
            "expected_iterations": one.job.expected_iterations,
            "case": one.job.case.facts,
        }
        for one in planned
    }
    settings = {name: getattr(grid, name) for name in FOR_THE_ENGINE}
    content = {"jobs": jobs, "settings": settings}
    path = rows / PLAN
    if not path.is_file() or read_plan(path) != content:
        write_json(path, content)
    return path


def read_plan(path: Path) -> dict[str, Any]:
    """What `write_plan` wrote; raises InputError for anything else."""
    data = read_bytes(path, MAX_PLAN_BYTES)
    try:
        content = json.loads(data)
        whole = isinstance(content["jobs"], dict) and isinstance(content["settings"], dict)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is not the plan of a sweep: {error!r}") from error
    if not whole:
        raise InputError(f"{path} is not the plan of a sweep")
    return content


def planned_job(plan: Mapping[str, Any], name: str) -> Job:
    """The job of that name; raises InputError when the plan has none."""
    found = plan["jobs"].get(name)
    if found is None:
        raise InputError(f"the plan has no job {name!r}: it has {len(plan['jobs'])} others")
    case = Case.from_facts(found["case"])
    return Job(found["table"], case, found["expected_iterations"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a plan; exit 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("grid", type=Path)
    parser.add_argument("--rows", type=Path, required=True, help="the folder of the rows")
    options = parser.parse_args(arguments)
    try:
        grid = read_grid(options.grid)
        planned = make_plan(grid, options.rows)
        path = write_plan(grid, planned, options.rows)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    there = sum((options.rows / f"{one.name}.json").is_file() for one in planned)
    print(f"{path}: {len(planned)} jobs, {there} of them with their rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
