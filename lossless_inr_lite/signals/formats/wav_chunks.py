"""The chunks of a WAV file: where its samples lie, and what else stands in it.

Programs that write into a pipe cannot go back to fill in the lengths. They leave 0 or the largest
number in their place, or one near 2^31 or 2^32. What such a file holds goes to its end.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.formats.sound import ByteOrder

BIG_ENDIAN = b"RIFX"
LARGE = (b"RF64", b"BW64")
MAGICS = (b"RIFF", BIG_ENDIAN, *LARGE)
MARK = b"WAVE"
FIRST_CHUNK = 12
CHUNK_HEAD = 8  # name and length
ELSEWHERE = 2**32 - 1  # a length that stands in the chunk ds64 instead
SIZES = "<QQQI"  # of the chunk ds64: file, samples, frames, number of other lengths
OTHER_SIZE = "<4sQ"
MOST_SIZES = 4096
# Stand-ins for a length that was not known: a little below or above these, so that headers, whole
# frames or whole pages make them round.
STAND_INS = (2**31, 2**32, 2**63, 2**64)
NEAR = 2**17
# These fill room, or say again what the samples say.
NOTHING_TOLD = {b"JUNK", b"junk", b"PAD ", b"FLLR", b"fact", b"PEAK", b"ds64", b"fmt ", b"data"}
TOLD = {
    b"LIST": "a list (LIST)",
    b"bext": "what broadcasters note (bext)",
    b"cart": "what broadcasters note (cart)",
    b"iXML": "notes of the recorder (iXML)",
    b"axml": "a description (axml)",
    b"chna": "tracks of objects (chna)",
    b"cue ": "cue points",
    b"plst": "a play list (plst)",
    b"smpl": "loops for a sampler (smpl)",
    b"inst": "notes for an instrument (inst)",
    b"acid": "the tempo (acid)",
    b"id3 ": "an ID3 tag",
    b"ID3 ": "an ID3 tag",
}
LISTS = {b"INFO": "texts (LIST INFO)", b"adtl": "labels of cue points (LIST adtl)"}
KNOWN = NOTHING_TOLD | TOLD.keys()
MOST_CHUNKS = 2**16
MOST_PHRASES = 8
TWO_SOUNDS = "{} holds two sounds, one behind the other: a file with one is needed"


class Chunk(NamedTuple):
    """Where the content of a chunk lies; `length` is what is declared."""

    kind: bytes
    start: int
    length: int


@dataclass(frozen=True)
class WavFile:
    """The byte order ("<" or ">"), the content of the chunks fmt and data, and what is not kept."""

    order: ByteOrder
    header: bytes
    samples: memoryview
    not_kept: tuple[str, ...]


def is_wav(data: bytes) -> bool:
    """Whether bytes begin like a WAV file of any kind."""
    return data[:4] in MAGICS and data[8:12] == MARK


def parsed(name: str, data: bytes) -> WavFile:
    """A WAV file as its chunks.

    Raises InputError when one of the two that are needed is not there, when there are several of
    them, and when fewer samples are there than are declared.
    """
    walk = _Walk(name, data)
    chunks = list(walk.chunks())
    header = _only_one(name, chunks, b"fmt ", "headers (fmt)")
    body = _only_one(name, chunks, b"data", "chunks of samples (data)")
    phrases = _phrases(data, chunks)
    last = chunks[-1]
    end = last.start + last.length
    behind = len(data) - end
    is_filler = behind == 1 and last.length % 2 == 1
    if is_wav(data[end : end + FIRST_CHUNK]) or is_wav(data[end + 1 : end + 1 + FIRST_CHUNK]):
        raise InputError(TWO_SOUNDS.format(name))
    if behind > 0 and not is_filler:
        phrases.append(f"{counted(behind, 'byte')} behind its end")
    samples = memoryview(data)[body.start :][: body.length]
    return WavFile(walk.order, data[header.start :][: header.length], samples, tuple(phrases))


def _only_one(name: str, chunks: list[Chunk], kind: bytes, what: str) -> Chunk:
    """The one chunk of a kind. Raises InputError when there is none, and for several."""
    found = [chunk for chunk in chunks if chunk.kind == kind]
    if not found:
        raise InputError(f"{name} is broken or truncated: it holds no {what}")
    if len(found) > 1:
        raise InputError(f"{name} holds {len(found)} {what}: one is needed")
    return found[0]


class _Walk:
    """A walk from chunk to chunk."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.data = data
        self.order: ByteOrder = ">" if data[:4] == BIG_ENDIAN else "<"
        self.declared = struct.unpack_from(f"{self.order}I", data, 4)[0]
        self.sizes: dict[bytes, int] = {}
        if data[:4] in LARGE:
            self._read_sizes()

    def chunks(self) -> Iterator[Chunk]:
        """The chunks up to the end of the file, or up to bytes that are none.

        Raises InputError for a chunk up to the samples that is cut off.
        """
        position = FIRST_CHUNK
        samples_found = False
        count = 0
        while position + CHUNK_HEAD <= len(self.data) and count < MOST_CHUNKS:
            if is_wav(self.data[position : position + FIRST_CHUNK]):
                return
            kind = self.data[position : position + 4]
            start = position + CHUNK_HEAD
            length = struct.unpack_from(f"{self.order}I", self.data, position + 4)[0]
            if length == ELSEWHERE:
                length = self.sizes.get(kind, length)
            there = len(self.data) - start
            if kind == b"data" and not samples_found:
                samples_found = True
                length = self._length_of_samples(start, length)
            elif length > there or not _is_name(kind):
                if not samples_found:
                    self._refuse_cut_off(kind, length, there)
                return
            chunk = Chunk(kind, start, length)
            yield chunk
            count += 1
            position = self._next(chunk)

    def _read_sizes(self) -> None:
        """Read the lengths of more than 32 bits, which stand in the first chunk, ds64."""
        least = struct.calcsize(SIZES)
        (length,) = struct.unpack("<I", self.data[16:20].ljust(4, b"\0"))
        table = self.data[20:][:length]
        if self.data[12:16] != b"ds64" or len(table) < least:
            kind = self.data[:4].decode()
            raise InputError(f"{self.name} is broken: {kind} needs the chunk ds64 of {least} bytes")
        self.declared, self.sizes[b"data"], _, count = struct.unpack_from(SIZES, table)
        room = (len(table) - least) // struct.calcsize(OTHER_SIZE)
        for number in range(min(count, room, MOST_SIZES)):
            place = least + number * struct.calcsize(OTHER_SIZE)
            kind, size = struct.unpack_from(OTHER_SIZE, table, place)
            self.sizes.setdefault(kind, size)

    def _length_of_samples(self, start: int, length: int) -> int:
        """The bytes of samples that are there: as declared, or up to the end of the file.

        Raises InputError when a length that was known is not there.
        """
        there = len(self.data) - start
        if 0 < length <= there:
            return length
        if self._is_known(start, length):
            if length == 0:
                return 0
            raise InputError(
                f"{self.name} is truncated: {length} bytes of samples declared, {there} found"
            )
        self._refuse_second(start)
        return there

    def _is_known(self, start: int, length: int) -> bool:
        """Whether a length of samples that is 0 or more than is there was meant.

        A file with other chunks behind an empty one has no samples indeed; where the whole file
        ends with that chunk, its writer has not come back.
        """
        end = self.declared + CHUNK_HEAD
        if length == 0:
            return start < end <= len(self.data)
        return not _is_stand_in(length) and not _is_stand_in(self.declared) and self.declared != 0

    def _next(self, chunk: Chunk) -> int:
        """Where the next chunk begins.

        A byte fills up an odd length, but some writers forget it.
        """
        end = chunk.start + chunk.length
        if chunk.length % 2 == 0:
            return end
        is_forgotten = self.data[end : end + 4] in KNOWN
        return end if is_forgotten else end + 1

    def _refuse_cut_off(self, kind: bytes, length: int, there: int) -> None:
        """Raise InputError for a chunk before the samples that is none, or that is cut off."""
        if not _is_name(kind):
            raise InputError(
                f"{self.name} is broken: where a chunk should begin before the samples, there are "
                f"the bytes {kind.hex()}"
            )
        raise InputError(
            f"{self.name} is broken or truncated before its samples: its chunk {_text(kind)} "
            f"declares {length} bytes, {there} are there"
        )

    def _refuse_second(self, start: int) -> None:
        """Raise InputError when another WAV file begins in bytes that go to the end of the file."""
        place = self.data.find(MARK + b"fmt ", start)
        if place >= start + 8 and is_wav(self.data[place - 8 : place + 4]):
            raise InputError(TWO_SOUNDS.format(self.name))


def _is_stand_in(length: int) -> bool:
    """Whether a length stands for one that was not known.

    >>> [_is_stand_in(length) for length in (0, 44, 0x7FFFF000, 0xFFFFFFFF)]
    [False, False, True, True]
    """
    return any(abs(length - stand_in) <= NEAR for stand_in in STAND_INS)


def _is_name(kind: bytes) -> bool:
    """Whether four bytes may name a chunk: they are letters, digits and signs of ASCII."""
    return kind.isascii() and kind.decode("ascii").isprintable()


def _text(kind: bytes) -> str:
    """The name of a chunk, to be printed."""
    return kind.decode("ascii").strip() or "without a name"


def _phrase(data: bytes, chunk: Chunk) -> str:
    """What a chunk is, in a few words."""
    if chunk.kind == b"LIST":
        kind = data[chunk.start : chunk.start + 4]
        return LISTS.get(kind, "a list (LIST)")
    return TOLD.get(chunk.kind, f"the chunk {_text(chunk.kind)}")


def _phrases(data: bytes, chunks: list[Chunk]) -> list[str]:
    """What is not kept of a file's chunks, each kind once, and not more than can be read."""
    told = [_phrase(data, chunk) for chunk in chunks if chunk.kind not in NOTHING_TOLD]
    phrases = list(dict.fromkeys(told))
    more = len(phrases) - MOST_PHRASES
    if more > 0:
        return [*phrases[:MOST_PHRASES], f"{more} more kinds of chunks"]
    return phrases
