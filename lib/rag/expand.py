"""Query expansion: a model says the question in other words, or writes a passage to look for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Literal

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever

from lib.prompts.retrieval import parse_queries, passage_messages, queries_messages
from lib.rag.chat_model import ask_all
from lib.rag.documents import Retriever
from lib.rag.retrievers import fuse
from lib.text import one_line


class ExpandedRetriever(Retriever):
    """What a retriever finds for the question and for what the model writes, fused.

    how: "queries" (multi-query) or "hyde" (a hypothetical passage, arXiv:2212.10496).
    """

    retriever: BaseRetriever
    model: BaseChatModel
    how: Literal["queries", "hyde"] = "queries"
    k: int = 4

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        write = queries_messages if self.how == "queries" else passage_messages
        asked = [write(question) for question in questions]
        replies = ask_all(self.model, asked, f"+ {self.how}")
        pairs = zip(questions, replies, strict=True)
        searches = [[question, *self._written(question, reply)] for question, reply in pairs]
        found = iter(self.retriever.batch([text for texts in searches for text in texts]))
        return [fuse(list(islice(found, len(texts))), k=self.k) for texts in searches]

    def _written(self, question: str, reply: str) -> list[str]:
        if self.how == "queries":
            return parse_queries(reply, question)
        return [passage] if (passage := one_line(reply)) else []
