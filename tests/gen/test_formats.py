from __future__ import annotations

from pathlib import Path

import pytest

from lib.gen.formats import plain_prompt
from lib.prompts import PLAIN_CHAT_TEMPLATE, student_messages
from lib.store import read_jsonl
from tests.gen.dataset import Made, make, write


@pytest.fixture
def made(home_dir: Path) -> Made:
    return make()


@pytest.mark.parametrize("split", ["train", "valid", "eval"])
def test_the_formats_say_the_same(made: Made, split: str) -> None:
    folder = write(made)
    examples = [e for e in made.built.examples if e.split == split]
    hf, chat, completion = (
        read_jsonl(folder / name / f"{split}.jsonl") for name in ("hf", "chat", "completion")
    )
    assert examples
    for example, row, talk, plain in zip(examples, hf, chat, completion, strict=True):
        texts = [chunk.text for chunk in example.context]
        messages = student_messages(example.question.text, texts)
        assert talk["messages"] == [*messages, {"role": "assistant", "content": example.label}]
        assert plain == {"prompt": plain_prompt(messages), "completion": example.label}
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
    rows = read_jsonl(write(made) / "eval" / "eval.jsonl")
    examples = [e for e in made.built.examples if e.split == "eval"]
    for example, row in zip(examples, rows, strict=True):
        assert row["gold_final_answer"] == example.question.answer
        assert row["oracle_chunk_ids"] == [example.oracle.id]
        assert row["context_chunk_ids"] == [chunk.id for chunk in example.context]
