"""A case: one fit of a study or a sweep, what is fitted, how, and what it may cost.

This takes no torch: whole tables are planned with it, and checked against the rows that are there.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.companion.lists import comma_list
from lossless_inr_lite.companion.rows import RowKey
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals import Signal, load_signal
from lossless_inr_lite.signals.bits import rearrange_planes
from lossless_inr_lite.signals.embedded import embedded_path
from lossless_inr_lite.training.budget import Budget

PAPER_RATE = 1e-4
ARCHITECTURE = Architecture(network="siren", hidden_features=64, hidden_layers=5)
BUDGET = Budget(max_iterations=20_000, max_seconds=600.0)
PICTURES_IN_MEMORY = 32


@dataclass(frozen=True)
class Case:
    """One fit of a study: what is fitted, how, and what it may cost, as in `fit`.

    `method` is its name in tables. `size` is a picture's side in pixels, None for the file's own
    and for sound. `learning_rate` is that of the recipe "paper".

    `stops` are moments by clock ("iteration", "flops", "samples_seen", "seconds") at which the
    quality of the best weights so far is noted. The fit ends once all have passed, or all but
    "flops" and "samples_seen" after `patience` seconds. Without stops it ends when it is lossless.

    `planes` puts other planes in the place of the picture's own: plane i of what is fitted is plane
    ``planes[i]`` of the picture.

    `resample` is how a picture comes to its size, as in `load_image`.
    """

    method: str
    signal: str
    size: int | None
    architecture: Architecture = ARCHITECTURE
    recipe: str = "paper"
    learning_rate: float = PAPER_RATE
    budget: Budget = BUDGET
    seed: int = 0
    stops: Mapping[str, float] = field(default_factory=dict)
    patience: float = math.inf
    planes: Sequence[int] = ()
    resample: str = "area"

    def varied(self, **changes: Any) -> "Case":
        """The same case with other values; fields of its architecture and budget go by name too.

        >>> Case("a", "astronaut", 8).varied(method="b", tile=4).architecture.tile
        4
        """
        parts = {}
        for name in ("architecture", "budget"):
            part = changes.pop(name, getattr(self, name))
            inside = {field: changes.pop(field) for field in vars(part) if field in changes}
            parts[name] = replace(part, **inside)
        return replace(self, **parts, **changes)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Case":
        """The case with these `facts`, as under "case" in its row."""
        patience = math.inf if facts["patience"] is None else facts["patience"]
        blank = cls("", "", None)
        return blank.varied(**{**facts, "patience": patience})

    def load(self) -> Signal:
        """The signal that is fitted. It is read once, until its file changes."""
        return _load(*self._source)

    @property
    def label(self) -> str:
        """What tells this fit from the others of its study."""
        return f"{Path(self.signal).stem}/{self.method}/{self.learning_rate:g}/{self.seed}"

    @property
    def facts(self) -> dict[str, Any]:
        """All fields as JSON has them; null stands for a patience without end."""
        fields = asdict(self)
        fields |= fields.pop("architecture") | fields.pop("budget")
        fields["options"] = fields["options"] or {}
        fields["patience"] = None if math.isinf(self.patience) else self.patience
        return json.loads(json.dumps(fields))

    @property
    def key(self) -> RowKey:
        """What the row of this fit belongs to."""
        return RowKey(self.label, self.facts, _sha256(*self._source))

    @property
    def _source(self) -> tuple[str, int | None, tuple[int, ...], str, tuple[int, int]]:
        """What decides the signal: name, size, planes, resampling, and the state of its file."""
        state = embedded_path(self.signal).stat()
        of_file = (state.st_mtime_ns, state.st_size)
        return self.signal, self.size, tuple(self.planes), self.resample, of_file


@lru_cache(maxsize=PICTURES_IN_MEMORY)
def _load(
    name: str, size: int | None, planes: tuple[int, ...], resample: str, _state: tuple[int, int]
) -> Signal:
    signal = load_signal(name, size=size, resample=resample)
    if not planes:
        return signal
    return signal.spec.signal(rearrange_planes(signal.words, signal.num_bits, planes))


@cache
def _sha256(
    name: str, size: int | None, planes: tuple[int, ...], resample: str, state: tuple[int, int]
) -> str:
    return _load(name, size, planes, resample, state).sha256


def spread(
    case: Case, signals: str | Sequence[str], seeds: int = 1, parameter: str = "signals"
) -> list[Case]:
    """The case for every picture among `signals` (see `comma_list`) and every seed below `seeds`.

    `parameter` is what the errors call the pictures. Raises InputError, before any fit, when a
    picture cannot be read at the case's size, two have the same name, or the case has no width.
    """
    width = case.architecture.hidden_features
    if width is not None and width < 1:
        raise InputError(f"hidden_features is {width}: in a study allowed are integers from 1")
    names = comma_list(signals)
    if not names:
        raise InputError(
            f"{parameter} is {signals!r}: at least one picture is needed, "
            "several are separated by commas"
        )
    cases = [case.varied(signal=name) for name in names]
    seen: set[str] = set()
    for one in cases:
        picture = one.load().name
        if picture in seen:
            raise InputError(
                f"{parameter} holds two pictures called {picture}: "
                "tables and files go by name, so rename one"
            )
        seen.add(picture)
    return [one.varied(seed=seed) for seed in range(seeds) for one in cases]
