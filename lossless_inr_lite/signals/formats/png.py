"""PNG, through imagecodecs: imageio and Pillow silently return 8 bits for colour of 16 bits.

A plain writer of our own stands in where imagecodecs is not installed: a picture that was
compressed without loss can be restored with numpy and an entropy coder alone, and its file should
not need more. The format is the PNG specification (W3C, third edition, 2025).
"""

import struct
import zlib

import numpy as np

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source
from lossless_inr_lite.signals.signal import SignalSpec

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Number of channels -> colour type: grey, grey and alpha, colour, colour and alpha.
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
PAETH = 4  # the filter that suits most photographs
COMPRESSION = 6  # zlib's level: 9 takes twice as long and saves next to nothing


def read_png(source: Source) -> Picture:
    """The samples of a PNG; palettes become their colours, and transparency a channel of alpha."""
    width, height, depth, colour = struct.unpack(">IIBB", source.data[16:26])
    source.check_size(height, width)
    if b"IEND" not in source.data[-64:]:
        raise InputError(f"{source.name} is truncated: its last PNG chunk (IEND) is missing")
    with importing("imagecodecs", f"{source.name}: reading PNG"):
        import imagecodecs
    samples = imagecodecs.png_decode(source.data)
    grey = colour == 0 and samples.ndim == 2
    if grey and depth < 8:
        # The decoder stretches 1, 2 and 4 bits to 8; the top bits are the file's own.
        return Picture(samples >> (8 - depth), depth)
    return Picture(samples, 16 if depth == 16 else 8)


def check_png(name: str, spec: SignalSpec) -> None:
    """Raise InputError unless the samples are unsigned, of 1 to 16 bits, and 1 to 4 channels."""
    if spec.num_bits > 16 or spec.channels > 4 or spec.kind != "unsigned":
        raise InputError(
            f"{name} cannot hold {spec.channels} channels of {spec.num_bits} {spec.kind} bits: "
            "use .tif"
        )


def to_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A PNG file of samples (H, W, C)."""
    try:
        import imagecodecs
    except ImportError:
        return png_bytes(samples)
    try:
        return bytes(imagecodecs.png_encode(np.ascontiguousarray(samples)))
    except imagecodecs.PngError:  # it reserves too little for narrow pictures that do not shrink
        return png_bytes(samples)


def png_bytes(samples: np.ndarray) -> bytes:
    """A PNG file of samples (H, W, C), uint8 or uint16, of 1 to 4 channels."""
    height, width, channels = samples.shape
    depth = 8 * samples.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, COLOUR_TYPES[channels], 0, 0, 0)
    rows = np.ascontiguousarray(samples, samples.dtype.newbyteorder(">")).reshape(height, -1)
    filtered = _paeth_filtered(rows.view(np.uint8), channels * samples.dtype.itemsize)
    lines = np.insert(filtered, 0, PAETH, axis=1)
    chunks = [
        _chunk(b"IHDR", header),
        _chunk(b"IDAT", zlib.compress(lines.tobytes(), COMPRESSION)),
        _chunk(b"IEND", b""),
    ]
    return SIGNATURE + b"".join(chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def _paeth_filtered(rows: np.ndarray, pixel_bytes: int) -> np.ndarray:
    """Each byte less its prediction, modulo 256; (H, bytes of a row) uint8.

    The prediction is the byte to the left, above, or above left (of the same place in its pixel),
    whichever is nearest to left + above - above left. Beyond the edges are zeros.
    """
    padded = np.pad(rows.astype(np.int16), ((1, 0), (pixel_bytes, 0)))
    left = padded[1:, :-pixel_bytes]
    above = padded[:-1, pixel_bytes:]
    above_left = padded[:-1, :-pixel_bytes]
    estimate = left + above - above_left
    to_left = np.abs(estimate - left)
    to_above = np.abs(estimate - above)
    to_above_left = np.abs(estimate - above_left)
    # Ties go to the left, then to above: so the specification has it.
    nearest = np.where(to_above <= to_above_left, above, above_left)
    left_wins = (to_left <= to_above) & (to_left <= to_above_left)
    predicted = np.where(left_wins, left, nearest)
    return (rows.astype(np.int16) - predicted).astype(np.uint8)


FORMAT = PictureFormat(
    name="PNG",
    suffixes=(".png",),
    reads="grey of 1 to 16 bits, colour and alpha of 8 and 16 bits, palettes as their colours",
    read=read_png,
    starts_with=(SIGNATURE,),
    writes="1 to 4 channels, unsigned, of 8 and 16 bits",
    check=check_png,
    to_bytes=to_bytes,
)
