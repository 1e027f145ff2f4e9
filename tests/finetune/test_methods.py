"""Each way to train does what its name says, and stops where it cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.finetune import Trained, prepare_rows, show_learned
from lib.finetune.methods import adapter_dir, load_adapter, load_model, lora_config
from lib.finetune.model_files import load_weights
from lib.finetune.students import require_machine
from lib.finetune.trainer import make_trainer
from lib.finetune.training import student_dir
from lib.settings import SetupError
from tests.finetune.tiny import losses, make_model, recipe_of, train


def tensors(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(next(folder.glob("*.safetensors"))))


@pytest.fixture(scope="module")
def lora(
    model_dir: Path, dataset_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBOOK_HOME", str(tmp_path_factory.mktemp("home")))
        yield train(model_dir, dataset_dir)


# --- quantised -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["qlora", "lora_8bit"])
def test_adapters_beside_quantised_weights_are_merged_into_the_full_ones(
    method: str, model_dir: Path, dataset_dir: Path
) -> None:
    pytest.importorskip("bitsandbytes")
    import torch

    trained = train(model_dir, dataset_dir, method=method)
    validation = losses(trained)
    assert validation[-1] < 0.5 * validation[0]
    base, merged = tensors(model_dir), tensors(trained.model_dir)
    adapter = tensors(trained.model_dir.parent / "adapter")
    name = "model.layers.0.mlp.up_proj"
    down = adapter[f"base_model.model.{name}.lora_A.weight"]
    up = adapter[f"base_model.model.{name}.lora_B.weight"]
    expected = base[f"{name}.weight"] + 2 * (up.float() @ down.float())  # alpha / rank
    assert torch.allclose(merged[f"{name}.weight"], expected, atol=1e-5)
    assert up.dtype == torch.float32
    assert "quantization_config" not in json.loads((trained.model_dir / "config.json").read_text())


def test_the_gradient_beside_4_bit_weights_is_that_of_the_same_weights_in_float32(
    model_dir: Path, dataset_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a validation, which packs weights for kernels that have no gradient."""
    functional = pytest.importorskip("bitsandbytes.functional")
    import torch
    from bitsandbytes.nn import Linear4bit

    recipe = recipe_of(model_dir, method="qlora")
    rows = prepare_rows(dataset_dir, recipe)
    trainer = make_trainer(rows, recipe, output_dir=tmp_path, callbacks=[])
    trainer.evaluate()
    batch = next(iter(trainer.get_train_dataloader()))

    def gradients() -> dict[str, Any]:
        trainer.model.train().zero_grad()
        trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=100).backward()
        named = trainer.model.named_parameters()
        return {name: weight.grad.clone() for name, weight in named if weight.requires_grad}

    for name, weight in trainer.model.named_parameters():
        if "lora_B" in name:  # zero at the start, and so would be the gradient of lora_A
            torch.nn.init.normal_(weight, std=0.1)
    quantised = gradients()
    for module in list(trainer.model.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, Linear4bit):
                plain = torch.nn.Linear(layer.in_features, layer.out_features, bias=False)
                state = layer.weight.quant_state
                plain.weight.data = functional.dequantize_4bit(layer.weight.data, state).float()
                plain.weight.requires_grad = False
                setattr(module, name, plain)
    for name, expected in gradients().items():
        error = (quantised[name] - expected).norm() / expected.norm()
        assert error < 1e-3, name


def test_a_width_that_4_bit_cannot_divide_stops(dataset_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    odd = make_model(tmp_path / "odd", hidden_size=96)
    recipe = recipe_of(odd, method="qlora")
    rows = prepare_rows(dataset_dir, recipe)
    with pytest.raises(SetupError, match="is 96 wide; on a CPU 4 bit needs multiples of 64"):
        load_model(rows, recipe)


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"method": "qlora"}, "package bitsandbytes is not installed.*requirements/qlora.txt"),
        ({"report_to": "trackio"}, "report_to is 'trackio'.*pip install trackio"),
        ({"parallel": "zero3"}, "pip install deepspeed"),
    ],
)
def test_a_missing_package_is_told_before_anything_is_paid(
    knobs: dict[str, Any], said: str, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.finetune.students.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=said):
        require_machine(recipe_of(model_dir, **knobs))
    require_machine(recipe_of(model_dir))


# --- adapters ------------------------------------------------------------------------------------


def test_targets_rslora_and_dora_are_in_the_adapter(model_dir: Path, dataset_dir: Path) -> None:
    knobs = {"lora_targets": ["q_proj", "v_proj"], "use_rslora": True, "use_dora": True}
    trained = train(model_dir, dataset_dir, num_epochs=0.2, **knobs)
    config = json.loads((trained.model_dir.parent / "adapter" / "adapter_config.json").read_text())
    assert sorted(config["target_modules"]) == ["q_proj", "v_proj"]
    assert (config["use_rslora"], config["use_dora"]) == (True, True)
    names = {
        name.split(".")[-3]
        for name in tensors(trained.model_dir.parent / "adapter")
        if "lora_A" in name
    }
    assert names == {"q_proj", "v_proj"}


@pytest.mark.parametrize(
    "target", ["Wqkv", "mlp", "input_layernorm", "act_fn", "embed_tokens", "lm_head", ""]
)
def test_layers_that_cannot_have_adapters_are_told(model_dir: Path, target: str) -> None:
    model = load_weights(model_dir)
    said = rf"holds '{target}', .* no such linear layers\..*o_proj, q_proj, up_proj, v_proj\."
    with pytest.raises(SetupError, match=said) as told:
        lora_config(recipe_of(model_dir, lora_targets=["q_proj", target]), model)
    assert "lm_head" not in str(told.value).partition("It has")[2]


def test_a_training_goes_on_from_an_earlier_adapter(
    lora: Trained, model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = lora.model_dir.parent
    # The optimizer begins anew: the rate of the first training would throw it back.
    knobs = {"num_epochs": 1.0, "learning_rate": 0.002}
    asked: list[str] = []
    hub = "peft.utils.save_and_load.check_file_exists_on_hf_hub"
    monkeypatch.setattr(hub, lambda name, *_: asked.append(name))
    again = train(
        model_dir, dataset_dir, from_adapter=str(student), lora_rank=4, use_dora=True, **knobs
    )
    assert asked == []  # where its base is
    card = (again.model_dir.parent / "README.md").read_text()
    assert f"from_adapter` | {student}" in card
    assert "lora_rank" not in card  # 16, not 4
    assert losses(again)[0] == pytest.approx(losses(lora)[-1], rel=1e-3)
    assert losses(again)[-1] < losses(lora)[-1]
    recipe = recipe_of(model_dir, **knobs)
    rows = prepare_rows(dataset_dir, recipe)
    assert student_dir(rows, recipe) != again.model_dir.parent


def test_an_adapter_that_is_not_there_or_does_not_fit_stops(
    lora: Trained, model_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=r"no adapter_model\.safetensors is there"):
        train(model_dir, dataset_dir, from_adapter=str(tmp_path))
    other = make_model(tmp_path / "other", hidden_size=128)
    with pytest.raises(SetupError, match="does not fit this model") as told:
        train(other, dataset_dir, from_adapter=str(lora.model_dir.parent / "adapter"))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("kind", "layers"),
    [
        ("LoraConfig", ["q_proj", "lm_head"]),
        ("LoraConfig", ["q_proj", "embed_tokens"]),  # tied to the output
        ("IA3Config", ["k_proj", "down_proj"]),
    ],
)
def test_an_adapter_that_could_not_be_merged_stops_before_it_is_trained(
    kind: str, layers: list[str], model_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    import peft

    known: dict[str, Any] = {"feedforward_modules": ["down_proj"]} if kind == "IA3Config" else {}
    config = getattr(peft, kind)(task_type="CAUSAL_LM", target_modules=layers, **known)
    peft.get_peft_model(load_weights(model_dir), config).save_pretrained(tmp_path)
    recipe = recipe_of(model_dir, from_adapter=str(tmp_path))
    with pytest.raises(SetupError, match="which cannot be trained on and merged"):
        load_model(prepare_rows(dataset_dir, recipe), recipe)


def test_an_adapter_on_embeddings_that_are_not_tied_is_trained_and_merged(
    dataset_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import peft
    import transformers

    def untied(**known: Any) -> Any:
        return transformers.CONFIG_MAPPING["llama"](**known | {"tie_word_embeddings": False})

    monkeypatch.setattr(transformers, "LlamaConfig", untied)
    student = make_model(tmp_path / "untied")
    config = peft.LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj", "embed_tokens"])
    peft.get_peft_model(load_weights(student), config).save_pretrained(tmp_path / "adapter")
    trained = train(student, dataset_dir, from_adapter=str(tmp_path / "adapter"))
    assert losses(trained)[-1] < losses(trained)[0]


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("adapter_config.json", None, "Can't find 'adapter_config.json'"),
        ("adapter_config.json", b"{", "does not fit this model"),
        ("adapter_config.json", b"{}", "does not fit this model"),
        ("adapter_model.safetensors", b"version https://git-lfs", "pointer of Git LFS"),
        ("adapter_model.safetensors", b"", "cut off or damaged"),
    ],
)
def test_a_damaged_adapter_is_one_line(
    lora: Trained, model_dir: Path, tmp_path: Path, name: str, damage: bytes | None, said: str
) -> None:
    folder = shutil.copytree(lora.model_dir.parent / "adapter", tmp_path / "adapter")
    (folder / name).unlink()
    if damage is not None:
        (folder / name).write_bytes(damage)
    with pytest.raises(SetupError, match=said) as told:
        load_adapter(load_weights(model_dir), adapter_dir(str(tmp_path)))
    assert "\n" not in str(told.value)


def test_an_adapter_whose_weights_have_other_names_is_not_taken_for_loaded(
    lora: Trained, model_dir: Path, tmp_path: Path
) -> None:
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    folder = tmp_path / "adapter"
    shutil.copytree(lora.model_dir.parent / "adapter", folder)
    base = AutoModelForCausalLM.from_pretrained(model_dir)
    load_adapter(base, folder)
    renamed = {name.replace("layers", "blocks"): it for name, it in tensors(folder).items()}
    save_file(renamed, folder / "adapter_model.safetensors")
    base = AutoModelForCausalLM.from_pretrained(model_dir)
    with pytest.raises(SetupError, match=r"was not loaded: .* weights differ"):
        load_adapter(base, folder)


def test_a_merged_model_that_answers_otherwise_stops(
    model_dir: Path, dataset_dir: Path, home_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft.tuners.lora.model import LoraModel

    merge = LoraModel.merge_and_unload

    def forget(self: Any, **options: Any) -> Any:
        for name, weight in self.model.named_parameters():
            if "lora_B" in name:
                weight.data.zero_()
        return merge(self, **options)

    monkeypatch.setattr(LoraModel, "merge_and_unload", forget)
    with pytest.raises(SetupError, match=r"adapter was not merged well: .* of 2 are the same"):
        train(model_dir, dataset_dir)
    students = home_dir / "artefacts" / "students"
    assert [path.name for path in students.iterdir() if path.name[0] != "."] == []


# --- the length of a training --------------------------------------------------------------------


def test_steps_in_the_place_of_epochs_and_the_schedule(
    model_dir: Path, dataset_dir: Path, tmp_path: Path
) -> None:
    knobs = {"max_steps": 8, "warmup_share": 0.0, "eval_steps": 2}
    trained = train(model_dir, dataset_dir, learning_rate_schedule="cosine", **knobs)
    steps = [point["step"] for point in trained.history if "validation_loss" in point]
    assert steps == [0, 2, 4, 6, 8]
    rates = {}
    for schedule in ("cosine", "linear", "constant"):
        recipe = recipe_of(model_dir, learning_rate_schedule=schedule, **knobs)
        rows = prepare_rows(dataset_dir, recipe)
        trainer = make_trainer(rows, recipe, output_dir=tmp_path, callbacks=[])
        trainer.create_optimizer_and_scheduler(8)
        rate_of = trainer.lr_scheduler.lr_lambdas[0]
        rates[schedule] = [0.02 * rate_of(step) for step in range(8)]
    assert losses(trained, "learning_rate") == pytest.approx(rates["cosine"])
    assert set(rates["constant"]) == {0.02}
    assert trainer.args.lr_scheduler_type == "constant_with_warmup"
    assert rates["linear"][4] == pytest.approx(0.01)
    assert rates["cosine"][2] > rates["linear"][2] > rates["linear"][7] > 0


def test_an_early_stop_keeps_the_best(model_dir: Path, dataset_dir: Path, tmp_path: Path) -> None:
    # At this rate the loss jumps about, differently on each kind of CPU: 200 measurements at most.
    knobs = {"learning_rate": 0.3, "num_epochs": 80.0, "eval_steps": 2}
    knobs |= {"early_stop_patience": 2, "save_steps": 0}
    trained = train(model_dir, dataset_dir, **knobs)
    validation = losses(trained)
    best = min(validation[1:])
    assert validation.index(best) == len(validation) - 3
    assert trained.history[-1]["step"] < 400
    said = f"went from {validation[0]:.3f} to {best:.3f} nats"  # of the weights that were kept
    assert said in (trained.model_dir.parent / "README.md").read_text()
    assert said in show_learned(trained).data
    recipe = recipe_of(trained.model_dir, method="full")
    rows = prepare_rows(dataset_dir, recipe)
    measured = make_trainer(rows, recipe, output_dir=tmp_path, callbacks=[]).evaluate()
    assert measured["eval_loss"] == pytest.approx(best, rel=0.02)


def test_accumulation_changes_no_gradient(
    model_dir: Path, dataset_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knobs = {"method": "full", "learning_rate": 0.003}
    at_once = train(model_dir, dataset_dir, batch_size=4, **knobs)
    added_up = train(model_dir, dataset_dir, batch_size=1, gradient_accumulation_steps=4, **knobs)
    assert losses(at_once, "loss") == pytest.approx(losses(added_up, "loss"), rel=1e-4)
    one, other = tensors(at_once.model_dir), tensors(added_up.model_dir)
    for name, weight in one.items():
        assert (weight - other[name]).norm() < 0.01 * weight.norm(), name


def test_a_model_whose_gradient_accumulation_would_change_stops(
    model_dir: Path, dataset_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlamaForCausalLM

    monkeypatch.setattr(LlamaForCausalLM, "accepts_loss_kwargs", False, raising=False)
    recipe = recipe_of(model_dir)
    rows = prepare_rows(dataset_dir, recipe)
    with pytest.raises(SetupError, match="accumulation would change its gradient"):
        make_trainer(rows, recipe, output_dir=tmp_path, callbacks=[])
