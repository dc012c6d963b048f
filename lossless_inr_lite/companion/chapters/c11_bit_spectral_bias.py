"""Fig. 9: pictures whose samples oscillate along the bit axis, and how soon each frequency is learnt.

The paper does not tell how its picture is made. Here it has a stripe for each of eight colours and a band for each
frequency; a channel that the colour lights holds the band's wave, and one that it does not holds the complement.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.companion.movies import Filmstrip
from lossless_inr_lite.companion.plots import plain_ticks
from lossless_inr_lite.companion.records import Verdict, verdict
from lossless_inr_lite.companion.statistics import Correlation, arrival_ranks, rank_correlation
from lossless_inr_lite.companion.study import Case, film, run_cases
from lossless_inr_lite.companion.tables import Row, by_method
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals.bits import bit_planes, to_gray
from lossless_inr_lite.signals.image_files import write_image

NUM_BITS = 16
RUNS = (16, 8, 4, 2, 1)  # equal neighbouring bits of each wave: from constant to alternating
COLOURS = {
    "R": (1, 0, 0),
    "G": (0, 1, 0),
    "B": (0, 0, 1),
    "C": (0, 1, 1),
    "M": (1, 0, 1),
    "Y": (1, 1, 0),
    "K": (0, 0, 0),
    "W": (1, 1, 1),
}
METHODS = {
    "bit coordinate": "bit_coordinate",
    "axis shrunk to 1/4": "bit_coordinate_x0.25",
    "axis stretched by 4": "bit_coordinate_x4",
    "Gray-coded bits": "bit_coordinate_gray",
    "bit heads": "bit_heads",
}
LEVEL = 0.01  # of the BER of a band that counts as learnt


def wave(run: int) -> int:
    """The 16-bit word of `run` ones from the MSB, then `run` zeros, and so on."""
    return sum(1 << (NUM_BITS - 1 - i) for i in range(NUM_BITS) if (i // run) % 2 == 0)


def changes(words: np.ndarray | int) -> np.ndarray:
    """How often neighbouring bits of each 16-bit word differ: twice its cycles along the bit axis, 0 to 15."""
    planes = bit_planes(np.asarray(words, dtype=np.uint32), NUM_BITS)
    return (planes[..., 1:] != planes[..., :-1]).sum(axis=-1)


def bands(size: int, order: int) -> np.ndarray:
    """(size,): the index into `RUNS` of every line of the picture; `order` shuffles where the bands lie."""
    places = np.random.default_rng(order).permutation(len(RUNS))
    return places[np.arange(size) * len(RUNS) // size]


def oscillating(size: int, order: int) -> np.ndarray:
    """The picture as words (size, size, 3) uint16: lines by frequency, columns by colour."""
    waves = np.array([wave(run) for run in RUNS], dtype=np.uint16)[bands(size, order)]
    lit = np.array(list(COLOURS.values()), dtype=bool)[np.arange(size) * len(COLOURS) // size]
    return np.where(lit[None], waves[:, None, None], ~waves[:, None, None])


def cases(template: Case, folder: Path, pictures: int) -> list[Case]:
    """Every way of asking for each of so many pictures, which are written to `folder` as 16-bit PNG.

    Raises InputError when a picture of that size has no place for every colour.
    """
    if (template.size or 0) < len(COLOURS):
        raise InputError(
            f"size is {template.size}: {len(COLOURS)} or more are needed, a column for every colour"
        )
    folder.mkdir(parents=True, exist_ok=True)
    result = []
    for order in range(pictures):
        path = folder / f"oscillating_{order}.png"
        write_image(path, oscillating(template.size or 0, order), NUM_BITS)
        result += [
            replace(template, method=name, formulation=posed, signal=str(path), seed=order)
            for name, posed in METHODS.items()
        ]
    return result


def on_pictures(
    templates: Sequence[Case], folder: Path, workers: int = 1
) -> dict[str, dict[str, Any]]:
    """The same ways of asking for real pictures, until lossless or out of budget."""
    return run_cases(
        [
            replace(t, method=n, formulation=posed)
            for t in templates
            for n, posed in METHODS.items()
        ],
        folder,
        workers,
    )


def run(cases: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """The rows of `run_cases`, each with the course of BER by frequency: "bands" holds iteration and errors."""
    rows = run_cases(cases, folder, workers)
    for case in cases:
        rows[case.label]["bands"] = courses(film(case, folder), case)
    return rows


def courses(strip: Filmstrip, case: Case) -> dict[str, list[Any]]:
    """Share of wrong ones among the bits that were asked for, of every frequency as in `RUNS`, at each kept frame."""
    coded = to_gray if get_formulation(case.formulation).gray else np.asarray
    side = case.size or 0
    truth, lines = coded(oscillating(side, case.seed)), bands(side, case.seed)
    errors = []
    for words in strip.words:
        wrong = np.bitwise_count(coded(words) ^ truth).mean(axis=(1, 2)) / NUM_BITS
        errors.append([float(f"{wrong[lines == k].mean():.5g}") for k in range(len(RUNS))])
    return {"iteration": strip.clock("iteration"), "ber": errors}


def arrivals(row: Row, level: float = LEVEL) -> list[float]:
    """The iteration at which each frequency was first at most at `level`; infinite when it never was."""
    below = np.array(row["bands"]["ber"]) <= level
    iterations = row["bands"]["iteration"]
    return [float(iterations[band.argmax()]) if band.any() else math.inf for band in below.T]


def predicted(method: str) -> list[float]:
    """Frequency of each wave as the network sees it: bit changes of the word, or of its Gray code, with both phases."""
    waves = np.array([wave(run) for run in RUNS], dtype=np.uint32)
    both = np.stack([waves, ~waves & np.uint32(0xFFFF)])
    return changes(to_gray(both) if "Gray" in method else both).mean(axis=0).tolist()


def lateness(row: Row, level: float = LEVEL) -> list[float]:
    """Ranks in (0, 1] of the frequencies by `arrivals`; those that never came are last, by their BER at the end."""
    came = [None if math.isinf(at) else at for at in arrivals(row, level)]
    return arrival_ranks(came, row["bands"]["ber"][-1])


def order(rows: Iterable[Row], method: str) -> Correlation:
    """Rank correlation of a wave's frequency and when it is learnt: 1 is strictly from low to high."""
    rows = list(rows)
    return rank_correlation(predicted(method) * len(rows), _late(rows), _names(rows))


def _late(rows: Sequence[Row]) -> list[float]:
    return [at for row in rows for at in lateness(row)]


def _names(rows: Sequence[Row]) -> list[str]:
    return [row["signal"]["name"] for row in rows for _ in RUNS]


def spread_of(rows: Iterable[Row]) -> float:
    """Iterations of the latest frequency over those of the earliest, mean over fits.

    Infinite when a frequency never came, NaN when none did.
    """
    quotients = [max(at) / max(1.0, min(at)) for row in rows for at in [arrivals(row)]]
    return sum(quotients) / len(quotients)


# Figures and tables ----------------------------------------------------------------------------------------


def frequency_curves(rows: Sequence[Row]) -> Figure:
    """BER of every frequency against iterations, a panel a method; the first picture."""
    first = {method: group[0] for method, group in by_method(rows).items()}
    figure, panels = plt.subplots(1, len(first), figsize=(11, 3), sharey=True, squeeze=False)
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(RUNS)))
    for axes, (method, row) in zip(panels[0], first.items(), strict=True):
        errors = np.maximum(row["bands"]["ber"], 1e-4)
        for k, run in enumerate(RUNS):
            label = "constant" if k == 0 else f"{NUM_BITS // (2 * run)} cycles"
            axes.plot(
                np.maximum(row["bands"]["iteration"], 1),
                errors[:, k],
                color=colours[k],
                label=label,
            )
        axes.set(xscale="log", yscale="log", title=method, xlabel="iterations")
        axes.title.set_fontsize(9)
        plain_ticks(axes)
    panels[0, 0].set_ylabel("BER")
    panels[0, -1].legend(fontsize=7)
    figure.tight_layout()
    return figure


def arrival_figure(rows: Sequence[Row]) -> Figure:
    """When each frequency came to 1 %, in parts of the method's own mean: means over pictures."""
    figure, axes = plt.subplots(figsize=(8, 3.6))
    for method, group in by_method(rows).items():
        late = np.array([arrivals(row) for row in group])
        came = np.isfinite(late).all(axis=0)  # in every picture: else there is no mean
        places, mean = np.flatnonzero(came), late[:, came].mean(axis=0)
        axes.plot(
            places, mean / mean.mean() if len(mean) else mean, "o-", markersize=4, label=method
        )
    axes.set_xticks(
        range(len(RUNS)), ["constant", *(f"{NUM_BITS // (2 * run)} cycles" for run in RUNS[1:])]
    )
    axes.set(xlabel="along the bit axis", ylabel="iterations to 1 %, of the mean")
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


def waves_table() -> Markdown:
    """The waves, and their bit changes in the plain code and in Gray's: what the chapter predicts from."""
    plain, gray = predicted("bit coordinate"), predicted("Gray-coded bits")
    lines = [
        (f"`{wave(run):016b}` and its complement", f"{a:.0f}", f"{b:.1f}")
        for run, a, b in zip(RUNS, plain, gray, strict=True)
    ]
    return table(("word", "bit changes", "of the Gray codes, mean of both"), lines)


def order_table(rows: Sequence[Row]) -> Markdown:
    """For every method: lossless fits, the iteration of each frequency, and the rank correlation."""
    lines = []
    for method, group in by_method(rows).items():
        late = np.array([arrivals(row) for row in group]).mean(axis=0)
        cells = [f"{at:,.0f}" if math.isfinite(at) else "never" for at in late]
        lines.append(
            (
                method,
                f"{sum(r['lossless'] for r in group)} of {len(group)}",
                *cells,
                order(group, method).text(),
                _quotient(spread_of(group)),
            )
        )
    names = ("constant", *(f"{NUM_BITS // (2 * run)} cycles" for run in RUNS[1:]))
    return table(("method", "certified", *names, "rank correlation", "latest / earliest"), lines)


def _quotient(value: float) -> str:
    return (
        "not defined" if math.isnan(value) else "above any" if math.isinf(value) else f"{value:.2f}"
    )


def verdicts(rows: Sequence[Row], level: float = 0.5) -> list[Verdict]:
    """Fig. 9, and what this chapter predicts for other codes, judged on these fits; undecided where nothing came."""
    found = by_method(rows)
    value = {method: order(group, method) for method, group in found.items()}
    spread = {method: spread_of(group) for method, group in found.items()}
    plain, shrunk, stretched, gray, heads = METHODS
    text = {
        m: f"rank correlation {v.text()}, latest / earliest {_quotient(spread[m])}"
        for m, v in value.items()
    }
    like_plain = rank_correlation(
        predicted(plain) * len(found[gray]), _late(found[gray]), _names(found[gray])
    )
    return [
        _judged(
            "Fig. 9",
            "samples that change slowly along the bit axis converge first",
            "low frequency first",
            text[plain],
            f"rank correlation at least {level}",
            value[plain].value - level,
            "fig9",
        ),
        _judged(
            "our question",
            "shrinking the axis to a quarter makes the bias stronger",
            "not told",
            f"{_quotient(spread[shrunk])} against {_quotient(spread[plain])}",
            "latest / earliest larger by a half",
            spread[shrunk] - 1.5 * spread[plain],
        ),
        _judged(
            "our question",
            "stretching it by 4 makes the bias weaker",
            "not told",
            f"{value[stretched].text()} against {value[plain].text()}",
            "rank correlation smaller by 0.3",
            value[plain].value - value[stretched].value - 0.3,
        ),
        _judged(
            "our question",
            "with Gray-coded bits the order is that of the Gray codes",
            "not told",
            f"{value[gray].text()}; with the order of the plain words {like_plain.text()}",
            f"rank correlation at least {level} and the larger one",
            min(value[gray].value - level, value[gray].value - like_plain.value),
        ),
        _judged(
            "our question",
            "bit heads have no bit axis and no such order",
            "not told",
            text[heads],
            f"rank correlation within {level} of 0",
            level - abs(value[heads].value),
        ),
    ]


def _judged(
    item: str, claim: str, paper: str, ours: str, tolerance: str, excess: float, row: str = ""
) -> Verdict:
    """`excess` is by how much the claim's condition is surpassed; not finite where fits ended too soon to tell."""
    result = verdict(item, claim, paper, ours, tolerance, excess >= 0, row=row)
    return result if math.isfinite(excess) else replace(result, verdict="not attempted")


def facts(rows: Sequence[Row]) -> Mapping[str, Any]:
    """Rank correlation and certified fits of every method, for pages to quote."""
    return {
        method: {
            "order": order(group, method).as_dict(),
            "certified": sum(row["lossless"] for row in group),
        }
        for method, group in by_method(rows).items()
    }
