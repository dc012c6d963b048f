"""The headers of a FLAC file's frames, which may say another rate than the file does.

The format is RFC 9639, section 9.1. Bytes that look like a header may stand inside a frame. So a
header counts only when its checksum is right and it has the number that follows the last one's.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.formats.flac_blocks import FlacFile

START = re.compile(rb"\xff[\xf8\xf9]")
VARIABLE = 1  # the bit of the second byte: blocks of different sizes
CRC8 = 0x07
LONGEST_HEADER = 17  # bytes
# Section 9.1.1: sizes of blocks by code. Codes 6 and 7 stand for a number behind the header.
BLOCK_SIZES = {1: 192} | {code: 144 << code for code in range(2, 6)}
BLOCK_SIZES |= {code: 1 << code for code in range(8, 16)}
BLOCK_SIZE_BYTES = {6: 1, 7: 2}
# Section 9.1.2: rates in Hz by code. 0 sends to STREAMINFO.
RATES = {
    1: 88200,
    2: 176400,
    3: 192000,
    4: 8000,
    5: 16000,
    6: 22050,
    7: 24000,
    8: 32000,
    9: 44100,
    10: 48000,
    11: 96000,
}
RATE_UNITS = {12: (1, 1000), 13: (2, 1), 14: (2, 10)}  # bytes behind the header, Hz a unit


class FrameHeader(NamedTuple):
    """What counts here of a frame's header.

    number: of the frame, or of its first sample where blocks have different sizes.
    following: the number that the next header has.
    rate: in Hz; None when it sends to STREAMINFO.
    """

    number: int
    following: int
    rate: int | None


def check_rates(name: str, data: bytes, file: FlacFile) -> None:
    """Raise InputError when a frame says another sampling rate than STREAMINFO."""
    for index, header in enumerate(frame_headers(data, file.samples_at)):
        if header.rate is not None and header.rate != file.info.rate:
            raise InputError(
                f"{name} changes its sampling rate: it declares {file.info.rate} Hz, and its "
                f"frame {index} has {header.rate} Hz: a sound of one rate is needed"
            )


def frame_headers(data: bytes, start: int) -> Iterator[FrameHeader]:
    """Yield the headers that follow each other from byte `start` on."""
    expected: int | None = None
    for found in START.finditer(data, start):
        header = header_at(data, found.start())
        if header is None or (expected is not None and header.number != expected):
            continue
        expected = header.following
        yield header


def header_at(data: bytes, start: int) -> FrameHeader | None:
    """The header of a frame that begins at a byte; None when none does."""
    if not START.match(data, start):
        return None
    head = data[start : start + LONGEST_HEADER]
    if len(head) < LONGEST_HEADER:  # the last frame is as long, with its samples
        head = head.ljust(LONGEST_HEADER, b"\0")
    size_code = head[2] >> 4
    rate_code = head[2] & 15
    coded = _coded_number(head, 4)
    if coded is None:
        return None
    number, position = coded
    size_bytes = BLOCK_SIZE_BYTES.get(size_code, 0)
    block_size = BLOCK_SIZES.get(size_code)
    if size_bytes:
        block_size = int.from_bytes(head[position : position + size_bytes], "big") + 1
    position += size_bytes
    rate_bytes, unit = RATE_UNITS.get(rate_code, (0, 0))
    rate = RATES.get(rate_code)
    if rate_bytes:
        rate = unit * int.from_bytes(head[position : position + rate_bytes], "big")
    position += rate_bytes
    if block_size is None or position >= len(head):
        return None
    if _checksum(head[:position]) != head[position]:
        return None
    step = block_size if head[1] & VARIABLE else 1
    return FrameHeader(number, number + step, rate)


def _coded_number(head: bytes, position: int) -> tuple[int, int] | None:
    """A number as UTF-8 codes characters, up to 7 bytes, and the position behind it."""
    first = head[position]
    ones = 8 - (first ^ 0xFF).bit_length()  # at the top of the byte
    if ones == 0:
        return first, position + 1
    if ones in (1, 8):
        return None
    number = first & (0x7F >> ones)
    for byte in head[position + 1 : position + ones]:
        if byte >> 6 != 0b10:
            return None
        number = number << 6 | byte & 0x3F
    return number, position + ones


def _checksum(head: bytes) -> int:
    value = 0
    for byte in head:
        value = _table()[value ^ byte]
    return value


@cache
def _table() -> tuple[int, ...]:
    """The checksum of every single byte."""
    entries = []
    for entry in range(256):
        value = entry
        for _ in range(8):
            value = (value << 1) ^ (CRC8 if value & 0x80 else 0)
            value &= 0xFF
        entries.append(value)
    return tuple(entries)
