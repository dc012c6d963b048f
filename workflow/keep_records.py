"""Copy the records of the last run of a profile to data/results, to be committed.

``python workflow/keep_records.py [PROFILE]``

The README's picture goes with them. Of lite, the default, every chapter has to have a record. Of
the other profiles, those that are there are kept.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from lossless_inr_lite.companion.parameters import PROFILES
from lossless_inr_lite.companion.paths import NOTEBOOKS, RESULTS, RUNS
from lossless_inr_lite.errors import InputError, check_choice

DEFAULT_PROFILE = "lite"
RECORD = "record.json"
# Files of a run's folder, and the suffixes that follow the chapter's name in data/results.
SUFFIXES = {RECORD: ".json", "errors.png": ".png"}
MISSING = 1
BAD_INPUT = 2


def main(arguments: Sequence[str]) -> int:
    """Copy what is there. Exit 1 and say so when a chapter has no record, 2 for a bad profile."""
    profile = arguments[0] if arguments else DEFAULT_PROFILE
    try:
        check_choice("profile", profile, list(PROFILES))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    target = RESULTS / profile
    target.mkdir(parents=True, exist_ok=True)
    chapters = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    without = [name for name in chapters if not keep(RUNS / profile / name, target)]
    if profile == DEFAULT_PROFILE and without:
        print(
            f"no record of a lite run: {', '.join(without)}: make run PROFILE=lite first",
            file=sys.stderr,
        )
        return MISSING
    return 0


def keep(run: Path, target: Path) -> bool:
    """Copy the files of one chapter's run; false when there is no record among them."""
    for name, suffix in SUFFIXES.items():
        if (run / name).is_file():
            shutil.copyfile(run / name, target / f"{run.name}{suffix}")
    return (run / RECORD).is_file()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
