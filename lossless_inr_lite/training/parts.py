"""Finished batches of tiles on disk, so that a fit that was killed goes on.

A folder holds one file per finished batch, ``batch-00012.safetensors``: the flat weights of its
tiles, and a description of what they were fitted to and how. Only a file with the very description
of the present fit is used, and only when its weights match their checksum.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from lossless_inr_lite.errors import InputError, OutputError
from lossless_inr_lite.files import PREFIX, check_writable, read_bytes, replacing
from lossless_inr_lite.training.run import Costs, Run
from lossless_inr_lite.version import __version__

MARK = "lossless_inr_lite.part"
"""The key of the description in the file's metadata."""

VERSION = 1
"""To be raised whenever a change of the code makes the same seed end with other weights."""

WEIGHTS = "weights"
CHECKSUM = "sha256"
"""The key of the checksum of the weights and of the rest of the description."""

MOST_TEXT = 65_536
"""Bytes that a file may spend on anything but weights."""

STATE_NAME = "state.safetensors"
"""The file of `state`."""

OUR_NAME = re.compile(r"batch-[0-9]{5,}\.safetensors|" + re.escape(STATE_NAME))
UNFINISHED_NAME = re.compile(re.escape(PREFIX) + r"[0-9a-f]{16}\.safetensors")


@dataclass(frozen=True)
class FinishedBatch:
    """The flat weights (tiles, P) of the tiles of one batch, and what they cost."""

    weights: Tensor
    costs: Costs


class PartsFolder:
    """The files of one fit's finished batches.

    numbers: those of the recipe, as plain JSON values. num_batches: of the signal.

    Raises InputError when `folder` cannot hold such files.
    """

    def __init__(self, folder: Path, run: Run, numbers: dict[str, Any], num_batches: int) -> None:
        self.folder = folder
        self.fit = description_of_fit(run, numbers)
        check_writable(self.path(0))
        for number in range(num_batches):
            if self.path(number).is_dir():
                raise InputError(f"cannot write {self.path(number)}: it is a folder")

    def path(self, number: int) -> Path:
        """Return where the batch of that number lies, or would lie."""
        return self.folder / f"batch-{number:05d}.safetensors"

    def write(self, number: int, tiles: list[int], batch: FinishedBatch) -> None:
        """Write a batch, atomically, where that is possible; whatever had its name is replaced."""
        weights = batch.weights.detach().cpu().contiguous()
        described = {
            "fit": self.fit,
            "number": number,
            "tiles": tiles,
            "costs": asdict(batch.costs),
        }
        keep_if_possible(self.path(number), sealed({WEIGHTS: weights}, described))

    def read(self, number: int, tiles: list[int], num_weights: int) -> FinishedBatch | None:
        """Return a batch of `num_weights` weights per tile that was finished earlier.

        None when there is none, when it belongs to another fit, and when it is damaged.
        """
        path = self.path(number)
        limit = 4 * len(tiles) * num_weights + MOST_TEXT
        try:
            described, tensors = opened(read_bytes(path, limit))
            weights = tensors[WEIGHTS]
            costs = Costs(**described["costs"])
            belongs = (described["fit"], described["number"], described["tiles"])
        except (InputError, SafetensorError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if belongs != (self.fit, number, tiles):
            return None
        if weights.dtype != torch.float32 or weights.shape != (len(tiles), num_weights):
            return None
        return FinishedBatch(weights, costs)


def keep_if_possible(path: Path, data: bytes) -> None:
    """Write a file to go on from, atomically; a warning tells when that fails.

    A full disk must not end a fit that may have taken hours, and that needs no file to be finished.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    except OutputError as error:
        warnings.warn(
            f"{error}: the fit goes on, but could not be continued after an interruption",
            RuntimeWarning,
            stacklevel=2,
        )


def forget_parts(folder: str | Path) -> None:
    """Remove what fits have kept in `folder`, and the folder when nothing else lies in it.

    A file is removed when it has the name and the mark of a batch or of a state, or is one whose
    writing was cut off. All others stay, and a folder that is not there is no error.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.is_file() and not path.is_symlink() and _is_ours(path):
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _is_ours(path: Path) -> bool:
    if UNFINISHED_NAME.fullmatch(path.name):
        return True
    if not OUR_NAME.fullmatch(path.name):
        return False
    with open(path, "rb") as file:
        start = file.read(MOST_TEXT)
    try:
        read_description(start)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return True


def description_of_fit(run: Run, numbers: dict[str, Any]) -> dict[str, Any]:
    """All that decides the weights of a batch, as plain JSON values."""
    facts = {
        "version": VERSION,
        "package_version": __version__,
        "signal": {**run.model.spec.facts, "sha256_samples": run.signal.sha256},
        "architecture": {**vars(run.model.architecture)},
        "recipe": numbers,
        "seed": run.plan.seed,
        "device": run.device,
    }
    facts["architecture"]["options"] = dict(run.model.architecture.options or {})
    return json.loads(json.dumps(facts))


def read_description(data: bytes) -> dict[str, Any]:
    """The description in the first bytes of a file; raises ValueError, KeyError or TypeError."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    described = json.loads(header["__metadata__"][MARK])
    if not isinstance(described, dict):
        raise TypeError("the description is no object")
    return described


def sealed(tensors: Mapping[str, Tensor], described: Mapping[str, Any]) -> bytes:
    """The file of tensors on the CPU and their description, with a checksum of both."""
    whole = {**described, CHECKSUM: _sha256(tensors, described)}
    return safetensors.torch.save(dict(tensors), {MARK: json.dumps(whole)})


def opened(data: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description and the tensors of a file of `sealed`.

    Raises ValueError, KeyError, TypeError, RecursionError or SafetensorError when it is none, or
    not whole.
    """
    described = read_description(data)
    checksum = described.pop(CHECKSUM)
    tensors = safetensors.torch.load(data)
    if checksum != _sha256(tensors, described):
        raise ValueError("the file does not match its checksum")
    return described, tensors


def _sha256(tensors: Mapping[str, Tensor], described: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
