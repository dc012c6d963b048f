"""The segments of JPEG files: how the picture is coded, and what else stands in the file.

The format is ITU-T T.81, annex B; JFIF is ITU-T T.871; profiles in several parts: ICC.1, annex B.4.
"""

import re
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from lossless_inr_lite.errors import InputError

END = 0xD9
COMMENT = 0xFE
EXIF_AND_XMP = 0xE1
PROFILE_AND_VIEWS = 0xE2
ADOBE = 0xEE
FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # C4, C8 and CC are no frames
ALONE = {0x01, 0xD8}  # markers without a length
# A marker begins with FF. What follows is neither 00 (a stuffed byte in a scan) nor one of those
# that restart the decoder in a scan.
NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
PROFILE = b"ICC_PROFILE\0"


class Segment(NamedTuple):
    """A marker's second byte, and the content that follows it."""

    marker: int
    body: bytes


@dataclass(frozen=True)
class JpegFile:
    """How the picture of a JPEG file is coded, its segments, and the bytes behind its end.

    `process` is the second byte of the marker of its frame: 0xC3 is lossless, say.
    """

    process: int
    precision: int
    height: int
    width: int
    components: int
    segments: list[Segment] = field(repr=False)
    bytes_behind: int

    def bodies(self, marker: int, start: bytes) -> list[bytes]:
        """The contents of the segments of a marker that begin so, without that beginning."""
        return [
            segment.body.removeprefix(start)
            for segment in self.segments
            if segment.marker == marker and segment.body.startswith(start)
        ]

    @property
    def component_names(self) -> bytes:
        """A byte for each component, which names it: "RGB" for colours that are not turned, say."""
        frames = [segment.body for segment in self.segments if segment.marker == self.process]
        return frames[0][6::3]

    @property
    def adobe_transform(self) -> int | None:
        """What Adobe's segment says of the colours: 0 not turned, 1 YCbCr, 2 YCCK; or None."""
        adobe = self.bodies(ADOBE, b"Adobe")
        return adobe[0][6] if adobe and len(adobe[0]) > 6 else None

    @property
    def profile(self) -> bytes:
        """The colour profile, put together of its parts; empty when one is missing."""
        parts = sorted(self.bodies(PROFILE_AND_VIEWS, PROFILE), key=lambda part: part[:1])
        numbers = [(part[0], part[1]) for part in parts if len(part) > 1]
        wanted = [(number + 1, len(parts)) for number in range(len(parts))]
        return b"".join(part[2:] for part in parts) if numbers == wanted else b""


def parsed(name: str, data: bytes) -> JpegFile:
    """The segments of a JPEG file; its scans are passed over.

    Raises InputError when the file is cut off or no picture is in it.
    """
    segments: list[Segment] = []
    position = 2
    while True:
        marker, position = _marker(name, data, position)
        if marker == END:
            break
        if marker in ALONE:
            continue
        length = int.from_bytes(data[position : position + 2])
        if length < 2 or position + length > len(data):
            raise _truncated(name)
        segments.append(Segment(marker, data[position + 2 : position + length]))
        position += length
    frames = [segment for segment in segments if segment.marker in FRAMES]
    if not frames or len(frames[0].body) < 6:
        raise InputError(f"{name} is a JPEG file without a picture: it has no frame header")
    precision, height, width, components = struct.unpack_from(">BHHB", frames[0].body)
    process = frames[0].marker
    return JpegFile(process, precision, height, width, components, segments, len(data) - position)


def _marker(name: str, data: bytes, position: int) -> tuple[int, int]:
    """The second byte of the marker at a position, and where what belongs to it begins."""
    # Other bytes should not stand here; decoders pass over them, and so do we.
    match = NEXT_MARKER.search(data, position)
    if match is None:
        raise _truncated(name)
    return data[match.end() - 1], match.end()


def _truncated(name: str) -> InputError:
    return InputError(f"{name} is truncated: its last JPEG segment (EOI) is missing")
