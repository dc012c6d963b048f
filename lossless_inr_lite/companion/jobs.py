"""Jobs: the single fits of a table, picture x method x seed, and where their rows lie.

A row is written whole or not at all, in a file of its own. Its name carries a hash of what was
asked for, of the picture and of all code that decides the fit. So a change of any of these asks for
another file, and for no other row. This takes no torch: `sweep` runs the jobs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.rows import RowCache, RowKey

SWEEP = "lossless_inr_lite.companion.sweep"
"""The module that runs jobs; all that it reaches decides their rows."""


@dataclass(frozen=True)
class Job:
    """One fit of a table.

    table: the paper's number, such as "1". expected_iterations: for the estimate of its cost.
    """

    table: str
    case: Case
    expected_iterations: int

    @property
    def label(self) -> str:
        """What tells this job from the others of a sweep."""
        return f"table{self.table}/{self.case.label}"

    @property
    def key(self) -> RowKey:
        """What the row of this job belongs to."""
        facts = {"table": self.table, **self.case.facts}
        return replace(self.case.key, label=self.label, facts=facts)


def rows_in(folder: Path) -> RowCache:
    """The rows of a sweep in a folder."""
    return RowCache(folder, (SWEEP,))


def missing_jobs(jobs: Sequence[Job], folder: Path) -> list[Job]:
    """The jobs whose rows are not there yet, in their order."""
    cache = rows_in(folder)
    return [job for job in jobs if cache.read(job.key) is None]
