"""Bit-depth expansion: methods keep the bits that they are given; the command refuses nonsense."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.companion import fingerprint
from lossless_inr_lite.companion import rows as rows_module
from lossless_inr_lite.companion.chapters.c14_bit_depth_expansion import figures, study
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.expansion import (
    METHODS,
    cut,
    expand,
    expand_signal,
    extrapolation,
    inside,
    interval_network,
    linear_predictor,
    local_network,
)
from lossless_inr_lite.expansion.contour import contour_regions
from lossless_inr_lite.expansion.linear_predictor import Surroundings, linear
from lossless_inr_lite.signals.image_files import write_image
from lossless_inr_lite.signals.meaning import Meaning
from lossless_inr_lite.signals.metrics import psnr

RULES = ("zero_padding", "ideal_gain", "bit_replication", "mid_point", "contour_regions", "linear")
TRAINED = tuple(name for name in METHODS if name not in RULES)


@pytest.fixture
def quick(monkeypatch):
    """Networks that hardly train: what they say is wrong, and must stay inside all the same."""
    monkeypatch.setattr(local_network, "STEPS", 2)
    monkeypatch.setattr(interval_network, "STEPS", 2)
    monkeypatch.setattr(extrapolation, "MAX_ITERATIONS", 2)


@st.composite
def depths(draw):
    low = draw(st.integers(1, 15))
    return low, draw(st.integers(low + 1, 16))


@st.composite
def pictures(draw):
    low, high = draw(depths())
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 4)))
    return draw(arrays(np.uint32, shape, elements=st.integers(0, 2**low - 1))), low, high


@settings(max_examples=60)
@given(pictures())
@pytest.mark.parametrize("method", RULES)
def test_rules_keep_every_bit_that_they_were_given(method, picture):
    words, low, high = picture
    found = expand(words, low, high, method)
    assert found.dtype == np.uint32
    assert np.array_equal(found >> (high - low), words)


@pytest.mark.parametrize("method", TRAINED)
@pytest.mark.parametrize(
    ("low", "high", "shape"),
    [
        (1, 8, (9, 8, 3)),
        (2, 3, (1, 1, 1)),
        (8, 16, (6, 9, 4)),
        (15, 16, (5, 4, 2)),
        (1, 16, (4, 4, 1)),
    ],
)
def test_networks_keep_every_bit_that_they_were_given(method, low, high, shape, rng, quick):
    words = rng.integers(0, 2**low, shape).astype(np.uint32)
    found = expand(words, low, high, method)
    assert np.array_equal(found >> (high - low), words)
    assert np.array_equal(found, expand(words, low, high, method, seed=0))


def test_a_wild_method_is_held_inside():
    words = np.array([[[0], [1], [2], [3], [3]]], dtype=np.uint32)
    lost = np.array([[[-1e30], [1e30], [np.nan], [np.inf], [2.4]]])
    assert inside(lost, words, 4).ravel().tolist() == [0, 31, 39, 55, 50]


# The rules

EVERY_8 = np.arange(256, dtype=np.uint32)[None, :, None]


def test_bit_replication_from_8_to_16_is_the_ideal_gain():
    """65535 / 255 is 257, which is 2^8 + 1: Table 5 cannot have two numbers for the two."""
    assert np.array_equal(expand(EVERY_8, 8, 16, "bit_replication"), EVERY_8 * 257)
    assert np.array_equal(expand(EVERY_8, 8, 16, "ideal_gain"), EVERY_8 * 257)


@given(depths())
def test_the_ideal_gain_is_the_nearest_integer_and_needs_no_clamp(pair):
    low, high = pair
    words = np.unique(np.linspace(0, 2**low - 1, 300).astype(np.uint32))[None, :, None]
    found = expand(words, low, high, "ideal_gain")
    for word, expanded in zip(words.ravel(), found.ravel(), strict=True):
        exact = int(word) * (2**high - 1)  # both in units of 1 / (2^low - 1)
        assert 2 * abs(int(expanded) * (2**low - 1) - exact) <= 2**low - 1
    lost = METHODS["ideal_gain"](words, low, high, 0, 1.0)
    assert lost.min() >= 0
    assert lost.max() < 2 ** (high - low)


@given(depths())
def test_replication_repeats_the_word(pair):
    low, high = pair
    words = np.unique(np.linspace(0, 2**low - 1, 50).astype(np.uint32))[None, :, None]
    found = expand(words, low, high, "bit_replication")
    for word, expanded in zip(words.ravel(), found.ravel(), strict=True):
        assert format(expanded, f"0{high}b") == (format(word, f"0{low}b") * 16)[:high]


def test_padding_and_mid_point():
    assert np.array_equal(expand(EVERY_8, 8, 12, "zero_padding"), EVERY_8 * 16)
    assert np.array_equal(expand(EVERY_8, 8, 12, "mid_point"), EVERY_8 * 16 + 7)


def test_the_mid_point_has_the_error_of_a_uniform_step():
    truth = np.arange(65536, dtype=np.uint32).reshape(256, 256, 1)
    step = psnr(expand(truth >> 8, 8, 16, "mid_point"), truth, 16)
    assert step == pytest.approx(20 * np.log10(65535 / (256 / 12**0.5)), abs=1e-3)


def test_contours_make_a_ramp_of_a_staircase():
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint32)[:, None, None], (256, 6, 1))
    found = expand(ramp >> 4, 4, 8, "contour_regions")
    middle = slice(16, 240)
    assert np.abs(found[middle].astype(int) - ramp[middle].astype(int)).max() <= 1
    # No darker border: half of 16, rounded to the even one.
    assert set(found[:16].ravel().tolist()) == {8}


def test_contours_measure_the_way_inside_the_region():
    words = np.array([[0, 1, 1, 1, 1, 2]], dtype=np.uint32)[..., None]
    share = (contour_regions(words, 2, 6) + 0.5) / 16
    assert share.ravel()[1:5] == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5])
    walled = np.array([[0, 1, 1], [3, 3, 1], [2, 1, 1]], dtype=np.uint32)[..., None]
    share = (contour_regions(walled, 2, 6) + 0.5) / 16
    # The way round the wall to the 0 has five moves, and the 3 lies beside: 5 / (5 + 1).
    assert share[2, 1, 0] == pytest.approx(5 / 6)


def test_methods_and_rules_need_no_torch():
    """The command line's parser reads the methods, and must answer at once."""
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "sys.modules['scipy'] = None\n"
        "import numpy as np\n"
        "from lossless_inr_lite.expansion import METHODS, expand\n"
        "words = np.arange(16, dtype=np.uint32).reshape(4, 4, 1)\n"
        f"for method in {RULES!r}:\n"
        "    expand(words, 4, 8, method)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The predictors


def test_differences_are_neighbour_less_pixel_and_cut(rng):
    words = rng.integers(0, 16, (6, 7, 2)).astype(np.uint32)
    around = Surroundings(words, 4, 3.0).differences(np.array([2 * 7 + 3]))
    square = words[0:5, 1:6].astype(int) - words[2, 3].astype(int)
    assert np.array_equal(around[0], np.delete(square.reshape(25, 2), 12, axis=0).clip(-3, 3))


def test_batches_of_pixels_change_nothing(monkeypatch, rng):
    words = rng.integers(0, 64, (20, 30, 3)).astype(np.uint32)
    assert words[..., 0].size < linear_predictor.PIXELS_AT_ONCE
    at_once = linear(words, 6, 12)
    monkeypatch.setattr(linear_predictor, "PIXELS_AT_ONCE", 77)
    assert linear(words, 6, 12) == pytest.approx(at_once, abs=1e-3)


@pytest.mark.parametrize("method", ["linear", "local_predictor"])
def test_a_predictor_reads_a_slope(method, monkeypatch):
    """A smooth slope in two directions: what is lost follows from the neighbours."""
    monkeypatch.setattr(local_network, "STEPS", 150)
    rows, columns = np.mgrid[0:64, 0:64]
    truth = (rows * 1.9 + columns * 1.1 + 20).astype(np.uint32)[..., None]
    words = cut(truth, 8, 4)
    predicted = psnr(expand(words, 4, 8, method), truth, 8)
    middle = psnr(expand(words, 4, 8, "mid_point"), truth, 8)
    assert predicted > middle + 2


def test_the_network_is_odd_in_the_differences_and_says_nothing_of_a_flat_place(rng):
    network = local_network.LocalNetwork(3, coordinates=True)
    differences = torch.rand(9, 24, 3)
    values = torch.rand(9, 3)
    places = torch.rand(9, 2)
    there = network(differences, values, places)
    assert torch.equal(there, -network(-differences, values, places))
    assert there.abs().min() > 0
    assert not network(0 * differences, values, places).any()


def test_the_eight_orientations_are_different_orders():
    orders = local_network.orientations()
    assert len({tuple(order) for order in orders}) == 8
    assert all(sorted(order) == list(range(24)) for order in orders)


def test_training_leaves_the_callers_random_numbers_alone(rng, quick):
    state = torch.get_rng_state()
    expand(rng.integers(0, 16, (6, 6, 1)).astype(np.uint32), 4, 8, "local_network")
    assert torch.equal(state, torch.get_rng_state())


# Pictures and the command


def test_what_was_opaque_stays_so(rng):
    samples = rng.integers(0, 256, (5, 6, 4)).astype(np.uint8)
    samples[..., 3] = 255
    found = expand_signal(lil.Signal(samples, 8), 16, method="mid_point")
    assert set(found.samples[..., 3].ravel().tolist()) == {65535}
    assert np.array_equal(found.samples[..., :3] >> 8, samples[..., :3])


def test_signed_samples_keep_their_order():
    signal = lil.Signal(np.arange(-8, 8, dtype=np.int8).reshape(4, 4, 1), 4)
    found = expand_signal(signal, 8, method="zero_padding")
    assert found.samples.ravel().tolist() == list(range(-128, 128, 16))


@pytest.mark.parametrize(
    ("from_bits", "to_bits", "method", "message"),
    [
        (8, 8, "mid_point", "8 bits are asked for and 8 are there"),
        (9, 12, "mid_point", "it has 8: use at most those"),
        (0, 12, "mid_point", "from_bits is 0: allowed are integers from 1 to 16"),
        (4, 17, "mid_point", "to_bits is 17"),
        (4, 8.0, "mid_point", "to_bits is 8.0"),
        (4, 8, "magic", "unknown method 'magic': allowed are bit_replication"),
    ],
)
def test_depths_that_make_no_sense_are_refused(from_bits, to_bits, method, message, rng):
    signal = lil.Signal(rng.integers(0, 256, (3, 3, 1)).astype(np.uint8), 8)
    with pytest.raises(InputError, match=message):
        expand_signal(signal, to_bits, from_bits, method)


def test_a_picture_that_is_white_below_its_largest_value_is_refused(rng):
    samples = rng.integers(0, 101, (3, 3, 1)).astype(np.uint8)
    signal = lil.Signal(samples, 7, "grey", meaning=Meaning(white=100))
    with pytest.raises(InputError, match=r"grey is white at 100, not at .* of its 7 bits, 127"):
        expand_signal(signal, 16, method="mid_point")


def test_physical_units_stay_what_they_were(rng):
    samples = rng.integers(0, 4096, (3, 3, 1)).astype(np.uint16)
    signal = lil.Signal(samples, 12, meaning=Meaning(rescale=(1.0, -1024.0)))
    found = expand_signal(signal, 16, method="zero_padding")
    assert found.meaning.rescale is not None
    slope, intercept = found.meaning.rescale
    assert np.array_equal(found.samples * slope + intercept, samples - 1024.0)


def test_black_ink_is_expanded_like_the_other_inks(rng):
    samples = rng.integers(0, 256, (3, 3, 4)).astype(np.uint8)
    ink = lil.Signal(samples, 8, meaning=Meaning(colours="cmyk"))
    found = expand_signal(ink, 16, method="zero_padding").samples
    assert np.array_equal(found, samples.astype(np.uint16) << 8)
    with_alpha = expand_signal(lil.Signal(samples, 8), 16, method="zero_padding").samples
    assert np.array_equal(with_alpha[..., 3], samples[..., 3].astype(np.uint16) * 257)


def test_words_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="4 bits hold 0 to 15"):
        expand(np.full((2, 2, 1), 16), 4, 8, "mid_point")
    with pytest.raises(InputError, match="integers of shape"):
        expand(np.zeros((2, 2)), 4, 8, "mid_point")


@pytest.fixture
def photo(tmp_path, rng):
    write_image(tmp_path / "photo.png", rng.integers(0, 256, (8, 9, 3)).astype(np.uint8), 8)
    return tmp_path / "photo.png"


@pytest.mark.parametrize(("low", "high"), [(None, 16), (8, 12), (4, 8), (6, 16)])
def test_the_command_writes_a_deeper_picture(low, high, photo, tmp_path, capsys):
    # PNG has no 12 bits.
    out = tmp_path / "new" / ("out.ppm" if high == 12 else "out.png")
    kept = low or 8
    command = ["expand", str(photo), "--to", str(high), "--method", "linear", "-o", str(out)]
    if low is not None:
        command += ["--from", str(low)]
    assert main(command) == 0
    said = f"{high} bits from the {kept} most significant ones of photo, by linear"
    assert said in capsys.readouterr().out
    found = lil.load_image(out)
    assert found.num_bits == high
    assert np.array_equal(found.words >> (high - kept), lil.load_image(photo).words >> (8 - kept))


def test_the_command_takes_the_best_method_unless_told(photo, tmp_path, capsys, quick):
    assert main(["expand", str(photo), "--to", "16", "-o", str(tmp_path / "o.tif")]) == 0
    assert "by local_predictor" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["photo.png", "--to", "8", "-o", "o.png"], "8 bits are asked for and 8 are there"),
        (
            ["photo.png", "--from", "9", "--to", "16", "-o", "o.png"],
            "9 bits of photo are asked for, and it has 8",
        ),
        (["photo.png", "--from", "0", "--to", "8", "-o", "o.png"], "from_bits is 0"),
        (["photo.png", "--from", "-3", "--to", "8", "-o", "o.png"], "from_bits is -3"),
        (["photo.png", "--to", "17", "-o", "o.png"], "to_bits is 17: allowed are integers from 1"),
        (["photo.png", "--to", "16", "--method", "magic", "-o", "o.png"], "unknown method 'magic'"),
        (["photo.png", "--to", "16", "-o", "o.wav"], "allowed suffixes"),
        (["photo.png", "--to", "16", "-o", "o.pgm"], "o.pgm cannot hold 3 channels"),
        (["photo.png", "--to", "10", "-o", "o.png"], "3 channels of 10 bits, PNG has 8, 16"),
        (["white.pgm", "--to", "16", "-o", "o.png"], "white is white at 100, not at the largest"),
        (["photo.png", "--to", "16", "-o", "/proc/none/o.png"], "cannot write into the folder"),
        (["photo.png", "--to", "16", "--max-pixels", "9", "-o", "o.png"], "--max-pixels"),
        (["sound.wav", "--to", "16", "-o", "o.png"], "sound.wav is not a picture"),
        (["float.tif", "--to", "16", "-o", "o.png"], "integers of 1 to 32 bits are allowed"),
        (["none.png", "--to", "16", "-o", "o.png"], "none.png does not exist"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(
    arguments, message, photo, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    soundfile.write("sound.wav", np.zeros((40, 1), dtype=np.int16), 8000, "PCM_16")
    tifffile.imwrite("float.tif", np.zeros((4, 4), dtype=np.float32))
    (tmp_path / "white.pgm").write_bytes(b"P5\n2 2\n100\n" + bytes([0, 50, 99, 100]))
    before = sorted(tmp_path.iterdir())
    assert main(["expand", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


# The study


def test_only_genuine_deep_pictures_can_judge(shared):
    for path in sorted((shared / "img16").glob("crop64_*.png")):
        assert study.check_deep(lil.load_image(path)).num_bits == 16
    with pytest.raises(InputError, match="values lie 257 apart, 8-bit data in 16 bits"):
        study.deep_picture(str(shared / "img16" / "not_genuine_flower_8bit_x257.pgm"), 32)


def test_a_stretched_or_shallow_picture_is_no_truth(rng):
    samples = rng.integers(0, 256, (9, 9, 1)).astype(np.uint16)
    with pytest.raises(InputError, match="not genuine"):
        study.check_deep(lil.Signal(samples * 257, 16))
    with pytest.raises(InputError, match="16 are needed"):
        study.check_deep(lil.Signal(samples, 8))


def test_averaging_gives_bits_that_the_pixels_do_not_have(rng):
    shallow = lil.Signal(rng.integers(0, 256, (64, 80, 1)).astype(np.uint8), 8)
    deep = study.deepened(shallow, 12)
    assert (deep.num_bits, deep.samples.shape) == (16, (12, 12, 1))
    assert lil.genuineness(deep).genuine


@pytest.fixture
def noise(rng):
    return lil.Signal(rng.integers(0, 256, (8, 8, 1)).astype(np.uint8), 8, "noise")


def crop(signal, *methods):
    return study.Picture(signal, "crop", ((4, 8),), methods)


def test_a_run_that_was_stopped_goes_on_and_notices_another_picture(tmp_path, noise, monkeypatch):
    rows = study.run([crop(noise, "mid_point", "linear")], tmp_path)
    assert [row["method"] for row in rows] == ["mid_point", "linear"]
    assert study.gains(rows, (4, 8), "linear", "mid_point").keys() == {"noise"}
    other = noise.with_samples(255 - noise.samples)
    assert study.run([crop(other, "mid_point")], tmp_path)[0]["sha256"] != rows[0]["sha256"]
    monkeypatch.setattr(study, "expand", None)  # nothing is measured again
    assert study.run([crop(noise, "mid_point", "linear")], tmp_path) == rows


@pytest.mark.parametrize(
    ("part", "effort", "depths", "method"),
    [
        ("whole", 1.0, (4, 8), "mid_point"),
        ("crop", 0.5, (4, 8), "mid_point"),
        ("crop", 1.0, (3, 8), "mid_point"),
        ("crop", 1.0, (4, 8), "linear"),
    ],
)
def test_a_row_is_that_of_its_case_alone(part, effort, depths, method, tmp_path, noise):
    study.run([crop(noise, "mid_point")], tmp_path)
    study.run([study.Picture(noise, part, (depths,), (method,))], tmp_path, effort)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_row_of_other_code_is_measured_again(tmp_path, noise, monkeypatch):
    """The hash covers the methods, also where a network is imported inside a function."""
    files = {path.name for path in fingerprint.code_files((study.__name__,))}
    assert files >= {"methods.py", "contour.py", "local_network.py", "extrapolation.py", "fit.py"}
    study.run([crop(noise, "mid_point")], tmp_path)
    monkeypatch.setattr(rows_module, "_code_hash", lambda entries: "another")
    study.run([crop(noise, "mid_point")], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\xfe", b"[1]"])
def test_a_row_that_cannot_be_read_is_an_error_and_no_hole(damage, tmp_path, noise):
    study.run([crop(noise, "mid_point")], tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage)
    with pytest.raises(InputError, match="cannot be read"):
        study.run([crop(noise, "mid_point")], tmp_path)
    assert path.read_bytes() == damage


def test_two_pictures_of_one_name_are_refused(tmp_path, rng):
    paths = []
    for folder in ("a", "b"):
        paths.append(str(tmp_path / folder / "photo.png"))
        (tmp_path / folder).mkdir()
        write_image(paths[-1], rng.integers(0, 256, (8, 9, 3)).astype(np.uint8), 8)
    with pytest.raises(InputError, match="two pictures are called photo"):
        study.pictures(paths, [], 8, [])


def test_no_rows_are_no_verdicts():
    """Only what needs no rows is judged: arithmetic."""
    arithmetic = {
        "bit-replication-is-the-ideal-gain",
        "the-paper-s-number-8-to-16-is-that-of-fair-coins",
    }
    said = {verdict.id: verdict.verdict for verdict in figures.verdicts([], {})}
    assert arithmetic < said.keys()
    assert set(said.values()) == {"not attempted", "holds"}
    assert {name for name, found in said.items() if found == "holds"} == arithmetic


def test_coins_have_twice_the_error_of_the_mid_point(rng):
    truth = rng.integers(0, 65536, (200, 200, 1)).astype(np.uint32)
    coins = inside(rng.integers(0, 256, truth.shape), cut(truth, 16, 8), 8)
    zeros = expand(cut(truth, 16, 8), 8, 16, "zero_padding")
    expected = figures.ideal(8, 16)
    assert psnr(coins, truth, 16) == pytest.approx(expected["coins"], abs=0.05)
    assert psnr(zeros, truth, 16) == pytest.approx(expected["zero_padding"], abs=0.05)


def test_bands_are_looked_for_on_slopes_and_not_in_noise(rng):
    samples = rng.integers(0, 256, (64, 128, 1)).astype(np.uint8)
    samples[:, 64:, 0] = (np.arange(64)[:, None] + 60).astype(np.uint8)
    assert study.smooth_window(samples, 4, 8, 32)[1].start >= 64
