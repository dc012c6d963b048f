"""FAST: what it chooses, that it arrives for every kind of signal, and that it recovers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lossless_inr_lite as lil
from lossless_inr_lite import SignalSpec
from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.model import build_model
from lossless_inr_lite.networks.registry import num_parameters
from lossless_inr_lite.training.fast import Fast
from lossless_inr_lite.training.recipes import FAST, default_tile, parameter_budget
from lossless_inr_lite.training.tile_batch import TileBatch


def photo(name, num_bits, size, seed=0):
    """A real picture; one of 16 bits has noise below its means, so that every plane is full."""
    picture = lil.load_image(name, size=size)
    if num_bits == 8:
        return picture
    noise = np.random.default_rng(seed).integers(0, 256, picture.samples.shape)
    return lil.Signal(
        (picture.samples.astype(np.uint16) << 8) + noise.astype(np.uint16), 16, f"{name}16"
    )


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40))
def test_tiles_cover_every_position_and_are_not_smaller_than_asked(height, width, tile):
    spec = SignalSpec("s", (height, width, 1), 8)
    posed = get_formulation("bit_heads", tile)
    positions = posed.positions(spec)
    assert positions.shape == (posed.groups(spec), np.prod(posed.tile_sides(spec)))
    assert np.array_equal(np.unique(positions), np.arange(height * width))
    assert all(
        side >= min(tile, length)
        for side, length in zip(posed.tile_sides(spec), (height, width), strict=True)
    )


@pytest.mark.parametrize(
    ("shape", "num_bits", "most"),
    [
        ((256, 256, 3), 8, 1_316_867),
        ((256, 256, 3), 16, 1_316_867),
        ((64, 64, 3), 8, 83_459),
        ((512, 768, 3), 8, None),
    ],
)
def test_the_choice_stays_within_the_papers_size(shape, num_bits, most):
    spec = SignalSpec("s", shape, num_bits)
    architecture = FAST.complete(Architecture(), spec)
    with torch.device("meta"):
        size = num_parameters(build_model(architecture, spec, seed=None).network)
    assert size <= parameter_budget(spec)
    assert most is None or size <= most
    assert size > 0.95 * parameter_budget(spec)
    assert (
        np.prod(get_formulation(architecture.formulation, architecture.tile).tile_sides(spec))
        >= 1024
    )


@pytest.mark.parametrize(
    "shape", [(5, 200, 3), (16, 1000, 1), (31, 64, 3), (100, 33, 4), (700, 1, 1)]
)
def test_tiles_of_thin_pictures_hold_1024_pixels_too(shape):
    spec = SignalSpec("s", shape, 8)
    sides = get_formulation("bit_heads", default_tile(spec)).tile_sides(spec)
    assert np.prod(sides) >= min(1024, np.prod(shape[:2]))


def test_what_the_user_sets_is_honoured():
    spec = SignalSpec("s", (64, 64, 3), 8)
    whole = Architecture("bit_coordinate", "siren", 40, 3, "mse", 16, {"omega_0": 20.0})
    assert FAST.complete(whole, spec) == whole
    assert FAST.complete(Architecture(hidden_layers=4), spec).hidden_layers == 4
    assert FAST.complete(Architecture(formulation="bit_coordinate"), spec).tile is None


def test_a_picture_in_tiles_is_certified_from_its_file(tmp_path):
    picture = lil.load_image("coffee", size=70)
    fit = lil.fit(picture, max_iterations=5000)
    assert fit.lossless
    assert fit.model.formulation.groups(picture.spec) == 4
    path = lil.save(fit, tmp_path / "c.safetensors")
    assert lil.decode(path).sha256 == picture.sha256
    assert int.from_bytes(path.read_bytes()[:8], "little") < 16_384
    assert fit.certificate is not None
    assert fit.certificate.smallest_margin > 1e-3


@pytest.mark.parametrize("num_bits", [8, 16])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_no_failure_over_seeds_and_pictures(name, num_bits, seed):
    """A sample of the 20 seeds x 5 pictures that `make bench-seeds` runs."""
    fit = lil.fit(photo(name, num_bits, 64, seed), seed=seed, certify=False, max_iterations=5000)
    assert fit.stopped == "lossless"


def test_a_picture_with_black_tiles_is_trained_all_the_same():
    """All-zero words are what an untrained network may be mistaken for."""
    black = lil.fit(lil.Signal(np.zeros((8, 8, 1), np.uint8), 8, "black"))
    assert black.lossless
    samples = np.zeros((48, 48, 1), np.uint8)
    samples[:16] = np.random.default_rng(1).integers(0, 256, (16, 48, 1))
    half = lil.Signal(samples, 8, "half")
    fit = lil.fit(half, tile=8, certify=False)
    assert np.array_equal(fit.model.decode()[0], half.words)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_grey_and_alpha(channels):
    samples = np.concatenate([lil.load_image("astronaut", size=33).samples] * 2, axis=2)[
        ..., :channels
    ]
    fit = lil.fit(lil.Signal(samples, 8, "p"), certify=False, max_iterations=5000)
    assert fit.stopped == "lossless"


def test_sound_of_16_bits():
    time = np.arange(3000) / 16000
    wave = np.sin(2 * np.pi * 440 * time) * 9000 + np.random.default_rng(0).normal(0, 300, 3000)
    sound = lil.Signal(wave.astype(np.int16)[:, None], 16, "tone", 16000, "PCM_16")
    fit = lil.fit(sound, certify=False, max_iterations=5000)
    assert fit.stopped == "lossless"
    assert fit.num_parameters <= sound.spec.total_bits


@pytest.mark.parametrize("layers", [2, 5])
def test_the_papers_formulation_and_depth_arrive_too(layers):
    picture = lil.load_image("astronaut", size=16)
    fit = lil.fit(
        picture,
        formulation="bit_coordinate",
        network="siren",
        hidden_features=64,
        hidden_layers=layers,
        certify=False,
        max_iterations=5000,
    )
    assert fit.stopped == "lossless"


@pytest.mark.parametrize("iterations", [3, 48])
def test_a_budget_keeps_the_best_networks(tmp_path, iterations):
    picture = lil.load_image("astronaut", size=64)
    fit = lil.fit(picture, max_iterations=iterations)
    assert fit.stopped == "max_iterations"
    assert not fit.lossless
    wrong = fit.history.column("wrong_bits")
    assert np.all(np.diff(wrong) <= 0), "never worse than its best"
    assert fit.entry.wrong_bits == wrong[-1] > 0
    words = lil.read_model(lil.save(fit, tmp_path / "b.safetensors"))[0].decode()[0]
    assert int(np.bitwise_count(words ^ picture.words).sum()) == fit.entry.wrong_bits


@pytest.mark.parametrize("damage", [0.0, float("nan")])
def test_a_collapsed_network_goes_back_to_its_last_good_weights(monkeypatch, damage):
    """The weights of one network are destroyed in the middle of the run; the run still arrives."""
    original = TileBatch.examine
    hit = []

    def examine(self, error, loss, pick):
        if self.steps >= 40 and not hit:
            hit.append(self.steps)
            self.weights.current[0] = damage
            self.adam.first_moment[0] = damage
            self.adam.second_moment[0] = abs(damage)
        original(self, error, loss, pick)

    monkeypatch.setattr(TileBatch, "examine", examine)
    fit = lil.fit(lil.load_image("astronaut", size=64), certify=False, max_iterations=5000)
    assert hit
    assert fit.stopped == "lossless"


def test_the_same_seed_gives_the_same_weights():
    picture = lil.load_image("astronaut", size=12)
    one, two = (
        lil.fit(picture, seed=4, certify=False).model.network.state_dict() for _ in range(2)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_margin_is_left(monkeypatch):
    fit = lil.fit(lil.load_image("astronaut", size=32), certify=False)
    _, margin = fit.model.decode(precision="float64")
    assert margin > 0.9 * Fast().margin
