"""Where the checkout's folders are, whatever the working folder is, and at which commit it is."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
PARAMS = NOTEBOOKS / "params"
PAPER = ROOT / "data" / "paper"
RESULTS = ROOT / "data" / "results"
RUNS = ROOT / "_build" / "runs"


def run_folder(profile: str, notebook: str, output_dir: str = "") -> Path:
    """`output_dir` as the caller wrote it, or the notebook's own folder below _build/runs/."""
    return Path(output_dir).expanduser().resolve() if output_dir else RUNS / profile / notebook


def git_commit() -> str | None:
    """The checkout's commit, with "+" when the tree has changes; None outside a checkout."""
    if not (ROOT / ".git").exists():
        return None
    try:
        commit = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changes else "")


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()
