"""The built book in a real browser.

``make test-pages`` runs these after ``make book``. A Chromium is needed: the one that the variable
CHROMIUM names, or one on the path. Without it, or without a built book, the tests are skipped.
"""

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator

import pytest
from built_book import BUILT, pages

sync_api = pytest.importorskip("playwright.sync_api")

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Nothing is looked up at the start: the pages are read offline.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", pages() or ["none"])


@pytest.fixture(scope="session")
def browser() -> Iterator["sync_api.Browser"]:
    """A Chromium, started once."""
    if not pages():
        pytest.skip("the book is not built: run make book first")
    named = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if named is None:
        pytest.skip("no Chromium is here: install one, or name it in the variable CHROMIUM")
    with sync_api.sync_playwright() as play:
        started = play.chromium.launch(executable_path=named, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """The address of the built book on this machine."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Handler, directory=str(BUILT))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
