"""Sound files in and out through libsndfile, in the samples and the subtype that the file has.

soundfile, which brings libsndfile, is imported when it is first needed.
"""

import wave
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from lossless_inr_lite.errors import InputError, importing
from lossless_inr_lite.files import replacing
from lossless_inr_lite.signals.meaning import PLAIN, Meaning, not_held

if TYPE_CHECKING:
    import soundfile

SUFFIXES = (".wav", ".flac")
# The fields of `Meaning` that a written file keeps.
HOLDS: dict[str, frozenset[str]] = {".wav": frozenset(), ".flac": frozenset()}
# The same, by the name of the format that was read.
HELD: dict[str, frozenset[str]] = {"WAV": HOLDS[".wav"], "FLAC": HOLDS[".flac"]}
UNKNOWN_LENGTH = 0xFFFFFFFF  # of a WAV file that was written as a stream


class Subtype(NamedTuple):
    """Bits a sample, and the type asked of libsndfile, which left-justifies integers in it."""

    num_bits: int
    dtype: Literal["int16", "int32", "float32"]


SUBTYPES: dict[str, Subtype] = {
    "PCM_U8": Subtype(8, "int16"),
    "PCM_S8": Subtype(8, "int16"),
    "PCM_16": Subtype(16, "int16"),
    "PCM_24": Subtype(24, "int32"),
    "PCM_32": Subtype(32, "int32"),
    "FLOAT": Subtype(32, "float32"),
}
# Bytes a sample of what the standard library writes into WAV files.
PLAIN_WAV_BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4}


@dataclass(frozen=True)
class Sound:
    """What a file holds: samples (T, C), signed integers of `num_bits` or float32; rate in Hz.

    `read_from` is the name of the format. `not_kept` names what else stands in the file.
    """

    samples: np.ndarray
    num_bits: int
    sample_rate: int
    subtype: str
    read_from: str
    meaning: Meaning = PLAIN
    not_kept: tuple[str, ...] = ()


def read_audio(path: Path, max_samples: int) -> Sound:
    """The samples of a WAV or FLAC file, as they are.

    Raises InputError for a file that is empty, broken, of another coding, or that declares more
    than `max_samples` samples over all channels.
    """
    soundfile = _soundfile()
    _check_kind(path)
    try:
        info = soundfile.info(str(path))
        _check_header(path, info, max_samples)
        _check_riff(path)
        subtype = SUBTYPES[info.subtype]
        samples: Any
        samples, rate = soundfile.read(str(path), dtype=subtype.dtype, always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InputError(
            f"{path.name} is not a sound file that can be read (WAV or FLAC): {error}"
        ) from error
    if len(samples) != info.frames:
        raise InputError(
            f"{path.name} is truncated: {info.frames} frames declared, {len(samples)} found"
        )
    if subtype.dtype != "float32":
        samples >>= np.iinfo(subtype.dtype).bits - subtype.num_bits
    return Sound(samples, subtype.num_bits, rate, info.subtype, info.format)


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
    path = Path(path)
    check_audio_output(path, subtype, meaning)
    if _only_plain_wav(path, subtype):
        _write_plain_wav(path, samples, sample_rate, subtype)
        return
    soundfile = _soundfile()
    dtype = SUBTYPES[subtype].dtype
    typed = samples.astype(dtype)
    if dtype != "float32":
        typed <<= np.iinfo(dtype).bits - num_bits
    with replacing(path) as temporary:
        try:
            soundfile.write(str(temporary), typed, sample_rate, subtype)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise InputError(
                f"{path.name} cannot hold {samples.shape[1]} channels at {sample_rate} Hz: use .wav"
            ) from error


def check_audio_output(path: Path, subtype: str, meaning: Meaning = PLAIN) -> tuple[str, ...]:
    """Raise InputError when a sound of that subtype cannot be written under that suffix.

    Returns what of its meaning the format cannot hold, a phrase each.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"cannot write sound as {path.name!r}: allowed suffixes are {', '.join(SUFFIXES)}"
        )
    left_out = not_held(path.name, meaning, HOLDS[path.suffix.lower()])
    if _only_plain_wav(path, subtype):
        return left_out
    container = path.suffix[1:].upper()
    if not _soundfile().check_format(container, subtype):
        other = ".wav" if container == "FLAC" else ".flac"
        raise InputError(f"{container} cannot hold {subtype} sound: use {other}")
    return left_out


def _soundfile() -> ModuleType:
    """The package that reads and writes sound, imported when it is first needed."""
    with importing("soundfile", "reading and writing sound"):
        import soundfile
    return soundfile


def _only_plain_wav(path: Path, subtype: str) -> bool:
    """Whether soundfile is missing, and the standard library can write the file in its place.

    So a recording that was saved as integers can be restored with numpy alone.
    """
    try:
        _soundfile()
    except InputError:
        return path.suffix.lower() == ".wav" and subtype in PLAIN_WAV_BYTES
    return False


def _write_plain_wav(path: Path, samples: np.ndarray, sample_rate: int, subtype: str) -> None:
    width = PLAIN_WAV_BYTES[subtype]
    integers = samples.astype("<i4")
    if subtype == "PCM_U8":
        integers += 128  # the only unsigned one
    lowest_bytes = np.ascontiguousarray(integers).view(np.uint8).reshape(*samples.shape, 4)
    with replacing(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(sample_rate)
        file.writeframes(lowest_bytes[..., :width].tobytes())


def _check_kind(path: Path) -> None:
    """Raise InputError unless the first bytes are RIFF's or FLAC's.

    libsndfile reads other containers too, but does not notice when they are cut off.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(4)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}") from error
    if start not in (b"RIFF", b"fLaC"):
        raise InputError(
            f"{path.name} is not a sound file that can be read: WAV (RIFF) or FLAC is needed"
        )


def _check_riff(path: Path) -> None:
    """Raise InputError when a WAV file ends before the samples that it declares.

    libsndfile would return what is there without a word.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF":
            return
        position = 12  # behind RIFF, the length, and WAVE
        while position + 8 <= size:
            file.seek(position)
            kind = file.read(4)
            length = int.from_bytes(file.read(4), "little")
            start = position + 8
            if kind == b"data":
                if length != UNKNOWN_LENGTH and start + length > size:
                    raise InputError(
                        f"{path.name} is truncated: {length} bytes of samples declared, "
                        f"{size - start} found"
                    )
                return
            position = start + length + length % 2


def _check_header(path: Path, info: "soundfile._SoundFileInfo", max_samples: int) -> None:
    if info.subtype not in SUBTYPES:
        raise InputError(
            f"{path.name} is coded as {info.subtype}: allowed are {', '.join(SUBTYPES)}"
        )
    if info.frames == 0:
        raise InputError(f"{path.name} holds no samples")
    if info.frames * info.channels > max_samples:
        raise InputError(
            f"{path.name} declares {info.frames} frames of {info.channels} channels, more than "
            f"the {max_samples} samples that are allowed: raise --max-pixels if you trust the file"
        )
