"""Sound: files of every coding, long recordings, and what is measured."""

import json

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lossless_inr_lite as lil
from lossless_inr_lite import InputError
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals import excerpt, write_audio
from lossless_inr_lite.signals.audio_files import SUBTYPES
from lossless_inr_lite.signals.bits import bit_planes, from_words, join_planes, to_words
from lossless_inr_lite.signals.embedded import installed
from lossless_inr_lite.signals.metrics import sound_metrics
from lossless_inr_lite.training import fast
from lossless_inr_lite.training.parts import PartsFolder


def sound(length, seed=0, channels=1):
    samples = np.random.default_rng(seed).integers(-8, 8, (length, channels)).astype(np.int16)
    return lil.Signal(samples, 16, "sound", 8000, "PCM_16")


# Files ----------------------------------------------------------------------------------------


@st.composite
def sounds(draw):
    """Samples (T, C) of any subtype as its words say; floats of every finite pattern."""
    subtype = draw(st.sampled_from(sorted(set(SUBTYPES) - {"PCM_S8"})))
    num_bits = SUBTYPES[subtype].num_bits
    shape = draw(st.tuples(st.integers(1, 30), st.integers(1, 8)))
    size = shape[0] * shape[1]
    drawn = draw(st.lists(st.integers(0, 2**num_bits - 1), min_size=size, max_size=size))
    words = np.array(drawn, dtype=np.uint32)
    if subtype == "FLOAT":
        not_finite = (words >> 23 & 0xFF) == 0xFF
        words = np.where(not_finite, words & 0x807FFFFF, words)
    kind = "float" if subtype == "FLOAT" else "signed"
    samples = from_words(words.reshape(shape), num_bits, kind)
    return lil.Signal(samples, num_bits, "s", draw(st.integers(1, 200_000)), subtype)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    signal=sounds(),
    posed=st.sampled_from(["bit_coordinate", "bit_heads", "parallel_bits", "bit_heads_gray"]),
)
def test_every_coding_survives_files_and_planes(tmp_path, signal, posed):
    write_audio(
        tmp_path / "s.wav", signal.samples, signal.num_bits, signal.sample_rate, signal.subtype
    )
    back = lil.load_audio(tmp_path / "s.wav")
    assert (back.spec.facts, back.sha256) == (signal.spec.facts, signal.sha256)
    formulation = get_formulation(posed, min(7, len(signal.samples)))
    words = formulation.words(formulation.codes(back.words, back.spec), back.spec)
    assert back.spec.signal(words).samples.tobytes() == signal.samples.tobytes()


def test_every_top_half_of_a_float_survives_its_planes():
    """Signs, all exponents, the upper mantissa: both zeros, subnormals, infinities, NaN."""
    words = (np.arange(2**16, dtype=np.uint32) << 16)[:, None]
    samples = from_words(words, 32, "float")
    assert np.array_equal(to_words(samples, 32, "float"), words)
    assert np.array_equal(join_planes(bit_planes(words, 32)), words)
    finite = words[np.isfinite(samples[:, 0])]
    spec = lil.Signal(from_words(finite, 32, "float"), 32, "f", 8000, "FLOAT").spec
    for posed in ("bit_coordinate", "bit_heads"):
        formulation = get_formulation(posed, 1000)
        assert np.array_equal(formulation.words(formulation.codes(finite, spec), spec), finite)


@pytest.mark.parametrize("kind", ["AIFF", "AU", "W64", "CAF"])
def test_other_containers_are_refused_under_any_name(tmp_path, kind):
    soundfile.write(tmp_path / "s.wav", np.zeros(50), 8000, "PCM_16", format=kind)
    with pytest.raises(InputError, match="is not a sound file that can be read"):
        lil.load_audio(tmp_path / "s.wav")


def test_a_mislabelled_file_is_read_for_what_it_is(tmp_path):
    signal = sound(50)
    write_audio(tmp_path / "s.wav", signal.samples, 16, 8000, "PCM_16")
    (tmp_path / "s.wav").rename(tmp_path / "s.flac")
    assert lil.load_audio(tmp_path / "s.flac").sha256 == signal.sha256
    (tmp_path / "text.wav").write_text("no sound at all")
    with pytest.raises(InputError, match="not a sound file"):
        lil.load_audio(tmp_path / "text.wav")


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_truncated_flac_is_an_error(tmp_path, share):
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, (9000, 1)).astype(np.int16)
    write_audio(tmp_path / "s.flac", samples, 16, 8000, "PCM_16")
    data = (tmp_path / "s.flac").read_bytes()
    (tmp_path / "s.flac").write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"s\.flac"):
        lil.load_audio(tmp_path / "s.flac")


def test_no_sample_is_an_error_and_one_is_a_sound(tmp_path):
    with pytest.raises(InputError, match="without empty axes"):
        sound(0)
    one = sound(1)
    fit = lil.fit(one, max_iterations=5000, certify=False)
    assert fit.entry.wrong_bits == 0
    path = lil.save(fit, tmp_path / "one.safetensors")
    assert lil.decode(path).samples.tobytes() == one.samples.tobytes()


def test_block_means_are_exact_and_rates_must_divide(tmp_path):
    samples = np.array([[1, -3], [2, -3], [4, -4], [7, 0], [0, 0], [0, 2], [9, 9]], dtype=np.int16)
    soundfile.write(tmp_path / "s.wav", samples, 48000, "PCM_16")
    found = lil.load_audio(tmp_path / "s.wav", sample_rate=16000)
    assert (found.sample_rate, found.samples.tolist()) == (16000, [[2, -3], [2, 1]])
    for rate in (32000, 0, 96000, 4000):
        with pytest.raises(InputError, match=f"cannot be brought from 48000 Hz to {rate} Hz"):
            lil.load_audio(tmp_path / "s.wav", sample_rate=rate)


@pytest.mark.skipif(
    not installed("two_cities"), reason="there is no wheel with the recording for this platform"
)
def test_the_embedded_speech_is_known_by_name(capsys):
    signal = lil.load_signal("two_cities")
    assert (signal.sample_rate, signal.subtype, signal.samples.shape) == (
        48000,
        "PCM_16",
        (2129958, 1),
    )
    assert main(["info", "two_cities"]) == 0
    assert json.loads(capsys.readouterr().out)["sample_rate"] == 48000


def test_an_excerpt_lies_inside():
    whole = sound(80)
    assert np.array_equal(excerpt(whole, 0.001, 0.002).samples, whole.samples[8:24])
    for start, seconds in ((-1, 1), (0, 0.02), (0.009, 0.002)):
        with pytest.raises(InputError, match="is not inside sound"):
            excerpt(whole, start, seconds)
    for start, seconds in ((0, 0), (0, 1e-6), (float("nan"), 1), (0, float("inf"))):
        with pytest.raises(InputError, match="is not one sample of sound"):
            excerpt(whole, start, seconds)
    with pytest.raises(InputError, match="is a picture"):
        excerpt(lil.load_image("astronaut", size=4), 0, 1)


# Long recordings ------------------------------------------------------------------------------


@pytest.fixture
def two_at_once(monkeypatch):
    """Batches of two tiles, so that a short sound is a long one."""
    monkeypatch.setattr(fast, "TILES_AT_ONCE", 2)


LONG = {"tile": 15, "hidden_features": 32, "hidden_layers": 2}


@pytest.mark.parametrize(("length", "channels"), [(100, 1), (97, 2)])
def test_batches_make_the_whole(tmp_path, two_at_once, length, channels):
    signal = sound(length, channels=channels)
    fit = lil.fit(signal, **LONG, resume_dir=tmp_path / "parts")
    assert (fit.stopped, fit.entry.wrong_bits, fit.entry.ber) == ("lossless", 0, 0)
    assert len(list((tmp_path / "parts").iterdir())) == 3
    assert fit.lossless
    path = lil.save(fit, tmp_path / "whole.safetensors")
    assert lil.decode(path).sha256 == signal.sha256


def test_python_and_the_command_line_end_with_the_same_weights(tmp_path, two_at_once):
    signal = sound(200)
    write_audio(tmp_path / "s.wav", signal.samples, 16, 8000, "PCM_16")
    out = tmp_path / "s.safetensors"
    assert main(["fit", str(tmp_path / "s.wav"), "-o", str(out), "--tile", "40"]) == 0
    assert not (tmp_path / "s.safetensors.parts").exists()
    fit = lil.fit(lil.load_audio(tmp_path / "s.wav"), tile=40, certify=False)
    lil.save(fit, tmp_path / "python.safetensors")
    both = [lil.read_model(path)[1] for path in (out, tmp_path / "python.safetensors")]
    assert both[0].sha256_weights == both[1].sha256_weights
    assert both[0].iterations == both[1].iterations


def test_an_interrupted_command_goes_on(tmp_path, two_at_once, capsys, monkeypatch):
    original = PartsFolder.write

    def write(self, number, tiles, batch):
        original(self, number, tiles, batch)
        if number == 1:
            raise KeyboardInterrupt

    signal = sound(200)
    source = str(tmp_path / "s.wav")
    write_audio(source, signal.samples, 16, 8000, "PCM_16")
    out = tmp_path / "s.safetensors"
    parts = tmp_path / "s.safetensors.parts"
    command = ["fit", source, "-o", str(out), "--tile", "40"]
    with monkeypatch.context() as patch:
        patch.setattr(PartsFolder, "write", write)
        assert main(command) == 3
    printed = capsys.readouterr()
    assert "NOT lossless (interrupted)" in printed.out
    assert "finished tiles are kept" in printed.err
    kept = sorted(path.name for path in parts.iterdir())
    assert kept == ["batch-00000.safetensors", "batch-00001.safetensors"]
    assert lil.read_model(out)[1].wrong_bits > 0
    assert main(command) == 0
    assert not parts.exists()
    assert main(["verify", str(out), source]) == 0
    assert main(["decode", str(out), "-o", str(tmp_path / "back.wav")]) == 0
    assert (tmp_path / "back.wav").read_bytes() == (tmp_path / "s.wav").read_bytes()
    assert json.loads((tmp_path / "s.json").read_text())["lossless"] is True


# What is measured -----------------------------------------------------------------------------


def test_metrics_of_sound():
    truth = np.array([[3.0], [-4.0]])
    found = sound_metrics(np.array([[3], [-3]], np.int16), truth.astype(np.int16), 16)
    assert found["rmse"] == pytest.approx(np.sqrt(0.5))
    assert found["snr"] == pytest.approx(10 * np.log10(12.5 / 0.5))
    assert found["psnr"] == pytest.approx(10 * np.log10(65535**2 / 0.5))
    floats = truth.astype(np.float32)
    assert sound_metrics(floats, floats, 32)["snr"] == np.inf
    assert sound_metrics(floats * np.float32(np.nan), floats, 32)["snr"] == -np.inf
