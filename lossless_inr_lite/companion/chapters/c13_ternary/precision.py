"""Fig. 10: how coarse the weights of networks with real numbers may become."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lossless_inr_lite.companion.lists import comma_list
from lossless_inr_lite.errors import check_choice
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.signals.metrics import signal_metrics
from lossless_inr_lite.storage.certify import certify_models
from lossless_inr_lite.storage.fitted import Fit
from lossless_inr_lite.training.fit import fit
from lossless_inr_lite.training.quantisation import after_training, in_training
from lossless_inr_lite.training.recipes import paper_at

# Bits per weight; 2 bits are three levels, so ternary.
PRECISIONS = (8, 6, 4, 3, 2)
FLOAT_BITS = 32


@dataclass(frozen=True)
class Subject:
    """A network of Fig. 10 as it is trained here before its weights become coarse.

    loss: None for the formulation's own. learning_rate: with floats, and in coarse training.
    """

    formulation: str
    network: str
    loss: str | None
    learning_rate: float


SUBJECTS = {
    "SIREN, values": Subject("amplitude", "siren", None, 1e-3),
    "SIREN, bits": Subject("bit_heads", "siren", "bce", 1e-3),
    "ReLU+PE, bits": Subject("bit_heads", "relu_pe", "bce", 3e-3),
}


@dataclass(frozen=True)
class Plan:
    """What all subjects share; the iterations are those with floats, and again with coarse ones."""

    hidden_features: int
    hidden_layers: int
    max_iterations: int
    seed: int


def precisions(text: str) -> list[int]:
    """Return the bits per weight in a list separated by commas.

    Raises InputError for others than those of `PRECISIONS`.

    >>> precisions("8, 2")
    [8, 2]
    """
    found = comma_list(text)
    for part in found:
        check_choice("value in precision_bits", part, [str(bits) for bits in PRECISIONS])
    return [int(part) for part in found]


def precision_study(signal: Signal, plan: Plan, trained: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for every subject and precision, with BER, PSNR and smallest margin.

    Weights become coarse after training, and for `trained` bits in training too. Rows without wrong
    bits are certified from their saved files.
    """
    rows = []
    exact = []
    for name, subject in SUBJECTS.items():
        for bits, how, done in _fits(signal, subject, plan, trained):
            row = _row(name, bits, how, done, signal)
            rows.append(row)
            if row["ber"] == 0:
                exact.append((row, done))
    certificates = certify_models([(done, signal) for _, done in exact])
    for (row, _), certificate in zip(exact, certificates, strict=True):
        row["lossless"] = certificate.lossless
        row["margin"] = certificate.smallest_margin
    return rows


def _fits(
    signal: Signal, subject: Subject, plan: Plan, trained: Sequence[int]
) -> list[tuple[int, str, Fit]]:
    """One subject with floats, and with coarse weights: bits, how they came about, the fit."""
    floats = fit(
        signal,
        formulation=subject.formulation,
        network=subject.network,
        hidden_features=plan.hidden_features,
        hidden_layers=plan.hidden_layers,
        loss=subject.loss,
        recipe=paper_at(subject.learning_rate),
        seed=plan.seed,
        max_iterations=plan.max_iterations,
        progress=False,
        certify=False,
    )
    found = [(FLOAT_BITS, "floats", floats)]
    for bits in PRECISIONS:
        found.append((bits, "after training", after_training(floats, signal, bits)))
    for bits in trained:
        rate = subject.learning_rate
        coarse = in_training(floats, signal, bits, plan.max_iterations, rate, plan.seed)
        found.append((bits, "in training", coarse))
    return found


def _row(name: str, bits: int, how: str, done: Fit, signal: Signal) -> dict[str, Any]:
    words, margin = done.model.decode()
    metrics = signal_metrics(words, signal)
    return {
        "method": name,
        "bits": bits,
        "how": how,
        "weights": done.num_parameters,
        "psnr": metrics["psnr"],
        "ber": metrics["ber"],
        "margin": margin,
        "lossless": False,
    }


def lossless_down_to(rows: Iterable[Mapping[str, Any]], method: str) -> int | None:
    """Return the fewest bits per weight at which a method is certified, in either way.

    None when it is at no precision.
    """
    certified = (row["bits"] for row in rows if row["method"] == method and row["lossless"])
    return min(certified, default=None)
