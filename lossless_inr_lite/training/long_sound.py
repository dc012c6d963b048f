"""Long sound: fitted part by part in time, every part kept on disk, so that a stopped run goes on.

The tiles of a sound are independent networks. A part holds some of them, is fitted like a short sound of its own,
and lies in a file of its own until all are done; what a fit needs of memory is that of a part, however long the
sound. At the end the parts' weights, one behind the other, are the weights of the whole.
"""

import math
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.devices import get_device
from lossless_inr_lite.errors import DivergedError, InputError
from lossless_inr_lite.history import Entry, History
from lossless_inr_lite.model import Model, build_model
from lossless_inr_lite.signals.metrics import plane_errors, psnr
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.storage.certify import check_output, save
from lossless_inr_lite.storage.saved import read_model
from lossless_inr_lite.training.fit import Fit, fit
from lossless_inr_lite.training.budget import Budget
from lossless_inr_lite.training.recipes import get_recipe

PART = 32  # tiles


def is_long(signal: Signal, choice: Architecture) -> bool:
    """Whether `fit_long` is worth its files: a sound of more than two parts in the tiles that the recipe chooses."""
    if signal.sample_rate is None:
        return False
    tile = get_recipe("fast").complete(choice, signal.spec).tile
    return tile is not None and len(signal.samples) > 2 * PART * tile


def fit_long(
    signal: Signal,
    folder: str | Path,
    formulation: str | None = None,
    network: str | None = None,
    hidden_features: int | None = None,
    hidden_layers: int | None = None,
    tile: int | None = None,
    loss: str | None = None,
    seed: int = 0,
    max_seconds: float | None = None,
    device: str = "auto",
    options: dict[str, float] | None = None,
    progress: bool | None = None,
) -> Fit:
    """Fit a sound by the recipe "fast" in parts of 32 tiles; arguments as in `fit`, not certified yet.

    Finished parts lie in `folder`; a run with the same sound and arguments goes on from them. Each part may use its
    share of the seconds that are left. The history has a row for every part; its costs are those of this run.
    Raises InputError for a picture, when the recipe makes no tiles, for bad seconds, and when `folder` cannot hold
    the parts, all before any fit.
    """
    plan = get_recipe("fast")
    choice = Architecture(formulation, network, hidden_features, hidden_layers, loss, tile, options)
    architecture = plan.complete(choice, signal.spec)
    whole = build_model(architecture, signal.spec, seed=None)
    if signal.sample_rate is None or architecture.tile is None:
        raise InputError(
            f"{signal.name} cannot be fitted in parts: sound with tiles in time is needed"
        )
    parts, folder = _parts(signal, whole), Path(folder)
    same = replace(architecture, tile=whole.formulation.tile_sides(signal.spec)[0])
    shown = sys.stderr.isatty() if progress is None else progress
    paths = [folder / f"{number:05d}.safetensors" for number in range(len(parts))]
    for path in paths:
        check_output(path)
    course, weights = _Course(signal, Budget(None, max_seconds).max_seconds or math.inf), []
    steps = zip(paths, tqdm(parts, desc=signal.name, unit=" parts", disable=not shown), strict=True)
    for number, (path, part) in enumerate(steps):
        model = _kept(path, part, same, seed)
        if model is None:
            done = _fit_part(part, same, seed, device, course.share(len(parts) - number))
            save(done, path)
            model = done.model
            course.add(done, part)
        else:
            course.add_kept(part)
        weights.append(model.network.state_dict())
    whole.network.load_state_dict(
        {name: torch.cat([part[name] for part in weights]) for name in weights[0]}
    )
    return course.fit(whole, seed, device)


def forget_parts(folder: str | Path) -> None:
    """Remove what `fit_long` kept, once the whole is saved; a folder with anything else in it stays."""
    folder = Path(folder)
    for path in folder.glob("[0-9][0-9][0-9][0-9][0-9].*"):
        if path.suffix in (".safetensors", ".json") and path.is_file():
            path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _fit_part(
    part: Signal, architecture: Architecture, seed: int, device: str, seconds: float
) -> Fit:
    """One part; of one that diverged the best weights, so that the others are not lost."""
    chosen = {name: value for name, value in vars(architecture).items() if name != "loss"}
    try:
        return fit(
            part,
            recipe="fast",
            seed=seed,
            device=device,
            progress=False,
            certify=False,
            loss=architecture.loss,
            max_seconds=seconds,
            **chosen,
        )
    except DivergedError as error:
        if not isinstance(error.best, Fit):
            raise
        return error.best


def _parts(signal: Signal, whole: Model) -> list[Signal]:
    """Sounds whose tiles are the tiles of the whole, PART at a time, without overlap."""
    places = whole.formulation.positions(signal.spec)
    return [
        signal.with_samples(signal.samples[rows.ravel()])
        for rows in np.array_split(places, -(-len(places) // PART))
    ]


def _kept(path: Path, part: Signal, architecture: Architecture, seed: int) -> Model | None:
    """The model of a finished part of exactly this sound, architecture and seed; None when there is none."""
    if not path.is_file():
        return None
    try:
        model, header = read_model(path)
    except InputError:
        return None
    same = (header.sha256_samples, header.architecture, header.seed) == (
        part.sha256,
        architecture,
        seed,
    )
    return (
        model if same and header.spec.facts == part.spec.facts and header.wrong_bits == 0 else None
    )


class _Course:
    """What the parts cost so far, and the history of the whole."""

    def __init__(self, signal: Signal, max_seconds: float) -> None:
        self.signal, self.max_seconds, self.started = signal, max_seconds, time.perf_counter()
        self.iteration = self.samples_seen = self.flops = self.samples = 0
        self.errors = np.zeros(signal.num_bits, dtype=np.int64)
        self.history, self.stopped, self.loss = History(), "lossless", 0.0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    def share(self, parts_left: int) -> float:
        """Seconds for the next part."""
        return max(1e-3, (self.max_seconds - self.seconds) / parts_left)

    def add(self, done: Fit, part: Signal) -> None:
        """Count a part that was fitted now."""
        last = done.history.entries[-1]
        self.iteration += last.iteration
        self.samples_seen += last.samples_seen
        self.flops += last.flops
        self.loss = last.loss
        if done.entry.wrong_bits:
            self.stopped = done.stopped
            self.errors += plane_errors(done.model.decode()[0], part.words, part.num_bits)
        if done.stopped == "interrupted":
            raise KeyboardInterrupt
        self.add_kept(part)

    def add_kept(self, part: Signal) -> None:
        """Add a row to the history for a part that is right, or was counted."""
        self.samples += part.samples.size
        self.history.entries.append(self.entry(None))

    def entry(self, quality: float | None) -> Entry:
        """The state of all parts so far."""
        wrong = int(self.errors.sum())
        return Entry(
            self.iteration,
            self.samples_seen,
            self.flops,
            self.seconds,
            self.loss,
            wrong,
            wrong / (self.samples * len(self.errors)),
            (self.errors / self.samples).tolist(),
            quality,
        )

    def fit(self, model: Model, seed: int, device: str) -> Fit:
        """The whole; where bits are wrong they are counted again, since tiles may overlap."""
        quality, self.samples = None, self.signal.samples.size
        if self.errors.any():
            words = model.decode()[0]
            self.errors = plane_errors(words, self.signal.words, self.signal.num_bits)
            quality = psnr(words, self.signal.words, self.signal.num_bits)
        entry = self.entry(quality if self.errors.any() else None)
        self.history.entries.append(entry)
        return Fit(
            model,
            "fast",
            seed,
            get_device(device),
            self.signal.sha256,
            entry,
            self.stopped,
            self.history,
        )
