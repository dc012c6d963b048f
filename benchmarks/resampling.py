"""How much the paper's resampling and ours differ: samples, and bytes of their PNGs.

``python benchmarks/resampling.py --signals DIR --size 256 --output resampling.json``
"""

import sys
from collections.abc import Sequence
from typing import Any

import imagecodecs
import numpy as np
from measure import add_output, add_pictures, command, make_record, picture_files, run_command

import lossless_inr_lite as lil
from lossless_inr_lite.files import write_json

PNG_LEVEL = 9


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare both on every picture and print a line for each."""
    parser = command(__doc__)
    add_pictures(parser)
    add_output(parser)
    options = parser.parse_args(arguments)
    rows = []
    for path in picture_files(options.signals)[: options.files]:
        rows.append(compare(str(path), options.size))
        print(rows[-1], flush=True)
    shares = [row["differing"] for row in rows]
    larger = [row["area_bytes"] / row["bilinear_bytes"] - 1 for row in rows]
    facts = {
        "pictures": len(rows),
        "differing": [min(shares), max(shares)],
        "area_png_larger": [min(larger), max(larger)],
    }
    parameters = {"size": options.size}
    write_json(options.output, make_record("resampling", parameters, rows=rows, facts=facts))


def compare(source: str, size: int) -> dict[str, Any]:
    """The share of samples that differ, and the bytes of both as PNG."""
    area = lil.load_image(source, size=size)
    bilinear = lil.load_image(source, size=size, resample="bilinear")
    return {
        "name": area.name,
        "differing": float(np.mean(area.samples != bilinear.samples)),
        "area_bytes": png_bytes(area.samples),
        "bilinear_bytes": png_bytes(bilinear.samples),
    }


def png_bytes(samples: np.ndarray) -> int:
    """Bytes of the samples as a PNG of the highest level."""
    return len(imagecodecs.png_encode(np.ascontiguousarray(samples), level=PNG_LEVEL))


if __name__ == "__main__":
    sys.exit(run_command(main))
