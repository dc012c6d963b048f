"""`Fit`: a fitted model and how it came about, and `Certificate`: what decoding its file found."""

from dataclasses import dataclass, field
from typing import Any

from lossless_inr_lite.history import Entry, History
from lossless_inr_lite.model import Model
from lossless_inr_lite.networks.registry import num_parameters


@dataclass(frozen=True)
class Certificate:
    """What decoding a saved file found; `lossless` only when no way gave a single wrong bit.

    smallest_margin: of all ways together (|logit| for bit formulations, steps for amplitudes).
    ways: device, precision, threads, batch, wrong bits, margin and seconds of each way.
    file_bytes: size of the file that was decoded (0 in certificates of older versions).
    """

    lossless: bool
    sha256_weights: str
    sha256_samples: str
    smallest_margin: float
    ways: list[dict[str, Any]]
    file_bytes: int = 0


@dataclass
class Fit:
    """A fitted model and how it came about; the model holds the best weights of the run.

    entry: the row of the history at which these weights were seen.
    stopped: why the run ended: "lossless", "max_iterations", "max_seconds", "callback",
        "interrupted" or "diverged".
    certificate: None until the saved file was decoded again in a new process.
    """

    model: Model
    recipe: str
    seed: int
    device: str
    sha256_samples: str
    entry: Entry
    stopped: str
    history: History = field(default_factory=History)
    certificate: Certificate | None = None

    @property
    def lossless(self) -> bool:
        """True only when `certify` decoded the saved file to the same samples in every way."""
        return self.certificate is not None and self.certificate.lossless

    @property
    def num_parameters(self) -> int:
        """Number of trained weights and biases."""
        return num_parameters(self.model.network)
