"""What readers of sound get and give, and what every format declares of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.meaning import PLAIN, Meaning
from lossless_inr_lite.signals.signal import SignalSpec

ByteOrder = Literal["<", ">"]

HIGHEST_RATE = 2**31 - 1  # Hz, that a saved network can say
# The loudspeakers that everybody takes for granted: one in front; left and right.
USUAL_MASKS = {1: 0x4, 2: 0x3}


class Subtype(NamedTuple):
    """Bits a sample, and the smallest type that holds them."""

    num_bits: int
    dtype: Literal["int8", "int16", "int32", "float32"]


# By libsndfile's names. Those of 8 bits differ in how a file codes them.
SUBTYPES: dict[str, Subtype] = {
    "PCM_U8": Subtype(8, "int8"),
    "PCM_S8": Subtype(8, "int8"),
    "PCM_16": Subtype(16, "int16"),
    "PCM_24": Subtype(24, "int32"),
    "PCM_32": Subtype(32, "int32"),
    "FLOAT": Subtype(32, "float32"),
}


@dataclass(frozen=True)
class SoundSource:
    """A file to be read: its bytes, its name for errors, and how many samples are allowed."""

    name: str
    data: bytes
    max_samples: int

    def check_size(self, frames: int, channels: int, verb: str = "declares") -> None:
        """Raise InputError for a sound without samples or with too many.

        What a header declares is checked so before anything is decoded.
        """
        if frames < 1:
            raise InputError(f"{self.name} holds no samples")
        if frames * channels > self.max_samples:
            raise InputError(
                f"{self.name} {verb} {frames} frames of {counted(channels, 'channel')}"
                ", more than the "
                f"{self.max_samples} samples that are allowed: raise --max-pixels if you trust "
                "the file"
            )

    def check_rate(self, rate: int) -> None:
        """Raise InputError for a rate (Hz) that is no sound's."""
        if not 1 <= rate <= HIGHEST_RATE:
            raise InputError(
                f"{self.name} declares {rate} samples a second: allowed are 1 to {HIGHEST_RATE}"
            )


@dataclass(frozen=True)
class Sound:
    """What a file holds: samples (T, C), signed integers or float32, and what they mean.

    `sample_rate` is in Hz, `subtype` one of `SUBTYPES`. `not_kept` names what else stands in the
    file, a short phrase each.
    """

    samples: np.ndarray
    sample_rate: int
    subtype: str
    meaning: Meaning = PLAIN
    not_kept: tuple[str, ...] = ()

    @property
    def num_bits(self) -> int:
        """Bits a sample."""
        return SUBTYPES[self.subtype].num_bits


@dataclass(frozen=True)
class SoundFormat:
    """What this package can do with a format.

    - name, suffix: the format's name, and the suffix that chooses it for writing.
    - reads, writes: what is read and written, for the page of formats.
    - is_one: whether bytes begin like a file of this format.
    - read: the reader. It may raise anything for a broken file.
    - check: raises InputError when a sound of that spec cannot be written under that name.
    - to_bytes: samples (T, C) and their spec -> a whole file.
    - holds: the fields of `Meaning` that a written file keeps.
    """

    name: str
    suffix: str
    reads: str
    writes: str
    is_one: Callable[[bytes], bool]
    read: Callable[[SoundSource], Sound]
    check: Callable[[str, SignalSpec], None]
    to_bytes: Callable[[np.ndarray, SignalSpec], bytes]
    holds: frozenset[str] = field(default=frozenset())


def said_mask(mask: int, channels: int) -> int | None:
    """The mask of loudspeakers that a file declares, or None when it says nothing by it.

    A mask of 0 leaves the loudspeakers open. One channel in front, or a left and a right one, are
    what everybody expects without a mask. More channels have no arrangement that all agree on.

    >>> said_mask(0x3, 2), said_mask(0, 6), said_mask(0x3F, 6)
    (None, None, 63)
    """
    is_usual = mask == USUAL_MASKS.get(channels)
    return None if mask == 0 or is_usual else mask


def container_of(num_bits: int) -> tuple[str, int | None]:
    """The PCM subtype whose top bits hold `num_bits`, and these as valid bits unless they fill it.

    >>> container_of(20), container_of(16)
    (('PCM_24', 20), ('PCM_16', None))
    """
    width = -(-num_bits // 8) * 8
    subtype = "PCM_S8" if width == 8 else f"PCM_{width}"
    return subtype, None if num_bits == width else num_bits
