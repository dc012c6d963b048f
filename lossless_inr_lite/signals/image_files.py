"""Picture files in and out, with every bit that they hold.

What a header declares is checked before anything is decoded. imageio and Pillow silently return 8
bits for 16-bit colour PNG, so PNG goes through imagecodecs. The packages for the formats are
imported when they are first needed: importing this module takes numpy alone.
"""

import io
import math
import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.files import read_bytes, replacing
from lossless_inr_lite.signals.png import SIGNATURE as PNG_SIGNATURE
from lossless_inr_lite.signals.png import png_bytes

if TYPE_CHECKING:
    import tifffile

READABLE = "PNG, JPEG, TIFF, PGM/PPM or DICOM"
NETPBM_CHANNELS = {".pgm": 1, ".ppm": 3}
TIFF_SUFFIXES = (".tif", ".tiff")
WRITABLE = (".png", *TIFF_SUFFIXES, *NETPBM_CHANNELS)
MAX_CHANNELS = 16
TIFF_MARKS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
TIFF_SAMPLE_FORMATS = (1, 2)  # unsigned and signed integers
# A tile may be that many times larger than a picture, and a small one is free.
TILE_SLACK = 4
SMALL_TILE = 2**16  # pixels
NETPBM_HEADER = re.compile(
    rb"P[56](?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s"
)
NETPBM_HEADER_BYTES = 4096


@dataclass(frozen=True)
class Limits:
    """What a declared picture is held against before any of it is decoded."""

    max_pixels: int
    size: int | None

    def check(self, path: Path, height: int, width: int, channels: int = 1) -> None:
        """Raise InputError for an empty or too large picture, or one smaller than `size`."""
        if height < 1 or width < 1:
            raise InputError(f"{path.name} declares {width} x {height} pixels: an empty picture")
        if channels > MAX_CHANNELS:
            raise InputError(
                f"{path.name} declares {channels} channels: at most {MAX_CHANNELS} are allowed"
            )
        if height * width > self.max_pixels:
            raise InputError(
                f"{path.name} declares {width} x {height} = {height * width} pixels, more than the "
                f"{self.max_pixels} that are allowed: raise --max-pixels if you trust the file"
            )
        side = min(height, width)
        if self.size is not None and self.size > side:
            raise InputError(
                f"size {self.size} is larger than {path.name} ({width} x {height}): at most {side}"
            )


# (path for errors, the file's bytes, limits) -> samples (H, W) or (H, W, C), bits a sample
Reader = Callable[[Path, bytes, Limits], tuple[np.ndarray, int]]


def read_image(path: Path, max_pixels: int, size: int | None = None) -> tuple[np.ndarray, int]:
    """Samples (H, W, C) in the file's own integers, and its bits a sample.

    Palettes become their colours; grey stays one channel; alpha is kept.

    Raises InputError for anything that is not a whole picture of a known kind, or that declares
    more than `max_pixels` pixels or less than `size` a side.
    """
    data = read_bytes(path)
    if not data:
        raise InputError(f"{path.name} is empty: {READABLE} is needed")
    reader = _reader(data)
    if reader is None:
        raise InputError(f"{path.name} is not a picture that can be read: {READABLE} is needed")
    try:
        samples, num_bits = reader(path, data, Limits(max_pixels, size))
    except InputError:
        raise
    except Exception as error:  # decoders raise many types; the user needs one sentence
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name} is broken or truncated and cannot be decoded: {reason}"
        ) from error
    if samples.ndim == 2:
        samples = samples[..., None]
    return samples, num_bits


def write_image(path: str | Path, samples: np.ndarray, num_bits: int) -> None:
    """Write samples (H, W, C), whole or not at all; the suffix chooses PNG, TIFF or PGM/PPM.

    A depth that is not the container's 8, 16 or 32 bits is stored in its low bits. Raises
    InputError when the format cannot hold the samples: signed ones need TIFF.
    """
    path = Path(path)
    channels = samples.shape[-1]
    check_image_output(path, channels, num_bits, signed=samples.dtype.kind == "i")
    suffix = path.suffix.lower()
    with replacing(path) as temporary:
        if suffix == ".png":
            temporary.write_bytes(_png_bytes(samples))
        elif suffix in NETPBM_CHANNELS:
            temporary.write_bytes(_netpbm_bytes(samples, num_bits))
        else:
            photometric = "rgb" if channels in (3, 4) else "minisblack"
            plain = samples[..., 0] if channels == 1 else samples
            tiff = _tifffile(path)
            tiff.imwrite(temporary, plain, photometric=photometric, planarconfig="contig")


def check_image_output(path: Path, channels: int, num_bits: int, signed: bool) -> None:
    """Raise InputError when such a picture cannot be written under that suffix."""
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise InputError(
            f"cannot write pictures as {path.name!r}: allowed suffixes are {', '.join(WRITABLE)}"
        )
    if suffix in TIFF_SUFFIXES:
        _tifffile(path)
        return
    if NETPBM_CHANNELS.get(suffix, channels) != channels:
        raise InputError(f"{path.name} cannot hold {channels} channels: .pgm holds 1, .ppm holds 3")
    if num_bits > 16 or channels > 4 or signed:
        kind = "signed" if signed else "unsigned"
        raise InputError(
            f"{path.name} cannot hold {channels} channels of {num_bits} {kind} bits: use .tif"
        )


def _reader(data: bytes) -> Reader | None:
    """The reader for a file's first bytes; suffixes are not trusted."""
    # DICOM is asked first: the 128 bytes before its mark may be the header of a TIFF file, as in
    # scans from some devices.
    if data[128:132] == b"DICM":
        return _read_dicom
    if data.startswith(PNG_SIGNATURE):
        return _read_png
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg
    if data.startswith(TIFF_MARKS):
        return _read_tiff
    if data.startswith((b"P5", b"P6")):
        return _read_netpbm
    return None


def _read_png(path: Path, data: bytes, limits: Limits) -> tuple[np.ndarray, int]:
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    limits.check(path, height, width)
    if b"IEND" not in data[-64:]:
        raise InputError(f"{path.name} is truncated: its last PNG chunk (IEND) is missing")
    with importing("imagecodecs", f"{path.name}: reading PNG"):
        import imagecodecs
    samples = imagecodecs.png_decode(data)
    grey = colour == 0 and samples.ndim == 2
    if grey and depth < 8:
        # The decoder stretches 1, 2 and 4 bits to 8; the top bits are the file's own.
        return samples >> (8 - depth), depth
    return samples, 16 if depth == 16 else 8


def _png_bytes(samples: np.ndarray) -> bytes:
    """A PNG file of samples (H, W, C), uint8 or uint16."""
    try:
        import imagecodecs
    except ImportError:
        # Its place is taken by a plain writer: what was coded without loss can then be restored
        # where only numpy and an entropy coder are installed.
        return png_bytes(samples)
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(samples)))


def _read_jpeg(path: Path, data: bytes, limits: Limits) -> tuple[np.ndarray, int]:
    with importing("pillow", f"{path.name}: reading JPEG"):
        from PIL import Image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            picture = Image.open(io.BytesIO(data))
        except Image.DecompressionBombError as error:
            raise InputError(
                f"{path.name} declares more pixels than JPEG files may have here: {error}"
            ) from error
    with picture:
        limits.check(path, picture.height, picture.width)
        if picture.mode not in ("L", "RGB"):
            raise InputError(
                f"{path.name} is a {picture.mode} JPEG: grey or colour (L, RGB) is allowed"
            )
        return np.array(picture), 8


def _read_tiff(path: Path, data: bytes, limits: Limits) -> tuple[np.ndarray, int]:
    tifffile = _tifffile(path)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        if not isinstance(page, tifffile.TiffPage) or len(file.pages) != 1:
            raise InputError(
                f"{path.name} holds {len(file.pages)} pictures: a file with one is needed"
            )
        limits.check(path, page.imagelength, page.imagewidth, page.samplesperpixel)
        _check_segments(path, page, len(data))
        integers = int(page.sampleformat) in TIFF_SAMPLE_FORMATS and page.bitspersample <= 32
        if not integers or page.imagedepth != 1:
            raise InputError(
                f"{path.name} is a TIFF of {page.dtype} samples: integers of 1 to 32 bits "
                "are allowed"
            )
        samples = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
            colours = page.colormap[:, samples]
            return np.moveaxis(colours, 0, -1).astype(np.uint16), 16
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, -1)
        if samples.dtype == bool:
            samples = samples.astype(np.uint8)
        return samples, page.bitspersample


def _tifffile(path: Path) -> ModuleType:
    """The package that reads and writes TIFF, imported when it is first needed."""
    with importing("tifffile", f"{path.name}: TIFF"):
        import tifffile
    return tifffile


def _check_segments(path: Path, page: "tifffile.TiffPage", size: int) -> None:
    """Raise InputError when a strip or tile is missing, or larger than the picture.

    tifffile would fill in what is missing.
    """
    wanted = math.prod(page.chunked)
    segments = zip(page.dataoffsets, page.databytecounts, strict=False)
    ends = [start + count for start, count in segments]
    inside = max(ends, default=0) <= size
    if len(ends) < wanted or not all(page.databytecounts) or not inside:
        raise InputError(
            f"{path.name} is truncated: it declares {wanted} strips or tiles, not all there"
        )
    if page.is_tiled:
        largest = TILE_SLACK * max(page.imagelength * page.imagewidth, SMALL_TILE)
        if page.tilelength * page.tilewidth > largest:
            raise InputError(
                f"{path.name} declares tiles of {page.tilewidth} x {page.tilelength}, "
                "larger than the picture"
            )


def _read_netpbm(path: Path, data: bytes, limits: Limits) -> tuple[np.ndarray, int]:
    match = NETPBM_HEADER.match(data[:NETPBM_HEADER_BYTES])
    if match is None:
        raise InputError(
            f"{path.name} has no PGM/PPM header: width, height and largest value are needed"
        )
    width, height, largest = (int(number) for number in match.groups())
    limits.check(path, height, width)
    if not 0 < largest < 65536:
        raise InputError(
            f"{path.name} declares the largest value {largest}: allowed are 1 to 65535"
        )
    dtype = np.dtype(">u2" if largest > 255 else "u1")
    channels = 3 if data.startswith(b"P6") else 1
    wanted = height * width * channels * dtype.itemsize
    body = data[match.end() :]
    if len(body) < wanted:
        raise InputError(
            f"{path.name} is truncated: {wanted} bytes of samples declared, {len(body)} found"
        )
    if body[wanted:].lstrip().startswith((b"P5", b"P6")):
        raise InputError(f"{path.name} holds more than one picture: a file with one is needed")
    samples = np.frombuffer(body[:wanted], dtype).reshape(height, width, channels)
    return samples.astype(dtype.newbyteorder("=")), largest.bit_length()


def _netpbm_bytes(samples: np.ndarray, num_bits: int) -> bytes:
    """A PGM or PPM file of samples (H, W, 1) or (H, W, 3)."""
    height, width, channels = samples.shape
    mark = "P5" if channels == 1 else "P6"
    header = f"{mark}\n{width} {height}\n{2**num_bits - 1}\n"
    return header.encode() + samples.astype(">u2" if num_bits > 8 else "u1").tobytes()


def _read_dicom(path: Path, data: bytes, limits: Limits) -> tuple[np.ndarray, int]:
    with importing("pydicom", f"{path.name}: reading DICOM"):
        import pydicom
        from pydicom.filereader import read_file_meta_info
    # Asked first: a deflated file may inflate to anything.
    coding = read_file_meta_info(path).TransferSyntaxUID
    if coding.is_compressed or coding.is_deflated:
        raise InputError(
            f"{path.name} is DICOM compressed as {coding.name}: only uncompressed DICOM is allowed"
        )
    picture = pydicom.dcmread(io.BytesIO(data))
    if "Rows" not in picture or "PixelData" not in picture:
        raise InputError(f"{path.name} is a DICOM file without a picture")
    if int(picture.get("NumberOfFrames", 1)) != 1:
        raise InputError(
            f"{path.name} holds {picture.NumberOfFrames} frames: a file with one is needed"
        )
    channels = int(picture.get("SamplesPerPixel", 1))
    limits.check(path, int(picture.Rows), int(picture.Columns), channels)
    return picture.pixel_array, int(picture.BitsStored)
