"""One fit of a table at a time: resumable, within a time, each row whole."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from stub_rows import on_pictures

import lossless_inr_lite as lil
from lossless_inr_lite.companion import evidence_record, paper_tables, sweep
from lossless_inr_lite.companion.claims import paper_claims
from lossless_inr_lite.companion.grid import Grid, jobs_of
from lossless_inr_lite.companion.jobs import missing_jobs, rows_in
from lossless_inr_lite.companion.paper_tables import OURS, stages, table1, table3, template
from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.signals import write_image

CLAIMS = {claim.id for claim in paper_claims()}
SCRIPT = ROOT / "workflow" / "gpu_tables.py"


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Two pictures of 8 bits and one of 16, and limits that are soon reached."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, num_bits in (("a.png", 8), ("b.png", 8), ("deep.png", 16)):
        dtype = np.uint8 if num_bits == 8 else np.uint16
        samples = rng.integers(0, 2**num_bits, (5, 5, 3)).astype(dtype)
        write_image(folder / name, samples, num_bits)
    monkeypatch.setattr(paper_tables, "BASELINE_ITERATIONS", {8: 3, 16: 4})
    monkeypatch.setattr(paper_tables, "SIREN_ITERATIONS", 2)
    monkeypatch.setattr(paper_tables, "METHOD_LIMIT", 30)
    return folder


def cases(folder: Path, names=("a.png", "b.png", "deep.png")):
    return [template(str(folder / name), 4, 8) for name in names]


def test_the_most_valuable_jobs_come_first(pictures):
    order = stages(cases(pictures), 1)
    assert {Path(job.case.signal).name for job in order.first} == {"a.png"}
    assert {Path(job.case.signal).name for job in order.others} == {"b.png"}
    assert [job.table for job in order.first] == ["1"] * 7 + ["3"] * 4
    assert order.first[0].case.method == OURS
    assert {job.table for job in order.colours} == {"8"}
    assert {Path(job.case.signal).name for job in order.deep} == {"deep.png"}
    labels = [job.label for job in (*order.first, *order.others, *order.colours, *order.deep)]
    assert len(set(labels)) == len(labels)


def test_tables_have_the_papers_settings():
    case = template("astronaut", 256, 512)
    jobs = {job.case.method: job.case for job in (*table1(case), *table3(case))}
    assert jobs[OURS].architecture.formulation == "bit_coordinate"
    assert jobs["SIREN"].budget.max_iterations == 1000
    assert jobs["n = 8"].budget.max_iterations == 5000
    assert jobs["n = 2"].architecture.formulation == "digits_2"
    assert {one.learning_rate for one in jobs.values()} == {1e-4}
    assert {one.architecture.hidden_features for one in jobs.values()} == {512}


def test_a_row_is_made_once(pictures, tmp_path, monkeypatch):
    job = table1(cases(pictures)[0])[0]
    row = sweep.run_job(job, tmp_path / "rows")
    assert row is not None
    assert row["iterations"] <= 30
    assert row["table"] == "1"
    assert row["environment"]["threads"] >= 1
    monkeypatch.setattr(sweep, "fit", lambda *_, **__: pytest.fail("it was fitted again"))
    again = sweep.run_job(job, tmp_path / "rows")
    assert again is not None
    assert again["wrong_bits"] == row["wrong_bits"]
    assert missing_jobs([job], tmp_path / "rows") == []


def test_a_job_without_time_keeps_its_state_and_goes_on(pictures, tmp_path):
    job = table1(cases(pictures)[0])[0]
    undisturbed = sweep.run_job(job, tmp_path / "whole")
    folder = tmp_path / "rows"
    assert sweep.run_job(job, folder, max_seconds=1e-9) is None
    assert missing_jobs([job], folder) == [job]
    assert len(list((folder / sweep.PARTS).rglob("*.safetensors"))) == 1
    row = sweep.run_job(job, folder)
    assert row is not None
    assert undisturbed is not None
    for name in ("iterations", "samples_seen", "flops", "wrong_bits", "ber_planes"):
        assert row[name] == undisturbed[name]
    assert not list((folder / sweep.PARTS).rglob("*.safetensors"))


def test_a_row_of_another_picture_is_not_taken(pictures, tmp_path):
    first, second = cases(pictures)[:2]
    sweep.run_job(table1(first)[1], tmp_path / "rows")
    assert len(missing_jobs([table1(first)[1], table1(second)[1]], tmp_path / "rows")) == 1


def test_expected_flops_are_those_of_a_fit(pictures, tmp_path):
    job = table1(cases(pictures)[0])[1]
    row = sweep.run_job(job, tmp_path / "rows")
    assert row is not None
    last = row["history"][-1]
    assert last["flops"] == sweep.expected_flops(job)


def test_the_script_runs_without_the_books_packages(tmp_path):
    """Whatever it reads of the checkout, it imports only what stands in its first lines."""
    hidden = ("papermill", "IPython", "imagecodecs", "soundfile", "pydantic", "matplotlib")
    code = (
        "import sys, runpy\n"
        f"for name in {hidden}: sys.modules[name] = None\n"
        f"sys.argv = [{str(SCRIPT)!r}, '--help']\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--minutes" in done.stdout


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("gpu_tables", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_stops_in_time_and_goes_on(pictures, tmp_path, capsys, script):
    rows = tmp_path / "rows"
    arguments = ["--signals", str(pictures), "--output", str(rows), "--size", "4"]
    arguments += ["--hidden-features", "8", "--device", "cpu", "--first", "1"]
    assert script.main([*arguments, "--minutes", "0"]) == 0
    assert "left: 21 rows of Table 1" in capsys.readouterr().out
    assert not list(rows.glob("*.json"))
    assert script.main([*arguments, "--minutes", "1000"]) == 0
    out = capsys.readouterr().out
    assert out.index("Table 1, a, bit-planes") < out.index("Table 3, b")
    assert "(bound 0.0 s)" in out
    assert "nothing is left" in out
    made = [json.loads(path.read_text())["row"]["table"] for path in rows.glob("*.json")]
    assert sorted(made) == ["1"] * 21 + ["3"] * 8 + ["8"] * 2


def test_equal_samples_follow_from_the_methods_own_row(pictures, tmp_path, script):
    case = cases(pictures)[0]
    rows = tmp_path / "rows"
    options = SimpleNamespace(output=rows, first=1)
    assert script.equal_samples([case], rows) == []
    row = sweep.run_job(table1(case.varied(max_iterations=20_000))[0], rows)
    assert row is not None
    jobs = script.equal_samples([case.varied(max_iterations=20_000)], rows)
    assert len(jobs) == (6 if row["lossless"] else 0)
    assert row["lossless"]
    assert {job.case.budget.max_iterations for job in jobs} == {8 * row["iterations"]}
    assert len(list(script.jobs_in_order([case], options))) == 12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--signals", "nowhere"), "nowhere is no folder: a folder with pictures is needed"),
        ((), "holds no picture"),
        (("--device", "tpu"), "unknown device 'tpu'"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, capsys, script, change, message):
    base = ("--signals", str(tmp_path), "--output", str(tmp_path / "rows"), "--minutes", "1")
    assert script.main([*base, *change]) == 2
    assert message in capsys.readouterr().err


# The evidence ------------------------------------------------------------------------------------


def sweep_row(table, method, iterations, lossless=True, ber=0.0, rate=1e-4):
    return {
        "table": table,
        "method": method,
        "learning_rate": rate,
        "signal": {"name": "p", "sha256": "p", "num_bits": 8, "shape": [8, 8, 3]},
        "model": {"hidden_features": 8},
        "stopped": "lossless" if lossless else "max_iterations",
        "lossless": lossless,
        "iterations": iterations,
        "samples_seen": 64 * iterations,
        "seconds": 1.0,
        "metrics": {"ber": ber, "psnr": None},
        "ber_planes": [ber] * 8,
        "history": [{"iteration": iterations, "seconds": 1.0, "ber_planes": [ber] * 8}],
        "made": {"seconds": 1.0, "commit": "a", "code": "1"},
    }


def test_rows_of_a_sweep_decide_the_tables():
    printed = {"Tanh+PE": 0.4, "ReLU+PE": 0.3, "WIRE": 0.2, "Gauss": 0.15, "SIREN": 0.1}
    rows = [sweep_row("1", "bit-planes", 700)]
    for name, ber in (printed | {"FINER": 0.05}).items():
        rows.append(sweep_row("1", name, 1000, False, ber))
        rows.append(sweep_row("1", f"{name}, equal samples", 5600))
    for bits, iterations in ((1, 1200), (2, 1300), (4, 3800)):
        rows.append(sweep_row("3", f"n = {bits}", iterations))
    rows.append(sweep_row("3", "n = 8", 6000))
    rows.append(sweep_row("8", "(h, w, i, c)", 1400))
    fits = {str(i): row for i, row in enumerate(on_pictures(rows))}
    said = {one.id: one.verdict for one in evidence_record.verdicts({"fits": fits})}
    papers = {name: word for name, word in said.items() if name in CLAIMS}
    assert papers.pop("fig5") == "not attempted"
    assert set(papers.values()) == {"reproduced"}
    assert papers.keys() >= {"table1/Kodak/order", "table3/SIREN/8", "fig8", "table8/hwic"}
    assert said["rate-paper-8-bits-no-baseline-is-lossless-after-as-many-samples-seen"] == (
        "does not hold"
    )


def test_best_rates_are_found_on_pictures_that_are_not_judged(tmp_path):
    grid = Grid(
        signals=["astronaut"],
        tables=["8"],
        size=8,
        hidden_features=8,
        tuned_on=["coffee"],
        tuning_rates=[1e-4, 1e-3],
        max_iterations=2,
    )
    jobs = jobs_of(grid, tmp_path)
    assert [(job.case.signal, job.case.learning_rate) for job in jobs] == [
        ("astronaut", 1e-4),
        ("coffee", 1e-4),
        ("coffee", 1e-3),
    ]
    for job, ber in zip(jobs[1:], (0.4, 0.1), strict=True):
        row = {"metrics": {"ber": ber}, "iterations": 2}
        rows_in(tmp_path).write(job.key, row, 1.0)
    added = jobs_of(grid, tmp_path)[3:]
    assert [(job.case.signal, job.case.learning_rate) for job in added] == [("astronaut", 1e-3)]
    with pytest.raises(lil.InputError, match="judges coffee and tunes on it"):
        jobs_of(grid.model_copy(update={"signals": ["coffee"]}), tmp_path)
