"""Chapters 1 to 8 and the commands in benchmarks/ and workflow/, each on a case of seconds."""

import importlib.util
import json
import re
import subprocess
import sys
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stub_rows import on_pictures

import lossless_inr_lite as lil
from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.chapters import c01_bit_planes as bit_planes
from lossless_inr_lite.companion.chapters import c02_image_fitting as image_fitting
from lossless_inr_lite.companion.chapters import c03_fast_fitting as fast
from lossless_inr_lite.companion.chapters import c04_capacity as capacity
from lossless_inr_lite.companion.chapters import c05_baselines as baselines
from lossless_inr_lite.companion.chapters import c07_hypothesis as hypothesis
from lossless_inr_lite.companion.chapters import c08_ablations as ablations
from lossless_inr_lite.companion.claims import find_verdict, verdict_ids
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.companion.records import load_record
from lossless_inr_lite.companion.rows import fit_record
from lossless_inr_lite.companion.study import run_groups
from lossless_inr_lite.signals.bits import error_ceiling
from lossless_inr_lite.signals.image_files import write_image
from lossless_inr_lite.training.recipes import FAST


def command(*arguments):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def module_of(script):
    """A file outside the package as a module."""
    path = ROOT / script
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Verdicts ----------------------------------------------------------------------------------------


def baseline(method, checkpoints):
    return {
        "method": method,
        "signal": {"name": "p", "sha256": "p", "num_bits": 8, "shape": [4, 4, 3]},
        "model": {"hidden_features": 8},
        "seed": 0,
        "stopped": "lossless",
        "lossless": method == baselines.OURS,
        "reference": method == baselines.OURS,
        "checkpoints": checkpoints,
        "history": [{"iteration": 90, "seconds": 1.0, "ber_planes": [0.5] * 7 + [0.1]}],
    }


def test_baselines_that_reached_nothing_are_no_evidence():
    rows = on_pictures([baseline(baselines.OURS, {}), baseline("SIREN", {})])
    said = {verdict.id: verdict.verdict for verdict in baselines.verdicts(rows, "paper")}
    nothing = {name for name, word in said.items() if word == "not attempted"}
    assert nothing == {
        "fig2",
        "fig3",
        "rate-paper-8-bits-no-baseline-is-lossless-after-as-many-flops",
        "rate-paper-8-bits-no-baseline-is-lossless-after-as-many-samples-seen",
        "rate-paper-8-bits-no-baseline-is-lossless-after-as-many-seconds",
    }
    assert said["table1/Kodak/ours"] == said["fig5"] == "reproduced"


def test_a_method_without_fits_is_no_evidence():
    said = {verdict.id: verdict.verdict for verdict in hypothesis.verdicts([])}
    assert set(said.values()) == {"not attempted"}
    assert "fig8" in said
    said = {verdict.id: verdict.verdict for verdict in ablations.verdicts([], [], {})}
    assert said.pop(
        "a-wrong-bit-with-logit-17-has-no-gradient-behind-the-sigmoid-and-has-with-logits"
    )
    assert set(said.values()) == {"not attempted"}


# Chapters 1 to 4 ---------------------------------------------------------------------------------


@given(st.integers(1, 14))
def test_the_tolerance_of_eq_3_is_tight(num_bits):
    tolerance = error_ceiling(num_bits)
    assert bit_planes.surviving_levels(num_bits, 0.999 * tolerance) == 1
    assert bit_planes.surviving_levels(num_bits, 1.001 * tolerance) == 0


def test_a_stretched_picture_is_found_out():
    deep = lil.load_image("radiograph", size=32)
    fake = bit_planes.stretched(deep, 8)
    assert (fake.num_bits, fake.samples.dtype) == (deep.num_bits, deep.samples.dtype)
    assert len(np.unique(fake.samples)) <= 256 < len(np.unique(deep.samples))
    assert lil.genuineness(deep).as_dict()["genuine"]
    assert not lil.genuineness(fake).as_dict()["genuine"]


def test_a_wrong_plane_or_level_deviates():
    good = bit_planes.verdicts({"photo": True}, {8: 1.0}, {8: 0.0})
    assert {verdict.verdict for verdict in good} == {"reproduced"}
    bad = bit_planes.verdicts({"photo": True, "deep": False}, {8: 0.9}, {8: 0.1})
    assert {verdict.verdict for verdict in bad} == {"deviates"}


def test_one_picture_is_compared_at_equal_samples_and_keeps_the_ids_of_pages(tiny, tmp_path):
    kept = {}
    chapter = SimpleNamespace(
        folder=tmp_path, add_fit=lambda label, fit, signal: kept.update({label: fit})
    )
    plan = image_fitting.Plan(
        hidden_features=24,
        hidden_layers=2,
        recipe="paper",
        seed=1,
        max_iterations=30,
        max_seconds=60.0,
        device="cpu",
    )
    run = image_fitting.compare(tiny, plan, chapter)
    assert list(kept) == [f"astronaut/{name}" for name in image_fitting.FORMULATIONS]
    used = {name: fit.history.entries[-1].samples_seen for name, fit in run.fits.items()}
    assert used["amplitude"] == used["bit_coordinate"]
    fits = {f"astronaut/{name}": fit_record(fit, tiny) for name, fit in run.fits.items()}
    found = [vars(verdict) for verdict in image_fitting.verdicts(fits)]
    assert {said["verdict"] for said in found} == {"undecided"}
    record = load_record("lite", "02_image_fitting")["verdicts"]
    quoted = [name for name in verdict_ids(record) if "Kodak" in name or "astronaut" in name]
    assert len(quoted) == len(found) == 4
    for name, own in zip(quoted, found, strict=True):
        assert find_verdict(found, name) == own


def test_every_variant_changes_the_recipe():
    trainers = {name: fast.variant(name).trainer for name in fast.VARIANTS}
    assert trainers["FAST"] == FAST.trainer
    others = [trainer for name, trainer in trainers.items() if name != "FAST"]
    assert len(others) == len(fast.VARIANTS) - 1
    assert all(trainer != FAST.trainer for trainer in others)


def test_tiles_of_every_side_have_the_same_budget():
    picture = lil.load_image("astronaut", size=32)
    fits = fast.tile_curve(picture, [16, 32], seed=0)
    assert [fit.model.formulation.groups(picture.spec) for fit in fits.values()] == [4, 1]
    sizes = [fit.num_parameters for fit in fits.values()]
    assert max(sizes) / min(sizes) < 1.1


def test_our_claims_on_fast_need_a_certificate_and_fewer_samples(tiny, tiny_fit):
    row = fit_record(tiny_fit, tiny)
    headline, fewer = fast.verdicts(row, {"paper": 10**9, "fast": 10**6}, arrived=True)
    # Certified, but with more parameters than the paper has for as many samples.
    assert headline.verdict == "does not hold"
    assert headline.id == "4-x-4-x-8-bits-lossless-with-at-most-321-parameters"
    assert (fewer.ours, fewer.verdict) == ("1000.0", "undecided")  # of one picture
    assert find_verdict(load_record("lite", "03_fast_fitting")["verdicts"], fewer.id)
    _, fewer = fast.verdicts(row, {"paper": 10, "fast": 10}, arrived=False)
    assert "did not arrive" in fewer.needs


def speed_row(flops, seconds, lossless=True):
    return {"flops": flops, "seconds": seconds, "lossless": lossless}


def test_the_parts_of_the_ratio_multiply_to_it():
    fits = {
        "p/paper": speed_row(4800.0, 240.0),
        "p/paper at 0.001": speed_row(2400.0, 80.0),
        "p/paper at 0.01": speed_row(24.0, 8.0, lossless=False),
        "p/recipe": speed_row(800.0, 40.0),
        "p/heads": speed_row(100.0, 10.0),
        "p/tiles": speed_row(10.0, 5.0),
    }
    parts = fast.speed_parts(fits)
    flops = {name: found["flops"] for name, found in parts.items()}
    assert flops == pytest.approx(
        {"its rate": 2, "the recipe": 3, "a head a bit": 8, "tiles": 10, "all": 480}
    )
    assert parts["all"]["seconds"] == pytest.approx(48)
    assert fast.parts_text(parts).startswith("FLOPs: 480 times = its rate 2 x the recipe 3")
    fits["p/recipe"] = speed_row(800.0, 40.0, lossless=False)
    assert fast.speed_parts(fits)["the recipe"]["flops"] is None
    assert "not lossless" in fast.parts_text(fast.speed_parts(fits))


def fit_that_needs(width):
    """A stand-in for `fit` that becomes lossless from that width on."""

    def fit(signal, *, hidden_features, **_):
        return SimpleNamespace(
            stopped="lossless" if hidden_features >= width else "max_seconds",
            num_parameters=10 * hidden_features,
            entry=SimpleNamespace(samples_seen=1),
            history=SimpleNamespace(entries=[SimpleNamespace(seconds=1.0)]),
        )

    return fit


@given(needed=st.integers(1, capacity.LARGEST_WIDTH))
@example(needed=1)
@example(needed=capacity.FIRST_WIDTH)
@example(needed=capacity.LARGEST_WIDTH)
def test_capacity_finds_a_width_that_arrives_and_one_close_below_that_does_not(tiny, needed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capacity, "fit", fit_that_needs(needed))
        found = capacity.smallest_width(tiny, "bit_heads", None, 1.0)
    width = found["width"]
    assert found["tried"] == {tried: tried >= needed for tried in found["tried"]}
    assert found["tried"][width]
    assert found["num_parameters"] == 10 * width
    too_small = [tried for tried, arrived in found["tried"].items() if not arrived]
    assert max(too_small, default=0) < needed <= width
    assert width - max(too_small, default=0) <= max(1, width // 20)


def test_capacity_says_when_no_width_arrives(tiny, monkeypatch):
    monkeypatch.setattr(capacity, "fit", fit_that_needs(capacity.LARGEST_WIDTH + 1))
    found = capacity.smallest_width(tiny, "bit_heads", None, 1.0)
    assert found["width"] is None
    assert max(found["tried"]) == capacity.LARGEST_WIDTH
    row = {"name": "p", "num_bits": 8, "formulation": "bit_heads", "tile": None, **found}
    assert "none found" in capacity.capacity_table([row]).data


def test_capacity_fits_for_real():
    picture = lil.load_image("astronaut", size=4)
    found = capacity.smallest_width(picture, "bit_heads", None, 2.0)
    assert found["tried"][found["width"]]
    assert not all(found["tried"].values())  # a width of 1 holds no picture
    assert found["bits_per_parameter"] == pytest.approx(4 * 4 * 3 * 8 / found["num_parameters"])


def test_size_ratios_leave_out_tiles_and_what_was_not_found():
    def size(name, formulation, parameters, tile=None):
        return {
            "name": name,
            "num_bits": 1,
            "formulation": formulation,
            "tile": tile,
            "num_parameters": parameters,
        }

    rows = [
        size("a", "amplitude", 20),
        size("a", "bit_coordinate", 80),
        size("a", "bit_coordinate", 7, tile=12),
        size("b", "amplitude", None),
        size("b", "bit_coordinate", 80),
    ]
    ratios = capacity.size_ratios(rows)
    assert [ratio.measured for ratio in ratios] == [0.25, None]
    assert [ratio.predicted for ratio in ratios] == [0.25, 0.25]  # 16 C against 64 C
    assert [ratio.agrees for ratio in ratios] == [True, False]
    order, size_of = capacity.verdicts(ratios)
    assert (order.verdict, size_of.verdict) == ("undecided", "undecided")
    assert size_of.basis["every"] == {"a, 1 bits": [True], "b, 1 bits": [False]}
    assert capacity.verdicts([])[1].verdict == "not attempted"


# Chapter 5 ---------------------------------------------------------------------------------------


def test_films_are_those_of_one_picture_and_seed(tmp_path):
    ours = Case("ours", "astronaut", 4, Architecture("bit_heads", "siren", 16, 1))
    ours = ours.varied(max_iterations=3)
    other = ours.varied(method="SIREN", formulation="amplitude")
    again = ours.varied(seed=1)
    rows = run_groups([[ours, other], [again]], tmp_path)
    strips = baselines.films(rows.values(), ours, tmp_path)
    assert list(strips) == ["ours", "SIREN"]
    assert strips["ours"].words[-1].shape == (4, 4, 3)
    assert list(baselines.films(rows.values(), again, tmp_path)) == ["ours"]


# Commands ----------------------------------------------------------------------------------------


def bench(out, *options):
    script = ROOT / "benchmarks" / "bench.py"
    small = ("--files", 1, "--size", 8, "--hidden-features", 32, "--repeat", 1)
    text = command(script, *small, *options, "--output", out)
    return text, json.loads(out.read_text())["rows"]


def test_bench_alternates_and_prints_ratios(tmp_path):
    text, rows = bench(tmp_path / "bench.json")
    assert "seconds: PAPER / FAST" in text
    assert [row["recipe"] for row in rows] == ["paper", "fast"]
    assert all(row["verdict"] == "lossless" for row in rows if row["recipe"] == "fast")
    assert all(row["command_seconds"] > row["seconds"] for row in rows)


def test_bench_projects_what_would_take_too_long(tmp_path):
    _, rows = bench(tmp_path / "bench.json", "--budget", 0.01)
    assert [row["projected"] for row in rows] == [790, None]


def test_capacity_keeps_what_it_has_found(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    script = module_of("benchmarks/capacity.py")
    write_image(tmp_path / "photo.png", lil.load_image("astronaut", size=4).samples, 8)
    asked = []

    def found_later(signal, formulation, tile, max_seconds):
        asked.append((signal.name, formulation, tile, max_seconds))
        if formulation == "amplitude":
            return {"width": None, "num_parameters": None, "bits_per_parameter": None}
        return {"width": 5, "num_parameters": 96, "bits_per_parameter": 4.0}

    monkeypatch.setattr(script, "smallest_width", found_later)
    out = tmp_path / "capacity.json"
    options = ["--signals", tmp_path, "--size", 4, "--max-seconds", 2, "--output", out]
    monkeypatch.setattr(sys, "argv", ["capacity.py", *map(str, options)])
    script.main()
    printed = capsys.readouterr().out
    assert asked == [("photo", *case, 2.0) for case in script.CASES]
    assert printed.splitlines()[1] == (
        "photo, 8 bits, bit_heads, tiles of 12: width 5, 96 parameters, 4.00 bits per parameter"
    )
    assert "amplitude: width None, None parameters, none found in time" in printed
    labels = [line.split(": ")[0] for line in printed.splitlines()]
    assert sorted(json.loads(out.read_text())["rows"]) == sorted(labels)
    asked.clear()
    script.main()
    assert asked == []
    assert capsys.readouterr().out == printed


def test_check_gpu_says_that_it_skips():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU: make check-gpu runs for real")
    assert "skipped: this machine has no CUDA device" in command(ROOT / "workflow" / "check_gpu.py")


# Quotes ------------------------------------------------------------------------------------------


@cache
def book_extension():
    return module_of("book/_ext/companion.py")


def test_pages_quote_records_by_path():
    companion = book_extension()
    assert companion.look_up("02_image_fitting profile") == "lite"
    assert companion.look_up("cpu/07_hypothesis verdicts.fig8.item").startswith("Fig. 8")
    assert companion.look_up("cpu/07_hypothesis verdicts.table3/proposed/1.verdict") == "undecided"
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
