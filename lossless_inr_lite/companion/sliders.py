"""One slider over the time of several fits and every bit-plane of each: HTML that needs nothing from elsewhere."""

import base64
import html
import io
import json
from collections.abc import Mapping

import imageio.v3 as iio
import numpy as np
from IPython.display import HTML

from lossless_inr_lite.companion.movies import Filmstrip
from lossless_inr_lite.signals.bits import bit_planes

STYLE = """
.planes-slider{max-width:44rem} .planes-slider input{width:100%}
.planes-slider .strip{width:100%;background-size:100% auto;image-rendering:pixelated;border:1px solid #888}
.planes-slider p{margin:.5rem 0 .1rem;font-size:.85rem;display:flex;justify-content:space-between;gap:.6rem}
"""
SCRIPT = """
(() => {
  const root = document.getElementById(ID), frames = DATA, range = root.querySelector("input");
  const show = () => {
    const k = Number(range.value);
    root.querySelector(".clock").textContent = frames.clock[k];
    root.querySelectorAll(".strip").forEach((strip, m) => {
      strip.style.backgroundPositionY = frames.count > 1 ? (100 * k / (frames.count - 1)) + "%" : "0";
      strip.setAttribute("aria-label", frames.names[m] + ": " + frames.notes[m][k]);
      root.querySelectorAll(".note")[m].textContent = frames.notes[m][k];
    });
  };
  range.addEventListener("input", show); show();
})();
"""


def planes_slider(
    name: str, strips: Mapping[str, Filmstrip], truth: np.ndarray, num_bits: int, frames: int
) -> HTML:
    """All planes of one channel of every fit beside the truth's, at seconds that grow by a common factor.

    `truth` holds words (H, W, C); the channel is the middle one. `name` tells this slider from others of the page.
    """
    channel = truth.shape[-1] // 2
    clocks = [strip.clock("seconds") for strip in strips.values()]
    start, end = (
        min(clock[min(1, len(clock) - 1)] for clock in clocks),
        max(clock[-1] for clock in clocks),
    )
    times = np.geomspace(max(start, 1e-3), max(end, 2e-3), frames)
    seen = {
        label: [strip.at("seconds", float(t)) for t in times] for label, strip in strips.items()
    }
    notes = [[_wrong_bits(words, truth) for words in film] for film in seen.values()]
    data = {
        "count": frames,
        "names": list(seen),
        "notes": notes,
        "clock": [f"{t:.2f} s" for t in times],
    }
    parts = [_strip("truth", "", [truth], num_bits, channel, "")]
    parts += [
        _strip(label, "note", film, num_bits, channel, "strip") for label, film in seen.items()
    ]
    script = SCRIPT.replace("ID", json.dumps(name)).replace(
        "DATA", json.dumps(data).replace("</", "<\\/")
    )
    return HTML(
        f'<style>{STYLE}</style><div class="planes-slider" id="{html.escape(name)}"><label>Training time: '
        f'<span class="clock">{data["clock"][frames // 2]}</span><input type="range" min="0" max="{frames - 1}" '
        f'value="{frames // 2}"></label><p><span>MSB</span><span>LSB</span></p>{"".join(parts)}</div>'
        f"<script>{script}</script>"
    )


def _strip(
    label: str, note: str, film: list[np.ndarray], num_bits: int, channel: int, kind: str
) -> str:
    """A line of text and a picture that shows one frame of `film` at a time: all planes in a row, MSB first."""
    rows = [_row(words[..., channel], num_bits) for words in film]
    height, width = rows[0].shape
    file = io.BytesIO()
    iio.imwrite(file, np.concatenate(rows), extension=".png")
    picture = base64.b64encode(file.getvalue()).decode()
    return (
        f'<p><span>{html.escape(label)}</span><span class="{note}"></span></p>'
        f'<div class="{kind}" role="img" aria-label="{html.escape(label)}" style="width:100%;background-size:100% auto;'
        f"image-rendering:pixelated;border:1px solid #888;aspect-ratio:{width}/{height};"
        f'background-image:url(data:image/png;base64,{picture})"></div>'
    )


def _row(words: np.ndarray, num_bits: int) -> np.ndarray:
    """The planes of (H, W) words side by side with a grey line between, MSB at the left; uint8."""
    planes = np.moveaxis(bit_planes(words, num_bits), -1, 0)[::-1] * np.uint8(255)
    return np.concatenate(
        [np.pad(plane, ((0, 0), (0, 1)), constant_values=128) for plane in planes], axis=1
    )


def _wrong_bits(words: np.ndarray, truth: np.ndarray) -> str:
    wrong = int(np.bitwise_count(words.astype(np.uint32) ^ truth.astype(np.uint32)).sum())
    return f"{wrong:,} wrong bits" if wrong else "exact"
