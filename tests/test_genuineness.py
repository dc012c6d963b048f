"""The report on genuineness: fakes of every kind are found, and what is only plain is not."""

import json

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite.signals.genuineness import NO_SIGN, SIGN, UNKNOWN

LEVELS = np.arange(256)


@pytest.fixture(scope="module")
def photo():
    """A photograph of 8 bits, one channel."""
    return lil.load_image("camera").samples.astype(np.int64)


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(16)


def report(samples, num_bits=16):
    return lil.genuineness(lil.Signal(np.asarray(samples).astype(np.uint16), num_bits))


def sound(samples):
    return lil.genuineness(lil.Signal(samples[:, None].astype(np.int16), 16, "s", 8000, "PCM_16"))


def result(found, test):
    return next(one.result for one in found.tests if one.test == test)


def on_a_curve(power):
    return np.rint(65535 * (LEVELS / 255) ** power)


TABLES = {
    "257 k - 1": np.maximum(257 * LEVELS - 1, 0),
    "257 k + 3": np.minimum(257 * LEVELS + 3, 65535),
    "254 k + 255": 254 * LEVELS + 255,
    "gamma 2.2": on_a_curve(2.2),
    "gamma 0.45": on_a_curve(0.45),
    "any table": np.sort(np.random.default_rng(1).choice(65536, 256, replace=False)),
    "no order": np.random.default_rng(2).choice(65536, 256, replace=False),
    "near a lattice": 256 * LEVELS + np.random.default_rng(3).integers(-1, 2, 256).clip(0),
}


@pytest.mark.parametrize("size", [512, 64])
@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_256_values_is_no_16_bits(photo, table, size):
    values = np.asarray(TABLES[table])
    found = report(values[photo[:size, :size]])
    assert not found.genuine
    assert found.verdict.startswith("not genuine: ")
    assert found.distinct <= 256


def test_a_stretch_by_a_fraction_leaves_gaps(photo, rng):
    twelve = rng.normal(2000, 300, (200, 200, 1)).astype(np.int64)
    for stretched in (np.rint(twelve * 65535 / 4095), np.rint(twelve * 13.37), twelve * 15 + 7):
        assert not report(stretched).genuine
    squeezed = np.rint(np.rint(photo * 0.6) * 1.6)
    found = report(squeezed, 8)
    assert result(found, "comb") == SIGN
    assert "missing between frequent ones" in found.verdict


@pytest.mark.parametrize("step", [8, 16, 64])
def test_a_little_noise_on_a_lattice_is_found(rng, step):
    few = rng.normal(20000, 3000, (200, 200, 1)).astype(np.int64) // step
    assert not report(few * step + rng.integers(-1, 2, few.shape)).genuine


def test_noise_of_one_level_is_found_where_the_picture_is_smooth(photo, rng):
    dithered = (257 * photo + rng.integers(-128, 129, photo.shape)).clip(0, 65535)
    padded = 256 * photo + rng.integers(0, 256, photo.shape)
    for fake in (dithered, padded):
        found = report(fake)
        assert (result(found, "occupancy"), result(found, "padding")) == (NO_SIGN, SIGN)
        assert "the low bits ignore the high ones" in found.verdict


def test_wider_noise_hides_and_the_verdict_stays_modest(photo, rng):
    found = report(np.rint(257 * photo + rng.normal(0, 300, photo.shape)).clip(0, 65535))
    assert found.genuine
    assert found.verdict.startswith("genuine as far as")


def test_recordings_through_a_narrower_code_are_found(rng):
    voice = rng.normal(128, 20, 20_000).clip(0, 255).astype(np.int64)
    sign = np.where(LEVELS < 128, -1, 1)
    mu_law = np.rint(sign * 32767 * (256 ** ((LEVELS & 127) / 127) - 1) / 255)
    assert not sound(mu_law[voice]).genuine
    as_floats = (mu_law[voice] / 32768).astype(np.float32)[:, None]
    assert not lil.genuineness(lil.Signal(as_floats, 32, "f", 8000, "FLOAT")).genuine


def grid():
    return np.mgrid[:256, :256]


def innocents(rng):
    """Pictures that are plain, small or smooth, and nothing worse: name, samples, bits."""
    y, x = grid()
    yield "noise", rng.integers(0, 65536, (64, 64, 1)), 16
    yield "narrow noise", rng.normal(30000, 3000, (256, 256, 1)), 16
    yield "every value once", np.arange(65536).reshape(256, 256, 1), 16
    yield "waves", np.rint(32000 + 30000 * np.sin(x / 17) * np.cos(y / 23))[..., None], 16
    bell = np.exp(-((x - 128) ** 2 + (y - 128) ** 2) / 9000)
    yield "bell", np.rint(65535 * bell)[..., None], 16
    yield "gradient", np.tile(np.linspace(0, 65535, 640), (48, 1))[..., None], 16
    yield "gradient of 8 bits", np.tile(np.linspace(0, 255, 640), (48, 1))[..., None], 8
    yield "tiny", rng.integers(0, 65536, (4, 4, 1)), 16
    yield "one pixel and its neighbour", np.array([[[7], [8]]]), 16
    yield "one bit", rng.integers(0, 2, (64, 64, 1)), 1
    yield "two bits", rng.integers(0, 4, (64, 64, 1)), 2
    yield "four bits", rng.integers(0, 16, (64, 64, 1)), 4
    yield "dark", rng.poisson(3, (64, 64, 1)), 16


def test_what_is_only_plain_is_not_accused(rng):
    for name, samples, num_bits in innocents(rng):
        found = report(samples, num_bits)
        assert found.genuine, (name, found)


def test_sounds_are_not_accused(rng):
    time = np.arange(8000)
    for samples in (
        np.cumsum(rng.normal(0, 40, 48_000)),  # brown noise
        rng.normal(0, 3, 20_000),  # quiet: few values, without gaps
        np.rint(30000 * np.sin(2 * np.pi * time * 440 / 8000)),  # a tone that repeats itself
        np.rint(30000 * np.sin(2 * np.pi * time * 1000 / 8000 + 0.3)),
    ):
        assert sound(samples).genuine
    floats = rng.normal(0, 1, (64, 64, 1)).astype(np.float32)
    assert lil.genuineness(lil.Signal(floats, 32)).genuine


@pytest.mark.parametrize("name", ["astronaut", "camera", "chelsea", "coffee", "rocket", "tissue"])
def test_embedded_photographs_are_genuine(name):
    assert lil.genuineness(lil.load_image(name)).genuine


def test_real_pictures_and_recordings_are_genuine(shared):
    paths = sorted((shared / "kodak").glob("*.png"))[:3]
    paths += sorted((shared / "librispeech").glob("*.flac"))[:3]
    paths += sorted((shared / "audio_hires").glob("*_cnd.wav"))
    for path in paths:
        found = lil.genuineness(lil.load_signal(path))
        assert found.genuine, path.name
        assert result(found, "occupancy") == NO_SIGN


def test_a_stretched_photograph_is_told():
    """The moon of scikit-image was stretched to 256 levels; its histogram has 55 holes."""
    data = pytest.importorskip("skimage.data")
    found = report(data.moon()[..., None], 8)
    assert (found.distinct, found.genuine) == (178, False)


def test_constants_and_masks_keep_their_verdicts():
    assert report(np.full((9, 9, 1), 7)).verdict == "constant: one value only"
    mask = np.eye(32, dtype=np.uint16)[..., None] * 255
    assert report(mask, 8).verdict == "not genuine: values lie 255 apart, 1-bit data in 8 bits"


def test_the_report_is_json_with_the_tests_and_the_old_keys(photo):
    found = json.loads(json.dumps(report(TABLES["gamma 2.2"][photo]).as_dict(), allow_nan=False))
    assert list(found)[:7] == [
        "num_bits",
        "distinct",
        "gcd",
        "plane_entropy",
        "replicated_from",
        "genuine",
        "verdict",
    ]
    told = {one["test"]: one for one in found["tests"]}
    assert list(told) == ["lattice", "replication", "occupancy", "comb", "padding"]
    assert told["occupancy"]["result"] == SIGN
    assert told["occupancy"]["strength"] < 0.05
    assert told["occupancy"]["p_value"] < 1e-6
    assert report(photo[:3, :3]).tests[2].result == UNKNOWN
