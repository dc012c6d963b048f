"""Small valid files of every format that is read, to be damaged by `fuzz_readers`.

They cover what the formats can say: depths, colours, palettes, transparency, profiles, pages,
codings, byte orders. All are made here, and are the same in every run.
"""

import io
import json
import struct
import tempfile
import wave
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from layouts import PNG_SIGNATURE

GENERATOR_SEED = 0
# Colour type of PNG -> channels.
PNG_KINDS = ((0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (4, 8), (4, 16), (6, 8))
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
NO_DIGEST = "0" * 64


def _samples(*shape: int, largest: int = 255) -> np.ndarray:
    """Some texture, the same every time."""
    generator = np.random.default_rng(GENERATOR_SEED)
    kind = np.uint8 if largest < 256 else np.uint16
    return generator.integers(0, largest + 1, shape).astype(kind)


# Pictures ----------------------------------------------------------------------------------------


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_file(colour: int, depth: int, *more: bytes, interlaced: int = 0) -> bytes:
    """A PNG of 9 x 7 pixels with chunks `more` before the samples; its rows are not filtered."""
    row_bytes = -(-9 * PNG_CHANNELS[colour] * depth // 8)
    rows = np.zeros((7, row_bytes + 1), np.uint8)
    rows[:, 1:] = _samples(7, row_bytes, largest=0 if colour == 3 else 255)
    body = rows.tobytes()
    if interlaced:
        body = bytes(2 * len(body))  # all passes of zeros, and some to spare
    head = struct.pack(">IIBBBBB", 9, 7, depth, colour, 0, 0, interlaced)
    chunks = [png_chunk(b"IHDR", head), *more, png_chunk(b"IDAT", zlib.compress(body))]
    return PNG_SIGNATURE + b"".join([*chunks, png_chunk(b"IEND", b"")])


def png_files() -> list[bytes]:
    """PNG of every kind, with transparency, profile, gamma, significant bits, and Exif."""
    palette = png_chunk(b"PLTE", bytes(range(48)))
    told = (
        png_chunk(b"gAMA", struct.pack(">I", 45455)),
        png_chunk(b"sBIT", b"\5\6\5"),
        png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(b"not a real profile")),
        png_chunk(b"eXIf", b"MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
        png_chunk(b"tEXt", b"Title\0a title"),
    )
    return [
        *(png_file(colour, depth) for colour, depth in PNG_KINDS),
        *(png_file(3, depth, palette) for depth in (1, 2, 4, 8)),
        png_file(3, 4, palette, png_chunk(b"tRNS", b"\0\x80")),
        png_file(0, 4, png_chunk(b"tRNS", b"\0\3")),
        png_file(2, 16, png_chunk(b"tRNS", b"\0\1\0\2\0\3")),
        png_file(2, 8, *told),
        png_file(0, 16, interlaced=1),
        png_file(6, 8, interlaced=1),
    ]


def _by_pillow(samples: Iterable[np.ndarray], form: str, **options: Any) -> bytes:
    from PIL import Image

    first, *others = (Image.fromarray(part) for part in samples)
    if "mode" in options:
        mode = options.pop("mode")
        first, *others = (picture.convert(mode) for picture in (first, *others))
    file = io.BytesIO()
    if others:
        options |= {"save_all": True, "append_images": others}
    first.save(file, form, **options)
    return file.getvalue()


def apng_files() -> list[bytes]:
    """Animated PNG: grey and colour, with frames that are parts of the picture."""
    frames = [np.full((6, 5), 40 * number, np.uint8) for number in range(3)]
    frames[1][2:4, 1:3] = 200
    colours = [np.stack([frame, frame[::-1], frame], axis=-1) for frame in frames]
    hidden = {"default_image": True}
    return [_by_pillow(frames, "PNG"), _by_pillow(colours, "PNG", duration=100, **hidden)]


def gif_files() -> list[bytes]:
    """GIF with one and several frames, transparency, and a comment."""
    frames = [_samples(6, 5) // (number + 1) for number in range(3)]
    few = [frame // 64 for frame in frames]
    return [
        _by_pillow(few[:1], "GIF"),
        _by_pillow(few, "GIF", duration=50, loop=0),
        _by_pillow(few[:1], "GIF", transparency=2, comment=b"hello", interlace=1),
    ]


def jpeg_files() -> list[bytes]:
    """JPEG: grey, colour, CMYK, progressive, turned by Exif, and lossless."""
    import imagecodecs
    from PIL import Image

    grey = _samples(8, 9)
    colour = _samples(8, 9, 3)
    turned = Image.Exif()
    turned[0x112] = 6
    short = {"quality": 30, "optimize": True}
    return [
        _by_pillow([grey], "JPEG", **short),
        _by_pillow([colour], "JPEG", **short),
        _by_pillow([colour], "JPEG", mode="CMYK", **short),
        _by_pillow([colour], "JPEG", progressive=True, **short),
        _by_pillow([colour], "JPEG", exif=turned.tobytes(), icc_profile=b"no profile", **short),
        bytes(imagecodecs.ljpeg_encode(_samples(8, 9, largest=4095), bitspersample=12)),
    ]


def tiff_files() -> list[bytes]:
    """TIFF of many kinds and codings, tiled, planar, in pages, of both byte orders."""
    grey = _samples(8, 9)
    deep = _samples(8, 9, largest=65535)
    colour = _samples(8, 9, 3)
    wanted: list[tuple[np.ndarray, dict[str, Any]]] = [
        (grey, {}),
        (deep, {"byteorder": ">"}),
        (deep.astype(np.int16), {}),
        (deep.astype(np.uint32), {}),
        (deep.astype(np.float32), {}),
        (grey > 100, {}),
        (colour, {"photometric": "rgb"}),
        (colour, {"photometric": "rgb", "compression": "zlib", "predictor": True}),
        (colour, {"photometric": "rgb", "compression": "lzw"}),
        (colour, {"photometric": "rgb", "compression": "packbits"}),
        (np.moveaxis(colour, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        (_samples(16, 16, 3), {"photometric": "rgb", "compression": "jpeg"}),
        (_samples(20, 20), {"tile": (16, 16), "compression": "zlib"}),
        (_samples(8, 9, 4), {"photometric": "rgb", "extrasamples": ["assocalpha"]}),
        (_samples(8, 9, 4), {"photometric": "separated"}),
        (grey, {"photometric": "miniswhite"}),
        (grey % 4, {"photometric": "palette", "colormap": _samples(3, 256, largest=65535)}),
        (grey, {"bigtiff": True}),
        (_samples(3, 8, 9), {"photometric": "minisblack"}),
        (_samples(3, 8, 9), {"imagej": True}),
        (_samples(3, 8, 9), {"imagej": True, "truncate": True}),
        (_samples(3, 8, 9), {"shaped": True, "metadata": {}, "truncate": True}),
        (_samples(2, 8, 9), {"volumetric": True}),
        (_samples(3, 8, 9), {"ome": True, "metadata": {"axes": "ZYX"}}),
        (grey % 8, {"bitspersample": 3}),
        (deep % 4096, {"bitspersample": 12, "byteorder": ">"}),
        (_samples(8, 9, 3) % 32, {"bitspersample": 5, "photometric": "rgb"}),
        (deep.astype(np.uint32) * 16, {"bitspersample": 24}),
        (colour, {"photometric": "cielab"}),
        (colour, {"photometric": "ycbcr"}),
        (_samples(8, 9, 5), {"photometric": "separated", "extrasamples": [2]}),
        (colour, {"photometric": "rgb", "compression": "png"}),
        (colour, {"photometric": "rgb", "compression": "webp"}),
        (colour, {"photometric": "rgb", "compression": "jpegxl"}),
        (colour, {"photometric": "rgb", "compression": "jpeg2000"}),
        (colour, {"photometric": "rgb", "compression": "zstd"}),
        (colour, {"photometric": "rgb", "compression": "lzma"}),
        (deep, {"compression": "lerc"}),
        (grey, {"extratags": [(274, 3, 1, 6, True)], "iccprofile": b"not a real profile"}),
    ]
    return [_tiff_file(samples, options) for samples, options in wanted] + [
        _by_pillow([grey], "TIFF", mode="1", compression="group4"),
        _by_pillow([grey], "TIFF", mode="1", compression="group3"),
        _signed_tiff(deep),
        _tiff_with_copy(colour),
        _tiff_with_larger(grey),
    ]


def _signed_tiff(samples: np.ndarray) -> bytes:
    """Signed samples of 11 bits, without gaps."""
    from lossless_inr_lite.signals.formats.tiff import tiff_bytes
    from lossless_inr_lite.signals.signal import SignalSpec

    signed = (samples % 2048).astype(np.int16)[..., None] - np.int16(1024)
    return tiff_bytes(signed, SignalSpec("it", signed.shape, 11, "signed"))


def _tiff_with_copy(samples: np.ndarray) -> bytes:
    """A picture, a smaller copy in a directory inside, and another in one behind."""
    import tifffile

    file = io.BytesIO()
    said: dict[str, Any] = {"photometric": "rgb", "metadata": None, "software": False}
    with tifffile.TiffWriter(file) as writer:
        writer.write(samples, subifds=1, **said)
        writer.write(samples[::2, ::2], subfiletype=1, **said)
        writer.write(samples[::2, ::2], subfiletype=1, **said)
    return file.getvalue()


def _tiff_with_larger(samples: np.ndarray) -> bytes:
    """A picture with a larger one in a directory inside."""
    import tifffile

    file = io.BytesIO()
    said: dict[str, Any] = {"photometric": "minisblack", "metadata": None, "software": False}
    with tifffile.TiffWriter(file) as writer:
        writer.write(samples[::2, ::2], subifds=1, subfiletype=1, **said)
        writer.write(samples, **said)
    return file.getvalue()


def _tiff_file(samples: np.ndarray, options: dict[str, Any]) -> bytes:
    import tifffile

    file = io.BytesIO()
    settings: dict[str, Any] = {"photometric": "minisblack", "metadata": None, "software": False}
    of_writer = ("byteorder", "bigtiff", "imagej", "ome", "shaped")
    writer = {name: options[name] for name in of_writer if name in options}
    if "imagej" in options or "ome" in options:
        settings = {"software": False}
    settings |= {name: value for name, value in options.items() if name not in writer}
    tifffile.imwrite(file, samples, **writer, **settings)
    return file.getvalue()


def netpbm_files() -> list[bytes]:
    """PBM, PGM, PPM and PAM, plain and raw, with comments and several largest values."""
    grey = _samples(4, 5)
    return [
        b"P1\n3 2\n1 0 1\n0 1 0\n",
        b"P2\n# a comment\n3 2 15\n0 1 2 3 4 15\n",
        b"P3\n1 2 255\n0 1 2 3 4 255\n",
        b"P4\n9 2\n" + bytes([0xA5, 0x80, 0x3C, 0]),
        b"P5\n5 4 255\n" + grey.tobytes(),
        b"P5\n5 4 100\n" + (grey % 101).tobytes(),
        b"P5 2 2 1000\n" + struct.pack(">4H", 0, 1, 500, 1000),
        b"P6\n2 2\n255\n" + bytes(range(12)),
        b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(16),
        b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 2\nMAXVAL 65535\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n"
        + bytes(16),
    ]


def dicom_files() -> list[bytes]:
    """DICOM: depths, signs, colours, palettes, frames, byte orders, and every coding."""
    from pydicom.uid import (
        DeflatedExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        ImplicitVRLittleEndian,
    )

    grey = _samples(6, 8)
    colour = _samples(6, 8, 3)
    deep = _samples(6, 8, largest=4095)
    frames = _samples(3, 6, 8)
    rescaled = {"RescaleSlope": "2", "RescaleIntercept": "-1024", "PixelRepresentation": 1}
    twelve = {"BitsStored": 12, "HighBit": 11}
    bits = np.packbits(grey > 127, bitorder="little")
    one = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "PixelData": bits.tobytes()}
    wanted = [
        _dataset(grey),
        _dataset(deep, **twelve, **rescaled, WindowCenter="40", WindowWidth="400"),
        _dataset(deep << 4, BitsStored=12, HighBit=15, PhotometricInterpretation="MONOCHROME1"),
        _dataset(colour, PhotometricInterpretation="RGB", PlanarConfiguration=1),
        _dataset(colour, PhotometricInterpretation="YBR_FULL"),
        _dataset(frames, NumberOfFrames=3),
        _dataset(grey, **one),
        _dataset(grey & 7, PhotometricInterpretation="PALETTE COLOR", **_dicom_palette()),
    ]
    big = _dataset(deep.byteswap(), **twelve)
    orders = [
        _dicom_file(_dataset(grey), DeflatedExplicitVRLittleEndian),
        _dicom_file(_dataset(deep, **twelve), ImplicitVRLittleEndian),
        _dicom_file(big, ExplicitVRBigEndian),
        _dicom_file(_dataset(grey))[128 + 4 :],
    ]
    return [*map(_dicom_file, wanted), *orders, *_coded_dicom_files()]


def _coded_dicom_files() -> list[bytes]:
    """A DICOM file of every coding, and one of frames in fragments."""
    import imagecodecs
    from pydicom import uid

    grey = _samples(6, 8)
    colour = _samples(6, 8, 3)
    deep = _samples(6, 8, largest=4095)
    frames = _samples(3, 6, 8)
    twelve = {"BitsStored": 12, "HighBit": 11}
    rgb = {"PhotometricInterpretation": "RGB"}
    turned = {"PhotometricInterpretation": "YBR_RCT"}
    jpeg = _by_pillow([grey], "JPEG", quality=30)
    of_twelve = imagecodecs.jpeg8_encode(deep, bitspersample=12)
    without_loss = imagecodecs.jpeg8_encode(deep, lossless=True, predictor=1, bitspersample=12)
    j2k: dict[str, Any] = {"level": 0, "codecformat": "J2K", "reversible": True}
    rle = _dataset(frames, NumberOfFrames=3)
    rle.compress(uid.RLELossless)
    wanted = [
        (_dataset(grey), uid.JPEGBaseline8Bit, jpeg),
        (_dataset(deep, **twelve), uid.JPEGExtended12Bit, of_twelve),
        (_dataset(deep, **twelve), uid.JPEGLosslessSV1, without_loss),
        (_dataset(deep, **twelve), uid.JPEGLSLossless, imagecodecs.jpegls_encode(deep)),
        (_dataset(colour, **rgb), uid.JPEGLSNearLossless, imagecodecs.jpegls_encode(colour, 2)),
        (
            _dataset(colour, **turned),
            uid.JPEG2000Lossless,
            imagecodecs.jpeg2k_encode(colour, **j2k),
        ),
        (_dataset(deep, **twelve), uid.HTJ2KLossless, imagecodecs.htj2k_encode(deep)),
    ]
    for dataset, syntax, data in wanted:
        _encapsulate(dataset, [bytes(data)], syntax)
    several = _dataset(frames, NumberOfFrames=3)
    parts = [bytes(imagecodecs.jpegls_encode(frame)) for frame in frames]
    _encapsulate(several, parts, uid.JPEGLSLossless, fragments=2)
    return [_dicom_file(dataset) for dataset in (rle, several, *(one for one, _, _ in wanted))]


def _dicom_palette() -> dict[str, Any]:
    """Eight colours of 16 bits."""
    elements: dict[str, Any] = {}
    for number, colour in enumerate(("Red", "Green", "Blue")):
        entries = _samples(3, 8, largest=65535)[number]
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [8, 0, 16]
        elements[f"{colour}PaletteColorLookupTableData"] = entries.tobytes()
    return elements


def _encapsulate(dataset: Any, frames: list[bytes], syntax: Any, fragments: int = 1) -> None:
    """Put coded frames into a data set."""
    from pydicom.encaps import encapsulate

    dataset.PixelData = encapsulate(frames, fragments_per_frame=fragments)
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax


def _dataset(samples: np.ndarray, **elements: Any) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.PatientName = "Doe^Jane"
    is_colour = samples.shape[-1] == 3
    dataset.Rows, dataset.Columns = samples.shape[-3:-1] if is_colour else samples.shape[-2:]
    dataset.SamplesPerPixel = 3 if is_colour else 1
    if is_colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * samples.dtype.itemsize
    dataset.BitsStored = dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = samples.tobytes()
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def _dicom_file(dataset: Any, syntax: Any = None) -> bytes:
    """The file of a data set; `syntax` is another one than that of the data set."""
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


# Sound -------------------------------------------------------------------------------------------


def wav_files() -> list[bytes]:
    """WAV of all depths, extensible, with a list of facts, as a stream, and RF64."""
    plain = [_plain_wav(width) for width in (1, 2, 3, 4)]
    told = plain[1] + b"LIST" + struct.pack("<I", 14) + b"INFOINAM" + struct.pack("<I", 2) + b"a\0"
    stream = plain[1].replace(struct.pack("<I", 160), b"\xff\xff\xff\xff")
    kinds = (("WAV", "FLOAT"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"))
    return [*plain, told, stream, *(_by_soundfile(form, subtype) for form, subtype in kinds)]


def _plain_wav(width: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(width)
        writer.setframerate(8000)
        writer.writeframes(_samples(40 * 2 * width).tobytes())
    return file.getvalue()


def _by_soundfile(form: str, subtype: str, channels: int = 2) -> bytes:
    import soundfile

    tone = np.round(20000 * np.sin(np.arange(40 * channels) / 3)).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, tone.reshape(40, channels), 8000, subtype, format=form)
    return file.getvalue()


def flac_files() -> list[bytes]:
    """FLAC of 8, 16 and 24 bits, as a stream without length and checksum, behind ID3."""
    plain = [_by_soundfile("FLAC", f"PCM_{bits}", channels) for bits, channels in FLAC_KINDS]
    stream = bytearray(plain[0])
    stream[8 + 13] &= 0xF0
    stream[8 + 14 : 8 + 34] = bytes(20)
    return [*plain, bytes(stream), b"ID3\4\0\0\0\0\0\3abc" + plain[0]]


FLAC_KINDS = ((16, 1), (16, 2), (24, 1), ("S8", 2))


# Our own -----------------------------------------------------------------------------------------


def _network_file(network: str, suffix: str, formulation: str = "bit_heads") -> bytes:
    """A saved network for a picture of 4 x 5, with the weights that it starts from."""
    from lossless_inr_lite.architecture import Architecture
    from lossless_inr_lite.model import build_model
    from lossless_inr_lite.signals import SignalSpec
    from lossless_inr_lite.storage.saved import save_model

    options = {"num_waves": 5.0} if network == "ternary" else {}
    architecture = Architecture(formulation, network, 6, 2, "bce", None, options)
    model = build_model(architecture, SignalSpec("tiny", (4, 5, 1), 4), seed=0)
    facts = {
        "package_version": "0.1.0",
        "recipe": "paper",
        "seed": 0,
        "iterations": 1,
        "wrong_bits": 0,
        "sha256_samples": NO_DIGEST,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"tiny{suffix}"
        save_model(path, model, facts)
        return path.read_bytes()


def safetensors_files() -> list[bytes]:
    """Networks with their weights as trained."""
    return [_network_file("siren", ".safetensors"), _network_file("ternary", ".safetensors")]


def trits_files() -> list[bytes]:
    """Ternary networks."""
    names = ("bit_heads", "bit_coordinate")
    return [_network_file("ternary", ".trits", formulation) for formulation in names]


def lic_files() -> list[bytes]:
    """Containers of all levels."""
    from fuzz_codec import seeds

    return [data for data, _ in seeds()]


def certificate_files() -> list[bytes]:
    """A certificate as it lies beside a network."""
    way = {"device": "cpu", "precision": "float32", "threads": 1, "wrong_bits": 0, "margin": 0.5}
    facts = {
        "lossless": True,
        "sha256_weights": NO_DIGEST,
        "sha256_samples": NO_DIGEST,
        "smallest_margin": 0.25,
        "ways": [way],
        "file_bytes": 100,
    }
    return [json.dumps(facts).encode()]


SEEDS: dict[str, Callable[[], list[bytes]]] = {
    "png": png_files,
    "apng": apng_files,
    "gif": gif_files,
    "jpeg": jpeg_files,
    "tiff": tiff_files,
    "netpbm": netpbm_files,
    "dicom": dicom_files,
    "wav": wav_files,
    "flac": flac_files,
    "safetensors": safetensors_files,
    "trits": trits_files,
    "lic": lic_files,
    "certificate": certificate_files,
}
