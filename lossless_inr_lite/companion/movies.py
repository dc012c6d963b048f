"""Short movies of fits: frames collected while fitting, written as H.264, shown with controls and a poster."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

import imageio.v3 as iio
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML

from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.plots import LABELS, show_picture
from lossless_inr_lite.files import replacing


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
