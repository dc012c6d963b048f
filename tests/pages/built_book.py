"""Where the built book is, and what its pages are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html"))


def pages() -> list[str]:
    """The pages of the book, below the folder of the built book."""
    folders = (BUILT / "book", BUILT / "notebooks")
    found = [path for folder in folders for path in sorted(folder.glob("*.html"))]
    return [path.relative_to(BUILT).as_posix() for path in found]
