"""Every claim of the paper by an id, how a run judges one, and what the records say of all.

The wording of a claim and the number printed in the paper come from data/paper, never from a
chapter. A chapter calls `judge` with the id of a claim and with what it found; for a question that
the paper does not ask it calls `judge_own`. A verdict without evidence is "not attempted".
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cache
from typing import Any

from lossless_inr_lite.companion.paths import PAPER, RESULTS
from lossless_inr_lite.errors import InputError

VERDICTS = ("reproduced", "deviates", "not attempted")
OUR_QUESTION = "our question"
"""The item of a verdict that judges no claim of the paper."""

PROFILES = ("paper", "cpu", "lite")
"""The profiles with committed records, the strongest first."""


@dataclass(frozen=True)
class Table:
    """How the rows of one table of the paper become claims.

    `wording` is what a row claims, with columns in braces. The columns `key` make its id.
    """

    wording: str
    key: tuple[str, ...]


TABLES = {
    "table1": Table("{method} on {data}, {num_bits} bit", ("data", "method")),
    "table2": Table("{backbone} ({method}) on {data}", ("backbone", "data", "method")),
    "table3": Table("{group}, {num_bits}-bit targets, {loss}", ("group", "num_bits")),
    "table4": Table("{method}, weights {weights}", ("method",)),
    "table5": Table("{method}, {from_bits} to {to_bits} bit on TESTIMAGES", ("method", "to_bits")),
    "table6": Table("{method} on {data}", ("method", "data")),
    "table7": Table("{method} on {data}", ("method", "data")),
    "table8": Table("coordinates {coordinates} on {data}", ("coordinates",)),
    "table9": Table("speech to text, {audio}", ("audio",)),
}
PRINTED = {
    "iterations": "{} iterations",
    "psnr": "{} dB",
    "ssim": "SSIM {}",
    "rmse": "RMSE {}",
    "ber": "BER {}",
    "bpp": "{} bits per pixel",
    "size": "{}",
    "bit_operations": "{} bit operations per pixel",
    "transcript": "{}",
}
"""The columns that hold a result, and how the page of results shows one."""


@dataclass(frozen=True)
class Claim:
    """One thing that the paper says.

    `item` is its table, figure or equation, `claim` the wording, `paper` what is printed there.
    """

    id: str
    item: str
    claim: str
    paper: str


@dataclass(frozen=True)
class Verdict:
    """One row *claim | paper | ours | tolerance | verdict* of a record.

    `row` is the id of the paper's claim that is judged, empty for a question of ours. `id` tells
    the verdicts of one record apart; empty, it is derived by `verdict_ids`. Raises InputError for
    an unknown verdict or `row`.
    """

    item: str
    claim: str
    paper: str
    ours: str
    tolerance: str
    verdict: str
    row: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise InputError(f"unknown verdict {self.verdict!r}: allowed are {', '.join(VERDICTS)}")
        if self.row:
            claim_of(self.row)


@dataclass(frozen=True)
class Judged:
    """A claim and what the runs of the strongest `profile` found.

    `records` are names in data/results/<profile>.
    """

    claim: Claim
    verdict: str = "not attempted"
    profile: str = ""
    ours: str = ""
    tolerance: str = ""
    records: tuple[str, ...] = ()


# The paper ---------------------------------------------------------------------------------------


@cache
def paper_table(name: str) -> tuple[Mapping[str, str], ...]:
    """The rows of data/paper/<name>.csv, cells as printed. Raises InputError when there is none."""
    path = PAPER / f"{name}.csv"
    if not path.is_file():
        raise InputError(f"there is no {path.name} in data/paper")
    with open(path, newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


def paper_value(table: str, column: str, **row: str) -> str:
    """One number of the paper from data/paper/<table>.csv, as printed there.

    Raises InputError unless exactly one row has the wanted values.
    """
    wanted = row.items()
    rows = [line for line in paper_table(table) if all(line.get(k) == v for k, v in wanted)]
    if len(rows) != 1 or column not in rows[0]:
        raise InputError(
            f"{table}.csv has {len(rows)} rows with {row}, or no column {column!r}: one is needed"
        )
    return rows[0][column]


def paper_claims() -> list[Claim]:
    """Every row of every table of the paper, then its equations, figures and the rest.

    They come in the order of the files.
    """
    return list(_claims().values())


def claim_of(claim_id: str) -> Claim:
    """The claim of the paper with that id. Raises InputError when there is none."""
    try:
        return _claims()[claim_id]
    except KeyError:
        raise InputError(
            f"no claim of the paper has the id {claim_id!r}: claims.paper_claims() lists them"
        ) from None


@cache
def _claims() -> Mapping[str, Claim]:
    of_tables = [_row_claim(table, row) for table in TABLES for row in paper_table(table)]
    others = [Claim(**row) for row in paper_table("claims")]
    return {claim.id: claim for claim in of_tables + others}


def _row_claim(table: str, row: Mapping[str, str]) -> Claim:
    """The claim that one row of a table makes."""
    named = {column: re.sub(r"\bours\b", "the method", value) for column, value in row.items()}
    words = TABLES[table].wording.format(**named)
    parts = [re.sub(r"[^\w.+-]", "", row[column]) for column in TABLES[table].key]
    printed = []
    for column, form in PRINTED.items():
        value = row.get(column)
        if value:
            printed.append("lossless" if value == "inf" else form.format(value))
    return Claim(
        id="/".join([table, *parts]),
        item=f"Table {table.removeprefix('table')}",
        claim=words[0].upper() + words[1:],
        paper=", ".join(printed),
    )


# Judging -----------------------------------------------------------------------------------------


def judge(
    claim_id: str,
    ours: object,
    tolerance: str,
    holds: bool | None,
    evidence: int | Sized,
    *,
    case: str = "",
) -> Verdict:
    """Judge a claim of the paper; its item, wording and printed number come from data/paper.

    `ours` is what was found, `tolerance` when the claim counts as reproduced, `holds` whether it
    does; None where the run was too short to tell. `evidence` is what was looked at, or how much:
    fits, pictures, rows. Without evidence the verdict is "not attempted", whatever `holds` is: that
    all of nothing are right says nothing. `case` tells verdicts on the same claim in one record
    apart ("16 bits"); it joins the wording and the id, which is "CLAIM" or "CLAIM/CASE".

    Raises InputError when no claim has that id.
    """
    claim = claim_of(claim_id)
    return Verdict(
        item=claim.item,
        claim=f"{claim.claim} ({case})" if case else claim.claim,
        paper=claim.paper,
        ours=str(ours),
        tolerance=tolerance,
        verdict=_decide(holds, evidence),
        row=claim_id,
        id=f"{claim_id}/{slug(case)}" if case else claim_id,
    )


def judge_own(
    question_id: str,
    question: str,
    ours: object,
    tolerance: str,
    holds: bool | None,
    evidence: int | Sized,
    *,
    paper: object = "not told",
) -> Verdict:
    """Answer a question that the paper does not ask; the other parameters are those of `judge`.

    `question` is worded as a statement that can be true. Pages quote the verdict by `question_id`,
    which is made of small letters, digits, hyphens and slashes. `paper` is what the paper has on
    it, where it has something. Raises InputError for any other id and for one of a paper's claim.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9/-]*", question_id):
        raise InputError(
            f"the question's id is {question_id!r}: allowed are small letters, digits, - and /"
        )
    if question_id in _claims():
        raise InputError(f"{question_id!r} is the id of a claim of the paper: call judge")
    return Verdict(
        item=OUR_QUESTION,
        claim=question,
        paper=str(paper),
        ours=str(ours),
        tolerance=tolerance,
        verdict=_decide(holds, evidence),
        id=question_id,
    )


def _decide(holds: bool | None, evidence: int | Sized) -> str:
    count = len(evidence) if isinstance(evidence, Sized) else evidence
    if count == 0 or holds is None:
        return "not attempted"
    return "reproduced" if holds else "deviates"


# Quoting -----------------------------------------------------------------------------------------


def slug(text: str) -> str:
    """The text's letters and digits in lower case, a hyphen for all that lies between them.

    >>> slug("rate: best, 8 bits (Kodak)")
    'rate-best-8-bits-kodak'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def verdict_ids(verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ids of a record's verdicts, in their order; all differ.

    A verdict has the id that it was written with. Records from before ids have none; then it is
    the `row` of the paper's claim where no other verdict of the record has that row, the row and
    the `slug` of the claim's text ("fig6/the-bit-coordinate-does-so-too") where others have, and
    that slug alone for a question of ours. Of equal ids the second ends in -2, and so on.
    """
    of_row = Counter(said.get("row", "") for said in verdicts)
    found: list[str] = []
    for said in verdicts:
        row = said.get("row", "")
        own = slug(said["claim"]) if not row or of_row[row] > 1 else ""
        name = said.get("id") or "/".join(part for part in (row, own) if part)
        number = 1
        distinct = name
        while distinct in found:
            number += 1
            distinct = f"{name}-{number}"
        found.append(distinct)
    return found


def find_verdict(verdicts: Sequence[Mapping[str, Any]], wanted: str) -> Mapping[str, Any]:
    """The verdict of a record with that id, or the only one that judges the paper's claim `wanted`.

    Raises InputError when there is none; positions are no ids.
    """
    ids = verdict_ids(verdicts)
    if wanted in ids:
        return verdicts[ids.index(wanted)]
    of_claim = [said for said in verdicts if said.get("row") == wanted]
    if len(of_claim) == 1:
        return of_claim[0]
    raise InputError(f"no verdict has the id {wanted!r}: there are {', '.join(ids) or 'none'}")


# The page of results -----------------------------------------------------------------------------


def committed_records() -> list[tuple[str, str, dict[str, Any]]]:
    """Profile, name and content of the records in data/results."""
    paths = [path for profile in PROFILES for path in sorted((RESULTS / profile).glob("*.json"))]
    return [
        (path.parent.name, path.stem, json.loads(path.read_text(encoding="utf-8")))
        for path in paths
    ]


@dataclass(frozen=True)
class _Found:
    """A verdict on a claim of the paper in a committed record."""

    profile: str
    record: str
    verdict: Mapping[str, str]

    @property
    def said(self) -> str:
        return self.verdict["verdict"]


def judged(
    claims: Sequence[Claim], records: Iterable[tuple[str, str, Mapping[str, Any]]]
) -> list[Judged]:
    """Each claim, judged by the verdicts in `records` whose `row` is its id.

    `records` are as from `committed_records`. The strongest profile that attempted the claim
    decides, and there one deviation is enough to deviate. Raises InputError for a `row` that is
    the id of no claim.
    """
    by_claim: dict[str, list[_Found]] = {claim.id: [] for claim in claims}
    unknown = set()
    for profile, name, record in records:
        for said in record.get("verdicts", ()):
            row = said.get("row")
            if row in by_claim:
                by_claim[row].append(_Found(profile, name, said))
            elif row:
                unknown.add(row)
    if unknown:
        raise InputError(f"no claim of the paper has the id {', '.join(sorted(unknown))}")
    return [_judge_claim(claim, by_claim[claim.id]) for claim in claims]


def _judge_claim(claim: Claim, found: Sequence[_Found]) -> Judged:
    if not found:
        return Judged(claim)
    profile = min(found, key=_weakness).profile
    of_profile = [one for one in found if one.profile == profile]
    deviating = [one for one in of_profile if one.said == "deviates"]
    others = [one for one in of_profile if one.said != "deviates"]
    if deviating:
        verdict = "deviates"
    elif all(one.said == "reproduced" for one in others):
        verdict = "reproduced"
    else:
        verdict = "not attempted"
    told_first = deviating + others
    return Judged(
        claim=claim,
        verdict=verdict,
        profile=profile,
        ours=_joined(one.verdict["ours"] for one in told_first),
        tolerance=_joined(one.verdict["tolerance"] for one in told_first),
        records=tuple(dict.fromkeys(one.record for one in told_first)),
    )


def _weakness(found: _Found) -> tuple[bool, int]:
    """Smallest for the verdict that decides: an attempted one of the strongest profile."""
    return found.said == "not attempted", PROFILES.index(found.profile)


def _joined(texts: Iterable[str], most: int = 3) -> str:
    different = list(dict.fromkeys(texts))
    more = f" and {len(different) - most} more" if len(different) > most else ""
    return "; ".join(different[:most]) + more
