"""DICOM: pictures from medicine, often of 10 to 16 bits."""

import io

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source

MARK_AT = 128  # the bytes before it may be anything, also the header of a TIFF file


def read_dicom(source: Source) -> Picture:
    """The stored samples of an uncompressed DICOM file with one frame."""
    with importing("pydicom", f"{source.name}: reading DICOM"):
        import pydicom
        from pydicom.filereader import read_dataset
    # Asked first: a deflated file may inflate to anything.
    start = io.BytesIO(source.data[MARK_AT + 4 :])
    meta = read_dataset(start, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    coding = meta.TransferSyntaxUID
    if coding.is_compressed or coding.is_deflated:
        raise InputError(
            f"{source.name} is DICOM compressed as {coding.name}: only uncompressed DICOM is "
            "allowed"
        )
    picture = pydicom.dcmread(io.BytesIO(source.data))
    if "Rows" not in picture or "PixelData" not in picture:
        raise InputError(f"{source.name} is a DICOM file without a picture")
    if int(picture.get("NumberOfFrames", 1)) != 1:
        raise InputError(
            f"{source.name} holds {picture.NumberOfFrames} frames: a file with one is needed"
        )
    channels = int(picture.get("SamplesPerPixel", 1))
    source.check_size(int(picture.Rows), int(picture.Columns), channels)
    return Picture(picture.pixel_array, int(picture.BitsStored))


FORMAT = PictureFormat(
    name="DICOM",
    suffixes=(".dcm",),
    reads="uncompressed grey of 1 to 16 bits, signed or unsigned",
    read=read_dicom,
    starts_with=(),
)
