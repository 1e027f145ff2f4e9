"""Retrieval against the oracle and the chunks that do its work."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from lib.eval.conditions import Case
from lib.eval.metrics.scoring import RETRIEVER, score_retrieval
from lib.eval.questions import UNKNOWN, EvalQuestion, first_hit
from lib.records import Chunk
from tests.eval.toy import make_chunks, question_of

CHUNKS = make_chunks(12)
RETRIEVAL = ("hit_rate", "reciprocal_rank", "context_precision", "context_recall")


def found(
    question: EvalQuestion, shown: list[Chunk], *, corpus: list[Chunk] = CHUNKS
) -> dict[str, float | None]:
    case = Case(question.id, question.text, "top_3", tuple(shown), first_hit(shown, question))
    scores = score_retrieval([question], [case], corpus)
    assert {(s.model, s.condition) for s in scores} == {(RETRIEVER, "top_3")}
    return {s.metric: s.value for s in scores}


@pytest.mark.parametrize(
    ("shown", "values"),
    [
        ([0, 1, 2, 3], (1.0, 1.0, 0.25, 1.0)),
        ([1, 2, 0, 3], (1.0, 1 / 3, 0.25, 1.0)),
        ([1, 2, 3], (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_the_place_of_the_oracle(shown: list[int], values: tuple[float, ...]) -> None:
    of = found(question_of(CHUNKS[0]), [CHUNKS[i] for i in shown])
    assert tuple(of[metric] for metric in RETRIEVAL) == values


def test_a_chunk_that_overlaps_the_oracle_and_holds_its_evidence_is_relevant_too() -> None:
    oracle = CHUNKS[0]
    twin = replace(oracle, id="twin", start=oracle.start + 5, text=f"… {oracle.text}")
    part = replace(oracle, id="part", text=oracle.text[:20])  # overlaps, holds no evidence
    corpus = [*CHUNKS, twin, part]
    of = found(question_of(oracle), [CHUNKS[1], twin, part], corpus=corpus)
    assert of == {
        "hit_rate": 1.0,
        "reciprocal_rank": 0.5,
        "context_precision": pytest.approx(1 / 3),
        "context_recall": 0.5,
    }
    both = found(question_of(oracle), [twin, oracle, part, CHUNKS[1]], corpus=corpus)
    assert (both["context_precision"], both["context_recall"]) == (0.5, 1.0)


def test_questions_that_people_wrote_have_no_recall() -> None:
    question = replace(question_of(CHUNKS[0]), oracle=UNKNOWN, evidence=(), context=())
    of = found(question, [CHUNKS[1], CHUNKS[0]])
    assert of == {"hit_rate": 1.0, "reciprocal_rank": 0.5, "context_precision": 0.5}


def test_of_no_chunks_there_is_no_share_and_it_says_so() -> None:
    question = question_of(CHUNKS[0])
    case = Case(question.id, question.text, "top_3", (), None)
    scores = score_retrieval([question], [case], CHUNKS[1:])
    shares = [s for s in scores if s.metric in ("context_precision", "context_recall")]
    assert [(s.value, s.explanation) for s in shares] == [(None, "no chunk to count")] * 2
    assert [s.value for s in scores if s not in shares] == [0.0, 0.0]


def test_only_retrieved_cases_are_scored_in_their_order() -> None:
    questions = [question_of(chunk) for chunk in CHUNKS]
    cases = [
        Case(q.id, q.text, name, (q.oracle,), 0)
        for name in ("closed_book", "top_5", "oracle", "oracle_distractors", "top_3")
        for q in questions
    ]
    scores = score_retrieval(questions, cases, CHUNKS)
    order = list(dict.fromkeys((s.condition, s.question_id) for s in scores))
    assert order == [(name, q.id) for name in ("top_5", "top_3") for q in questions]
    assert {s.metric for s in scores} == set(RETRIEVAL)


def test_more_documents_never_find_less() -> None:
    rng = Random(2)
    for _ in range(40):
        question = question_of(rng.choice(CHUNKS))
        shown = rng.sample(CHUNKS, 8)
        values = [found(question, shown[:k]) for k in range(1, 9)]
        for metric in ("hit_rate", "reciprocal_rank", "context_recall"):
            ordered = [of[metric] or 0.0 for of in values]
            assert ordered == sorted(ordered)
        assert all(of["hit_rate"] == (of["reciprocal_rank"] != 0) for of in values)
