"""Rows of other RAFT tools as a dataset of ours, to check and to train on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lib.dataset import SPLITS, Row, write_dataset
from lib.gen.formats.foreign import read_foreign
from lib.gen.formats.rows import context_texts, final_answer, is_ours, kind_of
from lib.records import Chunk, Document, Page, Question, RaftExample, Rejected
from lib.settings import SetupError
from lib.store import fingerprint


def import_rows(path: Path) -> Path:
    """Write the rows of a file or folder of another tool as a dataset; returns its folder.

    A document's text is its chunk. Splits and columns are those of `read_foreign`; an instruction
    is written anew, as our students are asked. Rows that cannot be used are rejected.

    Raises:
        SetupError: the path cannot be read, or has no usable row.
    """
    rows, left_out = read_foreign(path, unsaid="train")
    if not any(rows.values()):
        reason = left_out[0].reason if left_out else "it is empty"
        raise SetupError(f"{path} has no row that can be used ({reason}). Give rows with labels.")
    every = [row for of_split in rows.values() for row in of_split]
    refusal = next((row["refusal"] for row in every if row.get("refusal")), "")
    examples = [_example(row, split, refusal) for split in SPLITS for row in rows[split]]
    oracles = {example.oracle.id: example.oracle for example in examples}
    chunks = oracles | {chunk.id: chunk for e in examples for chunk in e.context}  # with its title
    documents = {
        c.document_id: Document(c.document_id, c.title, c.text, (Page(1, 0, len(c.text)),), "")
        for c in chunks.values()
    }
    kinds = Counter(example.kind for example in examples if example.split != "eval")
    return write_dataset(
        examples,
        run_name=path.stem if path.is_file() else path.name,
        documents=list(documents.values()),
        chunks=list(chunks.values()),
        splits=dict.fromkeys(chunks, "train") | {e.oracle.id: e.split for e in examples},
        questions=[example.question for example in examples],
        rejected=[Rejected(item.row_id, "", "unusable", item.reason) for item in left_out],
        teacher="unknown",
        parameters={
            "num_distractors": max(len(example.context) for example in examples) - 1,
            "too_few": "fewer",
            "oracle_probability": kinds["oracle"] / max(1, kinds["oracle"] + kinds["memorise"]),
            "refusal_probability": kinds["refuse"] / max(1, kinds.total()),
            "refusal": refusal,
        },
    )


def _example(row: Row, split: str, refusal: str) -> RaftExample:
    texts, titles = context_texts(row), (row["context"].get("title") or [[]])[0]
    places = [row["oracle"], *row["context_chunks"]] if is_ours(row) else [None] * (1 + len(texts))
    oracle = _chunk(row["oracle_context"], "", places[0])
    titles = [*titles, *[""] * len(texts)]  # other tools may leave some out
    context = tuple(map(_chunk, texts, titles, places[1:]))
    ids = [chunk.id for chunk in context]
    label = row["cot_answer"]
    return RaftExample(
        id=row["id"],
        kind=kind_of(row),
        split=split,
        question=Question(row["id"], oracle.id, row["question"], label, final_answer(row)),
        oracle=oracle,
        context=context,
        oracle_position=ids.index(oracle.id) if oracle.id in ids else None,
        label=label,
        refusal=refusal,
    )


def _chunk(text: str, title: str, place: Row | None) -> Chunk:
    if place is None:
        name = fingerprint(text)
        return Chunk(f"{name}#0", name, title, 1, 0, len(text), text)
    ends = place["start"], place["end"]
    return Chunk(place["chunk_id"], place["document"], title, place["page"], *ends, text)
