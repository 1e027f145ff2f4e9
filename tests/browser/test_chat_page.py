"""The chat page in a real browser: a stream, citations, both answers, keys alone, a phone."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from lib.deploy.chat_page import STYLE, build_page
from lib.deploy.conversation import Conversation
from lib.local_page import serving_page
from lib.prompts.student import REFUSAL, cot_label
from lib.recipe import Recipe
from lib.store import read_jsonl
from tests.browser.conftest import accessibility_faults
from tests.deploy.toy_run import ToyRun, toy_run
from tests.eval.toy import make_chunks, question_of
from tests.server import reader

HOSTILE = "<img src=x onerror='window.ran = 1'><script>window.ran = 1</script> ${window.ran = 1}"
HOSTILE += " {{#with x}} ![](http://example.com/x.png)"


@dataclass(frozen=True)
class Site:
    url: str
    toy: ToyRun
    run_dir: Path

    def open(self, page: Page) -> Page:
        page.goto(self.url)
        expect(page.get_by_label("Question", exact=True)).to_be_focused()
        return page


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for the file; its last document is hostile."""
    home = tmp_path_factory.mktemp("chat")
    chunks = make_chunks(6)
    chunks.append(replace(chunks[-1], id="hostile", title=HOSTILE, text=f"hostile {HOSTILE}"))
    recipe = Recipe(run_name="toy", retrieval=["keywords"], top_k=[3])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBOOK_HOME", str(home))
        with (
            toy_run(home, chunks) as toy,
            closing(Conversation(recipe)) as conversation,
            serving_page(partial(build_page, conversation), style=STYLE) as url,
        ):
            yield Site(url, toy, home / "runs" / "toy")


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """One for the file: loading Gradio's scripts again would be half of the work."""
    page = browser.new_page()
    page.set_default_timeout(120_000)
    yield page
    page.close()


@pytest.fixture(autouse=True)
def student_as_new(site: Site) -> Iterator[None]:
    """What a test tells the student to do ends with it."""
    yield
    student = site.toy.student
    if student.half:
        student.half.set()
    student.half, student.reply, student.fault = None, reader, lambda number, body: None


@pytest.mark.parametrize(("scheme", "width"), [("light", 400), ("dark", 1200)])
def test_a_question_is_answered_by_keyboard(
    site: Site, page: Page, scheme: Literal["light", "dark"], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    site.open(page)
    chunk = site.toy.chunks[0 if width == 400 else 1]
    site.toy.student.half = threading.Event()  # half of the reply is there, the other half is held
    page.keyboard.type(question_of(chunk).text)
    page.keyboard.press("Enter")
    student, baseline = page.locator("#student"), page.locator("#baseline")
    expect(student.locator(".reply")).to_contain_text("##begin_quote##")
    expect(student.locator(".final")).to_have_count(0)
    expect(baseline.locator(".final")).to_have_text(question_of(chunk).answer)
    site.toy.student.half.set()
    expect(student.locator(".final")).to_have_text(question_of(chunk).answer)
    expect(student.locator("cite")).to_have_text(f"{chunk.title}, page 1")
    expect(page.locator("#documents li")).to_have_count(3)
    expect(page.locator("#documents mark")).to_have_text([chunk.text])
    expect(page.locator("#documents li small").first).to_contain_text("score ")
    assert accessibility_faults(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    thumb = page.get_by_role("button", name="The student is right")
    for _ in range(40):
        page.keyboard.press("Tab")
        if thumb.evaluate("button => button === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    assert read_jsonl(site.run_dir / "vetted.jsonl")[-1]["question"] == question_of(chunk).text


def test_refusals_unsupported_answers_and_errors_are_visible(site: Site, page: Page) -> None:
    site.open(page)
    site.toy.student.reply = lambda body: cot_label("So:", "The mill is green.", "green")
    page.get_by_label("Question", exact=True).fill("Who painted the mill?")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("#student .final")).to_have_text("green")
    expect(page.locator("#student .warning")).to_have_text("No document supports this.")
    expect(page.locator("#student cite")).to_have_text("in none of the documents")
    expect(page.locator("#baseline .refusal")).to_have_text(f"Refused: {REFUSAL}")
    site.toy.student.fault = lambda number, body: "cut"
    expect(page.get_by_role("button", name="Ask")).to_be_visible()
    page.get_by_label("Question", exact=True).fill("Who painted the ferry?")
    page.keyboard.press("Enter")
    expect(page.locator("#student .warning")).to_contain_text("cut its reply")
    expect(page.get_by_role("button", name="student is right")).to_have_count(0)


def test_an_answer_can_be_stopped_and_another_question_asked(site: Site, page: Page) -> None:
    site.open(page)
    question, ask = (
        page.get_by_label("Question", exact=True),
        page.get_by_role("button", name="Ask"),
    )
    stop, student = page.get_by_role("button", name="Stop"), page.locator("#student")
    site.toy.student.half = threading.Event()  # never set while the first answer is read
    first, second = (question_of(site.toy.chunks[place]) for place in (2, 3))
    question.fill(first.text)
    question.press("Enter")
    expect(student.locator(".reply")).to_contain_text("##begin_quote##")
    expect(ask).to_be_hidden()
    stop.click()
    expect(page.get_by_role("status").filter(has_text="Stopped")).to_be_visible()
    expect(stop).to_be_hidden()
    question.fill("Who sank the barge?")
    site.toy.student.half.set()
    ask.click()
    expect(student.locator(".refusal")).to_be_visible()
    expect(ask).to_be_visible()
    question.fill(second.text)
    question.press("Enter")
    expect(student.locator(".final")).to_have_text(second.answer)
    asked = len(site.toy.student.requests)
    question.fill(first.text)
    expect(ask).to_be_visible()
    question.press("Enter")
    expect(student.locator(".final")).to_have_text(first.answer)
    assert len(site.toy.student.requests) == asked, "the answer that was stopped is kept"


def test_hostile_texts_are_shown_and_run_nothing(site: Site, page: Page) -> None:
    site.open(page)
    site.toy.student.reply = lambda body: f"{HOSTILE} <ANSWER>: {HOSTILE}"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("Question", exact=True).fill("hostile")
    page.keyboard.press("Enter")
    expect(page.locator("#student .final")).to_have_text(HOSTILE)
    expect(page.locator("#documents li")).to_have_count(1)
    expect(page.locator("#documents .document")).to_have_text(f"hostile {HOSTILE}")
    assert page.locator(".chat").locator("img, script").count() == 0
    assert page.evaluate("window.ran") is None
    assert all(url.startswith((site.url, "data:", "blob:")) for url in asked)


def test_an_example_fills_the_question(site: Site, page: Page) -> None:
    site.open(page)
    page.get_by_label("Questions of the evaluation").click()
    page.get_by_role("option").nth(2).click()
    filled = page.get_by_label("Question", exact=True)
    expect(filled).to_have_value(site.toy.question(2))


def test_another_site_may_not_ask(site: Site) -> None:
    body = json.dumps({"data": [], "fn_index": 0, "session_hash": "x"}).encode()
    headers = {"Content-Type": "application/json", "Origin": "http://example.com"}
    request = urllib.request.Request(f"{site.url}gradio_api/queue/join", body, headers)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)
