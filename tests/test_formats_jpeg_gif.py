"""JPEG and GIF as they decode, and files of other kinds, each refused by its own name."""

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

import lossless_inr_lite as lil
from lossless_inr_lite import InputError
from lossless_inr_lite.codec.container import ENVELOPE as CONTAINER
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.signals.formats.unread import refusal
from lossless_inr_lite.signals.meaning import MAX_PROFILE, Meaning, profile_text
from lossless_inr_lite.storage.trits import ENVELOPE as TRITS

CASES = ROOT.parent / "shared" / "data" / "cases"


def loaded(tmp_path, data, **options):
    path = tmp_path / "x.img"
    path.write_bytes(data)
    return lil.load_image(path, **options)


def saved(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def noise(rng, num_bits, channels, height=9, width=14):
    dtype = np.uint8 if num_bits <= 8 else np.uint16
    samples = rng.integers(0, 2**num_bits, (height, width, channels)).astype(dtype)
    return samples[..., 0] if channels == 1 else samples


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def with_segment(jpeg, marker, body):
    return jpeg[:2] + segment(marker, body) + jpeg[2:]


# JPEG --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_the_usual_jpeg_is_what_another_decoder_reads(tmp_path, rng, channels, options):
    data = saved(Image.fromarray(noise(rng, 8, channels)), "JPEG", **options)
    signal = loaded(tmp_path, data)
    assert (signal.num_bits, signal.meaning, signal.not_kept) == (8, Meaning(), ())
    expected = imagecodecs.jpeg8_decode(data)
    assert np.array_equal(signal.samples, expected.reshape(signal.samples.shape))


def test_cmyk_is_0_without_ink(tmp_path, rng):
    ink = noise(rng, 8, 4)
    data = saved(Image.fromarray(ink, "CMYK"), "JPEG", quality=100)
    signal = loaded(tmp_path, data)
    assert signal.meaning == Meaning(colours="cmyk")
    assert abs(signal.samples.astype(int) - ink).mean() < 9
    # Adobe's programs write all turned round. Without their mark nothing is turned.
    place = data.index(b"\xff\xee")
    length = int.from_bytes(data[place + 2 : place + 4])
    plain = data[:place] + data[place + 2 + length :]
    assert np.array_equal(loaded(tmp_path, plain).samples, 255 - signal.samples)


@pytest.mark.parametrize("num_bits", range(2, 17))
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_jpeg_has_the_depth_of_its_header(tmp_path, rng, num_bits, channels):
    samples = noise(rng, num_bits, channels)
    predictor = num_bits % 7 + 1
    data = imagecodecs.jpeg8_encode(
        samples, lossless=True, predictor=predictor, bitspersample=num_bits
    )
    signal = loaded(tmp_path, data)
    assert (signal.num_bits, signal.meaning) == (num_bits, Meaning())
    assert np.array_equal(signal.samples, samples.reshape(signal.samples.shape))


def test_lossless_jpeg_is_not_converted_and_damage_is_noticed(tmp_path, rng):
    samples = noise(rng, 8, 3)
    data = bytes(imagecodecs.jpeg8_encode(samples, lossless=True))
    place = data.index(b"\xff\xee")
    without_adobe = data[:place] + data[place + 2 + int.from_bytes(data[place + 2 : place + 4]) :]
    for said in (b"JFIF\0\1\1\0\0\1\0\1\0\0", b"Adobe\0\x64\0\0\0\0\1"):
        marker = 0xE0 if said.startswith(b"JFIF") else 0xEE
        signal = loaded(tmp_path, with_segment(without_adobe, marker, said))
        assert signal.meaning == Meaning(colours="ycbcr")
        assert np.array_equal(signal.samples, samples)
    ended_early = data[: len(data) * 3 // 4] + b"\xff\xd9"
    with pytest.raises(InputError, match=r"x\.img is"):
        loaded(tmp_path, ended_early)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_of_12_bits(tmp_path, rng, channels):
    samples = np.repeat(np.repeat(noise(rng, 12, channels), 8, axis=0), 8, axis=1)
    data = imagecodecs.jpeg8_encode(samples, level=100, bitspersample=12, subsampling="444")
    signal = loaded(tmp_path, data)
    assert signal.num_bits == 12
    assert signal.samples.max() > 255
    assert abs(signal.samples.reshape(samples.shape).astype(int) - samples).mean() < 9


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_kept(tmp_path, rng, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(noise(rng, 8, 3))
    signal = loaded(tmp_path, saved(picture, "JPEG", exif=exif))
    assert (signal.meaning, signal.not_kept) == (Meaning(orientation=orientation), ())
    exif[0x0110] = "a camera"
    signal = loaded(tmp_path, saved(picture, "JPEG", exif=exif, comment="words"))
    assert signal.meaning == Meaning(orientation=orientation)
    assert signal.not_kept == ("Exif data", "a comment")


@pytest.mark.parametrize("size", [1, 4000, MAX_PROFILE, MAX_PROFILE + 1, 70_000, 200_000])
def test_a_profile_is_kept_or_told(tmp_path, rng, size):
    profile = rng.integers(0, 256, size).astype(np.uint8).tobytes()
    signal = loaded(tmp_path, saved(Image.fromarray(noise(rng, 8, 3)), "JPEG", icc_profile=profile))
    if size <= MAX_PROFILE:
        assert (signal.meaning.profile, signal.not_kept) == (profile, ())
    else:
        assert signal.meaning == Meaning()
        assert signal.not_kept == (f"a colour profile of {size} bytes",)


def test_a_real_profile_goes_through_png(tmp_path, rng):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(Image.fromarray(noise(rng, 8, 3)), "JPEG", icc_profile=profile)
    signal = loaded(tmp_path, data)
    assert signal.meaning == Meaning(icc_profile=profile_text(profile))
    lil.signals.write_image(tmp_path / "x.png", signal.samples, 8, signal.meaning)
    assert lil.load_image(tmp_path / "x.png").spec.facts == signal.spec.facts


def test_other_views_and_bytes_behind_the_end_are_told(tmp_path, rng):
    views = [Image.fromarray(noise(rng, 8, 3)) for _ in range(3)]
    data = saved(views[0], "MPO", save_all=True, append_images=views[1:])
    signal = loaded(tmp_path, data)
    assert signal.not_kept == ("2 more views",)
    with Image.open(io.BytesIO(data)) as first:
        assert np.array_equal(signal.samples, np.asarray(first))
    data = saved(views[0], "JPEG")
    assert loaded(tmp_path, data + b"junk").not_kept == ("4 bytes behind its end",)
    assert loaded(tmp_path, data, page=0).not_kept == ()
    with pytest.raises(InputError, match="has no page 1"):
        loaded(tmp_path, data, page=1)


def test_every_cut_of_a_jpeg_is_refused(tmp_path, rng):
    for lossless, num_bits in ((False, 8), (True, 8), (False, 12)):
        samples = noise(rng, num_bits, 3)
        data = bytes(imagecodecs.jpeg8_encode(samples, lossless=lossless, bitspersample=num_bits))
        for length in range(3, len(data), 7):
            with pytest.raises(InputError, match="is truncated: its last JPEG segment"):
                loaded(tmp_path, data[:length])


@pytest.mark.parametrize(
    ("marker", "what"),
    [
        (0xC5, "a hierarchical JPEG, which is not read"),
        (0xCB, "a lossless JPEG with arithmetic coding, which is not read"),
        (0xCF, "a hierarchical JPEG"),
        (0xF7, "a JPEG-LS picture, which is not read"),
    ],
)
def test_other_kinds_of_jpeg_are_named(tmp_path, marker, what):
    frame = struct.pack(">BHHB", 8, 4, 5, 1) + b"\1\x11\0"
    data = b"\xff\xd8" + segment(marker, frame) + segment(0xDA, b"\1\1\0\0\0\0") + b"\xff\xd9"
    with pytest.raises(InputError, match=what):
        loaded(tmp_path, data)


def test_jpeg_ls_itself_is_named(tmp_path, rng):
    with pytest.raises(InputError, match="is a JPEG-LS picture, which is not read"):
        loaded(tmp_path, imagecodecs.jpegls_encode(noise(rng, 8, 1)))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ((8, 0, 5, 3), "says its height behind the picture"),
        ((8, 5, 0, 3), "an empty picture"),
        ((8, 65535, 65535, 3), "--max-pixels"),
        ((8, 5, 5, 2), "of 2 components: 1, 3 or 4 are allowed"),
        ((12, 5, 5, 4), "4 components, lossless or of 12 bits"),
    ],
)
def test_the_header_of_a_jpeg_is_asked_first(tmp_path, frame, message):
    data = b"\xff\xd8" + segment(0xC0, struct.pack(">BHHB", *frame)) + b"\xff\xd9"
    with pytest.raises(InputError, match=message):
        loaded(tmp_path, data)
    with pytest.raises(InputError, match="a JPEG file without a picture"):
        loaded(tmp_path, b"\xff\xd8\xff\xd9")


# GIF ---------------------------------------------------------------------------------------------


def test_a_gif_is_its_colours(tmp_path, rng):
    picture = Image.fromarray(noise(rng, 8, 3, 20, 30)).quantize(200)
    signal = loaded(tmp_path, saved(picture, "GIF"))
    assert (signal.num_bits, signal.meaning, signal.not_kept) == (8, Meaning(), ())
    assert np.array_equal(signal.samples, np.asarray(picture.convert("RGB")))
    assert np.array_equal(signal.samples, imagecodecs.gif_decode(saved(picture, "GIF")))
    grey = Image.fromarray(noise(rng, 8, 1))
    assert np.array_equal(
        loaded(tmp_path, saved(grey, "GIF")).samples, np.asarray(grey.convert("RGB"))
    )


def test_transparency_of_a_gif_becomes_alpha(tmp_path, rng):
    picture = Image.fromarray(rng.integers(0, 4, (9, 12)).astype(np.uint8), "P")
    picture.putpalette(bytes(range(12)))
    signal = loaded(tmp_path, saved(picture, "GIF", transparency=2))
    assert signal.samples.shape == (9, 12, 4)
    assert np.array_equal(signal.samples[..., 3] == 0, np.asarray(picture) == 2)


def test_the_frames_of_a_gif_are_pages(tmp_path, rng):
    pictures = [Image.fromarray(noise(rng, 8, 3)).quantize(50) for _ in range(3)]
    data = saved(pictures[0], "GIF", save_all=True, append_images=pictures[1:], comment=b"words")
    with pytest.raises(InputError, match="holds 3 frames: choose one with --page 0 to 2"):
        loaded(tmp_path, data)
    for page, picture in enumerate(pictures):
        signal = loaded(tmp_path, data, page=page)
        assert np.array_equal(signal.samples[..., :3], np.asarray(picture.convert("RGB")))
        assert signal.not_kept == ("a comment",)
    with pytest.raises(InputError, match="has no page 3: allowed are 0 to 2"):
        loaded(tmp_path, data, page=3)


def test_every_cut_of_a_gif_is_refused(tmp_path, rng):
    data = saved(Image.fromarray(noise(rng, 8, 3)).quantize(20), "GIF")
    for length in range(6, len(data)):
        with pytest.raises(InputError, match="is truncated: the byte that ends a GIF is missing"):
            loaded(tmp_path, data[:length])
    assert loaded(tmp_path, data + b"junk").not_kept == ("4 bytes behind its end",)


def test_the_header_of_a_gif_is_asked_first(tmp_path):
    screen = struct.pack("<HHBBB", 60000, 60000, 0, 0, 0)
    with pytest.raises(InputError, match="--max-pixels"):
        loaded(tmp_path, b"GIF89a" + screen + b";")
    frame = b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\2\1x\0;"
    small = struct.pack("<HHBBB", 1, 1, 0, 0, 0)
    with pytest.raises(InputError, match="--max-pixels"):
        loaded(tmp_path, b"GIF89a" + small + frame)
    with pytest.raises(InputError, match="a GIF without a picture"):
        loaded(tmp_path, b"GIF89a" + small + b";")
    with pytest.raises(InputError, match="no GIF block begins at byte 13"):
        loaded(tmp_path, b"GIF89a" + small + b"x;")


# Other kinds of files ----------------------------------------------------------------------------


def encoded(name, rng):
    """A small picture in a format that imagecodecs or Pillow writes."""
    samples = noise(rng, 8, 3, 16, 16)
    if name in ("BMP", "ICO", "SGI", "PDF", "EPS", "DDS"):
        return saved(Image.fromarray(samples), name)
    return bytes(getattr(imagecodecs, f"{name}_encode")(samples))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("webp", "a WebP picture, which is not read"),
        ("jpegxl", "a JPEG XL picture, which is not read"),
        ("jpeg2k", "a JPEG 2000 picture, which is not read"),
        ("avif", "an AVIF picture, which is not read"),
        ("qoi", "a QOI picture, which is not read"),
        ("jpegxr", "a JPEG XR picture, which is not read"),
        ("BMP", "a BMP picture, which is not read"),
        ("ICO", "an icon"),
        ("SGI", "an SGI picture, which is not read"),
        ("DDS", "a texture"),
        ("PDF", "not a picture, but a PDF document"),
        ("EPS", "not a picture, but a PostScript document"),
    ],
)
def test_a_picture_of_another_kind_is_named(tmp_path, rng, name, what):
    with pytest.raises(InputError, match=f"x.img is {what}.*: PNG, JPEG, GIF, TIFF"):
        loaded(tmp_path, encoded(name, rng))


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\0\0\0\x18ftypheic", "a HEIC picture, which is not read"),
        (b"\0\0\0\x18ftypmp42", "not a picture, but a film or sound"),
        (b"\x76\x2f\x31\x01", "an OpenEXR picture, which is not read"),
        (b"8BPS\0\1", "a Photoshop picture (PSD), which is not read"),
        (
            b'<?xml version="1.0"?>\n<!-- x -->\n<svg xmlns="x">',
            "a drawing (SVG), which is not read",
        ),
        (b"  <svg>", "a drawing (SVG), which is not read"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "not a picture, but a web page (HTML)"),
        (b"PF\n3 4\n-1.0\n", "a picture of floating-point colours (PFM), which is not read"),
        (b"RIFF\0\0\0\0WAVEfmt ", "not a picture, but a WAV sound"),
        (b"fLaC", "not a picture, but a FLAC sound"),
        (b"PK\x03\x04", "not a picture, but a ZIP archive"),
        (CONTAINER.magic, "not a picture, but a container of pictures (.lic)"),
        (TRITS.magic, "not a picture, but a network of trits (.trits)"),
        (b"BM is how this text begins", "not a picture that can be read"),
        (b"<!--" + b" --><!--" * 9999, "not a picture that can be read"),
        (b"", "not a picture that can be read"),
    ],
)
def test_what_a_file_is_stands_in_its_first_bytes(start, what):
    assert refusal(start).startswith(what)


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")
def test_the_cases_are_read():
    turned = lil.load_image(CASES / "turned.jpg")
    assert turned.meaning == Meaning(orientation=6)
    assert lil.load_image(CASES / "two_views.jpg").not_kept == ("1 more view",)
    assert lil.load_image(CASES / "cmyk.jpg").meaning == Meaning(colours="cmyk")
    lossless = lil.load_image(CASES / "lossless_sof3.jpg")
    expected = imagecodecs.ljpeg_decode((CASES / "lossless_sof3.jpg").read_bytes())
    assert lossless.num_bits == 16
    assert np.array_equal(lossless.samples[..., 0], expected)
