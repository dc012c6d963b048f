"""PNG written with numpy and the standard library alone.

imagecodecs writes PNG faster and smaller. This writer stands in where it is not installed: a
picture that was compressed without loss can be restored with numpy and an entropy coder alone, and
its file should not need more. The format is the PNG specification (W3C, third edition, 2025).
"""

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Number of channels -> colour type: grey, grey and alpha, colour, colour and alpha.
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
PAETH = 4  # the filter that suits most photographs
COMPRESSION = 6  # zlib's level: 9 takes twice as long and saves next to nothing


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
