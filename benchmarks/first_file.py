"""The five commands of the page "Encode your file", each as a process of its own.

``python benchmarks/first_file.py [--picture FILE] [--size N] [--output FILE]``

Prints and records the seconds of every command and the bytes of what it wrote.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import add_output, command, load_average, make_record, run_command

import lossless_inr_lite as lil
from lossless_inr_lite.files import write_json
from lossless_inr_lite.signals import write_image

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all commands in a temporary folder and write the record."""
    parser = command(__doc__)
    parser.add_argument("--picture", default="astronaut", help="a file, or an embedded picture")
    parser.add_argument("--size", type=int, default=256, help="side of the picture in pixels")
    add_output(parser)
    options = parser.parse_args(arguments)
    picture = lil.load_image(options.picture, size=options.size)
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.png")
        write_image(photo, picture.samples, picture.num_bits)
        rows = [timed(Path(folder), *one) for one in commands()]
        png_bytes = photo.stat().st_size
    record = make_record(
        "first_file",
        {"picture": Path(options.picture).name, "size": options.size},
        rows={row["name"]: row for row in rows},
        raw_bytes=picture.spec.total_bits // 8,
        png_bytes=png_bytes,
    )
    write_json(options.output, record)


def commands() -> list[tuple[str, list[str], str]]:
    """Name, arguments and what each command writes, in the order of the page."""
    return [
        ("compress", ["compress", "photo.png", "-o", "photo.lic"], "photo.lic"),
        ("decompress", ["decompress", "photo.lic", "-o", "restored"], "restored/photo.png"),
        ("fit", ["fit", "photo.png", "-o", "photo.safetensors"], "photo.safetensors"),
        ("verify", ["verify", "photo.safetensors", "photo.png"], "photo.json"),
        ("decode", ["decode", "photo.safetensors", "-o", "again.png"], "again.png"),
    ]


def timed(folder: Path, name: str, arguments: Sequence[str], written: str) -> Row:
    """Run one command of the package; raises CalledProcessError when it fails."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "lossless_inr_lite", *arguments],
        check=True,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ},
    )
    row = {
        "name": name,
        "seconds": time.perf_counter() - started,
        "bytes": (folder / written).stat().st_size,
        "load_average": load_average(),
    }
    print(f"{name}: {row['seconds']:.1f} s, {row['bytes']:,} bytes", flush=True)
    return row


if __name__ == "__main__":
    sys.exit(run_command(main))
