"""Seconds of FAST against pixels and against bits, for one network and for tiles, with fitted exponents.

``python benchmarks/scaling.py --output scaling.json``

Global fits above ``--largest-global`` pixels a side are projected: their first steps are timed, and the steps that they
would need are taken from the largest fit that ran to its end. They are marked so.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import lossless_inr_lite as lil
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.files import write_json
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.training.recipes import parameter_budget, widest


def main() -> None:
    """Print a line a fit and the exponents, and write the record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signal", default="astronaut", help="a picture of at least 512 x 512")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--largest-global", type=int, default=128)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for num_bits in (8, 16):
        for layout, tile in (("tiles of 32", 32), ("one network", None)):
            for size in options.sizes:
                signal = deep(lil.load_image(options.signal, size=size), num_bits)
                measured = layout != "one network" or size <= options.largest_global
                rows.append(
                    {
                        "layout": layout,
                        "num_bits": num_bits,
                        "size": size,
                        "projected": not measured,
                    }
                    | (full(signal, tile) if measured else projected(signal, rows[-1]))
                )
                row = rows[-1]
                print(
                    f"{layout}, {num_bits} bits, {size}: {row['seconds']:.2f} s, {row['num_parameters']} parameters"
                    f"{' (projected)' if row['projected'] else ''}",
                    flush=True,
                )
    exponents = {}
    for layout in ("tiles of 32", "one network"):
        for num_bits in (8, 16):
            kept = [
                r
                for r in rows
                if (r["layout"], r["num_bits"], r["projected"]) == (layout, num_bits, False)
            ]
            pixels, seconds = ([r[what] for r in kept] for what in ("pixels", "seconds"))
            exponents[f"{layout}, {num_bits} bits"] = float(
                np.polyfit(np.log(pixels), np.log(seconds), 1)[0]
            )
    print(exponents)
    write_json(
        options.output,
        {
            "schema_version": SCHEMA_VERSION,
            "experiment": "scaling",
            "environment": environment(),
            "parameters": {"signal": options.signal},
            "rows": rows,
            "exponents": exponents,
            "fits": {},
        },
    )


def deep(picture: lil.Signal, num_bits: int) -> lil.Signal:
    """The picture itself, or with eight more bits of noise below its own, so that all 16 planes carry something."""
    if num_bits == 8:
        return picture
    noise = np.random.default_rng(0).integers(0, 256, picture.samples.shape, dtype=np.uint16)
    return lil.Signal((picture.samples.astype(np.uint16) << 8) + noise, 16, f"{picture.name}16")


def full(signal: lil.Signal, tile: int | None) -> dict[str, Any]:
    """A fit to its end at the default parameter budget."""
    fit = _fit(signal, tile, None)
    last = fit.history.entries[-1]
    assert fit.stopped == "lossless", (signal.name, fit.stopped)
    return {
        "pixels": signal.samples.shape[0] ** 2,
        "seconds": last.seconds,
        "iterations": last.iteration,
        "samples_seen": last.samples_seen,
        "num_parameters": fit.num_parameters,
    }


def projected(signal: lil.Signal, largest: dict[str, Any]) -> dict[str, Any]:
    """Seconds a sample of the first steps, times the passes that the largest full fit needed."""
    fit = _fit(signal, None, 8)
    last, pixels = fit.history.entries[-1], signal.samples.shape[0] ** 2
    seen = largest["samples_seen"] / largest["pixels"] * pixels
    return {
        "pixels": pixels,
        "seconds": last.seconds / last.samples_seen * seen,
        "iterations": None,
        "samples_seen": seen,
        "num_parameters": fit.num_parameters,
    }


def _fit(signal: lil.Signal, tile: int | None, steps: int | None) -> lil.Fit:
    posed = get_formulation("bit_heads", tile)
    width = widest(posed, signal.spec, "siren", 2, parameter_budget(signal.spec))
    first = {"first_omega_0": 2.0 * max(posed.tile_sides(signal.spec))}
    return lil.fit(
        signal,
        formulation="bit_heads",
        network="siren",
        hidden_features=width,
        hidden_layers=2,
        tile=tile,
        max_iterations=steps,
        options=first,
        certify=False,
    )


if __name__ == "__main__":
    main()
