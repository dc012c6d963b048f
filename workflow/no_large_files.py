"""A hook of pre-commit: refuse files that do not belong into the repository.

``python workflow/no_large_files.py FILE ...`` ends with 1 and names each file above MAX_BYTES.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

MAX_BYTES = 500_000
# Records of many fits: they are data that pages quote.
ALLOWED = ("data/results/",)


def main(files: Sequence[str]) -> int:
    """Return 1 when a file is too large, else 0."""
    large = [file for file in files if is_large(Path(file))]
    for file in large:
        size = Path(file).stat().st_size
        print(f"{file} has {size} bytes: at most {MAX_BYTES} belong into the repository")
    return 1 if large else 0


def is_large(path: Path) -> bool:
    """Whether a file is above the limit and does not lie where large ones may."""
    if path.as_posix().startswith(ALLOWED):
        return False
    return path.is_file() and path.stat().st_size > MAX_BYTES


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
