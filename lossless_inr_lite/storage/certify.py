"""The only place that may say `lossless: true`: the saved file, decoded again in a new process, many ways."""

import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.files import check_writable, write_json
from lossless_inr_lite.model import Model
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.storage.weights import check_suffix, read_model, save_model, usual_suffix
from lossless_inr_lite.version import __version__

if TYPE_CHECKING:
    from lossless_inr_lite.training.fit import Fit

BATCHES = (257, 4096, 65536)  # samples a forward pass; the first divides nothing evenly
THREADS = (1, 2)
PRECISIONS = ("float32", "float64")


@dataclass(frozen=True)
class Certificate:
    """What decoding a saved file found. `lossless` holds only when no way of decoding gave a single wrong bit.

    `smallest_margin` is that of all ways together (|logit| for bit formulations, steps for amplitudes);
    `ways` lists device, precision, threads, batch, wrong bits, margin and seconds of each; `file_bytes` is the size
    of the file that was decoded (0 in certificates of older versions).
    """

    lossless: bool
    sha256_weights: str
    sha256_samples: str
    smallest_margin: float
    ways: list[dict[str, Any]]
    file_bytes: int = 0


def certify(path: str | Path, signal: Signal, max_seconds: float | None = None) -> Certificate:
    """Decode the file at `path` in a new process and compare every bit with `signal`.

    Three batch sizes, one and two threads, float32 and float64 are crossed, on the CPU and, where there is
    one, on the GPU. When all of that would take longer than `max_seconds`, a subset is decoded in which every
    batch size, thread count and precision still occurs on each device.
    """
    return _certify_files([(Path(path), signal, max_seconds)])[0]


def _certify_files(files: Sequence[tuple[Path, Signal, float | None]]) -> list[Certificate]:
    """`certify` of many files, all in one new process, which costs seconds to start."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for number, (path, signal, max_seconds) in enumerate(files):
            truth = Path(folder) / f"{number}.npy"
            np.save(truth, signal.words, allow_pickle=False)
            jobs.append([str(path), str(truth), max_seconds or 0])
        code = "from lossless_inr_lite.storage.certify import _main; _main()"
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise FileFormatError(
            f"{', '.join(p.name for p, *_ in files)} could not be certified: {reason[0]}"
        )
    reports = json.loads(done.stdout)
    return [
        _certificate(report, signal) for report, (_, signal, _) in zip(reports, files, strict=True)
    ]


def _certificate(report: dict[str, Any], signal: Signal) -> Certificate:
    same_kind = report.pop("spec") == signal.spec.facts
    report["lossless"] = same_kind and all(way["wrong_bits"] == 0 for way in report["ways"])
    return Certificate(**report)


def certify_model(fit: "Fit", signal: Signal) -> Certificate:
    """Save a fit under a temporary name and certify that file, in no more time than the fit took."""
    return certify_models([(fit, signal)])[0]


def certify_models(fits: Sequence[tuple["Fit", Signal]]) -> list[Certificate]:
    """`certify_model` of many fits, all in one new process."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, (fit, signal) in enumerate(fits):
            path = Path(folder) / f"fit{number}{usual_suffix(fit.model)}"
            _save(fit, path)
            files.append((path, signal, max(fit.history.entries[-1].seconds, 5.0)))
        return _certify_files(files) if files else []


def save(fit: "Fit", path: str | Path) -> Path:
    """Write the weights to `path` (.safetensors) and the certificate beside them as .json, each atomically.

    Raises InputError when the folder cannot be written.
    """
    path = Path(path)
    check_output(path)
    _save(fit, path)
    if fit.certificate is None:
        certificate_path(path).unlink(missing_ok=True)
    else:
        write_json(certificate_path(path), asdict(fit.certificate))
    return path


def check_output(path: str | Path) -> None:
    """Raise InputError, before any work, when `save` could not write `path` and the certificate beside it.

    A .json file of that name that is no certificate is the user's own and is not overwritten.
    """
    check_suffix(path)
    check_writable(path)
    beside = check_writable(certificate_path(path))
    if beside.exists() and _read_certificate(beside) is None:
        raise InputError(
            f"{beside} is not a certificate and would be overwritten: choose another name for {path}"
        )


def certificate_path(path: str | Path) -> Path:
    """Where the certificate of a saved network lies: x.json beside x.safetensors, x.trits.json beside x.trits."""
    path = Path(path)
    return (
        path.with_name(f"{path.name}.json")
        if path.suffix == ".trits"
        else path.with_suffix(".json")
    )


def read_certificate(path: str | Path, sha256_weights: str) -> Certificate | None:
    """The certificate beside a network, or None when there is none for exactly these weights."""
    found = _read_certificate(certificate_path(path))
    return found if found and found.sha256_weights == sha256_weights else None


def _read_certificate(path: Path) -> Certificate | None:
    try:
        found = Certificate(**json.loads(path.read_text(encoding="utf-8")))
        sound = isinstance(found.lossless, bool) and math.isfinite(found.smallest_margin)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return found if sound else None


def _save(fit: "Fit", path: Path) -> None:
    save_model(
        path,
        fit.model,
        package_version=__version__,
        recipe=fit.recipe,
        seed=fit.seed,
        iterations=fit.entry.iteration,
        wrong_bits=fit.entry.wrong_bits,
        sha256_samples=fit.sha256_samples,
    )


def _ways(devices: list[str], all_of_them: bool) -> list[tuple[str, str, int, int]]:
    """(device, precision, threads, batch): the full cross, or each value at least once on each device."""
    if all_of_them:
        return list(itertools.product(devices, PRECISIONS, THREADS, BATCHES))
    short = [("float32", 1, BATCHES[0]), ("float32", 2, BATCHES[2]), ("float64", 2, BATCHES[1])]
    return [(device, *way) for device in devices for way in short]


def _decode_one(model: Model, truth: np.ndarray, way: tuple[str, str, int, int]) -> dict[str, Any]:
    device, precision, threads, batch = way
    torch.set_num_threads(threads)
    started = time.perf_counter()
    words, margin = model.decode(batch, getattr(torch, precision), device)
    wrong = (
        int(np.bitwise_count(words ^ truth).sum())
        if words.shape == truth.shape
        else int(truth.size)
    )
    return {
        "device": device,
        "precision": precision,
        "threads": threads,
        "batch": batch,
        "wrong_bits": wrong,
        "margin": margin,
        "seconds": time.perf_counter() - started,
    }


def _main() -> None:
    """The new process: a JSON list of [file, its true words, seconds that may be spent (0: no limit)] comes in."""
    try:
        reports = [_report(*job) for job in json.load(sys.stdin)]
    except InputError as error:
        sys.exit(str(error))
    print(json.dumps(reports))


def _report(path: str, truth_path: str, max_seconds: float) -> dict[str, Any]:
    """What decoding one file in every way gives."""
    model, header = read_model(path)
    truth = np.load(truth_path, allow_pickle=False)
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    first = _decode_one(model, truth, _ways(devices, False)[0])
    everything = max_seconds == 0 or first["seconds"] * 24 * len(devices) < max_seconds
    reports = [_decode_one(model, truth, way) for way in _ways(devices, everything)]
    return {
        "file_bytes": Path(path).stat().st_size,
        "sha256_weights": header.sha256_weights,
        "sha256_samples": header.sha256_samples,
        "ways": reports,
        "smallest_margin": min(report["margin"] for report in reports),
        "spec": model.spec.facts,
    }
