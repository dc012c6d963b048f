"""`Budget`: what a fit may cost before it has to end."""

from dataclasses import dataclass, replace

from lossless_inr_lite.errors import as_integer, check_positive

LEAST_SECONDS = 1e-3
"""What preparations leave to the training, however short the limit is."""


@dataclass(frozen=True)
class Budget:
    """What ends a fit that has not become lossless; None leaves the limit to the recipe.

    max_iterations: updates of weights, those of an earlier run that is gone on from included.
    max_seconds: of this run and its certificate together.

    Raises InputError unless `max_iterations` is None or an integer from 1, and `max_seconds` None
    or a number above 0.
    """

    max_iterations: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.max_iterations is not None:
            limit = as_integer("max_iterations", self.max_iterations, 1)
            object.__setattr__(self, "max_iterations", limit)
        if self.max_seconds is not None:
            check_positive("max_seconds", self.max_seconds)

    def after(self, seconds: float) -> "Budget":
        """Return what is left when so many seconds were spent; LEAST_SECONDS always are.

        >>> Budget(max_seconds=10).after(2)
        Budget(max_iterations=None, max_seconds=8)
        """
        if self.max_seconds is None:
            return self
        least = min(self.max_seconds, LEAST_SECONDS)
        return replace(self, max_seconds=max(self.max_seconds - seconds, least))
