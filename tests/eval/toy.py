"""A small dataset folder with known answers, and answers without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lib.eval.conditions import Case
from lib.eval.questions import EvalQuestion
from lib.prompts import cot_label, parse_answer
from lib.records import Answer, Chunk
from lib.store import write_jsonl
from tests.server import last_word, opening

KINDS = ("harbour", "lighthouse", "ferry", "bakery", "orchard", "quarry", "library", "mill")
PLACES = ("Osmund", "Tarrow", "Velm", "Quill", "Brask", "Ostrey")
COLOURS = ("crimson", "indigo", "saffron", "emerald", "russet", "violet", "amber", "ivory")


def make_chunks(count: int = 12) -> list[Chunk]:
    """One sentence a chunk: "The harbour of Osmund was painted in the year 1700 crimson." """
    chunks = []
    for i in range(count):
        kind, place = KINDS[i % len(KINDS)], PLACES[i // 2 % len(PLACES)]
        text = (
            f"The {kind} of {place} number{i} is known to all who sail here, because its walls "
            f"were painted {COLOURS[i % len(COLOURS)]}{i}."
        )
        document = f"{place.lower()}.md"
        chunks.append(Chunk(f"{document}#{1000 * i}", document, place, 1, 1000 * i, 0, text))
    return [Chunk(**{**asdict(chunk), "end": chunk.start + len(chunk.text)}) for chunk in chunks]


def question_of(chunk: Chunk, number: int = 0) -> EvalQuestion:
    text = f"Which word ends the sentence that begins with “{opening(chunk.text)}”?"
    return EvalQuestion(
        id=f"q{chunk.start}-{number}",
        text=text,
        answer=last_word(chunk.text),
        evidence=(chunk.text,),
        oracle=chunk,
        context=(chunk,),
    )


def write_dataset(folder: Path, chunks: Sequence[Chunk], *, with_oracle: bool = True) -> Path:
    """The files of a dataset that the evaluation reads: one eval row a chunk, two distractors."""
    rows: list[dict[str, Any]] = []
    for i, chunk in enumerate(chunks):
        question = question_of(chunk)
        others = [chunks[(i + step) % len(chunks)] for step in (1, 2, 3)]
        context = [others[0], chunk, others[1]] if with_oracle else others
        rows.append(
            {
                "id": question.id,
                "kind": "oracle" if with_oracle else "refuse",
                "question": question.text,
                "answer": question.answer,
                "cot_answer": cot_label("The document says:", chunk.text, question.answer),
                "oracle": {"chunk_id": chunk.id},
                "context_chunks": [{"chunk_id": one.id} for one in context],
            }
        )
    write_jsonl(folder / "chunks.jsonl", chunks)
    write_jsonl(folder / "hf" / "eval.jsonl", rows)
    return folder


def answer(case: Case, model: str, text: str, *, finish_reason: str = "stop") -> Answer:
    parsed = parse_answer(text)
    return Answer(
        question_id=case.question_id,
        model=model,
        condition=case.condition,
        text=text,
        final_answer=parsed.final_answer,
        quotes=parsed.quotes,
        refused=parsed.refused,
        oracle_in_context=case.oracle_in_context,
        finish_reason=finish_reason,
        latency_s=0.5,
        prompt_tokens=10,
        completion_tokens=5,
    )


def right(case: Case, questions: dict[str, EvalQuestion]) -> str:
    question = questions[case.question_id]
    return cot_label("The document says:", question.oracle.text, question.answer)
