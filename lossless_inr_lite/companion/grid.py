"""Grids: which fits of the paper's tables a sweep makes, as a YAML file says it.

A grid names pictures, tables, learning rates, seeds and a scale. It is checked as a whole before
anything starts.
"""

import fnmatch
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lossless_inr_lite.companion.case import PAPER_RATE, Case
from lossless_inr_lite.companion.jobs import Job, rows_in
from lossless_inr_lite.companion.paper_tables import (
    is_deep,
    table1,
    table1_at_equal_samples,
    table3,
    table8,
    template,
)
from lossless_inr_lite.errors import InputError, check_choice
from lossless_inr_lite.files import read_bytes
from lossless_inr_lite.signals.embedded import DATA_FOLDER, embedded_path

MAX_GRID_BYTES = 2**20
SUFFIXES = (".png", ".tif", ".tiff", ".pgm", ".ppm")
Table = Literal["1", "3", "8"]


class Grid(BaseModel):
    """A sweep: its pictures, tables and scale, and what one of its jobs needs of a machine.

    signals: names of pictures, as `load_image` takes them. A name with "*" or "?" stands for all
        pictures below the folder LOSSLESS_INR_DATA with such names.
    tables: the paper's tables, of 1, 3 and 8.
    resample: how pictures come to their size, "area" or the paper's "bilinear".
    size, hidden_features: side of a picture in pixels, and width of its networks.
    seeds: every fit is made with seeds 0 to seeds - 1.
    learning_rates: of Adam; the paper has 1e-4.
    methods: only these rows of the tables; empty for all.
    tuned_on, tuning_rates: pictures that are not judged, and the rates that every method is fitted
        at on them, to the end that it is judged at. Then the grid's pictures are also fitted at the
        best rate of each method: the fewest wrong bits, and of equals the fewest iterations.
    equal_samples: also the baselines of Table 1 until they have seen the method's samples.
    max_iterations: a limit to every fit below the paper's own, for trials.
    threads, memory_mb, minutes, gpus: what one job asks for; memory and minutes grow when it is
        tried again.
    retries: how often a job that failed is tried again.
    """

    model_config = ConfigDict(extra="forbid")

    signals: Annotated[list[str], Field(min_length=1)]
    tables: Annotated[list[Table], Field(min_length=1)]
    size: Annotated[int, Field(ge=4, le=8192)]
    hidden_features: Annotated[int, Field(ge=1, le=65536)]
    resample: Literal["area", "bilinear"] = "area"
    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    learning_rates: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)] = [
        PAPER_RATE
    ]
    tuned_on: list[str] = []
    tuning_rates: list[Annotated[float, Field(gt=0, le=1)]] = []
    methods: list[str] = []
    equal_samples: bool = False
    max_iterations: Annotated[int, Field(ge=1)] | None = None
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    memory_mb: Annotated[int, Field(ge=100)] = 4000
    minutes: Annotated[int, Field(ge=1)] = 240
    gpus: Annotated[int, Field(ge=0, le=1)] = 0
    retries: Annotated[int, Field(ge=0, le=100)] = 3

    @field_validator("tables", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """YAML reads 1 as a number, and a table's name is text."""
        return [str(one) for one in value] if isinstance(value, list) else value


def read_grid(path: Path) -> Grid:
    """The grid of a YAML file.

    Raises InputError, which names the file and the field, for a file that cannot be read, a field
    that is unknown or missing, and a value that is not allowed.
    """
    data = read_bytes(path, MAX_GRID_BYTES)
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"the grid {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(
            f"the grid {path} holds no fields: at least signals, tables, size, hidden_features"
        )
    try:
        return Grid(**{str(name): value for name, value in content.items()})
    except ValidationError as error:
        raise InputError(f"the grid {path}: {_first_fault(error)}") from error


def jobs_of(grid: Grid, rows: Path) -> list[Job]:
    """All jobs of a grid, those of the first picture first.

    Baselines at equal samples are among them where the method's own row lies in `rows` already:
    they need its iterations. So are fits at best rates where all rows of the tuning are there.

    Raises InputError when a picture is missing or cannot be read at the grid's size, two have the
    same name, or a method is none of the tables'.
    """
    names = _pictures(grid.signals)
    jobs = []
    for seed in range(grid.seeds):
        for rate in grid.learning_rates:
            for name in names:
                case = template(name, grid.size, grid.hidden_features, seed)
                jobs += _jobs_of(
                    grid, case.varied(learning_rate=rate, resample=grid.resample), rows
                )
    jobs += _tuned(grid, names, rows)
    if grid.methods:
        allowed = sorted({job.case.method for job in jobs})
        for method in grid.methods:
            check_choice("method of the grid", method, allowed)
        jobs = [job for job in jobs if job.case.method in grid.methods]
    return jobs


def _tuned(grid: Grid, names: Sequence[str], rows: Path) -> list[Job]:
    """The fits of the tuning, and those of the grid's pictures at the best rates once these end."""
    others = _pictures(grid.tuned_on)
    judged = {Path(name).stem for name in names}
    for name in others:
        if Path(name).stem in judged:
            raise InputError(f"the grid judges {name} and tunes on it too: take another picture")
    plain = grid.model_copy(update={"equal_samples": False})
    tuning = []
    for name in others:
        case = template(name, grid.size, grid.hidden_features)
        for rate in grid.tuning_rates:
            tuning += _jobs_of(plain, case.varied(learning_rate=rate, resample=grid.resample), rows)
    best = _best_rates(tuning, rows)
    found = []
    for seed in range(grid.seeds):
        for name in names:
            case = template(name, grid.size, grid.hidden_features, seed)
            case = case.varied(resample=grid.resample)
            for job in _jobs_of(plain, case, rows):
                rate = best.get((job.table, job.case.method))
                if rate is not None and rate not in grid.learning_rates:
                    varied = job.case.varied(learning_rate=rate)
                    found.append(Job(job.table, varied, job.expected_iterations))
    return tuning + found


def _best_rates(tuning: Sequence[Job], rows: Path) -> dict[tuple[str, str], float]:
    """The best rate by table and method; nothing while a row of the tuning is missing."""
    cache = rows_in(rows)
    scores: dict[tuple[str, str], dict[float, list[tuple[float, int]]]] = {}
    for job in tuning:
        row = cache.read(job.key)
        if row is None:
            return {}
        of_method = scores.setdefault((job.table, job.case.method), {})
        score = row["metrics"]["ber"], row["iterations"]
        of_method.setdefault(job.case.learning_rate, []).append(score)
    return {method: _least(by_rate) for method, by_rate in scores.items()}


def _least(by_rate: Mapping[float, Sequence[tuple[float, int]]]) -> float:
    """The rate with the smallest sum of errors, and of equals the fewest iterations."""

    def score(rate: float) -> tuple[float, int]:
        errors = [error for error, _ in by_rate[rate]]
        iterations = [count for _, count in by_rate[rate]]
        return sum(errors), sum(iterations)

    return min(by_rate, key=score)


def _jobs_of(grid: Grid, case: Case, rows: Path) -> list[Job]:
    """The jobs of one picture, seed and rate, in the order of the tables."""
    tables = dict.fromkeys(grid.tables)
    jobs: list[Job] = []
    if "1" in tables:
        jobs += table1(case)
    if "3" in tables and not is_deep(case):
        jobs += table3(case)
    if "8" in tables and not is_deep(case):
        jobs += table8(case)
    jobs = [_limited(job, grid.max_iterations) for job in jobs]
    if "1" in tables and grid.equal_samples:
        jobs += _at_equal_samples(jobs[0], rows)
    return jobs


def _at_equal_samples(method: Job, rows: Path) -> list[Job]:
    """The baselines at the samples of the method, once it has become lossless."""
    row = rows_in(rows).read(method.key)
    if row is None or not row["lossless"]:
        return []
    return table1_at_equal_samples(method.case, row["iterations"])


def _limited(job: Job, max_iterations: int | None) -> Job:
    limit = job.case.budget.max_iterations
    if max_iterations is None or (limit is not None and limit <= max_iterations):
        return job
    expected = min(job.expected_iterations, max_iterations)
    return Job(job.table, job.case.varied(max_iterations=max_iterations), expected)


def _pictures(signals: Sequence[str]) -> list[str]:
    """Every picture by its name, once; raises InputError when one is missing."""
    found: dict[str, str] = {}
    for signal in signals:
        for name in _matching(signal) if _is_pattern(signal) else [signal]:
            embedded_path(name)
            stem = Path(name).stem
            if found.get(stem, name) != name:
                raise InputError(
                    f"the grid has two pictures called {stem}: rows go by name, so rename one"
                )
            found[stem] = name
    return list(found.values())


def _is_pattern(signal: str) -> bool:
    return any(character in signal for character in "*?[")


def _matching(pattern: str) -> list[str]:
    """The names of the pictures in the folder LOSSLESS_INR_DATA that match."""
    folder = os.environ.get(DATA_FOLDER)
    if not folder:
        raise InputError(f"the grid's signal {pattern!r} needs the folder {DATA_FOLDER}: set it")
    names = {
        path.stem
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in SUFFIXES and fnmatch.fnmatch(path.stem, pattern)
    }
    if not names:
        raise InputError(f"the grid's signal {pattern!r} matches no picture below {folder}")
    return sorted(names)


def _first_fault(error: ValidationError) -> str:
    """The first thing that is wrong, in one sentence."""
    fault = error.errors()[0]
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown field {name!r}: allowed are {', '.join(Grid.model_fields)}"
    if fault["type"] == "missing":
        return f"the field {name} is missing"
    message = fault["msg"][0].lower() + fault["msg"][1:]
    return f"{name} is {fault['input']!r}: {message.replace('input', 'it')}"
