"""The figures, tables and verdicts of notebook 15_lossless_compression."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapters.c15_lossless_compression.study import (
    BLIND,
    BYTE,
    NEIGHBOURS,
    PREFIX,
    STEPS,
    ratio,
)
from lossless_inr_lite.companion.claims import Verdict, judge, judge_own, paper_value, slug
from lossless_inr_lite.companion.evidence import (
    Evidence,
    Exact,
    Open,
    Range,
    Statement,
    Together,
    of_signals,
)
from lossless_inr_lite.companion.plots import frame, panel
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.tables import table
from lossless_inr_lite.errors import InputError

CLOSE = 0.05
"""How far a figure of ours may be from the paper's to reproduce it."""

DATA = {
    "digits": "MNIST",
    "t10k-images-idx3-ubyte": "MNIST",
    "t10k-images-0000-2221-idx3-ubyte": "Fashion-MNIST",
}
"""The paper's names of sets of ours."""

WHOLE_SET = 10_000
"""Pictures of the test sets of MNIST and Fashion-MNIST."""

BARS = {"MNIST": 1.20, "Fashion-MNIST": 3.3}
"""What this chapter set out to reach, in bits per pixel of whole containers."""

CODECS_OF_TABLE_6 = ("PNG", "JPEG 2000", "WebP", "TIFF")
RECOMBINER = "RECOMBINER"
RECOMBINER_WITH_BITS = "RECOMBINER + ours"


@dataclass(frozen=True)
class PictureBar:
    """What this chapter set out to reach for pictures of a depth.

    `share` is that of the bytes of each of `codecs`, a mean over the pictures.
    """

    num_bits: int
    pictures: str
    codecs: tuple[str, ...]
    share: float


PICTURE_BARS = (
    PictureBar(8, "photographs of 8 bits", ("JPEG XL",), 1.02),
    PictureBar(16, "pictures of 16 bits", ("PNG", "JPEG 2000"), 1.0),
)


def data_of(name: str) -> str:
    """The paper's name of a set of ours; other sets keep theirs."""
    return DATA.get(name, name)


def shown_name(row: Row) -> str:
    """What a set is called in tables."""
    return f"{data_of(row['name'])}, {row['count']:,} pictures"


def _rate(size: float, row: Row) -> float:
    """Bits per pixel of so many bytes for a row's pictures."""
    return BYTE * size / row["pixels"]


# Tables ------------------------------------------------------------------------------------------


def sets_table(rows: Sequence[Row]) -> Markdown:
    """Bits per pixel of sets: the paper's figures, other codecs alone and pooled, and ours."""
    lines = [line for row in rows for line in _set_lines(row)]
    return table(("Set", "Codec", "Paper", "A file a picture", "One file for all"), lines)


def _set_lines(row: Row) -> list[tuple[str, ...]]:
    name = shown_name(row)
    data = data_of(row["name"])
    lines = []
    for codec, size in row["standard"].items():
        alone = f"{_rate(size, row):.2f}"
        pooled = f"{_rate(row['pooled'][codec], row):.2f}"
        lines.append((name, codec, _printed(codec, data), alone, pooled))
    theirs = _printed(RECOMBINER_WITH_BITS, data)
    ours = f"**this codec, prior {row['prior']}**"
    return [
        *lines,
        (name, "RECOMBINER + theirs", theirs, "not run", "not run"),
        (name, ours, "", "", f"**{row['bpp']:.3f}**"),
        (name, "the same, with the prior's weights", "", "", f"{row['amortised_bpp']:.3f}"),
    ]


def _printed(codec: str, data: str) -> str:
    """A rate of Table 6 as printed; empty where the paper has none."""
    try:
        return paper_value("table6", "bpp", method=codec, data=data)
    except InputError:
        return ""


def pictures_table(rows: Sequence[Row]) -> Markdown:
    """Bits per pixel of single pictures: other codecs, and ours at levels 1 and 2."""
    codecs = list(dict.fromkeys(codec for row in rows for codec in row["standard"]))
    head = ("Picture", "", *codecs, "Level 1", "Level 2", "Level 2 / JPEG XL")
    return table(head, [_picture_line(row, codecs) for row in rows])


def _picture_line(row: Row, codecs: Sequence[str]) -> tuple[str, ...]:
    height, width, channels = row["shape"]
    standard = row["standard"]
    others = [f"{_rate(standard[codec], row):.2f}" if codec in standard else "" for codec in codecs]
    return (
        row["name"],
        f"{width} x {height} x {channels}, {row['num_bits']} bits",
        *others,
        f"**{_rate(row['bytes'], row):.2f}**",
        f"**{_rate(row['adapted_bytes'], row):.2f}**",
        f"{row['adapted_bytes'] / standard['JPEG XL']:.3f}",
    )


def ablation_table(rows: Mapping[str, Row]) -> Markdown:
    """What each thing that the network is told is worth."""
    lines = []
    for step in STEPS:
        row = rows[step]
        upper = sum(row["planes"][4:])
        weights = f"{row['weights_bytes']:,}"
        lines.append((step, f"{row['bpp']:.3f}", f"{upper:.3f}", weights, row["sent_bytes"]))
    head = (
        "The network knows",
        "Bits per pixel",
        "of these in the upper four planes",
        "Bytes of weights",
        "Bytes sent",
    )
    return table(head, lines)


def level_0_table(rows: Sequence[Row], standard: Mapping[str, int]) -> Markdown:
    """The best precision of each size of network, beside other codecs' bytes."""
    best: dict[tuple[int, ...], Row] = {}
    for row in rows:
        hidden = tuple(row["hidden"])
        if hidden not in best or row["total"] < best[hidden]["total"]:
            best[hidden] = row
    lines: list[tuple[object, ...]] = []
    for hidden, row in best.items():
        name = "level 0, widths " + ", ".join(map(str, hidden))
        code = row["total"] - row["weights"]
        lines.append((name, row["precision"], row["weights"], f"{code:.0f}", f"{row['total']:.0f}"))
    lines += [(codec, "", "", "", size) for codec, size in standard.items()]
    return table(("", "Bits per weight", "Bytes of weights", "Bytes of code", "Bytes"), lines)


def speed_table(rows: Sequence[Row]) -> Markdown:
    """Seconds of encoding and decoding."""
    lines = []
    for row in rows:
        speed = row["pixels"] / row["decode_seconds"] / 1000
        lines.append(
            (
                row["name"],
                f"{row['pixels']:,}",
                f"{row['encode_seconds']:.1f}",
                f"{row['decode_seconds']:.1f}",
                f"{speed:,.0f}",
            )
        )
    head = (
        "",
        "Pixels",
        "Seconds to encode",
        "Seconds to decode",
        "Thousand pixels decoded a second",
    )
    return table(head, lines)


# Figures -----------------------------------------------------------------------------------------


def ablation_bars(rows: Mapping[str, Row]) -> Figure:
    """Bits per pixel of each step, plane by plane, the most significant at the bottom."""
    figure, axes = panel((8, 3.2))
    bottom = np.zeros(len(STEPS))
    for plane in reversed(range(8)):
        heights = np.array([rows[step]["planes"][plane] for step in STEPS])
        colour = plt.get_cmap("viridis")(plane / 7)
        axes.bar(STEPS, heights, bottom=bottom, color=colour, label=f"plane {plane}")
        bottom += heights
    axes.set(ylabel="bits per pixel")
    axes.legend(fontsize=7, ncols=2)
    return figure


def where_bits_go(pictures: Sequence[np.ndarray], lengths: Sequence[np.ndarray]) -> Figure:
    """Pictures (H, W[, C]) above maps of their code length per pixel.

    `lengths` are (H, W, planes), in bits.
    """
    figure, grid = frame(2, len(pictures), (10, 4.2))
    # Colour bars beside some panels only need it.
    figure.set_layout_engine("constrained")
    for (above, below), picture, length in zip(grid.T, pictures, lengths, strict=True):
        above.imshow(picture, cmap="gray")
        total = length.sum(axis=2)
        shown = below.imshow(total, cmap="magma", vmin=0, vmax=np.quantile(total, 0.995))
        figure.colorbar(shown, ax=below, shrink=0.8)
        above.set_axis_off()
        below.set_axis_off()
    return figure


def plane_bars(lengths: Mapping[str, np.ndarray]) -> Figure:
    """Code length of every plane as a share of its raw bits; `lengths` are (..., planes)."""
    figure, axes = panel((8, 2.8))
    width = 0.8 / len(lengths)
    for number, (name, length) in enumerate(lengths.items()):
        means = length.reshape(-1, length.shape[-1]).mean(axis=0)
        msb_first = means[::-1]
        axes.bar(np.arange(len(means)) + number * width, msb_first, width, label=name)
    axes.set(xlabel="bit-plane, from the most significant", ylabel="bits per bit", ylim=(0, 1))
    axes.legend(fontsize=8)
    return figure


def size_curves(rows: Sequence[Row]) -> Figure:
    """Rate against bytes of weights, without and with the weights."""
    figure, axes = panel((7, 3))
    weights = [row["weights_bytes"] for row in rows]
    labels = {"bpp": "code alone", "with_weights": "code and weights, shared by the set"}
    for field, label in labels.items():
        axes.plot(weights, [row[field] for row in rows], marker="o", label=label)
    axes.set(xscale="log", xlabel="bytes of weights", ylabel="bits per pixel")
    axes.legend(fontsize=8)
    return figure


# Verdicts ----------------------------------------------------------------------------------------


def verdicts(
    sets: Sequence[Row], pictures: Sequence[Row], steps: Mapping[str, Row], level_0: Row
) -> list[Verdict]:
    """The rows of Tables 6 and 7, and what this chapter set out to reach.

    `steps` are the rows of the ablation on the pictures of the first set. `level_0` is the smallest
    of the rows of level 0, with the bytes of the same picture as "png".
    """
    found = []
    for row in sets:
        if data_of(row["name"]) in BARS:
            found += _judge_set(row)
    for bar in PICTURE_BARS:
        rows = [row for row in pictures if _whole_bytes(row["num_bits"]) == bar.num_bits]
        if rows:
            found.append(_judge_pictures(bar, rows))
    return [
        *found,
        _judge_inr_alone(sets[0], steps),
        _judge_coordinates(steps),
        _judge_level_0(level_0),
    ]


def _whole_bytes(num_bits: int) -> int:
    """The bits of a sample in whole bytes: 15 bits take 16."""
    return -(-num_bits // BYTE) * BYTE


def _judge_set(row: Row) -> list[Verdict]:
    data = data_of(row["name"])
    return [
        *(_judge_codec(codec, row) for codec in CODECS_OF_TABLE_6),
        _not_run("table6", RECOMBINER_WITH_BITS, row),
        _not_run("table7", RECOMBINER_WITH_BITS, row),
        _not_run("table7", RECOMBINER, row),
        judge_own(
            f"{slug(data)}-whole-container-names-included",
            f"{data}: the whole container, names included, takes at most {BARS[data]} bits "
            "per pixel",
            f"{row['bpp']:.3f} bits per pixel ({shown_name(row)})",
            f"at most {BARS[data]}",
            *_on_a_set(row, row["bpp"] <= BARS[data]),
            paper=_printed(RECOMBINER_WITH_BITS, data),
        ),
    ]


def _judge_codec(codec: str, row: Row) -> Verdict:
    data = data_of(row["name"])
    ours = _rate(row["standard"][codec], row)
    paper = float(_printed(codec, data))
    return judge(
        _claim_id("table6", codec, data),
        f"{ours:.2f} ({shown_name(row)})",
        f"bits per pixel within {CLOSE:.0%}; the paper names no settings",
        *_on_a_set(row, abs(ours / paper - 1) <= CLOSE),
    )


def _not_run(table: str, method: str, row: Row) -> Verdict:
    """A codec of the paper's that cannot be run here, beside ours."""
    ours = f"not run; this codec {row['bpp']:.3f} ({shown_name(row)})"
    why = (
        "a Bayesian network with A* coding and a decoder that counts what it is given; none is here"
    )
    return judge(_claim_id(table, method, data_of(row["name"])), ours, "-", Open(why), Evidence())


def _on_a_set(row: Row, holds: bool) -> tuple[Statement, Evidence]:
    """A statement about the mean of a set: exact of a whole one.

    Of a part of one an interval would be needed, and only sums are recorded.
    """
    evidence = of_signals([], papers=True, pixels=math.prod(row["shape"][:2]), count=row["count"])
    whole = row["count"] >= WHOLE_SET
    part = Open(
        f"{row['count']:,} of {WHOLE_SET:,} pictures, and only their sum, are recorded: the "
        "whole set needs no interval"
    )
    return Exact(holds) if whole else part, replace(evidence, data=shown_name(row))


def _claim_id(table: str, method: str, data: str) -> str:
    """The id of a row of Table 6 or 7, as `claims` makes it from the row's keys."""
    return "/".join((table, method.replace(" ", ""), data))


def _judge_pictures(bar: PictureBar, rows: Sequence[Row]) -> Verdict:
    shares = {codec: ratio(rows, codec) for codec in bar.codecs}
    codecs = " and ".join(bar.codecs)
    return judge_own(
        slug(f"{len(rows)} {bar.pictures}: mean share of the bytes of {codecs}"),
        f"{bar.pictures} ({len(rows)}) take a mean share of at most {bar.share} of the bytes of "
        f"{codecs}",
        ", ".join(f"{share:.3f} of {codec}" for codec, share in shares.items()),
        f"at most {bar.share} at level 1",
        Together(
            [
                Range(
                    {row["name"]: [row["bytes"] / row["standard"][codec]] for row in rows},
                    high=bar.share,
                )
                for codec in bar.codecs
            ]
        ),
        of_signals([row["name"] for row in rows]),
    )


def _judge_inr_alone(row: Row, steps: Mapping[str, Row]) -> Verdict:
    alone = steps[PREFIX]["bpp"]
    with_neighbours = steps[NEIGHBOURS]["bpp"]
    png = _rate(row["standard"]["PNG"], row)
    return judge_own(
        "an-inr-place-bit-decoded-bits-that-sees-no-other-pixel-codes-digits-better-than-png",
        "an INR (place, bit, decoded bits) that sees no other pixel codes digits better than PNG",
        f"{alone:.2f} bits per pixel, PNG {png:.2f}, with neighbours {with_neighbours:.2f}",
        "fewer bits",
        *_on_a_set(row, alone < png),
    )


def _judge_coordinates(steps: Mapping[str, Row]) -> Verdict:
    told = steps[NEIGHBOURS]["bpp"]
    blind = steps[BLIND]["bpp"]
    return judge_own(
        "coordinates-pay-when-the-neighbours-are-known",
        "coordinates pay when the neighbours are known",
        f"{told:.3f} bits per pixel, without {blind:.3f}",
        f"at least {CLOSE:.0%} fewer bits",
        Open("one training of each, of one seed, on sums over a set")
        if told < blind
        else Exact(False),
        Evidence(data="MNIST", signals=1, seeds=1, fits=2),
    )


def _judge_level_0(row: Row) -> Verdict:
    return judge_own(
        "one-inr-for-one-picture-with-its-weights-is-smaller-than-png",
        "one INR for one picture, with its weights, is smaller than PNG",
        f"{row['total']:.0f} bytes, PNG {row['png']}",
        "fewer bytes",
        Exact(row["total"] < row["png"]),
        Evidence(data="1 picture", signals=1, seeds=1, fits=1),
    )
