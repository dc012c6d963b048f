"""Names of files in a container: short when they are numbered, and safe to write."""

import re

from lossless_inr_lite.errors import FileFormatError

LONGEST = 255  # bytes of UTF-8
# Devices of one system: a file of such a name cannot be written there.
RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(1, 10))}


def pack_names(names: list[str]) -> list[str]:
    """Names, each replaced by "" where it is the `successor` of the one before."""
    before = [None, *names[:-1]]
    return [
        "" if last is not None and name == successor(last) else name
        for last, name in zip(before, names, strict=True)
    ]


def unpack_names(packed: list[str]) -> list[str]:
    """The inverse of `pack_names`; raises FileFormatError where there is none, and for names too long."""
    names: list[str] = []
    for text in packed:
        name = text or (successor(names[-1]) if names else None)
        if name is None or len(name.encode("utf-8", "surrogatepass")) > LONGEST:
            raise FileFormatError("the container holds a file name that is empty or too long")
        names.append(name)
    return names


def successor(name: str) -> str | None:
    """The name with its last number one higher, as wide as before: digit_009.png -> digit_010.png."""
    numbers = list(re.finditer("[0-9]+", name))
    if not numbers:
        return None
    last = numbers[-1]
    return (
        name[: last.start()]
        + str(int(last.group()) + 1).zfill(len(last.group()))
        + name[last.end() :]
    )


def unsafe(name: str) -> str | None:
    """Why a name cannot be a file's in any folder on any system, or None when it can."""
    if not name or len(name.encode("utf-8", "surrogatepass")) > LONGEST:
        return "it is empty or longer than 255 bytes"
    if any(c in '/\\:*?"<>|' or not c.isprintable() for c in name):
        return "it holds a separator of paths or a character that no file name may have"
    if name[-1] in ". " or name[0] == " ":
        return "it ends with a dot, or begins or ends with a space"
    if name.split(".")[0].casefold() in RESERVED:
        return "it is the name of a device"
    return None
