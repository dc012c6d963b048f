"""Records: one JSON a run, with all that is needed to believe it or to repeat it."""

import datetime
import json
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from lossless_inr_lite.companion.paths import RESULTS, git_commit
from lossless_inr_lite.companion.rows import fit_record
from lossless_inr_lite.devices import usable_cores
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.version import __version__

SCHEMA_VERSION = 1

__all__ = [
    "SCHEMA_VERSION",
    "environment",
    "fit_record",
    "load_record",
    "peak_memory",
    "record_names",
]


def environment(device: str = "cpu") -> dict[str, Any]:
    """Device, threads, versions and commit.

    This is what numbers can depend on besides the parameters and the seed.
    """
    gpu = torch.cuda.get_device_name() if device == "cuda" else None
    return {
        "date": datetime.date.today().isoformat(),
        "device": device,
        "gpu": gpu,
        "processor": _processor(),
        "cores": usable_cores(),
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


def load_record(profile: str, name: str) -> dict[str, Any]:
    """The committed record data/results/<profile>/<name>.json.

    Raises InputError when there is none.
    """
    path = RESULTS / profile / f"{name}.json"
    if not path.is_file():
        raise InputError(f"there is no record {profile}/{name}.json in data/results")
    return json.loads(path.read_text(encoding="utf-8"))


def record_names(profile: str, pattern: str) -> list[str]:
    """Names of the committed records of a profile that match a pattern, in order."""
    return sorted(path.stem for path in (RESULTS / profile).glob(f"{pattern}.json"))


def _processor() -> str:
    """The processor's name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str | None:
    """The version of an installed package; None for one that is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
