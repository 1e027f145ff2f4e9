"""The method notes: what was asked, how sure is reckoned, what stays open."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from random import Random

import pytest

from lib.eval.models import EvalModel, eval_models
from lib.eval.questions import EVAL_SPLIT, HELD_OUT, PEOPLE, UNKNOWN, VETTED
from lib.eval.report.method import show_method
from lib.eval.report.page import STYLE
from lib.eval.results import Primary, Results
from lib.prompts.student import PLAIN_PROMPT, STUDENT_PROMPT, plain_messages, student_instruction
from lib.recipe import Recipe
from lib.state import save_state
from tests.eval.toy import Page, evaluated, make_chunks, question_of, results_of

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


@pytest.mark.parametrize("models", [["student"], ["student", "baseline"]])
def test_retrieval_settings_are_named_where_there_are_several(models: list[str]) -> None:
    replies = dict.fromkeys(models, lambda i, case, right: right)
    for conditions in (("oracle", "top_3"), ("oracle", "top_3_hybrid", "top_3")):
        found = evaluated(replies, count=3, conditions=conditions)
        html = show_method(found.results, found.questions, []).data
        several = "top_3_hybrid" in conditions
        assert ("top_3_hybrid: the 3 nearest chunks by hybrid" in html) == several
        assert ("first setting of <code>retrieval</code>" in html) == several
        assert ("Retrieval settings are compared" in html) == several


def test_odd_inputs() -> None:
    nothing = show_method(Results((), (), [], []), [], []).data
    assert "<li>0 questions. Every" in nothing
    alone = evaluated({"student": lambda i, case, right: right}, count=2)
    people = [replace(question, provenance=PEOPLE) for question in alone.questions]
    html = show_method(alone.results, people, ASKED[:1]).data
    assert "With one model alone" in html
    assert "the teacher’s" not in html


@pytest.mark.parametrize("seed", range(25))
def test_every_sentence_is_true_of_the_run(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of random recipes and questions: each claim is there exactly where the run bears it out."""
    for name in ("STUDENT", "BASELINE", "COMPLETION"):
        for key in ("BASE_URL", "DEPLOYMENT", "API_KEY"):
            monkeypatch.setenv(f"{name}_OPENAI_{key}", "http://127.0.0.1:9/v1")
    rng = Random(seed)
    names = rng.sample(["student", "baseline", "teacher"], rng.randint(1, 3))
    ks = rng.sample([3, 5, 7], rng.randint(1, 3))
    recipe = Recipe(models=names, plain_baseline=rng.random() < 0.5, top_k=ks)
    asked = eval_models(recipe)
    provenance = rng.choice([EVAL_SPLIT, HELD_OUT, VETTED, PEOPLE])
    questions = [replace(question_of(c), provenance=provenance) for c in make_chunks(8)]
    if provenance == PEOPLE:
        questions = [replace(question, oracle=UNKNOWN) for question in questions]
    judged, refusals = rng.random() < 0.5, rng.random() < 0.5
    values = {model.name: [float(rng.random() < 0.5) for _ in questions] for model in asked}
    others = ["judge_correct"] * judged + ["refused_rightly"] * refusals
    metric = rng.choice(["exact_match", *(["judge_correct"] * judged)])
    results = results_of(
        values,
        conditions=[f"top_{k}" for k in reversed(ks)],
        more=dict.fromkeys(others, values),
        metric=metric,
    )
    html = show_method(results, questions, asked).data.removeprefix(STYLE)
    text = " ".join(unescape(re.sub("<[^>]+>", " ", html)).split())
    plain = "baseline" in names and recipe.plain_baseline
    several, people = len(asked) > 1, provenance == PEOPLE
    claims = {
        "got it, too": plain,
        "The plain prompt is one that we wrote": plain,
        "The prompt: plain prompt": plain,
        "8 questions on 8 chunks": not people,
        "On which chunk a question is, is not known": people,
        f"The verdict is about top_{ks[0]}: the first number of top_k": True,
        "(8 of the eval split)": provenance == EVAL_SPLIT,
        "(8 on held-out documents)": provenance == HELD_OUT,
        "(8 picked by a reviewer)": provenance == VETTED,
        "(8 written by people)": people,
        "The teacher wrote": not people,
        "Hit rates are a lower bound": not people,
        "One comparison decides": several,
        "Two models are compared": several,
        "“Better” and “worse” need": several,
        "With one model alone": not several,
        "without those for which a judge": several and judged,
        f"{len(results.secondary)} secondary comparison": bool(results.secondary),
        "secondary comparison": bool(results.secondary),
        "and by right refusals": several and refusals,
        "Exact match asks for the words": metric == "exact_match",
        "The seed of the training": "student" in names,
        "held-out": provenance == HELD_OUT,
    }
    assert {claim: claim in text for claim in claims} == claims


def test_what_decides_is_named_with_its_reason() -> None:
    results = results_of({"student": [1.0] * 4, "baseline": [0.0] * 4})
    long = replace(results, primary=Primary("baseline", "top_5", why="Half of them are long."))
    assert "Half of them are long." in show_method(long, [], ASKED).data


def test_what_an_engine_ignores_is_said() -> None:
    save_state("t", STUDENT_SERVED_BY="transformers, which ignores: seed, n")
    found = evaluated(
        {"student": lambda i, case, right: right}, count=6, conditions=("oracle", "top_3")
    )
    asked = [EvalModel(role, role, STUDENT_PROMPT, "t") for role in ("student", "baseline")]
    said = str(show_method(found.results, found.questions, asked).data)
    assert "<li>Student: served here by transformers, which ignores: seed, n.</li>" in said
    assert "Baseline: served here" not in said
