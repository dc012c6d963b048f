"""Look through the built pages: ``python book/check_pages.py _build/html``.

The book must read offline: no page may load anything from elsewhere, every local file that a page
names must be there, every picture needs a text for those who cannot see it, and no error or
traceback may have slipped in.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {
    "script": "src",
    "img": "src",
    "link": "href",
    "video": "src",
    "audio": "src",
    "source": "src",
    "iframe": "src",
}
STYLE_URL = re.compile(
    r"""url\(\s*['"]?((?:https?:)?//[^'")\s]+)|@import\s+['"]((?:https?:)?//[^'"]+)"""
)
ONLY_NAMED = ("canonical", "search", "index", "next", "prev")  # relations that load nothing


class Page(HTMLParser):
    """Collects what a page loads, what it links to, and its pictures without text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.bare_images = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for every tag."""
        values = dict(attrs)
        address = values.get(LOADING.get(tag, ""))
        named_only = tag == "link" and values.get("rel") in ONLY_NAMED
        if address and not named_only:
            self.loads.append(address)
        if tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))
        if tag == "img" and not values.get("alt"):
            self.bare_images += 1


def pages_below(root: Path) -> list[Path]:
    """The book's pages; what lies in _static are templates of the theme."""
    return [path for path in sorted(root.rglob("*.html")) if "_static" not in path.parts]


def problems(root: Path) -> list[str]:
    """One line for everything wrong below `root`; empty when all is well."""
    found = []
    if not (root / "index.html").is_file():
        found.append(f"{root}: no index.html, build the book first")
    for path in pages_below(root):
        found += [f"{path.relative_to(root)}: {what}" for what in _page_problems(path)]
    for path in sorted(root.rglob("*.css")):
        for match in STYLE_URL.finditer(path.read_text(encoding="utf-8", errors="replace")):
            found.append(f"{path.relative_to(root)}: loads {match.group(1) or match.group(2)}")
    return found


def _page_problems(path: Path) -> list[str]:
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    found = [f"loads {address}" for address in page.loads if urlsplit(address).netloc]
    for address in page.loads + page.links:
        target = urlsplit(address)
        if target.scheme or target.netloc or not target.path:
            continue
        if not (path.parent / unquote(target.path)).exists():
            found.append(f"names {address}, which is not there")
    if page.bare_images:
        found.append(f"{page.bare_images} pictures without alt text")
    if "Traceback (most recent call last)" in html:
        found.append("shows a traceback")
    return found


def main() -> int:
    """Print the problems; exit 1 when there are any."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "_build/html")
    found = problems(root)
    if found:
        print("\n".join(found))
        return 1
    print(f"{len(pages_below(root))} pages below {root} read offline, nothing is missing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
