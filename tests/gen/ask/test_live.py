"""How requests are sent while chunks stream in."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lib.engine.ledger import Ledger
from lib.gen.ask.questions import ask_teacher
from lib.gen.ask.rows import Candidate, RowWriter
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError
from tests.gen.make import chunked
from tests.gen.scripted import words_chunk
from tests.server import Loopback, error, serve


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with serve() as server:
        monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "secret")
        monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "reader-1")
        yield server


def test_the_thread_that_looks_into_the_ledger_ends_before_it_is_closed(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is closed while a thread reads would end the process."""
    failed, in_time = threading.Event(), []
    closed = threading.Event()
    real_close, real_position = Ledger.close, Ledger.position

    def fault(number: int, body: Any) -> Any:
        failed.set()
        return error(401, "bad key")

    def position(self: Ledger, key: str) -> int | None:
        if failed.wait(300):
            in_time.append(not closed.wait(0.2))
        return real_position(self, key)

    def close(self: Ledger) -> None:
        closed.set()
        real_close(self)

    monkeypatch.setattr(Ledger, "close", close)

    def chunks() -> Iterator[Chunk]:
        yield words_chunk("a")
        monkeypatch.setattr(Ledger, "position", position)
        yield words_chunk("b")

    loopback.fault = fault
    with pytest.raises(SetupError, match="refuses the key"):
        ask_teacher(chunks(), Recipe(questions_per_chunk=1))
    assert in_time == [True]


def test_an_error_has_no_group_as_its_context(loopback: Loopback) -> None:
    """IPython 9 shows no error whose context is a group."""
    loopback.fault = lambda number, body: error(401, "bad key")
    sys.setswitchinterval(0.005)  # the default
    with pytest.raises(SetupError) as caught:
        ask_teacher([words_chunk(name) for name in "abc"], Recipe())
    assert sys.getswitchinterval() == pytest.approx(0.005)
    seen: BaseException | None = caught.value
    while seen is not None:
        assert not isinstance(seen, BaseExceptionGroup)
        seen = seen.__context__


def test_few_chunks_are_at_work_at_a_time(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work = [0]
    rows_of = RowWriter.rows_of

    async def counted(self: RowWriter, *start: Any) -> list[Candidate]:
        at_work.append(at_work[-1] + 1)
        try:
            return await rows_of(self, *start)
        finally:
            at_work.append(at_work[-1] - 1)

    monkeypatch.setattr(RowWriter, "rows_of", counted)
    chunks = chunked(0, overlap=0)[0][:40]
    asked = ask_teacher(iter(chunks), Recipe(concurrency=2, questions_per_chunk=1))
    assert len(asked.questions) > 30
    assert max(at_work) == 4 * 2
