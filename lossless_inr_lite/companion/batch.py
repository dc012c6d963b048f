"""Run notebooks through papermill, side by side if asked to.

``python -m lossless_inr_lite.batch --profile P [--jobs N] [--shard I/N] [--retries K]
[--threads T] [NOTEBOOK ...]``

Each notebook gets a folder below _build/runs/P with the executed notebook, its log, its record and
what it saves. A notebook that fails does not stop the others; the exit code is 1 if one failed and
2 for bad input.
"""

import argparse
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
import yaml
from jupyter_client.manager import AsyncKernelManager
from tqdm import tqdm

from lossless_inr_lite.companion.kernels import file_kernel
from lossless_inr_lite.companion.locks import BATCH, RUN, FolderLock, check_free
from lossless_inr_lite.companion.paths import NOTEBOOKS, PARAMS, run_folder
from lossless_inr_lite.errors import InputError, check_choice

# exit codes
DONE = 0
FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130


@dataclass(frozen=True)
class Settings:
    """How notebooks are run: `threads` of each (None: all cores) and `retries` after a failure."""

    profile: str
    threads: int | None = None
    retries: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a notebook's run ended; `text` says it behind the notebook's name."""

    name: str
    is_done: bool
    text: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the asked-for notebooks (all by default) at one profile, and return the exit code."""
    options = _options(arguments)
    try:
        check_count("jobs", options.jobs, 1)
        check_count("retries", options.retries, 0)
        check_count("threads", options.threads, 1)
        notebooks = shard(plan(options.profile, options.notebooks), options.shard)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    threads = options.threads
    if threads is None and options.jobs > 1:
        threads = 1
    settings = Settings(options.profile, threads, options.retries)
    batch = Batch(notebooks, settings)
    try:
        failed = batch.run_all(options.jobs)
    except KeyboardInterrupt:
        print("interrupted: the notebooks that are done stay", file=sys.stderr)
        return INTERRUPTED
    if failed:
        print(f"failed: {', '.join(sorted(failed))}", file=sys.stderr)
        return FAILED
    return DONE


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m lossless_inr_lite.batch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", default="lite")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks at once")
    parser.add_argument(
        "--shard", default="1/1", metavar="I/N", help="only part I of N, for N machines"
    )
    parser.add_argument(
        "--retries", type=int, default=0, help="how often a notebook that failed is run again"
    )
    parser.add_argument(
        "--threads", type=int, help="of each notebook; default: 1, or all with --jobs 1"
    )
    parser.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="names without .ipynb; default: all"
    )
    return parser.parse_args(arguments)


def check_count(name: str, value: int | None, least: int) -> None:
    """Raise InputError for an integer below `least`."""
    if value is not None and value < least:
        raise InputError(f"{name} is {value}: allowed are integers from {least}")


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


def shard(jobs: Mapping[str, Path], part: str) -> dict[str, Path]:
    """Part I of N of the jobs, for `part` "I/N": every N-th one, from the I-th on.

    The parts 1/N to N/N hold every job once. Raises InputError for another form.

    >>> shard({"a": Path("a"), "b": Path("b"), "c": Path("c")}, "2/2")
    {'b': PosixPath('b')}
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", part)
    first, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= first <= count:
        raise InputError(f"shard is {part!r}: allowed is I/N with I from 1 to N, such as 1/4")
    return dict(list(jobs.items())[first - 1 :: count])


class Batch:
    """Notebooks that are run, some at once, and what is still to be done."""

    def __init__(self, notebooks: Mapping[str, Path], settings: Settings) -> None:
        self.notebooks = notebooks
        self.settings = settings
        self._kernels: dict[str, AsyncKernelManager] = {}
        self._is_stopped = threading.Event()

    def run_all(self, jobs: int) -> list[str]:
        """Run all notebooks, `jobs` at once, and print a line for each; return those that failed.

        On a terminal a bar shows how far it is.
        """
        failed = []
        left = len(self.notebooks)
        on_terminal = sys.stderr.isatty()
        with (
            tqdm(total=left, unit="notebook", disable=not on_terminal, leave=False) as bar,
            ThreadPoolExecutor(jobs) as pool,
        ):
            running = [pool.submit(self.run, name) for name in self.notebooks]
            try:
                for future in as_completed(running):
                    outcome = future.result()
                    left -= 1
                    bar.update()
                    _tell(f"{outcome.name}: {outcome.text} ({left} left)", outcome.is_done)
                    if not outcome.is_done:
                        failed.append(outcome.name)
            except BaseException:
                self._stop()
                raise
        return failed

    def run(self, name: str) -> Outcome:
        """Execute one notebook, again when it fails, as often as `retries` allows.

        What happened stands in the notebook's folder either way. Nothing is touched there when
        another run writes into it.
        """
        if self._is_stopped.is_set():
            return Outcome(name, False, "NOT RUN: interrupted")
        folder = run_folder(self.settings.profile, name)
        try:
            lock = FolderLock(folder, BATCH)
        except InputError as error:
            return Outcome(name, False, f"NOT RUN: {error}")
        try:
            check_free(folder, RUN)
            return self._tried(name, folder)
        except InputError as error:
            return Outcome(name, False, f"NOT RUN: {error}")
        finally:
            lock.release()

    def _tried(self, name: str, folder: Path) -> Outcome:
        """Do `run`, in a folder in which nobody else runs."""
        values = yaml.safe_load(self.notebooks[name].read_text(encoding="utf-8")) or {}
        (folder / "log.txt").unlink(missing_ok=True)
        outcome = self._run_once(name, folder, values)
        for trial in range(1, self.settings.retries + 1):
            if outcome.is_done or self._is_stopped.is_set():
                break
            _tell(f"{name}: {outcome.text}, trying again ({trial} of {self.settings.retries})")
            outcome = self._run_once(name, folder, values)
        return outcome

    def _run_once(self, name: str, folder: Path, values: Mapping[str, Any]) -> Outcome:
        # A failed run must not show an older one's record.
        (folder / "record.json").unlink(missing_ok=True)
        executed = folder / f"{name}.ipynb"
        started = time.perf_counter()
        with (
            _logged(folder / "log.txt") as logger,
            file_kernel("python3", self.settings.threads) as kernel,
        ):
            self._kernels[name] = kernel
            try:
                papermill.execute_notebook(
                    NOTEBOOKS / f"{name}.ipynb",
                    executed,
                    values,
                    kernel_name="python3",
                    km=kernel,
                    progress_bar=False,
                    log_output=True,
                    cwd=NOTEBOOKS,
                )
            except Exception as error:  # whatever a notebook raises: the others still run
                logger.error("%s", error)
                seconds = time.perf_counter() - started
                return Outcome(name, False, f"FAILED after {seconds:.1f} s: {_last_line(error)}")
            finally:
                del self._kernels[name]
        seconds = time.perf_counter() - started
        return Outcome(name, True, f"done in {seconds:.1f} s, {executed}")

    def _stop(self) -> None:
        """Start nothing more, and end the kernels that run: their notebooks then fail."""
        self._is_stopped.set()
        for kernel in list(self._kernels.values()):
            pid = getattr(kernel.provisioner, "pid", None)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)


@contextmanager
def _logged(path: Path) -> Iterator[logging.Logger]:
    """Papermill's logger, which adds to a file at `path` what this thread says meanwhile."""
    handler = logging.FileHandler(path, mode="a", encoding="utf-8")
    thread = threading.get_ident()
    handler.addFilter(lambda record: record.thread == thread)
    logger = logging.getLogger("papermill")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        handler.close()


def _tell(line: str, is_good: bool = False) -> None:
    """Print a line, above the bar if there is one."""
    tqdm.write(line, file=sys.stdout if is_good else sys.stderr)
    (sys.stdout if is_good else sys.stderr).flush()


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
