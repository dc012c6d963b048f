"""The bound in exact numbers, the constructed network, and the experiments of notebook 09."""

import json
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossless_inr_lite as lil
from lossless_inr_lite.companion.chapters.c09_upper_bound import figures, study
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.companion.records import load_record
from lossless_inr_lite.companion.statistics import rank_correlation
from lossless_inr_lite.signals.bits import error_ceiling, quantise
from lossless_inr_lite.signals.image_files import write_image
from lossless_inr_lite.theory import (
    centres_a_side,
    constant,
    depth_bound,
    eps,
    grid_lipschitz,
    size_bound,
    upper_bound,
)
from lossless_inr_lite.theory.max_convolution import approximate, max_convolution, stored_network
from lossless_inr_lite.theory.relu_networks import load_networks, save_networks

# Numbers


@pytest.mark.parametrize(
    ("num_bits", "d", "printed"),
    [(1, 2, 16), (2, 2, 1296), (4, 2, 810_000), (8, 2, 67_652_010_000), (1, 3, 64)],
)
def test_the_bound_is_the_papers_column(num_bits, d, printed):
    """16, 1.30 K, 0.81 M, 67.7 G and 64, in units of C."""
    assert upper_bound(num_bits, d) == printed


def test_the_bound_of_five_dimensions():
    """The paper has about 1.23e27: Eq. 6 gives 510^10, eps(n) = 2^-(n+1) gives 512^10 = 1.24e27."""
    assert upper_bound(8, 5) == 510**10
    assert [bound.agrees for bound in study.printed_bounds()] == [True] * 6
    assert not study.PrintedBound(8, 5, "1.23e27", 510**10).agrees
    assert not study.PrintedBound(8, 5, "about 1.13e27", 510**10).agrees


@pytest.mark.parametrize("num_bits", [1, 2, 8, 16, 32])
def test_eps_is_the_exact_ceiling(num_bits):
    assert eps(num_bits) == Fraction(1, 2 ** (num_bits + 1) - 2)
    assert float(eps(num_bits)) == error_ceiling(num_bits)


def test_the_constant_by_hand():
    assert constant(1, 1, 0, 1) == 9 * 3**2
    assert constant(2, 3, -1, 1) == 9 * 4 * 36**4
    assert constant(2, 0.125, 0, 1) == 9 * 4 * 6**4  # L (b - a) below 1 counts as 1
    assert size_bound(2, 3, eps(8)) == constant(2, 3) * upper_bound(8, 2)
    assert depth_bound(1, 1, Fraction(1, 2), 0, 1) == pytest.approx(np.log2(1.5) + 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 0.5), "d is 0"),
        ((65, 1, 0.5), "d is 65"),
        ((2, -1, 0.5), "Lipschitz constant is -1"),
        ((2, float("nan"), 0.5), "Lipschitz constant is nan"),
        ((2, 1, 0), "tolerance is 0"),
        ((2, 1, 1.5), "tolerance is 1.5"),
        ((2, 1, 0.5, 1, 1), r"interval is \[1, 1\]"),
    ],
)
def test_bad_numbers_are_named(arguments, message):
    with pytest.raises(lil.InputError, match=message):
        size_bound(*arguments)
    with pytest.raises(lil.InputError, match=message):
        approximate(lambda x: x[:, 0], *arguments)


def test_the_lipschitz_constant_of_a_grid():
    values = np.array([[0.0, 1.0, 0.0], [0.5, 0.5, 0.5]])
    assert grid_lipschitz(values, (1, 1)) == 1.0
    assert grid_lipschitz(values, (0.1, 1)) == 5.0
    assert grid_lipschitz(np.ones((1, 1)), (1, 1)) == 0.0


# The network


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 33])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_network_is_the_maximum_of_the_cones(count, d, rng):
    centres = rng.normal(size=(count, d))
    values = rng.normal(size=count)
    points = rng.normal(size=(200, d))
    network = max_convolution(centres, values, 1.7)
    cones = values - 1.7 * np.abs(points[:, None] - centres).sum(axis=2)
    np.testing.assert_allclose(network(points)[:, 0], cones.max(axis=1), atol=1e-13)
    assert network.hidden_layers == 1 + int(np.ceil(np.log2(count)))
    assert network.num_nonzero <= (10 * d + 15) * count
    if count >= 3:
        assert network.num_parameters <= 13.5 * d**2 * count**2


def random_function(d, lipschitz, seed):
    """A random L-Lipschitz function: waves and kinks along directions of largest entry 1."""
    rng = np.random.default_rng(seed)
    directions = rng.uniform(-1, 1, (6, d))
    directions /= np.abs(directions).max(axis=1, keepdims=True)
    phases = rng.uniform(-3, 3, 6)
    frequencies = rng.uniform(0.5, 20, 3)
    signs = rng.choice([-1, 1], 3)

    def function(x):
        along = x @ directions.T + phases
        waves = np.sin(along[:, :3] * frequencies) / frequencies
        kinks = np.abs(along[:, 3:]) * signs
        return lipschitz * (waves + kinks).mean(axis=1) / 2

    return function


@settings(max_examples=40)
@given(
    d=st.integers(1, 3),
    lipschitz=st.integers(0, 8),
    parts=st.integers(1, 12),
    a=st.integers(-2, 2),
    length=st.sampled_from([Fraction(1, 4), 1, 2]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_construction_keeps_error_size_and_depth(d, lipschitz, parts, a, length, seed):
    b = a + length
    tolerance = min(Fraction(1), Fraction(max(lipschitz, 1) * d * length) / parts)
    if centres_a_side(d, lipschitz, tolerance, a, b) ** d > 4000:
        tolerance = Fraction(1)
    if centres_a_side(d, lipschitz, tolerance, a, b) ** d > 4000:
        lipschitz = 1
    function = random_function(d, lipschitz, seed)
    network = approximate(function, d, lipschitz, tolerance, a, b)
    unit, random = study.sample_points(d, 400, seed % 2**31)
    for points in (float(a) + float(length) * unit, float(a) + float(length) * random):
        error = function(points) - network(points)[:, 0]
        assert np.abs(error).max() <= float(tolerance) + 1e-12
        if network.hidden_layers:
            assert error.min() >= -1e-12  # the network is never above the function
    assert network.num_parameters <= size_bound(d, lipschitz, tolerance, a, b)
    assert network.hidden_layers <= depth_bound(d, lipschitz, tolerance, a, b) + 1e-9


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_proved_error_is_reached(d):
    """On L times the distance to the nearest centre Lemma 3 is an equality, at cubes' corners."""
    side = centres_a_side(d, 2, Fraction(1, 2), 0, 1)
    function = study.hardest(2, side, d)
    network = approximate(function, d, 2, Fraction(1, 2), 0, 1)
    corner = np.zeros((1, d))
    assert (function(corner) - network(corner)[:, 0]).item() == pytest.approx(0.5)


def test_too_many_centres_are_refused_before_memory_is_taken():
    with pytest.raises(lil.InputError, match="centres are needed: allowed are 1 to 131072"):
        approximate(lambda x: x[:, 0], 3, 10**6, 1e-6)
    with pytest.raises(lil.InputError, match="16777216 centres are needed"):
        stored_network(np.broadcast_to(np.uint32(0), (4096, 4096)))
    with pytest.raises(lil.InputError, match=r"up to 2\^24 float32 is exact"):
        stored_network(np.array([[0, 65535]] * 300, dtype=np.uint32).reshape(1, -1))


def test_points_of_another_dimension_are_refused():
    with pytest.raises(lil.InputError, match=r"\(points, 2\) is needed"):
        max_convolution(np.zeros((3, 2)), np.zeros(3), 1.0)(np.zeros((5, 3)))
    with pytest.raises(lil.InputError, match=r"\(K, d\) and \(K,\) are needed"):
        max_convolution(np.zeros((3, 2)), np.zeros(4), 1.0)


# Stored pictures


@pytest.mark.parametrize("shape", [(1,), (5,), (4, 7), (3, 2, 3), (2,) * 6])
@pytest.mark.parametrize("num_bits", [1, 8, 16])
def test_stored_words_come_back_from_the_file(shape, num_bits, rng, tmp_path):
    words = rng.integers(0, 2**num_bits, (*shape, 2)).astype(np.uint32)
    networks = [stored_network(words[..., c]) for c in range(2)]
    loaded = load_networks(save_networks(tmp_path / "w.safetensors", networks))
    for precision in (np.float32, np.float64):
        assert study.wrong_bits(loaded, words, precision) == 0
    assert study.wrong_bits(loaded, words ^ np.uint32(1), np.float32) == words.size


def test_a_photograph_has_one_size_at_every_depth(tmp_path):
    photo = study.analog("astronaut", 8)
    rows = [study.store_row(photo, n, tmp_path) for n in (1, 5, 16)]
    assert {row.num_parameters for row in rows} == {rows[0].num_parameters}
    assert all(row.wrong_float32 == row.wrong_float64 == 0 for row in rows)
    assert rows[0].log_bound < rows[1].log_bound < rows[2].log_bound
    assert (quantise(photo, 8) == lil.load_image("astronaut", size=8).words).mean() > 0.99
    with pytest.raises(lil.InputError, match="size is 9999"):
        study.analog("astronaut", 9999)


def test_a_file_of_another_kind_is_refused(tmp_path, rng):
    path = save_networks(tmp_path / "w.safetensors", [stored_network(rng.integers(0, 9, (3, 3)))])
    intact = path.read_bytes()
    other_header = intact.replace(b'"layers\\": [', b'"layers\\": [9')
    assert other_header != intact
    for content in (b"", intact[:-4], other_header):
        path.write_bytes(content)
        with pytest.raises(
            lil.FileFormatError, match=r"w\.safetensors is not a file of constructed networks"
        ):
            load_networks(path)


def test_binary_coordinates_store_the_same_samples():
    # The largest power of two in 9 is 8.
    deep = study.stored_in_many_dimensions(study.analog("camera", 9), 8)
    assert deep["d"] == [2, 6]
    assert deep["wrong_bits"] == [0, 0]


# Order and prediction


@pytest.mark.parametrize(("name", "size"), [("chelsea", 128), ("chelsea", 256), ("astronaut", 64)])
def test_the_order_turns_where_the_proposition_says(name, size):
    for row in study.orders_by_depth(lil.load_image(name, size=size)):
        assert row.holds is bool(size < study.reversal_side(row.num_bits, row.step)), row


def test_exponents_of_the_measured_networks():
    rows = study.slack_rows(300, 50)
    powers = study.exponents(rows)
    assert powers.keys() == {1, 2, 3}
    for d, fitted in powers.items():
        assert fitted.dense == pytest.approx(-2 * d, rel=0.08)
        assert fitted.nonzero == pytest.approx(-d, rel=0.05)
    assert study.exponents(rows[:1]) == {}


def test_the_order_turns_at_the_first_depth_that_holds_in_any_picture():
    rows = study.orders_by_depth(lil.load_image("astronaut", size=64))
    held = [row.num_bits for row in rows if row.holds]
    assert held  # else this test says nothing
    assert study.reversed_up_to(rows) == min(held) - 1
    assert study.reversed_up_to([row for row in rows if not row.holds]) == min(held) - 1
    assert study.reversed_up_to([]) == 0


def test_nothing_built_is_no_verdict():
    said = figures.slack_verdicts([], {}) + figures.picture_verdicts([], [], [])
    assert {verdict.verdict for verdict in said} == {"not attempted"}


def test_rank_correlation():
    few = rank_correlation(range(8), [v**3 for v in range(8)], list("aabbccdd"))
    assert (few.value, few.count, few.text()) == (1.0, 8, "1.00 (4 pictures)")
    found = rank_correlation(range(12), [v**3 for v in range(12)], list("aabbccddeeff"))
    assert (found.low, found.high) == pytest.approx((1.0, 1.0))
    assert rank_correlation(range(8), [1] * 8, list("aabbccdd")).text() == "not defined"


def test_lossless_fits_of_a_study_and_of_a_bisection():
    measures = load_record("cpu", "picture_measures")["rows"]
    smallest = study.lossless_fits(load_record("cpu", "capacity8"), measures)
    assert {fit.bound for fit in smallest} == {16.0, 64.0, float(510**4)}
    assert all(0 < fit.total_variation < 1 for fit in smallest)
    fits = study.lossless_fits(load_record("cpu", "paper_kodak64"), measures)
    assert len(fits) == 2
    assert all(np.isnan(fit.total_variation) for fit in fits)  # recorded at other sizes
    assert study.predictors(fits)["total variation"].count == 0


def test_the_measures_of_pictures_are_recorded(tmp_path, rng):
    write_image(tmp_path / "noise.png", rng.integers(0, 256, (16, 16, 3)).astype(np.uint8), 8)
    write_image(tmp_path / "flat.png", np.full((16, 16, 1), 7, np.uint8), 8)
    script = str(ROOT / "benchmarks" / "picture_measures.py")
    arguments = ["--signals", str(tmp_path), "--sizes", "8", "16"]
    output = str(tmp_path / "m.json")
    subprocess.run([sys.executable, script, *arguments, "--output", output], check=True)
    rows = json.loads((tmp_path / "m.json").read_text())["rows"]
    assert rows["flat, 8"]["total_variation"] == 0
    assert 0.5 < rows["noise, 16"]["total_variation"] < 0.8  # two thirds of 15 / 16 is expected
