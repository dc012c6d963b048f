"""Tables, figures and verdicts of bit-depth expansion."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.companion.chapters.c14_bit_depth_expansion import study
from lossless_inr_lite.companion.chapters.c14_bit_depth_expansion.study import (
    BASE,
    BEST,
    STRAIGHT,
    WITHOUT,
    Row,
    mean_gain,
    mean_of,
    select,
)
from lossless_inr_lite.companion.paths import PAPER
from lossless_inr_lite.companion.records import Verdict, paper_value, verdict
from lossless_inr_lite.companion.statistics import Interval
from lossless_inr_lite.expansion.methods import METHODS, expand

LABELS = {
    "zero_padding": "zero padding",
    "ideal_gain": "ideal gain (MIG)",
    "bit_replication": "bit replication",
    "mid_point": "mid-point",
    "contour_regions": "contour regions",
    "linear": "zero-shot, linear",
    "extrapolation": "(a) bit coordinate, extrapolated",
    "interval_network": "(b) interval loss",
    "interval_with_prior": "(c) interval loss, linear prior",
    "local_predictor": "zero-shot network, no coordinates",
    "local_network": "(d) coordinates and neighbourhood",
}
PAPERS = {
    "zero_padding": "zero padding",
    "ideal_gain": "MIG",
    "bit_replication": "bit replication",
    "extrapolation": "ours",
}
WITHOUT_WEIGHTS = ("BECNN", "BitNet", "ABCD")
COIN = 10 * np.log10(
    2
)  # dB: fair coins for the lost bits have twice the squared error of the mid-point
TOLERANCE = 1.0  # dB, between the paper's pictures and others


def depths_of(rows: Iterable[Row], part: str = "crop") -> list[tuple[int, int]]:
    """The pairs of depths that were measured on that part, in order."""
    return list(dict.fromkeys((r["from_bits"], r["to_bits"]) for r in rows if r["part"] == part))


def table_5(rows: Sequence[Row], depths: tuple[int, int], part: str = "crop") -> Markdown:
    """*paper | ours* for one pair of depths: means over pictures with 95 % intervals; gains picture by picture."""
    lines = []
    for method in METHODS:
        found = select(rows, *depths, method, part)
        if not found:
            continue
        quality, similar, seconds = (mean_of(found, field) for field in ("psnr", "ssim", "seconds"))
        over = study.gains(rows, depths, method, BASE, part)
        lines.append(
            (
                LABELS[method],
                printed(method, depths),
                quality.text(".2f") if quality else "-",
                f"{similar.mean:.4f}" if similar else "-",
                signed(mean_gain(rows, depths, method, BASE, part)),
                f"{sum(gain > 0 for gain in over.values())} of {len(over)}",
                f"{mean_gain(rows, depths, method, STRAIGHT, part).mean:+.2f}",
                f"{seconds.mean:.1f}" if seconds else "-",
            )
        )
    if depths[0] == 8:
        lines += [
            (name, text, "no weights available", *[""] * 5)
            for name in WITHOUT_WEIGHTS
            if (text := _in_paper(name, depths[1]))
        ]
    head = (
        f"{depths[0]} to {depths[1]} bits",
        "paper, dB / SSIM",
        "PSNR, dB",
        "SSIM",
        "over the mid-point, dB",
        "better than it",
        "over linear, dB",
        "seconds",
    )
    return table(head, lines)


def signed(gain: Interval) -> str:
    """``mean (low to high)`` with signs; of a single picture the value."""
    return f"{gain.mean:+.2f}" + (
        f" ({gain.low:+.2f} to {gain.high:+.2f})" if gain.count > 1 else ""
    )


def printed(method: str, depths: tuple[int, int]) -> str:
    """What Table 5 has for a method of ours, empty when it has nothing."""
    return _in_paper(PAPERS.get(method, ""), depths[1]) if depths[0] == 8 else ""


def _in_paper(name: str, to_bits: int) -> str:
    with open(PAPER / "table5.csv", newline="", encoding="utf-8") as file:
        found = [
            r for r in csv.DictReader(file) if (r["method"], r["to_bits"]) == (name, str(to_bits))
        ]
    return f"{found[0]['psnr']} / {found[0]['ssim']}" if found else ""


def gain_dots(rows: Sequence[Row], part: str = "crop") -> Figure:
    """What every method wins over the mid-point, a dot a picture and a line at the mean, a panel a pair of depths."""
    panels = depths_of(rows, part)
    shown = [m for m in METHODS if m not in ("zero_padding", "ideal_gain", "bit_replication", BASE)]
    figure, grid = plt.subplots(1, len(panels), figsize=(10, 3.9), squeeze=False, sharey=True)
    for axes, depths in zip(grid[0], panels, strict=True):
        for place, method in enumerate(shown):
            values = list(study.gains(rows, depths, method, BASE, part).values())
            axes.scatter(values, [place] * len(values), s=12, alpha=0.6)
            if values:
                axes.plot([np.mean(values)] * 2, [place - 0.3, place + 0.3], color="black")
        axes.axvline(0, color="grey", linewidth=1)
        axes.axvline(-COIN, color="grey", linewidth=1, linestyle=":")
        axes.set_title(f"{depths[0]} to {depths[1]} bits", fontsize=9)
        axes.set_xlabel("dB over the mid-point")
    grid[0, 0].set_yticks(range(len(shown)), [LABELS[m] for m in shown], fontsize=8)
    grid[0, 0].invert_yaxis()
    figure.tight_layout()
    return figure


def bands(truth: np.ndarray, found: Mapping[str, np.ndarray]) -> Figure:
    """The truth and every result (H, W, C), one channel, all stretched to the range of the truth."""
    channel = min(1, truth.shape[-1] - 1)
    low, high = (float(f(truth[..., channel])) for f in (np.min, np.max))
    shown = {"truth": truth} | {LABELS[name]: words for name, words in found.items()}
    columns = 4
    figure, grid = plt.subplots(
        -(-len(shown) // columns), columns, figsize=(10, 2.7 * -(-len(shown) // columns))
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (title, words) in zip(grid.flat, shown.items(), strict=False):
        axes.imshow(words[..., channel], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set_title(title, fontsize=8)
    figure.tight_layout()
    return figure


def same_words(from_bits: int, to_bits: int) -> int:
    """How many of all 2^from_bits words bit replication and the ideal gain expand alike."""
    words = np.arange(2**from_bits, dtype=np.uint32)[None, :, None]
    replicated, scaled = (
        expand(words, from_bits, to_bits, m) for m in ("bit_replication", "ideal_gain")
    )
    return int(np.count_nonzero(replicated == scaled))


def ideal(lost_bits: int, to_bits: int) -> dict[str, float]:
    """PSNR in dB when the lost parts are uniform and independent of all that is known, for three ways of filling them.

    The mid-point has the squared error (4^k - 1) / 12, zeros (2^k - 1)(2^(k+1) - 1) / 6, fair coins twice the first.
    """
    k, peak = lost_bits, 20 * np.log10(2**to_bits - 1)
    errors = {
        BASE: (4**k - 1) / 12,
        "zero_padding": (2**k - 1) * (2 ** (k + 1) - 1) / 6,
        "coins": (4**k - 1) / 6,
    }
    return {name: float(peak - 10 * np.log10(error)) for name, error in errors.items()}


def verdicts(rows: Sequence[Row], extrapolated: Mapping[str, Mapping[str, float]]) -> list[Verdict]:
    """Table 5 row by row, then what it leaves out."""
    return [
        *_papers_rows(rows),
        *_without_weights(),
        *_discrepancies(rows),
        *_coins(extrapolated),
        *_ours(rows),
    ]


def extrapolated_table(extrapolated: Mapping[str, Mapping[str, float]]) -> Markdown:
    """Whether (a) has learnt the known planes, how many of the lost bits are wrong, and what that is worth."""
    return table(
        ("", "wrong bits in the known planes", "BER of the lost planes", "over the mid-point, dB"),
        [
            (
                name,
                f"{row['wrong_known_bits']:.0f}",
                f"{row['lost_ber']:.3f}",
                f"{row['gain']:+.2f}",
            )
            for name, row in extrapolated.items()
        ],
    )


def _coins(extrapolated: Mapping[str, Mapping[str, float]]) -> list[Verdict]:
    """Where every known bit is right: are the extrapolated ones better than coins?"""
    errors = [row["lost_ber"] for row in extrapolated.values() if not row["wrong_known_bits"]]
    text, paper = (
        ", ".join(f"{error:.3f}" for error in errors),
        paper_value("table5", "psnr", method="ours", to_bits="16"),
    )
    coins = ideal(8, 16)["coins"]
    return [
        verdict(
            "our question",
            "all known planes exact, half of the extrapolated bits are wrong: coins",
            "not told",
            f"BER {text}",
            "0.45 to 0.55",
            bool(errors) and all(0.45 < e < 0.55 for e in errors),
        ),
        verdict(
            "our question",
            "the paper's number, 8 to 16, is that of fair coins",
            f"{paper} dB",
            f"{coins:.2f} dB",
            "within 0.1 dB",
            abs(float(paper) - coins) < 0.1,
        ),
    ]


def _papers_rows(rows: Sequence[Row]) -> list[Verdict]:
    said = []
    for method, name in PAPERS.items():
        for to_bits in (16, 12):
            quality = mean_of(select(rows, 8, to_bits, method), "psnr")
            paper = paper_value("table5", "psnr", method=name, to_bits=str(to_bits))
            if quality:
                said.append(
                    verdict(
                        "Table 5",
                        f"{LABELS[method]}, 8 to {to_bits}",
                        f"{paper} dB",
                        f"{quality.text('.2f')} dB",
                        f"within {TOLERANCE:g} dB, on other pictures",
                        abs(quality.mean - float(paper)) <= TOLERANCE,
                        row=f"table5/{name.replace(' ', '')}/{to_bits}",
                    )
                )
    return said


def _without_weights() -> list[Verdict]:
    return [
        Verdict(
            "Table 5",
            f"{name}, 8 to {to_bits}",
            f"{text} (dB / SSIM)",
            "no weights available",
            "-",
            "not attempted",
            f"table5/{name}/{to_bits}",
        )
        for name in WITHOUT_WEIGHTS
        for to_bits in (16, 12)
        if (text := _in_paper(name, to_bits))
    ]


def _discrepancies(rows: Sequence[Row]) -> list[Verdict]:
    """The three things that are wrong with the table's baselines."""
    papers = {
        name: paper_value("table5", "psnr", method=name, to_bits="16") for name in PAPERS.values()
    }
    middle, straight = (mean_of(select(rows, 8, 16, method), "psnr") for method in (BASE, STRAIGHT))
    equal, uniform = same_words(8, 16), ideal(8, 16)[BASE]
    said = [
        verdict(
            "our question",
            "bit replication from 8 to 16 bits is the ideal gain, word for word",
            f"{papers['bit replication']} and {papers['MIG']} dB",
            f"{equal} of 256 words",
            "all",
            equal == 256,
        )
    ]
    if middle and straight:
        said += [
            verdict(
                "our question",
                f"the mid-point has what a uniform lost part gives, {uniform:.2f} dB",
                "not told",
                f"{middle.text('.2f')} dB",
                "within 0.3 dB",
                abs(middle.mean - uniform) <= 0.3,
            ),
            verdict(
                "our question",
                "the mid-point rule beats the paper's method",
                f"{papers['ours']} dB",
                f"{middle.text('.2f')} dB",
                "above",
                middle.mean > float(papers["ours"]),
            ),
            verdict(
                "our question",
                "a zero-shot linear predictor beats the mid-point from 8 to 16",
                "not told",
                f"{straight.text('.2f')} dB",
                "above the mid-point",
                straight.mean > middle.mean,
            ),
        ]
    return said


def _ours(rows: Sequence[Row]) -> list[Verdict]:
    """What the coordinate networks are worth, with the parts taken away that need no coordinates."""
    seconds = max(row["seconds"] for row in rows if row["part"] == "crop")
    return [
        *(said for depths in depths_of(rows) for said in _ours_at(rows, depths)),
        verdict(
            "our question",
            "every method takes at most a minute for a crop",
            "not told",
            f"{seconds:.1f} s",
            "at most 60 s",
            seconds <= 60,
        ),
    ]


def _ours_at(rows: Sequence[Row], depths: tuple[int, int]) -> list[Verdict]:
    over = list(study.gains(rows, depths, BEST, BASE).values())
    better, share = sum(gain > 0 for gain in over), sum(gain > 0 for gain in over) / len(over)
    claims = (
        ("(d) is above the linear predictor", BEST, STRAIGHT, 0.0),
        ("(d) is above the same network without coordinates", BEST, WITHOUT, 0.0),
        ("(b) is above the mid-point", "interval_network", BASE, 0.0),
        ("(c) adds to its prior mean, the linear predictor", "interval_with_prior", STRAIGHT, 0.0),
        (
            "the planes that (a) extrapolates are better than fair coins",
            "extrapolation",
            BASE,
            -COIN,
        ),
    )
    name = f"{depths[0]} to {depths[1]}"
    said = [
        verdict(
            "our question",
            f"{name}: (d) is above the mid-point",
            "not told",
            f"{better} of {len(over)} pictures",
            "at least 80 %",
            share >= 0.8,
        )
    ]
    for claim, method, other, least in claims:
        gain = mean_gain(rows, depths, method, other)
        said.append(
            verdict(
                "our question",
                f"{name}: {claim}",
                "not told",
                f"{signed(gain)} dB over {'it' if other != BASE else 'the mid-point'}",
                f"above {least:.2f} dB, and so is the whole 95 % interval",
                gain.low > least,
            )
        )
    return said


def report_table(reports: Mapping[str, Mapping[str, Any]]) -> Markdown:
    """Distinct values, common divisor, the lowest plane's entropy, and the verdict on every picture."""
    return table(
        ("picture", "bits", "distinct values", "gcd", "entropy of the lowest plane", "verdict"),
        [
            (
                name,
                r["num_bits"],
                r["distinct"],
                r["gcd"],
                f"{r['plane_entropy'][0]:.3f}",
                r.get("refused", r["verdict"]),
            )
            for name, r in reports.items()
        ],
    )
