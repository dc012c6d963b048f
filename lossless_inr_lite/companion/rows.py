"""Rows: what one fit or measurement found, as JSON, each kept in a file of its own.

A run that was stopped goes on from the rows that it kept. A row is reused only for the same case,
the same signal and the same code.
"""

import datetime
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lossless_inr_lite.companion.fingerprint import code_hash
from lossless_inr_lite.companion.paths import git_commit
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import write_json
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.metrics import signal_metrics

if TYPE_CHECKING:  # it needs torch, and rows are read without
    from lossless_inr_lite.storage.fitted import Fit

Row = Mapping[str, Any]
"""One fit or measurement as a study or a record has it."""

LABEL_LENGTH = 80  # characters of a label that stand in its file's name
KEY_LENGTH = 16  # hexadecimal digits of the key's hash there


def fit_record(fit: "Fit", signal: Signal) -> dict[str, Any]:
    """One fit as plain JSON values.

    These are the signal, the model, the cost, every metric, the certificate and the history. PSNR
    is null where it is infinite, and SSIM where the picture is smaller than its window.
    """
    entry = fit.entry
    words = fit.model.decode()[0]
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


# Where rows come from ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Origin:
    """How a row was made: the seconds that it took, at which commit, on which device and day.

    `commit` ends in "+" where the tree had changes. `code` is the hash of all code that decides the
    row, `load_average` that of the minute in which it ended. `source` is "fresh" for a row of this
    process and "kept" for one that was found in a folder.
    """

    seconds: float
    commit: str | None
    device: str
    date: str
    source: str
    code: str = ""
    load_average: float | None = None


_origins: dict[Path, Origin] = {}
_missed: set[Path] = set()


def load_average() -> float | None:
    """The mean number of processes that ran or waited in the last minute; None where untold."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def sources_of(rows: Iterable[Row]) -> dict[str, Any]:
    """The commits and codes that made these rows, and whether it is one code for all.

    Rows from before this was noted have no "made"; they count as of an unknown code.
    """
    made = [row.get("made") or {} for row in rows]
    commits = sorted({one.get("commit") or "unknown" for one in made})
    codes = sorted({one.get("code") or "unknown" for one in made})
    return {"commits": commits, "codes": codes, "one_code": len(codes) < 2}


def origins() -> list[Origin]:
    """Where all rows come from that this process has read or made since `forget_origins`."""
    return list(_origins.values())


def forget_origins() -> None:
    """Begin a new run: whatever lies in a folder from now on counts as kept."""
    _origins.clear()
    _missed.clear()


# The cache ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RowKey:
    """What a row belongs to.

    `label` is for people and begins the file's name. `facts` is all that was asked for, as JSON
    has it. `sha256` is the signal's.
    """

    label: str
    facts: Mapping[str, Any]
    sha256: str


class RowCache:
    """The rows of a study in a folder, one JSON file a row, written whole or not at all.

    `entries` are the modules that make the rows, by their absolute names. The file's name carries
    a hash of the key and of the code that `entries` reach (`fingerprint.code_files`): rows of other
    parameters, signals or code are left where they are, and never taken for this one's.
    """

    def __init__(self, folder: Path, entries: Sequence[str]) -> None:
        self.folder = folder
        self.code = _code_hash(tuple(entries))

    def path(self, key: RowKey) -> Path:
        """The file of a row, whether it is there or not."""
        return self.folder / row_name(self._belongs_to(key))

    def read(self, key: RowKey) -> dict[str, Any] | None:
        """The row of that key with its `Origin` as "made"; None when there is none yet.

        Raises InputError for a file that is there but is damaged or holds another row. Making the
        row again would hide that something spoils files, or replace what a person put there.
        """
        path = self.path(key)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            belongs_to = content["key"]
            row = content["row"]
            made = content["made"]
            source = "fresh" if path in _missed else "kept"
            origin = Origin(**made, source=source)
            result = {**row, "made": asdict(origin)}
        except FileNotFoundError:
            _missed.add(path)
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"the row {path} cannot be read ({error}): move it away, and it is made again"
            ) from error
        if belongs_to != self._belongs_to(key):
            raise InputError(
                f"the row {path} is not that of {key.label}: move it away, and it is made again"
            )
        _origins[path] = origin
        return result

    def discard(self, key: RowKey) -> None:
        """Say that a row that was read will be made again: it is then this process's own."""
        _origins.pop(self.path(key), None)
        _missed.add(self.path(key))

    def write(self, key: RowKey, row: Row, seconds: float, device: str = "cpu") -> None:
        """Keep a row that took so many seconds on that device."""
        made = {
            "seconds": seconds,
            "commit": _commit(),
            "device": device,
            "date": datetime.date.today().isoformat(),
            "code": self.code,
            "load_average": load_average(),
        }
        content = {"key": self._belongs_to(key), "made": made, "row": dict(row)}
        write_json(self.path(key), content)

    def row(self, key: RowKey, make: Callable[[], Row], device: str = "cpu") -> dict[str, Any]:
        """The row of that key: the one that is kept, or else what `make` returns, which is kept."""
        found = self.read(key)
        if found is None:
            started = time.perf_counter()
            made = make()
            self.write(key, made, time.perf_counter() - started, device)
            found = self.read(key)
        if found is None:
            raise InputError(f"the row {self.path(key)} was removed while this study ran")
        return found

    def _belongs_to(self, key: RowKey) -> dict[str, Any]:
        facts = json.loads(json.dumps(key.facts))
        return {"label": key.label, "facts": facts, "sha256": key.sha256, "code": self.code}


def row_name(belongs_to: Mapping[str, Any]) -> str:
    """The file's name of a row whose "key" this is; KeyError or TypeError when it is none."""
    text = json.dumps(belongs_to, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]
    # Nothing in a label may mean a folder.
    label = re.sub(r"[^\w.+-]", "_", belongs_to["label"])[:LABEL_LENGTH]
    return f"{label}.{digest}.json"


@cache
def _code_hash(entries: tuple[str, ...]) -> str:
    return code_hash(entries)


@cache
def _commit() -> str | None:
    return git_commit()
