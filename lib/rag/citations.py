"""A student's reply, read: its reasoning, its quotes with their places, its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lib.prompts.student import ANSWER_TAG, canonical, parse_answer
from lib.records import Chunk
from lib.text import find_quote


@dataclass(frozen=True)
class Citation:
    """A quote and the document that has it."""

    quote: str  # as the document writes it; as the reply does where no document has it
    chunk: Chunk | None  # None: no document that was shown has it

    def __str__(self) -> str:
        """`Harbour rules, page 3`"""
        if self.chunk is None:
            return "in none of the documents"
        return f"{self.chunk.title}, page {self.chunk.page}"


@dataclass(frozen=True)
class CitedAnswer:
    """What a reply says, and whether a document supports it."""

    reply: str
    reasoning: str
    citations: tuple[Citation, ...]  # in the reply's order
    answer: str | None  # None: no final answer was found
    refused: bool

    @property
    def supported(self) -> bool:
        """Whether it answers, and at least one of its quotes is in a document that was shown."""
        return self.answer is not None and any(citation.chunk for citation in self.citations)


def read_reply(reply: str, chunks: Sequence[Chunk], *, refusal: str = "") -> CitedAnswer:
    """Check each quote against the documents that were shown, letter for letter (`find_quote`)."""
    parsed = parse_answer(reply, refusal=refusal)
    reasoning = canonical(reply).split(ANSWER_TAG)[0].strip()
    citations = tuple(_cited(quote, chunks) for quote in parsed.quotes)
    return CitedAnswer(reply, reasoning, citations, parsed.final_answer, parsed.refused)


def _cited(quote: str, chunks: Sequence[Chunk]) -> Citation:
    for chunk in chunks:
        if found := find_quote(quote, chunk.text):
            return Citation(found, chunk)
    return Citation(quote, None)
