"""Download a file through pooch, and go on where a download was cut.

pooch checks the checksum and puts the whole file in its place. It has no resuming, so it gets a
downloader that has: what came lies in a part beside the file, and is continued with a request for
the rest (HTTP range requests, RFC 9110, section 14), also by the next run. A server that does not
know such requests sends the file from its beginning.
"""

import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lossless_inr_lite.companion.data_sets import SourceFile
from lossless_inr_lite.errors import InputError, OutputError, importing
from lossless_inr_lite.files import PIECE, reason_of

# Before the file's name, so that nobody who looks for the name finds the part.
PART = ".part-"
SCHEMES = ("http", "https")
PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416
# Too late, too early, too many, and what a server itself calls temporary. Without its part a file
# can be asked for from the beginning.
WORTH_ANOTHER_TRY = {408, RANGE_NOT_SATISFIABLE, 425, 429, 500, 502, 503, 504}


class DownloadError(InputError):
    """A file could not be downloaded: the message says from where, and why."""


class BrokenDownloadError(DownloadError):
    """A download that may go well when it is tried again."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    timeout: seconds without a byte. attempts: how often a broken download is tried in all. pause:
    seconds before the second one; every further pause is twice as long.
    """

    timeout: float = 30.0
    attempts: int = 4
    pause: float = 0.5


def download(file: SourceFile, addresses: Sequence[str], folder: Path, patience: Patience) -> Path:
    """Fetch a file from the first of `addresses` that has it into `folder`; return its path.

    What is there already with the right checksum is not fetched again. Raises DownloadError, in
    one sentence, when no address gives the file: no network, an error of the server, a server that
    does not answer in time or ends too early, another size or checksum. Raises OutputError when the
    system refuses to write. What came of the file stays in `folder` for the next run, unless its
    checksum is wrong.
    """
    with importing("pooch", "fetching data"):
        import pooch
    pooch.get_logger().setLevel("WARNING")
    reasons = []
    for address in addresses:
        # pooch's annotations call a downloader's parameters otherwise than it does itself.
        downloader: Any = ResumingDownloader(file, folder / f"{PART}{file.name}", patience)
        try:
            found = pooch.retrieve(
                address, f"sha256:{file.sha256}", file.name, folder, downloader=downloader
            )
        except DownloadError as error:
            reasons.append(str(error))
            continue
        except OSError as error:
            raise OutputError(f"cannot write into {folder}: {reason_of(error)}") from error
        return Path(found)
    raise DownloadError("; ".join(reasons))


class ResumingDownloader:
    """A downloader as pooch calls them, for one file, with a part that outlives it."""

    def __init__(self, file: SourceFile, part: Path, patience: Patience) -> None:
        self.file = file
        self.part = part
        self.patience = patience
        self.resumed = False

    def __call__(self, url: str, output_file: str, pooch: object) -> None:
        """Download `url` to the path `output_file`; raises DownloadError and OSError."""
        self._check_address(url)
        self._receive(url)
        digest = self._digest()
        if digest != self.file.sha256 and self.resumed:
            # The part may have been of an older file.
            self.part.unlink()
            self._receive(url)
            digest = self._digest()
        if digest != self.file.sha256:
            self.part.unlink()
            raise DownloadError(
                f"{url} has the SHA-256 {digest}, and {self.file.sha256} was published: "
                "it was not kept"
            )
        os.replace(self.part, output_file)

    def _check_address(self, url: str) -> None:
        if urllib.parse.urlsplit(url).scheme not in SCHEMES:
            raise InputError(f"cannot download {url}: allowed are addresses of http and https")

    def _digest(self) -> str:
        import pooch

        return pooch.file_hash(str(self.part))

    def _have(self) -> int:
        """The bytes that came so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def _receive(self, url: str) -> None:
        """Fill the part, in as many attempts as allowed."""
        pause = self.patience.pause
        for attempt in range(1, self.patience.attempts + 1):
            try:
                self._attempt(url)
                return
            except BrokenDownloadError as error:
                if attempt == self.patience.attempts:
                    raise DownloadError(self._given_up(error)) from error
            time.sleep(pause)
            pause *= 2

    def _given_up(self, error: BrokenDownloadError) -> str:
        times = self.patience.attempts
        tried = "" if times == 1 else f", {times} times"
        have = self._have()
        kept = f"; the next run goes on behind byte {have}" if have else ""
        return f"{error}{tried}{kept}"

    def _attempt(self, url: str) -> None:
        """Ask once for what is missing."""
        have = self._have()
        if have == self.file.bytes:
            self.resumed = True
            return
        if have > self.file.bytes:
            self.part.unlink()
            have = 0
        # Compressed on the way, the bytes would be others.
        headers = {"Accept-Encoding": "identity", "User-Agent": "lossless-inr-lite"}
        if have:
            headers["Range"] = f"bytes={have}-"
        request = urllib.request.Request(url, headers=headers)
        try:
            with self._network(url):
                response = urllib.request.urlopen(request, timeout=self.patience.timeout)
        except urllib.error.HTTPError as error:
            raise self._refused(url, error) from error
        with response:
            start = self._start(url, response, have)
            self._write(url, response, start)
        if self._have() < self.file.bytes:
            raise BrokenDownloadError(f"{url} ends after {self._have()} of {self.file.bytes} bytes")

    def _start(self, url: str, response: Any, have: int) -> int:
        """The place of the first byte that comes; raises DownloadError for a file of another size.

        A server that ignores the range sends all bytes.
        """
        start = 0
        length = response.headers.get("Content-Length", "")
        whole = int(length) if length.isdecimal() else None
        if response.status == PARTIAL_CONTENT:
            given = re.fullmatch(
                r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "")
            )
            if given is None or int(given[1]) != have:
                self.part.unlink(missing_ok=True)
                raise BrokenDownloadError(f"{url} answers with another range than was asked for")
            start = have
            whole = None if given[2] == "*" else int(given[2])
            self.resumed = True
        if whole is not None and whole != self.file.bytes:
            raise DownloadError(f"{url} has {whole} bytes, and {self.file.bytes} are expected")
        return start

    def _write(self, url: str, response: Any, start: int) -> None:
        """Write what comes behind the first `start` bytes of the part."""
        bar = tqdm(
            total=self.file.bytes,
            initial=start,
            desc=self.file.name,
            unit="B",
            unit_scale=True,
            leave=False,
            disable=None,
        )
        with bar, open(self.part, "ab" if start else "wb") as out:
            left = self.file.bytes - start
            while piece := self._read(url, response):
                if len(piece) > left:
                    raise DownloadError(
                        f"{url} sends more than the {self.file.bytes} bytes that are expected"
                    )
                out.write(piece)
                left -= len(piece)
                bar.update(len(piece))

    def _read(self, url: str, response: Any) -> bytes:
        """What has come by now; b"" at the end."""
        with self._network(url):
            return response.read1(PIECE)

    @contextmanager
    def _network(self, url: str) -> Iterator[None]:
        """Say what is wrong with the network; the answers of the server go through as they are."""
        try:
            yield
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            raise BrokenDownloadError(self._broken(url, error)) from error
        except http.client.InvalidURL as error:
            raise DownloadError(f"{url} is no address: {error}") from error
        except http.client.HTTPException as error:
            raise BrokenDownloadError(f"{url} does not answer in HTTP: {error!r}") from error

    def _broken(self, url: str, error: OSError) -> str:
        """Why nothing came, in words."""
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            return f"{url} sends nothing for {self.patience.timeout:g} s"
        text = reason_of(reason) if isinstance(reason, Exception) else str(reason)
        return f"{url} cannot be reached: {text}"

    def _refused(self, url: str, error: urllib.error.HTTPError) -> DownloadError:
        """What to make of a status that is no success."""
        message = f"{url} answers {error.code} {error.reason}"
        error.close()
        if error.code == RANGE_NOT_SATISFIABLE:
            self.part.unlink(missing_ok=True)
        if error.code in WORTH_ANOTHER_TRY:
            return BrokenDownloadError(message)
        return DownloadError(message)
