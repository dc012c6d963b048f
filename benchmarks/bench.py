"""PAPER against FAST on a folder of pictures, alternately in one run, at no more parameters for FAST.

``python benchmarks/bench.py --signals DIR --size 64 --hidden-features 128 --repeat 3 --budget 600 --output bench.json``

Every fit is a process of its own, so that its peak memory and its CPU seconds are its own. `seconds` are those of
the fit alone, and ratios compare these; `command` are those of the whole process: imports, loading, fitting,
certifying in another process, saving. Where PAPER would take longer than the budget, 3 of its steps are timed, once
for each depth, and multiplied by the iterations that the paper prints for it (Table 1): the row is then *projected*.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import lossless_inr_lite as lil
from lossless_inr_lite.companion.records import (
    SCHEMA_VERSION,
    environment,
    paper_value,
    peak_memory,
)
from lossless_inr_lite.files import write_json

COLUMNS = (
    "seconds",
    "command_seconds",
    "cpu_seconds",
    "samples_seen",
    "flops",
    "num_parameters",
    "peak_memory_bytes",
)
STEPS_TIMED = 3


def main() -> None:
    """Print a line a fit and the ratios with their median and range, and write the same as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--signals", type=Path, default=None, help="folder of pictures; default: two embedded ones"
    )
    parser.add_argument("--files", type=int, help="only the first so many")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--bits", type=int, help="only pictures of this depth")
    parser.add_argument("--hidden-features", type=int, default=128, help="width of PAPER's network")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--budget", type=float, default=600.0, help="seconds above which PAPER is projected"
    )
    parser.add_argument("--output", type=Path, default=Path("_build/bench.json"))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(_worker(json.loads(options.worker))))
        return
    rows: list[dict[str, Any]] = []
    options.first_steps = {}  # of PAPER by depth: all pictures have the same size, so a step costs the same
    for source in _sources(options):
        for repeat in range(options.repeat):
            pair = [_measure(source, recipe, options, repeat) for recipe in ("paper", "fast")]
            rows += pair
            for row in pair:
                print(_line(row), flush=True)
            _write(options, rows)
    print(_ratios(rows))


def _sources(options: argparse.Namespace) -> list[str]:
    if options.signals is None:
        options.depths = {"astronaut": 8, "coffee": 8}
        return list(options.depths)
    found, options.depths = [], {}
    for path in sorted(options.signals.glob("*.png")):
        try:
            options.depths[str(path)] = lil.load_image(path, options.size, options.bits).num_bits
        except lil.InputError as error:
            print(f"left out: {error}", file=sys.stderr)
        else:
            found.append(str(path))
    return found[: options.files]


def _measure(source: str, recipe: str, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """One fit in a process of its own; PAPER is projected when its first steps say that it would take too long."""
    task = {
        "source": source,
        "size": options.size,
        "recipe": recipe,
        "seed": seed,
        "steps": None,
        "width": options.hidden_features if recipe == "paper" else None,
    }
    if recipe == "paper":
        name, depth = Path(source).stem, options.depths[source]
        short = options.first_steps.setdefault(depth, None) or _in_process(
            task | {"steps": STEPS_TIMED}
        )
        options.first_steps[depth] = short
        short = short | {"name": name, "seed": seed}
        printed = paper_value(
            "table1", "iterations", data="TESTIMAGES" if depth > 8 else "Kodak", method="ours"
        )
        iterations = int(printed.split()[0])
        factor = iterations / STEPS_TIMED
        if short["seconds"] * factor > options.budget:
            for column in ("seconds", "cpu_seconds", "samples_seen", "flops"):
                short[column] *= factor
            return short | {
                "projected": iterations,
                "verdict": "projected",
                "command_seconds": None,
            }
    return _in_process(task) | {"projected": None}


def _in_process(task: dict[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    command = [sys.executable, __file__, "--worker", json.dumps(task)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout) | {"command_seconds": time.perf_counter() - started}


def _worker(task: dict[str, Any]) -> dict[str, Any]:
    signal = lil.load_image(task["source"], task["size"])
    cpu = time.process_time()
    fit = lil.fit(
        signal,
        hidden_features=task["width"],
        recipe=task["recipe"],
        seed=task["seed"],
        max_iterations=task["steps"],
        certify=False,
    )
    cpu = time.process_time() - cpu
    last = fit.history.entries[-1]
    seconds = last.seconds
    if (
        task["steps"] is not None
    ):  # steps alone: the first evaluation, before any of them, also warms up
        seconds -= fit.history.entries[0].seconds
        cpu *= seconds / last.seconds
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = lil.save(fit, Path(folder) / "fit.safetensors")
            fit.certificate = lil.certify(path, signal, max_seconds=max(5.0, last.seconds))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {
        "name": signal.name,
        "recipe": task["recipe"],
        "seed": task["seed"],
        "shape": list(signal.samples.shape),
        "num_bits": signal.num_bits,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "iterations": last.iteration,
        "samples_seen": last.samples_seen,
        "flops": last.flops,
        "num_parameters": fit.num_parameters,
        "bits_per_parameter": signal.spec.total_bits / fit.num_parameters,
        "peak_memory_bytes": max(peak_memory(), children),
        "verdict": "lossless" if fit.lossless else fit.stopped,
    }


def _line(row: dict[str, Any]) -> str:
    values = " ".join(f"{name}={row[name]:.4g}" for name in COLUMNS if row[name] is not None)
    return f"{row['name']} {row['recipe']} {row['verdict']} iterations={row['projected'] or row['iterations']} {values}"


def _ratios(rows: list[dict[str, Any]]) -> str:
    """PAPER over FAST, pair by pair."""
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    lines = []
    for column in ("seconds", "cpu_seconds", "samples_seen", "flops"):
        ratios = [paper[column] / fast[column] for paper, fast in pairs]
        lines.append(
            f"{column}: PAPER / FAST = {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
        )
    certified = sum(fast["verdict"] == "lossless" for _, fast in pairs)
    projected = sum(paper["projected"] is not None for paper, _ in pairs)
    lines.append(
        f"FAST certified lossless: {certified} of {len(pairs)}; PAPER projected: {projected} of {len(pairs)}"
    )
    return "\n".join(lines)


def _write(options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    parameters = {
        name: getattr(options, name)
        for name in ("size", "bits", "hidden_features", "repeat", "budget")
    }
    write_json(
        options.output,
        {
            "schema_version": SCHEMA_VERSION,
            "experiment": "bench",
            "parameters": parameters,
            "environment": environment(),
            "rows": rows,
            "ratios": _ratios(rows).splitlines(),
            "fits": {},
        },
    )


if __name__ == "__main__":
    main()
