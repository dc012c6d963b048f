"""PNG, through imagecodecs: imageio and Pillow silently return 8 bits for colour of 16 bits.

Where imagecodecs is not installed, Pillow reads what has up to 8 bits, and a plain writer of our
own writes: a picture that was compressed without loss can be restored with numpy and an entropy
coder alone, and its file should not need more. That writer also writes grey of 1, 2 and 4 bits,
which imagecodecs does not. The format is the PNG specification (W3C, third edition, 2025);
`png_chunks` and `apng` read what is not samples.
"""

import struct
import zlib

import numpy as np

from lossless_inr_lite.errors import InputError, counted, importing
from lossless_inr_lite.signals.formats.apng import animation_of, shown
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source
from lossless_inr_lite.signals.formats.pillow import opened
from lossless_inr_lite.signals.formats.png_chunks import (
    COLOUR,
    GREY,
    HEADER,
    PALETTE,
    SIGNATURE,
    PngFile,
    chunk_bytes,
    parsed,
    side_chunks,
)
from lossless_inr_lite.signals.signal import SignalSpec

# Number of channels -> colour type: grey, grey and alpha, colour, colour and alpha.
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
GREY_DEPTHS = (1, 2, 4, 8, 16)
OTHER_DEPTHS = (8, 16)
# What holds a depth that PNG does not have, by the number of channels.
OTHER_SUFFIXES = {1: ".pgm", 2: ".pam", 3: ".ppm", 4: ".pam"}
LONGEST_SIDE = 1_000_000  # libpng's own limit
NO_FILTER = 0  # suits packed bits
PAETH = 4  # the filter that suits most photographs
COMPRESSION = 6  # zlib's level: 9 takes twice as long and saves next to nothing
SIDE_CHUNKS_AT = len(SIGNATURE) + 25  # behind the header


def read_png(source: Source) -> Picture:
    """The samples of a PNG; palettes become their colours, and transparency a channel of alpha.

    Grey of 1, 2 and 4 bits has that depth. With transparency it is stretched to 8 bits, which alpha
    has in PNG. Of an animation a page is a frame as it is seen.
    """
    file = parsed(source.name, source.data)
    source.check_size(file.height, file.width)
    _check_sides(source.name, file.height, file.width)
    animation = animation_of(file)
    page = source.chosen_page(animation.num_pictures, animation.what)
    if page == 0:
        samples = _decoded(file, file.picture(file.width, file.height, file.bodies(b"IDAT")))
    else:
        last = page if animation.begins_with_default else page - 1
        samples = _animated(file, last)
    num_bits = 16 if file.depth == 16 else 8
    is_grey = file.colour == GREY and samples.shape[-1] == 1
    if is_grey and file.depth < 8:
        # The decoder stretches 1, 2 and 4 bits to 8; the top bits are the file's own.
        samples = samples >> (8 - file.depth)
        num_bits = file.depth
    return Picture(samples, num_bits, file.meaning, file.not_kept)


def check_png(name: str, spec: SignalSpec) -> None:
    """Raise InputError unless PNG has that number of channels and bits for unsigned samples."""
    channels = spec.channels
    if spec.num_bits > 16 or channels > 4 or spec.kind != "unsigned":
        raise InputError(
            f"{name} cannot hold {counted(channels, 'channel')}"
            f" of {spec.num_bits} {spec.kind} bits: use .tif"
        )
    depths = GREY_DEPTHS if channels == 1 else OTHER_DEPTHS
    if spec.num_bits not in depths:
        raise InputError(
            f"{name} cannot hold {counted(channels, 'channel')} of {spec.num_bits} bits, PNG has "
            f"{', '.join(map(str, depths))}: use {OTHER_SUFFIXES[channels]}"
        )
    _check_sides(name, *spec.grid_shape)


def to_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A PNG file of samples (H, W, C), with their colour profile and orientation."""
    side = side_chunks(spec.meaning)
    if spec.num_bits < 8:
        return png_bytes(samples, spec.num_bits, side)
    try:
        import imagecodecs
    except ImportError:
        return png_bytes(samples, spec.num_bits, side)
    try:
        data = bytes(imagecodecs.png_encode(np.ascontiguousarray(samples)))
    except imagecodecs.PngError:  # it reserves too little for narrow pictures that do not shrink
        return png_bytes(samples, spec.num_bits, side)
    return data[:SIDE_CHUNKS_AT] + side + data[SIDE_CHUNKS_AT:]


def png_bytes(samples: np.ndarray, num_bits: int | None = None, side: bytes = b"") -> bytes:
    """A PNG file of samples (H, W, C), uint8 or uint16, of 1 to 4 channels.

    `num_bits` is the depth, by default that of the type: 8 or 16, for grey also 1, 2 and 4.
    `side` are chunks to stand behind the header.
    """
    height, width, channels = samples.shape
    depth = num_bits or 8 * samples.dtype.itemsize
    header = struct.pack(HEADER, width, height, depth, COLOUR_TYPES[channels], 0, 0, 0)
    rows = np.ascontiguousarray(samples, samples.dtype.newbyteorder(">")).reshape(height, -1)
    if depth < 8:
        lines = np.insert(_packed(rows, depth), 0, NO_FILTER, axis=1)
    else:
        filtered = _paeth_filtered(rows.view(np.uint8), channels * samples.dtype.itemsize)
        lines = np.insert(filtered, 0, PAETH, axis=1)
    chunks = [
        chunk_bytes(b"IHDR", header),
        side,
        chunk_bytes(b"IDAT", zlib.compress(lines.tobytes(), COMPRESSION)),
        chunk_bytes(b"IEND", b""),
    ]
    return SIGNATURE + b"".join(chunks)


def _decoded(file: PngFile, data: bytes) -> np.ndarray:
    """The samples (H, W, C) in a PNG of one picture, which is one of `file`.

    Grey of 1, 2 and 4 bits is stretched to 8.
    """
    try:
        with importing("imagecodecs", f"{file.name}: reading PNG of 16 bits"):
            import imagecodecs
    except InputError:
        if file.depth == 16:
            raise
        return _decoded_by_pillow(file, data)
    samples = imagecodecs.png_decode(data)
    return samples[..., None] if samples.ndim == 2 else samples


def _decoded_by_pillow(file: PngFile, data: bytes) -> np.ndarray:
    """The same as imagecodecs decodes, for a depth of up to 8 bits."""
    with opened(Source(file.name, data, file.width * file.height), "PNG") as picture:
        if file.colour == PALETTE:
            return np.array(picture.convert("RGBA" if file.transparency else "RGB"))
        samples = np.array(picture.convert("L") if picture.mode == "1" else picture)
    if samples.ndim == 2:
        samples = samples[..., None]
    if file.colour not in (GREY, COLOUR) or not file.transparency:
        return samples
    transparent = np.frombuffer(file.transparency, ">u2")
    is_opaque = np.any(samples >> (8 - file.depth) != transparent, axis=-1, keepdims=True)
    return np.concatenate([samples, np.uint8(255) * is_opaque.astype(np.uint8)], axis=-1)


def _animated(file: PngFile, last: int) -> np.ndarray:
    """The samples (H, W, C) that are seen in the frame `last`, without alpha where none is seen."""

    def decode(data: bytes) -> np.ndarray:
        samples = _decoded(file, data)
        if samples.shape[-1] in (2, 4):
            return samples
        opaque = np.full_like(samples[..., :1], np.iinfo(samples.dtype).max)
        return np.concatenate([samples, opaque], axis=-1)

    canvas = shown(file, animation_of(file).frames[: last + 1], decode)
    has_alpha = file.colour in (4, 6) or bool(file.transparency)
    is_opaque = canvas[..., -1].min() == np.iinfo(canvas.dtype).max
    return canvas if has_alpha or not is_opaque else canvas[..., :-1]


def _check_sides(name: str, height: int, width: int) -> None:
    """Raise InputError for a side that libpng neither reads nor writes."""
    if max(height, width) > LONGEST_SIDE:
        raise InputError(
            f"{name} has {width} x {height} pixels, and PNG is read and written up to "
            f"{LONGEST_SIDE} a side: use .tif, .pgm or .ppm"
        )


def _packed(rows: np.ndarray, depth: int) -> np.ndarray:
    """Samples (H, W) of fewer than 8 bits as bytes of whole rows, the leftmost in the top bits."""
    places = np.arange(depth - 1, -1, -1, dtype=np.uint8)
    bits = (rows[..., None] >> places) & 1
    return np.packbits(bits.reshape(len(rows), -1), axis=1)


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
    reads=(
        "grey of 1, 2, 4, 8 and 16 bits, colour and alpha of 8 and 16 bits, palettes as their "
        "colours, and the frames of animations"
    ),
    read=read_png,
    starts_with=(SIGNATURE,),
    writes="grey of 1, 2, 4, 8 and 16 bits, colour and alpha of 8 and 16 bits",
    holds=frozenset({"orientation", "icc_profile"}),
    check=check_png,
    to_bytes=to_bytes,
)
