"""The paper's numbers as transcribed, and the verdicts that committed records attach to them."""

import csv
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lossless_inr_lite.companion.claims import (
    TABLES,
    VERDICTS,
    Claim,
    Verdict,
    committed_records,
    find_verdict,
    judge,
    judge_own,
    judged,
    paper_claims,
    paper_value,
    slug,
    verdict_ids,
)
from lossless_inr_lite.companion.paths import PAPER
from lossless_inr_lite.errors import InputError

ROWS = {
    "table1": 28,
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


def found(profile, name, *said, row=CLAIM.id):
    """A record with a verdict for each pair of a verdict and what was found."""
    verdicts = [
        {"row": row, "verdict": v, "ours": ours, "tolerance": f"as {ours}"} for v, ours in said
    ]
    return profile, name, {"verdicts": verdicts}


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
    )
    assert (ours.claim, ours.paper) == (
        "RECOMBINER + the method on MNIST",
        "lossless, 2.58 bits per pixel",
    )


def test_ids_are_unique_and_every_figure_is_there():
    claims = paper_claims()
    assert max(Counter(claim.id for claim in claims).values()) == 1
    assert {claim.item for claim in claims} >= {f"Fig. {n}" for n in (*range(1, 4), *range(5, 13))}
    assert all(claim.claim and claim.paper for claim in claims)


def test_a_claim_without_a_run_is_not_attempted():
    record = "lite", "a", {"verdicts": [{"verdict": "reproduced", "ours": "x", "tolerance": "y"}]}
    row = one(record, found("lite", "b", ("reproduced", "x"), row=""), ("cpu", "c", {}))
    assert (row.verdict, row.profile, row.records) == ("not attempted", "", ())


def test_a_claim_is_reproduced_when_every_verdict_is():
    row = one(
        found("lite", "a", ("reproduced", "0")),
        found("lite", "b", ("reproduced", "1"), ("reproduced", "0")),
    )
    assert (row.verdict, row.ours, row.tolerance, row.records) == (
        "reproduced",
        "0; 1",
        "as 0; as 1",
        ("a", "b"),
    )


def test_one_deviation_deviates_and_is_told_first():
    row = one(found("cpu", "a", ("reproduced", "0"), ("deviates", "7"), ("not attempted", "-")))
    assert (row.verdict, row.ours) == ("deviates", "7; 0; -")


def test_the_strongest_profile_that_attempted_the_claim_decides():
    lite = found("lite", "a", ("deviates", "7"))
    cpu = found("cpu", "b", ("reproduced", "0"))
    idle = found("paper", "c", ("not attempted", "no GPU"))
    assert (one(lite, cpu, idle).profile, one(lite, cpu, idle).verdict) == ("cpu", "reproduced")
    assert (one(lite, idle).profile, one(lite, idle).verdict) == ("lite", "deviates")
    assert (one(idle).profile, one(idle).verdict, one(idle).ours) == (
        "paper",
        "not attempted",
        "no GPU",
    )


def test_half_a_test_is_no_reproduction():
    assert (
        one(found("cpu", "a", ("reproduced", "0"), ("not attempted", "-"))).verdict
        == "not attempted"
    )


def test_long_lists_are_cut():
    assert (
        one(found("lite", "a", *(("reproduced", str(n)) for n in range(5)))).ours
        == "0; 1; 2 and 2 more"
    )


def test_an_unknown_id_is_named():
    with pytest.raises(InputError, match="table1/Kodak/nobody"):
        one(found("lite", "a", ("reproduced", "0"), row="table1/Kodak/nobody"))
    with pytest.raises(InputError, match="'table99'"):
        judge("table99", 2, "none", True, evidence=1)
    assert Verdict("Table 1", "c", "1", "2", "none", "deviates").row == ""


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
    said = judge("table1/Kodak/SIREN", "BER 0.1", "above 0", True, evidence=3)
    assert (said.item, said.claim) == ("Table 1", "SIREN on Kodak, 8 bit")
    assert said.paper == "1000 iterations, 47.28 dB, SSIM .9919, RMSE 1.1029, BER .1382"
    assert (said.ours, said.tolerance, said.verdict) == ("BER 0.1", "above 0", "reproduced")
    assert said.row == said.id == "table1/Kodak/SIREN"
    with pytest.raises(InputError, match="'table1/Kodak/nobody'"):
        judge("table1/Kodak/nobody", 1, "none", True, evidence=1)


def test_a_case_tells_verdicts_on_one_claim_apart():
    said = judge("fig2", "x", "all", False, evidence=[1], case="rate: best, 16 bits")
    assert (said.row, said.id) == ("fig2", "fig2/rate-best-16-bits")
    assert said.claim.endswith(" in none (rate: best, 16 bits)")
    assert said.verdict == "deviates"


@given(
    holds=st.sampled_from([True, False, None]),
    evidence=st.sampled_from([0, [], {}, (), "", range(0)]),
)
def test_no_evidence_is_never_a_reproduction_nor_a_deviation(holds, evidence):
    assert judge("fig2", "0 of 0", "all", holds, evidence).verdict == "not attempted"
    own = judge_own("a-question", "all are right", "0 of 0", "all", holds, evidence)
    assert own.verdict == "not attempted"


def test_a_run_that_was_too_short_to_tell_is_not_attempted():
    assert judge("fig2", "no end", "all", None, evidence=7).verdict == "not attempted"


def test_a_question_of_ours_has_an_id_of_its_own():
    said = judge_own("more-samples", "it needs more samples", 7, "more", True, evidence=2)
    assert (said.item, said.paper, said.row) == ("our question", "not told", "")
    assert said.id == "more-samples"
    with pytest.raises(InputError, match="small letters"):
        judge_own("More samples", "x", 7, "more", True, evidence=2)
    with pytest.raises(InputError, match="call judge"):
        judge_own("fig2", "x", 7, "more", True, evidence=2)


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
    assert counts["cpu/05_baselines"] == 39
    assert sum(counts.values()) > 300


@given(st.text())
def test_a_slug_can_stand_in_an_id(text):
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug(text))
