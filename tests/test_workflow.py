"""Commands of the workflow folder."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from lossless_inr_lite.companion.paths import ROOT
from lossless_inr_lite.networks.integer_tables import gelu_table, sine_table


def load(name: str) -> ModuleType:
    """A script of the workflow folder, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "workflow" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_gpu_check_fits_by_the_papers_recipe(tmp_path):
    """On the CPU, small: the recipe and the formulation are the paper's, whatever the device."""
    output = tmp_path / "check.json"
    arguments = ["--device", "cpu", "--size", "5", "--hidden-features", "24"]
    code = load("check_gpu").main([*arguments, "--output", str(output)])
    fits = json.loads(output.read_text())["fits"]
    assert code == 0
    assert fits["paper"]["recipe"] == "paper"
    assert fits["paper"]["model"]["formulation"] == "bit_coordinate"
    assert fits["paper"]["model"]["hidden_layers"] == 5
    assert fits["fast"]["recipe"] == "fast"
    assert all(fit["lossless"] for fit in fits.values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_the_check_says_so(capsys, tmp_path):
    assert load("check_gpu").main(["--output", str(tmp_path / "check.json")]) == 0
    assert capsys.readouterr().out.startswith("skipped: ")
    assert not list(tmp_path.iterdir())


def test_the_integer_tables_are_those_of_40_digits():
    tables = load("make_integer_tables")
    quarter = tables.sine_quarter()
    assert np.array_equal(sine_table()[: len(quarter)], quarter)
    assert np.array_equal(gelu_table(), tables.gelu())


def test_large_files_are_refused(tmp_path):
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(600_000))
    command = [sys.executable, str(ROOT / "workflow" / "no_large_files.py")]
    refused = subprocess.run([*command, str(large)], capture_output=True, text=True)
    assert refused.returncode == 1
    assert "large.bin has 600000 bytes" in refused.stdout
    small = subprocess.run([*command, str(Path(__file__))], capture_output=True, text=True)
    assert small.returncode == 0
