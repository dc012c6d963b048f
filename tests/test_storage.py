"""A damaged, foreign or newer file is one clear error, whatever byte is wrong.

Nothing is written then.
"""

import hashlib
import json

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lossless_inr_lite as lil
from lossless_inr_lite.storage.certificate import certificate_path, read_certificate


@pytest.fixture(scope="module")
def saved(tmp_path_factory, tiny_fit):
    return lil.save(tiny_fit, tmp_path_factory.mktemp("saved") / "tiny.safetensors")


def test_the_same_fit_gives_the_same_bytes(tmp_path, saved, tiny_fit):
    assert lil.save(tiny_fit, tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_the_header_is_small_and_tells_the_run(saved, tiny):
    _, header = lil.read_model(saved)
    assert int.from_bytes(saved.read_bytes()[:8], "little") < 16_384
    assert header.shape == (4, 4, 3)
    assert header.num_bits == 8
    assert header.sha256_samples == tiny.sha256
    assert header.formulation == "bit_coordinate"
    assert header.network == "siren"
    assert header.recipe == "paper"
    assert header.seed == 1
    assert header.num_parameters == 3 * 24 + 24 + 2 * (24 * 24 + 24) + 24 * 3 + 3


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(saved, tmp_path, position, bit):
    data = bytearray(saved.read_bytes())
    data[int(position * len(data))] ^= 1 << bit
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(data)
    with pytest.raises(lil.FileFormatError, match=r"broken\.safetensors"):
        lil.read_model(broken)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bit=st.integers(0, 8 * 1500))
def test_any_flipped_bit_of_the_header_is_noticed(saved, tmp_path, bit):
    data = bytearray(saved.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(data)
    with pytest.raises(lil.FileFormatError, match=r"broken\.safetensors"):
        lil.read_model(broken)


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_an_error(saved, tmp_path, share):
    data = saved.read_bytes()
    broken = tmp_path / "cut.safetensors"
    broken.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(lil.FileFormatError, match=r"cut\.safetensors"):
        lil.decode(broken)


def rewritten(saved, tmp_path, change):
    """The file with its header changed by `change`, all checksums right again."""
    data = saved.read_bytes()
    length = int.from_bytes(data[:8], "little")
    envelope = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["lossless_inr_lite"])
    header = json.loads(envelope["header"])
    change(envelope, header)
    envelope["header"] = json.dumps(header)
    envelope["sha256"] = hashlib.sha256(envelope["header"].encode()).hexdigest()
    path = tmp_path / "changed.safetensors"
    metadata = {"lossless_inr_lite": json.dumps(envelope)}
    path.write_bytes(safetensors.torch.save(safetensors.torch.load(data), metadata))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e, h: e.update(version=2), "format version 2, this package reads up to 1"),
        (lambda e, h: e.update(version="1"), "does not match its checksum"),
        (lambda e, h: h.update(shape=[2**20, 2**20, 3]), "out of bounds"),
        (lambda e, h: h.update(hidden_features=60_000), "not those of the network it declares"),
        (lambda e, h: h.update(hidden_layers=10**9), "hidden_layers"),
        (lambda e, h: h.update(num_bits=64), "num_bits"),
        (lambda e, h: h.update(network="__import__"), "unknown network"),
        (lambda e, h: h.update(surprise=1), "surprise"),
        (lambda e, h: h.pop("loss"), "loss"),
        (lambda e, h: h.update(name="x" * 20_000), "header of"),
        (lambda e, h: h.update(options={"groups": 1.0}), "unknown option of siren 'groups'"),
        (lambda e, h: h.update(shape=[8192, 8192, 4096]), "out of bounds"),
        (lambda e, h: h.update(sample_rate=8000), "does not suit a sound"),
    ],
)
def test_a_hostile_header_is_an_error(saved, tmp_path, change, message):
    with pytest.raises(lil.FileFormatError, match=message):
        lil.read_model(rewritten(saved, tmp_path, change))


def test_foreign_files_are_errors(tmp_path):
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"w": torch.zeros(3)}, other)
    with pytest.raises(lil.FileFormatError, match="not one of lossless_inr_lite"):
        lil.read_model(other)
    other.write_bytes(b"\x80\x04pickle, perhaps")
    with pytest.raises(lil.FileFormatError, match="truncated, or not a safetensors file"):
        lil.read_model(other)
    with pytest.raises(lil.FileFormatError, match="cannot read"):
        lil.read_model(tmp_path / "missing.safetensors")


def test_a_certificate_holds_for_its_weights_only(saved, tmp_path, tiny):
    _, header = lil.read_model(saved)
    found = read_certificate(saved, header.sha256_weights)
    assert found is not None
    assert found.lossless
    assert found.sha256_weights == header.sha256_weights
    assert found.sha256_samples == tiny.sha256
    assert found.smallest_margin > 0
    assert found.file_bytes == saved.stat().st_size
    assert {way["precision"] for way in found.ways} == {"float32", "float64"}
    assert all(way["wrong_bits"] == 0 for way in found.ways)
    assert read_certificate(saved, "0" * 64) is None
    other = lil.fit(
        tiny, recipe="paper", hidden_features=24, hidden_layers=2, max_iterations=2, certify=False
    )
    path = tmp_path / "other.safetensors"
    certificate_path(path).write_bytes(certificate_path(saved).read_bytes())
    lil.save(other, path)
    assert read_certificate(path, lil.read_model(path)[1].sha256_weights) is None


def test_a_file_of_the_users_is_not_taken_for_a_certificate(tmp_path, tiny_fit):
    mine = tmp_path / "photo.json"
    mine.write_text('{"camera": "mine"}')
    with pytest.raises(lil.InputError, match="is not a certificate and would be overwritten"):
        lil.save(tiny_fit, tmp_path / "photo.safetensors")
    assert mine.read_text() == '{"camera": "mine"}'
    assert not (tmp_path / "photo.safetensors").exists()


@pytest.mark.parametrize("content", ["[" * 100_000, "{}", '{"lossless": "no"}', "", "null"])
def test_a_malformed_certificate_is_none(saved, tmp_path, content):
    path = tmp_path / "c.safetensors"
    path.write_bytes(saved.read_bytes())
    certificate_path(path).write_text(content)
    assert read_certificate(path, lil.read_model(path)[1].sha256_weights) is None


def test_saving_is_all_or_nothing(tmp_path, tiny_fit, monkeypatch):
    path = lil.save(tiny_fit, tmp_path / "f.safetensors")
    before = path.read_bytes()

    def broken(*_):
        raise RuntimeError("disk full")

    monkeypatch.setattr(safetensors.torch, "save", broken)
    with pytest.raises(RuntimeError):
        lil.save(tiny_fit, path)
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {"f.safetensors", "f.json"}
    with pytest.raises(lil.InputError, match=r"suffix \.safetensors"):
        lil.save(tiny_fit, tmp_path / "f.pt")
