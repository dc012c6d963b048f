"""Table 2: other networks, asked for amplitudes and asked for bit-planes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lossless_inr_lite.networks import NETWORKS
from lossless_inr_lite.study import Case, run_groups

# the paper's name -> network and hidden layers; those with tables have the short perceptrons of their publications
BACKBONES = {"Instant-NGP": ("instant_ngp", 1), "DINER": ("diner", 2), "Gauss": ("gauss", 5), "FINER": ("finer", 5)}
ALONE, OURS = "alone", "with bit-planes"


def compare(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Every backbone with bit-planes until lossless, then alone at its cost; each at its authors' rate."""
    groups = []
    for template in templates:
        for name, (network, layers) in BACKBONES.items():
            rate = NETWORKS[network].recommended_learning_rate
            case = replace(template, network=network, hidden_layers=layers, learning_rate=rate)
            groups.append([
                replace(case, method=f"{name} {OURS}", formulation="bit_coordinate"),
                replace(case, method=f"{name} {ALONE}", formulation="amplitude"),
            ])  # fmt: skip
    return run_groups(groups, folder, workers, patience=1.5)
