"""Lists as people write them in a notebook's parameter."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from lossless_inr_lite.errors import InputError


def comma_list(given: str | Sequence[object]) -> list[str]:
    """The parts of a list: of text between commas, or of a YAML list.

    In text the spaces around parts and empty parts do not count. A name that holds a comma needs a
    YAML list: a real one (from a parameter file), or one written as text (papermill's -p passes
    nothing else). Its parts are taken as they are. A text that is as a whole the name of a file is
    one part, whatever commas or brackets it holds.

    Raises InputError for text in brackets that is no YAML list, and as `checked_list` does.

    >>> comma_list(" astronaut, coffee,")
    ['astronaut', 'coffee']
    >>> comma_list(["a,b.png", "coffee"])
    ['a,b.png', 'coffee']
    >>> comma_list('["a,b.png", coffee]')
    ['a,b.png', 'coffee']
    """
    if not isinstance(given, str):
        return [str(part) for part in checked_list(given)]
    if _is_file(given):
        return [given]
    text = given.strip()
    if text.startswith("[") and text.endswith("]"):
        return [str(part) for part in checked_list(_yaml_list(text))]
    return [part.strip() for part in text.split(",") if part.strip()]


def checked_list(parts: Sequence[object]) -> Sequence[object]:
    """The parts of a YAML list; raises InputError unless all are names or numbers.

    An empty name would be the working folder's.
    """
    for part in parts:
        is_plain = isinstance(part, (str, int, float)) and not isinstance(part, bool)
        if not is_plain or part == "":
            raise InputError(f"a list holds {part!r}: allowed are names and numbers")
    return parts


def _yaml_list(text: str) -> list[object]:
    """The list that a text in brackets stands for."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise InputError(f'{text} is not a YAML list: write it as ["a,b.png", "c.png"]')
    return found


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long, or with a NUL
        return False
