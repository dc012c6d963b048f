"""Sound files in and out through libsndfile, in the samples and the subtype that the file has."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile

from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import replacing

SUFFIXES = (".wav", ".flac")
# subtype -> (bits a sample, type asked of libsndfile, which left-justifies whole numbers in it)
SUBTYPES: dict[str, tuple[int, Literal["int16", "int32", "float32"]]] = {
    "PCM_U8": (8, "int16"),
    "PCM_S8": (8, "int16"),
    "PCM_16": (16, "int16"),
    "PCM_24": (24, "int32"),
    "PCM_32": (32, "int32"),
    "FLOAT": (32, "float32"),
}


def read_audio(path: Path, max_samples: int) -> tuple[np.ndarray, int, int, str]:
    """Samples (T, C) as signed integers or float32, bits a sample, rate in Hz, subtype.

    Raises InputError for a file that is empty, broken, of another coding, or longer than `max_samples`.
    """
    _check_kind(path)
    try:
        info = soundfile.info(str(path))
        _check_header(path, info, max_samples)
        _check_riff(path)
        num_bits, dtype = SUBTYPES[info.subtype]
        samples: Any
        samples, rate = soundfile.read(str(path), dtype=dtype, always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InputError(
            f"{path.name} is not a sound file that can be read (WAV or FLAC): {error}"
        ) from error
    if len(samples) != info.frames:
        raise InputError(
            f"{path.name} is truncated: {info.frames} frames declared, {len(samples)} found"
        )
    if dtype != "float32":
        samples >>= np.iinfo(dtype).bits - num_bits
    return samples, num_bits, rate, info.subtype


def write_audio(
    path: str | Path, samples: np.ndarray, num_bits: int, sample_rate: int, subtype: str
) -> None:
    """Write samples (T, C) with their subtype, atomically. Raises InputError when the format cannot hold them."""
    path = Path(path)
    check_audio_output(path, subtype)
    dtype = SUBTYPES[subtype][1]
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


def check_audio_output(path: Path, subtype: str) -> None:
    """Raise InputError when a sound of that subtype cannot be written under that suffix."""
    container = path.suffix[1:].upper()
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"cannot write sound as {path.name!r}: allowed suffixes are {', '.join(SUFFIXES)}"
        )
    if not soundfile.check_format(container, subtype):
        other = ".wav" if container == "FLAC" else ".flac"
        raise InputError(f"{container} cannot hold {subtype} sound: use {other}")


def _check_kind(path: Path) -> None:
    """Raise InputError unless the first bytes are RIFF's or FLAC's: of others, what is cut off goes unnoticed."""
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
    """Raise InputError when a WAV file ends before the samples that it declares: libsndfile reads on without a word."""
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF":
            return
        size, position = path.stat().st_size, 12
        while position + 8 <= size:
            file.seek(position)
            kind, length = file.read(4), int.from_bytes(file.read(4), "little")
            if kind == b"data":
                if length != 0xFFFFFFFF and position + 8 + length > size:
                    raise InputError(
                        f"{path.name} is truncated: {length} bytes of samples declared, {size - position - 8} found"
                    )
                return
            position += 8 + length + length % 2


def _check_header(path: Path, info: "soundfile._SoundFileInfo", max_samples: int) -> None:
    if info.subtype not in SUBTYPES:
        raise InputError(
            f"{path.name} is coded as {info.subtype}: allowed are {', '.join(SUBTYPES)}"
        )
    if info.frames == 0:
        raise InputError(f"{path.name} holds no samples")
    if info.frames * info.channels > max_samples:
        raise InputError(
            f"{path.name} declares {info.frames} frames of {info.channels} channels, more than the {max_samples} "
            "samples that are allowed: raise --max-pixels if you trust the file"
        )
