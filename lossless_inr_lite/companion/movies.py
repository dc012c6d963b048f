"""Short movies of fits: frames collected while fitting, written as H.264, shown with controls and a poster."""

import base64
import io
import math
from collections.abc import Mapping
from pathlib import Path

import imageio.v3 as iio
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML

from lossless_inr_lite.companion.plots import LABELS, show_picture
from lossless_inr_lite.files import replacing
from lossless_inr_lite.history import Entry

GROWTH = 1.03  # a frame is kept when the clock has grown by this factor since the last


CLOCKS = ("iteration", "samples_seen", "seconds")


class Filmstrip:
    """A `fit` callback that keeps (entry, words) at growing intervals, and always the first and the last evaluation.

    `stops` names moments by clock. `best_at` then holds, by clock, the evaluation with the fewest wrong bits of all
    not beyond that moment, and the fit ends once all moments have passed. After `patience` seconds it no longer
    waits for those of `samples_seen`.
    """

    def __init__(
        self, stops: Mapping[str, float] | None = None, patience: float = math.inf
    ) -> None:
        self.stops, self.patience = dict(stops or {}), patience
        self.best: tuple[Entry, np.ndarray] | None = None
        self.best_at: dict[str, tuple[Entry, np.ndarray]] = {}
        self.entries: list[Entry] = []
        self.words: list[np.ndarray] = []
        self._newest_only_stands_in = False
        self._due = 0.0

    def __call__(self, entry: Entry, words: np.ndarray) -> bool:
        for clock, stop in self.stops.items():
            if self.best and clock not in self.best_at and getattr(entry, clock) > stop:
                self.best_at[clock] = self.best
        if self.best is None or entry.wrong_bits < self.best[0].wrong_bits:
            self.best = entry, words
        if self._newest_only_stands_in:
            self.entries.pop()
            self.words.pop()
        self.entries.append(entry)
        self.words.append(words)
        self._newest_only_stands_in = len(self.entries) > 2 and entry.seconds < self._due
        if not self._newest_only_stands_in:
            self._due = entry.seconds * GROWTH
        awaited = self.stops.keys() - ({"samples_seen"} if entry.seconds > self.patience else set())
        return bool(self.stops) and self.best_at.keys() >= awaited

    def clock(self, name: str) -> list[float]:
        """One field of the kept entries: "seconds", "iteration" or "samples_seen"."""
        return [getattr(entry, name) for entry in self.entries]

    def at(self, name: str, value: float) -> np.ndarray:
        """The words that were known when that clock showed `value`; after the last frame, the last frame."""
        return self.words[max(0, int(np.searchsorted(self.clock(name), value, side="right")) - 1)]

    def save(self, path: Path) -> None:
        """Write the frames to an .npz file."""
        clocks = {name: np.array(self.clock(name)) for name in CLOCKS}
        with replacing(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, words=np.stack(self.words), **clocks)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Filmstrip":
        """Frames that `save` wrote; only their clocks and words, not their errors."""
        strip = cls()
        with np.load(path, allow_pickle=False) as file:
            strip.words = list(file["words"])
            for row in zip(*(file[name].tolist() for name in CLOCKS), strict=True):
                strip.entries.append(
                    Entry(int(row[0]), int(row[1]), 0, row[2], 0.0, 0, 0.0, [], None)
                )
        return strip


def fit_movie(
    path: str | Path, strips: Mapping[str, Filmstrip], truth: np.ndarray, num_bits: int, frames: int
) -> np.ndarray:
    """Write an mp4 of all fits beside the truth at equal seconds; return its last frame (H, W, 3) uint8.

    Time runs logarithmically from the first evaluation to the end of the longest fit.
    """
    clocks = [strip.clock("seconds") for strip in strips.values()]
    start, end = (
        min(clock[min(1, len(clock) - 1)] for clock in clocks),
        max(clock[-1] for clock in clocks),
    )
    times = np.geomspace(max(start, 1e-3), max(end, 2e-3), frames)
    images = [_frame(strips, truth, num_bits, float(t)) for t in times]
    images += [images[-1]] * 10  # rest on the result
    with replacing(path) as temporary:
        iio.imwrite(
            temporary,
            np.stack(images),
            fps=12,
            codec="libx264",
            macro_block_size=2,
            plugin="FFMPEG",
        )
    return images[-1]


def show_movie(path: str | Path, poster: np.ndarray, label: str) -> HTML:
    """The movie as a player inside the page itself: nothing is loaded from elsewhere."""
    picture = io.BytesIO()
    iio.imwrite(picture, poster, extension=".png")
    image = base64.b64encode(picture.getvalue()).decode()
    movie = base64.b64encode(Path(path).read_bytes()).decode()
    return HTML(
        f'<video controls muted playsinline style="max-width:100%" aria-label="{label}" '
        f'poster="data:image/png;base64,{image}" src="data:video/mp4;base64,{movie}"></video>'
    )


def _frame(
    strips: Mapping[str, Filmstrip], truth: np.ndarray, num_bits: int, seconds: float
) -> np.ndarray:
    titles = {"truth": truth} | {
        LABELS.get(name, name): strip.at("seconds", seconds) for name, strip in strips.items()
    }
    columns = len(titles) if len(titles) < 6 else -(-len(titles) // 2)
    lines = -(-len(titles) // columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(2.2 * columns, 2.7 * lines), dpi=100, squeeze=False
    )
    for axes in grid.flat[len(titles) :]:
        axes.set_axis_off()
    for axes, (title, words) in zip(grid.flat, titles.items(), strict=False):
        wrong = np.count_nonzero((words != truth).any(axis=-1))
        note = "" if title == "truth" else "\nexact" if not wrong else f"\n{wrong} wrong pixels"
        show_picture(axes, words, num_bits, title + note)
    figure.suptitle(f"{seconds:.2f} s", fontsize=9, y=0.1 / figure.get_figheight())
    figure.tight_layout()
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]
    plt.close(figure)
    return pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
