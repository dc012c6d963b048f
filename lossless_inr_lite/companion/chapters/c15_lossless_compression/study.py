"""What chapter 15 measures: files of our codec and of others, what a network contributes, and where the bits go."""

import gzip
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
)
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.embedded import embedded_path
from lossless_inr_lite.signals.signal import Signal, load_image

STEPS = ("coordinates", "+ prefix", "+ neighbours", "+ adaptation", "all but coordinates")


def load_set(name: str) -> np.ndarray:
    """Grey pictures of 8 bits, (N, H, W): the embedded "digits" in a fixed random order, or a gzipped IDX file.

    Raises InputError for another file.
    """
    path = embedded_path(name)
    with gzip.open(path) as file:
        if path.name.endswith(".csv.gz"):
            rows = np.loadtxt(file, np.uint8, delimiter=",", usecols=range(784)).reshape(-1, 28, 28)
            return rows[np.random.default_rng(0).permutation(len(rows))]
        head = file.read(16)
        count, height, width = (int.from_bytes(head[i : i + 4], "big") for i in (4, 8, 12))
        data = np.frombuffer(file.read(), np.uint8)
    if head[:4] != b"\x00\x00\x08\x03" or len(data) != count * height * width:
        raise InputError(f"{path.name} is not an IDX file of pictures")
    return data.reshape(count, height, width)


def as_signals(pictures: np.ndarray) -> list[Signal]:
    """Pictures (N, H, W) under the names that a folder of them would have."""
    return [Signal(p[..., None], 8, f"picture_{i:05d}.png") for i, p in enumerate(pictures)]


def standard_sizes(pictures: Sequence[np.ndarray]) -> dict[str, int]:
    """Bytes of all pictures by codec, each picture a file of its own; without codecs that do not take the samples."""
    fit = [codec for codec in CODECS if codec != "WebP" or pictures[0].dtype == np.uint8]
    return {codec: sum(len(smallest(codec, picture)) for picture in pictures) for codec in fit}


def set_row(name: str, pictures: np.ndarray, prior: str) -> dict[str, Any]:
    """A set (N, H, W): the container of all, timed and decoded again, and other codecs alone and pooled."""
    row = _row(name, as_signals(pictures), prior, 1)
    alone, pooled = standard_sizes(list(pictures)), standard_sizes([mosaic(pictures)])
    return row | {
        "standard": alone,
        "pooled": pooled,
        "weights_bytes": len(prior_bytes(prior)),
        "amortised_bpp": 8 * (row["bytes"] + len(prior_bytes(prior))) / row["pixels"],
    }


def picture_row(signal: Signal, prior: str) -> dict[str, Any]:
    """A picture: containers at levels 1 and 2, decoded again, and other codecs."""
    row, adapted_row = (_row(signal.name, [signal], prior, level) for level in (1, 2))
    samples = signal.samples[..., 0] if signal.spec.channels == 1 else signal.samples
    return row | {
        "standard": standard_sizes([samples]),
        "adapted_bytes": adapted_row["bytes"],
        "adapted_seconds": adapted_row["encode_seconds"],
    }


def _row(name: str, signals: list[Signal], prior: str, level: int) -> dict[str, Any]:
    started = time.perf_counter()
    data = encode(signals, prior, level)
    encoded = time.perf_counter()
    back = decode(data)
    decoded = time.perf_counter()
    exact = all(
        a.spec == b.spec and a.sha256 == b.sha256 for a, b in zip(signals, back, strict=True)
    )
    if not exact:
        raise AssertionError(f"{name} did not come back")
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
        "bpp": 8 * len(data) / pixels,
        "exact": exact,
        "payload_bytes": sum(len(part.bits) for part in parse(data).parts),
        "encode_seconds": encoded - started,
        "decode_seconds": decoded - encoded,
    }


def bits_of(prior: CoordinatePrior, pictures: np.ndarray) -> np.ndarray:
    """Code lengths (N, H, W, planes) of pictures (N, H, W); plane 0 is the least significant."""
    meter = BitMeter(pictures.astype(np.int64).ravel(), 8)
    prior.code(meter, len(pictures), (*pictures.shape[1:], 1))
    return meter.lengths.reshape(*pictures.shape, 8)


def ablation(
    training: np.ndarray, coded: np.ndarray, plan: CoordinateRecipe
) -> dict[str, dict[str, Any]]:
    """Bits a pixel of `coded` as the network is told more: see STEPS. Only what is sent is learnt from `coded`.

    "+ adaptation" is level 2: its bytes count. The last is "+ neighbours" without the coordinates.
    """
    rows: dict[str, dict[str, Any]] = {}
    prior = None
    for step, offsets, prefix in zip(
        STEPS, ([], [], SMALL_SETS), ("none", "bits", "table"), strict=False
    ):
        prior = learn_prior(training, replace(plan, offsets=offsets, prefix=prefix))
        rows[step] = _told(prior, coded, 0)
    assert prior is not None
    side = learn_side(prior, coded[..., None].astype(np.uint32), 8)
    changed = adapted(prior, side)
    assert isinstance(changed, CoordinatePrior)
    rows[STEPS[3]] = _told(changed, coded, len(side))
    rows[STEPS[4]] = _told(
        learn_prior(training, replace(plan, offsets=SMALL_SETS, waves=())), coded, 0
    )
    return rows


def _told(prior: CoordinatePrior, coded: np.ndarray, sent: int) -> dict[str, Any]:
    lengths = bits_of(prior, coded)
    weights = sum(tensor.nbytes for tensor in prior.tensors().values())
    return {
        "bpp": (float(lengths.sum()) + 8 * sent) / coded.size,
        "sent_bytes": sent,
        "weights_bytes": weights,
        "planes": [float(lengths[..., plane].sum()) / coded.size for plane in range(8)],
    }


def sizes(
    training: np.ndarray, coded: np.ndarray, plan: CoordinateRecipe, widths: Sequence[int]
) -> list[dict[str, Any]]:
    """Rate against network size: the same prior at several widths, alone and with its weights shared by the set."""
    rows = []
    for width in widths:
        row = _told(learn_prior(training, replace(plan, hidden=(width, width, width))), coded, 0)
        rows.append(
            row
            | {"width": width, "with_weights": row["bpp"] + 8 * row["weights_bytes"] / coded.size}
        )
    return rows


def level_0_rows(
    picture: np.ndarray, shapes: Sequence[tuple[int, int, int]], iterations: int
) -> list[dict[str, Any]]:
    """Weights and code of every size and precision of a network for one picture (H, W), in bytes."""
    rows = []
    for hidden in shapes:
        for precision, side in sides_of(
            fit_picture(picture, hidden, iterations=iterations)
        ).items():
            total = total_bits(picture, side) / 8
            rows.append(
                {
                    "hidden": list(hidden),
                    "precision": precision,
                    "weights": len(side),
                    "total": total,
                }
            )
    return rows


def ratio(rows: Sequence[Mapping[str, Any]], codec: str, field: str = "bytes") -> float:
    """Mean over pictures of our bytes over a codec's."""
    return float(np.mean([row[field] / row["standard"][codec] for row in rows]))


def parse_sets(text: str) -> list[tuple[str, str, int]]:
    """ "name:prior:first, ..." -> name of the set, prior, and its first picture that is coded.

    Raises InputError for anything else.
    """
    found = []
    for part in text.split(","):
        fields = part.strip().split(":")
        if len(fields) != 3 or not fields[2].isdecimal():
            raise InputError(f"sets is {text!r}: allowed are NAME:PRIOR:FIRST, separated by commas")
        found.append((fields[0], fields[1], int(fields[2])))
    return found


def measure_sets(text: str, coded: int) -> list[dict[str, Any]]:
    """`set_row` of the sets in `text` (see `parse_sets`), at most `coded` pictures of each."""
    rows = []
    for name, prior, first in parse_sets(text):
        rows.append(set_row(name, load_set(name)[first : first + coded], prior))
    return rows


def measure_pictures(names: str, size: int, priors: str) -> list[dict[str, Any]]:
    """`picture_row` of pictures, their names separated by commas; priors likewise, taken in turn."""
    pictures, turns = [name.strip() for name in names.split(",") if name.strip()], priors.split(",")
    return [
        picture_row(load_image(name, size), turns[number % len(turns)].strip())
        for number, name in enumerate(pictures)
    ]
