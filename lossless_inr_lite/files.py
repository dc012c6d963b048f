"""Files that appear whole or not at all: written under a temporary name, then renamed."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lossless_inr_lite.errors import InputError


def check_writable(path: str | Path) -> Path:
    """Prove that a file can be made at `path`, and leave nothing behind.

    Raises InputError when the folder cannot be made or written, or when `path` is itself a folder.
    """
    path = Path(path)
    made: list[Path] = []
    try:
        if path.is_dir():
            raise InputError(f"cannot write {path}: it is a folder, a file name is needed")
        made = [parent for parent in path.parents if not parent.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(
            f"cannot write into the folder {path.parent}: {error.strerror or error}"
        ) from error
    finally:
        for folder in made:
            if folder.is_dir():
                folder.rmdir()
    return path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes `path`'s place, on failure it is removed.

    The temporary name keeps the suffix, since writers choose the format by it.
    """
    path = check_writable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: dict[str, Any]) -> Path:
    """Write one JSON object, strictly (NaN and infinity are errors), and return its path."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)
