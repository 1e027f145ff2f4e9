"""Chat: what is retrieved, asked, read and shown in a terminal; a file of questions, resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lib.deploy import ask, chat
from lib.deploy.chat_page import answers, save_thumb
from lib.deploy.conversation import Conversation, Part
from lib.engine.ledger import Ledger
from lib.eval.answers import answer_cases
from lib.eval.conditions import build_cases
from lib.eval.models import eval_models
from lib.prompts.student import REFUSAL, cot_label
from lib.rag.chain import CitedAnswer, read_reply
from lib.rag.index import build_index
from lib.reading.questions_file import read_training_file
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR
from lib.store import read_jsonl
from tests.deploy.toy_run import KEYWORDS, ToyRun, toy_run
from tests.eval.toy import make_chunks, question_of
from tests.server import error

RECIPE = Recipe(run_name="toy", retrieval=["keywords"], top_k=[3])
HOSTILE = '<script>window.ran = 1</script> ![x](http://example.com/x.png) <b onclick="x()">b</b>'


@pytest.fixture
def toy(home_dir: Path) -> Iterator[ToyRun]:
    with toy_run(home_dir) as running:
        yield running


@pytest.fixture
def conversation(toy: ToyRun) -> Iterator[Conversation]:
    with closing(Conversation(RECIPE)) as opened:
        yield opened


def whole(conversation: Conversation, question: str) -> dict[str, Part]:
    _, parts = conversation.answers(question, "keywords", 3)
    return {part.role: part for part in parts}


def read(part: Part) -> CitedAnswer:
    assert part.answer is not None, part.error
    return part.answer


# --- one question --------------------------------------------------------------------------------


def test_the_help_names_the_parameters_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        chat.main(["-h"])
    assert "default: RUN.yaml" in capsys.readouterr().out


def test_a_reply_is_read_into_answer_and_citations(toy: ToyRun, conversation: Conversation) -> None:
    for role, part in whole(conversation, toy.question(2)).items():
        answer, chunk = read(part), toy.chunks[2]
        assert (part.role, part.error, part.is_last) == (role, "", True)
        assert answer.answer == question_of(chunk).answer
        [cited] = answer.citations
        assert (cited.quote, cited.chunk) == (chunk.text, chunk)
        assert answer.supported
    assert read(whole(conversation, "Who painted the mill?")["student"]).refused


def test_nothing_is_paid_twice(toy: ToyRun, conversation: Conversation) -> None:
    first = whole(conversation, toy.question(1))
    assert toy.requests == 2
    assert whole(conversation, toy.question(1)) == first
    with closing(Conversation(RECIPE)) as another:
        assert whole(another, toy.question(1)) == first
    assert toy.requests == 2


def test_refused_prompts_of_retrieval_are_said_once_at_the_end(
    toy: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.baseline.fault = lambda number, body: (
        error(400, "too long") if "numbered documents" in str(body) else None
    )
    given: dict[str, Any] = {"rerank_model": "llm", "retrieval_role": "baseline"}
    with closing(Conversation(replace(RECIPE, **given), ["student"])) as conversation:
        plain = [conversation.find(toy.question(n), "keywords", 3) for n in range(3)]
        found = [conversation.find(toy.question(n), "keywords + rerank", 3) for n in range(3)]
        assert found == plain
        assert "prompts to" not in capsys.readouterr().out
    said = "+ rerank: 3 of 3 prompts to the baseline got no usable reply, and changed nothing"
    assert capsys.readouterr().out == f"{said}; the first: refused: 400: too long\n"


def test_what_the_evaluation_asked_is_not_asked_again(toy: ToyRun) -> None:
    questions = [question_of(chunk) for chunk in toy.chunks]
    index = build_index(toy.chunks, RECIPE)
    models = eval_models(replace(RECIPE, plain_baseline=False))
    cases = build_cases(questions, index, RECIPE)
    given = {
        (a.question_id, a.model): a
        for a in answer_cases(models, cases, RECIPE)
        if a.condition == "top_3"
    }
    asked = toy.requests
    with closing(Conversation(RECIPE)) as conversation:
        for question in questions:
            for role, part in whole(conversation, question.text).items():
                assert read(part).reply == given[question.id, role].text
    texts = [chunk.text for chunk in questions[0].context]
    [oracle] = [c for c in cases if c.question_id == questions[0].id and c.condition == "oracle"]
    assert texts == [chunk.text for chunk in oracle.chunks]
    assert ask("student", questions[0].text, texts, RECIPE)
    assert toy.requests == asked


def test_what_comes_of_a_cut_stream_is_one_line(toy: ToyRun, conversation: Conversation) -> None:
    toy.student.fault = lambda number, body: "cut"
    documents = conversation.find(toy.question(0), "keywords", 3)
    *_, last = conversation.ask(toy.question(0), documents, "student", "baseline")
    assert "cut its reply" in last["student"].error
    assert last["student"].answer is None
    assert "\n" not in last["student"].error
    assert read(last["baseline"]).supported
    with closing(Ledger()) as ledger:
        assert {role for role, _ in ledger.usage_by_model()} == {"baseline"}


def test_what_has_come_is_shown_while_the_rest_is_awaited(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon after the last drawing it came."""
    drawn: list[str] = []

    def ask(*given: object) -> Iterator[dict[str, Part]]:
        for text in ("One", "One lamp", "One lamp burns."):
            yield {"student": Part("student", read_reply(text, []), "", text.endswith("."))}
            assert f">{text}<" in drawn[-1]

    monkeypatch.setattr(conversation, "ask", ask)
    for html, *_ in answers(conversation, "Who lit it?", "keywords", 3, ["student"]):
        drawn.append(html)
    assert drawn


def test_a_reader_who_leaves_waits_for_nothing_and_loses_no_paid_reply(toy: ToyRun) -> None:
    toy.student.half = threading.Event()
    give_up = threading.Timer(60, toy.student.half.set)
    give_up.start()
    with closing(Conversation(RECIPE)) as conversation:
        documents = conversation.find(toy.question(0), "keywords", 3)
        for parts in conversation.ask(toy.question(0), documents, "student"):
            if parts["student"].answer:
                break
        assert not toy.student.half.is_set()
        toy.student.half.set()
    give_up.cancel()
    with closing(Ledger()) as ledger:
        assert ("student", "the-student") in ledger.usage_by_model()
    with closing(Conversation(RECIPE)) as another:
        assert read(whole(another, toy.question(0))["student"]).supported
    assert len(toy.student.requests) == 1


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"max_tokens_total": 50}, "max_tokens_total = 50 is spent"),
        ({"max_cost": 1.0}, "has no price for 'the-student'"),
    ],
)
def test_a_question_over_the_limit_is_refused_in_a_line(
    toy: ToyRun, limit: dict[str, Any], said: str
) -> None:
    with closing(Conversation(replace(RECIPE, **limit))) as conversation:
        part = whole(conversation, toy.question(0))["student"]
    assert said in part.error
    assert "\n" not in part.error
    assert part.answer is None
    assert toy.requests == 0


def test_a_reply_at_the_limit_says_so(toy: ToyRun, conversation: Conversation) -> None:
    toy.student.finish_reason = "length"
    part = whole(conversation, toy.question(0))["student"]
    assert "max_answer_tokens" in part.error
    assert read(part).answer


# --- the terminal --------------------------------------------------------------------------------


def test_one_question_prints_answers_quotes_and_places(
    toy: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat.main(["toy", *KEYWORDS, "--ask", toy.question(2)]) == 0
    chunk, told = toy.chunks[2], capsys.readouterr().out
    answer = (
        f"  answer  {question_of(chunk).answer}\n  quote   “{chunk.text}” ({chunk.title}, page 1)"
    )
    assert told.endswith(f"student\n{answer}\n\nbaseline\n{answer}\n")


def test_a_question_is_looked_for_in_several_indexes(
    toy: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for setting in ("keywords + languages", "keywords + folders"):
        assert chat.main(["toy", *KEYWORDS, "--retrieval", setting, "--ask", toy.question(2)]) == 0
        told = capsys.readouterr().out
        assert f"chunks of {setting.split()[-1]}: " in told
        assert f"answer  {question_of(toy.chunks[2]).answer}" in told
    assert toy.requests == 2, "the same documents: the second time all is in the ledger"


def test_what_no_document_supports_is_said(toy: ToyRun, capsys: pytest.CaptureFixture[str]) -> None:
    toy.student.reply = lambda body: cot_label("They say:", "The mill is green.", "green")
    toy.baseline.reply = lambda body: REFUSAL
    assert chat.main(["toy", *KEYWORDS, "--ask", toy.question(2)]) == 0
    told = capsys.readouterr().out
    assert (
        "“The mill is green.” (in none of the documents)\n          no document supports this"
        in told
    )
    assert told.endswith(f"baseline\n  refuses {REFUSAL}\n")


def test_a_reply_cannot_write_to_the_terminal(
    toy: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.student.reply = lambda body: f"\x1b]0;title\x07 <ANSWER>: \x1b[2J\x9b31m red {HOSTILE}"
    assert chat.main(["toy", *KEYWORDS, "--role", "student", "--ask", toy.question(2)]) == 0
    told = capsys.readouterr().out
    assert HOSTILE in told
    assert all(character.isprintable() or character == "\n" for character in told)


def test_a_failure_is_a_line_and_exit_code_1(
    toy: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.student.fault = lambda number, body: error(404, "no such model")
    assert chat.main(["toy", *KEYWORDS, "--ask", toy.question(2)]) == 1
    told = capsys.readouterr()
    assert "  error   the student at" in told.out
    assert "  answer  " in told.out
    assert told.err == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope", "--ask", "Who?"], "Run 'nope' has no DATASET_DIR yet"),
        (["toy", "--retrieval", "magic", "--ask", "Who?"], "magic"),
        (["toy", "--retrieval", "keywords + route", "--ask", "Who?"], "route only with it"),
        (
            [
                "toy",
                "--retrieval",
                "keywords + folders",
                "-r",
                "index_models",
                "vn=x",
                "--ask",
                "?",
            ],
            "index_models names 'vn', and the indexes of these documents are: .",
        ),
        (["toy", "--top-k", "0", "--ask", "Who?"], "top_k"),
        (["toy", "--log", "x.jsonl"], "belong together"),
        (["toy", "--role", "judge"], "invalid choice"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], says: str, toy: ToyRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat.main(arguments) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


# --- a file of questions -------------------------------------------------------------------------


def write_questions(toy: ToyRun, path: Path) -> list[str]:
    questions = [toy.question(place) for place in range(len(toy.chunks))]
    is_table = path.suffix == ".jsonl"
    lines = [json.dumps({"question": q, "id": q[:3]}) if is_table else q for q in questions]
    path.write_text("\n".join(["", *lines, lines[0], ""]), encoding="utf-8")
    return questions


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.txt", "\ufeffWho lit it?\r\n\r\n  How high\tis it?\r\n"),
        ("q.csv", "\ufeffid;Question\r\n1;Who lit it?\r\n2;How high is it?\r\n"),
        ("q.jsonl", '{"query": "Who lit it?"}\n\n{"query": "How high is it?\\ud83d"}'),
        ("q.json", '[{"question": "Who lit it?"}, {"question": "How high is it?"}]'),
    ],
)
def test_questions_are_lines_or_a_column(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode())
    assert chat.read_questions(tmp_path / name) == ["Who lit it?", "How high is it?"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("q.txt", b" \n", "q.txt cannot be read: the file is empty. Expected a question a line."),
        ("q.txt", "Wo ist die Fähre?".encode("latin-1"), "it is not UTF-8"),
        ("q.csv", b"Who lit it?\n", "its first line names no such column"),
        ("q.jsonl", b'{"id": 1}', "row 1: it has no question. Each row needs a question."),
        ("q.csv", None, "q.csv cannot be read: No such file"),
    ],
)
def test_questions_that_cannot_be_read_are_one_line(
    name: str, content: bytes | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert chat.main(["nope", "--questions", str(tmp_path / name), "--log", "x.jsonl"]) == 2
    told = capsys.readouterr().err
    assert says in told, "before the run is opened, which may build its index"
    assert told.count("\n") == 1


def test_half_a_character_is_asked_as_a_sign_that_it_is_missing(toy: ToyRun) -> None:
    assert chat.main(["toy", *KEYWORDS, "--role", "student", "--ask", "Who lit it\ud83d?"]) == 0
    assert toy.student.requests[0]["messages"][-1]["content"].endswith("Who lit it\ufffd?")


def test_in_a_terminal_a_failed_retrieval_is_a_line_and_the_next_question_goes_on(
    toy: ToyRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.baseline.fault = lambda number, body: (
        error(401, "no") if "Who lit it" in str(body) and "other ways" in str(body) else None
    )
    typed = iter(["Who lit it?", toy.question(2), ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    options = [*KEYWORDS, "--retrieval", "keywords + queries", "-r", "retrieval_role", "baseline"]
    assert chat.main(["toy", *options, "--role", "student"]) == 0
    told = capsys.readouterr().out
    assert "  error   The baseline at " in told
    assert f"answer  {question_of(toy.chunks[2]).answer}" in told


def test_a_log_has_every_question_once_in_order(toy: ToyRun, tmp_path: Path) -> None:
    questions, log = write_questions(toy, tmp_path / "q.jsonl"), tmp_path / "new" / "log.jsonl"
    toy.student.delay_s, toy.student.delays = 0.05, Random(1)
    options = ["toy", *KEYWORDS, "--questions", str(tmp_path / "q.jsonl"), "--log", str(log)]
    assert chat.main(options) == 0
    rows = read_jsonl(log)
    expected = [(question, role) for question in questions for role in ("student", "baseline")]
    assert [(row["question"], row["role"]) for row in rows] == expected
    assert all(row["supported"] and row["quote"] and len(row["retrieved"]) == 3 for row in rows)
    content, asked = log.read_bytes(), toy.requests
    assert chat.main(options) == 0
    assert (log.read_bytes(), toy.requests) == (content, asked)
    log.write_bytes(content[: len(content) // 2])
    assert chat.main(options) == 0
    assert log.read_bytes() == content
    assert toy.requests == asked
    assert chat.main([*options, "--top-k", "2"]) == 0
    assert len(read_jsonl(log)) == 2 * len(rows)


def test_a_killed_log_goes_on_and_asks_nothing_twice(
    toy: ToyRun, tmp_path: Path, home_dir: Path
) -> None:
    questions, log = write_questions(toy, tmp_path / "q.txt"), tmp_path / "log.jsonl"
    options = ["toy", *KEYWORDS, "--role", "student", "--questions", str(tmp_path / "q.txt")]
    options += ["--log", str(log), "-r", "server_concurrency", "1"]
    toy.student.hold_from = 4
    command = [sys.executable, "-m", "lib.deploy.chat", *options]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.DEVNULL)
    while len(toy.student.requests) < 4:
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert [row["question"] for row in read_jsonl(log)] == questions[:3]
    toy.student.hold_from = 0
    assert chat.main(options) == 0
    assert [row["question"] for row in read_jsonl(log)] == questions
    assert len(toy.student.requests) == len(questions) + 1  # the one that was never answered


def test_what_failed_is_not_in_the_log_and_is_asked_again(
    toy: ToyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions, log = write_questions(toy, tmp_path / "q.txt"), tmp_path / "log.jsonl"
    options = ["toy", *KEYWORDS, "--role", "student", "--questions", str(tmp_path / "q.txt")]
    options += ["--log", str(log)]
    toy.student.fault = lambda number, body: "cut" if questions[3] in str(body) else None
    assert chat.main(options) == 1
    assert "Answers missing: 1." in capsys.readouterr().err
    assert len(read_jsonl(log)) == len(questions) - 1
    toy.student.fault = lambda number, body: None
    assert chat.main(options) == 0
    assert {row["question"] for row in read_jsonl(log)} == set(questions)


# --- the page, without a browser -----------------------------------------------------------------


def test_what_models_and_documents_say_is_text(home_dir: Path) -> None:
    chunks = [replace(c, text=f"{HOSTILE} {c.text}", title=HOSTILE) for c in make_chunks(4)]
    label = cot_label(HOSTILE, chunks[1].text, HOSTILE)
    with toy_run(home_dir, chunks, lambda body: label) as toy:
        toy.baseline.fault = lambda number, body: error(400, HOSTILE)
        with closing(Conversation(RECIPE)) as conversation:
            shown = list(answers(conversation, HOSTILE, "keywords", 3, ["student", "baseline"]))
            documents = conversation.find(HOSTILE, "keywords", 3)
    assert len(shown) >= 3, "it is shown while it comes"
    for html in (text for said, found, _ in shown for text in (said, found)):
        assert "<script" not in html
        assert "<b " not in html
        assert "<img" not in html
    said, found, _ = shown[-1]
    assert said.count("&lt;script&gt;") >= 3, "reply, answer, and the error of the other"
    assert found.count("&lt;script&gt;") == 2 * len(documents) > 0, "titles and texts"


def test_thumbs_become_a_training_file(
    toy: ToyRun, conversation: Conversation, home_dir: Path
) -> None:
    found = {
        place: list(answers(conversation, toy.question(place), "keywords", 3, ["student"]))[-1][2]
        for place in (0, 1, 2)
    }
    for place, thumb in ((0, "up"), (1, "up"), (2, "down"), (1, "down"), (0, "up")):
        save_thumb(home_dir, found[place]["student"], thumb)
    [item] = read_training_file(home_dir / "vetted.jsonl")
    assert item.question == toy.question(0)
    assert item.answer == question_of(toy.chunks[0]).answer
    [evidence] = item.evidence
    assert evidence.document == toy.chunks[0].document_id
    assert evidence.quotes == (toy.chunks[0].text,)
    assert len(read_jsonl(home_dir / "thumbs.jsonl")) == 5


def test_a_question_that_cannot_be_answered_is_said(conversation: Conversation) -> None:
    [(html, _, rows)] = answers(conversation, "  ", "keywords", 3, ["student"])
    assert "Type a question" in html
    assert rows == {}
    [(html, _, _)] = answers(conversation, "Who?", "keywords + queries", 3, ["student"])
    assert "Retrieval asks the teacher" in html
