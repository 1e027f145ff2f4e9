"""The method notes: what was asked, how sure is reckoned, what stays open."""

from __future__ import annotations

from dataclasses import replace

from lib.eval.models import EvalModel
from lib.eval.questions import EVAL_SPLIT, PEOPLE
from lib.eval.report.method import show_method
from lib.eval.results import Results
from lib.prompts.student import PLAIN_PROMPT, STUDENT_PROMPT, plain_messages, student_instruction
from tests.eval.toy import Page, evaluated

ASKED = [
    EvalModel("student", "student", STUDENT_PROMPT),
    EvalModel("baseline", "baseline", STUDENT_PROMPT),
    EvalModel("baseline, plain prompt", "baseline", PLAIN_PROMPT),
    EvalModel("<i>mine</i>", "mine", STUDENT_PROMPT),
]


def test_it_says_how_it_was_asked_and_reckoned() -> None:
    found = evaluated(
        {m.name: lambda i, case, right: right if i % 3 else "mute" for m in ASKED},
        count=6,
        conditions=("closed_book", "oracle", "distractors_only", "top_3"),
    )
    questions = [replace(q, provenance=EVAL_SPLIT) for q in found.questions]
    html = show_method(found.results, questions, ASKED, seed=7).data
    for said in (
        "6 questions on 6 chunks (6 of the eval split)",
        "The verdict is about top_3",
        "4 models",
        "seed 7",
        "Holm",
        "McNemar",
        "the teacher’s",
        "What the verdict does not say",
    ):
        assert said in html, said
    assert f"{len(found.results.secondary)} secondary comparisons" in html
    page = Page(html)
    assert page.headings == [3, 3, 3]
    assert "i" not in page.tags
    assert html.count("<details") == 2  # each prompt once, as it is sent
    for prompt in (student_instruction(), plain_messages("", ["x"])[0]["content"]):
        assert prompt.split("between")[0] in html.replace("&#39;", "'")


def test_odd_inputs() -> None:
    nothing = show_method(Results((), (), [], []), [], []).data
    assert "<li>0 questions. Every" in nothing
    alone = evaluated({"student": lambda i, case, right: right}, count=2)
    people = [replace(question, provenance=PEOPLE) for question in alone.questions]
    html = show_method(alone.results, people, ASKED[:1]).data
    assert "With one model alone" in html
    assert "the teacher’s" not in html
