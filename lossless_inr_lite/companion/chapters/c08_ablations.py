"""Fig. 11 and Table 8: which loss, what is a coordinate and what a network, and the wrong bits without a gradient."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lossless_inr_lite.companion.records import Verdict, paper_value, verdict
from lossless_inr_lite.companion.study import Case, run_cases
from lossless_inr_lite.companion.tables import Row, by_method, cost_text, means
from lossless_inr_lite.losses import Loss, get_loss
from lossless_inr_lite.signals.signal import Signal, load_signal
from lossless_inr_lite.training.fit import Fit, fit
from lossless_inr_lite.training.recipes import paper_at

LOSSES = {"BCE": "bce", "sigmoid, then BCE": "sigmoid_bce", "MSE": "mse", "MAE": "mae"}
COLOUR = {"(h, w, i)": "bit_coordinate", "(h, w, i, c)": "bit_colour_coordinate"}
PARALLEL = "one network a plane"


def losses(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """The bit coordinate with every loss, until lossless or out of budget."""
    every = [
        replace(template, method=name, formulation="bit_coordinate", loss=loss)
        for template in templates
        for name, loss in LOSSES.items()
    ]
    return run_cases(every, folder, workers)


def colours(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """The bit coordinate with colour as three outputs, and as a fourth coordinate; and one network for every plane.

    The networks of the last have about as many parameters together as the others.
    """
    every = []
    for template in templates:
        every += [
            replace(template, method=name, formulation=posed) for name, posed in COLOUR.items()
        ]
        planes = load_signal(template.signal, size=template.size).num_bits
        width = max(1, round(template.hidden_features / planes**0.5))
        every.append(
            replace(template, method=PARALLEL, formulation="parallel_bits", hidden_features=width)
        )
    return run_cases(every, folder, workers)


def saturated(case: Case, loss: str, learning_rate: float, iterations: int) -> dict[str, float]:
    """Wrong bits after that many iterations, how many get no gradient, and the largest |logit| among them."""
    signal = load_signal(case.signal, size=case.size)
    done = fit(
        signal,
        "bit_coordinate",
        case.network,
        case.hidden_features,
        case.hidden_layers,
        None,
        paper_at(learning_rate),
        loss,
        case.seed,
        iterations,
        case.max_seconds,
        progress=False,
        certify=False,
    )
    return {"iterations": done.history.entries[-1].iteration, **silent_bits(done, signal)}


def silent_bits(done: Fit, signal: Signal) -> dict[str, float]:
    """The wrong bits of a fit's weights, those whose output has a gradient of zero in float32, and their margin."""
    model = done.model
    targets = torch.from_numpy(model.formulation.codes(signal.words, model.spec))
    with torch.no_grad():
        outputs = model.network(torch.from_numpy(model.formulation.coordinates(model.spec)))
    wrong = model.loss.codes(outputs, 1) != targets
    silent = wrong & (_gradient(model.loss, outputs, targets) == 0)
    largest = float(outputs[wrong].abs().max()) if wrong.any() else 0.0
    return {"wrong": int(wrong.sum()), "silent": int(silent.sum()), "largest_logit": largest}


def gradients(logits: Sequence[float]) -> dict[str, list[float]]:
    """|d loss / d logit| of both forms of the cross entropy at these logits of a bit that is 0: all are wrong."""
    outputs = torch.tensor(logits)
    return {
        name: _gradient(get_loss(name), outputs, torch.zeros(len(logits))).abs().tolist()
        for name in ("sigmoid_bce", "bce")
    }


def _gradient(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    leaf = outputs.detach().clone().requires_grad_()
    loss.function(leaf, targets.to(torch.float32)).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def verdicts(
    by_loss: Sequence[Row], by_colour: Sequence[Row], silent: Mapping[str, Mapping[str, float]]
) -> list[Verdict]:
    """Fig. 11, Table 8 and the count of silent wrong bits, judged on these fits."""
    cost = {name: _cost(by_method(by_loss)[name]) for name in LOSSES}
    text, arrived = (
        ", ".join(f"{name} {cost_text(cost[name])}" for name in LOSSES),
        math.isfinite(cost["BCE"]),
    )
    planes, colour = (by_method(by_colour)[name] for name in COLOUR)
    iterations = [_cost(planes), _cost(colour)]
    samples = [
        means(rows, "samples_seen").get(rows[0]["method"], math.inf) for rows in (planes, colour)
    ]
    printed = [paper_value("table8", "iterations", coordinates=c) for c in ("(h,w,i)", "(h,w,i,c)")]
    at_17 = {form: slope[0] for form, slope in gradients([17.0]).items()}
    unreached = sum(count["silent"] for count in silent.values())
    return [
        verdict(
            "Fig. 11",
            "BCE needs the fewest iterations",
            "fewest",
            text,
            "fewest",
            arrived and cost["BCE"] < min(cost["MSE"], cost["MAE"]),
            row="fig11",
        ),
        verdict(
            "Fig. 11",
            "MSE comes close",
            "close",
            text,
            "at most twice",
            arrived and cost["MSE"] <= 2 * cost["BCE"],
            row="fig11-mse",
        ),
        verdict(
            "Fig. 11",
            "MAE is slow",
            "slow",
            text,
            "more than twice",
            arrived and cost["MAE"] > 2 * cost["BCE"],
            row="fig11-mae",
        ),
        verdict(
            "Table 8",
            "the bit coordinate with colour as outputs is lossless",
            f"{printed[0]} iterations",
            cost_text(iterations[0]),
            "lossless",
            math.isfinite(iterations[0]),
            row="table8/hwi",
        ),
        verdict(
            "Table 8",
            "colour as a coordinate needs more iterations",
            f"{printed[1]} against {printed[0]}",
            f"{cost_text(iterations[1])} against {cost_text(iterations[0])}",
            "more",
            iterations[1] > iterations[0],
            row="table8/hwic",
        ),
        verdict(
            "our question",
            "and more samples",
            "not told",
            f"{cost_text(samples[1])} against {cost_text(samples[0])}",
            "more",
            samples[1] > samples[0],
        ),
        verdict(
            "our question",
            "a wrong bit with logit 17 has no gradient behind the sigmoid, and has with logits",
            "not told",
            f"{at_17['sigmoid_bce']:.0f} and {at_17['bce']:.0f}",
            "0 and 1",
            at_17["sigmoid_bce"] == 0 and at_17["bce"] > 0.99,
        ),
        verdict(
            "our question",
            "such bits occur in these fits",
            "not told",
            f"{unreached:.0f} of "
            f"{sum(count['wrong'] for count in silent.values()):,.0f} wrong bits",
            "some",
            unreached > 0,
        ),
    ]


def _cost(rows: Sequence[Row]) -> float:
    """Mean iterations to losslessness of one method's fits; infinite when one of them did not arrive."""
    return means(rows, "iterations").get(rows[0]["method"], math.inf)
