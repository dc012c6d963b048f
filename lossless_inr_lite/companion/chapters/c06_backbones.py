"""Chapter 6, notebooks/06_backbones.ipynb: Table 2, other networks alone and with bit-planes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lossless_inr_lite.architecture import required
from lossless_inr_lite.companion.backbones import BACKBONES, PICTURES
from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.claims import Verdict, judge
from lossless_inr_lite.companion.evidence import Every, by_signal, of_rows
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.study import run_groups
from lossless_inr_lite.companion.tables import by_method, of_bits, qualities, quality

ALONE = "alone"
OURS = "with bit-planes"
PATIENCE = 1.5
"""Times the seconds with bit-planes that a backbone gets to see as many samples alone."""


def compare(templates: Sequence[Case], folder: Path, workers: int = 1) -> dict[str, dict[str, Any]]:
    """Every backbone with bit-planes until lossless, then alone at its cost."""
    groups = []
    for template in templates:
        width = required("hidden_features", template.architecture.hidden_features)
        for name, backbone in BACKBONES.items():
            case = template.varied(
                network=backbone.network,
                hidden_layers=backbone.hidden_layers,
                hidden_features=int(backbone.widening * width),
                learning_rate=backbone.learning_rate,
            )
            with_planes = case.varied(method=f"{name} {OURS}", formulation="bit_coordinate")
            alone = case.varied(method=f"{name} {ALONE}", formulation="amplitude")
            groups.append([with_planes, alone])
    return run_groups(groups, folder, workers, patience=PATIENCE)


# Verdicts ----------------------------------------------------------------------------------------


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Table 2's rows judged on these fits, by depth."""
    found = []
    for num_bits, data in PICTURES.items():
        of_depth = by_method(of_bits(rows, num_bits))
        if not of_depth:
            continue
        for name in BACKBONES:
            ours = of_depth[f"{name} {OURS}"]
            alone = of_depth[f"{name} {ALONE}"]
            found.append(_with_planes(name, data, ours))
            found += _alone(name, data, ours, alone)
    return found


def _with_planes(name: str, data: str, fits: Sequence[Row]) -> Verdict:
    """All fits are lossless."""
    exact = sum(row["lossless"] for row in fits)
    iterations = min(row["history"][-1]["iteration"] for row in fits)
    largest = max(row["metrics"]["ber"] for row in fits)
    return judge(
        f"table2/{name}/{data}/ours",
        f"{exact} of {len(fits)} certified, BER {largest:.4f} after {iterations:,}",
        "all certified lossless",
        Every(by_signal(fits, [row["lossless"] for row in fits])),
        of_rows(fits, data),
    )


def _alone(name: str, data: str, ours: Sequence[Row], alone: Sequence[Row]) -> list[Verdict]:
    """Alone the network has wrong bits after as many iterations.

    No verdict where it is not lossless with bit-planes, or where no fit alone came that far: then
    there is nothing to compare.
    """
    errors = [end["ber"] for end in qualities(alone, "iteration")]
    if not errors or not all(row["lossless"] for row in ours):
        return []
    reached = [row for row in alone if quality(row, "iteration")]
    return [
        judge(
            f"table2/{name}/{data}/alone",
            f"BER {max(errors):.4f}",
            "above 0 after as many iterations as with bit-planes",
            Every(by_signal(reached, [error > 0 for error in errors])),
            of_rows([*ours, *alone], data, clock="iteration"),
        )
    ]
