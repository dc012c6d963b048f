"""Files as lists of pieces, to be damaged piece by piece and put together again.

What stands around a piece is made right again: lengths, the checksums of PNG and of FLAC frames,
the digests of this package's own formats. So the damage gets past the first check. The formats are
those of the PNG, RIFF/WAVE, GIF89a, JPEG (T.81), FLAC (RFC 9639), TIFF 6.0 and DICOM (PS3.5)
specifications.
"""

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from mutations import EXTREMES, change_one_value, damaged, extreme, one_of

from lossless_inr_lite.storage import trits

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ENTRY_BYTES = 12  # of a TIFF directory
# Kinds of DICOM elements whose length takes four bytes.
WIDE = (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"OD")
TIFF_TYPES = range(20)
NUMBERS = (b"0", b"1", b"-1", b"7", b"255", b"256", b"65535", b"65536", b"4294967296", b"9" * 30)
JSON_NUMBERS = (
    b"9" * 400,
    b"1e999",
    b"-1e999",
    b"NaN",
    b"9" * 5000,
    b"[" * 5000,
    b"1" + b"0" * 309,
)
INFLATED = 0.5  # chance that a deflated piece is damaged as what it inflates to
RAW = 0.3  # chance that a file is damaged as bytes, with nothing made right again
MORE = 0.3  # chance of one more damage


class Piece(NamedTuple):
    """A part of a file: what says its kind, and what it holds."""

    kind: bytes
    body: bytes


@dataclass(frozen=True)
class Layout:
    """How a file is taken apart, and put together again with what must be right."""

    split: Callable[[bytes], list[Piece]]
    join: Callable[[Sequence[Piece]], bytes]

    def damaged(self, data: bytes, other: bytes, generator: np.random.Generator) -> bytes:
        """The file with some pieces damaged, left out, repeated, moved, or taken from another."""
        pieces = self.split(data)
        changes = 1
        while generator.random() < MORE:
            changes += 1
        for _ in range(changes):
            self._change(pieces, other, generator)
        return self.join(pieces)

    def _change(self, pieces: list[Piece], other: bytes, generator: np.random.Generator) -> None:
        if not pieces:
            return
        number = int(generator.integers(len(pieces)))
        piece = pieces[number]
        way = generator.integers(12)
        if way < 6:
            pieces[number] = piece._replace(body=_damaged_body(piece, generator))
        elif way == 6:
            del pieces[number]
        elif way == 7:
            pieces.insert(number, piece)
        elif way == 8:
            pieces.insert(int(generator.integers(len(pieces))), pieces.pop(number))
        elif way == 9:
            pieces[number] = piece._replace(kind=damaged(piece.kind, generator)[: len(piece.kind)])
        else:
            strangers = self.split(other)
            pieces.insert(number, one_of(strangers, generator))


def _damaged_body(piece: Piece, generator: np.random.Generator) -> bytes:
    if piece.kind in (b"IDAT", b"zTXt", b"iCCP") and generator.random() < INFLATED:
        try:
            inner = zlib.decompress(piece.body)
        except zlib.error:
            inner = piece.body
        return zlib.compress(damaged(inner, generator))
    if piece.body.isdigit():
        return one_of(NUMBERS, generator)
    return damaged(piece.body, generator)


# Pictures ----------------------------------------------------------------------------------------


def _split_png(data: bytes) -> list[Piece]:
    pieces = []
    position = len(PNG_SIGNATURE)
    while position + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        pieces.append(Piece(kind, data[position + 8 : position + 8 + length]))
        position += 12 + length
    return pieces


def _join_png(pieces: Sequence[Piece]) -> bytes:
    chunks = (
        struct.pack(">I", len(body))
        + kind[:4].ljust(4)
        + body
        + struct.pack(">I", zlib.crc32(kind[:4].ljust(4) + body))
        for kind, body in pieces
    )
    return PNG_SIGNATURE + b"".join(chunks)


def _split_gif(data: bytes) -> list[Piece]:
    """The header with its colours, then blocks: kind, and all that stands in them."""
    position = 13 + _colour_bytes(data[10])
    pieces = [Piece(data[:6], data[6:position])]
    while position < len(data):
        kind = data[position : position + 1]
        start = position + 1
        end = start
        if kind == b"!":
            end = _behind_blocks(data, start + 1)
        elif kind == b",":
            end = _behind_blocks(data, start + 10 + _colour_bytes(data[start + 8]))
        pieces.append(Piece(kind, data[start:end]))
        position = end
    return pieces


def _colour_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 128 else 0


def _behind_blocks(data: bytes, position: int) -> int:
    """The place behind a chain of blocks, each with its length in front."""
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1


def _split_jpeg(data: bytes) -> list[Piece]:
    """Segments by their markers; what follows the start of the scan is one piece."""
    pieces = [Piece(data[:2], b"")]
    position = 2
    while position + 4 <= len(data) and pieces[-1].kind != b"\xff\xda":
        (length,) = struct.unpack(">H", data[position + 2 : position + 4])
        body = data[position + 4 : position + 2 + length]
        pieces.append(Piece(data[position : position + 2], body))
        position += 2 + length
    return [*pieces, Piece(b"", data[position:])]


def _join_jpeg(pieces: Sequence[Piece]) -> bytes:
    joined = b""
    for kind, body in pieces:
        sized = kind and (body or kind != b"\xff\xd8")
        joined += kind + (struct.pack(">H", (len(body) + 2) & 0xFFFF) if sized else b"") + body
    return joined


def _split_netpbm(data: bytes) -> list[Piece]:
    """Words of the header with the space behind them, then the samples."""
    count = 13 if data.startswith(b"P7") else 4
    words = re.findall(rb"(\S+)(\s)", data)[:count]
    start = sum(len(word) + len(space) for word, space in words)
    return [Piece(space, word) for word, space in words] + [Piece(b"", data[start:])]


def _join_behind(pieces: Sequence[Piece]) -> bytes:
    """Pieces whose kind stands behind them."""
    return b"".join(body + kind for kind, body in pieces)


def _join_before(pieces: Sequence[Piece]) -> bytes:
    """Pieces whose kind stands before them."""
    return b"".join(kind + body for kind, body in pieces)


def _split_dicom(data: bytes) -> list[Piece]:
    """Preamble, then elements of explicit little-endian files; encapsulated pixels are one."""
    pieces = [Piece(b"", data[:132])]
    position = 132
    while position + 8 <= len(data):
        wide = data[position + 4 : position + 6] in (
            b"OB",
            b"OW",
            b"SQ",
            b"UN",
            b"UT",
            b"OF",
            b"OD",
        )
        head = 12 if wide else 8
        place = "<I" if wide else "<H"
        length = int(struct.unpack_from(place, data, position + (8 if wide else 6))[0])
        start = position + head
        if length == 2**32 - 1 or start + length > len(data):
            break
        kind = data[position : position + head - struct.calcsize(place)]
        pieces.append(Piece(kind, data[start : start + length]))
        position = start + length
    return [*pieces, Piece(b"", data[position:])]


def _join_dicom(pieces: Sequence[Piece]) -> bytes:
    joined = b""
    for kind, body in pieces:
        wide = len(kind) > 6
        even = body + b" " * (len(body) % 2 if kind else 0)
        length = struct.pack("<I" if wide else "<H", len(even) & (2**32 - 1 if wide else 2**16 - 1))
        joined += kind + length + even if kind else body
    return joined


def damaged_tiff(data: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """One field of an entry of a directory made extreme, or a number of what it points to.

    `other` is not used: directories point into their own file.
    """
    order = "<" if data.startswith(b"II") else ">"
    if data[2:4] not in (b"*\0", b"\0*"):
        return extreme(data, generator)  # BigTIFF has other directories
    changed = bytearray(data)
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    entry = start + 2 + ENTRY_BYTES * int(generator.integers(count))
    number, value = struct.unpack_from(f"{order}II", data, entry + 4)
    small = one_of(EXTREMES, generator)
    way = generator.integers(9)
    if way == 0:
        struct.pack_into(f"{order}H", changed, entry, 250 + int(generator.integers(100)))
    elif way == 1:
        kind = one_of(TIFF_TYPES, generator)
        struct.pack_into(f"{order}H", changed, entry + 2, kind)
    elif way == 2:
        struct.pack_into(f"{order}I", changed, entry + 4, small & 0xFFFFFFFF)
    elif way == 3:
        struct.pack_into(f"{order}I", changed, entry + 8, small & 0xFFFFFFFF)
    elif way == 4:
        struct.pack_into(f"{order}H", changed, entry + 8, int(generator.integers(70)))
    elif way == 5:
        struct.pack_into(f"{order}H", changed, start, small & 0xFFFF)
    elif way == 6:
        after = start + 2 + ENTRY_BYTES * count
        places = (start, entry, after, 0, 8, len(data) - 4, small & 0xFFFFFFFF)
        struct.pack_into(f"{order}I", changed, after, one_of(places, generator))
    elif number > 1 and value < len(data) - 8:
        end = min(len(data), value + 4 * number)
        changed[value:end] = extreme(bytes(changed[value:end]), generator)[: end - value]
    else:
        return damaged(data, generator)
    return bytes(changed) if generator.random() > MORE else damaged(bytes(changed), generator)


# Sound -------------------------------------------------------------------------------------------


def _split_riff(data: bytes) -> list[Piece]:
    pieces = [Piece(data[:4], data[8:12])]
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack("<4sI", data[position : position + 8])
        pieces.append(Piece(kind, data[position + 8 : position + 8 + length]))
        position += 8 + length + length % 2
    return pieces


def _join_riff(pieces: Sequence[Piece]) -> bytes:
    first, *chunks = pieces if pieces else [Piece(b"RIFF", b"WAVE")]
    body = first.body
    for kind, content in chunks:
        padding = b"\0" * (len(content) % 2)
        body += kind[:4].ljust(4) + struct.pack("<I", len(content)) + content + padding
    return first.kind + struct.pack("<I", len(body)) + body


def _split_flac(data: bytes) -> list[Piece]:
    """Blocks of metadata, then one piece with all frames."""
    pieces = []
    position = 4
    last = False
    while not last and position + 4 <= len(data):
        last = bool(data[position] & 128)
        kind = bytes([data[position] & 127])
        length = int.from_bytes(data[position + 1 : position + 4], "big")
        pieces.append(Piece(kind, data[position + 4 : position + 4 + length]))
        position += 4 + length
    return [*pieces, Piece(b"", data[position:])]


def _join_flac(pieces: Sequence[Piece]) -> bytes:
    blocks = [piece for piece in pieces if piece.kind]
    joined = b"fLaC"
    for number, (kind, body) in enumerate(blocks):
        last = 128 if number == len(blocks) - 1 else 0
        joined += bytes([kind[0] & 127 | last]) + len(body).to_bytes(3, "big") + body
    return joined + b"".join(_frame(piece.body) for piece in pieces if not piece.kind)


def _frame(frame: bytes) -> bytes:
    """A frame whose checksums are right, if it is one frame and its number takes one byte."""
    if len(frame) < 12:
        return frame
    sizes = {6: 1, 7: 2}.get(frame[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(frame[2] & 15, 0)
    end = 5 + sizes
    head = frame[:end]
    body = head + bytes([_checksum(head, 8, 0x07)]) + frame[end + 1 : -2]
    return body + _checksum(body, 16, 0x8005).to_bytes(2, "big")


def _checksum(data: bytes, bits: int, polynomial: int) -> int:
    """A checksum of FLAC, bit by bit: the remainder of a division by the polynomial."""
    value = 0
    top = 1 << bits - 1
    for byte in data:
        value ^= byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & (1 << bits) - 1
    return value


# Our own -----------------------------------------------------------------------------------------


def damaged_weights(data: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """A .safetensors file with an absurd value in one of its three headers, or other weights.

    The header's digest and the weights' are made right again.
    """
    length = int.from_bytes(data[:8], "little")
    outer = json.loads(data[8 : 8 + length])
    tensors = data[8 + length :]
    sealed = json.loads(outer["__metadata__"]["lossless_inr_lite"])
    inner = json.loads(sealed["header"])
    way = generator.integers(5)
    if way < 2:
        change_one_value(inner, generator)
    elif way == 2:
        tensors = damaged(tensors, generator)[: len(tensors)].ljust(len(tensors), b"\0")
    if isinstance(inner.get("sha256_weights"), str) and way != 0:
        inner["sha256_weights"] = _weights_digest(outer, tensors)
    sealed["header"] = json.dumps(inner)
    sealed["sha256"] = hashlib.sha256(sealed["header"].encode()).hexdigest()
    if way == 3:
        change_one_value(sealed, generator)
    outer["__metadata__"]["lossless_inr_lite"] = json.dumps(sealed)
    if way == 4:
        change_one_value(outer, generator)
    head = json.dumps(outer).encode()
    return len(head).to_bytes(8, "little") + head + tensors


def _weights_digest(outer: dict, tensors: bytes) -> str:
    """The digest of all weights, as the package makes it: names, types, shapes, bytes."""
    digest = hashlib.sha256()
    for name, facts in sorted(outer.items()):
        if name != "__metadata__":
            start, end = facts["data_offsets"]
            digest.update(f"{name} torch.float32 {tuple(facts['shape'])}\n".encode())
            digest.update(tensors[start:end])
    return digest.hexdigest()


def damaged_trits(data: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """A .trits file with an absurd value in its header, or damage behind it, sealed again."""
    body = trits.ENVELOPE.opened(data, "the seed")
    length = int.from_bytes(body[1:3], "little")
    rest = body[3 + length :]
    inflate = zlib.decompressobj(trits.RAW_DEFLATE, zdict=trits.DICTIONARY)
    header = json.loads(inflate.decompress(body[3 : 3 + length]))
    coding = body[:1]
    way = generator.integers(4)
    if way < 2:
        change_one_value(header, generator)
    elif way == 2:
        rest = damaged(rest, generator)
    else:
        coding = generator.bytes(1)
    deflate = zlib.compressobj(9, zlib.DEFLATED, trits.RAW_DEFLATE, zdict=trits.DICTIONARY)
    packed = deflate.compress(json.dumps(header).encode()) + deflate.flush()
    return trits.ENVELOPE.sealed(coding + len(packed).to_bytes(2, "little") + packed + rest)


def damaged_lic(data: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """A container, as the fuzzing of the codec damages it."""
    from fuzz_codec import mutated  # with torch, which the other formats do not need

    return mutated(data, generator)


def damaged_json(data: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """A JSON object with an absurd value, or with a number of many digits."""
    if generator.random() < RAW:
        numbers = list(re.finditer(rb"[0-9.]+", data))
        place = one_of(numbers, generator)
        return data[: place.start()] + one_of(JSON_NUMBERS, generator) + data[place.end() :]
    facts = json.loads(data)
    change_one_value(facts, generator)
    return json.dumps(facts).encode()


Damage = Callable[[bytes, bytes, np.random.Generator], bytes]
# By the name of the reader. What has no layout is damaged as bytes alone.
DAMAGES: dict[str, Damage] = {
    "png": Layout(_split_png, _join_png).damaged,
    "apng": Layout(_split_png, _join_png).damaged,
    "gif": Layout(_split_gif, _join_before).damaged,
    "jpeg": Layout(_split_jpeg, _join_jpeg).damaged,
    "tiff": damaged_tiff,
    "netpbm": Layout(_split_netpbm, _join_behind).damaged,
    "dicom": Layout(_split_dicom, _join_dicom).damaged,
    "wav": Layout(_split_riff, _join_riff).damaged,
    "flac": Layout(_split_flac, _join_flac).damaged,
    "safetensors": damaged_weights,
    "trits": damaged_trits,
    "lic": damaged_lic,
    "certificate": damaged_json,
}


def any_damage(name: str, seeds: Sequence[bytes], generator: np.random.Generator) -> bytes:
    """One of the seeds of a reader, damaged as bytes or piece by piece."""
    data = one_of(seeds, generator)
    other = one_of(seeds, generator)
    if generator.random() < RAW:
        changed = damaged(data, generator)
        return changed if generator.random() > MORE else damaged(changed, generator)
    return DAMAGES[name](data, other, generator)
