"""The judge in the report: who it is, what it could not say, and whom it may favour."""

from __future__ import annotations

import re
from html import unescape

import pytest

from lib.endpoints import EndpointSettings
from lib.eval.judge.grading import JUDGE_CORRECT, Judge
from lib.eval.models import EvalModel, eval_models
from lib.eval.report.method import show_judge
from lib.prompts.judge import load_prompts
from lib.prompts.verdicts import JUDGED, UNPARSED
from lib.recipe import Recipe
from lib.records import Score
from tests.plain_html import glued


def settings(url: str = "https://me:secret@judge.example.com/v1") -> EndpointSettings:
    return EndpointSettings("judge", "openai", url, "llama-3-70b", "key-of-mine")


JUDGE = Judge(settings(), Recipe(), load_prompts(""))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[EvalModel]:
    for role, model in (("STUDENT", "our-student"), ("BASELINE", "gpt-4o-mini")):
        monkeypatch.setenv(f"{role}_OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
        monkeypatch.setenv(f"{role}_OPENAI_API_KEY", "none")
        monkeypatch.setenv(f"{role}_OPENAI_DEPLOYMENT", model)
    return eval_models(Recipe())


def scores(model: str, *, read: int, unread: int = 0, metric: str = JUDGE_CORRECT) -> list[Score]:
    given = [(1.0, f"{JUDGED}It agrees.")] * read + [(None, f"{UNPARSED}a <b> & no key")] * unread
    unsent = [(0.0, "refused"), (None, "no final answer")]
    return [
        Score(f"q{i}", model, "oracle", metric, value, why)
        for i, (value, why) in enumerate([*given, *unsent])
    ]


def shown(judge: Judge | None, given: list[Score], asked: list[EvalModel]) -> str:
    """Its text, without the tags."""
    data = show_judge(judge, given, asked).data
    assert "color:" not in data
    assert glued(data) == []
    assert "secret" not in data
    assert "key-of-mine" not in data
    return " ".join(unescape(re.sub("<[^>]+>", " ", data)).split())


def test_without_a_judge_it_is_one_sentence_that_says_what_to_set(asked: list[EvalModel]) -> None:
    said = shown(None, [], asked)
    assert said.startswith("There is no judge, so its metrics are absent, not zero")
    for name in ("JUDGE_OPENAI_BASE_URL", "JUDGE_OPENAI_DEPLOYMENT", "JUDGE_OPENAI_API_KEY"):
        assert name in said
    assert said.count(". ") == 0


def test_rates_are_of_what_was_sent_by_model_and_metric(asked: list[EvalModel]) -> None:
    given = [
        *scores("student", read=98, unread=2),
        *scores("student", read=100, metric="judge_fluency"),
        *scores("baseline", read=50),
        *scores("baseline", read=1, metric="exact_match"),
    ]
    said = shown(JUDGE, given, asked)
    assert said.startswith("The judge is llama-3-70b at judge.example.com Unread verdicts student ")
    assert "Unread verdicts student baseline" in said
    assert "Judge: correct 2 of 100 (2.0%, 1–7) 0 of 50 (0.0%, 0–7)" in said
    assert "Judge: fluency 0 of 100 (0.0%, 0–4) –" in said
    assert "Exact match" not in said
    assert "relevance" not in said
    assert "Unread of student, for example: a <b> & no key." in said
    assert "Unread of baseline" not in said
    assert "Many were not" not in said
    assert "audit LABELS" in said


def test_many_unread_verdicts_are_said(asked: list[EvalModel]) -> None:
    assert "Many were not" in shown(JUDGE, scores("student", read=9, unread=1), asked)


def test_a_judge_that_was_asked_nothing_says_so(asked: list[EvalModel]) -> None:
    assert "it was asked nothing." in shown(JUDGE, scores("student", read=0), asked)


def test_a_model_that_is_its_own_judge_is_named(
    asked: list[EvalModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "may prefer" not in shown(JUDGE, scores("student", read=9), asked)
    monkeypatch.setenv("BASELINE_OPENAI_DEPLOYMENT", "llama-3-70b")
    said = shown(JUDGE, scores("student", read=9), asked)
    assert said.count("The judge may prefer the answers of baseline, its own model.") == 1


def test_names_are_no_html(asked: list[EvalModel]) -> None:
    model = "<script>alert(1)</script>"
    judge = Judge(
        EndpointSettings("judge", "openai", "http://[::1]:8000/v1", model),
        Recipe(),
        load_prompts(""),
    )
    for given in (scores(model, read=1, unread=1), []):
        assert "<script" not in show_judge(judge, given, asked).data


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://me:secret@api.example.com:8443/v1?key=1", "api.example.com:8443"),
        ("https://one.openai.azure.com/", "one.openai.azure.com"),
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
    ],
)
def test_the_host_is_all_of_the_address_that_is_shown(
    url: str, host: str, asked: list[EvalModel]
) -> None:
    for given in (scores("student", read=1), []):
        assert f"The judge is llama-3-70b at {host}" in shown(
            Judge(settings(url), Recipe(), load_prompts("")), given, asked
        )
