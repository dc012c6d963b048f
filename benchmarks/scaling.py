"""Seconds of FAST against pixels and bits, for one network and for tiles, with fitted exponents.

``python benchmarks/scaling.py --output scaling.json``

Fits of one network above ``--largest-global`` pixels a side are projected: their first steps are
timed, and the steps that they would need are taken from the largest fit that ran to its end. They
are marked so.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from measure import add_output, command, load_average, make_record, run_command

import lossless_inr_lite as lil
from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.files import write_json
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.training.recipes import parameter_budget, widest

TILES = "tiles of 32"
GLOBAL = "one network"
TILE_OF_LAYOUT = {TILES: 32, GLOBAL: None}
DEPTHS = (8, 16)
HIDDEN_LAYERS = 2
STEPS_TIMED = 8

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each fit and the exponents, and write the record."""
    parser = command(__doc__)
    parser.add_argument("--signal", default="astronaut", help="a picture as large as the sizes")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--largest-global", type=int, default=128)
    add_output(parser)
    options = parser.parse_args(arguments)
    if min(options.sizes) > options.largest_global:
        raise lil.InputError(
            f"--largest-global is {options.largest_global}: it has to be at least the smallest of "
            f"--sizes, {min(options.sizes)}, for the others are projected from what was measured"
        )
    rows: list[Row] = []
    for num_bits in DEPTHS:
        for layout in TILE_OF_LAYOUT:
            for size in sorted(options.sizes):
                signal = deep(lil.load_image(options.signal, size=size), num_bits)
                to_the_end = layout != GLOBAL or size <= options.largest_global
                place = {
                    "layout": layout,
                    "num_bits": num_bits,
                    "size": size,
                    "projected": not to_the_end,
                    "load_average": load_average(),
                }
                if to_the_end:
                    costs = full(signal, TILE_OF_LAYOUT[layout])
                else:
                    costs = projected(signal, measured(rows, layout, num_bits)[-1])
                rows.append(place | costs)
                print(line(rows[-1]), flush=True)
    exponents = {
        f"{layout}, {num_bits} bits": exponent(measured(rows, layout, num_bits))
        for layout in TILE_OF_LAYOUT
        for num_bits in DEPTHS
    }
    print(exponents)
    record = make_record("scaling", {"signal": options.signal}, rows=rows, exponents=exponents)
    write_json(options.output, record)


def deep(picture: lil.Signal, num_bits: int) -> lil.Signal:
    """The picture itself for 8 bits; for 16 it gets eight more bits of noise below its own.

    So all 16 bit-planes carry something.
    """
    if num_bits == 8:
        return picture
    noise = np.random.default_rng(0).integers(0, 256, picture.samples.shape, dtype=np.uint16)
    return lil.Signal((picture.samples.astype(np.uint16) << 8) + noise, 16, f"{picture.name}16")


def full(signal: lil.Signal, tile: int | None) -> Row:
    """The cost of a fit to its end with as many parameters as FAST takes by default.

    Raises RuntimeError when the fit is not lossless: its seconds would say nothing.
    """
    fit = lil.fit(signal, architecture_for(signal.spec, tile), certify=False)
    if fit.stopped != "lossless":
        raise RuntimeError(f"the fit of {signal.name} is not lossless but ended by {fit.stopped}")
    last = fit.history.last
    return {
        "pixels": signal.samples.shape[0] ** 2,
        "seconds": last.seconds,
        "iterations": last.iteration,
        "samples_seen": last.samples_seen,
        "num_parameters": fit.num_parameters,
    }


def projected(signal: lil.Signal, largest: Row) -> Row:
    """Seconds per sample of the first steps, times the samples that the fit would need.

    It is taken to need as many passes over its pixels as `largest`, the largest full fit.
    """
    architecture = architecture_for(signal.spec, None)
    fit = lil.fit(signal, architecture, max_iterations=STEPS_TIMED, certify=False)
    last = fit.history.last
    pixels = signal.samples.shape[0] ** 2
    samples_seen = largest["samples_seen"] / largest["pixels"] * pixels
    return {
        "pixels": pixels,
        "seconds": last.seconds / last.samples_seen * samples_seen,
        "iterations": None,
        "samples_seen": samples_seen,
        "num_parameters": fit.num_parameters,
    }


def architecture_for(spec: lil.SignalSpec, tile: int | None) -> Architecture:
    """Bit heads, with the width and the first frequency that FAST would choose for such tiles."""
    posed = get_formulation("bit_heads", tile)
    width = widest(posed, spec, "siren", HIDDEN_LAYERS, parameter_budget(spec))
    return Architecture(
        formulation="bit_heads",
        network="siren",
        hidden_features=width,
        hidden_layers=HIDDEN_LAYERS,
        tile=tile,
        options={"first_omega_0": 2.0 * max(posed.tile_sides(spec))},
    )


def measured(rows: list[Row], layout: str, num_bits: int) -> list[Row]:
    """The rows of one layout and depth that are not projected, in the order of their sizes."""
    kept = [row for row in rows if not row["projected"]]
    return [row for row in kept if row["layout"] == layout and row["num_bits"] == num_bits]


def exponent(rows: list[Row]) -> float | None:
    """The exponent e of seconds = c pixels^e, by least squares of the logarithms.

    None for fewer than two sizes, through which no single line goes.
    """
    pixels = [row["pixels"] for row in rows]
    seconds = [row["seconds"] for row in rows]
    if len(set(pixels)) < 2:
        return None
    slope, _ = np.polyfit(np.log(pixels), np.log(seconds), 1)
    return float(slope)


def line(row: Row) -> str:
    """A row as it is printed."""
    mark = " (projected)" if row["projected"] else ""
    return (
        f"{row['layout']}, {row['num_bits']} bits, {row['size']}: {row['seconds']:.2f} s, "
        f"{row['num_parameters']} parameters, load average {row['load_average']:.2f}{mark}"
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
