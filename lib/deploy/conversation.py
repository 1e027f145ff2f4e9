"""Questions to a run's student and baseline: retrieve, ask, read the replies. No user interface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from lib.dataset import read_dataset
from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.budget import budget_of
from lib.engine.faults import EndpointError
from lib.engine.ledger import Ledger
from lib.engine.stream import stream_reply
from lib.prompts.control_tokens import for_student
from lib.prompts.student import STUDENT_PROMPT
from lib.rag.chain import CitedAnswer, read_reply
from lib.rag.index import build_index
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.state import require_path
from lib.text import one_line, whole

if TYPE_CHECKING:
    from langchain_core.documents import Document

ROLES = ("student", "baseline")
_SHOW_EVERY_S = 0.2


@dataclass(frozen=True)
class Part:
    """What a role has answered so far."""

    role: str
    answer: CitedAnswer | None = None  # None: nothing
    error: str = ""  # one line; with an answer: the answer is not whole
    is_last: bool = False


class Conversation:
    """A run, opened: its documents, its index, the endpoints of these roles. Close it.

    Models get the prompt of training and evaluation: what that has asked is in the ledger.
    """

    def __init__(self, recipe: Recipe, roles: Sequence[str] = ROLES) -> None:
        from lib.rag.chat_model import EndpointChat

        self.recipe, self.roles = recipe, tuple(roles)
        self._settings = {role: endpoint_of(role, recipe) for role in roles}
        self.dataset = read_dataset(require_path("DATASET_DIR", recipe.run_name))
        self._refusal = self.dataset.manifest["parameters"].get("refusal", "")
        self._prompt = for_student(STUDENT_PROMPT, recipe.run_name)
        self._index, self._lock = build_index(self.dataset.chunks, recipe), Lock()
        self._retrievers: dict[tuple[str, int], Any] = {}
        self._model = EndpointChat(role=recipe.retrieval_role, recipe=recipe, at_end=True)
        self._ledger, self._budget = Ledger(), budget_of(recipe)
        self._pool = ThreadPoolExecutor(len(roles) * recipe.server_concurrency)

    def close(self) -> None:
        """Once all that was asked is answered."""
        self._pool.shutdown()
        self._model.report()
        self._index.close()
        self._ledger.close()

    def examples(self) -> list[str]:
        """The questions of the evaluation: none of them was trained on."""
        rows = self.dataset.evaluation or list(self.dataset.rows("eval"))
        return list(dict.fromkeys(row["question"] for row in rows))

    def find(self, question: str, setting: str, k: int) -> list[Document]:
        """The documents, the best first, with their scores as metadata."""
        from lib.rag.pipeline import retriever_of

        k = min(k, self._index.num_chunks)
        with self._lock:  # several threads of the page
            if (setting, k) not in self._retrievers:
                made = retriever_of(self._index, self.recipe, setting, k=k, model=self._model)
                self._retrievers[setting, k] = made
            return list(self._retrievers[setting, k].invoke(question))

    def ask(
        self, question: str, documents: Sequence[Document], *roles: str
    ) -> Iterator[dict[str, Part]]:
        """Ask these roles at once; what each has written so far, every 0.2 s.

        Who stops reading waits for nothing: a paid reply is finished and kept.
        """
        from lib.rag.documents import as_chunk, parts_of

        chunks, parts = [as_chunk(document) for document in documents], parts_of(documents)
        latest = {role: Part(role) for role in roles}
        texts, most = [chunk.text for chunk in chunks], self.recipe.max_answer_tokens
        messages = self._prompt.messages(question, texts, refusal=self._refusal)

        def ask(role: str) -> None:
            def show(text: str, error: str = "", is_last: bool = False) -> None:
                read = None
                if text:
                    read = read_reply(text, chunks, refusal=self._refusal, parts=parts)
                latest[role] = Part(role, read, error, is_last)

            given = (self._settings[role], self.recipe, self._ledger, messages)
            try:
                reply = stream_reply(*given, max_tokens=most, budget=self._budget, on_text=show)
                cut = f"cut at {most} tokens (max_answer_tokens)"
                error = cut if reply.finish_reason == "length" else ""
                show(reply.text, error if reply.text else f"no text ({reply.finish_reason})", True)
            except (EndpointError, SetupError) as failed:
                show("", str(failed), True)

        left = asked = {self._pool.submit(ask, role) for role in roles}
        while left:
            _, left = wait(asked, timeout=_SHOW_EVERY_S)
            yield dict(latest)
        for one in asked:
            one.result()

    def answers(self, question: str, setting: str, k: int) -> tuple[list[Document], list[Part]]:
        """The documents, and the whole answer of each role."""
        documents = self.find(question, setting, k)
        *_, whole = self.ask(question, documents, *self.roles)
        return documents, list(whole.values())


def ask(
    role: str, question: str, documents: Sequence[str], recipe: Recipe, *, refusal: str = ""
) -> str:
    """The whole reply of "student" or "baseline" to a question on some documents.

    `refusal` is the sentence of the dataset that the student was trained on; "" = the standard one.
    """
    prompt = for_student(STUDENT_PROMPT, recipe.run_name)
    messages = prompt.messages(question, documents, refusal=refusal)
    settings, most = endpoint_of(role, recipe), recipe.max_answer_tokens
    with closing(Ledger()) as ledger:
        return stream_reply(settings, recipe, ledger, messages, max_tokens=most).text


def as_asked(question: str) -> str:
    """On one line, of characters that a file and a request can hold."""
    return one_line(whole(question))


def endpoint_of(role: str, recipe: Recipe) -> EndpointSettings:
    settings = endpoint_settings(role, recipe.run_name)
    if settings is None:
        raise SetupError(
            f"The {role} has no endpoint in run '{recipe.run_name}'. Run 3_deploy.ipynb first."
        )
    return settings


def row_of(question: str, documents: Sequence[Document], part: Part, how: str) -> dict[str, Any]:
    """An answer as a line of JSONL. The first columns are those of 1_gen's train_file."""
    answer = part.answer
    assert answer is not None
    cited = [one for one in answer.citations if one.chunk]
    return {
        "question": question,
        "answer": "" if answer.refused else answer.answer or "",
        "document": list(dict.fromkeys(one.chunk.document_id for one in cited if one.chunk)),
        "quote": [one.quote for one in cited],
        "reasoning": answer.reasoning,
        "page": [one.chunk.page for one in cited if one.chunk],
        "role": part.role,
        "refused": answer.refused,
        "supported": answer.supported,
        "error": part.error,
        "reply": answer.reply,
        "retrieval": how,
        "retrieved": [{"chunk": one.id, "score": one.metadata["score"]} for one in documents],
    }
