"""Records: one JSON a run, with all that is needed to believe it or to repeat it."""

import datetime
import json
import os
import platform
import resource
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from lossless_inr_lite.companion.claims import VERDICTS, Verdict, paper_value, verdict
from lossless_inr_lite.companion.paths import RESULTS, ROOT
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.metrics import signal_metrics
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.training.fit import Fit
from lossless_inr_lite.version import __version__

SCHEMA_VERSION = 1

# The claims' names stood here; chapters that import them from here still work.
__all__ = [
    "SCHEMA_VERSION",
    "VERDICTS",
    "Verdict",
    "environment",
    "fit_record",
    "git_commit",
    "load_record",
    "paper_value",
    "peak_memory",
    "record_names",
    "verdict",
]


def environment(device: str = "cpu") -> dict[str, Any]:
    """Device, threads, versions and commit: what numbers can depend on besides the parameters and the seed."""
    gpu = torch.cuda.get_device_name() if device == "cuda" else None
    return {
        "date": datetime.date.today().isoformat(),
        "device": device,
        "gpu": gpu,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "platform": platform.system(),
        "package_version": __version__,
        "git_commit": git_commit(),
        "versions": {
            name: _version(name)
            for name in ("torch", "numpy", "scikit-image", "safetensors", "soundfile")
        },
    }


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def git_commit() -> str | None:
    """The checkout's commit, with "+" when the tree has changes; None outside a checkout."""
    if not (ROOT / ".git").exists():
        return None
    try:
        commit = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        )
        status = subprocess.run(
            ["git", "-C", str(ROOT), "status", "--porcelain"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + ("+" if status.stdout.strip() else "")


def fit_record(fit: Fit, signal: Signal) -> dict[str, Any]:
    """One fit as plain JSON values: the signal, the model, the cost, every metric, the certificate, the history.

    PSNR is null where it is infinite, and SSIM where the picture is smaller than its window.
    """
    entry, words = fit.entry, fit.model.decode()[0]
    return {
        "signal": {"name": signal.name, "sha256": signal.sha256, **signal.spec.facts},
        "model": {
            **asdict(fit.model.architecture),
            "num_parameters": fit.num_parameters,
            "bits_per_parameter": signal.spec.total_bits / fit.num_parameters,
        },
        "recipe": fit.recipe,
        "seed": fit.seed,
        "device": fit.device,
        "stopped": fit.stopped,
        "iterations": entry.iteration,
        "samples_seen": entry.samples_seen,
        "flops": entry.flops,
        "seconds": entry.seconds,
        "wrong_bits": entry.wrong_bits,
        "ber_planes": entry.ber_planes,
        "metrics": signal_metrics(words, signal),
        "lossless": fit.lossless,
        "certificate": asdict(fit.certificate) if fit.certificate else None,
        "history": fit.history.thinned(),
    }


def load_record(profile: str, name: str) -> dict[str, Any]:
    """A committed record, data/results/<profile>/<name>.json. Raises InputError when there is none."""
    path = RESULTS / profile / f"{name}.json"
    if not path.is_file():
        raise InputError(f"there is no record {profile}/{name}.json in data/results")
    return json.loads(path.read_text(encoding="utf-8"))


def record_names(profile: str, pattern: str) -> list[str]:
    """Names of the committed records of a profile that match a pattern, in order."""
    return sorted(path.stem for path in (RESULTS / profile).glob(f"{pattern}.json"))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
