"""Independent readings of a file, to compare the package's own readers with.

A witness takes another way to the samples than the readers of the package: a plain decoder of its
own, another library, or a checksum that stands in the file. None of them is asked for speed.

- PNG: a decoder in numpy and zlib; Pillow for the frames of animations.
- JPEG: imagecodecs (libjpeg-turbo). GIF: Pillow and giflib.
- TIFF: libtiff, Pillow and, where neither reads a file, tifffile.
- PGM, PPM, PBM, PAM: a reader in numpy.
- DICOM: pydicom, imagecodecs, and the same picture without compression where the suite has it.
- FLAC: the MD5 of the samples that stands in the file. WAV: SciPy.
"""

import hashlib
import io
import json
import re
import struct
import warnings
import wave
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.signals import Signal

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First row and column, and the distances, of the seven passes of an interlaced PNG.
ADAM7 = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
SPACE = rb"(?:\s|#[^\n]*\n)+"  # between the numbers of a PGM header
LARGEST_PLAIN_PNG = 2**22  # bytes of samples; the plain decoder is slow
TIFF_PALETTE = 3
TIFF_COLOUR_MAP = 320
TIFF_PHOTOMETRIC = 262
TIFF_BITS = 258
# These give the file's own values and nothing else. Other libraries turn, stretch and convert some.
FINAL = {"suite", "zlib", "numpy", "MD5", "white level"}


class NoWitnessError(Exception):
    """A witness cannot say anything of this file."""


@dataclass(frozen=True)
class Testimony:
    """Who a witness is, and whether the signal of the package agrees with what it read."""

    witness: str
    agrees: bool

    @property
    def is_final(self) -> bool:
        """Whether the witness takes no liberties: nobody can outvote it."""
        return self.witness in FINAL


Reader = Callable[[Path, int | None], list[np.ndarray]]


def testimonies(path: Path, page: int | None, signal: Signal) -> Iterator[Testimony]:
    """What the witnesses for a file say of a signal that was read from it, one after another.

    `page` is the picture that was asked for. Witnesses that cannot read the file say nothing.
    """
    data = path.read_bytes()
    if data.startswith(b"fLaC"):
        yield from _of_flac(data, signal)
        return
    white = declared_white(data)
    if white is not None:
        found = signal.meaning.white or 2**signal.num_bits - 1
        yield Testimony("white level", found == white)
    for name, read in _readers(data):
        try:
            readings = read(path, page)
        except Exception:  # a witness that fails has nothing to say, however it fails
            continue
        yield Testimony(name, any(_same(signal, reading) for reading in readings))


def is_read_by_others(path: Path) -> bool:
    """Whether at least one witness reads the file."""
    data = path.read_bytes()
    if data.startswith(b"fLaC"):
        return False
    for _, read in _readers(data):
        try:
            if read(path, None):
                return True
        except Exception:  # as above
            continue
    return False


def _readers(data: bytes) -> list[tuple[str, Reader]]:
    """The witnesses for a file, by its first bytes."""
    if data[128:132] == b"DICM" or data.startswith((b"\2\0\0\0UL", b"\2\0\2\0UI")):
        return [("pydicom", _dicom), ("twin", _dicom_twin), ("imagecodecs", _dicom_frame)]
    table: list[tuple[tuple[bytes, ...], list[tuple[str, Reader]]]] = [
        ((PNG_SIGNATURE,), [("suite", _suite_json), ("zlib", _png), ("Pillow", _frames)]),
        ((b"\xff\xd8",), [("libjpeg", _jpeg), ("Pillow", _jpeg_pillow)]),
        ((b"GIF8",), [("Pillow", _frames), ("giflib", _gif)]),
        (
            (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
            [("libtiff", _libtiff), ("Pillow", _tiff_pillow), ("tifffile", _tifffile)],
        ),
        ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7"), [("numpy", _netpbm)]),
        ((b"RIFF", b"RIFX", b"RF64"), [("SciPy", _scipy_wav), ("wave", _plain_wav)]),
    ]
    return next((readers for marks, readers in table if data.startswith(marks)), [])


# Comparison --------------------------------------------------------------------------------------


def _same(signal: Signal, expected: np.ndarray) -> bool:
    """Whether a signal holds these samples.

    Alpha that is nowhere transparent may be there or not, and grey may stand in one channel or in
    three. Colours below full transparency are free.
    """
    samples = signal.samples.astype(np.int64) if signal.kind != "float" else signal.samples
    expected = np.asarray(expected)
    if expected.ndim == samples.ndim - 1:
        expected = expected[..., None]
    if expected.shape == samples.shape and np.array_equal(samples, expected):
        return True
    if samples.ndim != 3 or expected.ndim != 3 or samples.shape[:2] != expected.shape[:2]:
        return False
    full = 2**signal.num_bits - 1
    ours = _as_rgba(samples, full)
    theirs = _as_rgba(expected.astype(np.int64), full)
    if ours is None or theirs is None:
        return False
    if any("transparen" in phrase for phrase in signal.not_kept):
        theirs[..., 3] = full  # the loss was told
    seen = ours[..., 3] > 0
    same_alpha = np.array_equal(ours[..., 3], theirs[..., 3])
    return same_alpha and np.array_equal(ours[seen], theirs[seen])


def _as_rgba(samples: np.ndarray, full: int) -> np.ndarray | None:
    """Samples of 1 to 4 channels as red, green, blue and alpha; None for more channels."""
    channels = samples.shape[-1]
    if channels > 4:
        return None
    colours = samples[..., : 3 if channels > 2 else 1]
    colours = np.broadcast_to(colours, (*samples.shape[:2], 3))
    alpha = samples[..., -1:] if channels in (2, 4) else np.full((*samples.shape[:2], 1), full)
    return np.concatenate([colours, alpha], axis=-1)


def declared_white(data: bytes) -> int | None:
    """The value of full brightness that a grey PNG, a PGM, PPM or PAM declares; None for others."""
    if data.startswith(PNG_SIGNATURE) and len(data) > 26:
        _, _, depth, colour, _ = _png_header(data)
        return 2**depth - 1 if colour == 0 and b"tRNS" not in data else None
    match = re.match(rb"P[2356]" + 3 * (SPACE + rb"(\d+)"), data)
    if data.startswith(b"P7"):
        match = re.search(rb"()()MAXVAL\s+(\d+)", data)
    return int(match[3]) if match else None


# PNG ---------------------------------------------------------------------------------------------


def _suite_json(path: Path, page: int | None) -> list[np.ndarray]:
    """What the suite itself expects: ../json/NAME.json, as [r, g, b, a, ...] of 8 or 16 bits."""
    if page is not None:
        raise NoWitnessError
    values = json.loads((path.parent.parent / "json" / f"{path.stem}.json").read_text())
    width, height, depth, _, _ = _png_header(path.read_bytes())
    rgba = np.array(values, np.int64).reshape(height, width, 4)
    if depth < 8:
        # Grey of low depth was stretched to 8 bits, palettes were not.
        return [rgba, rgba // (255 // (2**depth - 1))]
    return [rgba]


def _png_header(data: bytes) -> tuple[int, int, int, int, int]:
    """Width, height, depth, colour type, and whether the file is interlaced."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    return width, height, depth, colour, interlaced


def _png(path: Path, page: int | None) -> list[np.ndarray]:
    """A PNG by the specification: chunks with their checksums, filters, passes, transparency."""
    data = path.read_bytes()
    chunks = dict(_png_chunks(data))
    if page or b"IHDR" not in chunks or len(chunks[b"IHDR"]) != 13:
        raise NoWitnessError
    width, height, depth, colour, interlaced = _png_header(data)
    channels = PNG_CHANNELS[colour]
    if height * width * channels * depth // 8 > LARGEST_PLAIN_PNG:
        raise NoWitnessError
    body = zlib.decompress(chunks[b"IDAT"])
    picture = np.zeros((height, width, channels), np.int64)
    offset = 0
    for top, left, down, right in ADAM7 if interlaced else ((0, 0, 1, 1),):
        part = picture[top::down, left::right]
        if part.size:
            offset = _unfilter(body, offset, part, depth)
    transparency = chunks.get(b"tRNS")
    if colour == 3:
        return [_coloured(picture[..., 0], chunks[b"PLTE"], transparency)]
    if transparency is None:
        return [picture]
    # One colour is transparent.
    key = np.frombuffer(transparency[: 2 * channels], ">u2") & (2**depth - 1)
    opaque = (picture != key).any(axis=-1, keepdims=True)
    full = 2**depth - 1
    with_alpha = np.concatenate([picture, opaque * full], axis=-1)
    # There is no format for grey with alpha of low depth: stretched to 8 bits it is right as well.
    return [with_alpha, with_alpha * (255 // full)] if depth < 8 else [with_alpha]


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Chunks with their bodies; those of the picture joined, those of animations left out."""
    position = len(PNG_SIGNATURE)
    joined = b""
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        body = data[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack(">I", data[position + 8 + length : position + 12 + length])
        if zlib.crc32(kind + body) != checksum:
            raise NoWitnessError
        if kind == b"IDAT":
            joined += body
        else:
            yield kind, body
        position += 12 + length
    yield b"IDAT", joined


def _unfilter(body: bytes, offset: int, part: np.ndarray, depth: int) -> int:
    """Write the samples of one pass into `part` (H, W, C); the offset behind it is returned."""
    height, width, channels = part.shape
    row_bytes = -(-width * channels * depth // 8)
    step = max(1, channels * depth // 8)
    above = bytearray(row_bytes)
    for row in range(height):
        kind = body[offset]
        line = bytearray(body[offset + 1 : offset + 1 + row_bytes])
        if len(line) != row_bytes or kind > 4:
            raise NoWitnessError
        _unfilter_line(kind, line, above, step)
        part[row] = _unpacked(bytes(line), depth)[: width * channels].reshape(width, channels)
        above = line
        offset += 1 + row_bytes
    return offset


def _unfilter_line(kind: int, line: bytearray, above: bytearray, step: int) -> None:
    """Undo one filter in place."""
    if kind == 0:
        return
    if kind == 2:
        line[:] = (np.frombuffer(line, np.uint8) + np.frombuffer(above, np.uint8)).tobytes()
        return
    for place in range(len(line)):
        left = line[place - step] if place >= step else 0
        up = above[place]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            corner = above[place - step] if place >= step else 0
            guess = min((left, up, corner), key=lambda value: abs(left + up - corner - value))
        line[place] = (line[place] + guess) & 255


def _unpacked(line: bytes, depth: int) -> np.ndarray:
    """The samples of one line of bytes."""
    if depth == 16:
        return np.frombuffer(line, ">u2")
    bits = np.unpackbits(np.frombuffer(line, np.uint8)).reshape(-1, depth)
    return bits @ (1 << np.arange(depth)[::-1])


def _coloured(indices: np.ndarray, palette: bytes, transparency: bytes | None) -> np.ndarray:
    """The colours of a palette, with alpha where the file has it."""
    colours = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    if transparency is None:
        return colours[indices]
    alpha = np.full(len(colours), 255, np.uint8)
    alpha[: len(transparency)] = np.frombuffer(transparency, np.uint8)[: len(alpha)]
    return np.concatenate([colours, alpha[:, None]], axis=1)[indices]


# Other pictures ----------------------------------------------------------------------------------


def _frames(path: Path, page: int | None) -> list[np.ndarray]:
    """A frame of an animation or a plain picture of 8 bits, as Pillow composes it."""
    from PIL import Image

    with Image.open(path) as picture:
        if picture.mode.startswith("I"):
            raise NoWitnessError  # 16 bits of colour are cut to 8 elsewhere in Pillow
        if path.suffix == ".png" and _png_header(path.read_bytes())[2] != 8:
            raise NoWitnessError
        picture.seek(page or 0)
        return [np.array(picture.convert("RGBA"))]


def _gif(path: Path, page: int | None) -> list[np.ndarray]:
    import imagecodecs

    frames = imagecodecs.gif_decode(path.read_bytes())
    return [frames[page or 0] if frames.ndim == 4 else frames]


def _jpeg(path: Path, page: int | None) -> list[np.ndarray]:
    import imagecodecs

    samples = imagecodecs.jpeg_decode(path.read_bytes())
    return [samples, 255 - samples] if samples.shape[-1] == 4 else [samples]


def _jpeg_pillow(path: Path, page: int | None) -> list[np.ndarray]:
    from PIL import Image

    with Image.open(path) as picture:
        return [np.array(picture)]


def _libtiff(path: Path, page: int | None) -> list[np.ndarray]:
    import imagecodecs
    import tifffile

    with tifffile.TiffFile(path) as file:
        wanted: Any = file.pages[page or 0]
        if wanted.photometric == TIFF_PALETTE or wanted.dtype is None:
            raise NoWitnessError
    return _both_layouts(imagecodecs.tiff_decode(path.read_bytes(), index=page or 0))


def _both_layouts(samples: np.ndarray) -> list[np.ndarray]:
    """Samples as they are, and with planes that stand first put last."""
    samples = samples.astype(np.uint8) if samples.dtype == bool else samples
    return [samples, np.moveaxis(samples, 0, -1)] if samples.ndim == 3 else [samples]


def _tiff_pillow(path: Path, page: int | None) -> list[np.ndarray]:
    """A TIFF picture by Pillow, without what Pillow does to its values.

    It turns white-is-zero round, and stretches 2 and 4 bits to 8.
    """
    from PIL import Image

    with Image.open(path) as picture:
        picture.seek(page or 0)
        tags: Any = picture.tag_v2  # type: ignore[attr-defined]
        photometric = tags.get(TIFF_PHOTOMETRIC)
        bits = max(tags.get(TIFF_BITS, (1,)))
        samples = np.array(picture).astype(np.int64)
        if picture.mode == "P":
            colours = np.array(tags[TIFF_COLOUR_MAP]).reshape(3, -1)
            return [np.moveaxis(colours[:, samples], 0, -1)]
    if samples.ndim == 2 and photometric == 0:
        samples = (1 if bits == 1 else 255) - samples
    return [samples, samples // (255 // (2**bits - 1))] if bits in (2, 4) else [samples]


def _tifffile(path: Path, page: int | None) -> list[np.ndarray]:
    """A TIFF picture by tifffile: a plane of a volume, or a directory; those inside it as well."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        first: Any = file.pages.first
        if first.imagedepth > 1:
            return _both_layouts(first.asarray()[page or 0])
        wanted: Any = file.pages[page or 0]
        if wanted.dtype is None:
            raise NoWitnessError
        samples = wanted.asarray()
        if wanted.photometric == TIFF_PALETTE:
            return [np.moveaxis(wanted.colormap[:, samples], 0, -1)]
        inside: Any = wanted.pages or []
        found = [samples, *(one.asarray() for one in inside)]
    return [layout for one in found for layout in _both_layouts(one)]


def _dicom(path: Path, page: int | None) -> list[np.ndarray]:
    """The stored samples by pydicom; colours also turned from YBR to RGB, and from a palette.

    What is stored in the top bits of a word is taken from there, which pydicom does not do.
    """
    import pydicom
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    dataset = pydicom.dcmread(path, force=True)
    has_palette = dataset.PhotometricInterpretation == "PALETTE COLOR"
    found = []
    for raw in (True, False):
        samples = pixel_array(dataset, index=page, raw=raw)
        found.append(samples)
        if has_palette:
            found.append(apply_color_lut(samples, dataset))
            if "RedPaletteColorLookupTableData" in dataset:
                found.append(_dicom_colours(dataset, samples))
    shift = dataset.HighBit + 1 - dataset.BitsStored
    if shift > 0:  # pydicom takes the lowest bits for those that are stored
        dataset.BitsStored = dataset.BitsAllocated
        dataset.PixelRepresentation = 0
        words = pixel_array(dataset, index=page, raw=True).astype(np.int64) >> shift
        found.append(words & (2 ** (dataset.HighBit + 1 - shift) - 1))
    return found


def _dicom_colours(dataset: Any, numbers: np.ndarray) -> np.ndarray:
    """The colours of a palette of 16 bits by numpy, in the byte order of the file."""
    kind = "<u2" if dataset.original_encoding[1] else ">u2"
    tables = [
        np.frombuffer(dataset[f"{colour}PaletteColorLookupTableData"].value, kind)
        for colour in ("Red", "Green", "Blue")
    ]
    first = dataset.RedPaletteColorLookupTableDescriptor[1]
    places = np.clip(numbers.astype(int) - first, 0, len(tables[0]) - 1)
    return np.stack([table[places] for table in tables], axis=-1)


def _dicom_twin(path: Path, page: int | None) -> list[np.ndarray]:
    """The same picture without compression, where the suite has it under the start of the name.

    So MR_small.dcm stands beside MR_small_RLE.dcm, and 693_UNCR.dcm beside 693_J2KR.dcm.
    """
    import pydicom
    from pydicom.pixels.utils import pixel_array

    if not pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_compressed:
        raise NoWitnessError
    words = path.stem.split("_")
    names = ["_".join(words[:count]) for count in range(len(words) - 1, 0, -1)]
    for name in [path.stem.replace("J2KR", "UNCR"), *names]:
        twin = path.with_name(f"{name}.dcm")
        if twin != path and twin.is_file():
            dataset = pydicom.dcmread(twin)
            if not dataset.file_meta.TransferSyntaxUID.is_compressed:
                return [pixel_array(dataset, index=page, raw=raw) for raw in (True, False)]
    raise NoWitnessError


def _dicom_frame(path: Path, page: int | None) -> list[np.ndarray]:
    """One compressed frame, by the decoder of imagecodecs for its coding."""
    import imagecodecs
    import pydicom
    from pydicom.encaps import get_frame

    dataset = pydicom.dcmread(path, force=True)
    coding = dataset.file_meta.TransferSyntaxUID.name
    frame = get_frame(
        dataset.PixelData, page or 0, number_of_frames=dataset.get("NumberOfFrames", 1)
    )
    if "JPEG-LS" in coding:
        decode = imagecodecs.jpegls_decode
    elif "High-Throughput" in coding:
        decode = imagecodecs.htj2k_decode
    elif "2000" in coding:
        decode = imagecodecs.jpeg2k_decode
    else:
        decode = imagecodecs.jpeg_decode
    samples = decode(frame)
    found = [samples]
    if dataset.PixelRepresentation == 1 and samples.dtype.kind == "u":
        # The coding knows no signs: the upper half stands for negative samples.
        values = samples.astype(np.int64)
        half = 2 ** (dataset.BitsStored - 1)
        found.append(np.where(values >= half, values - 2 * half, values))
    return found


def _netpbm(path: Path, page: int | None) -> list[np.ndarray]:
    """A PBM, PGM, PPM or PAM file, plain or raw, by numpy. Of bilevel ones both polarities."""
    data = path.read_bytes()
    magic = data[:2]
    if page:
        raise NoWitnessError
    if magic == b"P7":
        return [_pam(data)]
    wanted = 2 if magic in (b"P1", b"P4") else 3
    match = re.match(magic + (SPACE + rb"(\d+)") * wanted + rb"\s", data)
    if match is None:
        raise NoWitnessError
    width, height, *rest = (int(number) for number in match.groups())
    body = data[match.end() :]
    channels = 3 if magic in (b"P3", b"P6") else 1
    if magic == b"P4":
        lines = np.frombuffer(body, np.uint8, -(-width // 8) * height).reshape(height, -1)
        samples = np.unpackbits(lines, axis=1)[:, :width]
    elif magic == b"P1":
        samples = np.array([int(digit) for digit in re.findall(rb"[01]", body)])
    elif magic in (b"P2", b"P3"):
        samples = np.array([int(number) for number in body.split()])
    else:
        kind = ">u2" if rest[0] > 255 else "u1"
        samples = np.frombuffer(body, kind, height * width * channels)
    samples = samples.reshape(-1)[: height * width * channels].reshape(height, width, channels)
    return [samples, 1 - samples.astype(int)] if wanted == 2 else [samples]


def _pam(data: bytes) -> np.ndarray:
    head, _, body = data.partition(b"ENDHDR\n")
    lines = (line.split() for line in head.splitlines()[1:] if not line.startswith(b"#"))
    facts = {words[0]: words[1] for words in lines if len(words) > 1}
    shape = tuple(int(facts[name]) for name in (b"HEIGHT", b"WIDTH", b"DEPTH"))
    kind = ">u2" if int(facts[b"MAXVAL"]) > 255 else "u1"
    return np.frombuffer(body, kind, int(np.prod(shape))).reshape(shape)


# Sound -------------------------------------------------------------------------------------------


def _of_flac(data: bytes, signal: Signal) -> Iterator[Testimony]:
    """The MD5 of the samples in the first block of a FLAC file (RFC 9639, section 8.2)."""
    stored = data[8 + 18 : 8 + 34]
    if data[4] & 127 or not any(stored):
        return
    declared_bits = (int.from_bytes(data[20:22]) >> 4 & 31) + 1
    # Depths between whole bytes are read into the upper bits of the next larger one.
    lowest = signal.samples.astype("<i4") >> signal.num_bits - declared_bits
    width = -(-declared_bits // 8)
    little_endian = np.ascontiguousarray(lowest).view(np.uint8)
    packed = little_endian.reshape(-1, 4)[:, :width].tobytes()
    yield Testimony("MD5", hashlib.md5(packed).digest() == stored)


def _scipy_wav(path: Path, page: int | None) -> list[np.ndarray]:
    """SciPy puts samples of odd depths in the upper bits of the next larger type."""
    from scipy.io import wavfile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of chunks that it does not know
        _, samples = wavfile.read(io.BytesIO(path.read_bytes()))
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.dtype == np.uint8:
        return [samples.astype(np.int64) - 128]
    if samples.dtype.kind == "f":
        return [samples]
    return [samples.astype(np.int64) >> shift for shift in (0, 8, 4, 12, 16)]


def _plain_wav(path: Path, page: int | None) -> list[np.ndarray]:
    """The standard library's reader."""
    with wave.open(str(path), "rb") as file:
        width = file.getsampwidth()
        channels = file.getnchannels()
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8)
    lines = raw.reshape(-1, channels, width)
    if width == 1:
        return [lines[..., 0].astype(np.int64) - 128]  # the only unsigned one
    wide = np.zeros((*lines.shape[:2], 4), np.uint8)
    wide[..., 4 - width :] = lines
    return [wide.view("<i4")[..., 0] >> 8 * (4 - width)]
