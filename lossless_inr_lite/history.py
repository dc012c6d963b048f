"""What happened during a fit: one row an evaluation of the weights."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Entry:
    """The state after `iteration` updates; BER and PSNR are of the weights at that moment.

    samples_seen counts every (position, bit) sample whose gradient was computed; flops are those of training;
    ber_planes is least significant first. PSNR is None when it is infinite: JSON knows no infinity.
    """

    iteration: int
    samples_seen: int
    flops: int
    seconds: float
    loss: float
    wrong_bits: int
    ber: float
    ber_planes: list[float]
    psnr: float | None


@dataclass
class History:
    """The rows of a fit in order."""

    entries: list[Entry] = field(default_factory=list)

    def column(self, name: str) -> np.ndarray:
        """One field of every row: (rows,) or, for ber_planes, (rows, num_bits); an infinite PSNR is inf."""
        values = [getattr(entry, name) for entry in self.entries]
        return np.array([math.inf if value is None else value for value in values])

    def thinned(self, rows: int = 60) -> list[dict[str, Any]]:
        """At most `rows` + 1 rows, evenly spread and always with the last, as plain dictionaries."""
        step = max(1, math.ceil(len(self.entries) / rows))
        kept = self.entries[::step]
        if self.entries and kept[-1] is not self.entries[-1]:
            kept.append(self.entries[-1])
        return [asdict(entry) for entry in kept]
