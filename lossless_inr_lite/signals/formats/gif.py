"""GIF, through Pillow: palettes as their colours, and frames as they are seen.

The format is GIF89a (CompuServe, 1990).
"""

from dataclasses import dataclass

import numpy as np

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source
from lossless_inr_lite.signals.formats.pillow import opened

EXTENSION = 0x21
COMMENT = 0xFE
FRAME = 0x2C
END = 0x3B
EMPTY = 0x00  # too many of them after a block are harmless
HEADER_BYTES = 13
FRAME_BYTES = 9  # behind the byte that begins a frame
HAS_PALETTE = 0x80
COLOURS = 0x07  # the number of colours is 2^(1 + these bits)


@dataclass
class GifFile:
    """The blocks of a file: the size that all frames need, their number, and what else is there."""

    width: int
    height: int
    num_frames: int = 0
    has_comment: bool = False
    bytes_behind: int = 0


def read_gif(source: Source) -> Picture:
    """The samples of a GIF, red, green and blue; alpha is a fourth channel where there is any."""
    file = parsed(source.name, source.data)
    source.check_size(file.height, file.width)
    if not file.num_frames:
        raise InputError(f"{source.name} is a GIF without a picture")
    page = source.chosen_page(file.num_frames, "frames")
    with opened(source, "GIF") as picture:
        picture.seek(page)
        has_alpha = picture.mode == "RGBA" or "transparency" in picture.info
        samples = np.array(picture.convert("RGBA" if has_alpha else "RGB"))
    phrases: list[str] = []
    if file.has_comment:
        phrases.append("a comment")
    if file.bytes_behind:
        phrases.append(f"{counted(file.bytes_behind, 'byte')} behind its end")
    return Picture(samples, 8, not_kept=tuple(phrases))


def parsed(name: str, data: bytes) -> GifFile:
    """What the blocks of a GIF file declare.

    Raises InputError when the file is cut off or a block is of no known kind.
    """
    width = int.from_bytes(data[6:8], "little")
    height = int.from_bytes(data[8:10], "little")
    file = GifFile(width, height)
    position = HEADER_BYTES + _palette_bytes(data[10:11])
    while True:
        kind = data[position : position + 1]
        if not kind:
            raise InputError(f"{name} is truncated: the byte that ends a GIF is missing")
        position += 1
        if kind[0] == END:
            break
        if kind[0] == FRAME:
            position = _frame(file, data, position)
        elif kind[0] == EMPTY:
            continue
        elif kind[0] == EXTENSION:
            file.has_comment = file.has_comment or data[position : position + 1] == bytes([COMMENT])
            position += 1
        else:
            raise InputError(f"{name} is broken: no GIF block begins at byte {position - 1}")
        position = _behind_pieces(data, position)
    file.bytes_behind = len(data) - position
    return file


def _frame(file: GifFile, data: bytes, position: int) -> int:
    """Take note of a frame; where its data begin."""
    numbers = [
        int.from_bytes(data[position + i : position + i + 2], "little") for i in (0, 2, 4, 6)
    ]
    left, top, width, height = numbers
    # A frame may reach beyond the picture; Pillow enlarges the picture then.
    file.width = max(file.width, left + width)
    file.height = max(file.height, top + height)
    file.num_frames += 1
    flags = data[position + FRAME_BYTES - 1 : position + FRAME_BYTES]
    code_size_bytes = 1
    return position + FRAME_BYTES + _palette_bytes(flags) + code_size_bytes


def _palette_bytes(flags: bytes) -> int:
    """How many bytes of colours follow a byte of flags."""
    if not flags or not flags[0] & HAS_PALETTE:
        return 0
    return 3 * 2 ** (1 + (flags[0] & COLOURS))


def _behind_pieces(data: bytes, position: int) -> int:
    """Where data end that stand in pieces, each behind its length; an empty one is the last."""
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1


FORMAT = PictureFormat(
    name="GIF",
    suffixes=(".gif",),
    reads="palettes as their colours, and the frames of animations as they are seen",
    read=read_gif,
    starts_with=(b"GIF87a", b"GIF89a"),
)
