"""The smallest network that FAST still makes lossless, for each formulation and for tiles.

``python benchmarks/capacity.py --signals DIR --size 32 --output capacity.json``

For every picture and case the width is doubled until a fit is lossless, then bisected; "lossless"
is zero wrong bits, in float64 too, within ``--max-seconds``. A longer limit can only find smaller
networks, so the numbers are upper bounds of the smallest size. Finished cases are kept in the
output, so a run that was stopped goes on.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from measure import add_output, add_pictures, command, make_record, picture_files, run_command

import lossless_inr_lite as lil
from lossless_inr_lite.companion.chapters.c04_capacity import smallest_width
from lossless_inr_lite.files import write_json

CASES = (("bit_heads", None), ("bit_heads", 12), ("bit_coordinate", None), ("amplitude", None))
"""Formulation and side of a tile in pixels."""


def main() -> None:
    """Print the bits per parameter of every picture and case, and write the record."""
    options = _options()
    record = _record(options)
    for path in picture_files(options.signals)[: options.files]:
        signal = lil.load_image(path, options.size, options.bits)
        for formulation, tile in CASES:
            tiles = f", tiles of {tile}" if tile else ""
            label = f"{signal.name}, {signal.num_bits} bits, {formulation}{tiles}"
            if label not in record["rows"]:
                record["rows"][label] = {
                    "name": signal.name,
                    "num_bits": signal.num_bits,
                    "formulation": formulation,
                    "tile": tile,
                    **smallest_width(signal, formulation, tile, options.max_seconds),
                }
                write_json(options.output, record)
            print(f"{label}: {_told(record['rows'][label])}", flush=True)


def _options() -> argparse.Namespace:
    parser = command(__doc__)
    add_pictures(parser, files=2)
    parser.set_defaults(size=32)
    parser.add_argument("--bits", type=int, help="depth that the pictures must have")
    parser.add_argument(
        "--max-seconds", type=float, default=60.0, help="for each width that is tried"
    )
    add_output(parser)
    return parser.parse_args()


def _record(options: argparse.Namespace) -> dict[str, Any]:
    """The record that the output holds already, or a new one without rows."""
    if options.output.is_file():
        return json.loads(options.output.read_text(encoding="utf-8"))
    parameters = {"size": options.size, "max_seconds": options.max_seconds}
    return make_record("capacity", parameters, rows={})


def _told(row: Mapping[str, Any]) -> str:
    size = "none found in time"
    if row["width"]:
        size = f"{row['bits_per_parameter']:.2f} bits per parameter"
    return f"width {row['width']}, {row['num_parameters']} parameters, {size}"


if __name__ == "__main__":
    sys.exit(run_command(main))
