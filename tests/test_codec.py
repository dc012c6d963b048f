"""The codec: exact round trips of all levels, the same bits everywhere, clear errors otherwise."""

import hashlib
import json
import os
import subprocess
import sys
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.codec import code_lengths, decode, encode
from lossless_inr_lite.codec.adaptation import adapted, num_biases
from lossless_inr_lite.codec.bit_streams import BitMeter, BitReader, BitWriter
from lossless_inr_lite.codec.container import ENVELOPE, HEADER_SIZE, needed_bytes, parse
from lossless_inr_lite.codec.integer_network import LARGEST, Layer
from lossless_inr_lite.codec.learning import (
    SMALL_SETS,
    CoordinateRecipe,
    fit_picture,
    learn_network,
    learn_prior,
    learn_side,
    samples_of,
    sides_of,
    smallest_side,
)
from lossless_inr_lite.codec.learning.common import seeded_linear
from lossless_inr_lite.codec.learning.coordinate import contexts
from lossless_inr_lite.codec.names import pack_names, successor, unpack_names, unsafe
from lossless_inr_lite.codec.photo_prior import (
    OWN,
    REACH,
    Mixture,
    PhotoPrior,
    binary_logarithm,
    view,
)
from lossless_inr_lite.codec.priors import (
    FOLDER,
    PRIORS_FOLDER,
    load_prior,
    prior_bytes,
    prior_from,
    prior_names,
)
from lossless_inr_lite.codec.single_picture import total_bits, unpack
from lossless_inr_lite.codec.tables import (
    exponential_table,
    frequencies,
    frequency_table,
    logistic_table,
)
from lossless_inr_lite.codec.tensor_file import read_tensors
from lossless_inr_lite.codec.wavefront import causal_offsets, reach_of, wavefront
from lossless_inr_lite.companion.chapters.c15_lossless_compression.standard_codecs import smallest
from lossless_inr_lite.companion.chapters.c15_lossless_compression.study import as_signals, load_set
from lossless_inr_lite.errors import FileFormatError, InputError
from lossless_inr_lite.signals import Signal, load_image
from lossless_inr_lite.signals.image_files import write_image


def picture(shape, num_bits=8, name="picture.png", seed=0):
    """Something smooth with noise, of any shape and depth."""
    generator = np.random.default_rng(seed)
    y, x, c = np.mgrid[: shape[0], : shape[1], : shape[2]]
    smooth = (
        0.5
        + 0.2 * np.sin(x / 5 + c)
        + 0.2 * np.cos(y / 3)
        + 0.02 * generator.standard_normal(shape)
    )
    return Signal((np.clip(smooth, 0, 1) * (2**num_bits - 1)).astype(np.uint16), num_bits, name)


def same(ours, theirs):
    return all(
        a.name == b.name and a.spec == b.spec and np.array_equal(a.samples, b.samples)
        for a, b in zip(ours, theirs, strict=True)
    )


START = len(ENVELOPE.magic) + 1  # of the body: mark and version come before


def resealed(data):
    """A container that was changed, with the checksum that belongs to it."""
    content = data[: -ENVELOPE.digest_bytes]
    return content + hashlib.sha256(content).digest()[: ENVELOPE.digest_bytes]


def with_packed_header(packed, rest=bytes(16)):
    """A container with a header as it was deflated, and the bytes behind it."""
    return ENVELOPE.sealed(HEADER_SIZE.pack(len(packed)) + packed + rest)


def with_header(data, change):
    """The container with a header changed by `change`, and right checksums."""
    body = ENVELOPE.opened(data, "the container")
    (size,) = HEADER_SIZE.unpack_from(body)
    start = HEADER_SIZE.size
    header = json.loads(zlib.decompress(body[start : start + size]))
    change(header)
    return with_packed_header(zlib.compress(json.dumps(header).encode()), body[start + size :])


# Round trips --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 9, 3), (9, 1, 3), (2, 3, 2), (13, 17, 1), (20, 16, 3), (8, 8, 4)]
)
@pytest.mark.parametrize("num_bits", [1, 8, 12, 16])
def test_every_shape_and_depth_comes_back(shape, num_bits):
    signals = [picture(shape, num_bits)]
    assert same(decode(encode(signals)), signals)


def test_pictures_of_different_kinds_come_back_in_their_order():
    signals = [
        picture((8, 9, 3), name="a"),
        picture((8, 9, 1), 16, "b"),
        picture((8, 9, 3), name="c", seed=1),
    ]
    signals.append(Signal(np.arange(-6, 6).reshape(3, 4, 1).astype(np.int16), 16, "signed"))
    assert same(decode(encode(signals)), signals)


@settings(max_examples=25, deadline=None)
@given(
    arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 7)] * 2, st.integers(1, 4))),
    st.sampled_from(["photo", "auto"]),
)
def test_any_samples_come_back(samples, prior):
    signals = [Signal(samples, 8, "x")]
    assert same(decode(encode(signals, prior)), signals)


@pytest.mark.parametrize("value", [0, 255])
def test_extremes_cost_little(value):
    signals = [Signal(np.full((40, 40, 1), value, np.uint8), 8, "flat")]
    assert 8 * len(encode(signals)) / 1600 < 1.2
    assert same(decode(encode(signals)), signals)


def test_a_blank_picture_pays_for_the_time_that_it_takes(monkeypatch):
    assert 0 == needed_bytes((100, 3, 1), 8, 1) < needed_bytes((4000, 3, 1), 8, 1) < 600
    monkeypatch.setattr("lossless_inr_lite.codec.container.FREE_STEPS", 0)
    blank = [Signal(np.zeros((100, 3, 1), np.uint8), 8, "blank")]
    data = encode(blank)
    assert needed_bytes((100, 3, 1), 8, 1) == len(parse(data).parts[0].bits) > 4
    assert same(decode(data), blank)


def test_level_0_has_its_weights_in_the_file():
    signal = load_image("camera", 16)
    side = smallest_side(signal.samples[..., 0], ((4, 4, 4), (8, 8, 8)), iterations=60)
    sides = sides_of(fit_picture(signal.samples[..., 0], (4, 4, 4), iterations=60)).values()
    totals = [total_bits(signal.samples[..., 0], candidate) for candidate in sides]
    assert total_bits(signal.samples[..., 0], side) <= min(totals)
    writer = BitWriter(signal.words.ravel())
    unpack(side).code(writer, 1, (16, 16, 1))
    back = unpack(side).code(BitReader(writer.to_bytes()), 1, (16, 16, 1))
    assert np.array_equal(back[0], signal.samples)


def test_level_0_learns_what_repeats(monkeypatch):
    y, x = np.mgrid[:24, :24]
    stripes = Signal(((x + y) // 6 % 2 * 200 + 20).astype(np.uint8)[..., None], 8, "stripes")
    monkeypatch.setattr("lossless_inr_lite.codec.single_picture.SHAPES", ((8, 8, 8),))
    monkeypatch.setattr("lossless_inr_lite.codec.learning.single_picture.ITERATIONS", 200)
    data = encode([stripes], level=0)
    assert parse(data).parts[0].header.level == 0
    assert same(decode(data), [stripes])
    with pytest.raises(InputError, match="level 0 takes pictures of one channel of 8 bits"):
        encode([picture((8, 8, 3))], level=0)


def test_level_2_is_kept_only_where_it_pays():
    """Horizontal waves of one pixel: nothing that a prior of photographs expects."""
    y, x, c = np.mgrid[:48, :48, :3]
    odd = Signal((128 + 60 * (x % 2) + 3 * c + 5 * np.sin(y)).astype(np.uint8), 8, "odd")
    plain = encode([odd])
    sent = encode([odd], level=2)
    assert parse(sent).parts[0].header.level == 2
    assert len(sent) < len(plain)
    assert same(decode(sent), [odd])
    noise = Signal(
        np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8), 8, "noise"
    )
    assert len(encode([noise], level=2)) == len(encode([noise]))


def test_biases_move_the_result_by_their_step():
    prior = load_prior("digits")
    count = num_biases(prior)
    side = zlib.compress(np.full(count, 64, np.int8).tobytes())
    before = prior.all_layers()[-1]
    moved = adapted(prior, side).all_layers()[-1]
    x = np.zeros((1, before.weight.shape[1]))
    assert np.array_equal(moved(x) - before(x), np.full((1, len(moved.bias)), 2.0**10))
    learnt = learn_side(prior, np.zeros((2, 28, 28, 1), np.uint32), 8, iterations=3)
    assert len(zlib.decompress(learnt)) == count
    for wrong, message in (
        (zlib.compress(bytes(count - 1)), f"adapts {count - 1} biases, and the prior has {count}"),
        (zlib.compress(bytes(count + 1)), f"larger than {count} bytes"),
        (zlib.compress(bytes(count))[:-1], "cut off"),
        (b"no deflated bytes", "cannot be inflated"),
    ):
        with pytest.raises(FileFormatError, match=message):
            adapted(prior, wrong)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_encoding_leaves_the_callers_random_generators_alone(level, monkeypatch):
    """Training draws from generators of its own, and what it draws does not depend on others."""
    signals = [picture((9, 9, 1))]
    monkeypatch.setattr("lossless_inr_lite.codec.single_picture.SHAPES", ((4, 4, 4),))
    monkeypatch.setattr("lossless_inr_lite.codec.learning.single_picture.ITERATIONS", 5)
    torch.manual_seed(7)
    np.random.seed(7)
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state()
    data = encode(signals, level=level)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert all(map(np.array_equal, np.random.get_state(), numpy_state))
    torch.manual_seed(8)
    np.random.seed(8)
    assert encode(signals, level=level) == data


def test_training_priors_leaves_the_callers_random_generators_alone():
    signal = load_image("astronaut", 16)
    recipe = CoordinateRecipe(SMALL_SETS, (4, 4, 4), iterations=3, batch=32)
    state = torch.get_rng_state()
    learn_prior(signal.samples[None, ..., 0], recipe)
    learn_network(samples_of(signal.samples, 8, 0), (4, 4), 3, batch=32)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("seed", [0, 3])
def test_layers_from_a_seed_are_those_of_torch(seed):
    """The usual initialisation, so that the shipped priors can be trained again bit for bit."""
    generator = torch.Generator().manual_seed(seed)
    ours = [seeded_linear(5, 7, generator), seeded_linear(7, 3, generator)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        theirs = [nn.Linear(5, 7), nn.Linear(7, 3)]
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine.weight, other.weight)
        assert torch.equal(mine.bias, other.bias)


# Exactness ----------------------------------------------------------------------------------------

VECTOR = picture((12, 11, 3), name="vector.png")
DIGIT = Signal(np.pad(np.full((12, 4, 1), 230, np.uint8), ((8, 8), (12, 12), (0, 0))), 8, "one.png")


def test_the_tables_are_these_and_no_others():
    """A changed table makes old files unreadable: their hashes are part of the format."""
    tables = [frequency_table(), logistic_table(), exponential_table(6, 512)]
    digest = hashlib.sha256(b"".join(table.astype("<i8").tobytes() for table in tables)).hexdigest()
    assert digest[:16] == TABLES
    for table in tables:
        assert (np.diff(table) >= 0).all()
    assert (frequency_table() + frequency_table()[::-1] == 2**16).all()
    assert frequencies(np.array([-(10**6), 0, 10**6])).tolist() == [1, 2**15, 2**16 - 1]


TABLES = "37710e51ef62a302"


def test_the_coder_writes_these_bytes_and_no_others():
    """Every frequency once, also the extreme ones.

    Another version of the coder must not read files differently.
    """
    ones = np.arange(1, 2**16)
    # About as probable as they are said to be.
    bits = ((ones * 40503) % 2**16 < ones).astype(np.int64)
    writer = BitWriter(bits)
    writer.bits(ones, np.arange(len(ones)), 0)
    data = writer.to_bytes()
    assert hashlib.sha256(data).hexdigest()[:16] == CODE
    assert np.array_equal(BitReader(data).bits(ones, np.arange(len(ones)), 0), bits)


CODE = "0595f6d019812e83"


def test_containers_do_not_depend_on_threads():
    """The same bytes from another process with other threads, and another order of sums."""
    code = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1]); from test_codec import *;"
        "print(hashlib.sha256(encode([VECTOR]) + encode([DIGIT], 'digits')).hexdigest())"
    )
    ours = hashlib.sha256(encode([VECTOR]) + encode([DIGIT], "digits")).hexdigest()
    for threads in ("1", "3"):
        environment = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        command = [sys.executable, "-c", code, str(__file__).rsplit("/", 1)[0]]
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == ours


@pytest.mark.parametrize("name", prior_names())
def test_no_sum_of_a_shipped_prior_can_be_inexact(name):
    """The largest sum that a layer could ever form is an integer below 2^53."""
    for layer in load_prior(name).all_layers():
        assert np.array_equal(layer.weight, np.rint(layer.weight))
        assert np.array_equal(layer.bias, np.rint(layer.bias))
        assert (np.abs(layer.weight).sum(axis=1) * LARGEST + np.abs(layer.bias)).max() < 2**53
        assert layer.shift >= 0
    assert (FOLDER / f"{name}.safetensors").stat().st_size < 200_000


def test_the_order_of_a_sum_does_not_matter(rng):
    layer = load_prior("digits").layers[1]
    num_inputs = layer.weight.shape[1]
    x = np.floor(rng.random((50, num_inputs)) * LARGEST)
    order = rng.permutation(num_inputs)
    reordered = Layer(layer.weight[:, order], layer.bias, layer.shift)
    assert np.array_equal(layer(x), reordered(x[:, order]))


def test_a_rounded_layer_is_close_to_its_floats(rng):
    weight = rng.standard_normal((5, 8))
    bias = rng.standard_normal(5)
    x = rng.random((20, 8))
    ours = Layer.rounded(weight, bias, 8, 10)(np.rint(x * 256)) / 1024
    assert np.abs(ours - (np.rint(x * 256) / 256 @ weight.T + bias)).max() < 0.002


def test_a_meter_measures_what_a_writer_writes():
    signals = [picture((24, 24, 3))]
    payload = 8 * len(parse(encode(signals, "photo")).parts[0].bits)
    lengths = code_lengths(signals, "photo")
    assert lengths.shape == (1, 24, 24, 3, 8)
    assert abs(payload - lengths.sum()) < 80
    assert lengths[..., 7].sum() < lengths[..., 0].sum()


def test_networks_of_photographs_learn_what_they_code():
    """Trained for a moment on one photograph, integers afterwards: fewer bits than at the start."""
    signal = load_image("astronaut", 48)
    samples = [samples_of(signal.samples, 8, number) for number in range(3)]
    assert [s.inputs.shape[1] for s in samples] == [18, 39, 60]
    bits = {}
    for iterations in (1, 150):
        prior = PhotoPrior([learn_network(s, (16, 16), iterations, batch=512) for s in samples])
        meter = BitMeter(signal.words.astype(np.int64).ravel(), 8)
        assert np.array_equal(prior.code(meter, 1, (48, 48, 3), 8)[0], signal.samples)
        bits[iterations] = meter.lengths.sum()
    assert bits[150] < 0.95 * bits[1]


def test_the_shipped_priors_beat_the_best_of_the_others():
    """On digits and a photograph that no prior has seen; whole containers are counted."""
    digits = as_signals(load_set("digits")[4000:4150])
    assert 8 * len(encode(digits, "auto")) / (150 * 784) < 1.20
    photo = load_image("tissue", 96)
    assert len(encode([photo])) < len(smallest("JPEG XL", photo.samples))


# Order --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (7, 1), (5, 3), (6, 20)])
@pytest.mark.parametrize("offsets", [OWN, SMALL_SETS])
def test_a_pixel_comes_after_all_that_it_sees(height, width, offsets):
    step = np.full((height, width), -1)
    for number, (rows, columns) in enumerate(wavefront(height, width, reach_of(offsets))):
        assert (step[rows, columns] == -1).all()
        step[rows, columns] = number
    assert (step >= 0).all()
    for row, column in np.ndindex(height, width):
        for down, right in offsets:
            near_row = row + down
            near_column = column + right
            if 0 <= near_row < height and 0 <= near_column < width:
                assert step[near_row, near_column] < step[row, column]
    assert max(c for _, c in OWN) == REACH
    assert causal_offsets(1, 1, 1) == [(0, -1), (-1, -1), (-1, 0), (-1, 1)]


def test_training_and_coding_see_the_same_neighbours():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 6, 7)).astype(np.uint8)
    seen = contexts(pictures, [(0, -1), (-1, 1)]).reshape(2, 6, 7, 2)
    assert np.array_equal(seen[:, 2, 1:, 0], pictures[:, 2, :-1])
    assert np.array_equal(seen[:, 2, :-1, 1], pictures[:, 1, 1:])
    assert (seen[:, 0, :, 1] == 0).all()


def test_a_distribution_function_grows_from_nothing_to_all(rng):
    own = rng.integers(0, 256, (40, len(OWN)))
    outputs = np.rint(rng.standard_normal((40, 9)) * 2000)
    mixture = Mixture.of(view(own, []), outputs, 8)
    masses = np.stack([mixture.below(np.full(40, value)) for value in range(257)])
    assert (masses[0] == 0).all()
    assert (masses[-1] == mixture.total).all()
    assert (np.diff(masses, axis=0) > 0).all()
    assert np.abs(binary_logarithm(np.array([1, 2, 3, 1024])) / 256 - [0, 1, 1.5, 10]).max() == 0


def test_a_prior_learns_its_pictures():
    """Ten pictures of one bar at ten places: neighbours pay, and so does the prefix."""
    bars = np.stack([np.roll(DIGIT.samples[..., 0], shift, axis=1) for shift in range(-5, 5)])
    bits = {}
    for name, offsets, prefix in (
        ("place", [], "none"),
        ("bits", [], "bits"),
        ("near", SMALL_SETS, "table"),
    ):
        recipe = CoordinateRecipe(
            offsets, (16, 16, 16), prefix, iterations=150, batch=1024, learning_rate=1e-2
        )
        meter = BitMeter(bars.astype(np.int64).ravel(), 8)
        coded = learn_prior(bars, recipe).code(meter, 10, (28, 28, 1))
        assert np.array_equal(coded[..., 0], bars)
        bits[name] = meter.lengths.sum()
    assert bits["near"] < bits["bits"] < bits["place"]


# Names and files ----------------------------------------------------------------------------------


def test_numbered_names_cost_nothing():
    names = [f"digit_{i:05d}.png" for i in range(10_000)]
    assert set(pack_names(names)[1:]) == {""}
    assert unpack_names(pack_names(names)) == names
    assert successor("a9.png") == "a10.png"
    assert successor("none") is None
    with pytest.raises(FileFormatError, match="file name"):
        unpack_names([""])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6))
def test_all_names_come_back(names):
    assert unpack_names(pack_names(names)) == names


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        ".",
        "a/b.png",
        "a\\b.png",
        "/etc/x.png",
        "x\0.png",
        "C:x.png",
        "NUL.png",
        "x.png.",
        "\n",
        "é" * 200,
    ],
)
def test_names_that_are_no_file_names_are_refused(name):
    assert unsafe(name, windows=True)


@pytest.mark.parametrize("name", ["", "..", ".", "a/b.png", "/etc/x.png", "x\0.png", "é" * 200])
def test_names_that_lead_elsewhere_are_refused_on_every_system(name):
    assert unsafe(name, windows=False)


@pytest.mark.parametrize(
    "name",
    ["a.png", "Ünïcode 1.png", ".hidden.png", "a..b.png", "console.png", " a\u202fb\xad.png"],
)
def test_ordinary_names_are_fine(name):
    assert not unsafe(name, windows=True)


@pytest.mark.parametrize("name", ["a\\b.png", "C:x?.png", "NUL.png", "x.png.", "\n", "\udcff.png"])
def test_other_systems_take_what_windows_refuses(name):
    assert not unsafe(name, windows=False)


@pytest.fixture
def files(tmp_path):
    samples = {
        "one.png": picture((9, 8, 3)),
        "two.tif": picture((9, 8, 1), 16),
        "three.ppm": picture((4, 5, 3)),
    }
    for name, signal in samples.items():
        write_image(tmp_path / name, signal.samples, signal.num_bits)
    return tmp_path, [tmp_path / name for name in samples]


def test_the_command_line_restores_every_file(files, capsys):
    folder, paths = files
    assert main(["compress", *map(str, paths), "-o", str(folder / "x.lic")]) == 0
    assert "3 pictures" in capsys.readouterr().out
    assert main(["decompress", str(folder / "x.lic"), "-o", str(folder / "out")]) == 0
    assert sorted(p.name for p in (folder / "out").iterdir()) == sorted(p.name for p in paths)
    for path in paths:
        assert lil.load_image(folder / "out" / path.name).sha256 == lil.load_image(path).sha256


def test_nothing_is_overwritten_and_nothing_is_half_written(files, capsys):
    folder, paths = files
    main(["compress", *map(str, paths), "-o", str(folder / "x.lic")])
    (folder / "out").mkdir()
    (folder / "out" / "two.tif").write_text("mine")
    assert main(["decompress", str(folder / "x.lic"), "-o", str(folder / "out")]) == 2
    assert "two.tif exists" in capsys.readouterr().err
    assert [p.name for p in (folder / "out").iterdir()] == ["two.tif"]
    assert (
        main(["compress", str(paths[0]), str(folder / "gone.png"), "-o", str(folder / "y.lic")])
        == 2
    )
    assert not (folder / "y.lic").exists()
    assert main(["compress", str(paths[0]), str(paths[0]), "-o", str(folder / "y.lic")]) == 2
    assert "same file name" in capsys.readouterr().err


def test_a_failed_move_takes_all_back(files, monkeypatch):
    folder, paths = files
    main(["compress", *map(str, paths), "-o", str(folder / "x.lic")])
    rename = Path.rename

    def full(self, target):
        if self.name == "two.tif":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    assert main(["decompress", str(folder / "x.lic"), "-o", str(folder / "out")]) == 2
    assert list((folder / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "..", "x.exe", "x.jpg"])
def test_a_container_cannot_write_elsewhere(tmp_path, name, capsys):
    (tmp_path / "x.lic").write_bytes(encode([picture((3, 3, 3), name=name)]))
    assert main(["decompress", str(tmp_path / "x.lic"), "-o", str(tmp_path / "deep" / "out")]) == 2
    assert repr(name)[1:-1] in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["x.lic"]


# Damage -------------------------------------------------------------------------------------------

WHOLE = encode([VECTOR])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damage_is_an_error_or_harmless(data):
    """Flips and cuts, half of them with a right checksum.

    There is never another exception, and there are never other pictures.
    """
    body = bytearray(WHOLE)
    for place in data.draw(st.lists(st.integers(0, 8 * len(body) - 1), min_size=1, max_size=4)):
        body[place // 8] ^= 1 << place % 8
    body = bytes(body[: data.draw(st.sampled_from([len(body), len(body) // 2, 30]))])
    damaged = resealed(body) if data.draw(st.booleans()) else body
    with suppress(FileFormatError):
        assert same(decode(damaged), [VECTOR])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["groups"][0].update(shape=[2**20, 2**20, 3]), "more than the 67108864"),
        (lambda h: h["groups"][0].update(shape=[2**10, 2**10, 60], bits=0), "other sizes"),
        (lambda h: h["groups"][0].update(shape=[2**70, 1, 1]), r"groups\.0\.shape\.0: it is 11805"),
        (lambda h: h["groups"][0].update(shape=[1, 1]), r"groups\.0\.shape: it has 2 items"),
        (lambda h: h["groups"][0].pop("shape"), r"groups\.0\.shape: it is missing"),
        (lambda h: h["groups"][0].update(count=2**17), "numbers of pictures"),
        (lambda h: h["groups"][0].update(num_bits=99), r"groups\.0\.num_bits: it is 99, allowed"),
        (lambda h: h["groups"][0].update(num_bits=True), r"groups\.0\.num_bits: it is True"),
        (lambda h: h["groups"][0].update(kind="float"), "kind: it is 'float', allowed are unsign"),
        (lambda h: h["groups"][0].update(prior="../digits"), "needs the prior"),
        (lambda h: h["groups"][0].update(prior="digits"), "another version"),
        (lambda h: h["groups"][0].update(prior="digits", weights=""), "network for other pictures"),
        (lambda h: h["groups"][0].update(level=0), "network is cut off"),
        (lambda h: h["groups"][0].update(level=2), "adaptation is cut off"),
        (lambda h: h["groups"][0].update(level=1.0), r"groups\.0\.level: it is 1\.0"),
        (lambda h: h["groups"][0].update(shape=[11, 12, 3]), "checksum|damaged"),
        (lambda h: h.update(names=["other.png"]), "checksum"),
        (lambda h: h.update(names=[]), "names: it has 0 items"),
        (lambda h: h.update(names=["\ud800.png"]), r"names\.0: it is"),
        (lambda h: h.update(more=1), "more: no such field"),
        (lambda h: h.update(order=[5000]), r"order\.0: it is 5000, allowed are integers from 0"),
    ],
)
def test_absurd_headers_are_named(change, message):
    with pytest.raises(FileFormatError, match=message):
        decode(with_header(WHOLE, change))


def test_foreign_newer_and_bombs():
    with pytest.raises(FileFormatError, match="not a container"):
        decode(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(FileFormatError, match="version 2"):
        decode(replace(ENVELOPE, version=2).sealed(bytes(40)))
    with pytest.raises(FileFormatError, match="has no header"):
        decode(ENVELOPE.sealed(bytes(10)))
    with pytest.raises(FileFormatError, match="header of 4294967295 bytes"):
        decode(ENVELOPE.sealed(b"\xff" * 100))
    with pytest.raises(FileFormatError, match="larger than"):
        decode(with_packed_header(zlib.compress(bytes(2**26), 9)))
    with pytest.raises(FileFormatError, match="cannot be read"):
        decode(with_packed_header(zlib.compress(b"[" * 100_000)))
    with pytest.raises(
        FileFormatError, match=r"header is wrong: it is .1, 2., allowed are objects"
    ):
        decode(with_packed_header(zlib.compress(b"[1, 2]")))
    with pytest.raises(FileFormatError, match="more than the 10"):
        decode(WHOLE, max_samples=10)


def test_a_few_bytes_cannot_pretend_to_be_a_huge_picture():
    """Four bytes behind a header that declares a million samples: their end is noticed."""
    few = with_header(
        encode([picture((2, 2, 1))]), lambda h: h["groups"][0].update(shape=[1, 1_000_000, 1])
    )
    with pytest.raises(FileFormatError, match="declares"):
        decode(few)


@pytest.mark.parametrize(
    ("signals", "options", "message"),
    [
        ([], {}, "0 pictures"),
        ([picture((3, 3, 3))], {"prior": "nothing"}, "unknown prior"),
        ([picture((3, 3, 3))], {"prior": "digits"}, "does not suit"),
        ([picture((3, 3, 3))], {"level": 7}, "level is 7"),
        ([picture((3, 3, 3), name="")], {}, "a name of 0"),
        ([picture((3, 3, 3), name="x" * 256)], {}, "a name of 256"),
        ([picture((3, 3, 3), name="\ud800.png")], {}, "it is not text"),
        ([picture((1, 1, 1))] * 4097, {"level": 0}, "4097 kinds"),
        ([picture((2**10, 2**10, 1))] * 65, {}, "samples in all"),
        ([Signal(np.zeros((9, 1), np.int16), 16, "sound", 8000, "PCM_16")], {}, "cannot be coded"),
        ([Signal(np.zeros((3, 3, 1), np.uint32), 24, "deep")], {}, "cannot be coded"),
    ],
)
def test_what_cannot_be_coded_is_named(signals, options, message):
    with pytest.raises(InputError, match=message):
        encode(signals, **options)


# Files of priors ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", prior_names())
def test_priors_are_read_as_the_library_reads_them(name):
    theirs = safetensors.numpy.load(prior_bytes(name))
    ours = read_tensors(prior_bytes(name), "the prior")
    assert set(ours) == set(theirs)
    for tensor_name, tensor in ours.items():
        assert tensor.dtype == theirs[tensor_name].dtype
        assert np.array_equal(tensor, theirs[tensor_name])
    stored = load_prior(name).tensors()
    assert safetensors.numpy.save(stored) == prior_bytes(name)


INTEGERS = st.sampled_from([np.int8, np.int16, np.int32, np.int64])
TENSORS = arrays.arrays(INTEGERS, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0))


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=5), TENSORS, max_size=4))
def test_any_integers_are_read_as_they_were_written(tensors):
    ours = read_tensors(safetensors.numpy.save(tensors, {"made": "here"}), "the file")
    assert set(ours) == set(tensors)
    for name, tensor in tensors.items():
        assert ours[name].dtype == tensor.dtype
        assert np.array_equal(ours[name], tensor)


def tensor_file(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


ENTRY = {"dtype": "I16", "shape": [2, 3], "data_offsets": [0, 12]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"short", "only 5 bytes"),
        (b"\xff" * 8, "declares a header of 18446744073709551615 bytes"),
        (tensor_file({"a": ENTRY})[:-1], "declares a header"),
        (tensor_file(b"{"), "cannot be read"),
        (tensor_file(b"[" * 100_000), "cannot be read"),
        (tensor_file([]), "not a JSON object"),
        (tensor_file({"a": 1}), "tensor 'a', is wrong: it is 1"),
        (tensor_file({"a": {**ENTRY, "dtype": "F32"}}), "dtype: it is 'F32', allowed are I8"),
        (tensor_file({"a": {**ENTRY, "shape": [-1]}}), r"shape\.0: it is -1"),
        (tensor_file({"a": {**ENTRY, "shape": [2**60, 2**60]}}), r"shape\.0"),
        (tensor_file({"a": {**ENTRY, "data_offsets": [0]}}, bytes(12)), "data_offsets: it has 1"),
        (tensor_file({"a": {**ENTRY, "data_offsets": [0, 11]}}, bytes(12)), "declares 6 integers"),
        (tensor_file({"a": ENTRY}, bytes(11)), "declares 6 integers in the bytes 0 to 12 of 11"),
        (tensor_file({"a": ENTRY}, bytes(12)), "no layer channel0.0"),
        (tensor_file({"prefixes": ENTRY}, bytes(12)), "other tensors"),
        (tensor_file({"channel0.0.weight": ENTRY}, bytes(12)), "other tensors"),
    ],
)
def test_files_that_are_no_priors_are_named(data, message):
    with pytest.raises(FileFormatError, match=message) as caught:
        prior_from(data, "mine")
    assert str(caught.value).startswith("the prior 'mine'")


def test_priors_of_other_shapes_are_refused():
    whole = load_prior("digits").tensors()
    for name, shape in (("last", (7, 48)), ("prefixes", (255, 48)), ("layer1.weight", (64, 95))):
        changed = whole | {name: np.zeros(shape, np.int16)}
        with pytest.raises(FileFormatError, match=r"cannot be used: (its tables|the layer layer1)"):
            prior_from(safetensors.numpy.save(changed), "mine")


def test_a_folder_may_hold_more_priors(tmp_path, monkeypatch):
    name = "a_prior_of_my_own"
    (tmp_path / f"{name}.safetensors").write_bytes(prior_bytes("photo"))
    (tmp_path / f"{'x' * 60}.safetensors").write_bytes(prior_bytes("photo"))
    signals = [picture((5, 4, 3))]
    monkeypatch.setenv(PRIORS_FOLDER, str(tmp_path))
    data = encode(signals, name)
    assert same(decode(data), signals)
    with pytest.raises(InputError, match=r"header of the container is wrong at groups\.0\.prior"):
        encode(signals, "x" * 60)
    monkeypatch.delenv(PRIORS_FOLDER)
    with pytest.raises(FileFormatError, match=f"needs the prior '{name}'"):
        decode(data)


# Decoding alone -----------------------------------------------------------------------------------

HIDDEN = ("torch", "pydantic", "safetensors", "scipy", "skimage", "imagecodecs", "PIL", "tifffile")
HIDDEN += ("pydicom", "soundfile", "imageio", "matplotlib", "mpmath", "psutil", "tqdm")
DECOMPRESS = """
import sys
from pathlib import Path


class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[3].split():
            raise ModuleNotFoundError(f"{name} is hidden", name=name)


sys.meta_path.insert(0, Refusing())
from lossless_inr_lite.codec.files import decompress_file

print(decompress_file(Path(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.mark.parametrize(
    ("level", "kind"),
    [
        (0, "grey"),
        (1, "grey"),
        (1, "colour"),
        (1, "deep"),
        (2, "grey"),
        (2, "colour"),
    ],
)
def test_decoding_needs_numpy_and_the_coder_alone(level, kind, tmp_path, monkeypatch):
    """In a process where every other package is missing."""
    monkeypatch.setattr("lossless_inr_lite.codec.single_picture.SHAPES", ((4, 4, 4),))
    monkeypatch.setattr("lossless_inr_lite.codec.learning.single_picture.ITERATIONS", 5)
    shape = (9, 10, 1 if kind == "grey" else 3)
    signals = [
        picture(shape, 16 if kind == "deep" else 8, name)
        for name in ("a.png", "b.pgm" if kind == "grey" else "b.ppm")
    ]
    (tmp_path / "x.lic").write_bytes(encode(signals, level=level))
    command = [sys.executable, "-c", DECOMPRESS, str(tmp_path / "x.lic"), str(tmp_path / "out")]
    done = subprocess.run([*command, " ".join(HIDDEN)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for signal in signals:
        back = load_image(tmp_path / "out" / signal.name)
        assert back.num_bits == signal.num_bits
        assert np.array_equal(back.samples, signal.samples)
