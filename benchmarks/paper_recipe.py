"""The paper's recipe on pictures: iterations, samples seen, seconds, verdict by formulation.

``python benchmarks/paper_recipe.py --signals DIR --size 64 --hidden-features 128
--output paper64.json``

The amplitude gets the samples that the bit coordinate used. Fits that the output file already
holds are not repeated, so a run that was stopped goes on.
"""

import json
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
from lossless_inr_lite.companion.records import fit_record
from lossless_inr_lite.files import write_json

# The bit coordinate comes before the amplitude, whose budget it decides.
FORMULATIONS = ("bit_coordinate", "bit_heads", "amplitude")
HEADING = "picture formulation iterations samples_seen seconds wrong_bits certified load_average"

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit every picture with every formulation and print a line for each fit."""
    parser = command(__doc__)
    add_pictures(parser)
    parser.add_argument("--hidden-features", type=int, default=128)
    parser.add_argument("--max-seconds", type=float, default=1800, help="for each fit")
    add_output(parser)
    options = parser.parse_args(arguments)
    parameters = {
        "size": options.size,
        "hidden_features": options.hidden_features,
        "max_seconds": options.max_seconds,
    }
    record = open_record(options.output, parameters)
    fits: dict[str, Row] = record["fits"]
    print(HEADING, flush=True)
    for path in picture_files(options.signals)[: options.files]:
        signal = lil.load_image(path, size=options.size)
        for formulation in FORMULATIONS:
            label = label_of(signal, formulation)
            if label not in fits:
                limit = amplitude_limit(signal, fits) if formulation == "amplitude" else None
                fits[label] = fit_row(signal, formulation, limit, parameters)
                write_json(options.output, record)
            print(line(signal.name, formulation, fits[label]), flush=True)


def open_record(path: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """The record so far, or a new one.

    Raises InputError when the file holds fits with other parameters.
    """
    if not path.is_file():
        return make_record("paper_recipe", parameters)
    record = json.loads(path.read_text(encoding="utf-8"))
    if record.get("parameters") != parameters:
        raise lil.InputError(
            f"{path} holds fits with the parameters {record.get('parameters')}, "
            f"not {parameters}: give another --output"
        )
    return record


def label_of(signal: lil.Signal, formulation: str) -> str:
    """The name of a fit in the record."""
    return f"{signal.name}/{formulation}"


def amplitude_limit(signal: lil.Signal, fits: dict[str, Row]) -> int:
    """Steps with which the amplitude sees as many samples as the bit coordinate did.

    A step of the amplitude sees every pixel once.
    """
    history = fits[label_of(signal, "bit_coordinate")]["history"]
    height, width = signal.spec.grid_shape
    return max(1, history[-1]["samples_seen"] // (height * width))


def fit_row(
    signal: lil.Signal, formulation: str, limit: int | None, parameters: dict[str, Any]
) -> Row:
    """One certified fit by the paper's recipe, of at most `limit` steps, as a record keeps it."""
    load = load_average()
    fit = lil.fit(
        signal,
        formulation=formulation,
        hidden_features=parameters["hidden_features"],
        recipe="paper",
        max_iterations=limit,
        max_seconds=parameters["max_seconds"],
    )
    return fit_record(fit, signal) | {"load_average": load}


def line(name: str, formulation: str, row: Row) -> str:
    """A fit as it is printed; records of older versions know no load average."""
    verdict = "lossless" if row["lossless"] else row["stopped"]
    load = row.get("load_average")
    shown_load = "-" if load is None else f"{load:.2f}"
    return (
        f"{name} {formulation} {row['iterations']} {row['samples_seen']} "
        f"{row['seconds']:.1f} {row['wrong_bits']} {verdict} {shown_load}"
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
