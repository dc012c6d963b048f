"""Where the checkout's folders are, whatever the working folder is."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
PARAMS = NOTEBOOKS / "params"
PAPER = ROOT / "data" / "paper"
RESULTS = ROOT / "data" / "results"
RUNS = ROOT / "_build" / "runs"


def run_folder(profile: str, notebook: str, output_dir: str = "") -> Path:
    """`output_dir` as the caller wrote it, or the notebook's own folder below _build/runs/<profile>."""
    return Path(output_dir).expanduser().resolve() if output_dir else RUNS / profile / notebook
