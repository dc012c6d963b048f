"""Checked fields: the JSON object of a file's header becomes a dataclass, or one clear error.

A header is a frozen dataclass whose annotations say what each field may hold:

>>> @dataclass(frozen=True)
... class Page:
...     title: Annotated[str, Text(20)]
...     size: Annotated[tuple[int, ...], ListOf(Integer(1, 100), 2, 2)]
...     copies: Annotated[int, Integer(low=1)] = 1
>>> page = checked(Page, {"title": "Plan", "size": [3, 4]}, "the page")
>>> page
Page(title='Plan', size=(3, 4), copies=1)
>>> plain(page, without_defaults=True)
{'title': 'Plan', 'size': [3, 4]}
>>> checked(Page, {"title": "Plan", "size": [3, 400]}, "the page")
Traceback (most recent call last):
lossless_inr_lite.errors.FileFormatError: the page is wrong at size.1: it is 400, allowed are \
integers from 1 to 100

Nothing is converted but lists, which become tuples, and numbers, which become floats. So the
decoders of files need no library for this.
"""

import math
import re
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Protocol, TypeVar, get_args, get_origin, get_type_hints

from lossless_inr_lite.errors import FileFormatError, InputError

Record = TypeVar("Record")
SURROGATES = re.compile("[\ud800-\udfff]")
NO_BYTES = re.compile("[\ud800-\udc7f\udd00-\udfff]")


class _WrongFieldError(ValueError):
    """Field `where` ("" for the whole object) is wrong in the way that `text` tells."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(where, text)
        self.where = where
        self.text = text


class Check(Protocol):
    """What one field may hold."""

    @property
    def allowed(self) -> str:
        """What is allowed, to be read after "allowed are"."""
        ...

    def accept(self, value: Any, where: str) -> Any:
        """Return the value as the dataclass holds it. `where` names the field in errors."""
        ...


@dataclass(frozen=True)
class Integer:
    """An integer from `low` to `high`, both included. None means no bound. Booleans are refused."""

    low: int | None = None
    high: int | None = None

    @property
    def allowed(self) -> str:
        return "integers" + _bounds(self.low, self.high)

    def accept(self, value: Any, where: str) -> int:
        if type(value) is not int or not _inside(value, self.low, self.high):
            raise _wrong(where, value, self.allowed)
        return value


@dataclass(frozen=True)
class Number:
    """A finite number from `low` to `high`, both included. It becomes a float."""

    low: float | None = None
    high: float | None = None

    @property
    def allowed(self) -> str:
        return "finite numbers" + _bounds(self.low, self.high)

    def accept(self, value: Any, where: str) -> float:
        if type(value) not in (int, float):
            raise _wrong(where, value, self.allowed)
        try:
            number = float(value)
        except OverflowError:  # an integer beyond the largest float
            number = math.inf
        if not math.isfinite(number) or not _inside(number, self.low, self.high):
            raise _wrong(where, value, self.allowed)
        return number


@dataclass(frozen=True)
class Text:
    """A text of `min_length` to `max_length` characters, all of which matches `pattern` if given.

    Lone surrogates are refused: they are no characters, and such a text cannot be written. In the
    name of a file U+DC80 to U+DCFF stand for bytes that are no UTF-8 (PEP 383), and
    `escaped_bytes` lets these pass.
    """

    max_length: int
    pattern: str | None = None
    min_length: int = 0
    escaped_bytes: bool = False

    @property
    def allowed(self) -> str:
        start = f"{self.min_length} to " if self.min_length else "at most "
        end = f" of the form {self.pattern}" if self.pattern else ""
        return f"texts of {start}{self.max_length} characters{end}"

    def accept(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or not self.min_length <= len(value) <= self.max_length:
            raise _wrong(where, value, self.allowed)
        surrogates = NO_BYTES if self.escaped_bytes else SURROGATES
        if not value.isascii() and surrogates.search(value):
            raise _wrong(where, value, self.allowed)
        if self.pattern is not None and re.fullmatch(self.pattern, value) is None:
            raise _wrong(where, value, self.allowed)
        return value


@dataclass(frozen=True)
class Flag:
    """True or False."""

    @property
    def allowed(self) -> str:
        return "true and false"

    def accept(self, value: Any, where: str) -> bool:
        if not isinstance(value, bool):
            raise _wrong(where, value, self.allowed)
        return value


class Choice:
    """One of some values, of the same type: 1 is neither 1.0 nor True."""

    def __init__(self, *values: str | int) -> None:
        self.values = values

    @property
    def allowed(self) -> str:
        return ", ".join(map(str, self.values))

    def accept(self, value: Any, where: str) -> Any:
        if not any(type(value) is type(known) and value == known for known in self.values):
            raise _wrong(where, value, self.allowed)
        return value


@dataclass(frozen=True)
class OrNone:
    """What another check allows, or None (JSON's null)."""

    check: Check

    @property
    def allowed(self) -> str:
        return f"{self.check.allowed}, or null"

    def accept(self, value: Any, where: str) -> Any:
        if value is None:
            return None
        try:
            return self.check.accept(value, where)
        except _WrongFieldError as error:
            raise _WrongFieldError(error.where, f"{error.text}, or null") from None


@dataclass(frozen=True)
class ListOf:
    """A list of `min_length` to `max_length` items that all pass one check. It becomes a tuple."""

    item: Check
    min_length: int
    max_length: int

    @property
    def allowed(self) -> str:
        return f"lists of {_count(self.min_length, self.max_length)} {self.item.allowed}"

    def accept(self, value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _wrong(where, value, self.allowed)
        if not self.min_length <= len(value) <= self.max_length:
            needed = _count(self.min_length, self.max_length)
            text = f"it has {len(value)} items, allowed are {needed}"
            raise _WrongFieldError(where, text)
        return tuple(self.item.accept(item, f"{where}.{at}") for at, item in enumerate(value))


@dataclass(frozen=True)
class MapOf:
    """An object of at most `max_length` members with any names, whose values pass one check."""

    item: Check
    max_length: int

    @property
    def allowed(self) -> str:
        return f"objects of at most {self.max_length} {self.item.allowed}"

    def accept(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise _wrong(where, value, self.allowed)
        if len(value) > self.max_length:
            text = f"it has {len(value)} members, allowed are at most {self.max_length}"
            raise _WrongFieldError(where, text)
        return {name: self.item.accept(item, f"{where}.{name}") for name, item in value.items()}


@dataclass(frozen=True)
class RecordOf:
    """An object whose fields are those of the dataclass `kind`, checked in the same way."""

    kind: type

    @property
    def allowed(self) -> str:
        return f"objects with the fields {', '.join(_checks(self.kind))}"

    def accept(self, value: Any, where: str) -> Any:
        if not isinstance(value, Mapping):
            raise _wrong(where, value, self.allowed)
        known = _checks(self.kind)
        start = f"{where}." if where else ""
        for name in value:
            if name not in known:
                shown = reprlib.repr(name).strip("'\"")
                text = f"no such field, allowed are {', '.join(known)}"
                raise _WrongFieldError(start + shown, text)
        found: dict[str, Any] = {}
        for field in fields(self.kind):
            if field.name in value:
                check = known[field.name]
                found[field.name] = check.accept(value[field.name], start + field.name)
            elif field.default is MISSING and field.default_factory is MISSING:
                raise _WrongFieldError(start + field.name, "it is missing")
        try:
            return self.kind(**found)
        except InputError as error:  # a rule between fields, in the dataclass's __post_init__
            raise _WrongFieldError(where, str(error)) from error


def checked(
    kind: type[Record],
    content: Any,
    what: str,
    error: type[InputError] = FileFormatError,
) -> Record:
    """Turn an object as JSON holds it into the dataclass `kind`.

    Every field of `kind` is annotated with its check: `Annotated[int, Integer(1, 16)]`. A field may
    be missing when it has a default. A rule between fields stands in the dataclass's
    `__post_init__`, which raises InputError.

    Raises `error` with one sentence that begins with `what` and names the first field that is
    wrong, unknown or missing, its value, and what is allowed.
    """
    try:
        return RecordOf(kind).accept(content, "")
    except _WrongFieldError as wrong:
        place = f" at {wrong.where}" if wrong.where else ""
        raise error(f"{what} is wrong{place}: {wrong.text}") from wrong


def plain(record: Any, without_defaults: bool = False) -> dict[str, Any]:
    """The inverse of `checked`: the fields of a dataclass in their order, as plain JSON values.

    `without_defaults` leaves out the fields that hold their default, in nested dataclasses too.
    """
    found: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if without_defaults and _is_default(field, value):
            continue
        found[field.name] = _plain_value(value, without_defaults)
    return found


def _plain_value(value: Any, without_defaults: bool) -> Any:
    if is_dataclass(value):
        return plain(value, without_defaults)
    if isinstance(value, list | tuple):
        return [_plain_value(item, without_defaults) for item in value]
    if isinstance(value, dict):
        return {name: _plain_value(item, without_defaults) for name, item in value.items()}
    return value


def _is_default(field: Any, value: Any) -> bool:
    if field.default is not MISSING:
        return value == field.default
    return field.default_factory is not MISSING and value == field.default_factory()


@cache
def _checks(kind: type) -> dict[str, Check]:
    """The check of every field of a dataclass, by name, in the fields' order."""
    hints = get_type_hints(kind, include_extras=True)
    found: dict[str, Check] = {}
    for field in fields(kind):
        hint = hints[field.name]
        if get_origin(hint) is not Annotated:
            raise TypeError(f"{kind.__name__}.{field.name} is not annotated with its check")
        found[field.name] = get_args(hint)[1]
    return found


def _wrong(where: str, value: Any, allowed: str) -> _WrongFieldError:
    # `reprlib` shortens: a file must not fill the screen, nor name a value of megabytes.
    return _WrongFieldError(where, f"it is {reprlib.repr(value)}, allowed are {allowed}")


def _inside(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _bounds(low: float | None, high: float | None) -> str:
    start = "" if low is None else f" from {low}"
    end = "" if high is None else f" to {high}"
    return start + end


def _count(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"
