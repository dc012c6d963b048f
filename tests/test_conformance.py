"""The conformance run: what is right, refused and wrong, and the page of formats."""

import importlib
import json
import os
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from test_formats_flac import flac, noise

from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.signals import load_image, load_signal
from lossless_inr_lite.signals.image_files import write_image

GREY = np.arange(63, dtype=np.uint8).reshape(7, 9, 1)
SEEDED = ("png", "netpbm", "tiff", "jpeg", "dicom", "wav", "flac")


@pytest.fixture(scope="module")
def module():
    """Import a script of the workflow, of the benchmarks, or of the book."""
    folders = [str(ROOT / name) for name in ("workflow", "benchmarks", "book/_ext")]
    sys.path[:0] = folders
    yield importlib.import_module
    for folder in folders:
        sys.path.remove(folder)


@pytest.fixture
def suites(tmp_path):
    """One suite: a good picture, a corrupt one, one of floats, a text."""
    folder = tmp_path / "suites" / "small"
    folder.mkdir(parents=True)
    write_image(folder / "basn0g08.png", GREY, 8)
    whole = (folder / "basn0g08.png").read_bytes()
    (folder / "xcrn0g04.png").write_bytes(whole[:60] + b"\0" + whole[61:])
    (folder / "broken.png").write_bytes(whole[:50])
    (folder / "README").write_text("a text")
    (folder / "COMMIT").write_text("0123abcd\n")
    return folder.parent


def test_every_file_of_a_suite_has_one_result(module, suites, tmp_path, capsys):
    record = tmp_path / "record.json"
    code = module("conformance").main([str(suites), "--output", str(record)])
    facts = json.loads(record.read_text())["facts"]["suites"]["small"]
    assert code == 0
    assert facts["commit"] == "0123abcd"
    assert facts["files"] == 4
    assert facts["right"] == 2
    assert facts["refused"] == 1
    assert facts["foreign"] == 1
    assert facts["refusals"][0]["example"] == "broken.png"
    assert facts["refusals"][0]["sentence"].startswith("FILE is ")
    assert facts["confirmed_by"]["zlib"] == 1
    assert "broken.png" in capsys.readouterr().out


def test_another_sample_is_wrong(module, suites, monkeypatch):
    conformance = module("conformance")
    path = suites / "small" / "basn0g08.png"
    right = load_image(path)
    samples = right.samples.copy()
    samples[3, 4] ^= 1
    monkeypatch.setattr(conformance, "load_signal", lambda path: right.with_samples(samples))
    outcome = conformance.examine(path)
    assert outcome.result == "wrong"
    assert "zlib" in outcome.differs_from


def test_a_corrupt_file_that_is_read_is_wrong(module, suites, monkeypatch):
    conformance = module("conformance")
    signal = load_image(suites / "small" / "basn0g08.png")
    monkeypatch.setattr(conformance, "load_signal", lambda path: signal)
    assert conformance.examine(suites / "small" / "xcrn0g04.png").result == "wrong"


def test_an_exception_of_another_kind_is_a_crash(module, suites, monkeypatch):
    conformance = module("conformance")

    def broken(path):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(conformance, "load_signal", broken)
    outcome = conformance.examine(suites / "small" / "basn0g08.png")
    assert outcome.result == "crash"
    assert outcome.sentence == "ZeroDivisionError: division by zero"


def test_the_expected_values_of_a_suite_are_compared(module, tmp_path):
    for folder in ("png", "json"):
        (tmp_path / folder).mkdir()
    write_image(tmp_path / "png" / "a.png", GREY, 8)
    opaque = np.full_like(GREY, 255)
    expected = np.concatenate([GREY, GREY, GREY, opaque], axis=-1).reshape(-1)
    (tmp_path / "json" / "a.json").write_text(json.dumps(expected.tolist()))
    outcome = module("conformance").examine(tmp_path / "png" / "a.png")
    assert outcome.result == "right"
    assert "suite" in outcome.confirmed_by
    expected[5] ^= 1
    (tmp_path / "json" / "a.json").write_text(json.dumps(expected.tolist()))
    assert module("conformance").examine(tmp_path / "png" / "a.png").result == "wrong"


@pytest.mark.parametrize("name", SEEDED)
def test_witnesses_agree_on_the_files_that_fuzzing_starts_from(module, tmp_path, name):
    conformance = module("conformance")
    file, _ = module("fuzz_readers").READERS[name]
    results = []
    for number, data in enumerate(module("reader_seeds").SEEDS[name]()):
        path = tmp_path / f"{number}_{file}"
        path.write_bytes(data)
        results.append(conformance.examine(path).result)
    assert results.count("right") >= len(results) // 2
    assert set(results) <= {"right", "refused", "unchecked"}


@pytest.mark.parametrize("num_bits", [8, 12, 16, 20, 24, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_md5_of_a_flac_is_that_of_its_own_depth(module, tmp_path, num_bits, channels):
    samples = noise(num_bits, channels)
    path = tmp_path / "x.flac"
    path.write_bytes(flac(samples, num_bits))
    conformance = module("conformance")
    assert conformance.examine(path).confirmed_by == ("MD5",)
    signal = load_signal(path)
    other = replace(signal, samples=signal.samples ^ signal.samples.dtype.type(1 << 4))
    assert [one.agrees for one in module("witnesses").testimonies(path, None, other)] == [False]


class Fatal:
    """Ends the process that takes it from a connection."""

    def __reduce__(self):
        return os._exit, (3,)


class Sleeper:
    """Keeps the process that takes it from a connection for a minute."""

    def __reduce__(self):
        return time.sleep, (60,)


def test_a_process_that_ends_or_hangs_is_told(module, suites):
    conformance = module("conformance")
    path = suites / "small" / "basn0g08.png"
    reader = conformance.Reader(seconds=30, memory=conformance.MEMORY)
    assert reader.outcome(Fatal()).sentence == "the process ended with 3"
    assert reader.outcome(path).result == "right"
    reader.close()
    assert reader.outcome(path).result == "right"
    reader.seconds = 0.1
    assert reader.outcome(Sleeper()).result == "hang"
    reader.close()


def test_without_a_suite_the_run_says_so(module, tmp_path, capsys):
    assert module("conformance").main([str(tmp_path)]) == 2
    assert "holds no folder with a suite" in capsys.readouterr().err


# The page of formats -----------------------------------------------------------------------------


def test_the_page_of_formats_has_a_line_a_format_and_a_fact(module):
    page = module("file_formats")
    head, rows = page.meaning_rows()
    assert [row[0] for row in page.picture_rows()] == [
        form.name for form in page.image_files.FORMATS
    ]
    assert {row[0].strip("`") for row in rows} == set(page.Meaning.__dataclass_fields__)
    assert all(len(row) == len(head) for row in rows)
    assert all(row[2] for row in page.sound_rows())


def test_counts_of_suites_are_those_of_the_record(module, suites, tmp_path):
    record = tmp_path / "record.json"
    module("conformance").main([str(suites), "--output", str(record)])
    page = module("file_formats")
    found = page.suites(record)
    assert page.conformance_rows(found) == [("small", "`0123abcd`", 3, 2, 1, 0, 0, 0, 0)]
    ((files, elsewhere, sentence, names),) = page.refusal_rows(found)
    assert (files, elsewhere, names) == (1, 0, "small")
    assert sentence.startswith("FILE is ")
