"""The container: what was coded, how, and the checksums that tell whether it came back.

Bytes, inside of an `Envelope` (mark, version, checksum of the file): the size of the packed header
(4, little-endian), the header (JSON, deflated), the coded groups one behind the other, and SHA-256
of all samples (its first 16 bytes). What a header declares is bounded before anything is allocated,
also by what its bits can hold.
"""

import hashlib
import json
import math
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from lossless_inr_lite.codec.names import LONGEST, pack_names, unpack_names
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.fields import Choice, Integer, ListOf, RecordOf, Text, checked, plain
from lossless_inr_lite.files import Envelope, inflated
from lossless_inr_lite.signals import MAX_SAMPLES, Signal, SignalSpec
from lossless_inr_lite.signals.meaning import PLAIN, Meaning

ENVELOPE = Envelope(b"\x8aLIC\r\n\x1a\n", "container of pictures (.lic)", version=1, digest_bytes=8)
HEADER_SIZE = struct.Struct("<I")
SAMPLES_DIGEST = 16  # bytes of the SHA-256 of the samples that are kept
MAX_HEADER = 2**23  # bytes, inflated
MAX_PICTURES = 2**18
MAX_GROUPS = 2**12
MAX_BITS = 16  # bits per sample
FILE_NAME = Text(LONGEST, escaped_bytes=True)

# Blank pictures cost next to nothing, and a few bytes could declare hours of work. So one byte of
# coded bits may stand for so many bits of samples and so many steps of the wavefront and no more,
# beyond what every group may have. Where the code is shorter than that it is followed by zeros,
# which mean nothing to the decoder.
SAMPLE_BITS_PER_BYTE = 2**14
FREE_SAMPLE_BITS = 2**16
STEPS_PER_BYTE = 2**5
FREE_STEPS = 2**12
# Bounds of all models: samples in a batch at least, and wavefront steps per row at most.
SMALLEST_BATCH = 2**20
LARGEST_SKEW = 5


@dataclass(frozen=True, kw_only=True)
class GroupHeader:
    """Pictures of one shape, depth and meaning that are coded together, and with what.

    level: 0 for a network in the file, 1 for a prior, 2 for a prior that the file adapts.
    prior, weights: the prior's name, and the beginning of its SHA-256; "" at level 0.
    side: bytes of weights that are sent in the file.
    bits: bytes of coded bits.
    """

    shape: Annotated[tuple[int, ...], ListOf(Integer(1, 2**20), 3, 3)]
    num_bits: Annotated[int, Integer(1, MAX_BITS)]
    kind: Annotated[Literal["unsigned", "signed"], Choice("unsigned", "signed")] = "unsigned"
    count: Annotated[int, Integer(1, MAX_PICTURES)]
    level: Annotated[int, Choice(0, 1, 2)] = 1
    prior: Annotated[str, Text(40)] = ""
    weights: Annotated[str, Text(16)] = ""
    side: Annotated[int, Integer(0, 2**24)] = 0
    bits: Annotated[int, Integer(0, 2**31)]
    meaning: Annotated[Meaning, RecordOf(Meaning)] = PLAIN

    @property
    def num_samples(self) -> int:
        return self.count * math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What stands before the coded groups; `names` are packed, see `pack_names`.

    `order` is the number of the group of each picture; it is left out where there is one group.
    """

    names: Annotated[tuple[str, ...], ListOf(FILE_NAME, 1, MAX_PICTURES)]
    groups: Annotated[tuple[GroupHeader, ...], ListOf(RecordOf(GroupHeader), 1, MAX_GROUPS)]
    order: Annotated[tuple[int, ...], ListOf(Integer(0, MAX_GROUPS - 1), 0, MAX_PICTURES)] = ()


@dataclass(frozen=True)
class CodedGroup:
    """One group as it lies in the container: weights (`side`) and coded bits."""

    header: GroupHeader
    side: bytes
    bits: bytes


@dataclass(frozen=True)
class Container:
    """A container whose own checksum was right.

    names: of all pictures.
    order: for every picture the number of its group.
    parts: the groups.
    digest: what `samples_digest` gives for the pictures.
    """

    names: list[str]
    order: list[int]
    parts: list[CodedGroup]
    digest: bytes

    def to_bytes(self) -> bytes:
        """The whole file. Raises InputError when its header could not be read again."""
        header = Header(
            names=tuple(pack_names(self.names)),
            groups=tuple(part.header for part in self.parts),
            order=tuple(self.order) if len(self.parts) > 1 else (),
        )
        facts = plain(header, without_defaults=True)
        checked(Header, facts, "the header of the container", InputError)
        text = json.dumps(facts, separators=(",", ":"))
        if len(text) > MAX_HEADER:
            raise InputError("the names of the pictures are too long together: give fewer pictures")
        packed = zlib.compress(text.encode(), 9)
        coded = b"".join(part.side + part.bits for part in self.parts)
        return ENVELOPE.sealed(HEADER_SIZE.pack(len(packed)) + packed + coded + self.digest)

    def specs(self) -> list[SignalSpec]:
        """What is known of every picture without decoding it."""
        specs = []
        for name, number in zip(self.names, self.order, strict=True):
            header = self.parts[number].header
            spec = SignalSpec(
                name, header.shape, header.num_bits, header.kind, meaning=header.meaning
            )
            specs.append(spec)
        return specs


def samples_digest(signals: Iterable[Signal]) -> bytes:
    """The first 16 bytes of the SHA-256 of names, shapes and samples, in order."""
    digest = hashlib.sha256()
    for signal in signals:
        digest.update(json.dumps([signal.name, signal.spec.facts]).encode())
        digest.update(np.ascontiguousarray(signal.words, dtype="<u4").tobytes())
    return digest.digest()[:SAMPLES_DIGEST]


def parse(data: bytes, max_samples: int = MAX_SAMPLES) -> Container:
    """Check a container and cut it into its groups, without decoding them.

    Raises FileFormatError for anything that is not one, whole and of this version, and for more
    than `max_samples` samples.
    """
    body = ENVELOPE.opened(data, "the file")
    if len(body) < HEADER_SIZE.size + SAMPLES_DIGEST:
        raise FileFormatError("the container is cut off: it has no header")
    (header_size,) = HEADER_SIZE.unpack_from(body)
    start = HEADER_SIZE.size + header_size
    end = len(body) - SAMPLES_DIGEST
    if start > end:
        raise FileFormatError(
            f"the container declares a header of {header_size} bytes and is smaller than that"
        )
    header = _read_header(body[HEADER_SIZE.size : start])
    order = list(header.order) or [0] * len(header.names)
    _check_counts(header, order)
    _check_sizes(header, end - start, max_samples)
    parts: list[CodedGroup] = []
    for group in header.groups:
        middle = start + group.side
        stop = middle + group.bits
        parts.append(CodedGroup(group, body[start:middle], body[middle:stop]))
        start = stop
    return Container(unpack_names(list(header.names)), order, parts, body[end:])


def needed_bytes(shape: Sequence[int], num_bits: int, count: int) -> int:
    """How many bytes of coded bits `count` pictures (H, W, C) must have at least.

    This bounds the time of decoding. The result is a multiple of 4.
    """
    height, width, channels = shape
    samples = count * height * width * channels
    batches = 1 + min(count, samples // SMALLEST_BATCH)
    steps = channels * (width + LARGEST_SKEW * (height - 1)) * batches
    for_samples = (samples * num_bits - FREE_SAMPLE_BITS) / SAMPLE_BITS_PER_BYTE
    for_steps = (steps - FREE_STEPS) / STEPS_PER_BYTE
    return 4 * math.ceil(max(for_samples, for_steps, 0) / 4)


def _read_header(packed: bytes) -> Header:
    text = inflated(packed, MAX_HEADER, "the container's header")
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError("the container's header cannot be read") from error
    return checked(Header, content, "the container's header")


def _check_counts(header: Header, order: Sequence[int]) -> None:
    counts = {number: group.count for number, group in enumerate(header.groups)}
    if len(order) != len(header.names) or Counter(order) != counts:
        raise FileFormatError(
            "the container's header declares other numbers of pictures than names"
        )


def _check_sizes(header: Header, num_bytes: int, max_samples: int) -> None:
    """Hold what the groups declare against the bytes there are, and against the bounds."""
    declared = sum(group.side + group.bits for group in header.groups)
    if declared != num_bytes:
        raise FileFormatError(
            f"the container declares other sizes of its parts, {declared} bytes, "
            f"than the {num_bytes} bytes that it has"
        )
    total = sum(group.num_samples for group in header.groups)
    if total > max_samples:
        raise FileFormatError(
            f"the container declares {total} samples, more than the {max_samples} that are allowed"
        )
    for group in header.groups:
        needed = needed_bytes(group.shape, group.num_bits, group.count)
        if group.bits < needed or group.bits % 4:
            raise FileFormatError(
                f"the container declares {group.num_samples} samples in {group.bits} bytes: "
                f"at least {needed} bytes and a multiple of 4 are needed"
            )
