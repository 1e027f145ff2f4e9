"""Questions, answers and judges for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from lib.endpoints import EndpointSettings
from lib.eval.conditions import Case
from lib.eval.judge.grading import Judge
from lib.eval.questions import EvalQuestion
from lib.prompts.judge import load_prompts
from lib.prompts.student import parse_answer
from lib.recipe import Recipe
from lib.records import Answer, Chunk
from tests.server import Body, Loopback, serve

PIERS = ("Velm", "Osmund", "Tarrow", "Quill", "Brask", "Ostrey", "Sandry", "Marl")


def year_of(number: int) -> str:
    return str(1881 + 7 * number)


def make_questions(count: int = 4) -> list[EvalQuestion]:
    """`In which year was the pier of Velm number 0 opened?` → 1881"""
    questions = []
    for i in range(count):
        text = f"The pier of {PIERS[i % 8]} number {i} was opened in {year_of(i)}, in the rain."
        chunk = Chunk(f"piers.md#{i}", "piers.md", "Piers", 1, 0, len(text), text)
        asked = f"In which year was the pier of {PIERS[i % 8]} number {i} opened?"
        questions.append(EvalQuestion(f"q{i}", asked, year_of(i), (text,), chunk, (chunk,)))
    return questions


def make_case(question: EvalQuestion, condition: str = "oracle") -> Case:
    chunks = () if condition == "closed_book" else (question.oracle,)
    return Case(question.id, question.text, condition, chunks, 0 if chunks else None)


def make_answer(
    question: EvalQuestion, text: str, *, model: str = "student", condition: str = "oracle"
) -> Answer:
    """Of a whole reply, read as replies are."""
    parsed = parse_answer(text)
    return Answer(
        question_id=question.id,
        model=model,
        condition=condition,
        text=text,
        final_answer=parsed.final_answer,
        quotes=parsed.quotes,
        refused=parsed.refused,
        oracle_in_context=condition != "closed_book",
        finish_reason="stop",
        latency_s=0.1,
        prompt_tokens=1,
        completion_tokens=1,
    )


def judge_at(server: Loopback, model: str = "the-judge", *, metrics: Sequence[str] = ()) -> Judge:
    settings = EndpointSettings("judge", "openai", server.base_url, model, "loopback")
    return Judge(settings, Recipe(judge_metrics=list(metrics)), load_prompts(""))


def serve_judge(reply: Callable[[Body], str]) -> AbstractContextManager[Loopback]:
    return serve(Loopback(reply=reply))
