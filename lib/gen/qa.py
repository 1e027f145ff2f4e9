"""Plain question–answer pairs on disk: a JSON per document, one of all, Alpaca and chat rows."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib.gen.ask.questions import Generated
from lib.records import Chunk
from lib.settings import portable
from lib.store import artefact_dir, building, fingerprint, write_json, write_jsonl

Row = dict[str, Any]


def write_pairs(asked: Generated, *, chunks: Sequence[Chunk], run_name: str) -> Path:
    """Write artefacts/qa/<run_name>-<fingerprint>; returns the folder."""
    by_id = {chunk.id: chunk for chunk in chunks}
    ratings = {rating.question_id: rating for rating in asked.ratings}
    pairs = list[Row]()
    for question in asked.questions:
        chunk, rating = by_id[question.chunk_id], ratings.get(question.id)
        row: Row = {"id": question.id, "question": question.text, "answer": question.answer}
        row |= {"document": chunk.document_id, "title": chunk.title, "page": chunk.page}
        pairs.append(row | ({"rating": rating.rating, "reason": rating.reason} if rating else {}))
    made_of = {"questions": asked.questions_dir.name, "pairs": fingerprint(pairs)}
    target = artefact_dir("qa", run_name, made_of)
    if target.exists():
        print(f"Already written: {portable(target)}")
        return target
    by_document: dict[str, list[Row]] = defaultdict(list)
    for pair in pairs:
        by_document[pair["document"]].append(pair)
    with building(target) as folder:
        for document, rows in by_document.items():
            path = folder / "documents" / f"{file_name(document)}.json"
            write_json(path, {"document": document, "title": rows[0]["title"], "pairs": rows})
        write_json(folder / "pairs.json", pairs)
        alpaca = [{"instruction": p["question"], "input": "", "output": p["answer"]} for p in pairs]
        write_jsonl(folder / "alpaca.jsonl", alpaca)
        speakers = (("user", "question"), ("assistant", "answer"))
        chat = [[{"role": role, "content": p[text]} for role, text in speakers] for p in pairs]
        write_jsonl(folder / "chat.jsonl", ({"messages": messages} for messages in chat))
        write_jsonl(folder / "rejected.jsonl", asked.rejected)
        by_gate = sorted(Counter(item.gate for item in asked.rejected).items())
        counts = {"documents": len(by_document), "pairs": len(pairs), "rejected": dict(by_gate)}
        manifest = {"name": target.name, "teacher": asked.teacher, "counts": counts}
        write_json(folder / "manifest.json", {**manifest, "made_of": made_of})
    print(f"Written: {portable(target)}")
    return target


def file_name(document_id: str) -> str:
    """A name fit for any disk; a path that had to change, or is long, is told apart by its hash."""
    name = re.sub(r"[^\w.-]+", "_", document_id)
    short = name.encode()[:80].decode(errors="ignore")  # a disk counts bytes
    if short == document_id:
        return name
    return f"{short}-{hashlib.sha256(document_id.encode()).hexdigest()[:8]}"
