"""Who may import whom: the rooms of the package, as their imports say."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lossless_inr_lite

PACKAGE = Path(lossless_inr_lite.__file__).parent
NAME = PACKAGE.name

# A room may import rooms of lower rank, and itself.
RANKS = {
    "errors": 0,
    "fields": 0,
    "files": 0,
    "version": 0,
    "devices": 0,
    "signals": 1,
    "networks": 2,
    "architecture": 3,
    "formulations": 3,
    "history": 3,
    "losses": 3,
    "model": 3,
    "storage": 4,
    "training": 5,
    "expansion": 6,
    "commands": 7,
    "batch": 7,
    "__init__": 8,
    "__main__": 8,
}
# These stand beside the others: they see the lowest rooms alone, and only the commands see them.
BESIDE = {"codec", "theory"}
SEEN_FROM_BESIDE = {"errors", "fields", "files", "version", "signals"}
ONLY_IN_COMPANION = {"matplotlib", "IPython", "papermill", "pydantic", "skimage", "plotly"}
# scikit-image is optional: its SSIM is the one measure that the library borrows.
EXCEPTIONS = {("signals.metrics", "skimage")}


def module_name(path: Path) -> str:
    """Dotted name below the package; a package's own module is the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return ".".join(parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imported(tree: ast.Module) -> Iterator[str]:
    """Every import of a module, wherever it stands, as the most exact dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            assert node.module is not None
            for alias in node.names:
                below = f"{node.module}.{alias.name}".removeprefix(f"{NAME}.")
                yield f"{NAME}.{below}" if below in MODULES else node.module


def own_imports(module: str) -> set[str]:
    """The modules of this package that a module imports."""
    found = (name.removeprefix(f"{NAME}.") for name in imported(TREES[module]) if name != NAME)
    return {name for name in found if name in MODULES}


def room(module: str) -> str:
    return module.split(".")[0]


def test_every_room_has_a_rank():
    rooms = {room(module) for module in MODULES}
    assert rooms == set(RANKS) | BESIDE | {"companion"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_lower_rooms(module):
    here = room(module)
    for name in own_imports(module):
        there = room(name)
        if there == here or here == "companion":
            continue
        assert there != "companion", f"{module} imports {name}"
        if here in BESIDE:
            assert there in SEEN_FROM_BESIDE, f"{module} imports {name}"
        elif there in BESIDE:
            assert here == "commands", f"{module} imports {name}"
        elif RANKS[there] == RANKS[here]:
            assert RANKS[here] in (0, 3), f"{module} imports {name}, of the same rank"
        else:
            assert RANKS[there] < RANKS[here], f"{module} imports {name}, of a higher rank"


@pytest.mark.parametrize("module", sorted(m for m in MODULES if room(m) != "companion"))
def test_what_draws_stands_in_the_companion(module):
    for name in imported(TREES[module]):
        library = name.split(".")[0]
        if (module, library) not in EXCEPTIONS:
            assert library not in ONLY_IN_COMPANION, f"{module} imports {library}"


def chapter(module: str) -> str | None:
    parts = module.split(".")
    is_chapter = parts[:2] == ["companion", "chapters"] and len(parts) > 2
    return parts[2] if is_chapter else None


# What makes the verdicts of records has to know the chapters that judge them.
JUDGES = {"companion.rejudge", "companion.evidence_record"}


def test_a_chapter_imports_no_other_chapter():
    for module in MODULES:
        here = chapter(module)
        for name in own_imports(module):
            there = chapter(name)
            if there is not None and module not in JUDGES:
                assert here == there, f"{module} imports {name}"


def test_every_chapter_names_its_notebook():
    notebooks = sorted((PACKAGE.parent / "notebooks").glob("*.ipynb"))
    if not notebooks:
        pytest.skip("the package stands without its checkout")
    known = {path.stem for path in notebooks}
    chapters = {name for name in map(chapter, MODULES) if name is not None}
    for name in chapters:
        assert name.removeprefix("c") in known
        text = ast.get_docstring(TREES[f"companion.chapters.{name}"]) or ""
        assert name.removeprefix("c") in text, name


def test_there_is_no_import_circle():
    graph = {module: own_imports(module) - {module} for module in MODULES}
    while True:
        leaves = {module for module, needs in graph.items() if not needs}
        if not leaves:
            break
        graph = {m: needs - leaves for m, needs in graph.items() if m not in leaves}
    assert not graph, f"these modules import each other: {', '.join(sorted(graph))}"


def test_third_party_imports_of_the_library_are_known():
    """What `pip install .` brings; the rest of the companion's needs is the extra [book]."""
    allowed = {
        "PIL",
        "constriction",
        "imagecodecs",
        "numpy",
        "psutil",
        "pydicom",
        "safetensors",
        "scipy",
        "skimage",
        "soundfile",
        "tifffile",
        "torch",
        "tqdm",
    }
    for module in MODULES:
        if room(module) == "companion":
            continue
        for name in imported(TREES[module]):
            library = name.split(".")[0]
            if library != NAME and library not in sys.stdlib_module_names:
                assert library in allowed, f"{module} imports {library}"
