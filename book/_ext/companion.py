"""The book's Sphinx extension: a cache that knows the package, batch runs, math, records.

- The execution cache sees only a notebook's code. Its folder's name here carries a hash of the
  package with all its files, the parameter files and the data, so that a change in any of them
  executes the notebooks again.
- With BOOK_PROFILE set to another profile than lite, pages show the notebooks that `make run`
  executed.
- MathJax comes from the package sphinx-mathjax-offline; only the files that pages load are copied.
- ``{manifest}`` is the table of embedded data.
- ``{record}`CHAPTER dotted.path | format` `` quotes a number from data/results/lite (or
  PROFILE/CHAPTER), so none is typed in. A verdict is named by its id: ``verdicts.fig2.ours``.
- ``{results}`` lists the paper's claims with the verdicts of the committed records.

The tables of the page of formats stand in `file_formats`.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

from lossless_inr_lite.companion.claims import (
    ANSWERS,
    KINDS,
    VERDICTS,
    Judged,
    committed_records,
    find_verdict,
    judged,
    own_questions,
    paper_claims,
)
from lossless_inr_lite.companion.tables import table

ROOT = Path(__file__).resolve().parents[2]
HASHED = (
    "lossless_inr_lite/**/*",
    "notebooks/params/*.yaml",
    "data/paper/*.csv",
    "data/results/cpu/*.json",
)
NOT_HASHED = {"__pycache__"}  # what Python makes of the package's files
MATHJAX_FILES = ("tex-chtml.js", "output/chtml/fonts/woff-v2/*.woff")
LITE = "lite"
THEBE = "thebe"


def sources_hash(root: Path = ROOT) -> str:
    """Hash of everything but the notebooks that an executed page depends on."""
    digest = hashlib.sha256()
    for path in hashed_files(root):
        name = path.relative_to(root).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def cache_path() -> str:
    """The folder of the execution cache for the sources as they are."""
    return str(ROOT / "_build" / ".jupyter_cache" / sources_hash())


def hashed_files(root: Path = ROOT) -> list[Path]:
    """The files behind `sources_hash`: code, weights of priors and tables alike."""
    found = {path for pattern in HASHED for path in root.glob(pattern)}
    return sorted(path for path in found if path.is_file() and not NOT_HASHED & {*path.parts})


def profile() -> str:
    """The profile whose notebooks the pages show."""
    return os.environ.get("BOOK_PROFILE") or LITE


def configure(app: Sphinx, config: Config) -> None:
    """Set what depends on the machine or the profile."""
    config.nb_execution_cache_path = cache_path()
    config.mathjax_path = "mathjax/tex-chtml.js"
    if profile() != LITE:
        config.nb_execution_mode = "off"


def use_executed(app: Sphinx, docname: str, source: list[str]) -> None:
    """Show the executed notebook of a batch run in place of the one in the tree.

    Raises ExtensionError when there is no finished run of it.
    """
    if profile() == LITE or not docname.startswith("notebooks/"):
        return
    name = docname.removeprefix("notebooks/")
    executed = ROOT / "_build" / "runs" / profile() / name / f"{name}.ipynb"
    if not (executed.parent / "record.json").is_file():
        raise ExtensionError(
            f"no finished run of {name} at profile {profile()!r}: "
            f"make run PROFILE={profile()} first"
        )
    source[0] = executed.read_text(encoding="utf-8")


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Put the needed files of MathJax beside the pages."""
    spec = find_spec("sphinx-mathjax-offline")
    if error or app.builder.format != "html" or spec is None or spec.origin is None:
        return
    origin = Path(spec.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for pattern in MATHJAX_FILES:
        for path in origin.glob(pattern):
            copy = target / path.relative_to(origin)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def leave_out_thebe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Leave Thebe's scripts out of a page: it runs no code, and they declare one name twice."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if THEBE not in f"{script} {getattr(script, 'attributes', '')}".lower()
    ]


class RecordRole(SphinxRole):
    """``{record}`RECORD dotted.path | format` ``: one value of a committed record."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The value as text; what is not there is an error of the build."""
        query, _, form = (part.strip() for part in self.text.partition("|"))
        try:
            text = format(look_up(query), form)
        except (OSError, LookupError, ValueError, TypeError) as error:
            message = self.inliner.reporter.error(
                f"record {self.text!r}: {error!r}", line=self.lineno
            )
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        return [nodes.Text(text)], []


class ManifestDirective(SphinxDirective):
    """The table of embedded data, from data/manifest.json."""

    def run(self) -> list[nodes.Node]:
        """A line a file."""
        files = json.loads((ROOT / "data" / "manifest.json").read_text(encoding="utf-8"))["files"]
        head = ("Name", "Picture", "Samples", "Source", "Licence", "SHA-256")
        lines = []
        for file in files:
            told = [file[field] for field in ("title", "samples", "source", "licence")]
            lines.append((f"`{file['name']}`", *told, f"`{file['sha256'][:16]}`"))
        return self.parse_text_to_nodes(str(table(head, lines).data))


class ResultsDirective(SphinxDirective):
    """Counts of verdicts by kind, a section a table of the paper and so on, then our questions."""

    def run(self) -> list[nodes.Node]:
        """The tables of counts and the sections."""
        records = committed_records()
        groups: dict[str, list[Judged]] = {}
        every = judged(paper_claims(), records)
        for row in every:
            groups.setdefault(group_of(row.claim.item), []).append(row)
        kinds = {
            title: [row for row in every if row.claim.kind == kind] for kind, title in KINDS.items()
        }
        by_kind = [(name, *count(rows, VERDICTS)) for name, rows in kinds.items()]
        parts = self.table("counts", ("", *VERDICTS, "in all"), by_kind)
        own = own_questions(records)
        answers = [("Our own questions", *count(own, ANSWERS))]
        parts += self.table("counts", ("", *ANSWERS, "in all"), answers)
        parts += [self.section(name, rows) for name, rows in groups.items()]
        return [*parts, self.section("Our own questions", own)]

    def table(
        self, kind: str, head: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> list[nodes.Node]:
        """A table of the classes "results" and `kind`.

        A cell that holds a verdict has its name as a class.
        """
        text = str(table(head, rows).data).replace("+-", "±")
        holder = nodes.container("", *self.parse_text_to_nodes(text))
        for node in holder.findall(nodes.table):
            node["classes"] += ["results", kind]
        for body in holder.findall(nodes.tbody):
            for entry in body.findall(nodes.entry):
                if entry.astext() in {*VERDICTS, *ANSWERS}:
                    entry["classes"] += ["verdict", nodes.make_id(entry.astext())]
        return holder.children

    def section(self, name: str, rows: Sequence[Judged]) -> nodes.section:
        """The claims of one table of the paper, or of all its figures, under a title."""
        head = ("claim", "paper", "ours", "data", "tolerance", "verdict", "lacks", "record")
        body = self.table("claims", head, [self.cells(row) for row in rows])
        return nodes.section("", nodes.title(name, name), *body, ids=[nodes.make_id(name)])

    def cells(self, row: Judged) -> tuple[str, ...]:
        """A line of the page of results.

        The claim of a figure or an equation starts with its item. A record that is a chapter's
        links to it.
        """
        claim = row.claim.claim
        if row.claim.item.startswith(("Fig.", "Eq.")):
            claim = f"{row.claim.item}: {claim}"
        links = ", ".join(self.link(record) for record in row.records)
        return (
            claim,
            row.claim.paper,
            row.ours,
            row.data,
            row.tolerance,
            row.verdict,
            row.needs,
            links,
        )

    def link(self, record: str) -> str:
        """A record's name, linked where it is a chapter."""
        if f"notebooks/{record}" in self.env.found_docs:
            return f"[{record}](../notebooks/{record})"
        return f"`{record}`"


def group_of(item: str) -> str:
    """The section that an item of the paper stands in."""
    if item.startswith("Table"):
        return item
    return "Figures" if item.startswith("Fig.") else "Theory"


def count(rows: Sequence[Judged], words: Sequence[str]) -> tuple[int, ...]:
    """How many rows have each verdict of `words`, and how many there are."""
    found = Counter(row.verdict for row in rows)
    return *(found[word] for word in words), len(rows)


def look_up(query: str) -> Any:
    """The value behind "NAME dotted.path" in data/results/lite/NAME.json.

    "PROFILE/NAME dotted.path" is that of another profile. A verdict is named by its id and never by
    its position ("verdicts.fig2.ours"), see `claims.verdict_ids`. Raises an error of Python's own
    for what is not there, InputError for a verdict.
    """
    name, path = query.split()
    file = ROOT / "data" / "results" / (name if "/" in name else f"{LITE}/{name}")
    record = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    keys = path.split(".")
    value: Any = record
    if keys[0] == "verdicts":
        value = find_verdict(record["verdicts"], keys[1])
        keys = keys[2:]
    for key in keys:
        value = value[int(key)] if isinstance(value, list) else value[key]
    return value


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx what this extension adds."""
    app.connect("config-inited", configure, priority=900)
    app.connect("source-read", use_executed)
    app.connect("build-finished", copy_mathjax)
    app.connect("html-page-context", leave_out_thebe, priority=900)
    app.add_role("record", RecordRole())
    app.add_directive("manifest", ManifestDirective)
    app.add_directive("results", ResultsDirective)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
