"""PAPER against FAST on pictures, alternately in one run, at no more parameters for FAST.

``python benchmarks/bench.py --signals DIR --size 64 --hidden-features 128 --repeat 3 --budget 600
--output bench.json``

Every fit is a process of its own, so that its peak memory and its CPU seconds are its own.
`seconds` are those of the fit alone, and ratios compare these. `command_seconds` are those of the
whole process: imports, loading, fitting, certifying in another process, saving.

Where PAPER would take longer than the budget, 3 of its steps are timed, once for each depth, and
multiplied by the iterations that the paper prints for it (Table 1). The row is then *projected*.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from measure import (
    add_output,
    add_pictures,
    command,
    in_own_process,
    make_record,
    peak_memory_with_children,
    picture_files,
    run_command,
)

import lossless_inr_lite as lil
from lossless_inr_lite.companion.claims import paper_value
from lossless_inr_lite.files import write_json

COLUMNS = (
    "seconds",
    "command_seconds",
    "cpu_seconds",
    "samples_seen",
    "flops",
    "num_parameters",
    "peak_memory_bytes",
    "load_average",
)
COMPARED = ("seconds", "cpu_seconds", "samples_seen", "flops")
"""Columns that grow with the iterations: they are projected, and PAPER is divided by FAST."""

RECIPES = ("paper", "fast")
EMBEDDED = ("astronaut", "coffee")
STEPS_TIMED = 3
LEAST_CERTIFY_SECONDS = 5.0

Row = dict[str, Any]


@dataclass(frozen=True)
class Picture:
    """Where a picture comes from, a file or an embedded name, and its bits per value."""

    source: str
    num_bits: int


@dataclass(frozen=True)
class Task:
    """One fit, as it is handed to its process.

    width: of PAPER's network; None leaves it to the recipe.
    steps: how many to time; None fits until every bit is right.
    """

    source: str
    size: int
    recipe: str
    seed: int
    width: int | None
    steps: int | None = None


@dataclass(frozen=True)
class Settings:
    """What every fit of a run has in common; `budget` in seconds is that of PAPER."""

    size: int
    hidden_features: int
    budget: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each fit and the ratios with their range, and write the same as JSON."""
    parser = command(__doc__)
    add_pictures(parser, default="two embedded ones")
    parser.add_argument("--bits", type=int, help="only pictures of this depth")
    parser.add_argument("--hidden-features", type=int, default=128, help="width of PAPER's network")
    parser.add_argument("--repeat", type=int, default=3, help="seeds for each picture")
    parser.add_argument(
        "--budget", type=float, default=600.0, help="seconds above which PAPER is projected"
    )
    add_output(parser, Path("_build/bench.json"))
    parser.add_argument("--worker", help="one task as JSON: used by this command itself")
    options = parser.parse_args(arguments)
    if options.worker:
        print(json.dumps(fit_alone(Task(**json.loads(options.worker)))))
        return
    names = ("size", "bits", "hidden_features", "repeat", "budget")
    parameters = {name: getattr(options, name) for name in names}
    settings = Settings(options.size, options.hidden_features, options.budget)
    first_steps: dict[int, Row] = {}
    rows: list[Row] = []
    for picture in pictures(options.signals, options.size, options.bits)[: options.files]:
        for seed in range(options.repeat):
            pair = [
                measure_paper(picture, seed, settings, first_steps),
                measure_fast(picture, seed, settings),
            ]
            for row in pair:
                print(line(row), flush=True)
            rows += pair
            record = make_record("bench", parameters, rows=rows, ratios=ratios(rows))
            write_json(options.output, record)
    print("\n".join(ratios(rows) + conditions(rows)))


def pictures(signals: Path | None, size: int, bits: int | None) -> list[Picture]:
    """The embedded pictures, or those of a folder that can be read; the others are named."""
    if signals is None:
        return [Picture(name, lil.load_image(name, size, bits).num_bits) for name in EMBEDDED]
    found = []
    for path in picture_files(signals):
        try:
            num_bits = lil.load_image(path, size, bits).num_bits
        except lil.InputError as error:
            print(f"left out: {error}", file=sys.stderr)
        else:
            found.append(Picture(str(path), num_bits))
    if not found:
        raise lil.InputError(f"no picture of {signals} can be taken")
    return found


def measure_paper(
    picture: Picture, seed: int, settings: Settings, first_steps: dict[int, Row]
) -> Row:
    """One fit of PAPER, or its projection when the first steps say that it would take too long.

    `first_steps` keeps the row of the timed steps by depth. All pictures have the same size, so a
    step costs the same for each of them.
    """
    task = Task(picture.source, settings.size, "paper", seed, settings.hidden_features)
    if picture.num_bits not in first_steps:
        steps_only = replace(task, steps=STEPS_TIMED)
        first_steps[picture.num_bits] = in_own_process(__file__, asdict(steps_only))
    few = first_steps[picture.num_bits]
    iterations = paper_iterations(picture.num_bits)
    factor = iterations / STEPS_TIMED
    if few["seconds"] * factor <= settings.budget:
        return in_own_process(__file__, asdict(task)) | {"projected": None}
    return few | {
        "name": Path(picture.source).stem,
        "seed": seed,
        **{column: few[column] * factor for column in COMPARED},
        "projected": iterations,
        "verdict": "projected",
        "command_seconds": None,
    }


def measure_fast(picture: Picture, seed: int, settings: Settings) -> Row:
    """One fit of FAST."""
    task = Task(picture.source, settings.size, "fast", seed, width=None)
    return in_own_process(__file__, asdict(task)) | {"projected": None}


def paper_iterations(num_bits: int) -> int:
    """The iterations that Table 1 prints for the paper's method, by the depth of the pictures."""
    data = "TESTIMAGES" if num_bits > 8 else "Kodak"
    printed = paper_value("table1", "iterations", data=data, method="ours")
    return int(printed.split()[0])


def fit_alone(task: Task) -> Row:
    """Fit in this process, certify in another, and return the row."""
    signal = lil.load_image(task.source, task.size)
    train = lil.fit  # torch is imported here, and its time is no part of the fit's
    cpu_before = time.process_time()
    fit = train(
        signal,
        hidden_features=task.width,
        recipe=task.recipe,
        seed=task.seed,
        max_iterations=task.steps,
        certify=False,
    )
    cpu_seconds = time.process_time() - cpu_before
    last = fit.history.last
    seconds = last.seconds
    if task.steps is not None:
        # Steps alone: the first evaluation, before any of them, also warms up.
        seconds -= fit.history.entries[0].seconds
        cpu_seconds *= seconds / last.seconds
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = lil.save(fit, Path(folder) / "fit.safetensors")
            limit = max(LEAST_CERTIFY_SECONDS, last.seconds)
            fit.certificate = lil.certify(path, signal, max_seconds=limit)
    return {
        "name": signal.name,
        "recipe": task.recipe,
        "seed": task.seed,
        "shape": list(signal.samples.shape),
        "num_bits": signal.num_bits,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "iterations": last.iteration,
        "samples_seen": last.samples_seen,
        "flops": last.flops,
        "num_parameters": fit.num_parameters,
        "bits_per_parameter": signal.spec.total_bits / fit.num_parameters,
        "peak_memory_bytes": peak_memory_with_children(),
        "verdict": "lossless" if fit.lossless else fit.stopped,
    }


def line(row: Row) -> str:
    """A row as it is printed."""
    values = " ".join(f"{name}={row[name]:.4g}" for name in COLUMNS if row[name] is not None)
    iterations = row["projected"] or row["iterations"]
    return f"{row['name']} {row['recipe']} {row['verdict']} iterations={iterations} {values}"


def ratios(rows: list[Row]) -> list[str]:
    """PAPER over FAST, pair by pair: a line for each column, then one that counts verdicts.

    `rows` holds the two fits of a pair one after the other, PAPER first.
    """
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    lines = []
    for column in COMPARED:
        values = [paper[column] / fast[column] for paper, fast in pairs]
        lines.append(f"{column}: PAPER / FAST = {median_and_range(values)}")
    certified = sum(fast["verdict"] == "lossless" for _, fast in pairs)
    projected = sum(paper["projected"] is not None for paper, _ in pairs)
    lines.append(
        f"FAST certified lossless: {certified} of {len(pairs)}; "
        f"PAPER projected: {projected} of {len(pairs)}"
    )
    return lines


def conditions(rows: list[Row]) -> list[str]:
    """The median seconds of each recipe, what varied between the fits, and the load average."""
    lines = []
    for recipe in RECIPES:
        seconds = [row["seconds"] for row in rows if row["recipe"] == recipe]
        lines.append(f"seconds of {recipe.upper()}: {median_and_range(seconds, 2)}")
    names = {row["name"] for row in rows}
    seeds = {row["seed"] for row in rows}
    lines.append(f"what varied: {len(names)} pictures, {len(seeds)} seeds for each")
    loads = [row["load_average"] for row in rows]
    lines.append(f"load average: {median_and_range(loads, 2)}")
    return lines


def median_and_range(values: list[float], decimals: int = 1) -> str:
    """The median and, in brackets, the smallest and the largest."""
    low = f"{min(values):.{decimals}f}"
    high = f"{max(values):.{decimals}f}"
    return f"{statistics.median(values):.{decimals}f} ({low} to {high})"


if __name__ == "__main__":
    sys.exit(run_command(main))
