"""Limits of time hold for fitting and certifying together; the clock of most tests is a fake."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.signals.image_files import write_image
from lossless_inr_lite.storage import certify as certifying
from lossless_inr_lite.storage.fitted import TimeLeft
from lossless_inr_lite.training import run as runs
from lossless_inr_lite.training import tile_networks
from lossless_inr_lite.training.tile_batch import TileBatch

SMALL = {"hidden_features": 16, "hidden_layers": 1}


@pytest.fixture
def noise(rng):
    """A picture that no small network fits."""
    return lil.Signal(rng.integers(0, 256, (24, 24, 1)).astype(np.uint8), 8)


class FakeClock:
    """A clock that goes on by some seconds whenever it is read."""

    def __init__(self, step):
        self.now = 0.0
        self.step = step

    def perf_counter(self):
        self.now += self.step
        return self.now


def tried(seconds_of, max_seconds, wrong=()):
    """The ways that are tried, when every way takes so long and these find a wrong bit."""

    def decode_one(way):
        return {"way": way, "seconds": seconds_of(way), "wrong_bits": int(way in wrong)}

    found = certifying._decode_in_time(decode_one, ["cpu"], max_seconds)
    return [one["way"] for one in found]


def test_all_ways_are_tried_when_there_is_time():
    ways = tried(lambda way: 0.1, 10.0)
    assert len(ways) == len(set(ways)) == 12


def test_less_time_means_fewer_ways_in_which_everything_occurs():
    ways = tried(lambda way: 1.0, 15.0)
    assert len(ways) == 3
    assert {way.batch for way in ways} == set(certifying.BATCHES)
    assert {way.threads for way in ways} == set(certifying.THREADS)
    assert {way.precision for way in ways} == set(certifying.PRECISIONS)


def test_no_way_is_begun_that_would_end_too_late_but_the_first():
    assert len(tried(lambda way: 1.0, 6.5)) == 2
    assert len(tried(lambda way: 1.0, 3.0)) == 1
    assert len(tried(lambda way: 100.0, 0.0)) == 1


def test_a_wrong_bit_ends_the_certificate():
    first, second, *_ = tried(lambda way: 0.1, 10.0)
    assert tried(lambda way: 0.1, 10.0, wrong=[first]) == [first]
    assert tried(lambda way: 0.1, 10.0, wrong=[second]) == [first, second]


@pytest.mark.parametrize("recipe", ["fast", "paper"])
def test_a_known_wrong_result_is_decoded_once_and_in_this_process(noise, monkeypatch, recipe):
    monkeypatch.setattr(certifying.subprocess, "run", None)
    fit = lil.fit(noise, recipe=recipe, max_iterations=3, **SMALL)
    assert fit.certificate is not None
    assert not fit.lossless
    (way,) = fit.certificate.ways
    assert way["wrong_bits"] == fit.entry.wrong_bits > 0


def test_no_certificate_is_begun_that_would_exceed_the_limit(noise, tmp_path):
    fit = lil.fit(noise, max_iterations=3, certify=False, **SMALL)
    path = lil.save(fit, tmp_path / "f.safetensors")
    fit.time_left = TimeLeft(limit=10.0, left=1.0, look=3.9)
    assert certifying.certify_fit(fit, path, noise) is not None
    fit.time_left = TimeLeft(limit=10.0, left=1.0, look=4.1)
    assert certifying.certify_fit(fit, path, noise) is None


def test_a_result_without_wrong_bits_is_certified_however_late(tiny, tiny_fit, tmp_path):
    path = lil.save(tiny_fit, tmp_path / "f.safetensors")
    late = SimpleNamespace(entry=tiny_fit.entry, time_left=TimeLeft(1.0, -5.0, 1.0))
    certificate = certifying.certify_fit(late, path, tiny)
    assert certificate.lossless
    assert len(certificate.ways) == 1


@pytest.mark.parametrize("recipe", ["fast", "paper"])
def test_the_training_leaves_time_for_one_more_decoding(noise, monkeypatch, recipe):
    clock = FakeClock(0.001)
    monkeypatch.setattr(runs.time, "perf_counter", clock.perf_counter)
    fit = lil.fit(noise, recipe=recipe, max_seconds=0.3, certify=False, **SMALL)
    assert fit.stopped == "max_seconds"
    left = fit.time_left
    assert left.look > 0
    assert left.left >= 1.5 * left.look - 0.05


def test_an_epoch_ends_with_the_time(noise, monkeypatch):
    """One step of the fake clock in an epoch is longer than the whole limit."""
    clock = FakeClock(0.0)
    monkeypatch.setattr(runs.time, "perf_counter", clock.perf_counter)
    learn = TileBatch.learn
    steps = []

    def slow_learn(batch, pick):
        clock.now += 4.0
        steps.append(len(pick))
        return learn(batch, pick)

    monkeypatch.setattr(TileBatch, "learn", slow_learn)
    fit = lil.fit(noise, max_seconds=10.0, certify=False, **SMALL)
    assert fit.stopped == "max_seconds"
    assert len(steps) == 3
    assert sum(steps) < noise.samples.size  # less than one epoch


def test_the_command_proves_in_one_way_that_a_result_is_wrong(tmp_path, noise):
    picture = tmp_path / "noise.png"
    write_image(picture, noise.samples, 8)
    output = tmp_path / "n.safetensors"
    limits = ["--max-seconds", "20", "--max-iterations", "2"]
    assert main(["fit", str(picture), "-o", str(output), *limits]) == 3
    proof = json.loads(output.with_suffix(".json").read_text())
    assert proof["lossless"] is False
    assert len(proof["ways"]) == 1


@pytest.mark.parametrize("recipe", ["fast", "paper"])
def test_the_first_look_ends_with_its_time_and_the_rest_counts_as_wrong(noise, monkeypatch, recipe):
    """Every reading of the clock takes seconds: the limit ends before all samples are decided."""
    monkeypatch.setattr(tile_networks, "DECIDED_AT_ONCE", 64)
    whole = lil.fit(noise, recipe=recipe, max_iterations=1, certify=False, **SMALL)
    clock = FakeClock(1.0)
    monkeypatch.setattr(runs.time, "perf_counter", clock.perf_counter)
    fit = lil.fit(noise, recipe=recipe, max_seconds=12.0, chunk_samples=64, **SMALL)
    assert fit.stopped == "max_seconds"
    first = fit.history.entries[0]
    assert whole.history.entries[0].wrong_bits < first.wrong_bits < noise.spec.total_bits
    assert fit.time_left.look > 15
    assert fit.certificate is None
