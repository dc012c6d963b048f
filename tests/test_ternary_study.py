"""What notebook 13 fits, and how it judges: sizes, the paper's numbers, verdicts."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from stub_rows import on_pictures

import lossless_inr_lite as lil
from lossless_inr_lite.companion.chapters.c13_ternary import figures as ternary_figures
from lossless_inr_lite.companion.chapters.c13_ternary import study as ternary_study
from lossless_inr_lite.companion.claims import find_verdict, paper_value
from lossless_inr_lite.companion.records import load_record


def parameters(**changed):
    given = {
        "signals": "astronaut,coffee",
        "deep_signals": "radiograph",
        "small_signals": "astronaut",
        "large_signal": "",
        "size": 6,
        "densities": "0.3,0.5",
        "max_iterations": 10,
        "small_iterations": 20,
        "seed": 4,
    }
    return SimpleNamespace(**{**given, **changed})


def row(picture="a", lossless=True, file_bytes=60, trits=300):
    return {
        "signal": {"name": picture, "sha256": picture, "shape": [2, 5, 1], "num_bits": 8},
        "model": {"num_parameters": trits, "hidden_features": 8},
        "seed": 0,
        "stopped": "lossless",
        "seconds": 1.0,
        "lossless": lossless,
        "certificate": {"file_bytes": file_bytes} if lossless else None,
    }


def precision(method, bits, how, ber):
    return {"method": method, "bits": bits, "how": how, "ber": ber, "lossless": ber == 0}


def said_of(rows):
    return {said.id: said for said in ternary_study.verdicts(rows)}


# What is fitted ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", "0.5,0.3", "0", "3", "0.3,,0.4", "nan"])
def test_bad_densities_are_named(text):
    with pytest.raises(lil.InputError, match="densities is"):
        ternary_study.densities(text)


def test_a_plan_has_every_picture_at_the_first_density():
    groups = ternary_study.plan(parameters())
    assert {name: [case.signal for case in cases] for name, cases in groups.items()} == {
        "quick": ["astronaut", "coffee", "astronaut", "astronaut"],
        "deep": ["radiograph"],
        "small": ["astronaut"],
    }
    quick = [case.method for case in groups["quick"]]
    assert quick == [
        "one network, 0.3 bit a trit",
        "one network, 0.3 bit a trit",
        "a network a bit, 0.3 bit a trit",
        "NeRF's encoding, 0.3 bit a trit",
    ]
    assert groups["small"][0].method == "one network, 0.5 bit a trit"
    assert groups["small"][0].budget.max_iterations == 20
    assert {case.seed for cases in groups.values() for case in cases} == {4}


def test_a_large_picture_has_twice_the_side():
    groups = ternary_study.plan(parameters(large_signal="coffee", densities="0.3"))
    assert "small" not in groups
    assert [(case.signal, case.size) for case in groups["large"]] == [("coffee", 12)]


@pytest.mark.parametrize("name", ["signals", "deep_signals", "small_signals", "large_signal"])
def test_pictures_that_are_not_there_are_named_before_any_fit(name):
    with pytest.raises(lil.InputError, match=r"none\.png"):
        ternary_study.plan(parameters(**{name: "none.png"}))


# Sizes -------------------------------------------------------------------------------------------


def test_sizes_of_a_row():
    size = ternary_study.sizes(row())
    assert (size.raw, size.formula, size.file, size.ratio) == (10, 60, 60, 6)
    assert math.isnan(ternary_study.sizes(row(lossless=False)).file)


def test_the_smallest_certified_file_of_every_picture():
    rows = [row(file_bytes=70), row(file_bytes=50), row("b", lossless=False)]
    best = ternary_study.smallest_lossless(rows)
    assert {name: found["certificate"]["file_bytes"] for name, found in best.items()} == {"a": 50}


def test_pngs_hold_the_depth():
    samples = np.arange(16).reshape(4, 4, 1)
    shallow = lil.Signal(samples.astype(np.uint8), 8, "shallow")
    deep = lil.Signal((samples * 4000).astype(np.uint16), 16, "deep")
    assert 0 < ternary_study.png_bytes(shallow) < ternary_study.png_bytes(deep)


# The paper's numbers -----------------------------------------------------------------------------


def test_the_papers_file_is_its_trits_by_the_formula():
    ternary = ternary_study.papers_networks()["ternary"]
    assert ternary.weights == 3_280_896
    assert ternary.bytes == pytest.approx(656_179, abs=1)
    assert paper_value("table4", "size", method="ours") == f"{ternary.bytes / 1e3:.2f} KB"


def test_the_papers_ratio_is_its_printed_size_over_the_raw_picture():
    assert ternary_study.papers_ratio() == pytest.approx(656_180 / 98_304)


def test_the_papers_ratio_follows_the_printed_number(monkeypatch):
    monkeypatch.setattr(ternary_study, "paper_value", lambda *_, **__: "98.304 KB")
    assert ternary_study.papers_ratio() == pytest.approx(1)
    (said,) = [said for said in ternary_study.verdicts([row()]) if said.id.startswith("file-size")]
    assert (said.paper, said.verdict) == ("1.0", "does not hold")


def test_the_papers_bit_operations_count_two_inputs():
    """16 (2 x 256 + 3 x 256^2 + 256 x 3) x 2 x 8, to the last digit."""
    assert ternary_study.papers_networks()["ternary"].counted == 50_659_328
    said = said_of([])["bit-operations-of-the-ternary-network"]
    assert (said.ours, said.paper, said.verdict) == ("50,659,328", "50.66M", "holds")


@pytest.mark.parametrize("text", ["656.18", "3 GB"])
def test_sizes_without_a_known_unit_are_an_error(monkeypatch, text):
    monkeypatch.setattr(ternary_study, "paper_value", lambda *_, **__: text)
    with pytest.raises(lil.InputError, match="no unit that is known"):
        ternary_study.papers_ratio()


# Verdicts ----------------------------------------------------------------------------------------

FILES = "file-size-over-raw-size-of-the-largest-of-the-smallest-certified-files"


def test_every_picture_needs_a_certified_file():
    said = said_of(on_pictures([row(), row(lossless=False)]))
    assert said["table4/ours"].verdict == "undecided"  # by our recipe, not the authors' schedule
    assert said["table4/ours"].basis["every"] == {
        "kodim01": [True],
        "kodim02": [True],
        "kodim03": [True],
    }
    assert said[FILES].verdict == "holds"
    said = said_of([row(), row("b", lossless=False)])
    assert said["table4/ours"].basis["every"] == {"a": [True], "b": [False]}
    assert (said[FILES].ours, said[FILES].verdict) == ("none", "does not hold")


def test_files_larger_than_the_papers_deviate():
    assert said_of([row(file_bytes=66)])[FILES].verdict == "holds"
    assert said_of([row(file_bytes=67)])[FILES].verdict == "does not hold"


def test_sine_networks_collapse_or_not():
    rows = [precision("SIREN, bits", 2, "after training", 0.4)]
    rows += [precision("SIREN, bits", 4, "in training", 0)]
    fig10, sine, freezing = ternary_study.precision_verdicts(rows, [row()])
    assert fig10.ours == "ternary network certified; SIREN, bits down to 4 bits"
    assert (fig10.verdict, sine.verdict, freezing.verdict) == ("undecided", "undecided", "holds")
    assert sine.basis == {"every": {"the picture": [True]}}
    rows.append(precision("SIREN, values", 2, "after training", 0.2))
    sine = ternary_study.precision_verdicts(rows, [row()])[1]
    assert sine.basis == {"every": {"the picture": [True, False]}}


def test_nothing_is_said_of_fits_that_were_not_made():
    """All of no sine networks collapse; that is no evidence."""
    rows = [precision("ReLU+PE, bits", 2, "after training", 0.4)]
    assert {said.verdict for said in ternary_study.precision_verdicts(rows, [])} == {
        "not attempted"
    }
    assert said_of([])["table4/ours"].verdict == "not attempted"


@pytest.mark.parametrize("profile", ["cpu", "lite"])
def test_verdicts_on_committed_fits_are_found_by_the_ids_of_their_record(profile):
    """The same rows give the same words, under the ids by which pages quote the record."""
    record = load_record(profile, "13_ternary")
    rows = [row for name, row in record["fits"].items() if name != "ternary"]
    said = ternary_study.verdicts(rows)
    said += ternary_study.precision_verdicts(record["facts"]["precision"], rows)
    assert len(said) == len(record["verdicts"])
    for verdict in said:
        recorded = find_verdict(record["verdicts"], verdict.id)
        assert (recorded["ours"], recorded["verdict"]) == (verdict.ours, verdict.verdict)
        if not verdict.row:
            assert recorded["paper"] == verdict.paper


# Tables ------------------------------------------------------------------------------------------


def test_only_certified_files_have_a_size_in_the_table():
    common = {"method": "one network", "wrong_bits": 3, "iterations": 5, "seconds": 1.0}
    rows = [row() | common, row("b", lossless=False) | common]
    certified, other = ternary_figures.size_table(rows, {"a": 9}).data.splitlines()[2:]
    assert "| 60 | 10 | 9 | 6.00 | yes |" in certified
    assert "| - | 10 | - | - | no, 3 wrong bits |" in other
