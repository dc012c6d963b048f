"""The paper's numbers as transcribed, and the verdicts that committed records attach to them."""

import csv
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossless_inr_lite.companion.claims import (
    KINDS,
    TABLES,
    VERDICTS,
    Claim,
    Verdict,
    committed_records,
    find_verdict,
    judge,
    judge_both,
    judge_own,
    judged,
    own_questions,
    paper_claims,
    paper_value,
    slug,
    verdict_ids,
)
from lossless_inr_lite.companion.evidence import Every, Evidence, Exact, Open, arithmetic
from lossless_inr_lite.companion.paths import PAPER
from lossless_inr_lite.errors import InputError

ROWS = {
    "table1": 32,
    "table2": 16,
    "table3": 5,
    "table4": 2,
    "table5": 12,
    "table6": 10,
    "table7": 4,
    "table8": 2,
    "table9": 4,
}
CLAIM = Claim("table1/Kodak/ours", "Table 1", "The method on Kodak, 8 bit", "lossless")


def found(profile, name, verdict, ours, row=CLAIM.id, **evidence):
    """A record with one verdict."""
    said = {
        "row": row,
        "claim": "c",
        "paper": "p",
        "verdict": verdict,
        "ours": ours,
        "tolerance": f"as {ours}",
        "evidence": {"fits": 1, **evidence},
    }
    return profile, name, {"verdicts": [said]}


def one(*records):
    (row,) = judged([CLAIM], records)
    return row


def test_every_table_has_its_rows_and_each_row_is_a_claim():
    claims = Counter(
        claim.id.split("/")[0] for claim in paper_claims() if claim.item.startswith("Table")
    )
    assert claims == ROWS
    assert set(TABLES) == {path.stem for path in PAPER.glob("table*.csv")}


def test_no_row_of_a_table_lacks_a_cell():
    for path in PAPER.glob("*.csv"):
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        assert {len(row) for row in rows} == {len(rows[0])}, path.name


@pytest.mark.parametrize(
    ("table", "column", "row", "printed"),
    [
        (
            "table2",
            "iterations",
            {"backbone": "Gauss", "data": "TESTIMAGES", "method": "ours"},
            "29546",
        ),
        ("table2", "psnr", {"backbone": "DINER", "data": "TESTIMAGES", "method": "alone"}, "38.30"),
        ("table3", "iterations", {"group": "experiment", "num_bits": "4"}, "3852 +- 710"),
        ("table4", "size", {"method": "ours"}, "656.18 KB"),
        ("table5", "psnr", {"method": "bit replication", "to_bits": "16"}, "52.98"),
        ("table6", "bpp", {"method": "WebP", "data": "Fashion-MNIST"}, "6.60"),
        ("table7", "rmse", {"method": "RECOMBINER", "data": "MNIST"}, "0.945"),
        ("table8", "iterations", {"coordinates": "(h,w,i,c)"}, "1438"),
        ("table9", "psnr", {"audio": "DINER"}, "85.19"),
    ],
)
def test_values_stand_as_printed(table, column, row, printed):
    assert paper_value(table, column, **row) == printed


def test_a_claim_says_what_is_printed_in_words():
    claims = {claim.id: claim for claim in paper_claims()}
    siren = claims["table1/Kodak/SIREN"]
    ours = claims["table7/RECOMBINER+ours/MNIST"]
    assert siren == Claim(
        "table1/Kodak/SIREN",
        "Table 1",
        "SIREN on Kodak, 8 bit",
        "1000 iterations, 47.28 dB, SSIM .9919, RMSE 1.1029, BER .1382",
        "networks",
        "Kodak",
    )
    assert {claims[name].kind for name in ("eq3", "eq6-n1-d2", "limitation")} == {"arithmetic"}
    assert claims["table6/PNG/MNIST"].kind == claims["table5/MIG/16"].kind == "rules"
    assert {claim.kind for claim in claims.values()} == set(KINDS)
    assert (ours.claim, ours.paper) == (
        "RECOMBINER + the method on MNIST",
        "lossless, 2.58 bits per pixel",
    )


def test_ids_are_unique_and_every_figure_is_there():
    claims = paper_claims()
    assert max(Counter(claim.id for claim in claims).values()) == 1
    named = " ".join(claim.item for claim in claims)
    for number in (*range(1, 4), 5, 6, *range(8, 13)):
        assert f"Fig. {number}" in named
    assert "Fig. 5 and 7" in named
    assert all(claim.claim and claim.paper for claim in claims)


def test_a_claim_without_a_run_is_not_attempted_and_says_what_would_decide_it():
    own = found("lite", "b", "holds", "x", row="")
    row = one(own, ("cpu", "c", {}))
    assert (row.verdict, row.profile, row.records) == ("not attempted", "", ())
    assert "make evidence-budget" in row.needs


def test_the_largest_run_decides_whatever_its_profile_is_called():
    small = found("paper", "a", "reproduced", "0", pixels=64)
    large = found("lite", "b", "undecided", "7", pixels=4096)
    assert (one(small, large).verdict, one(small, large).records) == ("undecided", ("b",))
    assert one(small, large).others == 1
    papers = found("cpu", "c", "deviates", "3", pixels=16, papers_data=True)
    assert one(small, large, papers).verdict == "deviates"
    idle = found("cpu", "d", "not attempted", "-", pixels=10**6)
    assert one(small, idle).verdict == "reproduced"


def test_a_run_names_its_data():
    row = one(found("cpu", "a", "reproduced", "0", data="Kodak, 4 signals", pixels=64, seeds=2))
    assert row.data == "Kodak, 4 signals, 64 positions, 2 seeds"


def test_a_claim_is_judged_once_in_a_record():
    profile, name, record = found("cpu", "a", "reproduced", "0")
    twice = {"verdicts": record["verdicts"] * 2}
    with pytest.raises(InputError, match="cpu/a judges the claim table1/Kodak/ours twice"):
        one((profile, name, twice))


def test_an_unknown_id_is_named():
    with pytest.raises(InputError, match="table1/Kodak/nobody"):
        one(found("lite", "a", "reproduced", "0", row="table1/Kodak/nobody"))
    with pytest.raises(InputError, match="'table99'"):
        judge("table99", 2, "none", Exact(True), arithmetic())
    assert Verdict("Table 1", "c", "1", "2", "none", "holds").row == ""
    with pytest.raises(InputError, match="unknown verdict 'deviates'"):
        Verdict("our question", "c", "1", "2", "none", "deviates")


def test_questions_of_ours_stand_apart():
    records = [found("cpu", "a", "holds", "1", row=""), found("lite", "b", "holds", "2", row="")]
    (question,) = own_questions(records)
    assert (question.claim.item, question.verdict, question.others) == ("our question", "holds", 1)
    assert one(*records).verdict == "not attempted"


def test_committed_records_judge_known_claims_and_back_every_verdict():
    rows = judged(paper_claims(), committed_records())
    assert len(rows) == len(paper_claims())
    for row in rows:
        assert row.verdict in VERDICTS
        assert row.verdict == "not attempted" or (row.records and row.profile and row.ours), (
            row.claim.id
        )


def test_claims_and_records_agree_on_the_item():
    """A verdict stands at the table or figure that it names."""
    items = {claim.id: claim.item for claim in paper_claims()}
    for profile, name, record in committed_records():
        for said in record.get("verdicts", ()):
            assert not said.get("row") or items[said["row"]] == said["item"], (
                profile,
                name,
                said["row"],
            )


def test_a_claims_texts_come_from_the_paper():
    said = judge("table1/Kodak/SIREN", "BER 0.1", "above 0", Exact(True), arithmetic())
    assert (said.item, said.claim) == ("Table 1", "SIREN on Kodak, 8 bit")
    assert said.paper == "1000 iterations, 47.28 dB, SSIM .9919, RMSE 1.1029, BER .1382"
    assert (said.ours, said.tolerance, said.verdict) == ("BER 0.1", "above 0", "reproduced")
    assert said.row == said.id == "table1/Kodak/SIREN"
    with pytest.raises(InputError, match="'table1/Kodak/nobody'"):
        judge("table1/Kodak/nobody", 1, "none", Exact(True), arithmetic())


@given(statement=st.sampled_from([Exact(True), Exact(False), Open("short"), Every({})]))
def test_no_evidence_is_never_a_reproduction_nor_a_deviation(statement):
    assert judge("fig2", "0 of 0", "all", statement, Evidence()).verdict == "not attempted"
    own = judge_own("a-question", "all are right", "0 of 0", "all", statement, Evidence())
    assert own.verdict == "not attempted"


def test_a_run_that_was_too_short_to_tell_is_undecided():
    said = judge("fig2", "no end", "all", Open("the fits are too short"), arithmetic(7))
    assert (said.verdict, said.needs) == ("undecided", "the fits are too short")


def test_a_question_of_ours_has_an_id_of_its_own():
    given = ("it needs more samples", 7, "more", Exact(True), arithmetic())
    said = judge_own("more-samples", *given)
    assert (said.item, said.paper, said.row) == ("our question", "not told", "")
    assert (said.id, said.verdict) == ("more-samples", "holds")
    with pytest.raises(InputError, match="small letters"):
        judge_own("More samples", *given)
    with pytest.raises(InputError, match="call judge"):
        judge_own("fig2", *given)


def test_other_settings_are_a_question_of_ours_and_leave_the_claim_open():
    evidence = Evidence(signals=3, seeds=2, fits=6, settings="rate 0.001")
    papers, ours = judge_both("table3/SIREN/8", 1, "none", Exact(False), evidence)
    assert (papers.row, papers.verdict) == ("table3/SIREN/8", "undecided")
    assert (ours.row, ours.id, ours.verdict) == ("", "ours/table3/siren/8", "does not hold")
    assert len(judge_both("fig8", 1, "none", Exact(True), arithmetic())) == 1


def test_old_verdicts_get_ids_from_their_texts():
    old = [
        {"row": "fig2", "claim": "One thing"},
        {"row": "fig6", "claim": "Values: MSB first"},
        {"row": "fig6", "claim": "Bits: MSB first"},
        {"row": "", "claim": "More samples?"},
        {"claim": "More samples"},
        {"id": "mine", "row": "", "claim": "More samples"},
    ]
    ids = ["fig2", "fig6/values-msb-first", "fig6/bits-msb-first", "more-samples"]
    assert verdict_ids(old) == [*ids, "more-samples-2", "mine"]
    assert find_verdict(old, "fig6/bits-msb-first") is old[2]
    assert find_verdict([{"id": "fig2/all", "row": "fig2", "claim": ""}], "fig2")["row"] == "fig2"
    for wanted in ("fig6", "0", "nothing"):
        with pytest.raises(InputError, match=f"no verdict has the id '{wanted}'"):
            find_verdict(old, wanted)


def test_every_verdict_of_a_committed_record_has_an_id_that_a_page_can_quote():
    counts = {}
    for profile, name, record in committed_records():
        verdicts = record.get("verdicts", ())
        ids = verdict_ids(verdicts)
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[\w/+-]+", one) for one in ids), (profile, name)
        assert all(
            find_verdict(verdicts, one) is said for one, said in zip(ids, verdicts, strict=True)
        )
        counts[f"{profile}/{name}"] = len(ids)
    assert counts["cpu/05_baselines"] == 30
    assert sum(counts.values()) > 300


@given(st.text())
def test_a_slug_can_stand_in_an_id(text):
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug(text))
