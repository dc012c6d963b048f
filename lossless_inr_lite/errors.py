"""The errors that a user can cause, each with one clear sentence."""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Something given by the user is wrong: the message says what, where, and what is allowed."""


class FileFormatError(InputError):
    """A file of one of our formats is truncated, altered, foreign, or newer than this package."""


class OutputError(InputError):
    """A file cannot be written: the disk is full, the folder is protected, and the like."""


class DivergedError(RuntimeError):
    """A loss stopped being finite.

    `best` is the fit with the best weights before that, or None when there was none.
    """

    def __init__(self, message: str, best: object | None = None) -> None:
        super().__init__(message)
        self.best = best


def check_choice(what: str, value: str, allowed: list[str]) -> str:
    """Return `value` when it is one of `allowed`; raise InputError that lists them otherwise."""
    if value not in allowed:
        raise InputError(f"unknown {what} {value!r}: allowed are {', '.join(sorted(allowed))}")
    return value


@contextmanager
def importing(package: str, purpose: str) -> Iterator[None]:
    """Turn a failed import in this block into an InputError: "`purpose` needs the package ..."."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"{purpose} needs the package {package}, which is not installed"
        ) from error
    except (ImportError, OSError) as error:  # a part of it is missing, or cannot be read
        raise InputError(
            f"{purpose} needs the package {package}, which cannot be imported: {error}"
        ) from error
