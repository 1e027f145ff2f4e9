"""Rows of other RAFT tools as a dataset of ours, to check and to train on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from lib.dataset import SPLITS, Row, write_dataset
from lib.gen.formats.foreign import read_foreign
from lib.gen.formats.rows import context_texts, final_answer, is_ours, kind_of
from lib.prompts.student import REFUSAL
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
    kinds = Counter(kind_of(row) for split in ("train", "valid") for row in rows[split])
    labels = Counter(r["cot_answer"] for of in rows.values() for r in of if kind_of(r) == "refuse")
    refusal = max(labels, key=lambda text: labels[text], default=REFUSAL)
    refusal = "" if refusal == REFUSAL else refusal
    examples = [
        _example(row, split, refusal) for split, of_split in rows.items() for row in of_split
    ]
    chunks: dict[str, Chunk] = {}
    splits: dict[str, str] = {}
    for example in sorted(examples, key=lambda example: -SPLITS.index(example.split)):
        for chunk in (example.oracle, *example.context):
            chunks.setdefault(chunk.id, chunk)
            splits.setdefault(chunk.id, "train")
        if splits[example.oracle.id] == "train":  # of what several split ask about, the last holds
            splits[example.oracle.id] = example.split
    documents = {
        chunk.document_id: Document(
            chunk.document_id, chunk.title, chunk.text, (Page(1, 0, len(chunk.text)),), ""
        )
        for chunk in chunks.values()
    }
    refused = kinds["refuse"] / max(1, kinds.total())
    answered = kinds["oracle"] + kinds["memorise"]
    return write_dataset(
        examples,
        run_name=path.stem if path.is_file() else path.name,
        documents=list(documents.values()),
        chunks=list(chunks.values()),
        splits=splits,
        questions=[example.question for example in examples],
        rejected=[Rejected(item.row_id, "", "unusable", item.reason) for item in left_out],
        teacher="unknown",
        parameters={
            "num_distractors": max(len(example.context) for example in examples) - 1,
            "too_few": "fewer",
            "oracle_probability": kinds["oracle"] / max(1, answered),
            "refusal_probability": refused,
            "refusal": refusal,
        },
    )


def _example(row: Row, split: str, refusal: str) -> RaftExample:
    ours, texts = is_ours(row), context_texts(row)
    titles = (row["context"].get("title") or [[]])[0]
    titles = titles if len(titles) == len(texts) else [""] * len(texts)
    places = row["context_chunks"] if ours else [None] * len(texts)
    oracle = _chunk(row["oracle_context"], "", row["oracle"] if ours else None)
    context = tuple(map(_chunk, texts, titles, places))
    ids = [chunk.id for chunk in context]
    question = Question(row["id"], oracle.id, row["question"], row["cot_answer"], final_answer(row))
    return RaftExample(
        id=row["id"],
        kind=kind_of(row),
        split=split,
        question=question,
        oracle=oracle,
        context=context,
        oracle_position=ids.index(oracle.id) if oracle.id in ids else None,
        label=row["cot_answer"],
        refusal=refusal,
    )


def _chunk(text: str, title: str, place: Row | None) -> Chunk:
    if place is None:
        name = fingerprint(text)
        return Chunk(f"{name}#0", name, title, 1, 0, len(text), text)
    ends = place["start"], place["end"]
    return Chunk(place["chunk_id"], place["document"], title, place["page"], *ends, text)
