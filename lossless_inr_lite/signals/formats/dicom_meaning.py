"""What a DICOM file says of its samples (PS3.3, C.7.6.3 and C.11), and its palettes."""

import math
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.formats.dicom_elements import (
    OVERLAY_BIT,
    OVERLAY_DATA,
    DicomFile,
)
from lossless_inr_lite.signals.formats.dicom_frames import Loss
from lossless_inr_lite.signals.meaning import MAX_PROFILE, Colours, Meaning, profile_text

PALETTE = "PALETTE COLOR"
HALVED = "YBR_FULL_422"
YCBCR = ("YBR_FULL", HALVED)
OF_JPEG_2000 = ("YBR_RCT", "YBR_ICT")
# Photometric interpretation -> what the samples are, once a palette has become its colours, and
# JPEG 2000 has turned its colours back.
COLOURS: dict[str, Colours] = {
    "MONOCHROME1": "white_is_zero",
    "MONOCHROME2": "",
    "RGB": "",
    "YBR_FULL": "ycbcr",
    HALVED: "ycbcr",
    "YBR_RCT": "",
    "YBR_ICT": "",
    PALETTE: "",
}
GREY = ("MONOCHROME1", "MONOCHROME2")
MACROS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
OF_PEOPLE = ("PatientName", "PatientID", "StudyInstanceUID")
PALETTE_COLOURS = ("Red", "Green", "Blue", "Alpha")
PALETTES = ("RedPaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData")
# Kinds of segments of a palette.
DISCRETE = 0
LINEAR = 1
INDIRECT = 2


class Palette(NamedTuple):
    """The colours (N, 3) or with alpha (N, 4) of numbers from `first` on, and their depth.

    Smaller numbers have the first colour, larger ones the last.
    """

    colours: np.ndarray
    first: int
    num_bits: int

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """The colours (H, W, C) of numbers (H, W)."""
        places = np.clip(numbers.astype(np.int64) - self.first, 0, len(self.colours) - 1)
        return self.colours[places]


def photometric_of(file: DicomFile, channels: int) -> str:
    """The photometric interpretation; without one, grey or red, green and blue.

    Raises InputError for one that is not read, or that does not suit the number of channels.
    """
    unsaid = "MONOCHROME2" if channels == 1 else "RGB"
    said = _photometric(file) or unsaid
    if said not in COLOURS:
        raise InputError(f"{file.name} holds {said}: {', '.join(COLOURS)} are read")
    wanted = 1 if said in (*GREY, PALETTE) else 3
    if channels != wanted:
        raise InputError(
            f"{file.name} contradicts itself: {said} has {counted(wanted, 'sample')} a pixel, and "
            f"it declares {channels}"
        )
    return said


def meaning_of(file: DicomFile, photometric: str, is_rgb: bool, page: int) -> Meaning:
    """What a file says of one of its frames. `is_rgb` tells that a decoder turned the colours.

    Raises InputError for a rescale that is no number.
    """
    colours = COLOURS[photometric]
    profile = _profile(file)
    return Meaning(
        colours="" if is_rgb and colours == "ycbcr" else colours,
        rescale=_rescale(file, page) if photometric in GREY else None,
        icc_profile=profile_text(profile) if len(profile) <= MAX_PROFILE else "",
    )


def not_kept(file: DicomFile, page: int, loss: Loss) -> tuple[str, ...]:
    """What else stands in the file and bears on the looks of a frame, a phrase each."""
    phrases: list[str] = []
    elements = file.elements
    is_negative = _photometric(file) == "MONOCHROME1"
    if loss == "yes":
        phrases.append(f"what its lossy coding left out ({file.syntax.name})")
    elif loss == "maybe":
        phrases.append(f"what its coding may have left out ({file.syntax.name})")
    elif str(elements.get("LossyImageCompression") or "") == "01":
        phrases.append("what an earlier lossy coding left out")
    profile = _profile(file)
    if len(profile) > MAX_PROFILE:
        phrases.append(f"a colour profile of {len(profile)} bytes")
    overlays = len(file.overlays(OVERLAY_DATA)) or len(file.overlays(OVERLAY_BIT))
    if overlays:
        phrases.append("an overlay" if overlays == 1 else f"{overlays} overlays")
    if _photometric(file) != PALETTE and any(name in elements for name in PALETTES):
        phrases.append("a palette beside its own colours")
    if elements.get("ModalityLUTSequence"):
        phrases.append("a table of physical units")
    voi = (found.get("WindowCenter") for found in _macros(file, page))
    if elements.get("VOILUTSequence") or any(center is not None for center in voi):
        phrases.append("a window for viewing")
    if str(elements.get("PresentationLUTShape") or "") == "INVERSE" and not is_negative:
        phrases.append("that it is to be viewed as a negative")
    if elements.get("PixelPaddingValue") is not None:
        phrases.append("a value that stands for no data")
    aspect = [int(side) for side in elements.get("PixelAspectRatio") or (1, 1)]
    if len(set(aspect)) > 1:
        phrases.append("that its pixels are not square")
    if any(name in elements for name in OF_PEOPLE):
        phrases.append("what its header says of patient, study and device")
    return tuple(phrases)


def palette_of(file: DicomFile) -> Palette:
    """The palette of a file. Raises InputError when it is missing or broken."""
    named = [
        colour
        for colour in PALETTE_COLOURS
        if f"{colour}PaletteColorLookupTableDescriptor" in file.elements
    ]
    if named[:3] != list(PALETTE_COLOURS[:3]):
        raise InputError(f"{file.name} is broken: it has no palette for its colours")
    shapes = {_descriptor(file, colour) for colour in named}
    if len(shapes) > 1:
        raise InputError(f"{file.name} is broken: the palettes of its colours differ in shape")
    ((entries, first, num_bits),) = shapes
    colours = np.stack([_entries(file, colour, entries, num_bits) for colour in named], axis=-1)
    if colours.max() > 255:  # some files say 8 bits and hold 16
        num_bits = 16
    return Palette(colours.astype(np.uint8 if num_bits == 8 else np.uint16), first, num_bits)


def _photometric(file: DicomFile) -> str:
    """What the file says that its samples are; "" when it does not."""
    return str(file.elements.get("PhotometricInterpretation") or "").strip()


def _profile(file: DicomFile) -> bytes:
    return bytes(file.elements.get("ICCProfile") or b"")


def _macros(file: DicomFile, page: int) -> Iterator[Any]:
    """The data sets that may describe a frame: its own, those of all frames, and the file's."""
    yield file.elements
    own = list(file.elements.get("PerFrameFunctionalGroupsSequence") or ())[page : page + 1]
    for group in (*own, *(file.elements.get("SharedFunctionalGroupsSequence") or ())):
        for macro in MACROS:
            yield from group.get(macro) or ()


def _rescale(file: DicomFile, page: int) -> tuple[float, float] | None:
    """Slope and intercept of physical units; None without them, and where they change nothing."""
    for found in _macros(file, page):
        slope = found.get("RescaleSlope")
        intercept = found.get("RescaleIntercept")
        if slope is None and intercept is None:
            continue
        try:
            rescale = (
                1.0 if slope is None else float(slope),
                0.0 if intercept is None else float(intercept),
            )
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{file.name} is broken: its rescale is no number ({slope}, {intercept})"
            ) from error
        if not all(map(math.isfinite, rescale)):
            raise InputError(f"{file.name} is broken: its rescale is {rescale}, and not finite")
        return None if rescale == (1.0, 0.0) else rescale
    return None


def _descriptor(file: DicomFile, colour: str) -> tuple[int, int, int]:
    """Number of entries, the number that has the first one, and bits of the palette of a colour."""
    said = _shorts(file, file.elements[f"{colour}PaletteColorLookupTableDescriptor"].value)
    if len(said) != 3 or said[2] not in (8, 16):
        raise InputError(f"{file.name} is broken: a palette is described by {said}")
    entries, first, num_bits = said
    is_signed = file.number("PixelRepresentation", 0) == 1
    first = first - 2**16 if is_signed and first >= 2**15 else first
    return entries % 2**16 or 2**16, first, num_bits


def _entries(file: DicomFile, colour: str, entries: int, num_bits: int) -> np.ndarray:
    """The palette of a colour, of one byte or two an entry, or in segments."""
    segmented = file.elements.get(f"Segmented{colour}PaletteColorLookupTableData")
    data = file.elements.get(f"{colour}PaletteColorLookupTableData")
    if data is None and segmented is not None:
        found = _expanded(file, _shorts(file, segmented), entries)
    elif data is None:
        found = []
    elif num_bits == 8 and isinstance(data, bytes) and len(data) < 2 * entries:
        pairs = np.frombuffer(data[: len(data) // 2 * 2], f"{file.syntax.order}u2")
        found = pairs.astype("<u2").view(np.uint8)
    else:
        found = _shorts(file, data)
    values = np.array(found[:entries], np.int64)
    if len(values) < entries:
        raise InputError(
            f"{file.name} is broken: {len(values)} values of a palette, {entries} are needed"
        )
    return values


def _shorts(file: DicomFile, value: Any) -> list[int]:
    """Integers of 16 bits, which pydicom gives as such or as bytes."""
    if isinstance(value, bytes):
        number = len(value) // 2
        return list(struct.unpack(f"{file.syntax.order}{number}H", value[: 2 * number]))
    return [int(one) % 2**16 for one in ([value] if isinstance(value, int) else value)]


def _expanded(file: DicomFile, segments: list[int], most: int) -> list[int]:
    """The entries of a palette in segments (C.7.9.2): at most `most`."""
    broken = InputError(f"{file.name} is broken: a palette in segments does not fit")
    found: list[int] = []
    starts: list[int] = []
    position = 0

    def expand(place: int) -> int:
        """Add one segment of entries or of a line; the place behind it."""
        if place + 2 > len(segments):
            raise broken
        kind, length = segments[place : place + 2]
        if kind == DISCRETE:
            end = place + 2 + length
            if end > len(segments):
                raise broken
            found.extend(segments[place + 2 : end])
        elif kind == LINEAR and found and place + 3 <= len(segments):
            end = place + 3
            steps = np.linspace(found[-1], segments[place + 2], length + 1)[1:]
            found.extend(int(step) for step in np.rint(steps))
        else:
            raise broken
        if len(found) > most:
            raise broken
        return end

    while position < len(segments):
        starts.append(position)
        if segments[position] != INDIRECT:
            position = expand(position)
            continue
        if position + 4 > len(segments):
            raise broken
        count = segments[position + 1]
        place = segments[position + 2] + (segments[position + 3] << 16)
        for _ in range(count):
            place = expand(place)
        position += 4
    return found
