"""Tables and figures of the chapter on ternary networks."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.companion.chapters.c13_ternary.study import (
    SINGLE,
    Row,
    papers_networks,
    sizes,
)
from lossless_inr_lite.companion.plots import plain_ticks
from lossless_inr_lite.networks.ternary import LIMIT, encoded
from lossless_inr_lite.storage.trits import packed
from lossless_inr_lite.training.fit import Fit
from lossless_inr_lite.training.quantisation import PRECISIONS

STYLES = {"after training": "--", "in training": "-"}


def size_table(rows: Iterable[Row], png: Mapping[str, int]) -> Markdown:
    """Bytes of every network's file beside the raw picture and its PNG; `png` is by picture and may lack some."""
    lines = []
    for row in rows:
        size, name = sizes(row), row["signal"]["name"]
        exact = row["lossless"]
        lines.append(
            (
                name,
                " x ".join(map(str, row["signal"]["shape"])),
                row["signal"]["num_bits"],
                row["method"],
                f"{size['trits']:,}",
                f"{size['formula']:,.0f}",
                f"{size['file']:,.0f}" if exact else "-",
                f"{size['raw']:,.0f}",
                f"{png[name]:,}" if name in png else "-",
                f"{size['file'] / size['raw']:.2f}" if exact else "-",
                "yes" if exact else f"no, {row['wrong_bits']} wrong bits",
                f"{row['iterations']:,}",
                f"{row['seconds']:.0f}",
            )
        )
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
    return table(head, lines)


def size_curve(rows: Iterable[Row]) -> Figure:
    """Wrong bits that are left against the size of the trits over the raw signal; a dot on the axis where none is."""
    figure, axes = plt.subplots(figsize=(8, 3.6))
    by_picture: dict[str, list[Row]] = {}
    for row in (row for row in rows if row["method"].startswith(SINGLE)):
        by_picture.setdefault(row["signal"]["name"], []).append(row)
    for name, group in by_picture.items():
        points = sorted(
            (sizes(r)["formula"] / sizes(r)["raw"], max(r["metrics"]["ber"], 1e-5)) for r in group
        )
        axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=name)
    axes.set(
        yscale="log",
        xlabel="bytes of the trits / raw bytes",
        ylabel="BER that is left (bottom: none)",
    )
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


def settling_curves(fits: Mapping[str, Fit]) -> Figure:
    """Wrong bits against iterations."""
    figure, axes = plt.subplots(figsize=(8, 3.4))
    for name, done in fits.items():
        iterations, wrong = done.history.column("iteration"), done.history.column("wrong_bits")
        axes.plot(iterations, np.maximum(wrong, 0.7), label=name)
        if wrong[-1] == 0:
            axes.plot(iterations[-1], 0.7, marker="o", color=axes.lines[-1].get_color())
    axes.set(yscale="log", xlabel="iterations", ylabel="wrong bits (dot: none left)")
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


def margin_table(fits: Mapping[str, Fit]) -> Markdown:
    """What stands between a decision and its opposite: for whole numbers at least half a step, for floats whatever."""
    lines = []
    for name, done in fits.items():
        proof = done.certificate
        if proof is None:
            lines.append((name, "not certified", "", ""))
            continue
        values = {way["margin"] for way in proof.ways}
        lines.append((name, f"{proof.smallest_margin:.3g}", len(proof.ways), len(values)))
    return table(
        ("network", "smallest margin", "ways of decoding", "different smallest margins among them"),
        lines,
    )


def weight_pictures(fit: Fit) -> Figure:
    """The trits of every layer of the first group: black -1, grey 0, white 1."""
    layers = packed(fit.model).integers.layers
    figure, row = plt.subplots(
        1,
        len(layers),
        figsize=(10, 3.2),
        squeeze=False,
        width_ratios=[layer.trits.shape[2] + 8 for layer in layers],
    )
    for number, (axes, layer) in enumerate(zip(row[0], layers, strict=True)):
        trits = layer.trits[0]
        axes.imshow(trits, cmap="gray", vmin=-1, vmax=1, interpolation="nearest", aspect="equal")
        axes.set_title(f"layer {number}\n{np.mean(trits == 0):.0%} zeros", fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.tight_layout()
    return figure


def activation_histograms(fit: Fit) -> Figure:
    """How often every value of 8 bits enters a layer, of the first group."""
    model = packed(fit.model)
    points = model.formulation.whole_coordinates(model.spec)
    values = model.integers.inputs(encoded(points, model.integers.waves))
    figure, row = plt.subplots(1, len(values), figsize=(10, 2.6), squeeze=False, sharey=True)
    for number, (axes, activations) in enumerate(zip(row[0], values, strict=True)):
        axes.hist(activations.ravel(), bins=np.arange(-128, 129, 4), density=True, color="#0072B2")
        cut = np.mean(np.abs(activations) >= LIMIT)
        axes.set_title(f"into layer {number}\n{cut:.2%} at the limit", fontsize=8)
        axes.set_xlabel("value")
    row[0, 0].set_ylabel("density")
    figure.tight_layout()
    return figure


def precision_table(rows: Sequence[Mapping[str, Any]]) -> Markdown:
    """BER by precision; bold where the saved network is certified lossless."""
    precisions = (32, *PRECISIONS)
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        for how in ("after training", "in training"):
            cells = {
                r["bits"]: r for r in rows if r["method"] == method and r["how"] in (how, "floats")
            }
            lines.append((method, how, *(_cell(cells.get(bits)) for bits in precisions)))
    return table(
        ("network", "weights become coarse", *(f"{bits} bits" for bits in precisions)), lines
    )


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    text = f"{row['ber']:.4f}" if row["ber"] else "0"
    return f"**{text}**" if row["lossless"] else text


def precision_curves(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Fig. 10: BER against bits a weight, coarse after training and in training."""
    figure, axes = plt.subplots(figsize=(8, 3.8))
    for number, method in enumerate(dict.fromkeys(row["method"] for row in rows)):
        for how, style in STYLES.items():
            group = sorted(
                (r["bits"], max(r["ber"], 1e-5))
                for r in rows
                if r["method"] == method and r["how"] == how
            )
            if group:
                axes.plot(
                    *zip(*group, strict=True),
                    style,
                    marker="o",
                    markersize=4,
                    color=f"C{number}",
                    label=f"{method}, {how}",
                )
    axes.set(yscale="log", xlabel="bits a weight", ylabel="BER (bottom: none)", xticks=PRECISIONS)
    plain_ticks(axes)
    axes.legend(fontsize=7, ncols=2)
    figure.tight_layout()
    return figure


def operations_table() -> Markdown:
    """Table 4's bit operations as printed, and counted as bits of a weight times bits of an activation."""
    lines = [
        (
            name,
            f"{row['weights']:,}",
            f"{row['bytes']:,.0f}",
            f"{row['printed'] / 1e6:.2f} M",
            f"{row['ours'] / 1e6:.2f} M",
            f"{row['printed'] / row['weights']:,.1f}",
        )
        for name, row in papers_networks().items()
    ]
    head = (
        "network",
        "weights",
        "bytes",
        "bit operations a pixel, printed",
        "by our convention",
        "printed, a weight",
    )
    return table(head, lines)
