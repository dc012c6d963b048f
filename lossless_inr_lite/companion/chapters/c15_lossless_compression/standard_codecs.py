"""Standard lossless codecs at their best settings.

Counted are real bytes with headers; every file is decoded again and compared.
"""

import io
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import imagecodecs
import numpy as np
import tifffile

from lossless_inr_lite.errors import InputError, check_choice

File = bytes | bytearray


@dataclass(frozen=True)
class StandardCodec:
    """How samples become files, one for each setting that may be the best, and come back."""

    encode: Callable[[np.ndarray], Iterable[File]]
    decode: Callable[[bytes], np.ndarray]


def smallest(codec: str, samples: np.ndarray) -> bytes:
    """The smallest file of a codec over its settings, for samples of 8 or 16 bits.

    `samples` is (H, W) or (H, W, 3). Raises InputError for an unknown codec, for samples that it
    does not take, and when the file does not decode to the same samples: then the codec is not
    lossless here.
    """
    check_choice("codec", codec, list(CODECS))
    if not takes(codec, samples):
        raise InputError("WebP holds 8 bits a sample")
    samples = np.ascontiguousarray(samples)
    files = CODECS[codec].encode(samples)
    data = bytes(min(files, key=len))
    back = CODECS[codec].decode(data)
    if back.ndim > samples.ndim:
        back = back[..., 0]
    if not np.array_equal(back, samples):
        raise InputError(f"{codec} did not return the samples that it was given")
    return data


def takes(codec: str, samples: np.ndarray) -> bool:
    """Whether a codec holds samples of that depth: WebP has 8 bits only."""
    return codec != "WebP" or samples.dtype == np.uint8


def mosaic(pictures: np.ndarray) -> np.ndarray:
    """Pictures (N, H, W) in a grid without gaps, as square as N allows.

    So a whole set fits into one file.
    """
    count, height, width = pictures.shape
    divisors = [lines for lines in range(1, math.isqrt(count) + 1) if count % lines == 0]
    lines = max(divisors)
    columns = count // lines
    grid = pictures.reshape(lines, columns, height, width).swapaxes(1, 2)
    return grid.reshape(lines * height, columns * width)


def _png(samples: np.ndarray) -> Iterable[File]:
    filters = imagecodecs.PNG.FILTER
    strategies = imagecodecs.PNG.STRATEGY
    for kind in (filters.NO, filters.SUB, filters.UP, filters.AVG, filters.PAETH, filters.ALL):
        for strategy in (strategies.DEFAULT, strategies.FILTERED):
            yield imagecodecs.png_encode(samples, level=9, strategy=strategy, filter=kind)


def _webp(samples: np.ndarray) -> Iterable[File]:
    """WebP knows colour only: grey is written as three equal channels, which it notices."""
    colour = samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, axis=2)
    for level in (75, 100):
        yield imagecodecs.webp_encode(colour, lossless=True, level=level)


def _jpeg2k(samples: np.ndarray) -> Iterable[File]:
    """The reversible wavelet, with and without the reversible colour transform.

    Small pictures want fewer resolutions.
    """
    transforms = (False, True) if samples.ndim == 3 else (False,)
    for resolutions in (1, 3, 6):
        for transform in transforms:
            yield imagecodecs.jpeg2k_encode(
                samples,
                level=0,
                reversible=True,
                mct=transform,
                resolutions=resolutions,
                codecformat="j2k",
            )


def _jpegxl(samples: np.ndarray) -> Iterable[File]:
    yield imagecodecs.jpegxl_encode(samples, lossless=True, effort=9)


def _jpegls(samples: np.ndarray) -> Iterable[File]:
    yield imagecodecs.jpegls_encode(samples)


def _tiff(samples: np.ndarray) -> Iterable[File]:
    for predictor in (False, True):
        file = io.BytesIO()
        tifffile.imwrite(
            file,
            samples,
            compression="zlib",
            compressionargs={"level": 9},
            predictor=predictor,
            metadata=None,
            photometric="rgb" if samples.ndim == 3 else "minisblack",
            rowsperstrip=samples.shape[0],
        )
        yield file.getvalue()


def _read_tiff(data: bytes) -> np.ndarray:
    return tifffile.imread(io.BytesIO(data))


CODECS = {
    "PNG": StandardCodec(_png, imagecodecs.png_decode),
    "WebP": StandardCodec(_webp, imagecodecs.webp_decode),
    "JPEG 2000": StandardCodec(_jpeg2k, imagecodecs.jpeg2k_decode),
    "JPEG XL": StandardCodec(_jpegxl, imagecodecs.jpegxl_decode),
    "JPEG-LS": StandardCodec(_jpegls, imagecodecs.jpegls_decode),
    "TIFF": StandardCodec(_tiff, _read_tiff),
}
