"""Fit by the paper's own recipe on CUDA, certify on CUDA and on the CPU, and write the record.

``python workflow/check_gpu.py [--size 256 --hidden-features 512 --max-seconds 3600]``

The fit is the paper's: bit coordinate, SIREN, full batches, Adam at 1e-4. A fit by `fast` follows
on the same picture. Without CUDA the command says so and ends with 0.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import lossless_inr_lite as lil
from lossless_inr_lite.companion.paths import RESULTS
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment, fit_record, peak_memory
from lossless_inr_lite.files import write_json

NOT_LOSSLESS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 0 when the fits are lossless on every device (or there is no GPU), 3 when not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signal", default="astronaut")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--hidden-features", type=int, default=512)
    parser.add_argument("--max-seconds", type=float, default=3600)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--output", type=Path, default=RESULTS / "paper" / "check_gpu.json")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("skipped: this machine has no CUDA device, so nothing was checked")
        return 0
    signal = lil.load_image(options.signal, size=options.size)
    fits = {
        "paper": lil.fit(
            signal,
            recipe="paper",
            hidden_features=options.hidden_features,
            max_seconds=options.max_seconds,
            device=options.device,
        ),
        "fast": lil.fit(
            signal, recipe="fast", max_seconds=options.max_seconds, device=options.device
        ),
    }
    write_json(options.output, _record(options, signal, fits))
    for name, fit in fits.items():
        print(f"{name}: {_verdict(fit)}")
    print(options.output)
    certified = all(fit.lossless and options.device in _devices(fit) for fit in fits.values())
    return 0 if certified else NOT_LOSSLESS


def _record(
    options: argparse.Namespace, signal: lil.Signal, fits: dict[str, lil.Fit]
) -> dict[str, Any]:
    parameters = vars(options) | {"output": options.output.name}
    on_gpu = options.device == "cuda"
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": "check_gpu",
        "profile": "paper",
        "parameters": parameters,
        "environment": environment(options.device),
        "peak_memory_bytes": peak_memory(),
        "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
        "fits": {name: fit_record(fit, signal) for name, fit in fits.items()},
    }


def _devices(fit: lil.Fit) -> set[str]:
    """Where the saved file was decoded."""
    if fit.certificate is None:
        return set()
    return {way["device"] for way in fit.certificate.ways}


def _verdict(fit: lil.Fit) -> str:
    state = "certified lossless" if fit.lossless else f"NOT lossless ({fit.stopped})"
    return f"{state} on {', '.join(sorted(_devices(fit)))}, {fit.history.last.seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
