"""The repository itself: data, the paper's numbers, requirements, records, and the built pages."""

import ast
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions

import pytest

from lossless_inr_lite.companion.claims import paper_table, paper_value
from lossless_inr_lite.companion.fingerprint import PACKAGE
from lossless_inr_lite.companion.paths import NOTEBOOKS, RESULTS, ROOT
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.signals.embedded import EMBEDDED, embedded_path, installed

MANIFEST = json.loads((ROOT / "data" / "manifest.json").read_text())["files"]


def test_the_manifest_names_every_embedded_picture():
    assert {file["name"] for file in MANIFEST} == set(EMBEDDED)


@pytest.mark.parametrize("file", MANIFEST, ids=lambda f: f["name"])
def test_embedded_files_have_their_checksums(file):
    if not installed(file["name"]):
        pytest.skip(f"there is no {file['package']} for this platform")
    data = embedded_path(file["name"]).read_bytes()
    assert len(data) == file["bytes"]
    assert hashlib.sha256(data).hexdigest() == file["sha256"]
    assert file["licence"]


def test_the_papers_table_1_is_complete():
    assert len(paper_table("table1")) == 4 * 7
    assert paper_value("table1", "psnr", data="Kodak", method="SIREN") == "47.28"
    with pytest.raises(InputError, match="0 rows"):
        paper_value("table1", "psnr", data="Kodak", method="nothing")


def imported(source: str, inside_functions: bool = True) -> set[str]:
    """The top names of what a module imports absolutely, anywhere in it or outside functions."""
    found = set()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not inside_functions:
            continue
        waiting += ast.iter_child_nodes(node)
    return found


def third_party(sources: Iterable[str], inside_functions: bool = True) -> set[str]:
    """The distributions that these sources import from, neither Python's own nor this one."""
    names = set().union(*(imported(source, inside_functions) for source in sources))
    extensions = {path.stem for path in (ROOT / "book" / "_ext").glob("*.py")}
    names -= {*sys.stdlib_module_names, *extensions, "lossless_inr_lite"}
    known = packages_distributions()
    return {distribution_name(known.get(name, [name])[0]) for name in names}


def distribution_name(text: str) -> str:
    """A distribution's name as all spellings of it are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", text).lower()


def declared(requirements: Iterable[str]) -> set[str]:
    """The names in lines such as "numpy>=2,<3"."""
    lines = (line.strip() for line in requirements)
    kept = (line for line in lines if line and line[0] not in "#-")
    return {distribution_name(re.split(r"[<>=~!;\[ ]", line)[0]) for line in kept}


def library_sources() -> list[str]:
    return [path.read_text() for path in PACKAGE.rglob("*.py") if "companion" not in path.parts]


def book_sources() -> list[str]:
    """The companion, the Sphinx extension, and what the notebooks' cells run."""
    paths = [*(PACKAGE / "companion").rglob("*.py"), *(ROOT / "book").rglob("*.py")]
    sources = [path.read_text() for path in paths]
    for path in NOTEBOOKS.glob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "code":
                # Lines such as %pip and !git are not Python.
                sources.append(re.sub(r"(?m)^([ \t]*)[%!].*$", r"\1pass", "".join(cell["source"])))
    return sources


def test_imports_are_found_wherever_they_stand():
    source = "import os.path\ndef f():\n    from PIL import Image\n    from . import here\n"
    assert imported(source) == {"os", "PIL"}
    assert imported(source, inside_functions=False) == {"os"}
    assert third_party([source, "import yaml, lossless_inr_lite.files"]) == {"pillow", "pyyaml"}
    assert declared(["# none", "-e .", "PyYAML>=6,<7", "a_b==1; x", "c[d]"]) == {
        "pyyaml",
        "a-b",
        "c",
    }


def test_the_library_declares_what_it_imports():
    """What is imported on the way in is required; what a function asks for may be an extra's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = declared(project["dependencies"])
    at_import = third_party(library_sources(), inside_functions=False)
    found = third_party(library_sources())
    assert {"numpy", "torch"} <= at_import
    assert {"pillow", "constriction"} <= found
    assert at_import - required == set()
    assert found - required - declared(project["optional-dependencies"]["book"]) == set()
    assert required - found == set()


def test_the_books_extra_declares_what_the_companion_and_the_notebooks_import():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    # Speech to text is a choice: chapter 12 says so where it is not installed.
    given = (
        declared(project["dependencies"])
        | declared(extras["book"])
        | declared(extras["stt"] + extras["scale"])
    )
    found = third_party(book_sources())
    assert {"matplotlib", "ipython", "papermill", "pydantic"} <= found
    assert found - given == set()


def test_requirements_cover_all_that_is_imported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    pinned = declared((ROOT / "requirements.txt").read_text().splitlines())
    found = third_party(library_sources() + book_sources()) - declared(
        extras["stt"] + extras["scale"]
    )
    assert found - pinned == set()
    assert (declared(project["dependencies"]) | declared(extras["book"])) - pinned == set()


def test_nothing_is_unpickled_and_no_shell_is_used():
    for path in (ROOT / "lossless_inr_lite").rglob("*.py"):
        text = path.read_text()
        for word in (
            "import pickle",
            " torch.load(",
            "allow_pickle=True",
            "shell=True",
            "eval(",
            "exec(",
        ):
            assert word not in text, f"{path.name}: {word}"


@pytest.mark.parametrize("path", sorted(RESULTS.rglob("*.json")), ids=lambda p: p.name)
def test_committed_records_are_whole(path):
    record = json.loads(path.read_text())
    assert record["schema_version"] == 1
    assert record["environment"]["processor"]
    assert record["environment"]["git_commit"]
    for fit in record["fits"].values():
        proof = fit["certificate"]
        assert fit["lossless"] is bool(proof and proof["lossless"])
        if fit["lossless"]:
            assert fit["wrong_bits"] == 0
            assert proof["sha256_samples"] == fit["signal"]["sha256"]
            assert re.fullmatch(r"[0-9a-f]{64}", proof["sha256_weights"])
            assert proof["ways"]


def test_the_page_check_finds_what_is_wrong(tmp_path):
    def check(html):
        (tmp_path / "index.html").write_text(html)
        command = [sys.executable, str(ROOT / "book" / "check_pages.py"), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stdout

    assert check('<a href="https://example.org">a link is fine</a>')[0] == 0
    assert check('<script src="https://cdn.example.org/x.js"></script>') == (
        1,
        "index.html: loads https://cdn.example.org/x.js\n",
    )
    assert "not there" in check('<img src="missing.png" alt="x">')[1]
    assert "without alt text" in check('<img src="index.html">')[1]


def test_built_pages_read_offline():
    if not (ROOT / "_build" / "html" / "index.html").is_file():
        pytest.skip("the book is not built")
    command = [sys.executable, str(ROOT / "book" / "check_pages.py"), str(ROOT / "_build" / "html")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
