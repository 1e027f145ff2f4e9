"""Several indexes, one for each language or folder: routed, and what they find is fused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.retrievers import BaseRetriever

from lib.prompts.languages import nearest_language
from lib.prompts.retrieval import has_number, parse_order, route_messages
from lib.rag.chat_model import ask_all
from lib.rag.documents import Retriever
from lib.rag.index import Index
from lib.rag.retrievers import fuse

Route = Callable[[Sequence[str]], Sequence[Sequence[str]]]  # questions → names for each
_TITLES = 8  # of an index, which a model is told


def everywhere(questions: Sequence[str]) -> list[Sequence[str]]:
    return [()] * len(questions)


class RoutedRetriever(Retriever):
    """A question goes to the retrievers that its route names; () and unknown names are all."""

    retrievers: dict[str, BaseRetriever]
    route: Route = everywhere
    k: int = 4

    def find(self, questions: Sequence[str]) -> list[list[Document]]:
        routes = [self._known(names) for names in self.route(questions)]
        found: list[list[list[Document]]] = [[] for _ in questions]
        for name, retriever in self.retrievers.items():
            places = [place for place, names in enumerate(routes) if name in names]
            rankings = retriever.batch([questions[place] for place in places])
            for place, ranking in zip(places, rankings, strict=True):
                found[place].append(ranking)
        return [fuse(rankings, k=self.k) for rankings in found]

    def _known(self, names: Iterable[str]) -> Iterable[str]:
        return [name for name in names if name in self.retrievers] or self.retrievers


def by_language(languages: Iterable[str]) -> Route:
    """To the retriever of the question's language, of retrievers named by ISO 639 codes."""
    known = list(languages)
    return lambda questions: [(nearest_language(question, known),) for question in questions]


def by_model(model: BaseChatModel, indexes: Mapping[str, Index]) -> Route:
    """To the indexes that a model names, which is told their names and some of their titles."""
    names = list(indexes)
    described = [f"{name}: {'; '.join(_titles(indexes[name]))}" for name in names]

    def route(questions: Sequence[str]) -> list[Sequence[str]]:
        asked = [route_messages(one, described) for one in questions]
        replies = ask_all(model, asked, "+ route", has_number)
        return [[names[place] for place in parse_order(reply, len(names))] for reply in replies]

    return route


def _titles(index: Index) -> list[str]:
    """Some from everywhere."""
    titles = list(dict.fromkeys(chunks[0].title for chunks in index.by_document.values()))
    return titles[:: 1 + (len(titles) - 1) // _TITLES]
