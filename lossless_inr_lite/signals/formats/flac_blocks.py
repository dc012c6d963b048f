"""The blocks before the samples of a FLAC file: what they declare, and what else stands there.

The format is RFC 9639 (Free Lossless Audio Codec, 2024). Sections are named in the comments.
"""

from dataclasses import dataclass
from typing import NamedTuple

from lossless_inr_lite.errors import InputError

MAGIC = b"fLaC"
BLOCK_HEAD = 4  # one byte of kind, three of length
LAST = 0x80  # the bit of the last block before the samples
STREAMINFO = 0
STREAMINFO_BYTES = 34
COMMENT = 4
APPLICATION = 2
CUE_SHEET = 5
PICTURE = 6
NUMBERS_AT = 10  # in STREAMINFO: rate, channels, bits and frames in 8 bytes
MD5_AT = 18
MD5_BYTES = 16
FRAMES_BITS = 36
DEPTH_BITS = 5
CHANNEL_BITS = 3
# Section 9.1.4: what the header of a frame says of its bits; 0 sends to STREAMINFO.
DEPTHS = {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}
FRAME_START = 0xFFF8  # the last bit may be set too
FRAME_START_MASK = 0xFFFE
SECOND_FILE = (MAGIC + b"\0\0\0\x22", MAGIC + b"\x80\0\0\x22")


class StreamInfo(NamedTuple):
    """What section 8.2 declares; `frames` (a channel) is 0 and `md5` is zeros when not known.

    `sizes` are the bytes that bound the sizes of blocks and frames.
    """

    sizes: bytes
    rate: int
    channels: int
    num_bits: int
    frames: int
    md5: bytes


@dataclass(frozen=True)
class FlacFile:
    """What stands before the samples, and where they begin.

    `frame_bits` is the depth that the first frame declares itself, or None.
    """

    info: StreamInfo
    samples_at: int
    frame_bits: int | None
    not_kept: tuple[str, ...]


def parsed(name: str, data: bytes) -> FlacFile:
    """A FLAC file up to its first frame.

    Raises InputError for a block that is cut off, and when STREAMINFO or the first frame is not
    there.
    """
    info: StreamInfo | None = None
    phrases: list[str] = []
    position = len(MAGIC)
    is_last = False
    while not is_last:
        head = data[position : position + BLOCK_HEAD]
        start = position + BLOCK_HEAD
        length = int.from_bytes(head[1:], "big")
        if len(head) < BLOCK_HEAD or start + length > len(data):
            raise InputError(f"{name} is truncated: it ends within the blocks before its samples")
        is_last = bool(head[0] & LAST)
        kind = head[0] & ~LAST
        body = data[start : start + length]
        if kind == STREAMINFO and info is None:
            info = _stream_info(name, body)
        phrases += _phrases(kind, body)
        position = start + length
    if info is None:
        raise InputError(f"{name} is broken: it has no block STREAMINFO")
    frame_bits = _frame_bits(name, data[position:][:BLOCK_HEAD])
    _check_only_one(name, data, position)
    return FlacFile(info, position, frame_bits, tuple(dict.fromkeys(phrases)))


def bare_stream(data: bytes, file: FlacFile, num_bits: int) -> bytes:
    """The samples behind a STREAMINFO alone, which says that depth, no length and no MD5.

    libsndfile reads such a file frame by frame to its end, whatever the other blocks are.
    """
    info = file.info
    numbers = info.rate
    numbers = numbers << CHANNEL_BITS | info.channels - 1
    numbers = numbers << DEPTH_BITS | num_bits - 1
    numbers <<= FRAMES_BITS
    head = bytes([STREAMINFO | LAST]) + STREAMINFO_BYTES.to_bytes(3, "big")
    body = info.sizes + numbers.to_bytes(MD5_AT - NUMBERS_AT, "big") + bytes(MD5_BYTES)
    return MAGIC + head + body + data[file.samples_at :]


def _stream_info(name: str, body: bytes) -> StreamInfo:
    if len(body) != STREAMINFO_BYTES:
        raise InputError(
            f"{name} is broken: its block STREAMINFO has {len(body)} bytes, not {STREAMINFO_BYTES}"
        )
    numbers = int.from_bytes(body[NUMBERS_AT:MD5_AT], "big")
    frames = numbers & (1 << FRAMES_BITS) - 1
    numbers >>= FRAMES_BITS
    num_bits = (numbers & (1 << DEPTH_BITS) - 1) + 1
    numbers >>= DEPTH_BITS
    channels = (numbers & (1 << CHANNEL_BITS) - 1) + 1
    rate = numbers >> CHANNEL_BITS
    return StreamInfo(body[:NUMBERS_AT], rate, channels, num_bits, frames, body[MD5_AT:])


def _frame_bits(name: str, head: bytes) -> int | None:
    """The depth that the header of a frame declares, or None when it sends to STREAMINFO."""
    start = int.from_bytes(head[:2], "big")
    if len(head) < BLOCK_HEAD or start & FRAME_START_MASK != FRAME_START:
        raise InputError(
            f"{name} is broken or truncated: no frame of samples begins behind its blocks"
        )
    return DEPTHS.get(head[3] >> 1 & 7)


def _phrases(kind: int, body: bytes) -> list[str]:
    """What a block tells that is not kept, in a few words."""
    if kind == COMMENT:
        count = _count_of_comments(body)
        return [f"{count} comments" if count > 1 else "a comment"] if count else []
    told = {APPLICATION: "data of a program", CUE_SHEET: "a cue sheet", PICTURE: "a picture"}
    return [told[kind]] if kind in told else []


def _count_of_comments(body: bytes) -> int:
    """How many comments a block says to hold (section 8.6); the name of the writer is none."""
    vendor_length = int.from_bytes(body[:4], "little")
    return int.from_bytes(body[4 + vendor_length :][:4], "little")


def _check_only_one(name: str, data: bytes, start: int) -> None:
    """Raise InputError when a second FLAC file follows: its samples would be lost."""
    if any(data.find(mark, start) >= 0 for mark in SECOND_FILE):
        raise InputError(f"{name} holds several sounds, one behind the other: one is needed")
