"""`encode` pictures into a container and `decode` them: exactly, or with one clear error."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lossless_inr_lite.codec.adaptation import adaptable, adapted, learn_side
from lossless_inr_lite.codec.bit_streams import BitMeter, BitReader, BitWriter
from lossless_inr_lite.codec.container import (
    MAX_GROUPS,
    MAX_PICTURES,
    Coded,
    Container,
    Group,
    needed_bytes,
    parse,
    samples_digest,
)
from lossless_inr_lite.codec.names import LONGEST
from lossless_inr_lite.codec.priors import Prior, load_prior, prior_digest, prior_names
from lossless_inr_lite.codec.single_picture import smallest_side, unpack
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.signals.signal import MAX_SAMPLES, Signal

TRIAL = 16  # pictures of a group on which the priors are compared


def encode(signals: Sequence[Signal], prior: str = "auto", level: int = 1) -> bytes:
    """Pictures of 1 to 16 bits -> the bytes of a container.

    Pictures of one shape and depth are coded together. `prior` is the name of a shipped one, or "auto": the one that
    makes the first pictures of each group smallest. `level` 1 uses it as it is, 2 also sends an adaptation where that
    pays, and 0 uses none: every picture, grey and of 8 bits, gets a network of its own. Raises InputError for sound,
    floats, more than 16 bits, no pictures at all, and a prior or level that does not suit.
    """
    _check(signals)
    if level not in (0, 1, 2):
        raise InputError(f"level is {level!r}: allowed are 0, 1, 2")
    kinds = [
        (s.samples.shape, s.num_bits, s.kind, i if level == 0 else 0) for i, s in enumerate(signals)
    ]
    distinct = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    groups: list[list[Signal]] = [[] for _ in distinct]
    for signal, kind in zip(signals, kinds, strict=True):
        groups[distinct[kind]].append(signal)
    if len(groups) > MAX_GROUPS:
        raise InputError(
            f"{len(groups)} kinds of pictures, or pictures at level 0: a container holds {MAX_GROUPS}"
        )
    parts = [_encode_group(group, prior, level) for group in groups]
    order = [distinct[kind] for kind in kinds]
    return Container([s.name for s in signals], order, parts, samples_digest(signals)).to_bytes()


def decode(data: bytes, max_samples: int = MAX_SAMPLES) -> list[Signal]:
    """The pictures of a container, as they were. Raises FileFormatError when that is not possible."""
    container = parse(data, max_samples)
    groups = [iter(_decode_group(part)) for part in container.parts]
    try:
        words = [next(groups[number]) for number in container.order]
        signals = [
            spec.signal(w.astype(np.uint32))
            for spec, w in zip(container.specs(), words, strict=True)
        ]
    except InputError as error:
        raise FileFormatError(f"the container does not hold pictures: {error}") from error
    if samples_digest(signals) != container.digest:
        raise FileFormatError(
            "the decoded pictures are not those that were coded: their checksum is wrong"
        )
    return signals


def code_lengths(signals: Sequence[Signal], prior: str) -> np.ndarray:
    """Code length of every bit of pictures of one shape and depth, (count, H, W, C, planes), in bits; plane 0 is the
    least significant."""
    shape, num_bits = signals[0].samples.shape, signals[0].num_bits
    meter = BitMeter(_stacked(signals).ravel(), num_bits)
    load_prior(prior).code(meter, len(signals), shape, num_bits)
    return meter.lengths.reshape(len(signals), *shape, num_bits)


def _check(signals: Sequence[Signal]) -> None:
    for signal in signals:
        if len(signal.samples.shape) != 3 or signal.kind == "float" or signal.num_bits > 16:
            raise InputError(
                f"{signal.name} cannot be coded: pictures of whole numbers of 1 to 16 bits are allowed"
            )
        if not 0 < len(signal.name.encode("utf-8", "surrogatepass")) <= LONGEST:
            raise InputError(
                f"a picture has a name of {len(signal.name)} characters: 1 to {LONGEST} bytes are allowed"
            )
    if not 0 < len(signals) <= MAX_PICTURES:
        raise InputError(f"{len(signals)} pictures: a container holds 1 to {MAX_PICTURES}")
    if (total := sum(signal.samples.size for signal in signals)) > MAX_SAMPLES:
        raise InputError(
            f"{total} samples in all: a container holds {MAX_SAMPLES}, so give fewer pictures"
        )


def _encode_group(signals: list[Signal], prior: str, level: int) -> Coded:
    shape, num_bits = signals[0].samples.shape, signals[0].num_bits
    kind = "signed" if signals[0].kind == "signed" else "unsigned"
    facts = {
        "shape": list(shape),
        "num_bits": num_bits,
        "kind": kind,
        "count": len(signals),
        "level": level,
    }
    words = _stacked(signals)
    if level == 0:
        if shape[2] != 1 or num_bits != 8:
            raise InputError(
                f"{signals[0].name} has {shape[2]} channels of {num_bits} bits: level 0 needs one of 8"
            )
        side = smallest_side(words[0, ..., 0])
        return coded(unpack(side), words, facts, side)
    name = _choose(signals) if prior == "auto" else prior
    model = load_prior(name)
    if not model.suits(shape, num_bits):
        raise InputError(
            f"the prior {name!r} does not suit {signals[0].name}, {shape} of {num_bits} bits"
        )
    facts |= {"prior": name, "weights": prior_digest(name)}
    plain = coded(model, words, facts | {"level": 1}, b"")
    if level == 1 or not adaptable(model, shape):
        return plain
    side = learn_side(model, words, num_bits)
    parts = [plain, coded(adapted(model, side), words, facts, side)]
    return min(parts, key=lambda part: len(part.side) + len(part.bits))


def coded(model: Prior, words: np.ndarray, facts: dict[str, Any], side: bytes) -> Coded:
    """Words (N, H, W, C) coded with a model; `facts` are what `Group` is told besides the sizes."""
    writer, shape = BitWriter(words.ravel()), words.shape[1:]
    model.code(writer, len(words), shape, facts["num_bits"])
    bits = writer.to_bytes()
    bits += bytes(max(0, needed_bytes(shape, facts["num_bits"], len(words)) - len(bits)))
    return Coded(Group.model_validate(facts | {"side": len(side), "bits": len(bits)}), side, bits)


def _decode_group(part: Coded) -> np.ndarray:
    group, shape = part.group, tuple(part.group.shape)
    model = unpack(part.side) if group.level == 0 else _prior_of(part)
    if not model.suits(shape, group.num_bits):
        raise FileFormatError(
            f"the container codes {shape} of {group.num_bits} bits with a network for other pictures"
        )
    return model.code(BitReader(part.bits), group.count, shape, group.num_bits)


def _prior_of(part: Coded) -> Prior:
    name, known = part.group.prior, prior_names()
    if name not in known:
        raise FileFormatError(
            f"the container needs the prior {name!r}: this package has {', '.join(known)}"
        )
    prior = load_prior(name, part.group.weights)
    return adapted(prior, part.side) if part.group.level == 2 else prior


def _choose(signals: list[Signal]) -> str:
    shape, num_bits = signals[0].samples.shape, signals[0].num_bits
    names = [name for name in prior_names(shipped=True) if load_prior(name).suits(shape, num_bits)]
    if len(names) == 1:
        return names[0]
    return min(names, key=lambda name: code_lengths(signals[:TRIAL], name).sum())


def _stacked(signals: Sequence[Signal]) -> np.ndarray:
    return np.stack([signal.words for signal in signals])
