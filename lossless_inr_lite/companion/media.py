"""What moves and sounds in the book: movies of fits, a slider over their time, sounds.

Everything lies inside the page itself, as data: nothing is loaded from elsewhere.
"""

import base64
import html
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import imageio.v3 as iio
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.plots import LABELS, frame, show_picture
from lossless_inr_lite.files import replacing
from lossless_inr_lite.signals.bits import bit_planes

FRAMES_A_SECOND = 12
LAST_FRAME_STAYS = 10  # frames, to rest on the result
EARLIEST = 1e-3  # seconds: the time is logarithmic
MOST_COLUMNS = 5
GREY = 128  # the line between two planes

STYLE = """
.planes-slider{max-width:44rem} .planes-slider input{width:100%}
.planes-slider .strip{width:100%;background-size:100% auto;image-rendering:pixelated;
border:1px solid #888}
.planes-slider p{margin:.5rem 0 .1rem;font-size:.85rem;display:flex;justify-content:space-between;
gap:.6rem}
"""
SCRIPT = """
(() => {
  const root = document.getElementById(ID), frames = DATA, range = root.querySelector("input");
  const show = () => {
    const k = Number(range.value);
    const place = frames.count > 1 ? (100 * k / (frames.count - 1)) + "%" : "0";
    root.querySelector(".clock").textContent = frames.clock[k];
    root.querySelectorAll(".strip").forEach((strip, m) => {
      strip.style.backgroundPositionY = place;
      strip.setAttribute("aria-label", frames.names[m] + ": " + frames.notes[m][k]);
      root.querySelectorAll(".note")[m].textContent = frames.notes[m][k];
    });
  };
  range.addEventListener("input", show); show();
})();
"""


# The player --------------------------------------------------------------------------------------


def data_url(content: bytes, kind: str) -> str:
    """A file's content as an address that needs no network; `kind` is its type ("video/mp4")."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def png_url(picture: np.ndarray) -> str:
    """A picture (H, W) or (H, W, 3) of uint8 as the address of a PNG."""
    file = io.BytesIO()
    iio.imwrite(file, picture, extension=".png")
    return data_url(file.getvalue(), "image/png")


def player(
    content: bytes, kind: str, label: str, attributes: Mapping[str, str] | None = None
) -> str:
    """HTML of a video or a sound with controls; `label` is what it is called for those who listen.

    `kind` is the content's type, such as "video/mp4" or "audio/wav".
    """
    tag = kind.partition("/")[0]
    named = {"style": "max-width:100%", "aria-label": label, **(attributes or {})}
    named["src"] = data_url(content, kind)
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in named.items())
    return f"<{tag} controls {written}></{tag}>"


# Movies ------------------------------------------------------------------------------------------


def times_of(strips: Iterable[Filmstrip], count: int) -> list[float]:
    """So many moments in seconds, each later than the one before by a common factor.

    They go from the first evaluation of any fit to the end of the longest.
    """
    clocks = [strip.clock("seconds") for strip in strips]
    start = min(clock[min(1, len(clock) - 1)] for clock in clocks)
    end = max(clock[-1] for clock in clocks)
    times = np.geomspace(max(start, EARLIEST), max(end, 2 * EARLIEST), count)
    return [float(time) for time in times]


def fit_movie(
    path: str | Path, strips: Mapping[str, Filmstrip], truth: np.ndarray, num_bits: int, frames: int
) -> np.ndarray:
    """Write an mp4 (H.264) of all fits beside the truth at equal seconds.

    The moments are those of `times_of`. Returns the last frame, (H, W, 3) uint8.
    """
    times = times_of(strips.values(), frames)
    images = [_movie_frame(strips, truth, num_bits, time) for time in times]
    images += [images[-1]] * LAST_FRAME_STAYS
    with replacing(path) as temporary:
        iio.imwrite(
            temporary,
            np.stack(images),
            fps=FRAMES_A_SECOND,
            codec="libx264",
            macro_block_size=2,
            plugin="FFMPEG",
        )
    return images[-1]


def show_movie(path: str | Path, poster: np.ndarray, label: str) -> HTML:
    """The movie with its controls; `poster` (H, W, 3) uint8 is shown before it plays."""
    attributes = {"muted": "muted", "playsinline": "playsinline", "poster": png_url(poster)}
    return HTML(player(Path(path).read_bytes(), "video/mp4", label, attributes))


def _movie_frame(
    strips: Mapping[str, Filmstrip], truth: np.ndarray, num_bits: int, seconds: float
) -> np.ndarray:
    """The truth and all fits at that moment, as pixels (H, W, 3) uint8 with even sides."""
    shown = {"truth": truth}
    for name, strip in strips.items():
        shown[LABELS.get(name, name)] = strip.at("seconds", seconds)
    columns = len(shown)
    if columns > MOST_COLUMNS:
        columns = -(-columns // 2)
    lines = -(-len(shown) // columns)
    figure, grid = frame(lines, columns, (2.2 * columns, 2.7 * lines), dpi=100)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes, (title, words) in zip(grid.flat, shown.items(), strict=False):
        note = "" if title == "truth" else f"\n{_wrong_pixels(words, truth)}"
        show_picture(axes, words, num_bits, title + note)
    figure.suptitle(f"{seconds:.2f} s", fontsize=9, y=0.1 / figure.get_figheight())
    return pixels_of(figure)


def pixels_of(figure: Figure) -> np.ndarray:
    """A figure as pixels (H, W, 3) uint8, and closed. Movies need even sides."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    plt.close(figure)
    height, width = (length // 2 * 2 for length in pixels.shape[:2])
    return pixels[:height, :width]


def _wrong_pixels(words: np.ndarray, truth: np.ndarray) -> str:
    wrong = np.count_nonzero((words != truth).any(axis=-1))
    return f"{wrong} wrong pixels" if wrong else "exact"


# The slider --------------------------------------------------------------------------------------


def planes_slider(
    name: str, strips: Mapping[str, Filmstrip], truth: np.ndarray, num_bits: int, frames: int
) -> HTML:
    """All planes of one channel of every fit beside the truth's, with a slider over the time.

    The moments are those of `times_of`. `truth` holds words (H, W, C); the channel is the middle
    one. `name` tells this slider from others of the page.
    """
    channel = truth.shape[-1] // 2
    times = times_of(strips.values(), frames)
    seen = {label: [strip.at("seconds", time) for time in times] for label, strip in strips.items()}
    clock = [f"{time:.2f} s" for time in times]
    data = {
        "count": frames,
        "names": list(seen),
        "notes": [[_wrong_bits(words, truth) for words in film] for film in seen.values()],
        "clock": clock,
    }
    parts = [_strip("truth", [truth[..., channel]], num_bits, moving=False)]
    for label, film in seen.items():
        parts.append(_strip(label, [words[..., channel] for words in film], num_bits, moving=True))
    # A "</" in the data would end the script.
    script = SCRIPT.replace("ID", json.dumps(name))
    script = script.replace("DATA", json.dumps(data).replace("</", "<\\/"))
    half = frames // 2
    return HTML(
        f'<style>{STYLE}</style><div class="planes-slider" id="{html.escape(name)}">'
        f'<label>Training time: <span class="clock">{clock[half]}</span>'
        f'<input type="range" min="0" max="{frames - 1}" value="{half}"></label>'
        f"<p><span>MSB</span><span>LSB</span></p>{''.join(parts)}</div><script>{script}</script>"
    )


def _strip(label: str, film: Sequence[np.ndarray], num_bits: int, moving: bool) -> str:
    """A line of text, and a picture that shows one of the frames (H, W) at a time.

    All planes of a frame stand in a row, the most significant first. What is `moving` follows the
    slider.
    """
    rows = [_planes_in_a_row(words, num_bits) for words in film]
    height, width = rows[0].shape
    picture = png_url(np.concatenate(rows))
    note, kind = ("note", "strip") if moving else ("", "")
    text = html.escape(label)
    return (
        f'<p><span>{text}</span><span class="{note}"></span></p>'
        f'<div class="{kind}" role="img" aria-label="{text}" style="width:100%;'
        "background-size:100% auto;image-rendering:pixelated;border:1px solid #888;"
        f'aspect-ratio:{width}/{height};background-image:url({picture})"></div>'
    )


def _planes_in_a_row(words: np.ndarray, num_bits: int) -> np.ndarray:
    """The planes of (H, W) words side by side, a grey line behind each, MSB at the left; uint8."""
    msb_first = np.moveaxis(bit_planes(words, num_bits), -1, 0)[::-1]
    white = msb_first * np.uint8(255)
    bordered = [np.pad(plane, ((0, 0), (0, 1)), constant_values=GREY) for plane in white]
    return np.concatenate(bordered, axis=1)


def _wrong_bits(words: np.ndarray, truth: np.ndarray) -> str:
    wrong = int(np.bitwise_count(words.astype(np.uint32) ^ truth.astype(np.uint32)).sum())
    return f"{wrong:,} wrong bits" if wrong else "exact"
