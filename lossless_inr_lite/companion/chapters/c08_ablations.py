"""Chapter 8, notebooks/08_ablations.ipynb: Fig. 11 and Table 8.

Which loss, what is a coordinate and what a network, and the wrong bits that have no gradient.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lossless_inr_lite.architecture import required
from lossless_inr_lite.companion.case import PAPER_RATE, Case
from lossless_inr_lite.companion.claims import Verdict, judge_both, judge_own
from lossless_inr_lite.companion.evidence import (
    Every,
    Evidence,
    Exact,
    Open,
    Together,
    arithmetic,
    by_signal,
    cost_ratio,
    of_methods,
    of_rows,
    other_rate,
)
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.study import run_cases
from lossless_inr_lite.companion.tables import cost_text, mean_cost
from lossless_inr_lite.losses import Loss, get_loss
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.training.fit import fit
from lossless_inr_lite.training.recipes import paper_at

LOSSES = {"BCE": "bce", "sigmoid, then BCE": "sigmoid_bce", "MSE": "mse", "MAE": "mae"}
"""The losses of Fig. 11 by their names in tables."""
PLANES = "(h, w, i)"
COLOURS = "(h, w, i, c)"
COLOUR = {PLANES: "bit_coordinate", COLOURS: "bit_colour_coordinate"}
"""The formulations of Table 8 by the coordinates that it names."""
PARALLEL = "one network a plane"
SATURATED = 17.0
"""A logit whose sigmoid rounds to 1 in float32."""
CLOSE = 2.0
"""A loss that needs at most this times the iterations of BCE comes close to it."""


def losses(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Rows of the bit coordinate with every loss, until lossless or out of budget."""
    every = []
    for template in templates:
        for name, loss in LOSSES.items():
            every.append(template.varied(method=name, formulation="bit_coordinate", loss=loss))
    return run_cases(every, folder, workers)


def colours(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Rows of colour as outputs, of colour as a fourth coordinate, and of one network per plane.

    The networks of the last have about as many parameters together as the one of the others.
    """
    every = []
    for template in templates:
        for name, formulation in COLOUR.items():
            every.append(template.varied(method=name, formulation=formulation))
        shared_width = required("hidden_features", template.architecture.hidden_features)
        width = max(1, round(shared_width / template.load().num_bits ** 0.5))
        every.append(
            template.varied(method=PARALLEL, formulation="parallel_bits", hidden_features=width)
        )
    return run_cases(every, folder, workers)


# Wrong bits without a gradient -------------------------------------------------------------------


def saturated(case: Case, loss: str, learning_rate: float, iterations: int) -> dict[str, float]:
    """The `silent_bits` of the bit coordinate after so many `iterations` of the paper's recipe."""
    signal = case.load()
    done = fit(
        signal,
        replace(case.architecture, formulation="bit_coordinate", loss=loss),
        paper_at(learning_rate),
        replace(case.budget, max_iterations=iterations),
        seed=case.seed,
        progress=False,
        certify=False,
    )
    return {"iterations": done.history.entries[-1].iteration, **silent_bits(done, signal)}


def silent_bits(done: Fit, signal: Signal) -> dict[str, float]:
    """How many bits of a fit's weights are wrong, and how many of these can learn nothing.

    `silent` counts the wrong bits whose output has a gradient of zero in float32, `largest_logit`
    is the largest size of a wrong bit's output.
    """
    model = done.model
    targets = torch.from_numpy(model.formulation.codes(signal.words, model.spec))
    with torch.no_grad():
        outputs = model.network(torch.from_numpy(model.formulation.coordinates(model.spec)))
    wrong = model.loss.codes(outputs, 1) != targets
    silent = wrong & (_gradient(model.loss, outputs, targets) == 0)
    largest = float(outputs[wrong].abs().max()) if wrong.any() else 0.0
    return {"wrong": int(wrong.sum()), "silent": int(silent.sum()), "largest_logit": largest}


def gradients(logits: Sequence[float]) -> dict[str, list[float]]:
    """The size of d loss / d logit of both forms of the cross entropy, by loss.

    The bit is 0 and the logits are those of the answer 1: all are wrong.
    """
    outputs = torch.tensor(logits)
    targets = torch.zeros(len(logits))
    return {
        name: _gradient(get_loss(name), outputs, targets).abs().tolist()
        for name in ("sigmoid_bce", "bce")
    }


def _gradient(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    """The gradient of the summed loss with respect to each output."""
    leaf = outputs.detach().clone().requires_grad_()
    loss.function(leaf, targets.to(torch.float32)).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


# Verdicts ----------------------------------------------------------------------------------------


def verdicts(
    by_loss: Sequence[Row], by_colour: Sequence[Row], silent: Mapping[str, Mapping[str, float]]
) -> list[Verdict]:
    """Fig. 11, Table 8 and the count of silent wrong bits, judged on these fits.

    `by_loss` are rows of `losses`, `by_colour` of `colours`, and `silent` are counts of
    `saturated`.
    """
    return [
        *_bce_is_fastest(by_loss),
        *_mse_comes_close(by_loss),
        *_mae_is_slow(by_loss),
        *table_8(by_colour),
        _sigmoid_hides_the_gradient(),
        _silent_bits_occur(silent),
    ]


def table_8(rows: Sequence[Row]) -> list[Verdict]:
    """The verdicts on Table 8 alone, which need no more than its own rows."""
    return [
        *_planes_are_lossless(rows),
        *_colour_needs_more_iterations(rows),
        _colour_needs_more_samples(rows),
    ]


def _bce_is_fastest(rows: Sequence[Row]) -> list[Verdict]:
    cost = _costs(rows, LOSSES, "iterations")
    others = ("MSE", "MAE")
    return judge_both(
        "fig11",
        _told(cost),
        "fewest iterations",
        Together([cost_ratio(rows, ("BCE", other), "iterations", high=1) for other in others]),
        _evidence(of_methods(rows, ("BCE", *others))),
    )


def _mse_comes_close(rows: Sequence[Row]) -> list[Verdict]:
    cost = _costs(rows, LOSSES, "iterations")
    return judge_both(
        "fig11-mse",
        _told(cost),
        f"at most {CLOSE:g} times the iterations of BCE",
        cost_ratio(rows, ("MSE", "BCE"), "iterations", high=CLOSE),
        _evidence(of_methods(rows, ("BCE", "MSE"))),
    )


def _mae_is_slow(rows: Sequence[Row]) -> list[Verdict]:
    cost = _costs(rows, LOSSES, "iterations")
    return judge_both(
        "fig11-mae",
        _told(cost),
        f"more than {CLOSE:g} times the iterations of BCE",
        cost_ratio(rows, ("MAE", "BCE"), "iterations", low=CLOSE),
        _evidence(of_methods(rows, ("BCE", "MAE"))),
    )


def _planes_are_lossless(rows: Sequence[Row]) -> list[Verdict]:
    cost = mean_cost(rows, PLANES, "iterations")
    fits = of_methods(rows, [PLANES])
    return judge_both(
        "table8/hwi",
        cost_text(cost),
        "lossless",
        Every(by_signal(fits, [row["lossless"] for row in fits])),
        _evidence(fits, "Kodak"),
    )


def _colour_needs_more_iterations(rows: Sequence[Row]) -> list[Verdict]:
    cost = _costs(rows, COLOUR, "iterations")
    return judge_both(
        "table8/hwic",
        f"{cost_text(cost[COLOURS])} against {cost_text(cost[PLANES])}",
        f"more iterations than {PLANES}",
        cost_ratio(rows, (COLOURS, PLANES), "iterations", low=1),
        _evidence(of_methods(rows, COLOUR), "Kodak"),
    )


def _colour_needs_more_samples(rows: Sequence[Row]) -> Verdict:
    cost = _costs(rows, COLOUR, "samples_seen")
    return judge_own(
        "and-more-samples",
        "colour as a coordinate also needs more samples",
        f"{cost_text(cost[COLOURS])} against {cost_text(cost[PLANES])}",
        "more",
        cost_ratio(rows, (COLOURS, PLANES), "samples_seen", low=1),
        _evidence(of_methods(rows, COLOUR), "Kodak"),
    )


def _evidence(fits: Sequence[Row], data: str = "") -> Evidence:
    settings = other_rate((row["learning_rate"] for row in fits), PAPER_RATE)
    return of_rows(fits, data, settings=settings)


def _sigmoid_hides_the_gradient() -> Verdict:
    slopes = {name: found[0] for name, found in gradients([SATURATED]).items()}
    return judge_own(
        "a-wrong-bit-with-logit-17-has-no-gradient-behind-the-sigmoid-and-has-with-logits",
        f"a wrong bit with logit {SATURATED:g} has no gradient behind the sigmoid, "
        "and has with logits",
        f"{slopes['sigmoid_bce']:.0f} and {slopes['bce']:.0f}",
        "0 and 1",
        Exact(slopes["sigmoid_bce"] == 0 and slopes["bce"] > 0.99),
        arithmetic(len(slopes), "one output of float32"),
    )


def _silent_bits_occur(counts: Mapping[str, Mapping[str, float]]) -> Verdict:
    wrong = sum(count["wrong"] for count in counts.values())
    silent = sum(count["silent"] for count in counts.values())
    return judge_own(
        "such-bits-occur-in-these-fits",
        "such bits occur in these fits",
        f"{silent:.0f} of {wrong:,.0f} wrong bits",
        "some",
        Exact(True) if silent else Open("none occurred in these fits"),
        # One such bit is enough, however few the fits.
        Evidence(data="1 picture", signals=1, seeds=1, fits=len(counts), exact=silent > 0),
    )


def _costs(rows: Sequence[Row], methods: Iterable[str], cost: str) -> dict[str, float]:
    """The mean cost of each method's fits."""
    return {method: mean_cost(rows, method, cost) for method in methods}


def _told(costs: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {cost_text(cost)}" for name, cost in costs.items())
