"""Every claim of the paper by an id, how a run judges one, and what the records say of all.

The wording of a claim and the number printed in the paper come from data/paper, never from a
chapter. A chapter calls `judge` with the id of a claim, with what it found as a statement, and with
the evidence behind it; for a question that the paper does not ask it calls `judge_own`. The rule in
`evidence` makes verdicts of these: nothing else does.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lossless_inr_lite.companion.evidence import (
    SEEDS,
    SIGNALS,
    Decision,
    Evidence,
    Statement,
    decide,
    without_settings,
)
from lossless_inr_lite.companion.paths import PAPER, RESULTS
from lossless_inr_lite.errors import InputError

UNDECIDED = "undecided"
NOT_ATTEMPTED = "not attempted"
VERDICTS = ("reproduced", "deviates", UNDECIDED, NOT_ATTEMPTED)
ANSWERS = ("holds", "does not hold", UNDECIDED, NOT_ATTEMPTED)
"""The verdicts on questions of ours."""

OUR_QUESTION = "our question"
"""The item of a verdict that judges no claim of the paper."""

KINDS = {
    "arithmetic": "Arithmetic and theory",
    "rules": "Codecs and rules",
    "networks": "Trained networks",
}
"""What a claim is about, and how the page of results calls it."""

SWEPT = ("table1", "table3", "table8")
"""Tables whose rows `make evidence` makes."""

RULES = {
    "zero padding",
    "MIG",
    "bit replication",
    "PNG",
    "JPEG 2000",
    "WebP",
    "TIFF",
    "ground truth",
}
"""Methods of the paper's tables in which no network is trained."""

PROFILES = ("paper", "cpu", "lite")
"""The profiles with committed records, in the order in which they are read."""


@dataclass(frozen=True)
class Table:
    """How the rows of one table of the paper become claims.

    `wording` is what a row claims, with columns in braces. The columns `key` make its id. `data` is
    the paper's set where no column has it.
    """

    wording: str
    key: tuple[str, ...]
    data: str = ""


TABLES = {
    "table1": Table("{method} on {data}, {num_bits} bit", ("data", "method")),
    "table2": Table("{backbone} ({method}) on {data}", ("backbone", "data", "method")),
    "table3": Table("{group}, {num_bits}-bit targets, {loss}", ("group", "num_bits"), data="Kodak"),
    "table4": Table("{method}, weights {weights}", ("method",)),
    "table5": Table(
        "{method}, {from_bits} to {to_bits} bit on TESTIMAGES",
        ("method", "to_bits"),
        data="TESTIMAGES",
    ),
    "table6": Table("{method} on {data}", ("method", "data")),
    "table7": Table("{method} on {data}", ("method", "data")),
    "table8": Table("coordinates {coordinates} on {data}", ("coordinates",)),
    "table9": Table("speech to text, {audio}", ("audio",), data="LibriSpeech"),
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
    `kind` is one of `KINDS`, `data` the set of signals that it is about; empty for any.
    """

    id: str
    item: str
    claim: str
    paper: str
    kind: str = "networks"
    data: str = ""


@dataclass(frozen=True)
class Verdict:
    """One row *claim | paper | ours | tolerance | verdict* of a record.

    `row` is the id of the paper's claim that is judged, empty for a question of ours. `id` tells
    the verdicts of one record apart; empty, it is derived by `verdict_ids`. `needs` says what would
    decide an undecided one. `evidence` and `basis` are the facts from which the verdict follows.
    Raises InputError for an unknown verdict or `row`.
    """

    item: str
    claim: str
    paper: str
    ours: str
    tolerance: str
    verdict: str
    row: str = ""
    id: str = ""
    needs: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    basis: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        allowed = VERDICTS if self.row else ANSWERS
        if self.verdict not in allowed:
            raise InputError(f"unknown verdict {self.verdict!r}: allowed are {', '.join(allowed)}")
        if self.row:
            claim_of(self.row)


@dataclass(frozen=True)
class Judged:
    """A claim and what the strongest run found; `claim` is a question of ours where it has no item.

    `records` are names in data/results/<profile>. `data` names the signals and the scale. `others`
    counts weaker runs that judged the same.
    """

    claim: Claim
    verdict: str = NOT_ATTEMPTED
    profile: str = ""
    ours: str = ""
    tolerance: str = ""
    records: tuple[str, ...] = ()
    data: str = ""
    needs: str = ""
    others: int = 0


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
        kind="rules" if RULES & {*row.values()} else "networks",
        data=row.get("data") or TABLES[table].data,
    )


# Judging -----------------------------------------------------------------------------------------


def judge(
    claim_id: str, ours: object, tolerance: str, statement: Statement, evidence: Evidence
) -> Verdict:
    """Judge a claim of the paper; its item, wording and printed number come from data/paper.

    `ours` is what was found in words, `tolerance` when the claim counts as reproduced. `statement`
    is what was measured against that, `evidence` what it rests on: see `evidence.decide`.

    Raises InputError when no claim has that id.
    """
    claim = claim_of(claim_id)
    decision = decide(statement, evidence)
    return Verdict(
        item=claim.item,
        claim=claim.claim,
        paper=claim.paper,
        ours=str(ours),
        tolerance=tolerance,
        verdict=_word(decision, VERDICTS),
        row=claim_id,
        id=claim_id,
        needs=decision.needs,
        evidence=evidence.facts,
        basis=statement.basis,
    )


def judge_own(
    question_id: str,
    question: str,
    ours: object,
    tolerance: str,
    statement: Statement,
    evidence: Evidence,
    *,
    paper: object = "not told",
) -> Verdict:
    """Answer a question that the paper does not ask; the other parameters are those of `judge`.

    `question` is worded as a statement that can be true: it "holds" or "does not hold". Pages quote
    the verdict by `question_id`, which is made of small letters, digits, hyphens and slashes.
    `paper` is what the paper has on it, where it has something. Settings other than the paper's do
    not matter here. Raises InputError for any other id and for one of a paper's claim.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9/-]*", question_id):
        raise InputError(
            f"the question's id is {question_id!r}: allowed are small letters, digits, - and /"
        )
    if question_id in _claims():
        raise InputError(f"{question_id!r} is the id of a claim of the paper: call judge")
    decision = decide(statement, without_settings(evidence))
    return Verdict(
        item=OUR_QUESTION,
        claim=question,
        paper=str(paper),
        ours=str(ours),
        tolerance=tolerance,
        verdict=_word(decision, ANSWERS),
        id=question_id,
        needs=decision.needs,
        evidence=evidence.facts,
        basis=statement.basis,
    )


def judge_both(
    claim_id: str, ours: object, tolerance: str, statement: Statement, evidence: Evidence
) -> list[Verdict]:
    """Judge a claim of the paper, and where our settings are others, also the question of ours.

    At other settings than the paper's its claim stays undecided, and what was found is an answer
    to the same question at ours, with the id "ours/CLAIM". Parameters and errors are those of
    `judge`.
    """
    found = [judge(claim_id, ours, tolerance, statement, evidence)]
    if evidence.settings:
        claim = claim_of(claim_id)
        name = "/".join(slug(part) for part in claim_id.split("/"))
        question = f"At our settings ({evidence.settings}): {claim.claim}"
        found.append(
            judge_own(
                f"ours/{name}", question, ours, tolerance, statement, evidence, paper=claim.paper
            )
        )
    return found


def _word(decision: Decision, words: Sequence[str]) -> str:
    yes, no, *_ = words
    if not decision.attempted:
        return NOT_ATTEMPTED
    if decision.holds is None:
        return UNDECIDED
    return yes if decision.holds else no


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
    """A verdict in a committed record."""

    profile: str
    record: str
    verdict: Mapping[str, Any]

    @property
    def evidence(self) -> Evidence:
        return Evidence(**self.verdict.get("evidence", {}))

    @property
    def rank(self) -> tuple[bool, bool, tuple[bool, int]]:
        """The largest is that of the run that decides: an exact one, then by scale."""
        evidence = self.evidence
        attempted = self.verdict["verdict"] != NOT_ATTEMPTED
        return attempted, evidence.exact, evidence.scale


def judged(
    claims: Sequence[Claim], records: Iterable[tuple[str, str, Mapping[str, Any]]]
) -> list[Judged]:
    """Each claim, judged by the verdicts in `records` whose `row` is its id.

    `records` are as from `committed_records`. The run with the largest `Evidence.scale` of those
    that attempted the claim decides, also where it leaves the claim undecided: no smaller one
    takes its place. Raises InputError for a `row` that is the id of no claim, and for a record
    that judges a claim twice.
    """
    by_claim: dict[str, list[_Found]] = {claim.id: [] for claim in claims}
    unknown = set()
    for profile, name, record in records:
        seen = set()
        for said in record.get("verdicts", ()):
            row = said.get("row")
            if not row:
                continue
            if row in seen:
                raise InputError(f"the record {profile}/{name} judges the claim {row} twice")
            seen.add(row)
            if row in by_claim:
                by_claim[row].append(_Found(profile, name, said))
            else:
                unknown.add(row)
    if unknown:
        raise InputError(f"no claim of the paper has the id {', '.join(sorted(unknown))}")
    return [_strongest(claim, by_claim[claim.id]) for claim in claims]


def own_questions(records: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[Judged]:
    """The questions of ours in `records`, each by the strongest run, in the order of their ids."""
    found: dict[str, list[_Found]] = {}
    for profile, name, record in records:
        verdicts = record.get("verdicts", ())
        for question, said in zip(verdict_ids(verdicts), verdicts, strict=True):
            if not said.get("row"):
                found.setdefault(question, []).append(_Found(profile, name, said))
    questions = []
    for question in sorted(found):
        said = max(found[question], key=lambda one: one.rank).verdict
        claim = Claim(question, OUR_QUESTION, said["claim"], said["paper"])
        questions.append(_strongest(claim, found[question]))
    return questions


def would_decide(claim: Claim) -> str:
    """What would decide a claim that no run has attempted, and where its cost is told."""
    table = claim.id.split("/")[0]
    scale = f"at least {SIGNALS} signals x {SEEDS} seeds"
    data = f" of {claim.data}" if claim.data else ""
    if claim.kind == "arithmetic":
        return "a check of the equation, which costs seconds"
    if table in SWEPT:
        return (
            f"the fits of this row on {scale}{data}: `make evidence-budget` tells core-hours and "
            "minutes of a GPU"
        )
    return f"fits on {scale}{data}, each until its goal or the compared budget"


def _strongest(claim: Claim, found: Sequence[_Found]) -> Judged:
    if not found:
        return Judged(claim, needs=would_decide(claim))
    # Of equals the first: profiles and records have an order.
    best = max(found, key=lambda one: one.rank)
    said = best.verdict
    return Judged(
        claim=claim,
        verdict=said["verdict"],
        profile=best.profile,
        ours=said["ours"],
        tolerance=said["tolerance"],
        records=(best.record,),
        data=best.evidence.told,
        needs=said.get("needs", "")
        or (would_decide(claim) if said["verdict"] == NOT_ATTEMPTED else ""),
        others=len(found) - 1,
    )
