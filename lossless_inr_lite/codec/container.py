"""The container: what was coded, how, and the checksums that tell whether it came back.

Bytes: the mark (8), version (1), size of the packed header (4, little-endian), the header (JSON, deflated), the coded
groups one behind the other, SHA-256 of all samples (first 16 bytes), and SHA-256 of everything before (first 8).
What a header declares is bounded before anything is allocated, also by what its bits can hold.
"""

import hashlib
import json
import math
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lossless_inr_lite.codec.names import LONGEST, pack_names, unpack_names
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.signals.signal import MAX_SAMPLES, Signal, SignalSpec

MARK = b"\x8aLIC\r\n\x1a\n"
VERSION = 1
PREFIX = struct.Struct("<8sBI")
SAMPLES_DIGEST, FILE_DIGEST = 16, 8  # bytes of the SHA-256 that are kept
MAX_HEADER = 2**23  # bytes, inflated
MAX_PICTURES = 2**18
MAX_GROUPS = 2**12
# Blank pictures cost next to nothing, and a few bytes could declare hours of work: so a byte may stand for so many bits
# of samples and steps of the wavefront and no more, beyond what every group may have. Where the code is shorter than
# that it is followed by zeros, which mean nothing to the decoder.
BITS_A_BYTE, FREE_BITS = 2**14, 2**16
STEPS_A_BYTE, FREE_STEPS = 2**5, 2**12
LOCK_STEP, SKEW = (
    2**20,
    5,
)  # bounds of the models: samples in a batch at least, and steps a row at most

Text = Annotated[str, Field(max_length=LONGEST)]


class Group(BaseModel):
    """Pictures of one shape and depth that are coded together, and with what."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    shape: Annotated[list[Annotated[int, Field(ge=1, le=2**20)]], Field(min_length=3, max_length=3)]
    num_bits: int = Field(ge=1, le=16)
    kind: Literal["unsigned", "signed"] = "unsigned"
    count: int = Field(ge=1, le=MAX_PICTURES)
    level: Literal[0, 1, 2] = 1
    prior: str = Field(default="", max_length=40)
    weights: str = Field(default="", max_length=16)  # the beginning of the prior's SHA-256
    side: int = Field(default=0, ge=0, le=2**24)  # bytes of weights that are sent in the file
    bits: int = Field(ge=0, le=2**31)  # bytes of coded bits

    @property
    def num_samples(self) -> int:
        return self.count * math.prod(self.shape)


class Header(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    names: list[Text] = Field(min_length=1, max_length=MAX_PICTURES)
    groups: list[Group] = Field(min_length=1, max_length=MAX_GROUPS)
    order: list[Annotated[int, Field(ge=0, lt=MAX_GROUPS)]] = Field(
        default=[], max_length=MAX_PICTURES
    )


@dataclass(frozen=True)
class Coded:
    """One group as it lies in the container."""

    group: Group
    side: bytes
    bits: bytes


@dataclass(frozen=True)
class Container:
    """A container whose own checksum was right; `order` names the group of every picture."""

    names: list[str]
    order: list[int]
    parts: list[Coded]
    digest: bytes

    def to_bytes(self) -> bytes:
        order = self.order if len(self.parts) > 1 else []
        header = Header(
            names=pack_names(self.names), groups=[part.group for part in self.parts], order=order
        )
        text = json.dumps(header.model_dump(exclude_defaults=True), separators=(",", ":"))
        if len(text) > MAX_HEADER:
            raise InputError("the names of the pictures are too long together: give fewer pictures")
        packed = zlib.compress(text.encode(), 9)
        body = PREFIX.pack(MARK, VERSION, len(packed)) + packed
        body += b"".join(part.side + part.bits for part in self.parts) + self.digest
        return body + hashlib.sha256(body).digest()[:FILE_DIGEST]

    def specs(self) -> list[SignalSpec]:
        """What is known of every picture without decoding it."""
        groups = (self.parts[number].group for number in self.order)
        return [
            SignalSpec(n, tuple(g.shape), g.num_bits, g.kind)
            for n, g in zip(self.names, groups, strict=True)
        ]


def samples_digest(signals: Iterable[Signal]) -> bytes:
    """Of names, shapes and samples, in order."""
    digest = hashlib.sha256()
    for signal in signals:
        digest.update(json.dumps([signal.name, signal.spec.facts]).encode())
        digest.update(np.ascontiguousarray(signal.words, dtype="<u4").tobytes())
    return digest.digest()[:SAMPLES_DIGEST]


def parse(data: bytes, max_samples: int = MAX_SAMPLES) -> Container:
    """Check and cut a container; raises FileFormatError for anything that is not one, whole and of this version."""
    if len(data) < PREFIX.size + SAMPLES_DIGEST + FILE_DIGEST or not data.startswith(MARK):
        raise FileFormatError(
            "this is not a container of pictures (.lic): its first bytes are others"
        )
    _, version, size = PREFIX.unpack_from(data)
    if version != VERSION:
        raise FileFormatError(
            f"the container has version {version}: this package reads version {VERSION}"
        )
    body, digest = data[:-FILE_DIGEST], data[-FILE_DIGEST:]
    if hashlib.sha256(body).digest()[:FILE_DIGEST] != digest:
        raise FileFormatError("the container is truncated or altered: its checksum is wrong")
    end = PREFIX.size + size
    if end > len(body) - SAMPLES_DIGEST:
        raise FileFormatError(
            f"the container declares a header of {size} bytes and is smaller than that"
        )
    header = _header(body[PREFIX.size : end])
    order = header.order or [0] * len(header.names)
    _check(header, order, len(body) - SAMPLES_DIGEST - end, max_samples)
    names = unpack_names(header.names)
    parts: list[Coded] = []
    for group in header.groups:
        middle = end + group.side
        parts.append(Coded(group, body[end:middle], body[middle : middle + group.bits]))
        end = middle + group.bits
    return Container(names, order, parts, body[-SAMPLES_DIGEST:])


def needed_bytes(shape: Sequence[int], num_bits: int, count: int) -> int:
    """How many bytes of coded bits pictures must have at least, a multiple of 4: this bounds the time of decoding."""
    height, width, channels = shape
    samples = count * height * width * channels
    steps = channels * (width + SKEW * (height - 1)) * (1 + min(count, samples // LOCK_STEP))
    most = max(
        (samples * num_bits - FREE_BITS) / BITS_A_BYTE, (steps - FREE_STEPS) / STEPS_A_BYTE, 0
    )
    return 4 * math.ceil(most / 4)


def _header(packed: bytes) -> Header:
    try:
        inflater = zlib.decompressobj()
        text = inflater.decompress(packed, MAX_HEADER)
        if not inflater.eof or inflater.unused_data:
            raise FileFormatError(
                f"the container's header is cut off, or larger than {MAX_HEADER} bytes"
            )
        return Header.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise FileFormatError(
            f"the container's header is wrong at {where}: {first['msg'].lower()}"
        ) from error
    except (zlib.error, ValueError, RecursionError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError("the container's header cannot be read") from error


def _check(header: Header, order: list[int], num_bytes: int, max_samples: int) -> None:
    groups = header.groups
    if len(order) != len(header.names) or Counter(order) != {
        i: group.count for i, group in enumerate(groups)
    }:
        raise FileFormatError(
            "the container's header declares other numbers of pictures than names"
        )
    if sum(group.side + group.bits for group in groups) != num_bytes:
        raise FileFormatError(
            f"the container declares other sizes of its parts than the {num_bytes} bytes that it has"
        )
    total = sum(group.num_samples for group in groups)
    if total > max_samples:
        raise FileFormatError(
            f"the container declares {total} samples, more than the {max_samples} that are allowed"
        )
    for group in groups:
        if group.bits < needed_bytes(group.shape, group.num_bits, group.count) or group.bits % 4:
            raise FileFormatError(
                f"the container declares {group.num_samples} samples in {group.bits} bytes"
            )
