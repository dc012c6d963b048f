"""A small, executable companion to "Towards Lossless Implicit Neural Representation via Bit Plane Decomposition".

import lossless_inr_lite as lil

signal = lil.load_image("photo.png", size=64)
fit = lil.fit(signal, seed=0)
lil.save(fit, "photo.safetensors")
assert (lil.decode("photo.safetensors").samples == signal.samples).all()
"""

from lossless_inr_lite.errors import DivergedError, FileFormatError, InputError
from lossless_inr_lite.signals.genuineness import Genuineness, genuineness
from lossless_inr_lite.signals.signal import Signal, SignalSpec, load_audio, load_image, load_signal
from lossless_inr_lite.storage.certify import Certificate, certify, save
from lossless_inr_lite.storage.weights import decode, read_model
from lossless_inr_lite.training.fit import Fit, fit
from lossless_inr_lite.version import __version__

__all__ = [
    "Certificate",
    "DivergedError",
    "FileFormatError",
    "Fit",
    "Genuineness",
    "InputError",
    "Signal",
    "SignalSpec",
    "__version__",
    "certify",
    "decode",
    "fit",
    "genuineness",
    "load_audio",
    "load_image",
    "load_signal",
    "read_model",
    "save",
]
