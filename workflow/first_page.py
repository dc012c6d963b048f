"""The movie of the book's first page: a picture becomes lossless.

``python workflow/first_page.py [--size 256] [--seed 0] [--output DIR] [--record FILE]``

The embedded photograph is fitted by the recipe `fast` and certified. The movie shows what the
network decodes to beside its wrong bits, on a logarithmic clock. Movie, poster and record are
written at the end; the first page quotes the record.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import matplotlib.pyplot as plt
import numpy as np

import lossless_inr_lite as lil
from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.media import pixels_of, times_of
from lossless_inr_lite.companion.paths import RESULTS, ROOT
from lossless_inr_lite.companion.plots import show_picture
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment
from lossless_inr_lite.companion.rows import load_average
from lossless_inr_lite.files import replacing, write_json

SIGNAL = "astronaut"
FRAMES = 60
FRAMES_A_SECOND = 12
LAST_FRAME_STAYS = 24  # frames, to rest on the result
POSTER_AT = 0.4  # of the frames: half learnt
SIZE_IN_INCHES = (7.2, 4.3)
DPI = 100
QUALITY = "30"  # of H.264, from 0 (exact) to 51
NOT_LOSSLESS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit, certify, and write the movie, its poster and the record; 3 when bits stay wrong."""
    options = _options(arguments)
    picture = lil.load_image(SIGNAL, size=options.size)
    strip = Filmstrip()
    fit = lil.fit(picture, seed=options.seed, callback=strip, progress=False)
    if not fit.lossless:
        print("error: the fit has wrong bits: try another seed", file=sys.stderr)
        return NOT_LOSSLESS
    with tempfile.TemporaryDirectory() as folder:
        saved = lil.save(fit, Path(folder) / f"{picture.name}.safetensors")
        decoded = lil.decode(saved)
    if decoded.sha256 != picture.sha256:
        print("error: the saved file decodes to other samples", file=sys.stderr)
        return NOT_LOSSLESS
    times = times_of([strip], FRAMES)
    frames = [movie_frame(strip.at("seconds", time), picture, time) for time in times]
    write_movie(options.output / "first_page.mp4", frames)
    iio.imwrite(options.output / "first_page.png", frames[int(POSTER_AT * FRAMES)])
    iio.imwrite(options.output / "first_page_end.png", frames[-1])
    write_json(options.record, record_of(fit, picture, strip, decoded))
    print(f"lossless after {fit.history.last.seconds:.1f} s")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256, help="side of the picture in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "book" / "_static")
    parser.add_argument("--record", type=Path, default=RESULTS / "cpu" / "first_page.json")
    return parser.parse_args(arguments)


def wrong_bits(words: np.ndarray, picture: lil.Signal) -> np.ndarray:
    """The wrong bits of every pixel, all channels together: (H, W) integers."""
    return np.bitwise_count(words ^ picture.words).sum(axis=-1)


def movie_frame(words: np.ndarray, picture: lil.Signal, seconds: float) -> np.ndarray:
    """What is decoded, beside its wrong bits: pixels (H, W, 3) uint8 with even sides."""
    wrong = wrong_bits(words, picture)
    total = int(wrong.sum())
    figure, (left, right) = plt.subplots(1, 2, figsize=SIZE_IN_INCHES, dpi=DPI)
    figure.subplots_adjust(0.01, 0.1, 0.99, 0.9, wspace=0.02)
    show_picture(left, words, picture.num_bits)
    left.set_title("decoded from the network", fontsize=11)
    right.imshow(wrong, cmap="inferno", vmin=0, vmax=picture.num_bits, interpolation="nearest")
    right.set_title("wrong bits", fontsize=11)
    right.set_axis_off()
    counted = f"{total:,} of {picture.spec.total_bits:,} bits wrong"
    told = counted if total else "0 bits wrong: the SHA-256 of all samples is equal"
    figure.text(0.5, 0.035, f"{seconds:.1f} s: {told}", ha="center", fontsize=12)
    return pixels_of(figure)


def write_movie(path: Path, frames: Sequence[np.ndarray]) -> None:
    """Write frames as an mp4 (H.264), the last one for longer."""
    shown = [*frames, *[frames[-1]] * LAST_FRAME_STAYS]
    with replacing(path) as temporary:
        iio.imwrite(
            temporary,
            np.stack(shown),
            fps=FRAMES_A_SECOND,
            codec="libx264",
            output_params=["-crf", QUALITY],
            macro_block_size=2,
            plugin="FFMPEG",
        )


def record_of(
    fit: lil.Fit, picture: lil.Signal, strip: Filmstrip, decoded: lil.Signal
) -> dict[str, Any]:
    """What the first page quotes, with the machine and its load; `decoded` is from the file."""
    certificate = fit.certificate
    assert certificate is not None
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": "first_page",
        "fits": {},
        "environment": environment(fit.device),
        "load_average": load_average(),
        "signal": picture.name,
        "shape": list(picture.samples.shape),
        "num_bits": picture.num_bits,
        "total_bits": picture.spec.total_bits,
        "networks": fit.model.formulation.groups(picture.spec),
        "num_parameters": fit.num_parameters,
        "seconds": fit.history.last.seconds,
        "first_wrong_bits": int(wrong_bits(strip.words[0], picture).sum()),
        "last_wrong_bits": int(wrong_bits(decoded.words, picture).sum()),
        "ways_of_decoding": len(certificate.ways),
        "sha256_samples": picture.sha256,
        "sha256_decoded": decoded.sha256,
    }


if __name__ == "__main__":
    sys.exit(main())
