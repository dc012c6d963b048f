"""DICOM: every coding and depth, frames, what the samples mean, and what contradicts itself."""

import io
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.image_files import decode_image

CASES = Path(__file__).parents[2] / "shared" / "data" / "cases"
SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")
MPEG2 = UID("1.2.840.10008.1.2.4.100")
TOLD = "what its header says of patient, study and device"


def dataset_of(samples, **elements):
    """A data set with these samples (H, W), (H, W, 3), or with frames before them."""
    found = Dataset()
    found.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    found.SOPInstanceUID = UID("1.2.3")
    is_colour = samples.shape[-1] == 3
    found.Rows, found.Columns = samples.shape[-3:-1] if is_colour else samples.shape[-2:]
    found.SamplesPerPixel = 3 if is_colour else 1
    found.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        found.PlanarConfiguration = 0
    found.BitsAllocated = 8 * samples.dtype.itemsize
    found.BitsStored = found.BitsAllocated
    found.PixelRepresentation = int(samples.dtype.kind == "i")
    found.PixelData = samples.tobytes()
    for name, value in elements.items():
        setattr(found, name, value)
    if "HighBit" not in elements:
        found.HighBit = found.BitsStored - 1
    return found


def file_of(dataset, syntax=ExplicitVRLittleEndian):
    """The bytes of a whole file."""
    if syntax == DEFLATED_FRAMES:  # which pydicom does not know yet
        data = file_of(dataset, JPEGLSLossless)
        return data.replace(JPEGLSLossless.encode(), DEFLATED_FRAMES.encode() + b"\0")
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if syntax == ExplicitVRBigEndian:
        words = np.frombuffer(dataset.PixelData, f"<u{dataset.BitsAllocated // 8}")
        dataset.PixelData = words.byteswap().tobytes()
        dataset["PixelData"].VR = "OW"
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def coded(frames, syntax, encode, whole=encapsulate, **elements):
    """A file with compressed frames."""
    dataset = dataset_of(frames, NumberOfFrames=len(frames), **elements)
    parts = [encode(frame) for frame in frames]
    if whole is encapsulate:
        dataset.PixelData = encapsulate(parts)
    else:
        dataset.PixelData, table, lengths = encapsulate_extended(parts)
        dataset.ExtendedOffsetTable = table
        dataset.ExtendedOffsetTableLengths = lengths
    dataset["PixelData"].is_undefined_length = True
    return file_of(dataset, syntax)


def read(data, page=None, max_pixels=2**22):
    picture, form = decode_image("x.dcm", data, max_pixels, page=page)
    assert form.name == "DICOM"
    return picture


def refused(data, page=None, max_pixels=2**22):
    with pytest.raises(InputError) as caught:
        decode_image("x.dcm", data, max_pixels, page=page)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


# Depths and syntaxes -----------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name[:20])
@pytest.mark.parametrize(("allocated", "stored"), [(8, 1), (8, 7), (8, 8), (16, 12), (16, 16)])
@pytest.mark.parametrize("kind", ["unsigned", "signed"])
def test_every_depth_in_every_syntax(rng, syntax, allocated, stored, kind):
    if allocated == 8 and syntax == ExplicitVRBigEndian:
        pytest.skip("bytes in words of 16 bits: see the test of odd lengths")
    low, high = (0, 2**stored) if kind == "unsigned" else (-(2 ** (stored - 1)), 2 ** (stored - 1))
    dtype = f"{'u' if kind == 'unsigned' else 'i'}{allocated // 8}"
    samples = rng.integers(low, high, (6, 10)).astype(dtype)
    picture = read(file_of(dataset_of(samples, BitsStored=stored), syntax))
    assert (picture.samples[..., 0] == samples).all()
    assert picture.num_bits == stored
    assert picture.samples.dtype.kind == dtype[0]
    assert picture.not_kept == ()


@pytest.mark.parametrize("stored", [20, 32])
def test_deep_samples(rng, stored):
    samples = rng.integers(0, 2**stored, (5, 7), np.uint64).astype(np.uint32)
    picture = read(file_of(dataset_of(samples, BitsStored=stored)))
    assert (picture.samples[..., 0] == samples).all()
    assert picture.num_bits == stored


@pytest.mark.parametrize("high_bit", [11, 13, 15])
@pytest.mark.parametrize("is_signed", [0, 1])
def test_bits_may_stand_higher(rng, high_bit, is_signed):
    """With other things around them, which are told."""
    values = rng.integers(0, 2**12, (5, 8))
    words = values << (high_bit - 11)
    dataset = dataset_of(
        words.astype(np.uint16), BitsStored=12, HighBit=high_bit, PixelRepresentation=is_signed
    )
    picture = read(file_of(dataset))
    expected = (values ^ 2**11) - 2**11 if is_signed else values
    assert (picture.samples[..., 0] == expected).all()
    dataset.PixelData = (words | (1 << 15 if high_bit < 15 else 1)).astype(np.uint16).tobytes()
    again = read(file_of(dataset))
    assert (again.samples[..., 0] == expected).all()
    assert any("bits beside the 12" in phrase for phrase in again.not_kept)


def test_bits_of_single_samples_are_packed(rng):
    samples = rng.integers(0, 2, (2, 5, 7)).astype(np.uint8)
    packed = np.packbits(samples.ravel(), bitorder="little").tobytes()
    dataset = dataset_of(samples, BitsAllocated=1, BitsStored=1, NumberOfFrames=2)
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    for page in (0, 1):
        assert (read(file_of(dataset), page).samples[..., 0] == samples[page]).all()


def test_planes_of_colours(rng):
    samples = rng.integers(0, 256, (4, 6, 3)).astype(np.uint8)
    planes = np.ascontiguousarray(samples.transpose(2, 0, 1))
    data = file_of(dataset_of(samples, PlanarConfiguration=1, PixelData=planes.tobytes()))
    assert (read(data).samples == samples).all()


# Compressed --------------------------------------------------------------------------------------

LOSSLESS = {
    "jpeg-ls": (JPEGLSLossless, imagecodecs.jpegls_encode),
    "jpeg 2000": (
        JPEG2000Lossless,
        lambda frame: imagecodecs.jpeg2k_encode(frame, level=0, reversible=True, codecformat="j2k"),
    ),
    "jpeg": (JPEGLosslessSV1, imagecodecs.ljpeg_encode),
    "htj2k": (HTJ2KLossless, lambda frame: imagecodecs.htj2k_encode(frame, reversible=True)),
}


@pytest.mark.parametrize("coding", LOSSLESS)
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("whole", [encapsulate, encapsulate_extended])
def test_codings_without_loss(rng, coding, bits, whole):
    syntax, encode = LOSSLESS[coding]
    dtype = np.uint8 if bits == 8 else np.uint16
    frames = rng.integers(0, 2**bits, (3, 16, 20)).astype(dtype)
    data = coded(frames, syntax, encode, whole, BitsStored=bits)
    for page in range(3):
        picture = read(data, page)
        assert (picture.samples[..., 0] == frames[page]).all()
        assert (picture.num_bits, picture.not_kept) == (bits, ())


@pytest.mark.parametrize("coding", ["jpeg-ls", "jpeg 2000"])
def test_colours_without_loss(rng, coding):
    syntax, encode = LOSSLESS[coding]
    frames = rng.integers(0, 256, (1, 12, 18, 3)).astype(np.uint8)
    assert (read(coded(frames, syntax, encode)).samples == frames[0]).all()


@pytest.mark.parametrize("coding", ["jpeg-ls", "jpeg"])
def test_signs_are_those_of_the_file(rng, coding):
    """Codings that know no signs hold the bits, and the file says what they mean."""
    syntax, encode = LOSSLESS[coding]
    samples = rng.integers(-2048, 2048, (1, 9, 16))
    frames = (samples & 4095).astype(np.uint16)
    data = coded(frames, syntax, encode, BitsStored=12, PixelRepresentation=1)
    picture = read(data)
    assert (picture.samples[..., 0] == samples[0]).all()
    assert picture.samples.dtype == np.int16


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colours", [1, 3])
def test_run_lengths(rng, bits, colours):
    shape = (2, 7, 9) if colours == 1 else (2, 7, 9, 3)
    frames = rng.integers(0, 4, shape).astype(f"u{bits // 8}")
    dataset = dataset_of(frames, NumberOfFrames=2)
    file_of(dataset)
    dataset.compress(RLELossless)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    for page in (0, 1):
        assert (read(file.getvalue(), page).samples.reshape(shape[1:]) == frames[page]).all()


def deflated(data):
    stream = zlib.compressobj(9, wbits=-15)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_frames_that_are_deflated_by_themselves(rng, bits):
    frames = rng.integers(0, 2**bits, (2, 5, 7)).astype(np.uint16 if bits == 16 else np.uint8)
    elements = {"BitsAllocated": 1, "BitsStored": 1} if bits == 1 else {}

    def encode(frame):
        return deflated(
            np.packbits(frame, bitorder="little").tobytes() if bits == 1 else frame.tobytes()
        )

    data = coded(frames, DEFLATED_FRAMES, encode, **elements)
    for page in (0, 1):
        assert (read(data, page).samples[..., 0] == frames[page]).all()
    short = coded(frames, DEFLATED_FRAMES, lambda frame: deflated(b"\1"), **elements)
    assert "bytes, and" in refused(short, 0) or bits == 1
    large = coded(frames, DEFLATED_FRAMES, lambda frame: deflated(bytes(2**24)), **elements)
    assert "larger than" in refused(large, 0)


def test_bits_in_run_lengths(rng):
    frames = rng.integers(0, 2, (2, 5, 7)).astype(np.uint8)

    def encode(frame):
        packed = np.packbits(frame, bitorder="little").tobytes()
        header = struct.pack("<16I", 1, 64, *[0] * 14)
        return header + bytes([len(packed) - 1]) + packed

    data = coded(frames, RLELossless, encode, BitsAllocated=1, BitsStored=1)
    for page in (0, 1):
        assert (read(data, page).samples[..., 0] == frames[page]).all()


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "RGB"])
def test_what_lost_something_is_told(rng, photometric):
    frames = rng.integers(0, 256, (1, 16, 16, 3)).astype(np.uint8)
    if photometric == "RGB":
        options = {"colorspace": "RGB", "outcolorspace": "RGB"}
    else:
        options = {"colorspace": "RGB", "outcolorspace": "YCBCR"}
    parts = []

    def encode(frame):
        parts.append(imagecodecs.jpeg8_encode(frame, level=80, **options))
        return parts[-1]

    data = coded(frames, JPEGBaseline8Bit, encode, PhotometricInterpretation=photometric)
    picture = read(data)
    wanted = imagecodecs.jpeg8_decode(
        parts[0], colorspace=options["outcolorspace"], outcolorspace="RGB"
    )
    assert (picture.samples == wanted).all()
    assert picture.meaning.facts == {}
    assert "lossy coding" in picture.not_kept[0]
    assert "JPEG Baseline" in picture.not_kept[0]


def test_a_frame_that_says_something_else_is_refused(rng):
    frames = rng.integers(0, 256, (1, 8, 8)).astype(np.uint8)
    syntax, encode = LOSSLESS["jpeg-ls"]
    larger = encode(np.zeros((4000, 4000), np.uint8))
    said = refused(coded(frames, syntax, lambda frame: larger))
    assert "a frame declares 4000 x 4000 pixels of 1 sample, and the file 8 x 8 of 1" in said
    for coding, (other, encode) in LOSSLESS.items():
        narrow = encode(np.zeros((8, 6), np.uint8))
        assert "contradicts itself" in refused(coded(frames, other, lambda _, n=narrow: n)), coding


def test_samples_beyond_the_declared_depth_are_refused(rng):
    frames = np.full((1, 8, 8), 5000, np.uint16)
    syntax, encode = LOSSLESS["jpeg-ls"]
    said = refused(coded(frames, syntax, encode, BitsStored=12))
    assert "its samples go from 5000 to 5000, and it declares 12 bits" in said


def test_films_are_refused(rng):
    frames = rng.integers(0, 256, (1, 8, 8)).astype(np.uint8)
    assert "which is not read" in refused(coded(frames, MPEG2, lambda frame: b"\0" * 10))


# Files -------------------------------------------------------------------------------------------


def test_files_without_their_mark(rng):
    samples = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    whole = file_of(dataset_of(samples))
    assert (read(whole[132:]).samples[..., 0] == samples).all()
    assert (read(whole[144:]).samples[..., 0] == samples).all()  # without a length of the group
    disguised = b"II*\0" + bytes(124) + whole[128:]
    assert (read(disguised).samples[..., 0] == samples).all()
    for is_implicit in (False, True):
        dataset = dataset_of(samples)
        file = io.BytesIO()
        pydicom.dcmwrite(
            file, dataset, implicit_vr=is_implicit, little_endian=True, enforce_file_format=False
        )
        assert (read(file.getvalue()).samples[..., 0] == samples).all(), is_implicit


@pytest.mark.parametrize("count", ["", "0", None, "1"])
def test_no_number_of_frames_is_one(rng, count):
    samples = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    elements = {} if count is None else {"NumberOfFrames": count}
    assert (read(file_of(dataset_of(samples, **elements))).samples[..., 0] == samples).all()


def test_frames_are_pages(rng):
    frames = rng.integers(0, 256, (3, 4, 6)).astype(np.uint8)
    data = file_of(dataset_of(frames, NumberOfFrames=3))
    assert "x.dcm holds 3 frames: choose one with --page 0 to 2" in refused(data)
    assert "x.dcm has no page 3: allowed are 0 to 2" in refused(data, 3)
    for page in range(3):
        assert (read(data, page).samples[..., 0] == frames[page]).all()


def test_a_deflated_file_is_bounded(rng):
    samples = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    data = file_of(dataset_of(samples), DeflatedExplicitVRLittleEndian)
    assert (read(data + b"\0").samples[..., 0] == samples).all()
    assert "is cut off" in refused(data[:-4])
    bomb = zlib.compressobj(9, wbits=-15)
    body = bomb.compress(bytes(2**26)) + bomb.flush()
    (group_length,) = struct.unpack_from("<I", data, 140)  # of the meta elements behind it
    head = data[: 144 + group_length]
    assert "larger than" in refused(head + body, max_pixels=100)


@pytest.mark.parametrize("left", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("coding", [None, *LOSSLESS])
def test_what_is_cut_off_is_refused(rng, left, coding):
    frames = rng.integers(0, 256, (1, 40, 40)).astype(np.uint8)
    data = file_of(dataset_of(frames[0])) if coding is None else coded(frames, *LOSSLESS[coding])
    cut = data[: int(len(data) * left)]
    if coding is None or left < 0.99:
        refused(cut)
        return
    try:
        picture = read(cut)
    except InputError:
        return
    # Only bytes that fill up were cut.
    assert (picture.samples[..., 0] == frames[0]).all()


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"Rows": 0}, "an empty picture"),
        ({"Rows": 60000, "Columns": 60000}, "more than the"),
        ({"BitsStored": 9}, "9 bits up to bit 8 do not fit into 8"),
        ({"BitsStored": 0, "HighBit": 0}, "do not fit"),
        ({"HighBit": 3}, "8 bits up to bit 3 do not fit into 8"),
        ({"BitsAllocated": 12, "BitsStored": 12}, "stores samples in 12 bits each"),
        ({"BitsAllocated": 64, "BitsStored": 64}, "stores samples in 64 bits each"),
        ({"PhotometricInterpretation": "ARGB"}, "holds ARGB: MONOCHROME1, MONOCHROME2, RGB"),
        ({"PhotometricInterpretation": "RGB"}, "RGB has 3 samples a pixel, and it declares 1"),
        ({"SamplesPerPixel": 3}, "MONOCHROME2 has 1 sample a pixel, and it declares 3"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "no palette"),
        ({"Rows": 90}, "ends within the first of its frames"),
    ],
)
def test_what_contradicts_itself_is_refused(rng, elements, message):
    samples = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    assert message in refused(file_of(dataset_of(samples, **elements)))


def test_files_without_a_picture_and_floats_are_refused(rng):
    dataset = dataset_of(rng.integers(0, 256, (4, 6)).astype(np.uint8))
    del dataset.PixelData
    assert "a DICOM file without a picture" in refused(file_of(dataset))
    dataset.FloatPixelData = np.zeros(24, np.float32).tobytes()
    dataset.BitsAllocated = 32
    assert "floating point" in refused(file_of(dataset))


# Meaning -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("elements", "facts"),
    [
        ({}, {}),
        ({"PhotometricInterpretation": "MONOCHROME1"}, {"colours": "white_is_zero"}),
        ({"RescaleSlope": "2", "RescaleIntercept": "-1024"}, {"rescale": [2.0, -1024.0]}),
        ({"RescaleIntercept": "-7"}, {"rescale": [1.0, -7.0]}),
        ({"RescaleSlope": "1", "RescaleIntercept": "0"}, {}),
    ],
)
def test_meaning_is_read(rng, elements, facts):
    samples = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    assert read(file_of(dataset_of(samples, **elements))).meaning.facts == facts


def test_brightness_and_colour_stay_so(rng):
    samples = rng.integers(0, 256, (4, 6, 3)).astype(np.uint8)
    picture = read(file_of(dataset_of(samples, PhotometricInterpretation="YBR_FULL")))
    assert (picture.samples == samples).all()
    assert picture.meaning.facts == {"colours": "ycbcr"}


@pytest.mark.parametrize("bits", [8, 16])
def test_palettes_are_their_colours(rng, bits):
    indices = rng.integers(10, 20, (5, 7)).astype(np.uint8)
    tables = rng.integers(0, 2**bits, (3, 10)).astype(f"u{bits // 8}")
    elements = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [10, 10, bits]
        elements[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    picture = read(file_of(dataset_of(indices, **elements)))
    assert (picture.samples == tables[:, indices - 10].transpose(1, 2, 0)).all()
    assert picture.num_bits == bits


def test_what_else_is_said_is_told(rng):
    samples = rng.integers(0, 256, (4, 6)).astype(np.uint8)
    dataset = dataset_of(samples, PatientName="Doe^Jane")
    dataset.add_new((0x6000, 0x3000), "OW", b"\0\0")
    assert read(file_of(dataset)).not_kept == ("an overlay", TOLD)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("stored", [8, 12, 16])
def test_what_decode_writes_is_the_same_picture(tmp_path, rng, stored, suffix):
    samples = rng.integers(0, 2**stored, (5, 6)).astype(np.uint8 if stored == 8 else np.uint16)
    source = tmp_path / "a.dcm"
    source.write_bytes(file_of(dataset_of(samples, BitsStored=stored)))
    network = tmp_path / "a.safetensors"
    assert main(["fit", str(source), "-o", str(network)]) == 0
    restored = tmp_path / f"a{suffix}"
    if (suffix, stored) == (".png", 12):  # which PNG cannot say
        assert main(["decode", str(network), "-o", str(restored)]) == 2
        return
    assert main(["decode", str(network), "-o", str(restored)]) == 0
    assert main(["verify", str(network), str(restored)]) == 0
    assert (lil.load_image(restored).samples[..., 0] == samples).all()


# Damage ------------------------------------------------------------------------------------------


def seeds():
    rng = np.random.default_rng(3)
    frames = rng.integers(0, 256, (2, 6, 8)).astype(np.uint8)
    files = [file_of(dataset_of(frames, NumberOfFrames=2), syntax) for syntax in SYNTAXES[:2]]
    return files + [coded(frames, *LOSSLESS[name]) for name in LOSSLESS]


SEEDS = seeds()


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=300)
@given(st.data())
def test_damage_is_one_sentence(data):
    whole = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture, _ = decode_image("x.dcm", bytes(whole), 2**20, page=1)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - what is no error is right too
    else:
        assert picture.samples.ndim == 3


# The cases ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not CASES.is_dir(), reason="the larger data sets are not here")
def test_the_cases_are_right():
    def raw(name):
        dataset = pydicom.dcmread(CASES / name, force=True)
        return np.frombuffer(dataset.PixelData, "<u2").reshape(dataset.Rows, dataset.Columns)

    for path in sorted(CASES.glob("*.dcm")):
        picture = read(path.read_bytes())
        assert picture.samples.shape[:2] == (12, 16), path.name
    shifted = read((CASES / "high_bit_15.dcm").read_bytes())
    assert (shifted.samples[..., 0] == raw("high_bit_15.dcm") >> 4).all()
    unextended = read((CASES / "signed12_unextended.dcm").read_bytes()).samples[..., 0]
    assert (unextended & 4095 == raw("signed12_unextended.dcm") & 4095).all()
    assert unextended.min() < 0
    palette = read((CASES / "palette_color.dcm").read_bytes())
    assert palette.samples.shape == (12, 16, 3)
    assert palette.num_bits == 16
    turned = read((CASES / "mono1.dcm").read_bytes())
    assert turned.meaning.facts == {"colours": "white_is_zero"}
