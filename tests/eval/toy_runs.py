"""Finished runs with known answers: who is right, who is silent, on which questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lib.eval.conditions import Case
from lib.eval.metrics.scoring import score_answers
from lib.eval.questions import EvalQuestion
from lib.eval.runs.files import write_results
from lib.eval.summaries import clusters_of, summarise
from lib.prompts.student import REFUSAL
from lib.records import Answer
from tests.eval.toy import answer, make_chunks, primary_of, question_of, right

CONDITIONS = ("closed_book", "oracle", "top_3")
METRICS = ("exact_match", "f1", "refused_rightly")
Replies = Callable[[int, Case], bool | None]  # right, wrong, or None: no final answer
WITHOUT_ORACLE = ("closed_book", "distractors_only")


def cases_of(questions: Sequence[EvalQuestion], conditions: Sequence[str]) -> list[Case]:
    return [
        Case(q.id, q.text, name, *((), None) if name in WITHOUT_ORACLE else ((q.oracle,), 0))
        for name in conditions
        for q in questions
    ]


def replies(
    model: str, cases: Sequence[Case], questions: Sequence[EvalQuestion], how: Replies
) -> list[Answer]:
    by_id = {question.id: question for question in questions}
    place = {question.id: i for i, question in enumerate(questions)}
    texts: dict[bool | None, Callable[[Case], str]] = {
        True: lambda case: REFUSAL if case.condition == "distractors_only" else right(case, by_id),
        False: lambda case: "<ANSWER>: nothing of the kind",
        None: lambda case: "mute",
    }
    return [answer(case, model, texts[how(place[case.question_id], case)](case)) for case in cases]


def write_run(
    run_dir: Path,
    student: Replies,
    *,
    baseline: Replies = lambda i, case: i % 3 == 0,
    models: Sequence[str] = ("student", "baseline"),
    conditions: Sequence[str] = CONDITIONS,
    num_questions: int = 40,
    first_question: int = 0,
    dataset: str = "docs-0123456789ab",
    date: str = "2026-11-20T10:00:00+00:00",
    metric: str = "exact_match",
    **more: Any,
) -> Path:
    """A run folder; question i of a smaller run is question i of a larger one."""
    chunks = make_chunks(num_questions + first_question)[first_question:]
    questions = [question_of(chunk) for chunk in chunks]
    cases = cases_of(questions, conditions)
    answers = [
        one
        for model, how in zip(models, [student] + [baseline] * (len(models) - 1), strict=True)
        for one in replies(model, cases, questions, how)
    ]
    scores = [s for s in score_answers(answers, questions, cases) if s.metric in METRICS]
    primary = primary_of(models, conditions, metric=metric)
    results = summarise(scores, clusters_of(questions), models=models, primary=primary)
    made_of = {
        "dataset": dataset,
        "models": [{"name": m, "role": m, "deployment": f"{m}-1"} for m in models],
        "parameters": {"max_answer_tokens": 128, "top_k": [3]},
        "seed": 42,
        "version": "0.1.0",
    }
    write_results(
        run_dir,
        results,
        answers,
        scores,
        questions,
        cases,
        made_of=more.pop("made_of", made_of),
        date=date,
        **more,
    )
    return run_dir
