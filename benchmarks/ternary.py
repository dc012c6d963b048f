"""TERNARY on pictures: whole commands, from a picture to a certified file of trits, each in a process of its own.

``python benchmarks/ternary.py PICTURES... [--size 32] [--max-iterations N] [--hidden-features W] [--output FILE]``

Prints the seconds, the bytes of the file, and these over the raw bytes, and writes them as JSON.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lossless_inr_lite as lil
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.files import write_json
from lossless_inr_lite.storage.certify import certificate_path


def fit_command(source: str, size: int, further: list[str], folder: Path) -> dict[str, Any]:
    """One `fit` of the command line, and the one `verify` that follows it."""
    out = folder / "out.trits"
    program = [sys.executable, "-m", "lossless_inr_lite"]
    started = time.perf_counter()
    done = subprocess.run(
        [
            *program,
            "fit",
            source,
            "--size",
            str(size),
            "--recipe",
            "ternary",
            "-o",
            str(out),
            *further,
        ],
        check=False,
    )
    seconds = time.perf_counter() - started
    verified = (
        subprocess.run(
            [*program, "verify", str(out), source, "--size", str(size)], check=False
        ).returncode
        == 0
    )
    model, header = lil.read_model(out)
    raw, certificate = model.spec.total_bits / 8, json.loads(certificate_path(out).read_text())
    row = {
        "name": model.spec.name,
        "shape": list(model.spec.shape),
        "num_bits": model.spec.num_bits,
        "trits": header.num_parameters,
        "iterations": header.iterations,
        "seconds": seconds,
        "file_bytes": out.stat().st_size,
        "raw_bytes": raw,
        "lossless": certificate["lossless"],
        "verified": verified,
        "exit_code": done.returncode,
    }
    print(
        f"{row['name']}: {'certified' if row['lossless'] else 'NOT lossless'}, {seconds:.1f} s, "
        f"{row['file_bytes']:,} bytes, {row['file_bytes'] / raw:.2f} times the raw ones",
        flush=True,
    )
    return row


def main() -> None:
    """Run all, print a line each, and write the record where wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--max-iterations", type=int)
    parser.add_argument("--hidden-features", type=int)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    chosen = {
        "--max-iterations": options.max_iterations,
        "--hidden-features": options.hidden_features,
    }
    further = [
        text for name, value in chosen.items() if value is not None for text in (name, str(value))
    ]
    with TemporaryDirectory() as folder:
        rows = [
            fit_command(picture, options.size, further, Path(folder))
            for picture in options.pictures
        ]
    if options.output:
        record = {
            "schema_version": SCHEMA_VERSION,
            "experiment": "ternary",
            "environment": environment(),
        }
        write_json(options.output, record | {"rows": rows, "fits": {}})


if __name__ == "__main__":
    main()
