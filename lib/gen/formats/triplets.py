"""Triplets for training a retriever: a question, its oracle, and a wrong document."""

from __future__ import annotations

from collections import Counter

from lib.dataset import Row, Rows, place_of
from lib.duplicates import conflicts
from lib.gen.distractors import Guard, neighbours
from lib.gen.formats.rows import Converted, context_texts, final_answer, is_ours
from lib.records import Chunk, Question
from lib.store import fingerprint

NO_ANSWER = "no final answer to look for in its distractors"
NO_DISTRACTOR = "no distractor"


def retriever_triplets(rows: Rows) -> Converted:
    """One triplet for each distractor of a row: query, positive (the oracle) and negative.

    No other column: sentence-transformers would train on it. `sources` has a row for each instead,
    with `bm25_rank`, the rank of the negative among the chunks nearest to the question, without
    the oracle (1 = the hardest; None = it is not near). A row's hardest negative comes first.
    Near duplicates of the oracle and chunks that hold the answer are left out.
    """
    listed = [(split, row) for split, of_split in rows.items() for row in of_split]
    chunks = {chunk.id: chunk for _, row in listed for chunk in (_oracle(row), *_context(row))}
    questions = [_question(row, str(number)) for number, (_, row) in enumerate(listed)]
    nearest = neighbours(questions, list(chunks.values()))
    guard = Guard(conflicts(list(chunks.values())), Counter())
    found = Converted()
    for (split, row), question, near in zip(listed, questions, nearest, strict=True):
        oracle = _oracle(row)
        shown = [chunk for chunk in _context(row) if chunk.id != oracle.id]
        distractors = list(dict.fromkeys(shown))
        if not question.answer or not distractors:
            found.leave_out(split, row, NO_DISTRACTOR if question.answer else NO_ANSWER)
            continue
        guard.counts.clear()
        guard.counts["is in it twice"] = len(shown) - len(distractors)
        negatives: list[Chunk] = []
        guard.add(negatives, distractors, len(distractors), [question.answer], oracle)
        for reason in guard.counts.elements():
            found.leave_out(split, row, f"a distractor that {reason}")
        near_ids = [chunk.id for chunk in near if chunk.id != oracle.id]
        ranks = {chunk_id: rank for rank, chunk_id in enumerate(near_ids, start=1)}
        for negative in sorted(negatives, key=lambda chunk: ranks.get(chunk.id, len(chunks))):
            texts = {"query": question.text, "positive": oracle.text, "negative": negative.text}
            found.rows[split].append(texts)
            source = {"split": split, "id": row["id"], "bm25_rank": ranks.get(negative.id)}
            if is_ours(row):
                source |= {"positive": place_of(oracle), "negative": place_of(negative)}
            found.sources.append(source)
    return found


def _question(row: Row, number: str) -> Question:
    # Numbered: the ids of other tools' rows are not always unique.
    return Question(number, _oracle(row).id, row["question"], row["cot_answer"], final_answer(row))


def _oracle(row: Row) -> Chunk:
    return _chunk(row["oracle_context"], row["oracle"] if is_ours(row) else None)


def _context(row: Row) -> list[Chunk]:
    texts = context_texts(row)
    places = row["context_chunks"] if is_ours(row) else [None] * len(texts)
    return [_chunk(text, place) for text, place in zip(texts, places, strict=True)]


def _chunk(text: str, place: Row | None) -> Chunk:
    """Of a row that does not say where its texts come from, the text itself is the chunk."""
    if place is None:
        return Chunk(fingerprint(text), fingerprint(text), "", 1, 0, len(text), text)
    return Chunk(
        id=place["chunk_id"],
        document_id=place["document"],
        title="",
        page=place["page"],
        start=place["start"],
        end=place["end"],
        text=text,
    )
