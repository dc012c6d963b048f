"""Names of files in a container: short when they are numbered, and safe to write."""

import os
import re

from lossless_inr_lite.errors import FileFormatError

LONGEST = 255  # bytes of UTF-8
# What Windows has besides: characters that no name may hold, and devices, which no file is.
WINDOWS_CHARACTERS = '\\:*?"<>|'
WINDOWS_DEVICES = {"con", "prn", "aux", "nul"}
WINDOWS_DEVICES |= {f"{device}{number}" for device in ("com", "lpt") for number in range(1, 10)}


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
        if name is None or num_bytes(name) > LONGEST:
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


def unsafe(name: str, windows: bool = os.name == "nt") -> str | None:
    """Why a file of that name cannot be restored in a folder here, or None when it can.

    A name that leads out of the folder cannot be restored on any system. Beyond that only what the
    system itself refuses is refused: other systems take everything that Windows does not.
    """
    if not name or num_bytes(name) > LONGEST:
        return f"it is empty or longer than {LONGEST} bytes"
    if name in (".", ".."):
        return "it is the name of a folder"
    if "/" in name or "\0" in name:
        return "it holds a separator of paths, or a zero byte"
    return _refused_by_windows(name) if windows else None


def num_bytes(name: str) -> int:
    """The length of a portable name, in bytes of UTF-8; see `files.portable_name`."""
    try:
        return len(name.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return len(name.encode("utf-8", "surrogatepass"))


def shortened(name: str, ending: str) -> str:
    """`name` and `ending`, the name cut where both would be longer than `LONGEST` bytes."""
    while num_bytes(name + ending) > LONGEST:
        name = name[:-1]
    return name + ending


def _refused_by_windows(name: str) -> str | None:
    # "Naming Files, Paths, and Namespaces" in Microsoft's documentation of the Windows API.
    if any(character in WINDOWS_CHARACTERS or character < " " for character in name):
        return "it holds a character that no file name may have on Windows"
    if name[-1] in ". ":
        return "it ends with a dot or a space, which Windows does not keep"
    if name.split(".")[0].rstrip(" ").casefold() in WINDOWS_DEVICES:
        return "it is the name of a device on Windows"
    return None
