"""The playground asks exactly what the evaluation asks."""

from __future__ import annotations

import pytest

from lib.deploy import ask
from lib.eval.answers import answer_cases
from lib.eval.conditions import Case
from lib.eval.models import eval_models
from lib.recipe import Recipe
from tests.eval.toy import make_chunks, question_of
from tests.server import serve


def test_what_the_evaluation_asked_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = tuple(make_chunks(3))
    question, recipe = question_of(chunks[1]), Recipe(max_answer_tokens=99)
    with serve() as server:
        monkeypatch.setenv("STUDENT_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("STUDENT_OPENAI_API_KEY", "loopback")
        monkeypatch.setenv("STUDENT_OPENAI_DEPLOYMENT", "the-student")
        case = Case(question.id, question.text, "oracle", chunks, 1)
        [answer] = answer_cases(eval_models(Recipe(models=["student"])), [case], recipe)
        documents = [chunk.text for chunk in chunks]
        assert ask("student", question.text, documents, recipe) == answer.text
        assert len(server.requests) == 1
        ask("student", question.text, documents[::-1], recipe)
        assert len(server.requests) == 2
