"""PBM, PGM, PPM and PAM: all that their specifications allow, read and written exactly."""

import io
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import lossless_inr_lite as lil
from lossless_inr_lite import InputError
from lossless_inr_lite.signals import write_image
from lossless_inr_lite.signals.bits import sample_dtype
from lossless_inr_lite.signals.formats import netpbm
from lossless_inr_lite.signals.formats.picture import Source
from lossless_inr_lite.signals.meaning import Meaning


def read(data, max_pixels=2**20, **options):
    return netpbm.read_netpbm(Source("x.pnm", data, max_pixels, **options))


def noise(rng, largest, channels, height=5, width=11):
    samples = rng.integers(0, largest + 1, (height, width, channels))
    samples.flat[0] = largest
    return samples.astype(sample_dtype("unsigned", int(largest).bit_length()))


def raster(samples, largest):
    return samples.astype(">u2" if largest > 255 else "u1").tobytes()


def white_of(largest):
    return None if largest & (largest + 1) == 0 else largest


@given(st.integers(1, 65535), st.sampled_from([1, 3]), st.booleans())
def test_any_largest_value_is_read_in_bytes_and_in_digits(largest, channels, in_digits):
    samples = noise(np.random.default_rng(largest), largest, channels)
    if in_digits:
        magic = "P2" if channels == 1 else "P3"
        body = "\n".join(map(str, samples.ravel())).encode()
    else:
        magic = "P5" if channels == 1 else "P6"
        body = raster(samples, largest)
    picture = read(f"{magic} 11 5 {largest}\n".encode() + body)
    assert picture.num_bits == largest.bit_length()
    assert picture.meaning == Meaning(white=white_of(largest))
    assert np.array_equal(picture.samples, samples)
    assert picture.not_kept == ()


@pytest.mark.parametrize("largest", [1, 2, 7, 100, 255, 256, 1000, 4095, 65534, 65535])
@pytest.mark.parametrize(
    ("suffix", "channels"),
    [(".pgm", 1), (".ppm", 3), (".pnm", 1), (".pnm", 3), *((".pam", n) for n in (1, 2, 3, 4, 7))],
)
def test_what_is_written_is_read_as_it_was(tmp_path, rng, largest, suffix, channels):
    samples = noise(rng, largest, channels)
    meaning = Meaning(white=white_of(largest))
    num_bits = int(largest).bit_length()
    path = tmp_path / f"x{suffix}"
    write_image(path, samples, num_bits, meaning)
    signal = lil.load_image(path)
    assert (signal.num_bits, signal.meaning, signal.not_kept) == (num_bits, meaning, ())
    assert np.array_equal(signal.samples, samples)
    if suffix in (".pgm", ".ppm") and largest == 255:
        with Image.open(path) as picture:
            assert np.array_equal(np.asarray(picture).reshape(samples.shape), samples)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 17])
def test_bitmaps_are_white_where_pillow_sees_white(tmp_path, rng, width):
    samples = noise(rng, 1, 1, width=width)
    path = tmp_path / "x.pbm"
    write_image(path, samples, 1)
    signal = lil.load_image(path)
    assert (signal.num_bits, signal.meaning, signal.read_from) == (1, Meaning(), "PBM")
    assert np.array_equal(signal.samples, samples)
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(picture.convert("L")), samples[..., 0] * 255)
    # 1 is black in the file. The digits may stand without spaces between them.
    for between in ("", " ", "\n"):
        digits = between.join(str(1 - sample) for sample in samples.ravel())
        found = read(f"P1\n{width} 5\n{digits}\n".encode())
        assert np.array_equal(found.samples, samples)


@pytest.mark.parametrize(
    "header",
    [
        b"P5 2 1 255\n",
        b"P5\n2\t1\r255\n",
        b"P5\v2\f1 255\r",
        b"P5 #x\n2 1 255 ",
        b"P5\n# one\n# two\n2 # three\n1\n#\n255\n",
        b"P5#x\n2 1\n255\n",
        b"P5 2#x\r1#y\n255\n",
        b"P5 2 1 255#the comment is the one space\n",
        b"P5 0002 01 00255\n",
        b"P5 2 1 " + b"0" * 5000 + b"255\n",
        b"P5 #" + b"x" * 9000 + b"\n2 1 255\n",
    ],
)
def test_comments_and_spaces_stand_anywhere_in_a_header(header):
    assert read(header + b"#7").samples.ravel().tolist() == [ord("#"), ord("7")]
    in_digits = header.replace(b"P5", b"P2") + b" #c\n 35 # d\r55#e"
    assert read(in_digits).samples.ravel().tolist() == [35, 55]


def pam(*lines, magic=b"P7\n", end=b"ENDHDR\n"):
    return magic + b"".join(line.encode() + b"\n" for line in lines) + end


@pytest.mark.parametrize(
    ("tuple_type", "depth", "largest"),
    [
        ("BLACKANDWHITE", 1, 1),
        ("GRAYSCALE", 1, 255),
        ("GRAYSCALE", 1, 4095),
        ("RGB", 3, 255),
        ("BLACKANDWHITE_ALPHA", 2, 1),
        ("GRAYSCALE_ALPHA", 2, 65535),
        ("RGB_ALPHA", 4, 100),
        (None, 1, 255),
        (None, 2, 255),
        (None, 5, 255),
        (None, 16, 1000),
    ],
)
def test_every_type_of_tuples_is_read(rng, tuple_type, depth, largest):
    samples = noise(rng, largest, depth, 3, 4)
    lines = ["WIDTH 4", "# a comment", "", " HEIGHT\t3 ", f"DEPTH {depth}", f"MAXVAL {largest}"]
    if tuple_type:
        lines.insert(1, f"TUPLTYPE {tuple_type}")
    picture = read(pam(*lines) + raster(samples, largest))
    assert picture.num_bits == largest.bit_length()
    assert picture.meaning == Meaning(white=white_of(largest))
    assert picture.not_kept == ()
    assert np.array_equal(picture.samples, samples)


def test_cmyk_and_other_types_of_tuples(tmp_path, rng):
    samples = noise(rng, 255, 4, 3, 4)
    facts = ["WIDTH 4", "HEIGHT 3", "DEPTH 4", "MAXVAL 255"]
    (tmp_path / "x.pam").write_bytes(pam(*facts, "TUPLTYPE CMYK") + samples.tobytes())
    signal = lil.load_image(tmp_path / "x.pam")
    assert signal.meaning == Meaning(colours="cmyk")
    write_image(tmp_path / "back.pam", signal.samples, 8, signal.meaning)
    assert lil.load_image(tmp_path / "back.pam").spec.facts == signal.spec.facts
    with pytest.raises(InputError, match=r"x\.png cannot hold the colours cmyk"):
        write_image(tmp_path / "x.png", signal.samples, 8, signal.meaning)
    with pytest.raises(InputError, match=r"x\.pam cannot hold the colours lab"):
        write_image(tmp_path / "x.pam", signal.samples[..., :3], 8, Meaning(colours="lab"))
    other = read(pam(*facts, "TUPLTYPE some", "TUPLTYPE thing") + samples.tobytes())
    assert other.not_kept == ("the tuple type some thing",)


# Several pictures in one file --------------------------------------------------------------------


def files(rng):
    """A small file of each kind and its samples."""
    grey = noise(rng, 255, 1, 2, 3)
    deep = noise(rng, 65535, 3, 2, 3)
    bits = noise(rng, 1, 1, 2, 9)
    numbers = " ".join(map(str, grey.ravel())).encode()
    tuples = pam("WIDTH 3", "HEIGHT 2", "DEPTH 1", "MAXVAL 255") + grey.tobytes()
    digits = " ".join(str(1 - bit) for bit in bits.ravel()).encode()
    return [
        (b"P1 9 2 " + digits, bits),
        (b"P2 3 2 255 " + numbers, grey),
        (b"P4 9 2\n" + np.packbits(1 - bits[..., 0], axis=1).tobytes(), bits),
        (b"P5 3 2 255\n" + grey.tobytes(), grey),
        (b"P6 3 2 65535\n" + deep.astype(">u2").tobytes(), deep),
        (tuples, grey),
    ]


@pytest.mark.parametrize(("first", "second"), list(product(range(6), range(6))))
@pytest.mark.parametrize("between", [b"", b"\n"])
def test_two_pictures_are_two_pages(rng, first, second, between):
    one, one_samples = files(rng)[first]
    two, two_samples = files(rng)[second]
    needs_space = first < 2  # digits end at a space
    data = one + (between or (b" " if needs_space else b"")) + two
    with pytest.raises(InputError, match="holds 2 pictures: choose one with --page 0 to 1"):
        read(data)
    assert np.array_equal(read(data, page=0).samples, one_samples)
    assert np.array_equal(read(data, page=1).samples, two_samples)
    with pytest.raises(InputError, match="has no page 2"):
        read(data, page=2)


@pytest.mark.parametrize("kind", range(6))
def test_what_is_no_picture_behind_the_end_is_told(rng, kind):
    data, samples = files(rng)[kind]
    for behind in (b"\n", b"  \n\n"):
        assert read(data + behind).not_kept == ()
    for behind in (b"\njunk", b"\nP5 and more", b"\nP7\nENDHD"):
        picture = read(data + behind)
        assert picture.not_kept == (f"{len(behind) - 1} bytes behind its end",)
        assert np.array_equal(picture.samples, samples)


def test_many_pictures_are_counted_in_time():
    with pytest.raises(InputError, match="holds 20000 pictures"):
        read(b"P5 1 1 255\nx" * 20000)
    with pytest.raises(InputError, match="holds 5000 pictures"):
        read(b"P2 1 1 255 7\n" * 5000)


# Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", range(6))
def test_every_cut_is_refused(rng, kind):
    data, _ = files(rng)[kind]
    if kind == 1:  # what is left of a last number is a number: nothing tells
        data = data[: data.rindex(b" ") + 2]
    for length in range(2, len(data)):
        with pytest.raises(InputError, match=r"is truncated|has no PGM/PPM header"):
            read(data[:length])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"P5 2 2 0\nabcd", "the largest value 0: allowed are 1 to 65535"),
        (b"P5 2 2 65536\nabcdabcd", "the largest value 65536"),
        (b"P5 2 2 100\nabce", "holds the value 101, above the largest that it declares, 100"),
        (b"P2 1 1 9 10\n", "holds the value 10, above the largest that it declares, 9"),
        (b"P1 2 1 1 2", "holds the value 2"),
        (b"P2 2 1 9 1 -1", "holds '-' among its samples"),
        (b"P2 2 1 9 1.5 1", "holds '.' among its samples"),
        (b"P2 1 1 9 99999999999", "a number of 11 digits among its samples"),
        (b"P2 2 2 9 1 2   3", "is truncated: 4 samples declared, 3 found"),
        (b"P5 0 2 9\n", "an empty picture"),
        (b"P5 99999999999999999999 2 9\n", "a number of 20 digits in its header"),
        (b"P2 60000 60000 9 1 2 3", "--max-pixels"),
        (b"P2 1000 1000 9 1 2 3", "is truncated: at least 1999999 bytes of samples declared"),
        (b"P1 1000 1000 1 0 1", "is truncated: at least 1000000 bytes of samples declared"),
        (b"P4 1000 1000\nxx", "is truncated: 125000 bytes of samples declared, 2 found"),
        (b"P6 1000 1000 65535\nxx", "is truncated: 6000000 bytes"),
        (pam("WIDTH 1", "HEIGHT 1", "MAXVAL 1") + b"x", "without the number DEPTH"),
        (pam("WIDTH 1", "HEIGHT 1", "DEPTH 0", "MAXVAL 1") + b"x", "declares 0 channels"),
        (pam("WIDTH 1", "HEIGHT 1", "DEPTH 17", "MAXVAL 1") + b"x" * 17, "at most 16"),
        (
            pam("WIDTH 1", "HEIGHT 1", "DEPTH 3", "MAXVAL 255", "TUPLTYPE RGB_ALPHA") + b"xyz",
            "declares 3 channels of the type RGB_ALPHA, which has 4",
        ),
        (b"P7 332\n", "no PGM/PPM header"),
        (b"P7" + b"\n" * 99999, "no PGM/PPM header"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(data, message):
    with pytest.raises(InputError, match=message):
        read(data)


@pytest.mark.parametrize(
    ("suffix", "channels", "num_bits", "message"),
    [
        (".pgm", 3, 8, "cannot hold 3 channels"),
        (".ppm", 1, 8, "cannot hold 1 channel:"),
        (".pnm", 2, 8, "cannot hold 2 channels"),
        (".pbm", 1, 2, "a .pbm holds 1 of 1"),
        (".pbm", 3, 1, "a .pbm holds 1 of 1"),
        (".pam", 1, 17, "use .tif"),
        (".pgm", 1, 17, "use .tif"),
    ],
)
def test_what_a_suffix_cannot_hold_is_refused(tmp_path, rng, suffix, channels, num_bits, message):
    samples = noise(rng, 2**num_bits - 1, channels)
    with pytest.raises(InputError, match=message):
        write_image(tmp_path / f"x{suffix}", samples, num_bits)
    assert list(tmp_path.iterdir()) == []


def test_pillow_writes_what_is_read(rng):
    grey = noise(rng, 255, 1)[..., 0]
    for picture, truth in (
        (Image.fromarray(grey), grey),
        (Image.fromarray(grey > 99), (grey > 99).astype(np.uint8)),
        (Image.fromarray(grey.astype(np.uint16) * 200), grey.astype(np.uint16) * 200),
    ):
        file = io.BytesIO()
        picture.save(file, "PPM")
        assert np.array_equal(read(file.getvalue()).samples[..., 0], truth)
