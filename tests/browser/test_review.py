"""The review page in a real browser: keys, two tabs, hostile texts, a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lib.gen.review.command import serving
from lib.gen.review.decisions import Decision, read_decisions, review_path
from lib.gen.review.review import Review
from tests.browser.conftest import accessibility_faults
from tests.gen.dataset import make, write

# Keys before any reply to the first of them can come, however busy the machine is
AT_ONCE = """keys => [...keys].forEach(key => document.body.dispatchEvent(
    new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true})))"""
HOSTILE = "<img src=x onerror='window.ran = 1'><script>window.ran = 1</script> ${window.ran = 1}"


@dataclass(frozen=True)
class Site:
    """The page on a server."""

    url: str
    review: Review

    def open(self, page: Page) -> Page:
        page.goto(self.url)
        expect(page.locator("#card .raft").first).to_be_visible()
        return page

    @property
    def decisions(self) -> list[Decision]:
        return read_decisions(self.review.dataset.folder)[0]

    @property
    def ids(self) -> list[str]:
        return list(self.review.rows)


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for the file, with a hostile row at its end; `browser` first: it may skip."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBOOK_HOME", str(tmp_path_factory.mktemp("review")))
        review = Review(write(make()), "ann")
    row = review.all_rows[review.find()[-1]]
    hostile = replace(
        row,
        question=replace(row.question, text=HOSTILE),
        label=HOSTILE + row.label,
        context=tuple(replace(chunk, text=HOSTILE, title=HOSTILE) for chunk in row.context),
    )
    review.all_rows[row.id] = review.rows[row.id] = hostile
    with serving(review) as url:
        yield Site(url, review)


@pytest.fixture
def site(server: Site) -> Site:
    """Nothing is decided."""
    review_path(server.review.dataset.folder).unlink(missing_ok=True)
    return server


def decided(page: Page, count: int) -> None:
    expect(page.locator("#decided")).to_contain_text(f"{count} of ")


def shows(page: Page, row_id: str) -> None:
    expect(page.locator("#card .where").first).to_contain_text(f"{row_id} ·")


# --- keys ----------------------------------------------------------------------------------------


def test_keys_pressed_fast_are_decisions_in_their_order(site: Site, page: Page) -> None:
    site.open(page)
    page.keyboard.type("arar1aa2ra")
    decided(page, 10)
    found = [(d.row_id, d.verdict, d.reason) for d in site.decisions]
    verdicts = ["reject" if key in "r12" else "accept" for key in "arar1aa2ra"]
    reasons = ["", "", "", "", "wrong answer", "", "", "not in its document", "", ""]
    assert found == list(zip(site.ids, verdicts, reasons, strict=False))
    shows(page, site.ids[10])


def test_undo_moving_searching_and_going_to_a_row_need_no_mouse(site: Site, page: Page) -> None:
    site.open(page)
    page.keyboard.type("jjau")
    decided(page, 0)
    shows(page, site.ids[2])
    page.keyboard.press("ArrowLeft")
    shows(page, site.ids[1])
    page.keyboard.type("g5")
    page.keyboard.press("Enter")
    shows(page, site.ids[4])
    page.keyboard.press("/")
    page.keyboard.type(site.ids[7])
    page.keyboard.press("Enter")
    expect(page.locator("#place")).to_have_text("row 1 of 1 found")
    shows(page, site.ids[7])
    page.locator("#state").focus()
    page.keyboard.type("a")  # chooses there, and decides nothing
    page.keyboard.press("Escape")
    decided(page, 0)
    assert [d.verdict for d in site.decisions] == ["accept", "undo"]


def test_without_a_server_nothing_is_lost_and_the_page_says_so(site: Site, page: Page) -> None:
    site.open(page)
    page.route("**/component_server/", lambda route: route.abort())
    page.locator("#accept").click()
    expect(page.locator("#message")).to_contain_text("Nothing was saved")
    assert site.decisions == []
    page.unroute("**/component_server/")
    page.locator("#accept").click()
    decided(page, 1)
    assert [d.verdict for d in site.decisions] == ["accept"]


# --- two tabs ------------------------------------------------------------------------------------


@pytest.fixture
def tabs(site: Site, context: BrowserContext) -> tuple[Page, Page]:
    """Both on the first row; the second looks at what the first does when it is told to."""
    one, two = site.open(context.new_page()), site.open(context.new_page())
    two.evaluate("clearInterval(window.looking)")
    return one, two


LOOK = "document.onvisibilitychange()"


def test_a_decision_in_one_tab_is_seen_in_the_other(site: Site, tabs: tuple[Page, Page]) -> None:
    one, two = tabs
    two.keyboard.press("r")
    decided(one, 1)  # by itself
    expect(one.locator("#card .state")).to_have_text("rejected")
    one.keyboard.press("a")
    decided(one, 1)
    two.evaluate(LOOK)
    two.keyboard.press("k")
    expect(two.locator("#card .state")).to_have_text("accepted")
    found = [(d.row_id, d.verdict) for d in site.decisions]
    assert found == [(site.ids[0], "reject"), (site.ids[0], "accept")]


def test_a_tab_that_has_not_looked_overwrites_no_decision(
    site: Site, tabs: tuple[Page, Page]
) -> None:
    one, two = tabs
    one.keyboard.press("r")
    decided(one, 1)
    two.evaluate(AT_ONCE, "aaa")  # before the refusal is seen, so the others do not count either
    expect(two.locator("#message")).to_contain_text("in another tab meanwhile: it is rejected")
    expect(two.locator("#card .state")).to_have_text("rejected")
    assert [d.verdict for d in site.decisions] == ["reject"]
    two.keyboard.press("a")  # knowing it
    expect(two.locator("#message")).to_contain_text("is accepted")


# --- what a dataset holds is text ----------------------------------------------------------------


def test_hostile_texts_are_shown_and_run_nothing(site: Site, page: Page) -> None:
    site.open(page)
    page.locator("#go").fill(str(len(site.ids)))
    page.keyboard.press("Enter")
    shows(page, site.ids[-1])
    page.keyboard.type("ak")
    decided(page, 1)
    page.locator("#search").fill(HOSTILE)
    page.keyboard.press("Enter")
    expect(page.locator("#place")).to_have_text("row 1 of 1 found")
    texts = page.locator("#card").inner_text()
    row = site.review.rows[site.ids[-1]]
    assert texts.count("<img src=x onerror='window.ran = 1'>") >= 2 + 2 * len(row.context)
    assert page.locator("#card").locator("img, script").count() == 0
    assert page.evaluate("window.ran") is None


# --- how it looks --------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "width"), [("light", 400), ("dark", 1200)])
def test_the_bar_stays_and_the_page_is_accessible(
    site: Site, browser: Browser, scheme: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 500},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = site.open(context.new_page())
    page.keyboard.type("1k")
    expect(page.locator("#card .state")).to_have_text("rejected: wrong answer")
    assert accessibility_faults(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert page.evaluate("window.scrollY") > 100
    for name in ("#progress", "#accept", "#write"):
        expect(page.locator(name)).to_be_in_viewport(ratio=1)
    expect(page.locator("#card .where").first).not_to_be_in_viewport()
    context.close()
