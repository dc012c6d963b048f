"""The errors that a user can cause, each with one clear sentence."""

import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
    """Return `value` when it is one of `allowed`; raise InputError that lists them otherwise.

    >>> check_choice("device", "cpu", ["cpu", "cuda"])
    'cpu'
    """
    if value not in allowed:
        raise InputError(f"unknown {what} {value!r}: allowed are {', '.join(sorted(allowed))}")
    return value


def check_type(what: str, value: object, kinds: type | tuple[type, ...], needed: str) -> None:
    """Raise InputError unless `value` is one of these kinds; `needed` says which, in words.

    >>> check_type("signal", "photo.png", int, "a number is needed")
    Traceback (most recent call last):
    lossless_inr_lite.errors.InputError: signal is 'photo.png': a number is needed
    """
    if not isinstance(value, kinds):
        raise InputError(f"{what} is {shown(value)}: {needed}")


def as_integer(what: str, value: Any, least: int | None = None) -> int:
    """Return an integer of Python or numpy as an `int`.

    Raises InputError for anything else, truth values included, and for less than `least`.

    >>> as_integer("size", 64, 1)
    64
    """
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or (least is not None and int(value) < least):
        allowed = "integers" if least is None else f"integers from {least}"
        raise InputError(f"{what} is {shown(value)}: allowed are {allowed}")
    return int(value)


def check_positive(what: str, value: Any) -> None:
    """Raise InputError unless `value` is a number above 0, of Python or numpy.

    >>> check_positive("max_seconds", 0.5)
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not float(value) > 0:
        raise InputError(f"{what} is {shown(value)}: a number above 0 is needed")


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "picture"), counted(2, "picture")
    ('1 picture', '2 pictures')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


MOST_SHOWN = 80


def shown(value: object) -> str:
    """A value in an error: as Python writes it when that is short, else its type."""
    text = repr(value)
    is_short = len(text) <= MOST_SHOWN and "\n" not in text
    return text if is_short else f"of type {type(value).__name__}"


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
