"""JPEG, as its decoded samples: what was lost when it was written is not there any more.

Pillow decodes the usual ones of 8 bits, imagecodecs those of 12 bits and the lossless ones.
"""

import numpy as np

from lossless_inr_lite.errors import InputError, counted, importing
from lossless_inr_lite.signals.formats.exif import PREFIX, orientation_in
from lossless_inr_lite.signals.formats.jpeg_segments import (
    COMMENT,
    EXIF_AND_XMP,
    PROFILE_AND_VIEWS,
    JpegFile,
    parsed,
)
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source
from lossless_inr_lite.signals.formats.pillow import opened
from lossless_inr_lite.signals.meaning import MAX_PROFILE, Colours, Meaning, profile_text

LOSSLESS = 0xC3
# What a frame of another kind is.
NOT_READ = {
    0xC5: "a hierarchical JPEG",
    0xC6: "a hierarchical JPEG",
    0xC7: "a hierarchical JPEG",
    0xCB: "a lossless JPEG with arithmetic coding",
    0xCD: "a hierarchical JPEG",
    0xCE: "a hierarchical JPEG",
    0xCF: "a hierarchical JPEG",
    0xF7: "a JPEG-LS picture",
}
XMP = b"http://ns.adobe.com/xap/1.0/\0"
SEVERAL_VIEWS = b"MPF\0"
JFIF = b"JFIF\0"
RGB_NAMES = (b"RGB", b"rgb")  # of components
NOT_TURNED = 0  # Adobe's transforms
YCBCR = 1


def read_jpeg(source: Source) -> Picture:
    """The decoded samples of a JPEG: grey, colour or CMYK.

    CMYK is 0 where there is no ink, as in TIFF. Of a file with several views the first is read,
    which stands for all of them.
    """
    file = parsed(source.name, source.data)
    if file.process in NOT_READ:
        raise InputError(f"{source.name} is {NOT_READ[file.process]}, which is not read")
    if not file.height and file.width:
        raise InputError(
            f"{source.name} says its height behind the picture only (DNL), which is not read"
        )
    source.check_size(file.height, file.width, file.components)
    source.chosen_page(1)
    if file.components not in (1, 3, 4):
        raise InputError(
            f"{source.name} is a JPEG of {file.components} components: 1, 3 or 4 are allowed"
        )
    is_lossless = file.process == LOSSLESS
    if is_lossless or file.precision != 8:
        if file.components == 4:
            raise InputError(
                f"{source.name} is a JPEG of 4 components, lossless or of {file.precision} bits: "
                "with 4 only the usual kind of 8 bits is read"
            )
        samples = _deep(source, is_lossless)
    else:
        samples = _usual(source, file)
    return Picture(samples, file.precision, _meaning(file), _not_kept(source, file))


def samples_inside(source: Source, file: JpegFile, is_ycbcr: bool) -> np.ndarray:
    """The samples of a JPEG of 1 or 3 components inside of another file, (H, W) or (H, W, 3).

    Without loss they are as stored. With loss three components come out as red, green and blue;
    they are YCbCr where the picture says so, or when it does not and the file does: `is_ycbcr`.

    Raises InputError for a kind that is not read. The size must have been checked.
    """
    if file.process in NOT_READ:
        raise InputError(f"{source.name} holds {NOT_READ[file.process]}, which is not read")
    if file.process == LOSSLESS:
        return _deep(source, True)
    with importing("imagecodecs", f"{source.name}: reading JPEG"):
        import imagecodecs
    if file.components == 1:
        return imagecodecs.jpeg8_decode(source.data)
    said = file.adobe_transform
    if said is None and file.bodies(0xE0, JFIF):
        said = YCBCR
    if said is None and file.component_names in RGB_NAMES:
        said = NOT_TURNED
    is_turned = is_ycbcr if said is None else said == YCBCR
    colours = "YCBCR" if is_turned else "RGB"
    return imagecodecs.jpeg8_decode(source.data, colorspace=colours, outcolorspace="RGB")


def _usual(source: Source, file: JpegFile) -> np.ndarray:
    """The samples of a JPEG of 8 bits, (H, W) or (H, W, C)."""
    with opened(source, "JPEG") as picture:
        samples = np.array(picture)
    # Pillow turns all CMYK round, as Adobe's programs write it; others do not write it so.
    is_turned = file.components == 4 and file.adobe_transform is None
    return 255 - samples if is_turned else samples


def _deep(source: Source, is_lossless: bool) -> np.ndarray:
    """The samples of a JPEG that is lossless or of 12 bits; lossless ones as they are stored.

    Raises InputError when two decoders of lossless JPEG do not agree. One alone reads what is
    damaged, too.
    """
    with importing("imagecodecs", f"{source.name}: reading lossless JPEG"):
        import imagecodecs
    if not is_lossless:
        return imagecodecs.jpeg8_decode(source.data)
    stored = imagecodecs.jpegsof3_decode(source.data)
    # The same colours in and out: nothing is converted.
    colours = "RGB" if stored.ndim == 3 else "GRAYSCALE"
    again = imagecodecs.jpeg8_decode(source.data, colorspace=colours, outcolorspace=colours)
    if not np.array_equal(stored, again):
        raise InputError(
            f"{source.name} is a lossless JPEG that two decoders read differently: it is damaged"
        )
    return stored


def _meaning(file: JpegFile) -> Meaning:
    """What the file says of the decoded samples."""
    exif = b"".join(file.bodies(EXIF_AND_XMP, PREFIX)[:1])
    profile = file.profile if len(file.profile) <= MAX_PROFILE else b""
    return Meaning(
        colours=_colours(file),
        orientation=orientation_in(exif)[0] if exif else 1,
        icc_profile=profile_text(profile),
    )


def _colours(file: JpegFile) -> Colours:
    if file.components == 4:
        return "cmyk"
    # What is stored without loss is not converted. By JFIF, and where Adobe says so, it is YCbCr.
    is_jfif = bool(file.bodies(0xE0, JFIF))
    is_ycbcr = file.adobe_transform == YCBCR or (is_jfif and file.adobe_transform is None)
    stored_as_is = file.process == LOSSLESS and file.components == 3
    return "ycbcr" if stored_as_is and is_ycbcr else ""


def _not_kept(source: Source, file: JpegFile) -> tuple[str, ...]:
    """What else stands in the file, a short phrase each."""
    phrases: list[str] = []
    if len(file.profile) > MAX_PROFILE:
        phrases.append(f"a colour profile of {len(file.profile)} bytes")
    exif = b"".join(file.bodies(EXIF_AND_XMP, PREFIX)[:1])
    if exif and orientation_in(exif)[1]:
        phrases.append("Exif data")
    if file.bodies(EXIF_AND_XMP, XMP):
        phrases.append("XMP data")
    if file.bodies(COMMENT, b""):
        phrases.append("a comment")
    if file.bodies(PROFILE_AND_VIEWS, SEVERAL_VIEWS):
        phrases.append(_other_views(source))
    elif file.bytes_behind:
        phrases.append(f"{counted(file.bytes_behind, 'byte')} behind its end")
    return tuple(phrases)


def _other_views(source: Source) -> str:
    """How many views a file has beside the first (CIPA DC-007, multi-picture format)."""
    with opened(source, "JPEG", "MPO") as picture:
        others = getattr(picture, "n_frames", 1) - 1
    if others < 1:
        return "a table of more views"
    return "1 more view" if others == 1 else f"{others} more views"


FORMAT = PictureFormat(
    name="JPEG",
    suffixes=(".jpg", ".jpeg"),
    reads=(
        "grey, colour and CMYK of 8 bits, of 12 bits, and lossless of 2 to 16 bits, as decoded; "
        "the first of several views"
    ),
    read=read_jpeg,
    starts_with=(b"\xff\xd8\xff",),
    holds=frozenset({"colours", "orientation", "icc_profile"}),
)
