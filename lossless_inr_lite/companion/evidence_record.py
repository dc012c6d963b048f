"""The rows of `make evidence` as one record with its verdicts, to be committed.

``python -m lossless_inr_lite.companion.evidence_record ROWS [--output FILE]``

The sweep's rows become those that chapters 5, 7 and 8 judge: the method of Table 1 is also the last
row of Table 3 and the first of Table 8. A record is written from whatever rows are there.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lossless_inr_lite.companion.case import PAPER_RATE
from lossless_inr_lite.companion.chapters import c05_baselines as baselines
from lossless_inr_lite.companion.chapters import c07_hypothesis as hypothesis
from lossless_inr_lite.companion.chapters import c08_ablations as ablations
from lossless_inr_lite.companion.claims import Verdict
from lossless_inr_lite.companion.collect import read_rows
from lossless_inr_lite.companion.paper_tables import OURS
from lossless_inr_lite.companion.paths import RESULTS
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.companion.rows import Row, sources_of
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import write_json

EXPERIMENT = "evidence"
BAD_INPUT = 2
EQUAL_SAMPLES = ", equal samples"
"""Behind the name of a baseline that was fitted to as many samples as the method."""


def record_of(folder: Path) -> dict[str, Any]:
    """The record of the rows in a folder, with what is missing. Raises InputError as `read_rows`.

    Histories are left out: the judged moments are the ends.
    """
    fits = {}
    missing = {}
    for table in read_rows([folder]):
        missing[table.table] = table.missing
        for content in table.rows:
            row = {**content["row"], "made": content["made"]}
            row["history"] = row["history"][-1:]
            fits[content["key"]["label"]] = row
    record = {
        "schema_version": SCHEMA_VERSION,
        "experiment": EXPERIMENT,
        "environment": environment(),
        "made_by": sources_of(fits.values()),
        "seconds": sum(row["made"]["seconds"] for row in fits.values()),
        "facts": {"missing": missing},
        "fits": fits,
    }
    return {**record, "verdicts": [vars(said) for said in verdicts(record)]}


def verdicts(record: Mapping[str, Any]) -> list[Verdict]:
    """Tables 1, 3 and 8 judged on the rows of a record; other rates than the paper's are ours."""
    of_table: dict[str, list[Row]] = {}
    for row in record["fits"].values():
        of_table.setdefault(row["table"], []).append(row)
    at_papers = [row for row in of_table.get("1", []) if row["learning_rate"] == PAPER_RATE]
    at_best = [row for row in of_table.get("1", []) if row["learning_rate"] != PAPER_RATE]
    ours = [row for row in at_papers if row["method"] == OURS]
    digits = [row for row in of_table.get("3", []) if row["learning_rate"] == PAPER_RATE]
    colours = [row for row in of_table.get("8", []) if row["learning_rate"] == PAPER_RATE]
    found = []
    if at_papers:
        found += baselines.verdicts(compared(at_papers), baselines.PAPERS)
    if at_best:
        found += baselines.verdicts(compared(at_best), "best")
    if digits:
        found += hypothesis.table_3([*digits, *_renamed(ours, hypothesis.OURS)])
    if colours:
        found += ablations.table_8([*colours, *_renamed(ours, ablations.PLANES)])
    return found


def compared(rows: Sequence[Row]) -> list[Row]:
    """Rows of Table 1 as chapter 5 has them.

    A baseline's end, at the paper's iterations, is the moment at which it is compared; that of one
    with as many samples as the method is the same for samples. Without their histories nothing can
    be said of under-fitted pictures.
    """
    found = []
    for row in rows:
        if row["method"] == OURS:
            found.append({**row, "reference": True, "checkpoints": {}, "history": []})
            continue
        clock = "samples_seen" if row["method"].endswith(EQUAL_SAMPLES) else "iteration"
        end = {
            **row["metrics"],
            "ber_planes": row["ber_planes"],
            "iteration": row["iterations"],
        }
        found.append(
            {
                **row,
                "method": row["method"].removesuffix(EQUAL_SAMPLES),
                "reference": False,
                "checkpoints": {clock: end},
                "history": [],
            }
        )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the record; exit 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", type=Path, help="the folder of the rows")
    parser.add_argument("--output", type=Path, default=RESULTS / "cpu" / f"{EXPERIMENT}.json")
    options = parser.parse_args(arguments)
    try:
        record = record_of(options.rows)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    write_json(options.output, record)
    print(f"{options.output}: {len(record['fits'])} rows, {len(record['verdicts'])} verdicts")
    return 0


def _renamed(rows: Sequence[Row], method: str) -> list[Row]:
    return [{**row, "method": method} for row in rows]


if __name__ == "__main__":
    sys.exit(main())
