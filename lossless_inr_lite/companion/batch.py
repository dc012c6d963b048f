"""Run notebooks through papermill: ``python -m lossless_inr_lite.companion.batch --profile P [NOTEBOOK ...]``.

Each notebook gets a folder below _build/runs/P with the executed notebook, its log, its record and what it
saves. A notebook that fails does not stop the others; the exit code is 1 if one failed and 2 for bad input.
"""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import papermill
import yaml

from lossless_inr_lite.companion.paths import NOTEBOOKS, PARAMS, run_folder
from lossless_inr_lite.errors import InputError, check_choice


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the asked-for notebooks (all by default) at one profile; see the module's text for the exit codes."""
    parser = argparse.ArgumentParser(
        prog="python -m lossless_inr_lite.companion.batch", description=__doc__
    )
    parser.add_argument("--profile", default="lite")
    parser.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="names without .ipynb; default: all"
    )
    options = parser.parse_args(arguments)
    try:
        jobs = plan(options.profile, options.notebooks)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    failed = [
        name for name, parameters in jobs.items() if not run(name, options.profile, parameters)
    ]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def plan(profile: str, notebooks: Sequence[str]) -> dict[str, Path]:
    """Parameter file of each notebook to run. Raises InputError for unknown notebooks and profiles."""
    known = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    names = [check_choice("notebook", Path(name).stem, known) for name in notebooks] or known
    jobs = {name: PARAMS / f"{name}.{profile}.yaml" for name in names}
    for name, path in jobs.items():
        profiles = [p.suffixes[0][1:] for p in PARAMS.glob(f"{name}.*.yaml")]
        if not path.is_file():
            raise InputError(
                f"notebook {name} has no profile {profile!r}: allowed are {', '.join(sorted(profiles))}"
            )
    return jobs


def run(name: str, profile: str, parameters: Path) -> bool:
    """Execute one notebook; True when it ran to its end. What happened stands in its folder either way."""
    folder = run_folder(profile, name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").unlink(
        missing_ok=True
    )  # a failed run must not show an older one's record
    values = yaml.safe_load(parameters.read_text(encoding="utf-8")) or {}
    handler = logging.FileHandler(folder / "log.txt", mode="w", encoding="utf-8")
    logger = logging.getLogger("papermill")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    started = time.perf_counter()
    try:
        papermill.execute_notebook(
            NOTEBOOKS / f"{name}.ipynb",
            folder / f"{name}.ipynb",
            values,
            kernel_name="python3",
            progress_bar=False,
            log_output=True,
            cwd=NOTEBOOKS,
        )
    except Exception as error:  # whatever a notebook raises: the others still run
        logger.error("%s", error)
        print(
            f"{name}: FAILED after {time.perf_counter() - started:.1f} s: {_last_line(error)}",
            file=sys.stderr,
        )
        return False
    finally:
        logger.removeHandler(handler)
        handler.close()
    print(f"{name}: done in {time.perf_counter() - started:.1f} s, {folder / (name + '.ipynb')}")
    return True


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
