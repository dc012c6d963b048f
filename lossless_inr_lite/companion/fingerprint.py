"""A hash of the code that decides a result, found by following imports from where it starts.

Rows of a study are reused only while this hash is the same. Nothing is listed by hand: a module
counts when one that counts imports it, at its top or inside a function.
"""

import ast
import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
NOT_CODE = {"__pycache__"}


def code_hash(entries: Sequence[str], package: Path = PACKAGE) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of all `code_files`, names included."""
    digest = hashlib.sha256()
    for path in code_files(entries, package):
        name = path.relative_to(package).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def code_files(entries: Sequence[str], package: Path = PACKAGE) -> list[Path]:
    """The files that decide what the modules `entries` do, in the order of their names.

    These are the modules of the package at `package` that are imported, directly or through
    others, with the `__init__` of their subpackages, and every file of data (weights of priors,
    tables) that lies in a subpackage of one of them. The package's own `__init__` counts only where
    it is imported by name: it holds the whole library. Names are absolute
    ("lossless_inr_lite.training.fit"). Raises ValueError for an entry that is no module of it.
    """
    modules = _Modules(package)
    waiting = list(entries)
    found: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = modules.path(name)
        if path is None:
            raise ValueError(f"{name} is no module of {package}")
        found[name] = path
        waiting += modules.imported_by(name, path)
        waiting += modules.parents(name)
    folders = {path.parent for path in found.values()} - {package}
    data = [file for folder in folders for file in _data_files(folder)]
    return sorted({*found.values(), *data})


def _data_files(folder: Path) -> Iterator[Path]:
    """All but Python's files in a subpackage's folder and below, but not in deeper packages."""
    for path in folder.iterdir():
        if path.is_dir():
            if path.name not in NOT_CODE and not (path / "__init__.py").is_file():
                yield from _data_files(path)
        elif path.suffix != ".py":
            yield path


class _Modules:
    """The modules of the package that lies at `package`, under its folder's name."""

    def __init__(self, package: Path) -> None:
        self.name = package.name
        self.folder = package.parent

    def path(self, name: str) -> Path | None:
        """The file of a module, that of a package's `__init__`, or None."""
        if name.split(".")[0] != self.name:
            return None
        base = self.folder.joinpath(*name.split("."))
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return path
        return None

    def parents(self, name: str) -> list[str]:
        """The subpackages that a module lies in: importing it runs their `__init__`."""
        parts = name.split(".")
        above = [".".join(parts[:count]) for count in range(2, len(parts))]
        return [package for package in above if self.path(package)]

    def imported_by(self, name: str, path: Path) -> list[str]:
        """The modules of this package that a module imports anywhere in its text."""
        around = name if path.name == "__init__.py" else name.rpartition(".")[0]
        found: list[str] = []
        for module, member in _imports(path.read_bytes(), around):
            inside = f"{module}.{member}"
            found.append(inside if member and self.path(inside) else module)
        return [one for one in dict.fromkeys(found) if self.path(one)]


@lru_cache(maxsize=1024)
def _imports(source: bytes, around: str) -> list[tuple[str, str]]:
    """What a module's text imports, in the package `around` it: the module, and a name in it or "".

    The name may be that of another module. Of one text this is found once: a hash is asked for many
    times, and parsing is what takes long.
    """
    found: list[tuple[str, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, around)
            found += [(base, alias.name) for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            # What is imported by name, as in import_module("lossless_inr_lite.model"). The
            # package's name alone is more likely a word.
            found.append((node.value, ""))
    return found


def _base(node: ast.ImportFrom, around: str) -> str:
    """The module X of ``from X import a, b``."""
    if not node.level:
        return node.module or ""
    parts = around.split(".")
    kept = parts[: len(parts) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])
