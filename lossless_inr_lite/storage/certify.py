"""The only place that may say `lossless: true`.

A saved file is decoded again in a new process, in many ways, and every bit is compared.
"""

import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.files import check_writable, write_json
from lossless_inr_lite.model import Decoder
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.storage.certificate import Certificate, certificate_path, parse_certificate
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.storage.header import Header
from lossless_inr_lite.storage.saved import check_suffix, read_model, save_model, usual_suffix
from lossless_inr_lite.version import __version__

# Samples in a forward pass; the first divides nothing evenly.
BATCHES = (257, 4096, 65536)
THREADS = (1, 2)
PRECISIONS = ("float32", "float64")
# Other ways take about twice as long as the first: float64 moves twice the bytes.
SLOWER_WAYS = 2
# Seconds that certifying may take, however short the fit was.
LEAST_SECONDS = 5.0


@dataclass(frozen=True)
class Way:
    """One way of decoding a file."""

    device: str
    precision: str
    threads: int
    batch: int


@dataclass(frozen=True)
class _Job:
    """A file to certify, the signal that it should hold, and the seconds that may be spent."""

    path: Path
    signal: Signal
    max_seconds: float | None


def certify(path: str | Path, signal: Signal, max_seconds: float | None = None) -> Certificate:
    """Decode the file at `path` in a new process and compare every bit with `signal`.

    Three batch sizes, one and two threads, float32 and float64 are crossed, on the CPU and, where
    there is one, on the GPU. When all of that would take longer than `max_seconds`, a subset is
    decoded in which every batch size, thread count and precision still occurs on each device.

    Raises FileFormatError when the file cannot be decoded.
    """
    return _certify_files([_Job(Path(path), signal, max_seconds)])[0]


def certify_model(fit: Fit, signal: Signal) -> Certificate:
    """Save a fit under a temporary name and certify that file.

    It takes no more time than the fit took, or five seconds.
    """
    return certify_models([(fit, signal)])[0]


def certify_models(fits: Sequence[tuple[Fit, Signal]]) -> list[Certificate]:
    """Do `certify_model` for many fits, all in one new process."""
    if not fits:
        return []
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for number, (fit, signal) in enumerate(fits):
            path = Path(folder) / f"fit{number}{usual_suffix(fit.model)}"
            _save(fit, path)
            jobs.append(_Job(path, signal, allowed_seconds(fit)))
        return _certify_files(jobs)


def allowed_seconds(fit: Fit) -> float:
    """Return the seconds that certifying a fit may take."""
    return max(fit.history.last.seconds, LEAST_SECONDS)


def save(fit: Fit, path: str | Path) -> Path:
    """Write the weights to `path`, and the certificate beside them as .json, each atomically.

    A fit is certified in the form that suits its network. When `path` has another form, that file
    is certified too, since a certificate is for the very weights in one file.

    Raises InputError when the folder cannot be written.
    """
    path = Path(path)
    check_output(path)
    header = _save(fit, path)
    certificate = _certificate_of(fit, path, header)
    if certificate is None:
        certificate_path(path).unlink(missing_ok=True)
    else:
        write_json(certificate_path(path), asdict(certificate))
    return path


def _certificate_of(fit: Fit, path: Path, header: Header) -> Certificate | None:
    """The certificate of the weights in the file at `path`; None when there is none."""
    if fit.certificate is None or fit.certificate.sha256_weights == header.sha256_weights:
        return fit.certificate
    decoded = fit.model.signal()
    if decoded.sha256 != fit.sha256_samples:  # the signal is not known here
        return None
    return certify(path, decoded, allowed_seconds(fit))


def _save(fit: Fit, path: Path) -> Header:
    facts = {
        "package_version": __version__,
        "recipe": fit.recipe,
        "seed": fit.seed,
        "iterations": fit.entry.iteration,
        "wrong_bits": fit.entry.wrong_bits,
        "sha256_samples": fit.sha256_samples,
    }
    return save_model(path, fit.model, facts)


def check_output(path: str | Path) -> None:
    """Raise InputError, before any work, when `save` could not write to `path` and beside it.

    A .json file of the certificate's name that is no certificate is the user's own: it is not
    overwritten.
    """
    check_suffix(path)
    check_writable(path)
    beside = check_writable(certificate_path(path))
    if beside.exists() and parse_certificate(beside) is None:
        raise InputError(
            f"{beside} is not a certificate and would be overwritten: "
            f"choose another name for {path}"
        )


def _certify_files(jobs: Sequence[_Job]) -> list[Certificate]:
    """Certify many files in one new process, which costs seconds to start."""
    with tempfile.TemporaryDirectory() as folder:
        orders = []
        for number, job in enumerate(jobs):
            truth = Path(folder) / f"{number}.npy"
            np.save(truth, job.signal.words, allow_pickle=False)
            orders.append([str(job.path.resolve()), str(truth), job.max_seconds])
        code = "from lossless_inr_lite.storage.certify import _main; _main()"
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(orders),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        reason = lines[-1] if lines else "no message"
        names = ", ".join(job.path.name for job in jobs)
        raise FileFormatError(f"{names} could not be certified: {reason}")
    reports = json.loads(done.stdout)
    return [_certificate(report, job.signal) for report, job in zip(reports, jobs, strict=True)]


def _certificate(report: dict[str, Any], signal: Signal) -> Certificate:
    same_kind = report.pop("spec") == signal.spec.facts
    exact = all(way["wrong_bits"] == 0 for way in report["ways"])
    return Certificate(lossless=same_kind and exact, **report)


def _main() -> None:
    """The new process: a JSON list of [file, its true words, seconds or null] comes in."""
    try:
        reports = [_report(*order) for order in json.load(sys.stdin)]
    except InputError as error:
        sys.exit(str(error))
    print(json.dumps(reports))


def _report(path: str, truth_path: str, max_seconds: float | None) -> dict[str, Any]:
    """What decoding one file in every way gives."""
    model, header = read_model(path)
    truth = np.load(truth_path, allow_pickle=False)
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    every_way = _every_way(devices)
    first = _decode_one(model, truth, _few_ways(devices)[0])
    expected_seconds = SLOWER_WAYS * first["seconds"] * len(every_way)
    has_time = max_seconds is None or expected_seconds < max_seconds
    ways = every_way if has_time else _few_ways(devices)
    found = [_decode_one(model, truth, way) for way in ways]
    return {
        "file_bytes": Path(path).stat().st_size,
        "sha256_weights": header.sha256_weights,
        "sha256_samples": header.sha256_samples,
        "ways": found,
        "smallest_margin": min(way["margin"] for way in found),
        "spec": model.spec.facts,
    }


def _every_way(devices: list[str]) -> list[Way]:
    crossed = itertools.product(devices, PRECISIONS, THREADS, BATCHES)
    return [Way(*values) for values in crossed]


def _few_ways(devices: list[str]) -> list[Way]:
    """Each precision, number of threads and batch size at least once on each device."""
    small, middle, large = BATCHES
    ways = []
    for device in devices:
        ways.append(Way(device, "float32", 1, small))
        ways.append(Way(device, "float32", 2, large))
        ways.append(Way(device, "float64", 2, middle))
    return ways


def _decode_one(model: Decoder, truth: np.ndarray, way: Way) -> dict[str, Any]:
    torch.set_num_threads(way.threads)
    started = time.perf_counter()
    words, margin = model.decode(way.batch, way.precision, way.device)
    seconds = time.perf_counter() - started
    same_shape = words.shape == truth.shape
    wrong_bits = int(np.bitwise_count(words ^ truth).sum()) if same_shape else int(truth.size)
    return {**asdict(way), "wrong_bits": wrong_bits, "margin": margin, "seconds": seconds}
