"""What is handed to the library from Python: a wrong type is one sentence, before any work."""

import importlib
import math
from pathlib import Path

import numpy as np
import pytest

import lossless_inr_lite as lil
from lossless_inr_lite import InputError
from lossless_inr_lite.codec import decode, encode
from lossless_inr_lite.codec.files import compress_files, decompress_file
from lossless_inr_lite.errors import counted, shown
from lossless_inr_lite.expansion import expand_signal
from lossless_inr_lite.signals import write_audio, write_image

FIT = importlib.import_module("lossless_inr_lite.training.fit")
SAMPLES = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
SIGNAL = lil.Signal(SAMPLES, 8, "steps")
SOUND = np.zeros((8, 1), np.int16)
NO_PATHS = [None, 3, 1.5, b"a.png", ["a.png"], True, object()]
NO_SIGNALS = [None, 3, "photo.png", SAMPLES, [SIGNAL], SIGNAL.spec]


@pytest.fixture(autouse=True)
def no_work(monkeypatch):
    """Nothing that costs time begins."""
    monkeypatch.setattr(FIT, "warm_up", lambda: pytest.fail("the fit began"))


def refused(call, *arguments, **keywords):
    """The one sentence that a call raises."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **keywords)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("path", NO_PATHS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "call",
    [
        lil.load_image,
        lil.load_audio,
        lil.load_signal,
        lil.decode,
        lil.read_model,
        lambda path: lil.certify(path, SIGNAL),
        lambda path: write_image(path, SAMPLES, 8),
        lambda path: write_audio(path, SOUND, 16, 8000, "PCM_16"),
        lambda path: compress_files([path], "a.lic"),
        lambda path: compress_files(["astronaut"], path),
        lambda path: decompress_file(path, "folder"),
        lambda path: decompress_file("a.lic", path),
    ],
)
def test_what_is_no_path_is_refused(call, path):
    assert "a text or a Path is needed" in refused(call, path)


@pytest.mark.parametrize("path", NO_PATHS[1:], ids=lambda value: type(value).__name__)
def test_a_folder_to_go_on_from_is_a_path(path):
    assert refused(lil.fit, SIGNAL, resume_dir=path).startswith("resume_dir is")


@pytest.mark.parametrize("signal", NO_SIGNALS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "call",
    [
        lil.fit,
        lil.genuineness,
        lambda signal: lil.certify("a.safetensors", signal),
        lambda signal: expand_signal(signal, 16),
        lambda signal: encode([signal]),
    ],
)
def test_what_is_no_signal_is_refused(call, signal):
    assert "a Signal is needed" in refused(call, signal)


@pytest.mark.parametrize("fit", [None, "a", SIGNAL])
def test_what_is_no_fit_is_not_saved(tmp_path, fit):
    assert "what fit returns is needed" in refused(lil.save, fit, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("recipe", 3, "a recipe is needed: fast, paper, ternary"),
        ("recipe", None, "a recipe is needed"),
        ("recipe", "slow", "unknown recipe 'slow': allowed are fast, paper, ternary"),
        ("architecture", "siren", "an Architecture is needed"),
        ("architecture", {}, "an Architecture is needed"),
        ("seed", "1", "seed is '1': allowed are integers from 0"),
        ("seed", 1.0, "seed is 1.0"),
        ("seed", None, "seed is None"),
        ("seed", True, "seed is True"),
        ("seed", -1, "seed is -1"),
        ("seed", 2**63, "allowed are integers from 0 to 2^63 - 1"),
        ("device", 3, "unknown device 3"),
        ("device", None, "unknown device None"),
        ("chunk_samples", "x", "chunk_samples is 'x': allowed are integers from 1"),
        ("chunk_samples", 1.5, "chunk_samples is 1.5"),
        ("chunk_samples", 0, "chunk_samples is 0"),
        ("callback", 3, "a function of (entry, words) is needed"),
        ("budget", 3, "a Budget is needed"),
        ("budget", {}, "a Budget is needed"),
        ("saved_as", 3, "allowed are .safetensors, .trits"),
        ("saved_as", ".png", "allowed are .safetensors, .trits"),
        ("progress", "yes", "True or False is needed"),
        ("certify", 1, "True or False is needed"),
        ("max_iterations", "9", "max_iterations is '9': allowed are integers from 1"),
        ("max_iterations", 1.5, "max_iterations is 1.5"),
        ("max_iterations", 0, "max_iterations is 0"),
        ("max_iterations", True, "max_iterations is True"),
        ("max_seconds", "9", "max_seconds is '9': a number above 0 is needed"),
        ("max_seconds", -1, "max_seconds is -1"),
        ("max_seconds", math.nan, "max_seconds is nan"),
        ("max_seconds", [1], "max_seconds is [1]"),
        ("nonsense", 1, "unknown argument of fit 'nonsense'"),
    ],
)
def test_arguments_of_fit(name, value, message):
    assert message in refused(lil.fit, SIGNAL, **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("formulation", 3, "formulation is 3: a name is needed"),
        ("formulation", ["bit_heads"], "a name is needed"),
        ("network", 3, "network is 3: a name is needed"),
        ("loss", 3, "loss is 3: a name is needed"),
        ("loss", "x", "unknown loss 'x'"),
        ("tile", "x", "tile is 'x': allowed are integers"),
        ("tile", 1.5, "tile is 1.5"),
        ("tile", 0, "tile is 0"),
        ("hidden_features", "x", "hidden_features is 'x'"),
        ("hidden_features", 1.5, "hidden_features is 1.5"),
        ("hidden_features", 0, "hidden_features is 0"),
        ("hidden_layers", True, "hidden_layers is True"),
        ("hidden_layers", -1, "hidden_layers is -1"),
        ("options", 3, "numbers by name are needed"),
        ("options", "x", "numbers by name are needed"),
        ("options", [1], "numbers by name are needed"),
        ("options", {"omega_0": "x"}, "option omega_0 of siren is 'x'"),
        ("options", {"omega_0": math.nan}, "option omega_0 of siren is nan"),
        ("options", {3: 1.0}, "unknown option of siren 3"),
    ],
)
def test_fields_of_an_architecture(monkeypatch, name, value, message):
    monkeypatch.setattr(FIT, "warm_up", lambda: None)
    assert message in refused(lil.fit, SIGNAL, **{name: value})
    assert message in refused(lil.fit, SIGNAL, lil.Architecture(**{name: value}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], 8), "an array of numpy is needed"),
        ((None, 8), "an array of numpy is needed"),
        ((SAMPLES.astype(object), 8), "integers or float32 are needed"),
        ((SAMPLES.astype(complex), 8), "integers or float32 are needed"),
        ((SAMPLES.astype(bool), 1), "integers or float32 are needed"),
        ((SAMPLES, "8"), "num_bits is '8'"),
        ((SAMPLES, 8.0), "num_bits is 8.0"),
        ((SAMPLES, None), "num_bits is None"),
        ((SAMPLES, 8, 3), "name is 3: a text is needed"),
        ((SOUND, 16, "s", "x"), "sample_rate is 'x'"),
        ((SOUND, 16, "s", 0), "sample_rate is 0: allowed are integers from 1"),
        ((SOUND, 16, "s", 1.5), "sample_rate is 1.5"),
        ((SOUND, 16, "s", 8000, 3), "subtype is 3"),
        ((SAMPLES, 8, "s", None, None, None), "meaning is None: a Meaning is needed"),
    ],
)
def test_arguments_of_a_signal(arguments, message):
    assert message in refused(lil.Signal, *arguments)


@pytest.mark.parametrize("value", ["x", 1.5, True, [8]], ids=repr)
@pytest.mark.parametrize("name", ["size", "num_bits", "max_pixels", "page"])
def test_numbers_of_a_picture(name, value):
    for load in (lil.load_image, lil.load_signal):
        assert refused(load, "astronaut", **{name: value}).startswith(f"{name} is {value!r}")


@pytest.mark.parametrize("value", ["x", 1.5, True, [8]], ids=repr)
@pytest.mark.parametrize("name", ["num_bits", "max_samples", "sample_rate"])
def test_numbers_of_a_sound(tmp_path, name, value):
    write_audio(tmp_path / "a.wav", SOUND, 16, 8000, "PCM_16")
    said = refused(lil.load_audio, tmp_path / "a.wav", **{name: value})
    assert said.startswith(f"{name} is {value!r}")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compress_files([], "a.lic"), "a list of pictures is needed"),
        (lambda: compress_files("a.png", "a.lic"), "a list of pictures is needed"),
        (lambda: compress_files(Path("a.png"), "a.lic"), "a list of pictures is needed"),
        (lambda: compress_files(None, "a.lic"), "a list of pictures is needed"),
        (lambda: encode(None), "a list of pictures is needed"),
        (lambda: encode([SIGNAL], level=True), "level is True: allowed are 0, 1, 2"),
        (lambda: encode([SIGNAL], level="1"), "level is '1'"),
        (lambda: encode([SIGNAL], prior=3), "unknown prior 3"),
        (lambda: decode(None), "the bytes of a container are needed"),
        (lambda: decode("a.lic"), "the bytes of a container are needed"),
        (lambda: expand_signal(SIGNAL, "x"), "to_bits is 'x'"),
        (lambda: expand_signal(SIGNAL, 16, "x"), "from_bits is 'x'"),
        (lambda: expand_signal(SIGNAL, 16, 1.5), "from_bits is 1.5"),
        (lambda: expand_signal(SIGNAL, 16, method=3), "unknown method 3"),
        (lambda: lil.certify("a", SIGNAL, max_seconds="x"), "max_seconds is 'x'"),
        (lambda: write_image("a.png", "x", 8), "samples is 'x'"),
        (lambda: write_image("a.png", SAMPLES, None), "num_bits is None"),
        (lambda: write_image("a.png", SAMPLES.astype(bool), 1), "samples are bool"),
        (lambda: write_audio("a.wav", SOUND, 16, 0, "PCM_16"), "sample_rate is 0"),
    ],
)
def test_other_functions(call, message):
    assert message in refused(call)


def test_numbers_of_numpy_are_numbers(monkeypatch):
    monkeypatch.undo()
    fit = lil.fit(
        SIGNAL,
        seed=np.int64(3),
        hidden_features=np.int32(8),
        max_iterations=np.int16(2),
        max_seconds=np.float32(60),
        chunk_samples=np.int64(16),
        certify=False,
    )
    assert (fit.seed, fit.entry.iteration) == (3, 2)
    assert type(fit.seed) is int
    assert lil.load_image("astronaut", np.int64(4)).samples.shape == (4, 4, 3)
    assert lil.Budget(np.int64(4)).max_iterations == 4


@pytest.mark.parametrize("limit", [1, 2, 5, 13])
def test_fast_makes_no_more_iterations_than_allowed(monkeypatch, limit):
    """Epochs have many steps: the last one is cut."""
    monkeypatch.undo()
    rng = np.random.default_rng(0)
    noise = lil.Signal(rng.integers(0, 256, (40, 40, 1)).astype(np.uint8), 8, "noise")
    fit = lil.fit(noise, max_iterations=limit, certify=False)
    assert fit.stopped == "max_iterations"
    assert fit.history.last.iteration == limit


def test_representations_are_one_line(monkeypatch):
    monkeypatch.undo()
    fit = lil.fit(SIGNAL, max_iterations=2, certify=False)
    sound = lil.Signal(SOUND, 16, "hum", 8000, "PCM_16")
    assert repr(SIGNAL) == "Signal('steps': 4 x 4 x 1, 8 bits, unsigned)"
    assert repr(sound) == "Signal('hum': 8 x 1, 16 bits, signed, 8000 Hz)"
    assert repr(fit).startswith("Fit('steps': 4 x 4 x 1, 8 bits; fast, ")
    assert "not certified" in repr(fit)
    assert repr(fit.model).startswith("Model('steps': 4 x 4 x 1, 8 bits; bit_heads, siren, ")
    for text in map(repr, (SIGNAL, sound, fit, fit.model)):
        assert "\n" not in text
        assert len(text) < 150


def test_what_fit_takes_has_public_names():
    from lossless_inr_lite.training.budget import Budget
    from lossless_inr_lite.training.recipes import Recipe

    assert lil.Budget is Budget
    assert lil.Recipe is Recipe
    assert {"Budget", "Recipe"} <= set(lil.__all__)


def test_values_in_errors_are_short():
    assert shown("a" * 20) == repr("a" * 20)
    assert shown(list(range(1000))) == "of type list"
    assert counted(1, "picture") == "1 picture"
    assert counted(0, "picture") == "0 pictures"
