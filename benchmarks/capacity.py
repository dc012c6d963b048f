"""The smallest network that FAST still makes lossless, by bisection on the width, for each formulation and for tiles.

``python benchmarks/capacity.py --signals DIR --size 32 --output capacity.json``

For every picture and way of asking, the width is bisected between one that is surely too small and one that is surely large
enough; "lossless" is zero wrong bits, in float64 too, within ``--max-seconds``. A longer limit can only find smaller networks, so the
figures are upper bounds of the smallest size. Finished cases are kept, so a run that was stopped goes on.
"""  # noqa: E501

import argparse
import json
from pathlib import Path
from typing import Any

import lossless_inr_lite as lil
from lossless_inr_lite.companion.chapters.c04_capacity import smallest_width
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.files import write_json

CASES = (("bit_heads", None), ("bit_heads", 12), ("bit_coordinate", None), ("amplitude", None))


def main() -> None:
    """Print bits a parameter at the smallest lossless width of every case, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signals", type=Path, required=True)
    parser.add_argument("--files", type=int, default=2)
    parser.add_argument("--bits", type=int, help="only pictures of this depth")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument(
        "--max-seconds", type=float, default=60.0, help="for each width that is tried"
    )
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "experiment": "capacity",
        "environment": environment(),
        "parameters": {"size": options.size, "max_seconds": options.max_seconds},
        "rows": {},
        "fits": {},
    }
    if options.output.is_file():
        record = json.loads(options.output.read_text(encoding="utf-8"))
    for path in sorted(options.signals.glob("*.png"))[: options.files]:
        signal = lil.load_image(path, options.size, options.bits)
        for formulation, tile in CASES:
            label = f"{signal.name}, {signal.num_bits} bits, {formulation}{f', tiles of {tile}' if tile else ''}"
            if label not in record["rows"]:
                found = smallest_width(signal, formulation, tile, options.max_seconds)
                record["rows"][label] = {
                    "name": signal.name,
                    "num_bits": signal.num_bits,
                    "formulation": formulation,
                    "tile": tile,
                    **found,
                }
                write_json(options.output, record)
            row = record["rows"][label]
            size = (
                f"{row['bits_per_parameter']:.2f} bits a parameter"
                if row["width"]
                else "none found in time"
            )
            print(
                f"{label}: width {row['width']}, {row['num_parameters']} parameters, {size}",
                flush=True,
            )


if __name__ == "__main__":
    main()
