"""PNG: depths, transparency, what stands beside the samples, animations, and true refusals."""

import io
import struct
import sys
import zlib
from functools import cache
from itertools import product

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

import lossless_inr_lite as lil
from lossless_inr_lite import InputError
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.errors import counted
from lossless_inr_lite.signals import write_image
from lossless_inr_lite.signals.bits import sample_dtype
from lossless_inr_lite.signals.formats.exif import exif_of, orientation_in
from lossless_inr_lite.signals.formats.png import png_bytes
from lossless_inr_lite.signals.formats.png_chunks import SIGNATURE, chunk_bytes
from lossless_inr_lite.signals.meaning import MAX_PROFILE, Meaning, profile_text

CASES = ROOT.parent / "shared" / "data" / "cases"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def header(width, height, depth, colour, interlaced=0):
    content = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return chunk_bytes(b"IHDR", content)


def data_of(samples, depth):
    """Rows (H, W, C) without a filter, deflated."""
    if depth == 16:
        lines = samples.astype(">u2").reshape(len(samples), -1).view(np.uint8)
    else:
        bits = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        lines = np.packbits(bits.reshape(len(samples), -1), axis=1)
    return zlib.compress(np.insert(lines, 0, 0, axis=1).tobytes())


def png_of(samples, depth, colour, *side, behind=b""):
    """A PNG by hand, of samples (H, W, C), with chunks before its data."""
    height, width, _ = samples.shape
    parts = [SIGNATURE, header(width, height, depth, colour), *side]
    data = chunk_bytes(b"IDAT", data_of(samples, depth))
    return b"".join([*parts, data, chunk_bytes(b"IEND", b""), behind])


def loaded(tmp_path, data, **options):
    path = tmp_path / "x.png"
    path.write_bytes(data)
    return lil.load_image(path, **options)


def noise(rng, num_bits, channels, height=5, width=11):
    samples = rng.integers(0, 2**num_bits, (height, width, channels))
    return samples.astype(sample_dtype("unsigned", num_bits))


# Depths and transparency -------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 7, 8, 9, 33])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_of_low_depth_comes_back_at_that_depth(tmp_path, rng, depth, width):
    samples = noise(rng, depth, 1, width=width)
    path = tmp_path / "x.png"
    write_image(path, samples, depth)
    assert path.read_bytes()[24:26] == bytes([depth, 0])
    signal = lil.load_image(path)
    assert signal.num_bits == depth
    assert np.array_equal(signal.samples, samples)
    with Image.open(path) as picture:
        seen = np.asarray(picture.convert("L"))
    assert np.array_equal(seen, samples[..., 0] * (255 // (2**depth - 1)))


@pytest.mark.parametrize(
    ("channels", "num_bits"), [*product((1, 2, 3, 4), range(1, 17)), (1, 17), (5, 8)]
)
def test_only_depths_that_png_has_are_written(tmp_path, rng, channels, num_bits):
    samples = noise(rng, num_bits, channels)
    path = tmp_path / "x.png"
    if num_bits in ((1, 2, 4, 8, 16) if channels == 1 else (8, 16)) and channels < 5:
        write_image(path, samples, num_bits)
        assert np.array_equal(lil.load_image(path).samples, samples)
        return
    with pytest.raises(InputError, match=r"cannot hold .* bits") as error:
        write_image(path, samples, num_bits)
    assert list(tmp_path.iterdir()) == []
    # The suffix that the sentence names holds the picture.
    suffix = str(error.value).rpartition("use ")[2]
    if suffix != ".tif":
        write_image(tmp_path / f"x{suffix}", samples, num_bits)
        back = lil.load_image(tmp_path / f"x{suffix}")
        assert back.num_bits == num_bits
        assert np.array_equal(back.samples, samples)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("colour", [0, 2, 4, 6])
def test_both_depths_of_all_colour_types_are_read(tmp_path, rng, colour, interlaced):
    if interlaced:
        samples = noise(rng, 8, CHANNELS[colour], 9, 10)
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2)]
        lines = b""
        for top, left, down, right in [*passes, (0, 1, 2, 2), (1, 0, 2, 1)]:
            part = samples[top::down, left::right]
            lines += b"".join(b"\0" + row.tobytes() for row in part)
        parts = [SIGNATURE, header(10, 9, 8, colour, 1), chunk_bytes(b"IDAT", zlib.compress(lines))]
        signal = loaded(tmp_path, b"".join([*parts, chunk_bytes(b"IEND", b"")]))
        assert np.array_equal(signal.samples, samples)
        return
    for depth in (8, 16):
        samples = noise(rng, depth, CHANNELS[colour])
        signal = loaded(tmp_path, png_of(samples, depth, colour))
        assert (signal.num_bits, signal.not_kept) == (depth, ())
        assert np.array_equal(signal.samples, samples)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_one_transparent_grey_becomes_alpha(tmp_path, depth):
    values = np.arange(min(2**depth, 1024)).reshape(1, -1, 1)
    key = 2**depth // 2
    # The bits above the depth are to be ignored.
    for said in {key, key + 2**depth if depth < 16 else key}:
        data = png_of(values, depth, 0, chunk_bytes(b"tRNS", struct.pack(">H", said)))
        signal = loaded(tmp_path, data)
        stretch = 255 // (2**depth - 1) if depth < 8 else 1
        assert np.array_equal(signal.samples[..., 0], values[..., 0] * stretch)
        full = 2**signal.num_bits - 1
        assert np.array_equal(signal.samples[..., 1], np.where(values[..., 0] == key, 0, full))


@pytest.mark.parametrize("depth", [8, 16])
def test_one_transparent_colour_is_compared_at_full_depth(tmp_path, rng, depth):
    samples = noise(rng, depth, 3)
    key = samples[2, 3].astype(np.int64)
    samples[0, 0] = key ^ [0, 0, 1]  # differs in its last bit
    data = png_of(samples, depth, 2, chunk_bytes(b"tRNS", struct.pack(">3H", *key)))
    found = loaded(tmp_path, data).samples
    assert np.array_equal(found[..., :3], samples)
    assert np.array_equal(found[..., 3] == 0, (samples == key).all(axis=-1))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("num_alphas", [0, 1, 2])
def test_a_palette_becomes_its_colours(tmp_path, rng, depth, num_alphas):
    colours = rng.integers(0, 256, (2**depth, 3)).astype(np.uint8)
    alphas = np.array([0, 77][:num_alphas], np.uint8)
    indices = noise(rng, depth, 1)
    side = [chunk_bytes(b"PLTE", colours.tobytes())]
    if num_alphas:
        side.append(chunk_bytes(b"tRNS", alphas.tobytes()))
    found = loaded(tmp_path, png_of(indices, depth, 3, *side)).samples
    assert np.array_equal(found[..., :3], colours[indices[..., 0]])
    if num_alphas:
        all_alphas = np.append(alphas, np.full(256, 255)).astype(np.uint8)
        assert np.array_equal(found[..., 3], all_alphas[indices[..., 0]])


def test_a_transparency_that_png_does_not_allow_is_told(tmp_path, rng):
    for colour, side in ((4, b"\0\0"), (2, b"\0\0"), (0, b"\0" * 6)):
        samples = noise(rng, 8, CHANNELS[colour])
        signal = loaded(tmp_path, png_of(samples, 8, colour, chunk_bytes(b"tRNS", side)))
        assert np.array_equal(signal.samples, samples)
        assert signal.not_kept == ("a transparency that PNG does not allow",)


# What stands beside the samples ------------------------------------------------------------------


@cache
def a_profile():
    """The same bytes every time: a profile says when it was made."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("num_bits", [1, 8, 16])
@pytest.mark.parametrize("hidden", [None, "imagecodecs"])
def test_orientation_and_profile_are_written_and_read(tmp_path, rng, monkeypatch, num_bits, hidden):
    meaning = Meaning(orientation=6, icc_profile=profile_text(a_profile()))
    samples = noise(rng, num_bits, 1)
    path = tmp_path / "x.png"
    with monkeypatch.context() as patch:
        if hidden:
            patch.setitem(sys.modules, hidden, None)
        write_image(path, samples, num_bits, meaning)
    signal = lil.load_image(path)
    assert (signal.meaning, signal.not_kept) == (meaning, ())
    assert np.array_equal(signal.samples, samples)
    with Image.open(path) as picture:
        assert picture.getexif()[0x0112] == 6
        assert picture.info["icc_profile"] == a_profile()


def test_what_pillow_wrote_of_orientation_and_profile_is_read(tmp_path, rng):
    exif = Image.Exif()
    exif[0x0112] = 8
    for more in (False, True):
        if more:
            exif[0x010F] = "a maker"
        picture = Image.fromarray(noise(rng, 8, 3))
        picture.save(tmp_path / "x.png", exif=exif, icc_profile=a_profile())
        signal = lil.load_image(tmp_path / "x.png")
        assert signal.meaning == Meaning(orientation=8, icc_profile=profile_text(a_profile()))
        assert signal.not_kept == (("Exif data",) if more else ())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_says_the_orientation_in_both_byte_orders(orientation):
    assert orientation_in(exif_of(orientation)) == (orientation, False)
    little = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    assert orientation_in(b"Exif\0\0" + little) == (orientation, False)
    assert orientation_in(little[:12])[0] == 1
    assert orientation_in(exif_of(orientation)[:9] + b"\xff") == (1, True)


def icc_chunk(body, name=b"name"):
    return chunk_bytes(b"iCCP", name + b"\0\0" + body)


@pytest.mark.parametrize(
    ("side", "phrase"),
    [
        (chunk_bytes(b"gAMA", struct.pack(">I", 45455)), "gamma 0.45455"),
        (chunk_bytes(b"gAMA", struct.pack(">I", 100_000)), "gamma 1"),
        (chunk_bytes(b"cHRM", bytes(32)), "primaries"),
        (chunk_bytes(b"sBIT", bytes([5, 6, 5])), "significant bits 5 6 5"),
        (chunk_bytes(b"cICP", bytes([9, 16, 0, 1])), "code points of colour 9 16 0 1"),
        (chunk_bytes(b"mDCV", bytes(24)), "mastering display"),
        (chunk_bytes(b"cLLI", bytes(8)), "light levels"),
        (chunk_bytes(b"tEXt", b"Title\0x"), "text"),
        (chunk_bytes(b"zTXt", b"Title\0\0x"), "text"),
        (chunk_bytes(b"iTXt", b"Title\0\0\0\0\0x"), "text"),
        (chunk_bytes(b"tIME", bytes(7)), "time"),
        (chunk_bytes(b"pHYs", bytes(9)), "pixel size"),
        (chunk_bytes(b"bKGD", bytes(6)), "background"),
        (chunk_bytes(b"PLTE", bytes(6)), "suggested palette"),
        (chunk_bytes(b"vpAg", bytes(9)) + chunk_bytes(b"orNT", b"x"), "chunks vpAg orNT"),
        (chunk_bytes(b"eXIf", b"broken"), "Exif data"),
        (icc_chunk(zlib.compress(bytes(MAX_PROFILE + 1))), "a colour profile of more than 32768"),
        (icc_chunk(b"broken"), "a damaged colour profile"),
        (icc_chunk(zlib.compress(b"x" * 99)[:-5]), "a damaged colour profile"),
        (chunk_bytes(b"gAMA", bytes(4))[:-1] + b"?", "a damaged chunk gAMA"),
    ],
)
def test_what_is_not_kept_is_told_in_a_short_line(tmp_path, rng, side, phrase):
    samples = noise(rng, 8, 3)
    signal = loaded(tmp_path, png_of(samples, 8, 2, side))
    assert np.array_equal(signal.samples, samples)
    (found,) = signal.not_kept
    assert found.startswith(phrase)
    assert signal.meaning == Meaning()


def test_a_largest_profile_is_kept_and_a_bomb_is_not_inflated(tmp_path, rng):
    samples = noise(rng, 8, 3)
    largest = rng.integers(0, 256, MAX_PROFILE).astype(np.uint8).tobytes()
    signal = loaded(tmp_path, png_of(samples, 8, 2, icc_chunk(zlib.compress(largest))))
    assert signal.meaning.profile == largest
    bomb = zlib.compress(bytes(2**28))
    assert loaded(tmp_path, png_of(samples, 8, 2, icc_chunk(bomb))).meaning == Meaning()


def test_srgb_and_nothing_else_is_nothing_to_tell(tmp_path, rng):
    samples = noise(rng, 8, 3)
    assert loaded(tmp_path, png_of(samples, 8, 2, chunk_bytes(b"sRGB", b"\0"))).not_kept == ()


def test_many_kinds_of_chunks_stay_one_short_line(tmp_path, rng):
    side = [chunk_bytes(b"ab%c%c" % (65 + i % 26, 97 + i // 26), b"") for i in range(300)]
    (phrase,) = loaded(tmp_path, png_of(noise(rng, 8, 3), 8, 2, *side)).not_kept
    assert len(phrase) < 40


@pytest.mark.parametrize("behind", [b"\0", bytes(5000), b"junk", SIGNATURE, b"IEND" * 9])
def test_bytes_behind_the_end_are_told(tmp_path, rng, behind):
    samples = noise(rng, 8, 3)
    signal = loaded(tmp_path, png_of(samples, 8, 2, behind=behind))
    assert np.array_equal(signal.samples, samples)
    assert signal.not_kept == (f"{counted(len(behind), 'byte')} behind its end",)


def test_no_warning_of_a_library_reaches_the_terminal(tmp_path, rng, capfd):
    side = [chunk_bytes(b"tRNS", bytes(3)), chunk_bytes(b"sBIT", b"\xff"), icc_chunk(b"x")]
    loaded(tmp_path, png_of(noise(rng, 8, 3), 8, 2, *side))
    assert capfd.readouterr().err == ""


# Refusals ----------------------------------------------------------------------------------------


def test_every_cut_is_refused(tmp_path, rng):
    data = png_of(noise(rng, 8, 3), 8, 2, chunk_bytes(b"gAMA", bytes(4)))
    for length in range(8, len(data)):
        with pytest.raises(InputError, match="is truncated: its last PNG chunk"):
            loaded(tmp_path, data[:length])


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"])
def test_a_damaged_chunk_that_the_samples_need_is_refused(tmp_path, rng, kind):
    side = [chunk_bytes(b"PLTE", bytes(range(6))), chunk_bytes(b"tRNS", b"\7")]
    data = bytearray(png_of(noise(rng, 1, 1), 1, 3, *side))
    place = data.index(kind)
    (length,) = struct.unpack(">I", data[place - 4 : place])
    data[place + 4 + length] ^= 1  # in the checksum
    with pytest.raises(InputError, match=f"is damaged: the checksum of its chunk {kind.decode()}"):
        loaded(tmp_path, bytes(data))


END = chunk_bytes(b"IEND", b"")
GREY = chunk_bytes(b"IDAT", zlib.compress(b"\0\1"))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([GREY, END], "begins with a header"),
        ([header(1, 1, 8, 0), END], "without a picture: it has no data"),
        ([header(1, 1, 8, 0), header(1, 1, 8, 0), GREY, END], "more than one header"),
        ([header(1, 1, 3, 0), GREY, END], "declares 3 bits of colour type 0"),
        ([header(1, 1, 16, 3), GREY, END], "declares 16 bits of colour type 3"),
        ([header(1, 1, 8, 5), GREY, END], "declares 8 bits of colour type 5"),
        ([header(1, 1, 8, 0, 2), GREY, END], "interlacing 2: PNG has"),
        ([header(0, 1, 8, 0), GREY, END], "an empty picture"),
        ([header(2**31, 2**31, 16, 6), GREY, END], "--max-pixels"),
        ([header(1, 1_000_001, 8, 0), GREY, END], "up to 1000000 a side"),
        ([header(1, 1, 8, 3), GREY, END], "needs one palette"),
        ([header(1, 1, 8, 3), chunk_bytes(b"PLTE", b"abcd"), GREY, END], "needs one palette"),
        ([header(1, 1, 8, 0), chunk_bytes(b"CgBI", b""), GREY, END], "has the chunk CgBI"),
        ([header(1, 2, 8, 0), GREY, END], "cannot be decoded: Not enough image data"),
        ([header(1, 1, 8, 0), b"\0\0\0\1\xff\xff\xff\xff\0", END], "no PNG chunk begins at byte"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(tmp_path, parts, message):
    with pytest.raises(InputError, match=message):
        loaded(tmp_path, SIGNATURE + b"".join(parts))


def test_sides_beyond_the_library_s_limit_are_not_written(tmp_path):
    with pytest.raises(InputError, match=r"up to 1000000 a side: use \.tif"):
        write_image(tmp_path / "x.png", np.zeros((1_000_001, 1, 1), np.uint8), 8)
    assert list(tmp_path.iterdir()) == []


# Animations --------------------------------------------------------------------------------------


def animation(canvas, frames, depth, colour, default=None, side=()):
    """An animated PNG of (samples, x, y, disposal, blending); `default` is a picture of its own."""
    height, width = canvas
    parts = [SIGNATURE, header(width, height, depth, colour), *side]
    parts.append(chunk_bytes(b"acTL", struct.pack(">II", len(frames), 0)))
    if default is not None:
        parts.append(chunk_bytes(b"IDAT", data_of(default, depth)))
    number = 0
    for index, (samples, x, y, disposal, blending) in enumerate(frames):
        place = struct.pack(">IIIII", number, *samples.shape[1::-1], x, y)
        parts.append(chunk_bytes(b"fcTL", place + struct.pack(">HHBB", 1, 10, disposal, blending)))
        number += 1
        data = data_of(samples, depth)
        if index == 0 and default is None:
            parts.append(chunk_bytes(b"IDAT", data))
        else:
            parts.append(chunk_bytes(b"fdAT", struct.pack(">I", number) + data))
            number += 1
    return b"".join([*parts, END])


def by_pillow(data, page):
    with Image.open(io.BytesIO(data)) as picture:
        picture.seek(page)
        return np.array(picture)


def rectangles(rng, depth, channels, canvas=(9, 12), alphas=(0, 1)):
    """Frames of noise in rectangles, with all disposals and blendings; alpha is all or nothing."""
    frames = []
    for number, (disposal, blending) in enumerate(product((0, 1, 2), (0, 1))):
        height, width = canvas if number == 0 else (4, 5)
        samples = noise(rng, depth, channels, height, width)
        if channels in (2, 4):
            full = 2**depth - 1
            samples[..., -1] = rng.choice(alphas, (height, width)) * full
        place = (0, 0) if number == 0 else (number, number // 2)
        frames.append((samples, *place, disposal, blending))
    return frames


@pytest.mark.parametrize("colour", [0, 2, 6])
def test_frames_are_what_pillow_composes(tmp_path, rng, colour):
    frames = rectangles(rng, 8, CHANNELS[colour])
    if colour != 6:  # without alpha Pillow clears to opaque black, and the specification does not
        frames = [(*frame[:3], 0, frame[4]) for frame in frames]
    data = animation((9, 12), frames, 8, colour)
    with pytest.raises(InputError, match="holds 6 frames: choose one with --page 0 to 5"):
        loaded(tmp_path, data)
    for page in range(6):
        signal = loaded(tmp_path, data, page=page)
        expected = by_pillow(data, page).reshape(9, 12, -1)
        found = signal.samples.copy()
        if colour == 6 and page:  # what cannot be seen has no colour after blending
            found[found[..., 3] == 0] = 0
            expected[expected[..., 3] == 0] = 0
        assert np.array_equal(found, expected)
    with pytest.raises(InputError, match="has no page 6: allowed are 0 to 5"):
        loaded(tmp_path, data, page=6)


def test_a_cleared_frame_leaves_transparency(tmp_path, rng):
    first = noise(rng, 8, 3, 4, 4)
    second = noise(rng, 8, 3, 2, 2)
    data = animation((4, 4), [(first, 0, 0, 1, 0), (second, 1, 1, 0, 0)], 8, 2)
    found = loaded(tmp_path, data, page=1).samples
    assert found.shape == (4, 4, 4)
    assert np.array_equal(found[1:3, 1:3, :3], second)
    assert found[..., 3].sum() == 4 * 255


@pytest.mark.parametrize(("depth", "colour"), [(16, 2), (16, 6), (16, 0), (1, 0), (4, 0)])
def test_frames_of_other_depths_are_exact(tmp_path, rng, depth, colour):
    channels = CHANNELS[colour]
    first = noise(rng, depth, channels, 6, 7)
    second = noise(rng, depth, channels, 2, 3)
    data = animation((6, 7), [(first, 0, 0, 0, 0), (second, 3, 1, 0, 0)], depth, colour)
    expected = first.copy()
    expected[1:3, 3:6] = second
    for page, truth in enumerate((first, expected)):
        signal = loaded(tmp_path, data, page=page)
        assert signal.num_bits == depth
        assert np.array_equal(signal.samples, truth)


def test_a_default_picture_of_its_own_is_page_0(tmp_path, rng):
    default, one, two = (noise(rng, 8, 3, 4, 5) for _ in range(3))
    frames = [(one, 0, 0, 0, 0), (two, 0, 0, 0, 0)]
    data = animation((4, 5), frames, 8, 2, default)
    with pytest.raises(
        InputError, match=r"holds 3 pictures \(a default one, then frames\): choose"
    ):
        loaded(tmp_path, data)
    for page, truth in enumerate((default, one, two)):
        assert np.array_equal(loaded(tmp_path, data, page=page).samples, truth)
        assert np.array_equal(by_pillow(data, page), truth)


def test_an_animation_of_one_frame_is_a_picture(tmp_path, rng):
    samples = noise(rng, 8, 3)
    signal = loaded(tmp_path, animation((5, 11), [(samples, 0, 0, 0, 0)], 8, 2))
    assert np.array_equal(signal.samples, samples)
    assert signal.not_kept == ()


def test_half_transparent_samples_over_others_are_refused(tmp_path, rng):
    below, above = (noise(rng, 8, 4, 3, 3) for _ in range(2))
    below[..., 3] = 255
    above[..., 3] = 100
    data = animation((3, 3), [(below, 0, 0, 0, 0), (above, 0, 0, 0, 1)], 8, 6)
    assert np.array_equal(loaded(tmp_path, data, page=0).samples, below)
    with pytest.raises(InputError, match="half-transparent samples over others in frame 1"):
        loaded(tmp_path, data, page=1)


def test_a_broken_animation_is_refused(tmp_path, rng):
    samples = noise(rng, 8, 3, 4, 4)
    outside = animation((4, 4), [(samples, 0, 0, 0, 0), (samples, 1, 0, 0, 0)], 8, 2)
    with pytest.raises(InputError, match=r"a frame of 4 x 4 at \(1, 0\), outside of its 4 x 4"):
        loaded(tmp_path, outside)
    whole = animation((4, 4), [(samples, 0, 0, 0, 0), (samples, 0, 0, 0, 0)], 8, 2)
    counts = chunk_bytes(b"acTL", struct.pack(">II", 2, 0))
    other = chunk_bytes(b"acTL", struct.pack(">II", 3, 0))
    with pytest.raises(InputError, match="an animation of 3 frames, and 2 are there"):
        loaded(tmp_path, whole.replace(counts, other))


# Without imagecodecs -----------------------------------------------------------------------------


def pictures_of_every_kind(rng):
    """Kind -> a PNG: each depth and colour type, with and without transparency, and frames."""
    for colour, depths in {0: (1, 2, 4, 8), 2: (8,), 3: (1, 2, 4, 8), 4: (8,), 6: (8,)}.items():
        for depth in depths:
            samples = rng.integers(0, 2**depth, (5, 11, CHANNELS[colour]))
            palette = chunk_bytes(b"PLTE", rng.bytes(3 * 2**depth))
            side = [palette] if colour == 3 else []
            yield f"{colour}, {depth} bits", png_of(samples, depth, colour, *side)
            if colour in (0, 2):
                said = samples[2, 3].astype(">u2").tobytes()
            else:
                said = rng.bytes(2**depth - 1)
            if colour < 4:
                side.append(chunk_bytes(b"tRNS", said))
                yield f"{colour}, {depth} bits, transparent", png_of(samples, depth, colour, *side)
    frames = [(noise(rng, 8, 4), 0, 0, 0, 0), (noise(rng, 8, 4, 3, 4), 2, 1, 0, 0)]
    yield "frames", animation((5, 11), frames, 8, 6)


def test_pillow_reads_the_same_up_to_8_bits(tmp_path, rng, monkeypatch):
    kinds = dict(pictures_of_every_kind(rng))
    assert len(kinds) == 21
    pages = {kind: (0, 1) if kind == "frames" else (None,) for kind in kinds}
    usual = [loaded(tmp_path, kinds[kind], page=page) for kind in kinds for page in pages[kind]]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "imagecodecs", None)
        again = [loaded(tmp_path, kinds[kind], page=page) for kind in kinds for page in pages[kind]]
    assert [(one.spec, one.sha256) for one in again] == [(one.spec, one.sha256) for one in usual]


def test_16_bits_need_imagecodecs_and_damage_is_refused(tmp_path, rng, monkeypatch):
    deep = png_of(noise(rng, 16, 3), 16, 2)
    picture = png_of(noise(rng, 8, 3, 40, 40), 8, 2)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(InputError, match="16 bits needs the package imagecodecs"):
        loaded(tmp_path, deep)
    with pytest.raises(InputError, match="broken or truncated"):
        loaded(tmp_path, shortened(picture))


def shortened(picture):
    """A PNG whose data end too soon, in chunks that are whole."""
    start = picture.index(b"IDAT") + 4
    half = (len(picture) - start) // 2
    data = chunk_bytes(b"IDAT", picture[start : start + half])
    return picture[: start - 8] + data + chunk_bytes(b"IEND", b"")


# The cases ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")
def test_the_cases_come_back(tmp_path):
    names = sorted(path.name for path in CASES.glob("*.png"))
    for name in names:
        if name in ("animated.png", "jpeg_inside.png", "signed_tiff_inside.png"):
            continue
        signal = lil.load_image(CASES / name)
        write_image(tmp_path / name, signal.samples, signal.num_bits, signal.meaning)
        back = lil.load_image(tmp_path / name)
        assert (back.spec, back.sha256) == (signal.spec, signal.sha256), name
    with pytest.raises(InputError, match=r"animated\.png holds 3 frames"):
        lil.load_image(CASES / "animated.png")
    assert lil.load_image(CASES / "sbit_gama.png").not_kept[0].startswith("gamma")


def test_both_writers_write_the_same_file_around_the_samples(rng):
    samples = noise(rng, 8, 3)
    usual = bytes(imagecodecs.png_encode(samples))
    assert png_bytes(samples)[:33] == usual[:33]
