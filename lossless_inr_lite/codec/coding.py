"""`encode` pictures into a container and `decode` them: exactly, or with one clear error."""

from collections.abc import Sequence

import numpy as np

from lossless_inr_lite.codec.bit_streams import BitMeter, BitReader, BitWriter
from lossless_inr_lite.codec.container import MAX_PICTURES, Coded, Container, Group, parse, samples_digest
from lossless_inr_lite.codec.priors import load_prior, prior_digest, prior_names
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.signals import MAX_SAMPLES, Signal

TRIAL = 16  # pictures of a group on which the priors are compared


def encode(signals: Sequence[Signal], prior: str = "auto") -> bytes:
    """Pictures of 1 to 16 bits -> the bytes of a container.

    Pictures of one shape and depth are coded together. `prior` is the name of a shipped one, or "auto": the one that
    makes the first pictures of each group smallest. Raises InputError for sound, floats, more than 16 bits, no
    pictures at all, and a prior that does not suit.
    """
    for signal in signals:
        if len(signal.samples.shape) != 3 or signal.kind == "float" or signal.num_bits > 16:
            raise InputError(f"{signal.name} cannot be coded: pictures of whole numbers of 1 to 16 bits are allowed")
    if not 0 < len(signals) <= MAX_PICTURES:
        raise InputError(f"{len(signals)} pictures: a container holds 1 to {MAX_PICTURES}")
    kinds = [(s.samples.shape, s.num_bits, s.kind) for s in signals]
    distinct = list(dict.fromkeys(kinds))
    order = [distinct.index(kind) for kind in kinds]
    parts = [
        _encode_group([s for s, at in zip(signals, order, strict=True) if at == i], prior) for i in range(len(distinct))
    ]
    return Container([s.name for s in signals], order, parts, samples_digest(signals)).to_bytes()


def decode(data: bytes, max_samples: int = MAX_SAMPLES) -> list[Signal]:
    """The pictures of a container, as they were. Raises FileFormatError when that is not possible."""
    container = parse(data, max_samples)
    groups = [iter(_decode_group(part)) for part in container.parts]
    try:
        words = [next(groups[number]) for number in container.order]
        signals = [spec.signal(w.astype(np.uint32)) for spec, w in zip(container.specs(), words, strict=True)]
    except InputError as error:
        raise FileFormatError(f"the container does not hold pictures: {error}") from error
    if samples_digest(signals) != container.digest:
        raise FileFormatError("the decoded pictures are not those that were coded: their checksum is wrong")
    return signals


def code_lengths(signals: Sequence[Signal], prior: str) -> np.ndarray:
    """Code length of every bit of pictures of one shape and depth, (count, H, W, C, planes), in bits; plane 0 is the
    least significant."""
    shape, num_bits = signals[0].samples.shape, signals[0].num_bits
    meter = BitMeter(_stacked(signals).ravel(), num_bits)
    load_prior(prior).code(meter, len(signals), shape, num_bits)
    return meter.lengths.reshape(len(signals), *shape, num_bits)


def _encode_group(signals: list[Signal], prior: str) -> Coded:
    shape, num_bits = signals[0].samples.shape, signals[0].num_bits
    name = _choose(signals) if prior == "auto" else prior
    model = load_prior(name)
    if not model.suits(shape, num_bits):
        raise InputError(f"the prior {name!r} does not suit {signals[0].name}, {shape} of {num_bits} bits")
    writer = BitWriter(_stacked(signals).ravel())
    model.code(writer, len(signals), shape, num_bits)
    bits = writer.to_bytes()
    kind = "signed" if signals[0].kind == "signed" else "unsigned"
    facts = {"shape": list(shape), "num_bits": num_bits, "kind": kind, "count": len(signals)}
    group = Group.model_validate(facts | {"prior": name, "weights": prior_digest(name), "bits": len(bits)})
    return Coded(group, b"", bits)


def _decode_group(part: Coded) -> np.ndarray:
    group, shape = part.group, tuple(part.group.shape)
    if group.prior not in prior_names():
        raise FileFormatError(
            f"the container needs the prior {group.prior!r}: this package has {', '.join(prior_names())}"
        )
    model = load_prior(group.prior, group.weights)
    if not model.suits(shape, group.num_bits):
        raise FileFormatError(f"the container uses the prior {group.prior!r} for {shape} of {group.num_bits} bits")
    return model.code(BitReader(part.bits), group.count, shape, group.num_bits)


def _choose(signals: list[Signal]) -> str:
    shape, num_bits = signals[0].samples.shape, signals[0].num_bits
    names = [name for name in prior_names() if load_prior(name).suits(shape, num_bits)]
    if len(names) < 2:
        return (names or prior_names())[0]
    return min(names, key=lambda name: code_lengths(signals[:TRIAL], name).sum())


def _stacked(signals: Sequence[Signal]) -> np.ndarray:
    return np.stack([signal.words for signal in signals])
