"""Copy the records (and the README's picture) of the last run of a profile to data/results, to be committed.

``python workflow/keep_records.py [PROFILE]``: of lite, the default, every chapter has to have one; of the others
those that have are kept.
"""

import shutil
import sys

from lossless_inr_lite.companion.parameters import PROFILES
from lossless_inr_lite.companion.paths import NOTEBOOKS, RESULTS, RUNS
from lossless_inr_lite.errors import check_choice

KEPT = {"record.json": ".json", "errors.png": ".png"}


def main() -> int:
    """Copy what is there; exit 1 and say so when a chapter has no record."""
    profile = check_choice("profile", (sys.argv[1:] or ["lite"])[0], list(PROFILES))
    target, missing = RESULTS / profile, []
    target.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        run = RUNS / profile / notebook.stem
        for name, suffix in KEPT.items():
            if (run / name).is_file():
                shutil.copyfile(run / name, target / (notebook.stem + suffix))
            elif name == "record.json" and profile == "lite":
                missing.append(notebook.stem)
    if missing:
        print(
            f"no record of a lite run: {', '.join(missing)}: make run PROFILE=lite first",
            file=sys.stderr,
        )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
