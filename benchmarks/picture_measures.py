"""Total variation of the pictures that the recorded studies fitted, so that pages can compare without the pictures.

``python benchmarks/picture_measures.py --signals DIR [DIR ...] --sizes 24 32 --output picture_measures.json``
"""

import argparse
from pathlib import Path

import lossless_inr_lite as lil
from lossless_inr_lite.companion.chapters.c09_upper_bound.study import total_variation
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.files import write_json


def main() -> None:
    """Write one row for every picture and size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signals", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--names", nargs="*", default=[], help="only these pictures, by the start of their names"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[24, 32])
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    rows = {}
    for path in sorted(path for folder in options.signals for path in folder.glob("*.png")):
        for size in options.sizes if path.name.startswith(tuple(options.names or [""])) else ():
            signal = lil.load_image(path, size)
            rows[f"{signal.name}, {size}"] = {
                "name": signal.name,
                "num_bits": signal.num_bits,
                "size": size,
                "total_variation": total_variation(signal),
            }
    write_json(
        options.output,
        {
            "schema_version": SCHEMA_VERSION,
            "experiment": "picture_measures",
            "environment": environment(),
            "parameters": {"sizes": options.sizes},
            "rows": rows,
            "fits": {},
        },
    )
    print(f"{len(rows)} rows in {options.output.name}")


if __name__ == "__main__":
    main()
