from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lib.dataset import chat_row, hf_row
from lib.gen.formats.convert import Converted, Source, convert_rows
from lib.prompts.student import REFUSAL
from lib.records import RaftExample, Rejected
from lib.settings import PROJECT_DIR
from tests.gen.dataset import Made, make, source_of
from tests.gen.published import published_row, stripped


@pytest.fixture(scope="module")
def made() -> Made:
    return make()


@pytest.fixture(scope="module")
def examples(made: Made) -> dict[str, RaftExample]:
    """One train row of each kind."""
    return {e.kind: e for e in made.built.examples if e.split == "train"}


def pairs_of(example: RaftExample, *rejected: Rejected) -> Converted:
    return convert_rows(source_of([example], rejected), to="preference")


def said(pair: dict[str, Any], side: str) -> str:
    (message,) = pair[side]
    assert message["role"] == "assistant"
    return message["content"]


def test_the_label_is_preferred_to_a_refusal_where_the_oracle_is_present(
    examples: dict[str, RaftExample],
) -> None:
    example = examples["oracle"]
    (pair,) = pairs_of(example).rows["train"]
    assert pair["prompt"] == chat_row(hf_row(example))["messages"][:-1]
    assert said(pair, "chosen") == example.label
    assert said(pair, "rejected") == REFUSAL
    assert pair["rejected_from"] == "refusal_with_oracle"
    assert pair["id"] == example.id


def test_the_refusal_is_preferred_to_an_answer_where_the_oracle_is_absent(
    examples: dict[str, RaftExample],
) -> None:
    example = examples["refuse"]
    (pair,) = pairs_of(example).rows["train"]
    assert example.oracle not in example.context
    assert said(pair, "chosen") == REFUSAL
    assert said(pair, "rejected") == example.question.cot_answer
    assert pair["rejected_from"] == "answer_without_oracle"


def test_rows_that_remember_have_no_pair_and_are_counted(examples: dict[str, RaftExample]) -> None:
    converted = pairs_of(examples["memorise"])
    assert not any(converted.rows.values())
    assert [item.reason for item in converted.left_out] == [
        "the oracle is absent and the label answers: neither answer nor refusal is worse"
    ]


def test_a_rejected_answer_to_the_same_question_makes_a_pair(
    examples: dict[str, RaftExample],
) -> None:
    example = examples["oracle"]
    bad = Rejected(example.id, example.oracle.id, "verbatim", "…", "Who?", "Ann. <ANSWER>: Ann")
    others = [
        replace(bad, question_id="another", cot_answer="of another question"),
        replace(bad, gate="parsable", cot_answer=""),  # the question was refused, not an answer
        replace(bad, gate="again"),  # the same text
        replace(bad, gate="teacher_refused", cot_answer=f"{REFUSAL}\n"),
    ]
    found = pairs_of(example, bad, *others)
    assert [pair["rejected_from"] for pair in found.rows["train"]] == [
        "refusal_with_oracle",
        "rejected_by_verbatim",
    ]
    assert said(found.rows["train"][1], "rejected") == bad.cot_answer


def test_a_rejected_answer_that_equals_the_label_makes_none(
    examples: dict[str, RaftExample],
) -> None:
    example = examples["oracle"]
    same = Rejected(example.id, example.oracle.id, "judge", "…", "Who?", f" {example.label} ")
    found = pairs_of(example, same)
    assert len(found.rows["train"]) == 1
    assert [item.reason for item in found.left_out] == ["both sides of a pair are the same"]


def test_no_pair_has_two_equal_sides_and_no_row_is_lost(made: Made) -> None:
    found = convert_rows(source_of(made.built.examples, made.asked.rejected), to="preference")
    pairs = [pair for rows in found.rows.values() for pair in rows]
    assert all(said(pair, "chosen").strip() != said(pair, "rejected").strip() for pair in pairs)
    accounted = {pair["id"] for pair in pairs} | {item.row_id for item in found.left_out}
    assert accounted == {example.id for example in made.built.examples}


def test_another_tools_rows_make_the_pairs_that_are_known(
    examples: dict[str, RaftExample],
) -> None:
    rows = [
        published_row(0),
        published_row(1, oracle_shown=False),
        published_row(2, cot_answer=REFUSAL, oracle_shown=False),
        published_row(3, cot_answer=REFUSAL),
        stripped(hf_row(examples["oracle"])),
    ]
    found = convert_rows(Source({"train": rows}), to="preference")
    assert [pair["id"] for pair in found.rows["train"]] == ["seed_task_0", examples["oracle"].id]
    assert [(item.row_id, item.reason.partition(":")[0]) for item in found.left_out] == [
        ("seed_task_1", "the oracle is absent and the label answers"),
        ("seed_task_2", "the label refuses, and no answer is known to compare it with"),
        ("seed_task_3", "both sides of a pair are the same"),
    ]


def test_trl_takes_the_rows(made: Made) -> None:
    """What its SFT and DPO trainers call on a row before they tokenise it."""
    from transformers import AutoTokenizer
    from trl.data_utils import apply_chat_template, is_conversational, maybe_convert_to_chatml

    tokenizer = AutoTokenizer.from_pretrained(str(PROJECT_DIR / "offline" / "student"))
    source = source_of(made.built.examples[:12], [])
    chat, pairs, turns, plain = (
        convert_rows(source, to=name).rows["train"]
        for name in ("chat", "preference", "sharegpt", "completion")
    )
    label = chat[0]["messages"][-1]["content"]
    assert is_conversational(chat[0])
    text = apply_chat_template(chat[0], tokenizer)["text"]
    assert text.count(label) == 1
    assert is_conversational(pairs[0])
    whole = apply_chat_template(pairs[0], tokenizer)
    assert set(whole) == {"prompt", "chosen", "rejected"}
    assert said(pairs[0], "chosen") in whole["chosen"]
    assert said(pairs[0], "rejected") in whole["rejected"]
    assert pairs[0]["prompt"][-1]["content"] in whole["prompt"]
    assert maybe_convert_to_chatml(turns[0])["messages"][-1]["content"] == label
    assert not is_conversational(plain[0])
