"""Each student in parameters/ learns the ids that a server builds, and ends where it learnt to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lib.finetune import prepare_rows, train_student
from lib.finetune.students import require_machine
from lib.parameters import overrides
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR
from tests.finetune.families import FAMILIES, Family
from tests.finetune.tiny import answer, chat_row, write_dataset

PARAMETERS = PROJECT_DIR / "parameters"
# Of the file all but the model's place and size, and how long it trains
SHORT: dict[str, Any] = {
    "student_memory_gib": 0.0,
    "batch_size": 1,
    "gradient_accumulation_steps": 1,
    "max_steps": 1,
    "save_steps": -1,
}


def test_every_student_that_is_trained_here_has_a_family() -> None:
    local = {
        path.stem
        for path in PARAMETERS.glob("*.yaml")
        if overrides(path).get("method") != "hosted"
        and not path.stem.startswith(("recipe-", "cluster", "tiny"))
    }
    assert {family.parameters for family in FAMILIES.values()} == local


@pytest.fixture(scope="module")
def few_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "lamps", train=1, valid=0)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_student_learns_what_its_server_asks_and_stops_there(
    family: Family, few_rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    values = overrides(PARAMETERS / f"{family.parameters}.yaml") | family.knobs | SHORT
    recipe = Recipe(**(values | {"student_model": str(family.make(tmp_path / "base"))}))
    require_machine(recipe)
    rows = prepare_rows(few_rows, recipe)
    row = rows.train[0]
    prompt, completion = row.input_ids[: row.prompt_tokens], row.input_ids[row.prompt_tokens :]
    student_dir = train_student(rows, recipe).model_dir

    tokenizer = AutoTokenizer.from_pretrained(student_dir)
    system, user, _ = chat_row(0)["messages"]
    served = tokenizer.apply_chat_template(
        [system, user], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    assert served == prompt
    asked = family.asks.format(system=system["content"], user=user["content"])
    assert tokenizer.decode(prompt) == asked
    assert tokenizer.decode(prompt + completion) == asked + family.answers.format(answer(0))

    # Whatever the model would say, it is made to say the completion, then anything: it must stop.
    student = AutoModelForCausalLM.from_pretrained(student_dir)
    said = student.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt)),
        max_new_tokens=len(completion) + 3,
        prefix_allowed_tokens_fn=lambda _, ids: [(completion + prompt)[len(ids) - len(prompt)]],
    )
    assert said[0].tolist() == prompt + completion
