"""A small, executable companion to "Towards Lossless Implicit Neural Representation via Bit Plane
Decomposition" (Han et al., CVPR 2025).

    import lossless_inr_lite as lil

    signal = lil.load_image("photo.png", size=64)
    fit = lil.fit(signal, seed=0)
    lil.save(fit, "photo.safetensors")
    assert (lil.decode("photo.safetensors").samples == signal.samples).all()

The rooms of the library, each of which sees only those before it:

- `signals`: pictures and sounds as integers, their files, bits and metrics;
- `networks`: coordinate networks by name;
- `formulations`, `losses`, `architecture`, `model`: a signal as a learning problem, and back;
- `storage`: saved networks and their certificates;
- `training`: recipes, and `fit`;
- `expansion`: bit-depth expansion.

`codec` (lossless compression) and `theory` (upper bounds) stand beside them. `companion` is what
the book needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lossless_inr_lite.errors import DivergedError, FileFormatError, InputError
from lossless_inr_lite.version import __version__

if TYPE_CHECKING:
    from lossless_inr_lite.architecture import Architecture
    from lossless_inr_lite.signals import Signal, SignalSpec, load_audio, load_image, load_signal
    from lossless_inr_lite.signals.genuineness import Genuineness, genuineness
    from lossless_inr_lite.storage.certificate import Certificate
    from lossless_inr_lite.storage.certify import certify, save
    from lossless_inr_lite.storage.fitted import Fit
    from lossless_inr_lite.storage.saved import decode, read_model
    from lossless_inr_lite.training.budget import Budget
    from lossless_inr_lite.training.fit import fit
    from lossless_inr_lite.training.recipes import Recipe

# Imported when they are first used: torch takes more than a second, and decoding may not need it.
_HOMES = {
    "Architecture": "architecture",
    "Budget": "training.budget",
    "Certificate": "storage.certificate",
    "Fit": "storage.fitted",
    "Genuineness": "signals.genuineness",
    "Recipe": "training.recipes",
    "Signal": "signals",
    "SignalSpec": "signals",
    "certify": "storage.certify",
    "decode": "storage.saved",
    "fit": "training.fit",
    "genuineness": "signals.genuineness",
    "load_audio": "signals",
    "load_image": "signals",
    "load_signal": "signals",
    "read_model": "storage.saved",
    "save": "storage.certify",
}

__all__ = [
    "Architecture",
    "Budget",
    "Certificate",
    "DivergedError",
    "FileFormatError",
    "Fit",
    "Genuineness",
    "InputError",
    "Recipe",
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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
