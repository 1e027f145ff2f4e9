"""A student's reply, read: its reasoning, its quotes with their places, its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.prompts.student import ANSWER_TAG, canonical, parse_answer
from lib.records import Chunk
from lib.text import find_quote, words


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
        """Whether it answers, and a document that was shown has a quote of it, a word at least."""
        found = (words(citation.quote) for citation in self.citations if citation.chunk)
        return self.answer is not None and any(found)


def read_reply(
    reply: str,
    chunks: Sequence[Chunk],
    *,
    refusal: str = "",
    parts: Mapping[str, Sequence[Chunk]] | None = None,
) -> CitedAnswer:
    """Check each quote against the documents that were shown, letter for letter (`find_quote`).

    `parts` of a document (`parts_of`): a quote is cited from the one that has it.
    """
    parsed = parse_answer(reply, refusal=refusal)
    reasoning = canonical(reply).split(ANSWER_TAG)[0].strip()
    citations = tuple(_cited(quote, chunks, parts or {}) for quote in parsed.quotes)
    return CitedAnswer(reply, reasoning, citations, parsed.final_answer, parsed.refused)


def _cited(quote: str, chunks: Sequence[Chunk], parts: Mapping[str, Sequence[Chunk]]) -> Citation:
    for chunk in chunks:
        if found := find_quote(quote, chunk.text):
            having = (part for part in parts.get(chunk.id, ()) if find_quote(found, part.text))
            return Citation(found, next(having, chunk))
    return Citation(quote, None)
