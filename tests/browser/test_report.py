"""The report and the page with all answers, as a browser shows them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, ViewportSize

from lib.eval.report.answers import ANSWERS_PAGE
from lib.prompts.student import REFUSAL
from tests.browser.conftest import accessibility_faults
from tests.eval.report.made import write_report_of
from tests.eval.toy import Evaluated, evaluated

CONDITIONS = (
    *("closed_book", "oracle", "oracle_distractors", "distractors_only"),
    *("top_3", "top_5_hybrid_rerank", "top_5"),
)
ATTACK = "<script>window.hit = 1</script><img src=x onerror='window.hit = 1'>"
PHONE: ViewportSize = {"width": 400, "height": 800}
DESK: ViewportSize = {"width": 1200, "height": 900}
PAGES = ("report.html", ANSWERS_PAGE)


def reply(model: str, rate: float) -> Any:
    def said(i: int, case: Any, right: str) -> str:
        rng = Random(f"{model} {i} {case.condition}")
        if rng.random() < rate:
            return REFUSAL if case.condition == "distractors_only" else right
        return rng.choice((REFUSAL, f"on and on {ATTACK}", f"<ANSWER>: {ATTACK}", ""))

    return said


@pytest.fixture(scope="module")
def found() -> Evaluated:
    models = {"student": reply("s", 0.8), "baseline": reply("b", 0.4), "gpt-4o": reply("g", 0.6)}
    return evaluated(models, count=20, conditions=CONDITIONS)


@pytest.fixture(scope="module")
def run_dir(found: Evaluated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "tiny"
    write_report_of(run_dir, found)
    return run_dir


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Whatever the page would load or say to the console is an error."""
    page, heard = context.new_page(), list[str]()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url))
    yield page
    assert [one for one in heard if one[:5] not in ("file:", "data:")] == []


def opened(page: Page, path: Path, size: ViewportSize = DESK) -> None:
    page.set_viewport_size(size)
    page.goto(path.as_uri())


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("scheme", "size"),
    [("light", DESK), ("dark", DESK), ("light", PHONE)],
    ids=["", "dark", "phone"],
)
def test_it_is_accessible_and_never_scrolls_sideways(
    page: Page, run_dir: Path, name: str, scheme: Any, size: ViewportSize
) -> None:
    page.emulate_media(color_scheme=scheme)
    opened(page, run_dir / name, size)
    # axe looks for what is behind a text, and takes answers that are not laid out for it.
    page.add_style_tag(content="article { content-visibility: visible !important; }")
    assert not accessibility_faults(page)
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert page.evaluate("window.hit") is None


def test_on_a_phone_the_verdict_is_first_and_a_wide_table_shows_that_it_goes_on(
    page: Page, run_dir: Path
) -> None:
    opened(page, run_dir / "report.html", PHONE)
    claim = page.locator(".ob-claim").bounding_box()
    assert claim
    assert claim["y"] + claim["height"] < PHONE["height"] / 2
    table = page.get_by_role("region", name="Right answers under each condition")
    assert table.evaluate("one => one.scrollWidth > one.clientWidth")
    assert table.evaluate("one => getComputedStyle(one).backgroundAttachment").count("scroll") == 2
    name = table.get_by_role("rowheader", name="gpt-4o", exact=True).first
    table.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("one => one.scrollLeft > 0", arg=table.element_handle())
    left = "one => one.getBoundingClientRect().left"
    assert name.evaluate(left) == table.evaluate(left)  # the names stay in sight


def test_the_contents_lead_to_the_sections(page: Page, run_dir: Path, found: Evaluated) -> None:
    opened(page, run_dir / "report.html")
    links = page.get_by_role("navigation").get_by_role("link")
    for link in links.all()[:-1]:
        link.click()
        heading = page.get_by_role("heading", name=link.inner_text(), level=2)
        assert heading.evaluate("one => Math.abs(one.getBoundingClientRect().top) < innerHeight")
    assert links.last.inner_text() == f"All {len(found.answers)} answers"
    links.last.click()
    page.wait_for_url(re.compile(re.escape((run_dir / ANSWERS_PAGE).as_uri()) + "(#.*)?$"))
    page.get_by_role("link", name="The report").click()
    page.wait_for_url((run_dir / "report.html").as_uri())


def test_it_is_printed_on_few_pages_with_its_folds_as_they_are(page: Page, run_dir: Path) -> None:
    opened(page, run_dir / "report.html")

    def printed() -> tuple[int, str]:
        document = pypdfium2.PdfDocument(page.pdf(format="A4"))
        texts = [one.get_textpage().get_text_bounded() for one in document]
        return len(texts), " ".join(texts)

    num_closed, closed = printed()
    assert num_closed <= 12
    marked = "Marked: where the answer is"
    assert marked not in closed
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    num_opened, opened_text = printed()
    assert marked in opened_text
    assert num_opened > num_closed


def test_every_picture_says_what_it_shows(page: Page, run_dir: Path) -> None:
    opened(page, run_dir / "report.html")
    pictures = page.get_by_role("img").all()
    assert len(pictures) == 3
    for picture in pictures:
        assert len(picture.get_attribute("alt") or "") > 20
        assert picture.evaluate("one => one.complete && one.naturalWidth > 0")


# --- all answers ---------------------------------------------------------------------------------


def shown(page: Page) -> Locator:
    return page.locator("article:visible")


def test_without_a_script_every_answer_can_be_read(
    context: BrowserContext, run_dir: Path, found: Evaluated
) -> None:
    silent = context.browser.new_context(java_script_enabled=False) if context.browser else context
    page = silent.new_page()
    page.goto((run_dir / ANSWERS_PAGE).as_uri())
    assert shown(page).count() == len(found.cases)
    assert page.locator(".ob-reply:visible").count() == len(found.answers)
    assert not page.get_by_role("searchbox").is_visible()
    page.get_by_role("link", name="oracle", exact=True).click()
    assert page.url.endswith("#oracle")
    silent.close()


def test_filters_show_what_they_name(page: Page, run_dir: Path, found: Evaluated) -> None:
    opened(page, run_dir / ANSWERS_PAGE)
    count, one = page.locator("output"), found.results.deciding
    assert one
    assert count.inner_text() == "60 answers to 20 questions"  # under the condition that decides
    choose = {name: page.get_by_label(name) for name in ("Condition", "Compared", "Model")}
    outcome = page.get_by_label("Answer")
    for name, number in (("gained", one.won), ("lost", one.lost)):
        choose["Compared"].select_option(name)
        assert shown(page).count() == number
        assert page.locator("h2:visible").count() == 1
    choose["Compared"].select_option("all")
    choose["Condition"].select_option("all")
    choose["Model"].select_option("baseline")
    answers = Counter(answer.model for answer in found.answers if answer.refused)
    outcome.select_option("refused")
    assert shown(page).count() == answers["baseline"]
    assert page.locator(".ob-reply:visible").count() == answers["baseline"]
    for kind in ("right", "no final answer", "wrong answer"):
        outcome.select_option(kind)
        number = sum(
            counts["format" if kind == "no final answer" else kind]
            for (model, _), counts in found.losses.items()
            if model == "baseline"
        )
        assert count.inner_text() == f"{number} answers to {number} questions"


def test_a_search_is_for_words_and_a_link_repeats_it(page: Page, run_dir: Path) -> None:
    opened(page, run_dir / ANSWERS_PAGE)
    search = page.get_by_role("searchbox")
    search.fill("NUMBER7 harbour ")
    assert shown(page).count() == 0
    search.fill("NUMBER7 ")
    assert shown(page).count() == 1
    page.get_by_label("Condition").select_option("all")
    assert shown(page).count() == len(CONDITIONS)
    link = page.url
    again = page.context.new_page()
    again.goto(link)
    assert again.get_by_role("searchbox").input_value() == "NUMBER7 "
    assert shown(again).count() == len(CONDITIONS)
    search.fill("<script>")
    assert shown(page).count() > 0
    search.fill("nothing says this")
    assert page.locator("output").inner_text() == "0 answers to 0 questions"


def test_a_key_is_enough(page: Page, run_dir: Path) -> None:
    opened(page, run_dir / ANSWERS_PAGE)
    before = page.locator("output").inner_text()
    for _ in range(3):  # the link to the report, the condition, how it compares
        page.keyboard.press("Tab")
    page.keyboard.type("lost")
    assert page.get_by_label("Compared").input_value() == "lost"
    assert page.locator("output").inner_text() != before
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.type("harbour")
    page.keyboard.press("Enter")  # sends nothing
    assert page.get_by_role("searchbox").input_value() == "harbour"
    assert page.url.startswith((run_dir / ANSWERS_PAGE).as_uri() + "#")


def test_an_attack_is_text(page: Page, run_dir: Path) -> None:
    for name in PAGES:
        opened(page, run_dir / name)
        if name == ANSWERS_PAGE:
            page.get_by_role("searchbox").fill("onerror")
            page.get_by_label("Condition").select_option("all")
            assert shown(page).count() > 10
        assert page.get_by_text(ATTACK).filter(visible=True).count() > 0
        assert page.evaluate("document.images.length") == (3 if name == "report.html" else 0)
        assert page.evaluate("window.hit") is None


def test_no_other_script_can_run(context: BrowserContext, run_dir: Path, tmp_path: Path) -> None:
    """Even if a reply were written as HTML."""
    page = context.new_page()
    for name in PAGES:
        html = (run_dir / name).read_text(encoding="utf-8").replace("</main>", f"{ATTACK}</main>")
        (tmp_path / name).write_text(html, encoding="utf-8")
        page.goto((tmp_path / name).as_uri())
        assert page.locator("img[src=x]").count() == 1
        assert page.evaluate("window.hit") is None


def test_five_thousand_answers_are_filtered_at_once(
    page: Page, run_dir: Path, tmp_path: Path
) -> None:
    """Only what is in sight is laid out."""
    html = (run_dir / ANSWERS_PAGE).read_text(encoding="utf-8")
    first = html.index("<article")
    last = html.rindex("</article>") + len("</article>")
    path = tmp_path / ANSWERS_PAGE
    path.write_text(html[:first] + 14 * (html[first:last] + "</section>") + html[last:], "utf-8")
    opened(page, path)
    page.get_by_label("Condition").select_option("all")
    assert page.locator("output").inner_text() == "5,880 answers to 1,960 questions"
    laid_out = """[...document.querySelectorAll("article")].filter(
        (one) => one.checkVisibility() && one.firstElementChild.checkVisibility(
            { contentVisibilityAuto: true })).length"""
    assert 0 < page.evaluate(laid_out) < 60
