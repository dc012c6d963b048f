"""The figures, tables and verdicts of notebook 15."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.companion.chapters.c15_lossless_compression.study import STEPS, ratio
from lossless_inr_lite.companion.records import Verdict, paper_value, verdict
from lossless_inr_lite.errors import InputError

Row = Mapping[str, Any]
CLOSE = 0.05  # how far a figure of ours may be from the paper's to reproduce it
DATA = {
    "digits": "MNIST",
    "t10k-images-idx3-ubyte": "MNIST",
    "t10k-images-0000-2221-idx3-ubyte": "Fashion-MNIST",
}
# What this chapter set out to reach, in bits a pixel of whole containers, and as a share of JPEG XL's bytes.
BARS = {"MNIST": 1.20, "Fashion-MNIST": 3.3}
KODAK_BAR = 1.02
PAPER_NAMES = ("PNG", "JPEG 2000", "WebP", "TIFF")


def data_of(name: str) -> str:
    """The paper's name of a set of ours; other sets keep theirs."""
    return DATA.get(name, name)


def shown_name(row: Row) -> str:
    """What a set is called in tables."""
    return f"{data_of(row['name'])}, {row['count']:,} pictures"


def sets_table(rows: Sequence[Row]) -> Markdown:
    """Bits a pixel of sets: the paper's figures, other codecs alone and pooled, and ours."""
    lines = []
    for row in rows:
        data = data_of(row["name"])
        for codec, size in row["standard"].items():
            pooled = f"{8 * row['pooled'][codec] / row['pixels']:.2f}"
            lines.append(
                (
                    shown_name(row),
                    codec,
                    _paper(codec, data),
                    f"{8 * size / row['pixels']:.2f}",
                    pooled,
                )
            )
        lines.append(
            (
                shown_name(row),
                "RECOMBINER + theirs",
                _paper("RECOMBINER + ours", data),
                "not run",
                "not run",
            )
        )
        lines.append(
            (
                shown_name(row),
                f"**this codec, prior {row['prior']}**",
                "",
                "",
                f"**{row['bpp']:.3f}**",
            )
        )
        lines.append(
            (
                shown_name(row),
                "the same, with the prior's weights",
                "",
                "",
                f"{row['amortised_bpp']:.3f}",
            )
        )
    return table(("Set", "Codec", "Paper", "A file a picture", "One file for all"), lines)


def _paper(codec: str, data: str) -> str:
    try:
        return paper_value("table6", "bpp", method=codec, data=data)
    except InputError:
        return ""


def pictures_table(rows: Sequence[Row]) -> Markdown:
    """Bits a pixel of single pictures: other codecs, and ours at levels 1 and 2."""
    codecs = list(dict.fromkeys(codec for row in rows for codec in row["standard"]))
    lines = []
    for row in rows:
        others = [
            f"{8 * row['standard'][c] / row['pixels']:.2f}" if c in row["standard"] else ""
            for c in codecs
        ]
        ours = [f"**{8 * row[field] / row['pixels']:.2f}**" for field in ("bytes", "adapted_bytes")]
        height, width, channels = row["shape"]
        kind = f"{width} x {height} x {channels}, {row['num_bits']} bits"
        lines.append(
            (
                row["name"],
                kind,
                *others,
                *ours,
                f"{row['adapted_bytes'] / row['standard']['JPEG XL']:.3f}",
            )
        )
    return table(("Picture", "", *codecs, "Level 1", "Level 2", "Level 2 / JPEG XL"), lines)


def ablation_table(rows: Mapping[str, Row]) -> Markdown:
    """What each thing that the network is told is worth."""
    ordered = [(step, rows[step]) for step in STEPS]
    return table(
        (
            "The network knows",
            "Bits a pixel",
            "of these in the upper four planes",
            "Bytes of weights",
            "Bytes sent",
        ),
        [
            (
                step,
                f"{row['bpp']:.3f}",
                f"{sum(row['planes'][4:]):.3f}",
                f"{row['weights_bytes']:,}",
                row["sent_bytes"],
            )
            for step, row in ordered
        ],
    )


def ablation_bars(rows: Mapping[str, Row]) -> Figure:
    """Bits a pixel of each step, plane by plane, the most significant at the bottom."""
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    bottom = np.zeros(len(STEPS))
    for plane in reversed(range(8)):
        heights = np.array([rows[step]["planes"][plane] for step in STEPS])
        axes.bar(
            STEPS,
            heights,
            bottom=bottom,
            color=plt.get_cmap("viridis")(plane / 7),
            label=f"plane {plane}",
        )
        bottom += heights
    axes.set(ylabel="bits a pixel")
    axes.legend(fontsize=7, ncols=2)
    return figure


def where_bits_go(pictures: Sequence[np.ndarray], lengths: Sequence[np.ndarray]) -> Figure:
    """Pictures (H, W[, C]) above maps of their code length a pixel; lengths are (H, W, planes)."""
    figure, grid = plt.subplots(
        2, len(pictures), figsize=(10, 4.2), squeeze=False, layout="constrained"
    )
    for column, (picture, length) in enumerate(zip(pictures, lengths, strict=True)):
        grid[0, column].imshow(picture, cmap="gray")
        total = length.sum(axis=2)
        shown = grid[1, column].imshow(total, cmap="magma", vmin=0, vmax=np.quantile(total, 0.995))
        figure.colorbar(shown, ax=grid[1, column], shrink=0.8)
        for axes in grid[:, column]:
            axes.set_axis_off()
    return figure


def plane_bars(lengths: Mapping[str, np.ndarray]) -> Figure:
    """Code length of every plane as a share of its raw bits; lengths are (..., planes)."""
    figure, axes = plt.subplots(figsize=(8, 2.8), layout="constrained")
    width = 0.8 / len(lengths)
    for number, (name, length) in enumerate(lengths.items()):
        planes = length.reshape(-1, length.shape[-1]).mean(axis=0)[::-1]
        axes.bar(np.arange(len(planes)) + number * width, planes, width, label=name)
    axes.set(xlabel="bit-plane, from the most significant", ylabel="bits a bit", ylim=(0, 1))
    axes.legend(fontsize=8)
    return figure


def size_curves(rows: Sequence[Row]) -> Figure:
    """Rate against bytes of weights, without and with the weights."""
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for field, label in (
        ("bpp", "code alone"),
        ("with_weights", "code and weights, shared by the set"),
    ):
        axes.plot(
            [row["weights_bytes"] for row in rows],
            [row[field] for row in rows],
            marker="o",
            label=label,
        )
    axes.set(xscale="log", xlabel="bytes of weights", ylabel="bits a pixel")
    axes.legend(fontsize=8)
    return figure


def level_0_table(rows: Sequence[Row], standard: Mapping[str, int]) -> Markdown:
    """The best precision of each size of network, beside other codecs' bytes."""
    lines = []
    for hidden in dict.fromkeys(tuple(row["hidden"]) for row in rows):
        best = min(
            (row for row in rows if tuple(row["hidden"]) == hidden), key=lambda row: row["total"]
        )
        name = "level 0, widths " + ", ".join(map(str, hidden))
        code = best["total"] - best["weights"]
        lines.append(
            (name, best["precision"], best["weights"], f"{code:.0f}", f"{best['total']:.0f}")
        )
    lines += [(codec, "", "", "", size) for codec, size in standard.items()]
    return table(("", "Bits a weight", "Bytes of weights", "Bytes of code", "Bytes"), lines)


def speed_table(rows: Sequence[Row]) -> Markdown:
    """Seconds of encoding and decoding."""
    lines = [
        (
            row["name"],
            f"{row['pixels']:,}",
            f"{row['encode_seconds']:.1f}",
            f"{row['decode_seconds']:.1f}",
            f"{row['pixels'] / row['decode_seconds'] / 1000:,.0f}",
        )
        for row in rows
    ]
    return table(
        (
            "",
            "Pixels",
            "Seconds to encode",
            "Seconds to decode",
            "Thousand pixels decoded a second",
        ),
        lines,
    )


def verdicts(
    sets: Sequence[Row], pictures: Sequence[Row], steps: Mapping[str, Row], level_0: Row
) -> list[Verdict]:
    """The rows of Tables 6 and 7, and what this chapter set out to reach."""
    found: list[Verdict] = []
    for row in (row for row in sets if data_of(row["name"]) in BARS):
        data, what = data_of(row["name"]), shown_name(row)
        for codec in PAPER_NAMES:
            ours, paper = 8 * row["standard"][codec] / row["pixels"], _paper(codec, data)
            close = abs(ours / float(paper) - 1) <= CLOSE
            row_id, tolerance = (
                _claim_id("Table 6", codec, data),
                f"bits a pixel within {CLOSE:.0%}",
            )
            claim, found_here = f"{codec} on {data}", f"{ours:.2f} ({what})"
            found.append(verdict("Table 6", claim, paper, found_here, tolerance, close, row_id))
        for item, method, theirs in _recombiner(data):
            ours = f"not run; this codec {row['bpp']:.3f} ({what})"
            row_id = _claim_id(item, method, data)
            found.append(
                Verdict(item, f"{method} on {data}", theirs, ours, "-", "not attempted", row_id)
            )
        claim, holds = f"{data}: whole container, names included", row["bpp"] <= BARS[data]
        ours = f"{row['bpp']:.3f} bits a pixel ({what})"
        found.append(
            verdict("our question", claim, _theirs(data), ours, f"at most {BARS[data]}", holds)
        )
    for num_bits, names, bar in (
        (8, "photographs of 8 bits", KODAK_BAR),
        (16, "pictures of 16 bits", 1.0),
    ):
        rows = [row for row in pictures if -(-row["num_bits"] // 8) * 8 == num_bits]
        if rows:
            against = ["JPEG XL"] if num_bits == 8 else ["PNG", "JPEG 2000"]
            shares = {codec: ratio(rows, codec) for codec in against}
            ours = ", ".join(f"{share:.3f} of {codec}" for codec, share in shares.items())
            claim = f"{names} ({len(rows)}): mean share of the bytes of {' and '.join(against)}"
            holds = all(share <= bar for share in shares.values())
            found.append(
                verdict("our question", claim, "-", ours, f"at most {bar} at level 1", holds)
            )
    alone, png = steps[STEPS[1]]["bpp"], 8 * sets[0]["standard"]["PNG"] / sets[0]["pixels"]
    claim = (
        "an INR (place, bit, decoded bits) that sees no other pixel codes digits better than PNG"
    )
    ours = f"{alone:.2f} bits a pixel, PNG {png:.2f}, with neighbours {steps[STEPS[2]]['bpp']:.2f}"
    found.append(verdict("our question", claim, "-", ours, "fewer bits", alone < png))
    all_told, blind = (steps[step]["bpp"] for step in (STEPS[2], STEPS[4]))
    claim, ours = (
        "coordinates pay when the neighbours are known",
        f"{all_told:.3f} bits a pixel, without {blind:.3f}",
    )
    found.append(
        verdict(
            "our question",
            claim,
            "-",
            ours,
            f"at least {CLOSE:.0%} fewer bits",
            all_told < blind * (1 - CLOSE),
        )
    )
    found.append(
        verdict(
            "our question",
            "one INR for one picture, with its weights, is smaller than PNG",
            "-",
            f"{level_0['total']:.0f} bytes, PNG {level_0['png']}",
            "fewer bytes",
            level_0["total"] < level_0["png"],
        )
    )
    return found


def _recombiner(data: str) -> list[tuple[str, str, str]]:
    ours, alone = "RECOMBINER + ours", "RECOMBINER"
    return [
        ("Table 6", ours, paper_value("table6", "bpp", method=ours, data=data)),
        ("Table 7", ours, paper_value("table7", "bpp", method=ours, data=data)),
        ("Table 7", alone, paper_value("table7", "bpp", method=alone, data=data)),
    ]


def _claim_id(item: str, method: str, data: str) -> str:
    return "/".join(part.replace(" ", "") for part in (item.lower(), method, data))


def _theirs(data: str) -> str:
    return paper_value("table6", "bpp", method="RECOMBINER + ours", data=data)
