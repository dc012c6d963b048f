"""What a file says of its samples travels with them: into networks, containers and back."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.codec import decode as decode_container
from lossless_inr_lite.codec import encode
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.fields import checked
from lossless_inr_lite.signals import Signal, SignalSpec
from lossless_inr_lite.signals.formats.picture import Source
from lossless_inr_lite.signals.meaning import (
    MAX_PROFILE,
    NEEDED,
    PLAIN,
    Meaning,
    described,
    not_held,
    profile_text,
)

# One value for each field that is not its default.
SAID = {
    "white": 100,
    "colours": "white_is_zero",
    "alpha": "associated",
    "orientation": 6,
    "rescale": (1.0, -1024.0),
    "icc_profile": profile_text(b"a profile"),
    "channel_mask": 0x3F,
    "valid_bits": 20,
}


def grey(meaning: Meaning = PLAIN) -> Signal:
    samples = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    return Signal(samples, 7, "grey", meaning=meaning)


def test_every_field_of_a_meaning_is_tried():
    assert {field.name for field in fields(Meaning)} == set(SAID)


@pytest.mark.parametrize("field", SAID)
def test_a_meaning_travels_through_json(field):
    meaning = Meaning(**{field: SAID[field]})
    text = json.dumps(meaning.facts)
    assert checked(Meaning, json.loads(text), "it") == meaning
    assert list(meaning.facts) == [field]
    assert described(meaning, field)


def test_a_plain_meaning_says_nothing():
    assert PLAIN.facts == {}
    assert "meaning" not in grey().spec.facts
    assert grey(Meaning(white=100)).spec.facts["meaning"] == {"white": 100}


def test_a_meaning_is_bounded():
    largest = profile_text(bytes(MAX_PROFILE))
    assert Meaning(icc_profile=largest).profile == bytes(MAX_PROFILE)
    for facts in (
        {"icc_profile": largest + "AAAA"},
        {"icc_profile": "no base64!"},
        {"white": 0},
        {"orientation": 9},
        {"colours": "pink"},
        {"rescale": [1.0]},
        {"loudness": 3},
    ):
        with pytest.raises(InputError):
            checked(Meaning, facts, "it")


@pytest.mark.parametrize("field", SAID)
def test_what_cannot_be_held_is_refused_or_told(field):
    meaning = Meaning(**{field: SAID[field]})
    assert not_held("x.png", meaning, frozenset({field})) == ()
    if field in NEEDED:
        with pytest.raises(InputError, match=r"x\.png cannot hold"):
            not_held("x.png", meaning, frozenset())
    else:
        assert not_held("x.png", meaning, frozenset()) == (described(meaning, field),)


@pytest.mark.parametrize("suffix", [".safetensors", ".trits"])
def test_a_network_keeps_the_meaning(tmp_path, suffix):
    meaning = Meaning(**{name: SAID[name] for name in ("white", "orientation", "icc_profile")})
    recipe = "ternary" if suffix == ".trits" else "fast"
    signal = grey(meaning)
    fit = lil.fit(signal, recipe=recipe, hidden_features=16, max_iterations=5, certify=False)
    path = lil.save(fit, tmp_path / f"x{suffix}")
    assert lil.decode(path).spec.meaning == meaning


def test_a_container_keeps_the_meaning_of_each_picture():
    signals = [
        replace(grey(), name="plain.pgm"),
        replace(grey(Meaning(white=100)), name="white.pgm"),
        replace(grey(Meaning(orientation=3)), name="turned.png"),
        replace(grey(), name="plain2.pgm"),
    ]
    restored = decode_container(encode(signals))
    assert [signal.spec for signal in restored] == [signal.spec for signal in signals]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(signals, restored, strict=True))


def test_verify_counts_a_meaning_that_the_file_could_say(tmp_path, capsys):
    (tmp_path / "x.pgm").write_bytes(b"P5\n2 2\n100\n" + bytes([0, 50, 99, 100]))
    (tmp_path / "other.pgm").write_bytes(b"P5\n2 2\n127\n" + bytes([0, 50, 99, 100]))
    network = tmp_path / "x.safetensors"
    assert main(["fit", str(tmp_path / "x.pgm"), "-o", str(network)]) == 0
    assert main(["verify", str(network), str(tmp_path / "x.pgm")]) == 0
    assert main(["verify", str(network), str(tmp_path / "other.pgm")]) == 1
    assert "white" in capsys.readouterr().out
    assert main(["decode", str(network), "-o", str(tmp_path / "back.pgm")]) == 0
    assert (tmp_path / "back.pgm").read_bytes() == (tmp_path / "x.pgm").read_bytes()
    for suffix in (".png", ".tif"):
        assert main(["decode", str(network), "-o", str(tmp_path / f"back{suffix}")]) == 2
        assert not (tmp_path / f"back{suffix}").exists()


@pytest.mark.parametrize(
    ("page", "count", "found"), [(None, 1, 0), (0, 1, 0), (2, 3, 2), (0, 3, 0)]
)
def test_a_page_is_chosen(page, count, found):
    assert Source("x.tif", b"", 1, page=page).chosen_page(count) == found


@pytest.mark.parametrize(
    ("page", "count", "message"),
    [
        (None, 3, "x.tif holds 3 frames: choose one with --page 0 to 2"),
        (3, 3, "x.tif has no page 3: allowed are 0 to 2"),
        (1, 1, "x.tif has no page 1: only 0 is there"),
        (-1, 3, "x.tif has no page -1: allowed are 0 to 2"),
    ],
)
def test_a_page_must_be_there(page, count, message):
    with pytest.raises(InputError, match=message):
        Source("x.tif", b"", 1, page=page).chosen_page(count, "frames")


def test_specs_with_and_without_meaning_differ():
    plain = SignalSpec("x", (2, 2, 1), 7)
    assert plain != replace(plain, meaning=Meaning(white=100))
