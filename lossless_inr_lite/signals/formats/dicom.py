"""DICOM: pictures from medicine, often of 10 to 16 bits, and often compressed.

The samples are those that are stored (PS3.3, C.7.6.3), as integers of the depth that the file
states. `dicom_frames` decodes one frame.
"""

import io
import logging
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.files import inflated
from lossless_inr_lite.signals.bits import sample_dtype
from lossless_inr_lite.signals.formats.dicom_frames import (
    DEFLATE_BITS,
    Layout,
    decoded_frame,
    is_lossy,
)
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source
from lossless_inr_lite.signals.meaning import Colours, Meaning

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

MARK_AT = 128  # the bytes before it may be anything, also the header of a TIFF file
MARK = b"DICM"
META_GROUP = 2
# The elements with which files begin that have no 128 bytes and no mark, by their group: meta
# elements, or those that identify a picture.
FIRST_ELEMENTS = {
    META_GROUP: {0x0000, 0x0001, 0x0002, 0x0003, 0x0010},
    8: {0x0000, 0x0001, 0x0005, 0x0008, 0x0012, 0x0014, 0x0016, 0x0018},
}
LONGEST_FIRST = 256  # bytes
BYTES_PER_PIXEL = 64  # of the largest pixels: 16 channels of 4 bytes
ROOM_FOR_ELEMENTS = 2**24  # bytes of a deflated file beside its pixels
MOST_BITS = 32
OVERLAYS = range(0x6000, 0x6100, 2)
OVERLAY_DATA = 0x3000

GREY = {"MONOCHROME1": "white_is_zero", "MONOCHROME2": ""}
PALETTE = "PALETTE COLOR"
# What the samples are once they are decoded. The transforms inside of JPEG 2000 are undone.
COLOURS: dict[str, Colours] = {
    "MONOCHROME1": "white_is_zero",
    "MONOCHROME2": "",
    "RGB": "",
    "YBR_RCT": "",
    "YBR_ICT": "",
    "YBR_FULL": "ycbcr",
    "YBR_FULL_422": "ycbcr",
    PALETTE: "",
}


def is_dicom(data: bytes) -> bool:
    """Whether a file begins like DICOM, with its mark or, as some old files do, without it."""
    return data[MARK_AT:].startswith(MARK) or _is_bare(data)


def _is_bare(data: bytes) -> bool:
    """Whether a file begins at once with one of the FIRST_ELEMENTS."""
    for order in ("<", ">"):
        if len(data) < 8:
            return False
        group, element, size = struct.unpack_from(f"{order}HHI", data)
        if element not in FIRST_ELEMENTS.get(group, ()):
            continue
        is_explicit = data[4:6].isalpha() and data[4:6].isupper()
        is_implicit = order == "<" and size % 2 == 0 and size <= LONGEST_FIRST
        if is_explicit or is_implicit:
            return True
    return False


def read_dicom(source: Source) -> Picture:
    """The stored samples of one frame of a DICOM file.

    Palettes become their colours. Samples whose unused bits hold anything else lose these. Lossy
    codings are read as their decoded samples, and that is told.
    """
    with importing("pydicom", f"{source.name}: reading DICOM"):
        import pydicom  # noqa: F401
    with _quiet():
        return _picture(source)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without pydicom's warnings: what is wrong with a file is told in one sentence here."""
    log = logging.getLogger("pydicom")
    was_disabled = log.disabled
    log.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = was_disabled


def _picture(source: Source) -> Picture:
    """The frame that is wanted; see `read_dicom`."""
    dataset, coding = _dataset(source)
    layout = _layout(source, dataset)
    frame = _chosen_frame(source, dataset)
    decoded = decoded_frame(source.name, dataset, coding, layout, frame)
    samples, has_more_bits = _stored(source.name, decoded.words, layout, decoded.is_raw)
    num_bits = layout.bits_stored
    photometric = layout.photometric
    if photometric == PALETTE:
        samples, num_bits = _through_palette(source.name, dataset, samples)
    colours = "" if decoded.is_rgb else COLOURS[photometric]
    not_kept = list(_not_kept(dataset))
    if has_more_bits:
        not_kept.insert(
            0, f"what stands in the bits beside the {layout.bits_stored} that are stored"
        )
    if is_lossy(coding):
        not_kept.insert(0, f"what its lossy coding left out ({coding.name})")
    return Picture(samples, num_bits, _meaning(dataset, colours), tuple(not_kept))


# The file ----------------------------------------------------------------------------------------


def _dataset(source: Source) -> tuple["Dataset", "UID"]:
    """All elements of a file, and the syntax in which its pixels are stored.

    A deflated file is inflated here, within bounds.
    """
    from pydicom.dataset import FileMetaDataset
    from pydicom.filereader import dcmread, read_dataset
    from pydicom.uid import (
        UID,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
    )

    data = source.data
    start = MARK_AT + len(MARK) if data[MARK_AT:].startswith(MARK) else 0
    file = io.BytesIO(data[start:])
    meta = read_dataset(file, False, True, stop_when=lambda tag, vr, size: tag.group != META_GROUP)
    coding = meta.get("TransferSyntaxUID")
    if coding == DeflatedExplicitVRLittleEndian:
        room = BYTES_PER_PIXEL * source.max_pixels + ROOM_FOR_ELEMENTS
        text = inflated(
            data[start + file.tell() :],
            room,
            f"{source.name}, which is deflated,",
            wbits=DEFLATE_BITS,
            may_go_on=True,  # with bytes that fill up
        )
        dataset = read_dataset(io.BytesIO(text), False, True)
        coding = ExplicitVRLittleEndian
    else:
        dataset = dcmread(io.BytesIO(data), force=True)
    if coding is None:
        is_implicit, is_little_endian = dataset.original_encoding
        coding = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian
        if not is_little_endian:
            coding = ExplicitVRBigEndian
    if len(dataset) == 0:
        raise InputError(f"{source.name} is broken or truncated: a DICOM file without elements")
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = coding
    return dataset, UID(coding)


def _layout(source: Source, dataset: "Dataset") -> Layout:
    """How the pixels are stored; raises InputError for what is not read, before anything is."""
    name = source.name
    for keyword in ("FloatPixelData", "DoubleFloatPixelData"):
        if keyword in dataset:
            raise InputError(f"{name} is DICOM of floating point: pictures of integers are allowed")
    if "PixelData" not in dataset or "Rows" not in dataset or "Columns" not in dataset:
        raise InputError(f"{name} is a DICOM file without a picture")
    channels = _number(name, dataset, "SamplesPerPixel", 1)
    bits_allocated = _number(name, dataset, "BitsAllocated", 0)
    bits_stored = _number(name, dataset, "BitsStored", bits_allocated)
    layout = Layout(
        rows=_number(name, dataset, "Rows", 0),
        columns=_number(name, dataset, "Columns", 0),
        channels=channels,
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=_number(name, dataset, "HighBit", bits_stored - 1),
        is_signed=bool(_number(name, dataset, "PixelRepresentation", 0)),
        photometric=str(dataset.get("PhotometricInterpretation") or "MONOCHROME2").strip(),
    )
    source.check_size(layout.rows, layout.columns, channels)
    _check_layout(name, layout)
    return layout


def _number(name: str, dataset: "Dataset", keyword: str, default: int) -> int:
    """An element that is one integer."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return default
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} has the {keyword} {value!r}: an integer is needed") from error


def _check_layout(name: str, layout: Layout) -> None:
    if layout.photometric not in COLOURS:
        raise InputError(
            f"{name} holds {layout.photometric or 'no photometric interpretation'}: "
            f"{', '.join(COLOURS)} are read"
        )
    needed = 1 if layout.photometric in (*GREY, PALETTE) else 3
    if layout.channels != needed:
        raise InputError(
            f"{name} contradicts itself: {layout.photometric} has {needed} samples a pixel, and it "
            f"declares {layout.channels}"
        )
    if layout.bits_allocated not in (1, 8, 16, 32):
        raise InputError(
            f"{name} stores samples in {layout.bits_allocated} bits each: 1, 8, 16 and 32 are read"
        )
    fits = 1 <= layout.bits_stored <= layout.high_bit + 1 <= layout.bits_allocated
    if not fits:
        raise InputError(
            f"{name} contradicts itself: {layout.bits_stored} bits up to bit {layout.high_bit} do "
            f"not fit into {layout.bits_allocated}"
        )


def _chosen_frame(source: Source, dataset: "Dataset") -> int:
    """The number of the frame to read; a count that is 0 or empty stands for one frame."""
    return source.chosen_page(num_frames(source.name, dataset), "frames")


def num_frames(name: str, dataset: "Dataset") -> int:
    """How many frames a file says that it has, at least 1."""
    return max(1, _number(name, dataset, "NumberOfFrames", 1))


# The samples -------------------------------------------------------------------------------------


def _stored(name: str, words: np.ndarray, layout: Layout, is_raw: bool) -> tuple[np.ndarray, bool]:
    """The samples in the decoded words, (H, W, C), and whether other bits of these were set.

    `is_raw` says that the words have all allocated bits, in the order of the file. Codings such as
    JPEG hold the stored bits alone.
    """
    bits = layout.bits_stored
    shift = layout.high_bit + 1 - bits if is_raw else 0
    values = words.astype(np.int64)
    largest = 2**bits - 1
    if not is_raw and layout.is_signed:
        lowest = int(values.min())
        fits = -(2 ** (bits - 1)) <= lowest and int(values.max()) <= largest
    elif not is_raw:
        fits = int(values.min()) >= 0 and int(values.max()) <= largest
    else:
        fits = True
    if not fits:
        raise InputError(
            f"{name} contradicts itself: its samples go from {values.min()} to {values.max()}, and "
            f"it declares {bits} bits"
        )
    # Bits below are not what is stored either.
    has_more_bits = is_raw and bool((values & ~(largest << shift)).any())
    values = (values >> shift) & largest
    if layout.is_signed:
        sign = 1 << (bits - 1)
        values = (values ^ sign) - sign
    kind = "signed" if layout.is_signed else "unsigned"
    if has_more_bits and layout.is_signed:
        has_more_bits = not _only_copies_of_the_sign(words, values, layout)
    return values.astype(sample_dtype(kind, bits)), has_more_bits


def _only_copies_of_the_sign(words: np.ndarray, values: np.ndarray, layout: Layout) -> bool:
    """Whether the unused bits of signed samples continue their sign, as they should."""
    if layout.high_bit + 1 != layout.bits_stored:
        return False
    return bool(((values & (2**layout.bits_allocated - 1)) == words.astype(np.int64)).all())


def _through_palette(name: str, dataset: "Dataset", samples: np.ndarray) -> tuple[np.ndarray, int]:
    """The colours (H, W, 3) of a palette, and their bits."""
    from pydicom.pixels.processing import apply_color_lut

    descriptor = dataset.get("RedPaletteColorLookupTableDescriptor")
    if descriptor is None:
        raise InputError(f"{name} has a picture of palette colours and no palette")
    num_bits = int(descriptor[2])
    if num_bits not in (8, 16):
        raise InputError(f"{name} has a palette of {num_bits} bits: 8 and 16 are allowed")
    colours = apply_color_lut(samples[..., 0], dataset)[..., :3]
    largest = int(colours.max(initial=0))
    if num_bits == 8 and largest > 255:  # some files say 8 and hold 16
        num_bits = 16
    return colours.astype(np.uint8 if num_bits == 8 else np.uint16), num_bits


# What is said of them ----------------------------------------------------------------------------


def _meaning(dataset: "Dataset", colours: Colours) -> Meaning:
    """Colours, and the units that stored values stand for."""
    slope = dataset.get("RescaleSlope")
    intercept = dataset.get("RescaleIntercept")
    rescale = None
    if slope not in (None, "") or intercept not in (None, ""):
        pair = (_real(slope, 1.0), _real(intercept, 0.0))
        is_finite = all(math.isfinite(value) for value in pair)
        rescale = pair if is_finite and pair != (1.0, 0.0) else None
    return Meaning(colours=colours, rescale=rescale)


def _real(value: Any, default: float) -> float:
    return default if value in (None, "") else float(value)


def _not_kept(dataset: "Dataset") -> list[str]:
    """What else stands in the file, a phrase each."""
    phrases = []
    if "ModalityLUTSequence" in dataset:
        phrases.append("a look-up table of physical units")
    if any((group, OVERLAY_DATA) in dataset for group in OVERLAYS):
        phrases.append("an overlay")
    if "ICCProfile" in dataset or "OpticalPathSequence" in dataset:
        phrases.append("a colour profile")
    if "PatientName" in dataset or "PatientID" in dataset or "StudyInstanceUID" in dataset:
        phrases.append("what its header says of patient, study and device")
    return phrases


FORMAT = PictureFormat(
    name="DICOM",
    suffixes=(".dcm",),
    reads=(
        "grey of 1 to 32 bits, signed or unsigned, colours and palettes, several frames; "
        "uncompressed, deflated, RLE, JPEG, lossless JPEG, JPEG-LS, JPEG 2000 and HTJ2K"
    ),
    read=read_dicom,
    starts_with=(),
)
