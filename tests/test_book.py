"""Chapters are executed side by side for the book; what fails is left to its build."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest

from lossless_inr_lite.companion.paths import ROOT


@pytest.fixture(scope="module")
def execute():
    spec = importlib.util.spec_from_file_location("execute", ROOT / "book" / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def notebook(source):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "P", "language": "python"}
    return made


def test_runs_side_by_side_and_failures(execute, tmp_path):
    sources = ["import os\nprint(os.getcwd())", "1 / 0", "import os\nos._exit(3)", "print(2)"]
    with ThreadPoolExecutor(2) as pool:
        found = list(
            pool.map(lambda one: execute.executed(tmp_path / "a.ipynb", notebook(one)), sources)
        )
    bundles = [bundle for bundle, _ in found]
    assert [bundle is not None for bundle in bundles] == [True, False, False, True]
    assert bundles[0].nb.cells[0].outputs[0].text.strip() == str(tmp_path)
    assert bundles[0].data["execution_seconds"] > 0
    assert not list(tmp_path.iterdir())


def test_what_was_executed_is_found_by_the_build(execute, tmp_path):
    cache = execute.get_cache(str(tmp_path / "cache"))
    made = notebook("print(1)")
    assert execute.is_new(cache, made)
    bundle, _ = execute.executed(tmp_path / "a.ipynb", notebook("print(1)"))
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    assert not execute.is_new(cache, made)
    assert execute.is_new(cache, notebook("print(2)"))


def test_every_chapter_is_executed(execute):
    names = [path.stem for path in execute.notebooks()]
    assert names == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert len(names) == 15
