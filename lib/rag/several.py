"""Several indexes, one for each domain or language: routed, and what they find is fused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from lib.prompts.languages import nearest_language
from lib.rag.documents import Retriever
from lib.rag.retrievers import fuse


class RoutedRetriever(Retriever):
    """A question goes to the retrievers that its route names; () and unknown names are all."""

    retrievers: dict[str, BaseRetriever]
    route: Callable[[str], Sequence[str]] = lambda question: ()
    k: int = 4

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        routes = [self._names(question) for question in questions]
        found: list[list[list[Document]]] = [[] for _ in questions]
        for name, retriever in self.retrievers.items():
            places = [place for place, names in enumerate(routes) if name in names]
            rankings = retriever.batch([questions[place] for place in places])
            for place, ranking in zip(places, rankings, strict=True):
                found[place].append(ranking)
        return [fuse(rankings, k=self.k) for rankings in found]

    def _names(self, question: str) -> Iterable[str]:
        named = [name for name in self.route(question) if name in self.retrievers]
        return named or self.retrievers


def by_language(languages: Iterable[str]) -> Callable[[str], Sequence[str]]:
    """A route to the retriever of the question's language, of retrievers named by ISO 639 codes."""
    known = list(languages)
    return lambda question: (nearest_language(question, known),)
