"""`Certificate`: what decoding a saved file found, and how it lies beside the file. No torch."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Certificate:
    """What decoding a saved file found; `lossless` only when no way gave a single wrong bit.

    smallest_margin: of all ways together (|logit| for bit formulations, steps for amplitudes).
    ways: device, precision, threads, batch, wrong bits, margin and seconds of each way.
    file_bytes: size of the file that was decoded (0 in certificates of older versions).
    """

    lossless: bool
    sha256_weights: str
    sha256_samples: str
    smallest_margin: float
    ways: list[dict[str, Any]]
    file_bytes: int = 0


def certificate_path(path: str | Path) -> Path:
    """Return where the certificate lies: x.json for x.safetensors, x.trits.json for x.trits."""
    path = Path(path)
    if path.suffix == ".trits":
        return path.with_name(f"{path.name}.json")
    return path.with_suffix(".json")


def read_certificate(path: str | Path, sha256_weights: str) -> Certificate | None:
    """Return the certificate beside a network; None when there is none for these very weights."""
    found = parse_certificate(certificate_path(path))
    if found is None or found.sha256_weights != sha256_weights:
        return None
    return found


def parse_certificate(path: Path) -> Certificate | None:
    """Return the certificate in a .json file; None when the file holds none."""
    try:
        found = Certificate(**json.loads(path.read_text(encoding="utf-8")))
        sound = isinstance(found.lossless, bool) and math.isfinite(found.smallest_margin)
    except (OSError, ValueError, TypeError, OverflowError, RecursionError):
        return None
    return found if sound else None
