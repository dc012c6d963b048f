"""Rows of studies: which code they belong to, which file they lie in, and where they come from."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.companion import rows as rows_module
from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.chapter import Chapter
from lossless_inr_lite.companion.fingerprint import PACKAGE, code_files, code_hash
from lossless_inr_lite.companion.rows import RowCache, RowKey, forget_origins, origins
from lossless_inr_lite.companion.study import run_cases
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.training.budget import Budget

FIT = ("lossless_inr_lite.companion.study",)
EXPANSION = ("lossless_inr_lite.expansion.methods",)
KEY = RowKey("picture/method/1", {"rate": 1e-3, "stops": {"seconds": 1.0}}, "abc")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package's files, to edit."""
    target = tmp_path_factory.mktemp("copy") / PACKAGE.name
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def changes(package: Path, entries: tuple[str, ...], edited: str) -> bool:
    """Whether the hash changes with an edit of that file."""
    path = package / edited
    before = code_hash(entries, package)
    whole = path.read_bytes()
    path.write_bytes(whole + b"\n# edited\n")
    try:
        return code_hash(entries, package) != before
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "edited",
    [
        "training/fast.py",
        "training/recipes.py",
        "signals/bits.py",
        "signals/coords.py",
        "signals/__init__.py",
        "model.py",
        "losses.py",
        "networks/siren.py",
        "storage/certify.py",
        "companion/study.py",
        "companion/filmstrip.py",
    ],
)
def test_an_edit_of_what_decides_a_fit_changes_the_hash(package, edited):
    assert changes(package, FIT, edited)


@pytest.mark.parametrize(
    "edited",
    [
        "companion/plots.py",
        "companion/tables.py",
        "companion/claims.py",
        "companion/parameters.py",
        "companion/chapters/c05_baselines.py",
        "theory/bounds.py",
        "__init__.py",
    ],
)
def test_an_edit_of_a_figure_or_a_table_does_not(package, edited):
    assert not changes(package, FIT, edited)


def test_the_hash_of_the_expansion_covers_every_method(package):
    for path in sorted((package / "expansion").glob("*.py")):
        assert changes(package, EXPANSION, f"expansion/{path.name}"), path.name
    assert changes(package, EXPANSION, "training/fast.py")
    assert not changes(package, EXPANSION, "companion/study.py")


def test_imports_are_followed_inside_functions_and_to_data(tmp_path):
    files = {
        "__init__.py": "from pack import everything\n",
        "everything.py": "",
        "start.py": "import os\ndef run():\n    from pack.rooms import table\n",
        "rooms/__init__.py": "",
        "rooms/table.py": "from . import walls\nfrom ..late import x\n",
        "rooms/walls.py": "import importlib\nimportlib.import_module('pack.by_name')\n",
        "rooms/weights/a.bin": "1",
        "rooms/__pycache__/b.pyc": "2",
        "late.py": "import pack.start\n",
        "by_name.py": "",
        "unused.py": "",
        "notes.txt": "",
    }
    for name, text in files.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = code_files(("pack.start",), tmp_path / "pack")
    assert {path.relative_to(tmp_path / "pack").as_posix() for path in found} == {
        "start.py",
        "rooms/__init__.py",
        "rooms/table.py",
        "rooms/walls.py",
        "rooms/weights/a.bin",
        "late.py",
        "by_name.py",
    }
    with pytest.raises(ValueError, match=r"pack\.nothing is no module"):
        code_files(("pack.nothing",), tmp_path / "pack")


def test_the_codec_s_hash_covers_its_priors(package):
    assert changes(
        package, ("lossless_inr_lite.codec.container",), "codec/priors/photo.safetensors"
    )


def test_a_row_is_made_once(tmp_path):
    cache = RowCache(tmp_path, FIT)
    made = []

    def make():
        made.append(1)
        return {"value": 7}

    first = cache.row(KEY, make)
    assert cache.row(KEY, make) == first
    assert first["value"] == 7
    assert len(made) == 1
    assert first["made"].keys() == {
        "seconds",
        "commit",
        "device",
        "date",
        "source",
        "code",
        "load_average",
    }


@pytest.mark.parametrize(
    "other",
    [
        RowKey("picture/method/2", KEY.facts, KEY.sha256),
        RowKey(KEY.label, {"rate": 1e-4, "stops": {"seconds": 1.0}}, KEY.sha256),
        RowKey(KEY.label, KEY.facts, "abd"),
    ],
)
def test_a_row_belongs_to_its_case_and_signal(tmp_path, other):
    cache = RowCache(tmp_path, FIT)
    cache.write(KEY, {"value": 7}, 1.0)
    assert cache.read(other) is None


def test_a_row_belongs_to_its_code(tmp_path, monkeypatch):
    RowCache(tmp_path, FIT).write(KEY, {"value": 7}, 1.0)
    monkeypatch.setattr(rows_module, "_code_hash", lambda entries: "another")
    changed = RowCache(tmp_path, FIT)
    assert changed.read(KEY) is None
    assert changed.row(KEY, lambda: {"value": 8})["value"] == 8
    assert len(list(tmp_path.iterdir())) == 2  # the old row is not lost


def test_a_row_that_was_put_in_anothers_place_is_an_error(tmp_path):
    cache = RowCache(tmp_path, FIT)
    cache.write(KEY, {"value": 7}, 1.0)
    other = RowKey(KEY.label, KEY.facts, "abd")
    cache.path(KEY).rename(cache.path(other))
    with pytest.raises(InputError, match="is not that of picture/method/1"):
        cache.read(other)


def test_a_label_cannot_lead_out_of_the_folder(tmp_path):
    cache = RowCache(tmp_path / "rows", FIT)
    cache.write(RowKey("../../x/" + "y" * 200, {}, "abc"), {"value": 7}, 1.0)
    (path,) = (tmp_path / "rows").iterdir()
    assert len(path.name) < 110


def test_a_process_knows_which_rows_it_made(tmp_path):
    forget_origins()
    cache = RowCache(tmp_path, FIT)
    cache.row(KEY, lambda: {"value": 7})
    cache.read(KEY)
    assert [origin.source for origin in origins()] == ["fresh"]
    forget_origins()
    cache.read(KEY)
    assert [origin.source for origin in origins()] == ["kept"]
    content = json.loads(cache.path(KEY).read_text())
    assert origins()[0].seconds == content["made"]["seconds"]


def test_a_row_that_is_made_again_counts_as_made(tmp_path):
    cache = RowCache(tmp_path, FIT)
    cache.write(KEY, {"value": 7}, 5.0)
    forget_origins()
    cache.read(KEY)
    cache.discard(KEY)
    assert origins() == []
    cache.write(KEY, {"value": 7}, 1.0)
    cache.read(KEY)
    assert [(origin.source, origin.seconds) for origin in origins()] == [("fresh", 1.0)]


def test_a_records_seconds_are_those_of_its_rows_too(tmp_path):
    """A chapter that goes on from kept rows costs what they took, and says so."""
    case = Case(
        "a", "astronaut", 4, Architecture("bit_heads", "siren", 8, 1), budget=Budget(40, 600.0)
    )
    other = case.varied(method="b")

    def record(cases):
        parameters = SimpleNamespace(profile="smoke", output_dir=str(tmp_path))
        chapter = Chapter("99_resumed", parameters)
        chapter.add_rows(run_cases(cases, chapter.folder / "fits"))
        chapter.finish()
        return json.loads((tmp_path / "record.json").read_text())

    first = record([case])
    assert first["seconds"] == first["seconds_this_run"]
    assert (first["row_sources"]["fresh"], first["row_sources"]["kept"]) == (1, 0)
    second = record([case, other])
    kept = second["fits"][case.label]["made"]
    assert (kept["source"], second["fits"][other.label]["made"]["source"]) == ("kept", "fresh")
    assert kept["seconds"] > 0
    assert (second["row_sources"]["fresh"], second["row_sources"]["kept"]) == (1, 1)
    assert second["row_sources"]["kept_seconds"] == kept["seconds"]
    assert second["seconds"] == second["seconds_this_run"] + kept["seconds"]
    assert second["row_sources"]["kept_devices"] == ["cpu"]
    third = record([case, other])
    both = [fit["made"]["seconds"] for fit in third["fits"].values()]
    assert third["seconds"] == pytest.approx(third["seconds_this_run"] + sum(both))
    assert third["seconds"] > third["seconds_this_run"]
