"""The second training: preferences that are learnt, and rewards that tell right from wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib.dataset import write_dataset
from lib.finetune import prepare_rows, require_machine, second, train_student
from lib.finetune.model_files import load_weights
from lib.finetune.rows import PreparedRows
from lib.finetune.second import (
    answer_reward,
    format_reward,
    quote_reward,
    second_inputs,
    train_again,
)
from lib.finetune.watch import HistoryPoint
from lib.gen.__main__ import main as gen
from lib.prompts.student import REFUSAL, cot_label
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.store import read_jsonl, write_jsonl
from tests.finetune.tiny import CHAT_TEMPLATE, make_model
from tests.gen.dataset import make

DOCUMENT = "Rain fell on the tower for 3 days. The keeper went home."
GOOD = cot_label("The document says:", "Rain fell on the tower for 3 days.", "3 days")
INVENTED = cot_label("The document says:", "Rain fell on the tower for 9 days.", "9 days")
REPLIES = [GOOD, INVENTED, REFUSAL, "3 days"]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


PAIR = {
    "prompt": [{"role": "user", "content": "Who?"}],
    "chosen": said("Ann"),
    "rejected": said("Bob"),
}


def columns(count: int, **changed: Any) -> dict[str, list[Any]]:
    one = {"refusal": REFUSAL, "documents": [DOCUMENT], "answer": "3 days", "kind": "oracle"}
    return {name: [value] * count for name, value in (one | changed).items()}


def test_rewards_tell_what_rules_can_tell() -> None:
    given = columns(len(REPLIES))
    assert format_reward(REPLIES, **given) == [1, 1, 1, 0]
    assert quote_reward(REPLIES, **given) == [1, 0, 1, 0]
    assert answer_reward(REPLIES, **given) == [1, 0, 0, 0]
    chats = [[{"role": "assistant", "content": reply}] for reply in REPLIES]
    assert answer_reward(chats, **given) == [1, 0, 0, 0]


def test_a_row_to_refuse_rewards_the_refusal_alone_and_in_its_own_words() -> None:
    assert answer_reward(REPLIES, **columns(len(REPLIES), kind="refuse")) == [0, 0, 1, 0]
    own = columns(2, kind="refuse", refusal="That is not in the handbook.")
    assert answer_reward(["That is not in the handbook.", GOOD], **own) == [1, 0]


def test_a_long_answer_that_holds_the_right_one_is_not_right() -> None:
    everything = cot_label("It says:", "Rain fell on the tower for 3 days.", "1, 2 or 3 days")
    assert answer_reward([everything], **columns(1)) == [0]


@pytest.fixture
def rows(home_dir: Path, model_dir: Path) -> PreparedRows:
    folder = write_dataset(**make().arguments())
    found = prepare_rows(folder, Recipe(student_model=str(model_dir)))
    return replace(found, model_limit_tokens=0)  # they are longer than what the model reads


def recipe(model_dir: Path, **changed: Any) -> Recipe:
    given: dict[str, Any] = {
        "student_model": str(model_dir),
        "batch_size": 2,
        "num_generations": 2,
        "warmup_share": 0.0,
    }
    return Recipe(**(given | changed))


def trained_again(folder: Path, rows: PreparedRows, wanted: Recipe) -> list[HistoryPoint]:
    """Of a student in this folder, which is a copy of the base model."""
    shutil.copytree(wanted.student_model, folder / "merged")
    (folder / "adapter").mkdir()
    train_again(folder, rows, wanted, scratch_dir=folder / "scratch")
    assert not (folder / "adapter").exists()  # it is not the student, so nothing may serve it
    assert (folder / f"adapter-before-{wanted.then}").is_dir()
    return read_jsonl(folder / "second.jsonl")


def test_preferences_are_learnt(rows: PreparedRows, model_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    assert gen(["convert", str(rows.dataset_dir), "--to", "preference", "--out", str(folder)]) == 0
    pairs = read_jsonl(folder / "train.jsonl")
    for message in (message for pair in pairs for message in pair["prompt"]):
        message["content"] = message["content"][-80:]  # attention to long prompts takes seconds
    write_jsonl(folder / "train.jsonl", pairs)
    wanted = recipe(
        model_dir, then="dpo", preferences_path=str(folder), then_steps=8, then_learning_rate=1e-3
    )
    history = trained_again(tmp_path / "student", rows, wanted)
    margins = [point["margin"] for point in history if "margin" in point]
    assert margins[0] == pytest.approx(0, abs=1e-4)
    assert sum(margins[2:]) / len(margins[2:]) > 0.5
    weights = (path / "model.safetensors" for path in (model_dir, tmp_path / "student" / "merged"))
    assert len({path.read_bytes() for path in weights}) == 2
    again = second_inputs(wanted)
    assert second_inputs(replace(wanted, dpo_beta=0.7)) != again
    (folder / "train.jsonl").write_text("{}\n", encoding="utf-8")
    assert second_inputs(wanted) != again


def test_preferences_are_asked_as_the_student_is(rows: PreparedRows, tmp_path: Path) -> None:
    template = CHAT_TEMPLATE.replace("'<|assistant|>' }}", "'<|assistant|><think>' }}")
    base = make_model(tmp_path / "base", chat_template=template)
    thinks = prepare_rows(rows.dataset_dir, Recipe(student_model=str(base)))
    write_jsonl(tmp_path / "train.jsonl", [PAIR])
    wanted = recipe(base, then="dpo", preferences_path=str(tmp_path), then_steps=1)
    trainer = second._trainer_of(thinks, wanted, tmp_path / "scratch")(
        model=load_weights(base), processing_class=thinks.tokenizer
    )
    (found,) = trainer.train_dataset
    texts = {name: thinks.tokenizer.decode(found[f"{name}_ids"]) for name in PAIR}
    asked = "<s><|user|>Who?<|assistant|><think>\n</think>\n\n"
    assert texts == {"prompt": asked, "chosen": "Ann</s>", "rejected": "Bob</s>"}


def test_preferences_are_found_by_the_path_that_convert_prints(
    rows: PreparedRows, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gen(["convert", str(rows.dataset_dir), "--to", "preference"]) == 0
    printed = capsys.readouterr().out.partition("Written: ")[2].split()[0]
    assert not Path(printed).is_absolute()
    require_machine(recipe(model_dir, then="dpo", preferences_path=printed))


def test_more_replies_than_an_update_has_prompts_for_stop_before_the_first_training(
    rows: PreparedRows, model_dir: Path
) -> None:
    wanted = recipe(model_dir, then="grpo", batch_size=2 * len(rows.train))
    with pytest.raises(SetupError, match=rf"an update takes {len(rows.train)} prompts"):
        train_student(rows, wanted)


def test_replies_are_no_longer_than_the_model_reads(
    rows: PreparedRows, model_dir: Path, tmp_path: Path
) -> None:
    wanted = recipe(model_dir, then="grpo")
    limit = max(row.prompt_tokens for row in rows.train) + 5
    made = second._trainer_of(replace(rows, model_limit_tokens=limit), wanted, tmp_path)
    assert made.keywords["args"].max_completion_length == 5


def test_rewards_are_followed(
    rows: PreparedRows, model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = recipe(model_dir, then="grpo", then_steps=2)
    history = trained_again(tmp_path, rows, wanted)
    before, after = (
        (folder / "model.safetensors").read_bytes() for folder in (model_dir, tmp_path / "merged")
    )
    assert ("GRPO changed nothing" in capsys.readouterr().out) == (before == after)
    assert [point["step"] for point in history if "reward" in point] == [1, 2]
    assert all(0 <= point.get("reward", 0) <= 3 for point in history)


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        (None, "where no train.jsonl is"),
        ("{", "is not JSONL"),
        ('{"prompt": [], "chosen": [], "rejected": []}', "line 1 is not a pair"),
        ("", "line 1 is not a pair"),
        ("5", "line 1 is not a pair"),
        (json.dumps(PAIR | {"prompt": ["Who?"]}), "line 1 is not a pair"),
        (json.dumps(PAIR | {"chosen": [{"role": "assistant"}]}), "line 1 is not a pair"),
        (json.dumps(PAIR | {"chosen": said(" ")}), "line 1 is not a pair"),
        (json.dumps(PAIR | {"chosen": PAIR["rejected"]}), "line 1 is not a pair"),
    ],
)
def test_preferences_that_cannot_be_read_are_one_line(
    model_dir: Path, tmp_path: Path, written: str | None, wrong: str
) -> None:
    path = tmp_path / "train.jsonl"
    if written is not None:
        path.write_text(written, encoding="utf-8")
    with pytest.raises(SetupError, match=wrong):
        require_machine(recipe(model_dir, then="dpo", preferences_path=str(tmp_path)))


def test_what_the_second_training_cannot_use_stops_before_the_first(
    rows: PreparedRows, model_dir: Path, tmp_path: Path
) -> None:
    rows = replace(rows, model_limit_tokens=rows.lengths.max_total_tokens)
    long = PAIR | {"rejected": said("Bob. " * rows.model_limit_tokens)}
    write_jsonl(tmp_path / "train.jsonl", [PAIR, long])
    dpo = recipe(model_dir, then="dpo", preferences_path=str(tmp_path))
    with pytest.raises(SetupError, match=r"rejected of pair 2 has .* the model reads"):
        train_student(rows, dpo)
    grpo = recipe(model_dir, then="grpo")
    data = rows.dataset_dir / "hf" / "train.jsonl"
    write_jsonl(data, [row | {"kind": "memorise"} for row in read_jsonl(data)])
    with pytest.raises(SetupError, match=r"0 training rows are with|has changed"):
        train_student(rows, grpo)
    data.unlink()
    with pytest.raises(SetupError, match="is missing"):
        train_student(rows, grpo)


def test_a_loss_that_is_no_number_stops(
    rows: PreparedRows, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("math.isfinite", lambda value: False)
    wanted = recipe(model_dir, then="grpo", then_steps=1)
    with pytest.raises(SetupError, match="Lower then_learning_rate"):
        trained_again(tmp_path, rows, wanted)


def test_what_cannot_be_trained_again_is_said_at_the_start(model_dir: Path) -> None:
    with pytest.raises(SetupError, match="preferences_path is empty"):
        recipe(model_dir, then="dpo")
    with pytest.raises(SetupError, match="a service does not know its rewards"):
        recipe(model_dir, then="grpo", method="hosted")
    with pytest.raises(SetupError, match=r"num_generations is 3; expected a divisor"):
        recipe(model_dir, then="grpo", num_generations=3)
