"""The only place that may say `lossless: true`.

A saved file is decoded again in a new process, in many ways, and every bit is compared.
"""

import itertools
import json
import math
import numbers
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lossless_inr_lite.errors import FileFormatError, InputError, OutputError, check_type
from lossless_inr_lite.files import (
    as_path,
    check_not_input,
    check_replaceable,
    check_writable,
    reason_of,
    write_json,
    written_file,
)
from lossless_inr_lite.model import Decoder
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.storage.certificate import Certificate, certificate_path, parse_certificate
from lossless_inr_lite.storage.fitted import Fit, TimeLeft
from lossless_inr_lite.storage.header import Header
from lossless_inr_lite.storage.saved import (
    check_suffix,
    is_network,
    read_model,
    save_model,
    usual_suffix,
)
from lossless_inr_lite.version import __version__

# Samples in a forward pass; the first divides nothing evenly.
BATCHES = (257, 4096, 65536)
THREADS = (1, 2)
PRECISIONS = ("float32", "float64")
# How much longer than the fastest way the others take: float64 moves twice the bytes, and small
# batches have more overhead. On average, and at the most.
SLOWER_WAYS = 2
SLOWEST_WAY = 5
# Seconds that certifying may take, however short the fit was.
LEAST_SECONDS = 5.0
# By how much a limit of seconds may be exceeded: a share of it, and seconds of starting up.
TOLERANCE = 0.2
START_UP = 1.0


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
    decoded in which every batch size, thread count and precision still occurs on each device. Of
    these too a way is begun only when it is likely to end in time, all but the first. A way that
    finds wrong bits is the last: one is enough to know. The certificate lists the ways that were
    tried.

    Raises InputError for anything but a signal and a path, and FileFormatError when the file cannot
    be decoded.
    """
    check_type("signal", signal, Signal, "a Signal is needed, as load_image gives one")
    if max_seconds is not None:
        check_type("max_seconds", max_seconds, numbers.Real, "a number or None is needed")
    return _certify_files([_Job(as_path(path), signal, max_seconds)])[0]


def certify_model(fit: Fit, signal: Signal) -> Certificate | None:
    """Save a fit under a temporary name and certify that file, as `certify_fit` does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"fit{usual_suffix(fit.model)}"
        _save(fit, path)
        return certify_fit(fit, path, signal)


def certify_models(fits: Sequence[tuple[Fit, Signal]]) -> list[Certificate]:
    """Save many fits under temporary names and certify these files, all in one new process."""
    if not fits:
        return []
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for number, (fit, signal) in enumerate(fits):
            path = Path(folder) / f"fit{number}{usual_suffix(fit.model)}"
            _save(fit, path)
            jobs.append(_Job(path, signal, allowed_seconds(fit)))
        return _certify_files(jobs)


def certify_fit(fit: Fit, path: Path, signal: Signal) -> Certificate | None:
    """Certify the file at `path`, in which `fit` was saved, within what its limit left.

    A fit that is known to have wrong bits is decoded once, in this process: that confirms them.
    None when not even that would end in time. A fit without wrong bits is always certified, in one
    way at least; see `certify`.
    """
    if fit.entry.wrong_bits == 0:
        return certify(path, signal, allowed_seconds(fit))
    time_left = fit.time_left
    if time_left is not None and time_left.look > _bearable_seconds(time_left):
        return None
    report = _report(path, signal.words, 0.0)
    certificate = _certificate(report, signal)
    if certificate.lossless:  # rounding helped it; whether it always does must be seen
        return certify(path, signal, allowed_seconds(fit))
    return certificate


def allowed_seconds(fit: Fit) -> float:
    """Return the seconds that certifying a fit may take: what its limit left.

    Without a limit as many as the fit took, or five.
    """
    if fit.time_left is not None:
        return max(0.0, fit.time_left.left)
    return max(fit.history.last.seconds, LEAST_SECONDS)


def _bearable_seconds(time_left: TimeLeft) -> float:
    """The seconds until a limit is exceeded by more than is promised."""
    return time_left.left + TOLERANCE * time_left.limit + START_UP


def save(fit: Fit, path: str | Path, force: bool = False) -> Path:
    """Write the weights to `path`, and the certificate beside them as .json, each atomically.

    A fit is certified in the form that suits its network. When `path` has another form, that file
    is certified too, since a certificate is for the very weights in one file. `force` replaces what
    is there even when it is neither a saved network nor a certificate.

    Raises InputError when the folder cannot be written, and as `check_output` does.
    """
    path = as_path(path)
    check_type("fit", fit, Fit, "what fit returns is needed")
    check_output(path, force=force)
    header = _save(fit, path)
    write_certificate(_certificate_of(fit, path, header), path)
    return path


def write_certificate(certificate: Certificate | None, path: Path) -> None:
    """Write what was found of the network at `path` beside it; None removes an earlier finding.

    Raises OutputError when it cannot be written.
    """
    beside = certificate_path(path)
    if certificate is not None:
        write_json(beside, asdict(certificate))
        return
    try:
        written_file(beside).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot remove {beside}: {reason_of(error)}") from error


def save_elsewhere(fit: Fit, name: str) -> Path | None:
    """Save a fit as `name` in a new folder, wherever there is room; None when there is none.

    This is for a fit whose own place cannot be written any more: its training may have taken days.
    """
    for folder in _other_folders():
        try:
            place = Path(tempfile.mkdtemp(dir=folder, prefix="lossless_inr_lite_"))
        except OSError:
            continue
        try:
            return save(fit, place / name)
        except (InputError, OSError):
            shutil.rmtree(place, ignore_errors=True)
    return None


def _other_folders() -> Iterator[Path]:
    """Folders that are likely to be on different disks."""
    with suppress(OSError):
        yield Path(tempfile.gettempdir())
    with suppress(RuntimeError):
        yield Path.home()
    with suppress(OSError):
        yield Path.cwd()
    yield Path("/var/tmp")
    yield Path("/dev/shm")


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


def check_output(path: str | Path, inputs: Iterable[Path] = (), force: bool = False) -> None:
    """Raise InputError, before any work, when `save` could not write to `path` and beside it.

    Neither file may be one of `inputs`. What is there already must be a saved network, and a
    certificate beside it: anything else is the user's own, and only `force` replaces it.
    """
    path = as_path(path)
    check_suffix(path)
    check_writable(path)
    beside = check_writable(certificate_path(path))
    inputs = list(inputs)
    check_not_input(path, inputs)
    check_not_input(beside, inputs)
    check_replaceable(path, is_network, "a network of this package", force)
    is_taken = beside.exists() and beside.stat().st_size > 0
    if is_taken and not force and parse_certificate(beside) is None:
        raise InputError(
            f"{beside} is not a certificate and would be overwritten: "
            f"choose another name for {path}, or --force"
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
        reports = [_report_in(*order) for order in json.load(sys.stdin)]
    except InputError as error:
        sys.exit(str(error))
    print(json.dumps(reports))


def _report_in(path: str, truth_path: str, max_seconds: float | None) -> dict[str, Any]:
    """What decoding one file gives, when its true words lie in a file too."""
    truth = np.load(truth_path, allow_pickle=False)
    return _report(Path(path), truth, math.inf if max_seconds is None else max_seconds)


def _report(path: Path, truth: np.ndarray, max_seconds: float) -> dict[str, Any]:
    """What decoding one file gives, in the ways that `certify` tells."""
    model, header = read_model(path)
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    found = _decode_in_time(lambda way: _decode_one(model, truth, way), devices, max_seconds)
    return {
        "file_bytes": path.stat().st_size,
        "sha256_weights": header.sha256_weights,
        "sha256_samples": header.sha256_samples,
        "ways": found,
        "smallest_margin": min(way["margin"] for way in found),
        "spec": model.spec.facts,
    }


def _decode_in_time(
    decode_one: Callable[[Way], dict[str, Any]], devices: list[str], max_seconds: float
) -> list[dict[str, Any]]:
    """Decode in all ways, or in few when there is less time; stop at the first wrong bit.

    `decode_one` returns at least "wrong_bits" and "seconds". The first way is always tried.
    """
    few = _few_ways(devices)
    every = few + [way for way in _every_way(devices) if way not in few]
    first = decode_one(few[0])
    fastest = first["seconds"]
    spent = fastest
    found = [first]
    has_time_for_all = SLOWER_WAYS * fastest * len(every) < max_seconds
    for way in (every if has_time_for_all else few)[1:]:
        is_late = not has_time_for_all and spent + SLOWEST_WAY * fastest > max_seconds
        if is_late or found[-1]["wrong_bits"] > 0:
            break
        found.append(decode_one(way))
        spent += found[-1]["seconds"]
    return found


def _every_way(devices: list[str]) -> list[Way]:
    crossed = itertools.product(devices, PRECISIONS, THREADS, BATCHES)
    return [Way(*values) for values in crossed]


def _few_ways(devices: list[str]) -> list[Way]:
    """Each precision, number of threads and batch size at least once on each device.

    The fastest come first.
    """
    small, middle, large = BATCHES
    ways = []
    for device in devices:
        ways.append(Way(device, "float32", 1, large))
        ways.append(Way(device, "float64", 2, middle))
        ways.append(Way(device, "float32", 1, small))
    return ways


def _decode_one(model: Decoder, truth: np.ndarray, way: Way) -> dict[str, Any]:
    threads = torch.get_num_threads()
    torch.set_num_threads(way.threads)
    started = time.perf_counter()
    try:
        words, margin = model.decode(way.batch, way.precision, way.device)
    finally:
        torch.set_num_threads(threads)
    seconds = time.perf_counter() - started
    same_shape = words.shape == truth.shape
    wrong_bits = int(np.bitwise_count(words ^ truth).sum()) if same_shape else int(truth.size)
    return {**asdict(way), "wrong_bits": wrong_bits, "margin": margin, "seconds": seconds}
