"""The prompts file: what it must hold, how it is changed, and what is filled in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lib.gen.gates import check_question, judge_answer, judge_pair
from lib.prompts.student import ANSWER_TAG, QUOTE_BEGIN, QUOTE_END
from lib.prompts.teacher import (
    FOLDER,
    NOT_ANSWERED,
    TeacherPrompts,
    go_on,
    load_prompts,
    parse_questions,
    parse_rows,
    say_counts,
)
from lib.recipe import KNOBS, Recipe
from lib.records import Question
from lib.settings import SetupError
from tests.gen.scripted import chunk_of

CHUNK = chunk_of("Braces {question} and {language} stay as they are.")


def load(**options: str) -> TeacherPrompts:
    return load_prompts(Recipe(**options))  # type: ignore[arg-type]


def said(messages: list[dict[str, str]]) -> str:
    return messages[-1]["content"]


@pytest.mark.parametrize("variant", KNOBS["prompt_variant"].choices)
@pytest.mark.parametrize("language", ["", "Korean"])
def test_the_document_comes_first_and_the_form_is_asked_for(variant: str, language: str) -> None:
    prompts = load(prompt_variant=variant, language=language)
    one = [
        prompts.ask("questions", CHUNK, count="3"),
        prompts.ask("answer", CHUNK, question="Who?"),
        prompts.ask("joint", CHUNK, counts=say_counts([3])),
        prompts.ask("pairs", CHUNK, counts=say_counts([3])),
        prompts.ask("instructions", CHUNK, count="2"),
        prompts.ask("api_answer", CHUNK, question="Do it"),
        prompts.ask("round_trip", CHUNK, question="Who?"),
        prompts.ask("rating", CHUNK, question="Who?", answer="Ann"),
        prompts.ask("rationale", CHUNK, question="Who?", answer="Ann"),
    ]
    first = f"<DOCUMENT>{CHUNK.text}</DOCUMENT>\n“{CHUNK.title}”\n"
    assert all(said(messages).startswith(first) for messages in one)
    assert len({messages[0]["content"] for messages in one}) == 1
    for messages in (one[1], one[2], one[8]):
        assert QUOTE_BEGIN in said(messages)
        assert QUOTE_END in said(messages)
    assert ANSWER_TAG in said(one[1])
    assert "Write 3 questions" in said(one[0])
    asked_in = ["Korean" in said(messages) for messages in one[:6]]
    assert asked_in == [bool(language)] * 6
    assert not any(" \n" in said(messages) or "{count" in said(messages) for messages in one)


@pytest.mark.parametrize("task", ["questions", "answer", "joint", "pairs"])
def test_open_models_see_the_task_done_on_another_document_first(task: str) -> None:
    """A small model took an example within the task for the document, and asked about that."""
    prompts = load(prompt_variant="llama")
    asked = {"count": "2", "counts": "2 questions", "question": "Who?"}
    system, *example, last = prompts.ask(task, CHUNK, **asked)
    roles = [message["role"] for message in (system, *example, last)]
    assert roles == ["system", *["user", "assistant"] * (len(example) // 2), "user"]
    assert len(example) >= 2
    assert "Velm" not in said([last])
    assert ["<DOCUMENT>" in asked["content"] for asked in example[::2]].count(True) == 1
    document = said([example[0]]).partition("<DOCUMENT>")[2].partition("</DOCUMENT>")[0]
    shown = [reply["content"] for reply in example[1::2]]
    for question, reply in zip(example[::2], shown, strict=True):
        if '"questions"' in question["content"]:
            assert len(parse_questions(reply)) == 3
            assert "Write 3 questions" in question["content"]
    recipe = Recipe(dataset_kind="qa" if task == "pairs" else "raft")
    chunk = replace(CHUNK, text=document)
    rows = [draft for reply in shown for draft in parse_rows(reply)]
    assert (len(rows) == 2) == (task in ("joint", "pairs"))
    for draft in rows:
        check_question(draft.question, chunk, recipe)
        row = Question("q", chunk.id, draft.question)
        if task == "pairs":
            judge_pair(row, draft.answer, recipe)
        else:
            judge_answer(row, chunk, draft.cot_answer, recipe)
    if task in ("questions", "answer"):
        assert shown[-1] == NOT_ANSWERED
        for question, reply in zip(example[2:-2:2], shown[1:-1], strict=True):
            text = question["content"].splitlines()[0].partition(": ")[2]
            judge_answer(Question("q", chunk.id, text), chunk, reply, recipe)


def test_the_requests_about_one_document_begin_with_the_same_example() -> None:
    prompts = load(prompt_variant="llama")
    one = prompts.ask("questions", CHUNK, count="3")
    assert one[:-1] == prompts.ask("answer", CHUNK, question="Who?")[:-1]
    assert len(prompts.ask("rating", CHUNK, question="Who?", answer="Ann")) == 2


@pytest.mark.parametrize(
    ("example", "complaint"),
    [
        ("# Piers\nA pier.\nWho built it?\nAnn", "shows nothing; expected turns"),
        ("# Piers\nA pier.\n> rating 3\n4", "shows rating; expected turns"),
    ],
)
def test_an_example_without_a_turn_of_ours_is_an_error(
    example: str, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"example": example}))
    with pytest.raises(SetupError, match=complaint):
        load(prompts_path=str(path))


def test_an_example_of_ones_own_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"example": "# Bến tàu\nDo An xây.\n> answer Ai xây?\nAn"}))
    prompts = load(prompts_path=str(path), prompt_variant="llama")
    _, asked, reply, _ = prompts.ask("answer", CHUNK, question="Who?")
    assert asked["content"].startswith("<DOCUMENT>Do An xây.</DOCUMENT>\n“Bến tàu”\nAnswer this")
    assert "Ai xây?" in asked["content"]
    assert reply["content"] == "An"
    assert len(prompts.ask("joint", CHUNK, counts="2 questions")) == 2


def test_the_variants_differ_and_the_styles_do() -> None:
    assert said(load().ask("answer", CHUNK, question="Who?")) != said(
        load(prompt_variant="llama").ask("answer", CHUNK, question="Who?")
    )
    search, plain = (
        said(load(question_style=s).ask("questions", CHUNK, count="3")) for s in ("search", "plain")
    )
    assert "search engine" in search
    assert "search engine" not in plain
    assert all("according to the passage" in text for text in (search, plain))


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = {
        "answer": "Say {question}: ##begin_quote## ##end_quote## <ANSWER>:",
        "question_styles": {"shouting": "IN CAPITALS."},
    }
    path.write_text(yaml.safe_dump(text))
    mine = load(prompts_path=str(path), question_style="shouting")
    assert said(mine.ask("answer", CHUNK, question="Who?")).endswith(
        "Say Who?: ##begin_quote## ##end_quote## <ANSWER>:"
    )
    assert "IN CAPITALS. Use the document's language." in said(
        mine.ask("questions", CHUNK, count="3")
    )
    assert load(prompts_path=str(path)).texts["joint"] == load().texts["joint"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("answer: Say it", r"answer lacks \{question\}"),
        ("questions: 'Write {number}: \"questions\" {count}'", r"\{number\}, which nothing fills"),
        ("anwser: x", "no prompt is called anwser"),
        ("system: 3", "system holds 3"),
        ("question_styles: loud", "question_styles holds 'loud'"),
        ("- a", "holds no `name: text`"),
        ("a: [", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_it(
    tmp_path: Path, text: str | None, complaint: str
) -> None:
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SetupError, match=complaint) as caught:
        load(prompts_path=str(path))
    assert "mine.yaml" in str(caught.value)


def test_a_copied_file_changes_nothing() -> None:
    assert load(prompts_path=str(FOLDER / "teacher_gpt.yaml")) == load()


def test_an_empty_reply_is_not_sent_back() -> None:
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    assert [m["role"] for m in go_on(messages, "r", "again")] == [
        *("system", "user", "assistant", "user")
    ]
    assert go_on(messages, " ", "again") == [
        messages[0],
        {"role": "user", "content": "u\n\nagain"},
    ]


def test_a_system_text_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("system: ''\n")
    assert [m["role"] for m in load(prompts_path=str(path)).ask("questions", CHUNK, count="1")] == [
        "user"
    ]
