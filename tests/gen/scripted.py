"""A teacher in this process: it reads the prompts of lib/prompts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from lib.engine.faults import EndpointError
from lib.engine.replies import Reply
from lib.engine.tasks import gather_all
from lib.gen.ask.rows import Candidate, Rating, RowWriter
from lib.gen.ask.shares import request_groups
from lib.prompts.student import Message
from lib.recipe import Recipe
from lib.records import Chunk, Question, Rejected

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


@dataclass(frozen=True)
class Sent:
    """A request as it was asked."""

    messages: list[Message]
    max_tokens: int
    temperature: float
    role: str
    priority: int


class Outcome:
    """The rows in the order of the chunks."""

    def __init__(self, candidates: Sequence[Candidate], recipe: Recipe) -> None:
        ordered = sorted(candidates, key=lambda candidate: candidate.place)
        taken = [c for c in ordered if c.question]
        self.questions: list[Question] = [c.question for c in taken if c.question]
        self.rejected: list[Rejected] = [c.refused for c in ordered if c.refused and not c.question]
        self.ratings: list[Rating] = [c.rating for c in ordered if c.rating]
        self.repaired = sum(c.repairs_left < recipe.max_repairs for c in taken)


def ask(
    chunks: Sequence[Chunk], says: Says = good, *, order: Random | None = None, **options: object
) -> tuple[Outcome, list[Sent]]:
    """Ask about all chunks at once; with `order`, replies come in another order each time.

    Where `says` gives None the request fails. Returns the rows, and the requests as they were sent.
    """
    recipe, sent = Recipe(**options), list[Sent]()  # type: ignore[arg-type]

    async def answer(
        messages: list[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        role: str = "teacher",
        priority: int = 0,
    ) -> Reply:
        sent.append(Sent(messages, max_tokens, temperature, role, priority))
        for _ in range(order.randrange(50) if order else 0):
            await asyncio.sleep(0)
        said = says(messages)
        if said is None:
            raise EndpointError("it failed")
        return reply(said) if isinstance(said, str) else said

    writer = RowWriter(recipe, answer)
    found = asyncio.run(gather_all(list(request_groups(chunks, recipe)), writer.rows_of))
    assert not any(isinstance(candidates, EndpointError) for candidates in found)
    candidates = [c for group in found if not isinstance(group, EndpointError) for c in group]
    return Outcome(candidates, recipe), sent


def reply(text: str, finish_reason: str = "stop") -> Reply:
    return Reply(text, finish_reason, 0, 0, 0.0)
