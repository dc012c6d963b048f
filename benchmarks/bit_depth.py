"""Bit-depth expansion over the pictures of a folder.

``python benchmarks/bit_depth.py --signals DIR [--size 256] [--whole METHODS] [--folder ROWS]
[--output depth.json]``

Pictures of 8 bits are expanded from 4, those of 16 bits from 6 and 8. Prints Table 5 for every pair
of depths, with 95 % intervals over pictures and seconds per picture. Pictures of 16 bits that are
not genuine are named and left out. Rows are kept in the folder: a run that was stopped goes on.
"""

import argparse
from pathlib import Path

import torch

from lossless_inr_lite.companion.chapters.c14_bit_depth_expansion import figures, study
from lossless_inr_lite.companion.lists import comma_list
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import write_json
from lossless_inr_lite.signals import load_image
from lossless_inr_lite.signals.image_files import WRITABLE


def sorted_by_depth(folder: Path) -> tuple[list[str], list[str]]:
    """Files with 8 and with 16 genuine bits; raises InputError when there is neither."""
    shallow = []
    deep = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in WRITABLE):
        signal = load_image(path)
        if signal.num_bits == 8:
            shallow.append(str(path))
            continue
        try:
            study.check_deep(signal)
        except InputError as error:
            print(f"left out: {error}")
        else:
            deep.append(str(path))
    if not shallow and not deep:
        raise InputError(f"{folder} holds no picture of 8 or of 16 genuine bits")
    return shallow, deep


def main() -> None:
    """Run what is not there yet, print the tables, and write the record where wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signals", type=Path, required=True)
    parser.add_argument(
        "--size", type=int, default=256, help="side of the crop from the middle of each picture"
    )
    parser.add_argument(
        "--whole", default="", help="methods that also expand whole pictures, separated by commas"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--folder", type=Path, default=Path("_build/bench/bit_depth"))
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shallow, deep = sorted_by_depth(options.signals)
    chosen = study.pictures(shallow, deep, options.size, comma_list(options.whole))
    rows = study.run(chosen, options.folder)
    for part in ("crop", "whole"):
        for depths in figures.depths_of(rows, part):
            print(f"\n{part}s\n{figures.table_5(rows, depths, part).data}")
    if options.output:
        record = {
            "schema_version": SCHEMA_VERSION,
            "experiment": "bit_depth",
            "environment": environment(),
            "rows": rows,
            "fits": {},
        }
        write_json(options.output, record)


if __name__ == "__main__":
    main()
