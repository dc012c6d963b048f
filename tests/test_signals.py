"""Every supported file gives its own samples and depth back; everything else is one clear error."""

import io
import struct
import subprocess
import sys
import zlib
from fractions import Fraction

import imagecodecs
import numpy as np
import pytest
import soundfile
import tifffile
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import lossless_inr_lite as lil
from lossless_inr_lite import InputError
from lossless_inr_lite.signals import area_resample, write_audio, write_image
from lossless_inr_lite.signals.audio_files import SUBTYPES
from lossless_inr_lite.signals.bits import sample_dtype
from lossless_inr_lite.signals.formats.png import png_bytes
from lossless_inr_lite.signals.image_files import check_image_output
from lossless_inr_lite.signals.metrics import ssim
from lossless_inr_lite.signals.resampling import bilinear_resample


def random_picture(rng, num_bits, channels, height=5, width=7):
    samples = rng.integers(0, 2**num_bits, (height, width, channels))
    return samples.astype(sample_dtype("unsigned", num_bits))


def png_chunk(kind, body):
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def png_file(header, *data):
    chunks = [png_chunk(b"IHDR", header), *(png_chunk(b"IDAT", body) for body in data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("num_bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_pictures_survive_writing_and_reading(tmp_path, rng, num_bits, channels, suffix):
    samples = random_picture(rng, num_bits, channels)
    path = tmp_path / f"p{suffix}"
    write_image(path, samples, num_bits)
    signal = lil.load_image(path)
    assert signal.num_bits == num_bits
    assert signal.samples.dtype == samples.dtype
    assert np.array_equal(signal.samples, samples)


@pytest.mark.parametrize("num_bits", [5, 8, 10, 15, 16])
@pytest.mark.parametrize(("channels", "suffix"), [(1, ".pgm"), (3, ".ppm")])
def test_netpbm_keeps_its_depth(tmp_path, rng, num_bits, channels, suffix):
    samples = random_picture(rng, num_bits, channels)
    path = tmp_path / f"p{suffix}"
    write_image(path, samples, num_bits)
    signal = lil.load_image(path)
    assert (signal.num_bits, signal.samples.shape) == (num_bits, (5, 7, channels))
    assert np.array_equal(signal.samples, samples)


def test_16_bit_colour_png_has_known_values(tmp_path):
    """A file made by hand, so that reader and writer cannot be wrong together."""

    row = b"\x00" + struct.pack(">6H", 1, 256, 65535, 4660, 32769, 0)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    path = tmp_path / "p.png"
    path.write_bytes(png_file(header, zlib.compress(row)))
    signal = lil.load_image(path)
    assert signal.num_bits == 16
    assert signal.samples.tolist() == [[[1, 256, 65535], [4660, 32769, 0]]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (8, 1), (40, 33)])
def test_both_png_writers_store_the_same_samples(
    tmp_path, rng, monkeypatch, dtype, channels, shape
):
    """With edges and ramps too, so that every choice of the filter comes."""
    samples = rng.integers(0, np.iinfo(dtype).max + 1, (*shape, channels)).astype(dtype)
    samples[:, : shape[1] // 2] = np.arange(shape[0]).astype(dtype)[:, None, None] * 7
    num_bits = 8 * samples.dtype.itemsize
    write_image(tmp_path / "usual.png", samples, num_bits)
    with monkeypatch.context() as hidden:
        hidden.setitem(sys.modules, "imagecodecs", None)
        write_image(tmp_path / "plain.png", samples, num_bits)
    assert (tmp_path / "plain.png").read_bytes() == png_bytes(samples)
    for name in ("usual", "plain"):
        signal = lil.load_image(tmp_path / f"{name}.png")
        assert signal.num_bits == num_bits
        assert np.array_equal(signal.samples, samples)
    if num_bits == 8:
        with Image.open(tmp_path / "plain.png") as picture:
            assert np.array_equal(np.asarray(picture).reshape(samples.shape), samples)


def test_the_plain_png_writer_packs_a_photograph_as_well_as_the_usual_one():
    samples = lil.load_image("astronaut").samples
    assert len(png_bytes(samples)) < 1.05 * len(imagecodecs.png_encode(samples))


@pytest.mark.parametrize(
    ("package", "name", "message"),
    [
        ("imagecodecs", "p.png", r"p\.png: reading PNG of 16 bits needs the package imagecodecs"),
        ("tifffile", "p.tif", r"p\.tif: TIFF needs the package tifffile"),
        ("PIL", "p.jpg", r"p\.jpg: reading JPEG needs the package pillow"),
        ("soundfile", "p.flac", "reading and writing FLAC needs the package soundfile"),
    ],
)
def test_a_reader_that_is_not_installed_is_one_sentence(
    tmp_path, rng, monkeypatch, package, name, message
):
    path = tmp_path / name
    if path.suffix == ".jpg":
        Image.fromarray(random_picture(rng, 8, 3)).save(path)
    elif path.suffix == ".flac":
        write_audio(path, np.zeros((9, 1), np.int16), 16, 8000, "PCM_16")
    else:
        write_image(path, random_picture(rng, 16, 3), 16)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=f"{message}, which is not installed"):
        lil.load_signal(path)


def test_what_cannot_be_written_here_is_told_before_any_work(tmp_path, rng, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(InputError, match=r"p\.tif: TIFF needs the package tifffile"):
        check_image_output(tmp_path / "p.tif", lil.SignalSpec("p", (2, 2, 1), 8))
    with pytest.raises(InputError, match=r"p\.tif: TIFF needs the package tifffile"):
        write_image(tmp_path / "p.tif", random_picture(rng, 8, 1), 8)
    assert list(tmp_path.iterdir()) == []


def test_similarity_names_the_extra_that_brings_its_package(monkeypatch):
    ramp = np.arange(256, dtype=np.uint32).reshape(16, 16, 1)
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(InputError, match=r"SSIM needs the package scikit-image.*\[book\]"):
        ssim(ramp, ramp, 8)


def test_signals_are_imported_with_numpy_alone():
    program = (
        "import sys; import lossless_inr_lite.signals, lossless_inr_lite.signals.metrics; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    readers = {
        "imagecodecs",
        "tifffile",
        "pydicom",
        "PIL",
        "soundfile",
        "skimage",
        "torch",
        "scipy",
    }
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert not loaded & readers


def test_palette_and_low_depths_and_jpeg(tmp_path, rng):
    colours = Image.fromarray(random_picture(rng, 8, 3)).quantize(5)
    colours.save(tmp_path / "palette.png")
    assert np.array_equal(
        lil.load_image(tmp_path / "palette.png").samples, np.asarray(colours.convert("RGB"))
    )
    bilevel = rng.integers(0, 2, (5, 7)).astype(bool)
    Image.fromarray(bilevel).save(tmp_path / "one.png")
    one = lil.load_image(tmp_path / "one.png")
    assert one.num_bits == 1
    assert np.array_equal(one.samples[..., 0], bilevel)
    Image.fromarray(random_picture(rng, 8, 3)).save(tmp_path / "p.jpg")
    with Image.open(tmp_path / "p.jpg") as decoded:
        assert np.array_equal(lil.load_image(tmp_path / "p.jpg").samples, np.asarray(decoded))


def test_the_embedded_radiograph_has_15_bits():
    radiograph = lil.load_image("radiograph")
    assert radiograph.num_bits == 15
    assert radiograph.samples.shape[2] == 1
    assert lil.genuineness(radiograph).genuine


@given(st.integers(1, 9), st.data())
def test_area_resampling_is_the_exact_mean(length, data):
    size = data.draw(st.integers(1, length))
    values = data.draw(st.lists(st.integers(0, 65535), min_size=length**2, max_size=length**2))
    picture = np.array(values, dtype=np.uint16).reshape(length, length, 1)
    ours = area_resample(picture, size)
    step = Fraction(length, size)

    def overlap(j, k):
        return max(Fraction(0), min((j + 1) * step, Fraction(k + 1)) - max(j * step, Fraction(k)))

    for y in range(size):
        for x in range(size):
            mean = sum(
                overlap(y, r) * overlap(x, c) * int(picture[r, c, 0])
                for r in range(length)
                for c in range(length)
            )
            # Python rounds halves to even, as numpy.rint does.
            assert ours[y, x, 0] == round(mean / step**2)


def test_size_crops_the_centre_and_no_size_touches_nothing(tmp_path, rng):
    samples = random_picture(rng, 16, 3, height=6, width=10)
    write_image(tmp_path / "p.png", samples, 16)
    assert np.array_equal(lil.load_image(tmp_path / "p.png", size=6).samples, samples[:, 2:8])
    assert np.array_equal(lil.load_image(tmp_path / "p.png").samples, samples)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_survives_writing_and_reading(tmp_path, rng, subtype, channels):
    num_bits = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24}.get(subtype, 32)
    if subtype == "FLOAT":
        samples = rng.standard_normal((50, channels)).astype(np.float32)
        samples[:3, 0] = [-0.0, 1e-45, 3.0]
    else:
        low = -(2 ** (num_bits - 1))
        samples = rng.integers(low, -low, (50, channels)).astype(np.int32)
    path = tmp_path / "s.wav"
    write_audio(path, samples, num_bits, 12345, subtype)
    signal = lil.load_audio(path)
    assert (signal.num_bits, signal.sample_rate, signal.subtype) == (num_bits, 12345, subtype)
    expected = samples if subtype == "FLOAT" else samples.astype(signal.samples.dtype)
    assert signal.samples.tobytes() == expected.tobytes()


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_integer_wav_is_the_same_sound_without_soundfile(
    tmp_path, rng, monkeypatch, subtype, channels
):
    num_bits = SUBTYPES[subtype].num_bits
    limit = 2 ** (num_bits - 1)
    samples = rng.integers(-limit, limit, (51, channels)).astype(np.int32)
    write_audio(tmp_path / "usual.wav", samples, num_bits, 12345, subtype)
    with monkeypatch.context() as hidden:
        hidden.setitem(sys.modules, "soundfile", None)
        write_audio(tmp_path / "plain.wav", samples, num_bits, 12345, subtype)
    usual = lil.load_audio(tmp_path / "usual.wav")
    plain = lil.load_audio(tmp_path / "plain.wav")
    assert np.array_equal(plain.samples, samples)
    assert plain.spec.facts == usual.spec.facts


def test_flac_is_not_written_without_soundfile(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(InputError, match="writing FLAC needs the package soundfile"):
        write_audio(tmp_path / "s.flac", np.zeros((9, 1), np.int16), 16, 8000, "PCM_16")
    assert list(tmp_path.iterdir()) == []


def test_flac_and_its_limits(tmp_path, rng):
    samples = rng.integers(-(2**23), 2**23, (50, 2)).astype(np.int32)
    write_audio(tmp_path / "s.flac", samples, 24, 48000, "PCM_24")
    assert np.array_equal(lil.load_signal(tmp_path / "s.flac").samples, samples)
    with pytest.raises(InputError, match="FLAC cannot hold FLOAT"):
        write_audio(tmp_path / "f.flac", samples.astype(np.float32), 32, 48000, "FLOAT")


def test_genuineness_tells_stretched_from_real(rng):
    real = random_picture(rng, 16, 1, 64, 64)
    low = (real >> 8).astype(np.uint16)
    assert lil.genuineness(lil.Signal(real, 16)).genuine
    assert lil.genuineness(lil.Signal(low * 257, 16)).gcd == 257
    assert lil.genuineness(lil.Signal(low * 256, 16)).gcd == 256
    twelve = (real >> 4).astype(np.uint16)
    replicated = lil.genuineness(lil.Signal((twelve << 4) | (twelve >> 8), 16))
    assert (replicated.gcd, replicated.replicated_from, replicated.genuine) == (1, 12, False)
    assert "constant" in lil.genuineness(lil.Signal(real * 0, 16)).verdict


def test_the_stretched_picture_of_the_shared_set_is_reported(shared):
    report = lil.genuineness(lil.load_image(shared / "img16" / "not_genuine_flower_8bit_x257.pgm"))
    assert (report.num_bits, report.gcd, report.genuine) == (16, 257, False)
    assert "8-bit data in 16 bits" in report.verdict


def test_genuine_pictures_of_the_shared_set_pass(shared):
    for path in sorted((shared / "img16").glob("*.png")):
        assert lil.genuineness(lil.load_image(path)).genuine, path.name


# Bad input -------------------------------------------------------------------------------------


def png_of(rng):
    return imagecodecs.png_encode(random_picture(rng, 8, 3, 40, 40))


def jpeg_of(rng):
    buffer = io.BytesIO()
    Image.fromarray(random_picture(rng, 8, 3, 40, 40)).save(buffer, "jpeg")
    return buffer.getvalue()


def tiff_of(rng):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, random_picture(rng, 16, 3, 40, 40), photometric="rgb")
    return buffer.getvalue()


def pgm_of(rng):
    return b"P5\n40 40\n255\n" + random_picture(rng, 8, 1, 40, 40).tobytes()


@pytest.mark.parametrize("make", [png_of, jpeg_of, tiff_of, pgm_of])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_picture_is_an_error(tmp_path, rng, make, share):
    data = make(rng)
    path = tmp_path / "cut.img"
    path.write_bytes(data)
    assert lil.load_image(path).samples.shape[:2] == (40, 40)
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=r"cut\.img"):
        lil.load_image(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "not a picture"),
        (b"P5\n0 5\n255\n", "empty picture"),
        (b"P5\n5 5\n70000\n" + b"x" * 99, "largest value"),
        (b"P5\n5 5", "no PGM/PPM header"),
    ],
)
def test_a_file_that_is_no_picture_is_an_error(tmp_path, content, message):
    (tmp_path / "p.png").write_bytes(content)
    with pytest.raises(InputError, match=message):
        lil.load_image(tmp_path / "p.png")


def test_a_missing_file_lists_the_embedded_names(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.png does not exist.*astronaut"):
        lil.load_image(tmp_path / "nothing.png")
    with pytest.raises(InputError, match="is a folder"):
        lil.load_image(tmp_path)


def test_a_decompression_bomb_is_refused_from_its_header(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_file(struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0), b"x"))
    with pytest.raises(InputError, match=r"10000000000 pixels.*--max-pixels"):
        lil.load_image(path)
    (tmp_path / "bomb.pgm").write_bytes(b"P5\n99999 99999\n255\n")
    with pytest.raises(InputError, match="--max-pixels"):
        lil.load_image(tmp_path / "bomb.pgm")


def test_max_pixels_is_a_limit_that_can_be_raised(tmp_path, rng):
    write_image(tmp_path / "p.png", random_picture(rng, 8, 1), 8)
    with pytest.raises(InputError, match="more than the 34"):
        lil.load_image(tmp_path / "p.png", max_pixels=34)
    assert lil.load_image(tmp_path / "p.png", max_pixels=35).samples.size == 35


def test_a_wrong_depth_or_size_is_an_error():
    with pytest.raises(InputError, match="holds 8 bits a sample, not the 16"):
        lil.load_image("astronaut", num_bits=16)
    with pytest.raises(InputError, match=r"size 600 is larger than astronaut\.png \(512 x 512\)"):
        lil.load_image("astronaut", size=600)
    with pytest.raises(InputError, match="size is 0"):
        lil.load_image("astronaut", size=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_sound_names_the_first_position(tmp_path, bad):
    samples = np.zeros((20, 2), dtype=np.float32)
    samples[7, 1] = bad
    soundfile.write(tmp_path / "s.wav", samples, 8000, "FLOAT")
    with pytest.raises(InputError, match=r"sample \(7, 1\)"):
        lil.load_audio(tmp_path / "s.wav")


def test_bad_sound_files_are_errors(tmp_path, rng):
    (tmp_path / "s.wav").write_bytes(b"RIFFnope")
    with pytest.raises(InputError, match="not a sound file"):
        lil.load_audio(tmp_path / "s.wav")
    soundfile.write(tmp_path / "u.wav", rng.standard_normal(20), 8000, "ULAW")
    with pytest.raises(InputError, match="ULAW"):
        lil.load_audio(tmp_path / "u.wav")
    soundfile.write(tmp_path / "e.wav", np.zeros(0), 8000, "PCM_16")
    with pytest.raises(InputError, match="no samples"):
        lil.load_audio(tmp_path / "e.wav")
    soundfile.write(tmp_path / "g.wav", np.zeros(100), 8000, "PCM_16")
    with pytest.raises(InputError, match="--max-pixels"):
        lil.load_audio(tmp_path / "g.wav", max_samples=99)
    with pytest.raises(InputError, match="size is for pictures"):
        lil.load_signal(tmp_path / "g.wav", size=8)


def test_a_truncated_wav_is_an_error(tmp_path, rng):
    soundfile.write(tmp_path / "s.wav", rng.standard_normal(50), 8000, "PCM_16")
    data = (tmp_path / "s.wav").read_bytes()
    (tmp_path / "s.wav").write_bytes(data[:-40])
    with pytest.raises(InputError, match="is truncated: 100 bytes of samples declared, 60 found"):
        lil.load_audio(tmp_path / "s.wav")


def test_signed_pictures_need_tiff(tmp_path, rng):
    samples = rng.integers(-500, 500, (5, 6, 1)).astype(np.int16)
    write_image(tmp_path / "s.tif", samples, 16)
    assert np.array_equal(lil.load_image(tmp_path / "s.tif").samples, samples)
    with pytest.raises(InputError, match=r"16 signed bits: use \.tif"):
        write_image(tmp_path / "s.png", samples, 16)


@pytest.mark.parametrize("name", ["~nosuchuser/x.png", "x" * 300 + ".png", "a\0b.png"])
def test_a_name_that_no_file_can_have_is_an_error(name):
    with pytest.raises(InputError):
        lil.load_image(name)


def test_float_tiffs_and_stacks_are_errors(tmp_path):
    tifffile.imwrite(tmp_path / "f.tif", np.zeros((5, 5), np.float32))
    with pytest.raises(InputError, match="integers of 1 to 32 bits"):
        lil.load_image(tmp_path / "f.tif")
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((3, 5, 5), np.uint8), photometric="minisblack")
    with pytest.raises(InputError, match="holds 3 pictures"):
        lil.load_image(tmp_path / "s.tif")


def test_samples_of_a_wrong_kind_are_errors():
    with pytest.raises(InputError, match="shape"):
        lil.Signal(np.zeros((3, 3), np.uint8), 8)
    with pytest.raises(InputError, match="complex"):
        lil.Signal(np.zeros((3, 3, 1), complex), 8)
    with pytest.raises(InputError, match="outside"):
        lil.Signal(np.full((3, 3, 1), 300, np.uint16), 8)


def test_a_picture_that_the_format_cannot_hold_is_an_error(tmp_path, rng):
    with pytest.raises(InputError, match="allowed suffixes"):
        write_image(tmp_path / "p.gif", random_picture(rng, 8, 3), 8)
    with pytest.raises(InputError, match="cannot hold 2 channels"):
        write_image(tmp_path / "p.pgm", random_picture(rng, 8, 2), 8)
    assert list(tmp_path.iterdir()) == []


# The paper's way of resampling -------------------------------------------------------------------


@pytest.mark.parametrize(("length", "size"), [(64, 16), (50, 21), (33, 32), (16, 16)])
def test_bilinear_is_the_antialiased_interpolation_of_image_libraries(rng, length, size):
    """Beside torch's, in float64: the same numbers, but for halves that round either way."""
    samples = rng.integers(0, 65536, (length, length, 3)).astype(np.uint16)
    ours = bilinear_resample(samples, size)
    planes = torch.from_numpy(samples.astype(np.float64)).permute(2, 0, 1)[None]
    theirs = torch.nn.functional.interpolate(
        planes, (size, size), mode="bilinear", antialias=True, align_corners=False
    )[0].permute(1, 2, 0)
    assert (np.abs(ours - theirs.numpy()) <= 0.5 + 1e-6).all()
    assert ours.dtype == samples.dtype
    assert np.array_equal(bilinear_resample(np.full_like(samples, 7), size), ours * 0 + 7)


def test_a_picture_is_loaded_either_way_and_no_other():
    area = lil.load_image("astronaut", size=32)
    bilinear = lil.load_image("astronaut", size=32, resample="bilinear")
    assert np.array_equal(
        lil.load_signal("astronaut", 32, resample="bilinear").samples, bilinear.samples
    )
    assert 0.5 < np.mean(area.samples != bilinear.samples) < 1
    with pytest.raises(InputError, match="resample"):
        lil.load_image("astronaut", size=32, resample="cubic")
