"""`Budget`: what a fit may cost before it has to end."""

from dataclasses import dataclass, replace

from lossless_inr_lite.errors import InputError

LEAST_SECONDS = 1e-3
"""What preparations leave to the training, however short the limit is."""


@dataclass(frozen=True)
class Budget:
    """What ends a fit that has not become lossless; None leaves the limit to the recipe.

    max_iterations: updates of weights, those of an earlier run that is gone on from included.
    max_seconds: of this run and its certificate together.

    Raises InputError unless each is None or a number above 0.
    """

    max_iterations: int | None = None
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None:
                check_positive(name, value)

    def after(self, seconds: float) -> "Budget":
        """Return what is left when so many seconds were spent; LEAST_SECONDS always are.

        >>> Budget(max_seconds=10).after(2)
        Budget(max_iterations=None, max_seconds=8)
        """
        if self.max_seconds is None:
            return self
        least = min(self.max_seconds, LEAST_SECONDS)
        return replace(self, max_seconds=max(self.max_seconds - seconds, least))


def check_positive(what: str, value: float) -> None:
    """Raise InputError unless `value` is a number above 0.

    >>> check_positive("max_seconds", 0.5)
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not value > 0:
        raise InputError(f"{what} is {value!r}: a number above 0 is needed")
