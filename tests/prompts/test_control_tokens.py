"""Documents that hold control tokens of the student's tokenizer: the same text for every model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lib.deploy import ask
from lib.eval.answers import answer_cases
from lib.eval.conditions import Case
from lib.finetune.tokens import end_token_ids, load_tokenizer, tokenise
from lib.prompts.student import student_messages
from lib.recipe import Recipe
from lib.state import save_state
from tests.eval.test_answers import make_cases, models, use
from tests.finetune.tiny import make_model
from tests.server import Loopback, serve

TOKENS = ["[TOOL_CALLS]", "<unused7>", "§turn§"]  # of a tokenizer alone: neutralise knows none


def with_tokens(case: Case) -> Case:
    first, *others = case.chunks
    return replace(
        case, chunks=(replace(first, text=f"{first.text} {' x '.join(TOKENS)}"), *others)
    )


@pytest.mark.parametrize("is_local", [True, False])
def test_evaluation_and_playground_ask_with_the_text_that_training_had(
    is_local: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tmp_path / "student")
    tokenizer = load_tokenizer(folder, "chat")
    tokenizer.add_special_tokens({"additional_special_tokens": TOKENS})
    tokenizer.save_pretrained(folder)
    if is_local:
        save_state("t", STUDENT_MODEL_DIR=str(folder))
    case = with_tokens(make_cases()[0])
    texts = [chunk.text for chunk in case.chunks]
    with serve(Loopback()) as server:
        use(monkeypatch, server, "STUDENT", "BASELINE")
        recipe = Recipe(run_name="t")
        answer_cases(models("student", "baseline"), [case], recipe)
        ask("student", f"{case.question} Please.", texts, recipe)
        asked = {body["model"]: body["messages"] for body in server.requests[:2]}
        (played,) = (body["messages"] for body in server.requests[2:])
    assert asked["the-student"] == asked["the-baseline"]
    assert played[1]["content"] == asked["the-student"][1]["content"] + " Please."
    plain = student_messages(case.question, texts)
    if not is_local:
        assert asked["the-student"] == plain
        return
    label = {"role": "assistant", "content": "x"}
    row = tokenise("row", [*plain, label], tokenizer, end_token_ids(folder, tokenizer))
    prompt_ids = tokenizer.apply_chat_template(
        asked["the-student"], add_generation_prompt=True, return_dict=False
    )
    assert row.input_ids[: row.prompt_tokens] == prompt_ids
    assert not {*tokenizer.convert_tokens_to_ids(TOKENS)} & {*prompt_ids}
