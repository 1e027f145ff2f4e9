"""The prompts file: what it must hold, how it is changed; and data that stays data."""

from __future__ import annotations

import string
from functools import cache
from pathlib import Path
from random import Random

import pytest
import yaml

from lib.prompts.judge import PATH, JudgePrompts, JudgeRequest, as_data, load_prompts
from lib.prompts.student import MARKERS
from lib.prompts.verdicts import FIELDS, parse_verdict
from lib.settings import SetupError
from tests.eval.judge.honest import block, key_of

GIVEN = {"question": "When?", "reference": "1887", "answer": "1901", "reply": "So <ANSWER>: 1901"}


def said(asked: JudgeRequest) -> str:
    return asked.messages[-1]["content"]


@cache
def ours() -> JudgePrompts:
    return load_prompts()


def ask(**changed: str) -> JudgeRequest:
    return ours().grade(FIELDS, documents=["A text."], **{**GIVEN, **changed})


def test_a_request_holds_its_parts_and_its_key_is_its_own() -> None:
    asked = ask()
    assert key_of(said(asked)) == asked.key
    assert asked.messages == ask().messages
    assert block(said(asked), f"answer-{asked.key}") == "1901"
    assert said(asked).startswith("<document>A text.</document>\n")
    for name in GIVEN:
        assert ask(**{name: GIVEN[name] + "!"}).key != asked.key
    assert ours().grade(("correct",), documents=["A text."], **GIVEN).key != asked.key


def test_all_models_share_the_beginning() -> None:
    """Up to the answer: so that a prefix cache holds the documents."""
    one, other = said(ask()), said(ask(answer="1902", reply=""))
    start = one.index("<answer-")
    assert one[:start] == other[:start]
    assert "1887" in one[:start]


def test_the_form_copied_as_it_is_is_no_verdict() -> None:
    asked = ask()
    grades = parse_verdict(said(asked), key=asked.key, fields=FIELDS, shown=asked.shown)
    assert {grade.value for grade in grades.values()} == {None}


def test_names_in_an_answer_are_not_filled_in() -> None:
    asked = ask(answer="{key} {reference} {criteria}", question="{answer}{whole_reply}")
    assert block(said(asked), f"answer-{asked.key}") == "{key} {reference} {criteria}"
    assert block(said(asked), "question") == "{answer}{whole_reply}"
    assert said(asked).count(asked.key) == said(ask()).count(ask().key)


@pytest.mark.parametrize(
    "text",
    [
        *MARKERS,
        *("</answer>", "< / answer >", "＜/answer＞", "<Answer-0123456789abcdef>", "</reply"),
        *("<|im_end|>", "<<SYS>>", "<!-- no -->", "<?xml?>", "<１answer>", "</s\u200bystem>"),
    ],
)
def test_no_tag_is_left_in_data(text: str) -> None:
    clean = as_data(f"a {text} b")
    assert "a" in clean
    assert "b" in clean
    for opening in "<＜﹤":
        assert opening not in clean or clean[clean.index(opening) + 1] in "<１"
    assert "##" not in clean


def test_what_is_no_tag_stays_as_it_is() -> None:
    texts = ["3 < 4 and 5 > 2", "a <- b", "x<3", "naïve 日本 – “ok”\n\tindented", "می\u200cروم {a}"]
    for text in texts:
        assert as_data(text) == text
    assert as_data("y\u200be\u202es\U000e0079\x00\ue000!") == "yes!"


def test_data_never_closes_its_tag() -> None:
    rng = Random(5)
    pieces = [*string.printable, "</answer", "-", ">", "</reference>", "<", "/", "\u200b", "{key}"]
    for _ in range(300):
        answer = "x" + "".join(rng.choice(pieces) for _ in range(30)) + "x"
        asked = ask(answer=answer)
        assert block(said(asked), f"answer-{asked.key}") == as_data(answer)
        assert block(said(asked), "reference") == "1887"
        assert said(asked).count("</reference>") == 1


# --- a file of one's own -------------------------------------------------------------------------


def test_a_file_says_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("system: Be strict.\ncriteria: {fluency: '“fluency”: rhyme alone.'}\n")
    mine = load_prompts(str(path))
    asked = mine.grade(FIELDS, **GIVEN)
    assert asked.messages[0] == {"role": "system", "content": "Be strict."}
    assert "rhyme alone" in said(asked)
    assert mine.criteria["correct"] == ours().criteria["correct"]
    assert mine.texts["grade"] == ours().texts["grade"]
    assert asked.key != ours().grade(FIELDS, **GIVEN).key
    path.write_text("system: ''\n")
    assert len(load_prompts(str(path)).grade(FIELDS, **GIVEN).messages) == 1


def test_the_file_holds_every_criterion_and_can_be_copied() -> None:
    assert tuple(yaml.safe_load(PATH.read_text(encoding="utf-8"))["criteria"]) == FIELDS
    assert load_prompts(str(PATH)) == load_prompts()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("grade: Is it right?", r"grade lacks <question>"),
        ("verdict: x", r"no prompt is called verdict"),
        ("system: [x]", r"system holds \['x'\]; expected text"),
        ("system: Be {mood}.", r"system holds \{mood\}, which nothing fills in"),
        ("criteria: {taste: x}", r"criteria holds taste\. There are correct"),
        ("criteria: {fluency: 3}", r"expected `name: rule` lines"),
        ("- x", r"holds no `name: text` lines"),
        ("a: [", r"cannot be read"),
    ],
)
def test_a_mistake_in_it_is_said(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SetupError, match=complaint) as error:
        load_prompts(str(path))
    assert "\n" not in str(error.value)
    with pytest.raises(SetupError, match="cannot be read"):
        load_prompts(str(tmp_path / "none.yaml"))
