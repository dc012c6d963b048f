"""When bit-planes are learnt: the measures of notebooks 10 and 11, on fits of a known course."""

import numpy as np
import pytest
from stub_rows import on_pictures

import lossless_inr_lite as lil
from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.chapters import c11_bit_spectral_bias as spectral
from lossless_inr_lite.companion.chapters.c10_bit_bias import figures as bias_figures
from lossless_inr_lite.companion.chapters.c10_bit_bias import study as bit_bias
from lossless_inr_lite.companion.claims import find_verdict
from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.media import planes_slider
from lossless_inr_lite.companion.records import load_record
from lossless_inr_lite.companion.study import run_cases
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.history import Entry

SMALL = Case(
    method="SIREN, bit coordinate",
    signal="astronaut",
    size=4,
    architecture=Architecture("bit_coordinate", "siren", 24, 2),
    learning_rate=1e-3,
)


def row(reached, at_end, rough=None, method="SIREN, values", picture="a"):
    history = [{"iteration": 9, "seconds": 1.0, "ber_planes": at_end}]
    return {
        "reached": {"0.01": reached, "0": reached},
        "history": history,
        "roughness": rough or [0.5] * len(reached),
        "signal": {"name": picture, "sha256": picture, "shape": [8, 8, 3]},
        "model": {"hidden_features": 8},
        "method": method,
        "seed": 0,
        "learning_rate": 1e-4,
        "stopped": "max_iterations",
        "seconds": 1.0,
        "lossless": False,
    }


def entry(iteration, seconds):
    return Entry(
        iteration=iteration,
        samples_seen=iteration,
        flops=0,
        seconds=seconds,
        loss=0.0,
        wrong_bits=1,
        ber=0.0,
        ber_planes=[],
        psnr=None,
    )


# The order of the planes -------------------------------------------------------------------------


def test_planes_that_never_arrived_are_last_by_their_errors():
    late = bit_bias.lateness(row([None, None, 40, 7], [0.4, 0.5, 0.0, 0.0]))
    assert late == [0.75, 1.0, 0.5, 0.25]


def test_the_bias_is_one_from_the_msb_down_and_minus_one_from_the_lsb_up():
    assert bit_bias.bias([row([40, 30, 20, 10], [0] * 4)]).value == pytest.approx(1)
    assert bit_bias.bias([row([10, 20, 30, 40], [0] * 4)]).value == pytest.approx(-1)
    assert np.isnan(bit_bias.bias([row([10, 10, 10, 10], [0] * 4)]).value)


def test_constant_planes_say_nothing_of_the_bias():
    lsb_is_constant = row([0, 30, 20, 10], [0] * 4, [0.0, 0.5, 0.4, 0.1])
    assert bit_bias.bias([lsb_is_constant]).value == pytest.approx(1)
    assert len(bit_bias.planes_of([lsb_is_constant])) == 3


def test_what_explains_the_order_is_told_apart():
    method = "SIREN, values, reversed"
    by_place = row([40, 30, 20, 10], [0] * 4, [0.1, 0.4, 0.2, 0.3], method)
    by_content = row([10, 40, 20, 30], [0] * 4, [0.1, 0.4, 0.2, 0.3], method)
    assert bit_bias.explained([by_place], "significance").value == pytest.approx(-1)
    assert bit_bias.explained([by_content], "roughness").value == pytest.approx(1)
    assert bias_figures.judge_control(on_pictures([by_place]), "values").verdict == "holds"
    said = bias_figures.judge_control(on_pictures([by_content]), "values")
    assert said.verdict == "does not hold"
    assert bias_figures.judge_control([by_content], "values").verdict == "undecided"


def test_without_rearranged_pictures_nothing_is_said_of_the_order():
    natural = row([40, 30, 20, 10], [0] * 4)
    assert bias_figures.judge_control([natural], "values").verdict == "not attempted"
    assert {said.verdict for said in bias_figures.verdicts([])} == {"not attempted"}


def test_how_much_later_a_plane_is_learnt():
    natural = row([10, 20, None, 0], [0] * 4)
    moved = row([40, None, 30, 30], [0] * 4)
    assert bit_bias.slowdown(moved, natural, 0) == 4
    for place in (1, 2, 3):
        assert np.isnan(bit_bias.slowdown(moved, natural, place))


def test_verdicts_of_fig_6_and_7_name_the_worst_method():
    down = row([40, 30, 20, 10], [0.5, 0.4, 0.3, 0.2])
    up = row([10, 20, 30, 40], [0.2, 0.3, 0.4, 0.5], method="DINER, bit coordinate")
    fig6, values, bits, early, *_ = bias_figures.verdicts(on_pictures([down, up]))
    assert (fig6.row, fig6.verdict) == ("fig6", "deviates")
    assert (values.row, values.verdict) == ("", "holds")
    assert bits.verdict == "does not hold"
    assert bits.ours.startswith("-1.00 (DINER, bit coordinate)")
    assert (early.row, early.verdict) == ("fig5", "deviates")


def test_roughness_of_known_planes():
    board = np.indices((4, 4)).sum(axis=0) % 2
    signal = lil.Signal((board + 2)[..., None].astype(np.uint8), 3, "board")
    assert bit_bias.roughness(signal) == [1.0, 0.0, 0.0]


def test_rows_tell_when_each_plane_arrived(tmp_path):
    upside_down = list(range(8))[::-1]
    cases = [SMALL.varied(planes=upside_down), SMALL.varied(method="plain")]
    moved, plain = bit_bias.run(cases, tmp_path).values()
    assert moved["roughness"] == plain["roughness"][::-1]
    assert moved["planes"] == upside_down
    for found in (moved, plain):
        reached = found["reached"]
        assert max(reached["0"]) == found["iterations"]
        assert all(a <= b for a, b in zip(reached["0.01"], reached["0"], strict=True))


def test_a_case_fits_the_planes_that_it_names(tmp_path):
    msb_only = SMALL.varied(planes=[7] * 8, max_iterations=1)
    assert set(np.unique(msb_only.load().words)) <= {0, 255}
    one = run_cases([msb_only], tmp_path)[msb_only.label]
    other = run_cases([msb_only.varied(planes=[6] * 8)], tmp_path)[msb_only.label]
    assert other["signal"] != one["signal"]


def test_control_orders():
    upside_down, shuffled, copied = bit_bias.control_orders(8, 3)
    assert upside_down == [7, 6, 5, 4, 3, 2, 1, 0]
    assert sorted(shuffled) == list(range(8))
    assert copied == [7, 1, 2, 3, 4, 5, 6, 7]


def test_every_network_is_asked_for_values_and_for_bits():
    cases = bit_bias.cases(SMALL, {"SIREN": 0.25})
    assert {(case.architecture.network, case.architecture.formulation) for case in cases} >= {
        (network, formulation)
        for network in bit_bias.NETWORKS.values()
        for formulation in ("amplitude", "bit_coordinate")
    }
    rates = {case.method: case.learning_rate for case in cases}
    assert rates["SIREN, values"] == 0.25
    assert rates["SIREN, bit coordinate"] == 1e-3


@pytest.mark.parametrize("profile", ["cpu", "lite"])
def test_verdicts_of_committed_fits_are_found_by_the_ids_of_their_record(profile):
    """The same rows give the same words, under the ids by which pages quote the record."""
    record = load_record(profile, "10_bit_bias")
    groups = bias_figures.groups(record)
    rows = groups["8 bits"] + groups["8 bits, rearranged"]
    said = bias_figures.verdicts(rows)
    assert len(said) == len(record["verdicts"])
    for verdict in said:
        recorded = find_verdict(record["verdicts"], verdict.id)
        assert (recorded["ours"], recorded["verdict"]) == (verdict.ours, verdict.verdict)


# Along the bit axis ------------------------------------------------------------------------------


def test_waves_go_from_constant_to_alternating():
    waves = [spectral.wave(run) for run in spectral.RUNS]
    assert [f"{word:016b}" for word in waves] == [
        "1" * 16,
        "1" * 8 + "0" * 8,
        "1111000011110000",
        "1100110011001100",
        "10" * 8,
    ]
    assert [int(spectral.changes(word)) for word in waves] == [0, 1, 3, 7, 15]
    assert spectral.predicted(spectral.GRAY) == [0.5, 2.5, 6.5, 14.5, 0.5]


@pytest.mark.parametrize("order", range(3))
def test_bands_differ_along_the_bit_axis_only(order):
    picture = spectral.oscillating(20, order)
    band_of_line = spectral.bands(20, order)
    assert sorted(set(band_of_line)) == list(range(5))
    constant = picture[band_of_line == 0]
    for number, run in enumerate(spectral.RUNS):
        band = picture[band_of_line == number]
        word = spectral.wave(run)
        assert set(np.unique(band)) == {word, 0xFFFF ^ word}
        # All waves begin with a 1.
        assert np.array_equal(band >> 15, constant[: len(band)] >> 15)


def test_a_picture_without_room_for_the_colours_is_an_error(tmp_path):
    with pytest.raises(lil.InputError, match="size is 7: 8 or more are needed"):
        spectral.cases(SMALL.varied(size=7), tmp_path, 1)


def spectral_row(method, arrivals, picture="a"):
    ber = [[float(at > i) for at in arrivals] for i in range(60)]
    return {
        "method": method,
        "signal": {"name": picture, "sha256": picture, "shape": [8, 8, 3]},
        "model": {"hidden_features": 8},
        "seed": 0,
        "learning_rate": 1e-4,
        "stopped": "lossless",
        "lossless": True,
        "bands": {"iteration": list(range(60)), "ber": ber},
    }


def test_predictions_are_judged_by_the_order_and_undecided_without_arrivals():
    given = {
        spectral.PLAIN: [10, 11, 12, 13, 14],
        spectral.SHRUNK: [5, 10, 20, 30, 40],
        spectral.STRETCHED: [10, 12, 11, 10, 11],
        spectral.GRAY: [5, 10, 20, 30, 6],
        spectral.HEADS: [12, 10, 11, 10, 12],
    }
    rows = on_pictures([spectral_row(method, at) for method, at in given.items()])
    assert [v.verdict for v in spectral.verdicts(rows)] == ["reproduced"] + ["holds"] * 4
    given[spectral.GRAY] = [10, 11, 12, 13, 14]
    rows = on_pictures([spectral_row(method, at) for method, at in given.items()])
    assert spectral.verdicts(rows)[3].verdict == "does not hold"
    given[spectral.SHRUNK] = [5, 10, 20, 30, 99]
    rows = on_pictures([spectral_row(method, at) for method, at in given.items()])
    assert spectral.verdicts(rows)[1].verdict == "undecided"
    assert spectral.facts(rows)[spectral.PLAIN]["certified"] == 6


def test_a_prediction_without_fits_is_not_attempted():
    rows = on_pictures([spectral_row(spectral.PLAIN, [10, 11, 12, 13, 14])])
    fig9, *others = [said.verdict for said in spectral.verdicts(rows)]
    assert fig9 == "reproduced"
    assert others == ["not attempted"] * 4


@pytest.mark.parametrize("profile", ["cpu", "lite"])
def test_predictions_on_committed_fits_are_found_by_the_ids_of_their_record(profile):
    record = load_record(profile, "11_bit_spectral_bias")
    rows = [row for label, row in record["fits"].items() if not label.startswith("real/")]
    said = spectral.verdicts(rows)
    assert len(said) == len(record["verdicts"])
    for verdict in said:
        recorded = find_verdict(record["verdicts"], verdict.id)
        assert (recorded["ours"], recorded["verdict"]) == (verdict.ours, verdict.verdict)


def test_courses_count_the_errors_of_each_frequency():
    case = SMALL.varied(size=10, seed=1)
    truth = spectral.oscillating(10, 1)
    wrong = truth.copy()
    wrong[spectral.bands(10, 1) == 3] ^= 0xFFFF
    strip = Filmstrip()
    strip(entry(0, 0.0), wrong)
    strip(entry(5, 1.0), truth)
    course = spectral.courses(strip, case)
    assert course == {"iteration": [0, 5], "ber": [[0, 0, 0, 1, 0], [0] * 5]}
    assert spectral.arrivals({"bands": course}) == [0, 0, 0, 5, 0]


def test_a_stretched_axis_has_its_own_reach():
    spec = lil.load_image("astronaut", size=4).spec
    coordinates = get_formulation("bit_coordinate_x4").coordinates(spec)
    assert np.abs(coordinates[..., 2]).max() == 4
    assert np.abs(coordinates[..., :2]).max() == 1
    for name in (
        "bit_coordinate_x0",
        "bit_coordinate_x101",
        "bit_coordinate_x-1",
        "bit_coordinate_x",
        "bit_coordinate_x\u0664",
    ):
        with pytest.raises(lil.InputError, match="unknown formulation"):
            get_formulation(name)


def test_the_slider_needs_nothing_from_elsewhere_and_escapes_its_labels():
    truth = np.arange(12, dtype=np.uint32).reshape(2, 2, 3)
    strip = Filmstrip()
    strip(entry(0, 0.5), truth * 0)
    strip(entry(1, 1.5), truth)
    html = planes_slider("s", {"a </script> <b>": strip}, truth, 4, 3).data
    assert "http" not in html
    assert "<b>" not in html.replace("<\\/script> <b>", "")
    assert html.count("</script>") == 1
    assert "exact" in html
    assert 'max="2"' in html
