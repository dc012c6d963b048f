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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lossless_inr_lite.errors import FileFormatError, InputError, OutputError, counted, shown

# What a temporary file or folder of ours is called, before its random part.
PREFIX = ".part"
DEFAULT_MODE = 0o666  # of a new file, before the umask
PERMISSIONS = 0o777  # the bits of a mode that are carried over to a file that replaces another
OWNER_CAN_WRITE = 0o600
# A pipe does not say where it ends, and may never end. So much is read of it at most, in pieces.
MAX_STREAM = 2**30  # bytes
PIECE = 2**20  # bytes
# What may stand in the place of a file, beside a folder.
SPECIAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def as_path(path: str | os.PathLike[str], what: str = "the path") -> Path:
    """A path as a `Path`; raises InputError for what cannot be one.

    >>> as_path("a.png").name
    'a.png'
    """
    if isinstance(path, (str, os.PathLike)):
        with suppress(TypeError):  # a path made of bytes
            return Path(path)
    raise InputError(f"{what} is {shown(path)}: a text or a Path is needed")


def check_writable(path: str | Path) -> Path:
    """Prove that a file can be made at `path`, and leave nothing behind.

    The missing folders and the file are tried out inside a folder with a random name. So nothing
    that another process may have made or may want to use is ever created or removed here. A
    symbolic link is followed: the file that it leads to is the one that will be written. No folder
    is made for that.

    Raises InputError when the folder cannot be made or written, when no file may have that name,
    or when a folder, a pipe, a device or a socket is there.
    """
    path = as_path(path)
    target = written_file(path)
    _check_kind(path)
    if target != path and not target.parent.is_dir():
        raise OutputError(
            f"cannot write {path}: it is a link into the folder {target.parent}, which is not there"
        )
    existing = _nearest_existing(target.parent)
    missing = target.parent.parts[len(existing.parts) :]
    try:
        with tempfile.TemporaryDirectory(dir=existing, prefix=PREFIX) as private:
            # ".." would lead out of the private folder, and needs no proof.
            folder = Path(private, *(name for name in missing if name != ".."))
            folder.mkdir(parents=True, exist_ok=True)
            (folder / target.name).touch()
            (folder / _temporary_name(path)).touch()
    except (OSError, ValueError) as error:
        raise _cannot_write(target, error) from error
    return path


def written_file(path: str | Path) -> Path:
    """The file that is written for `path`: where its symbolic link leads, or `path` itself."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)


def check_not_input(output: str | Path, inputs: Iterable[Path]) -> None:
    """Raise InputError when writing `output` would change one of the files `inputs`.

    Files are compared, not names: so another spelling, a hard or a symbolic link is noticed.
    """
    for source in inputs:
        try:
            same = os.path.samefile(output, source)
        except (OSError, ValueError):  # one of them is not there
            continue
        if same:
            raise InputError(
                f"the output {output} is the same file as the input {source}: choose another output"
            )


def check_replaceable(
    path: str | Path, is_ours: Callable[[Path], bool], kind: str, force: bool = False
) -> None:
    """Raise InputError when writing `path` would destroy something that is not ours.

    What is there may be replaced when it is empty, when `is_ours(path)`, or by `force`. `kind` says
    what `is_ours` looks for ("a saved network").
    """
    path = Path(path)
    if force or not path.is_file() or path.stat().st_size == 0:
        return
    state = f"is not {kind}" if os.access(path, os.R_OK) else "cannot be read"
    if not is_ours(path):
        raise InputError(
            f"{path} is there already and {state}: choose another name, or --force to replace it"
        )


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes its place when all went well.

    When the block fails, the temporary file is removed and `path` stays as it was. The temporary
    name keeps the suffix, since writers choose the format by it. The new file has the permissions
    of the file that it replaces, or those that the umask leaves to a new one. A symbolic link
    stays, and the file that it leads to is replaced.

    Raises InputError as `check_writable` does, and OutputError when the system refuses to write.
    """
    path = check_writable(path)
    target = written_file(path)
    temporary = target.parent / _temporary_name(path)
    replaced = _status(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # The umask is applied by the system here: to ask for it, one would have to change it. What
        # others may not read in the old file they may not read in the unfinished new one either.
        wanted = DEFAULT_MODE if replaced is None else _permissions(replaced) | OWNER_CAN_WRITE
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, wanted))
    except OSError as error:
        raise _cannot_write(target, error) from error
    try:
        yield temporary
        if replaced is not None:
            _keep_owner(temporary, replaced)
            temporary.chmod(_permissions(replaced))
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {reason_of(error)}") from error
    finally:
        with suppress(OSError):  # the disk may have become unwritable
            temporary.unlink(missing_ok=True)


def portable_name(name: str) -> str:
    """A file's name as a text that means the same on every system: its bytes read as UTF-8.

    A byte that is no UTF-8 becomes a lone surrogate, U+DC80 to U+DCFF (PEP 383), whatever encoding
    this system has for names.
    """
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def is_utf8(name: str) -> bool:
    """Whether a portable name is a text, without bytes that are no UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def local_name(name: str) -> str:
    """The inverse of `portable_name`; raises InputError when this system has no such names."""
    try:
        return os.fsdecode(name.encode("utf-8", "surrogateescape"))
    except UnicodeError as error:
        raise InputError(f"no file here can have the name {name!r}: {error}") from error


def write_json(path: str | Path, content: dict[str, Any]) -> Path:
    """Write one JSON object and return its path; NaN and infinity raise ValueError."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def read_bytes(
    path: str | Path, limit: int | None = None, error: type[InputError] = InputError
) -> bytes:
    """All bytes of a file or a pipe, of which there may be at most `limit`.

    Raises `error` when it cannot be read, and FileFormatError when it is larger: then no more than
    `limit` + 1 bytes have been read. Of a pipe at most `MAX_STREAM` bytes are read.
    """
    path = as_path(path)
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                data = file.read() if limit is None else file.read(_bounded(status, limit) + 1)
            else:
                data = _read_stream(file, MAX_STREAM if limit is None else min(limit, MAX_STREAM))
    except (OSError, ValueError) as reason:
        raise error(f"cannot read {path}: {reason_of(reason)}") from reason
    if limit is not None and len(data) > limit:
        raise FileFormatError(f"{path.name} is larger than {limit} bytes")
    if not stat.S_ISREG(status.st_mode) and len(data) > MAX_STREAM:
        raise error(f"{path} gives more than {MAX_STREAM} bytes: write them to a file first")
    return data


def _bounded(status: os.stat_result, limit: int) -> int:
    """The bytes to read of a file: no memory is reserved for more than it has."""
    # Files of /proc say that they have none.
    return min(limit, status.st_size) if status.st_size else limit


def _read_stream(stream: BinaryIO, limit: int) -> bytes:
    """At most `limit` + 1 bytes of a pipe."""
    pieces = []
    left = limit + 1
    while left > 0:
        piece = stream.read(min(left, PIECE))
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


@contextmanager
def as_file(path: Path) -> Iterator[Path]:
    """Yield `path` itself, or for a pipe a temporary file of the same name with all of its bytes.

    A pipe gives its bytes once, and readers of sound look at a file several times. Raises
    InputError when the pipe cannot be read, and OutputError when its bytes cannot be kept.
    """
    if not path.is_fifo():
        yield path
        return
    data = read_bytes(path)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        with replacing(copy) as temporary:
            temporary.write_bytes(data)
        del data
        yield copy


def inflated(
    data: bytes,
    limit: int,
    what: str,
    zdict: bytes | None = None,
    wbits: int = zlib.MAX_WBITS,
    may_go_on: bool = False,
) -> bytes:
    """The bytes that were deflated into `data`, of which there may be at most `limit`.

    `what` is named in the error ("the container's header"). `zdict` and `wbits` are those of
    `zlib.compressobj`. With `may_go_on` bytes behind the end are passed over.

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
    if stream.unused_data and not may_go_on:
        behind = counted(len(stream.unused_data), "byte")
        raise FileFormatError(f"{what} has {behind} behind its end")
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


def _check_kind(path: Path) -> None:
    """Raise InputError when something that is no file is at `path`."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        raise _cannot_write(path, error) from error
    if stat.S_ISDIR(mode):
        raise InputError(f"cannot write {path}: it is a folder, a file name is needed")
    if not stat.S_ISREG(mode):
        what = SPECIAL.get(stat.S_IFMT(mode), "no file")
        raise InputError(f"cannot write {path}: it is {what}, a file name is needed")


def _status(path: Path) -> os.stat_result | None:
    """What the system knows of a file, or None when there is none."""
    try:
        return path.stat()
    except OSError:
        return None


def _permissions(status: os.stat_result) -> int:
    return stat.S_IMODE(status.st_mode) & PERMISSIONS


def _keep_owner(path: Path, replaced: os.stat_result) -> None:
    """Give a file to the owner and the group of the file that it replaces, where that is allowed.

    An administrator who replaces a user's file would lock the user out otherwise.
    """
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(path, replaced.st_uid, replaced.st_gid)


def _cannot_write(path: Path, error: Exception) -> InputError:
    return OutputError(f"cannot write into the folder {path.parent}: {reason_of(error)}")


def reason_of(error: Exception) -> str:
    """What the system says, without the number and the path."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
