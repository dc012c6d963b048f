"""What every chapter does: check its parameters, collect fits and verdicts, write one record, show a run card."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from IPython.display import Markdown

from lossless_inr_lite.companion.claims import Verdict, verdict_ids
from lossless_inr_lite.companion.parameters import check_parameters
from lossless_inr_lite.companion.paths import run_folder
from lossless_inr_lite.companion.records import (
    SCHEMA_VERSION,
    environment,
    fit_record,
    peak_memory,
)
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import check_writable, write_json
from lossless_inr_lite.signals.signal import Signal
from lossless_inr_lite.training.fit import Fit


class Chapter:
    """One run of one notebook."""

    def __init__(self, notebook: str, parameters: Any) -> None:
        self.notebook, self.parameters = notebook, parameters
        self.folder = run_folder(parameters.profile, notebook, parameters.output_dir)
        check_writable(self.folder / "record.json")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.started = time.perf_counter()
        self.fits: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.verdicts: list[Verdict] = []
        self.device = "cpu"

    def add_fit(self, label: str, fit: Fit, signal: Signal) -> None:
        """Keep the record of a fit under `label`."""
        self.fits[label] = fit_record(fit, signal)
        self.device = fit.device

    def add_rows(self, rows: Mapping[str, Mapping[str, Any]], prefix: str = "") -> None:
        """Keep the rows of a study, numbered; of certificates only how many ways of decoding there were."""
        for number, (label, row) in enumerate(rows.items()):
            proof = row["certificate"]
            proof = proof and {**proof, "ways": len(proof["ways"])}
            self.fits[prefix + label] = {**row, "certificate": proof, "number": number}
        self.device = next((row["device"] for row in rows.values()), self.device)

    def judge(self, *verdicts: Verdict) -> Markdown:
        """Keep verdicts and show them as the chapter's table *paper | ours | tolerance | verdict*.

        Raises InputError when the chapter has a verdict of that id already: pages quote by id.
        """
        known = {said.id for said in self.verdicts if said.id}
        for said in verdicts:
            if said.id in known:
                raise InputError(f"two verdicts of {self.notebook} have the id {said.id!r}")
            if said.id:
                known.add(said.id)
        self.verdicts += verdicts
        rows = [
            (v.item, v.claim, v.paper, v.ours, v.tolerance, f"**{v.verdict}**") for v in verdicts
        ]
        return table(("Item", "Claim", "Paper", "Ours", "Tolerance", "Verdict"), rows)

    def finish(self) -> Markdown:
        """Write record.json into the run's folder and show the run card."""
        seconds, place = time.perf_counter() - self.started, environment(self.device)
        record = {
            "schema_version": SCHEMA_VERSION,
            "experiment": self.notebook,
            "profile": self.parameters.profile,
            "parameters": vars(self.parameters),
            "environment": place,
            "seconds": seconds,
            "peak_memory_bytes": peak_memory(),
            "fits": self.fits,
            "facts": self.facts,
            "verdicts": self._written_verdicts(),
        }
        write_json(self.folder / "record.json", record)
        versions = ", ".join(
            f"{name} {number}" for name, number in place["versions"].items() if number
        )
        return table(
            ("Run card", ""),
            [
                ("Profile", self.parameters.profile),
                ("Device", place["gpu"] or place["processor"]),
                ("Cores, threads", f"{place['cores']}, {place['threads']}"),
                ("Seconds", f"{seconds:.1f}"),
                ("Peak memory", f"{peak_memory() / 2**20:.0f} MiB"),
                (
                    "Versions",
                    f"Python {place['python']}, lossless_inr_lite {place['package_version']}, {versions}",
                ),
                ("Commit", place["git_commit"] or "not a checkout"),
            ],
        )

    def _written_verdicts(self) -> list[dict[str, str]]:
        """The verdicts as JSON, each with an id."""
        said = [vars(verdict) for verdict in self.verdicts]
        return [one | {"id": name} for one, name in zip(said, verdict_ids(said), strict=True)]


def begin(notebook: str, variables: Mapping[str, Any]) -> Chapter:
    """Check the parameters among a notebook's `globals()` and open its run.

    Raises InputError for an unknown or bad parameter, and when the output folder cannot be written.
    """
    return Chapter(notebook, check_parameters(variables))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """A table that Jupyter and the book render; cells are turned into text as they are."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return Markdown("\n".join(lines))


def _cell(cell: object) -> str:
    return str(cell).replace("|", "\\|").replace("\n", " ")


def relative(path: Path) -> str:
    """A path as a reader may see it: below the working folder where possible, else its name."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name
