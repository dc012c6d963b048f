"""Sound: files of every coding, long recordings, what is measured, played and transcribed."""

import json

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lossless_inr_lite as lil
from lossless_inr_lite import InputError
from lossless_inr_lite.__main__ import main
from lossless_inr_lite.companion.chapters.c12_audio import figures as sound_views
from lossless_inr_lite.companion.chapters.c12_audio import study as sound_study
from lossless_inr_lite.companion.chapters.c12_audio import transcription
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals import excerpt, write_audio
from lossless_inr_lite.signals.audio_files import SUBTYPES
from lossless_inr_lite.signals.bits import bit_planes, from_words, join_planes, to_words
from lossless_inr_lite.signals.embedded import installed
from lossless_inr_lite.signals.metrics import sound_metrics
from lossless_inr_lite.training import long_sound
from lossless_inr_lite.training.long_sound import fit_long


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


@pytest.mark.parametrize("kind", ["AIFF", "AU", "W64", "RF64", "CAF"])
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
    fit = lil.fit(one, max_seconds=20, certify=False)
    assert fit.entry.wrong_bits == 0
    path = lil.save(fit, tmp_path / "one.safetensors")
    assert lil.decode(path).samples.tobytes() == one.samples.tobytes()


def test_block_means_are_exact_and_rates_must_divide(tmp_path):
    samples = np.array([[1, -3], [2, -3], [4, -4], [7, 0], [0, 0], [0, 2], [9, 9]], dtype=np.int16)
    soundfile.write(tmp_path / "s.wav", samples, 48000, "PCM_16")
    found = lil.load_audio(tmp_path / "s.wav", sample_rate=16000)
    assert (found.sample_rate, found.samples.tolist()) == (16000, [[2, -3], [2, 1]])
    for rate in (32000, 0, 96000, 4000, 4000.0, True):
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
def short_parts(monkeypatch):
    monkeypatch.setattr(long_sound, "PART", 2)


@pytest.mark.parametrize(("length", "channels"), [(100, 1), (97, 2)])
def test_parts_make_the_whole(tmp_path, short_parts, length, channels):
    signal = sound(length, channels=channels)
    fit = fit_long(
        signal, tmp_path / "parts", tile=15, hidden_features=32, hidden_layers=2, progress=False
    )
    assert (fit.stopped, fit.entry.wrong_bits, fit.entry.ber) == ("lossless", 0, 0)
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) == 3
    assert fit.history.entries[-1].samples_seen > 0
    path = lil.save(fit, tmp_path / "whole.safetensors")
    assert lil.decode(path).sha256 == signal.sha256
    assert lil.certify(path, signal).lossless


def test_a_stopped_run_goes_on_from_its_parts(tmp_path, short_parts, monkeypatch):
    signal, real, fitted = sound(100), long_sound.fit, []
    settings = {"tile": 15, "hidden_features": 32, "hidden_layers": 2, "progress": False}

    def killed_in_the_third(part, **options):
        if len(fitted) == 2:
            raise KeyboardInterrupt
        fitted.append(part.sha256)
        return real(part, **options)

    monkeypatch.setattr(long_sound, "fit", killed_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        fit_long(signal, tmp_path, **settings)
    kept = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert kept == ["00000.safetensors", "00001.safetensors"]
    (tmp_path / kept[0]).write_bytes(b"damaged")
    monkeypatch.setattr(
        long_sound,
        "fit",
        lambda part, **options: fitted.append(part.sha256) or real(part, **options),
    )
    assert fit_long(signal, tmp_path, **settings).entry.wrong_bits == 0
    assert len(fitted) == 4  # the damaged one and the one that was not there
    assert fitted[2] == fitted[0]
    fit_long(signal, tmp_path, **settings, seed=1)
    assert len(fitted) == 7


def test_a_budget_is_shared_and_the_best_is_kept(tmp_path, short_parts):
    signal = lil.Signal(
        np.random.default_rng(0).integers(-30000, 30000, (100, 1)).astype(np.int16),
        16,
        "n",
        8000,
        "PCM_16",
    )
    fit = fit_long(
        signal,
        tmp_path,
        tile=15,
        hidden_features=16,
        hidden_layers=1,
        max_seconds=0.01,
        progress=False,
    )
    assert fit.stopped == "max_seconds"
    assert (
        fit.entry.wrong_bits
        == int(np.bitwise_count(fit.model.decode()[0] ^ signal.words).sum())
        > 0
    )


def test_parts_of_another_coding_are_not_taken(tmp_path, short_parts):
    """Whole numbers of 24 and 32 bits, and floats, may have the same bytes and so the same hash."""
    samples = np.random.default_rng(0).integers(-8, 8, (60, 1)).astype(np.int32)
    settings = {"tile": 10, "hidden_features": 24, "hidden_layers": 2, "progress": False}
    for num_bits, subtype in ((24, "PCM_24"), (32, "PCM_32")):
        signal = lil.Signal(samples, num_bits, "s", 8000, subtype)
        assert np.array_equal(
            fit_long(signal, tmp_path, **settings).model.decode()[0], signal.words
        )


@pytest.mark.parametrize("seconds", [-5, 0, float("nan"), "x"])
def test_bad_seconds_and_places_are_errors_before_any_fit(
    tmp_path, short_parts, monkeypatch, seconds
):
    monkeypatch.setattr(long_sound, "fit", None)
    with pytest.raises(InputError, match="max_seconds is"):
        fit_long(sound(100), tmp_path / "p", tile=15, max_seconds=seconds)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write into the folder"):
        fit_long(sound(100), tmp_path / "file", tile=15)
    (tmp_path / "00001.json").write_text("mine")
    with pytest.raises(InputError, match="is not a certificate"):
        fit_long(sound(100), tmp_path, tile=15)


def test_only_parts_are_forgotten(tmp_path):
    for name in ("00000.safetensors", "00000.json", "mine.txt"):
        (tmp_path / name).write_text("")
    long_sound.forget_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "mine.txt").unlink()
    long_sound.forget_parts(tmp_path)
    assert not tmp_path.exists()
    long_sound.forget_parts(tmp_path)


def test_pictures_and_single_networks_have_no_parts(tmp_path):
    with pytest.raises(InputError, match="cannot be fitted in parts"):
        fit_long(lil.load_image("astronaut", size=64), tmp_path)
    with pytest.raises(InputError, match="cannot be fitted in parts"):
        fit_long(sound(40), tmp_path)


def test_the_command_line_fits_long_sound_in_parts(tmp_path, short_parts, capsys):
    signal = sound(200)
    write_audio(tmp_path / "s.wav", signal.samples, 16, 8000, "PCM_16")
    out = tmp_path / "s.safetensors"
    assert main(["fit", str(tmp_path / "s.wav"), "-o", str(out), "--tile", "40"]) == 0
    assert not (tmp_path / "s.safetensors.parts").exists()
    assert main(["verify", str(out), str(tmp_path / "s.wav")]) == 0
    assert main(["decode", str(out), "-o", str(tmp_path / "back.wav")]) == 0
    assert (tmp_path / "back.wav").read_bytes() == (tmp_path / "s.wav").read_bytes()
    assert json.loads((tmp_path / "s.json").read_text())["lossless"] is True
    own = ["fit", str(tmp_path / "s.wav"), "-o", str(out), "--hidden-features", "48"]
    assert main(own) == 0  # one network, as the recipe has it when the user chooses the width
    assert (
        main(
            [
                "fit",
                str(tmp_path / "s.wav"),
                "-o",
                str(out),
                "--tile",
                "40",
                "--max-seconds",
                "0.01",
            ]
        )
        == 3
    )
    assert (tmp_path / "s.safetensors.parts").exists()  # for a run with more seconds


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


def test_segments_tell_where_the_errors_are():
    signal = sound(20)
    words = signal.words.copy()
    words[13] ^= 1
    found = sound_study.segments(words, signal, 8 / 8000)
    assert [part["start"] for part in found] == [0, 0.001, 0.002]
    assert [part["exact"] for part in found] == [True, False, True]


def test_floats_that_are_read_from_16_bits_say_so():
    signal = lil.Signal(np.arange(-500, 500, dtype=np.int16)[:, None], 16, "s", 8000, "PCM_16")
    as_floats = sound_study.as_float(signal)
    assert np.array_equal(as_floats.samples * 2**15, signal.samples)
    report = lil.genuineness(as_floats)
    assert report.distinct == 1000
    assert sum(h == 0 for h in report.plane_entropy[:23]) >= 10
    assert dict(sound_study.plane_groups("float", 32)) == {
        "mantissa": range(23),
        "exponent": range(23, 31),
        "sign": range(31, 32),
    }


def test_every_method_has_as_many_weights_and_fewer_than_bits(tmp_path):
    path = sound_study.write_sound(sound(1000), tmp_path)
    cases = sound_study.cases(path, 250, 1.0, 125.0)
    assert [case.method for case in cases] == list(sound_study.METHODS)
    for case in cases:
        fit = lil.fit(
            case.load(),
            formulation=case.formulation,
            network=case.network,
            hidden_features=case.hidden_features,
            hidden_layers=case.hidden_layers,
            tile=case.tile,
            max_iterations=1,
            options=dict(case.options),
            certify=False,
        )
        assert 0.75 < fit.num_parameters / (16000 / 2.4) <= 1.0


def test_what_is_heard_of_broken_floats_is_silence():
    signal = lil.Signal(np.zeros((3, 1), np.float32), 32, "f", 8000, "FLOAT")
    words = np.array([[0x7FC00000], [0x7F800000], [0x3F000000]], dtype=np.uint32)
    assert sound_study.heard(words, signal).tolist() == [[0], [0], [0.5]]


def test_players_need_nothing_from_elsewhere():
    html = sound_views.players({"<b>": np.zeros((9, 1))}, 8000).data
    assert "http" not in html
    assert "<b>" not in html
    assert "data:audio/wav;base64," in html


# Speech to text -------------------------------------------------------------------------------


def test_word_error_rate_ignores_case_and_punctuation():
    assert (
        transcription.word_error_rate("IT WAS THE BEST OF TIMES", "It was, the best of times.") == 0
    )
    assert transcription.word_error_rate("one two three four", "one too three") == 0.5
    assert transcription.word_error_rate("one", "") == 1
    with pytest.raises(InputError, match="holds no words"):
        transcription.word_error_rate(" . ", "x")


def test_transcripts_lie_beside_the_files(tmp_path, monkeypatch):
    write_audio(tmp_path / "a-1.wav", sound(9).samples, 16, 8000, "PCM_16")
    (tmp_path / "transcripts.txt").write_text("a-1 HELLO THERE\n\nb\n")
    known = sound_study.reference_text(str(tmp_path / "a-1.wav"), "given", (0.0, 0.0))
    assert known == "HELLO THERE"
    (tmp_path / "transcripts.txt").write_bytes(b"a-1 \xff")
    with pytest.raises(InputError, match=r"transcripts\.txt beside the recordings is not a text"):
        sound_study.references([str(tmp_path / "a-1.wav")], "", 0.0, 0.0)
    (tmp_path / "transcripts.txt").unlink()
    assert sound_study.references([str(tmp_path / "a-1.wav")], "", 0.0, 0.0) == {
        str(tmp_path / "a-1.wav"): ""
    }
    with pytest.raises(InputError, match="holds no words"):
        sound_study.references([str(tmp_path / "a-1.wav")], "?!", 0.0, 0.0)
    assert transcription.transcripts(tmp_path / "none.txt") == {}


def test_without_the_embedded_recording_a_synthetic_sound_stands_in(monkeypatch):
    monkeypatch.setattr(sound_study, "installed", lambda name: False)
    found = sound_study.speech(sound_study.SPEECH, 1.0, 0.5)
    assert (found.name, found.sample_rate, len(found.samples)) == ("synthetic_vowels", 16000, 8000)
    assert sound_study.reference_text(sound_study.SPEECH, "given", (1.1, 1.7)) == ""


def judged(exact_heads=True, wrong=(0.0, 0.5, 0.1), recogniser="r"):
    row = {"method": "", "lossless": True, "at_end_of_heads": {"exact": False}}
    rows = [{**row, "method": name} for name in sound_study.METHODS]
    rows += [{**row, "method": sound_study.HEADS, "lossless": exact_heads}]
    sounds = (
        "truth",
        "SIREN, values, when the heads are done",
        "DINER, values, when the heads are done",
    )
    heard = [
        {"sound": s, "recogniser": "r", "wer": w, "text": ""}
        for s, w in zip(sounds, wrong, strict=True)
    ]
    fit = {"lossless": True, "wrong_bits": 0, "signal": {"shape": [8, 1], "sample_rate": 16}}
    return sound_views.verdicts(rows, heard if recogniser else [], fit)


def test_verdicts_of_table_9():
    said = {v.row: v.verdict for v in judged() if v.row}
    assert said == {
        "fig12": "reproduced",
        "table9/SIREN": "reproduced",
        "table9/DINER": "deviates",
        "table9/ours": "reproduced",
        "table9/groundtruth": "reproduced",
    }


def test_verdicts_need_a_recogniser_and_lossless_heads():
    none = {v.row: v.verdict for v in judged(recogniser="") if v.row}
    assert none["table9/SIREN"] == none["table9/groundtruth"] == "not attempted"
    early = judged(exact_heads=False)
    assert {v.row: v.verdict for v in early}["table9/SIREN"] == "not attempted"
    assert early[-1].verdict == "not attempted"


def test_recordings_are_checked_before_any_fit(tmp_path):
    for folder, kind in (("a", "PCM_16"), ("b", "PCM_16"), ("c", "FLOAT")):
        (tmp_path / folder).mkdir()
        soundfile.write(
            tmp_path / folder / f"{'x' if folder < 'c' else 'f'}.wav", np.zeros(99), 8000, kind
        )
    one, other, floats = (str(tmp_path / name) for name in ("a/x.wav", "b/x.wav", "c/f.wav"))
    assert list(sound_study.recordings(f" {one} ,", 0, 0)) == [one]
    for names, message in (
        (" , ", "at least one recording"),
        (f"{one},{other}", "two recordings called x"),
        (f"{one},{one}", "two recordings"),
        (floats, "holds f, which is of floats"),
        (f"{one},none.wav", "none.wav does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            sound_study.recordings(names, 0, 0)
    assert sound_study.write_sound(
        lil.Signal(np.zeros((3, 1), np.int8), 8, "s", 8000, "PCM_S8"), tmp_path
    ).is_file()


@pytest.mark.parametrize(
    ("name", "module"), [("whisper tiny.en", "faster_whisper"), ("pocketsphinx", "pocketsphinx")]
)
def test_recognisers_read_the_embedded_speech(name, module):
    pytest.importorskip(module)
    said = sound_study.speech(sound_study.SPEECH, 1.1, 1.7)
    text = transcription.recognisers()[name](sound_study.heard(said.words, said)[:, 0])
    assert transcription.word_error_rate("it was the best of times", text) == 0


def test_an_altered_model_is_refused(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.bin").write_bytes(b"other weights")
    (tmp_path / "__init__.py").write_text("")
    real = transcription.find_spec
    monkeypatch.setattr(
        transcription, "find_spec", lambda name: real("lossless_inr_lite") and _Spec(tmp_path)
    )
    transcription._whisper.cache_clear()
    with pytest.raises(InputError, match="SHA-256 differs"):
        transcription._whisper()


class _Spec:
    def __init__(self, folder):
        self.origin = str(folder / "__init__.py")
