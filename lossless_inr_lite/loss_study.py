"""Fig. 11 and Table 8: which loss, colour as a coordinate, and the wrong bits that get no gradient."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lossless_inr_lite.fitting import Fit, fit
from lossless_inr_lite.recipes import paper_at
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.study import Case, run_cases

LOSSES = {"BCE": "bce", "sigmoid, then BCE": "sigmoid_bce", "MSE": "mse", "MAE": "mae"}
COLOUR = {"(h, w, i)": "bit_coordinate", "(h, w, i, c)": "bit_colour_coordinate"}


def losses(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """The bit coordinate with every loss, until lossless or out of budget."""
    every = [
        replace(template, method=name, formulation="bit_coordinate", loss=loss)
        for template in templates
        for name, loss in LOSSES.items()
    ]
    return run_cases(every, folder, workers)


def colours(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """The bit coordinate with colour as three outputs, and as a fourth coordinate."""
    every = [
        replace(template, method=name, formulation=posed) for template in templates for name, posed in COLOUR.items()
    ]
    return run_cases(every, folder, workers)


def saturated(signal: Signal, loss: str, learning_rate: float, case: Case, iterations: int) -> dict[str, int]:
    """Wrong bits after that many iterations, and how many of these get a gradient of exactly zero from the loss."""
    done = fit(
        signal, "bit_coordinate", case.network, case.hidden_features, case.hidden_layers, None,
        paper_at(learning_rate), loss, case.seed, iterations, case.max_seconds, progress=False, certify=False,
    )  # fmt: skip
    wrong, silent = silent_bits(done, signal)
    return {"wrong": wrong, "silent": silent, "iterations": done.history.entries[-1].iteration}


def silent_bits(done: Fit, signal: Signal) -> tuple[int, int]:
    """Wrong bits of a fit's weights, and those among them whose output's gradient is zero in float32."""
    model = done.model
    targets = torch.from_numpy(model.formulation.codes(signal.words, model.spec))
    with torch.no_grad():
        outputs = model.network(torch.from_numpy(model.formulation.coordinates(model.spec)))
    outputs.requires_grad_()
    model.loss.function(outputs, targets.to(torch.float32)).sum().backward()
    assert outputs.grad is not None
    wrong = model.loss.codes(outputs.detach(), 1) != targets
    return int(wrong.sum()), int((wrong & (outputs.grad == 0)).sum())
