"""JPEG, as its decoded samples: what was lost when it was written is not there any more."""

import io
import warnings

import numpy as np

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source


def read_jpeg(source: Source) -> Picture:
    """The decoded samples of a grey or colour JPEG."""
    with importing("pillow", f"{source.name}: reading JPEG"):
        from PIL import Image
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            picture = Image.open(io.BytesIO(source.data))
        except Image.DecompressionBombError as error:
            raise InputError(
                f"{source.name} declares more pixels than JPEG files may have here: {error}"
            ) from error
    with picture:
        source.check_size(picture.height, picture.width)
        if picture.mode not in ("L", "RGB"):
            raise InputError(
                f"{source.name} is a {picture.mode} JPEG: grey or colour (L, RGB) is allowed"
            )
        return Picture(np.array(picture), 8)


FORMAT = PictureFormat(
    name="JPEG",
    suffixes=(".jpg", ".jpeg"),
    reads="grey or colour of 8 bits, as decoded",
    read=read_jpeg,
    starts_with=(b"\xff\xd8\xff",),
)
