"""The paper's numbers as transcribed, and the verdicts that committed records attach to them."""

import csv
from collections import Counter

import pytest

from lossless_inr_lite.companion.claims import (
    TABLES,
    Claim,
    committed_records,
    judged,
    paper_claims,
)
from lossless_inr_lite.companion.paths import PAPER
from lossless_inr_lite.companion.records import VERDICTS, Verdict, paper_value, verdict
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
    siren, ours = claims["table1/Kodak/SIREN"], claims["table7/RECOMBINER+ours/MNIST"]
    assert siren == Claim(
        "table1/Kodak/SIREN",
        "Table 1",
        "SIREN on Kodak, 8 bit",
        "1000 iterations, 47.28 dB, SSIM .9919, RMSE 1.1029, BER .1382",
    )
    assert (ours.claim, ours.paper) == (
        "RECOMBINER + the method on MNIST",
        "lossless, 2.58 bits a pixel",
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
    lite, cpu = found("lite", "a", ("deviates", "7")), found("cpu", "b", ("reproduced", "0"))
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
        verdict("Table 1", "c", 1, 2, "none", True, row="table99")
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
