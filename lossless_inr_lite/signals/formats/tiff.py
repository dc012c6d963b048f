"""TIFF, through tifffile."""

import io
import math
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source
from lossless_inr_lite.signals.signal import SignalSpec

if TYPE_CHECKING:
    import tifffile

SAMPLE_FORMATS = (1, 2)  # unsigned and signed integers
# A tile may be that many times larger than a picture, and a small one is free.
TILE_SLACK = 4
SMALL_TILE = 2**16  # pixels


def read_tiff(source: Source) -> Picture:
    """The samples of a TIFF file with one picture."""
    tifffile = _tifffile(source.name)
    with tifffile.TiffFile(io.BytesIO(source.data)) as file:
        page = file.pages[0]
        if not isinstance(page, tifffile.TiffPage) or len(file.pages) != 1:
            raise InputError(
                f"{source.name} holds {len(file.pages)} pictures: a file with one is needed"
            )
        source.check_size(page.imagelength, page.imagewidth, page.samplesperpixel)
        _check_segments(source, page)
        integers = int(page.sampleformat) in SAMPLE_FORMATS and page.bitspersample <= 32
        if not integers or page.imagedepth != 1:
            raise InputError(
                f"{source.name} is a TIFF of {page.dtype} samples: integers of 1 to 32 bits "
                "are allowed"
            )
        samples = page.asarray()
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
            colours = page.colormap[:, samples]
            return Picture(np.moveaxis(colours, 0, -1).astype(np.uint16), 16)
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and samples.ndim == 3:
            samples = np.moveaxis(samples, 0, -1)
        if samples.dtype == bool:
            samples = samples.astype(np.uint8)
        return Picture(samples, page.bitspersample)


def check_tiff(name: str, spec: SignalSpec) -> None:
    """Raise InputError when the package that writes TIFF is missing: it holds all pictures."""
    _tifffile(name)


def tiff_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A TIFF file of samples (H, W, C)."""
    channels = spec.channels
    photometric = "rgb" if channels in (3, 4) else "minisblack"
    plain = samples[..., 0] if channels == 1 else samples
    file = io.BytesIO()
    _tifffile(spec.name).imwrite(file, plain, photometric=photometric, planarconfig="contig")
    return file.getvalue()


def _tifffile(name: str) -> ModuleType:
    """The package that reads and writes TIFF, imported when it is first needed."""
    with importing("tifffile", f"{name}: TIFF"):
        import tifffile
    return tifffile


def _check_segments(source: Source, page: "tifffile.TiffPage") -> None:
    """Raise InputError when a strip or tile is missing, or larger than the picture.

    tifffile would fill in what is missing.
    """
    wanted = math.prod(page.chunked)
    segments = zip(page.dataoffsets, page.databytecounts, strict=False)
    ends = [start + count for start, count in segments]
    inside = max(ends, default=0) <= len(source.data)
    if len(ends) < wanted or not all(page.databytecounts) or not inside:
        raise InputError(
            f"{source.name} is truncated: it declares {wanted} strips or tiles, not all there"
        )
    if page.is_tiled:
        largest = TILE_SLACK * max(page.imagelength * page.imagewidth, SMALL_TILE)
        if page.tilelength * page.tilewidth > largest:
            raise InputError(
                f"{source.name} declares tiles of {page.tilewidth} x {page.tilelength}, "
                "larger than the picture"
            )


FORMAT = PictureFormat(
    name="TIFF",
    suffixes=(".tif", ".tiff"),
    reads="integers of 1 to 32 bits",
    read=read_tiff,
    starts_with=(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    writes="integers of 1 to 32 bits",
    check=check_tiff,
    to_bytes=tiff_bytes,
)
