"""What the commands of this folder share: options, a process for each fit, and their records.

Seconds mean little without the load under which they were taken. So every row and every record
tells the load average: the mean number of processes that ran or waited to run.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment, peak_memory
from lossless_inr_lite.companion.rows import load_average
from lossless_inr_lite.errors import InputError

BAD_INPUT = 2


def command(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the description as it stands in the source."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_pictures(
    parser: argparse.ArgumentParser, files: int | None = None, default: str | None = None
) -> None:
    """Add --signals, --files and --size.

    `files` is the default of --files, where None means all. `default` says in the help which
    signals are taken without --signals; where it is None, --signals is required.
    """
    folder = "a folder of PNG pictures, or one picture"
    if default is not None:
        folder += f"; default: {default}"
    parser.add_argument("--signals", type=Path, required=default is None, help=folder)
    parser.add_argument("--files", type=int, default=files, help="only the first so many")
    parser.add_argument(
        "--size", type=int, default=64, help="side to which the square in the middle is resampled"
    )


def add_output(parser: argparse.ArgumentParser, default: Path | None = None) -> None:
    """Add --output, the file of the record; it is required where there is no default."""
    parser.add_argument(
        "--output", type=Path, default=default, required=default is None, help="file of the record"
    )


def picture_files(signals: Path) -> list[Path]:
    """The PNG files of a folder in order, or the one file that `signals` is.

    Raises InputError when there is none.
    """
    if signals.is_file():
        return [signals]
    found = sorted(signals.glob("*.png"))
    if not found:
        raise InputError(f"{signals} is neither a picture nor a folder that holds a .png")
    return found


def run_command(main: Callable[[], None]) -> int:
    """Run `main` and return the exit code; bad input is one sentence and the code 2."""
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    return 0


def in_own_process(script: str | Path, task: dict[str, Any]) -> dict[str, Any]:
    """Run `script --worker TASK` and return the JSON object that it prints, with two more fields.

    `command_seconds` are those of the whole process. `load_average` is that of its start.

    Raises RuntimeError, with the last line of what the process said, when it fails.
    """
    load = load_average()
    started = time.perf_counter()
    program = [sys.executable, str(script), "--worker", json.dumps(task)]
    done = subprocess.run(program, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        reason = (done.stderr.splitlines() or ["no reason given"])[-1]
        raise RuntimeError(f"the process for {task} ended with {done.returncode}: {reason}")
    return json.loads(done.stdout) | {"command_seconds": seconds, "load_average": load}


def peak_memory_with_children() -> int:
    """The largest resident size, in bytes, of this process or of any that it started."""
    unit = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return max(peak_memory(), children)


def make_record(
    experiment: str, parameters: dict[str, Any] | None = None, **content: Any
) -> dict[str, Any]:
    """A record with the fields that all of them have, and `content`.

    `load_average` holds those of the last 1, 5 and 15 minutes.
    """
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "experiment": experiment,
        "environment": environment(),
        "load_average": list(os.getloadavg()),
        "fits": {},
    }
    if parameters is not None:
        record["parameters"] = parameters
    return record | content
