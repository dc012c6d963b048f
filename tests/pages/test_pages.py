"""Every page of the built book: no error, nothing from elsewhere, no sideways scrolling."""

import re
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from built_book import BUILT

PHONE = (375, 800)
TABLET = (768, 1024)
DESKTOP = (1440, 900)
LARGEST_PAGE = 3_000_000  # bytes without video
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
OPEN_FOLDS = "document.querySelectorAll('details').forEach(fold => { fold.open = true })"
# Of an article as it is read: what stands in code and in formulas may look like anything.
TEXT = """() => {
  const article = document.querySelector("article").cloneNode(true);
  const apart = "pre, code, mjx-container, script, style, .math";
  article.querySelectorAll(apart).forEach(element => element.remove());
  return article.textContent;
}"""
EMPTY_COLUMNS = """() => [...document.querySelectorAll("article table")].flatMap(table => {
  const rows = [...table.querySelectorAll("tbody tr")];
  const heads = [...table.querySelectorAll("thead th")];
  const isEmpty = place => rows.every(row => !row.cells[place]?.textContent.trim());
  return rows.length ? heads.filter((_, place) => isEmpty(place)).map(th => th.textContent) : [];
})"""
RAW = re.compile(
    r"\$[^$\n]{1,80}\$|\|[^|\n]*\||\{(?:doc|cite|numref|record)|\bnan\b|= None\b|\d{6,}\.\d"
)
MATH_MILLISECONDS = 800  # until formulas stand
VIDEO = re.compile(rb"data:(video|audio)/[^\"']*")


@contextmanager
def opened(browser, address, size=DESKTOP, scheme="light"):
    """A page, and what it said and asked for while it was loaded."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.errors = []
    page.asked = []
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    try:
        page.goto(address, wait_until="load")
        yield page
    finally:
        context.close()


def as_file(name):
    return (BUILT / name).as_uri()


def test_a_page_says_no_error_and_asks_for_nothing_elsewhere(browser, page_name):
    with opened(browser, as_file(page_name)) as page:
        assert page.errors == []
        assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_a_page_works_from_a_server_too(browser, served, page_name):
    with opened(browser, f"{served}/{page_name}", scheme="dark") as page:
        assert page.errors == []
        assert [url for url in page.asked if not url.startswith((served, "data:", "blob:"))] == []


@pytest.mark.parametrize("size", [PHONE, TABLET, DESKTOP])
def test_a_page_does_not_scroll_sideways(browser, page_name, size):
    with opened(browser, as_file(page_name), size) as page:
        widest = page.evaluate("document.documentElement.scrollWidth")
        assert widest <= size[0]


@pytest.mark.parametrize("size", [PHONE, TABLET, DESKTOP])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_accessible(browser, page_name, size, scheme):
    """WCAG 2.1, levels A and AA, as axe-core checks them."""
    with opened(browser, as_file(page_name), size, scheme) as page:
        page.evaluate(OPEN_FOLDS)
        page.wait_for_timeout(MATH_MILLISECONDS)
        found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []


def test_pictures_and_math_are_there(browser, page_name):
    with opened(browser, as_file(page_name)) as page:
        page.evaluate("window.MathJax && MathJax.startup && MathJax.startup.promise")
        page.evaluate(OPEN_FOLDS)
        page.wait_for_timeout(MATH_MILLISECONDS)
        broken = page.evaluate(
            "[...document.querySelectorAll('article img:not(.print-only)')]"
            ".filter(i => !i.naturalWidth).map(i => i.src.slice(0, 80))"
        )
        assert broken == []
        assert page.evaluate("document.querySelectorAll('mjx-merror').length") == 0
        raw = page.evaluate(
            "[...document.querySelectorAll('article .math')]"
            ".filter(m => !m.querySelector('mjx-container')).map(m => m.textContent)"
        )
        assert raw == []


def test_nothing_raw_is_left_in_the_text(browser, page_name):
    """No formula that was not recognised, no role or table as written, no value that is none."""
    with opened(browser, as_file(page_name)) as page:
        page.wait_for_timeout(MATH_MILLISECONDS)
        assert RAW.findall(page.evaluate(TEXT)) == []
        assert page.evaluate(EMPTY_COLUMNS) == []


def test_what_is_raw_is_found():
    found = ["costs $2^n$ bits", "| a | b |", "see {doc}`x`", "BER nan", "116107.0 times"]
    assert [bool(RAW.search(text)) for text in found] == [True] * len(found)


def test_players_have_something_to_play(browser):
    """The movies and sounds of chapters are inside the page, and their length is known."""
    for name, least in (("02_image_fitting", 1), ("05_baselines", 1), ("12_audio", 2)):
        with opened(browser, as_file(f"notebooks/{name}.html")) as page:
            lengths = page.evaluate(
                """async () => {
                  const players = [...document.querySelectorAll("article :is(video, audio)")];
                  const known = player => player.readyState >= 1 ? player.duration : new Promise(
                    done => player.addEventListener("loadedmetadata", () => done(player.duration)));
                  players.forEach(player => { player.preload = "metadata"; player.load(); });
                  return Promise.all(players.map(known));
                }"""
            )
            assert len(lengths) >= least
            assert min(lengths) > 0


def test_a_page_is_not_heavy(page_name):
    if not (BUILT / page_name).is_file():
        pytest.skip("the book is not built: run make book first")
    content = (BUILT / page_name).read_bytes()
    assert len(VIDEO.sub(b"", content)) < LARGEST_PAGE


@pytest.mark.parametrize(
    ("words", "found"), [("bit bias", "10_bit_bias"), ("ternary", "13_ternary")]
)
def test_the_search_finds(browser, served, words, found):
    with opened(browser, f"{served}/search.html?q={words.replace(' ', '+')}") as page:
        page.wait_for_selector("#search-results li a", timeout=20_000)
        links = page.eval_on_selector_all("#search-results a", "all => all.map(a => a.href)")
        assert any(found in link for link in links)


def test_the_filter_of_claims_leaves_what_is_asked_for(browser):
    with opened(browser, as_file("book/results.html")) as page:
        total = page.locator("table.claims tbody tr").count()
        page.select_option(".claims-filter select", "deviates")
        left = page.locator("table.claims tbody tr:visible").count()
        assert 0 < left < total
        verdicts = page.locator("table.claims tbody tr:visible td.verdict").all_inner_texts()
        assert set(verdicts) == {"deviates"}
        page.fill(".claims-filter input", "no such words")
        assert page.locator("table.claims tbody tr:visible").count() == 0


def test_the_first_page_has_a_movie_doors_and_a_matrix(browser):
    with opened(browser, as_file("book/index.html")) as page:
        page.wait_for_function("document.querySelector('video').readyState >= 1", timeout=20_000)
        assert page.locator(".door-cards .sd-card").count() == 4
        cells = page.locator(".claims-matrix .cell a")
        assert cells.count() > 100
        assert all(
            page.evaluate("[...document.querySelectorAll('.claims-matrix a')].map(a => a.title)")
        )
