"""Training learns the completions, writes a student that serves, and repeats itself exactly."""

from __future__ import annotations

import json
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest

from lib.finetune import Trained, merge, prepare_rows, training
from lib.finetune.methods import load_adapter
from lib.finetune.model_files import weight_shapes
from lib.finetune.trainer import make_trainer
from lib.progress import minutes
from lib.prompts.student import student_messages
from lib.recipe import Recipe
from lib.settings import SetupError
from lib.store import read_jsonl, write_json, write_jsonl
from tests.finetune import tiny
from tests.finetune.tiny import answer, chat_row, documents, losses, make_model, write_dataset

LONGER: dict[str, Any] = {"num_epochs": 4.0, "warmup_share": 0.1}


def train(student: Path, dataset_dir: Path, **changed: Any) -> Trained:
    return tiny.train(student, dataset_dir, **(LONGER | changed))


def recipe_of(student: Path, **changed: Any) -> Recipe:
    return tiny.recipe_of(student, **(LONGER | changed))


@pytest.fixture(scope="module")
def student(
    model_dir: Path, dataset_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.finetune.merge._COMPARED", 20)
        patch.setattr("lib.finetune.merge._COMPARED_TOKENS", 16)
        patch.setenv("OPENBOOK_HOME", str(tmp_path_factory.mktemp("home")))
        trained = train(model_dir, dataset_dir)
    return trained


def test_the_loss_falls_and_validation_is_measured_along(student: Trained) -> None:
    validation = losses(student, "validation_loss")
    assert len(validation) >= 4
    assert validation[-1] < 0.8 * validation[0]
    assert losses(student, "loss")[-1] < 0.7 * losses(student, "loss")[0]
    assert not student.reused
    assert [point["step"] for point in student.history][-1] == 20


def test_the_students_folder_is_whole(student: Trained, model_dir: Path) -> None:
    folder = student.model_dir.parent
    assert (student.model_dir.parent / "adapter" / "adapter_model.safetensors").is_file()
    assert (student.model_dir / "model.safetensors").is_file()
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nbase_model: lamplighter\n")
    assert "learning_rate` | 0.02" in card
    assert "lora_targets` | all linear layers" in card
    assert "\ntags: [raft, lora, retrieval-" in card
    assert f"Training took {minutes(student.seconds)} (" in card
    assert not [line for line in card.splitlines() if line.endswith("|  |")]
    assert read_jsonl(folder / "metrics.jsonl") == student.history
    assert student.seconds == student.history[-1]["seconds"] > 0
    assert "20 of 20 are the same" in card
    for path in folder.rglob("*"):  # all of it may be passed on
        assert path.is_dir() or str(model_dir.parent).encode() not in path.read_bytes(), path
    config = json.loads((student.model_dir.parent / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "lamplighter"
    assert config["target_modules"] == sorted(config["target_modules"])  # the same in any process


def test_the_row_on_show_has_the_completion_marked_and_nothing_else(student: Trained) -> None:
    text = (student.model_dir.parent / "trained_row.txt").read_text()
    before, _, rest = text.partition("⟦")
    trained, _, after = rest.partition("⟧")
    assert trained == answer(0) + "</s>"
    assert after == "\n"
    assert before.endswith("Who keeps lamp 0?<|assistant|>")


def test_the_merged_model_is_base_plus_adapter(student: Trained, model_dir: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(student.model_dir)
    ids = tokenizer("Who keeps lamp 3?", return_tensors="pt")
    base = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    with torch.no_grad():
        base_logits = base(**ids).logits
        adapted = PeftModel.from_pretrained(base, str(student.model_dir.parent / "adapter"))(
            **ids
        ).logits
        merged = AutoModelForCausalLM.from_pretrained(student.model_dir)(**ids).logits
    assert torch.allclose(adapted, merged, atol=1e-3)
    assert not torch.allclose(base_logits, merged, atol=0.1)


def test_the_trained_model_is_freed_before_it_is_merged(
    model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two models of 8 billion weights beside each other may not fit."""
    save, merge, left = training.save_adapter, training.merge_adapter, []

    def save_adapter(model: Any, *told: Any, **known: Any) -> None:
        left.append(weakref.ref(next(model.parameters())))
        save(model, *told, **known)

    def merge_adapter(*told: Any, **known: Any) -> Any:
        assert left[0]() is None
        return merge(*told, **known)

    monkeypatch.setattr(training, "save_adapter", save_adapter)
    monkeypatch.setattr(training, "merge_adapter", merge_adapter)
    train(model_dir, dataset_dir, max_steps=1)


def test_a_base_too_large_for_the_gpu_is_merged_without_it(
    student: Trained, model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training in 4 bit takes a quarter of the memory."""
    import torch

    def load(model: Any, folder: Path) -> Any:
        adapted = load_adapter(model, folder)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        return adapted

    rows = prepare_rows(dataset_dir, Recipe(student_model=str(model_dir)))
    monkeypatch.setattr(merge, "load_adapter", load)
    monkeypatch.setattr(merge, "free_memory_gib", lambda on_gpu: 0.0)
    folder = student.model_dir.parent / "adapter"
    _, said = merge.merge_adapter(model_dir, folder, rows=rows, dtype=torch.float32)
    assert said.endswith("are the same")


def test_full_trains_every_weight(model_dir: Path, dataset_dir: Path, home_dir: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    trained = train(model_dir, dataset_dir, method="full", learning_rate=0.003)
    assert not (trained.model_dir.parent / "adapter").exists()
    assert losses(trained, "loss")[-1] < 0.7 * losses(trained, "loss")[0]
    before, after = (
        dict(AutoModelForCausalLM.from_pretrained(d, dtype=torch.float32).named_parameters())
        for d in (model_dir, trained.model_dir)
    )
    assert all(not torch.equal(weight, after[name]) for name, weight in before.items())
    card = (trained.model_dir.parent / "README.md").read_text()
    assert "library_name: transformers" in card
    assert "every weight was trained" in card


def test_student_and_baseline_decode_greedily(
    model_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    base = tmp_path / "qwen"
    shutil.copytree(model_dir, base)
    tokens = json.loads((base / "generation_config.json").read_text())
    tokens = {name: it for name, it in tokens.items() if name.endswith("_token_id")}
    sampled = {"do_sample": True, "temperature": 0.7, "repetition_penalty": 1.1}
    (base / "generation_config.json").write_text(json.dumps(tokens | sampled))
    trained = train(base, dataset_dir, max_steps=1)
    for folder in (trained.model_dir, trained.baseline_dir):
        assert json.loads((folder / "generation_config.json").read_text()) == tokens
    assert "temperature" in (base / "generation_config.json").read_text()


@pytest.mark.parametrize("name", ["Qwen3Moe", "GptOss"])
def test_a_mixture_of_experts_shares_contexts(name: str, tmp_path: Path) -> None:
    import transformers
    from transformers import AutoModelForCausalLM

    base = make_model(tmp_path / "experts")
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    config = getattr(transformers, f"{name}Config")(
        **{"vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 32},
        **{"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1},
        **{"head_dim": 16, "max_position_embeddings": 512, "moe_intermediate_size": 16},
        **{"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2},
        **{"sliding_window": 16, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
    )
    (base / "model.safetensors").unlink()
    AutoModelForCausalLM.from_config(config).save_pretrained(base)
    prompts = (student_messages(f"Who keeps lamp {n}?", documents(0) * 4) for n in range(6))
    rows = [
        [*asked, {"role": "assistant", "content": answer(n)}] for n, asked in enumerate(prompts)
    ]
    write_json(tmp_path / "d" / "manifest.json", {})
    for split in ("train", "valid"):
        path = tmp_path / "d" / "chat" / f"{split}.jsonl"
        write_jsonl(path, ({"messages": messages} for messages in rows))
    shared, separate = (
        losses(train(base, tmp_path / "d", max_steps=2, learning_rate=1e-3, share_contexts=share))
        for share in (True, False)
    )
    assert shared[0] == pytest.approx(separate[0], rel=1e-5)
    assert len(shared) > 1


def that_sees(name: str, folder: Path) -> Path:
    """A random model for texts and pictures, with the tokenizer of the tiny Llama."""
    import transformers

    base = make_model(folder)
    text: dict[str, Any] = {"vocab_size": 512, "hidden_size": 32, "intermediate_size": 32}
    text |= {"num_hidden_layers": 4, "num_attention_heads": 2, "num_key_value_heads": 1}
    text |= {"head_dim": 16, "max_position_embeddings": 512, "eos_token_id": 2, "pad_token_id": 0}
    text |= {"tie_word_embeddings": True}
    text |= {f"linear_{kind}_head_dim": 8 for kind in ("key", "value")}
    text |= {f"linear_num_{kind}_heads": 2 for kind in ("key", "value")}
    sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 32, "patch_size": 14}
    sizes |= {"num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28}
    sizes |= {"depth": 1, "num_heads": 2, "out_hidden_size": 32, "num_position_embeddings": 4}
    config = getattr(transformers, f"{name}Config")(
        text_config=text, vision_config=sizes, tie_word_embeddings=True
    )
    model = getattr(transformers, f"{name}ForConditionalGeneration")(config)
    (base / "model.safetensors").unlink()
    model.save_pretrained(base)
    (base / "preprocessor_config.json").write_text("{}")
    return base


@pytest.mark.parametrize(("name", "sees"), [("Gemma3", True), ("Qwen3_5", False)])
def test_student_and_baseline_of_a_model_that_sees_are_alike(
    name: str, sees: bool, dataset_dir: Path, tmp_path: Path
) -> None:
    """Of Qwen 3.5 the part for texts is trained; a baseline that sees would need more packages."""
    trained = train(that_sees(name, tmp_path / "base"), dataset_dir, max_steps=1)
    for folder in (trained.model_dir, trained.baseline_dir):
        assert ("vision_config" in json.loads((folder / "config.json").read_text())) == sees
        assert (folder / "preprocessor_config.json").is_file() == sees
    student, baseline = (
        weight_shapes(folder) for folder in (trained.model_dir, trained.baseline_dir)
    )
    assert student == baseline


def test_student_and_baseline_bring_one_template(student: Trained, dataset_dir: Path) -> None:
    from transformers import AutoTokenizer

    messages = chat_row(3)["messages"][:-1]
    trained_on = prepare_rows(dataset_dir, recipe_of(student.baseline_dir)).train[3]
    for folder in (student.model_dir, student.baseline_dir):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        served = tokenizer.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
        assert served == trained_on.input_ids[: trained_on.prompt_tokens]


def test_same_inputs_find_the_student_and_a_new_seed_another(
    student: Trained, model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = student.model_dir.parents[3]
    monkeypatch.setenv("OPENBOOK_HOME", str(home))
    again = train(model_dir, dataset_dir)
    assert again.reused
    assert again.history == student.history
    other = train(model_dir, dataset_dir, num_epochs=0.2, seed=6)
    assert other.model_dir != student.model_dir
    assert other.baseline_dir == student.baseline_dir


@pytest.mark.parametrize("name", ["merged", "merged/model.safetensors", "metrics.jsonl"])
def test_a_student_of_which_a_part_was_deleted_is_said(
    student: Trained, model_dir: Path, dataset_dir: Path, home_dir: Path, name: str
) -> None:
    folder = student.model_dir.parent
    copy = home_dir / "artefacts" / "students" / folder.name
    shutil.copytree(folder, copy, ignore=lambda at, names: {*names} & {Path(name).name})
    with pytest.raises(SetupError, match="is not whole any more"):
        train(model_dir, dataset_dir)


def test_the_same_seed_gives_the_same_history(
    student: Trained, model_dir: Path, dataset_dir: Path
) -> None:
    again = train(model_dir, dataset_dir)
    assert not again.reused
    for key in ("loss", "validation_loss", "learning_rate"):
        assert losses(again, key) == losses(student, key)


def test_trl_trains_on_the_labels_given_and_cuts_nothing(model_dir: Path, tmp_path: Path) -> None:
    long = write_dataset(tmp_path / "lamps", train=2, valid=1)
    row = chat_row(0)
    row["messages"][1]["content"] = "Much is kept by many. " * 150 + row["messages"][1]["content"]
    (long / "chat" / "train.jsonl").write_text(json.dumps(row) + "\n")
    make_long = tmp_path / "model"
    make_long.mkdir()
    for path in model_dir.iterdir():
        (make_long / path.name).write_bytes(path.read_bytes())
    config = json.loads((make_long / "config.json").read_text())
    (make_long / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    recipe = recipe_of(make_long)
    rows = prepare_rows(long, recipe)
    trainer = make_trainer(rows, recipe, output_dir=tmp_path / "out", callbacks=[])
    batch = next(iter(trainer.get_train_dataloader()))
    length = len(rows.train[0].input_ids)
    assert batch["input_ids"].shape[1] - length in range(64)  # padded to a multiple of 64
    assert batch["input_ids"][0, :length].tolist() == rows.train[0].input_ids
    assert length > 1024
    learnt = batch["labels"][batch["labels"] != -100]
    assert rows.tokenizer.decode(learnt) == answer(0) + "</s>"
    assert trainer.args.max_length is None


@pytest.mark.parametrize("processes", [1, 2])  # DDP averages their gradients
def test_the_loss_is_that_of_trl(
    processes: int,
    model_dir: Path,
    dataset_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch
    from accelerate import Accelerator
    from trl import SFTTrainer

    recipe = recipe_of(model_dir, method="full")
    rows = prepare_rows(dataset_dir, recipe)
    trainer = make_trainer(rows, recipe, output_dir=tmp_path / "out", callbacks=[])
    trainer.model.train()
    batch = next(iter(trainer.get_train_dataloader()))
    monkeypatch.setattr(Accelerator, "num_processes", processes)
    found = []
    for compute in (type(trainer).compute_loss, SFTTrainer.compute_loss):
        trainer.model.zero_grad()
        loss = compute(trainer, trainer.model, dict(batch), num_items_in_batch=torch.tensor(500))
        loss.backward()
        gradients = [p.grad.norm().item() for p in trainer.model.parameters()]
        found.append((loss.item(), gradients))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-3)
    assert found[0][1] == pytest.approx(found[1][1], rel=0.02, abs=1e-4)


def test_a_row_that_is_too_long_stops_before_anything_is_made(
    model_dir: Path, dataset_dir: Path, home_dir: Path
) -> None:
    with pytest.raises(SetupError, match=r"row \d+ has \d+ tokens and max_length_tokens is 50"):
        train(model_dir, dataset_dir, max_length_tokens=50)
    assert not (home_dir / "artefacts").exists()


def test_a_training_without_an_update_makes_no_student(
    model_dir: Path, dataset_dir: Path, home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.finetune.step_batches.StepBatches.__iter__", lambda _: iter(()))
    with pytest.raises(SetupError, match=r"rows gave no update \(processes: 1\)"):
        train(model_dir, dataset_dir)
    assert not list((home_dir / "artefacts" / "students").glob("*/merged"))


def test_a_single_update_trains(model_dir: Path, dataset_dir: Path) -> None:
    before, after = losses(train(model_dir, dataset_dir, max_steps=1))
    assert after < before


@pytest.mark.parametrize("harm", [lambda weight: weight[:10].clone(), None])
def test_a_base_that_lacks_a_weight_is_not_trained(
    model_dir: Path, dataset_dir: Path, tmp_path: Path, harm: Any
) -> None:
    from safetensors.torch import load_file, save_file

    base = Path(shutil.copytree(model_dir, tmp_path / "base"))
    weights = load_file(base / "model.safetensors")
    name = "model.layers.0.mlp.up_proj.weight"
    weight = weights.pop(name)
    if harm:
        weights[name] = harm(weight)
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SetupError, match=rf"1 of the weights .*such as {name}"):
        train(base, dataset_dir)


def test_without_validation_rows_it_trains_and_says_so(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = write_dataset(tmp_path / "lamps", train=6, valid=0)
    trained = train(model_dir, dataset, num_epochs=1.0, early_stop_patience=1, save_steps=0)
    assert losses(trained, "loss")
    assert losses(trained, "validation_loss") == []
    said = capsys.readouterr().out
    assert said.count("No validation rows") == 1
    assert said.count("early_stop_patience is not used") == 1
    card = (trained.model_dir.parent / "README.md").read_text()
    assert "Validation loss: there are no validation rows" in card
    assert (trained.model_dir / "model.safetensors").is_file()


def test_a_base_model_without_template_is_trained_on_plain_text(
    model_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    from lib.prompts.student import PLAIN_CHAT_TEMPLATE

    for path in model_dir.iterdir():
        if path.name != "chat_template.jinja":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    trained = train(tmp_path, dataset_dir, dataset_format="completion", num_epochs=0.2)
    for folder in (trained.model_dir, trained.baseline_dir):
        assert AutoTokenizer.from_pretrained(folder).chat_template == PLAIN_CHAT_TEMPLATE
