from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy
import pytest

from lib.engine.ledger import Ledger
from lib.gen.ask import live
from lib.gen.ask import questions as module
from lib.gen.ask.questions import Generated, ask_teacher
from lib.prompts.student import cot_label
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import PROJECT_DIR, SetupError
from offline.teacher import NAME
from tests.gen.make import chunked
from tests.ledger import replies_of
from tests.server import Loopback, error, serve

CHUNKS = chunked(0, overlap=0)[0][:12]


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Any:
    with serve() as server:
        use(server, monkeypatch)
        yield server


def use(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPLETION_OPENAI_BASE_URL", server.base_url)
    monkeypatch.setenv("COMPLETION_OPENAI_API_KEY", "secret")
    monkeypatch.setenv("COMPLETION_OPENAI_DEPLOYMENT", "reader-1")


def ask(
    chunks: Any = CHUNKS, *, on_question: Any = lambda question: None, **changed: Any
) -> Generated:
    recipe = Recipe(**{"run_name": "t", "questions_per_chunk": 3, "seed": 1, **changed})
    return ask_teacher(chunks, recipe, on_question=on_question)


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
    others += [ask(question_style="plain"), ask(ask_mode="separate", max_repairs=0)]
    assert len({first.questions_dir, *(other.questions_dir for other in others)}) == 7


@pytest.mark.parametrize("name", ["questions.jsonl", "rejected.jsonl", "manifest.json"])
def test_a_damaged_artefact_is_named_with_a_remedy(loopback: Loopback, name: str) -> None:
    path = ask().questions_dir / name
    text = path.read_text(encoding="utf-8")
    for damage in (text[:40] or '{"cut', "{}", '{"teach": 1}\n'):
        path.write_text(damage, encoding="utf-8")
        with pytest.raises(SetupError, match=r"is damaged \(.*Delete that folder"):
            ask()
    path.unlink()
    with pytest.raises(SetupError, match=r"is damaged \(.*Delete that folder"):
        ask()


def test_a_prompts_file_counts_by_its_texts_not_by_its_place(
    loopback: Loopback, tmp_path: Path
) -> None:
    for name, word in {"a.yaml": "data", "b.yaml": "data", "c.yaml": "material"}.items():
        (tmp_path / name).write_text(f"system: <DOCUMENT> holds {word}.\n")
    a, b, c = (ask(prompts_path=str(tmp_path / name)) for name in ("a.yaml", "b.yaml", "c.yaml"))
    assert a.questions_dir == b.questions_dir != c.questions_dir
    assert any(body["messages"][0]["content"].endswith("material.") for body in loopback.requests)


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
            server.hold_until_in_flight(min(workers, 5))
            folder = ask(concurrency=workers).questions_dir
            assert (server.max_in_flight > 4) == (workers > 1)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert written[0] == written[1]


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
    asked = ask(max_repairs=0)
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
    ("finish_reason", "gate"), [("length", "cut at its token limit"), ("content_filter",) * 2]
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
    whole = ask().questions
    monkeypatch.setenv("OPENBOOK_HOME", str(home_dir / "other"))
    loopback.answered.clear()
    loopback.fault = lambda number, body: error(500, "overloaded") if number % 7 == 0 else None
    with pytest.raises(SetupError, match=r"requests failed .*overloaded.*run this again"):
        ask(max_retries=0)
    assert not list((home_dir / "other").glob("artefacts/questions/*"))
    loopback.fault = lambda number, body: None
    assert ask().questions == whole
    assert max(Counter(loopback.answered).values()) == 1


def test_a_refused_key_stops_at_once(loopback: Loopback) -> None:
    loopback.fault = lambda number, body: error(401, "bad key")
    with pytest.raises(SetupError, match="refuses the key"):
        ask()
    assert len(loopback.requests) <= 32


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_refused_prompt_is_one_rejected_row_with_its_reason(
    loopback: Loopback, status: int
) -> None:
    bad = CHUNKS[0].text[:40]
    flagged = lambda body: bad in str(body["messages"])  # noqa: E731
    loopback.fault = lambda number, body: error(status, "flagged") if flagged(body) else None
    asked = ask()
    assert {question.chunk_id for question in asked.questions} >= {c.id for c in CHUNKS[1:4]}
    (row,) = (row for row in asked.rejected if row.chunk_id == CHUNKS[0].id)
    assert (row.gate, f"{status}: flagged" in row.reason) == ("refused", True)


def test_a_prompt_that_fails_in_two_runs_is_one_rejected_row_of_the_second(
    loopback: Loopback,
) -> None:
    bad = CHUNKS[0].text[:40]
    fails = lambda body: bad in str(body["messages"])  # noqa: E731
    loopback.fault = lambda number, body: error(500, "boom") if fails(body) else None
    with pytest.raises(SetupError, match=r"requests failed .*boom.*One that fails again"):
        ask(max_retries=0)
    asked = ask(max_retries=0)
    assert {question.chunk_id for question in asked.questions} >= {c.id for c in CHUNKS[1:4]}
    (row,) = (row for row in asked.rejected if row.chunk_id == CHUNKS[0].id)
    assert (row.gate, "500" in row.reason, "boom" in row.reason) == ("refused", True, True)


def test_when_all_is_refused_the_reason_is_said_and_the_rows_are_kept(
    loopback: Loopback, home_dir: Path
) -> None:
    loopback.fault = lambda n, body: error(400, "too long") if len(str(body)) > 200 else None
    with pytest.raises(
        SetupError, match=rf"refused {len(CHUNKS)}.*400: too long.*endpoint complains"
    ):
        ask()
    kept = (home_dir / "artefacts" / "questions" / "t.rejected.jsonl").read_text()
    assert kept.count("400: too long") == len(CHUNKS)


def test_the_limits_of_tokens_are_those_of_the_recipe(loopback: Loopback) -> None:
    ask(CHUNKS[:2], max_question_tokens=7001, max_cot_answer_tokens=7002)
    limits = [body["max_tokens"] for body in loopback.requests]
    assert limits.count(7001) >= 2
    assert set(limits) == {7001, 7002}


SCRIPT = """
from lib.recipe import Recipe
from lib.gen.ask.questions import ask_teacher
from tests.gen.make import chunked
chunks = chunked(0, overlap=0)[0][:12]
ask_teacher(chunks, Recipe(run_name="t", questions_per_chunk=3, seed=1, concurrency=4))
"""


def paid(home: Path) -> int:
    if not (home / "artefacts" / "ledger.sqlite").exists():
        return 0
    ledger = Ledger(home / "artefacts" / "ledger.sqlite")
    requests = replies_of("teacher")
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
    committed = loopback.hold_from - 1
    while paid(other) < committed:
        assert process.poll() is None
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
    assert asked.teacher == NAME
    assert asked.questions
    assert all(question.answer in text for question in asked.questions)
    assert ask([chunk]) == asked
    assert "not a language model" in module.teacher_notice()


def test_an_unknown_style_is_an_error_before_anything_is_asked(loopback: Loopback) -> None:
    with pytest.raises(SetupError, match="question_style = 'rude'"):
        ask(question_style="rude")
    assert loopback.requests == []


@pytest.mark.parametrize(
    "wanted", [{"round_trip": True}, {"min_rating": 3}, {"language": "ko"}, {"rationale": True}]
)
def test_what_the_built_in_teacher_cannot_do_is_an_error(wanted: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match=f"built-in teacher cannot .*{next(iter(wanted))}"):
        ask(**wanted)


def test_a_spent_budget_is_said_and_what_was_paid_is_kept(loopback: Loopback) -> None:
    with pytest.raises(SetupError, match=r"max_tokens_total = 5,000 is spent.*run this again"):
        ask(concurrency=2, max_tokens_total=5_000)
    paid = len(loopback.answered)
    assert paid > 2
    assert len(ask().questions) > len(CHUNKS)
    assert max(Counter(loopback.answered).values()) == 1


def test_the_judge_has_its_own_endpoint(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve() as judge:
        judge.reply = lambda body: '{"reason": "It is clear.", "rating": 5}'
        monkeypatch.setenv("JUDGE_OPENAI_BASE_URL", judge.base_url)
        monkeypatch.setenv("JUDGE_OPENAI_API_KEY", "other")
        monkeypatch.setenv("JUDGE_OPENAI_DEPLOYMENT", "strict")
        asked = ask(min_rating=3)
        assert len(judge.requests) == len(asked.ratings) >= len(asked.questions) > 0
        assert {body["model"] for body in judge.requests} == {"strict"}
        assert ask(min_rating=3) == asked
        assert ask().ratings == []


# --- chunks that come one by one -----------------------------------------------------------------


def test_rows_come_while_documents_are_still_read(loopback: Loopback) -> None:
    rows: list[str] = []
    seen_before_the_end = []

    def read() -> Iterator[Chunk]:
        yield from CHUNKS[:8]
        deadline = time.monotonic() + 300
        while not rows and time.monotonic() < deadline:
            time.sleep(0.01)
        seen_before_the_end.append(len(rows))
        yield from CHUNKS[8:]

    asked = ask(read(), on_question=lambda question: rows.append(question.id))
    assert seen_before_the_end[0] > 0
    assert sorted(rows) == sorted(question.id for question in asked.questions)
    paid = len(loopback.requests)
    assert ask() == asked  # the artefact of the same chunks
    assert len(loopback.requests) == paid


def test_what_was_never_asked_goes_before_what_the_ledger_answers(
    loopback: Loopback, home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [*CHUNKS[:7], *CHUNKS[8:]]
    ask(known, run_name="known", concurrency=1)
    ledger, looked_up = Ledger(), []
    replies = replies_of("teacher")
    real = Ledger.get

    def get(self: Ledger, key: str) -> Any:
        if (found := real(self, key)) is not None:
            looked_up.append(len(loopback.requests))
        return found

    monkeypatch.setattr(Ledger, "get", get)
    loopback.requests.clear()
    rows: list[str] = []
    asked = ask(iter(CHUNKS), on_question=lambda question: rows.append(question.chunk_id))
    ledger.close()
    assert len(looked_up) == replies
    assert CHUNKS[7].text in loopback.requests[0]["messages"][1]["content"]
    # Of what the ledger answers, what was asked last comes first.
    first_places = list(dict.fromkeys(known.index(c) for c in _chunks(rows) if c in known))
    assert first_places == sorted(first_places, reverse=True)
    assert asked == ask(run_name="t")


def _chunks(ids: Sequence[str]) -> list[Chunk]:
    return [chunk for wanted in ids for chunk in CHUNKS if chunk.id == wanted]


def test_who_reads_stops_when_nobody_asks_any_more(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_AHEAD", 4)
    loopback.fault = lambda number, body: error(401, "bad key")
    taken = 0

    def read() -> Iterator[Chunk]:
        nonlocal taken
        for number in range(100_000):
            taken += 1
            yield replace(CHUNKS[0], id=f"a#{number}", text=f"{CHUNKS[0].text} {number}")

    with pytest.raises(SetupError, match="refuses the key"):
        ask(read())
    assert taken < 1000


def test_an_error_while_documents_are_read_is_raised_as_it_is(loopback: Loopback) -> None:
    def read() -> Iterator[Chunk]:
        yield CHUNKS[0]
        raise SetupError("the folder is gone")

    with pytest.raises(SetupError, match="the folder is gone"):
        ask(read())


def test_a_language_that_no_rule_knows_is_said_to_be_unchecked(
    loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(CHUNKS[:2], language="Klingon")
    assert "language = 'Klingon' is asked for, but not checked" in capsys.readouterr().out
    ask(CHUNKS[:2], language="English")
    assert "not checked" not in capsys.readouterr().out


def test_questions_that_repeat_in_other_words_are_dropped_at_the_end(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Same:
        identity = "same"

        def queries(self, texts: Sequence[str]) -> numpy.ndarray:
            return numpy.ones((len(texts), 1), dtype=numpy.float32)

    def reply(body: dict[str, Any]) -> str:
        prompt = body["messages"][-1]["content"]
        word = prompt.partition("<DOCUMENT>")[2].split()[1]
        if "JSON alone" in prompt:
            asked = [f"What word {way} is {word}'s second?" for way in ("here", "there")]
            return json.dumps({"questions": asked})
        words = prompt.partition("<DOCUMENT>")[2].split()[:3]
        return cot_label("So:", " ".join(words), words[2])

    loopback.reply = reply
    monkeypatch.setattr(module, "load_embedder", lambda recipe: Same())
    asked = ask(semantic_duplicates=True)
    assert len(asked.questions) == len({question.answer for question in asked.questions})
    assert len(asked.questions) < len(ask().questions)
    assert {item.gate for item in asked.rejected} == {"duplicate"}
    assert all("asked before as" in item.reason for item in asked.rejected)
