"""Files that Pillow opens, within the limits of a `Source`."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.signals.formats.picture import Source

if TYPE_CHECKING:
    from PIL import Image


@contextmanager
def opened(source: Source, *formats: str) -> "Iterator[Image.Image]":
    """The picture in a file of one of Pillow's `formats`; its size must have been checked before.

    Raises InputError when Pillow itself allows no picture as large.
    """
    with importing("pillow", f"{source.name}: reading {formats[0]}"):
        from PIL import Image
    with warnings.catch_warnings():
        # Of sizes, which have been checked, and of tables that are broken.
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(io.BytesIO(source.data), formats=formats)
        except Image.DecompressionBombError as error:
            raise InputError(
                f"{source.name} declares more pixels than {formats[0]} files may have here: {error}"
            ) from error
        with picture:
            yield picture
