"""FAST over seeds and pictures: how often does it fail?

``python benchmarks/seeds.py --signals DIR --bits 8 --bits-per-parameter 1.2 --seeds 20 --files 5 --output seeds.json``

Every fit is checked for zero wrong bits in float32 and float64; certificates in new processes are left to `bench.py`.
"""

import argparse
from pathlib import Path

import lossless_inr_lite as lil
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.files import write_json
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.training.recipes import default_tile, widest


def main() -> None:
    """Print a line a picture, the failures, and write all seconds as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signals", type=Path, required=True)
    parser.add_argument("--files", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--bits", type=int, required=True)
    parser.add_argument("--bits-per-parameter", type=float, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--max-seconds", type=float, default=120.0)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    rows = []
    for path in sorted(options.signals.glob("*.png"))[: options.files]:
        signal = lil.load_image(path, options.size, options.bits)
        tile = default_tile(signal.spec)
        budget = int(signal.spec.total_bits / options.bits_per_parameter)
        width = widest(get_formulation("bit_heads", tile), signal.spec, "siren", 2, budget)
        for seed in range(options.seeds):
            fit = lil.fit(
                signal,
                formulation="bit_heads",
                network="siren",
                hidden_features=width,
                hidden_layers=2,
                tile=tile,
                seed=seed,
                max_seconds=options.max_seconds,
                options={"first_omega_0": 64.0},
                certify=False,
            )
            rows.append(
                {
                    "name": signal.name,
                    "seed": seed,
                    "stopped": fit.stopped,
                    "wrong_bits": fit.entry.wrong_bits,
                    "seconds": fit.history.entries[-1].seconds,
                    "num_parameters": fit.num_parameters,
                }
            )
        seconds = sorted(row["seconds"] for row in rows if row["name"] == signal.name)
        failed = sum(row["stopped"] != "lossless" for row in rows if row["name"] == signal.name)
        print(
            f"{signal.name}: {failed} of {options.seeds} failed; seconds {seconds[0]:.2f} to {seconds[-1]:.2f}",
            flush=True,
        )
    failures = sum(row["stopped"] != "lossless" for row in rows)
    print(
        f"{failures} failures in {len(rows)} fits at {options.bits_per_parameter} bits a parameter"
    )
    parameters = {
        name: value for name, value in vars(options).items() if not isinstance(value, Path)
    }
    record = {"schema_version": SCHEMA_VERSION, "experiment": "seeds", "parameters": parameters}
    write_json(
        options.output,
        record | {"environment": environment(), "rows": rows, "failures": failures, "fits": {}},
    )


if __name__ == "__main__":
    main()
