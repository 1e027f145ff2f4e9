"""Recorded replies stand in for a model, and a prompt that is not among them is an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.recorded_replies import ROLE, Recorded, answering, key_of, numbered
from benchmarks.retrieval_models import NUM_ASKED, REPLIES, sampled
from benchmarks.retrieval_quality import LANGUAGES, labelled
from lib.prompts.retrieval import (
    order_messages,
    parse_queries,
    passage_messages,
    queries_messages,
)
from lib.rag.chat_model import EndpointChat
from lib.recipe import Recipe
from lib.settings import SetupError
from tests.server import Loopback, serve

DOCUMENTS = ["The pier is long.", "The pier was built by Ada Noll.", "Ada Noll kept bees."]
QUESTION = "Who built the pier?"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of the three documents the second one helps, then the third."""
    asked = order_messages(QUESTION, DOCUMENTS)
    long, built, bees = numbered(asked)
    rows = [
        {"key": key_of(asked), "reply": f"{built} > {bees}", "read": f"{long} {built} {bees}"},
        {"key": key_of(passage_messages(QUESTION)), "reply": "Ada Noll built the pier."},
    ]
    recorded = tmp_path / "replies.jsonl"
    recorded.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return recorded


def chat() -> EndpointChat:
    return EndpointChat(role=ROLE, recipe=Recipe())


@pytest.mark.parametrize(
    ("documents", "reply"),
    [(DOCUMENTS, "2 > 3"), (DOCUMENTS[::-1], "2 > 1"), (DOCUMENTS[2:], "1"), (DOCUMENTS[:1], "0")],
)
def test_an_order_holds_for_the_documents_that_were_read(
    path: Path, documents: list[str], reply: str
) -> None:
    with answering(path):
        assert chat().ask_all([order_messages(QUESTION, documents)]) == [reply]


def test_a_prompt_without_a_recorded_reply_is_an_error(path: Path) -> None:
    with answering(path):
        assert chat().ask_all([passage_messages(QUESTION)]) == ["Ada Noll built the pier."]
        with pytest.raises(SetupError, match=r"No reply is recorded .* 'Who built the ship\?'"):
            chat().ask_all([passage_messages("Who built the ship?")])
        with pytest.raises(SetupError, match="No reply is recorded"):  # one more was not read
            chat().ask_all([order_messages(QUESTION, [*DOCUMENTS, "Another."])])


def test_an_endpoint_that_is_set_is_asked_in_place_of_the_recorded_replies(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(Loopback(reply=lambda body: "From a model.")) as server:
        monkeypatch.setenv("RETRIEVAL_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("RETRIEVAL_OPENAI_API_KEY", "none")
        monkeypatch.setenv("RETRIEVAL_OPENAI_DEPLOYMENT", "a-model")
        with answering(path):
            assert chat().ask_all([passage_messages(QUESTION)]) == ["From a model."]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sampled_question_has_its_recorded_replies(language: str) -> None:
    recorded = Recorded.read(REPLIES)
    _, asked = sampled(*labelled(language, LANGUAGES[language]))
    assert len(asked) == NUM_ASKED
    for one in asked:
        assert recorded.has(passage_messages(one.question)), one.question
        reply = recorded.reply({"messages": queries_messages(one.question)})
        assert len(parse_queries(reply, one.question)) == 3, one.question


def test_a_recorded_order_names_only_what_was_read() -> None:
    orders = [row for row in Recorded.read(REPLIES).rows.values() if "read" in row]
    assert orders
    for row in orders:
        assert set(row["reply"].split(" > ")) <= {*row["read"].split(), "0"}
    assert REPLIES.stat().st_size < 500_000
