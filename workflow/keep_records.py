"""Copy the records (and the README's picture) of the last lite run to data/results/lite, to be committed."""

import shutil
import sys

from lossless_inr_lite.paths import NOTEBOOKS, RESULTS, RUNS

KEPT = {"record.json": ".json", "errors.png": ".png"}


def main() -> int:
    """Copy what is there; exit 1 and say so when a chapter has no record."""
    target, missing = RESULTS / "lite", []
    target.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        run = RUNS / "lite" / notebook.stem
        for name, suffix in KEPT.items():
            if (run / name).is_file():
                shutil.copyfile(run / name, target / (notebook.stem + suffix))
            elif name == "record.json":
                missing.append(notebook.stem)
    if missing:
        print(f"no record of a lite run: {', '.join(missing)}: make run PROFILE=lite first", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
