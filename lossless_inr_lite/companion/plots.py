"""The figures of the book: plain matplotlib, one colour a formulation in all chapters."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from lossless_inr_lite.history import History
from lossless_inr_lite.signals.bits import bit_planes, plane_names
from lossless_inr_lite.signals.signal import Signal

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
LABELS = {
    "amplitude": "amplitude (SIREN)",
    "bit_coordinate": "bit coordinate (paper)",
    "bit_heads": "bit heads",
}
COSTS = {"iteration": "iterations", "samples_seen": "samples seen", "seconds": "seconds"}


def show_picture(axes: Axes, samples: np.ndarray, num_bits: int, title: str = "") -> None:
    """Draw samples (H, W, C) scaled by their own depth; an alpha channel is left out."""
    channels = samples.shape[-1]
    colour = samples[..., :3] if channels >= 3 else samples[..., :1].repeat(3, axis=-1)
    axes.imshow(colour / (2.0**num_bits - 1), interpolation="nearest")
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def normalised(signal: Signal) -> np.ndarray:
    """A picture's words stretched to [0, 1] by its own smallest and largest value, for looking at it."""
    words = signal.words.astype(np.float64)
    return (words - words.min()) / max(1.0, float(np.ptp(words)))


def pictures(samples: Mapping[str, np.ndarray], num_bits: int, width: float = 9) -> Figure:
    """A row of pictures with their titles."""
    figure, row = plt.subplots(
        1, len(samples), figsize=(width, width / len(samples) + 0.4), squeeze=False
    )
    for axes, (title, picture) in zip(row[0], samples.items(), strict=True):
        show_picture(axes, picture, num_bits, title)
    figure.tight_layout()
    return figure


def planes(signal: Signal, channel: int = 0, columns: int = 4) -> Figure:
    """Every bit-plane of one channel of a picture, most significant first."""
    stack = bit_planes(signal.words[..., channel], signal.num_bits)
    names = plane_names(signal.num_bits, signal.kind)
    rows = -(-signal.num_bits // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(9, 2.4 * rows), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, plane in zip(grid.flat, reversed(range(signal.num_bits)), strict=False):
        axes.imshow(stack[..., plane], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(names[plane], fontsize=9)
    figure.tight_layout()
    return figure


def plane_entropies(reports: Mapping[str, Sequence[float]]) -> Figure:
    """Entropy of every plane of several signals; a constant plane has 0, a fair coin 1."""
    figure, axes = plt.subplots(figsize=(9, 3))
    for title, entropies in reports.items():
        axes.plot(range(len(entropies)), entropies, marker="o", markersize=4, label=title)
    axes.set_xlabel("bit-plane (0 is the least significant)")
    axes.set_ylabel("entropy, bits")
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


def fit_curves(histories: Mapping[str, History], lossless: Mapping[str, bool]) -> Figure:
    """BER and PSNR against iterations, samples seen and seconds; a dashed line where a fit became lossless."""
    figure, grid = plt.subplots(2, 3, figsize=(10, 5.4), sharey="row")
    for column, (cost, cost_label) in enumerate(COSTS.items()):
        for name, history in histories.items():
            x = history.column(cost)
            keep = x > 0  # the axis is logarithmic; the untrained network stays out
            colour, label = COLOURS.get(name), LABELS.get(name, name)
            grid[0, column].plot(
                x[keep], np.maximum(history.column("ber")[keep], 1e-7), color=colour, label=label
            )
            psnr = history.column("psnr")[keep]
            grid[1, column].plot(x[keep], np.where(np.isfinite(psnr), psnr, np.nan), color=colour)
            if lossless[name]:
                for axes in grid[:, column]:
                    axes.axvline(x[-1], color=colour, linestyle="--", linewidth=1)
        grid[0, column].set(xscale="log", yscale="log")
        grid[1, column].set(xscale="log", xlabel=cost_label)
        for axes in grid[:, column]:
            plain_ticks(axes)
    grid[0, 0].set_ylabel("BER")
    grid[1, 0].set_ylabel("PSNR, dB")
    grid[0, 0].legend(fontsize=8, loc="lower left")
    figure.tight_layout()
    return figure


def error_maps(
    decoded: Mapping[str, np.ndarray],
    truth: np.ndarray,
    num_bits: int,
    marked_from: float = math.inf,
) -> Figure:
    """Pictures above, the largest error of any channel below, in steps on a logarithmic scale; black is exact.

    A dot marks each pixel with an error of `marked_from` steps or more.
    """
    figure, grid = plt.subplots(
        2, len(decoded), figsize=(9, 18 / len(decoded) + 0.5), squeeze=False
    )
    for column, (name, words) in enumerate(decoded.items()):
        show_picture(grid[0, column], words, num_bits, LABELS.get(name, name))
        error = np.abs(words.astype(np.int64) - truth.astype(np.int64)).max(axis=-1)
        scale = np.log2(1.0 + error) / num_bits
        grid[1, column].imshow(scale, cmap="inferno", vmin=0, vmax=1, interpolation="nearest")
        rows, columns = np.nonzero(error >= marked_from)
        grid[1, column].scatter(columns, rows, s=3, color="#56B4E9")
        note = f"{np.count_nonzero(error)} wrong pixels" + ("\n" if len(decoded) > 4 else ", ")
        grid[1, column].set_title(note + f"largest error {error.max()}", fontsize=8)
        grid[1, column].set_axis_off()
    figure.tight_layout()
    return figure


def pictures_and_planes(
    decoded: Mapping[str, np.ndarray], num_bits: int, planes: Sequence[int], channel: int = 1
) -> Figure:
    """A column a method: its picture, and below it these bit-planes of one channel."""
    figure, grid = plt.subplots(
        len(planes) + 1,
        len(decoded),
        figsize=(10, 10 / len(decoded) * (len(planes) + 1) + 0.3),
        squeeze=False,
    )
    for column, (name, words) in enumerate(decoded.items()):
        show_picture(grid[0, column], words, num_bits, LABELS.get(name, name))
        stack = bit_planes(words[..., min(channel, words.shape[-1] - 1)], num_bits)
        for axes, plane in zip(grid[1:, column], planes, strict=True):
            axes.imshow(stack[..., plane], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_axis_off()
            if column == 0:
                axes.text(
                    -0.06,
                    0.5,
                    f"plane {plane}",
                    rotation=90,
                    va="center",
                    ha="right",
                    fontsize=8,
                    transform=axes.transAxes,
                )
    figure.tight_layout(pad=0.4)
    return figure


def plane_strips(
    decoded: Mapping[str, np.ndarray], num_bits: int, planes: Sequence[int], channel: int = 1
) -> Figure:
    """A line for each: the picture, then these bit-planes of one channel."""
    columns, lines = len(planes) + 1, len(decoded)
    figure, grid = plt.subplots(
        lines, columns, figsize=(10, 10 / columns * lines + 0.4), squeeze=False
    )
    for line, (name, words) in enumerate(decoded.items()):
        row = grid[line]
        show_picture(row[0], words, num_bits)
        row[0].text(0, 1.04, LABELS.get(name, name), fontsize=8, transform=row[0].transAxes)
        stack = bit_planes(words[..., min(channel, words.shape[-1] - 1)], num_bits)
        for axes, plane in zip(row[1:], planes, strict=True):
            axes.imshow(stack[..., plane], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_axis_off()
            if line == 0:
                axes.set_title(f"plane {plane}", fontsize=8)
    figure.tight_layout(pad=0.4)
    return figure


def plain_ticks(axes: Axes) -> None:
    """Labels at powers of ten only: those between them overlap in small panels."""
    axes.xaxis.set_minor_formatter(NullFormatter())


def scaling(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Seconds against pixels for each layout and depth; projected points are hollow."""
    figure, axes = plt.subplots(figsize=(7, 4.2))
    for layout, marker in (("tiles of 32", "o"), ("one network", "s")):
        for num_bits, colour in ((8, "#0072B2"), (16, "#D55E00")):
            kept = [row for row in rows if (row["layout"], row["num_bits"]) == (layout, num_bits)]
            pixels, seconds = [row["pixels"] for row in kept], [row["seconds"] for row in kept]
            style = "-" if marker == "o" else "--"
            axes.plot(pixels, seconds, style, color=colour, label=f"{layout}, {num_bits} bits")
            faces = ["white" if row["projected"] else colour for row in kept]
            axes.scatter(
                pixels, seconds, marker=marker, facecolors=faces, edgecolors=colour, zorder=3
            )
    axes.set(xscale="log", yscale="log", xlabel="pixels", ylabel="seconds to no wrong bit")
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


def capacity(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Bits a parameter at the smallest lossless width, for every picture and way of asking."""
    kept = [row for row in rows if row["width"]]
    names = [
        row["formulation"] + (f", tiles of {row['tile']}" if row["tile"] else "") for row in kept
    ]
    order = list(dict.fromkeys(names))
    figure, axes = plt.subplots(figsize=(8, 3.8))
    for num_bits, colour, shift in ((8, "#0072B2", -0.12), (16, "#D55E00", 0.12)):
        points = [
            (order.index(n) + shift, r["bits_per_parameter"])
            for n, r in zip(names, kept, strict=True)
            if r["num_bits"] == num_bits
        ]
        axes.scatter(
            [x for x, _ in points], [y for _, y in points], color=colour, label=f"{num_bits} bits"
        )
    axes.axhline(2, color="grey", linestyle="--", linewidth=1)
    axes.set_xticks(range(len(order)), order, fontsize=8)
    axes.set(ylabel="bits a parameter", ylim=(0, None))
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure
