"""Fig. 12 and Table 9: speech, asked for values and for bits, in tiles of time, to hear and to transcribe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.companion.chapters.c12_audio.transcription import transcripts, words_of
from lossless_inr_lite.companion.movies import Filmstrip
from lossless_inr_lite.companion.study import Case, film, run_cases
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals.audio_files import write_audio
from lossless_inr_lite.signals.bits import Kind
from lossless_inr_lite.signals.embedded import embedded_path, installed
from lossless_inr_lite.signals.metrics import signal_metrics
from lossless_inr_lite.signals.signal import Signal, excerpt, load_audio
from lossless_inr_lite.training.fit import fit
from lossless_inr_lite.training.recipes import paper_at, parameter_budget, widest

SPEECH = "two_cities"  # the embedded recording
SPEECH_TEXT = {
    (1.1, 1.7): "it was the best of times"
}  # of Dickens; excerpt (start, seconds) -> words
RATE = 16_000  # Hz, of speech and of the recognisers
VALUES_RATE = 1e-3  # of networks asked for values: ten times the paper's
FREQUENCIES = (
    30.0,
    125.0,
    250.0,
    500.0,
)  # first omega_0 of the sweep; the paper's pictures have 30


@dataclass(frozen=True)
class Method:
    """A row of Table 9 as it is run here."""

    formulation: str
    network: str
    recipe: str


# The moments at which every method is looked at, besides its own end.
STOPS = {"early": "a third of the way", "at_end_of_heads": "when the heads are done"}
OURS, HEADS = "bit coordinate", "bit heads"
METHODS = {
    "SIREN, values": Method("amplitude", "siren", "paper"),
    "DINER, values": Method("amplitude", "diner", "paper"),
    OURS: Method("bit_coordinate", "siren", "fast"),
    HEADS: Method("bit_heads", "siren", "fast"),
}


def speech(source: str, start: float, seconds: float) -> Signal:
    """An excerpt of a recording at 16 kHz, or at the file's rate when that is no multiple; 0 seconds is all of it.

    Where the embedded recording is not to be had, `vowels` stand in for it.
    """
    if source == SPEECH and not installed(SPEECH):
        return vowels(seconds or 2.0)
    signal = load_audio(source)
    rate = signal.sample_rate or 0
    if rate > RATE and rate % RATE == 0 and signal.kind != "float":
        signal = load_audio(source, sample_rate=RATE)
    return excerpt(signal, start, seconds) if seconds else signal


def vowels(seconds: float) -> Signal:
    """Synthetic, not speech: a falling voice of 40 harmonics under two moving formants, 16 bits at 16 kHz."""
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(130 - 20 * t / max(seconds, 1e-9)) / RATE
    formants = 500 + 250 * np.sin(2 * np.pi * 2 * t), 1600 + 600 * np.sin(2 * np.pi * 1.3 * t)
    sound = sum(
        sum(1 / (1 + ((k * 120 - f) / 120) ** 2) for f in formants) * np.sin(k * phase)
        for k in range(1, 41)
    )
    loud = 0.5 * (1 - np.cos(2 * np.pi * 3 * t))
    samples = np.rint(2000 * loud * np.asarray(sound)).clip(-32768, 32767).astype(np.int16)
    return Signal(samples[:, None], 16, "synthetic_vowels", RATE, "PCM_16")


def recordings(signals: str, start: float, seconds: float) -> dict[str, Signal]:
    """`speech` of every name among the comma-separated `signals`.

    Raises InputError, before any fit, when there is none, two have one name, one holds floats, or cannot be read.
    """
    names = [name.strip() for name in signals.split(",") if name.strip()]
    found = {name: speech(name, start, seconds) for name in names}
    stems = [signal.name for signal in found.values()]
    if not names:
        raise InputError(
            f"signals is {signals!r}: at least one recording is needed, several are separated by commas"
        )
    if twice := [name for name in stems if stems.count(name) > 1] or (
        [names[0]] if len(found) < len(names) else []
    ):
        raise InputError(
            f"signals holds two recordings called {twice[0]}: tables and files go by name, so rename one"
        )
    if floats := [signal.name for signal in found.values() if signal.kind == "float"]:
        raise InputError(
            f"signals holds {floats[0]}, which is of floats: networks asked for values need whole numbers"
        )
    return found


def references(names: Iterable[str], given: str, start: float, seconds: float) -> dict[str, str]:
    """`reference_text` of every name; raises InputError for one without any word, and where it cannot be read."""
    found = {name: reference_text(name, given, (start, seconds)) for name in names}
    for name, text in found.items():
        if text and not words_of(text):
            raise InputError(f"the transcript of {name} holds no words: {text[:50]!r}")
    return found


def middle(signal: Signal, seconds: float) -> Signal:
    """So many seconds around the middle of a sound, or all of it where it is shorter; one sample at least."""
    count = min(len(signal.samples), max(1, round(seconds * (signal.sample_rate or 1))))
    first = (len(signal.samples) - count) // 2
    return signal.with_samples(signal.samples[first : first + count])


def reference_text(source: str, given: str, excerpt: tuple[float, float]) -> str:
    """What is said, as far as that is known; empty where it is not.

    That is the line of the file's name in a transcripts.txt beside it, else `given`, else what is known of the
    embedded recording's `excerpt` (start and seconds). Nothing is said by the synthetic sound.
    """
    if source == SPEECH and not installed(SPEECH):
        return ""
    path = embedded_path(source)
    known = SPEECH_TEXT.get(excerpt, "") if source == SPEECH else ""
    return transcripts(path.parent / "transcripts.txt").get(path.stem, given) or known


def write_sound(signal: Signal, folder: Path) -> Path:
    """The sound as a WAV file in `folder`, for a study's cases to name."""
    assert signal.sample_rate is not None
    assert signal.subtype is not None
    path = folder / f"{signal.name}{'.flac' if signal.subtype == 'PCM_S8' else '.wav'}"
    folder.mkdir(parents=True, exist_ok=True)
    write_audio(path, signal.samples, signal.num_bits, signal.sample_rate, signal.subtype)
    return path


def as_float(signal: Signal) -> Signal:
    """Whole-number samples as 32-bit floats in [-1, 1), as the paper reads LibriSpeech; exact up to 24 bits."""
    scaled = (signal.samples / 2.0 ** (signal.num_bits - 1)).astype(np.float32)
    return Signal(scaled, 32, f"{signal.name}_fp32", signal.sample_rate, "FLOAT")


def cases(
    path: Path,
    tile: int,
    max_seconds: float,
    omega: float,
    coordinate_seconds: float | None = None,
    seed: int = 0,
) -> list[Case]:
    """Every method with as many parameters: those of a method for bits with one for every 2.4 bits of the sound.

    `coordinate_seconds` are those of the bit coordinate, which shows n times as many samples a pass.
    """
    signal, result = load_audio(path), []
    for name, method in METHODS.items():
        formulation = get_formulation(method.formulation, min(tile, len(signal.samples)))
        width = widest(formulation, signal.spec, method.network, 2, parameter_budget(signal.spec))
        options = {"first_omega_0": omega} if method.network == "siren" else {}
        result.append(
            Case(
                name,
                str(path),
                None,
                method.formulation,
                method.network,
                width,
                2,
                learning_rate=VALUES_RATE,
                seed=seed,
                max_iterations=10**9,
                max_seconds=(coordinate_seconds if name == OURS else None) or max_seconds,
                options=options,
                tile=formulation.tile,
                recipe=method.recipe,
            )
        )
    return result


def run(
    cases: Sequence[Case], folder: Path, share: float = 1 / 3, workers: int = 1
) -> dict[str, dict[str, Any]]:
    """The bit heads until lossless; then the others for their own seconds.

    Rows also hold the quality after `share` of the seconds of the heads ("early") and after all of them
    ("at_end_of_heads").
    """
    heads = [case for case in cases if case.method == HEADS]
    rows = run_cases(heads, folder, workers)
    end = {case.signal: rows[case.label]["seconds"] for case in heads}
    rows |= run_cases([case for case in cases if case.method != HEADS], folder, workers)
    for case in cases:
        signal, stop = case.load(), share * end[case.signal]
        for name, moment in (("early", stop), ("at_end_of_heads", end[case.signal])):
            words = film(case, folder).at("seconds", moment)
            rows[case.label][name] = {"seconds": moment, **quality(words, signal)}
    return rows


def at_stops(
    cases: Sequence[Case], rows: Mapping[str, Mapping[str, Any]], folder: Path
) -> dict[str, np.ndarray]:
    """Words of the truth and of every method at the two common stops and at its end, by what and when; one sound."""
    result = {"truth": cases[0].load().words}
    for case in cases:
        strip, row = film(case, folder), rows[case.label]
        for name, text in STOPS.items():
            result[f"{case.method}, {text}"] = strip.at("seconds", row[name]["seconds"])
        result[f"{case.method}, at its own end"] = _best(strip, result["truth"])
    return result


def _best(strip: Filmstrip, truth: np.ndarray) -> np.ndarray:
    """The frame with the fewest wrong bits."""
    return min(strip.words, key=lambda words: int(np.bitwise_count(words ^ truth).sum()))


def quality(words: np.ndarray, signal: Signal) -> dict[str, Any]:
    """All metrics of decoded words, and whether nothing differs."""
    found = signal_metrics(words, signal)
    return {**found, "exact": found["ber"] == 0}


def segments(words: np.ndarray, signal: Signal, seconds: float) -> list[dict[str, Any]]:
    """`quality` of every stretch of so many seconds; the last one may be shorter."""
    assert signal.sample_rate is not None
    step, result = max(1, round(seconds * signal.sample_rate)), []
    for first in range(0, len(signal.samples), step):
        part = signal.with_samples(signal.samples[first : first + step])
        result.append(
            {"start": first / signal.sample_rate, **quality(words[first : first + step], part)}
        )
    return result


def omega_sweep(signal: Signal, tile: int, max_seconds: float) -> dict[float, float]:
    """BER of the SIREN asked for values after so many seconds, by its first omega_0."""
    formulation = get_formulation("amplitude", min(tile, len(signal.samples)))
    width = widest(formulation, signal.spec, "siren", 2, parameter_budget(signal.spec))
    return {
        omega: fit(
            signal,
            "amplitude",
            "siren",
            width,
            2,
            formulation.tile,
            paper_at(VALUES_RATE),
            max_iterations=10**9,
            max_seconds=max_seconds,
            options={"first_omega_0": omega},
            progress=False,
            certify=False,
        ).entry.ber
        for omega in FREQUENCIES
    }


def heard(words: np.ndarray, signal: Signal) -> np.ndarray:
    """Decoded words as float samples (T, C) in [-1, 1], to play or to transcribe; what is not finite is silent."""
    samples = signal.spec.signal_samples(words)
    if samples.dtype.kind == "f":
        return np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -1, 1).astype(
            np.float32
        )
    return (samples / 2.0 ** (signal.num_bits - 1)).astype(np.float32)


def plane_groups(kind: Kind, num_bits: int) -> Mapping[str, range]:
    """The planes of a word by their part: sign, exponent and mantissa of floats, sign and magnitude of integers."""
    if kind == "float":
        return {"mantissa": range(23), "exponent": range(23, 31), "sign": range(31, 32)}
    return {"magnitude": range(num_bits - 1), "sign": range(num_bits - 1, num_bits)}
