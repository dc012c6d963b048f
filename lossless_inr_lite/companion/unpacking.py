"""Unpack zip and tar files within bounds, and nowhere but into one folder.

Only plain files are made, under names that a regular expression allows. An archive with a name that
leads out of the folder, with a link or a device among the wanted members, or with more bytes than
expected is refused.
"""

import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from lossless_inr_lite.companion.data_sets import Archive
from lossless_inr_lite.errors import FileFormatError
from lossless_inr_lite.files import PIECE, replacing

# In the upper half of a zip member's external attributes: the mode that Unix gave it.
MODE_SHIFT = 16
KIND_OF_FILE = 0o170000
REGULAR = 0o100000
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError)
"""What a damaged archive makes its reader raise."""


def unpack(archive: Path, folder: Path, wanted: Archive) -> int:
    """Unpack the wanted members of an archive below `folder`, and return their number.

    Raises FileFormatError when the archive is damaged, encrypted, larger than allowed, or holds a
    name that leads out of the folder, and OutputError when the system refuses to write. Then some
    of its files may lie in `folder`.
    """
    number = 0
    left = wanted.most_bytes
    try:
        for name, size, stream in _members(archive, folder, wanted):
            target = _target(archive, name, folder, wanted)
            if target is None:
                continue
            if size > left:
                raise FileFormatError(
                    f"{archive.name} unpacks to more than {wanted.most_bytes} bytes, "
                    "which is more than this data set has"
                )
            left -= _copy(archive, name, size, stream, target)
            number += 1
    except BROKEN as error:
        raise FileFormatError(f"{archive.name} is damaged: {error}") from error
    # An encrypted member, and a way to compress that this Python has not.
    except (RuntimeError, NotImplementedError) as error:
        raise FileFormatError(f"{archive.name} cannot be unpacked: {error}") from error
    return number


def _members(archive: Path, folder: Path, wanted: Archive) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, size and bytes of every plain file in an archive."""
    if zipfile.is_zipfile(archive):
        yield from _zip_members(archive, wanted)
    else:
        yield from _tar_members(archive, folder, wanted)


def _zip_members(archive: Path, wanted: Archive) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        _check_number(archive, len(members), wanted)
        for member in members:  # all names before the first file is made
            _check_name(archive, member.filename)
        for member in members:
            kind = (member.external_attr >> MODE_SHIFT) & KIND_OF_FILE
            if member.is_dir():
                continue
            if kind not in (0, REGULAR):
                raise FileFormatError(f"{archive.name} holds {member.filename!r}, which is no file")
            with opened.open(member) as stream:
                yield member.filename, member.file_size, stream


def _tar_members(
    archive: Path, folder: Path, wanted: Archive
) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(archive, "r:*") as opened:
        for number, member in enumerate(opened, 1):
            _check_number(archive, number, wanted)
            _check_name(archive, member.name)
            if member.size > wanted.most_bytes:
                raise FileFormatError(
                    f"{archive.name} holds {member.name!r} of {member.size} bytes, "
                    f"more than the {wanted.most_bytes} of the whole data set"
                )
            if member.isdir():
                continue
            if not member.isreg():
                raise FileFormatError(f"{archive.name} holds {member.name!r}, which is no file")
            if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
                tarfile.data_filter(member, str(folder))
            stream = opened.extractfile(member)
            assert stream is not None  # it is a regular file
            with stream:
                yield member.name, member.size, stream


def _check_number(archive: Path, number: int, wanted: Archive) -> None:
    if number > wanted.most_members:
        raise FileFormatError(f"{archive.name} holds more than {wanted.most_members} members")


def _check_name(archive: Path, name: str) -> None:
    """Raise FileFormatError for a name that would lead anywhere but below a folder."""
    path = PurePosixPath(name)
    foreign = any(character in name for character in "\\:\0")
    if path.is_absolute() or ".." in path.parts or foreign:
        raise FileFormatError(
            f"{archive.name} holds {name!r}, a name that leads out of the folder: it is refused"
        )


def _target(archive: Path, name: str, folder: Path, wanted: Archive) -> Path | None:
    """Where a member goes, or None when it is not wanted."""
    for member in wanted.members:
        match = re.fullmatch(member.names, name)
        if match is None:
            continue
        target = folder / match.expand(member.saved_as)
        if target.exists():
            raise FileFormatError(f"{archive.name} holds {name!r} twice")
        return target
    return None


def _copy(archive: Path, name: str, size: int, stream: IO[bytes], target: Path) -> int:
    """Write one member and return its bytes, which are as many as the archive says."""
    written = 0
    with replacing(target) as temporary, open(temporary, "wb") as file:
        while piece := stream.read(PIECE):
            written += len(piece)
            if written > size:
                break
            file.write(piece)
    if written != size:
        raise FileFormatError(f"{archive.name}: {name!r} does not hold the {size} bytes it says")
    return written
