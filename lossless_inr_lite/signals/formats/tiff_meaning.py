"""What a TIFF directory says of its samples, and how the same is said again.

Section numbers are those of TIFF 6.0. Names of colours are those of `Meaning`.
"""

from typing import Any

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.formats.tiff_directories import Contents, Directory
from lossless_inr_lite.signals.meaning import (
    COLOUR_CHANNELS,
    MAX_PROFILE,
    USUAL_COLOURS,
    Alpha,
    Colours,
    Meaning,
    channels_behind,
    profile_text,
    settled,
)
from lossless_inr_lite.signals.signal import SignalSpec

COMPRESSION = 259
PHOTOMETRIC = 262
ORIENTATION = 274
INK_SET = 332
EXTRA_SAMPLES = 338
PROFILE = 34675
PALETTE = 3
SEPARATED = 5
YCBCR = 6
# Photometric interpretation -> what the samples are, once a palette has become its colours. A mask
# is grey: 1 is inside.
COLOURS: dict[int, Colours] = {
    0: "white_is_zero",
    1: "grey",
    2: "rgb",
    PALETTE: "rgb",
    4: "grey",
    SEPARATED: "cmyk",
    YCBCR: "ycbcr",
    8: "lab",
    9: "icc_lab",
    10: "itu_lab",
}
PHOTOMETRIC_OF: dict[Colours, str] = {
    "white_is_zero": "miniswhite",
    "grey": "minisblack",
    "rgb": "rgb",
    "cmyk": "separated",
    "ycbcr": "ycbcr",
    "lab": "cielab",
    "icc_lab": "icclab",
    "itu_lab": "itulab",
}
NOT_READ = {
    32803: "the mosaic of a camera's sensor",
    32844: "brightness in logarithms",
    32845: "colours in logarithms",
    34892: "the colours of a camera's sensor",
    51177: "a map of depth",
    52527: "a mask that is not binary",
}
CMYK_INKS = 1
ALPHAS: dict[int, Alpha] = {0: "none", 1: "associated", 2: "straight"}
EXTRA_OF = {"none": 0, "associated": 1, "straight": 2}
FAX = (2, 3, 4)
JPEG = (6, 7, 33007, 34892)
# Aperio's JPEG 2000 of YCbCr, whatever the directory says.
JPEG_2000_YCBCR = 33003
# What else bears on the looks of a picture, by tag.
TOLD = {
    270: "a description",
    301: "a transfer function",
    318: "a white point",
    319: "primary colours",
    336: "a range of dots",
    700: "XMP data",
    33550: "a geographic reference",
    33723: "IPTC data",
    34264: "a geographic reference",
    34377: "Photoshop data",
    34665: "Exif data",
    34853: "GPS data",
    42113: "a value that stands for no data",
}
LARGEST_VALUES = (281, 341)
REFERENCE_BLACK_WHITE = 532


def meaning_of(directory: Directory, photometric: int, channels: int) -> Meaning:
    """What a directory says of `channels` channels, of which a palette has become its colours.

    YCbCr stays as it is stored; only under JPEG it is decoded into red, green and blue, as in a
    JPEG file. `photometric` is the interpretation, see `photometric_of`.

    Raises InputError for samples whose meaning cannot be kept.
    """
    colours = _colours(directory, photometric, channels)
    behind = channels_behind(colours, channels)
    if behind < 0:
        raise InputError(
            f"{directory.name} has {counted(channels, 'channel')}"
            f", and its colours ({colours}) need "
            f"{COLOUR_CHANNELS[colours]}"
        )
    extra = next(iter(directory.values(EXTRA_SAMPLES)), 0)
    profile = directory.body(PROFILE, MAX_PROFILE + 1)
    orientation = directory.value(ORIENTATION, 1)
    meaning = Meaning(
        colours=colours,
        alpha=ALPHAS.get(extra, "none"),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        icc_profile=profile_text(profile) if len(profile) <= MAX_PROFILE else "",
    )
    return settled(meaning, channels)


def photometric_of(directory: Directory, channels: int) -> int:
    """The photometric interpretation; without one, what libtiff takes the samples for.

    Raises InputError for an interpretation that is not read.
    """
    compression = directory.value(COMPRESSION, 1)
    unsaid = 2 if channels >= 3 else 1
    if compression in FAX:
        unsaid = 0
    if compression == JPEG[0]:
        unsaid = YCBCR if channels == 3 else 1
    said = directory.value(PHOTOMETRIC, unsaid)
    if said not in COLOURS:
        what = NOT_READ.get(said, "an interpretation that is not known")
        raise InputError(
            f"{directory.name} says that its samples are {what} (photometric {said}): grey, "
            "colour, palettes, CMYK, YCbCr and Lab are read"
        )
    return said


def not_kept(directory: Directory, contents: Contents, channels: int) -> tuple[str, ...]:
    """What else stands in the file, a phrase each."""
    phrases: list[str] = []
    if len(contents.copies) == 1:
        phrases.append(f"a smaller copy of {contents.copies[0].size}")
    elif contents.copies:
        phrases.append(f"{len(contents.copies)} smaller copies")
    if contents.masks:
        count = len(contents.masks)
        phrases.append("a mask" if count == 1 else f"{count} masks")
    extras = directory.values(EXTRA_SAMPLES)[1:channels]
    phrases += [
        f"that extra channel {number} is alpha"
        for number, extra in enumerate(extras, 2)
        if extra in (1, 2)
    ]
    profile = directory.entry(PROFILE)
    if profile is not None and profile.length > MAX_PROFILE:
        phrases.append(f"a colour profile of {profile.length} bytes")
    for tag, phrase in TOLD.items():
        if directory.body(tag, 1).strip(b"\0") and phrase not in phrases:
            phrases.append(phrase)
    phrases += _ranges(directory)
    return tuple(phrases)


def writer_options(spec: SignalSpec) -> dict[str, Any]:
    """What tifffile's writer is to say of a picture."""
    meaning = spec.meaning
    named = meaning.colours or USUAL_COLOURS.get(spec.channels, "grey")
    behind = channels_behind(named, spec.channels)
    options: dict[str, Any] = {"photometric": PHOTOMETRIC_OF[named]}
    if behind:
        usual = "straight" if behind == 1 and spec.channels in (2, 4) else "none"
        first = EXTRA_OF[meaning.alpha or usual]
        options["extrasamples"] = (first, *[0] * (behind - 1))
    if meaning.profile:
        options["iccprofile"] = meaning.profile
    return options


def check_meaning(name: str, spec: SignalSpec) -> None:
    """Raise InputError when what a spec says of its channels does not suit their number."""
    meaning = spec.meaning
    if channels_behind(meaning.colours, spec.channels) < 0:
        raise InputError(
            f"{name} cannot hold {counted(spec.channels, 'channel')} as {meaning.colours}: "
            f"{COLOUR_CHANNELS[meaning.colours]} are needed"
        )
    short = settled(meaning, spec.channels)
    if short != meaning:
        raise InputError(
            f"{name} cannot hold the colours {meaning.colours!r} and the alpha {meaning.alpha!r} "
            f"of {counted(spec.channels, 'channel')} as they are said: the same is said by "
            f"{short.colours!r} and {short.alpha!r}"
        )


def _colours(directory: Directory, photometric: int, channels: int) -> Colours:
    compression = directory.value(COMPRESSION, 1)
    if compression == JPEG_2000_YCBCR:
        return "ycbcr"
    if photometric == YCBCR and compression in JPEG and channels == 3:
        return "rgb"
    if photometric == SEPARATED and directory.value(INK_SET, CMYK_INKS) != CMYK_INKS:
        raise InputError(
            f"{directory.name} holds inks that are not cyan, magenta, yellow and black: only these "
            "are read"
        )
    return COLOURS[photometric]


def _ranges(directory: Directory) -> list[str]:
    """Values of white that are not the largest of the depth. Writers often say what they found."""
    bits = directory.value(258, 1)
    phrases = []
    for tag in LARGEST_VALUES:
        said = set(directory.values(tag))
        if said and bits <= 32 and said != {2**bits - 1} and max(said) > 0:
            phrases.append(f"the largest value {max(said)}")
            break
    return phrases
