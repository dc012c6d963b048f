"""The command line: what it prints, its exit codes, and what it refuses."""

import json

import numpy as np
import pytest
import soundfile

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.signals.image_files import write_image

FIT = ["--recipe", "paper", "--hidden-features", "24", "--hidden-layers", "2", "--seed", "1"]


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    write_image(path, lil.load_image("coffee", size=5).samples, 8)
    return path


@pytest.fixture(scope="module")
def fitted(photo):
    out = photo.with_name("net.safetensors")
    assert main(["fit", str(photo), "-o", str(out), *FIT]) == 0
    return out


def test_fit_verify_decode_info(photo, fitted, tmp_path, capsys):
    assert main(["verify", str(fitted), str(photo)]) == 0
    assert "identical: all 75 samples of 8 bits" in capsys.readouterr().out
    out = tmp_path / "back.png"
    assert main(["decode", str(fitted), "-o", str(out)]) == 0
    assert np.array_equal(lil.load_image(out).samples, lil.load_image(photo).samples)
    capsys.readouterr()
    assert main(["info", str(fitted)]) == 0
    facts = json.loads(capsys.readouterr().out)
    _, header = lil.read_model(fitted)
    assert facts["lossless"] is True
    assert facts["num_parameters"] == 3 * 24 + 24 + 2 * (24 * 24 + 24) + 24 * 3 + 3
    assert facts["num_bits"] == 8
    assert facts["shape"] == [5, 5, 3]
    assert facts["formulation"] == "bit_coordinate"
    assert facts["network"] == "siren"
    assert facts["recipe"] == "paper"
    assert facts["sha256_samples"] == lil.load_image(photo).sha256
    assert facts["sha256_weights"] == header.sha256_weights
    assert facts["smallest_margin"] > 0


def test_info_of_a_picture_is_its_genuineness(photo, capsys):
    assert main(["info", str(photo)]) == 0
    assert json.loads(capsys.readouterr().out)["genuineness"]["num_bits"] == 8


def test_verify_tells_what_differs(photo, fitted, tmp_path, capsys):
    changed = lil.load_image(photo).samples.copy()
    changed[2, 3, 1] ^= 4
    write_image(tmp_path / "c.png", changed, 8)
    assert main(["verify", str(fitted), str(tmp_path / "c.png")]) == 1
    assert "1 of 75 samples, the first at (2, 3, 1)" in capsys.readouterr().out
    write_image(tmp_path / "d.png", changed.astype(np.uint16), 16)
    assert main(["verify", str(fitted), str(tmp_path / "d.png")]) == 1
    assert "num_bits is 8" in capsys.readouterr().out
    assert main(["verify", str(fitted), "astronaut"]) == 1
    assert "--size 5" in capsys.readouterr().out


def test_a_budget_that_ends_first_keeps_the_file(photo, tmp_path, capsys):
    out = tmp_path / "o.safetensors"
    assert main(["fit", str(photo), "-o", str(out), "--max-iterations", "3", *FIT]) == 3
    assert "NOT lossless (max_iterations)" in capsys.readouterr().out
    assert main(["info", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["lossless"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "missing.png", "-o", "o.safetensors"], "missing.png does not exist"),
        (["fit", "astronaut", "-o", "o.png"], "suffix .safetensors is needed"),
        (["fit", "missing.png", "-o", "new/o.safetensors"], "missing.png does not exist"),
        (
            ["fit", "astronaut", "--hidden-layers", "10000000", "-o", "o.safetensors"],
            "integers from 1 to 64",
        ),
        (
            ["fit", "astronaut", "-o", "/proc/none/o.safetensors"],
            "cannot write into the folder /proc/none",
        ),
        (["fit", "astronaut", "--size", "900", "-o", "o.safetensors"], "size 900 is larger"),
        (["fit", "astronaut", "--network", "mlp", "-o", "o.safetensors"], "unknown network 'mlp'"),
        (["fit", "astronaut", "--num-bits", "16", "-o", "o.safetensors"], "not the 16"),
        (["fit", "astronaut", "--max-pixels", "10", "-o", "o.safetensors"], "--max-pixels"),
        (["decode", "missing.safetensors", "-o", "o.png"], "cannot read missing.safetensors"),
        (["verify", "missing.safetensors", "astronaut"], "cannot read missing.safetensors"),
        (["info", "missing.png"], "missing.png does not exist"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("o.wav", "error: cannot write pictures as 'o.wav'"),
        ("o.gif", "error: cannot write pictures as 'o.gif'"),
        ("o.pgm", "error: o.pgm cannot hold 3 channels"),
    ],
)
def test_decode_to_a_wrong_kind_writes_nothing(fitted, tmp_path, capsys, name, message):
    assert main(["decode", str(fitted), "-o", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_sound_goes_all_the_way(tmp_path):
    samples = (np.sin(np.arange(60) / 5) * 20000).astype(np.int16)[:, None]
    soundfile.write(tmp_path / "s.wav", samples, 8000, "PCM_16")
    out = tmp_path / "s.safetensors"
    assert main(["fit", str(tmp_path / "s.wav"), "-o", str(out)]) == 0
    assert main(["verify", str(out), str(tmp_path / "s.wav")]) == 0
    assert main(["decode", str(out), "-o", str(tmp_path / "b.wav")]) == 0
    assert main(["verify", str(out), str(tmp_path / "b.wav")]) == 0
