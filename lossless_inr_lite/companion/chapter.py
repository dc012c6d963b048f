"""What every chapter does.

It checks its parameters, collects fits and verdicts, writes one record and shows a run card.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from IPython.display import Markdown

from lossless_inr_lite.companion.claims import Verdict, verdict_ids
from lossless_inr_lite.companion.fingerprint import code_hash
from lossless_inr_lite.companion.locks import RUN, FolderLock
from lossless_inr_lite.companion.parameters import check_parameters, parameter_comments
from lossless_inr_lite.companion.paths import git_commit, run_folder
from lossless_inr_lite.companion.records import SCHEMA_VERSION, environment, peak_memory
from lossless_inr_lite.companion.rows import (
    Origin,
    Row,
    fit_record,
    forget_origins,
    load_average,
    origins,
    sources_of,
)
from lossless_inr_lite.companion.tables import table
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.files import check_writable, write_json
from lossless_inr_lite.signals import Signal
from lossless_inr_lite.storage.fitted import Fit

__all__ = ["Chapter", "begin", "relative", "table"]


class Chapter:
    """One run of one notebook.

    `folder` is where the run writes; until `finish` no other process may begin one there. `fits`
    and `facts` go into the record as they are.
    """

    def __init__(
        self, notebook: str, parameters: Any, comments: Mapping[str, str] | None = None
    ) -> None:
        self.notebook = notebook
        self.parameters = parameters
        self.comments = comments or {}
        self.folder = run_folder(parameters.profile, notebook, parameters.output_dir)
        check_writable(self.folder / "record.json")
        self.lock = FolderLock(self.folder, RUN)
        self.fits: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.verdicts: list[Verdict] = []
        self.device = "cpu"
        self.started = time.perf_counter()
        forget_origins()

    def parameter_table(self) -> Markdown:
        """The parameters of this run: name, value, and what the parameters cell says of it."""
        rows = [
            (f"`{name}`", f"`{value!r}`", self.comments.get(name, ""))
            for name, value in vars(self.parameters).items()
        ]
        return table(("Parameter", "Value", "Meaning"), rows)

    def add_fit(self, label: str, fit: Fit, signal: Signal) -> None:
        """Keep the record of a fit under `label`, with what made it."""
        made = {
            "seconds": fit.history.last.seconds,
            "commit": git_commit(),
            "device": fit.device,
            "code": code_hash((type(fit).__module__,)),
            "load_average": load_average(),
        }
        self.fits[label] = {**fit_record(fit, signal), "made": made}
        self.device = fit.device

    def add_rows(self, rows: Mapping[str, Row], prefix: str = "") -> None:
        """Keep the rows of a study, numbered, each under its label behind `prefix`.

        Of a certificate only the number of ways of decoding is kept, not each of them.
        """
        for number, (label, row) in enumerate(rows.items()):
            proof = row["certificate"]
            if proof:
                proof = {**proof, "ways": len(proof["ways"])}
            self.fits[prefix + label] = {**row, "certificate": proof, "number": number}
        if rows:
            self.device = next(iter(rows.values()))["device"]

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
        """Write record.json into the run's folder and show the run card.

        The record's `seconds` are what its content took: those of this run, and those of the rows
        that earlier runs had made and this one only read. `seconds_this_run` are the former alone.
        """
        seconds = time.perf_counter() - self.started
        used = origins()
        kept_seconds = sum(origin.seconds for origin in used if origin.source == "kept")
        memory = peak_memory()
        place = environment(self.device)
        record = {
            "schema_version": SCHEMA_VERSION,
            "experiment": self.notebook,
            "profile": self.parameters.profile,
            "parameters": vars(self.parameters),
            "environment": place,
            "seconds": seconds + kept_seconds,
            "seconds_this_run": seconds,
            "row_sources": _sources(used),
            "made_by": sources_of(self.fits.values()),
            "peak_memory_bytes": memory,
            "fits": self.fits,
            "facts": self.facts,
            "verdicts": self._written_verdicts(),
        }
        write_json(self.folder / "record.json", record)
        self.lock.release()
        lines = [
            ("Profile", self.parameters.profile),
            ("Device", place["gpu"] or place["processor"]),
            ("Cores, threads", f"{place['cores']}, {place['threads']}"),
            ("Seconds", f"{seconds:.1f}"),
        ]
        if kept_seconds:
            lines.append(("Seconds, with rows of earlier runs", f"{seconds + kept_seconds:.1f}"))
        lines += [
            ("Peak memory", f"{memory / 2**20:.0f} MiB"),
            ("Versions", _versions(place)),
            ("Commit", place["git_commit"] or "not a checkout"),
        ]
        return table(("Run card", ""), lines)

    def _written_verdicts(self) -> list[dict[str, str]]:
        """The verdicts as JSON, each with an id."""
        said = [vars(verdict) for verdict in self.verdicts]
        return [one | {"id": name} for one, name in zip(said, verdict_ids(said), strict=True)]


def begin(notebook: str, variables: Mapping[str, Any]) -> Chapter:
    """Check the parameters among a notebook's `globals()` and open its run.

    Raises InputError for an unknown or bad parameter, when the output folder cannot be written, and
    when another run writes into it.
    """
    return Chapter(notebook, check_parameters(variables), parameter_comments(variables))


def relative(path: Path) -> str:
    """A path as a reader may see it: below the working folder where possible, else its name."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


def _sources(used: list[Origin]) -> dict[str, Any]:
    """How many rows of studies a run made and how many it found, with where those come from."""
    kept = [origin for origin in used if origin.source == "kept"]
    return {
        "fresh": len(used) - len(kept),
        "kept": len(kept),
        "kept_seconds": sum(origin.seconds for origin in kept),
        "kept_commits": sorted({origin.commit or "unknown" for origin in kept}),
        "kept_devices": sorted({origin.device for origin in kept}),
        "kept_dates": sorted({origin.date for origin in kept}),
    }


def _versions(place: Mapping[str, Any]) -> str:
    """What the run card says of the software."""
    packages = {name: number for name, number in place["versions"].items() if number}
    own = {"Python": place["python"], "lossless_inr_lite": place["package_version"]}
    return ", ".join(f"{name} {number}" for name, number in (own | packages).items())
