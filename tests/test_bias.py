"""When bit-planes are learnt: the measures of notebooks 10 and 11, on fits whose course is known."""

from dataclasses import replace

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite.companion.chapters import c11_bit_spectral_bias as bit_spectrum
from lossless_inr_lite.companion.chapters.c10_bit_bias import figures as bias_views
from lossless_inr_lite.companion.chapters.c10_bit_bias import study as bit_bias
from lossless_inr_lite.companion.movies import Filmstrip
from lossless_inr_lite.companion.sliders import planes_slider
from lossless_inr_lite.companion.study import Case, run_cases
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.history import Entry

SMALL = Case(
    "SIREN, bit coordinate", "astronaut", 4, "bit_coordinate", "siren", 24, 2, learning_rate=1e-3
)


def row(reached, at_end, rough=None, method="SIREN, values", picture="a"):
    history = [{"iteration": 9, "ber_planes": at_end}]
    return {
        "reached": {"0.01": reached, "0": reached},
        "history": history,
        "roughness": rough or [0.5] * len(reached),
        "signal": {"name": picture},
        "method": method,
        "lossless": False,
    }


def test_planes_that_never_arrived_are_last_by_their_errors():
    late = bit_bias.lateness(row([None, None, 40, 7], [0.4, 0.5, 0.0, 0.0]))
    assert late == [0.75, 1.0, 0.5, 0.25]


def test_the_bias_is_one_from_the_msb_down_and_minus_one_from_the_lsb_up():
    assert bit_bias.bias([row([40, 30, 20, 10], [0] * 4)]).value == pytest.approx(1)
    assert bit_bias.bias([row([10, 20, 30, 40], [0] * 4)]).value == pytest.approx(-1)
    assert np.isnan(bit_bias.bias([row([10, 10, 10, 10], [0] * 4)]).value)


def test_constant_planes_say_nothing_of_the_bias():
    assert bit_bias.bias(
        [row([0, 30, 20, 10], [0] * 4, [0.0, 0.5, 0.4, 0.1])]
    ).value == pytest.approx(1)


def test_what_explains_the_order_is_told_apart():
    by_place = row([40, 30, 20, 10], [0] * 4, [0.1, 0.4, 0.2, 0.3])
    by_content = row([10, 40, 20, 30], [0] * 4, [0.1, 0.4, 0.2, 0.3])
    assert bit_bias.explained([by_place], "significance").value == pytest.approx(-1)
    assert bit_bias.explained([by_content], "roughness").value == pytest.approx(1)
    assert bias_views._follows(
        [{**by_place, "method": "SIREN, values, reversed"}], "SIREN, values"
    )[1]
    assert not bias_views._follows(
        [{**by_content, "method": "SIREN, values, reversed"}], "SIREN, values"
    )[1]


def test_roughness_of_known_planes():
    board = np.indices((4, 4)).sum(axis=0) % 2
    signal = lil.Signal((board + 2)[..., None].astype(np.uint8), 3, "board")
    assert bit_bias.roughness(signal) == [1.0, 0.0, 0.0]


def test_rows_tell_when_each_plane_arrived(tmp_path):
    rows = bit_bias.run(
        [replace(SMALL, planes=list(range(8))[::-1]), replace(SMALL, method="plain")], tmp_path
    )
    moved, plain = rows.values()
    assert moved["roughness"] == plain["roughness"][::-1]
    assert moved["planes"] == list(range(8))[::-1]
    for found in rows.values():
        assert max(found["reached"]["0"]) == found["iterations"]
        assert all(
            a <= b for a, b in zip(found["reached"]["0.01"], found["reached"]["0"], strict=True)
        )


def test_a_case_fits_the_planes_that_it_names(tmp_path):
    case = replace(SMALL, planes=[7] * 8, max_iterations=1)
    assert set(np.unique(case.load().words)) <= {0, 255}
    one = run_cases([case], tmp_path)[case.label]
    assert (
        run_cases([replace(case, planes=[6] * 8)], tmp_path)[case.label]["signal"] != one["signal"]
    )


def test_control_orders():
    upside_down, shuffled, copied = bit_bias.control_orders(8, 3)
    assert upside_down == [7, 6, 5, 4, 3, 2, 1, 0]
    assert sorted(shuffled) == list(range(8))
    assert copied == [7, 1, 2, 3, 4, 5, 6, 7]


def test_every_network_is_asked_for_values_and_for_bits():
    cases = bit_bias.cases(SMALL, {"SIREN": 0.25})
    assert {(c.network, c.formulation) for c in cases} >= {
        (n, f) for n in bit_bias.NETWORKS.values() for f in ("amplitude", "bit_coordinate")
    }
    assert {c.method: c.learning_rate for c in cases}["SIREN, values"] == 0.25
    assert {c.method: c.learning_rate for c in cases}["SIREN, bit coordinate"] == 1e-3


# Along the bit axis ----------------------------------------------------------------------------------------


def test_waves_go_from_constant_to_alternating():
    assert [f"{bit_spectrum.wave(run):016b}" for run in bit_spectrum.RUNS] == [
        "1" * 16,
        "1" * 8 + "0" * 8,
        "1111000011110000",
        "1100110011001100",
        "10" * 8,
    ]
    assert [int(bit_spectrum.changes(bit_spectrum.wave(run))) for run in bit_spectrum.RUNS] == [
        0,
        1,
        3,
        7,
        15,
    ]
    assert bit_spectrum.predicted("Gray-coded bits") == [0.5, 2.5, 6.5, 14.5, 0.5]


@pytest.mark.parametrize("order", range(3))
def test_bands_differ_along_the_bit_axis_only(order):
    picture, lines = bit_spectrum.oscillating(20, order), bit_spectrum.bands(20, order)
    assert sorted(set(lines)) == list(range(5))
    for k, run in enumerate(bit_spectrum.RUNS):
        band = picture[lines == k]
        assert set(np.unique(band)) == {bit_spectrum.wave(run), 0xFFFF ^ bit_spectrum.wave(run)}
        assert np.array_equal(
            band >> 15, picture[lines == 0][: len(band)] >> 15
        )  # all waves begin with a 1


def test_a_picture_without_room_for_the_colours_is_an_error(tmp_path):
    with pytest.raises(lil.InputError, match="size is 7: 8 or more are needed"):
        bit_spectrum.cases(replace(SMALL, size=7), tmp_path, 1)


def spectral_row(method, arrivals, picture="a"):
    ber = [[float(at > i) for at in arrivals] for i in range(60)]
    return {
        "method": method,
        "signal": {"name": picture},
        "lossless": True,
        "bands": {"iteration": list(range(60)), "ber": ber},
    }


def test_predictions_are_judged_by_the_order_and_undecided_without_arrivals():
    given = {
        "bit coordinate": [10, 11, 12, 13, 14],
        "axis shrunk to 1/4": [5, 10, 20, 30, 40],
        "axis stretched by 4": [10, 12, 11, 10, 11],
        "Gray-coded bits": [5, 10, 20, 30, 6],
        "bit heads": [12, 10, 11, 10, 12],
    }
    rows = [spectral_row(method, at) for method, at in given.items()]
    assert [v.verdict for v in bit_spectrum.verdicts(rows)] == ["reproduced"] * 5
    rows[3] = spectral_row("Gray-coded bits", [10, 11, 12, 13, 14])
    assert bit_spectrum.verdicts(rows)[3].verdict == "deviates"
    rows[1] = spectral_row("axis shrunk to 1/4", [5, 10, 20, 30, 99])
    assert bit_spectrum.verdicts(rows)[1].verdict == "not attempted"
    assert bit_spectrum.facts(rows)["bit coordinate"]["certified"] == 1


def test_courses_count_the_errors_of_each_frequency():
    case = replace(SMALL, size=10, seed=1)
    truth, lines = bit_spectrum.oscillating(10, 1), bit_spectrum.bands(10, 1)
    wrong = truth.copy()
    wrong[lines == 3] ^= 0xFFFF
    strip = Filmstrip()
    for i, words in enumerate((wrong, truth)):
        strip(Entry(5 * i, 0, 0, float(i), 0.0, 1, 0.0, [], None), words)
    course = bit_spectrum.courses(strip, case)
    assert course == {"iteration": [0, 5], "ber": [[0, 0, 0, 1, 0], [0] * 5]}
    assert bit_spectrum.arrivals({"bands": course}) == [0, 0, 0, 5, 0]


def test_a_stretched_axis_has_its_own_reach():
    spec = lil.load_image("astronaut", size=4).spec
    assert np.abs(get_formulation("bit_coordinate_x4").coordinates(spec)[..., 2]).max() == 4
    assert np.abs(get_formulation("bit_coordinate_x4").coordinates(spec)[..., :2]).max() == 1
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
    strip, truth = Filmstrip(), np.arange(12, dtype=np.uint32).reshape(2, 2, 3)
    for i, words in enumerate((truth * 0, truth)):
        strip(Entry(i, i, 0, i + 0.5, 0.0, 1, 0.0, [], None), words)
    html = planes_slider("s", {"a </script> <b>": strip}, truth, 4, 3).data
    assert "http" not in html
    assert "<b>" not in html.replace("<\\/script> <b>", "")
    assert html.count("</script>") == 1
    assert "exact" in html
    assert 'max="2"' in html
