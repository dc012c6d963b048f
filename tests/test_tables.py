"""Sweeps of the paper's tables: grids, plans, single jobs, and whole runs that are killed."""

import errno
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from lossless_inr_lite import InputError
from lossless_inr_lite.companion import one_row, plan
from lossless_inr_lite.companion.grid import jobs_of, read_grid
from lossless_inr_lite.companion.jobs import rows_in
from lossless_inr_lite.companion.locks import FolderLock
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.companion.sweep import PARTS

SCRIPT = ROOT / "workflow" / "tables.py"
ENGINE = ROOT / ".venv-scale" / "bin" / "snakemake"
SMALL = {
    "signals": ["astronaut"],
    "tables": [1],
    "size": 4,
    "hidden_features": 8,
    "max_iterations": 3,
    "memory_mb": 1000,
    "minutes": 5,
}


def write_grid(folder: Path, **changes) -> Path:
    path = folder / "grid.yaml"
    path.write_text(yaml.safe_dump(SMALL | changes))
    return path


@pytest.fixture
def planned(tmp_path):
    """The plan of a small grid: the method and one baseline."""
    grid = read_grid(write_grid(tmp_path, methods=["bit-planes", "SIREN"]))
    rows = tmp_path / "rows"
    jobs = plan.make_plan(grid, rows)
    return plan.write_plan(grid, jobs, rows), [one.name for one in jobs]


# Grids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((ROOT / "workflow" / "grids").glob("*.yaml")))
def test_the_grids_of_the_project_are_valid(path):
    assert read_grid(path).tables == ["1", "3", "8"]


def test_a_grid_is_every_picture_with_every_seed_and_rate(tmp_path):
    path = write_grid(
        tmp_path,
        signals=["astronaut", "coffee"],
        tables=[1, 3, 8],
        seeds=2,
        learning_rates=["1e-4", 1e-3],
    )
    jobs = jobs_of(read_grid(path), tmp_path)
    assert len(jobs) == 2 * 2 * 2 * (7 + 4 + 1)
    assert len({job.label for job in jobs}) == len(jobs)
    assert {job.case.seed for job in jobs} == {0, 1}
    assert {job.case.learning_rate for job in jobs} == {1e-4, 1e-3}
    assert {job.case.budget.max_iterations for job in jobs} == {3}
    assert {job.case.architecture.hidden_features for job in jobs} == {8}


def test_a_pattern_finds_pictures_by_name(tmp_path, monkeypatch):
    from lossless_inr_lite.signals.embedded import embedded_path

    data = tmp_path / "data" / "set"
    data.mkdir(parents=True)
    for name in ("kodim01.png", "kodim02.png", "other.png"):
        shutil.copy(embedded_path("astronaut"), data / name)
    monkeypatch.setenv("LOSSLESS_INR_DATA", str(tmp_path / "data"))
    path = write_grid(tmp_path, signals=["kodim*"], methods=["SIREN"])
    names = [job.case.signal for job in jobs_of(read_grid(path), tmp_path)]
    assert names == ["kodim01", "kodim02"]
    with pytest.raises(InputError, match="'zzz\\*' matches no picture below"):
        jobs_of(read_grid(write_grid(tmp_path, signals=["zzz*"])), tmp_path)
    monkeypatch.delenv("LOSSLESS_INR_DATA")
    with pytest.raises(InputError, match="needs the folder LOSSLESS_INR_DATA"):
        jobs_of(read_grid(path), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 3}, "unknown field 'colour': allowed are signals, tables"),
        ({"size": 2}, "size is 2: it should be greater than or equal to 4"),
        ({"size": "large"}, "size is 'large'"),
        ({"tables": [2]}, r"tables\.0 is '2': it should be '1', '3' or '8'"),
        ({"tables": []}, "tables is"),
        ({"seeds": 0}, "seeds is 0"),
        ({"learning_rates": [0]}, r"learning_rates\.0 is 0"),
        ({"signals": "astronaut"}, "signals is 'astronaut'"),
        ({"gpus": 8}, "gpus is 8"),
        ({"max_iterations": 0}, "max_iterations is 0"),
    ],
)
def test_a_bad_grid_is_one_sentence(tmp_path, changes, message):
    path = write_grid(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as caught:
        read_grid(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "is not YAML"),
        ("just words", "holds no fields"),
        ("", "holds no fields"),
        ("signals: [astronaut]", "the field tables is missing"),
    ],
)
def test_a_file_that_is_no_grid_is_one_sentence(tmp_path, text, message):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_grid(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signals": ["nowhere"]}, "nowhere does not exist"),
        ({"methods": ["SIRENE"]}, "unknown method of the grid 'SIRENE': allowed are FINER"),
        ({"size": 4000}, "astronaut"),
    ],
)
def test_what_a_grid_names_is_checked_before_any_fit(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        jobs_of(read_grid(write_grid(tmp_path, **changes)), tmp_path)


# Plans and jobs ----------------------------------------------------------------------------------


def test_a_plan_takes_no_torch(tmp_path):
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from lossless_inr_lite.companion.plan import main\n"
        f"sys.exit(main([{str(write_grid(tmp_path))!r}, '--rows', {str(tmp_path / 'rows')!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "7 jobs, 0 of them with their rows" in done.stdout


def test_a_job_makes_the_row_that_the_plan_names(planned, capsys):
    path, names = planned
    for name in names:
        assert not (path.parent / f"{name}.json").exists()
        assert one_row.main([str(path), name]) == 0
        assert (path.parent / f"{name}.json").is_file()
    assert "wrong bits after 3 iterations" in capsys.readouterr().out


def test_a_job_without_time_keeps_its_state(planned, capsys):
    path, names = planned
    assert one_row.main([str(path), names[0], "--minutes", "0"]) == one_row.TIME_IS_OVER
    assert "its state is kept" in capsys.readouterr().err
    assert list((path.parent / PARTS).rglob("*.safetensors"))
    assert one_row.main([str(path), names[0]]) == 0
    assert not list((path.parent / PARTS).rglob("*.safetensors"))


def test_a_job_waits_for_another_process_that_makes_it(planned):
    """A process of its own, since a process may take its own lock twice."""
    path, names = planned
    lock = FolderLock(path.parent / PARTS, f"{names[1]}.lock")
    command = [sys.executable, "-m", one_row.__name__, str(path), names[1]]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    waiting = subprocess.run([*command, "--minutes", "0.01"], env=env, check=False)
    assert waiting.returncode == one_row.TIME_IS_OVER
    assert not (path.parent / f"{names[1]}.json").exists()
    lock.release()
    assert subprocess.run(command, env=env, check=False).returncode == 0


def test_bad_jobs_are_one_sentence(planned, capsys, monkeypatch):
    path, names = planned
    assert one_row.main([str(path), "nothing"]) == 2
    assert "the plan has no job 'nothing'" in capsys.readouterr().err
    monkeypatch.setattr("lossless_inr_lite.companion.rows._code_hash", lambda entries: "other")
    assert one_row.main([str(path), names[0]]) == 2
    assert "is older than the code or the picture" in capsys.readouterr().err
    path.write_text("[]")
    assert one_row.main([str(path), names[0]]) == 2
    assert "is not the plan of a sweep" in capsys.readouterr().err


def test_equal_samples_are_planned_when_the_method_has_its_row(tmp_path):
    options = {"equal_samples": True, "max_iterations": 3000, "hidden_features": 32}
    grid = read_grid(write_grid(tmp_path, **options))
    rows = tmp_path / "rows"
    before = plan.make_plan(grid, rows)
    assert len(before) == 7
    path = plan.write_plan(grid, before, rows)
    assert one_row.main([str(path), before[0].name]) == 0
    row = rows_in(rows).read(before[0].job.key)
    assert row is not None
    assert row["lossless"]
    after = plan.make_plan(grid, rows)
    assert len(after) == 13
    assert {one.job.case.budget.max_iterations for one in after[7:]} == {8 * row["iterations"]}


def test_a_folder_that_cannot_be_written_is_one_sentence(planned, capsys, monkeypatch):
    """The rows that are there stay as they are."""
    path, names = planned
    assert one_row.main([str(path), names[0]]) == 0
    whole = (path.parent / f"{names[0]}.json").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("lossless_inr_lite.files.os.replace", full)
    assert one_row.main([str(path), names[1]]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert (path.parent / f"{names[0]}.json").read_bytes() == whole
    assert not (path.parent / f"{names[1]}.json").exists()
    monkeypatch.undo()
    assert one_row.main([str(path), names[1]]) == 0


# Whole sweeps ------------------------------------------------------------------------------------


def test_the_requirements_are_those_of_the_extra():
    import tomllib

    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = (ROOT / "workflow" / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert content["project"]["optional-dependencies"]["scale"] == ["pyarrow>=17", *wanted]


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("tables", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--profile", "huge"],
            "unknown profile 'huge': allowed are cpu, evidence, lite, paper, smoke",
        ),
        (["--profile", "smoke", "--tables", "1 4"], "unknown table of the grid '4'"),
        (["--profile", "smoke", "--cores", "0"], "cores is 0"),
        (["--grid", "nowhere.yaml"], "cannot read nowhere.yaml"),
    ],
)
def test_bad_options_are_one_sentence(script, tmp_path, capsys, options, message):
    assert script.main([*options, "--rows", str(tmp_path / "rows")]) == 2
    assert message in capsys.readouterr().err


def test_a_dry_run_counts_what_is_missing(script, tmp_path, capsys):
    options = ["--grid", str(write_grid(tmp_path)), "--rows", str(tmp_path / "rows"), "--dry-run"]
    assert script.main(options) == 1
    assert "7 of 7 rows are missing" in capsys.readouterr().out


def tables(folder: Path, *options: str) -> list[str]:
    return [
        sys.executable,
        str(SCRIPT),
        "--grid",
        str(folder / "grid.yaml"),
        "--rows",
        str(folder / "rows"),
        "--cores",
        "2",
        *options,
    ]


def rows_of(folder: Path) -> list[Path]:
    return [path for path in (folder / "rows").glob("*.json") if path.name != plan.PLAN]


def kill_one_job(folder: Path) -> None:
    """Kill a process that makes a row, and wait until there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for process in Path("/proc").iterdir():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"lossless_inr_lite.companion.one_row" in words and any(
                str(folder).encode() in word for word in words
            ):
                os.kill(int(process.name), signal.SIGKILL)
                return
        time.sleep(0.05)
    pytest.fail("no job was running")


@pytest.mark.skipif(not ENGINE.is_file(), reason="Snakemake is not in .venv-scale")
def test_a_killed_sweep_loses_nothing(tmp_path):
    """Two jobs, then the whole command: the next one makes what is missing, and only that.

    PICTURES=4 in the environment makes it a sweep of 24 jobs.
    """
    signals = ["astronaut", "coffee", "rocket", "chelsea"][: int(os.environ.get("PICTURES", "1"))]
    methods = ["bit-planes", "SIREN", "FINER", "Gauss", "WIRE", "ReLU+PE"]
    whole = len(signals) * len(methods)
    write_grid(tmp_path, signals=signals, methods=methods, retries=0, max_iterations=200)
    first = subprocess.Popen(tables(tmp_path), start_new_session=True)
    for _ in range(2):
        kill_one_job(tmp_path)
        time.sleep(1)
    while not rows_of(tmp_path) and first.poll() is None:
        time.sleep(0.1)
    os.kill(first.pid, signal.SIGKILL)
    subprocess.run(["pkill", "-9", "-g", str(first.pid)], check=False)
    first.wait()
    kept = {path: path.stat().st_mtime_ns for path in rows_of(tmp_path)}
    assert 0 < len(kept) < whole
    done = subprocess.run(tables(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Table 1: {whole} of {whole} rows" in done.stdout
    assert len(rows_of(tmp_path)) == whole
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    labels = [json.loads(path.read_text())["key"]["label"] for path in rows_of(tmp_path)]
    assert len(set(labels)) == whole


@pytest.mark.skipif(not ENGINE.is_file(), reason="Snakemake is not in .venv-scale")
def test_a_job_that_fails_is_told_and_the_others_go_on(tmp_path):
    """A damaged row is an error of its own job; the tables then say what is missing."""
    write_grid(tmp_path, methods=["bit-planes", "SIREN"], retries=0)
    grid = read_grid(tmp_path / "grid.yaml")
    rows = tmp_path / "rows"
    first, _ = plan.make_plan(grid, rows)
    (rows / PARTS).mkdir(parents=True)
    (rows / PARTS / first.name).write_text("a file where the fit's folder has to be")
    done = subprocess.run(tables(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Table 1: 1 of 2 rows" in done.stdout
    assert "error:" in (rows / "logs" / f"{first.name}.txt").read_text()
    content = json.loads((rows / "tables" / "table1.json").read_text())
    assert content["missing"] == [first.job.label]
