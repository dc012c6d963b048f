"""DICOM: every depth, sign, coding and colour, frames, and what is declared but not there."""

import io
import logging
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.sequence import Sequence

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.formats.dicom_frames import MOST_FRAGMENTS
from lossless_inr_lite.signals.image_files import check_image_output, decode_image, write_image
from lossless_inr_lite.signals.meaning import MAX_PROFILE, Meaning, profile_text

NATIVE = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
EARLIER = "what an earlier lossy coding left out"


def left_out(syntax):
    """What is told of a coding that loses something."""
    is_sure = syntax in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
    what = "its lossy coding left out" if is_sure else "its coding may have left out"
    return f"what {what} ({syntax.name})"


PREAMBLE = 132  # bytes, with the mark
ENCAPSULATED = uid.UID("1.2.840.10008.1.2.1.98")
DEFLATED_FRAMES = uid.UID("1.2.840.10008.1.2.8.1")
WITHOUT_A_MARK = (uid.RLELossless, ENCAPSULATED, DEFLATED_FRAMES)
J2K: dict[str, Any] = {"level": 0, "codecformat": "J2K", "reversible": True}


def rle(frame, bits):
    """One frame in RLE: a segment for each byte of a sample, the top one first."""
    room = frame.dtype.itemsize
    channels = np.moveaxis(frame, -1, 0) if frame.ndim == 3 else [frame]
    segments = []
    for channel in channels:
        every = np.ascontiguousarray(channel).astype(f">u{room}").view(np.uint8).reshape(-1, room)
        segments += [bytes(imagecodecs.packbits_encode(every[:, k].tobytes())) for k in range(room)]
    segments = [segment + b"\0" * (len(segment) % 2) for segment in segments]
    places = [64 + sum(map(len, segments[:number])) for number in range(len(segments))]
    head = struct.pack("<16I", len(segments), *places, *[0] * (15 - len(segments)))
    return head + b"".join(segments)


def deflated(data):
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(bytes(data)) + deflate.flush()


def jpeg_lossless(frame, bits):
    return imagecodecs.jpeg8_encode(frame, lossless=True, predictor=1, bitspersample=bits)


# Coding without loss -> how a frame of unsigned words is coded.
LOSSLESS = {
    uid.RLELossless: rle,
    uid.JPEGLossless: jpeg_lossless,
    uid.JPEGLosslessSV1: jpeg_lossless,
    uid.JPEGLSLossless: lambda frame, bits: imagecodecs.jpegls_encode(frame),
    uid.JPEG2000Lossless: lambda frame, bits: imagecodecs.jpeg2k_encode(
        frame, bitspersample=bits, **J2K
    ),
    uid.HTJ2KLossless: lambda frame, bits: imagecodecs.htj2k_encode(frame),
    uid.HTJ2KLosslessRPCL: lambda frame, bits: imagecodecs.htj2k_encode(frame),
    ENCAPSULATED: lambda frame, bits: frame.tobytes(),
    DEFLATED_FRAMES: lambda frame, bits: deflated(frame.tobytes()),
}


def room_of(bits):
    return next(width for width in (8, 16, 32) if bits <= width)


def noise(rng, bits, *shape):
    return rng.integers(0, 2**bits, shape, np.uint64).astype(f"uint{room_of(bits)}")


def signed(words, bits):
    """The integers that words are in two's complement."""
    wide = words.astype(np.int64)
    return (wide ^ 2 ** (bits - 1)) - 2 ** (bits - 1)


def dataset_of(words, **elements):
    """A data set of words (H, W) or (H, W, 3), or of frames of these when that is said."""
    frames = "NumberOfFrames" in elements and elements["NumberOfFrames"] not in (0, "", 1)
    shape = words.shape[1:] if frames else words.shape
    dataset = Dataset()
    dataset.SOPClassUID = uid.SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = uid.UID("1.2.3")
    dataset.Rows, dataset.Columns = shape[:2]
    dataset.SamplesPerPixel = 3 if len(shape) == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if len(shape) == 3 else "MONOCHROME2"
    if len(shape) == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = 8 * words.dtype.itemsize
    dataset.BitsStored = elements.get("BitsStored", dataset.BitsAllocated)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = words.tobytes() + b"\0" * (words.nbytes % 2)
    dataset["PixelData"].VR = "OB" if words.dtype.itemsize == 1 else "OW"
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def file_of(dataset, syntax=uid.ExplicitVRLittleEndian, without=()):
    """The file of a data set, written by pydicom."""
    for name in without:
        delattr(dataset, name)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    # pydicom writes no syntax that it does not know: it is put in the place of another.
    is_unknown = not (syntax.is_transfer_syntax or syntax.is_private)
    dataset.file_meta.TransferSyntaxUID = uid.JPEGLSLossless if is_unknown else syntax
    file = io.BytesIO()
    how = {"implicit_vr": False, "little_endian": True} if syntax.is_private else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that are wrong on purpose
        dataset.save_as(file, enforce_file_format=True, **how)
    if not is_unknown:
        return file.getvalue()
    placed = uid.JPEGLSLossless.encode()
    return file.getvalue().replace(placed, syntax.encode().ljust(len(placed), b"\0"))


def dicom(words, syntax: Any = uid.ExplicitVRLittleEndian, **elements: Any):
    """A file of words that are not coded."""
    if syntax == uid.ExplicitVRBigEndian:
        words = words.astype(words.dtype.newbyteorder(">"))
    return file_of(dataset_of(words, **elements), syntax)


def coded(words, frames, syntax, fragments: Any = 1, has_bot: Any = True, **elements: Any):
    """A file of coded frames, in so many fragments each."""
    dataset = dataset_of(words, **elements)
    parts = [bytes(frame) for frame in frames]
    dataset.PixelData = encapsulate(parts, fragments_per_frame=fragments, has_bot=has_bot)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return file_of(dataset, syntax)


def read(data, page=None, max_pixels=2**22):
    picture, form = decode_image("x.dcm", data, max_pixels, page=page)
    assert form.name == "DICOM"
    assert picture.samples.ndim == 3
    return picture


def refused(data, sentence, **options):
    with pytest.raises(InputError, match=sentence) as caught:
        read(data, **options)
    assert "\n" not in str(caught.value)


def tried(data, page=None):
    """The picture in a file, or None when it is refused with one sentence."""
    try:
        return read(data, page, max_pixels=2**20)
    except InputError as error:
        sentence = str(error)
    assert "x.dcm" in sentence
    assert "\n" not in sentence
    return None


def same(picture, samples):
    return np.array_equal(picture.samples, samples.reshape(picture.samples.shape))


# Depths and signs --------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda one: one.name)
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("bits", [*range(2, 18), 24, 31, 32])
def test_every_depth_and_sign_comes_back(tmp_path, rng, bits, is_signed, syntax):
    words = noise(rng, bits, 5, 7)
    samples = signed(words, bits) if is_signed else words
    extended = samples.astype(f"i{words.dtype.itemsize}").view(words.dtype) if is_signed else words
    # Copies of the sign may fill the room of a sample, or zeros.
    for stored in (words, extended):
        data = dicom(stored, syntax, BitsStored=bits, PixelRepresentation=int(is_signed))
        picture = read(data)
        assert (picture.num_bits, picture.meaning, picture.not_kept) == (bits, Meaning(), ())
        assert picture.samples.dtype.kind == ("i" if is_signed else "u")
        assert same(picture, samples)
    path = tmp_path / "x.dcm"
    path.write_bytes(data)
    signal = lil.load_image(path)
    write_image(tmp_path / "x.tif", signal.samples, signal.num_bits, signal.meaning)
    back = lil.load_image(tmp_path / "x.tif")
    assert (back.spec, back.sha256) == (signal.spec, signal.sha256)


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda one: one.name)
def test_bits_are_packed_without_gaps_between_frames(rng, syntax):
    frames = rng.integers(0, 2, (3, 5, 7)).astype(np.uint8)  # 35 bits each
    packed = np.packbits(frames, bitorder="little")
    packed = np.append(packed, np.zeros(len(packed) % 2, np.uint8))
    is_big = syntax == uid.ExplicitVRBigEndian
    for kind in ("OB", "OW"):
        dataset = dataset_of(frames, NumberOfFrames=3, BitsAllocated=1, BitsStored=1, HighBit=0)
        is_swapped = is_big and kind == "OW"
        stored = packed.view(np.uint16).byteswap() if is_swapped else packed
        dataset.PixelData = stored.tobytes()
        dataset["PixelData"].VR = kind
        data = file_of(dataset, syntax)
        for page in range(3):
            picture = read(data, page)
            assert picture.num_bits == 1
            assert same(picture, frames[page])


def test_bits_are_packed_in_each_coded_frame(rng):
    frames = rng.integers(0, 2, (3, 5, 7)).astype(np.uint8)
    packed = [np.packbits(frame, bitorder="little") for frame in frames]
    one = {"NumberOfFrames": 3, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    for syntax, code in (
        (uid.RLELossless, lambda frame: rle(frame[None], 8)),
        (ENCAPSULATED, lambda frame: frame.tobytes()),
        (DEFLATED_FRAMES, lambda frame: deflated(frame.tobytes())),
    ):
        data = coded(frames, [code(frame) for frame in packed], syntax, **one)
        assert all(same(read(data, page), frames[page]) for page in range(3))


def test_bytes_in_big_endian_words_are_put_in_order(rng):
    frames = noise(rng, 8, 3, 3, 5)  # of 15 bytes: the second one begins within a word
    dataset = dataset_of(frames, NumberOfFrames=3)
    padded = np.append(frames.ravel(), np.uint8(0)).view(np.uint16)
    dataset.PixelData = padded.byteswap().tobytes()
    dataset["PixelData"].VR = "OW"
    data = file_of(dataset, uid.ExplicitVRBigEndian)
    assert all(same(read(data, page), frames[page]) for page in range(3))


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize(("bits", "high"), [(12, 15), (12, 13), (15, 15), (1, 7), (8, 30), (5, 6)])
def test_samples_in_the_top_bits_are_taken_from_there(rng, bits, high, is_signed):
    room = room_of(high + 1)
    plain = rng.integers(0, 2**bits, (4, 5), np.uint64)
    plain[0, :2] = (0, 2**bits - 1)
    words = (plain << np.uint64(high + 1 - bits)).astype(f"uint{room}")
    facts = {"BitsStored": bits, "HighBit": high, "PixelRepresentation": int(is_signed)}
    picture = read(dicom(words, **facts))
    assert picture.num_bits == bits
    assert picture.not_kept == ()
    assert same(picture, signed(plain, bits) if is_signed else plain)
    words[1, 2] |= 1
    if high + 1 > bits:
        below = read(dicom(words, **facts))
        assert below.not_kept == (f"what stands in the bits beside the {bits} that are stored",)
        assert same(below, picture.samples)


@pytest.mark.parametrize("is_signed", [False, True])
def test_what_lies_in_unused_bits_is_no_sample_and_told(rng, is_signed):
    words = noise(rng, 12, 4, 5)
    overlaid = words.copy()
    overlaid[1, 1] |= 0x4000
    facts = {"BitsStored": 12, "PixelRepresentation": int(is_signed)}
    picture = read(dicom(overlaid, **facts))
    assert picture.not_kept == ("what stands in the bits beside the 12 that are stored",)
    assert same(picture, signed(words, 12) if is_signed else words)
    assert read(dicom(words, **facts)).not_kept == ()


# Codings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda one: one.name)
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 15, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_codings_without_loss(rng, syntax, is_signed, bits, channels):
    shape = (6, 8) if channels == 1 else (6, 8, 3)
    words = noise(rng, bits, *shape)
    data = coded(
        words,
        [LOSSLESS[syntax](words, bits)],
        syntax,
        BitsStored=bits,
        PixelRepresentation=int(is_signed),
        PhotometricInterpretation="MONOCHROME1" if channels == 1 else "RGB",
    )
    picture = read(data)
    assert (picture.num_bits, picture.not_kept) == (bits, ())
    assert picture.meaning.facts == ({"colours": "white_is_zero"} if channels == 1 else {})
    assert same(picture, signed(words, bits) if is_signed else words)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.HTJ2KLossless], ids=str)
def test_jpeg_2000_of_signed_integers(rng, syntax, bits):
    samples = signed(noise(rng, bits, 6, 8), bits).astype("i1" if bits == 8 else "i2")
    data = LOSSLESS[syntax](samples, bits)
    facts = {"BitsStored": bits, "PixelRepresentation": 1}
    assert same(read(coded(samples, [data], syntax, **facts)), samples)
    # The file may say that they are unsigned: then they are the same bits.
    facts["PixelRepresentation"] = 0
    data = coded(samples, [data], syntax, **facts)
    if bits == 12 and syntax == uid.HTJ2KLossless:  # coded in 16 bits, which are too many then
        refused(data, "and it declares 12 bits")
    else:
        assert same(read(data), samples.astype(np.int64) & (2**bits - 1))


@pytest.mark.parametrize(
    "syntax", [uid.RLELossless, uid.JPEG2000Lossless, uid.HTJ2KLossless], ids=str
)
@pytest.mark.parametrize("bits", [17, 20, 24])
def test_codings_of_more_than_16_bits(rng, syntax, bits):
    words = noise(rng, bits, 6, 8)
    data = coded(words, [LOSSLESS[syntax](words, bits)], syntax, BitsStored=bits)
    assert same(read(data), words)


def test_coded_samples_of_other_depths_than_declared(rng):
    words = noise(rng, 8, 6, 8)
    narrow = read(
        coded(
            words,
            [jpeg_lossless(words, 8)],
            uid.JPEGLossless,
            BitsAllocated=16,
            BitsStored=12,
            HighBit=11,
        )
    )
    assert (narrow.num_bits, same(narrow, words)) == (12, True)
    wide = noise(rng, 16, 6, 8)
    for is_signed in (0, 1):
        facts = {"BitsStored": 12, "PixelRepresentation": is_signed}
        data = coded(wide, [jpeg_lossless(wide, 16)], uid.JPEGLossless, **facts)
        refused(data, "contradicts itself: its samples go from .*, and it declares 12 bits")


def test_jpeg_ls_with_a_scan_for_each_channel(rng):
    words = noise(rng, 8, 6, 8, 3)
    scans = []
    for channel in range(3):
        alone = bytes(imagecodecs.jpegls_encode(np.ascontiguousarray(words[..., channel])))
        scans.append(alone[alone.index(b"\xff\xda") + 10 : -2])
    frame = (
        b"\xff\xd8\xff\xf7\0\x11" + struct.pack(">BHHB", 8, 6, 8, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    )
    for number, scan in enumerate(scans, 1):
        frame += b"\xff\xda\0\x08" + bytes([1, number, 0, 0, 0, 0]) + scan
    assert same(read(coded(words, [frame + b"\xff\xd9"], uid.JPEGLSLossless)), words)


@pytest.mark.parametrize("photometric", ["YBR_RCT", "YBR_ICT", "RGB"])
def test_jpeg_2000_turns_its_colours_back(rng, photometric):
    words = noise(rng, 8, 6, 8, 3)
    frame = imagecodecs.jpeg2k_encode(words, mct=photometric != "RGB", **J2K)
    data = coded(words, [frame], uid.JPEG2000, PhotometricInterpretation=photometric)
    picture = read(data)
    assert (picture.meaning, picture.not_kept) == (Meaning(), (left_out(uid.JPEG2000),))
    assert same(picture, words)
    boxed = imagecodecs.jpeg2k_encode(words, level=0, codecformat="JP2", reversible=True)
    assert same(read(coded(words, [boxed], uid.JPEG2000)), words)


def test_with_loss_the_decoded_samples_are_read_and_it_is_told(rng):
    smooth = np.repeat(np.repeat(noise(rng, 8, 3, 4), 8, axis=0), 8, axis=1)
    deep = smooth.astype(np.uint16) * 16
    of_eight = imagecodecs.jpeg8_encode(smooth, level=60)
    of_twelve = imagecodecs.jpeg8_encode(deep, level=60, bitspersample=12)
    twelve = {"BitsStored": 12}
    near = imagecodecs.jpegls_encode(smooth, 3)
    wavelets = imagecodecs.jpeg2k_encode(smooth, level=30, codecformat="J2K", reversible=False)
    high = imagecodecs.htj2k_encode(smooth, level=0.02, reversible=False)
    for words, frame, syntax, facts, decode in (
        (smooth, of_eight, uid.JPEGBaseline8Bit, {}, imagecodecs.jpeg8_decode),
        (smooth, of_eight, uid.JPEGExtended12Bit, {}, imagecodecs.jpeg8_decode),
        (deep, of_twelve, uid.JPEGExtended12Bit, twelve, imagecodecs.jpeg8_decode),
        (smooth, near, uid.JPEGLSNearLossless, {}, imagecodecs.jpegls_decode),
        (smooth, wavelets, uid.JPEG2000, {}, imagecodecs.jpeg2k_decode),
        (smooth, high, uid.HTJ2K, {}, imagecodecs.htj2k_decode),
    ):
        picture = read(coded(words, [frame], syntax, **facts))
        assert picture.not_kept == (left_out(syntax),)
        assert same(picture, decode(frame))
        assert not same(picture, words)
        assert abs(picture.samples[..., 0].astype(int) - words).mean() < 40
    assert read(dicom(smooth, LossyImageCompression="01")).not_kept == (EARLIER,)


def without(jpeg, marker):
    """A JPEG without the segment of a marker."""
    place = jpeg.index(marker)
    return jpeg[:place] + jpeg[place + 2 + int.from_bytes(jpeg[place + 2 : place + 4]) :]


def test_colours_of_jpeg_are_as_the_picture_or_else_the_file_says(rng):
    smooth = np.repeat(np.repeat(noise(rng, 8, 3, 4, 3), 8, axis=0), 8, axis=1)
    file = io.BytesIO()
    Image.fromarray(smooth).save(file, "JPEG", quality=95, subsampling=0)
    jfif = file.getvalue()
    silent = without(jfif, b"\xff\xe0")
    adobe = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0"
    decoded = np.asarray(Image.open(io.BytesIO(jfif)))
    stored = np.asarray(Image.open(io.BytesIO(jfif)).convert("YCbCr"))
    raw = imagecodecs.jpeg8_decode(silent, colorspace="RGB", outcolorspace="RGB")
    assert abs(raw.astype(int) - stored).mean() < 2
    names = silent.replace(b"\1\x11\0\2\x11\1\3\x11\1", b"R\x11\0G\x11\1B\x11\1")
    names = names.replace(b"\3\1\0\2\x11\3\x11", b"\3R\0G\x11B\x11")
    assert names != silent
    for frame, photometric, expected in (
        (jfif, "YBR_FULL_422", decoded),
        (jfif, "RGB", decoded),
        (silent, "YBR_FULL", decoded),
        (silent, "RGB", raw),
        (names, "YBR_FULL_422", raw),
        (silent[:2] + adobe + b"\0" + silent[2:], "YBR_FULL", raw),
        (silent[:2] + adobe + b"\1" + silent[2:], "RGB", decoded),
    ):
        data = coded(smooth, [frame], uid.JPEGBaseline8Bit, PhotometricInterpretation=photometric)
        picture = read(data)
        assert picture.meaning == Meaning()
        assert same(picture, expected)


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLSLossless, uid.JPEGLossless], ids=str)
def test_luma_and_chroma_without_loss_stay_so(rng, syntax):
    words = noise(rng, 8, 6, 8, 3)
    frame = LOSSLESS[syntax](words, 8)
    picture = read(coded(words, [frame], syntax, PhotometricInterpretation="YBR_FULL"))
    assert picture.meaning == Meaning(colours="ycbcr")
    assert same(picture, words)


# Colours -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda one: one.name)
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_channels_side_by_side_or_one_after_another(rng, syntax, bits, photometric):
    words = noise(rng, bits, 2, 5, 7, 3)
    planes = np.ascontiguousarray(np.moveaxis(words, -1, 1))
    for planar, stored in ((0, words), (1, planes)):
        dataset = dataset_of(words, NumberOfFrames=2, PlanarConfiguration=planar)
        dataset.PhotometricInterpretation = photometric
        order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
        dataset.PixelData = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
        data = file_of(dataset, syntax)
        for page in range(2):
            picture = read(data, page)
            assert same(picture, words[page])
            assert picture.meaning.colours == ("ycbcr" if photometric == "YBR_FULL" else "")


def test_neighbours_may_share_their_colour(rng):
    luma = noise(rng, 8, 4, 6)
    chroma = noise(rng, 8, 4, 3, 2)
    pairs = np.concatenate([luma.reshape(4, 3, 2), chroma], axis=-1)
    expected = np.dstack([luma, np.repeat(chroma, 2, axis=1)])
    dataset = dataset_of(expected, PhotometricInterpretation="YBR_FULL_422")
    whole = file_of(dataset)
    dataset.PixelData = pairs.tobytes()
    picture = read(file_of(dataset))
    assert picture.meaning == Meaning(colours="ycbcr")
    assert picture.not_kept == ("that two neighbours share their colour",)
    assert same(picture, expected)
    # Files that say so and hold all samples are read as what they hold.
    assert (read(whole).not_kept, same(read(whole), expected)) == ((), True)
    dataset.Columns = 5
    refused(file_of(dataset), "need an even width")


@pytest.mark.parametrize("syntax", NATIVE[:3], ids=lambda one: one.name)
@pytest.mark.parametrize("entry_bits", [8, 16])
@pytest.mark.parametrize(("entries", "first"), [(256, 0), (7, 0), (5, 3)])
def test_palettes_are_their_colours(rng, syntax, entry_bits, entries, first):
    numbers = noise(rng, 8, 6, 8)
    table = noise(rng, entry_bits, entries, 3)
    colours = table[np.clip(numbers.astype(int) - first, 0, entries - 1)]
    dataset = dataset_of(numbers, PhotometricInterpretation="PALETTE COLOR")
    is_big = syntax == uid.ExplicitVRBigEndian
    for channel, name in enumerate(("Red", "Green", "Blue")):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", [entries, first, entry_bits])
        column = np.ascontiguousarray(table[:, channel])
        if entry_bits == 8:
            column = np.append(column, np.zeros(entries % 2, np.uint8)).view("<u2")
        stored = column.astype(">u2" if is_big else "<u2")
        setattr(dataset, f"{name}PaletteColorLookupTableData", stored.tobytes())
    picture = read(file_of(dataset, syntax))
    assert (picture.num_bits, picture.meaning) == (entry_bits, Meaning())
    assert same(picture, colours)


def palette(dataset, described, *tables, kind=""):
    for name, table in zip(("Red", "Green", "Blue", "Alpha"), tables, strict=False):
        setattr(dataset, f"{name}PaletteColorLookupTableDescriptor", described)
        stored = struct.pack(f"<{len(table)}H", *table)
        setattr(dataset, f"{kind}{name}PaletteColorLookupTableData", stored)


def test_a_palette_may_have_more_bits_than_it_says():
    dataset = dataset_of(np.arange(4, dtype=np.uint8)[None])
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    palette(dataset, [4, 0, 8], [1, 2, 3, 4], [1, 2, 3, 400], [1, 2, 3, 4])
    picture = read(file_of(dataset))
    assert picture.num_bits == 16
    assert picture.samples[0, :, 1].tolist() == [1, 2, 3, 400]


def test_palettes_of_alpha_of_signed_numbers_and_in_segments():
    numbers = np.array([[0xFE, 0xFF, 0, 1, 2]], np.uint8)
    ramp = [100, 200, 300, 400]
    dataset = dataset_of(numbers, PhotometricInterpretation="PALETTE COLOR", PixelRepresentation=1)
    palette(dataset, [4, 2**16 - 2, 16], *[ramp] * 4)
    for name in ("Red", "Green", "Blue", "Alpha"):
        dataset[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
    picture = read(file_of(dataset))
    assert picture.samples.shape == (1, 5, 4)
    assert picture.samples[0, :, 3].tolist() == [100, 200, 300, 400, 400]
    # Two entries, a line to 60, and again the line that is the second segment, from 60 to 60.
    segments = [0, 2, 10, 20, 1, 4, 60, 2, 1, 4, 0]
    expected = [10, 20, 30, 40, 50, 60, 60, 60, 60, 60]
    dataset = dataset_of(np.arange(10, dtype=np.uint8)[None], SamplesPerPixel=1)
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    palette(dataset, [10, 0, 16], *[segments] * 3, kind="Segmented")
    assert read(file_of(dataset)).samples[0, :, 1].tolist() == expected
    for broken in (
        segments[:-1],
        [1, 3, 5],
        [0, 9, 1],
        [0, 1, 5, 1, 65535, 9],
        [0, 1, 5, 2, 65535, 0, 0],
        [0, 1, 5, 2, 1, 3, 0],
        [7, 1, 5],
        [0, 2, 1, 2],
    ):
        palette(dataset, [10, 0, 16], *[broken] * 3, kind="Segmented")
        refused(file_of(dataset), "is broken: (a palette in segments|2 values of a palette)")


@pytest.mark.parametrize(
    ("described", "table", "sentence"),
    [
        ([4, 0, 16], [1, 2, 3], "3 values of a palette, 4 are needed"),
        ([0, 0, 16], [1, 2, 3], "3 values of a palette, 65536 are needed"),
        ([4, 0, 12], [1, 2, 3, 4], "a palette is described by"),
        ([4, 0], [1, 2, 3, 4], "a palette is described by"),
    ],
)
def test_broken_palettes_are_refused(described, table, sentence):
    dataset = dataset_of(np.zeros((2, 2), np.uint8), PhotometricInterpretation="PALETTE COLOR")
    refused(file_of(dataset), "it has no palette for its colours")
    palette(dataset, described, *[table] * 3)
    refused(file_of(dataset), sentence)


@pytest.mark.parametrize(
    ("channels", "photometric", "sentence"),
    [
        (1, "RGB", "RGB has 3 samples a pixel, and it declares 1"),
        (3, "MONOCHROME2", "MONOCHROME2 has 1 sample a pixel, and it declares 3"),
        (3, "HSV", "holds HSV: MONOCHROME1, "),
        (3, "YBR_PARTIAL_420", "holds YBR_PARTIAL_420: "),
        (3, "YBR_RCT", "says YBR_RCT, which is for JPEG 2000"),
        (3, "YBR_ICT", "says YBR_ICT, which is for JPEG 2000"),
    ],
)
def test_colours_that_are_not_read_are_named(channels, photometric, sentence):
    words = np.zeros((4, 6, 3) if channels == 3 else (4, 6), np.uint8)
    refused(dicom(words, PhotometricInterpretation=photometric), sentence)


# Frames ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS], ids=lambda one: one.name)
@pytest.mark.parametrize("channels", [1, 3])
def test_frames_are_pages(rng, syntax, channels):
    shape = (3, 5, 7) if channels == 1 else (3, 5, 7, 3)
    words = noise(rng, 8, *shape)
    if syntax in NATIVE:
        files = [dicom(words, syntax, NumberOfFrames=3)]
    else:
        parts = [LOSSLESS[syntax](frame, 8) for frame in words]
        ways = [(1, True), (1, False)]
        if syntax not in WITHOUT_A_MARK:
            ways += [(2, True), (2, False)]
        files = [coded(words, parts, syntax, *way, NumberOfFrames=3) for way in ways]
    for data in files:
        refused(data, "x.dcm holds 3 frames: choose one with --page 0 to 2")
        refused(data, "x.dcm has no page 3: allowed are 0 to 2", page=3)
        assert all(same(read(data, page), words[page]) for page in range(3))


def test_only_the_frame_that_was_asked_for_is_decoded(rng):
    words = noise(rng, 8, 3, 6, 8)
    parts = [bytes(imagecodecs.jpegls_encode(frame)) for frame in words]
    parts[1] = parts[1][:30] + bytes(len(parts[1]) - 30)
    data = coded(words, parts, uid.JPEGLSLossless, NumberOfFrames=3)
    assert same(read(data, 0), words[0])
    assert same(read(data, 2), words[2])
    refused(data, "x.dcm is ", page=1)


@pytest.mark.parametrize("frames", [0, "", 1, None])
def test_no_number_of_frames_is_one(rng, frames):
    words = noise(rng, 8, 4, 6)
    facts = {} if frames is None else {"NumberOfFrames": frames}
    assert same(read(dicom(words, **facts)), words)
    rle_frame = rle(words, 8)
    assert same(read(coded(words, [rle_frame], uid.RLELossless, **facts)), words)
    assert same(read(dicom(words, **facts), 0), words)
    refused(dicom(words, **facts), "has no page 1: only 0 is there", page=1)


@pytest.mark.parametrize("declared", [0, 1, 2])
@pytest.mark.parametrize(
    "syntax", [None, uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless]
)
def test_more_frames_than_declared_are_not_lost_in_silence(rng, syntax, declared):
    words = noise(rng, 8, 3, 4, 6)
    first = words[0] if declared < 2 else words[:2]
    dataset = dataset_of(first, NumberOfFrames=declared)
    if syntax is None:
        dataset.PixelData = words.tobytes()
        data = file_of(dataset)
    else:
        dataset.PixelData = encapsulate([bytes(LOSSLESS[syntax](one, 8)) for one in words])
        dataset["PixelData"].is_undefined_length = True
        data = file_of(dataset, syntax)
    refused(data, f"declares {max(1, declared)} frames? and holds 3: .* one with --page 0 to 2")
    assert all(same(read(data, page), words[page]) for page in range(3))


def test_fewer_frames_than_declared_are_told(rng):
    words = noise(rng, 8, 3, 4, 6)
    refused(dicom(words, NumberOfFrames=5), "declares 5 frames and holds 3: it is truncated or")
    assert same(read(dicom(words, NumberOfFrames=5), 2), words[2])
    refused(dicom(words, NumberOfFrames=5), "has no page 3", page=3)
    data = coded(words, [rle(one, 8) for one in words], uid.RLELossless, NumberOfFrames=4)
    refused(data, "declares 4 frames and holds 3")
    dataset = dataset_of(words[0])
    dataset.PixelData = words[0].tobytes()[:-2]
    refused(file_of(dataset), "is truncated: it ends within the first of its frames")
    dataset.PixelData = words[0].tobytes() + bytes(10)
    assert read(file_of(dataset)).not_kept == ("10 bytes behind its frames",)


# Meaning -----------------------------------------------------------------------------------------


def groups(slope, intercept):
    """The functional groups of one frame with a rescale."""
    values = Dataset()
    values.RescaleSlope = slope
    values.RescaleIntercept = intercept
    group = Dataset()
    group.PixelValueTransformationSequence = Sequence([values])
    return group


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda one: one.name)
def test_a_rescale_is_kept(rng, syntax):
    words = noise(rng, 8, 4, 6)
    for facts, expected in (
        ({"RescaleSlope": "2.5", "RescaleIntercept": "-1024"}, (2.5, -1024.0)),
        ({"RescaleIntercept": "-7"}, (1.0, -7.0)),
        ({"RescaleSlope": "3"}, (3.0, 0.0)),
        ({"RescaleSlope": "1", "RescaleIntercept": "0"}, None),
        ({}, None),
    ):
        assert read(dicom(words, syntax, **facts)).meaning == Meaning(rescale=expected)
    frames = noise(rng, 8, 2, 4, 6)
    dataset = dataset_of(frames, NumberOfFrames=2)
    dataset.SharedFunctionalGroupsSequence = Sequence([groups("2", "5")])
    shared = file_of(dataset, syntax)
    assert [read(shared, page).meaning.rescale for page in (0, 1)] == [(2.0, 5.0)] * 2
    own = [groups("3", "1"), groups("4", "2")]
    dataset.PerFrameFunctionalGroupsSequence = Sequence(own)
    data = file_of(dataset, syntax)
    assert [read(data, page).meaning.rescale for page in (0, 1)] == [(3.0, 1.0), (4.0, 2.0)]


def test_a_rescale_that_is_no_number_is_refused():
    data = dicom(np.zeros((2, 2), np.uint8), RescaleSlope="1.5", RescaleIntercept="-1024")
    for value in (b"nan", b"inf", b"a.b"):
        refused(data.replace(b"\x04\x001.5 ", b"\x04\x00" + value + b" "), "is broken")


def test_a_profile_is_kept_or_told():
    words = np.zeros((2, 2, 3), np.uint8)
    for size in (4, 3000, MAX_PROFILE, MAX_PROFILE + 2):
        profile = bytes(range(256)) * (size // 256 + 1)
        picture = read(dicom(words, ICCProfile=profile[:size]))
        if size <= MAX_PROFILE:
            assert picture.meaning == Meaning(icc_profile=profile_text(profile[:size]))
            assert picture.not_kept == ()
        else:
            assert picture.not_kept == (f"a colour profile of {size} bytes",)


def test_what_else_is_said_is_named():
    table = Dataset()
    table.LUTDescriptor = [2, 0, 16]
    table.LUTData = struct.pack("<2H", 1, 2)
    words = np.zeros((2, 2), np.uint8)
    for facts, phrase in (
        ({"WindowCenter": "40", "WindowWidth": "400"}, "a window for viewing"),
        ({"VOILUTSequence": Sequence([table])}, "a window for viewing"),
        ({"ModalityLUTSequence": Sequence([table])}, "a table of physical units"),
        ({"RedPaletteColorLookupTableData": b"\0\0"}, "a palette beside its own colours"),
        ({"PixelPaddingValue": 0}, "a value that stands for no data"),
        ({"PixelAspectRatio": [2, 1]}, "that its pixels are not square"),
        ({"PresentationLUTShape": "INVERSE"}, "that it is to be viewed as a negative"),
    ):
        assert read(dicom(words, **facts)).not_kept == (phrase,)
    quiet = {"PixelAspectRatio": [1, 1], "PresentationLUTShape": "IDENTITY"}
    assert read(dicom(words, **quiet)).not_kept == ()
    negative = {"PresentationLUTShape": "INVERSE", "PhotometricInterpretation": "MONOCHROME1"}
    assert read(dicom(words, **negative)).not_kept == ()
    dataset = dataset_of(words)
    for group in (0x6000, 0x6002):
        dataset.add_new((group << 16) + 0x3000, "OW", b"\0\0")
        phrase = "an overlay" if group == 0x6000 else "2 overlays"
        assert read(file_of(dataset)).not_kept == (phrase,)


def test_what_is_decoded_passes_verify(tmp_path, capsys):
    """Also where the file says more than the written one can."""
    generator = np.random.default_rng(3)
    words = noise(generator, 12, 5, 6)
    colour = noise(generator, 8, 5, 6, 3)
    negative = {"BitsStored": 12, "PhotometricInterpretation": "MONOCHROME1"}
    rescaled = {"BitsStored": 12, "RescaleIntercept": "-1024", "PixelRepresentation": 1}
    files = {
        "negative": dicom(words, **negative),
        "signed": dicom(words, **rescaled),
        "luma": dicom(colour, PhotometricInterpretation="YBR_FULL"),
        "frames": coded(
            words, [rle(words, 12)] * 2, uid.RLELossless, NumberOfFrames=1, BitsStored=12
        ),
    }
    for name, data in files.items():
        path = tmp_path / f"{name}.dcm"
        path.write_bytes(data)
        page = ["--page", "1"] if name == "frames" else []
        network = tmp_path / f"{name}.safetensors"
        picture = tmp_path / f"{name}.tif"
        assert main(["fit", str(path), "-o", str(network), *page]) == 0
        assert main(["verify", str(network), str(path), *page]) == 0
        assert main(["decode", str(network), "-o", str(picture)]) == 0
        assert main(["verify", str(network), str(picture)]) == 0
        signal = lil.load_image(path, page=1 if page else None)
        assert np.array_equal(lil.load_image(picture).samples, signal.samples)
    assert "the rescale to 1 x + -1024" in capsys.readouterr().err


# What is no whole picture ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"Rows": 0}, "declares 6 x 0 pixels: an empty picture"),
        ({"Rows": 65535, "Columns": 65535}, "more than the 4194304 that are allowed"),
        ({"SamplesPerPixel": 17}, "declares 17 channels"),
        ({"SamplesPerPixel": 2}, "MONOCHROME2 has 1 sample a pixel, and it declares 2"),
        ({"Rows": 5}, "it ends within the first of its frames"),
        ({"BitsAllocated": 12}, "stores samples in 12 bits each: 1, 8, 16 and 32 are read"),
        ({"BitsAllocated": 64}, "stores samples in 64 bits each"),
        ({"BitsAllocated": 0}, "stores samples in 0 bits each"),
        ({"BitsStored": 0, "HighBit": 0}, "0 bits up to bit 0 do not fit into 8"),
        ({"BitsStored": 9, "HighBit": 8}, "9 bits up to bit 8 do not fit into 8"),
        ({"BitsStored": 8, "HighBit": 6}, "8 bits up to bit 6 do not fit into 8"),
        ({"PixelRepresentation": 2}, "neither unsigned nor signed"),
    ],
)
def test_what_is_declared_is_checked_first(facts, sentence):
    refused(dicom(np.zeros((4, 6), np.uint8), **facts), sentence)


def test_files_without_integers_are_refused():
    words = np.zeros((4, 6), np.uint8)
    refused(file_of(dataset_of(words), without=["PixelData"]), "without a picture")
    refused(file_of(dataset_of(words), without=["Rows"]), "without a picture")
    for name, kind in (("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")):
        dataset = dataset_of(words)
        setattr(dataset, name, words.astype(kind).tobytes())
        refused(file_of(dataset, without=["PixelData"]), "holds floating point: integers")


@pytest.mark.parametrize(
    ("syntax", "sentence"),
    [
        (uid.MPEG2MPML, "is DICOM coded as MPEG2 Main Profile / Main Level, which is not read"),
        (uid.HEVCMP51, "is DICOM coded as HEVC.*, which is not read"),
        (uid.UID("1.2.3.4"), "is DICOM coded as 1.2.3.4, which is not read"),
    ],
)
def test_other_syntaxes_are_named(syntax, sentence):
    words = np.zeros((4, 6), np.uint8)
    refused(coded(words, [bytes(24)], syntax), sentence)


def test_pixels_must_be_as_the_syntax_says():
    words = np.zeros((4, 6), np.uint8)
    native = dicom(words)
    there = uid.ExplicitVRLittleEndian.encode() + b"\0"
    meta = native.index(there)
    ours = b"1.2.840.10008.1.2.5\0"
    assert len(there) == len(ours)
    refused(native[:meta] + ours + native[meta + len(ours) :], "its pixels are not encapsulated")
    data = coded(words, [rle(words, 8)], uid.RLELossless)
    refused(data.replace(ours, there), "its pixels are encapsulated, which Explicit VR Little")


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda one: one.name)
def test_coded_frames_of_another_size_are_refused_before_they_are_decoded(syntax):
    words = np.zeros((4, 6), np.uint8)
    for shape in ((4, 8), (3, 4), (4, 6, 3)):
        frame = LOSSLESS[syntax](np.zeros(shape, np.uint8), 8)
        data = coded(words, [frame], syntax)
        refused(data, "x.dcm (contradicts itself|is (broken|truncated|larger than 25 bytes|cut))")


def test_a_large_picture_inside_is_not_decoded():
    words = np.zeros((4, 6), np.uint8)
    frame = bytearray(LOSSLESS[uid.JPEG2000Lossless](words, 8))
    struct.pack_into(">2I", frame, 8, 2**31, 2**31)
    refused(coded(words, [frame], uid.JPEG2000Lossless), "a frame declares 2147483648 x 2147483648")


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda one: one.name)
def test_every_cut_of_a_coded_file_is_refused(rng, syntax):
    words = noise(rng, 8, 6, 8)
    frame = bytes(LOSSLESS[syntax](words, 8))
    data = coded(words, [frame], syntax)
    for length in [*range(PREAMBLE, len(data) - 8, 5), len(data) - 8]:
        refused(data[:length], "^x.dcm is ")
    has_end = frame.rstrip(b"\0").endswith(b"\xff\xd9")
    for cut in range(1, len(frame) - 10, 3):
        # A cut within the frame, whose end is marked all the same.
        short = frame[: len(frame) - 2 - cut] + (b"\xff\xd9" if has_end else b"")
        picture = tried(coded(words, [short], syntax))
        assert picture is None or same(picture, words)


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda one: one.name)
def test_every_cut_of_a_plain_file_is_refused(rng, syntax):
    data = dicom(noise(rng, 8, 6, 8), syntax)
    end = len(data) - 1  # of a deflated one the last byte may be no part of it
    for length in range(PREAMBLE, end, 3):
        refused(data[:length], "^(x.dcm is |the data set of x.dcm )")


def test_what_stands_between_fragments_is_refused(rng):
    words = noise(rng, 8, 6, 8)
    data = coded(words, [rle(words, 8)], uid.RLELossless)
    item = data.index(b"\xfe\xff\x00\xe0", data.index(b"\xfe\xff\x00\xe0") + 1)
    refused(data[:item] + b"abcd" + data[item + 4 :], "is broken: 61626364 stands between")
    long = data[: item + 4] + b"\xff\xff\xff\x7f" + data[item + 8 :]
    refused(long, "is truncated: it ends within its compressed pixels")
    first = data.index(b"\xfe\xff\x00\xe0")
    empty = data[:first] + b"\xfe\xff\xdd\xe0" + bytes(4)
    refused(empty, "have no table of offsets")
    refused(data[:item] + b"\xfe\xff\xdd\xe0" + bytes(4), "ends within the first of its frames")


def test_what_swells_is_stopped():
    words = np.zeros((4, 6), np.uint8)
    data = coded(words, [b"  "] * (MOST_FRAGMENTS + 2), uid.RLELossless)
    refused(data, f"has more than {MOST_FRAGMENTS} fragments")
    plain = dicom(words, uid.DeflatedExplicitVRLittleEndian)
    start = PREAMBLE + 12 + struct.unpack_from("<I", plain, PREAMBLE + 8)[0]
    body = zlib.decompress(plain[start:], -15)
    deflate = zlib.compressobj(wbits=-15)
    bomb = deflate.compress(body + bytes(2**24)) + deflate.flush()
    refused(plain[:start] + bomb, "is larger than 8000 bytes when it is inflated", max_pixels=1000)
    # A checksum, or a zero that makes the length even, may follow.
    assert same(read(plain + bytes(8)), words)
    refused(plain[: start + 20], "the data set of x.dcm is cut off")
    refused(plain[:start] + b"\xff" * 40, "the data set of x.dcm cannot be inflated")


# How a file begins -------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda one: one.name)
def test_a_preamble_may_be_anything_or_missing(rng, syntax):
    words = noise(rng, 12, 4, 6)
    data = dicom(words, syntax, BitsStored=12)
    tiff = b"II*\0" + bytes(range(124))
    for other in (tiff + data[128:], b"\x89PNG\r\n\x1a\n" + data[8:], data[PREAMBLE:]):
        assert same(read(other), words)


def test_data_sets_without_a_beginning(rng):
    words = noise(rng, 12, 4, 6)
    for syntax in NATIVE[:3]:
        data = dicom(words, syntax, BitsStored=12, SpecificCharacterSet="ISO_IR 100")
        meta = PREAMBLE + 12 + struct.unpack_from("<I", data, PREAMBLE + 8)[0]
        assert same(read(data[meta:]), words)


def test_elements_may_be_implicit_though_the_syntax_says_otherwise(rng):
    words = noise(rng, 8, 4, 6)
    implicit = dicom(words, uid.ImplicitVRLittleEndian)
    there = b"\x02\0\x10\0UI\x12\0" + uid.ImplicitVRLittleEndian.encode() + b"\0"
    ours = b"\x02\0\x10\0UI\x14\0" + uid.ExplicitVRLittleEndian.encode() + b"\0"
    place = implicit.index(there)
    changed = implicit[:place] + ours + implicit[place + len(there) :]
    length = struct.unpack_from("<I", changed, PREAMBLE + 8)[0] + 2
    changed = changed[: PREAMBLE + 8] + struct.pack("<I", length) + changed[PREAMBLE + 12 :]
    assert same(read(changed), words)


def test_the_log_of_the_library_is_not_shown(caplog, recwarn):
    data = dicom(np.zeros((4, 6), np.uint8), WindowCenter="40")
    broken = data.replace(b"DS\2\x0040", b"DS\2\x004x")
    assert broken != data
    with caplog.at_level(logging.DEBUG, "pydicom"):
        pydicom.dcmread(io.BytesIO(broken)).get("WindowCenter", 0)
        assert caplog.records
        caplog.clear()
        recwarn.clear()
        tried(broken)
    assert (caplog.records, list(recwarn)) == ([], [])
    assert not logging.getLogger("pydicom").disabled


# Files of others ---------------------------------------------------------------------------------


def own_files():
    """The test files of pydicom's own wheel."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    return sorted(path.name for path in folder.glob("*.dcm"))


@pytest.mark.parametrize("name", own_files())
def test_files_of_pydicom_are_read_as_it_reads_them(name):
    path: Any = get_testdata_file(name, download=False)
    data = Path(path).read_bytes()
    try:
        dataset = pydicom.dcmread(path, force=True)
        page = dataset.get("NumberOfFrames", 1) - 1 or None
        expected = pixel_array(path, index=page, raw=True)
    except Exception:  # no picture, or one that pydicom reads with other packages only
        tried(data, 0)
        return
    picture = read(data, page)
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        expected = apply_color_lut(expected, dataset)
    if same(picture, expected):
        return
    # Colours of JPEG, which pydicom turns in another arithmetic.
    assert dataset.file_meta.TransferSyntaxUID in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
    assert picture.samples.shape[-1] == 3
    turned = pixel_array(path, index=page)
    assert abs(picture.samples.astype(int) - turned).max() <= 2


CASE_FACTS = {
    "big_endian.dcm": (12, "unsigned", {}),
    "frames_empty.dcm": (12, "unsigned", {}),
    "frames_zero.dcm": (12, "unsigned", {}),
    "high_bit_15.dcm": (12, "unsigned", {}),
    "mono1.dcm": (12, "unsigned", {"colours": "white_is_zero"}),
    "mono2_12.dcm": (12, "unsigned", {}),
    "no_preamble.dcm": (12, "unsigned", {}),
    "overlay_bits.dcm": (12, "unsigned", {}),
    "palette_color.dcm": (16, "unsigned", {}),
    "planar1.dcm": (8, "unsigned", {}),
    "signed12.dcm": (12, "signed", {"rescale": [1.0, -1024.0]}),
    "signed12_unextended.dcm": (12, "signed", {}),
    "ybr_full.dcm": (8, "unsigned", {"colours": "ycbcr"}),
}


def test_the_cases_come_back(shared, tmp_path):
    paths = sorted((shared / "cases").glob("*.dcm"))
    assert {path.name for path in paths} >= set(CASE_FACTS)
    for path in paths:
        signal = lil.load_image(path)
        found = (signal.num_bits, signal.kind, signal.meaning.facts)
        assert found == CASE_FACTS[path.name], path.name
        check_image_output(Path("x.tif"), signal.spec)
        write_image(tmp_path / "x.tif", signal.samples, signal.num_bits, signal.meaning)
        assert lil.load_image(tmp_path / "x.tif").sha256 == signal.sha256, path.name
    plain = lil.load_image(shared / "cases" / "mono2_12.dcm")
    for name in ("big_endian", "frames_empty", "frames_zero", "no_preamble", "overlay_bits"):
        other = lil.load_image(shared / "cases" / f"{name}.dcm")
        assert np.array_equal(other.samples, plain.samples), name


# Damage ------------------------------------------------------------------------------------------


def small_files():
    generator = np.random.default_rng(1)
    words = noise(generator, 8, 6, 8)
    colour = noise(generator, 8, 6, 8, 3)
    files = [dicom(words, syntax) for syntax in NATIVE]
    files += [coded(words, [code(words, 8)], syntax) for syntax, code in LOSSLESS.items()]
    files += [coded(colour, [code(colour, 8)], syntax) for syntax, code in LOSSLESS.items()]
    file = io.BytesIO()
    Image.fromarray(colour).save(file, "JPEG")
    files.append(coded(colour, [file.getvalue()], uid.JPEGBaseline8Bit))
    return files


SMALL = small_files()


@settings(max_examples=400)
@given(st.sampled_from(range(len(SMALL))), st.data())
def test_damage_gives_a_picture_or_one_sentence(number, data):
    changed = bytearray(SMALL[number])
    places = st.integers(PREAMBLE, len(changed) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        changed[place] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, changed[place] ^ 1]))
    page = data.draw(st.sampled_from([None, 0, 1]))
    tried(bytes(changed), page)
