"""The figures of notebook 09."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lossless_inr_lite.max_convolution import approximate, cell_centres
from lossless_inr_lite.theory import reversal_side, waves

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"


def cross_section(lipschitz: float = 1.0, tolerance: float = 0.25) -> Figure:
    """A function of one coordinate, the cones of its centres, and the network: their maximum."""
    function, x = waves(lipschitz), np.linspace(0, 1, 801)[:, None]
    network = approximate(function, 1, lipschitz, tolerance, 0, 1)
    centres = cell_centres(int(lipschitz / tolerance), 1, 0, 1)
    figure, axes = plt.subplots(figsize=(8, 3.4))
    for centre in centres:
        axes.plot(x, function(centre[None]) - lipschitz * np.abs(x - centre), color=GREY, linewidth=0.8)
    axes.plot(x, function(x), color=BLUE, label="function f")
    axes.fill_between(x[:, 0], function(x) - tolerance, function(x), color=BLUE, alpha=0.15, label="tolerance")
    axes.plot(x, network(x), color=ORANGE, label="network F, the largest cone")
    axes.plot(centres, function(centres), "o", color=ORANGE, markersize=5)
    axes.set(xlabel="x", ylabel="value", ylim=(-0.45, 0.2))
    axes.legend(fontsize=8, loc="upper right")
    figure.tight_layout()
    return figure


def slack(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Bound, dense and non-zero weights against 1 / tolerance, a panel for each d, L = 1."""
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True)
    lines = (("size_bound", "bound", GREY), ("num_parameters", "dense", ORANGE), ("num_nonzero", "not zero", BLUE))
    for d, axes in enumerate(panels, 1):
        kept = [row for row in rows if (row["d"], row["lipschitz"], row["function"]) == (d, 1, "waves")]
        for key, label, colour in lines:
            axes.plot([1 / r["tolerance"] for r in kept], [r[key] for r in kept], "o-", color=colour, label=label)
        axes.set(xscale="log", yscale="log", xlabel=r"1 / tolerance", title=f"d = {d}")
    panels[0].set_ylabel("weights and biases")
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    return figure


def reversal(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Side from which on the order of the bounds turns round, against bits, and the measured pictures."""
    figure, axes = plt.subplots(figsize=(8, 4))
    bits = np.arange(1, 17)
    for step, style in ((1.0, "-"), (0.5, "--"), (0.1, ":")):
        axes.plot(bits, [reversal_side(int(n), step) for n in bits], style, color=GREY, label=f"largest step {step:g}")
    for holds, colour, text in ((True, BLUE, "planes have the smaller bound"), (False, ORANGE, "the larger")):
        kept = [row for row in rows if row["holds"] is holds]
        axes.scatter([r["num_bits"] for r in kept], [r["size"] for r in kept], color=colour, zorder=3, label=text)
    axes.set(yscale="log", xlabel="bits n", ylabel="side of the picture, pixels", ylim=(1, 2e4))
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


def predictors(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Samples until lossless against each possible predictor; one colour a picture."""
    names = ("U_d(n) / C", "bits a parameter", "total variation")
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True)
    for axes, name in zip(panels, names, strict=True):
        for picture in dict.fromkeys(row["picture"] for row in rows):
            kept = [row for row in rows if row["picture"] == picture]
            axes.scatter([r[name] for r in kept], [r["samples"] for r in kept], s=22, label=picture)
        axes.set(xscale="log", yscale="log", xlabel=name)
    panels[0].set_ylabel("samples until lossless")
    panels[0].legend(fontsize=7)
    figure.tight_layout()
    return figure
