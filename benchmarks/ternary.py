"""TERNARY on pictures: whole commands, from a picture to a certified file of trits.

``python benchmarks/ternary.py PICTURES... [--size 32] [--max-iterations N] [--hidden-features W]
[--output FILE]``

Each command has a process of its own. Prints its seconds, the bytes of its file, and these over the
raw bytes, and writes them as JSON.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measure import command, load_average, make_record, run_command

import lossless_inr_lite as lil
from lossless_inr_lite.files import write_json
from lossless_inr_lite.storage.certificate import certificate_path


def run_program(*arguments: str) -> int:
    """Run the command line of the package, and return its exit code."""
    program = [sys.executable, "-m", "lossless_inr_lite", *arguments]
    return subprocess.run(program, check=False).returncode


def fit_command(source: str, size: int, further: Sequence[str], folder: Path) -> dict[str, Any]:
    """One `fit` of the command line, and the one `verify` that follows it.

    `further` are more arguments of `fit`.
    """
    out = folder / "out.trits"
    sized = ("--size", str(size))
    load = load_average()
    started = time.perf_counter()
    exit_code = run_program("fit", source, *sized, "--recipe", "ternary", "-o", str(out), *further)
    seconds = time.perf_counter() - started
    verified = run_program("verify", str(out), source, *sized) == 0
    model, header = lil.read_model(out)
    certificate = json.loads(certificate_path(out).read_text(encoding="utf-8"))
    row = {
        "name": model.spec.name,
        "shape": list(model.spec.shape),
        "num_bits": model.spec.num_bits,
        "trits": header.num_parameters,
        "iterations": header.iterations,
        "seconds": seconds,
        "load_average": load,
        "file_bytes": out.stat().st_size,
        "raw_bytes": model.spec.total_bits / 8,
        "lossless": certificate["lossless"],
        "verified": verified,
        "exit_code": exit_code,
    }
    result = "certified" if row["lossless"] else "NOT lossless"
    print(
        f"{row['name']}: {result}, {seconds:.1f} s, {row['file_bytes']:,} bytes, "
        f"{row['file_bytes'] / row['raw_bytes']:.2f} times the raw ones, load {load:.1f}",
        flush=True,
    )
    return row


def main() -> None:
    """Run all, print a line each, and write the record where wanted."""
    parser = command(__doc__)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--size", type=int, default=32, help="side of the crop from the middle")
    parser.add_argument("--max-iterations", type=int)
    parser.add_argument("--hidden-features", type=int)
    parser.add_argument("--output", type=Path, help="file of the record")
    options = parser.parse_args()
    further = []
    if options.max_iterations is not None:
        further += ["--max-iterations", str(options.max_iterations)]
    if options.hidden_features is not None:
        further += ["--hidden-features", str(options.hidden_features)]
    with TemporaryDirectory() as folder:
        rows = [
            fit_command(picture, options.size, further, Path(folder))
            for picture in options.pictures
        ]
    if options.output:
        write_json(options.output, make_record("ternary", rows=rows))


if __name__ == "__main__":
    sys.exit(run_command(main))
