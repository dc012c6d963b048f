"""Batches of notebooks: side by side, in parts, tried again, and each with its own log."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from lossless_inr_lite.companion import batch
from lossless_inr_lite.companion.kernels import THREADS
from lossless_inr_lite.companion.locks import FolderLock
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.errors import InputError

FAIL = "raise ValueError('no luck')"
TELL_THREADS = "import os; print('threads', os.environ.get('OMP_NUM_THREADS'))"
# Fails as long as the file that it makes is not there.
SECOND_TIME = """
from pathlib import Path
tried = Path({path!r})
if not tried.exists():
    tried.touch()
    raise ValueError('the first time')
"""


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A function that makes notebooks of one cell, by name, and where their runs go."""
    monkeypatch.setattr(batch, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(batch, "PARAMS", tmp_path)
    monkeypatch.setattr(
        batch, "run_folder", lambda profile, name: tmp_path / "runs" / profile / name
    )
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)

    def put(**cells: str) -> Path:
        for name, source in cells.items():
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
            notebook.metadata["kernelspec"] = {
                "name": "python3",
                "display_name": "Python 3",
                "language": "python",
            }
            nbformat.write(notebook, tmp_path / f"{name}.ipynb")
            (tmp_path / f"{name}.smoke.yaml").write_text("{}\n")
        return tmp_path / "runs" / "smoke"

    return put


def run(*arguments: str) -> int:
    return batch.main(["--profile", "smoke", *arguments])


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_batch_runs_on_when_one_notebook_fails(shelf, capsys, jobs):
    """Of two notebooks the first raises: the second still runs, and the exit code says so."""
    runs = shelf(a=FAIL, b="print(1)")
    assert run("--jobs", jobs) == 1
    told = capsys.readouterr()
    assert "a: FAILED after " in told.err
    assert "ValueError: no luck (" in told.err
    assert "failed: a\n" in told.err
    assert "b: done in " in told.out
    assert "no luck" in (runs / "a" / "log.txt").read_text()
    assert "no luck" not in (runs / "b" / "log.txt").read_text()
    assert run("b") == 0


def test_every_line_says_what_is_left(shelf, capsys):
    shelf(a="1", b="2", c="3")
    assert run("--jobs", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == ["a", "b", "c"]
    assert [line.rpartition(" (")[2] for line in lines] == ["2 left)", "1 left)", "0 left)"]


def test_notebooks_run_at_the_same_time_with_a_log_each(shelf, tmp_path):
    """Each waits for the other: one after another, both would wait in vain."""
    wait = (
        "import time\nfrom pathlib import Path\nprint('I am {me}')\n"
        "Path({here!r}, '{me}.here').touch()\nends = time.monotonic() + 60\n"
        "while not Path({here!r}, '{other}.here').exists():\n"
        "    assert time.monotonic() < ends\n    time.sleep(0.05)\nprint('{me} saw {other}')"
    )
    here = str(tmp_path)
    runs = shelf(
        a=wait.format(me="a", other="b", here=here), b=wait.format(me="b", other="a", here=here)
    )
    assert run("--jobs", "2") == 0
    for me, other in (("a", "b"), ("b", "a")):
        log = (runs / me / "log.txt").read_text()
        assert f"{me} saw {other}" in log
        assert f"I am {other}" not in log


@pytest.mark.parametrize(
    ("arguments", "threads"),
    [((), "None"), (("--jobs", "2"), "1"), (("--jobs", "2", "--threads", "3"), "3")],
)
def test_side_by_side_each_notebook_has_one_thread(shelf, arguments, threads):
    runs = shelf(a=TELL_THREADS)
    assert run(*arguments) == 0
    assert f"threads {threads}" in (runs / "a" / "log.txt").read_text()


def test_the_environment_decides_the_threads_where_it_does(shelf, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    runs = shelf(a=TELL_THREADS)
    assert run("--jobs", "2") == 0
    assert "threads 5" in (runs / "a" / "log.txt").read_text()


def test_a_notebook_that_failed_is_tried_again(shelf, tmp_path, capsys):
    runs = shelf(a=SECOND_TIME.format(path=str(tmp_path / "tried")))
    assert run("--retries", "2") == 0
    told = capsys.readouterr()
    assert "the first time, trying again (1 of 2)" in told.err
    assert "(2 of 2)" not in told.err
    assert "a: done in " in told.out
    assert "the first time" in (runs / "a" / "log.txt").read_text()


def test_tries_have_an_end(shelf, capsys):
    shelf(a=FAIL)
    assert run("--retries", "1") == 1
    told = capsys.readouterr().err
    assert told.count("trying again") == 1
    assert told.count("FAILED after") == 2


def test_shards_share_the_notebooks_out(shelf, capsys):
    runs = shelf(a="1", b="1", c="1")
    assert run("--shard", "2/2") == 0
    assert sorted(os.listdir(runs)) == ["b"]
    assert run("--shard", "1/2") == 0
    assert sorted(os.listdir(runs)) == ["a", "b", "c"]
    assert run("--shard", "4/4") == 0  # a part without notebooks is no fault


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--jobs", "0"), "jobs is 0: allowed are integers from 1"),
        (("--jobs", "-2"), "jobs is -2: allowed are integers from 1"),
        (("--retries", "-1"), "retries is -1: allowed are integers from 0"),
        (("--threads", "0"), "threads is 0: allowed are integers from 1"),
        (("--shard", "0/4"), "shard is '0/4': allowed is I/N with I from 1 to N"),
        (("--shard", "5/4"), "shard is '5/4': allowed is I/N"),
        (("--shard", "1"), "shard is '1': allowed is I/N"),
        (("--shard", "1/0"), "shard is '1/0': allowed is I/N"),
        (("--shard", "a/b"), "shard is 'a/b': allowed is I/N"),
        (("99_nothing",), "unknown notebook '99_nothing'"),
    ],
)
def test_bad_input_is_refused_before_work(shelf, capsys, tmp_path, arguments, said):
    shelf(a="1")
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_the_batch_refuses_unknown_profiles(capsys):
    assert batch.main(["--profile", "huge"]) == 2
    assert "allowed are lite, paper, smoke" in capsys.readouterr().err


@pytest.mark.parametrize("name", [".run.lock", ".batch.lock"])
def test_a_batch_touches_nothing_where_another_run_writes(shelf, capsys, name):
    runs = shelf(a="1")
    folder = runs / "a"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{}")
    holder = (
        "import sys, time; from pathlib import Path; "
        "from lossless_inr_lite.companion.locks import FolderLock; "
        "lock = FolderLock(Path(sys.argv[1]), sys.argv[2]); print('held', flush=True); "
        "time.sleep(600)"
    )
    command = [sys.executable, "-c", holder, str(folder), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        try:
            assert run("--retries", "3") == 1
        finally:
            other.kill()
    told = capsys.readouterr().err
    assert "a: NOT RUN: another run writes into" in told
    assert "trying again" not in told
    assert sorted(os.listdir(folder)) == sorted([name, "record.json"])


def test_ctrl_c_ends_the_notebooks_that_run(tmp_path):
    """No kernel stays behind, and the locks are free again."""
    script = f"""
import nbformat
from pathlib import Path
from lossless_inr_lite.companion import batch
here = Path({str(tmp_path)!r})
batch.NOTEBOOKS = batch.PARAMS = here
batch.run_folder = lambda profile, name: here / "runs" / name
for name in "ab":
    source = (
        "import os, time; from pathlib import Path; "
        f"Path({{str(here / name)!r}} + '.pid').write_text(str(os.getpid())); time.sleep(600)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbformat.write(notebook, here / f"{{name}}.ipynb")
    (here / f"{{name}}.smoke.yaml").write_text("{{}}")
raise SystemExit(batch.main(["--profile", "smoke", "--jobs", "2"]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    numbers = [tmp_path / "a.pid", tmp_path / "b.pid"]
    ends = time.monotonic() + 120
    while not all(one.exists() and one.read_text() for one in numbers):
        assert time.monotonic() < ends
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted: the notebooks that are done stay" in told
    for one in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(int(one.read_text()), 0)
    FolderLock(tmp_path / "runs" / "a", ".batch.lock").release()


def test_a_shard_of_the_wrong_form_is_an_input_error():
    with pytest.raises(InputError):
        batch.shard({}, "1/2/3")
