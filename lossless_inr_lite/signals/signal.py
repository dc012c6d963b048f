"""A `Signal`: integer or float32 samples with everything needed to write the same file again."""

import hashlib
import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from lossless_inr_lite.errors import InputError, as_integer, check_type
from lossless_inr_lite.signals.bits import Kind, check_num_bits, from_words, sample_dtype, to_words
from lossless_inr_lite.signals.meaning import PLAIN, Meaning

MAX_SAMPLES = 2**26
# By the letter that numpy has for a kind of types.
KINDS: dict[str, Kind] = {"u": "unsigned", "i": "signed", "f": "float"}


@dataclass(frozen=True)
class SignalSpec:
    """What is known of a signal without its samples.

    `shape` is (H, W, C) for pictures and (T, C) for sound. `sample_rate` (Hz) and `subtype`
    (libsndfile's name) are None for pictures. `meaning` is what the file says of its samples beyond
    that; it is plain for most.
    """

    name: str
    shape: tuple[int, ...]
    num_bits: int
    kind: Kind = "unsigned"
    sample_rate: int | None = None
    subtype: str | None = None
    meaning: Meaning = PLAIN

    @property
    def facts(self) -> dict[str, Any]:
        """All but the name, as plain JSON values: what two equal signals must share.

        A plain meaning is left out.
        """
        facts: dict[str, Any] = {
            "shape": list(self.shape),
            "num_bits": self.num_bits,
            "kind": self.kind,
            "sample_rate": self.sample_rate,
            "subtype": self.subtype,
        }
        if self.meaning != PLAIN:
            facts["meaning"] = self.meaning.facts
        return facts

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
        return Signal(
            samples, self.num_bits, self.name, self.sample_rate, self.subtype, self.meaning
        )


@dataclass(frozen=True, eq=False)
class Signal:
    """Samples of shape (H, W, C) or (T, C) and their depth.

    `sample_rate` (Hz) and `subtype` (libsndfile's name) are set for sound and None for pictures.
    `meaning` is what the file says of its samples beyond their depth. `not_kept` names what stood
    in the file and is lost, a short phrase each ("gamma 0.45455"). `read_from` is the name of the
    format of the file, "" without one.
    The type of the samples tells their kind: unsigned and signed integers, or float32.

    Raises InputError when the shape, the type, the range or (for floats) the finiteness is wrong.
    """

    samples: np.ndarray
    num_bits: int
    name: str = "signal"
    sample_rate: int | None = None
    subtype: str | None = None
    meaning: Meaning = PLAIN
    not_kept: tuple[str, ...] = ()
    read_from: str = ""
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        check_type("samples", self.samples, np.ndarray, "an array of numpy is needed")
        object.__setattr__(self, "num_bits", check_num_bits(self.num_bits))
        check_type("name", self.name, str, "a text is needed")
        check_type("meaning", self.meaning, Meaning, "a Meaning is needed")
        check_type("subtype", self.subtype, (str, type(None)), "a text or None is needed")
        if self.sample_rate is not None:
            rate = as_integer("sample_rate", self.sample_rate, 1)
            object.__setattr__(self, "sample_rate", rate)
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

    def __repr__(self) -> str:
        """One line, without the samples."""
        shape = " x ".join(map(str, self.samples.shape))
        rate = "" if self.sample_rate is None else f", {self.sample_rate} Hz"
        return f"Signal({self.name!r}: {shape}, {self.num_bits} bits, {self.kind}{rate})"

    @property
    def spec(self) -> SignalSpec:
        """What is known of this signal without its samples."""
        return SignalSpec(
            self.name,
            self.samples.shape,
            self.num_bits,
            self.kind,
            self.sample_rate,
            self.subtype,
            self.meaning,
        )

    @property
    def words(self) -> np.ndarray:
        """The samples as uint32 words, same shape; see `bits`."""
        return to_words(self.samples, self.num_bits, self.kind)

    def with_samples(self, samples: np.ndarray) -> "Signal":
        """A signal of the same kind with other samples. Raises InputError as `Signal` does."""
        return replace(self, samples=samples)

    @cached_property
    def sha256(self) -> str:
        """Hash of the samples' bytes, little-endian, C order, in the smallest type for them."""
        little_endian = self.samples.dtype.newbyteorder("<")
        ordered = np.ascontiguousarray(self.samples).astype(little_endian, copy=False)
        return hashlib.sha256(ordered.tobytes()).hexdigest()


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


def _check_finite(samples: np.ndarray, name: str) -> None:
    bad = np.argwhere(~np.isfinite(samples))
    if len(bad) == 0:
        return
    first = tuple(bad[0])
    position = ", ".join(map(str, first))
    raise InputError(
        f"{name} holds {samples[first]} at sample ({position}): only finite values are allowed"
    )
