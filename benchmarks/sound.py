"""FAST on sound: whole commands, from a WAV file to a certified network, each in its own process.

``python benchmarks/sound.py [--speech FILE] [--hires DIR] [--long 4,8,16,32] [--output FILE]``

Fitted are one second of speech at 16 kHz and 16 bits, half a second of every recording in DIR, and
excerpts of the speech of growing length, whose peak memory must not grow. Prints a line each and
writes them as JSON.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from measure import command, load_average, make_record, run_command

import lossless_inr_lite as lil
from lossless_inr_lite.companion.chapters.c12_audio.study import (
    SPEECH,
    speech,
    write_sound,
)
from lossless_inr_lite.companion.lists import comma_list
from lossless_inr_lite.files import write_json
from lossless_inr_lite.signals import Signal, excerpt
from lossless_inr_lite.storage.certificate import certificate_path

# The process tells its peak memory by itself: nothing of this script is counted.
CODE = """
import json, resource, sys
from lossless_inr_lite.__main__ import main
code = main(["fit", sys.argv[1], "-o", sys.argv[2]])
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"exit_code": code, "peak_memory_bytes": peak}))
"""


def fit_command(name: str, signal: Signal, folder: Path) -> dict[str, Any]:
    """One `fit` of the command line.

    The row tells its exit code, seconds, peak memory, and the certificate that it left.
    """
    path = write_sound(signal, folder)
    out = folder / "out.safetensors"
    load = load_average()
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path), str(out)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - started
    certificate = json.loads(certificate_path(out).read_text(encoding="utf-8"))
    _, header = lil.read_model(out)
    told = json.loads(done.stdout.splitlines()[-1])
    row = {
        "name": name,
        "samples": list(signal.samples.shape),
        "sample_rate": signal.sample_rate,
        "subtype": signal.subtype,
        "bits": signal.spec.total_bits,
        "num_parameters": header.num_parameters,
        "seconds": seconds,
        "load_average": load,
        "lossless": certificate["lossless"],
        **told,
    }
    result = "certified" if row["lossless"] else "NOT lossless"
    print(
        f"{name}: {result}, {seconds:.1f} s, {row['num_parameters']:,} weights for "
        f"{row['bits']:,} bits, peak {row['peak_memory_bytes'] / 2**20:.0f} MiB, "
        f"load {load:.1f}",
        flush=True,
    )
    return row


def sounds(source: str, hires: Path | None, lengths: str) -> Iterator[tuple[str, Signal]]:
    """What is fitted, by name, loaded one after another."""
    yield "1 s of speech", speech(source, 1.1, 1.0)
    if hires is not None:
        for path in sorted(hires.glob("*.wav")):
            signal = lil.load_audio(path)
            middle = len(signal.samples) / (signal.sample_rate or 1) / 2
            yield f"0.5 s of {path.stem}", excerpt(signal, middle - 0.25, 0.5)
    for length in comma_list(lengths):
        seconds = float(length)
        yield f"{seconds:g} s of speech", speech(source, 0.0, seconds)


def main() -> None:
    """Run all, print a line each, and write the record where wanted."""
    parser = command(__doc__)
    parser.add_argument("--speech", default=SPEECH)
    parser.add_argument("--hires", type=Path, help="a folder of WAV files of more bits")
    parser.add_argument("--long", default="4,8,16,32", help="seconds, separated by commas")
    parser.add_argument("--output", type=Path, help="file of the record")
    options = parser.parse_args()
    rows = []
    with TemporaryDirectory() as folder:
        for name, signal in sounds(options.speech, options.hires, options.long):
            rows.append(fit_command(name, signal, Path(folder)))
    if options.output:
        write_json(options.output, make_record("sound", rows=rows))


if __name__ == "__main__":
    sys.exit(run_command(main))
