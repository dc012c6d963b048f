"""The figures of the book: plain matplotlib, one colour a formulation in all chapters.

Every figure begins with `frame` or `panel` and is returned; it needs no layout of its own.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.history import History
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.bits import bit_planes, plane_names

# Okabe and Ito's colours, which most colour-blind readers can tell apart.
COLOURS = {
    "amplitude": "#D55E00",
    "bit_coordinate": "#0072B2",
    "bit_heads": "#009E73",
    "bit-planes": "#0072B2",
    "Tanh+PE": "#999999",
    "ReLU+PE": "#56B4E9",
    "WIRE": "#CC79A7",
    "Gauss": "#E69F00",
    "SIREN": "#D55E00",
    "FINER": "#009E73",
}
DEPTH_COLOURS = {8: "#0072B2", 16: "#D55E00"}
LABELS = {
    "amplitude": "amplitude (SIREN)",
    "bit_coordinate": "bit coordinate (paper)",
    "bit_heads": "bit heads",
}
COSTS = {"iteration": "iterations", "samples_seen": "samples seen", "seconds": "seconds"}

SMALLEST_BER = 1e-7  # what a BER of 0 is drawn as on a logarithmic axis
FEW = 4  # figures in a row that leave place for a title on one line
PAD = 1.08  # between panels, in units of the font's size: matplotlib's own
NARROW = 0.4


def frame(
    lines: int, columns: int, size: tuple[float, float], pad: float = PAD, **options: Any
) -> tuple[Figure, np.ndarray]:
    """An empty figure of `size` inches and its axes (lines, columns), also where there is only one.

    Panels are laid out when the figure is drawn, `pad` apart. `options` are those of
    matplotlib's `subplots`.
    """
    figure, grid = plt.subplots(lines, columns, figsize=size, squeeze=False, **options)
    figure.set_layout_engine("tight", pad=pad)
    return figure, grid


def panel(size: tuple[float, float], **options: Any) -> tuple[Figure, Axes]:
    """A `frame` with one panel."""
    figure, grid = frame(1, 1, size, **options)
    return figure, grid[0, 0]


def show_picture(axes: Axes, samples: np.ndarray, num_bits: int, title: str = "") -> None:
    """Draw samples (H, W, C) scaled by their own depth; an alpha channel is left out."""
    channels = samples.shape[-1]
    colour = samples[..., :3] if channels >= 3 else samples[..., :1].repeat(3, axis=-1)
    axes.imshow(colour / (2.0**num_bits - 1), interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def show_plane(axes: Axes, plane: np.ndarray, title: str = "") -> None:
    """Draw one bit-plane (H, W) of zeros (black) and ones (white)."""
    axes.imshow(plane, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def plain_ticks(axes: Axes) -> None:
    """Labels at powers of ten only: those between them overlap in small panels."""
    axes.xaxis.set_minor_formatter(NullFormatter())


def normalised(signal: Signal) -> np.ndarray:
    """A picture's words stretched to [0, 1] by its own smallest and largest value, to look at."""
    words = signal.words.astype(np.float64)
    return (words - words.min()) / max(1.0, float(np.ptp(words)))


def pictures(samples: Mapping[str, np.ndarray], num_bits: int, width: float = 9) -> Figure:
    """A row of pictures (H, W, C) with their titles; `width` is the figure's, in inches."""
    figure, grid = frame(1, len(samples), (width, width / len(samples) + 0.4))
    for axes, (title, picture) in zip(grid[0], samples.items(), strict=True):
        show_picture(axes, picture, num_bits, title)
    return figure


def planes(signal: Signal, channel: int = 0, columns: int = 4) -> Figure:
    """Every bit-plane of one channel of a picture, most significant first."""
    stack = bit_planes(signal.words[..., channel], signal.num_bits)
    names = plane_names(signal.num_bits, signal.kind)
    lines = -(-signal.num_bits // columns)
    figure, grid = frame(lines, columns, (9, 2.4 * lines))
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, plane in zip(grid.flat, reversed(range(signal.num_bits)), strict=False):
        show_plane(axes, stack[..., plane], names[plane])
    return figure


def plane_entropies(reports: Mapping[str, Sequence[float]]) -> Figure:
    """Entropy of every plane of several signals; a constant plane has 0, a fair coin 1."""
    figure, axes = panel((9, 3))
    for title, entropies in reports.items():
        axes.plot(range(len(entropies)), entropies, marker="o", markersize=4, label=title)
    axes.set_xlabel("bit-plane (0 is the least significant)")
    axes.set_ylabel("entropy, bits")
    axes.legend(fontsize=8)
    return figure


def fit_curves(histories: Mapping[str, History], lossless: Mapping[str, bool]) -> Figure:
    """BER and PSNR against iterations, samples seen and seconds, a line a fit.

    A dashed line stands where a fit became lossless.
    """
    figure, grid = frame(2, 3, (10, 5.4), sharey="row")
    for (upper, lower), (cost, cost_label) in zip(grid.T, COSTS.items(), strict=True):
        for name, history in histories.items():
            colour = COLOURS.get(name)
            costs = history.column(cost)
            drawn = costs > 0  # the axis is logarithmic: the untrained network stays out
            errors = np.maximum(history.column("ber"), SMALLEST_BER)
            upper.plot(costs[drawn], errors[drawn], color=colour, label=LABELS.get(name, name))
            psnr = history.column("psnr")
            finite = np.where(np.isfinite(psnr), psnr, np.nan)
            lower.plot(costs[drawn], finite[drawn], color=colour)
            if lossless[name]:
                for axes in (upper, lower):
                    axes.axvline(costs[-1], color=colour, linestyle="--", linewidth=1)
        upper.set(xscale="log", yscale="log")
        lower.set(xscale="log", xlabel=cost_label)
        plain_ticks(upper)
        plain_ticks(lower)
    grid[0, 0].set_ylabel("BER")
    grid[1, 0].set_ylabel("PSNR, dB")
    grid[0, 0].legend(fontsize=8, loc="lower left")
    return figure


def error_maps(
    decoded: Mapping[str, np.ndarray],
    truth: np.ndarray,
    num_bits: int,
    marked_from: float = math.inf,
) -> Figure:
    """Decoded words (H, W, C) as pictures above, and the largest error of any channel below.

    Errors are in steps, on a logarithmic scale; black is exact. A dot marks each pixel with an
    error of `marked_from` steps or more.
    """
    figure, grid = frame(2, len(decoded), (9, 18 / len(decoded) + 0.5))
    for (upper, lower), (name, words) in zip(grid.T, decoded.items(), strict=True):
        show_picture(upper, words, num_bits, LABELS.get(name, name))
        error = np.abs(words.astype(np.int64) - truth.astype(np.int64)).max(axis=-1)
        scale = np.log2(1.0 + error) / num_bits
        lower.imshow(scale, cmap="inferno", vmin=0, vmax=1, interpolation="nearest")
        lines, columns = np.nonzero(error >= marked_from)
        lower.scatter(columns, lines, s=3, color="#56B4E9")
        between = "\n" if len(decoded) > FEW else ", "
        wrong = f"{np.count_nonzero(error)} wrong pixels"
        lower.set_title(f"{wrong}{between}largest error {error.max()}", fontsize=8)
        lower.set_axis_off()
    return figure


def _channel_planes(words: np.ndarray, num_bits: int, channel: int) -> np.ndarray:
    """The planes (H, W, num_bits) of one channel, of the last one where there are fewer."""
    return bit_planes(words[..., min(channel, words.shape[-1] - 1)], num_bits)


def pictures_and_planes(
    decoded: Mapping[str, np.ndarray], num_bits: int, planes: Sequence[int], channel: int = 1
) -> Figure:
    """A column a method: its picture, and below it these bit-planes of one channel."""
    lines = len(planes) + 1
    columns = len(decoded)
    figure, grid = frame(lines, columns, (10, 10 / columns * lines + 0.3), pad=NARROW)
    for column, (name, words) in zip(grid.T, decoded.items(), strict=True):
        show_picture(column[0], words, num_bits, LABELS.get(name, name))
        stack = _channel_planes(words, num_bits, channel)
        for axes, plane in zip(column[1:], planes, strict=True):
            show_plane(axes, stack[..., plane])
    for axes, plane in zip(grid[1:, 0], planes, strict=True):
        place = {"va": "center", "ha": "right", "transform": axes.transAxes}
        axes.text(-0.06, 0.5, f"plane {plane}", rotation=90, fontsize=8, **place)
    return figure


def plane_strips(
    decoded: Mapping[str, np.ndarray], num_bits: int, planes: Sequence[int], channel: int = 1
) -> Figure:
    """A line a method: the picture, then these bit-planes of one channel."""
    lines = len(decoded)
    columns = len(planes) + 1
    figure, grid = frame(lines, columns, (10, 10 / columns * lines + 0.4), pad=NARROW)
    for line, (name, words) in zip(grid, decoded.items(), strict=True):
        show_picture(line[0], words, num_bits)
        line[0].text(0, 1.04, LABELS.get(name, name), fontsize=8, transform=line[0].transAxes)
        stack = _channel_planes(words, num_bits, channel)
        for axes, plane in zip(line[1:], planes, strict=True):
            show_plane(axes, stack[..., plane])
    for axes, plane in zip(grid[0, 1:], planes, strict=True):
        axes.set_title(f"plane {plane}", fontsize=8)
    return figure


def scaling(rows: Sequence[Row]) -> Figure:
    """Seconds against pixels for each layout and depth; projected points are hollow."""
    figure, axes = panel((7, 4.2))
    for layout, marker, line in (("tiles of 32", "o", "-"), ("one network", "s", "--")):
        for num_bits, colour in DEPTH_COLOURS.items():
            kept = [r for r in rows if r["layout"] == layout and r["num_bits"] == num_bits]
            pixels = [row["pixels"] for row in kept]
            seconds = [row["seconds"] for row in kept]
            faces = ["white" if row["projected"] else colour for row in kept]
            axes.plot(pixels, seconds, line, color=colour, label=f"{layout}, {num_bits} bits")
            look = {"marker": marker, "facecolors": faces, "edgecolors": colour}
            axes.scatter(pixels, seconds, zorder=3, **look)
    axes.set(xscale="log", yscale="log", xlabel="pixels", ylabel="seconds to no wrong bit")
    axes.legend(fontsize=8)
    return figure


def capacity(rows: Sequence[Row]) -> Figure:
    """Bits per parameter at the smallest lossless width, for every picture and way of asking.

    A cross at the bottom stands for a picture for which no width was found in time.
    """
    kept = list(rows)
    names = [_way_of_asking(row) for row in kept]
    order = list(dict.fromkeys(names))
    figure, axes = panel((8, 3.8))
    for (num_bits, colour), shift in zip(DEPTH_COLOURS.items(), (-0.12, 0.12), strict=True):
        places = []
        bits = []
        without = []
        for name, row in zip(names, kept, strict=True):
            if row["num_bits"] != num_bits:
                continue
            place = order.index(name) + shift
            if row["width"]:
                places.append(place)
                bits.append(row["bits_per_parameter"])
            else:
                without.append(place)
        axes.scatter(places, bits, color=colour, label=f"{num_bits} bits")
        if without:
            label = f"{num_bits} bits, none found in time"
            bottom = [0.0] * len(without)
            axes.scatter(without, bottom, color=colour, marker="x", label=label, clip_on=False)
    axes.axhline(2, color="grey", linestyle="--", linewidth=1)
    axes.set_xticks(range(len(order)), order, fontsize=8)
    axes.set(ylabel="bits per parameter", ylim=(0, None))
    axes.legend(fontsize=8)
    return figure


def _way_of_asking(row: Row) -> str:
    tiles = f", tiles of {row['tile']}" if row["tile"] else ""
    return row["formulation"] + tiles
