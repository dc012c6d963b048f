"""The errors that a user can cause, each with one clear sentence."""


class InputError(ValueError):
    """Something given by the user is wrong: the message says what, where, and what is allowed."""


class FileFormatError(InputError):
    """A saved network is truncated, altered, foreign, or newer than this package."""


class DivergedError(RuntimeError):
    """A loss stopped being finite; ``best`` holds the fit with the best weights before that, or None."""

    def __init__(self, message: str, best: object | None = None) -> None:
        super().__init__(message)
        self.best = best


def check_choice(what: str, value: str, allowed: list[str]) -> str:
    """Return `value` when it is one of `allowed`; raise InputError that lists them otherwise."""
    if value not in allowed:
        raise InputError(f"unknown {what} {value!r}: allowed are {', '.join(sorted(allowed))}")
    return value
