"""The chunks of PNG files: which of them make the picture, and what the others say.

The format is the PNG specification (W3C, third edition, 2025).
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.formats.exif import exif_of, orientation_in
from lossless_inr_lite.signals.meaning import MAX_PROFILE, Meaning, profile_text

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY = 0
COLOUR = 2
PALETTE = 3
# By colour type: the depths that it may have.
DEPTHS = {
    GREY: (1, 2, 4, 8, 16),
    COLOUR: (8, 16),
    PALETTE: (1, 2, 4, 8),
    4: (8, 16),  # grey and alpha
    6: (8, 16),  # colour and alpha
}
HEADER = ">IIBBBBB"  # width, height, depth, colour type, compression, filter, interlace
CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
ANIMATION = {b"acTL", b"fcTL", b"fdAT"}
# A picture is another one without these: they must be whole.
WANTED = CRITICAL | ANIMATION | {b"tRNS"}
# Kept in the meaning of a signal, or of no consequence: sRGB says what is understood anyway.
SILENT = WANTED | {b"iCCP", b"eXIf", b"sRGB"}
NAMED: dict[bytes, Callable[[bytes], str]] = {
    b"gAMA": lambda body: f"gamma {int.from_bytes(body) / 100_000:g}",
    b"sBIT": lambda body: f"significant bits {' '.join(map(str, body[:4]))}",
    b"cICP": lambda body: f"code points of colour {' '.join(map(str, body[:4]))}",
    b"cHRM": lambda body: "primaries",
    b"mDCV": lambda body: "mastering display",
    b"cLLI": lambda body: "light levels",
    b"bKGD": lambda body: "background",
    b"pHYs": lambda body: "pixel size",
    b"tIME": lambda body: "time",
    b"tEXt": lambda body: "text",
    b"zTXt": lambda body: "text",
    b"iTXt": lambda body: "text",
    b"sPLT": lambda body: "suggested palette",
    b"hIST": lambda body: "suggested palette",
}
MOST_NAMES = 4  # of chunks that are of no known kind
PROFILE_NAME = b"ICC profile\0"  # in what is written
LONGEST_NAME = 79  # of a profile, without the zero behind it


class Chunk(NamedTuple):
    """A chunk: its name of four letters, its content, and whether its checksum matches."""

    kind: bytes
    body: bytes
    sound: bool = True


@dataclass(frozen=True)
class PngFile:
    """The chunks of a whole file, up to IEND, and the number of bytes that follow it.

    The dimensions are those that the header declares; nothing is decoded yet.
    """

    name: str
    width: int
    height: int
    depth: int
    colour: int
    interlaced: int
    chunks: list[Chunk] = field(repr=False)
    bytes_behind: int

    def bodies(self, kind: bytes) -> list[bytes]:
        """The contents of all chunks of one kind that are sound, in their order."""
        return [chunk.body for chunk in self.chunks if chunk.kind == kind and chunk.sound]

    def picture(self, width: int, height: int, bodies: Iterable[bytes]) -> bytes:
        """A PNG file with these data and nothing beside what its samples need."""
        header = struct.pack(HEADER, width, height, self.depth, self.colour, 0, 0, self.interlaced)
        parts = [SIGNATURE, chunk_bytes(b"IHDR", header)]
        if self.colour == PALETTE:
            parts.append(chunk_bytes(b"PLTE", self.palette))
        if self.transparency:
            parts.append(chunk_bytes(b"tRNS", self.transparency))
        parts += [chunk_bytes(b"IDAT", body) for body in bodies]
        return b"".join([*parts, chunk_bytes(b"IEND", b"")])

    @property
    def palette(self) -> bytes:
        """The colours of the palette, three bytes each; empty without one."""
        return b"".join(self.bodies(b"PLTE")[:1])

    @property
    def transparency(self) -> bytes:
        """The one colour or the entries of the palette that are transparent.

        Empty without any, and when the specification does not allow what the file says.
        """
        said = b"".join(self.bodies(b"tRNS")[:1])
        if self.colour == PALETTE:
            return said if len(said) <= len(self.palette) // 3 else b""
        sample_bytes = 2
        allowed = {GREY: sample_bytes, COLOUR: 3 * sample_bytes}
        if len(said) != allowed.get(self.colour):
            return b""
        # The bits above the file's depth are to be ignored; libpng warns of them.
        samples = struct.unpack(f">{len(said) // sample_bytes}H", said)
        mask = 2**self.depth - 1
        return struct.pack(f">{len(samples)}H", *(sample & mask for sample in samples))

    @property
    def not_kept(self) -> tuple[str, ...]:
        """What stands beside the picture and is not in `meaning`, a short phrase each."""
        return tuple(dict.fromkeys(self._phrases()))

    @property
    def meaning(self) -> Meaning:
        """What the file says of its samples: orientation and colour profile."""
        return Meaning(
            orientation=self._orientation()[0], icc_profile=profile_text(self._profile()[0])
        )

    def _phrases(self) -> Iterator[str]:
        unknown: list[str] = []
        for chunk in self.chunks:
            text = chunk.kind.decode("ascii")
            if not chunk.sound:
                yield f"a damaged chunk {text}"
            elif chunk.kind in NAMED:
                yield NAMED[chunk.kind](chunk.body)
            elif chunk.kind not in SILENT and text not in unknown:
                unknown.append(text)
        if self.bodies(b"tRNS") and not self.transparency:
            yield "a transparency that PNG does not allow"
        if self.palette and self.colour != PALETTE:
            yield "suggested palette"
        profile_phrase = self._profile()[1]
        if profile_phrase:
            yield profile_phrase
        has_more_exif = self._orientation()[1]
        if has_more_exif:
            yield "Exif data"
        if unknown:
            more = ["..."] if len(unknown) > MOST_NAMES else []
            yield f"chunks {' '.join(unknown[:MOST_NAMES] + more)}"
        if self.bytes_behind:
            yield f"{counted(self.bytes_behind, 'byte')} behind its end"

    def _orientation(self) -> tuple[int, bool]:
        """The orientation, and whether the Exif data hold anything else."""
        exif = b"".join(self.bodies(b"eXIf")[:1])
        return orientation_in(exif) if exif else (1, False)

    def _profile(self) -> tuple[bytes, str]:
        """The colour profile, and a phrase when there is one that cannot be kept."""
        said = b"".join(self.bodies(b"iCCP")[:1])
        if not said:
            return b"", ""
        damaged = b"", "a damaged colour profile"
        name_ends = said.find(b"\0", 0, LONGEST_NAME + 1)
        deflated = said[name_ends + 2 :]
        stream = zlib.decompressobj()
        try:
            profile = stream.decompress(deflated, MAX_PROFILE + 1)
        except zlib.error:
            return damaged
        if len(profile) > MAX_PROFILE:
            return b"", f"a colour profile of more than {MAX_PROFILE} bytes"
        return (profile, "") if stream.eof and name_ends > 0 else damaged


def parsed(name: str, data: bytes) -> PngFile:
    """The chunks of a PNG file.

    Raises InputError when the file is cut off, when its header or the order of its chunks is not
    that of a PNG, and when a chunk that the samples need is damaged, missing or unknown.
    """
    chunks, end = _walked(name, data)
    header = chunks[0].body
    if chunks[0].kind != b"IHDR" or len(header) != struct.calcsize(HEADER):
        raise InputError(f"{name} is broken: a PNG begins with a header (IHDR) of 13 bytes")
    width, height, depth, colour, compression, filters, interlaced = struct.unpack(HEADER, header)
    if depth not in DEPTHS.get(colour, ()):
        raise InputError(
            f"{name} declares {depth} bits of colour type {colour}, which PNG does not have"
        )
    if compression or filters or interlaced > 1:
        raise InputError(
            f"{name} declares compression {compression}, filters {filters} and interlacing "
            f"{interlaced}: PNG has 0, 0, and 0 or 1"
        )
    kinds = [chunk.kind for chunk in chunks]
    if kinds.count(b"IHDR") > 1:
        raise InputError(f"{name} is broken: it has more than one header (IHDR)")
    if b"IDAT" not in kinds:
        raise InputError(f"{name} is a PNG without a picture: it has no data (IDAT)")
    file = PngFile(name, width, height, depth, colour, interlaced, chunks, len(data) - end)
    colours = len(file.palette)
    if colour == PALETTE and (kinds.count(b"PLTE") != 1 or colours % 3 or not 3 <= colours <= 768):
        raise InputError(f"{name} needs one palette (PLTE) of 1 to 256 colours, and has none such")
    return file


def chunk_bytes(kind: bytes, body: bytes) -> bytes:
    """A chunk as it stands in a file."""
    checksum = struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
    return struct.pack(">I", len(body)) + kind + body + checksum


def side_chunks(meaning: Meaning) -> bytes:
    """The chunks that say the colour profile and the orientation; they stand behind the header."""
    chunks = b""
    if meaning.profile:
        no_other_method = b"\0"
        body = PROFILE_NAME + no_other_method + zlib.compress(meaning.profile)
        chunks += chunk_bytes(b"iCCP", body)
    if meaning.orientation != 1:
        chunks += chunk_bytes(b"eXIf", exif_of(meaning.orientation))
    return chunks


def _walked(name: str, data: bytes) -> tuple[list[Chunk], int]:
    """The chunks up to IEND, and where that ends."""
    chunks: list[Chunk] = []
    position = len(SIGNATURE)
    while not chunks or chunks[-1].kind != b"IEND":
        length = int.from_bytes(data[position : position + 4])
        kind = data[position + 4 : position + 8]
        body_ends = position + 8 + length
        if len(kind) == 4 and not (kind.isascii() and kind.isalpha()):
            raise InputError(f"{name} is broken: no PNG chunk begins at byte {position}")
        if body_ends + 4 > len(data):
            raise InputError(f"{name} is truncated: its last PNG chunk (IEND) is missing")
        body = data[position + 8 : body_ends]
        checksum = int.from_bytes(data[body_ends : body_ends + 4])
        chunk = Chunk(kind, body, zlib.crc32(body, zlib.crc32(kind)) == checksum)
        _check_chunk(name, chunk)
        chunks.append(chunk)
        position = body_ends + 4
    return chunks, position


def _check_chunk(name: str, chunk: Chunk) -> None:
    """Raise InputError when the samples need a chunk that is damaged or unknown."""
    text = chunk.kind.decode("ascii")
    is_critical = text[0].isupper()
    if not chunk.sound and (is_critical or chunk.kind in WANTED):
        raise InputError(f"{name} is damaged: the checksum of its chunk {text} does not match")
    if is_critical and chunk.kind not in CRITICAL:
        raise InputError(
            f"{name} has the chunk {text}, which no PNG of the specification has: its samples "
            "cannot be told"
        )
