"""What a fit looked like while it went on: its decoded words at growing intervals."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lossless_inr_lite.files import replacing
from lossless_inr_lite.history import Entry

GROWTH = 1.03  # a frame is kept when the clock has grown by this factor since the last
CLOCKS = ("iteration", "flops", "samples_seen", "seconds")
PATIENT = ("flops", "samples_seen")  # clocks that are waited for no longer than `patience`
ALWAYS_KEPT = 2  # the first frames, however close to each other


class Frame(NamedTuple):
    """One evaluation of a fit, and the words that its weights decoded to."""

    entry: Entry
    words: np.ndarray


class Filmstrip:
    """A `fit` callback that keeps frames at growing intervals, and the first and last evaluation.

    `stops` names moments by clock. `best_at` then holds, by clock, the evaluation with the fewest
    wrong bits of all not beyond that moment, and the fit ends once all moments have passed. After
    `patience` seconds it no longer waits for those of `PATIENT`.
    """

    def __init__(
        self, stops: Mapping[str, float] | None = None, patience: float = math.inf
    ) -> None:
        self.stops = dict(stops or {})
        self.patience = patience
        self.best: Frame | None = None
        self.best_at: dict[str, Frame] = {}
        self.entries: list[Entry] = []
        self.words: list[np.ndarray] = []
        self._newest_only_stands_in = False
        self._due = 0.0

    def __call__(self, entry: Entry, words: np.ndarray) -> bool:
        """Note one evaluation; True once no more are needed."""
        self._note_stops(entry)
        if self.best is None or entry.wrong_bits < self.best.entry.wrong_bits:
            self.best = Frame(entry, words)
        self._keep(entry, words)
        awaited = set(self.stops)
        if entry.seconds > self.patience:
            awaited -= set(PATIENT)
        return bool(self.stops) and awaited <= self.best_at.keys()

    def _note_stops(self, entry: Entry) -> None:
        """What was best before this evaluation is what counts at the moments that it has passed."""
        if self.best is None:
            return
        for clock, stop in self.stops.items():
            if clock not in self.best_at and getattr(entry, clock) > stop:
                self.best_at[clock] = self.best

    def _keep(self, entry: Entry, words: np.ndarray) -> None:
        """The newest frame always stands at the end, and makes place for the next if too early."""
        if self._newest_only_stands_in:
            self.entries.pop()
            self.words.pop()
        self.entries.append(entry)
        self.words.append(words)
        early = len(self.entries) > ALWAYS_KEPT and entry.seconds < self._due
        self._newest_only_stands_in = early
        if not early:
            self._due = entry.seconds * GROWTH

    def clock(self, name: str) -> list[float]:
        """One field of the kept entries, a name in `CLOCKS`."""
        return [getattr(entry, name) for entry in self.entries]

    def at(self, name: str, value: float) -> np.ndarray:
        """The words that were known when that clock showed `value`.

        Before the first frame these are its words, after the last one the last one's.
        """
        after = int(np.searchsorted(self.clock(name), value, side="right"))
        return self.words[max(0, after - 1)]

    def save(self, path: Path) -> None:
        """Write the frames to an .npz file."""
        clocks = {name: np.array(self.clock(name)) for name in CLOCKS}
        with replacing(path) as temporary, open(temporary, "wb") as file:
            words = np.stack(self.words)
            np.savez_compressed(file, words=words, **clocks)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Filmstrip":
        """Frames that `save` wrote; only their clocks and words, not their errors."""
        strip = cls()
        with np.load(path, allow_pickle=False) as file:
            strip.words = list(file["words"])
            columns = [file[name].tolist() for name in CLOCKS]
        for iteration, flops, samples_seen, seconds in zip(*columns, strict=True):
            strip.entries.append(
                Entry(
                    iteration=int(iteration),
                    samples_seen=int(samples_seen),
                    flops=int(flops),
                    seconds=seconds,
                    loss=0.0,
                    wrong_bits=0,
                    ber=0.0,
                    ber_planes=[],
                    psnr=None,
                )
            )
        return strip
