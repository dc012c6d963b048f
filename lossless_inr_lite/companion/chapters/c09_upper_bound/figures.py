"""The figures, tables and verdicts of notebook 09."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure

from lossless_inr_lite.companion.chapters.c09_upper_bound.study import (
    ABOUT,
    NEAR,
    PREDICTORS,
    ROUNDING,
    Exponents,
    LosslessFit,
    Order,
    Slack,
    Stored,
    printed_bounds,
    reversal_side,
    reversed_up_to,
    waves,
)
from lossless_inr_lite.companion.claims import Verdict, judge, judge_own
from lossless_inr_lite.companion.evidence import Every, Exact, arithmetic, of_signals
from lossless_inr_lite.companion.statistics import Correlation
from lossless_inr_lite.companion.tables import table
from lossless_inr_lite.theory.bounds import upper_bound
from lossless_inr_lite.theory.max_convolution import approximate, cell_centres

# Okabe and Ito's colours.
BLUE = "#0072B2"
ORANGE = "#D55E00"
GREY = "#999999"

EXPONENT_TOLERANCE = 0.05
"""Relative, between a fitted power and the one that the proof gives."""

PAPERS_DEPTH = 8
"""Bits of the pictures for which the paper orders the bounds (Eq. 6)."""


# Figures -----------------------------------------------------------------------------------------


def cross_section(lipschitz: float = 1.0, tolerance: float = 0.25) -> Figure:
    """A function of one coordinate, the cones of its centres, and the network: their maximum."""
    function = waves(lipschitz)
    network = approximate(function, 1, lipschitz, tolerance, 0, 1)
    centres = cell_centres(int(lipschitz / tolerance), 1, 0, 1)
    x = np.linspace(0, 1, 801)[:, None]
    truth = function(x)
    figure, axes = plt.subplots(figsize=(8, 3.4))
    for centre in centres:
        cone = function(centre[None]) - lipschitz * np.abs(x - centre)
        axes.plot(x, cone, color=GREY, linewidth=0.8)
    axes.plot(x, truth, color=BLUE, label="function f")
    axes.fill_between(x[:, 0], truth - tolerance, truth, color=BLUE, alpha=0.15, label="tolerance")
    axes.plot(x, network(x), color=ORANGE, label="network F, the largest cone")
    axes.plot(centres, function(centres), "o", color=ORANGE, markersize=5)
    axes.set(xlabel="x", ylabel="value", ylim=(-0.45, 0.2))
    axes.legend(fontsize=8, loc="lower left")
    figure.tight_layout()
    return figure


def slack(rows: Sequence[Slack]) -> Figure:
    """Bound, dense and non-zero weights against 1 / tolerance, a panel for each d, L = 1."""
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.6), sharey=True)
    for d, axes in enumerate(panels, 1):
        shown = [row for row in rows if (row.d, row.lipschitz, row.function) == (d, 1, "waves")]
        x = [1 / row.tolerance for row in shown]
        axes.plot(x, [row.size_bound for row in shown], "o-", color=GREY, label="bound")
        axes.plot(x, [row.num_parameters for row in shown], "o-", color=ORANGE, label="dense")
        axes.plot(x, [row.num_nonzero for row in shown], "o-", color=BLUE, label="not zero")
        axes.set_xscale("log", base=2)
        axes.set(yscale="log", xlabel="1 / tolerance", title=f"d = {d}")
    panels[0].set_ylabel("weights and biases")
    panels[0].legend(fontsize=8)
    figure.tight_layout()
    return figure


def reversal(orders: Sequence[Order]) -> Figure:
    """Quotient of the two bounds against bits, a line for each picture.

    A dotted line shows Proposition 6 for a largest step of 1.
    """
    figure, axes = plt.subplots(figsize=(8, 4))
    for name in dict.fromkeys(order.name for order in orders):
        shown = [order for order in orders if order.name == name]
        bits = [order.num_bits for order in shown]
        quotients = [10 ** (order.log_planes - order.log_values) for order in shown]
        axes.plot(bits, quotients, "o-", markersize=4, label=name)
    all_bits = sorted({order.num_bits for order in orders})
    steps_a_side = orders[0].size - 1
    steepest = [(steps_a_side / (reversal_side(bits, 1.0) - 1)) ** 2 for bits in all_bits]
    axes.plot(all_bits, steepest, ":", color=GREY, label="largest step 1")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(
        yscale="log",
        xlabel="bits n of the values",
        ylabel=r"$U_3(1)\ /\ U_2(n)$, with both constants",
    )
    axes.legend(fontsize=8)
    figure.tight_layout()
    return figure


def predictors(fits: Sequence[LosslessFit]) -> Figure:
    """Samples until lossless against each possible predictor, one colour for each picture."""
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True)
    for axes, (label, field) in zip(panels, PREDICTORS.items(), strict=True):
        for picture in dict.fromkeys(fit.picture for fit in fits):
            shown = [fit for fit in fits if fit.picture == picture]
            x = [getattr(fit, field) for fit in shown]
            axes.scatter(x, [fit.samples_seen for fit in shown], s=22, label=picture)
        scale = "log" if field == "bound" else "linear"
        axes.set(xscale=scale, yscale="log", xlabel=label)
    panels[0].set_ylabel("samples until lossless")
    panels[0].legend(fontsize=7)
    figure.tight_layout()
    return figure


# Tables ------------------------------------------------------------------------------------------


def printed_table() -> Markdown:
    """U_d(n) / C as printed and as computed."""
    head = ("n", "d", "printed, in units of C", "computed", "agree")
    lines = []
    for bound in printed_bounds():
        agree = "yes" if bound.agrees else "no"
        lines.append((bound.num_bits, bound.d, bound.printed, f"{bound.computed:,}", agree))
    return table(head, lines)


def slack_table(rows: Sequence[Slack]) -> Markdown:
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
    last = {(row.d, row.function): row for row in rows if row.lipschitz == 1}
    lines = [
        (
            row.d,
            row.function,
            f"{row.tolerance:.3g}",
            f"{row.grid_error / row.tolerance:.4f}",
            f"{row.random_error / row.tolerance:.4f}",
            row.centres,
            f"{row.num_parameters:,}",
            f"{row.num_nonzero:,}",
            f"{row.size_bound / row.num_parameters:,.1f}",
            row.hidden_layers,
            f"{row.depth_bound:.1f}",
        )
        for row in last.values()
    ]
    return table(head, lines)


def exponents_table(powers: Mapping[int, Exponents]) -> Markdown:
    """Fitted powers of the tolerance beside the ones that the proof gives."""
    head = ("d", "dense: power of the tolerance", "$-2d$", "not zero: power", "$-d$")
    lines = [
        (d, f"{fitted.dense:.3f}", -2 * d, f"{fitted.nonzero:.3f}", -d)
        for d, fitted in powers.items()
    ]
    return table(head, lines)


def stored_table(rows: Sequence[Stored]) -> Markdown:
    """A stored picture, one row for each number of bits."""
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
    lines = [
        (
            row.num_bits,
            f"{row.num_parameters:,}",
            f"{row.num_nonzero:,}",
            row.hidden_layers,
            row.wrong_float32,
            row.wrong_float64,
            f"{row.file_bytes:,}",
            f"{row.bits // 8:,}",
            f"{row.log_bound:.1f}",
        )
        for row in rows
    ]
    return table(head, lines)


def deep_table(columns: Mapping[str, Sequence[int]], num_bits: int) -> Markdown:
    """What `study.stored_in_many_dimensions` found at that depth, beside the bound."""
    head = (
        "d",
        f"$U_d({num_bits}) / C$",
        "dense weights that store the samples",
        "wrong bits",
    )
    lines = []
    rows = zip(columns["d"], columns["num_parameters"], columns["wrong_bits"], strict=True)
    for d, count, wrong in rows:
        lines.append((d, f"{float(upper_bound(num_bits, d)):.3g}", f"{count:,}", wrong))
    return table(head, lines)


def orders_table(orders: Sequence[Order]) -> Markdown:
    """The two bounds of every picture, and where their order turns round by Proposition 6."""
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
    lines = [
        (
            order.name,
            order.num_bits,
            order.size,
            f"{order.step:.3f}",
            f"{order.values:.1f}",
            f"{order.planes:.1f}",
            f"{order.log_values:.2f}",
            f"{order.log_planes:.2f}",
            "planes" if order.holds else "values",
            f"{reversal_side(order.num_bits, order.step):,.0f}",
        )
        for order in orders
    ]
    return table(head, lines)


def predictors_table(
    groups: Mapping[str, Sequence[LosslessFit]], found: Mapping[str, Mapping[str, Correlation]]
) -> Markdown:
    """Rank correlations of every group of fits."""
    head = ("fits of", "pictures", "predictor", "fits", "rank correlation (95 %)")
    lines = []
    for group, correlations in found.items():
        pictures = len({fit.picture for fit in groups[group]})
        for label, correlation in correlations.items():
            lines.append((group, pictures, label, correlation.count, correlation.text()))
    return table(head, lines)


# Verdicts ----------------------------------------------------------------------------------------


BUILT = "networks that were built"


def printed_verdicts() -> list[Verdict]:
    """Every printed value of U_d(n) / C, and the limitation that rests on the last."""
    said = [
        judge(
            bound.claim_id,
            ours=f"{bound.computed:.5g}",
            tolerance=(
                f"within {NEAR:.0%}"
                if bound.printed.startswith(ABOUT)
                else "to the last printed digit"
            ),
            statement=Exact(bound.agrees),
            evidence=arithmetic(),
        )
        for bound in printed_bounds()
    ]
    factor = upper_bound(8, 6) // upper_bound(8, 5)
    limitation = judge(
        "limitation",
        ours=f"{factor:,} times per coordinate at 8 bit",
        tolerance="1,000 times; only the bound: nothing is trained here",
        statement=Exact(factor > 1000),
        evidence=arithmetic(),
    )
    return [*said, limitation]


def slack_verdicts(rows: Sequence[Slack], powers: Mapping[int, Exponents]) -> list[Verdict]:
    """Theorem 1 and the two exponents, on networks that were built."""
    errors = [max(row.grid_error, row.random_error) / row.tolerance for row in rows]
    sizes = [row.num_parameters / row.size_bound for row in rows]
    depths = [row.hidden_layers / row.depth_bound for row in rows]
    worst = max(errors, default=0.0)
    largest = max(sizes, default=0.0)
    deepest = max(depths, default=0.0)
    off = max((_off(d, fitted) for d, fitted in powers.items()), default=0.0)
    return [
        judge_own(
            "tolerance",
            "the constructed network keeps the tolerance",
            ours=f"{worst:.4f} of it at most",
            tolerance="float64's rounding",
            statement=Exact(worst <= 1 + ROUNDING),
            evidence=arithmetic(len(rows), BUILT),
            paper="Theorem 1",
        ),
        judge_own(
            "size-and-depth",
            "it never exceeds the bounds on size and depth",
            ours=f"{largest:.3f} and {deepest:.2f} of them at most",
            tolerance="1",
            statement=Exact(largest <= 1 and deepest <= 1),
            evidence=arithmetic(len(rows), BUILT),
            paper="Theorem 1",
        ),
        judge_own(
            "exponents",
            "dense weights grow with the power -2d, non-zero ones with -d",
            ours=f"off by {off:.1%} at most",
            tolerance=f"{100 * EXPONENT_TOLERANCE:g} %",
            statement=Exact(off <= EXPONENT_TOLERANCE),
            evidence=arithmetic(len(powers), BUILT),
            paper="-2d",
        ),
    ]


def _off(d: int, fitted: Exponents) -> float:
    """The larger relative deviation of the two fitted powers from -2d and -d."""
    return max(abs(fitted.dense / (-2 * d) - 1), abs(fitted.nonzero / -d - 1))


def _by_picture(holding: Sequence[Order], every: Sequence[Order]) -> str:
    """How many orders hold, and of how many pictures at how many sizes they are."""
    pictures = len({order.name for order in every})
    sizes = len(every) // max(1, pictures)
    return f"{len(holding)} of {len(every)}: {pictures} pictures at {sizes} sizes"


def picture_verdicts(
    stored: Sequence[Stored], orders: Sequence[Order], depths: Sequence[Order]
) -> list[Verdict]:
    """The order of the bounds, with their constants, and the picture that was stored.

    `orders` are whole pictures, `depths` their most significant bits (`study.orders_by_depth`).
    """
    at_papers_depth = [order for order in orders if order.num_bits == PAPERS_DEPTH]
    holding = [order for order in at_papers_depth if order.holds]
    agree: dict[str, list[bool]] = {}
    for order in at_papers_depth:
        agree.setdefault(order.name, []).append(order.holds)
    turned = reversed_up_to(depths)
    wrong = sum(row.wrong_float32 + row.wrong_float64 for row in stored)
    sizes = len({(row.num_parameters, row.hidden_layers) for row in stored})
    return [
        judge_own(
            "order-of-the-bounds-with-their-constants",
            "the bounds with their constants C(d, L) have the order of those without, on pictures",
            ours=_by_picture(holding, at_papers_depth),
            tolerance="every picture at every size",
            statement=Every(agree),
            evidence=of_signals(list(agree)),
            paper="64 C against 67.7G C",
        ),
        judge_own(
            "order-for-few-bits",
            "for few bits the order is the other way round in every picture, at the paper's size",
            ours=f"up to {turned} bits",
            tolerance="up to 4 bits",
            statement=Exact(turned >= 4),
            evidence=arithmetic(len(depths), f"{len({one.name for one in depths})} pictures"),
            paper="1, 2 and 4 bits are in Fig. 8",
        ),
        judge_own(
            # Pages quote this id, which records from before ids have too.
            "a-network-of-one-size-stores-the-picture-exactly-at-every-depth-from-1-to-16-bits",
            "a network of one size stores the picture exactly at every depth from 1 to 16 bits",
            ours=f"{wrong} wrong bits, sizes: {sizes}",
            tolerance="none wrong, one size",
            statement=Exact(wrong == 0 and sizes == 1),
            evidence=arithmetic(len(stored), "1 picture"),
            paper="the bound grows with n",
        ),
    ]
