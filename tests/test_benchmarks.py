"""Commands of the benchmarks folder: what they share, and what they refuse."""

import importlib
import json
import os

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.signals.image_files import write_image


@pytest.fixture
def script(monkeypatch):
    """Import a command of the folder as it is imported when it runs."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("coffee", "astronaut"):
        samples = lil.load_image(name, size=8).samples
        write_image(folder / f"{name}.png", samples, 8)
    return folder


def test_signals_are_a_folder_or_a_file(script, pictures, tmp_path):
    picture_files = script("measure").picture_files
    assert [path.stem for path in picture_files(pictures)] == ["astronaut", "coffee"]
    assert picture_files(pictures / "coffee.png") == [pictures / "coffee.png"]
    with pytest.raises(lil.InputError, match=r"neither a picture nor a folder that holds a \.png"):
        picture_files(tmp_path)


def test_bad_input_is_one_sentence_and_exit_2(script, capsys):
    def main():
        raise lil.InputError("too much")

    assert script("measure").run_command(main) == 2
    assert capsys.readouterr().err == "error: too much\n"


def test_a_process_that_fails_says_why(script, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys; sys.exit('no such picture')")
    with pytest.raises(RuntimeError, match=r"ended with 1: no such picture"):
        script("measure").in_own_process(program, {"source": "x"})


def test_a_process_answers_with_its_seconds_and_the_load(script, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys; assert sys.argv[1] == '--worker'; print(sys.argv[2])")
    row = script("measure").in_own_process(program, {"seed": 3})
    assert row["seed"] == 3
    assert row["command_seconds"] > 0
    assert 0 <= row["load_average"] < 1000 * os.cpu_count()


def test_ratios_are_those_of_pairs(script):
    bench = script("bench")
    common = {"name": "x", "seed": 0, "load_average": 0.5}
    rows = []
    for paper, fast in ((8.0, 2.0), (6.0, 1.0), (20.0, 2.0)):
        costs = {column: paper for column in bench.COMPARED}
        rows.append(common | costs | {"recipe": "paper", "verdict": "lossless", "projected": None})
        costs = {column: fast for column in bench.COMPARED}
        rows.append(common | costs | {"recipe": "fast", "verdict": "lossless", "projected": None})
    assert bench.ratios(rows)[0] == "seconds: PAPER / FAST = 6.0 (4.0 to 10.0)"
    assert bench.ratios(rows)[4] == "FAST certified lossless: 3 of 3; PAPER projected: 0 of 3"
    assert "seconds of FAST: 2.00 (1.00 to 2.00)" in bench.conditions(rows)


def test_seeds_are_counted_picture_by_picture(script, pictures, tmp_path, capsys):
    out = tmp_path / "seeds.json"
    arguments = ["--signals", str(pictures), "--bits", "8", "--size", "6", "--seeds", "2"]
    script("seeds").main([*arguments, "--bits-per-parameter", "0.5", "--output", str(out)])
    record = json.loads(out.read_text())
    assert [(row["name"], row["seed"]) for row in record["rows"]] == [
        ("astronaut", 0),
        ("astronaut", 1),
        ("coffee", 0),
        ("coffee", 1),
    ]
    assert record["failures"] == sum(row["wrong_bits"] > 0 for row in record["rows"]) == 0
    assert len(record["load_average"]) == 3
    assert "astronaut: 0 of 2 failed" in capsys.readouterr().out


def test_exponents_are_those_of_a_power(script):
    scaling = script("scaling")
    rows = [{"pixels": pixels, "seconds": 3 * pixels**1.5} for pixels in (16, 64, 256)]
    assert scaling.exponent(rows) == pytest.approx(1.5)
    assert scaling.exponent(rows[:1]) is None


def test_what_cannot_be_projected_is_refused_before_work(script, tmp_path):
    out = tmp_path / "scaling.json"
    arguments = ["--sizes", "64", "--largest-global", "32", "--output", str(out)]
    with pytest.raises(lil.InputError, match="at least the smallest of --sizes, 64"):
        script("scaling").main(arguments)
    assert not out.exists()


def test_deep_pictures_have_noise_below_their_own_bits(script):
    picture = lil.load_image("coffee", size=8)
    deep = script("scaling").deep(picture, 16)
    assert deep.num_bits == 16
    assert np.array_equal(deep.samples >> 8, picture.samples)


def test_fits_with_other_parameters_are_not_reused(script, pictures, tmp_path):
    main = script("paper_recipe").main
    out = tmp_path / "paper.json"
    arguments = ["--signals", str(pictures), "--files", "1", "--size", "4", "--output", str(out)]
    limited = [*arguments, "--hidden-features", "24", "--max-seconds", "0.2"]
    main(limited)
    before = out.read_bytes()
    assert set(json.loads(before)["fits"]) == {
        "astronaut/bit_coordinate",
        "astronaut/bit_heads",
        "astronaut/amplitude",
    }
    main(limited)
    assert out.read_bytes() == before
    with pytest.raises(lil.InputError, match="give another --output"):
        main([*limited, "--hidden-features", "32"])
    assert out.read_bytes() == before
