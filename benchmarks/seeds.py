"""FAST over seeds and pictures: how often does it fail?

``python benchmarks/seeds.py --signals DIR --bits 8 --bits-per-parameter 1.2 --seeds 20 --files 5
--output seeds.json``

Every fit is checked for zero wrong bits in float32 and float64. Certificates in new processes are
left to `bench.py`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import (
    add_output,
    add_pictures,
    command,
    load_average,
    make_record,
    picture_files,
    run_command,
)

import lossless_inr_lite as lil
from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.files import write_json
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.training.recipes import default_tile, widest

HIDDEN_LAYERS = 2
FIRST_OMEGA_0 = 64.0

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each picture and the failures, and write all seconds as JSON."""
    parser = command(__doc__)
    add_pictures(parser, files=5)
    parser.add_argument("--bits", type=int, required=True, help="depth of the pictures")
    parser.add_argument("--bits-per-parameter", type=float, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--max-seconds", type=float, default=120.0, help="for each fit")
    add_output(parser)
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    for path in picture_files(options.signals)[: options.files]:
        signal = lil.load_image(path, options.size, options.bits)
        architecture = architecture_for(signal.spec, options.bits_per_parameter)
        of_picture = [
            fit_row(signal, architecture, seed, options.max_seconds)
            for seed in range(options.seeds)
        ]
        print(line(of_picture), flush=True)
        rows += of_picture
    failures = failed(rows)
    print(
        f"{failures} failures in {len(rows)} fits "
        f"at {options.bits_per_parameter} bits per parameter"
    )
    parameters = {
        name: value for name, value in vars(options).items() if not isinstance(value, Path)
    }
    record = make_record("seeds", parameters, rows=rows, failures=failures)
    write_json(options.output, record)


def architecture_for(spec: lil.SignalSpec, bits_per_parameter: float) -> Architecture:
    """Bit heads in the tiles that FAST chooses, as wide as so many bits per parameter allow."""
    tile = default_tile(spec)
    budget = int(spec.total_bits / bits_per_parameter)
    width = widest(get_formulation("bit_heads", tile), spec, "siren", HIDDEN_LAYERS, budget)
    return Architecture(
        formulation="bit_heads",
        network="siren",
        hidden_features=width,
        hidden_layers=HIDDEN_LAYERS,
        tile=tile,
        options={"first_omega_0": FIRST_OMEGA_0},
    )


def fit_row(signal: lil.Signal, architecture: Architecture, seed: int, max_seconds: float) -> Row:
    """One fit, and how it ended."""
    load = load_average()
    fit = lil.fit(signal, architecture, seed=seed, max_seconds=max_seconds, certify=False)
    return {
        "name": signal.name,
        "seed": seed,
        "stopped": fit.stopped,
        "wrong_bits": fit.entry.wrong_bits,
        "seconds": fit.history.last.seconds,
        "num_parameters": fit.num_parameters,
        "load_average": load,
    }


def failed(rows: list[Row]) -> int:
    """How many fits left a wrong bit."""
    return sum(row["stopped"] != "lossless" for row in rows)


def line(rows: list[Row]) -> str:
    """The fits of one picture, as they are printed."""
    seconds = [row["seconds"] for row in rows]
    loads = [row["load_average"] for row in rows]
    return (
        f"{rows[0]['name']}: {failed(rows)} of {len(rows)} failed; "
        f"seconds {min(seconds):.2f} to {max(seconds):.2f}; "
        f"load average {min(loads):.2f} to {max(loads):.2f}"
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
