from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib.dataset import chat_row, hf_row
from lib.gen.formats.convert import FORMATS, Source, convert_rows
from lib.gen.formats.rows import kind_of
from lib.prompts.student import PLAIN_CHAT_TEMPLATE, plain_prompt, student_messages
from lib.settings import SetupError
from lib.store import read_jsonl
from tests.gen.dataset import Made, make, source_of, write
from tests.gen.published import published_row, stripped


def fitted(row: dict[str, Any], to: str, **shape: str) -> dict[str, Any]:
    """The one row that a format makes of one."""
    split = "eval" if to == "eval" else "train"
    (found,) = convert_rows(Source({split: [row]}), to=to, **shape).rows[split]
    return found


@pytest.fixture
def made(home_dir: Path) -> Made:
    return make()


@pytest.mark.parametrize("split", ["train", "valid", "eval"])
def test_the_formats_say_the_same(made: Made, split: str) -> None:
    folder = write(made)
    examples = [e for e in made.built.examples if e.split == split]
    hf, chat = (read_jsonl(folder / name / f"{split}.jsonl") for name in ("hf", "chat"))
    assert examples
    for example, row, talk in zip(examples, hf, chat, strict=True):
        texts = [chunk.text for chunk in example.context]
        messages = student_messages(example.question.text, texts)
        assert talk["messages"] == [*messages, {"role": "assistant", "content": example.label}]
        assert fitted(row, "completion") == {
            "prompt": plain_prompt(messages),
            "completion": example.label,
        }
        assert row["instruction"] == messages[-1]["content"]
        assert row["context"]["sentences"] == [texts]
        assert row["context"]["title"] == [[chunk.title for chunk in example.context]]
        assert row["cot_answer"] == example.label
        assert row["oracle"]["start"] == example.oracle.start


def test_the_plain_prompt_is_what_the_plain_template_makes() -> None:
    from jinja2 import Template

    messages = student_messages("Who?", ["One.", "Two."])
    spoken = [*messages, {"role": "assistant", "content": "Ann."}]
    rendered = Template(PLAIN_CHAT_TEMPLATE).render(messages=spoken, eos_token="<end>")
    assert rendered == plain_prompt(messages) + "Ann.<end>"


def test_the_eval_file_holds_what_an_evaluation_needs(made: Made) -> None:
    rows = convert_rows(source_of(made.built.examples), to="eval").rows["eval"]
    examples = [e for e in made.built.examples if e.split == "eval"]
    for example, row in zip(examples, rows, strict=True):
        assert row["gold_final_answer"] == example.question.answer
        assert row["oracle_chunk_ids"] == [example.oracle.id]
        assert row["context_chunk_ids"] == [chunk.id for chunk in example.context]


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_stays_in_its_split(made: Made, name: str) -> None:
    source = source_of(made.built.examples, made.asked.rejected)
    converted = convert_rows(source, to=name)
    for split, rows in converted.rows.items():
        asked = {e.question.text for e in made.built.examples if e.split == split}
        others = {e.question.text for e in made.built.examples if e.split != split}
        assert bool(rows) == (name != "eval" or split == "eval")
        for row in rows:
            text = json.dumps(row, ensure_ascii=False)
            found = {question for question in asked | others if question in text}
            assert found
            assert found <= asked


def test_the_student_reads_the_same_in_every_format(made: Made) -> None:
    for example in made.built.examples[:20]:
        row = hf_row(example)
        *prompt, label = chat_row(row)["messages"]
        alpaca = fitted(row, "alpaca")
        assert [alpaca["instruction"], alpaca["input"]] == [m["content"] for m in prompt]
        assert alpaca["output"] == label["content"] == example.label
        turns = fitted(row, "sharegpt")["conversations"]
        assert [turn["from"] for turn in turns] == ["system", "human", "gpt"]
        assert [turn["value"] for turn in turns] == [m["content"] for m in [*prompt, label]]


def test_a_row_says_where_it_comes_from_where_the_format_has_room(made: Made) -> None:
    example = made.built.examples[0]
    for row in (fitted(hf_row(example), "alpaca"), fitted(hf_row(example), "sharegpt")):
        assert row["id"] == example.id
        assert row["kind"] == example.kind
        assert row["oracle"]["start"] == example.oracle.start
        assert len(row["context_chunks"]) == len(example.context)
    assert "kind" not in fitted(published_row(), "alpaca")


def test_completions_have_the_names_and_the_end_that_are_asked_for(made: Made) -> None:
    row = hf_row(made.built.examples[0])
    plain = fitted(row, "completion")
    shaped = fitted(
        row, "completion", prompt_column="text", completion_column="label", stop="<STOP>"
    )
    assert shaped == {"text": plain["prompt"], "label": plain["completion"] + "<STOP>"}


@pytest.mark.parametrize("columns", [("a", "a"), ("", "b"), ("a", "")])
def test_columns_without_names_of_their_own_are_errors(columns: tuple[str, str]) -> None:
    with pytest.raises(SetupError, match="two names"):
        fitted(
            published_row(), "completion", prompt_column=columns[0], completion_column=columns[1]
        )


def test_the_kind_of_another_tools_row_is_found_out(made: Made) -> None:
    for example in made.built.examples:
        assert kind_of(stripped(hf_row(example))) == example.kind
    assert {example.kind for example in made.built.examples} == {"oracle", "memorise", "refuse"}


def test_another_tools_row_is_evaluated_by_its_label() -> None:
    row = published_row(oracle_shown=False)
    assert fitted(row, "eval") == {
        "id": "seed_task_0",
        "question": "Question 0?",
        "gold_final_answer": "fell on the",
        "cot_answer": row["cot_answer"],
        "context": row["context"]["sentences"][0],
    }
