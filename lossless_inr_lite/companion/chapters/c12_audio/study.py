"""Speech, asked for values and for bits, in tiles of time, to hear and to transcribe."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.architecture import Architecture
from lossless_inr_lite.companion.case import Case
from lossless_inr_lite.companion.chapters.c12_audio.transcription import transcripts, words_of
from lossless_inr_lite.companion.filmstrip import Filmstrip
from lossless_inr_lite.companion.lists import comma_list
from lossless_inr_lite.companion.rows import Row
from lossless_inr_lite.companion.study import film, run_cases
from lossless_inr_lite.errors import InputError
from lossless_inr_lite.formulations import get_formulation
from lossless_inr_lite.signals import Signal, load_audio
from lossless_inr_lite.signals.audio_files import write_audio
from lossless_inr_lite.signals.bits import Kind
from lossless_inr_lite.signals.embedded import embedded_path, installed
from lossless_inr_lite.signals.metrics import signal_metrics
from lossless_inr_lite.signals.signal import excerpt
from lossless_inr_lite.training.budget import Budget
from lossless_inr_lite.training.fit import fit
from lossless_inr_lite.training.recipes import paper_at, parameter_budget, widest

SPEECH = "two_cities"
"""The embedded recording: the beginning of A Tale of Two Cities."""

SPEECH_TEXT = {(1.1, 1.7): "it was the best of times"}
"""What is said in an excerpt of it, by start and length in seconds."""

RATE = 16_000
"""Samples per second of speech and of the recognisers."""

HIDDEN_LAYERS = 2
VALUES_RATE = 1e-3
"""Learning rate of networks asked for values: ten times the paper's."""

FREQUENCIES = (30.0, 125.0, 250.0, 500.0)
"""The first omega_0 of the sweep; the paper's pictures have 30."""

WITHOUT_END = 10**9
"""Iterations of a fit that only its seconds end."""


@dataclass(frozen=True)
class Method:
    """A row of Table 9 as it is run here."""

    formulation: str
    network: str
    recipe: str


STOPS = {"early": "a third of the way", "at_end_of_heads": "when the heads are done"}
"""The moments at which every method is looked at, besides its own end."""

OURS = "bit coordinate"
HEADS = "bit heads"
SIREN = "SIREN, values"
DINER = "DINER, values"
METHODS = {
    SIREN: Method("amplitude", "siren", "paper"),
    DINER: Method("amplitude", "diner", "paper"),
    OURS: Method("bit_coordinate", "siren", "fast"),
    HEADS: Method("bit_heads", "siren", "fast"),
}


# Sounds ------------------------------------------------------------------------------------------


def speech(source: str, start: float, seconds: float) -> Signal:
    """An excerpt of a recording at 16 kHz, or at the file's rate where that is no multiple.

    0 seconds is all of it. Where the embedded recording is not to be had, `vowels` stand in for it.
    """
    if source == SPEECH and not installed(SPEECH):
        return vowels(seconds or 2.0)
    signal = load_audio(source)
    rate = signal.sample_rate or 0
    if rate > RATE and rate % RATE == 0 and signal.kind != "float":
        signal = load_audio(source, sample_rate=RATE)
    return excerpt(signal, start, seconds) if seconds else signal


def vowels(seconds: float) -> Signal:
    """A synthetic sound of 16 bits at 16 kHz: a falling voice under two moving formants.

    It is no speech. The voice has 40 harmonics.
    """
    t = np.arange(round(seconds * RATE)) / RATE
    pitch = 130 - 20 * t / max(seconds, 1e-9)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    low_formant = 500 + 250 * np.sin(2 * np.pi * 2 * t)
    high_formant = 1600 + 600 * np.sin(2 * np.pi * 1.3 * t)
    voice = np.zeros_like(t)
    for harmonic in range(1, 41):
        resonance = _resonance(120 * harmonic, low_formant) + _resonance(
            120 * harmonic, high_formant
        )
        voice += resonance * np.sin(harmonic * phase)
    syllables = 0.5 * (1 - np.cos(2 * np.pi * 3 * t))
    samples = np.rint(2000 * syllables * voice).clip(-(2**15), 2**15 - 1).astype(np.int16)
    return Signal(samples[:, None], 16, "synthetic_vowels", RATE, "PCM_16")


def _resonance(frequency: float, formant: np.ndarray) -> np.ndarray:
    """How much a formant of 120 Hz width lets through, both in Hz."""
    return 1 / (1 + ((frequency - formant) / 120) ** 2)


def recordings(signals: str, start: float, seconds: float) -> dict[str, Signal]:
    """`speech` of every name among the comma-separated `signals`.

    Raises InputError, before any fit, when there is none, two have one name, one holds floats, or
    one cannot be read.
    """
    names = comma_list(signals)
    if not names:
        raise InputError(
            f"signals is {signals!r}: at least one recording is needed, "
            "several are separated by commas"
        )
    found = {}
    seen: set[str] = set()
    for name in names:
        signal = speech(name, start, seconds)
        if signal.name in seen:
            raise InputError(
                f"signals holds two recordings called {signal.name}: "
                "tables and files go by name, so rename one"
            )
        if signal.kind == "float":
            raise InputError(
                f"signals holds {signal.name}, which is of floats: "
                "networks asked for values need integers"
            )
        seen.add(signal.name)
        found[name] = signal
    return found


def references(names: Iterable[str], given: str, start: float, seconds: float) -> dict[str, str]:
    """`reference_text` of every name.

    Raises InputError for a text without any word, and where a text cannot be read.
    """
    found = {name: reference_text(name, given, (start, seconds)) for name in names}
    for name, text in found.items():
        if text and not words_of(text):
            raise InputError(f"the transcript of {name} holds no words: {text[:50]!r}")
    return found


def reference_text(source: str, given: str, excerpt: tuple[float, float]) -> str:
    """What is said, as far as that is known; empty where it is not.

    That is the line of the file's name in a transcripts.txt beside it, else `given`, else what is
    known of the embedded recording's `excerpt` (start and seconds). Nothing is said by the
    synthetic sound.
    """
    if source == SPEECH and not installed(SPEECH):
        return ""
    path = embedded_path(source)
    known = SPEECH_TEXT.get(excerpt, "") if source == SPEECH else ""
    beside = transcripts(path.parent / "transcripts.txt")
    return beside.get(path.stem, given) or known


def middle(signal: Signal, seconds: float) -> Signal:
    """So many seconds around the middle of a sound, or all of it where it is shorter.

    It is one sample at least.
    """
    wanted = max(1, round(seconds * (signal.sample_rate or 1)))
    count = min(len(signal.samples), wanted)
    first = (len(signal.samples) - count) // 2
    return signal.with_samples(signal.samples[first : first + count])


def write_sound(signal: Signal, folder: Path) -> Path:
    """The sound as a file in `folder`, for a study's cases to name.

    It is WAV, but FLAC for signed samples of 8 bits, which WAV does not hold.
    """
    assert signal.sample_rate is not None
    assert signal.subtype is not None
    suffix = ".flac" if signal.subtype == "PCM_S8" else ".wav"
    path = folder / f"{signal.name}{suffix}"
    folder.mkdir(parents=True, exist_ok=True)
    write_audio(path, signal.samples, signal.num_bits, signal.sample_rate, signal.subtype)
    return path


def as_float(signal: Signal) -> Signal:
    """Integer samples as 32-bit floats in [-1, 1), as the paper reads LibriSpeech.

    Exact up to 24 bits.
    """
    scaled = (signal.samples / 2.0 ** (signal.num_bits - 1)).astype(np.float32)
    return Signal(scaled, 32, f"{signal.name}_fp32", signal.sample_rate, "FLOAT")


# Fits --------------------------------------------------------------------------------------------


def cases(
    path: Path,
    tile: int,
    max_seconds: float,
    omega: float,
    coordinate_seconds: float | None = None,
    seed: int = 0,
) -> list[Case]:
    """Every method on the sound at `path`, in tiles of `tile` samples, with as many parameters.

    These are those of a method for bits with one for every 2.4 bits of the sound. `omega` is the
    first omega_0 of SIREN. `coordinate_seconds` are those of the bit coordinate, which shows n
    times as many samples a pass; the others have `max_seconds`.
    """
    signal = load_audio(path)
    budget = parameter_budget(signal.spec)
    result = []
    for name, method in METHODS.items():
        formulation = get_formulation(method.formulation, min(tile, len(signal.samples)))
        own_seconds = coordinate_seconds if name == OURS else None
        result.append(
            Case(
                method=name,
                signal=str(path),
                size=None,
                architecture=Architecture(
                    formulation=method.formulation,
                    network=method.network,
                    hidden_features=widest(
                        formulation, signal.spec, method.network, HIDDEN_LAYERS, budget
                    ),
                    hidden_layers=HIDDEN_LAYERS,
                    tile=formulation.tile,
                    options={"first_omega_0": omega} if method.network == "siren" else {},
                ),
                recipe=method.recipe,
                learning_rate=VALUES_RATE,
                budget=Budget(WITHOUT_END, own_seconds or max_seconds),
                seed=seed,
            )
        )
    return result


def run(
    cases: Sequence[Case], folder: Path, share: float = 1 / 3, workers: int = 1
) -> dict[str, dict[str, Any]]:
    """The bit heads until lossless; then the others for their own seconds.

    Rows also hold the quality after `share` of the seconds of the heads ("early") and after all of
    them ("at_end_of_heads").
    """
    heads = [case for case in cases if case.method == HEADS]
    others = [case for case in cases if case.method != HEADS]
    rows = run_cases(heads, folder, workers)
    end = {case.signal: rows[case.label]["seconds"] for case in heads}
    rows |= run_cases(others, folder, workers)
    for case in cases:
        heads_done = end[case.signal]
        strip = film(case, folder)
        row = rows[case.label]
        row["early"] = _at(strip, share * heads_done, case.load())
        row["at_end_of_heads"] = _at(strip, heads_done, case.load())
    return rows


def _at(strip: Filmstrip, seconds: float, signal: Signal) -> dict[str, Any]:
    return {"seconds": seconds, **quality(strip.at("seconds", seconds), signal)}


def at_stops(cases: Sequence[Case], rows: Mapping[str, Row], folder: Path) -> dict[str, np.ndarray]:
    """Words of the truth and of every method at the common stops and at its own end.

    The cases are of one sound. The words go by method and moment.
    """
    truth = cases[0].load().words
    result = {"truth": truth}
    for case in cases:
        strip = film(case, folder)
        for name, text in STOPS.items():
            seconds = rows[case.label][name]["seconds"]
            result[f"{case.method}, {text}"] = strip.at("seconds", seconds)
        result[f"{case.method}, at its own end"] = _best(strip, truth)
    return result


def _best(strip: Filmstrip, truth: np.ndarray) -> np.ndarray:
    """The frame with the fewest wrong bits."""
    return min(strip.words, key=lambda words: int(np.bitwise_count(words ^ truth).sum()))


def omega_sweep(signal: Signal, tile: int, max_seconds: float) -> dict[float, float]:
    """BER of the SIREN asked for values after so many seconds, by its first omega_0."""
    formulation = get_formulation("amplitude", min(tile, len(signal.samples)))
    budget = parameter_budget(signal.spec)
    width = widest(formulation, signal.spec, "siren", HIDDEN_LAYERS, budget)
    found = {}
    for omega in FREQUENCIES:
        done = fit(
            signal,
            formulation="amplitude",
            network="siren",
            hidden_features=width,
            hidden_layers=HIDDEN_LAYERS,
            tile=formulation.tile,
            recipe=paper_at(VALUES_RATE),
            max_iterations=WITHOUT_END,
            max_seconds=max_seconds,
            options={"first_omega_0": omega},
            progress=False,
            certify=False,
        )
        found[omega] = done.entry.ber
    return found


# What is looked at -------------------------------------------------------------------------------


def quality(words: np.ndarray, signal: Signal) -> dict[str, Any]:
    """All metrics of decoded words, and whether nothing differs."""
    found = signal_metrics(words, signal)
    return {**found, "exact": found["ber"] == 0}


def segments(words: np.ndarray, signal: Signal, seconds: float) -> list[dict[str, Any]]:
    """`quality` of every stretch of so many seconds; the last one may be shorter."""
    assert signal.sample_rate is not None
    step = max(1, round(seconds * signal.sample_rate))
    result = []
    for first in range(0, len(signal.samples), step):
        part = signal.with_samples(signal.samples[first : first + step])
        found = quality(words[first : first + step], part)
        result.append({"start": first / signal.sample_rate, **found})
    return result


def heard(words: np.ndarray, signal: Signal) -> np.ndarray:
    """Decoded words as float samples (T, C) in [-1, 1], to play or to transcribe.

    Infinities and NaN are silent.
    """
    samples = signal.spec.signal_samples(words)
    if samples.dtype.kind == "f":
        finite = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        return np.clip(finite, -1, 1).astype(np.float32)
    return (samples / 2.0 ** (signal.num_bits - 1)).astype(np.float32)


def plane_groups(kind: Kind, num_bits: int) -> Mapping[str, range]:
    """The planes of a word by its parts, least significant first.

    Floats have a mantissa, an exponent and a sign, integers a magnitude and a sign.
    """
    if kind == "float":
        return {"mantissa": range(23), "exponent": range(23, 31), "sign": range(31, 32)}
    return {"magnitude": range(num_bits - 1), "sign": range(num_bits - 1, num_bits)}
