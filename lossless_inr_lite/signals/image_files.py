"""Picture files in and out, with every bit that they hold, and with what they say of it.

The formats stand in `formats`, a module each. Here a file's first bytes, or the suffix of a file
that is to be written, choose one of them.
"""

from pathlib import Path

import numpy as np

from lossless_inr_lite.errors import InputError, check_type
from lossless_inr_lite.files import as_path, read_bytes, replacing
from lossless_inr_lite.signals.bits import check_num_bits
from lossless_inr_lite.signals.formats import dicom, gif, jpeg, netpbm, png, tiff
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source
from lossless_inr_lite.signals.formats.unread import refusal
from lossless_inr_lite.signals.meaning import PLAIN, Meaning, not_held
from lossless_inr_lite.signals.signal import KINDS, SignalSpec

FORMATS: tuple[PictureFormat, ...] = (
    png.FORMAT,
    jpeg.FORMAT,
    gif.FORMAT,
    tiff.FORMAT,
    netpbm.FORMAT,
    netpbm.PBM,
    netpbm.PAM,
    dicom.FORMAT,
)
READABLE = "PNG, JPEG, GIF, TIFF, PGM/PPM (also PBM and PAM) or DICOM"
BY_SUFFIX = {suffix: form for form in FORMATS if form.writable for suffix in form.suffixes}
WRITABLE = tuple(BY_SUFFIX)
# The fields of `Meaning` that a file can say, by the name of its format.
HELD = {form.name: form.holds for form in FORMATS}


def is_picture(data: bytes) -> bool:
    """Whether bytes begin like a picture of a format that is read."""
    return _format_of(data) is not None


def read_image(
    path: Path, max_pixels: int, size: int | None = None, page: int | None = None
) -> tuple[Picture, PictureFormat]:
    """The picture in a file, and the format of the file; see `decode_image`."""
    return decode_image(path.name, read_bytes(path), max_pixels, size, page)


def decode_image(
    name: str, data: bytes, max_pixels: int, size: int | None = None, page: int | None = None
) -> tuple[Picture, PictureFormat]:
    """The picture in the bytes of a file, samples (H, W, C), and the format of the file.

    Palettes become their colours; grey stays one channel; alpha is kept. `page` is the number of
    the picture in a file with several, from 0.

    Raises InputError for anything that is not a whole picture of a known kind, that declares more
    than `max_pixels` pixels or less than `size` a side, or holds several when `page` is None.
    """
    if not data:
        raise InputError(f"{name} is empty: {READABLE} is needed")
    form = _format_of(data)
    if form is None:
        raise InputError(f"{name} is {refusal(data)}: {READABLE} is needed")
    try:
        picture = form.read(Source(name, data, max_pixels, size, page))
    except InputError:
        raise
    except Exception as error:  # decoders raise many types; the user needs one sentence
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{name} is broken or truncated and cannot be decoded: {reason}"
        ) from error
    return picture, form


def write_image(
    path: str | Path, samples: np.ndarray, num_bits: int, meaning: Meaning = PLAIN
) -> None:
    """Write samples (H, W, C), whole or not at all; the suffix chooses the format.

    Raises InputError when the format cannot hold the samples or what they mean.
    """
    path = as_path(path)
    check_type("samples", samples, np.ndarray, "an array is needed")
    kind = KINDS.get(samples.dtype.kind)
    if kind is None:
        raise InputError(f"samples are {samples.dtype}: integers or float32 are needed")
    check_num_bits(num_bits)
    spec = SignalSpec(path.name, samples.shape, num_bits, kind, meaning=meaning)
    check_image_output(path, spec)
    write = BY_SUFFIX[path.suffix.lower()].to_bytes
    assert write is not None
    data = write(samples, spec)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def check_image_output(path: Path, spec: SignalSpec) -> tuple[str, ...]:
    """Raise InputError when such a picture cannot be written under that suffix.

    Returns what the format cannot hold and the picture does not need, a phrase each.
    """
    form = BY_SUFFIX.get(path.suffix.lower())
    if form is None:
        raise InputError(
            f"cannot write pictures as {path.name!r}: allowed suffixes are {', '.join(WRITABLE)}"
        )
    assert form.check is not None
    form.check(path.name, spec)
    return not_held(path.name, spec.meaning, form.holds)


def _format_of(data: bytes) -> PictureFormat | None:
    """The format by a file's first bytes; suffixes are not trusted."""
    # DICOM is asked first: the 128 bytes before its mark may be the header of a TIFF file, as in
    # scans from some devices.
    if dicom.is_dicom(data):
        return dicom.FORMAT
    return next((form for form in FORMATS if data.startswith(form.starts_with)), None)
