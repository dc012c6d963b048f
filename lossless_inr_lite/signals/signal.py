"""A `Signal`: integer or float32 samples with everything needed to write the same file again."""

import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals import audio_files, image_files
from lossless_inr_lite.signals.bits import Kind, check_num_bits, from_words, sample_dtype, to_words
from lossless_inr_lite.signals.embedded import embedded_path
from lossless_inr_lite.signals.resampling import area_resample, block_means, centre_square

MAX_SAMPLES = 2**26
# By the letter that numpy has for a kind of types.
KINDS: dict[str, Kind] = {"u": "unsigned", "i": "signed", "f": "float"}


@dataclass(frozen=True)
class SignalSpec:
    """What is known of a signal without its samples.

    `shape` is (H, W, C) for pictures and (T, C) for sound. `sample_rate` (Hz) and `subtype`
    (libsndfile's name) are None for pictures.
    """

    name: str
    shape: tuple[int, ...]
    num_bits: int
    kind: Kind = "unsigned"
    sample_rate: int | None = None
    subtype: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """All but the name, as plain JSON values: what two equal signals must share."""
        return {
            "shape": list(self.shape),
            "num_bits": self.num_bits,
            "kind": self.kind,
            "sample_rate": self.sample_rate,
            "subtype": self.subtype,
        }

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """(H, W) or (T,): the positions at which there is a sample of every channel."""
        return self.shape[:-1]

    @property
    def channels(self) -> int:
        """Number of channels: 1 for grey and mono, 3 for colour, 2 for stereo."""
        return self.shape[-1]

    @property
    def total_bits(self) -> int:
        """Number of bits of the raw signal: samples x channels x num_bits."""
        return int(np.prod(self.shape)) * self.num_bits

    def signal_samples(self, words: np.ndarray) -> np.ndarray:
        """The samples that `words` stand for, of shape `self.shape`.

        Floats may come out as NaN or infinite, which no signal may have.
        """
        return from_words(words.reshape(self.shape), self.num_bits, self.kind)

    def signal(self, words: np.ndarray) -> "Signal":
        """The signal of this kind whose words are `words`, shape `self.shape`.

        Raises InputError when a float is NaN or infinite.
        """
        samples = self.signal_samples(words)
        return Signal(samples, self.num_bits, self.name, self.sample_rate, self.subtype)


@dataclass(frozen=True, eq=False)
class Signal:
    """Samples of shape (H, W, C) or (T, C) and their depth.

    `sample_rate` (Hz) and `subtype` (libsndfile's name) are set for sound and None for pictures.
    The type of the samples tells their kind: unsigned and signed integers, or float32.

    Raises InputError when the shape, the type, the range or (for floats) the finiteness is wrong.
    """

    samples: np.ndarray
    num_bits: int
    name: str = "signal"
    sample_rate: int | None = None
    subtype: str | None = None
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        check_num_bits(self.num_bits)
        dimensions = 3 if self.sample_rate is None else 2
        if self.samples.ndim != dimensions or 0 in self.samples.shape:
            wanted = "(T, C)" if self.sample_rate else "(H, W, C)"
            raise InputError(
                f"{self.name} has shape {self.samples.shape}: {wanted} without empty axes is needed"
            )
        kind = KINDS.get(self.samples.dtype.kind)
        if kind is None:
            raise InputError(
                f"{self.name} holds {self.samples.dtype}: integers or float32 are needed"
            )
        object.__setattr__(self, "kind", kind)
        if kind == "float":
            _check_finite(self.samples, self.name)
        to_words(self.samples, self.num_bits, kind)  # raises when a sample does not fit
        smallest = self.samples.astype(sample_dtype(kind, self.num_bits))
        object.__setattr__(self, "samples", smallest)

    @property
    def spec(self) -> SignalSpec:
        """What is known of this signal without its samples."""
        return SignalSpec(
            self.name, self.samples.shape, self.num_bits, self.kind, self.sample_rate, self.subtype
        )

    @property
    def words(self) -> np.ndarray:
        """The samples as uint32 words, same shape; see `bits`."""
        return to_words(self.samples, self.num_bits, self.kind)

    def with_samples(self, samples: np.ndarray) -> "Signal":
        """A signal of the same kind with other samples. Raises InputError as `Signal` does."""
        return Signal(samples, self.num_bits, self.name, self.sample_rate, self.subtype)

    @cached_property
    def sha256(self) -> str:
        """Hash of the samples' bytes, little-endian, C order, in the smallest type for them."""
        little_endian = self.samples.dtype.newbyteorder("<")
        ordered = np.ascontiguousarray(self.samples).astype(little_endian, copy=False)
        return hashlib.sha256(ordered.tobytes()).hexdigest()


def load_image(
    source: str | Path,
    size: int | None = None,
    num_bits: int | None = None,
    max_pixels: int = MAX_SAMPLES,
) -> Signal:
    """Read a picture (PNG, JPEG, TIFF, PGM/PPM, DICOM) or the name of an embedded one.

    `size` crops to the centre square and area-resamples it to size x size; without it the samples
    are the file's own. `num_bits` only asserts the file's depth: it never changes it.

    Raises InputError for a file that is missing, broken, not a picture, larger than `max_pixels`,
    smaller than `size`, or of another depth.
    """
    path = embedded_path(source)
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise InputError(f"size is {size!r}: allowed are integers from 1")
    samples, file_bits = image_files.read_image(path, max_pixels, size)
    _check_depth(path, file_bits, num_bits)
    if size is not None:
        samples = area_resample(centre_square(samples), size)
    return Signal(samples, file_bits, _name(source))


def load_audio(
    source: str | Path,
    num_bits: int | None = None,
    max_samples: int = MAX_SAMPLES,
    sample_rate: int | None = None,
) -> Signal:
    """Read WAV or FLAC: PCM of 8, 16, 24 or 32 bits, or 32-bit float, any rate and channels.

    `sample_rate` (Hz) takes block means (`block_means`) down to a rate of which the file's is a
    multiple; without it the samples are the file's own. `num_bits` only asserts the file's depth.

    Raises InputError for a missing or broken file, another coding, NaN or infinite samples,
    another depth, a rate that does not divide the file's, and means of floats.
    """
    path = embedded_path(source)
    sound = audio_files.read_audio(path, max_samples)
    _check_depth(path, sound.num_bits, num_bits)
    samples = sound.samples
    rate = sound.sample_rate
    if sample_rate is not None and sample_rate != rate:
        samples = block_means(samples, rate, sample_rate, path.name)
        rate = sample_rate
    return Signal(samples, sound.num_bits, _name(source), rate, sound.subtype)


def load_signal(
    source: str | Path,
    size: int | None = None,
    num_bits: int | None = None,
    max_pixels: int = MAX_SAMPLES,
) -> Signal:
    """`load_audio` for WAV and FLAC files, `load_image` for everything else.

    Raises InputError as these do, and for a `size` of sound.
    """
    if embedded_path(source).suffix.lower() not in audio_files.SUFFIXES:
        return load_image(source, size, num_bits, max_pixels)
    if size is not None:
        raise InputError(f"size is for pictures, and {Path(source).name} is sound: leave size out")
    return load_audio(source, num_bits, max_pixels)


def excerpt(signal: Signal, start: float, seconds: float) -> Signal:
    """`seconds` of a sound from `start` (in seconds) on.

    Raises InputError for a picture, for less than one sample, and beyond the sound's ends.
    """
    rate = signal.sample_rate
    if rate is None:
        raise InputError(f"{signal.name} is a picture: an excerpt needs sound")
    finite = math.isfinite(start) and math.isfinite(seconds)
    if not finite or seconds * rate < 0.5:
        raise InputError(
            f"{seconds} s from {start} s on is not one sample of {signal.name} at {rate} Hz"
        )
    first = round(start * rate)
    count = round(seconds * rate)
    if first < 0 or first + count > len(signal.samples):
        raise InputError(
            f"{start:g} s to {start + seconds:g} s is not inside {signal.name}, which lasts "
            f"{len(signal.samples) / rate:.2f} s"
        )
    return signal.with_samples(signal.samples[first : first + count])


def _check_depth(path: Path, found: int, wanted: int | None) -> None:
    if wanted is not None and wanted != found:
        raise InputError(
            f"{path.name} holds {found} bits a sample, not the {wanted} that were asked for"
        )


def _name(source: str | Path) -> str:
    """The file's name without its suffix, as text that every file format takes."""
    return Path(source).stem.encode("utf-8", "replace").decode("utf-8")


def _check_finite(samples: np.ndarray, name: str) -> None:
    bad = np.argwhere(~np.isfinite(samples))
    if len(bad) == 0:
        return
    first = tuple(bad[0])
    position = ", ".join(map(str, first))
    raise InputError(
        f"{name} holds {samples[first]} at sample ({position}): only finite values are allowed"
    )
