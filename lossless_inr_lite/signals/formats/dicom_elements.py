"""How a DICOM file begins, and the elements of its data set that bear on the picture.

The format is DICOM PS3.5 and PS3.10. Only the elements that are named here are parsed, by pydicom.
The pixels themselves are left where they stand.
"""

import io
import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.files import inflated
from lossless_inr_lite.signals.formats.picture import Source

if TYPE_CHECKING:
    from pydicom import Dataset

MARK_AT = 128  # the bytes before it may be anything, also the header of a TIFF file
MARK = b"DICM"
META_GROUP = 2
# The elements with which files begin that have no preamble, by their group: those about the file,
# or those that identify a picture.
FIRST_ELEMENTS = {
    META_GROUP: {0x0000, 0x0001, 0x0002, 0x0003, 0x0010},
    8: {0x0000, 0x0001, 0x0005, 0x0008, 0x0012, 0x0014, 0x0016, 0x0018},
}
LONGEST_FIRST = 256  # bytes
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
PIXELS = 0x7FE00010
KINDS = ("OB", "OW", "UN")  # of the values of pixels
FLOAT_PIXELS = 0x7FE00008
DOUBLE_PIXELS = 0x7FE00009
UNDEFINED = 2**32 - 1  # a length: the end is marked
# The data set may be that many bytes, for every pixel that is allowed, when it is inflated.
MOST_DEFLATED = 8
OVERLAYS = range(0x6000, 0x6020, 2)  # groups of elements
OVERLAY_BIT = 0x0102
OVERLAY_DATA = 0x3000
WANTED = (
    "PatientName",
    "PatientID",
    "StudyInstanceUID",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelAspectRatio",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "RescaleIntercept",
    "RescaleSlope",
    "WindowCenter",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "AlphaPaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "AlphaPaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "SegmentedAlphaPaletteColorLookupTableData",
    "ICCProfile",
    "LossyImageCompression",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "PresentationLUTShape",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)


class Syntax(NamedTuple):
    """A transfer syntax: its UID, its name, and the byte order of numbers ("<" or ">")."""

    uid: str
    name: str
    order: str = "<"


@dataclass(frozen=True)
class DicomFile:
    """A DICOM file: its elements, and where the value of its pixels stands in `body`.

    `kind` is the value representation of the pixels, "OB" or "OW"; `length` is None when the pixels
    are encapsulated.
    """

    name: str
    syntax: Syntax
    elements: "Dataset"
    body: bytes
    place: int
    length: int | None
    kind: str

    def number(self, keyword: str, unsaid: int) -> int:
        """The integer of an element, or `unsaid` when it is missing or empty."""
        value = self.elements.get(keyword)
        return unsaid if value is None or value == "" else int(value)

    def overlays(self, element: int) -> list[Any]:
        """The values of an element of all overlay groups that have it."""
        tags = [(group << 16) + element for group in OVERLAYS]
        return [self.elements[tag].value for tag in tags if tag in self.elements]


def is_dicom(data: bytes) -> bool:
    """Whether bytes begin like a DICOM file, with a preamble or without one."""
    return data[MARK_AT:].startswith(MARK) or _is_bare(data)


def _is_bare(data: bytes) -> bool:
    """Whether bytes begin at once with one of the FIRST_ELEMENTS."""
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


@contextmanager
def quiet() -> Iterator[None]:
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


def opened(source: Source) -> DicomFile:
    """The elements of a DICOM file, and the place of its pixels.

    Raises InputError when it holds no pixels, holds floats, or ends within them.
    """
    with importing("pydicom", f"{source.name}: reading DICOM"):
        from pydicom.datadict import tag_for_keyword
        from pydicom.filereader import read_dataset
        from pydicom.tag import BaseTag
    syntax, body = _data_set(source)
    is_implicit = syntax.uid == IMPLICIT_LITTLE
    named = [tag_for_keyword(keyword) for keyword in WANTED]
    overlaid = [(group << 16) + one for group in OVERLAYS for one in (OVERLAY_BIT, OVERLAY_DATA)]
    wanted: list[BaseTag | int] = [BaseTag(tag) for tag in (*named, *overlaid) if tag is not None]

    def is_behind(tag: BaseTag, kind: str | None, length: int) -> bool:
        return tag >= FLOAT_PIXELS

    file = io.BytesIO(body)
    elements = read_dataset(
        file, is_implicit, syntax.order == "<", stop_when=is_behind, specific_tags=wanted
    )
    place = file.tell()
    head = body[place : place + 12]
    if len(head) < 8:
        raise InputError(f"{source.name} is a DICOM file without a picture, or is truncated")
    group, element = struct.unpack_from(f"{syntax.order}HH", head)
    tag = (group << 16) + element
    if tag in (FLOAT_PIXELS, DOUBLE_PIXELS):
        raise InputError(f"{source.name} holds floating point: integers are allowed in DICOM")
    if tag != PIXELS or elements.get("Rows") is None:
        raise InputError(f"{source.name} is a DICOM file without a picture")
    # Data sets that are implicit although the syntax says otherwise are known.
    said = head[4:6].decode("latin-1")
    kind = said if said in KINDS else "OW"
    length_at = 8 if said in KINDS else 4
    start = place + length_at + 4
    if start > len(body):
        raise InputError(f"{source.name} is truncated: it ends before its pixels")
    (length,) = struct.unpack_from(f"{syntax.order}I", head, length_at)
    known = None if length == UNDEFINED else length
    return DicomFile(source.name, syntax, elements, body, start, known, kind)


def _data_set(source: Source) -> tuple[Syntax, bytes]:
    """The transfer syntax of a file, and the bytes behind the elements about the file."""
    from pydicom.filereader import read_dataset
    from pydicom.uid import UID

    has_preamble = source.data[MARK_AT:].startswith(MARK)
    file = io.BytesIO(source.data)
    file.seek(MARK_AT + len(MARK) if has_preamble else 0)
    is_meta = source.data[file.tell() : file.tell() + 2] == b"\x02\0"
    uid = ""
    if is_meta:
        meta = read_dataset(
            file, False, True, stop_when=lambda tag, kind, length: tag.group != META_GROUP
        )
        uid = str(meta.get("TransferSyntaxUID") or "")
    body = source.data[file.tell() :]
    if not uid:
        return _guessed(body), body
    order = ">" if uid == EXPLICIT_BIG else "<"
    syntax = Syntax(uid, UID(uid).name, order)
    if uid == DEFLATED:
        limit = MOST_DEFLATED * source.max_pixels
        # A zero may follow, so that the length is even, or a checksum.
        what = f"the data set of {source.name}"
        body = inflated(body, limit, what, wbits=-zlib.MAX_WBITS, may_go_on=True)
    return syntax, body


def _guessed(body: bytes) -> Syntax:
    """The syntax of a data set that does not tell it, by its first element."""
    has_kind = body[4:6].isalpha() and body[4:6].isupper()
    if not has_kind:
        return Syntax(IMPLICIT_LITTLE, "Implicit VR Little Endian")
    if body.startswith(b"\0"):
        return Syntax(EXPLICIT_BIG, "Explicit VR Big Endian", ">")
    return Syntax(EXPLICIT_LITTLE, "Explicit VR Little Endian")
