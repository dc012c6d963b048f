"""Total variation of the pictures that the recorded studies fitted.

``python benchmarks/picture_measures.py --signals DIR [DIR ...] --sizes 24 32 --output FILE``

So pages can compare with it without the pictures.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from measure import add_output, command, make_record, picture_files, run_command

import lossless_inr_lite as lil
from lossless_inr_lite.companion.chapters.c09_upper_bound.study import total_variation
from lossless_inr_lite.files import write_json


def chosen_files(folders: Sequence[Path], beginnings: Sequence[str]) -> list[Path]:
    """The PNG files of the folders whose names begin with one of these; all without any."""
    paths = [path for folder in folders for path in picture_files(folder)]
    if not beginnings:
        return sorted(paths)
    return sorted(path for path in paths if path.name.startswith(tuple(beginnings)))


def main() -> None:
    """Write one row for every picture and size."""
    parser = command(__doc__)
    parser.add_argument("--signals", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--names", nargs="*", default=[], help="only these pictures, by the start of their names"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[24, 32], help="sides in pixels")
    add_output(parser)
    options = parser.parse_args()
    rows = {}
    for path in chosen_files(options.signals, options.names):
        for size in options.sizes:
            signal = lil.load_image(path, size)
            rows[f"{signal.name}, {size}"] = {
                "name": signal.name,
                "num_bits": signal.num_bits,
                "size": size,
                "total_variation": total_variation(signal),
            }
    parameters = {"sizes": options.sizes}
    write_json(options.output, make_record("picture_measures", parameters, rows=rows))
    print(f"{len(rows)} rows in {options.output.name}")


if __name__ == "__main__":
    sys.exit(run_command(main))
