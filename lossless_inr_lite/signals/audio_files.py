"""Sound files in and out, in the samples and the subtype that the file has.

The formats stand in `formats`, a module each. Here a file's first bytes, or the suffix of a file
that is to be written, choose one of them.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lossless_inr_lite.errors import InputError, as_integer, check_type
from lossless_inr_lite.files import as_path, read_bytes, replacing
from lossless_inr_lite.signals.bits import check_num_bits
from lossless_inr_lite.signals.formats import flac, wav
from lossless_inr_lite.signals.formats.sound import SUBTYPES, Sound, SoundFormat, SoundSource
from lossless_inr_lite.signals.formats.unread import sound_of
from lossless_inr_lite.signals.meaning import PLAIN, Meaning, not_held
from lossless_inr_lite.signals.signal import KINDS, SignalSpec

__all__ = ["SUBTYPES", "check_audio_output", "is_sound", "read_audio", "write_audio"]

FORMATS: tuple[SoundFormat, ...] = (wav.FORMAT, flac.FORMAT)
READABLE = "WAV or FLAC"
BY_SUFFIX = {form.suffix: form for form in FORMATS}
SUFFIXES = tuple(BY_SUFFIX)
# The fields of `Meaning` that a file can say, by the name of its format.
HELD = {form.name: form.holds for form in FORMATS}
# A tag at the start of a file (ID3v2): the last four of its first 10 bytes are its length.
ID3_TAG = b"ID3"
ID3_HEAD = 10
AN_ID3_TAG = "an ID3 tag"
ID3_FOOTER = 0x10  # the flag of another 10 bytes at its end


def is_sound(data: bytes) -> bool:
    """Whether bytes begin like sound, of a format that is read or of another one."""
    return _format_of(_without_id3(data)) is not None or sound_of(data) is not None


def read_audio(path: Path, max_samples: int) -> tuple[Sound, SoundFormat]:
    """The sound in a file as it is, and the format of the file; see `decode_audio`."""
    return decode_audio(path.name, read_bytes(path), max_samples)


def decode_audio(name: str, data: bytes, max_samples: int) -> tuple[Sound, SoundFormat]:
    """The sound in the bytes of a WAV or FLAC file of that name, and the format of the file.

    Raises InputError for a file that is empty, broken, of another coding, or that declares more
    than `max_samples` samples over all channels.
    """
    if not data:
        raise InputError(f"{name} is empty: {READABLE} is needed")
    bare = _without_id3(data)
    form = _format_of(bare)
    if form is None:
        kind = sound_of(bare) or sound_of(data)
        what = f", but {kind}" if kind else ""
        raise InputError(f"{name} is not a sound file that can be read{what}: {READABLE} is needed")
    try:
        sound = form.read(SoundSource(name, bare, max_samples))
    except InputError:
        raise
    except Exception as error:  # decoders raise many types; the user needs one sentence
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{name} is broken or truncated and cannot be decoded: {reason}"
        ) from error
    if len(bare) < len(data) and AN_ID3_TAG not in sound.not_kept:
        sound = replace(sound, not_kept=(AN_ID3_TAG, *sound.not_kept))
    return sound, form


def write_audio(
    path: str | Path,
    samples: np.ndarray,
    num_bits: int,
    sample_rate: int,
    subtype: str,
    meaning: Meaning = PLAIN,
) -> None:
    """Write samples (T, C) with their subtype, whole or not at all; the suffix chooses WAV or FLAC.

    Raises InputError when the format cannot hold them.
    """
    path = as_path(path)
    check_type("samples", samples, np.ndarray, "an array is needed")
    kind = KINDS.get(samples.dtype.kind)
    if kind is None:
        raise InputError(f"samples are {samples.dtype}: integers or float32 are needed")
    check_num_bits(num_bits)
    as_integer("sample_rate", sample_rate, 1)
    spec = SignalSpec(path.name, samples.shape, num_bits, kind, sample_rate, subtype, meaning)
    check_audio_output(path, spec)
    data = BY_SUFFIX[path.suffix.lower()].to_bytes(samples, spec)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def check_audio_output(path: Path, spec: SignalSpec) -> tuple[str, ...]:
    """Raise InputError when such a sound cannot be written under that suffix.

    Returns what of its meaning the format cannot hold, a phrase each.
    """
    form = BY_SUFFIX.get(path.suffix.lower())
    if form is None:
        raise InputError(
            f"cannot write sound as {path.name!r}: allowed suffixes are {', '.join(SUFFIXES)}"
        )
    form.check(path.name, spec)
    return not_held(path.name, spec.meaning, form.holds)


def _format_of(data: bytes) -> SoundFormat | None:
    """The format by a file's first bytes; suffixes are not trusted."""
    return next((form for form in FORMATS if form.is_one(data)), None)


def _without_id3(data: bytes) -> bytes:
    """The bytes behind the tags at the start of a file."""
    start = 0
    while data[start : start + len(ID3_TAG)] == ID3_TAG:
        head = data[start : start + ID3_HEAD]
        if len(head) < ID3_HEAD:
            break
        start += ID3_HEAD + _syncsafe(head[6:])
        if head[5] & ID3_FOOTER:
            start += ID3_HEAD
    return data[start:] if start else data


def _syncsafe(digits: bytes) -> int:
    """A number of which every byte carries 7 bits."""
    number = 0
    for digit in digits:
        number = number << 7 | digit & 0x7F
    return number
