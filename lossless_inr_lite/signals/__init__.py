"""Signals: pictures and sounds as integers, their files, bits and metrics.

- `signal`: `Signal` and `SignalSpec`; `meaning`: what samples stand for; `loading`: the loaders;
- `image_files`, `audio_files`: files in and out; `formats`: the formats, a module each;
- `embedded`: files known by a name; `resampling`: smaller pictures, slower sounds;
- `bits`: words, bit-planes and digits; `coords`: positions as inputs of a network;
- `metrics`: how far decoded words are from the truth; `genuineness`: which bits carry something.

To import this package takes numpy alone. The packages that read and write files are imported when
they are first needed.
"""

from lossless_inr_lite.signals.audio_files import write_audio
from lossless_inr_lite.signals.image_files import write_image
from lossless_inr_lite.signals.loading import load_audio, load_image, load_signal, untold
from lossless_inr_lite.signals.resampling import (
    area_means,
    area_resample,
    block_means,
    centre_square,
)
from lossless_inr_lite.signals.signal import MAX_SAMPLES, Signal, SignalSpec, excerpt

__all__ = [
    "MAX_SAMPLES",
    "Signal",
    "SignalSpec",
    "area_means",
    "area_resample",
    "block_means",
    "centre_square",
    "excerpt",
    "load_audio",
    "load_image",
    "load_signal",
    "untold",
    "write_audio",
    "write_image",
]
