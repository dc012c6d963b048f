"""What the integers of a file stand for, where a reader could not guess it.

A picture of plain integers is black at 0 and white at the largest value; three channels are red,
green and blue. Files may say otherwise, and then the samples alone are not the picture. A
`Meaning` keeps what was said, so that the same can be written again.
"""

import base64
import binascii
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.fields import Choice, Integer, ListOf, Number, OrNone, Text, plain

Colours = Literal["", "grey", "rgb", "white_is_zero", "cmyk", "ycbcr", "lab", "icc_lab", "itu_lab"]
Alpha = Literal["", "straight", "associated", "none"]
MAX_PROFILE = 2**15  # bytes of a colour profile; larger ones are named and left out
MAX_PROFILE_TEXT = 4 * ((MAX_PROFILE + 2) // 3)  # base64
# Without these a picture comes back black, negative or in false colours. A format that cannot hold
# them is refused; what else it cannot hold is named and left out.
NEEDED = ("white", "colours", "alpha")


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a file says of its samples beyond their depth. Everything at its default is plain.

    - white: the value of full brightness; None is 2^num_bits - 1 (the maxval of PGM and PPM).
    - colours: what the channels are; "" is grey for 1 and 2 channels, red, green and blue for 3
      and 4, and no colour in particular for more. "white_is_zero" is grey that is black at its
      largest value (TIFF's MINISWHITE, DICOM's MONOCHROME1).
    - alpha: what the first channel behind the colours is; "" is straight alpha for the last one of
      2 or 4 channels, and nothing in particular for others. "none" says that it is no alpha. CMYK
      of 4 channels has none behind its colours, so nothing is said of it; see `settled`.
    - orientation: how the picture is to be turned for viewing, 1 to 8 as in Exif; 1 is not at all.
    - rescale: slope and intercept of physical units (DICOM), or None.
    - icc_profile: the ICC colour profile as base64, "" without one; see `profile`.
    - channel_mask: the loudspeakers of a sound's channels, as in WAV's extensible header.
    - valid_bits: how many of a sound's bits carry anything, as its header says.
    """

    white: Annotated[int | None, OrNone(Integer(1, 2**32 - 2))] = None
    colours: Annotated[
        Colours,
        Choice("", "grey", "rgb", "white_is_zero", "cmyk", "ycbcr", "lab", "icc_lab", "itu_lab"),
    ] = ""
    alpha: Annotated[Alpha, Choice("", "straight", "associated", "none")] = ""
    orientation: Annotated[int, Integer(1, 8)] = 1
    rescale: Annotated[tuple[float, ...] | None, OrNone(ListOf(Number(), 2, 2))] = None
    icc_profile: Annotated[str, Text(MAX_PROFILE_TEXT)] = ""
    channel_mask: Annotated[int | None, OrNone(Integer(0, 2**32 - 1))] = None
    valid_bits: Annotated[int | None, OrNone(Integer(1, 32))] = None

    def __post_init__(self) -> None:
        """Raise InputError when the profile is no base64."""
        try:
            base64.b64decode(self.icc_profile, validate=True)
        except (binascii.Error, ValueError) as error:
            raise InputError(f"the colour profile is no base64: {error}") from error

    @cached_property
    def profile(self) -> bytes:
        """The bytes of the ICC colour profile; empty without one."""
        return base64.b64decode(self.icc_profile)

    @property
    def facts(self) -> dict[str, Any]:
        """What is not at its default, as plain JSON values; empty for a plain signal."""
        return plain(self, without_defaults=True)


PLAIN = Meaning()
# How many channels are colours.
COLOUR_CHANNELS: dict[Colours, int] = {
    "grey": 1,
    "white_is_zero": 1,
    "rgb": 3,
    "cmyk": 4,
    "ycbcr": 3,
    "lab": 3,
    "icc_lab": 3,
    "itu_lab": 3,
}
USUAL_COLOURS: dict[int, Colours] = {1: "grey", 2: "grey", 3: "rgb", 4: "rgb"}


def channels_behind(colours: Colours, channels: int) -> int:
    """How many of a picture's channels stand behind its colours; below 0 when some are missing.

    >>> channels_behind("", 4), channels_behind("cmyk", 4)
    (1, 0)
    """
    named = colours or USUAL_COLOURS.get(channels)
    return channels - COLOUR_CHANNELS[named] if named else 0


def settled(meaning: Meaning, channels: int) -> Meaning:
    """The same meaning of a picture with that many channels, with nothing said that goes unsaid.

    Every reader gives this one of the ways to say the same, and writers need it.

    >>> settled(Meaning(colours="cmyk", alpha="none"), 4).facts
    {'colours': 'cmyk'}
    """
    behind = channels_behind(meaning.colours, channels)
    unsaid = "straight" if behind == 1 and channels in (2, 4) else "none"
    alpha = "" if behind < 1 or meaning.alpha == unsaid else meaning.alpha
    colours = meaning.colours
    is_any_channels = channels > max(USUAL_COLOURS) and colours == "grey" and not alpha
    if is_any_channels or colours == USUAL_COLOURS.get(channels):
        colours = ""
    return replace(meaning, colours=colours, alpha=alpha)


def profile_text(profile: bytes) -> str:
    """The bytes of an ICC profile as `Meaning.icc_profile` holds them."""
    return base64.b64encode(profile).decode("ascii")


def not_held(name: str, meaning: Meaning, holds: frozenset[str]) -> tuple[str, ...]:
    """What a file that can hold the fields `holds` of a meaning leaves out, a phrase each.

    Raises InputError when the picture would not mean the same without it.
    """
    missing = left_out(meaning, holds)
    for field_name, phrase in missing.items():
        if field_name in NEEDED:
            raise InputError(f"{name} cannot hold {phrase}: choose another suffix")
    return tuple(missing.values())


def left_out(meaning: Meaning, holds: frozenset[str]) -> dict[str, str]:
    """The fields of a meaning that are said and not in `holds`: name -> phrase."""
    return {name: described(meaning, name) for name in meaning.facts if name not in holds}


def described(meaning: Meaning, field_name: str) -> str:
    """One field of a meaning, in words.

    >>> described(Meaning(white=1000), "white")
    'white at 1000'
    """
    value = getattr(meaning, field_name)
    if field_name == "white":
        return f"white at {value}"
    if field_name == "colours":
        return f"the colours {value}"
    if field_name == "alpha":
        return "channels that are no alpha" if value == "none" else f"{value} alpha"
    if field_name == "orientation":
        return f"the orientation {value}"
    if field_name == "rescale":
        slope, intercept = value
        return f"the rescale to {slope:g} x + {intercept:g}"
    if field_name == "icc_profile":
        return f"the colour profile of {len(meaning.profile)} bytes"
    if field_name == "channel_mask":
        return f"the channel mask {value:#x}"
    return f"the {value} valid bits"
