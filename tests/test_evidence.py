"""The rule behind every verdict, its intervals, and that no committed verdict breaks it."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossless_inr_lite.companion.claims import committed_records, judge, judged, paper_claims
from lossless_inr_lite.companion.evidence import (
    SEEDS,
    SIGNALS,
    Every,
    Evidence,
    Exact,
    Open,
    Range,
    Together,
    arithmetic,
    cost_ratio,
    data_text,
    decide,
    is_capped,
    of_rows,
    other_rate,
    statement_of,
)
from lossless_inr_lite.companion.rejudge import CHAPTERS, verdicts_of
from lossless_inr_lite.companion.statistics import INTERVAL_FROM, interval, rank_correlation

ENOUGH = Evidence(data="Kodak, 3 signals", signals=3, seeds=2, fits=6)
DRAWS = 2000
OFF = 0.02
"""How far a coverage of `DRAWS` simulations may be from 95 %: four standard errors."""


def fit(name="kodim01", seed=0, **fields):
    """A row of a study, lossless after 100 iterations."""
    return {
        "method": "m",
        "signal": {"name": name, "sha256": name, "shape": [8, 4, 3], "num_bits": 8},
        "model": {"hidden_features": 16},
        "seed": seed,
        "stopped": "lossless",
        "lossless": True,
        "iterations": 100,
        "seconds": 36.0,
        **fields,
    }


# The rule ----------------------------------------------------------------------------------------


def test_enough_evidence_decides_either_way():
    for holds in (True, False):
        decision = decide(Every({"a": [holds, holds], "b": [holds], "c": [holds]}), ENOUGH)
        assert (decision.holds, decision.attempted, decision.needs) == (holds, True, "")


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (Evidence(signals=2, seeds=2, fits=4), "2 signals of 3"),
        (Evidence(signals=3, seeds=1, fits=3), "1 seed of 2"),
        (Evidence(signals=3, seeds=2, fits=6, capped=1), "our time limit ended 1 of 6 fits"),
        (Evidence(signals=3, seeds=2, fits=6, settings="rate 1"), "rate 1"),
    ],
)
def test_too_little_evidence_leaves_open_and_says_why(evidence, said):
    for holds in (True, False):
        decision = decide(Exact(holds), evidence)
        assert (decision.holds, decision.attempted) == (None, True)
        assert said in decision.needs


def test_rules_need_no_seeds_and_arithmetic_needs_nothing():
    assert decide(Exact(True), Evidence(signals=3, fits=3, random=False)).holds
    assert decide(Exact(False), Evidence(signals=2, fits=2, random=False)).holds is None
    assert decide(Exact(False), arithmetic()).holds is False


@given(
    statement=st.sampled_from([Exact(True), Exact(False), Every({"a": [True]}), Open("x")]),
    evidence=st.builds(
        Evidence,
        signals=st.integers(0, 5),
        seeds=st.integers(0, 3),
        random=st.booleans(),
        fits=st.integers(0, 9),
        capped=st.integers(0, 2),
        settings=st.sampled_from(["", "ours"]),
        exact=st.booleans(),
    ),
)
def test_what_is_decided_keeps_every_condition(statement, evidence):
    decision = decide(statement, evidence)
    if decision.holds is None:
        assert decision.needs or not evidence.fits
        return
    assert evidence.fits
    assert decision.holds == statement.holds
    if not evidence.exact:
        assert evidence.signals >= SIGNALS
        assert evidence.seeds >= SEEDS or not evidence.random
        assert not evidence.capped
        assert not evidence.settings


def test_an_open_verdict_names_its_cost():
    rows = [fit(seed=0), fit(seed=1)]  # 36 s a fit; 3 signals x 2 seeds are 216 s
    assert "3 signals x 2 seeds at this size take about 0.06 core-hours" in (
        decide(Exact(True), of_rows(rows)).needs
    )
    limited = of_rows([fit(stopped="max_seconds"), fit(seed=1)])
    assert "at least" in decide(Exact(True), limited).needs


def test_the_paper_and_a_question_of_ours_differ_in_settings_only():
    evidence = Evidence(signals=3, seeds=2, fits=6, settings="rate 0.001")
    said = judge("fig11", "x", "y", Exact(True), evidence)
    assert said.verdict == "undecided"
    assert "rate 0.001" in said.needs


# Evidence ----------------------------------------------------------------------------------------


def test_evidence_of_rows_counts_the_fewest_seeds_and_names_the_data():
    rows = [fit("kodim01", 0), fit("kodim01", 1), fit("kodim02", 0), fit("weld", 0)]
    found = of_rows(rows, "Kodak")
    assert (found.signals, found.seeds, found.fits, found.pixels, found.width) == (3, 1, 4, 32, 16)
    assert found.data == "Kodak, 2 signals and 1 other signal in place of Kodak"
    assert not found.papers_data
    assert of_rows(rows[:3], "Kodak").papers_data
    assert not of_rows(rows[:3], "DIV2K").papers_data
    assert of_rows([]).fits == 0


def test_a_second_method_without_the_second_seed_has_one_seed():
    rows = [fit(seed=0), fit(seed=1), fit(seed=0, method="other")]
    assert (of_rows(rows).seeds, of_rows(rows).methods) == (1, 2)


def test_only_our_limits_cap_a_fit_and_only_before_the_compared_moment():
    late = fit(stopped="max_seconds", checkpoints={"iteration": {"ber": 0.1}})
    assert is_capped(late)
    assert not is_capped(late, "iteration")
    assert is_capped(late, "flops")
    for goal in ("lossless", "max_iterations", "callback"):
        assert not is_capped(fit(stopped=goal))


def test_scale_ranks_the_papers_data_before_any_size():
    small = Evidence(papers_data=True, signals=1, seeds=1, pixels=64, width=8)
    large = Evidence(papers_data=False, signals=9, seeds=9, pixels=65536, width=512)
    assert small.scale > large.scale
    assert Evidence(signals=3, seeds=2, pixels=64).scale > Evidence(signals=3, pixels=64).scale


def test_other_rates_are_said():
    assert other_rate([1e-4, 1e-4], 1e-4) == ""
    assert other_rate([1e-4, 1e-3], 1e-4) == "rate 0.001, the paper's is 0.0001"
    assert data_text([], "Kodak") == ("", False)


# Statements --------------------------------------------------------------------------------------


def test_every_needs_all_or_none():
    assert Every({"a": [True, True], "b": [True]}).holds is True
    assert Every({"a": [False], "b": [False]}).holds is False
    mixed = Every({"a": [True, True], "b": [False]})
    assert (mixed.holds, mixed.why) == (None, "it is so in 2 of 3 fits")
    assert Every({}).holds is None


def test_a_range_is_decided_by_its_interval_alone():
    near = {"a": [1.0, 1.2], "b": [1.1], "c": [1.3]}
    assert Range(near, low=0).holds is True
    assert Range(near, high=0).holds is False
    assert Range(near, low=1.1).holds is None
    assert "threshold inside" in Range(near, low=1.1).why
    assert Range(near, 0, 2).holds is True
    assert Range({"a": [1.0]}, low=0).holds is None
    assert "1 signal" in Range({"a": [1.0]}, low=0).why
    assert Range({}, low=0).holds is None


def test_the_signals_that_would_do_would_do():
    values = {"a": [0.0], "b": [3.0], "c": [1.0], "d": [2.0]}
    wanted = int(Range(values, low=1.0).why.split("about ")[1].split()[0])
    copies = wanted // len(values) + 1
    more = {f"{name}{i}": group for name, group in values.items() for i in range(copies)}
    assert Range(more, low=1.0).holds


def test_infinite_costs_take_a_sign_test():
    few = {str(i): [math.inf] for i in range(INTERVAL_FROM - 1)}
    assert Range(few, low=1).holds is None
    many = few | {"last": [5.0]}
    assert Range(many, low=1).holds is True
    assert Range(many, high=1).holds is False
    assert Range(many | {"small": [0.5]}, low=1).holds is None


def test_together_is_as_weak_as_its_weakest_part():
    assert Together([Exact(True), Exact(True)]).holds is True
    assert Together([Exact(True), Open("x")]).holds is None
    assert Together([Exact(False), Open("x")]).holds is False
    assert Together([Open("x"), Open("x")]).why == "x"
    assert Together([]).holds is None


def test_a_ratio_of_costs_is_paired_and_knows_what_never_arrived():
    rows = [
        fit(name, seed, method=method, iterations=cost)
        for name in ("a", "b", "c")
        for seed in (0, 1)
        for method, cost in (("slow", 300 + seed), ("fast", 100))
    ]
    assert cost_ratio(rows, ("slow", "fast"), "iterations", low=2).holds is True
    assert cost_ratio(rows, ("fast", "slow"), "iterations", low=2).holds is False
    never = [row if row["method"] == "fast" else {**row, "lossless": False} for row in rows]
    found = cost_ratio(never, ("slow", "fast"), "iterations", low=2)
    assert set(map(tuple, found.values.values())) == {(math.inf, math.inf)}
    assert found.holds is None  # three pictures are too few for a sign test
    assert isinstance(cost_ratio([], ("slow", "fast"), "iterations"), Open)


@pytest.mark.parametrize(
    "statement",
    [
        Exact(True),
        Open("why"),
        Every({"a": [True, False]}),
        Range({"a": [1.0, math.inf], "b": [2.0]}, low=0.5),
        Together([Exact(False), Range({"a": [1.0], "b": [1.5]}, high=3.0)]),
    ],
)
def test_a_statement_is_found_again_from_a_record(statement):
    basis = json.loads(json.dumps(statement.basis, allow_nan=False))
    assert statement_of(basis).holds == statement.holds


# Intervals, by simulation ------------------------------------------------------------------------


@pytest.mark.parametrize("pictures", [3, 6, 12])
def test_the_interval_covers_the_mean_in_95_of_100_cases(pictures):
    """Pictures differ, and so do the seeds of each."""
    generator = np.random.default_rng(pictures)
    covered = 0
    for _ in range(DRAWS):
        of_picture = generator.normal(0, 2, pictures)
        values = {str(i): generator.normal(mean, 1, 2) for i, mean in enumerate(of_picture)}
        found = interval(values)
        covered += found.low <= 0 <= found.high
    assert abs(covered / DRAWS - 0.95) < OFF


def test_seeds_are_no_pictures():
    """With a hundred seeds of three pictures the interval is as wide as pictures make it."""
    generator = np.random.default_rng(0)
    of_picture = {"a": 0.0, "b": 10.0, "c": 20.0}
    many = {name: generator.normal(mean, 1, 100) for name, mean in of_picture.items()}
    assert interval(many).high - interval(many).low > 40


def test_of_nothing_that_differs_a_sign_test_decides_in_5_of_100_cases():
    """Values on either side of the threshold by chance, one of them infinite."""
    generator = np.random.default_rng(0)
    wrong = 0
    for _ in range(DRAWS):
        above = generator.integers(0, 2, INTERVAL_FROM)
        values = {str(i): [math.inf if one else 0.5] for i, one in enumerate(above)}
        wrong += Range(values, low=1).holds is not None and above.any()
    assert wrong / DRAWS < 0.05


@pytest.mark.parametrize("pictures", [6, 12])
def test_the_interval_of_a_correlation_covers_it(pictures):
    """Planes of pictures whose order is partly their own."""
    generator = np.random.default_rng(pictures)
    places = np.arange(8)

    def sample(count):
        late = [-places + 3 * generator.normal(size=8) for _ in range(count)]
        x = np.tile(places, count).tolist()
        return x, np.concatenate(late).tolist(), np.repeat(np.arange(count), 8).astype(str)

    truth = rank_correlation(*sample(3000)[:2], ["one"] * 24000).value
    covered = 0
    for _ in range(400):
        found = rank_correlation(*sample(pictures))
        covered += found.low <= truth <= found.high
    assert covered / 400 > 0.9


def test_few_pictures_are_printed_one_by_one():
    assert interval({"a": [4.0], "b": [6.0]}).text() == "5 (4; 6)"
    many = interval({str(i): [float(i)] for i in range(INTERVAL_FROM)})
    assert many.text(".1f") == "2.5 +- 1.9 (0.5 to 4.5)"


# Committed records -------------------------------------------------------------------------------


def committed_verdicts():
    return [
        (f"{profile}/{name}", said)
        for profile, name, record in committed_records()
        for said in record.get("verdicts", ())
    ]


def test_no_committed_verdict_breaks_the_rule():
    """From the evidence and the basis that each verdict carries itself."""
    count = 0
    for where, said in committed_verdicts():
        evidence = Evidence(**said["evidence"])
        decided = said["verdict"] in {"reproduced", "deviates", "holds", "does not hold"}
        if not decided:
            continue
        count += 1
        place = (where, said["id"])
        assert statement_of(said["basis"]).holds == (said["verdict"] in {"reproduced", "holds"}), (
            place
        )
        assert evidence.fits, place
        if evidence.exact:
            continue
        assert evidence.signals >= SIGNALS, place
        assert evidence.seeds >= SEEDS or not evidence.random, place
        assert not evidence.capped, place
        assert not (evidence.settings and said["row"]), place
    assert count > 50


def test_undecided_verdicts_say_what_they_lack():
    for where, said in committed_verdicts():
        if said["verdict"] == "undecided":
            assert said["needs"], (where, said["id"])
    for row in judged(paper_claims(), committed_records()):
        assert row.needs or row.verdict in {"reproduced", "deviates"}, row.claim.id


def test_committed_verdicts_are_those_that_the_code_makes():
    found = 0
    for profile, name, record in committed_records():
        if record["experiment"] not in CHAPTERS:
            assert not record.get("verdicts")
            continue
        again = json.loads(json.dumps([vars(said) for said in verdicts_of(record)]))
        assert again == record["verdicts"], f"{profile}/{name}: run companion.rejudge"
        found += 1
    assert found >= 25


def test_a_record_judges_a_claim_once():
    for profile, name, record in committed_records():
        rows = [said["row"] for said in record.get("verdicts", ()) if said["row"]]
        assert len(rows) == len(set(rows)), (profile, name)
