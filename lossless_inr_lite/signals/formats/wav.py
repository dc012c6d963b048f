"""WAV, read and written with numpy alone, so that nothing that a header says is hidden.

The format is RIFF (Microsoft and IBM, Multimedia Programming Interface and Data Specifications
1.0, 1991) with WAVEFORMATEXTENSIBLE (Microsoft, Multiple channel audio data and WAVE files, 2007),
and its kin: RIFX with the bytes of all numbers reversed, RF64 and BW64 for more than 4 GiB (ITU-R
BS.2088). `wav_chunks` finds the chunks of a file.
"""

import struct
from dataclasses import dataclass

import numpy as np

from lossless_inr_lite.errors import InputError, counted
from lossless_inr_lite.signals.formats.sound import (
    SUBTYPES,
    USUAL_MASKS,
    ByteOrder,
    Sound,
    SoundFormat,
    SoundSource,
    said_mask,
)
from lossless_inr_lite.signals.formats.wav_chunks import WavFile, is_wav, parsed
from lossless_inr_lite.signals.meaning import Meaning
from lossless_inr_lite.signals.signal import SignalSpec

PCM = 1
FLOAT = 3
EXTENSIBLE = 0xFFFE
CODINGS = {
    0x02: "Microsoft ADPCM",
    0x06: "A-law (ALAW)",
    0x07: "mu-law (ULAW)",
    0x10: "OKI ADPCM",
    0x11: "IMA ADPCM",
    0x31: "GSM 6.10",
    0x40: "G.721 ADPCM",
    0x45: "G.726 ADPCM",
    0x50: "MPEG audio (MP2)",
    0x55: "MP3",
    0x64: "G.726 ADPCM",
    0x92: "AC-3 over S/PDIF",
    0xFF: "AAC",
    0x160: "Windows Media Audio",
    0x161: "Windows Media Audio",
    0x162: "Windows Media Audio",
    0x163: "Windows Media Audio",
    0x1610: "AAC",
    0x2000: "AC-3",
    0x2001: "DTS",
    0x674F: "Vorbis",
    0xA106: "AAC",
    0xF1AC: "FLAC",
}
# Behind the number of the coding, an extended header has the rest of a GUID.
GUID = "IHH8s"
COMMON = (0x0000, 0x0010, bytes.fromhex("800000aa00389b71"))
AMBISONIC = (0x0721, 0x11D3, bytes.fromhex("8644c8c1ca000000"))
PLAIN_HEADER = "HHIIHH"  # coding, channels, rate, bytes a second, bytes a frame, bits
EXTENSION = "HHI"  # bytes that follow, valid bits, mask
EXTENSION_BYTES = 22
INTEGERS = {1: "PCM_U8", 2: "PCM_16", 3: "PCM_24", 4: "PCM_32"}
ZERO_OF_U8 = 128  # samples of 8 bits are unsigned
LARGEST_FILE = 2**32 - 1  # bytes that RIFF can say
LARGEST_FRAME = 2**16 - 1  # bytes
HIGHEST = 2**32 - 1


@dataclass(frozen=True)
class Layout:
    """How the samples of a file lie: their subtype, and what the header says beside it."""

    subtype: str
    channels: int
    rate: int
    frame_bytes: int
    meaning: Meaning


def read_wav(source: SoundSource) -> Sound:
    """The samples of a WAV file: PCM of 8, 16, 24 and 32 bits, or floats of 32 bits.

    Integers of fewer valid bits stay as they are, in the upper bits of their container.
    """
    file = parsed(source.name, source.data)
    layout = _layout(source, file)
    body = file.samples
    frames, left_over = divmod(len(body), layout.frame_bytes)
    source.check_size(frames, layout.channels)
    raw = body[: frames * layout.frame_bytes]
    samples = _samples(raw, layout.subtype, file.order).reshape(frames, layout.channels)
    phrases = list(file.not_kept)
    if left_over:
        phrases.append(f"{counted(left_over, 'byte')} behind the last whole frame")
    return Sound(samples, layout.rate, layout.subtype, layout.meaning, tuple(phrases))


def check_wav(name: str, spec: SignalSpec) -> None:
    """Raise InputError unless WAV has that subtype, and its header room for the numbers."""
    subtype = str(spec.subtype)
    if subtype not in WRITTEN:
        raise InputError(f"WAV cannot hold {subtype} sound: use .flac")
    width = SUBTYPES[subtype].num_bits // 8
    frames, channels = spec.shape
    if channels * width > LARGEST_FRAME:
        raise InputError(
            f"{name} cannot hold {counted(channels, 'channel')}"
            f" of {width} bytes a sample: WAV has room for "
            f"{LARGEST_FRAME} bytes a frame"
        )
    if frames * channels * width > LARGEST_FILE - 128:
        raise InputError(
            f"{name} cannot hold {frames} frames of {counted(channels, 'channel')}"
            ": a WAV file ends at 4 GiB"
        )


def wav_bytes(samples: np.ndarray, spec: SignalSpec) -> bytes:
    """A WAV file of samples (T, C), with an extended header where the meaning needs one."""
    assert spec.sample_rate is not None
    subtype = str(spec.subtype)
    chunks = [_chunk(b"fmt ", _header(spec, spec.sample_rate, subtype))]
    if subtype == "FLOAT":
        chunks.append(_chunk(b"fact", struct.pack("<I", len(samples))))
    chunks.append(_chunk(b"data", _raw(samples, subtype)))
    content = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _layout(source: SoundSource, file: WavFile) -> Layout:
    """What the header says. Raises InputError for what is not read, and what contradicts itself."""
    name = source.name
    header = file.header
    plain_bytes = struct.calcsize(file.order + PLAIN_HEADER)
    if len(header) < plain_bytes:
        raise InputError(
            f"{name} is broken: its header (fmt) has {len(header)} bytes, at least "
            f"{plain_bytes} are needed"
        )
    numbers = struct.unpack_from(file.order + PLAIN_HEADER, header)
    coding, channels, rate, _, frame_bytes, bits = numbers
    valid_bits = bits
    mask = 0
    if coding == EXTENSIBLE:
        coding, said_bits, mask = _extension(name, file)
        valid_bits = said_bits or bits  # 0 says nothing
    if channels < 1:
        raise InputError(f"{name} declares {counted(channels, 'channel')}: at least 1 is needed")
    source.check_rate(rate)
    _check_coding(name, coding, bits)
    width = -(-bits // 8)
    if frame_bytes != channels * width:
        raise InputError(
            f"{name} contradicts itself: {counted(channels, 'channel')}"
            f" of {bits} bits make frames of "
            f"{channels * width} bytes, and it declares {frame_bytes}"
        )
    if valid_bits > 8 * width:
        raise InputError(
            f"{name} contradicts itself: it declares {valid_bits} valid bits in {8 * width}"
        )
    subtype = "FLOAT" if coding == FLOAT else INTEGERS[width]
    told_bits = None if valid_bits == 8 * width else valid_bits
    meaning = Meaning(channel_mask=said_mask(mask, channels), valid_bits=told_bits)
    return Layout(subtype, channels, rate, frame_bytes, meaning)


def _extension(name: str, file: WavFile) -> tuple[int, int, int]:
    """The coding, the valid bits and the mask of an extended header."""
    start = struct.calcsize(file.order + PLAIN_HEADER)
    needed = start + 2 + EXTENSION_BYTES
    if len(file.header) < needed:
        raise InputError(
            f"{name} is broken: its extended header has {len(file.header)} bytes, {needed} are "
            "needed"
        )
    _, valid_bits, mask = struct.unpack_from(file.order + EXTENSION, file.header, start)
    place = start + struct.calcsize(file.order + EXTENSION)
    coding, *rest = struct.unpack_from(file.order + GUID, file.header, place)
    if tuple(rest) == AMBISONIC:
        raise InputError(f"{name} is coded as ambisonic sound, which is not read")
    if tuple(rest) != COMMON:
        guid = file.header[place:needed].hex()
        raise InputError(f"{name} has a coding that is not known, with the GUID {guid}")
    return coding, valid_bits, mask


def _check_coding(name: str, coding: int, bits: int) -> None:
    """Raise InputError unless these are integers of 1 to 32 bits or floats of 32 bits."""
    is_read = bits == 32 if coding == FLOAT else 1 <= bits <= 32
    if coding in (PCM, FLOAT) and is_read:
        return
    if coding == PCM:
        what = f"integers of {bits} bits"
    elif coding == FLOAT:
        what = f"floats of {bits} bits"
    else:
        what = CODINGS.get(coding, f"number {coding:#x}")
    raise InputError(
        f"{name} is coded as {what}: allowed are integers of 1 to 32 bits and floats of 32 bits"
    )


def _samples(raw: memoryview, subtype: str, order: ByteOrder) -> np.ndarray:
    """The samples (n,) in bytes of an order ("<" or ">"): signed integers or float32."""
    if subtype == "PCM_U8":
        return (np.frombuffer(raw, np.uint8) - np.uint8(ZERO_OF_U8)).view(np.int8)
    if subtype == "PCM_24":
        lines = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(lines), 4), np.uint8)
        at = slice(1, 4) if order == "<" else slice(0, 3)
        wide[:, at] = lines
        return wide.view(f"{order}i4")[:, 0].astype(np.int32) >> 8
    dtype = np.dtype(SUBTYPES[subtype].dtype)
    return np.frombuffer(raw, dtype.newbyteorder(order)).astype(dtype)


def _raw(samples: np.ndarray, subtype: str) -> bytes:
    """The bytes of samples, little-endian: the inverse of `_samples`."""
    if subtype == "FLOAT":
        return samples.astype("<f4").tobytes()
    integers = samples.astype("<i4")
    if subtype == "PCM_U8":
        integers += ZERO_OF_U8
    width = SUBTYPES[subtype].num_bits // 8
    lowest_bytes = np.ascontiguousarray(integers).view(np.uint8).reshape(-1, 4)
    return lowest_bytes[:, :width].tobytes()


def _header(spec: SignalSpec, rate: int, subtype: str) -> bytes:
    """The content of the chunk fmt."""
    coding = FLOAT if subtype == "FLOAT" else PCM
    bits = SUBTYPES[subtype].num_bits
    channels = spec.channels
    mask = spec.meaning.channel_mask
    valid_bits = spec.meaning.valid_bits
    is_extended = mask is not None or valid_bits is not None
    frame_bytes = channels * bits // 8
    bytes_a_second = min(rate * frame_bytes, HIGHEST)
    numbers = (channels, rate, bytes_a_second, frame_bytes, bits)
    if not is_extended:
        plain = struct.pack(f"<{PLAIN_HEADER}", coding, *numbers)
        return plain + struct.pack("<H", 0) if coding == FLOAT else plain
    if mask is None:
        mask = USUAL_MASKS.get(channels, 0)
    extension = struct.pack(f"<{EXTENSION}", EXTENSION_BYTES, valid_bits or bits, mask)
    guid = struct.pack(f"<{GUID}", coding, *COMMON)
    return struct.pack(f"<{PLAIN_HEADER}", EXTENSIBLE, *numbers) + extension + guid


def _chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk, with the byte that fills up an odd length."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


WRITTEN = (*INTEGERS.values(), "FLOAT")
FORMAT = SoundFormat(
    name="WAV",
    suffix=".wav",
    reads=(
        "integers of 1 to 32 bits in 8, 16, 24 and 32, floats of 32 bits; also RIFX, RF64, BW64, "
        "and what was written into a pipe"
    ),
    writes="integers of 8, 16, 24 and 32 bits, floats of 32 bits",
    is_one=is_wav,
    read=read_wav,
    check=check_wav,
    to_bytes=wav_bytes,
    holds=frozenset({"channel_mask", "valid_bits"}),
)
