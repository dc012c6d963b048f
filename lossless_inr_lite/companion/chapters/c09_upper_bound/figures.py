"""The figures, tables and verdicts of notebook 09."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapter import table
from lossless_inr_lite.companion.chapters.c09_upper_bound.study import (
    ROUNDING,
    printed_column,
    reversal_side,
    waves,
)
from lossless_inr_lite.companion.claims import paper_claims
from lossless_inr_lite.companion.records import Verdict, verdict
from lossless_inr_lite.companion.statistics import Correlation
from lossless_inr_lite.theory.bounds import upper_bound
from lossless_inr_lite.theory.max_convolution import approximate, cell_centres

Row = Mapping[str, Any]

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"


def cross_section(lipschitz: float = 1.0, tolerance: float = 0.25) -> Figure:
    """A function of one coordinate, the cones of its centres, and the network: their maximum."""
    function, x = waves(lipschitz), np.linspace(0, 1, 801)[:, None]
    network = approximate(function, 1, lipschitz, tolerance, 0, 1)
    centres = cell_centres(int(lipschitz / tolerance), 1, 0, 1)
    figure, axes = plt.subplots(figsize=(8, 3.4))
    for centre in centres:
        axes.plot(
            x, function(centre[None]) - lipschitz * np.abs(x - centre), color=GREY, linewidth=0.8
        )
    axes.plot(x, function(x), color=BLUE, label="function f")
    axes.fill_between(
        x[:, 0], function(x) - tolerance, function(x), color=BLUE, alpha=0.15, label="tolerance"
    )
    axes.plot(x, network(x), color=ORANGE, label="network F, the largest cone")
    axes.plot(centres, function(centres), "o", color=ORANGE, markersize=5)
    axes.set(xlabel="x", ylabel="value", ylim=(-0.45, 0.2))
    axes.legend(fontsize=8, loc="lower left")
    figure.tight_layout()
    return figure


def slack(rows: Sequence[Row]) -> Figure:
    """Bound, dense and non-zero weights against 1 / tolerance, a panel for each d, L = 1."""
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True)
    lines = (
        ("size_bound", "bound", GREY),
        ("num_parameters", "dense", ORANGE),
        ("num_nonzero", "not zero", BLUE),
    )
    for d, axes in enumerate(panels, 1):
        kept = [
            row for row in rows if (row["d"], row["lipschitz"], row["function"]) == (d, 1, "waves")
        ]
        for key, label, colour in lines:
            axes.plot(
                [1 / r["tolerance"] for r in kept],
                [r[key] for r in kept],
                "o-",
                color=colour,
                label=label,
            )
        axes.set_xscale("log", base=2)
        axes.set(yscale="log", xlabel="1 / tolerance", title=f"d = {d}")
    panels[0].set_ylabel("weights and biases")
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    return figure


def reversal(rows: Sequence[Row]) -> Figure:
    """Quotient of the two bounds against bits, a line for each picture, and Proposition 6 for a largest step of 1."""
    figure, axes = plt.subplots(figsize=(8, 4))
    for name in dict.fromkeys(row["name"] for row in rows):
        kept = [row for row in rows if row["name"] == name]
        quotients = [10 ** (row["log_planes"] - row["log_values"]) for row in kept]
        axes.plot([row["num_bits"] for row in kept], quotients, "o-", markersize=4, label=name)
    bits, reach = sorted({row["num_bits"] for row in rows}), rows[0]["size"] - 1
    steepest = [(reach / (reversal_side(n, 1.0) - 1)) ** 2 for n in bits]
    axes.plot(bits, steepest, ":", color=GREY, label="largest step 1")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(
        yscale="log",
        xlabel="bits n of the values",
        ylabel=r"$U_3(1)\ /\ U_2(n)$, with both constants",
    )
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


def predictors(rows: Sequence[Row]) -> Figure:
    """Samples until lossless against each possible predictor; one colour a picture."""
    names = ("U_d(n) / C", "bits a parameter", "total variation")
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True)
    for axes, name in zip(panels, names, strict=True):
        for picture in dict.fromkeys(row["picture"] for row in rows):
            kept = [row for row in rows if row["picture"] == picture]
            axes.scatter([r[name] for r in kept], [r["samples"] for r in kept], s=22, label=picture)
        axes.set(xscale="log" if name.startswith("U") else "linear", yscale="log", xlabel=name)
    panels[0].set_ylabel("samples until lossless")
    panels[0].legend(fontsize=7)
    figure.tight_layout()
    return figure


# Tables ----------------------------------------------------------------------------------------------------


def column_table() -> Markdown:
    """U_d(n) / C as printed and as computed."""
    head = ("n", "d", "printed, in units of C", "computed", "agree")
    return table(
        head,
        [(n, d, text, f"{v:,}", "yes" if ok else "no") for n, d, text, v, ok in printed_column()],
    )


def slack_table(rows: Sequence[Row]) -> Markdown:
    """The smallest tolerance of each d and function, where L = 1."""
    head = (
        "d",
        "function",
        "tolerance",
        "error / tolerance: grid",
        "random",
        "centres",
        "dense",
        "not zero",
        "bound / dense",
        "hidden layers",
        "their bound",
    )
    last = {(row["d"], row["function"]): row for row in rows if row["lipschitz"] == 1}
    return table(
        head,
        [
            (
                d,
                name,
                f"{r['tolerance']:.3g}",
                f"{r['grid_error'] / r['tolerance']:.4f}",
                f"{r['random_error'] / r['tolerance']:.4f}",
                r["centres"],
                f"{r['num_parameters']:,}",
                f"{r['num_nonzero']:,}",
                f"{r['size_bound'] / r['num_parameters']:,.1f}",
                r["hidden_layers"],
                f"{r['depth_bound']:.1f}",
            )
            for (d, name), r in last.items()
        ],
    )


def exponents_table(powers: Mapping[int, tuple[float, float]]) -> Markdown:
    """Fitted powers of the tolerance beside the ones that the proof gives."""
    head = ("d", "dense: power of the tolerance", "$-2d$", "not zero: power", "$-d$")
    return table(
        head, [(d, f"{dense:.3f}", -2 * d, f"{few:.3f}", -d) for d, (dense, few) in powers.items()]
    )


def stored_table(rows: Sequence[Row]) -> Markdown:
    """What `theory.store_row` found, a row a number of bits."""
    head = (
        "n",
        "dense",
        "not zero",
        "hidden layers",
        "wrong bits: float32",
        "float64",
        "file, bytes",
        "raw signal, bytes",
        "$\\log_{10}$ of the bound",
    )
    return table(
        head,
        [
            (
                r["num_bits"],
                f"{r['num_parameters']:,}",
                f"{r['num_nonzero']:,}",
                r["hidden_layers"],
                r["wrong_float32"],
                r["wrong_float64"],
                f"{r['file_bytes']:,}",
                f"{r['bits'] // 8:,}",
                f"{r['log_bound']:.1f}",
            )
            for r in rows
        ],
    )


def deep_table(deep: Row) -> Markdown:
    """What `theory.stored_in_many_dimensions` found, beside the bound."""
    rows = zip(deep["d"], deep["num_parameters"], deep["wrong_bits"], strict=True)
    head = ("d", "$U_d(8) / C$", "dense weights that store the samples", "wrong bits")
    return table(
        head,
        [(d, f"{float(upper_bound(8, d)):.3g}", f"{count:,}", wrong) for d, count, wrong in rows],
    )


def orders_table(rows: Sequence[Row]) -> Markdown:
    """What `theory.order_row` found, and where the order turns round by Proposition 6."""
    head = (
        "picture",
        "n",
        "side",
        "largest step",
        "L of the values",
        "L of the planes",
        "$\\log_{10} U_2(n)$",
        "$\\log_{10} U_3(1)$",
        "smaller",
        "turns at side",
    )
    return table(
        head,
        [
            (
                r["name"],
                r["num_bits"],
                r["size"],
                f"{r['step']:.3f}",
                f"{r['values']:.1f}",
                f"{r['planes']:.1f}",
                f"{r['log_values']:.2f}",
                f"{r['log_planes']:.2f}",
                "planes" if r["holds"] else "values",
                f"{reversal_side(r['num_bits'], r['step']):,.0f}",
            )
            for r in rows
        ],
    )


def predictors_table(
    groups: Mapping[str, Sequence[Row]], found: Mapping[str, Mapping[str, Correlation]]
) -> Markdown:
    """Rank correlations of every group of fits."""
    head = ("fits of", "pictures", "predictor", "fits", "rank correlation (95 %)")
    return table(
        head,
        [
            (group, len({row["picture"] for row in groups[group]}), name, c.count, c.text())
            for group, correlations in found.items()
            for name, c in correlations.items()
        ],
    )


# Verdicts --------------------------------------------------------------------------------------------------


def column_verdicts() -> list[Verdict]:
    """Every printed value of U_d(n) / C, and the limitation that rests on the last."""
    claims = {claim.id: claim for claim in paper_claims()}
    rows = [
        verdict(
            "Eq. 6",
            claims[f"eq6-n{n}-d{d}"].claim,
            text,
            f"{value:.5g}",
            "to the last printed digit",
            ok,
            row=f"eq6-n{n}-d{d}",
        )
        for n, d, text, value, ok in printed_column()
    ]
    factor = upper_bound(8, 6) // upper_bound(8, 5)
    text = "the bound explodes with d (only the bound: nothing is trained here)"
    return [
        *rows,
        verdict(
            "Limitation",
            text,
            claims["limitation"].paper,
            f"{factor:,} times a coordinate at 8 bit",
            "1,000 times",
            factor > 1000,
            row="limitation",
        ),
    ]


def slack_verdicts(rows: Sequence[Row], powers: Mapping[int, tuple[float, float]]) -> list[Verdict]:
    """Theorem 1 and the two exponents, on networks that were built."""
    worst = max(max(r["grid_error"], r["random_error"]) / r["tolerance"] for r in rows)
    tight = min(r["size_bound"] / r["num_parameters"] for r in rows)
    deepest = max(r["hidden_layers"] / r["depth_bound"] for r in rows)
    off = [abs(dense / (-2 * d) - 1) for d, (dense, _) in powers.items()]
    off += [abs(few / -d - 1) for d, (_, few) in powers.items()]
    largest = max(off, default=1.0)
    return [
        verdict(
            "our question",
            "the constructed network keeps the tolerance",
            "Theorem 1",
            f"{worst:.4f} of it at most",
            "float64's rounding",
            worst <= 1 + ROUNDING,
        ),
        verdict(
            "our question",
            "it never exceeds the bounds on size and depth",
            "Theorem 1",
            f"{1 / tight:.3f} and {deepest:.2f} of them at most",
            "1",
            tight >= 1 >= deepest,
        ),
        verdict(
            "our question",
            "dense weights grow with the power -2d, non-zero ones with -d",
            "-2d",
            f"off by {largest:.1%} at most",
            "5 %",
            largest <= 0.05,
        ),
    ]


def picture_verdicts(
    stored: Sequence[Row], orders: Sequence[Row], depths: Sequence[Row]
) -> list[Verdict]:
    """The stored picture, and the order of the bounds with their constants at 8 bits and below."""
    wrong = sum(row["wrong_float32"] + row["wrong_float64"] for row in stored)
    sizes = len({(row["num_parameters"], row["hidden_layers"]) for row in stored})
    eight = [row for row in orders if row["num_bits"] == 8]
    text = "the bounds are ordered so when C(d, L) is multiplied in, on real pictures"
    printed = next(claim.paper for claim in paper_claims() if claim.id == "eq6-order")
    order = verdict(
        "Eq. 6",
        text,
        printed,
        f"{sum(r['holds'] for r in eight)} of {len(eight)} pictures",
        "all",
        all(row["holds"] for row in eight),
        row="eq6-order",
    )
    turned = (
        min(row["num_bits"] for row in depths if row["holds"]) - 1
        if any(r["holds"] for r in depths)
        else 8
    )
    return [
        *([order] if eight else []),
        verdict(
            "our question",
            "for few bits the order is the other way round in every picture, at the paper's size",
            "1, 2 and 4 bits are in Fig. 8",
            f"up to {turned} bits",
            "up to 4 bits",
            turned >= 4,
        ),
        verdict(
            "our question",
            "a network of one size stores the picture exactly at every depth from 1 to 16 bits",
            "the bound grows with n",
            f"{wrong} wrong bits, sizes: {sizes}",
            "none wrong, one size",
            wrong == 0 and sizes == 1,
        ),
    ]
