"""The verdicts of records, made again from their rows by the code as it is.

``python -m lossless_inr_lite.companion.rejudge``

Verdicts are no measurements: they follow from a record's fits and facts. When a rule changes, this
command writes the committed records' verdicts anew, and leaves all else in them as it is. A test
holds that the committed verdicts are those that the code makes.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from lossless_inr_lite.companion.chapters import c01_bit_planes as bit_planes
from lossless_inr_lite.companion.chapters import c02_image_fitting as image_fitting
from lossless_inr_lite.companion.chapters import c03_fast_fitting as fast
from lossless_inr_lite.companion.chapters import c04_capacity as capacity
from lossless_inr_lite.companion.chapters import c05_baselines as baselines
from lossless_inr_lite.companion.chapters import c06_backbones as backbones
from lossless_inr_lite.companion.chapters import c07_hypothesis as hypothesis
from lossless_inr_lite.companion.chapters import c08_ablations as ablations
from lossless_inr_lite.companion.chapters import c11_bit_spectral_bias as bit_spectrum
from lossless_inr_lite.companion.chapters.c09_upper_bound import figures as bounds
from lossless_inr_lite.companion.chapters.c09_upper_bound.study import (
    Exponents,
    Order,
    Slack,
    Stored,
)
from lossless_inr_lite.companion.chapters.c10_bit_bias import figures as bit_bias
from lossless_inr_lite.companion.chapters.c12_audio import figures as audio
from lossless_inr_lite.companion.chapters.c13_ternary import study as ternary
from lossless_inr_lite.companion.chapters.c14_bit_depth_expansion import figures as expansion
from lossless_inr_lite.companion.chapters.c14_bit_depth_expansion.study import Extrapolated
from lossless_inr_lite.companion.chapters.c15_lossless_compression import figures as compression
from lossless_inr_lite.companion.claims import Verdict, committed_records
from lossless_inr_lite.companion.evidence_record import EXPERIMENT
from lossless_inr_lite.companion.evidence_record import verdicts as sweep_verdicts
from lossless_inr_lite.companion.paths import RESULTS
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.tables import in_order
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import write_json

Record = Mapping[str, Any]


def verdicts_of(record: Record) -> list[Verdict]:
    """The verdicts of a chapter's record. Raises InputError for a record of anything else."""
    judge = CHAPTERS.get(record["experiment"])
    if judge is None:
        raise InputError(f"no chapter judges records of {record['experiment']!r}")
    return judge(record)


def main() -> int:
    """Write the verdicts of all committed records of chapters anew; exit 0."""
    for profile, name, record in committed_records():
        if record["experiment"] in CHAPTERS:
            verdicts = [vars(verdict) for verdict in verdicts_of(record)]
            write_json(RESULTS / profile / f"{name}.json", {**record, "verdicts": verdicts})
            print(f"{profile}/{name}: {len(verdicts)} verdicts")
    return 0


def fits_of(record: Record, part: str = "") -> list[Row]:
    """The rows of a record whose labels begin with `part`, in the order of the run."""
    return in_order(row for label, row in record["fits"].items() if label.startswith(part))


def _bit_planes(record: Record) -> list[Verdict]:
    facts = record["facts"]
    levels = [
        {int(bits): share for bits, share in facts[name].items()} for name in ("below", "above")
    ]
    return bit_planes.verdicts(facts["recombined"], *levels)


def _fast(record: Record) -> list[Verdict]:
    (headline,) = record["fits"].values()
    facts = record["facts"]
    return fast.verdicts(headline, facts["samples"], facts.get("arrived", False))


def _capacity(record: Record) -> list[Verdict]:
    return capacity.verdicts([capacity.SizeRatio(*pair) for pair in record["facts"]["pairs"]])


def _baselines(record: Record) -> list[Verdict]:
    found = []
    for rates in ("paper", "best"):
        found += baselines.verdicts(fits_of(record, f"{rates}/"), rates)
    return found


def _ablations(record: Record) -> list[Verdict]:
    by_loss = fits_of(record, "losses")
    return ablations.verdicts(by_loss, fits_of(record, "colours"), record["facts"]["silent"])


def _bounds(record: Record) -> list[Verdict]:
    facts = record["facts"]
    powers = {int(d): Exponents(*found) for d, found in facts["exponents"].items()}
    stored = [Stored(**row) for row in facts["stored"]]
    orders = [Order(**row) for row in facts["orders"]]
    depths = [Order(**row) for row in facts["depths"]]
    return [
        *bounds.printed_verdicts(),
        *bounds.slack_verdicts([Slack(**row) for row in facts["slack"]], powers),
        *bounds.picture_verdicts(stored, orders, depths),
    ]


def _bit_bias(record: Record) -> list[Verdict]:
    labels = [label for label in record["fits"] if not label.startswith("deep/")]
    natural = in_order(record["fits"][name] for name in labels if not _is_moved(name))
    moved = in_order(record["fits"][name] for name in labels if _is_moved(name))
    return bit_bias.verdicts(natural + moved)


def _is_moved(label: str) -> bool:
    return label.startswith("rearranged/")


def _bit_spectrum(record: Record) -> list[Verdict]:
    kept = [row for label, row in record["fits"].items() if not label.startswith("real/")]
    return bit_spectrum.verdicts(in_order(kept))


def _audio(record: Record) -> list[Verdict]:
    kept = [row for label, row in record["fits"].items() if label != "float"]
    return audio.verdicts(in_order(kept), record["facts"]["transcripts"], record["fits"]["float"])


def _ternary(record: Record) -> list[Verdict]:
    rows = in_order(row for label, row in record["fits"].items() if label != "ternary")
    precision = record["facts"]["precision"]
    return [*ternary.verdicts(rows), *ternary.precision_verdicts(precision, rows)]


def _expansion(record: Record) -> list[Verdict]:
    facts = record["facts"]
    known = {name: Extrapolated(**found) for name, found in facts["extrapolated"].items()}
    return expansion.verdicts(facts["rows"], known)


def _compression(record: Record) -> list[Verdict]:
    facts = record["facts"]
    best = min(facts["level_0"], key=lambda row: row["total"]) | {"png": facts["level_0_png"]}
    return compression.verdicts(facts["sets"], facts["pictures"], facts["ablation"], best)


CHAPTERS: Mapping[str, Callable[[Record], list[Verdict]]] = {
    "01_bit_planes": _bit_planes,
    "02_image_fitting": lambda record: image_fitting.verdicts(record["fits"]),
    "03_fast_fitting": _fast,
    "04_capacity": _capacity,
    "05_baselines": _baselines,
    "06_backbones": lambda record: backbones.verdicts(fits_of(record)),
    "07_hypothesis": lambda record: hypothesis.verdicts(fits_of(record)),
    "08_ablations": _ablations,
    "09_upper_bound": _bounds,
    "10_bit_bias": _bit_bias,
    "11_bit_spectral_bias": _bit_spectrum,
    "12_audio": _audio,
    "13_ternary": _ternary,
    "14_bit_depth_expansion": _expansion,
    "15_lossless_compression": _compression,
    EXPERIMENT: sweep_verdicts,
    "paper_recipe": lambda record: image_fitting.verdicts(record["fits"]),
}
"""How the verdicts follow from the records of each chapter, and of the paper's recipe on Kodak."""


if __name__ == "__main__":
    sys.exit(main())
