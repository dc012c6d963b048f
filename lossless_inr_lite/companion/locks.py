"""One run at a time writes into a folder.

The lock is the system's own (flock), on a file in the folder. It ends with the process that holds
it, however that ends: a file that is left behind blocks nothing.
"""

import fcntl
import os
from pathlib import Path

from lossless_inr_lite.errors import InputError

RUN = ".run.lock"
"""What the run of a notebook holds."""

BATCH = ".batch.lock"
"""What a batch holds, from before the notebook starts until its files are written."""


class BusyError(InputError):
    """Another process holds the lock."""


class FolderLock:
    """A lock on a folder, by the name of its file; `release` ends it.

    A process may take a lock that it has already: a notebook's first cells are often run again.
    The last one who took it releases it.

    Raises BusyError when another process holds it, and InputError when it cannot be made.
    """

    _held: dict[Path, tuple[int, "FolderLock"]] = {}  # noqa: RUF012 - shared on purpose

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder.resolve() / name
        if self.path in self._held:
            descriptor, _ = self._held[self.path]
        else:
            descriptor = _locked(self.path)
        self._held[self.path] = (descriptor, self)

    def release(self) -> None:
        """Let others in. The file goes while the lock is held, so that nobody else's is removed."""
        descriptor, owner = self._held.get(self.path, (-1, None))
        if owner is not self:
            return
        del self._held[self.path]
        self.path.unlink(missing_ok=True)
        os.close(descriptor)


def check_free(folder: Path, name: str) -> None:
    """Raise InputError when another process holds that lock."""
    if (folder / name).exists():
        FolderLock(folder, name).release()


def _locked(path: Path) -> int:
    """An open file with the lock on it. It is tried again when its name was removed meanwhile."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise InputError(f"cannot write into {path.parent}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BusyError(
                f"another run writes into {path.parent}: wait until it ends, "
                "or choose another output_dir"
            ) from None
        except OSError:  # a file system without locks: nothing can be told
            return descriptor
        if _is_named(descriptor, path):
            return descriptor
        os.close(descriptor)


def _is_named(descriptor: int, path: Path) -> bool:
    """Whether `path` still names the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False
