"""Signals: pictures and sounds as integers, their files, bits and metrics.

- `signal`: `Signal`, `SignalSpec` and the loaders; `resampling`: smaller pictures, slower sounds;
- `image_files`, `audio_files`, `png`: files in and out; `embedded`: files known by a name;
- `bits`: words, bit-planes and digits; `coords`: positions as inputs of a network;
- `metrics`: how far decoded words are from the truth; `genuineness`: which bits carry something.

To import this package takes numpy alone. The packages that read and write files are imported when
they are first needed.
"""

from lossless_inr_lite.signals.audio_files import write_audio
from lossless_inr_lite.signals.image_files import write_image
from lossless_inr_lite.signals.resampling import (
    area_means,
    area_resample,
    block_means,
    centre_square,
)
from lossless_inr_lite.signals.signal import (
    MAX_SAMPLES,
    Signal,
    SignalSpec,
    excerpt,
    load_audio,
    load_image,
    load_signal,
)

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
    "write_audio",
    "write_image",
]
