"""Run notebooks through papermill.

``python -m lossless_inr_lite.batch --profile P [NOTEBOOK ...]``

Each notebook gets a folder below _build/runs/P with the executed notebook, its log, its record and
what it saves. A notebook that fails does not stop the others; the exit code is 1 if one failed and
2 for bad input.
"""

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import papermill
import yaml

from lossless_inr_lite.companion.locks import BATCH, RUN, FolderLock, check_free
from lossless_inr_lite.companion.paths import NOTEBOOKS, PARAMS, run_folder
from lossless_inr_lite.errors import InputError, check_choice

# exit codes
DONE = 0
FAILED = 1
BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the asked-for notebooks (all by default) at one profile, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m lossless_inr_lite.batch", description=__doc__)
    parser.add_argument("--profile", default="lite")
    parser.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="names without .ipynb; default: all"
    )
    options = parser.parse_args(arguments)
    try:
        jobs = plan(options.profile, options.notebooks)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    failed = []
    for name, parameters in jobs.items():
        if not run(name, options.profile, parameters):
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
        return FAILED
    return DONE


def plan(profile: str, notebooks: Sequence[str]) -> dict[str, Path]:
    """Parameter file of each notebook to run. Raises InputError for unknown notebooks and profiles.

    `notebooks` are names or paths; none means all.
    """
    known = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    names = [check_choice("notebook", Path(name).stem, known) for name in notebooks] or known
    jobs = {name: PARAMS / f"{name}.{profile}.yaml" for name in names}
    for name, path in jobs.items():
        if not path.is_file():
            there = sorted(p.suffixes[0][1:] for p in PARAMS.glob(f"{name}.*.yaml"))
            raise InputError(
                f"notebook {name} has no profile {profile!r}: allowed are {', '.join(there)}"
            )
    return jobs


def run(name: str, profile: str, parameters: Path) -> bool:
    """Execute one notebook; True when it ran to its end.

    What happened stands in the notebook's folder either way. Nothing is touched there when another
    run writes into it.
    """
    folder = run_folder(profile, name)
    try:
        lock = FolderLock(folder, BATCH)
    except InputError as error:
        print(f"{name}: NOT RUN: {error}", file=sys.stderr)
        return False
    try:
        check_free(folder, RUN)
        return _run_in(folder, name, parameters)
    except InputError as error:
        print(f"{name}: NOT RUN: {error}", file=sys.stderr)
        return False
    finally:
        lock.release()


def _run_in(folder: Path, name: str, parameters: Path) -> bool:
    """Do `run`, in a folder in which nobody else runs."""
    # A failed run must not show an older one's record.
    (folder / "record.json").unlink(missing_ok=True)
    values = yaml.safe_load(parameters.read_text(encoding="utf-8")) or {}
    started = time.perf_counter()
    with _logged(folder / "log.txt") as logger:
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
            seconds = time.perf_counter() - started
            print(f"{name}: FAILED after {seconds:.1f} s: {_last_line(error)}", file=sys.stderr)
            return False
    seconds = time.perf_counter() - started
    print(f"{name}: done in {seconds:.1f} s, {folder / (name + '.ipynb')}")
    return True


@contextmanager
def _logged(path: Path) -> Iterator[logging.Logger]:
    """Papermill's logger, which writes into a new file at `path` meanwhile."""
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    logger = logging.getLogger("papermill")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        handler.close()


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
