"""The frames of a DICOM file: where they stand, and how each is decoded.

Encapsulated pixels are DICOM PS3.5, annex A.4; RLE is annex G. What is coded as a picture in itself
is decoded by imagecodecs, after the size that it declares has been compared with the file's.
"""

import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from lossless_inr_lite.errors import InputError, counted, importing
from lossless_inr_lite.files import inflated
from lossless_inr_lite.signals.formats import jpeg
from lossless_inr_lite.signals.formats.dicom_elements import DicomFile
from lossless_inr_lite.signals.formats.jpeg_segments import parsed
from lossless_inr_lite.signals.formats.picture import Source

ITEM = b"\xfe\xff\x00\xe0"
END_OF_ITEMS = b"\xfe\xff\xdd\xe0"
MOST_FRAGMENTS = 2**18
JPEG_START = b"\xff\xd8\xff"
CODESTREAM = b"\xff\x4f\xff\x51"  # JPEG 2000, without boxes around it
BOXES = b"\0\0\0\x0cjP  "
JPEG_LS_FRAME = 0xF7
START_OF_TILE = 0xFF90
END_OF_CODE = 0xFFD9
MOST_COMPARED = 16  # bits that both decoders of HTJ2K know
SIGNED = 0x80  # in the depth of a component of JPEG 2000
RLE_SEGMENTS = 15
RLE_HEADER = 64  # bytes
CONTAINERS = {8: np.uint8, 16: np.uint16, 32: np.uint32}
Loss = Literal["", "maybe", "yes"]


class Layout(NamedTuple):
    """What the elements of a file say of every frame.

    `bits_allocated` is the room of a sample. `is_planar` tells that the channels follow one
    another, not the pixels; `is_halved` that two neighbours share their colour (YBR_FULL_422), and
    `is_ycbcr` that colours are luma and chroma.
    """

    height: int
    width: int
    channels: int
    bits_allocated: int
    is_planar: bool
    is_halved: bool
    is_ycbcr: bool

    @property
    def stored_samples(self) -> int:
        """The samples of one frame that is not coded."""
        pixels = self.height * self.width
        return 2 * pixels if self.is_halved else pixels * self.channels

    def bytes_of(self, frames: int) -> int:
        """The bytes of so many frames that are not coded. Bits are packed without gaps."""
        return -(-frames * self.stored_samples * self.bits_allocated // 8)


class Frame(NamedTuple):
    """One decoded frame: words (H, W, C), the bits that they have, and what is to be told.

    Of a word the lowest `depth` bits count. `is_raw` tells that they are the whole room of a sample
    in the file; codings such as JPEG hold the stored bits alone. `is_rgb` tells that luma and
    chroma were turned into red, green and blue by the decoder.
    """

    words: np.ndarray
    depth: int
    is_raw: bool
    is_rgb: bool = False
    told: tuple[str, ...] = ()


class Coding(NamedTuple):
    """How the frames of a transfer syntax are coded, and what the first bytes of each are."""

    decode: Callable[[DicomFile, bytes, Layout], Frame]
    starts: tuple[bytes, ...] = ()
    loss: Loss = ""


# Frames that are not coded -----------------------------------------------------------------------


def frames_there(file: DicomFile, layout: Layout, declared: int) -> tuple[int, int]:
    """How many whole frames there are that are not coded, and how many bytes stand behind them.

    The byte that makes an odd length even does not count.
    """
    assert file.length is not None
    there = min(file.length, len(file.body) - file.place)
    wanted = layout.bytes_of(declared)
    if there >= wanted:
        behind = max(0, there - wanted - wanted % 2)
        more = behind // layout.bytes_of(1)
        return declared + more, behind - more * layout.bytes_of(1)
    return 8 * there // (layout.stored_samples * layout.bits_allocated), 0


def native_frame(file: DicomFile, layout: Layout, page: int) -> Frame:
    """The words of one frame of a file that is not compressed."""
    bits = layout.bits_allocated
    first = page * layout.stored_samples * bits
    end = first + layout.stored_samples * bits
    start = first // 8
    # Bytes of a word of 16 bits stand in the file's order, also where each is a sample.
    is_swapped = file.syntax.order == ">" and file.kind == "OW" and bits <= 8
    if is_swapped:
        start -= start % 2
    data = file.body[file.place + start : file.place + -(-end // 8) + is_swapped]
    if is_swapped:
        swapped = np.frombuffer(data + b"\0" * (len(data) % 2), "<u2").byteswap()
        data = swapped.tobytes()
    skipped = first - 8 * start  # bits
    if bits == 1:
        every = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        flat = every[skipped : skipped + layout.stored_samples]
    else:
        kind = np.dtype(f"{file.syntax.order}u{bits // 8}")
        flat = np.frombuffer(data, kind, layout.stored_samples, skipped // 8)
    return _arranged(flat, layout)


def _arranged(flat: np.ndarray, layout: Layout) -> Frame:
    """Words in the order of a file as a frame (H, W, C)."""
    shape = (layout.height, layout.width)
    depth = layout.bits_allocated
    if layout.is_halved:
        pairs = flat.reshape(layout.height, -1, 4)
        luma = pairs[..., :2].reshape(*shape, 1)
        chroma = np.repeat(pairs[..., 2:], 2, axis=1)
        told = ("that two neighbours share their colour",)
        return Frame(np.concatenate([luma, chroma], axis=-1), depth, True, told=told)
    if layout.is_planar and layout.channels > 1:
        return Frame(np.moveaxis(flat.reshape(layout.channels, *shape), 0, -1), depth, True)
    return Frame(flat.reshape(*shape, layout.channels), depth, True)


# Frames in fragments -----------------------------------------------------------------------------


def coded_frames(file: DicomFile, coding: Coding, declared: int) -> list[list[bytes]]:
    """The fragments of each frame of encapsulated pixels.

    A frame begins where a fragment begins like a picture; RLE has a fragment for each. The table of
    offsets is asked where that finds too few.

    Raises InputError when the fragments are cut off or something else stands among them.
    """
    items = _items(file)
    if not items:
        raise InputError(f"{file.name} is broken: its compressed pixels have no table of offsets")
    table, *fragments = items
    numbers = [
        number
        for number, (_, body) in enumerate(fragments)
        if not coding.starts or body.startswith(coding.starts)
    ]
    if len(numbers) < declared:
        numbers = _by_offsets(table[1], fragments, declared) or numbers
    if not fragments:
        return []
    starts = sorted({0, *numbers})
    bodies = [body for _, body in fragments]
    return [bodies[start:end] for start, end in pairwise([*starts, len(fragments)])]


def _items(file: DicomFile) -> list[tuple[int, bytes]]:
    """The items of encapsulated pixels: place behind the file's `place`, and content."""
    body = file.body
    position = file.place
    items = []
    while True:
        mark = body[position : position + 4]
        if mark == END_OF_ITEMS:
            return items
        if len(body) < position + 8:
            raise InputError(
                f"{file.name} is truncated: the end of its compressed pixels is missing"
            )
        (length,) = struct.unpack_from("<I", body, position + 4)
        if mark != ITEM:
            raise InputError(
                f"{file.name} is broken: {mark.hex()} stands between its compressed pixels"
            )
        if len(items) > MOST_FRAGMENTS:
            raise InputError(
                f"{file.name} has more than {MOST_FRAGMENTS} fragments of compressed pixels"
            )
        if position + 8 + length > len(body):
            raise InputError(f"{file.name} is truncated: it ends within its compressed pixels")
        items.append((position - file.place, body[position + 8 : position + 8 + length]))
        position += 8 + length


def _by_offsets(table: bytes, fragments: list[tuple[int, bytes]], declared: int) -> list[int]:
    """The fragments that the table of offsets names, if it names as many as are declared."""
    if not fragments or len(table) != 4 * declared:
        return []
    first = fragments[0][0]
    numbers = {place - first: number for number, (place, _) in enumerate(fragments)}
    offsets = struct.unpack(f"<{declared}I", table)
    return [numbers[offset] for offset in offsets if offset in numbers]


# Codings -----------------------------------------------------------------------------------------


def _plain(file: DicomFile, frame: bytes, layout: Layout) -> Frame:
    """A frame that is encapsulated, and not coded."""
    wanted = layout.bytes_of(1)
    if len(frame) not in (wanted, wanted + wanted % 2):
        raise InputError(
            f"{file.name} is broken: a frame has {len(frame)} bytes, and {wanted} are needed"
        )
    if layout.bits_allocated == 1:
        return _arranged(_unpacked(frame, layout), layout)
    flat = np.frombuffer(frame, CONTAINERS[layout.bits_allocated], layout.stored_samples)
    return _arranged(flat, layout)


def _deflated(file: DicomFile, frame: bytes, layout: Layout) -> Frame:
    """A frame that is deflated and not coded in another way."""
    most = layout.bytes_of(1) + 1
    data = inflated(frame, most, f"a frame of {file.name}", wbits=-zlib.MAX_WBITS, may_go_on=True)
    return _plain(file, data, layout)


def _rle(file: DicomFile, frame: bytes, layout: Layout) -> Frame:
    """A frame in segments of one byte of all samples of a channel, the top byte first.

    Samples of one bit are packed, eight in a byte.
    """
    with importing("imagecodecs", f"{file.name}: DICOM compressed as RLE"):
        import imagecodecs
    bits = layout.bits_allocated
    sample_bytes = -(-bits // 8)
    wanted = layout.channels * sample_bytes
    if len(frame) < RLE_HEADER:
        raise InputError(f"{file.name} is truncated: a frame has no header of RLE")
    count, *places = struct.unpack_from(f"<{1 + RLE_SEGMENTS}I", frame)
    if count != wanted:
        raise InputError(
            f"{file.name} is broken: a frame has {count} segments of RLE, {wanted} are needed"
        )
    pixels = layout.height * layout.width
    length = pixels if bits > 1 else -(-pixels // 8)
    planes = np.empty((layout.channels, sample_bytes, length), np.uint8)
    ends = [*places[1:wanted], len(frame)]
    for number, (start, end) in enumerate(zip(places[:wanted], ends, strict=True)):
        segment = imagecodecs.packbits_decode(frame[start:end], out=bytearray(length))
        if len(segment) != length:
            raise InputError(
                f"{file.name} is truncated: a segment of RLE has {len(segment)} bytes, "
                f"{length} are needed"
            )
        planes[number // sample_bytes, number % sample_bytes] = np.frombuffer(segment, np.uint8)
    if bits == 1:
        return _arranged(_unpacked(planes.tobytes(), layout), layout)
    words = np.ascontiguousarray(np.moveaxis(planes, (0, 1), (1, 2)))
    samples = words.view(f">u{sample_bytes}").reshape(layout.height, layout.width, layout.channels)
    return Frame(samples, bits, True)


def _unpacked(data: bytes, layout: Layout) -> np.ndarray:
    """The samples of one bit of a frame that begins with a byte."""
    every = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    return every[: layout.stored_samples]


def _jpeg(file: DicomFile, frame: bytes, layout: Layout) -> Frame:
    """A JPEG picture, with loss or without. Colours of one with loss come out as red, green, blue.

    They are luma and chroma where the picture says so, or else where the file does.
    """
    inside = parsed(file.name, frame)
    size = (inside.height, inside.width, inside.components)
    _check_inside(file, layout, size)
    source = Source(file.name, frame, layout.height * layout.width)
    words = jpeg.samples_inside(source, inside, layout.is_ycbcr)
    is_rgb = inside.process != jpeg.LOSSLESS
    return Frame(_with_channels(words), inside.precision, False, is_rgb)


def _jpeg_ls(file: DicomFile, frame: bytes, layout: Layout) -> Frame:
    """A JPEG-LS picture (ITU-T T.87), whose colours stay as they are stored."""
    with importing("imagecodecs", f"{file.name}: DICOM compressed as JPEG-LS"):
        import imagecodecs
    precision, height, width, channels = _jpeg_ls_header(file, frame)
    _check_inside(file, layout, (height, width, channels))
    if not frame.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise InputError(f"{file.name} is truncated: the end of a JPEG-LS picture is missing")
    return Frame(_with_channels(imagecodecs.jpegls_decode(frame)), precision, False)


def _jpeg_ls_header(file: DicomFile, frame: bytes) -> tuple[int, int, int, int]:
    """Precision, height, width and channels of a JPEG-LS picture."""
    position = 2
    while frame[position : position + 1] == b"\xff" and position + 12 <= len(frame):
        marker = frame[position + 1]
        if marker == JPEG_LS_FRAME:
            precision, height, width, channels = struct.unpack_from(">BHHB", frame, position + 4)
            return precision, height, width, channels
        position += 2 + int.from_bytes(frame[position + 2 : position + 4])
    raise InputError(f"{file.name} is broken: a frame is no JPEG-LS picture")


def _jpeg_2000(file: DicomFile, frame: bytes, layout: Layout) -> Frame:
    """A JPEG 2000 picture; what its decoder turns back (RCT and ICT) is red, green and blue."""
    with importing("imagecodecs", f"{file.name}: DICOM compressed as JPEG 2000"):
        import imagecodecs
    code, precision = _codestream(file, frame, layout)
    with _errors_of_callbacks():
        samples = imagecodecs.jpeg2k_decode(code)
    return _two_complements(samples, precision)


def _htj2k(file: DicomFile, frame: bytes, layout: Layout) -> Frame:
    """A High-Throughput JPEG 2000 picture that may have lost something."""
    with importing("imagecodecs", f"{file.name}: DICOM compressed as JPEG 2000"):
        import imagecodecs
    code, precision = _codestream(file, frame, layout)
    with _errors_of_callbacks():
        samples = imagecodecs.htj2k_decode(code)
    return _two_complements(samples, precision)


def _lossless_htj2k(file: DicomFile, frame: bytes, layout: Layout) -> Frame:
    """The same without loss.

    Raises InputError when two decoders do not agree. One alone reads what is damaged, too, and has
    to do for more bits than the other one knows.
    """
    found = _htj2k(file, frame, layout)
    if found.depth > MOST_COMPARED:
        return found
    again = _jpeg_2000(file, frame, layout)
    if not np.array_equal(found.words, again.words):
        raise InputError(
            f"{file.name} is a lossless JPEG 2000 that two decoders read differently: it is damaged"
        )
    return found


@contextmanager
def _errors_of_callbacks() -> Iterator[None]:
    """Raise what a decoder's callback raises: Python would print it, and go on without it."""
    raised: list[BaseException] = []

    def note(unraisable: "sys.UnraisableHookArgs") -> None:
        raised.append(unraisable.exc_value or unraisable.exc_type())

    before = sys.unraisablehook
    sys.unraisablehook = note
    try:
        yield
    finally:
        sys.unraisablehook = before
    if raised:
        raise raised[0]


def _codestream(file: DicomFile, frame: bytes, layout: Layout) -> tuple[bytes, int]:
    """A JPEG 2000 picture (ITU-T T.800, annex A) without boxes around it, and its precision.

    Raises InputError when it is of another size than the file says, or cut off.
    """
    start = frame.find(CODESTREAM)
    if start < 0 or len(frame) < start + 42:
        raise InputError(f"{file.name} is broken: a frame is no JPEG 2000 picture")
    code = frame[start:]
    right, bottom, left, top = struct.unpack_from(">4I", code, 8)
    (channels,) = struct.unpack_from(">H", code, 40)
    _check_inside(file, layout, (bottom - top, right - left, channels))
    components = code[42 : 42 + 3 * channels]
    depths = set(components[::3])
    if len(depths) != 1 or set(components[1::3]) | set(components[2::3]) != {1}:
        raise InputError(
            f"{file.name} holds a JPEG 2000 picture whose channels differ in depth or size, which "
            "is not read"
        )
    _check_tiles(file, code)
    return code, (depths.pop() & ~SIGNED) + 1


def _check_tiles(file: DicomFile, code: bytes) -> None:
    """Raise InputError when a JPEG 2000 picture ends before its tiles do."""
    position = 2
    while position + 12 <= len(code):
        marker, length = struct.unpack_from(">HH", code, position)
        if marker == START_OF_TILE:
            (tile,) = struct.unpack_from(">I", code, position + 6)
            # 0 is up to the end.
            position = position + tile if tile else len(code.rstrip(b"\0")) - 2
        elif marker >> 8 == 0xFF and marker != END_OF_CODE:
            position += 2 + length
        else:
            break
    if code[position : position + 2] != struct.pack(">H", END_OF_CODE):
        raise InputError(f"{file.name} is truncated: the end of a JPEG 2000 picture is missing")


def _two_complements(samples: np.ndarray, precision: int) -> Frame:
    """Integers as words of which the lowest bits are the integers in two's complement."""
    words = samples.view(f"u{samples.dtype.itemsize}")
    return Frame(_with_channels(words), precision, False)


def _with_channels(samples: np.ndarray) -> np.ndarray:
    return samples[..., None] if samples.ndim == 2 else samples


def _check_inside(file: DicomFile, layout: Layout, size: tuple[int, int, int]) -> None:
    """Raise InputError when a coded frame is of another size than the file says."""
    if size != layout[:3]:
        height, width, channels = size
        raise InputError(
            f"{file.name} contradicts itself: a frame declares {width} x {height} pixels of "
            f"{counted(channels, 'sample')}, and the file {layout.width} x {layout.height} of "
            f"{layout.channels}"
        )


_JPEGS = (JPEG_START,)
_CODES = (CODESTREAM, BOXES)
CODINGS: dict[str, Coding] = {
    "1.2.840.10008.1.2.1.98": Coding(_plain),
    "1.2.840.10008.1.2.4.50": Coding(_jpeg, _JPEGS, "yes"),
    "1.2.840.10008.1.2.4.51": Coding(_jpeg, _JPEGS, "yes"),
    "1.2.840.10008.1.2.4.57": Coding(_jpeg, _JPEGS),
    "1.2.840.10008.1.2.4.70": Coding(_jpeg, _JPEGS),
    "1.2.840.10008.1.2.4.80": Coding(_jpeg_ls, _JPEGS),
    "1.2.840.10008.1.2.4.81": Coding(_jpeg_ls, _JPEGS, "maybe"),
    "1.2.840.10008.1.2.4.90": Coding(_jpeg_2000, _CODES),
    "1.2.840.10008.1.2.4.91": Coding(_jpeg_2000, _CODES, "maybe"),
    "1.2.840.10008.1.2.4.201": Coding(_lossless_htj2k, _CODES),
    "1.2.840.10008.1.2.4.202": Coding(_lossless_htj2k, _CODES),
    "1.2.840.10008.1.2.4.203": Coding(_htj2k, _CODES, "maybe"),
    "1.2.840.10008.1.2.5": Coding(_rle),
    "1.2.840.10008.1.2.8.1": Coding(_deflated),
}
