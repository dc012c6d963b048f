"""A paper-profile fit on CUDA, certified on CUDA and on the CPU, its record written. Skipped without CUDA.

``python workflow/check_gpu.py [--size 256 --hidden-features 512 --max-seconds 3600]``
"""

import argparse
import sys

import torch

import lossless_inr_lite as lil
from lossless_inr_lite.companion.paths import RESULTS
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment, fit_record, peak_memory
from lossless_inr_lite.files import write_json


def main() -> int:
    """Exit 0 when the fit is lossless on every device (or there is no GPU), 3 when it is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signal", default="astronaut")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--hidden-features", type=int, default=512)
    parser.add_argument("--max-seconds", type=float, default=3600)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("skipped: this machine has no CUDA device, so nothing was checked")
        return 0
    signal = lil.load_image(options.signal, size=options.size)
    fit = lil.fit(
        signal,
        hidden_features=options.hidden_features,
        max_seconds=options.max_seconds,
        device="cuda",
    )
    folder = RESULTS / "paper"
    record = {
        "schema_version": SCHEMA_VERSION,
        "experiment": "check_gpu",
        "profile": "paper",
        "parameters": vars(options),
        "environment": environment("cuda"),
        "peak_memory_bytes": peak_memory(),
        "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated(),
        "fits": {signal.name: fit_record(fit, signal)},
    }
    path = write_json(folder / "check_gpu.json", record)
    devices = sorted({way["device"] for way in fit.certificate.ways}) if fit.certificate else []
    print(
        f"{'certified lossless' if fit.lossless else 'NOT lossless'} on {', '.join(devices)}: {path}"
    )
    return 0 if fit.lossless and "cuda" in devices else 3


if __name__ == "__main__":
    sys.exit(main())
