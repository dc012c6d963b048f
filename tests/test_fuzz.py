"""Damaged files for every reader: the damage itself, what counts as a fault, a few of each kind."""

import importlib
import json
import sys
import zlib

import numpy as np
import pytest

from lossless_inr_lite.companion import records
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.storage.certificate import parse_certificate

PICTURES = ("png", "apng", "gif", "jpeg", "tiff", "netpbm", "dicom")
OTHERS = ("wav", "flac", "safetensors", "trits", "lic", "certificate")
FEW = 30  # mutations of each reader


@pytest.fixture(scope="module")
def benchmark():
    """Import a module of the benchmarks."""
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    yield importlib.import_module
    sys.path.remove(folder)


@pytest.mark.parametrize("name", [*PICTURES, *OTHERS])
def test_damaged_files_give_a_signal_or_one_error(benchmark, tmp_path, name):
    fuzzing = benchmark("fuzz_readers")
    seeds = benchmark("reader_seeds").SEEDS[name]()
    file, read = fuzzing.READERS[name]
    path = tmp_path / file
    damaged = set()
    for number in range(FEW):
        data, page = fuzzing.mutation(name, seeds, 5, number)
        damaged.add(data)
        path.write_bytes(data)
        fault, sentence = fuzzing.try_one(read, path, page)
        assert not fault, f"mutation {number} with seed 5: {sentence}"
        assert [other.name for other in tmp_path.iterdir()] == [file]
    assert len(damaged) > FEW // 2
    assert all(len(seed) < 2048 for seed in seeds)


def test_the_mutation_of_a_number_is_always_the_same(benchmark):
    fuzzing = benchmark("fuzz_readers")
    seeds = benchmark("reader_seeds").SEEDS["png"]()
    first = [fuzzing.mutation("png", seeds, 1, number) for number in range(20)]
    again = [fuzzing.mutation("png", seeds, 1, number) for number in range(20)]
    other = [fuzzing.mutation("png", seeds, 2, number) for number in range(20)]
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", ["png", "gif", "jpeg", "netpbm", "dicom"])
def test_pieces_are_put_together_as_they_were(benchmark, name):
    layout = benchmark("layouts").DAMAGES[name].__self__
    for data in benchmark("reader_seeds").SEEDS[name]():
        assert layout.join(layout.split(data)) == data


def test_checksums_around_damage_are_right_again(benchmark):
    layouts = benchmark("layouts")
    seeds = benchmark("reader_seeds").SEEDS
    png = layouts.DAMAGES["png"].__self__
    pieces = png.split(seeds["png"]()[0])
    pieces[1] = pieces[1]._replace(body=b"other bytes")
    chunk = png.join(pieces)[33:]
    assert int.from_bytes(chunk[19:23], "big") == zlib.crc32(chunk[4:19])
    flac = layouts.DAMAGES["flac"].__self__
    data = seeds["flac"]()[0]
    assert flac.join(flac.split(data)) == data  # so the checksums of its frame are FLAC's


def test_faults_are_seen(benchmark, tmp_path):
    fuzzing = benchmark("fuzz_readers")

    def reads(error):
        def read(path, page):
            raise error

        return fuzzing.try_one(read, tmp_path / "x", None)[0]

    wrapped = InputError("x is broken")
    wrapped.__cause__ = MemoryError()
    assert reads(InputError("x is broken")) == ""
    assert reads(ZeroDivisionError()) == "traceback"
    assert reads(MemoryError()) == "memory"
    assert reads(wrapped) == "memory"


def test_a_run_goes_on_from_its_record(benchmark, tmp_path, monkeypatch, capsys):
    fuzzing = benchmark("fuzz_readers")
    record = tmp_path / "record.json"
    monkeypatch.setattr(records, "environment", lambda: {"git_commit": "0123abcd"})
    for count in ("40", "80"):
        arguments = ["--reader", "netpbm", "--count", count, "--output", str(record)]
        monkeypatch.setattr(sys, "argv", ["fuzz_readers.py", *arguments])
        assert fuzzing.main() == 0
    facts = json.loads(record.read_text())["facts"]["readers"]["netpbm"]
    assert facts["done"] == 80
    assert sum(facts["outcomes"].values()) == 80
    assert "80 mutations" in capsys.readouterr().out


def test_what_ends_the_process_is_a_crash_and_left_out(benchmark):
    fuzzing = benchmark("fuzz_readers")
    tally = fuzzing.Tally()
    with pytest.raises(RuntimeError, match="cannot be started"):
        # No reader has this name: the process ends at once, and once more.
        list(fuzzing.fuzz("nothing", [b"x"], 0, 1, tally))
    assert tally.counts["crash"] == 1


def test_a_number_of_many_digits_makes_no_certificate(tmp_path):
    facts = {
        "lossless": True,
        "sha256_weights": "",
        "sha256_samples": "",
        "smallest_margin": 10**400,
        "ways": [],
    }
    path = tmp_path / "x.json"
    path.write_text(json.dumps(facts))
    assert parse_certificate(path) is None


def test_every_kind_of_damage_changes_bytes(benchmark):
    mutations = benchmark("mutations")
    data = bytes(range(100))
    generator = np.random.default_rng(0)
    for damage in mutations.ANY_DAMAGE:
        assert any(damage(data, generator) != data for _ in range(5))
