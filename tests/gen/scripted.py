"""A teacher in this process: it reads the prompts of lib/prompts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random

from lib.engine.replies import Reply
from lib.gen.ask.flow import Flow
from lib.gen.ask.options import AskOptions
from lib.gen.ask.requests import Request, in_stages
from lib.prompts.student import Message
from lib.records import Chunk

Says = Callable[[list[Message]], "str | Reply | None"]


def chunk_of(text: str, name: str = "a", *, start: int = 0) -> Chunk:
    return Chunk(f"{name}#{start}", name, f"Title of {name}", 1, start, start + len(text), text)


def words_chunk(name: str, count: int = 30) -> Chunk:
    """A chunk of distinct words."""
    stem = re.sub(r"\W", "", name)
    return chunk_of(" ".join(f"{stem}word{number}" for number in range(count)) + ".", name)


def good(messages: Sequence[Message]) -> str:
    """What a teacher replies whose rows pass: on the words of its documents."""
    asked = messages[-1]["content"]
    first = next(message["content"] for message in messages if message["role"] == "user")
    documents = re.findall(r"<DOCUMENT>(.*?)</DOCUMENT>", first, re.DOTALL)
    if '"rating"' in asked:
        return '{"reason": "It is clear.", "rating": 4}'
    if '"rows"' in asked or "rows again" in asked:
        counts = wanted(messages, len(documents))
        pairs = [(n, f) for n, d in enumerate(documents) for f in facts(d, counts[n])]
        rows = [{"document": n + 1, **row(*fact)} for n, fact in pairs]
        return json.dumps({"rows": rows})
    if '"questions"' in asked or "in their place" in asked:
        return json.dumps({"questions": [fact[0] for fact in facts(documents[0], 9)][: num(asked)]})
    for question, word, quote in facts(documents[0], 30) if documents else []:
        if question in asked or question in first:
            if "Reply with the shortest" in asked:
                return word
            return row(question, word, quote)["reasoning"] + f" <ANSWER>: {word}"
    return "NONE"


def facts(document: str, count: int) -> list[tuple[str, str, str]]:
    """Question, answer and quote on the first words of a document."""
    words = re.findall(r"\w+", document)
    found = []
    for number in range(min(count, len(words) - 1)):
        quote = f"{words[number]} {words[number + 1]}"
        found.append((f"What follows {words[number]}?", words[number + 1], quote))
    return found


def row(question: str, word: str, quote: str) -> dict[str, str]:
    reasoning = f"It says ##begin_quote## {quote} ##end_quote##."
    return {"question": question, "reasoning": reasoning, "answer": word}


def num(asked: str) -> int:
    return int(re.findall(r"Write (\d+)", asked)[-1])


def wanted(messages: Sequence[Message], documents: int) -> list[int]:
    first = next(message["content"] for message in messages if message["role"] == "user")
    if documents == 1:
        return [num(first)]
    said = first[first.rindex("Write ") :]
    return [
        int(re.findall(rf"(\d+)(?: questions)? on document {n + 1}", said)[0])
        for n in range(documents)
    ]


def ask(
    chunks: Sequence[Chunk],
    says: Says = good,
    *,
    order: Random | None = None,
    flow: Flow | None = None,
    **options: object,
) -> tuple[Flow, list[Request]]:
    """Ask until nothing is left; `order` shuffles each stage. Returns the requests sent."""
    flow = flow or Flow(AskOptions(**options))  # type: ignore[arg-type]
    stages = in_stages(flow.first_requests(chunks))
    requests, sent = next(stages), list[Request]()
    while requests:
        sent += requests
        replies: dict[int, Reply | None] = {}
        places = list(range(len(requests)))
        if order:
            order.shuffle(places)
        for place in places:
            said = says(requests[place].messages)
            replies[place] = reply(said) if isinstance(said, str) else said
        requests = stages.send([replies[place] for place in range(len(requests))])
    return flow, sent


def reply(text: str, finish_reason: str = "stop") -> Reply:
    return Reply(text, finish_reason, 0, 0, 0.0)
