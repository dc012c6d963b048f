"""`encode` pictures into a container and `decode` them: exactly, or with one clear error."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np

from lossless_inr_lite.codec.adaptation import adaptable, adapted
from lossless_inr_lite.codec.bit_streams import BitMeter, BitReader, BitWriter
from lossless_inr_lite.codec.container import (
    MAX_BITS,
    MAX_GROUPS,
    MAX_PICTURES,
    CodedGroup,
    Container,
    GroupHeader,
    needed_bytes,
    parse,
    samples_digest,
)
from lossless_inr_lite.codec.names import LONGEST, num_bytes
from lossless_inr_lite.codec.priors import Prior, load_prior, prior_digest, prior_names
from lossless_inr_lite.codec.single_picture import unpack
from lossless_inr_lite.errors import FileFormatError, InputError, check_type, counted
from lossless_inr_lite.signals import MAX_SAMPLES, Signal

LEVELS = (0, 1, 2)
TRIAL = 16  # pictures of a group on which the priors are compared


def encode(signals: Sequence[Signal], prior: str = "auto", level: int = 1) -> bytes:
    """Pictures (H, W, C) of 1 to 16 bits -> the bytes of a container.

    Pictures of one shape, depth and meaning are coded together. `prior` is the name of a shipped
    one, or "auto": the one that makes the first pictures of each group smallest. `level` 1 uses it
    as it is, 2 also sends an adaptation where that pays, and 0 uses none: every picture, grey and
    of 8 bits, gets a network of its own. Levels 0 and 2 train, and need torch; the state of torch's
    and numpy's random generators stays as it is.

    Raises InputError for sound, floats, more than 16 bits, no pictures at all, too many, and a
    prior or level that does not suit.
    """
    _check_signals(signals)
    is_level = isinstance(level, int) and not isinstance(level, bool) and level in LEVELS
    if not is_level:
        raise InputError(f"level is {level!r}: allowed are 0, 1, 2")
    numbers = _group_numbers(signals, level)
    groups: list[list[Signal]] = [[] for _ in range(max(numbers) + 1)]
    for signal, number in zip(signals, numbers, strict=True):
        groups[number].append(signal)
    if len(groups) > MAX_GROUPS:
        raise InputError(
            f"{len(groups)} kinds of pictures, or pictures at level 0: "
            f"a container holds {MAX_GROUPS}"
        )
    parts = [_encode_group(group, prior, level) for group in groups]
    names = [signal.name for signal in signals]
    return Container(names, numbers, parts, samples_digest(signals)).to_bytes()


def decode(data: bytes, max_samples: int = MAX_SAMPLES) -> list[Signal]:
    """The pictures of a container, as they were.

    Raises FileFormatError when that is not possible, and when they have more than `max_samples`
    samples in all.
    """
    check_type("data", data, (bytes, bytearray, memoryview), "the bytes of a container are needed")
    container = parse(bytes(data), max_samples)
    decoded = [iter(_decode_group(part)) for part in container.parts]
    signals: list[Signal] = []
    try:
        for spec, number in zip(container.specs(), container.order, strict=True):
            signals.append(spec.signal(next(decoded[number]).astype(np.uint32)))
    except InputError as error:
        raise FileFormatError(f"the container does not hold pictures: {error}") from error
    if samples_digest(signals) != container.digest:
        raise FileFormatError(
            "the decoded pictures are not those that were coded: their checksum is wrong"
        )
    return signals


def code_lengths(signals: Sequence[Signal], prior: str) -> np.ndarray:
    """Code length of every bit of pictures of one shape and depth, in bits.

    The result is (count, H, W, C, planes); plane 0 is the least significant. `prior` is a name.
    """
    shape = signals[0].samples.shape
    num_bits = signals[0].num_bits
    meter = BitMeter(_stacked(signals).ravel(), num_bits)
    load_prior(prior).code(meter, len(signals), shape, num_bits)
    return meter.lengths.reshape(len(signals), *shape, num_bits)


def code_group(
    model: Prior, words: np.ndarray, header: GroupHeader, side: bytes = b""
) -> CodedGroup:
    """Words (N, H, W, C) coded with a model, whose weights in the file are `side`.

    The sizes in `header` are filled in here.
    """
    writer = BitWriter(words.ravel())
    model.code(writer, header.count, header.shape, header.num_bits)
    bits = writer.to_bytes()
    bits = bits.ljust(needed_bytes(header.shape, header.num_bits, header.count), b"\0")
    return CodedGroup(replace(header, side=len(side), bits=len(bits)), side, bits)


def _check_signals(signals: Sequence[Signal]) -> None:
    check_type("signals", signals, Sequence, "a list of pictures is needed")
    for signal in signals:
        check_type("a picture", signal, Signal, "a Signal is needed, as load_image gives one")
        is_picture = signal.samples.ndim == 3
        if not is_picture or signal.kind == "float" or signal.num_bits > MAX_BITS:
            raise InputError(
                f"{signal.name} cannot be coded: "
                f"pictures of integers of 1 to {MAX_BITS} bits are allowed"
            )
        _check_name(signal.name)
    if not 0 < len(signals) <= MAX_PICTURES:
        raise InputError(f"{len(signals)} pictures: a container holds 1 to {MAX_PICTURES}")
    total = sum(signal.samples.size for signal in signals)
    if total > MAX_SAMPLES:
        raise InputError(
            f"{total} samples in all: a container holds {MAX_SAMPLES}, so give fewer pictures"
        )


def _check_name(name: str) -> None:
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InputError(f"a picture has the name {name!r}: it is not text") from error
    if not 0 < num_bytes(name) <= LONGEST:
        raise InputError(
            f"a picture has a name of {num_bytes(name)} bytes: 1 to {LONGEST} are allowed"
        )


def _group_numbers(signals: Sequence[Signal], level: int) -> list[int]:
    """For every picture the number of its group: groups are counted as they first appear."""
    numbers: dict[Hashable, int] = {}
    found: list[int] = []
    for index, signal in enumerate(signals):
        facts: Hashable = (signal.samples.shape, signal.num_bits, signal.kind, signal.meaning)
        if level == 0:  # a network of its own for each
            facts = index
        found.append(numbers.setdefault(facts, len(numbers)))
    return found


def _encode_group(signals: list[Signal], prior: str, level: int) -> CodedGroup:
    """Pictures of one shape, depth and kind as they lie in the container."""
    if level == 0:
        return _encode_alone(signals[0])
    header = _header_of(signals, level)
    name = _choose_prior(signals) if prior == "auto" else prior
    model = load_prior(name)
    if not model.suits(header.shape, header.num_bits):
        raise InputError(
            f"the prior {name!r} does not suit {signals[0].name}, "
            f"{header.shape} of {header.num_bits} bits"
        )
    words = _stacked(signals)
    header = replace(header, prior=name, weights=prior_digest(name))
    plain = code_group(model, words, replace(header, level=1))
    if level == 1 or not adaptable(model, header.shape):
        return plain
    # Training needs torch, and decoding must not: so it is imported here.
    from lossless_inr_lite.codec.learning.adaptation import learn_side

    side = learn_side(model, words, header.num_bits)
    changed = code_group(adapted(model, side), words, header, side)
    return min(plain, changed, key=lambda part: len(part.side) + len(part.bits))


def _encode_alone(signal: Signal) -> CodedGroup:
    """A picture with a network of its own: level 0."""
    header = _header_of([signal], 0)
    channels = header.shape[2]
    if channels != 1 or header.num_bits != 8:
        raise InputError(
            f"{signal.name} has {counted(channels, 'channel')} of {header.num_bits} bits: "
            "level 0 takes pictures of one channel of 8 bits"
        )
    # Training needs torch, and decoding must not: so it is imported here.
    from lossless_inr_lite.codec.learning.single_picture import smallest_side

    side = smallest_side(signal.words[..., 0])
    return code_group(unpack(side), _stacked([signal]), header, side)


def _header_of(signals: list[Signal], level: int) -> GroupHeader:
    """What is known of pictures before they are coded."""
    first = signals[0]
    return GroupHeader(
        shape=first.samples.shape,
        num_bits=first.num_bits,
        kind="signed" if first.kind == "signed" else "unsigned",
        count=len(signals),
        level=level,
        bits=0,
        meaning=first.meaning,
    )


def _decode_group(part: CodedGroup) -> np.ndarray:
    """The words (N, H, W, C) of a group."""
    header = part.header
    model = unpack(part.side) if header.level == 0 else _prior_of(part)
    if not model.suits(header.shape, header.num_bits):
        raise FileFormatError(
            f"the container codes {header.shape} of {header.num_bits} bits "
            "with a network for other pictures"
        )
    return model.code(BitReader(part.bits), header.count, header.shape, header.num_bits)


def _prior_of(part: CodedGroup) -> Prior:
    name = part.header.prior
    known = prior_names()
    if name not in known:
        raise FileFormatError(
            f"the container needs the prior {name!r}: this package has {', '.join(known)}"
        )
    prior = load_prior(name, part.header.weights)
    return adapted(prior, part.side) if part.header.level == 2 else prior


def _choose_prior(signals: list[Signal]) -> str:
    """The shipped prior that makes the first pictures of a group smallest."""
    shape = signals[0].samples.shape
    num_bits = signals[0].num_bits
    names = [name for name in prior_names(shipped=True) if load_prior(name).suits(shape, num_bits)]
    if len(names) == 1:
        return names[0]
    return min(names, key=lambda name: code_lengths(signals[:TRIAL], name).sum())


def _stacked(signals: Sequence[Signal]) -> np.ndarray:
    """Words (N, H, W, C) of pictures of one shape."""
    return np.stack([signal.words for signal in signals])
