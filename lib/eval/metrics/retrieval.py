"""Did retrieval find the answer? One Score per question, k and metric."""

from collections.abc import Sequence

from lib.eval.conditions import Case, is_retrieved
from lib.eval.questions import UNKNOWN, EvalQuestion, holds_answer
from lib.records import Chunk, Score

RETRIEVER = "retriever"  # Score.model of these scores


def score_retrieval(
    questions: Sequence[EvalQuestion], cases: Sequence[Case], chunks: Sequence[Chunk]
) -> list[Score]:
    """Every metric of every retrieved case, in the cases' order; chunks = the whole corpus.

    A chunk is relevant if `holds_answer` says so: the oracle, or a chunk that overlaps it and holds
    its evidence.

    - `hit_rate`: 1 if a relevant chunk was retrieved (of a question with several oracles, one for
      each), else 0.
    - `reciprocal_rank`: 1 / place of the first one (of several: the last that is needed), from 1; 0
      if there is none. Its mean is MRR.
    - `context_precision`: the share of the retrieved chunks that are relevant, not weighted by
      rank; 1 / k at best where the oracle is the only relevant chunk.
    - `context_recall`: the share of the corpus' relevant chunks that were retrieved. Questions
      that people wrote have none: it is not known which chunks answer them.
    """
    asked = {question.id: question for question in questions}
    by_document: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_document.setdefault(chunk.document_id, []).append(chunk)
    num_relevant = {
        question.id: sum(
            holds_answer(chunk, question)
            for document_id in {oracle.document_id for oracle in question.oracles}
            for chunk in by_document.get(document_id, [])
        )
        for question in questions
        if question.oracle != UNKNOWN
    }
    scores: list[Score] = []
    for case in cases:
        if is_retrieved(case.condition):
            hits = [holds_answer(chunk, asked[case.question_id]) for chunk in case.chunks]
            scores += _of_case(case, hits, num_relevant.get(case.question_id))
    return scores


def _of_case(case: Case, hits: Sequence[bool], total: int | None) -> list[Score]:
    first = None if case.oracle_rank is None else case.oracle_rank + 1
    values = {
        "hit_rate": float(first is not None),
        "reciprocal_rank": 1 / first if first else 0.0,
        "context_precision": sum(hits) / len(hits) if hits else None,
    }
    if total is not None:
        values["context_recall"] = sum(hits) / total if total else None
    return [
        Score(
            *(case.question_id, RETRIEVER, case.condition, metric, value),
            explanation="no chunk to count" if value is None else "",
        )
        for metric, value in values.items()
    ]
