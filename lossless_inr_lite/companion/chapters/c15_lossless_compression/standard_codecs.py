"""Standard lossless codecs at their best settings: real bytes with headers, each decoded again and compared."""

import io
import math
from collections.abc import Callable, Iterable

import imagecodecs
import numpy as np
import tifffile

from lossless_inr_lite.errors import InputError, check_choice

File = bytes | bytearray
Coder = Callable[[np.ndarray], Iterable[File]]


def smallest(codec: str, samples: np.ndarray) -> bytes:
    """The smallest file of a codec over its settings, for samples (H, W) or (H, W, 3) of 8 or 16 bits.

    Raises InputError for an unknown codec, for samples that it does not take, and when the file does not decode to
    the same samples (then the codec is not lossless here).
    """
    check_choice("codec", codec, list(CODECS))
    if codec == "WebP" and samples.dtype != np.uint8:
        raise InputError("WebP holds 8 bits a sample")
    samples = np.ascontiguousarray(samples)
    coder, decoder = CODECS[codec]
    data = bytes(min(coder(samples), key=len))
    back = decoder(data)
    if not np.array_equal(back[..., 0] if back.ndim > samples.ndim else back, samples):
        raise InputError(f"{codec} did not return the samples that it was given")
    return data


def bits_a_pixel(codec: str, pictures: Iterable[np.ndarray]) -> float:
    """Mean over pictures of one size, each a file of its own."""
    sizes = [
        (8 * len(smallest(codec, picture)), picture.shape[0] * picture.shape[1])
        for picture in pictures
    ]
    return sum(bits for bits, _ in sizes) / sum(pixels for _, pixels in sizes)


def mosaic(pictures: np.ndarray) -> np.ndarray:
    """Pictures (N, H, W) in a grid without gaps, as square as N allows: one file for a whole set."""
    count, height, width = pictures.shape
    rows = max(d for d in range(1, math.isqrt(count) + 1) if count % d == 0)
    grid = pictures.reshape(rows, count // rows, height, width).swapaxes(1, 2)
    return grid.reshape(rows * height, count // rows * width)


def _png(samples: np.ndarray) -> Iterable[File]:
    filters, strategies = imagecodecs.PNG.FILTER, imagecodecs.PNG.STRATEGY
    for kind in (filters.NO, filters.SUB, filters.UP, filters.AVG, filters.PAETH, filters.ALL):
        for strategy in (strategies.DEFAULT, strategies.FILTERED):
            yield imagecodecs.png_encode(samples, level=9, strategy=strategy, filter=kind)


def _webp(samples: np.ndarray) -> Iterable[File]:
    """WebP knows colour only: grey is written as three equal channels, which it notices."""
    colour = samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, axis=2)
    yield from (imagecodecs.webp_encode(colour, lossless=True, level=level) for level in (75, 100))


def _jpeg2k(samples: np.ndarray) -> Iterable[File]:
    """The reversible wavelet, with and without the reversible colour transform, and fewer resolutions where small."""
    for resolutions in (1, 3, 6):
        for transform in (False, True) if samples.ndim == 3 else (False,):
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


CODECS: dict[str, tuple[Coder, Callable[[bytes], np.ndarray]]] = {
    "PNG": (_png, imagecodecs.png_decode),
    "WebP": (_webp, imagecodecs.webp_decode),
    "JPEG 2000": (_jpeg2k, imagecodecs.jpeg2k_decode),
    "JPEG XL": (_jpegxl, imagecodecs.jpegxl_decode),
    "JPEG-LS": (_jpegls, imagecodecs.jpegls_decode),
    "TIFF": (_tiff, lambda data: tifffile.imread(io.BytesIO(data))),
}
