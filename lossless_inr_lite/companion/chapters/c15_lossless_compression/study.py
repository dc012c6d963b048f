"""Files of our codec and of others, what a network contributes, and where the bits go."""

import gzip
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.codec.adaptation import adapted
from lossless_inr_lite.codec.bit_streams import BitMeter
from lossless_inr_lite.codec.coding import decode, encode
from lossless_inr_lite.codec.container import parse
from lossless_inr_lite.codec.coordinate_prior import CoordinatePrior
from lossless_inr_lite.codec.learning import (
    SMALL_SETS,
    CoordinateRecipe,
    fit_picture,
    learn_prior,
    learn_side,
    sides_of,
)
from lossless_inr_lite.codec.priors import prior_bytes
from lossless_inr_lite.codec.single_picture import total_bits
from lossless_inr_lite.companion.chapters.c15_lossless_compression.standard_codecs import (
    CODECS,
    mosaic,
    smallest,
    takes,
)
from lossless_inr_lite.companion.lists import comma_list
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals import MAX_SAMPLES, Signal, load_image
from lossless_inr_lite.signals.embedded import embedded_path

BYTE = 8  # bits

# What the network of the ablation is told, more from step to step.
COORDINATES = "coordinates"
PREFIX = "+ prefix"
NEIGHBOURS = "+ neighbours"
ADAPTATION = "+ adaptation"
BLIND = "all but coordinates"
STEPS = (COORDINATES, PREFIX, NEIGHBOURS, ADAPTATION, BLIND)

DIGIT_SIDE = 28
IDX_HEAD = 16
IDX_OF_PICTURES = b"\x00\x00\x08\x03"
"""Three dimensions of unsigned bytes."""


# Sets of small pictures --------------------------------------------------------------------------


@dataclass(frozen=True)
class ChosenSet:
    """A set of small pictures, the prior that codes it, and its first picture that is coded."""

    name: str
    prior: str
    first: int


def parse_sets(text: str) -> list[ChosenSet]:
    """Read "name:prior:first, ...".

    Raises InputError for anything else.

    >>> parse_sets("digits:digits:4000")
    [ChosenSet(name='digits', prior='digits', first=4000)]
    """
    found = []
    for part in text.split(","):
        fields = part.strip().split(":")
        if len(fields) != 3 or not fields[2].isdecimal():
            raise InputError(f"sets is {text!r}: allowed are NAME:PRIOR:FIRST, separated by commas")
        name, prior, first = fields
        found.append(ChosenSet(name, prior, int(first)))
    return found


def load_set(name: str) -> np.ndarray:
    """Grey pictures of 8 bits, (N, H, W) uint8.

    They are the embedded "digits", in a random order that is always the same, or those of a gzipped
    IDX file. Raises InputError for another file, and for one with more than MAX_SAMPLES samples.
    """
    path = embedded_path(name)
    try:
        if path.name.endswith(".csv.gz"):
            return _read_digits(path)
        return _read_idx(path)
    except InputError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path.name} cannot be read as a set of pictures: {error}") from error


def _read_digits(path: Path) -> np.ndarray:
    columns = range(DIGIT_SIDE**2)
    with gzip.open(path) as file:
        rows = np.loadtxt(file, np.uint8, delimiter=",", usecols=columns)
    digits = rows.reshape(-1, DIGIT_SIDE, DIGIT_SIDE)
    return digits[np.random.default_rng(0).permutation(len(digits))]


def _read_idx(path: Path) -> np.ndarray:
    with gzip.open(path) as file:
        head = file.read(IDX_HEAD)
        count, height, width = (int.from_bytes(head[i : i + 4], "big") for i in (4, 8, 12))
        size = count * height * width
        if not head.startswith(IDX_OF_PICTURES) or size > MAX_SAMPLES:
            raise InputError(
                f"{path.name} is not an IDX file of pictures with at most {MAX_SAMPLES} samples"
            )
        data = file.read(size + 1)
    if len(data) != size:
        raise InputError(f"{path.name} does not hold the {size} samples that it declares")
    return np.frombuffer(data, np.uint8).reshape(count, height, width)


def as_signals(pictures: np.ndarray) -> list[Signal]:
    """Pictures (N, H, W) under the names that a folder of them would have."""
    return [
        Signal(picture[..., None], 8, f"picture_{number:05d}.png")
        for number, picture in enumerate(pictures)
    ]


# Whole files -------------------------------------------------------------------------------------


def measure_sets(text: str, coded: int) -> list[dict[str, Any]]:
    """`set_row` of the sets in `text` (see `parse_sets`), at most `coded` pictures of each."""
    rows = []
    for chosen in parse_sets(text):
        pictures = load_set(chosen.name)[chosen.first : chosen.first + coded]
        rows.append(set_row(chosen.name, pictures, chosen.prior))
    return rows


def set_row(name: str, pictures: np.ndarray, prior: str) -> dict[str, Any]:
    """A set (N, H, W): the container of all, and other codecs alone and pooled.

    The container is timed and decoded again.
    """
    row = _container_row(name, as_signals(pictures), prior, level=1)
    weights = len(prior_bytes(prior))
    return row | {
        "standard": standard_sizes(list(pictures)),
        "pooled": standard_sizes([mosaic(pictures)]),
        "weights_bytes": weights,
        "amortised_bpp": BYTE * (row["bytes"] + weights) / row["pixels"],
    }


def measure_pictures(names: str, size: int, priors: str) -> list[dict[str, Any]]:
    """`picture_row` of the pictures `names`, separated by commas; `priors` likewise, in turn.

    `size` is the side in pixels. Raises InputError where there is no prior.
    """
    turns = comma_list(priors)
    if not turns:
        raise InputError(f"priors is {priors!r}: at least one is needed, separated by commas")
    rows = []
    for number, name in enumerate(comma_list(names)):
        rows.append(picture_row(load_image(name, size), turns[number % len(turns)]))
    return rows


def picture_row(signal: Signal, prior: str) -> dict[str, Any]:
    """A picture: containers at levels 1 and 2, decoded again, and other codecs."""
    row = _container_row(signal.name, [signal], prior, level=1)
    adapted_row = _container_row(signal.name, [signal], prior, level=2)
    samples = signal.samples[..., 0] if signal.spec.channels == 1 else signal.samples
    return row | {
        "standard": standard_sizes([samples]),
        "adapted_bytes": adapted_row["bytes"],
        "adapted_seconds": adapted_row["encode_seconds"],
    }


def standard_sizes(pictures: Sequence[np.ndarray]) -> dict[str, int]:
    """Bytes of all pictures by codec, each picture a file of its own.

    Codecs that do not take the samples are left out.
    """
    return {
        codec: sum(len(smallest(codec, picture)) for picture in pictures)
        for codec in CODECS
        if takes(codec, pictures[0])
    }


def _container_row(name: str, signals: list[Signal], prior: str, level: int) -> dict[str, Any]:
    started = time.perf_counter()
    data = encode(signals, prior, level)
    encoded = time.perf_counter()
    back = decode(data)
    decoded = time.perf_counter()
    exact = all(
        ours.spec == theirs.spec and ours.sha256 == theirs.sha256
        for ours, theirs in zip(signals, back, strict=True)
    )
    if not exact:
        raise RuntimeError(f"the container of {name} did not decode to the same samples")
    height, width, channels = signals[0].samples.shape
    pixels = len(signals) * height * width
    return {
        "name": name,
        "prior": prior,
        "count": len(signals),
        "shape": [height, width, channels],
        "pixels": pixels,
        "num_bits": signals[0].num_bits,
        "bytes": len(data),
        "bpp": BYTE * len(data) / pixels,
        "exact": exact,
        "payload_bytes": sum(len(part.bits) for part in parse(data).parts),
        "encode_seconds": encoded - started,
        "decode_seconds": decoded - encoded,
    }


def ratio(rows: Sequence[Row], codec: str) -> float:
    """Mean over pictures of our bytes at level 1 over a codec's."""
    return float(np.mean([row["bytes"] / row["standard"][codec] for row in rows]))


# What the network contributes --------------------------------------------------------------------


def ablation(
    training: np.ndarray, coded: np.ndarray, recipe: CoordinateRecipe
) -> dict[str, dict[str, Any]]:
    """Code length of `coded` as the network is told more, by the `STEPS`.

    Both sets are (N, H, W) of 8 bits. "+ adaptation" is level 2: it alone learns from `coded`, and
    what it sends counts. The last step is "+ neighbours" without the coordinates.
    """
    told = {
        COORDINATES: replace(recipe, offsets=[], prefix="none"),
        PREFIX: replace(recipe, offsets=[], prefix="bits"),
        NEIGHBOURS: replace(recipe, offsets=SMALL_SETS, prefix="table"),
        BLIND: replace(recipe, offsets=SMALL_SETS, waves=()),
    }
    priors = {step: learn_prior(training, one) for step, one in told.items()}
    rows = {step: _code_row(prior, coded) for step, prior in priors.items()}
    side = learn_side(priors[NEIGHBOURS], coded[..., None].astype(np.uint32), 8)
    changed = adapted(priors[NEIGHBOURS], side)
    assert isinstance(changed, CoordinatePrior)
    rows[ADAPTATION] = _code_row(changed, coded, len(side))
    return {step: rows[step] for step in STEPS}


def rates_by_width(
    training: np.ndarray, coded: np.ndarray, recipe: CoordinateRecipe, widths: Sequence[int]
) -> list[dict[str, Any]]:
    """Rate against network size: the same prior at several widths.

    "bpp" is that of the code alone, "with_weights" that with the weights, shared by the set.
    """
    rows = []
    for width in widths:
        prior = learn_prior(training, replace(recipe, hidden=(width, width, width)))
        row = _code_row(prior, coded)
        shared = BYTE * row["weights_bytes"] / coded.size
        rows.append(row | {"width": width, "with_weights": row["bpp"] + shared})
    return rows


def _code_row(prior: CoordinatePrior, coded: np.ndarray, sent_bytes: int = 0) -> dict[str, Any]:
    lengths = bits_of(prior, coded)
    return {
        "bpp": (float(lengths.sum()) + BYTE * sent_bytes) / coded.size,
        "sent_bytes": sent_bytes,
        "weights_bytes": sum(tensor.nbytes for tensor in prior.tensors().values()),
        "planes": [float(lengths[..., plane].sum()) / coded.size for plane in range(8)],
    }


def bits_of(prior: CoordinatePrior, pictures: np.ndarray) -> np.ndarray:
    """Code lengths (N, H, W, planes) of pictures (N, H, W); plane 0 is the least significant."""
    meter = BitMeter(pictures.astype(np.int64).ravel(), 8)
    prior.code(meter, len(pictures), (*pictures.shape[1:], 1))
    return meter.lengths.reshape(*pictures.shape, 8)


def level_0_rows(
    picture: np.ndarray, shapes: Sequence[tuple[int, int, int]], iterations: int
) -> list[dict[str, Any]]:
    """Bytes of the weights, and with the code, for every size and precision of a network.

    The network is for one picture (H, W) alone; `shapes` are the widths of its layers.
    """
    rows = []
    for hidden in shapes:
        net = fit_picture(picture, hidden, iterations=iterations)
        for precision, side in sides_of(net).items():
            rows.append(
                {
                    "hidden": list(hidden),
                    "precision": precision,
                    "weights": len(side),
                    "total": total_bits(picture, side) / BYTE,
                }
            )
    return rows
