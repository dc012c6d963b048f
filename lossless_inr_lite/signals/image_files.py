"""Picture files in and out, with every bit that they hold. What a header declares is checked before decoding.

imageio and Pillow silently return 8 bits for 16-bit colour PNG, so PNG goes through imagecodecs.
"""

import io
import math
import re
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.filereader import read_file_meta_info

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import replacing

READABLE = "PNG, JPEG, TIFF, PGM/PPM or DICOM"
MAX_CHANNELS = 16
WRITABLE = (".png", ".tif", ".tiff", ".pgm", ".ppm")


@dataclass(frozen=True)
class Limits:
    """What a declared picture is held against before any of it is decoded."""

    max_pixels: int
    size: int | None

    def check(self, path: Path, height: int, width: int, channels: int = 1) -> None:
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
        if self.size is not None and self.size > min(height, width):
            raise InputError(
                f"size {self.size} is larger than {path.name} ({width} x {height}): at most {min(height, width)}"
            )


def read_image(path: Path, max_pixels: int, size: int | None = None) -> tuple[np.ndarray, int]:
    """Samples (H, W, C) in the file's own integers, and its bits a sample.

    Palettes become their colours; grey stays one channel; alpha is kept. Raises InputError for anything that
    is not a whole picture of a known kind, or that declares more than `max_pixels` or less than `size` a side.
    """
    data = _read_bytes(path)
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
    return (samples[..., None] if samples.ndim == 2 else samples), num_bits


def write_image(path: str | Path, samples: np.ndarray, num_bits: int) -> None:
    """Write samples (H, W, C), atomically; the suffix chooses PNG, TIFF or PGM/PPM. Signed ones need TIFF.

    A depth that is not the container's 8, 16 or 32 bits is stored in its low bits. Raises InputError when the
    format cannot hold the samples.
    """
    path, channels = Path(path), samples.shape[-1]
    check_image_output(path, channels, num_bits, signed=samples.dtype.kind == "i")
    suffix = path.suffix.lower()
    with replacing(path) as temporary:
        if suffix == ".png":
            temporary.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(samples)))
        elif suffix in (".pgm", ".ppm"):
            temporary.write_bytes(_netpbm_bytes(samples, num_bits))
        else:
            photometric = "rgb" if channels in (3, 4) else "minisblack"
            plain = samples[..., 0] if channels == 1 else samples
            tifffile.imwrite(temporary, plain, photometric=photometric, planarconfig="contig")


def check_image_output(path: Path, channels: int, num_bits: int, signed: bool) -> None:
    """Raise InputError when such a picture cannot be written under that suffix."""
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise InputError(
            f"cannot write pictures as {path.name!r}: allowed suffixes are {', '.join(WRITABLE)}"
        )
    if suffix in (".pgm", ".ppm") and channels != {".pgm": 1, ".ppm": 3}[suffix]:
        raise InputError(f"{path.name} cannot hold {channels} channels: .pgm holds 1, .ppm holds 3")
    if suffix not in (".tif", ".tiff") and (num_bits > 16 or channels > 4 or signed):
        kind = "signed" if signed else "unsigned"
        raise InputError(
            f"{path.name} cannot hold {channels} channels of {num_bits} {kind} bits: use .tif"
        )


def _read_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if not data:
        raise InputError(f"{path.name} is empty: {READABLE} is needed")
    return data


Reader = Callable[[Path, bytes, Limits], tuple[np.ndarray, int]]


def _reader(data: bytes) -> Reader | None:
    """The reader for a file's first bytes; suffixes are not trusted."""
    if (
        data[128:132] == b"DICM"
    ):  # asked first: the 128 bytes before it may be a TIFF header, as in scans from some devices
        return _read_dicom
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _read_png
    if data.startswith(b"\xff\xd8\xff"):
        return _read_jpeg
    if data[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return _read_tiff
    if data[:2] in (b"P5", b"P6"):
        return _read_netpbm
    return None


def _read_png(path: Path, data: bytes, limits: Limits) -> tuple[np.ndarray, int]:
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    limits.check(path, height, width)
    if b"IEND" not in data[-64:]:
        raise InputError(f"{path.name} is truncated: its last PNG chunk (IEND) is missing")
    samples = imagecodecs.png_decode(data)
    grey_low_depth = colour == 0 and depth < 8 and samples.ndim == 2
    if (
        grey_low_depth
    ):  # the decoder stretches 1, 2 and 4 bits to 8; the top bits are the file's own
        return samples >> (8 - depth), depth
    return samples, 16 if depth == 16 else 8


def _read_jpeg(path: Path, data: bytes, limits: Limits) -> tuple[np.ndarray, int]:
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
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        if not isinstance(page, tifffile.TiffPage) or len(file.pages) != 1:
            raise InputError(
                f"{path.name} holds {len(file.pages)} pictures: a file with one is needed"
            )
        limits.check(path, page.imagelength, page.imagewidth, page.samplesperpixel)
        _check_segments(path, page, len(data))
        kinds = {1: "unsigned", 2: "signed"}
        if int(page.sampleformat) not in kinds or page.bitspersample > 32 or page.imagedepth != 1:
            raise InputError(
                f"{path.name} is a TIFF of {page.dtype} samples: integers of 1 to 32 bits are allowed"
            )
        samples = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
            colours = page.colormap
            return np.moveaxis(colours[:, samples], 0, -1).astype(np.uint16), 16
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, -1)
        return samples.astype(np.uint8) if samples.dtype == bool else samples, page.bitspersample


def _check_segments(path: Path, page: tifffile.TiffPage, size: int) -> None:
    """Raise InputError when a strip or tile is missing, or larger than the picture: tifffile would fill it in."""
    ends = [
        start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)
    ]
    complete = (
        len(ends) >= math.prod(page.chunked)
        and all(page.databytecounts)
        and max(ends, default=0) <= size
    )
    if not complete:
        raise InputError(
            f"{path.name} is truncated: it declares {math.prod(page.chunked)} strips or tiles, not all there"
        )
    if page.is_tiled and page.tilelength * page.tilewidth > 4 * max(
        page.imagelength * page.imagewidth, 1 << 16
    ):
        raise InputError(
            f"{path.name} declares tiles of {page.tilewidth} x {page.tilelength}, larger than the picture"
        )


def _read_netpbm(path: Path, data: bytes, limits: Limits) -> tuple[np.ndarray, int]:
    match = re.match(
        rb"P[56](?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s", data[:4096]
    )
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
    channels = 3 if data[:2] == b"P6" else 1
    wanted, body = height * width * channels * dtype.itemsize, data[match.end() :]
    if len(body) < wanted:
        raise InputError(
            f"{path.name} is truncated: {wanted} bytes of samples declared, {len(body)} found"
        )
    if body[wanted:].lstrip()[:2] in (b"P5", b"P6"):
        raise InputError(f"{path.name} holds more than one picture: a file with one is needed")
    samples = np.frombuffer(body[:wanted], dtype).reshape(height, width, channels)
    return samples.astype(dtype.newbyteorder("=")), largest.bit_length()


def _netpbm_bytes(samples: np.ndarray, num_bits: int) -> bytes:
    height, width, channels = samples.shape
    header = f"P{5 if channels == 1 else 6}\n{width} {height}\n{2**num_bits - 1}\n".encode()
    return header + samples.astype(">u2" if num_bits > 8 else "u1").tobytes()


def _read_dicom(path: Path, data: bytes, limits: Limits) -> tuple[np.ndarray, int]:
    coding = read_file_meta_info(
        path
    ).TransferSyntaxUID  # asked first: a deflated file may inflate to anything
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
    limits.check(
        path, int(picture.Rows), int(picture.Columns), int(picture.get("SamplesPerPixel", 1))
    )
    return picture.pixel_array, int(picture.BitsStored)
