"""What readers of pictures get and give, and what every format declares of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.meaning import PLAIN, Meaning
from lossless_inr_lite.signals.signal import SignalSpec

MAX_CHANNELS = 16


@dataclass(frozen=True)
class Source:
    """A file to be read: its bytes, its name for errors, and what is allowed and asked for.

    `size` is the side that it will be resampled to, or None. `page` is the number of the picture
    that is wanted, from 0, or None when the file should hold one only.
    """

    name: str
    data: bytes
    max_pixels: int
    size: int | None = None
    page: int | None = None

    def check_size(self, height: int, width: int, channels: int = 1) -> None:
        """Raise InputError for an empty or too large picture, or one smaller than `size`.

        What a header declares is checked so before anything is decoded.
        """
        if height < 1 or width < 1:
            raise InputError(f"{self.name} declares {width} x {height} pixels: an empty picture")
        if channels > MAX_CHANNELS:
            raise InputError(
                f"{self.name} declares {counted(channels, 'channel')}"
                f": at most {MAX_CHANNELS} are allowed"
            )
        if height * width > self.max_pixels:
            raise InputError(
                f"{self.name} declares {width} x {height} = {height * width} pixels, more than the "
                f"{self.max_pixels} that are allowed: raise --max-pixels if you trust the file"
            )
        side = min(height, width)
        if self.size is not None and self.size > side:
            raise InputError(
                f"size {self.size} is larger than {self.name} ({width} x {height}): at most {side}"
            )

    def page_of(self, there: int, declared: int, what: str = "pictures") -> int:
        """The page to read, of `there` whole ones, when the file declares `declared`.

        Raises InputError as `chosen_page` does, and when these differ and no page was asked for.
        """
        if there < 1:
            raise InputError(f"{self.name} is truncated: it ends within the first of its {what}")
        if declared == there or self.page is not None:
            return self.chosen_page(there, what)
        way_out = "--page 0" if there == 1 else f"--page 0 to {there - 1}"
        said = counted(declared, what.removesuffix("s"))
        raise InputError(
            f"{self.name} declares {said} and holds {there}: it is truncated or says what is not "
            f"true; choose one with {way_out}"
        )

    def chosen_page(self, count: int, what: str = "pictures") -> int:
        """The page to read, of `count` that the file holds.

        Raises InputError when there are several and none was asked for, and when the one that was
        asked for is not there.
        """
        if self.page is None:
            if count > 1:
                raise InputError(
                    f"{self.name} holds {count} {what}: choose one with --page 0 to {count - 1}"
                )
            return 0
        if not 0 <= self.page < count:
            allowed = "only 0 is there" if count == 1 else f"allowed are 0 to {count - 1}"
            raise InputError(f"{self.name} has no page {self.page}: {allowed}")
        return self.page


@dataclass(frozen=True)
class Picture:
    """What a file holds: samples (H, W) or (H, W, C) in its own integers, and what they mean.

    `not_kept` names what else stands in the file, a short phrase each.
    """

    samples: np.ndarray
    num_bits: int
    meaning: Meaning = PLAIN
    not_kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class PictureFormat:
    """What this package can do with a format.

    - name, suffixes: the format's name, and the suffixes that choose it for writing.
    - reads, writes: what is read and written, for the page of formats; writes is "" for nothing.
    - holds: the fields of `Meaning` that such a file can say, and a written one keeps.
    - starts_with: the first bytes of its files.
    - read: the reader. It may raise anything for a broken file.
    - check: raises InputError when a picture of that spec cannot be written under that name.
    - to_bytes: samples (H, W, C) and their spec -> a whole file.
    """

    name: str
    suffixes: tuple[str, ...]
    reads: str
    read: Callable[[Source], Picture]
    starts_with: tuple[bytes, ...]
    writes: str = ""
    holds: frozenset[str] = field(default=frozenset())
    check: Callable[[str, SignalSpec], None] | None = None
    to_bytes: Callable[[np.ndarray, SignalSpec], bytes] | None = None

    @property
    def writable(self) -> bool:
        """Whether files of this format are written."""
        return self.to_bytes is not None
