"""`Fit`: a fitted model and how it came about."""

from dataclasses import dataclass, field

from lossless_inr_lite.history import Entry, History
from lossless_inr_lite.model import Model
from lossless_inr_lite.networks.registry import num_parameters
from lossless_inr_lite.storage.certificate import Certificate


@dataclass(frozen=True)
class TimeLeft:
    """Where a limit of seconds stood when the training ended.

    limit: the whole. left: what was left of it, below 0 when the training went beyond it.
    look: about how long it takes to decode the signal once, measured in training.
    """

    limit: float
    left: float
    look: float


@dataclass
class Fit:
    """A fitted model and how it came about; the model holds the best weights of the run.

    entry: the row of the history at which these weights were seen.
    stopped: why the run ended: "lossless", "max_iterations", "max_seconds", "callback",
        "interrupted" or "diverged".
    certificate: None until the saved file was decoded again.
    time_left: what a limit of seconds leaves for the certificate; None without a limit.
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
    time_left: TimeLeft | None = None

    def __repr__(self) -> str:
        """One line: what was fitted, how, and what came out."""
        spec = self.model.spec
        shape = " x ".join(map(str, spec.shape))
        state = "lossless" if self.lossless else f"{self.entry.wrong_bits:,} wrong bits"
        if self.certificate is None:
            state += ", not certified"
        return (
            f"Fit({spec.name!r}: {shape}, {spec.num_bits} bits; {self.recipe}, "
            f"{self.num_parameters:,} parameters, {self.entry.iteration:,} iterations, {state})"
        )

    @property
    def lossless(self) -> bool:
        """True only when `certify` decoded the saved file to the same samples in every way."""
        return self.certificate is not None and self.certificate.lossless

    @property
    def num_parameters(self) -> int:
        """Number of trained weights and biases."""
        return num_parameters(self.model.network)
