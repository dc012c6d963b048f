"""What happened during a fit: one entry for every evaluation of the weights."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Entry:
    """The state after `iteration` updates; the error rates and PSNR are of the weights then.

    samples_seen: every (position, bit) sample whose gradient was computed, counted each time.
    flops: floating-point operations of training. seconds: since the fit began.
    wrong_bits: number of wrong bits; ber: their share of all bits; ber_planes: the share in every
    bit-plane, least significant first.
    psnr: in dB; None when it is infinite, since JSON knows no infinity.
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
    """The entries of a fit in order."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def last(self) -> Entry:
        """The newest entry."""
        return self.entries[-1]

    def column(self, name: str) -> np.ndarray:
        """Return one field of every entry: (entries,), or (entries, num_bits) for ber_planes.

        An infinite PSNR is inf.
        """
        values = [getattr(entry, name) for entry in self.entries]
        return np.array([math.inf if value is None else value for value in values])

    def thinned(self, rows: int = 60) -> list[dict[str, Any]]:
        """Return at most `rows` + 1 entries as plain dictionaries, evenly spread, with the last."""
        step = max(1, math.ceil(len(self.entries) / rows))
        kept = self.entries[::step]
        if self.entries and kept[-1] is not self.entries[-1]:
            kept.append(self.entries[-1])
        return [asdict(entry) for entry in kept]
