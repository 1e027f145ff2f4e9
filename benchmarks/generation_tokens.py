"""Prompt tokens that an accepted row costs, by ask_mode: in all, and beyond a shared prefix.

`python -m lib.gen run` on the documents of OPENBOOK_BENCHMARK_DOCUMENTS (default: the sample
corpus), 3 questions a chunk, against a teacher on loopback whose rows all pass. A token is 4
characters. A prefix is shared when another request on the same chunk begins with it.

Takes about a minute.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise

from benchmarks.generation_runs import QUESTIONS_PER_CHUNK, demand, num_accepted, run_generation
from benchmarks.homes import documents, fresh_home
from lib.prompts.student import cot_label
from tests.server import Body, Loopback, serve

TARGETS = {"separate": (370, 120), "joint": (150, 150)}  # at most: in all, beyond shared prefixes
STARTS = ("What are", "How are", "Can you name")
_DOCUMENT = re.compile(r"<DOCUMENT>(.*?)</DOCUMENT>", re.DOTALL)


def main(*, quick: bool = False) -> int:
    """Print a line for each mode; 1 when a target is missed."""
    missed = False
    for mode, (most, most_alone) in TARGETS.items():
        rows, total, alone = measure(documents(quick=quick), mode)
        print(
            f"{mode}: {total / rows:.0f} prompt tokens an accepted row (target {most}), "
            f"{alone / rows:.0f} of them in no shared prefix (target {most_alone}); {rows} rows"
        )
        missed |= total / rows > most or alone / rows > most_alone
    return int(missed)


def measure(doc_path: str, ask_mode: str) -> tuple[int, float, float]:
    """Accepted rows; prompt tokens; those of them beyond a prefix that another request shares."""
    with serve(Loopback(reply=reply)) as running, fresh_home(COMPLETION=running.base_url) as home:
        demand(run_generation(home, doc_path=doc_path, ask_mode=ask_mode, max_repairs=0))
        rows = num_accepted(home)
    asked: dict[str, list[str]] = {}  # what a chunk's requests begin with → their prompts
    for body in running.requests:
        text = "".join(message["content"] for message in body["messages"])
        asked.setdefault(text[: text.index("</DOCUMENT>")], []).append(text)
    total = sum(len(text) for texts in asked.values() for text in texts)
    alone = sum(beyond_shared(texts) for texts in asked.values())
    return rows, total / 4, alone / 4


def beyond_shared(texts: Sequence[str]) -> int:
    """Characters of the prompts behind the longest prefix that each shares with another."""
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


def reply(body: Body) -> str:
    """Three rows on each document of a joint prompt, three questions, or the answer to one."""
    prompt = "".join(message["content"] for message in body["messages"])
    shown = _DOCUMENT.findall(prompt)
    if '"rows"' in prompt:
        rows = []
        for number, document in enumerate(shown, start=1):
            for question, quote in facts(document):
                reasoning = cot_label("It says:", quote, "").partition(" <ANSWER>")[0]
                row = {"document": number, "question": question, "reasoning": reasoning}
                rows.append({**row, "answer": quote})
        return json.dumps({"rows": rows})
    known = facts(shown[0])
    if '"questions"' in prompt:
        return json.dumps({"questions": [question for question, _ in known]})
    return next(cot_label("It says:", q, q) for question, q in known if question in prompt)


def facts(document: str) -> list[tuple[str, str]]:
    """Questions of about 70 characters on the thirds of a document, each with its quote."""
    words, name = document.split(), sha256(document.encode()).hexdigest()[:12]
    found = []
    for part in range(1, QUESTIONS_PER_CHUNK + 1):
        # The last words of each third: the first may be the title, which is in the prompt.
        quote = " ".join(words[: len(words) * part // QUESTIONS_PER_CHUNK][-3:])
        question = f"{STARTS[part - 1]} the words that end part {part} of Register {name}?"
        found.append((question, quote))
    return found
