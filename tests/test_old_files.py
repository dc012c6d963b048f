"""Files that an older version wrote: they decode to the same samples, byte for byte."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite.codec import decode, encode
from lossless_inr_lite.storage.certificate import read_certificate
from lossless_inr_lite.storage.saved import save_model

DATA = Path(__file__).parent / "data"
INFO = json.loads((DATA / "info.json").read_text(encoding="utf-8"))
SOURCES = {
    "fast_colour.safetensors": "colour.png",
    "fast_deep.safetensors": "deep.png",
    "fast_tone.safetensors": "tone.wav",
    "ternary_colour.trits": "colour.png",
}
CONTAINERS = {
    "level0.lic": ["grey24.png"],
    "level1_grey.lic": ["grey24.png", "grey.png"],
    "level1_photo.lic": ["colour24.png", "deep.png"],
    "level2_photo.lic": ["colour24.png"],
}


@pytest.mark.parametrize("name", sorted(INFO))
def test_headers_say_what_they_said(name):
    _, header = lil.read_model(DATA / name)
    said = dict(INFO[name]["info"])
    for verdict in ("lossless", "smallest_margin"):
        said.pop(verdict, None)
    assert header.facts() == said


@pytest.mark.parametrize("name", sorted(n for n in INFO if INFO[n]["sha256_words"]))
def test_networks_decode_to_the_same_words(name):
    """Exact integers, or certified floats: neither depends on the machine."""
    model, _ = lil.read_model(DATA / name)
    words, _ = model.decode()
    digest = hashlib.sha256(words.astype("<u4").tobytes()).hexdigest()
    assert digest == INFO[name]["sha256_words"]


@pytest.mark.parametrize(("name", "source"), sorted(SOURCES.items()))
def test_lossless_networks_decode_to_their_signals(name, source):
    decoded = lil.decode(DATA / name)
    signal = lil.load_signal(DATA / source)
    assert decoded.spec.facts == signal.spec.facts
    assert np.array_equal(decoded.samples, signal.samples)


@pytest.mark.parametrize("name", ["fast_colour.safetensors", "ternary_colour.trits"])
def test_certificates_are_still_those_of_their_files(name):
    _, header = lil.read_model(DATA / name)
    certificate = read_certificate(DATA / name, header.sha256_weights)
    assert certificate is not None
    assert certificate.lossless
    assert certificate.file_bytes == (DATA / name).stat().st_size


@pytest.mark.parametrize("name", sorted(n for n in INFO if n.endswith(".safetensors")))
def test_a_network_is_saved_again_to_the_same_bytes(name, tmp_path):
    model, header = lil.read_model(DATA / name)
    run = ("package_version", "recipe", "seed", "iterations", "wrong_bits", "sha256_samples")
    facts = {field: getattr(header, field) for field in run}
    save_model(tmp_path / name, model, facts)
    assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


@pytest.mark.parametrize(("name", "sources"), sorted(CONTAINERS.items()))
def test_containers_hold_the_same_pictures(name, sources):
    found = decode((DATA / name).read_bytes())
    assert [signal.name for signal in found] == sources
    for signal, source in zip(found, sources, strict=True):
        assert np.array_equal(signal.samples, lil.load_image(DATA / source).samples)


@pytest.mark.parametrize("name", ["level1_grey.lic", "level1_photo.lic"])
def test_pictures_are_coded_to_the_same_bytes(name):
    data = (DATA / name).read_bytes()
    assert encode(decode(data)) == data
