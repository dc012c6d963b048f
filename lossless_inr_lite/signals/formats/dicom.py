"""DICOM: pictures from medicine, often of 10 to 16 bits.

`dicom_elements` parses the file, `dicom_frames` decodes a frame and `dicom_meaning` reads what is
said of it. Here the parts are put together, after all that the file declares has been checked.
"""

import numpy as np

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.formats.dicom_elements import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    DicomFile,
    is_dicom,
    opened,
    quiet,
)
from lossless_inr_lite.signals.formats.dicom_frames import (
    CODINGS,
    CONTAINERS,
    Frame,
    Layout,
    coded_frames,
    frames_there,
    native_frame,
)
from lossless_inr_lite.signals.formats.dicom_meaning import (
    HALVED,
    OF_JPEG_2000,
    PALETTE,
    YCBCR,
    meaning_of,
    not_kept,
    palette_of,
    photometric_of,
)
from lossless_inr_lite.signals.formats.picture import Picture, PictureFormat, Source

NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG)
WHAT = "frames"


def read_dicom(source: Source) -> Picture:
    """The samples of one frame of a DICOM file, in the integers that are stored.

    Palettes become their colours. Luma and chroma stay so, unless the decoder of JPEG or JPEG 2000
    turns them into red, green and blue. White that is zero stays so.
    """
    with quiet():
        return _read(source)


def _read(source: Source) -> Picture:
    file = opened(source)
    _check_syntax(file)
    channels = file.number("SamplesPerPixel", 1)
    height = file.number("Rows", 0)
    width = file.number("Columns", 0)
    source.check_size(height, width, channels)
    photometric = photometric_of(file, channels)
    num_bits, high_bit = _depth(file)
    layout = _layout(file, photometric, (height, width, channels))
    palette = palette_of(file) if photometric == PALETTE else None
    frame, page = _frame(source, file, layout)
    samples, told = _samples(file, frame, num_bits, high_bit)
    coding = CODINGS.get(file.syntax.uid)
    meaning = meaning_of(file, photometric, frame.is_rgb, page)
    phrases = not_kept(file, page, coding.loss if coding else "")
    if palette is not None:
        samples = palette.of(samples[..., 0])
        num_bits = palette.num_bits
    return Picture(samples, num_bits, meaning, (*phrases, *frame.told, *told))


def _check_syntax(file: DicomFile) -> None:
    """Raise InputError for a transfer syntax that is not read."""
    uid = file.syntax.uid
    if uid not in CODINGS and uid not in NATIVE:
        raise InputError(
            f"{file.name} is DICOM coded as {file.syntax.name}, which is not read: RLE, JPEG, "
            "JPEG-LS, JPEG 2000 and no compression are read"
        )
    if (file.length is None) != (uid in CODINGS):
        state = "are not encapsulated" if file.length is not None else "are encapsulated"
        raise InputError(
            f"{file.name} is broken: its pixels {state}, which {file.syntax.name} does not allow"
        )


def _depth(file: DicomFile) -> tuple[int, int]:
    """The bits of a sample, and the number of the highest one in the room for it."""
    room = file.number("BitsAllocated", 0)
    stored = file.number("BitsStored", room)
    high = file.number("HighBit", stored - 1)
    if room not in (1, *CONTAINERS):
        raise InputError(
            f"{file.name} stores samples in {room} bits each: 1, 8, 16 and 32 are read"
        )
    if not 1 <= stored <= high + 1 <= room:
        raise InputError(
            f"{file.name} contradicts itself: {counted(stored, 'bit')} up to bit {high} do not fit "
            f"into {room}"
        )
    if file.number("PixelRepresentation", 0) not in (0, 1):
        raise InputError(f"{file.name} is broken: its samples are neither unsigned nor signed")
    return stored, high


def _layout(file: DicomFile, photometric: str, size: tuple[int, int, int]) -> Layout:
    """How the samples of a frame stand in the file. Raises InputError when it contradicts itself.

    Files that say YBR_FULL_422 and hold all samples are known.
    """
    is_coded = file.syntax.uid in CODINGS
    if photometric in OF_JPEG_2000 and "2000" not in file.syntax.name:
        raise InputError(
            f"{file.name} says {photometric}, which is for JPEG 2000, and it is {file.syntax.name}"
        )
    whole = Layout(
        *size,
        bits_allocated=file.number("BitsAllocated", 0),
        is_planar=file.number("PlanarConfiguration", 0) == 1,
        is_halved=False,
        is_ycbcr=photometric in YCBCR,
    )
    if photometric != HALVED or is_coded:
        # The channels of RLE are put side by side when it is decoded.
        return whole
    frames = max(1, file.number("NumberOfFrames", 1))
    if file.length is not None and file.length >= whole.bytes_of(frames):
        return whole
    if whole.width % 2 or whole.is_planar or whole.bits_allocated != 8:
        raise InputError(
            f"{file.name} is broken: pixels that share their colour in pairs (YBR_FULL_422) need "
            "an even width, 8 bits, and channels side by side"
        )
    return whole._replace(is_halved=True)


def _frame(source: Source, file: DicomFile, layout: Layout) -> tuple[Frame, int]:
    """The frame that was asked for, decoded, and its number."""
    declared = max(1, file.number("NumberOfFrames", 1))
    coding = CODINGS.get(file.syntax.uid)
    if coding is not None:
        frames = coded_frames(file, coding, declared)
        page = source.page_of(len(frames), declared, WHAT)
        return coding.decode(file, b"".join(frames[page]), layout), page
    there, behind = frames_there(file, layout, declared)
    page = source.page_of(there, declared, WHAT)
    frame = native_frame(file, layout, page)
    if behind:
        frame = frame._replace(told=(*frame.told, f"{counted(behind, 'byte')} behind its frames"))
    return frame, page


def _samples(
    file: DicomFile, frame: Frame, num_bits: int, high_bit: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The samples (H, W, C) in the bits of the words of a frame, and what is to be told.

    What is coded in fewer bits than the file declares has its sign in the highest of those.
    Bits that are not used may hold anything, overlays for example, or copies of the sign.

    Raises InputError when a coded frame has samples of more bits than the file declares.
    """
    room = frame.words.dtype.itemsize
    words = frame.words.astype(f"=u{room}", copy=False)
    is_signed = file.number("PixelRepresentation", 0) == 1
    if frame.depth < 8 * room:
        words = words & words.dtype.type(2**frame.depth - 1)
    lowest = high_bit + 1 - num_bits if frame.is_raw else 0
    width = min(frame.depth, num_bits)
    # To the top and back again, so that the sign is copied into what is above it.
    top = 8 * room - width
    numbers = words << (top - lowest)
    samples = (numbers.view(f"=i{room}") if is_signed else numbers) >> top
    is_below = bool(np.any(words & words.dtype.type(2**lowest - 1)))
    if not is_below and _is_unused(words, samples, lowest + width):
        return samples, ()
    if not frame.is_raw:
        raise InputError(
            f"{file.name} contradicts itself: its samples go from {words.min()} to {words.max()}, "
            f"and it declares {counted(num_bits, 'bit')}"
        )
    return samples, (f"what stands in the bits beside the {num_bits} that are stored",)


def _is_unused(words: np.ndarray, samples: np.ndarray, end: int) -> bool:
    """Whether the bits of the words from number `end` on are zeros, or copies of the sign."""
    room = words.dtype.itemsize
    if end >= 8 * room:
        return True
    above = words >> end
    if samples.dtype.kind == "u":
        return not np.any(above)
    copies = samples.view(words.dtype) >> end
    return bool(np.all((above == 0) | (above == copies)))


FORMAT = PictureFormat(
    name="DICOM",
    suffixes=(".dcm",),
    reads=(
        "integers of 1 to 32 bits, unsigned and signed; grey, colour, and palettes as their "
        "colours; without compression, deflated, RLE, JPEG, JPEG-LS, JPEG 2000 and HTJ2K, with "
        "loss as decoded; frames"
    ),
    read=read_dicom,
    starts_with=(),
    holds=frozenset({"colours", "rescale", "icc_profile"}),
)

__all__ = ["FORMAT", "is_dicom", "read_dicom"]
