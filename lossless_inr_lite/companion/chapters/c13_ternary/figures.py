"""The figures and tables of notebook 13_ternary."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapters.c13_ternary.precision import FLOAT_BITS, PRECISIONS
from lossless_inr_lite.companion.chapters.c13_ternary.study import (
    SINGLE,
    papers_networks,
    sizes,
)
from lossless_inr_lite.companion.plots import frame, panel, plain_ticks
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.tables import table
from lossless_inr_lite.networks.integer_tables import LARGEST_ACTIVATION
from lossless_inr_lite.networks.ternary_layout import encoded
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.storage.trits import packed

STYLES = {"after training": "--", "in training": "-"}
LOWEST_BER = 1e-5
"""What stands for no error on a logarithmic axis."""

NO_WRONG_BIT = 0.7
"""What stands for no wrong bit on a logarithmic axis."""


# Sizes of files ----------------------------------------------------------------------------------


def size_table(rows: Iterable[Row], png: Mapping[str, int]) -> Markdown:
    """Bytes of every network's file beside the raw picture and its PNG.

    `png` is by picture and may lack some.
    """
    head = (
        "picture",
        "samples",
        "bits",
        "network",
        "trits",
        "bytes by the formula",
        "bytes of the file",
        "raw bytes",
        "PNG bytes",
        "file / raw",
        "certified lossless",
        "iterations",
        "seconds",
    )
    return table(head, [_size_line(row, png) for row in rows])


def _size_line(row: Row, png: Mapping[str, int]) -> tuple[object, ...]:
    name = row["signal"]["name"]
    size = sizes(row)
    file = "-"
    ratio = "-"
    result = f"no, {row['wrong_bits']} wrong bits"
    if row["lossless"]:
        file = f"{size.file:,.0f}"
        ratio = f"{size.ratio:.2f}"
        result = "yes"
    return (
        name,
        " x ".join(map(str, row["signal"]["shape"])),
        row["signal"]["num_bits"],
        row["method"],
        f"{size.trits:,}",
        f"{size.formula:,.0f}",
        file,
        f"{size.raw:,.0f}",
        f"{png[name]:,}" if name in png else "-",
        ratio,
        result,
        f"{row['iterations']:,}",
        f"{row['seconds']:.0f}",
    )


def size_curve(rows: Iterable[Row]) -> Figure:
    """BER that is left against the size of the trits over the raw signal, a line a picture.

    A dot at the bottom is a fit without a wrong bit.
    """
    by_picture: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["method"].startswith(SINGLE):
            size = sizes(row)
            point = (size.formula / size.raw, max(row["metrics"]["ber"], LOWEST_BER))
            by_picture.setdefault(row["signal"]["name"], []).append(point)
    figure, axes = panel((8, 3.6))
    for name, points in by_picture.items():
        axes.plot(*_columns(points), marker="o", markersize=4, label=name)
    axes.set(
        yscale="log",
        xlabel="bytes of the trits / raw bytes",
        ylabel="BER that is left (bottom: none)",
    )
    axes.legend(fontsize=8)
    return figure


def _columns(points: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """The x, ascending, and the y of points."""
    in_order = sorted(points)
    return [x for x, _ in in_order], [y for _, y in in_order]


# One network -------------------------------------------------------------------------------------


def freezing_curves(fits: Mapping[str, Fit]) -> Figure:
    """Wrong bits against iterations; a dot where none is left."""
    figure, axes = panel((8, 3.4))
    for name, done in fits.items():
        iterations = done.history.column("iteration")
        wrong_bits = done.history.column("wrong_bits")
        (line,) = axes.plot(iterations, np.maximum(wrong_bits, NO_WRONG_BIT), label=name)
        if wrong_bits[-1] == 0:
            axes.plot(iterations[-1], NO_WRONG_BIT, marker="o", color=line.get_color())
    axes.set(yscale="log", xlabel="iterations", ylabel="wrong bits (dot: none left)")
    axes.legend(fontsize=8)
    return figure


def margin_table(fits: Mapping[str, Fit]) -> Markdown:
    """What stands between a decision and its opposite.

    For integers that is half a step at least, for floats whatever it happens to be.
    """
    lines = []
    for name, done in fits.items():
        proof = done.certificate
        if proof is None:
            lines.append((name, "not certified", "", ""))
            continue
        margins = {way["margin"] for way in proof.ways}
        lines.append((name, f"{proof.smallest_margin:.3g}", len(proof.ways), len(margins)))
    head = (
        "network",
        "smallest margin",
        "ways of decoding",
        "different smallest margins among them",
    )
    return table(head, lines)


def weight_pictures(fit: Fit) -> Figure:
    """The trits of every layer of the first group: black -1, grey 0, white 1."""
    layers = packed(fit.model).integers.layers
    widths = [layer.trits.shape[2] + 8 for layer in layers]
    figure, grid = frame(1, len(layers), (10, 3.2), width_ratios=widths)
    for number, (axes, layer) in enumerate(zip(grid[0], layers, strict=True)):
        trits = layer.trits[0]
        axes.imshow(trits, cmap="gray", vmin=-1, vmax=1, interpolation="nearest", aspect="equal")
        axes.set_title(f"layer {number}\n{np.mean(trits == 0):.0%} zeros", fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def activation_histograms(fit: Fit) -> Figure:
    """How often every value of 8 bits enters a layer, of the first group."""
    model = packed(fit.model)
    points = model.formulation.integer_coordinates(model.spec)
    entering = model.integers.inputs(encoded(points, model.integers.waves))
    figure, grid = frame(1, len(entering), (10, 2.6), sharey=True)
    for number, (axes, activations) in enumerate(zip(grid[0], entering, strict=True)):
        axes.hist(activations.ravel(), bins=np.arange(-128, 129, 4), density=True, color="#0072B2")
        at_limit = np.mean(np.abs(activations) >= LARGEST_ACTIVATION)
        axes.set_title(f"into layer {number}\n{at_limit:.2%} at the limit", fontsize=8)
        axes.set_xlabel("value")
    grid[0, 0].set_ylabel("density")
    return figure


# Precision of weights ----------------------------------------------------------------------------


def precision_table(rows: Sequence[Mapping[str, Any]]) -> Markdown:
    """BER by precision; bold where the saved network is certified lossless."""
    precisions = (FLOAT_BITS, *PRECISIONS)
    lines = []
    for method in _methods(rows):
        for how in STYLES:
            by_bits = {
                row["bits"]: row
                for row in rows
                if row["method"] == method and row["how"] in (how, "floats")
            }
            cells = [_precision_cell(by_bits.get(bits)) for bits in precisions]
            lines.append((method, how, *cells))
    head = ("network", "weights become coarse", *(f"{bits} bits" for bits in precisions))
    return table(head, lines)


def _methods(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The methods of rows, each once, in the order in which they first came."""
    return list(dict.fromkeys(row["method"] for row in rows))


def _precision_cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    text = f"{row['ber']:.4f}" if row["ber"] else "0"
    return f"**{text}**" if row["lossless"] else text


def precision_curves(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Fig. 10: BER against bits per weight, coarse after training and in training."""
    figure, axes = panel((8, 3.8))
    for number, method in enumerate(_methods(rows)):
        for how, style in STYLES.items():
            points = [
                (row["bits"], max(row["ber"], LOWEST_BER))
                for row in rows
                if row["method"] == method and row["how"] == how
            ]
            if points:
                label = f"{method}, {how}"
                colour = f"C{number}"
                axes.plot(
                    *_columns(points), style, marker="o", markersize=4, color=colour, label=label
                )
    axes.set(yscale="log", xlabel="bits per weight", ylabel="BER (bottom: none)", xticks=PRECISIONS)
    plain_ticks(axes)
    axes.legend(fontsize=7, ncols=2)
    return figure


def operations_table() -> Markdown:
    """Table 4's bit operations as printed, and counted.

    Counted are bits of a weight times bits of an activation.
    """
    lines = []
    for name, network in papers_networks().items():
        lines.append(
            (
                name,
                f"{network.weights:,}",
                f"{network.bytes:,.0f}",
                f"{network.printed / 1e6:.2f} M",
                f"{network.counted / 1e6:.2f} M",
                f"{network.printed / network.weights:,.1f}",
            )
        )
    head = (
        "network",
        "weights",
        "bytes",
        "bit operations per pixel, printed",
        "by our convention",
        "printed, per weight",
    )
    return table(head, lines)
