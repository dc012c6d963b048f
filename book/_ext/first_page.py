"""What the first page shows of the claims: a matrix of coloured cells.

``{claims-matrix}`` draws a line for each table of the paper, one for its figures and one for its
theory, and a cell for each claim. A cell is coloured by its verdict, names the claim when it is
pointed at, and leads to its row.
``{verdict-count}`reproduced` `` is the number of claims with that verdict, and without a verdict
(``all``) their number.
"""

from collections import Counter
from typing import Any

from companion import group_of
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from lossless_inr_lite.companion.claims import (
    VERDICTS,
    Judged,
    committed_records,
    judged,
    paper_claims,
)

RESULTS_PAGE = "book/results"
EVERY = "all"


class ClaimsMatrixDirective(SphinxDirective):
    """The matrix, and what its colours mean."""

    def run(self) -> list[nodes.Node]:
        """A container with a line an item, and a legend with counts."""
        items: dict[str, list[Judged]] = {}
        for row in judged(paper_claims(), committed_records()):
            items.setdefault(group_of(row.claim.item), []).append(row)
        lines = [self.line(item, rows) for item, rows in items.items()]
        return [nodes.container("", *lines, classes=["claims-matrix"]), self.legend(items)]

    def line(self, item: str, rows: list[Judged]) -> nodes.container:
        """The name of an item, and its cells."""
        name = nodes.inline(item, item, classes=["item"])
        cells = nodes.inline("", "", *map(self.cell, rows), classes=["cells"])
        return nodes.container("", nodes.paragraph("", "", name, cells), classes=["line"])

    def cell(self, row: Judged) -> nodes.Node:
        """A link to the page of claims, with the verdict's colour and letter."""
        label = f"{row.claim.item}, {row.claim.claim}: {row.verdict}"
        reference = addnodes.pending_xref(
            "",
            nodes.inline(row.verdict[0], row.verdict[0].upper()),
            refdomain="std",
            reftype="doc",
            reftarget=f"/{RESULTS_PAGE}",
            refexplicit=True,
            refdoc=self.env.docname,
            refwarn=True,
        )
        classes = ["cell", nodes.make_id(row.verdict)]
        holder = nodes.inline("", "", reference, classes=classes)
        holder["claim_label"] = label
        return holder

    def legend(self, items: dict[str, list[Judged]]) -> nodes.container:
        """Each verdict with its colour and its number of claims."""
        counted = Counter(row.verdict for rows in items.values() for row in rows)
        parts: list[nodes.Node] = []
        for verdict in VERDICTS:
            sample = nodes.inline("", verdict[0].upper(), classes=["cell", nodes.make_id(verdict)])
            parts += [sample, nodes.Text(f" {verdict}: {counted[verdict]}   ")]
        return nodes.container("", nodes.paragraph("", "", *parts), classes=["claims-legend"])


class VerdictCountRole(SphinxRole):
    """``{verdict-count}`reproduced` ``: how many claims have that verdict."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The number; an unknown verdict is an error of the build."""
        found = Counter(row.verdict for row in judged(paper_claims(), committed_records()))
        if self.text not in (*VERDICTS, EVERY):
            message = self.inliner.reporter.error(
                f"verdict {self.text!r}: allowed are {', '.join((*VERDICTS, EVERY))}",
                line=self.lineno,
            )
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        number = found.total() if self.text == EVERY else found[self.text]
        return [nodes.Text(str(number))], []


def add_titles(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give every cell's link the claim as its title, once the link is resolved."""
    for holder in doctree.findall(nodes.inline):
        if "claim_label" not in holder:
            continue
        for link in holder.findall(nodes.reference):
            link["reftitle"] = holder["claim_label"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx what this extension adds."""
    app.add_directive("claims-matrix", ClaimsMatrixDirective)
    app.add_role("verdict-count", VerdictCountRole())
    app.connect("doctree-resolved", add_titles)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
