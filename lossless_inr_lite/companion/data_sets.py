"""The public data sets of the paper: where they lie, under which licence, and what is in them.

The table stands in data/sources.json. A set with files can be fetched; the others have to be asked
for, and what was put in place can be checked (`data_checks`).
"""

import json
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.errors import check_choice
from lossless_inr_lite.files import read_bytes

SOURCES = ROOT / "data" / "sources.json"


class Entry(BaseModel):
    """A part of the table: no field is left out or misspelt unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceFile(Entry):
    """One file to fetch.

    bytes and sha256: of the file as it is served. saved_as: its name in place, where that is
    another one. shape: of the array in an IDX file.
    """

    name: str
    bytes: int
    sha256: str
    saved_as: str = ""
    shape: tuple[int, ...] = ()

    @property
    def place(self) -> str:
        """The name under which the file lies in the folder of its set."""
        return self.saved_as or self.name


class Member(Entry):
    r"""Which files of an archive are taken, and where they go.

    names: a regular expression for their whole names there. saved_as: the path in place, in which
    \1 stands for what the first group found.
    """

    names: str
    saved_as: str


class Archive(Entry):
    """What to take out of a zip or tar file, and bounds of all that is in it."""

    members: tuple[Member, ...]
    most_bytes: int
    most_members: int


class Expected(Entry):
    """What every picture or sound of a set is like.

    names: a regular expression for their files' names. shapes: the (height, width) that are
    allowed; none means any. one_side: the pixels that one side has. bits: the depth of a sample.
    """

    kind: Literal["picture", "sound", "idx"]
    count: int
    names: str
    channels: int
    bits: int
    shapes: tuple[tuple[int, int], ...] = ()
    one_side: int | None = None
    sample_rate: int | None = None

    @property
    def text(self) -> str:
        """What is expected, for people."""
        if self.kind == "idx":
            return f"{self.count} gzipped IDX files, {self.bits} bits a value"
        parts = [f"{self.count} {self.kind}s"]
        if self.shapes:
            parts.append(" or ".join(f"{width} x {height}" for height, width in self.shapes))
        if self.one_side is not None:
            parts.append(f"one side of {self.one_side} pixels")
        if self.sample_rate is not None:
            parts.append(f"{self.sample_rate} Hz")
        parts.append("1 channel" if self.channels == 1 else f"{self.channels} channels")
        parts.append(f"{self.bits} bits a sample")
        return ", ".join(parts)


class DataSet(Entry):
    """One data set.

    page: where it is described. checksums: who published those of its files. bases: the addresses
    below which its files lie, the first one first. ask: what to take by hand, for a set without
    files.
    """

    name: str
    title: str
    page: str
    licence: str
    used_for: str
    expected: Expected
    checksums: str = ""
    bases: tuple[str, ...] = ()
    files: tuple[SourceFile, ...] = ()
    archive: Archive | None = None
    ask: str = ""

    @property
    def bytes(self) -> int:
        """How much there is to fetch."""
        return sum(file.bytes for file in self.files)


@cache
def data_sets() -> dict[str, DataSet]:
    """Every data set of data/sources.json by its name.

    Raises InputError outside a checkout, where that file is not.
    """
    table: dict[str, Any] = json.loads(read_bytes(SOURCES))["sets"]
    return {name: DataSet(name=name, **fields) for name, fields in table.items()}


def data_set(name: str) -> DataSet:
    """The data set of that name; raises InputError that lists the names for any other."""
    return data_sets()[check_choice("data set", name, list(data_sets()))]
