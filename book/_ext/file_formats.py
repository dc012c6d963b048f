"""The page of formats, from the code's own tables and from the last run of `make conformance`.

- ``{picture-formats}`` and ``{sound-formats}`` are a line a format: what is read and written.
- ``{meanings}`` has a line a fact that a file can tell of its samples, and a column a format.
- ``{conformance}`` has a line a suite of test files; ``{refusals}`` one a sentence of refusal.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lossless_inr_lite.companion.tables import table
from lossless_inr_lite.signals import audio_files, image_files
from lossless_inr_lite.signals.meaning import NEEDED, Meaning

RECORD = Path(__file__).resolve().parents[2] / "data" / "results" / "conformance.json"
RESULTS = ("right", "refused", "unchecked", "wrong", "crash", "hang")
FOREIGN = "foreign"
COMMIT_DIGITS = 10
SOUND_NAMES = {"WAV": ".wav", "FLAC": ".flac"}
KEPT = "kept"
REFUSED = "refused"
TOLD = "told"
NOTHING = "-"
# What Markdown would take for more than a letter.
MARKS = re.compile(r"([\\`*_{}\[\]<>()#~$@])")


def meaning_texts() -> dict[str, str]:
    """What each field of `Meaning` is, from the first words of its line in the class's own text.

    Raises KeyError for a field without such a line.
    """
    text = " ".join((Meaning.__doc__ or "").split())
    found = dict(re.findall(r"- (\w+): (.+?)[;.,](?=\s)", text))
    return {field.name: found[field.name] for field in fields(Meaning)}


def held() -> dict[str, frozenset[str]]:
    """Format -> the fields of `Meaning` that its files can say, of pictures and sound."""
    return image_files.HELD | audio_files.HELD


def picture_rows() -> list[tuple[str, ...]]:
    """Name, suffixes, what is read, what is written."""
    return [
        (
            form.name,
            " ".join(f"`{suffix}`" for suffix in form.suffixes),
            form.reads,
            form.writes or "-",
        )
        for form in image_files.FORMATS
    ]


def _suffixes(suffixes: Iterable[str]) -> str:
    return " ".join(f"`{suffix}`" for suffix in suffixes)


def sound_rows() -> list[tuple[str, ...]]:
    """Name, suffix, and the samples that are read and written."""
    names = {suffix: name for name, suffix in SOUND_NAMES.items()}
    kinds = ", ".join(audio_files.SUBTYPES)
    return [(names[suffix], f"`{suffix}`", kinds) for suffix in audio_files.SUFFIXES]


def meaning_rows() -> tuple[list[str], list[list[str]]]:
    """The head and the lines of the table of facts, for the formats that are written.

    A fact is kept, or told in one line; or the file is refused, since its samples would not mean
    the same without it. Facts of sound do not arise for pictures, and the other way round.
    """
    formats = {name: fields_held for name, fields_held in held().items() if _is_written(name)}
    of_sound = frozenset().union(*audio_files.HELD.values())
    rows = []
    for name, text in meaning_texts().items():
        otherwise = REFUSED if name in NEEDED else TOLD
        cells = []
        for form, fields_held in formats.items():
            arises = (name in of_sound) == (form in audio_files.HELD)
            cell = KEPT if name in fields_held else otherwise
            cells.append(cell if arises else NOTHING)
        rows.append([f"`{name}`", text, *cells])
    return ["field", "what it is", *formats], rows


def _is_written(name: str) -> bool:
    return name in audio_files.HELD or any(
        form.name == name and form.writable for form in image_files.FORMATS
    )


def suites(record: Path = RECORD) -> dict[str, dict[str, Any]]:
    """The suites of the last run, by name."""
    return json.loads(record.read_text(encoding="utf-8"))["facts"]["suites"]


def conformance_rows(found: dict[str, dict[str, Any]]) -> list[tuple[object, ...]]:
    """A line a suite: its commit, its files of the formats that are read, and what came of them."""
    rows = []
    for name, facts in found.items():
        ours = facts["files"] - facts[FOREIGN]
        if ours:
            commit = f"`{facts['commit'][:COMMIT_DIGITS]}`" if facts["commit"] else NOTHING
            rows.append((name, commit, ours, *(facts[result] for result in RESULTS)))
    return rows


def refusal_rows(found: dict[str, dict[str, Any]]) -> list[tuple[object, ...]]:
    """A line for each sentence: files, how many of them others read, the sentence, the suites."""
    groups: dict[str, list[Any]] = {}
    for name, facts in found.items():
        for refusal in facts["refusals"]:
            group = groups.setdefault(refusal["template"], [0, 0, refusal["sentence"], []])
            group[0] += refusal["files"]
            group[1] += refusal["read_elsewhere"]
            group[3].append(name)
    ordered = sorted(groups.values(), key=lambda group: -group[0])
    return [(files, read, _literal(text), ", ".join(names)) for files, read, text, names in ordered]


def _literal(text: str) -> str:
    """A text as it is, in Markdown."""
    return MARKS.sub(r"\\\1", text)


class TableDirective(SphinxDirective):
    """A table of the classes "results" and "formats", which scrolls inside itself where narrow."""

    def rows(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """The head and the lines."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """The table."""
        head, rows = self.rows()
        holder = nodes.container("", *self.parse_text_to_nodes(str(table(head, rows).data)))
        for node in holder.findall(nodes.table):
            node["classes"] += ["results", "formats"]
        return holder.children


class PictureFormats(TableDirective):
    """The formats of pictures."""

    def rows(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """From `image_files.FORMATS`."""
        return ("format", "suffixes", "read", "written"), picture_rows()


class SoundFormats(TableDirective):
    """The formats of sound."""

    def rows(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """From `audio_files`."""
        return ("format", "suffix", "samples"), sound_rows()


class Meanings(TableDirective):
    """What files tell of their samples, and which formats keep it."""

    def rows(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """From `Meaning` and what each format holds of it."""
        return meaning_rows()


class Conformance(TableDirective):
    """The suites of the last run."""

    def rows(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """From the record; a change of it builds the page again."""
        self.env.note_dependency(str(RECORD))
        return ("suite", "commit", "files", *RESULTS), conformance_rows(suites())


class Refusals(TableDirective):
    """The sentences of the last run."""

    def rows(self) -> tuple[Sequence[str], Iterable[Sequence[object]]]:
        """From the record."""
        self.env.note_dependency(str(RECORD))
        return ("files", "read elsewhere", "sentence", "suites"), refusal_rows(suites())


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx what this extension adds."""
    app.add_directive("picture-formats", PictureFormats)
    app.add_directive("sound-formats", SoundFormats)
    app.add_directive("meanings", Meanings)
    app.add_directive("conformance", Conformance)
    app.add_directive("refusals", Refusals)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
