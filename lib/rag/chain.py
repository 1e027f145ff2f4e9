"""The RAG chain: documents + prompt → a reply, read with the places of its quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.prompts.student import ANSWER_TAG, STUDENT_PROMPT, Prompt, canonical, parse_answer
from lib.records import Chunk
from lib.text import find_quote, words

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import Runnable


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


def rag_chain(
    retriever: BaseRetriever,
    model: BaseChatModel,
    *,
    refusal: str = "",
    prompt: Prompt = STUDENT_PROMPT,
) -> Runnable[str, CitedAnswer]:
    """A LangChain Runnable: a question → the answer with its citations.

    Retriever and chat model may be any, such as `ChatOpenAI(base_url=…, model=…)` of
    langchain-openai on the student's endpoint. It is asked with the prompt that the student was
    trained on.
    """
    from langchain_core.runnables import RunnableLambda, RunnablePassthrough

    from lib.rag.documents import as_chunk, parts_of

    def messages(found: dict[str, Any]) -> list[Any]:
        texts = [as_chunk(document).text for document in found["documents"]]
        return list(prompt.messages(found["question"], texts, refusal=refusal))

    def read(found: dict[str, Any]) -> CitedAnswer:
        chunks, parts = [as_chunk(d) for d in found["documents"]], parts_of(found["documents"])
        return read_reply(str(found["reply"].text), chunks, refusal=refusal, parts=parts)

    return (
        {"question": RunnablePassthrough(), "documents": retriever}
        | RunnablePassthrough.assign(reply=RunnableLambda(messages) | model)
        | RunnableLambda(read)
    )
