"""One frame of a DICOM file, decoded in the way that its transfer syntax says (PS3.5, section 8).

Uncompressed frames and RLE are read by pydicom, all others by imagecodecs. What a compressed frame
declares of its size is compared with the file's before it is decoded.
"""

import re
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.files import inflated

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

# The size in a codestream of JPEG 2000: the marker SIZ, its length and profile, then eight numbers.
SIZE_OF_JPEG_2000 = re.compile(rb"\xff\x4f\xff\x51.{4}(.{32})(..)", re.DOTALL)
START_OF_JPEG = b"\xff\xd8"
# Markers of JPEG that hold a frame's size: all of C0 to CF but three, and F7 of JPEG-LS.
JPEG_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC} | {0xF7}
ADOBE = 0xEE
BYTES_OF_ADOBE = 12  # of a segment; decoders pass over a shorter one
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xDA)}
COLOURS_OF_JPEG = 3
LOSSY = {
    "1.2.840.10008.1.2.4.50",  # JPEG baseline
    "1.2.840.10008.1.2.4.51",  # JPEG extended
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000, which may be lossless too
    "1.2.840.10008.1.2.4.203",  # HTJ2K, which may be lossless too
}
RLE = "1.2.840.10008.1.2.5"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
DEFLATE_BITS = -15  # raw deflate, without a header
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
HTJ2K = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")
JPEG = (
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
)


@dataclass(frozen=True)
class Layout:
    """How the samples of a file are stored, as its elements say."""

    rows: int
    columns: int
    channels: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    photometric: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of a frame."""
        return self.rows, self.columns, self.channels


@dataclass(frozen=True)
class Frame:
    """A decoded frame.

    words: (H, W, C), integers. is_raw: whether they have all allocated bits of the file. is_rgb:
    whether decoding turned the colours into red, green and blue.
    """

    words: np.ndarray
    is_raw: bool
    is_rgb: bool = False


def is_lossy(coding: "UID") -> bool:
    """Whether pixels in that syntax may have lost something when they were coded."""
    return str(coding) in LOSSY


def decoded_frame(
    name: str, dataset: "Dataset", coding: "UID", layout: Layout, index: int
) -> Frame:
    """The frame with that number.

    Raises InputError for a syntax that is not read, for a frame that is not there, and for one
    whose own header contradicts the file.
    """
    syntax = str(coding)
    if syntax in (*JPEG, *JPEG_LS, *JPEG_2000, *HTJ2K):
        return _by_imagecodecs(name, dataset, syntax, layout, index)
    if syntax == DEFLATED_FRAMES:
        return Frame(_deflated(name, dataset, layout, index), is_raw=True)
    if syntax == RLE and layout.bits_allocated == 1:
        return Frame(_run_lengths_of_bits(name, dataset, layout, index), is_raw=True)
    if syntax not in (*NATIVE, RLE):
        raise InputError(f"{name} is DICOM coded as {coding.name}, which is not read")
    return Frame(_by_pydicom(dataset, layout, index), is_raw=True)


def _frame_bytes(dataset: "Dataset", index: int) -> bytes:
    """The bytes of a compressed frame."""
    from pydicom.encaps import get_frame

    extended = None
    if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
        extended = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    count = max(1, int(dataset.get("NumberOfFrames") or 1))
    return get_frame(dataset.PixelData, index, number_of_frames=count, extended_offsets=extended)


def _deflated(name: str, dataset: "Dataset", layout: Layout, index: int) -> np.ndarray:
    """The words of a frame that is deflated by itself (H, W, C)."""
    samples = layout.rows * layout.columns * layout.channels
    size = -(-samples * layout.bits_allocated // 8)
    what = f"{name}: a deflated frame"
    data = inflated(
        _frame_bytes(dataset, index), size + 1, what, wbits=DEFLATE_BITS, may_go_on=True
    )
    if len(data) < size:
        raise InputError(f"{what} has {len(data)} bytes, and {size} are needed")
    if layout.bits_allocated == 1:
        return _from_bits(data, layout)
    words = np.frombuffer(data[:size], f"<u{layout.bits_allocated // 8}")
    if layout.channels > 1 and dataset.get("PlanarConfiguration") == 1:
        planes = words.reshape(layout.channels, layout.rows, layout.columns)
        return np.moveaxis(planes, 0, -1)
    return words.reshape(layout.shape)


def _run_lengths_of_bits(name: str, dataset: "Dataset", layout: Layout, index: int) -> np.ndarray:
    """The words of a frame of single bits in run lengths (H, W, C): one segment of packed bits."""
    from pydicom.pixels.decoders.rle import _rle_decode_segment, _rle_parse_header

    data = _frame_bytes(dataset, index)
    (offset, *others) = _rle_parse_header(data[:64])
    packed = _rle_decode_segment(data[offset:])
    if others or 8 * len(packed) < layout.rows * layout.columns * layout.channels:
        raise InputError(f"{name} is broken or truncated: run lengths of the wrong length")
    return _from_bits(bytes(packed), layout)


def _from_bits(packed: bytes, layout: Layout) -> np.ndarray:
    """Packed bits, the first in the lowest place, as words (H, W, C)."""
    count = layout.rows * layout.columns * layout.channels
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little", count=count)
    return bits.reshape(layout.shape)


def _by_pydicom(dataset: "Dataset", layout: Layout, index: int) -> np.ndarray:
    """The words of an uncompressed or RLE frame (H, W, C), with every allocated bit."""
    from pydicom.pixels.utils import pixel_array

    # All bits are asked for: pydicom takes those that are stored for the lowest ones.
    dataset.BitsStored = layout.bits_allocated
    dataset.HighBit = layout.bits_allocated - 1
    dataset.PixelRepresentation = 0
    dataset.SamplesPerPixel = layout.channels
    dataset.PhotometricInterpretation = layout.photometric
    dataset.BitsAllocated = layout.bits_allocated
    if dataset.get("NumberOfFrames") in (None, "", 0, "0"):
        dataset.NumberOfFrames = 1
    if layout.channels > 1 and dataset.get("PlanarConfiguration") is None:
        dataset.PlanarConfiguration = 0
    return pixel_array(dataset, index=index, raw=True).reshape(layout.shape)


def _by_imagecodecs(
    name: str, dataset: "Dataset", syntax: str, layout: Layout, index: int
) -> Frame:
    """A frame of the JPEG family (H, W, C)."""
    with importing("imagecodecs", f"{name}: compressed DICOM"):
        import imagecodecs
    data = _frame_bytes(dataset, index)
    is_rgb = layout.photometric in ("RGB", "YBR_RCT", "YBR_ICT")
    if syntax in JPEG_2000 or syntax in HTJ2K:
        _check_size(name, layout, _size_of_jpeg_2000(name, data))
        decode = imagecodecs.htj2k_decode if syntax in HTJ2K else imagecodecs.jpeg2k_decode
        with _errors_of_callbacks():
            samples = decode(data)
    elif syntax in JPEG_LS:
        _check_size(name, layout, _size_of_jpeg(name, data)[0])
        samples = imagecodecs.jpegls_decode(data)
    else:
        size, has_adobe = _size_of_jpeg(name, data)
        _check_size(name, layout, size)
        samples, is_rgb = _jpeg(data, layout, has_adobe, is_rgb)
    if samples.ndim == 2:
        samples = samples[..., None]
    if samples.shape != layout.shape or samples.dtype.kind not in "ui":
        raise InputError(
            f"{name} contradicts itself: a frame has the shape {samples.shape}, and the file "
            f"declares {layout.shape}"
        )
    return Frame(samples, is_raw=False, is_rgb=is_rgb)


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


def _jpeg(data: bytes, layout: Layout, has_adobe: bool, is_rgb: bool) -> tuple[np.ndarray, bool]:
    """The samples of a JPEG frame, and whether they are red, green and blue.

    YCbCr is turned into RGB, as every viewer of JPEG does. A frame that the file calls RGB is taken
    for that unless Adobe's segment says what it is.
    """
    import imagecodecs

    if layout.channels < COLOURS_OF_JPEG:
        return imagecodecs.jpeg_decode(data), is_rgb
    if is_rgb and not has_adobe:
        return imagecodecs.jpeg_decode(data, colorspace="RGB", outcolorspace="RGB"), True
    return imagecodecs.jpeg_decode(data, outcolorspace="RGB"), True


def _check_size(name: str, layout: Layout, size: tuple[int, int, int]) -> None:
    if size != layout.shape:
        raise InputError(
            f"{name} contradicts itself: a frame declares {size[1]} x {size[0]} pixels of "
            f"{size[2]} samples, and the file {layout.columns} x {layout.rows} of {layout.channels}"
        )


def _size_of_jpeg(name: str, data: bytes) -> tuple[tuple[int, int, int], bool]:
    """(H, W, C) of a JPEG or JPEG-LS frame by its header, and whether it has Adobe's segment."""
    position = 2
    has_adobe = False
    while data.startswith(START_OF_JPEG) and position + 4 <= len(data):
        if data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xFF:  # a byte that fills up
            position += 1
            continue
        if marker in WITHOUT_LENGTH:
            position += 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4])
        body = data[position + 4 : position + 2 + length]
        if marker in JPEG_SIZES and len(body) >= 6:
            _, height, width, channels = struct.unpack_from(">BHHB", body)
            return (height, width, channels), has_adobe
        is_whole = len(body) >= BYTES_OF_ADOBE and body.startswith(b"Adobe")
        has_adobe = has_adobe or (marker == ADOBE and is_whole)
        position += 2 + max(2, length)
    raise InputError(f"{name} is broken or truncated: a frame has no header of JPEG")


def _size_of_jpeg_2000(name: str, data: bytes) -> tuple[int, int, int]:
    """(H, W, C) of a frame of JPEG 2000 by its codestream's header."""
    match = SIZE_OF_JPEG_2000.search(data)
    if match is None:
        raise InputError(f"{name} is broken or truncated: a frame has no header of JPEG 2000")
    width, height, left, top = struct.unpack_from(">4I", match[1])
    (channels,) = struct.unpack(">H", match[2])
    return height - top, width - left, channels
