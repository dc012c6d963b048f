"""Notebooks: their structure, their parameters, and a run of each with its numbers read back.

The run is at the profile smoke.
"""

import json
import re
import subprocess
import sys
from functools import cache

import nbformat
import numpy as np
import papermill
import pytest
import yaml

import lossless_inr_lite as lil
from lossless_inr_lite import InputError
from lossless_inr_lite.companion.chapters import c11_bit_spectral_bias as bit_spectrum
from lossless_inr_lite.companion.chapters.c05_baselines import METHODS, OURS
from lossless_inr_lite.companion.chapters.c10_bit_bias.study import METHODS as METHODS_OF_BIAS
from lossless_inr_lite.companion.chapters.c12_audio import study as sound_study
from lossless_inr_lite.companion.claims import ANSWERS, VERDICTS
from lossless_inr_lite.companion.parameters import Vocabulary, check_parameters
from lossless_inr_lite.companion.paths import NOTEBOOKS, PARAMS
from lossless_inr_lite.companion.rejudge import verdicts_of
from lossless_inr_lite.expansion import methods as bit_depth
from lossless_inr_lite.signals.image_files import write_image

NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
PROFILES = ("smoke", "lite", "paper")


def read(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def code_cells(name):
    return [cell for cell in read(name).cells if cell.cell_type == "code"]


def parameters_cell(name):
    cells = [c for c in code_cells(name) if "parameters" in c.metadata.get("tags", [])]
    assert len(cells) == 1
    return cells[0].source


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_typed_commented_scalars(name):
    for line in parameters_cell(name).splitlines():
        left, _, comment = line.partition("  # ")
        assert comment, line
        assert left.split(":")[0] in Vocabulary.model_fields, line


@pytest.mark.parametrize("name", NAMES)
def test_the_tree_holds_no_outputs(name):
    for cell in code_cells(name):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("name", NAMES)
def test_cells_that_are_shown_are_short(name):
    """At most 15 lines of 88 columns, which the page shows whole; set-up cells are folded."""
    folded = {"hide-input", "hide-cell", "remove-cell"}
    for cell in code_cells(name):
        lines = cell.source.splitlines()
        assert max(map(len, lines)) <= 88
        assert len(lines) <= 15 or folded & set(cell.metadata.get("tags", []))


@pytest.mark.parametrize("name", NAMES)
def test_the_idea_stands_as_code_and_is_checked(name):
    """Every chapter shows its idea in a few lines, and holds the package against them."""
    ideas = [cell.source for cell in code_cells(name) if cell.id.startswith("idea-")]
    assert ideas
    assert any("assert " in source for source in ideas)


@pytest.mark.parametrize("name", NAMES)
def test_set_up_is_folded(name):
    for cell in code_cells(name):
        tags = cell.metadata.get("tags", [])
        if "parameters" in tags or "begin(" in cell.source:
            assert {"hide-input", "hide-cell"} & set(tags)


@pytest.mark.parametrize("name", NAMES)
def test_figures_have_name_caption_and_alt_text(name):
    drawing = [
        c for c in code_cells(name) if re.search(r"\);$|^(figure = )?plots\.\w+\(", c.source, re.M)
    ]
    assert drawing
    for cell in drawing:
        figure = cell.metadata["mystnb"]
        assert figure["figure"]["name"].startswith("fig-")
        assert len(figure["figure"]["caption"]) > 20
        assert len(figure["image"]["alt"]) > 20


@pytest.mark.parametrize("path", sorted(PARAMS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_profile_names_known_parameters(path):
    name, profile = path.stem.split(".")
    values = yaml.safe_load(path.read_text())
    declared = {line.split(":")[0] for line in parameters_cell(name).splitlines()}
    assert values["profile"] == profile
    assert values.keys() <= declared
    for field, value in values.items():
        check_parameters({"__annotations__": {field: type(value)}, field: value})


@pytest.mark.parametrize("name", NAMES)
def test_every_chapter_has_the_usual_profiles(name):
    assert {path.suffixes[0][1:] for path in PARAMS.glob(f"{name}.*.yaml")} >= set(PROFILES)


@pytest.mark.parametrize("name", NAMES)
def test_lite_is_the_default_cell(name):
    assert yaml.safe_load((PARAMS / f"{name}.lite.yaml").read_text()) == {"profile": "lite"}
    assert 'profile: str = "lite"' in parameters_cell(name)


def of_chapter(name):
    """A mark that gives a test the name of its chapter.

    `conftest.ByChapter` keeps all tests of that name in one process, which runs the chapter once.
    """
    return pytest.mark.parametrize("name", [name])


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """A function of a notebook's name, which runs it at the profile smoke, once.

    It returns the folder of its results and its record.
    """
    folder = tmp_path_factory.mktemp("smoke")

    @cache
    def run(name):
        values = yaml.safe_load((PARAMS / f"{name}.smoke.yaml").read_text())
        values["output_dir"] = str(folder / name)
        papermill.execute_notebook(
            NOTEBOOKS / f"{name}.ipynb",
            folder / f"{name}.ipynb",
            values,
            progress_bar=False,
            cwd=folder,
        )
        return folder / name, json.loads((folder / name / "record.json").read_text())

    return run


@pytest.mark.parametrize("name", NAMES)
def test_records_say_what_ran_and_where(smoke, name):
    _, record = smoke(name)
    assert (record["schema_version"], record["experiment"], record["profile"]) == (1, name, "smoke")
    assert record["environment"]["versions"]["torch"]
    assert record["verdicts"]
    for said in record["verdicts"]:
        assert said["verdict"] in (VERDICTS if said["row"] else ANSWERS)
    again = [vars(said) for said in verdicts_of(record)]
    assert json.loads(json.dumps(again)) == record["verdicts"]


@of_chapter("01_bit_planes")
def test_bit_planes_chapter_finds_the_fake(smoke, name):
    _, record = smoke(name)
    verdicts = [report["genuine"] for report in record["facts"]["reports"].values()]
    assert verdicts == [True, True, False]
    assert all(v["verdict"] == "reproduced" for v in record["verdicts"])


@of_chapter("02_image_fitting")
def test_fitting_chapter_certifies_both_bit_formulations(smoke, name):
    folder, record = smoke(name)
    assert set(record["fits"]) == {
        f"{p}/{f}"
        for p in ("astronaut", "radiograph")
        for f in ("bit_coordinate", "bit_heads", "amplitude")
    }
    for label, fit in record["fits"].items():
        picture, formulation = label.split("/")
        path = folder / f"{picture}.{formulation}.safetensors"
        header = lil.read_model(path)[1]
        assert fit["signal"]["sha256"] == header.sha256_samples
        if formulation != "amplitude":
            proof = fit["certificate"]
            assert fit["lossless"] is True
            assert proof["lossless"] is True
            assert proof["sha256_weights"] == header.sha256_weights
            assert proof["sha256_samples"] == header.sha256_samples
            assert proof["file_bytes"] == path.stat().st_size
            assert proof["smallest_margin"] > 0
            assert all(way["wrong_bits"] == 0 for way in proof["ways"])
            assert lil.decode(path).sha256 == fit["signal"]["sha256"]
    pair = (
        record["fits"][f"astronaut/{f}"]["samples_seen"] for f in ("amplitude", "bit_coordinate")
    )
    amplitude, coordinate = pair
    assert amplitude <= coordinate * 1.01
    assert (folder / "fit.mp4").stat().st_size > 1000


@of_chapter("03_fast_fitting")
def test_fast_chapter_certifies_and_beats_the_papers_recipe(smoke, name):
    folder, record = smoke(name)
    assert record["fits"]["astronaut/fast"]["lossless"] is True
    assert (
        lil.decode(folder / "astronaut.safetensors").sha256
        == record["fits"]["astronaut/fast"]["signal"]["sha256"]
    )
    assert record["facts"]["samples"]["fast"] < record["facts"]["samples"]["paper"]
    assert record["facts"]["ablation"]["FAST"] == 0


@of_chapter("04_capacity")
def test_capacity_chapter_finds_a_width(smoke, name):
    _, record = smoke(name)
    assert record["facts"]["found"]["width"] > 0
    assert {v["item"] for v in record["verdicts"]} == {"Eq. 6"}


@of_chapter("05_baselines")
def test_baselines_chapter_has_a_row_for_every_method(smoke, name):
    folder, record = smoke(name)
    assert {fit["method"] for fit in record["fits"].values()} == {OURS, *METHODS}
    for fit in record["fits"].values():
        assert fit["lossless"] is (fit["wrong_bits"] == 0)
        assert fit["reference"] or fit["checkpoints"]
    assert record["facts"]["sweep"].keys() == {OURS, *METHODS}
    assert "rate-best-8-bits-the-method-ends-at-ber-0" in {v["id"] for v in record["verdicts"]}
    assert (folder / "all_methods.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("06_backbones", 8),
        ("07_hypothesis", 11),
        ("08_ablations", 7),
    ],
)
def test_study_chapters_keep_every_fit(smoke, name, methods):
    _, record = smoke(name)
    assert len({fit["method"] for fit in record["fits"].values()}) == methods
    assert all(fit["lossless"] is (fit["wrong_bits"] == 0) for fit in record["fits"].values())
    assert any(fit["lossless"] for fit in record["fits"].values())


@of_chapter("10_bit_bias")
def test_bit_bias_chapter_measures_every_method(smoke, name):
    _, record = smoke(name)
    assert record["facts"]["bias"].keys() == set(METHODS_OF_BIAS)
    assert {v["row"] for v in record["verdicts"] if v["row"]} == {"fig6", "fig5"}


@of_chapter("11_bit_spectral_bias")
def test_bit_spectral_bias_chapter_measures_every_method(smoke, name):
    _, record = smoke(name)
    assert record["facts"].keys() == set(bit_spectrum.METHODS)
    assert "fig9" in {v["row"] for v in record["verdicts"]}


@of_chapter("12_audio")
def test_sound_chapter_certifies_its_floats(smoke, name):
    folder, record = smoke(name)
    assert record["fits"]["float"]["signal"]["subtype"] == "FLOAT"
    assert {fit["method"] for name, fit in record["fits"].items() if name != "float"} == set(
        sound_study.METHODS
    )
    assert {v["row"] for v in record["verdicts"]} >= {
        "fig12",
        "table9/SIREN",
        "table9/DINER",
        "table9/ours",
    }
    assert (folder / "float.safetensors").is_file()


@of_chapter("13_ternary")
def test_ternary_chapter_certifies_its_file(smoke, name):
    folder, record = smoke(name)
    ternary = record["fits"]["ternary"]
    assert ternary["lossless"] is True
    assert (folder / "ternary.trits").stat().st_size == ternary["certificate"]["file_bytes"]
    assert lil.decode(folder / "ternary.trits").sha256 == ternary["signal"]["sha256"]
    assert {row["how"] for row in record["facts"]["precision"]} == {
        "floats",
        "after training",
        "in training",
    }
    assert {v["row"] for v in record["verdicts"]} >= {
        "fig10",
        "fig10-sine",
        "table4/ours",
    }


@of_chapter("14_bit_depth_expansion")
def test_depth_chapter_keeps_every_interval_and_refuses_the_fake(smoke, name):
    _, record = smoke(name)
    rows = record["facts"]["rows"]
    assert {row["method"] for row in rows} == set(bit_depth.METHODS)
    assert {(row["from_bits"], row["to_bits"]) for row in rows} == {
        (4, 8),
        (8, 16),
        (8, 12),
        (6, 16),
    }
    assert any(
        "cannot judge" in report.get("refused", "")
        for report in record["facts"]["genuineness"].values()
    )
    said = {v["row"]: v["verdict"] for v in record["verdicts"] if v["row"]}
    assert {row for row, v in said.items() if v == "not attempted"} == {
        f"table5/{name}" for name in ("BECNN/16", "BitNet/16", "ABCD/16", "ABCD/12")
    }
    assert len(said) == 12


@of_chapter("15_lossless_compression")
def test_compression_chapter_counts_every_byte(smoke, name):
    _, record = smoke(name)
    facts = record["facts"]
    assert all(
        row["exact"] and row["bytes"] > row["payload_bytes"]
        for row in facts["sets"] + facts["pictures"]
    )
    assert facts["ablation"].keys() == {
        "coordinates",
        "+ prefix",
        "+ neighbours",
        "+ adaptation",
        "all but coordinates",
    }
    assert {v["row"] for v in record["verdicts"]} >= {"table6/PNG/MNIST", "table7/RECOMBINER/MNIST"}


@of_chapter("09_upper_bound")
def test_theory_chapter_stores_the_picture_exactly(smoke, name):
    folder, record = smoke(name)
    assert len(list(folder.glob("stored_*.safetensors"))) == 16
    assert {v["row"] for v in record["verdicts"]} >= {"eq6-n8-d5", "limitation"}
    assert all(
        row["wrong_float32"] == row["wrong_float64"] == 0 for row in record["facts"]["stored"]
    )
    own = {v["id"]: v["verdict"] for v in record["verdicts"] if v["item"] == "our question"}
    # One or two pictures decide nothing about pictures.
    assert own.pop("order-of-the-bounds-with-their-constants") == "undecided"
    assert set(own.values()) == {"holds"}


def test_a_users_own_picture(tmp_path, rng):
    samples = rng.integers(0, 256, (9, 12, 1)).astype(np.uint8)
    write_image(tmp_path / "photo.png", samples, 8)
    values = {
        "profile": "smoke",
        "signal": "photo.png",
        "size": 4,
        "hidden_features": 96,
        "hidden_layers": 2,
        "movie_frames": 0,
        "output_dir": "runs/photo",
    }
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(NOTEBOOKS / "02_image_fitting.ipynb"),
        "out.ipynb",
        "--no-progress-bar",
    ]
    for name, value in values.items():
        command += ["-p", name, str(value)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    record = json.loads((tmp_path / "runs" / "photo" / "record.json").read_text())
    assert record["fits"]["photo/bit_coordinate"]["signal"]["shape"] == [4, 4, 1]
    assert record["fits"]["photo/bit_coordinate"]["lossless"] is True


# Parameters --------------------------------------------------------------------------------------


def declared(**values):
    return {"__annotations__": {name: type(value) for name, value in values.items()}, **values}


def test_an_unknown_parameter_is_named_with_the_known_ones():
    variables = declared(size=8, seed=0) | {"hiden_features": 3}
    with pytest.raises(
        InputError, match=r"unknown parameter 'hiden_features': this notebook has seed, size"
    ):
        check_parameters(variables)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": "64"}, r"parameter size is '64': it should be a valid integer"),
        ({"size": 2}, r"parameter size is 2: it should be greater than or equal to 4"),
        ({"seed": 1.5}, "parameter seed is 1.5"),
        (
            {"profile": "fast"},
            r"parameter profile is 'fast': it should be 'smoke', 'lite', 'cpu' or 'paper'",
        ),
        ({"network": "mlp"}, r"unknown value of parameter network 'mlp': allowed are diner, finer"),
        ({"device": "tpu"}, r"unknown value of parameter device 'tpu'"),
        ({"max_seconds": 0.0}, "greater than 0"),
        ({"colour": "red"}, "not in the vocabulary"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(values, message):
    with pytest.raises(InputError, match=message):
        check_parameters(declared(**values))


def test_a_whole_number_is_a_fine_number_of_seconds():
    assert check_parameters(declared(max_seconds=60)).max_seconds == 60


def test_a_misspelt_parameter_stops_the_notebook_before_any_work(tmp_path):
    with pytest.raises(
        papermill.PapermillExecutionError, match="unknown parameter 'hiden_features'"
    ):
        papermill.execute_notebook(
            NOTEBOOKS / "02_image_fitting.ipynb",
            tmp_path / "o.ipynb",
            {"hiden_features": 8, "output_dir": str(tmp_path / "out")},
            progress_bar=False,
        )
    assert not (tmp_path / "out").exists()
