"""Documents, rows of people's own about them, and a teacher that explains a given answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

from lib.prompts.student import cot_label
from tests.gen.make import prose

Row = dict[str, Any]

PARAMETERS: Row = {
    "run_name": "own",
    "chunk_chars": 400,
    "chunk_overlap_chars": 0,
    "questions_per_chunk": 0,
    "num_distractors": 3,
    "refusal_probability": 0.1,
}
_SENTENCE = re.compile(r"The [^.]+ (\d+)\.")


def write_documents(folder: Path, count: int = 6, *, seed: int = 0) -> dict[str, list[str]]:
    """`<name>.txt` files of prose; each name's sentences, which end in numbers of their own."""
    rng, sentences = Random(seed), dict[str, list[str]]()
    folder.mkdir()
    for name in (f"d{number}" for number in range(count)):
        text = prose(rng, 30)
        (folder / f"{name}.txt").write_text(text)
        sentences[name] = [match.group() for match in _SENTENCE.finditer(text)]
    return sentences


def number_of(sentence: str) -> str:
    return sentence.split()[-1].rstrip(".")


def row(*sentences: str, **columns: Any) -> Row:
    """A question about the first words of each sentence; the answer ends the last one."""
    opening = " and ".join(" ".join(sentence.split()[1:5]) for sentence in sentences)
    return {
        "question": f"Which number belongs to {opening}",
        "answer": number_of(sentences[-1]),
        **columns,
    }


def write_rows(path: Path, rows: Iterable[Row]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def hotpot(rng: Random, number: int, pages: list[tuple[str, list[str]]]) -> Row:
    """A row in HotpotQA's layout: two of ten pages support it."""
    shown = rng.sample(pages, 10)
    (one, first), (other, second) = shown[:2]
    facts = [[one, 1], [other, 0], [other, 99]]  # some of its facts name a sentence too many
    asked = row(first[1], second[0])
    rng.shuffle(shown)
    context = [[title, [f" {sentence}" for sentence in said]] for title, said in shown]
    return {"_id": f"h{number}", **asked, "supporting_facts": facts, "context": context}


def explains(body: Row) -> str:
    """As teacher: quotes a sentence of each document, the one that holds the answer last."""
    asked = body["messages"][-1]["content"]
    first = next(m["content"] for m in body["messages"] if m["role"] == "user")
    documents = re.findall(r"<DOCUMENT>(.*?)</DOCUMENT>", first, re.DOTALL)
    found = re.search(r"The answer to “.*?” is “(.*?)”", first)
    if found is None:
        return json.dumps({"questions": []}) if '"questions"' in asked else "NONE"
    answer = found.group(1)
    quotes = [
        next((s for s in said if number_of(s) == answer), said[0])
        for said in ([m.group() for m in _SENTENCE.finditer(text)] for text in documents)
    ]
    begun = " ".join(f"##begin_quote## {quote} ##end_quote##" for quote in quotes[:-1])
    return cot_label(f"It says {begun}", quotes[-1], f"The number {answer}")
