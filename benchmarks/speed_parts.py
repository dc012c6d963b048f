"""Where the ratio PAPER / FAST comes from: the rate, the recipe, the heads and the tiles, in turn.

``python benchmarks/speed_parts.py --size 64 --hidden-features 128 --output speed_parts.json``

Every fit is measured by itself, until every bit is right. A part is what one change takes off the
FLOPs and seconds of the fit before it, so the parts multiply to the ratio. Fits that the output
file already holds are not repeated.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from measure import add_output, command, load_average, make_record, run_command

import lossless_inr_lite as lil
from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.companion.chapters.c03_fast_fitting import parts_text, speed_parts
from lossless_inr_lite.companion.paths import git_commit
from lossless_inr_lite.companion.records import fit_record
from lossless_inr_lite.files import write_json
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.training.budget import Budget
from lossless_inr_lite.training.recipes import (
    FAST,
    PAPER,
    Recipe,
    default_tile,
    paper_at,
    parameter_budget,
    widest,
)

RATES = (3e-4, 1e-3)
"""Rates of the paper's recipe beside its own 1e-4."""

HIDDEN_LAYERS = 2
"""Of FAST's own networks."""

OMEGA_PER_PIXEL = 2.0
"""FAST's omega_0 of the first layer, for each pixel of a tile's side."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One way of fitting; `name` is what the record calls it."""

    name: str
    architecture: Architecture
    recipe: Recipe


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit every step and print a line for each, then the parts."""
    parser = command(__doc__)
    parser.add_argument("--signals", default="astronaut", help="a picture, or names with commas")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--hidden-features", type=int, default=128, help="of PAPER's network")
    parser.add_argument("--max-seconds", type=float, default=1800, help="for each fit")
    add_output(parser)
    options = parser.parse_args(arguments)
    names = options.signals.split(",")
    parameters = {
        "signals": names,
        "size": options.size,
        "hidden_features": options.hidden_features,
        "max_seconds": options.max_seconds,
    }
    record = open_record(options.output, parameters)
    for name in names:
        signal = lil.load_image(name, size=options.size)
        for step in steps(signal, options.hidden_features):
            label = f"{signal.name}/{step.name}"
            if label not in record["fits"]:
                row = fit_row(signal, step, Budget(max_seconds=options.max_seconds))
                record["fits"][label] = row
                write_json(options.output, record)
            print(line(label, record["fits"][label]), flush=True)
    parts = speed_parts(record["fits"])
    record["facts"] = {"parts": parts, "summary": parts_text(parts)}
    write_json(options.output, record)
    print(record["facts"]["summary"])


def open_record(path: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The record so far, or a new one; InputError when the file holds other parameters."""
    if not path.is_file():
        return make_record("speed_parts", dict(parameters))
    record = json.loads(path.read_text(encoding="utf-8"))
    if record.get("parameters") != parameters:
        raise lil.InputError(f"{path} holds fits with other parameters: give another --output")
    return record


def steps(signal: lil.Signal, hidden_features: int) -> list[Step]:
    """From PAPER to FAST, one change at a time."""
    papers = Architecture(
        formulation="bit_coordinate",
        network="siren",
        hidden_features=hidden_features,
        hidden_layers=5,
    )
    at_rates = [Step(f"paper at {rate:g}", papers, paper_at(rate)) for rate in RATES]
    return [
        Step("paper", papers, PAPER),
        *at_rates,
        Step("recipe", papers, FAST),
        Step("heads", _heads(signal, None), FAST),
        Step("tiles", _heads(signal, default_tile(signal.spec)), FAST),
    ]


def _heads(signal: lil.Signal, tile: int | None) -> Architecture:
    """FAST's network, in tiles or one for all, as wide as the parameter budget allows."""
    posed = get_formulation("bit_heads", tile)
    budget = parameter_budget(signal.spec)
    omega = OMEGA_PER_PIXEL * max(posed.tile_sides(signal.spec))
    return Architecture(
        formulation="bit_heads",
        network="siren",
        hidden_features=widest(posed, signal.spec, "siren", HIDDEN_LAYERS, budget),
        hidden_layers=HIDDEN_LAYERS,
        tile=tile,
        options={"first_omega_0": omega},
    )


def fit_row(signal: lil.Signal, step: Step, budget: Budget) -> Row:
    """One fit, with the load under which it ran and the commit that made it."""
    load = load_average()
    started = time.perf_counter()
    done = lil.fit(signal, step.architecture, step.recipe, replace(budget), progress=False, seed=0)
    made = {
        "commit": git_commit(),
        "device": done.device,
        "load_average": load,
        "seconds": time.perf_counter() - started,
    }
    row = fit_record(done, signal)
    row["history"] = row["history"][-1:]
    return row | {"method": step.name, "made": made}


def line(label: str, row: Row) -> str:
    """A fit as it is printed."""
    ended = "lossless" if row["lossless"] else row["stopped"]
    load = row["made"]["load_average"]
    return f"{label}: {row['flops']:.3g} FLOPs, {row['seconds']:.1f} s, {ended}, load {load:.2f}"


if __name__ == "__main__":
    sys.exit(run_command(main))
