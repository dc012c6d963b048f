"""Every claim of the paper by an id, and what the committed records say of it: the book's page of results."""

import csv
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lossless_inr_lite.companion.paths import PAPER, RESULTS
from lossless_inr_lite.errors import InputError

PROFILES = ("paper", "cpu", "lite")  # the strongest first
# What a row of each table claims, and the columns that make its id.
TABLES = {
    "table1": ("{method} on {data}, {num_bits} bit", ("data", "method")),
    "table2": ("{backbone} ({method}) on {data}", ("backbone", "data", "method")),
    "table3": ("{group}, {num_bits}-bit targets, {loss}", ("group", "num_bits")),
    "table4": ("{method}, weights {weights}", ("method",)),
    "table5": ("{method}, {from_bits} to {to_bits} bit on TESTIMAGES", ("method", "to_bits")),
    "table6": ("{method} on {data}", ("method", "data")),
    "table7": ("{method} on {data}", ("method", "data")),
    "table8": ("coordinates {coordinates} on {data}", ("coordinates",)),
    "table9": ("speech to text, {audio}", ("audio",)),
}
FIGURES = {
    "iterations": "{} iterations",
    "psnr": "{} dB",
    "ssim": "SSIM {}",
    "rmse": "RMSE {}",
    "ber": "BER {}",
    "bpp": "{} bits a pixel",
    "size": "{}",
    "bit_operations": "{} bit operations a pixel",
    "transcript": "{}",
}


@dataclass(frozen=True)
class Claim:
    """One thing that the paper says: `item` is its table, figure or equation, `paper` what is printed there."""

    id: str
    item: str
    claim: str
    paper: str


@dataclass(frozen=True)
class Judged:
    """A claim and what the runs of the strongest `profile` found; `records` are names in data/results/<profile>."""

    claim: Claim
    verdict: str = "not attempted"
    profile: str = ""
    ours: str = ""
    tolerance: str = ""
    records: tuple[str, ...] = ()


def paper_claims() -> list[Claim]:
    """Every row of every table of the paper, then its equations, figures and the rest, in the order of the files."""
    rows = [_row_claim(table, row) for table in TABLES for row in _read(table)]
    return rows + [Claim(**row) for row in _read("claims")]


def committed_records() -> list[tuple[str, str, dict[str, Any]]]:
    """Profile, name and content of the records in data/results."""
    paths = [path for profile in PROFILES for path in sorted((RESULTS / profile).glob("*.json"))]
    return [
        (path.parent.name, path.stem, json.loads(path.read_text(encoding="utf-8")))
        for path in paths
    ]


def judged(
    claims: Sequence[Claim], records: Iterable[tuple[str, str, dict[str, Any]]]
) -> list[Judged]:
    """Each claim, judged by the verdicts in `records` (see `committed_records`) whose `row` is its id.

    The strongest profile that attempted the claim decides, and there one deviation is enough to deviate.
    Raises InputError for a `row` that is the id of no claim.
    """
    found = [
        (profile, name, v)
        for profile, name, r in records
        for v in r.get("verdicts", ())
        if v.get("row")
    ]
    if unknown := {v["row"] for *_, v in found} - {claim.id for claim in claims}:
        raise InputError(f"no claim of the paper has the id {', '.join(sorted(unknown))}")
    return [_judge(claim, [f for f in found if f[2]["row"] == claim.id]) for claim in claims]


def _judge(claim: Claim, found: list[tuple[str, str, dict[str, str]]]) -> Judged:
    if not found:
        return Judged(claim)
    best = min(found, key=lambda f: (f[2]["verdict"] == "not attempted", PROFILES.index(f[0])))[0]
    mine = sorted((f for f in found if f[0] == best), key=lambda f: f[2]["verdict"] != "deviates")
    said = {v["verdict"] for *_, v in mine}
    verdict = (
        "deviates"
        if "deviates" in said
        else "reproduced"
        if said == {"reproduced"}
        else "not attempted"
    )
    ours, tolerance = (_joined(v[field] for *_, v in mine) for field in ("ours", "tolerance"))
    return Judged(
        claim, verdict, best, ours, tolerance, tuple(dict.fromkeys(name for _, name, _ in mine))
    )


def _joined(texts: Iterable[str], most: int = 3) -> str:
    different = list(dict.fromkeys(texts))
    return "; ".join(different[:most]) + (
        f" and {len(different) - most} more" if len(different) > most else ""
    )


def _row_claim(table: str, row: dict[str, str]) -> Claim:
    wording, keys = TABLES[table]
    words = wording.format(
        **{column: re.sub(r"\bours\b", "the method", value) for column, value in row.items()}
    )
    figures = [
        "lossless" if row[c] == "inf" else f.format(row[c])
        for c, f in FIGURES.items()
        if row.get(c)
    ]
    name = "/".join([table, *(re.sub(r"[^\w.+-]", "", row[key]) for key in keys)])
    return Claim(name, f"Table {table[5:]}", words[0].upper() + words[1:], ", ".join(figures))


def _read(name: str) -> list[dict[str, str]]:
    with open(PAPER / f"{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
