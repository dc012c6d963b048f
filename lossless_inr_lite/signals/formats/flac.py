"""FLAC (RFC 9639) through libsndfile, with what the file says of itself checked.

libsndfile does not compare the samples with their MD5, takes the declared number of frames for
true, refuses to tell the end of a stream without one, and has no name for depths of other than
8, 16 and 24 bits, although it decodes what its frames declare. So the file is given to it without
a length, and all of that is checked here.
"""

import hashlib
import io
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from lossless_inr_lite.errors import InputError, counted, importing
from lossless_inr_lite.signals.formats.flac_blocks import MAGIC, FlacFile, bare_stream, parsed
from lossless_inr_lite.signals.formats.flac_frames import check_rates
from lossless_inr_lite.signals.formats.sound import (
    SUBTYPES,
    Sound,
    SoundFormat,
    SoundSource,
    container_of,
)
from lossless_inr_lite.signals.signal import SignalSpec

if TYPE_CHECKING:
    import soundfile

LIBRARY_DEPTHS = (8, 16, 24)
MORE_DEPTHS = (12, 20, 32)  # where every frame says so
READ_BITS = 32  # of the integers that the library gives, which carry samples in their upper bits
FRAMES_AT_ONCE = 2**16
MOST_CHANNELS = 8
# The header of a frame has 16 bits for the rate in Hz, or in tens of Hz.
HIGHEST_ANY_RATE = 2**16 - 1
HIGHEST_RATE_OF_TENS = 10 * HIGHEST_ANY_RATE
WRITTEN = ("PCM_S8", "PCM_16", "PCM_24")
ID3V1_BYTES = 128  # a tag at the end of a file
ID3V1 = b"TAG"


def read_flac(source: SoundSource) -> Sound:
    """The samples of a FLAC file, compared with the MD5 that it holds of them.

    Samples of 12 and 20 bits lie in the upper bits of 16 and 24. Raises InputError when the MD5
    or the declared number of samples does not match.
    """
    data = source.data
    phrases: list[str] = []
    if data[-ID3V1_BYTES:].startswith(ID3V1):
        data = data[:-ID3V1_BYTES]
        phrases.append("an ID3 tag")
    file = parsed(source.name, data)
    info = file.info
    source.check_rate(info.rate)
    if info.frames:
        source.check_size(info.frames, info.channels)
    _check_depth(source.name, file)
    wide, rest = _decoded(source, data, file)
    _check_md5(source.name, wide, file)
    check_rates(source.name, data, file)
    subtype, valid_bits = container_of(info.num_bits)
    width, dtype = SUBTYPES[subtype]
    samples = (wide >> READ_BITS - width).astype(dtype)
    if valid_bits is not None:
        phrases.append(f"the depth of {valid_bits} bits, in the upper bits of {width}")
    return Sound(samples, info.rate, subtype, not_kept=(*file.not_kept, *phrases, *rest))


def check_flac(name: str, spec: SignalSpec) -> None:
    """Raise InputError unless FLAC has that subtype, that rate and so many channels."""
    subtype = str(spec.subtype)
    rate = spec.sample_rate or 0
    _soundfile()
    if subtype not in WRITTEN:
        raise InputError(f"FLAC cannot hold {subtype} sound: use .wav")
    is_tens = rate % 10 == 0 and rate <= HIGHEST_RATE_OF_TENS
    if rate > HIGHEST_ANY_RATE and not is_tens:
        raise InputError(
            f"{name} cannot hold {rate} Hz: FLAC has room for 1 to {HIGHEST_ANY_RATE} Hz, and for "
            f"tens up to {HIGHEST_RATE_OF_TENS}: use .wav"
        )
    if spec.channels > MOST_CHANNELS:
        raise InputError(
            f"{name} cannot hold {counted(spec.channels, 'channel')}"
            f": FLAC has room for {MOST_CHANNELS}: "
            "use .wav"
        )


def flac_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A FLAC file of samples (T, C)."""
    soundfile = _soundfile()
    wide = samples.astype(np.int32) << READ_BITS - spec.num_bits
    file = io.BytesIO()
    try:
        soundfile.write(file, wide, spec.sample_rate, spec.subtype, format="FLAC")
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InputError(f"{spec.name} cannot be written as FLAC: {error}") from error
    return file.getvalue()


def _soundfile() -> ModuleType:
    """The package that reads and writes FLAC, imported when it is first needed."""
    with importing("soundfile", "reading and writing FLAC"):
        import soundfile
    return soundfile


def _check_depth(name: str, file: FlacFile) -> None:
    """Raise InputError for a depth that the library does not decode, or that is said twofold."""
    declared = file.info.num_bits
    in_frame = file.frame_bits
    if in_frame is not None and in_frame != declared:
        raise InputError(
            f"{name} contradicts itself: it declares {declared} bits a sample, and its first frame "
            f"{in_frame}"
        )
    if declared in LIBRARY_DEPTHS or (declared in MORE_DEPTHS and in_frame == declared):
        return
    read = ", ".join(str(depth) for depth in sorted(LIBRARY_DEPTHS + MORE_DEPTHS))
    raise InputError(
        f"{name} holds {declared} bits a sample: libsndfile, which reads FLAC here, decodes {read}"
    )


def _decoded(
    source: SoundSource, data: bytes, file: FlacFile
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The samples (T, C), in the upper bits of int32, and what is said of bytes behind them."""
    soundfile = _soundfile()
    info = file.info
    is_known = info.num_bits in LIBRARY_DEPTHS
    said_bits = info.num_bits if is_known else max(LIBRARY_DEPTHS)
    stream = io.BytesIO(bare_stream(data, file, said_bits))
    try:
        with _streamed(soundfile, stream) as opened:
            pieces = _pieces(source, opened, info.frames)
            rest = _rest(soundfile, source.name, opened, info.frames)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        reason = getattr(error, "error_string", str(error)).removeprefix("Error : ").rstrip(".")
        raise InputError(
            f"{source.name} is broken or truncated and cannot be decoded: {reason}"
        ) from error
    samples = np.concatenate(pieces) if pieces else np.zeros((0, info.channels), np.int32)
    if info.frames and len(samples) != info.frames:
        raise InputError(
            f"{source.name} is truncated: {info.frames} frames declared, {len(samples)} found"
        )
    if len(samples) == 0:
        raise InputError(f"{source.name} holds no samples")
    return samples, rest


def _streamed(soundfile: Any, stream: io.BytesIO) -> "soundfile.SoundFile":
    """An opened file of unknown length. The package seeks in all others after every read."""

    class Streamed(soundfile.SoundFile):
        def seekable(self) -> bool:
            return False

    return Streamed(stream)


def _pieces(source: SoundSource, opened: Any, declared: int) -> list[np.ndarray]:
    """Up to `declared` frames, or all when that is 0, piece by piece as they are decoded."""
    pieces: list[np.ndarray] = []
    found = 0
    while not declared or found < declared:
        left = declared - found if declared else FRAMES_AT_ONCE
        piece = opened.read(min(left, FRAMES_AT_ONCE), dtype="int32", always_2d=True)
        if len(piece) == 0:
            break
        found += len(piece)
        source.check_size(found, piece.shape[1], "holds")
        pieces.append(piece)
    return pieces


def _rest(soundfile: Any, name: str, opened: Any, declared: int) -> tuple[str, ...]:
    """What is said of bytes behind the declared frames.

    Raises InputError when they are more samples.
    """
    if not declared:
        return ()
    try:
        more = opened.read(1, dtype="int32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError):
        return ("bytes behind its end",)
    if len(more):
        raise InputError(
            f"{name} contradicts itself: it holds more than the {declared} frames that it declares"
        )
    return ()


def _check_md5(name: str, wide: np.ndarray, file: FlacFile) -> None:
    """Raise InputError when the samples are not those that the file was made of.

    The MD5 is that of the samples in whole bytes, little-endian (RFC 9639, section 8.2).
    """
    info = file.info
    shift = READ_BITS - info.num_bits
    if shift and np.any(wide & (1 << shift) - 1):
        raise InputError(
            f"{name} holds frames of more than the {info.num_bits} bits that it declares"
        )
    if not any(info.md5):
        return
    width = -(-info.num_bits // 8)
    integers = np.ascontiguousarray((wide >> shift).astype("<i4"))
    raw = integers.view(np.uint8).reshape(-1, 4)[:, :width]
    if hashlib.md5(raw.tobytes(), usedforsecurity=False).digest() != info.md5:
        raise InputError(
            f"{name} is damaged: its samples do not match the MD5 that it holds of them"
        )


def _is_flac(data: bytes) -> bool:
    return data.startswith(MAGIC)


FORMAT = SoundFormat(
    name="FLAC",
    suffix=".flac",
    reads=(
        "integers of 8, 16 and 24 bits; also of 12, 20 and 32 where the frames say so; streams "
        "without a length"
    ),
    writes="integers of 8, 16 and 24 bits, at most 8 channels",
    is_one=_is_flac,
    read=read_flac,
    check=check_flac,
    to_bytes=flac_bytes,
)
