"""Files: written whole or not at all, read within bounds, and sealed with a checksum.

Every file of this package is written through `replacing`. Formats of our own lie in an `Envelope`,
and what is deflated inside of them is read with `inflated`.
"""

import hashlib
import json
import os
import secrets
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lossless_inr_lite.errors import FileFormatError, InputError

# What a temporary file or folder of ours is called, before its random part.
PREFIX = ".part"
DEFAULT_MODE = 0o666  # of a new file, before the umask
PERMISSIONS = 0o777  # the bits of a mode that are carried over to a file that replaces another
OWNER_CAN_WRITE = 0o600


def check_writable(path: str | Path) -> Path:
    """Prove that a file can be made at `path`, and leave nothing behind.

    The missing folders and the file are tried out inside a folder with a random name. So nothing
    that another process may have made or may want to use is ever created or removed here.

    Raises InputError when the folder cannot be made or written, when no file may have that name,
    or when `path` is itself a folder.
    """
    path = Path(path)
    if os.path.isdir(path):
        raise InputError(f"cannot write {path}: it is a folder, a file name is needed")
    existing = _nearest_existing(path.parent)
    missing = path.parent.parts[len(existing.parts) :]
    try:
        with tempfile.TemporaryDirectory(dir=existing, prefix=PREFIX) as private:
            # ".." would lead out of the private folder, and needs no proof.
            folder = Path(private, *(name for name in missing if name != ".."))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / path.name).touch()
            (folder / _temporary_name(path)).touch()
    except (OSError, ValueError) as error:
        raise _cannot_write(path, error) from error
    return path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes its place when all went well.

    When the block fails, the temporary file is removed and `path` stays as it was. The temporary
    name keeps the suffix, since writers choose the format by it. The new file has the permissions
    of the file that it replaces, or those that the umask leaves to a new one.

    Raises InputError as `check_writable` does.
    """
    path = check_writable(path)
    temporary = path.parent / _temporary_name(path)
    mode = _permissions(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The umask is applied by the system here: to ask for it, one would have to change it. What
        # others may not read in the old file they may not read in the unfinished new one either.
        wanted = DEFAULT_MODE if mode is None else mode | OWNER_CAN_WRITE
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, wanted))
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        yield temporary
        if mode is not None:
            temporary.chmod(mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, content: dict[str, Any]) -> Path:
    """Write one JSON object and return its path; NaN and infinity raise ValueError."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def read_bytes(
    path: str | Path, limit: int | None = None, error: type[InputError] = InputError
) -> bytes:
    """All bytes of a file, of which there may be at most `limit`.

    Raises `error` when the file cannot be read, and FileFormatError when it is larger: then no
    more than `limit` + 1 bytes have been read.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            data = file.read() if limit is None else file.read(limit + 1)
    except (OSError, ValueError) as reason:
        raise error(f"cannot read {path}: {_reason(reason)}") from reason
    if limit is not None and len(data) > limit:
        raise FileFormatError(f"{path.name} is larger than {limit} bytes")
    return data


def inflated(
    data: bytes, limit: int, what: str, zdict: bytes | None = None, wbits: int = zlib.MAX_WBITS
) -> bytes:
    """The bytes that were deflated into `data`, of which there may be at most `limit`.

    `what` is named in the error ("the container's header"). `zdict` and `wbits` are those of
    `zlib.compressobj`.

    Raises FileFormatError when `data` is no deflated stream, is cut off, goes on behind its end,
    or holds more than `limit` bytes: then no more than `limit` + 1 bytes have been inflated.
    """
    stream = zlib.decompressobj(wbits) if zdict is None else zlib.decompressobj(wbits, zdict=zdict)
    try:
        text = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise FileFormatError(f"{what} cannot be inflated") from error
    if len(text) > limit:
        raise FileFormatError(f"{what} is larger than {limit} bytes when it is inflated")
    if not stream.eof:
        raise FileFormatError(f"{what} is cut off")
    if stream.unused_data:
        raise FileFormatError(f"{what} has {len(stream.unused_data)} bytes behind its end")
    return text


@dataclass(frozen=True)
class Envelope:
    """How files of one format begin and end: magic | version, 1 byte | body | checksum.

    The checksum is the first `digest_bytes` bytes of the SHA-256 of all that stands before it.
    `kind` says in an error what the file should be ("file of trits").
    """

    magic: bytes
    kind: str
    version: int
    digest_bytes: int = 32

    def sealed(self, body: bytes) -> bytes:
        """The whole file around `body`."""
        content = self.magic + bytes([self.version]) + body
        return content + self._digest(content)

    def opened(self, data: bytes, name: str) -> bytes:
        """The body of a whole file `data`: what stands between its version and its checksum.

        `name` begins the error ("a.trits", "the container"). Raises FileFormatError, in this
        order, when the file is of another format, too short, newer than this package, altered or
        cut off, or of a version that is not read any more.
        """
        start = len(self.magic)
        if data[:start] != self.magic[: len(data)]:
            raise FileFormatError(f"{name} is not a {self.kind}: its first bytes are others")
        if len(data) < start + 1 + self.digest_bytes:
            raise FileFormatError(
                f"{name} is truncated: its {len(data)} bytes are too few for a {self.kind}"
            )
        version = data[start]
        if version > self.version:
            raise FileFormatError(
                f"{name} has format version {version}, "
                f"this package reads up to {self.version}: update it"
            )
        content = data[: -self.digest_bytes]
        if self._digest(content) != data[-self.digest_bytes :]:
            raise FileFormatError(
                f"{name} is damaged or truncated: its bytes do not match their checksum"
            )
        if version != self.version:
            raise FileFormatError(
                f"{name} has format version {version}, this package reads only {self.version}"
            )
        return content[start + 1 :]

    def _digest(self, content: bytes) -> bytes:
        return hashlib.sha256(content).digest()[: self.digest_bytes]


def _temporary_name(path: Path) -> str:
    return f"{PREFIX}{secrets.token_hex(8)}{path.suffix}"


def _nearest_existing(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there (a dangling link is there)."""
    for candidate in (folder, *folder.parents):
        if os.path.lexists(candidate):
            return candidate
    return Path(folder.anchor)


def _permissions(path: Path) -> int | None:
    """The permissions of a file, or None when there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode) & PERMISSIONS
    except OSError:
        return None


def _cannot_write(path: Path, error: Exception) -> InputError:
    return InputError(f"cannot write into the folder {path.parent}: {_reason(error)}")


def _reason(error: Exception) -> str:
    """What the system says, without the number and the path."""
    return getattr(error, "strerror", None) or str(error)
