"""Rows are collected by table; what is no row is an error that names the file."""

import json

import pytest

from lossless_inr_lite.companion.collect import collect, main, read_rows
from lossless_inr_lite.companion.rows import RowCache, RowKey
from lossless_inr_lite.errors import InputError


def keep(folder, label, table="1", entry="lossless_inr_lite.companion.sweep"):
    key = RowKey(label, {"table": table}, "0" * 64)
    cache = RowCache(folder, (entry,))
    cache.write(key, {"lossless": True}, 1.0)
    return cache.path(key)


def test_one_file_a_table(tmp_path, capsys):
    keep(tmp_path / "here", "table1/b")
    keep(tmp_path / "there", "table1/a")
    keep(tmp_path / "there", "table3/a", "3")
    folders = [str(tmp_path / "here"), str(tmp_path / "there")]
    assert main([*folders, "--output", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == "Table 1: 2 rows\nTable 3: 1 row\n"
    rows = json.loads((tmp_path / "out" / "table1.json").read_text())["rows"]
    assert [row["key"]["label"] for row in rows] == ["table1/a", "table1/b"]


@pytest.mark.parametrize("damage", ["", "[]", "{}", "null", '{"key": 1}', "[" * 100_000, "\x00"])
def test_a_damaged_row_is_named_and_nothing_is_written(tmp_path, capsys, damage):
    keep(tmp_path / "rows", "table1/a")
    path = keep(tmp_path / "rows", "table1/b")
    path.write_text(damage)
    assert main([str(tmp_path / "rows"), "--output", str(tmp_path / "out")]) == 2
    assert str(path) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_renamed_row_is_refused(tmp_path):
    path = keep(tmp_path, "table1/a")
    path.rename(tmp_path / "other.json")
    with pytest.raises(InputError, match="its name says"):
        read_rows([tmp_path])


def test_the_same_fit_twice_is_refused(tmp_path):
    keep(tmp_path, "table1/a")
    keep(tmp_path, "table1/a", entry="lossless_inr_lite.errors")
    with pytest.raises(InputError, match="same fit"):
        read_rows([tmp_path])


def test_folders_without_rows_and_unknown_tables(tmp_path):
    with pytest.raises(InputError, match="no row"):
        read_rows([tmp_path])
    with pytest.raises(InputError, match="no folder"):
        read_rows([tmp_path / "none"])
    keep(tmp_path, "table99/a", "../99")
    with pytest.raises(InputError, match="Tables 1 to 9"):
        read_rows([tmp_path])


def test_the_rows_are_not_mixed_with_the_tables(tmp_path):
    keep(tmp_path, "table1/a")
    with pytest.raises(InputError, match="choose another"):
        collect([tmp_path], tmp_path)


def test_what_a_plan_names_counts_and_what_is_missing_is_listed(tmp_path, capsys):
    path = keep(tmp_path / "rows", "table1/a")
    keep(tmp_path / "rows", "table1/old")
    jobs = {
        path.stem: {"table": "1", "label": "table1/a"},
        "not-there": {"table": "1", "label": "table1/b"},
        "nor-this": {"table": "3", "label": "table3/b"},
    }
    (tmp_path / "rows" / "plan.json").write_text(json.dumps({"jobs": jobs, "settings": {}}))
    assert main([str(tmp_path / "rows"), "--output", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == "Table 1: 1 of 2 rows\nTable 3: 0 of 1 row\n"
    content = json.loads((tmp_path / "out" / "table1.json").read_text())
    assert [row["key"]["label"] for row in content["rows"]] == ["table1/a"]
    assert content["missing"] == ["table1/b"]


def test_parquet_has_a_line_a_row(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    row = {
        "table": "1",
        "method": "SIREN",
        "signal": {"name": "photo", "shape": [4, 4, 3], "num_bits": 8},
        "seed": 0,
        "learning_rate": 1e-4,
        "model": {"hidden_features": 8, "num_parameters": 99},
        "iterations": 3,
        "samples_seen": 48,
        "flops": 2**70,
        "seconds": 0.5,
        "wrong_bits": 7,
        "metrics": {"ber": 0.1, "psnr": None},
        "lossless": False,
        "stopped": "max_iterations",
    }
    key = RowKey("table1/photo", {"table": "1"}, "0" * 64)
    RowCache(tmp_path / "rows", ("lossless_inr_lite.errors",)).write(key, row, 1.0)
    collect([tmp_path / "rows"], tmp_path / "out", parquet=True)
    lines = parquet.read_table(tmp_path / "out" / "rows.parquet").to_pylist()
    assert [line["signal"] for line in lines] == ["photo"]
    assert lines[0]["flops"] == 2.0**70
    assert lines[0]["psnr"] is None
