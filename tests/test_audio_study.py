"""What notebook 12 fits, measures, plays and transcribes, and how it judges."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from stub_rows import on_pictures

import lossless_inr_lite as lil
from lossless_inr_lite import InputError
from lossless_inr_lite.companion.chapters.c12_audio import figures as sound_figures
from lossless_inr_lite.companion.chapters.c12_audio import study as sound_study
from lossless_inr_lite.companion.chapters.c12_audio import transcription
from lossless_inr_lite.companion.chapters.c12_audio.study import DINER, HEADS, METHODS, OURS, SIREN
from lossless_inr_lite.companion.claims import find_verdict
from lossless_inr_lite.companion.records import load_record
from lossless_inr_lite.signals.audio_files import write_audio


def sound(length, channels=1):
    samples = np.random.default_rng(0).integers(-8, 8, (length, channels)).astype(np.int16)
    return lil.Signal(samples, 16, "sound", 8000, "PCM_16")


# What is fitted and measured ---------------------------------------------------------------------


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
    assert sum(entropy == 0 for entropy in report.plane_entropy[:23]) >= 10
    assert dict(sound_study.plane_groups("float", 32)) == {
        "mantissa": range(23),
        "exponent": range(23, 31),
        "sign": range(31, 32),
    }


def test_every_method_has_as_many_weights_and_fewer_than_bits(tmp_path):
    path = sound_study.write_sound(sound(1000), tmp_path)
    cases = sound_study.cases(path, 250, 1.0, 125.0)
    assert [case.method for case in cases] == list(METHODS)
    for case in cases:
        fit = lil.fit(
            case.load(),
            case.architecture,
            max_iterations=1,
            certify=False,
        )
        assert 0.75 < fit.num_parameters / (16000 / 2.4) <= 1.0


def test_only_the_bit_coordinate_has_seconds_of_its_own(tmp_path):
    path = sound_study.write_sound(sound(1000), tmp_path)
    cases = sound_study.cases(path, 250, 1.0, 125.0, coordinate_seconds=7.0)
    assert {case.method: case.budget.max_seconds for case in cases} == {
        SIREN: 1.0,
        DINER: 1.0,
        OURS: 7.0,
        HEADS: 1.0,
    }


def test_what_is_heard_of_broken_floats_is_silence():
    signal = lil.Signal(np.zeros((3, 1), np.float32), 32, "f", 8000, "FLOAT")
    words = np.array([[0x7FC00000], [0x7F800000], [0x3F000000]], dtype=np.uint32)
    assert sound_study.heard(words, signal).tolist() == [[0], [0], [0.5]]


def test_the_middle_of_a_sound_is_never_longer_than_the_sound():
    whole = sound(80)
    part = sound_study.middle(whole, 0.002)
    assert np.array_equal(part.samples, whole.samples[32:48])
    assert len(sound_study.middle(whole, 0).samples) == 1
    assert np.array_equal(sound_study.middle(whole, 9).samples, whole.samples)


def test_players_need_nothing_from_elsewhere():
    html = sound_figures.players({"<b>": np.zeros((9, 1))}, 8000).data
    assert "http" not in html
    assert "<b>" not in html
    assert "data:audio/wav;base64," in html


def test_recordings_are_checked_before_any_fit(tmp_path):
    for name, subtype in (("a/x", "PCM_16"), ("b/x", "PCM_16"), ("c/f", "FLOAT")):
        path = tmp_path / f"{name}.wav"
        path.parent.mkdir()
        soundfile.write(path, np.zeros(99), 8000, subtype)
    one = str(tmp_path / "a/x.wav")
    other = str(tmp_path / "b/x.wav")
    floats = str(tmp_path / "c/f.wav")
    assert list(sound_study.recordings(f" {one} ,", 0, 0)) == [one]
    for names, message in (
        (" , ", "at least one recording"),
        (f"{one},{other}", "two recordings called x"),
        (f"{one},{one}", "two recordings called x"),
        (floats, "holds f, which is of floats"),
        (f"{one},none.wav", "none.wav does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            sound_study.recordings(names, 0, 0)


def test_samples_of_8_signed_bits_are_written_too(tmp_path):
    signal = lil.Signal(np.arange(-3, 3, dtype=np.int8)[:, None], 8, "s", 8000, "PCM_S8")
    back = lil.load_audio(sound_study.write_sound(signal, tmp_path))
    assert (back.sha256, back.subtype) == (signal.sha256, "PCM_S8")


# Speech to text ----------------------------------------------------------------------------------


def test_word_error_rate_ignores_case_and_punctuation():
    said = "It was, the best of times."
    assert transcription.word_error_rate("IT WAS THE BEST OF TIMES", said) == 0
    assert transcription.word_error_rate("one two three four", "one too three") == 0.5
    assert transcription.word_error_rate("one", "") == 1
    with pytest.raises(InputError, match="holds no words"):
        transcription.word_error_rate(" . ", "x")


def test_transcripts_lie_beside_the_files(tmp_path):
    name = str(tmp_path / "a-1.wav")
    texts = tmp_path / "transcripts.txt"
    write_audio(tmp_path / "a-1.wav", sound(9).samples, 16, 8000, "PCM_16")
    texts.write_text("a-1 HELLO THERE\n\nb\n")
    assert sound_study.reference_text(name, "given", (0.0, 0.0)) == "HELLO THERE"
    texts.write_bytes(b"a-1 \xff")
    with pytest.raises(InputError, match=r"transcripts\.txt beside the recordings is not a text"):
        sound_study.references([name], "", 0.0, 0.0)
    texts.unlink()
    assert sound_study.references([name], "", 0.0, 0.0) == {name: ""}
    with pytest.raises(InputError, match="holds no words"):
        sound_study.references([name], "?!", 0.0, 0.0)
    assert transcription.transcripts(tmp_path / "none.txt") == {}


def test_without_the_embedded_recording_a_synthetic_sound_stands_in(monkeypatch):
    monkeypatch.setattr(sound_study, "installed", lambda name: False)
    found = sound_study.speech(sound_study.SPEECH, 1.0, 0.5)
    assert (found.name, found.sample_rate, len(found.samples)) == ("synthetic_vowels", 16000, 8000)
    assert np.abs(found.samples).max() > 1000
    assert sound_study.reference_text(sound_study.SPEECH, "given", (1.1, 1.7)) == ""


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
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(transcription, "find_spec", lambda name: spec)
    transcription._whisper.cache_clear()
    with pytest.raises(InputError, match="SHA-256 differs"):
        transcription._whisper()


# Verdicts ----------------------------------------------------------------------------------------

LAST = "no-network-asked-for-values-is-exact-when-the-heads-are"


def fits(method, lossless=True, exact_at_end_of_heads=False):
    return {
        "method": method,
        "signal": {"name": "1-1-1", "sha256": "1", "shape": [8, 1]},
        "model": {"hidden_features": 8},
        "seed": 0,
        "stopped": "lossless" if lossless else "max_iterations",
        "seconds": 1.0,
        "lossless": lossless,
        "at_end_of_heads": {"exact": exact_at_end_of_heads},
    }


def transcripts(rates, recogniser="r"):
    """Of three recordings."""
    return [
        {"sound": name, "recogniser": recogniser, "wer": wer, "text": ""}
        for name, wer in rates.items()
        for _ in range(3)
    ]


SPOKEN = ("1-1-1", "2-2-2", "3-3-3")


HEARD = transcripts(
    {
        "truth": 0.0,
        f"{SIREN}, when the heads are done": 0.5,
        f"{DINER}, when the heads are done": 0.1,
    }
)


def words_said(rows, heard):
    """The verdicts by id."""
    as_floats = fits(HEADS)
    as_floats["signal"]["sample_rate"] = 16
    kept = on_pictures(rows, SPOKEN)
    return {said.id: said.verdict for said in sound_figures.verdicts(kept, heard, as_floats)}


def test_verdicts_of_table_9():
    assert words_said([fits(method) for method in METHODS], HEARD) == {
        "fig12": "undecided",  # one recording
        "table9/SIREN": "undecided",  # at another moment than the paper's
        "ours/table9/siren": "holds",
        "table9/DINER": "undecided",
        "ours/table9/diner": "does not hold",
        "table9/ours": "reproduced",
        "so-does-a-head-a-bit-with-as-many-weights": "holds",
        "table9/groundtruth": "reproduced",
        LAST: "holds",
    }


def test_the_strongest_recogniser_decides():
    weaker = transcripts({"truth": 0.9}, recogniser="weaker")
    said = words_said([fits(method) for method in METHODS], HEARD + weaker)
    assert said["table9/groundtruth"] == "reproduced"
    said = words_said([fits(method) for method in METHODS], weaker + HEARD)
    assert said["table9/groundtruth"] == "deviates"
    assert said["table9/SIREN"] == "not attempted"


def test_verdicts_need_a_recogniser_and_lossless_heads():
    none = words_said([fits(method) for method in METHODS], [])
    assert none["table9/SIREN"] == none["table9/groundtruth"] == "not attempted"
    early = [fits(method) for method in METHODS] + [fits(HEADS, lossless=False)]
    said = words_said(early, HEARD)
    assert said["table9/SIREN"] == said[LAST] == "undecided"


def test_exact_networks_of_values_answer_no():
    rows = [fits(method, exact_at_end_of_heads=True) for method in METHODS]
    assert words_said(rows, HEARD)[LAST] == "does not hold"
    rows = [fits(method, exact_at_end_of_heads=method == SIREN) for method in METHODS]
    assert words_said(rows, HEARD)[LAST] == "undecided"


def test_without_fits_nothing_is_said_of_them():
    said = words_said([], [])
    assert said.pop("fig12") == "undecided"
    assert set(said.values()) == {"not attempted"}


@pytest.mark.parametrize("profile", ["cpu", "lite"])
def test_verdicts_on_committed_fits_are_found_by_the_ids_of_their_record(profile):
    """The same rows give the same words, under the ids by which pages quote the record."""
    record = load_record(profile, "12_audio")
    as_floats = record["fits"]["float"]
    rows = [row for name, row in record["fits"].items() if name != "float"]
    said = sound_figures.verdicts(rows, record["facts"]["transcripts"], as_floats)
    assert len(said) == len(record["verdicts"])
    for verdict in said:
        recorded = find_verdict(record["verdicts"], verdict.id)
        assert (recorded["ours"], recorded["verdict"]) == (verdict.ours, verdict.verdict)
