"""Ablation, capacity, and the commands in benchmarks/ and workflow/, on cases of seconds."""

import importlib.util
import json
import re
import subprocess
import sys
from functools import cache

import pytest

import lossless_inr_lite as lil
from lossless_inr_lite.companion.chapters.c03_fast_fitting import VARIANTS, tile_curve, variant
from lossless_inr_lite.companion.chapters.c04_capacity import smallest_width
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.training.recipes import FAST


def command(*arguments):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_variant_changes_the_recipe():
    trainers = {name: variant(name).trainer for name in VARIANTS}
    assert trainers["FAST"] == FAST.trainer
    assert all(trainer != FAST.trainer for name, trainer in trainers.items() if name != "FAST")


def test_tiles_of_every_side_have_the_same_budget():
    picture = lil.load_image("astronaut", size=32)
    fits = tile_curve(picture, [16, 32], seed=0)
    assert [fit.model.formulation.groups(picture.spec) for fit in fits.values()] == [4, 1]
    sizes = [fit.num_parameters for fit in fits.values()]
    assert max(sizes) / min(sizes) < 1.1


def test_capacity_finds_a_width_that_arrives_and_one_below_that_does_not():
    picture = lil.load_image("astronaut", size=8)
    found = smallest_width(picture, "bit_heads", None, 1.0)
    assert found["tried"][found["width"]] is True
    below = [ok for width, ok in found["tried"].items() if width < found["width"]]
    assert not any(below)
    assert found["bits_per_parameter"] == pytest.approx(8 * 8 * 3 * 8 / found["num_parameters"])


def test_bench_alternates_and_prints_ratios(tmp_path):
    out = tmp_path / "bench.json"
    text = command(
        ROOT / "benchmarks" / "bench.py",
        "--size",
        8,
        "--hidden-features",
        32,
        "--repeat",
        1,
        "--output",
        out,
    )
    assert "seconds: PAPER / FAST" in text
    rows = json.loads(out.read_text())["rows"]
    assert [row["recipe"] for row in rows] == ["paper", "fast"] * 2
    assert all(row["verdict"] == "lossless" for row in rows if row["recipe"] == "fast")
    assert all(row["command_seconds"] > row["seconds"] for row in rows)


def test_bench_projects_what_would_take_too_long(tmp_path):
    out = tmp_path / "bench.json"
    command(
        ROOT / "benchmarks" / "bench.py",
        "--size",
        8,
        "--hidden-features",
        32,
        "--repeat",
        1,
        "--budget",
        0.01,
        "--output",
        out,
    )
    rows = json.loads(out.read_text())["rows"]
    assert [row["projected"] for row in rows] == [790, None, 790, None]


def test_check_gpu_says_that_it_skips():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU: make check-gpu runs for real")
    assert "skipped: this machine has no CUDA device" in command(ROOT / "workflow" / "check_gpu.py")


@cache
def book_extension():
    path = ROOT / "book" / "_ext" / "companion.py"
    spec = importlib.util.spec_from_file_location("companion", path)
    companion = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(companion)
    return companion


def test_pages_quote_records_by_path():
    companion = book_extension()
    assert companion.look_up("02_image_fitting profile") == "lite"
    assert companion.look_up("cpu/07_hypothesis verdicts.fig8.item") == "Fig. 8"
    assert companion.look_up("cpu/07_hypothesis verdicts.table3/proposed/1.verdict") == "reproduced"
    with pytest.raises(lil.InputError, match="no verdict has the id '0'"):
        companion.look_up("02_image_fitting verdicts.0.item")
    with pytest.raises(KeyError):
        companion.look_up("02_image_fitting nothing")


def test_every_quote_of_a_record_finds_its_value():
    quoted = []
    for folder, pattern in (("book", "*.md"), ("notebooks", "*.ipynb")):
        for path in sorted((ROOT / folder).glob(pattern)):
            found = re.findall(r"\{record\}`([^`]+)`", path.read_text(encoding="utf-8"))
            quoted += [quote.partition("|")[0].strip() for quote in found]
    assert len(quoted) > 80
    for quote in quoted:
        assert book_extension().look_up(quote) is not None, quote


def test_the_books_cache_knows_every_file_of_the_package():
    """A page is executed again when a prior's weights change, not only when code does."""
    tracked = subprocess.run(
        ["git", "ls-files", "lossless_inr_lite"], cwd=ROOT, capture_output=True, text=True
    )
    names = tracked.stdout.split() or ["lossless_inr_lite/codec/priors/photo.safetensors"]
    there = {ROOT / name for name in names if (ROOT / name).is_file()}
    hashed = set(book_extension().hashed_files())
    assert there <= hashed
    assert not [path for path in hashed if path.suffix == ".pyc"]


@pytest.mark.parametrize(
    "name",
    [
        "lossless_inr_lite/model.py",
        "lossless_inr_lite/codec/priors/photo.safetensors",
        "notebooks/params/a.lite.yaml",
        "data/results/cpu/a.json",
    ],
)
def test_an_edit_of_what_pages_depend_on_executes_them_again(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("1")
    before = book_extension().sources_hash(tmp_path)
    (tmp_path / "lossless_inr_lite" / "__pycache__").mkdir(parents=True, exist_ok=True)
    (tmp_path / "lossless_inr_lite" / "__pycache__" / "a.pyc").write_text("2")
    assert book_extension().sources_hash(tmp_path) == before
    path.write_text("3")
    assert book_extension().sources_hash(tmp_path) != before
