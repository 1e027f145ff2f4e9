from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lib.embedded import teacher as built_in
from lib.gen import asking
from lib.gen import teacher as module
from lib.gen.teacher import Asked, ask_teacher
from lib.ledger import Ledger
from lib.prompts import cot_label
from lib.records import Chunk
from lib.settings import PROJECT_DIR, SetupError
from tests.gen.make import chunked
from tests.server import Loopback, error, serve

CHUNKS = chunked(0, overlap=0)[0][:16]


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Any:
    with serve() as server:
        use(server, monkeypatch)
        yield server


def use(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "secret")
    monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "reader-1")


def ask(chunks: list[Chunk] = CHUNKS, **changed: Any) -> Asked:
    options: dict[str, Any] = {
        "questions_per_chunk": 3,
        "concurrency": 16,
        "seed": 1,
        "run_name": "t",
    }
    return ask_teacher(chunks, **{**options, **changed})


def test_an_endpoints_questions_pass_the_gates_in_the_order_of_the_chunks(
    loopback: Loopback,
) -> None:
    asked = ask()
    assert asked.teacher == "reader-1"
    order = {chunk.id: place for place, chunk in enumerate(CHUNKS)}
    places = [order[question.chunk_id] for question in asked.questions]
    assert places == sorted(places)
    assert len(asked.questions) > len(CHUNKS)
    assert len({question.id for question in asked.questions}) == len(asked.questions)
    assert loopback.max_in_flight <= 16


def test_an_artefact_is_read_not_asked_again_until_something_changes(
    loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ask()
    seen = len(loopback.requests)
    assert ask(concurrency=2) == first
    assert len(loopback.requests) == seen
    assert "Already written" in capsys.readouterr().out
    others = [ask(questions_per_chunk=2), ask(seed=2), ask(CHUNKS[:-1]), ask(run_name="u")]
    assert len({first.questions_dir, *(other.questions_dir for other in others)}) == 5


def test_where_the_teacher_is_and_its_key_do_not_name_the_artefact(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask()
    with serve() as other:
        use(other, monkeypatch)
        monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "another")
        assert ask().questions_dir == first.questions_dir
        monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "reader-2")
        assert ask().questions_dir != first.questions_dir
    assert "secret" not in (first.questions_dir / "manifest.json").read_text()


def test_one_worker_and_sixteen_give_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written = []
    for workers in (1, 16):
        home = tmp_path / f"home-{workers}"
        home.mkdir()
        monkeypatch.setenv("OPENBOOK_HOME", str(home))
        with serve(Loopback(delay_s=0.01, delays=Random(workers))) as server:
            use(server, monkeypatch)
            folder = ask(concurrency=workers).questions_dir
            assert (server.max_in_flight > 4) == (workers > 1)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]


def test_max_chunks_draws_by_seed(loopback: Loopback) -> None:
    drawn = [{q.chunk_id for q in ask(max_chunks=5, seed=s).questions} for s in (1, 2)]
    assert [len(ids) for ids in drawn] == [5, 5]
    assert drawn[0] != drawn[1]


def test_what_the_gates_refuse_is_kept_with_its_reason(loopback: Loopback) -> None:
    numbers = {chunk.text: place for place, chunk in enumerate(CHUNKS)}

    def reply(body: dict[str, Any]) -> str:
        prompt = body["messages"][-1]["content"]
        place = next(number for text, number in numbers.items() if text in prompt)
        if "JSON alone" in prompt:
            asked = [f"What is fact A of chunk {place}?", f"What is fact B of chunk {place}?"]
            extra = {0: ["What does this text say?"], 1: [asked[0].upper()]}.get(place, [])
            return "nothing" if place == 2 else json.dumps({"questions": asked + extra})
        words = CHUNKS[place].text.split()[:4]
        return cot_label("So:", "not in it" if place == 3 else " ".join(words), words[-1])

    loopback.reply = reply
    asked = ask()
    found = {(item.chunk_id, item.gate) for item in asked.rejected}
    assert found == {
        (CHUNKS[0].id, "stands_alone"),
        (CHUNKS[1].id, "duplicate"),
        (CHUNKS[2].id, "parsable"),
        (CHUNKS[3].id, "verbatim"),
    }
    assert all(item.reason for item in asked.rejected)
    assert len(asked.questions) == 2 * (len(CHUNKS) - 2)


def test_the_same_question_with_two_answers_is_refused_each_time(loopback: Loopback) -> None:
    def reply(body: dict[str, Any]) -> str:
        prompt = body["messages"][-1]["content"]
        if "JSON alone" in prompt:
            return json.dumps({"questions": ["What is the first word of the harbour log?"]})
        words = prompt.partition("<DOCUMENT>")[2].split()[:4]
        return cot_label("So:", " ".join(words), words[1])

    loopback.reply = reply
    with pytest.raises(SetupError, match=f"ambiguous {len(CHUNKS)}"):
        ask()


@pytest.mark.parametrize(
    ("finish_reason", "gate"), [("length", "complete"), ("content_filter",) * 2]
)
def test_cut_and_filtered_replies_are_refused(
    loopback: Loopback, finish_reason: str, gate: str
) -> None:
    loopback.finish_reason = finish_reason
    with pytest.raises(SetupError, match=gate):
        ask()


def test_failed_requests_leave_no_artefact_and_are_asked_again(
    loopback: Loopback, home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(asking.Endpoint):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options, max_retries=0)

    monkeypatch.setattr(asking, "Endpoint", Impatient)
    whole = ask().questions
    monkeypatch.setenv("OPENBOOK_HOME", str(home_dir / "other"))
    loopback.answered.clear()
    loopback.fault = lambda number, body: error(500, "overloaded") if number % 7 == 0 else None
    with pytest.raises(SetupError, match=r"requests failed .*overloaded.*run this again"):
        ask()
    assert not list((home_dir / "other").glob("artefacts/questions/*"))
    loopback.fault = lambda number, body: None
    assert ask().questions == whole
    assert max(Counter(loopback.answered).values()) == 1


def test_a_refused_key_stops_at_once(loopback: Loopback) -> None:
    loopback.fault = lambda number, body: error(401, "bad key")
    with pytest.raises(SetupError, match="refuses the key"):
        ask()
    assert len(loopback.requests) <= 32


SCRIPT = """
from lib.gen.teacher import ask_teacher
from tests.gen.make import chunked
chunks = chunked(0, overlap=0)[0][:16]
ask_teacher(chunks, questions_per_chunk=3, concurrency=4, seed=1, run_name="t")
"""


def paid(home: Path) -> int:
    if not (home / "artefacts" / "ledger.sqlite").exists():
        return 0
    ledger = Ledger(home / "artefacts" / "ledger.sqlite")
    requests = ledger.usage("teacher").requests
    ledger.close()
    return requests


def test_killed_halfway_and_run_again_pays_nothing_twice(
    loopback: Loopback, home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = ask(concurrency=4).questions_dir
    expected = {path.name: path.read_bytes() for path in undisturbed.iterdir()}
    other = home_dir / "killed"
    other.mkdir()
    monkeypatch.setenv("OPENBOOK_HOME", str(other))
    loopback.requests.clear()
    loopback.answered.clear()
    total = len(CHUNKS) * 3
    loopback.hold_from = total // 2  # the rest would wait for ever: the kill comes in the middle
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=PROJECT_DIR,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    committed = loopback.hold_from - 1
    while paid(other) < committed and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert paid(other) == len(loopback.answered) == committed > 10
    assert not list(other.glob("artefacts/questions/[!.]*"))
    loopback.hold_from = 0
    resumed = ask(concurrency=16).questions_dir
    assert {path.name: path.read_bytes() for path in resumed.iterdir()} == expected
    assert max(Counter(loopback.answered).values()) == 1


def test_with_no_endpoint_the_built_in_teacher_writes(capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "Tamsay Ness Light was built in 1838 by the engineer Ambrose Tyler. The tower of Tamsay "
        "Ness Light is 21 metres high. Zachary Wynn kept Tamsay Ness Light for 44 years."
    )
    chunk = Chunk("a#0", "a", "Lights", 1, 0, len(text), text)
    asked = ask([chunk])
    assert asked.teacher == built_in.NAME
    assert asked.questions
    assert all(question.answer in text for question in asked.questions)
    assert ask([chunk]) == asked
    assert "not a language model" in module.teacher_notice()


@pytest.mark.parametrize(
    "wrong", [{"questions_per_chunk": 0}, {"concurrency": 0}, {"max_chunks": -1}]
)
def test_wrong_parameters_are_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match=next(iter(wrong))):
        ask(**wrong)
