"""The repository itself: data checksums, the paper's numbers, requirements, records, and the built pages."""

import csv
import hashlib
import json
import re
import subprocess
import sys
import tomllib

import pytest

from lossless_inr_lite.companion.paths import PAPER, RESULTS, ROOT
from lossless_inr_lite.companion.records import paper_value, verdict
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
    rows = list(csv.DictReader((PAPER / "table1.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 4 * 7
    assert paper_value("table1", "psnr", data="Kodak", method="SIREN") == "47.28"
    with pytest.raises(InputError, match="0 rows"):
        paper_value("table1", "psnr", data="Kodak", method="nothing")


def test_a_verdict_follows_from_what_was_found():
    assert verdict("Table 1", "c", 1, 2, "none", True).verdict == "reproduced"
    assert verdict("Table 1", "c", 1, 2, "none", False).verdict == "deviates"


def test_requirements_cover_what_the_package_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {
        re.split(r"[<>=~ ]", line)[0]
        for line in (ROOT / "requirements.txt").read_text().splitlines()
    }
    needed = {re.split(r"[<>=~ ]", line)[0] for line in project["dependencies"]}
    assert needed <= pinned
    assert {
        "jupyter-book",
        "torch",
        "matplotlib",
        "numpy",
        "papermill",
        "imageio",
        "soundfile",
    } <= pinned


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
        assert fit["lossless"] is bool(fit["certificate"] and fit["certificate"]["lossless"])


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
