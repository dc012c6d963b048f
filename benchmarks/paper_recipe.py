"""The paper's recipe on a folder of pictures: iterations, samples seen, seconds, verdict of each formulation.

``python benchmarks/paper_recipe.py --signals DIR --size 64 --hidden-features 128 --output paper64.json``

Amplitude gets the samples that the bit coordinate used. Fits that the output file already holds are not repeated,
so a run that was stopped goes on.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import lossless_inr_lite as lil
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment, fit_record
from lossless_inr_lite.files import write_json

FORMULATIONS = ("bit_coordinate", "bit_heads", "amplitude")


def main() -> None:
    """Fit every picture with every formulation and print a line a fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--signals", type=Path, required=True, help="a folder of pictures, or one picture"
    )
    parser.add_argument("--files", type=int, help="only the first so many")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--hidden-features", type=int, default=128)
    parser.add_argument("--max-seconds", type=float, default=1800)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    paths = sorted(options.signals.glob("*.png")) if options.signals.is_dir() else [options.signals]
    record = _open(options)
    print("picture formulation iterations samples_seen seconds wrong_bits certified", flush=True)
    for path in paths[: options.files]:
        signal = lil.load_image(path, size=options.size)
        for formulation in FORMULATIONS:
            label = f"{signal.name}/{formulation}"
            if label not in record["fits"]:
                record["fits"][label] = _fit(signal, formulation, record["fits"], options)
                write_json(options.output, record)
            row = record["fits"][label]
            verdict = "lossless" if row["lossless"] else row["stopped"]
            print(
                signal.name,
                formulation,
                row["iterations"],
                row["samples_seen"],
                f"{row['seconds']:.1f}",
                row["wrong_bits"],
                verdict,
                flush=True,
            )


def _open(options: argparse.Namespace) -> dict[str, Any]:
    """The record so far, or a new one."""
    if options.output.is_file():
        return json.loads(options.output.read_text(encoding="utf-8"))
    parameters = {
        "size": options.size,
        "hidden_features": options.hidden_features,
        "max_seconds": options.max_seconds,
    }
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": "paper_recipe",
        "parameters": parameters,
        "environment": environment(),
        "fits": {},
    }


def _fit(
    signal: lil.Signal, formulation: str, done: dict[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    limit = None
    if formulation == "amplitude":
        limit = max(
            1,
            done[f"{signal.name}/bit_coordinate"]["history"][-1]["samples_seen"] // options.size**2,
        )
    fit = lil.fit(
        signal,
        formulation=formulation,
        hidden_features=options.hidden_features,
        recipe="paper",
        max_iterations=limit,
        max_seconds=options.max_seconds,
    )
    return fit_record(fit, signal)


if __name__ == "__main__":
    main()
