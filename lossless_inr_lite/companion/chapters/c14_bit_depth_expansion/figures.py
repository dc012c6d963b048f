"""Tables, figures and verdicts of notebook 14, bit-depth expansion."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapters.c14_bit_depth_expansion.study import (
    BASE,
    BEST,
    LINEAR,
    WITHOUT_COORDINATES,
    Depths,
    Extrapolated,
    Part,
    gains,
    mean_gain,
    mean_of,
    select,
)
from lossless_inr_lite.companion.claims import (
    Verdict,
    judge,
    judge_own,
    paper_table,
    paper_value,
    slug,
)
from lossless_inr_lite.companion.evidence import (
    Evidence,
    Exact,
    Open,
    Range,
    arithmetic,
    of_signals,
)
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.statistics import INTERVAL_FROM, Interval
from lossless_inr_lite.companion.tables import table
from lossless_inr_lite.expansion import METHODS, expand

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
PAPER_NAMES = {
    "zero_padding": "zero padding",
    "ideal_gain": "MIG",
    "bit_replication": "bit replication",
    "extrapolation": "ours",
}
"""What Table 5 calls the methods that it has."""

TRAINED = (
    "extrapolation",
    "interval_network",
    "interval_with_prior",
    "local_predictor",
    "local_network",
)
"""Methods that train a network, from one seed."""

WITHOUT_WEIGHTS = ("BECNN", "BitNet", "ABCD")
"""Trained methods of Table 5 whose weights are not available."""

COIN = 10 * np.log10(2)
"""In dB. Fair coins for the lost bits have twice the squared error of the mid-point."""

TOLERANCE = 1.0
"""In dB, between the paper's pictures and others."""


# Table 5 -----------------------------------------------------------------------------------------


def depths_of(rows: Iterable[Row], part: Part = "crop") -> list[Depths]:
    """The pairs of depths that were measured on that part, in order."""
    pairs = [(row["from_bits"], row["to_bits"]) for row in rows if row["part"] == part]
    return list(dict.fromkeys(pairs))


def table_5(rows: Sequence[Row], depths: Depths, part: Part = "crop") -> Markdown:
    """*paper | ours* for one pair of depths: means over pictures with 95 % intervals.

    Gains are means of the gains picture by picture.
    """
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
    lines = []
    for method in METHODS:
        found = select(rows, depths, method, part)
        if found:
            over_base = list(gains(rows, depths, method, BASE, part).values())
            better = sum(gain > 0 for gain in over_base)
            over_linear = mean_gain(rows, depths, method, LINEAR, part)
            lines.append(
                (
                    LABELS[method],
                    printed(method, depths),
                    _text(mean_of(found, "psnr"), ".2f"),
                    _mean(mean_of(found, "ssim"), ".4f"),
                    signed(mean_gain(rows, depths, method, BASE, part)),
                    f"{better} of {len(over_base)}",
                    _mean(over_linear, "+.2f"),
                    _mean(mean_of(found, "seconds"), ".1f"),
                )
            )
    for name in WITHOUT_WEIGHTS:
        text = _in_paper(name, depths)
        if text:
            lines.append((name, text, "no weights available", "", "", "", "", ""))
    return table(head, lines)


def signed(gain: Interval | None) -> str:
    """A mean with its interval, or with the values of few pictures, all with signs; "-" of none."""
    if gain is None:
        return "-"
    if len(gain.pictures) == 1:
        return f"{gain.mean:+.2f}"
    if len(gain.pictures) < INTERVAL_FROM:
        return f"{gain.mean:+.2f} ({'; '.join(f'{value:+.2f}' for value in gain.pictures)})"
    return f"{gain.mean:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"


def _text(found: Interval | None, form: str) -> str:
    return found.text(form) if found else "-"


def _mean(found: Interval | None, form: str) -> str:
    return format(found.mean, form) if found else "-"


def printed(method: str, depths: Depths) -> str:
    """What Table 5 has for a method of ours, empty when it has nothing."""
    return _in_paper(PAPER_NAMES[method], depths) if method in PAPER_NAMES else ""


def _in_paper(name: str, depths: Depths) -> str:
    """PSNR and SSIM of Table 5 under a name of the paper, empty when it has nothing."""
    wanted = (name, *(str(bits) for bits in depths))
    for row in paper_table("table5"):
        if (row["method"], row["from_bits"], row["to_bits"]) == wanted:
            return f"{row['psnr']} / {row['ssim']}"
    return ""


# Figures -----------------------------------------------------------------------------------------


def gain_dots(rows: Sequence[Row], part: Part = "crop") -> Figure:
    """What every method wins over the mid-point: a dot for each picture, a line at the mean.

    There is a panel for each pair of depths. A dotted line shows fair coins.
    """
    panels = depths_of(rows, part)
    left_out = ("zero_padding", "ideal_gain", "bit_replication", BASE)
    shown = [method for method in METHODS if method not in left_out]
    figure, grid = plt.subplots(1, len(panels), figsize=(10, 3.9), squeeze=False, sharey=True)
    for axes, depths in zip(grid[0], panels, strict=True):
        for place, method in enumerate(shown):
            values = list(gains(rows, depths, method, BASE, part).values())
            axes.scatter(values, [place] * len(values), s=12, alpha=0.6)
            if values:
                axes.plot([np.mean(values)] * 2, [place - 0.3, place + 0.3], color="black")
        axes.axvline(0, color="grey", linewidth=1)
        axes.axvline(-COIN, color="grey", linewidth=1, linestyle=":")
        axes.set_title(f"{depths[0]} to {depths[1]} bits", fontsize=9)
        axes.set_xlabel("dB over the mid-point")
    grid[0, 0].set_yticks(range(len(shown)), [LABELS[method] for method in shown], fontsize=8)
    grid[0, 0].invert_yaxis()
    figure.tight_layout()
    return figure


def bands(truth: np.ndarray, found: Mapping[str, np.ndarray], columns: int = 4) -> Figure:
    """The truth and every result (H, W, C), one channel, all stretched to the truth's range."""
    channel = min(1, truth.shape[-1] - 1)
    low = float(np.min(truth[..., channel]))
    high = float(np.max(truth[..., channel]))
    shown = {"truth": truth} | {LABELS[name]: words for name, words in found.items()}
    rows = -(-len(shown) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(10, 2.7 * rows))
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, (title, words) in zip(grid.flat, shown.items(), strict=False):
        axes.imshow(words[..., channel], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set_title(title, fontsize=8)
    figure.tight_layout()
    return figure


# What the table cannot mean ----------------------------------------------------------------------


def same_words(from_bits: int, to_bits: int) -> int:
    """How many of all 2^from_bits words bit replication and the ideal gain expand alike.

    >>> same_words(8, 16), same_words(8, 12) < 256
    (256, True)
    """
    words = np.arange(2**from_bits, dtype=np.uint32)[None, :, None]
    replicated = expand(words, from_bits, to_bits, "bit_replication")
    scaled = expand(words, from_bits, to_bits, "ideal_gain")
    return int(np.count_nonzero(replicated == scaled))


def ideal(from_bits: int, to_bits: int) -> dict[str, float]:
    """PSNR in dB of three rules when the lost parts are uniform and independent of all else.

    For k lost bits the mid-point has the squared error (4^k - 1) / 12, zeros have
    (2^k - 1)(2^(k+1) - 1) / 6, and fair coins twice that of the mid-point.
    """
    k = to_bits - from_bits
    squared_errors = {
        BASE: (4**k - 1) / 12,
        "zero_padding": (2**k - 1) * (2 ** (k + 1) - 1) / 6,
        "coins": (4**k - 1) / 6,
    }
    peak = 20 * np.log10(2**to_bits - 1)
    return {name: float(peak - 10 * np.log10(error)) for name, error in squared_errors.items()}


def same_words_table(pairs: Sequence[Depths]) -> Markdown:
    """What the paper prints for two rules, and how many words they expand alike."""
    head = ("", "MIG, paper", "bit replication, paper", "words that both expand alike")
    lines = [
        (
            f"{depths[0]} to {depths[1]}",
            printed("ideal_gain", depths),
            printed("bit_replication", depths),
            f"{same_words(*depths)} of {2 ** depths[0]}",
        )
        for depths in pairs
    ]
    return table(head, lines)


def ideal_table(pairs: Sequence[Depths]) -> Markdown:
    """`ideal` beside what the paper prints for its own method."""
    head = (
        "uniform lost part",
        "mid-point, dB",
        "zeros, dB",
        "fair coins, dB",
        "the paper's method, dB / SSIM",
    )
    lines = []
    for depths in pairs:
        figures = [f"{value:.2f}" for value in ideal(*depths).values()]
        name = f"{depths[0]} to {depths[1]}"
        lines.append((name, *figures, printed("extrapolation", depths)))
    return table(head, lines)


def extrapolated_table(found: Mapping[str, Extrapolated]) -> Markdown:
    """Whether (a) has learnt the known planes, how many of the lost bits are wrong, its gain."""
    head = (
        "",
        "wrong bits in the known planes",
        "BER of the lost planes",
        "over the mid-point, dB",
    )
    lines = [
        (name, one.wrong_known_bits, f"{one.lost_ber:.3f}", f"{one.gain:+.2f}")
        for name, one in found.items()
    ]
    return table(head, lines)


def gradient_table(rows: Mapping[str, Row]) -> Markdown:
    """PSNR and SSIM of every method on one picture; `rows` by method."""
    first = next(iter(rows.values()))
    head = (f"{first['from_bits']} to {first['to_bits']} bits", "PSNR, dB", "SSIM")
    lines = [
        (LABELS[method], f"{row['psnr']:.2f}", f"{row['ssim']:.4f}") for method, row in rows.items()
    ]
    return table(head, lines)


def report_table(reports: Mapping[str, Mapping[str, Any]]) -> Markdown:
    """The genuineness of every picture, and why one was refused."""
    head = ("picture", "bits", "distinct values", "gcd", "entropy of the lowest plane", "verdict")
    lines = [
        (
            name,
            report["num_bits"],
            report["distinct"],
            report["gcd"],
            f"{report['plane_entropy'][0]:.3f}",
            report.get("refused", report["verdict"]),
        )
        for name, report in reports.items()
    ]
    return table(head, lines)


# Verdicts ----------------------------------------------------------------------------------------


def verdicts(rows: Sequence[Row], extrapolated: Mapping[str, Extrapolated]) -> list[Verdict]:
    """Table 5 row by row, then what it leaves out."""
    return [
        *_rows_of_the_paper(rows),
        *_without_weights(),
        *_discrepancies(rows),
        *_coins(extrapolated),
        *_ours(rows),
    ]


def _rows_of_the_paper(rows: Sequence[Row]) -> list[Verdict]:
    said = []
    for method, name in PAPER_NAMES.items():
        for to_bits in (16, 12):
            found = select(rows, (8, to_bits), method)
            quality = mean_of(found, "psnr")
            paper = float(paper_value("table5", "psnr", method=name, to_bits=str(to_bits)))
            values = _psnrs(found)
            said.append(
                judge(
                    _claim_id(name, to_bits),
                    ours=f"{_text(quality, '.2f')} dB",
                    tolerance=f"within {TOLERANCE:g} dB, on other pictures",
                    statement=Range(values, paper - TOLERANCE, paper + TOLERANCE),
                    evidence=_evidence(found, method),
                )
            )
    return said


def _without_weights() -> list[Verdict]:
    return [
        judge(
            _claim_id(row["method"], int(row["to_bits"])),
            ours="no weights available",
            tolerance="-",
            statement=Open("its weights, which its authors have not published"),
            evidence=Evidence(),
        )
        for row in paper_table("table5")
        if row["method"] in WITHOUT_WEIGHTS
    ]


def _psnrs(found: Mapping[str, Row]) -> dict[str, list[float]]:
    return {name: [row["psnr"]] for name, row in found.items()}


def _by_picture(values: Mapping[str, float]) -> dict[str, list[float]]:
    return {name: [value] for name, value in values.items()}


def _evidence(found: Mapping[str, Row], method: str) -> Evidence:
    """The evidence of a method's rows by picture: its networks have seed 0 alone."""
    pixels = min((row["shape"][0] * row["shape"][1] for row in found.values()), default=0)
    rules = of_signals(list(found), "TESTIMAGES", pixels=pixels)
    seconds = sum(row["seconds"] for row in found.values())
    if method in TRAINED:
        return replace(rules, random=True, seeds=1, seconds=seconds)
    return rules


def _claim_id(name: str, to_bits: int) -> str:
    return f"table5/{name.replace(' ', '')}/{to_bits}"


def _discrepancies(rows: Sequence[Row]) -> list[Verdict]:
    """What is wrong with the table's baselines."""
    paper = {
        name: paper_value("table5", "psnr", method=name, to_bits="16")
        for name in PAPER_NAMES.values()
    }
    found = select(rows, (8, 16), BASE)
    middle = mean_of(found, "psnr")
    linear = mean_of(select(rows, (8, 16), LINEAR), "psnr")
    over_middle = gains(rows, (8, 16), LINEAR, BASE)
    equal = same_words(8, 16)
    uniform = ideal(8, 16)[BASE]
    return [
        judge_own(
            "bit-replication-is-the-ideal-gain",
            "bit replication from 8 to 16 bits is the ideal gain, word for word",
            ours=f"{equal} of 256 words",
            tolerance="all",
            statement=Exact(equal == 256),
            evidence=arithmetic(256, "all words of 8 bits"),
            paper=f"{paper['bit replication']} and {paper['MIG']} dB",
        ),
        judge_own(
            "the-mid-point-has-what-a-uniform-part-gives",
            f"the mid-point has what a uniform lost part gives, {uniform:.2f} dB",
            ours=f"{_text(middle, '.2f')} dB",
            tolerance="within 0.3 dB",
            statement=Range(_psnrs(found), uniform - 0.3, uniform + 0.3),
            evidence=_evidence(found, BASE),
        ),
        judge_own(
            # Pages quote this id and those below, which records from before ids have too.
            "the-mid-point-rule-beats-the-paper-s-method",
            "the mid-point rule beats the paper's method",
            ours=f"{_text(middle, '.2f')} dB",
            tolerance="above",
            statement=Range(_psnrs(found), low=float(paper["ours"])),
            evidence=_evidence(found, BASE),
            paper=f"{paper['ours']} dB",
        ),
        judge_own(
            "a-zero-shot-linear-predictor-beats-the-mid-point-from-8-to-16",
            "a zero-shot linear predictor beats the mid-point from 8 to 16",
            ours=f"{_text(linear, '.2f')} dB",
            tolerance="above the mid-point",
            statement=Range(_by_picture(over_middle), low=0),
            evidence=_evidence(found, LINEAR),
        ),
    ]


def _coins(extrapolated: Mapping[str, Extrapolated]) -> list[Verdict]:
    """Where every known bit is right: are the extrapolated ones better than coins?"""
    known = {name: one for name, one in sorted(extrapolated.items()) if not one.wrong_known_bits}
    errors = [one.lost_ber for one in known.values()]
    listed = ", ".join(f"{error:.3f}" for error in errors)
    values: dict[str, list[float]] = {}
    for name, one in known.items():
        values.setdefault(name.split(",")[0], []).append(one.lost_ber)
    paper = paper_value("table5", "psnr", method="ours", to_bits="16")
    coins = ideal(8, 16)["coins"]
    return [
        judge_own(
            "all-known-planes-exact-half-of-the-extrapolated-bits-are-wrong-coins",
            "all known planes exact, about half of the extrapolated bits are wrong",
            ours=f"BER {listed or '-'}",
            tolerance="0.45 to 0.55",
            statement=Range(values, 0.45, 0.55),
            evidence=Evidence(
                data=f"{len(values)} pictures", signals=len(values), seeds=1, fits=len(errors)
            ),
        ),
        judge_own(
            "the-paper-s-number-8-to-16-is-that-of-fair-coins",
            "the paper's number, 8 to 16, is what lost bits as independent fair coins would have",
            ours=f"{coins:.2f} dB",
            tolerance="within 0.1 dB",
            statement=Exact(abs(float(paper) - coins) < 0.1),
            evidence=arithmetic(),
            paper=f"{paper} dB",
        ),
    ]


def _ours(rows: Sequence[Row]) -> list[Verdict]:
    """What the coordinate networks are worth, also without the parts that need no coordinates."""
    said = []
    for depths in depths_of(rows):
        said.append(_better_than_the_mid_point(rows, depths))
        said += _comparisons(rows, depths)
    seconds = [row["seconds"] for row in rows if row["part"] == "crop"]
    slowest = max(seconds, default=0.0)
    said.append(
        judge_own(
            "a-minute-for-a-crop",
            "every method takes at most a minute for a crop",
            ours=f"{slowest:.1f} s",
            tolerance="at most 60 s",
            statement=Exact(slowest <= 60),
            evidence=Evidence(data="this machine", fits=len(seconds), random=False, exact=True),
        )
    )
    return said


def _better_than_the_mid_point(rows: Sequence[Row], depths: Depths) -> Verdict:
    over_base = list(gains(rows, depths, BEST, BASE).values())
    better = sum(gain > 0 for gain in over_base)
    question = f"{depths[0]} to {depths[1]}: (d) is above the mid-point"
    return judge_own(
        slug(question),
        question,
        ours=f"{better} of {len(over_base)} pictures",
        tolerance="the mean gain is above 0",
        statement=Range(_by_picture(gains(rows, depths, BEST, BASE)), low=0),
        evidence=_evidence(select(rows, depths, BEST), BEST),
    )


def _comparisons(rows: Sequence[Row], depths: Depths) -> list[Verdict]:
    """One method against another: the whole interval of the gain must lie above `least` dB."""
    coins = "the planes that (a) extrapolates are better than fair coins"
    compared = (
        ("(d) is above the linear predictor", BEST, LINEAR, 0.0),
        ("(d) is above the same network without coordinates", BEST, WITHOUT_COORDINATES, 0.0),
        ("(b) is above the mid-point", "interval_network", BASE, 0.0),
        ("(c) adds to its prior mean, the linear predictor", "interval_with_prior", LINEAR, 0.0),
        (coins, "extrapolation", BASE, -COIN),
    )
    said = []
    for claim, method, other, least in compared:
        gain = mean_gain(rows, depths, method, other)
        question = f"{depths[0]} to {depths[1]}: {claim}"
        whom = "the mid-point" if other == BASE else "it"
        said.append(
            judge_own(
                slug(question),
                question,
                ours=f"{signed(gain)} dB over {whom}",
                tolerance=f"above {least:.2f} dB, and so is the whole 95 % interval",
                statement=Range(_by_picture(gains(rows, depths, method, other)), low=least),
                evidence=_evidence(select(rows, depths, method), method),
            )
        )
    return said
