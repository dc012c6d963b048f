"""TIFF: every depth and colour, several pictures in a file, and what is declared but not there."""

import io
import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

import lossless_inr_lite as lil
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.bits import from_words
from lossless_inr_lite.signals.image_files import check_image_output, decode_image, write_image
from lossless_inr_lite.signals.meaning import Meaning, profile_text, settled

CASES = Path(__file__).parents[2] / "shared" / "data" / "cases"
PLAIN = {"photometric": "minisblack", "metadata": None, "software": False}


def noise(rng, bits, *shape):
    kind = next(width for width in (8, 16, 32) if bits <= width)
    return rng.integers(0, 2**bits, shape, np.uint64).astype(f"uint{kind}")


def tiff_of(samples, writer=None, **options):
    """A file of one call of tifffile's writer."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **(writer or {})) as out:
        out.write(samples, **(PLAIN | options))
    return file.getvalue()


def tiff_of_all(*parts):
    """A file of several pictures, each with its options."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as out:
        for samples, options in parts:
            out.write(samples, **(PLAIN | options))
    return file.getvalue()


def read(data, page=None, max_pixels=2**22):
    picture, form = decode_image("x.tif", data, max_pixels, page=page)
    assert form.name == "TIFF"
    if picture.samples.ndim == 3:
        return picture
    raise AssertionError(picture.samples.shape)


def by_hand(entries, data, order="<"):
    """A file of the entries (tag, type, values); "data" among the values is the data's place."""
    sizes = {1: "B", 3: "H", 4: "I"}
    place = 8
    start = place + len(data) + len(data) % 2
    after = start + 2 + 12 * len(entries) + 4
    directory = b""
    behind = b""
    for tag, kind, values in sorted(entries):
        numbers = [place if value == "data" else value for value in values]
        raw = struct.pack(f"{order}{len(numbers)}{sizes[kind]}", *numbers)
        if len(raw) <= 4:
            value = raw.ljust(4, b"\0")
        else:
            value = struct.pack(f"{order}I", after + len(behind))
            behind += raw
        directory += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + value
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}I", start) + data + bytes(len(data) % 2)
    return head + struct.pack(f"{order}H", len(entries)) + directory + bytes(4) + behind


def entries_of(width, height, data, *more, bits=8, channels=1, photometric=1, compression=1):
    found = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * channels),
        259: (3, [compression]),
        262: (3, [photometric]),
        273: (4, ["data"]),
        277: (3, [channels]),
        278: (4, [height]),
        279: (4, [len(data)]),
    }
    found |= {tag: (kind, values) for tag, kind, values in more}
    return [(tag, kind, values) for tag, (kind, values) in found.items() if values]


# Depths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unsigned", "signed"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", range(1, 33))
def test_every_depth_comes_back(tmp_path, rng, bits, channels, kind):
    words = rng.integers(0, 2**bits, (5, 7, channels), np.uint64).astype(np.uint32)
    samples = from_words(words, bits, kind)
    write_image(tmp_path / "x.tif", samples, bits)
    back = lil.load_image(tmp_path / "x.tif")
    assert (back.num_bits, back.kind, back.not_kept) == (bits, kind, ())
    assert np.array_equal(back.samples, samples)
    if kind == "unsigned" or bits in (8, 16, 32):
        others = tifffile.imread(tmp_path / "x.tif").reshape(samples.shape)
        assert np.array_equal(others, samples)


@pytest.mark.parametrize("bits", [3, 8, 11, 24, 32])
def test_signed_samples_are_packed_as_the_standard_says(tmp_path, bits):
    """Two's complement, the first bit on top, whole bytes a row: without any reader of TIFF."""
    samples = np.array([[[-1], [0], [-(2 ** (bits - 1))]], [[1], [-2], [2 ** (bits - 1) - 1]]])
    write_image(tmp_path / "x.tif", samples.astype(np.int32), bits)
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        tags = file.pages.first.tags
        data = (tmp_path / "x.tif").read_bytes()
        assert tags[339].value == 2
        assert tags[258].value == bits
        start = tags[273].value[0]
        length = tags[279].value[0]
    if bits in (8, 32):
        stored = np.frombuffer(data[start : start + length], f"<i{bits // 8}")
        assert stored.tolist() == samples.ravel().tolist()
        return
    row_bytes = -(-3 * bits // 8)
    for row, truth in enumerate(samples[..., 0]):
        packed = data[start + row * row_bytes : start + (row + 1) * row_bytes]
        digits = "".join(f"{byte:08b}" for byte in packed)
        words = [int(digits[k * bits : (k + 1) * bits], 2) for k in range(3)]
        assert words == [int(value) % 2**bits for value in truth]


@pytest.mark.parametrize("bits", [1, 4, 8, 12, 16, 21, 32])
@pytest.mark.parametrize("order", ["<", ">"])
def test_packed_samples_of_both_byte_orders(rng, bits, order):
    samples = noise(rng, bits, 6, 5)
    if bits % 8 and bits > 1:
        # tifffile itself writes these wrongly in the other byte order.
        data = imagecodecs.packints_encode(samples, bits, runlen=5)
        file = by_hand(entries_of(5, 6, data, bits=bits), data, order)
    else:
        file = tiff_of(samples, {"byteorder": order}, bitspersample=bits)
    picture = read(file)
    assert picture.num_bits == bits
    assert np.array_equal(picture.samples[..., 0], samples)


def test_reversed_bits_and_differences(rng):
    grey = noise(rng, 8, 6, 5)
    reversed_bits = imagecodecs.bitorder_decode(grey.tobytes())
    data = by_hand(entries_of(5, 6, reversed_bits, (266, 3, [2])), reversed_bits)
    assert np.array_equal(read(data).samples[..., 0], grey)
    # Differences of 12 bits: the sums go round at 4096.
    deep = noise(rng, 12, 6, 6).astype(np.int64)
    differences = np.diff(deep, axis=1, prepend=0) % 4096
    packed = imagecodecs.packints_encode(differences.astype(np.uint16), 12, runlen=6)
    data = by_hand(entries_of(6, 6, packed, (317, 3, [2]), bits=12), packed)
    assert np.array_equal(read(data).samples[..., 0], deep)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.complex64, np.uint64, np.int64]
)
def test_other_samples_are_refused(dtype):
    with pytest.raises(InputError, match="integers of 1 to 32 bits are allowed"):
        read(tiff_of(np.ones((4, 5), dtype)))


def test_channels_of_different_depths_are_refused():
    data = bytes(40)
    entries = entries_of(4, 5, data, (258, 3, [5, 6, 5]), channels=3, photometric=2)
    with pytest.raises(InputError, match=r"different depths or kinds \(\[5, 6\] bits\)"):
        read(by_hand(entries, data))


# Codings -----------------------------------------------------------------------------------------

CODINGS = ["zlib", "lzw", "packbits", "lzma", "zstd", "png", "jpegxl", "lerc"]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("layout", [{}, {"tile": (16, 16)}, {"rowsperstrip": 3}])
def test_codings_without_loss(rng, coding, layout):
    for samples in (noise(rng, 8, 20, 21, 3), noise(rng, 16, 20, 21)):
        colours = "rgb" if samples.ndim == 3 else "minisblack"
        options = {"compression": coding, "photometric": colours, **layout}
        picture = read(tiff_of(samples, **options))
        assert np.array_equal(picture.samples.reshape(samples.shape), samples)


@pytest.mark.parametrize("writer", [{"bigtiff": True}, {"byteorder": ">"}])
def test_planes_tiles_and_differences(rng, writer):
    samples = noise(rng, 16, 3, 40, 50)
    options = {"planarconfig": "separate", "tile": (16, 32), "compression": "zlib"}
    data = tiff_of(samples, writer, photometric="rgb", predictor=True, **options)
    assert np.array_equal(read(data).samples, np.moveaxis(samples, 0, -1))


@pytest.mark.parametrize("coding", ["group3", "group4", "tiff_ccitt"])
def test_fax(tmp_path, rng, coding):
    from PIL import Image

    samples = noise(rng, 1, 20, 32)
    Image.fromarray(samples.astype(bool)).save(tmp_path / "x.tif", compression=coding)
    signal = lil.load_image(tmp_path / "x.tif")
    assert signal.num_bits == 1
    with Image.open(tmp_path / "x.tif") as picture:
        tags: Any = picture.tag_v2  # pyright: ignore[reportAttributeAccessIssue]
        photometric = tags[262]
        seen = np.array(picture).astype(np.uint8)
    assert signal.meaning == Meaning(colours="white_is_zero" if photometric == 0 else "")
    assert np.array_equal(signal.samples[..., 0], seen if photometric else 1 - seen)
    assert np.array_equal(seen, samples)


def test_ways_that_are_not_read_are_named():
    data = bytes(72)
    for compression, name in {32809: "THUNDERSCAN", 34661: "JBIG", 12345: "12345"}.items():
        with pytest.raises(InputError, match=f"a way that is not read .*{name}"):
            read(by_hand(entries_of(8, 9, data, compression=compression), data))
    with pytest.raises(InputError, match="the mosaic of a camera's sensor"):
        read(by_hand(entries_of(8, 9, data, photometric=32803), data))
    inks = entries_of(3, 3, data, (332, 3, [2]), channels=5, photometric=5)
    with pytest.raises(InputError, match="inks that are not cyan"):
        read(by_hand(inks, data))
    subsampled = entries_of(4, 4, data, (530, 3, [2, 2]), channels=3, photometric=6)
    with pytest.raises(InputError, match="subsampled YCbCr"):
        read(by_hand(subsampled, data))


def test_jpeg_inside_is_read_as_its_colours(rng):
    samples = noise(rng, 8, 16, 16, 3)
    data = tiff_of(samples, photometric="rgb", compression="jpeg")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.pages.first.photometric == 6
        truth = file.pages.first.asarray()
    picture = read(data)
    assert picture.meaning == Meaning()
    assert np.array_equal(picture.samples, truth)


# Meaning -----------------------------------------------------------------------------------------

# Photometric, channels, extra samples -> the meaning.
SAID = [
    ("minisblack", 1, None, {}),
    ("miniswhite", 1, None, {"colours": "white_is_zero"}),
    ("minisblack", 2, (2,), {}),
    ("minisblack", 2, (1,), {"alpha": "associated"}),
    ("minisblack", 2, (0,), {"alpha": "none"}),
    ("miniswhite", 2, (2,), {"colours": "white_is_zero"}),
    ("minisblack", 3, (0, 0), {"colours": "grey"}),
    ("minisblack", 4, (0, 0, 0), {"colours": "grey"}),
    ("minisblack", 5, (0, 0, 0, 0), {}),
    ("minisblack", 5, (1, 0, 0, 0), {"colours": "grey", "alpha": "associated"}),
    ("rgb", 3, None, {}),
    ("rgb", 4, (2,), {}),
    ("rgb", 4, (1,), {"alpha": "associated"}),
    ("rgb", 4, (0,), {"alpha": "none"}),
    ("rgb", 5, (0, 0), {"colours": "rgb"}),
    ("rgb", 5, (2, 0), {"colours": "rgb", "alpha": "straight"}),
    ("separated", 4, None, {"colours": "cmyk"}),
    ("separated", 5, (0,), {"colours": "cmyk"}),
    ("separated", 5, (2,), {"colours": "cmyk", "alpha": "straight"}),
    ("separated", 6, (1, 0), {"colours": "cmyk", "alpha": "associated"}),
    ("ycbcr", 3, None, {"colours": "ycbcr"}),
    ("cielab", 3, None, {"colours": "lab"}),
    ("cielab", 4, (2,), {"colours": "lab"}),
    ("cielab", 4, (1,), {"colours": "lab", "alpha": "associated"}),
    ("icclab", 3, None, {"colours": "icc_lab"}),
    ("itulab", 3, None, {"colours": "itu_lab"}),
]


@pytest.mark.parametrize(("photometric", "channels", "extras", "facts"), SAID)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_meaning_is_read_and_written(tmp_path, rng, photometric, channels, extras, facts, bits):
    samples = noise(rng, bits, 5, 7, channels)
    options = {"photometric": photometric, "bitspersample": bits}
    if channels > 1:
        options["planarconfig"] = "contig"
    plain = samples[..., 0] if channels == 1 else samples
    (tmp_path / "x.tif").write_bytes(tiff_of(plain, extrasamples=extras, **options))
    signal = lil.load_image(tmp_path / "x.tif")
    assert signal.meaning.facts == facts
    assert np.array_equal(signal.samples, samples)
    assert settled(signal.meaning, channels) == signal.meaning
    write_image(tmp_path / "y.tif", signal.samples, signal.num_bits, signal.meaning)
    back = lil.load_image(tmp_path / "y.tif")
    assert (back.meaning, back.sha256, back.not_kept) == (signal.meaning, signal.sha256, ())
    with tifffile.TiffFile(tmp_path / "y.tif") as file:
        page: Any = file.pages.first
        assert page.photometric.name.lower() == photometric
        assert tuple(page.extrasamples) == (extras or ())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_profile_are_kept(tmp_path, rng, orientation):
    samples = noise(rng, 8, 5, 7, 1)
    meaning = Meaning(orientation=orientation, icc_profile=profile_text(b"a profile"))
    write_image(tmp_path / "x.tif", samples, 8, meaning)
    signal = lil.load_image(tmp_path / "x.tif")
    assert (signal.meaning, signal.not_kept) == (meaning, ())
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        assert file.pages.first.tags.valueof(274, 1) == orientation
        assert file.pages.first.iccprofile == b"a profile"


def test_what_does_not_suit_the_channels_is_refused(tmp_path):
    for channels, meaning in [
        (3, Meaning(colours="cmyk")),
        (1, Meaning(colours="lab")),
        (4, Meaning(colours="cmyk", alpha="none")),
        (3, Meaning(alpha="associated")),
        (1, Meaning(white=200)),
    ]:
        with pytest.raises(InputError, match=r"x\.tif cannot hold"):
            write_image(tmp_path / "x.tif", np.zeros((2, 3, channels), np.uint8), 8, meaning)
    assert list(tmp_path.iterdir()) == []


def test_what_else_is_said_is_named():
    options = {
        "description": "a field",
        "iccprofile": bytes(2**15 + 1),
        "extratags": [(281, 3, 1, 200, True), (700, 1, 3, b"<x>", True)],
    }
    picture = read(tiff_of(np.zeros((4, 5), np.uint8), **options))
    assert picture.not_kept == (
        "a colour profile of 32769 bytes",
        "a description",
        "XMP data",
        "the largest value 200",
    )


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_are_their_colours(rng, bits):
    numbers = noise(rng, bits, 6, 8)
    colours = noise(rng, 16, 3, 2**bits)
    packed = imagecodecs.packints_encode(numbers, bits, runlen=8) if bits < 8 else numbers.tobytes()
    more = (320, 3, colours.ravel().tolist())
    data = by_hand(entries_of(8, 6, packed, more, bits=bits, photometric=3), packed)
    picture = read(data)
    assert (picture.num_bits, picture.meaning) == (16, Meaning())
    assert np.array_equal(picture.samples, np.moveaxis(colours[:, numbers], 0, -1))
    short = entries_of(8, 6, packed, (320, 3, [1] * 3), bits=bits, photometric=3)
    with pytest.raises(InputError, match="3 values of a palette"):
        read(by_hand(short, packed))


# Several pictures --------------------------------------------------------------------------------


def pages(data, count):
    """The pictures of a file, which must have as many."""
    with pytest.raises(InputError, match=f"holds {count} pictures: choose one with --page 0 to"):
        read(data)
    for page in (count, -1):
        with pytest.raises(InputError, match=f"no page {page}: allowed are 0 to {count - 1}"):
            read(data, page)
    return np.stack([read(data, page).samples for page in range(count)])


STACKS = {
    "directories": ({}, {}),
    "imagej": ({"imagej": True}, {"metadata": {}}),
    "imagej in one": ({"imagej": True}, {"metadata": {}, "truncate": True}),
    "shaped": ({"shaped": True}, {"metadata": {}}),
    "shaped in one": ({"shaped": True}, {"metadata": {}, "truncate": True}),
    "ome": ({"ome": True}, {"metadata": {"axes": "ZYX"}}),
    "volume": ({}, {"volumetric": True}),
    "tiled volume": ({}, {"volumetric": True, "tile": (16, 16, 16)}),
    "compressed": ({}, {"compression": "zlib"}),
}


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("bits", [8, 16])
def test_stacks_are_pages(rng, name, bits):
    writer, options = STACKS[name]
    samples = noise(rng, bits, 5, 16, 16)
    if "software" in PLAIN and writer:
        options = {"software": None, **options}
    assert np.array_equal(pages(tiff_of(samples, writer, **options), 5)[..., 0], samples)


@pytest.mark.parametrize("order", ["<", ">"])
def test_stacks_of_colour_and_of_channels(rng, order):
    colour = noise(rng, 8, 4, 9, 8, 3)
    writer = {"imagej": True, "byteorder": order}
    options = {"metadata": {"axes": "ZYXS"}, "photometric": "rgb", "truncate": True}
    assert np.array_equal(pages(tiff_of(colour, writer, **options), 4), colour)
    hyper = noise(rng, 16, 2, 3, 4, 9, 8)
    options = {"metadata": {"axes": "TZCYX"}, "truncate": True}
    found = pages(tiff_of(hyper, writer, **options), 24)
    assert np.array_equal(found[..., 0], hyper.reshape(24, 9, 8))


def test_series_of_different_shapes(rng):
    """The first tells of five planes in one directory, the second of two, the third of one."""
    file = io.BytesIO()
    first = noise(rng, 8, 5, 9, 8)
    second = noise(rng, 8, 2, 4, 6)
    third = noise(rng, 8, 7, 7)
    with tifffile.TiffWriter(file, shaped=True) as out:
        for samples in (first, second, third):
            out.write(samples, photometric="minisblack", metadata={}, truncate=True)
    data = file.getvalue()
    with pytest.raises(InputError, match="holds 8 pictures"):
        read(data)
    for page, truth in enumerate([*first, *second, third]):
        assert np.array_equal(read(data, page).samples[..., 0], truth)


def test_metamorph_stacks(rng):
    samples = noise(rng, 16, 3, 4, 5)
    data = samples.tobytes()
    tags = [(33628, 4, [0] * 12), (33629, 4, [1] * 3)]
    entries = entries_of(5, 4, data[:40], *tags, bits=16)
    assert np.array_equal(pages(by_hand(entries, data), 3)[..., 0], samples)


def test_a_stack_that_is_not_all_there_says_so(rng):
    samples = noise(rng, 8, 5, 9, 8)
    data = tiff_of(samples, {"imagej": True}, metadata={}, truncate=True)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        start = file.pages.first.dataoffsets[0]
    cut = data[: start + 3 * 72]
    with pytest.raises(InputError, match=r"declares 5 pictures and holds 3: .*--page 0 to 2"):
        read(cut)
    assert np.array_equal(read(cut, 2).samples[..., 0], samples[2])
    with pytest.raises(InputError, match="no page 3"):
        read(cut, 3)
    one = tiff_of(samples[0], description="ImageJ=1.53\nimages=5\nslices=5\n")
    with pytest.raises(InputError, match="declares 5 pictures and holds 1"):
        read(one[: one.rindex(samples[0].tobytes()) + 72])


def test_copies_and_masks_do_not_count(rng):
    samples = noise(rng, 8, 12, 16, 3)
    small = samples[::2, ::2]
    rgb = {"photometric": "rgb"}
    mask = (np.ones((12, 16), bool), {"subfiletype": 4, "photometric": "mask"})
    files = {
        ("a smaller copy of 8 x 6",): [(samples, rgb), (small, {"subfiletype": 1, **rgb})],
        ("a mask",): [(samples, rgb), mask],
        ("2 smaller copies", "a mask"): [
            (samples, {"subifds": 1, **rgb}),
            (small, {"subfiletype": 1, **rgb}),
            (small, {"subfiletype": 1, **rgb}),
            mask,
        ],
    }
    for not_kept, parts in files.items():
        picture = read(tiff_of_all(*parts))
        assert np.array_equal(picture.samples, samples)
        assert picture.not_kept == not_kept
    # A copy in front of its picture.
    picture = read(tiff_of_all((small, {"subfiletype": 1, **rgb}), (samples, rgb)))
    assert np.array_equal(picture.samples, samples)
    # Unmarked directories inside a picture, all smaller.
    pyramid = tiff_of_all((samples, {"subifds": 2, **rgb}), (small, rgb), (small[::2, ::2], rgb))
    assert read(pyramid).not_kept == ("2 smaller copies",)


def test_larger_pictures_inside_count(rng):
    large = noise(rng, 8, 12, 16)
    small = large[::2, ::2]
    marked = tiff_of_all((small, {"subifds": 1, "subfiletype": 1}), (large, {}))
    picture = read(marked)
    assert np.array_equal(picture.samples[..., 0], large)
    assert picture.not_kept == ("a smaller copy of 8 x 6",)
    both = tiff_of_all((small, {"subifds": 1}), (large, {}))
    with pytest.raises(InputError, match="holds 2 pictures"):
        read(both)
    assert np.array_equal(read(both, 0).samples[..., 0], small)
    assert np.array_equal(read(both, 1).samples[..., 0], large)


def test_a_slide_has_one_picture(rng):
    samples = noise(rng, 8, 64, 64, 3)
    text = "Aperio Image Library v1\n64x64 |AppMag = 20"
    said = {"photometric": "rgb", "tile": (16, 16)}
    data = tiff_of_all(
        (samples, {"description": text, **said}),
        (samples[::4, ::4], {"description": text, "photometric": "rgb"}),
        (samples[::2, ::2], {"description": text, **said}),
    )
    picture = read(data, page=0)
    assert np.array_equal(picture.samples, samples)


# What is declared --------------------------------------------------------------------------------


def test_circles_and_strays_are_refused():
    data = tiff_of_all((np.zeros((4, 5), np.uint8), {}), (np.zeros((4, 5), np.uint8), {}))
    (first,) = struct.unpack_from("<I", data, 4)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        link = page.offset + 2 + 12 * len(page.tags)
    for target, sentence in {first: "comes twice", 10**9: "does not lie within"}.items():
        changed = bytearray(data)
        struct.pack_into("<I", changed, link, target)
        with pytest.raises(InputError, match=sentence):
            read(bytes(changed))


def test_what_is_short_is_refused(rng):
    samples = noise(rng, 8, 9, 8)
    for bits, length in ((8, 72), (4, 36), (12, 108)):
        data = samples.tobytes()[:36] * 3
        whole = by_hand(entries_of(8, 9, data[:length], bits=bits), data[:length])
        assert read(whole).samples.shape == (9, 8, 1)
        short = [entry for entry in entries_of(8, 9, data[: length - 1], bits=bits)]
        tags = {tag: values for tag, _, values in short}
        assert tags[279] == [length - 1]
        file = by_hand(short, data[: length - 1])
        # Nothing behind the samples, so that these are short.
        start = struct.unpack_from("<I", file, 4)[0]
        moved = file[:4] + struct.pack("<I", 8) + file[start : start + 2 + 12 * len(short) + 4]
        moved = bytearray(moved)
        for number in range(len(short)):
            if struct.unpack_from("<H", moved, 10 + 12 * number)[0] == 273:
                struct.pack_into("<I", moved, 10 + 12 * number + 8, len(moved))
        with pytest.raises(InputError, match="truncated"):
            read(bytes(moved) + data[: length - 1])
    packed = zlib.compress(samples.tobytes()[:50])
    with pytest.raises(InputError):
        read(by_hand(entries_of(8, 9, packed, compression=8), packed))


def test_pictures_inside_that_are_larger_are_refused():
    large = np.zeros((3000, 2000), np.uint8)
    coded = {
        34933: imagecodecs.png_encode(large),
        34712: imagecodecs.jpeg2k_encode(large[::4, ::4]),
        50002: imagecodecs.jpegxl_encode(large),
        34887: imagecodecs.lerc_encode(large),
        7: imagecodecs.jpeg_encode(large),
    }
    for compression, data in coded.items():
        with pytest.raises(InputError, match="one of them is a picture of"):
            read(by_hand(entries_of(8, 9, data, compression=compression), data))


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "u4", "i4", "f4"])
@pytest.mark.parametrize("num_bits", [8, 16])
def test_pictures_inside_are_measured_whatever_their_samples_are(kind, num_bits):
    """Samples of another type than the file says do not hide how large the picture is."""
    large = imagecodecs.lerc_encode(np.zeros((3000, 2000), kind))
    deep = bytearray(imagecodecs.lerc_encode(np.zeros((8, 9), kind)))
    deep[22:26] = struct.pack("<I", 2**28 + 1)  # its channels
    for data, sentence in ((large, "is a picture of"), (bytes(deep), "at most 16 are allowed")):
        entries = entries_of(8, 9, data, bits=num_bits, compression=34887)
        with pytest.raises(InputError, match=sentence):
            read(by_hand(entries, data))


def test_what_swells_is_stopped():
    swelling = zlib.compress(bytes(2**24))
    with pytest.raises(InputError):
        read(by_hand(entries_of(8, 9, swelling, compression=8), swelling))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ((32997, 4, [2**31]), "holds 2147483648 pictures"),
        ((257, 4, [2**31]), "more than the 4194304 that are allowed"),
        ((256, 4, [0]), "an empty picture"),
        ((277, 3, [65535]), "at most 16"),
        ((277, 3, [0]), "no channels"),
        ((270, 1, list(b"ImageJ=1\nimages=999999999\nslices=999999999\n\0")), "declares 999999999"),
        ((270, 1, list(b'{"shape": [99999, 99999, 9, 8]}\0')), "declares 9999800001"),
    ],
)
def test_what_is_declared_is_checked_first(more, sentence):
    data = bytes(72)
    with pytest.raises(InputError, match=sentence):
        read(by_hand(entries_of(8, 9, data, more), data))


def test_many_directories_are_soon_counted():
    """Tens of thousands, in a chain or inside of one; far more than that are refused."""
    one = [(256, 4, 1, 5), (257, 4, 1, 5), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    one += [(273, 4, 1, 0), (278, 4, 1, 5), (279, 4, 1, 25)]
    body = struct.pack("<H", len(one)) + b"".join(struct.pack("<HHII", *entry) for entry in one)
    step = len(body) + 4
    count = 20000
    links = [8 + step * number for number in range(1, count)] + [0]
    chain = b"II*\0" + struct.pack("<I", 8)
    chain += b"".join(body + struct.pack("<I", link) for link in links)
    with pytest.raises(InputError, match="holds 20000 pictures"):
        read(chain)
    assert read(chain, count - 1).samples.shape == (5, 5, 1)
    places = 8 + 2 + 12 * 9 + 4
    count = 60000
    head = struct.pack("<H", 9) + body[2:] + struct.pack("<HHII", 330, 4, count, places) + bytes(4)
    start = places + 4 * count
    inner = b"".join(struct.pack("<I", start + 2 * number) for number in range(count))
    # The entries are the counts of others: directories overlap, and lead to each other.
    overlapping = struct.pack("<H", 6) * 2 * count
    with pytest.raises(InputError, match="more than 32768 directories"):
        read(b"II*\0" + struct.pack("<I", 8) + head + inner + overlapping)


def test_the_log_of_the_library_is_not_shown(caplog):
    data = bytes(72)
    with caplog.at_level(logging.DEBUG, "tifffile"):
        read(
            by_hand(entries_of(8, 9, data, (40000, 1, [1])), data).replace(
                b"\x40\x9c\1", b"\x40\x9c\x63"
            )
        )
    assert caplog.records == []
    assert not logging.getLogger("tifffile").disabled


# The cases ---------------------------------------------------------------------------------------

CASE_FACTS = {
    "assoc_alpha.tif": {"alpha": "associated"},
    "bilevel.tif": {},
    "cmyk.tif": {"colours": "cmyk"},
    "fax_g4.tif": {},
    "lab.tif": {"colours": "lab"},
    "miniswhite.tif": {"colours": "white_is_zero"},
    "miniswhite1.tif": {"colours": "white_is_zero"},
    "turned.tif": {"orientation": 6},
    "ycbcr.tif": {"colours": "ycbcr"},
}


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")
def test_the_cases_come_back(tmp_path):
    for path in sorted(CASES.glob("*.tif")):
        if path.name in ("float32.tif", "imagej_one_ifd.tif", "shaped_one_ifd.tif"):
            continue
        signal = lil.load_image(path)
        assert signal.meaning.facts == CASE_FACTS.get(path.name, {}), path.name
        assert check_image_output(Path("x.tif"), signal.spec) == ()
        write_image(tmp_path / path.name, signal.samples, signal.num_bits, signal.meaning)
        back = lil.load_image(tmp_path / path.name)
        assert (back.spec, back.sha256) == (signal.spec, signal.sha256), path.name
    for name in ("imagej_one_ifd.tif", "shaped_one_ifd.tif"):
        with pytest.raises(InputError, match="holds 5 pictures"):
            lil.load_image(CASES / name)
        assert len({lil.load_image(CASES / name, page=page).sha256 for page in range(5)}) == 5
    for name in ("overview_page.tif", "pyramid.tif"):
        assert lil.load_image(CASES / name).not_kept == ("a smaller copy of 8 x 6",)
