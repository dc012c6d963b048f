"""FAST on sound: whole commands, from a WAV file to a certified network, each in a process of its own.

``python benchmarks/sound.py [--speech FILE] [--hires DIR] [--long 4,8,16,32] [--output sound.json]``

One second of speech at 16 kHz and 16 bits; half a second of every recording in DIR; excerpts of the speech of growing
length, whose peak memory must not grow. Prints a line each and writes them as JSON.
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
from lossless_inr_lite.companion.chapters.c12_audio.study import SPEECH, speech, write_sound
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.files import write_json
from lossless_inr_lite.signals.signal import Signal, excerpt

CODE = """
import json, resource, sys
from lossless_inr_lite.__main__ import main
code = main(["fit", sys.argv[1], "-o", sys.argv[2]])
print(json.dumps({"exit_code": code, "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


def fit_command(name: str, signal: Signal, folder: Path) -> dict[str, Any]:
    """One `fit` of the command line: its exit code, seconds, peak memory, and the certificate that it left."""
    path, out = write_sound(signal, folder), folder / "out.safetensors"
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path), str(out)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - started
    certificate = json.loads(out.with_suffix(".json").read_text())
    parameters = lil.read_model(out)[1].num_parameters
    row = {
        "name": name,
        "samples": list(signal.samples.shape),
        "sample_rate": signal.sample_rate,
        "subtype": signal.subtype,
        "bits": signal.spec.total_bits,
        "num_parameters": parameters,
        "seconds": seconds,
        "lossless": certificate["lossless"],
        **json.loads(done.stdout.splitlines()[-1]),
    }
    print(
        f"{name}: {'certified' if row['lossless'] else 'NOT lossless'}, {seconds:.1f} s, {parameters:,} weights for "
        f"{row['bits']:,} bits, peak {row['peak_memory_bytes'] / 2**20:.0f} MiB",
        flush=True,
    )
    return row


def main() -> None:
    """Run all, print a line each, and write the record where wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speech", default=SPEECH)
    parser.add_argument("--hires", type=Path)
    parser.add_argument("--long", default="4,8,16,32", help="seconds, separated by commas")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        rows = [fit_command("1 s of speech", speech(options.speech, 1.1, 1.0), Path(folder))]
        for path in sorted(options.hires.glob("*.wav")) if options.hires else ():
            signal = lil.load_audio(path)
            middle = len(signal.samples) / (signal.sample_rate or 1) / 2
            rows.append(
                fit_command(
                    f"0.5 s of {path.stem}", excerpt(signal, middle - 0.25, 0.5), Path(folder)
                )
            )
        for seconds in (float(text) for text in options.long.split(",") if text):
            rows.append(
                fit_command(
                    f"{seconds:g} s of speech", speech(options.speech, 0.0, seconds), Path(folder)
                )
            )
    if options.output:
        record = {
            "schema_version": SCHEMA_VERSION,
            "experiment": "sound",
            "environment": environment(),
        }
        write_json(options.output, record | {"rows": rows, "fits": {}})


if __name__ == "__main__":
    main()
