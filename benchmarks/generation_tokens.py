"""Prompt tokens that an accepted row costs, by ask_mode: in all, and beyond a shared prefix.

The documents are the PDFs of a folder (default: the sample corpus), cut at 1,000 characters and
asked for 3 questions a chunk; a model teacher whose rows all pass replies in this process. A token
is 4 characters. A prefix is shared when another request on the same chunk begins with it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from itertools import pairwise

from lib.engine.replies import Reply
from lib.gen.ask.flow import Flow
from lib.gen.ask.options import AskOptions
from lib.gen.ask.requests import Request, in_stages
from lib.gen.chunks import split_documents
from lib.prompts.student import Message, cot_label
from lib.reading.documents import load_documents
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import PROJECT_DIR

FOLDER_VARIABLE = "OPENBOOK_BENCHMARK_DOCUMENTS"
QUESTIONS_PER_CHUNK = 3
TARGETS = {"separate": (370, 120), "joint": (150, 150)}  # at most: in all, beyond shared prefixes
STARTS = ("What are", "How are", "Can you name")


def main() -> int:
    """Print a line for each mode; 1 when a target is missed."""
    folder = os.environ.get(FOLDER_VARIABLE, str(PROJECT_DIR / "sample_data"))
    documents = load_documents(Recipe(doc_path=folder)).documents
    chunks = split_documents(documents, chunk_chars=1000, chunk_overlap_chars=100).chunks
    missed = False
    for mode, (most, most_alone) in TARGETS.items():
        rows, total, alone = measure(chunks, mode)
        print(
            f"{mode}: {total / rows:.0f} prompt tokens an accepted row (target {most}), "
            f"{alone / rows:.0f} of them in no shared prefix (target {most_alone}); "
            f"{rows} rows of {len(chunks)} chunks"
        )
        missed |= total / rows > most or alone / rows > most_alone
    return int(missed)


def measure(chunks: Sequence[Chunk], ask_mode: str) -> tuple[int, float, float]:
    """Accepted rows; prompt tokens; those of them beyond a prefix that another request shares."""
    options = AskOptions(ask_mode=ask_mode, questions_per_chunk=QUESTIONS_PER_CHUNK, max_repairs=0)
    flow = Flow(options)
    asked: dict[str, list[str]] = {}  # what a chunk's requests begin with → their prompts
    stages = in_stages(flow.first_requests(chunks))
    requests = next(stages)
    while requests:
        for request in requests:
            text = "".join(message["content"] for message in request.messages)
            asked.setdefault(text[: text.index("</DOCUMENT>")], []).append(text)
        requests = stages.send([reply(request, chunks) for request in requests])
    total = sum(len(text) for texts in asked.values() for text in texts)
    alone = sum(_beyond_shared(texts) for texts in asked.values())
    return len(flow.outcome.questions), total / 4, alone / 4


def _beyond_shared(texts: Sequence[str]) -> int:
    if len(texts) == 1:
        return len(texts[0])
    ordered = sorted(texts)
    shared = [_common(*pair) for pair in pairwise(ordered)]
    longest = [max(near) for near in zip([0, *shared], [*shared, 0], strict=True)]
    return sum(len(text) - length for text, length in zip(ordered, longest, strict=True))


def _common(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


# --- a teacher whose rows all pass ---------------------------------------------------------------


def reply(request: Request, chunks: Sequence[Chunk]) -> Reply:
    prompt = request.messages[-1]["content"]
    if '"rows"' in prompt:
        rows = []
        for number, chunk in enumerate(_shown(request.messages, chunks), start=1):
            for question, quote, answer in facts(chunk):
                reasoning = cot_label("It says:", quote, "").partition(" <ANSWER>")[0]
                row = {"document": number, "question": question, "reasoning": reasoning}
                rows.append({**row, "answer": answer})
        text = json.dumps({"rows": rows})
    elif '"questions"' in prompt:
        (chunk,) = _shown(request.messages, chunks)
        text = json.dumps({"questions": [question for question, *_ in facts(chunk)]})
    else:
        (chunk,) = _shown(request.messages, chunks)
        known = {question: cot_label("It says:", *rest) for question, *rest in facts(chunk)}
        text = next(label for question, label in known.items() if question in prompt)
    return Reply(text, "stop", 0, 0, 0.0)


def facts(chunk: Chunk) -> list[tuple[str, str, str]]:
    """Questions of about 70 characters on the thirds of a chunk, each with its quote and answer."""
    words = chunk.text.split()
    found = []
    for part in range(QUESTIONS_PER_CHUNK):
        # The last words of each third: its first may be the title, which the question holds.
        quote = words[: len(words) * (part + 1) // QUESTIONS_PER_CHUNK][-3:]
        name = f"{chunk.title.partition(' - ')[0][:20]} at place {chunk.start + part}"
        question = f"{STARTS[part]} the words that end part {part + 1} of {name}?"
        found.append((question, " ".join(quote), " ".join(quote)))
    return found


def _shown(messages: Sequence[Message], chunks: Sequence[Chunk]) -> list[Chunk]:
    text = next(message["content"] for message in messages if message["role"] == "user")
    documents = [piece.partition("</DOCUMENT>")[0] for piece in text.split("<DOCUMENT>")[1:]]
    by_text = {chunk.text: chunk for chunk in chunks}
    return [by_text[document] for document in documents]


if __name__ == "__main__":
    sys.exit(main())
