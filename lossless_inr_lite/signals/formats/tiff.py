"""TIFF and BigTIFF, through tifffile.

`tiff_directories` finds the pictures of a file and `tiff_meaning` reads what is said of them. Here
one is decoded, after all that it declares has been checked.
"""

import io
import logging
import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.signals.bits import sample_dtype
from lossless_inr_lite.signals.formats.picture import (
    MAX_CHANNELS,
    Picture,
    PictureFormat,
    Source,
)
from lossless_inr_lite.signals.formats.tiff_directories import (
    Directory,
    Planes,
    contents_of,
)
from lossless_inr_lite.signals.formats.tiff_meaning import (
    JPEG,
    ORIENTATION,
    PALETTE,
    YCBCR,
    check_meaning,
    meaning_of,
    not_kept,
    photometric_of,
    writer_options,
)
from lossless_inr_lite.signals.signal import SignalSpec

if TYPE_CHECKING:
    import tifffile

BITS_PER_SAMPLE = 258
COLOUR_MAP = 320
SAMPLE_FORMAT = 339
BEHIND_SAMPLE_FORMAT = 340
SHORT = 3  # a type of values: 16 bits
SIGNED = 2
UNSIGNED = (1, 4)  # 4 is undefined, which libtiff takes for unsigned too
OTHER_SAMPLES = {3: "floating point", 5: "complex integers", 6: "complex numbers"}
NO_COMPRESSION = 1
HORIZONTAL = 2  # a predictor: differences to the left
OLD_JPEG = 6
JPEG_2000 = (33003, 33004, 33005, 34712)
LERC = 34887
# A tile may be that many times larger than a picture, and a small one is free.
TILE_SLACK = 4
SMALL_TILE = 2**16  # pixels
MOST_PAGES_OF_SLIDES = 1000
SIZE_OF_JPEG_2000 = re.compile(rb"\xff\x51.{4}(.{16})", re.DOTALL)
JPEG_2000_HEADER = 2**16  # bytes
SAMPLE_TYPES = ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8", "u8", "i8", "f2")
SHAPE_IN_ERROR = re.compile(r" shape=\(([\d, ]+)\)")


def read_tiff(source: Source) -> Picture:
    """The samples of one picture of a TIFF file, in the integers that are stored.

    Palettes become their colours, of 16 bits as the file has them, even where these are stretched
    from 8. YCbCr that is not coded as JPEG stays YCbCr. White that is zero stays so.
    """
    tifffile = _tifffile(source.name)
    with _quiet(), tifffile.TiffFile(io.BytesIO(source.data)) as file:

        def copies_of(chain: list[Directory]) -> frozenset[int]:
            return _copies_in_slides(file, chain)

        def stack_room(directory: Directory) -> int:
            return _stack_room(_page(file, directory, 0), len(source.data))

        contents = contents_of(source.name, source.data, copies_of, stack_room)
        planes, number = contents.picture(source.page_of(contents.there, contents.declared))
        directory = planes.directory
        page = _page(file, directory, int(contents.pictures[0] is not planes))
        _check_declared(source, page, planes)
        photometric = photometric_of(directory, page.samplesperpixel)
        num_bits, is_signed = _depth(directory, page)
        if photometric == PALETTE and (page.samplesperpixel != 1 or is_signed or num_bits > 16):
            raise InputError(
                f"{source.name} has a palette for {page.samplesperpixel} channels of {num_bits} "
                "bits: 1 channel of up to 16 unsigned bits is needed"
            )
        channels = 3 if photometric == PALETTE else page.samplesperpixel
        meaning = meaning_of(directory, photometric, channels)
        _check_coding(source, page, photometric)
        _check_segments(source, page)
        is_odd = is_signed and num_bits not in (8, 16, 32)
        if is_odd:
            samples = _decoded_as_unsigned(source, directory, number, planes)
        else:
            samples = _decoded(page, number, planes)
    if page.predictor == HORIZONTAL:
        # Differences were summed in the type of the samples, which may have more bits.
        samples = samples & samples.dtype.type(2**num_bits - 1) if not is_signed else samples
    if is_odd:
        samples = _with_sign(samples & (2**num_bits - 1), num_bits)
    if photometric == PALETTE:
        samples = _through_palette(directory, samples[..., 0], num_bits)
        num_bits = 16
    return Picture(samples, num_bits, meaning, not_kept(directory, contents, channels))


def check_tiff(name: str, spec: SignalSpec) -> None:
    """Raise InputError when the package that writes TIFF is missing, or channels are not as said.

    It holds integers of every depth.
    """
    _tifffile(name)
    if spec.kind == "float":
        raise InputError(f"{name} cannot hold floating point here: integers are allowed")
    if spec.num_bits not in (8, 16, 32):
        with importing("imagecodecs", f"{name}: TIFF of {spec.num_bits} bits"):
            import imagecodecs  # noqa: F401
    check_meaning(name, spec)


def tiff_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A TIFF file of samples (H, W, C); odd depths are packed without gaps, rows in whole bytes."""
    options = writer_options(spec)
    extra_tags = []
    if spec.meaning.orientation != 1:
        extra_tags.append((ORIENTATION, SHORT, 1, spec.meaning.orientation, True))
    samples = samples.astype(sample_dtype(spec.kind, spec.num_bits))
    is_odd = spec.num_bits not in (8, 16, 32)
    if is_odd:
        options["bitspersample"] = spec.num_bits
        if spec.kind == "signed":
            # tifffile packs unsigned integers only, and writes no format of samples for these. So
            # it is written under the next tag, and that is renamed.
            bits = samples.astype(np.int64) & (2**spec.num_bits - 1)
            samples = bits.astype(samples.dtype.str.replace("i", "u"))
            formats = (SIGNED,) * spec.channels
            number = len(formats)
            value = formats if number > 1 else SIGNED
            extra_tags.append((BEHIND_SAMPLE_FORMAT, SHORT, number, value, True))
    if spec.channels > 1:
        options["planarconfig"] = "contig"
    plain = samples[..., 0] if spec.channels == 1 else samples
    file = io.BytesIO()
    _tifffile(spec.name).imwrite(
        file, plain, metadata=None, software=False, extratags=extra_tags, **options
    )
    data = file.getvalue()
    return _renamed(data) if is_odd and spec.kind == "signed" else data


def _renamed(data: bytes) -> bytes:
    """The file with the tag that stands for the format of samples renamed to it."""
    contents = contents_of("it", data, lambda chain: frozenset(), lambda directory: 1)
    directory = contents.pictures[0].directory
    changed = bytearray(data)
    entry = directory.entry(BEHIND_SAMPLE_FORMAT)
    assert entry is not None
    struct.pack_into(f"{directory.layout.order}H", changed, entry.own_place, SAMPLE_FORMAT)
    return bytes(changed)


def _tifffile(name: str) -> ModuleType:
    """The package that reads and writes TIFF, imported when it is first needed."""
    with importing("tifffile", f"{name}: TIFF"):
        import tifffile
    return tifffile


@contextmanager
def _quiet() -> Iterator[None]:
    """Without tifffile's own log: what is wrong with a file is told in one sentence here."""
    log = logging.getLogger("tifffile")
    was_disabled = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = was_disabled


def _page(file: "tifffile.TiffFile", directory: Directory, index: int) -> "tifffile.TiffPage":
    """What tifffile makes of a directory."""
    import tifffile

    file.filehandle.seek(directory.place)
    return tifffile.TiffPage(file, index)


def _copies_in_slides(file: "tifffile.TiffFile", chain: list[Directory]) -> frozenset[int]:
    """The places of the directories that are smaller copies in the files of slide scanners.

    These have layouts of their own, which tifffile knows, and do not mark the copies.
    """
    first = file.pages.first
    is_slide = (
        first.is_svs or first.is_scn or first.is_bif or first.is_qpi or first.is_philips
    ) or file.is_ndpi
    if not is_slide or len(chain) > MOST_PAGES_OF_SLIDES:
        return frozenset()
    levels = [level for series in file.series for level in series.levels[1:]]
    pages = [page for level in levels for page in level.pages if page is not None]
    return frozenset(page.offset for page in pages)


def _stack_room(page: "tifffile.TiffPage", file_bytes: int) -> int:
    """How many planes like that of a page lie in the file, one behind the other."""
    if not page.is_contiguous or page.nbytes < 1:
        return 1
    return (file_bytes - page.dataoffsets[0]) // page.nbytes


def _check_declared(source: Source, page: "tifffile.TiffPage", planes: Planes) -> None:
    """Raise InputError for an empty or too large picture, and for too many planes."""
    source.check_size(page.imagelength, page.imagewidth, page.samplesperpixel)
    if page.samplesperpixel < 1 or page.imagedepth < 1:
        raise InputError(f"{source.name} declares no channels, or no planes")
    pixels = page.imagedepth * page.imagelength * page.imagewidth
    if page.imagedepth > 1 and pixels > source.max_pixels:
        raise InputError(
            f"{source.name} declares {page.imagedepth} planes of {planes.directory.size} pixels, "
            f"together more than the {source.max_pixels} that are allowed: raise --max-pixels if "
            "you trust the file"
        )


def _depth(directory: Directory, page: "tifffile.TiffPage") -> tuple[int, bool]:
    """Bits of a sample, and whether they are signed.

    Raises InputError for other samples than integers of 1 to 32 bits, the same for all channels.
    """
    name = directory.name
    channels = page.samplesperpixel
    unsaid = 8 if page.compression == OLD_JPEG else 1
    depths = set(directory.values(BITS_PER_SAMPLE)[:channels]) or {unsaid}
    forms = set(directory.values(SAMPLE_FORMAT)[:channels]) or {UNSIGNED[0]}
    if len(depths) > 1 or len(forms) > 1:
        raise InputError(
            f"{name} has channels of different depths or kinds ({sorted(depths)} bits): one for "
            "all is needed"
        )
    (num_bits,) = depths
    (form,) = forms
    what = OTHER_SAMPLES.get(form, "integers")
    if not 1 <= num_bits <= 32 or form not in (*UNSIGNED, SIGNED):
        raise InputError(
            f"{name} is a TIFF of {what} of {num_bits} bits: integers of 1 to 32 bits are allowed"
        )
    return num_bits, form == SIGNED


def _check_coding(source: Source, page: "tifffile.TiffPage", photometric: int) -> None:
    """Raise InputError for a compression, predictor or layout that is not read."""
    compression = int(page.compression)
    codings = _tifffile(source.name).TIFF
    if compression != NO_COMPRESSION:
        try:
            codings.DECOMPRESSORS[compression]
        except KeyError as error:
            with importing("imagecodecs", f"{source.name}: compressed TIFF"):
                import imagecodecs  # noqa: F401
            named = _named(page.compression)
            raise InputError(
                f"{source.name} is compressed in a way that is not read ({named})"
            ) from error
    is_image = compression in codings.IMAGE_COMPRESSIONS
    has_predictor = not is_image and page.predictor not in (0, 1)
    if has_predictor and page.predictor != HORIZONTAL:
        raise InputError(
            f"{source.name} has the predictor {int(page.predictor)} (tag 317): 1 and 2 are read "
            "for integers"
        )
    is_jpeg = compression in JPEG and page.planarconfig == 1
    if photometric == YCBCR and page.is_subsampled and not is_jpeg:
        raise InputError(
            f"{source.name} stores colour at fewer places than brightness (subsampled YCbCr), "
            "which is read from JPEG only"
        )
    if photometric == YCBCR and compression in JPEG and page.samplesperpixel not in (1, 3):
        raise InputError(f"{source.name} holds YCbCr with more channels as JPEG, which is not read")


def _named(compression: int) -> str:
    """A compression's number, and its name where it has one."""
    name = getattr(compression, "name", "")
    return f"{name}, {int(compression)}" if name else str(int(compression))


def _check_segments(source: Source, page: "tifffile.TiffPage") -> None:
    """Raise InputError when a strip or tile is missing, short, or larger than the picture.

    tifffile would fill in what is missing.
    """
    wanted = math.prod(page.chunked)
    truncated = InputError(
        f"{source.name} is truncated: it declares {wanted} strips or tiles, not all there"
    )
    if page.is_tiled:
        pixels = page.imagedepth * page.imagelength * page.imagewidth
        tile = page.tiledepth * page.tilelength * page.tilewidth
        largest = TILE_SLACK * max(pixels, SMALL_TILE)
        if tile > largest or tile * wanted > TILE_SLACK * max(source.max_pixels, largest):
            raise InputError(
                f"{source.name} declares tiles of {page.tilewidth} x {page.tilelength}, "
                "larger than the picture"
            )
    if page.is_contiguous:
        if page.dataoffsets[0] + page.nbytes > len(source.data):
            raise truncated
        return
    places = page.dataoffsets[:wanted]
    lengths = page.databytecounts[:wanted]
    if min(len(places), len(lengths)) < wanted or not all(lengths):
        raise truncated
    if page.compression == NO_COMPRESSION:
        needed = [_segment_bytes(page, number) for number in range(wanted)]
        if any(length < least for length, least in zip(lengths, needed, strict=True)):
            raise truncated
        lengths = needed
    ends = (place + length for place, length in zip(places, lengths, strict=True))
    if max(ends) > len(source.data):
        raise truncated
    for place, length in zip(places, lengths, strict=True):
        _check_inside(source, page, source.data[place : place + length])


def _segment_bytes(page: "tifffile.TiffPage", number: int) -> int:
    """The bytes of a strip or tile that is not compressed."""
    channels = page.samplesperpixel if page.planarconfig == 1 else 1
    if page.is_tiled:
        row_bytes = -(-page.tilewidth * channels * page.bitspersample // 8)
        return page.tiledepth * page.tilelength * row_bytes
    row_bytes = -(-page.imagewidth * channels * page.bitspersample // 8)
    strips = -(-page.imagelength // page.rowsperstrip)
    first = number % strips * page.rowsperstrip
    return min(page.rowsperstrip, page.imagelength - first) * row_bytes


def _check_inside(source: Source, page: "tifffile.TiffPage", segment: bytes) -> None:
    """Raise InputError when a strip or tile that is a picture in itself declares a larger one."""
    tifffile = _tifffile(source.name)
    is_image = page.compression in tifffile.TIFF.IMAGE_COMPRESSIONS
    if not is_image and page.compression != LERC:
        return
    height, width, channels = _size_inside(tifffile, page, segment)
    length = page.tilelength if page.is_tiled else page.rowsperstrip
    across = page.tilewidth if page.is_tiled else page.imagewidth
    if height * width > TILE_SLACK * max(length * across, SMALL_TILE):
        raise InputError(
            f"{source.name} declares strips or tiles of {across} x {length}, and one of them is a "
            f"picture of {width} x {height}"
        )
    if channels > MAX_CHANNELS:
        raise InputError(
            f"{source.name} holds a strip or tile that is a picture of {channels} channels: "
            f"at most {MAX_CHANNELS} are allowed"
        )


def _size_inside(
    tifffile: ModuleType, page: "tifffile.TiffPage", segment: bytes
) -> tuple[int, int, int]:
    """Height, width and channels that a coded picture declares; zeros when it declares none."""
    if page.compression in JPEG:
        try:
            _, height, width, _ = tifffile.tifffile.jpeg_shape(segment)
        except (ValueError, struct.error):
            return 0, 0, 0  # it is not decoded either
        return height, width, 1
    if page.compression in JPEG_2000:
        match = SIZE_OF_JPEG_2000.search(segment[:JPEG_2000_HEADER])
        if match is None:
            return 0, 0, 0
        right, bottom, left, top = struct.unpack(">4I", match[1])
        return max(0, bottom - top), max(0, right - left), 1
    # The other decoders compare what is declared with the array for it, before they decode: first
    # its type, then its shape.
    for kind in SAMPLE_TYPES:
        try:
            tifffile.TIFF.DECOMPRESSORS[page.compression](segment, out=np.empty(1, kind))
        except Exception as error:  # many types; decoding tells of others than the size
            match = SHAPE_IN_ERROR.search(str(error))
        else:
            return 1, 1, 1
        lengths = [int(length) for length in match[1].split(",") if length.strip()] if match else []
        if len(lengths) >= 2:
            height, width, *further = lengths
            return height, width, math.prod(further)
    return 0, 0, 0


def _decoded(page: "tifffile.TiffPage", number: int, planes: Planes) -> np.ndarray:
    """The samples (H, W, C) of one plane of a page."""
    if planes.kind == "stack" and number:
        page.dataoffsets = (page.dataoffsets[0] + number * page.nbytes,)
    try:
        samples = page.asarray(squeeze=False)
    except Exception as error:
        if page.compression != OLD_JPEG:
            raise
        raise InputError(
            f"{planes.directory.name} is coded as JPEG of the old style (compression 6) in a way "
            "that is not read"
        ) from error
    plane = samples[:, number if planes.kind == "depth" else 0]
    plane = np.moveaxis(plane[..., 0], 0, -1) if len(plane) > 1 else plane[0]
    return plane.astype(np.uint8) if plane.dtype == bool else plane


def _decoded_as_unsigned(
    source: Source, directory: Directory, number: int, planes: Planes
) -> np.ndarray:
    """The bits of signed samples of a depth for which tifffile knows unsigned ones only."""
    entry = directory.entry(SAMPLE_FORMAT)
    changed = bytearray(source.data)
    if entry is None or entry.kind != SHORT or entry.length > MAX_CHANNELS:
        raise InputError(
            f"{source.name} is broken: its format of samples is no list of 16-bit numbers"
        )
    form = f"{directory.layout.order}{entry.length}H"
    struct.pack_into(form, changed, entry.place, *[UNSIGNED[0]] * entry.length)
    tifffile = _tifffile(source.name)
    with tifffile.TiffFile(io.BytesIO(changed)) as file:
        return _decoded(_page(file, directory, 0), number, planes)


def _with_sign(samples: np.ndarray, num_bits: int) -> np.ndarray:
    """Integers of which the lowest bits are signed ones in two's complement."""
    wide = samples.astype(np.int64)
    return (wide ^ 2 ** (num_bits - 1)) - 2 ** (num_bits - 1)


def _through_palette(directory: Directory, numbers: np.ndarray, num_bits: int) -> np.ndarray:
    """The colours (H, W, 3), 16 bits, that the numbers of a palette stand for."""
    wanted = 3 * 2**num_bits
    colours = directory.values(COLOUR_MAP, wanted)
    if len(colours) < wanted:
        raise InputError(
            f"{directory.name} is broken: {len(colours)} values of a palette, {wanted} are needed"
        )
    table = np.array(colours, np.int64).reshape(3, -1).astype(np.uint16)
    return np.moveaxis(table[:, numbers], 0, -1)


FORMAT = PictureFormat(
    name="TIFF",
    suffixes=(".tif", ".tiff"),
    reads=(
        "integers of 1 to 32 bits, unsigned and signed; grey, colour, palettes as their colours, "
        "CMYK, YCbCr, Lab, masks and fax; pages, planes and stacks"
    ),
    read=read_tiff,
    starts_with=(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    writes="integers of 1 to 32 bits, unsigned and signed",
    holds=frozenset({"colours", "alpha", "orientation", "icc_profile"}),
    check=check_tiff,
    to_bytes=tiff_bytes,
)
