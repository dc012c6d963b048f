"""Names of files in a container: short when they are numbered, and safe to write."""

import re

from lossless_inr_lite.errors import FileFormatError

LONGEST = 255  # bytes of UTF-8
SEPARATORS = '/\\:*?"<>|'  # no file may have them in its name on some system
# Devices of one system: a file of such a name cannot be written there.
RESERVED = {"con", "prn", "aux", "nul"}
RESERVED |= {f"{device}{number}" for device in ("com", "lpt") for number in range(1, 10)}


def pack_names(names: list[str]) -> list[str]:
    """Names, each replaced by "" where it is the `successor` of the one before.

    >>> pack_names(["digit_009.png", "digit_010.png", "other.png"])
    ['digit_009.png', '', 'other.png']
    """
    packed: list[str] = []
    expected = None
    for name in names:
        packed.append("" if name == expected else name)
        expected = successor(name)
    return packed


def unpack_names(packed: list[str]) -> list[str]:
    """The inverse of `pack_names`.

    Raises FileFormatError where there is none, and for a name that is too long.
    """
    names: list[str] = []
    for text in packed:
        name: str | None = text
        if not text:
            name = successor(names[-1]) if names else None
        if name is None or _num_bytes(name) > LONGEST:
            raise FileFormatError("the container holds a file name that is empty or too long")
        names.append(name)
    return names


def successor(name: str) -> str | None:
    """The name with its last number one higher, as wide as before; None without a number.

    >>> successor("digit_009.png")
    'digit_010.png'
    """
    numbers = list(re.finditer("[0-9]+", name))
    if not numbers:
        return None
    last = numbers[-1]
    following = str(int(last.group()) + 1).zfill(len(last.group()))
    return name[: last.start()] + following + name[last.end() :]


def unsafe(name: str) -> str | None:
    """Why a name cannot be a file's in any folder on any system, or None when it can."""
    if not name or _num_bytes(name) > LONGEST:
        return f"it is empty or longer than {LONGEST} bytes"
    if any(character in SEPARATORS or not character.isprintable() for character in name):
        return "it holds a separator of paths or a character that no file name may have"
    if name[-1] in ". " or name[0] == " ":
        return "it ends with a dot, or begins or ends with a space"
    if name.split(".")[0].casefold() in RESERVED:
        return "it is the name of a device"
    return None


def _num_bytes(name: str) -> int:
    return len(name.encode("utf-8", "surrogatepass"))
