"""A second training of the student: on preferences (DPO) or on rewards that rules check (GRPO).

DPO: arXiv:2305.18290, on the pairs of `python -m lib.gen convert --to preference`. GRPO:
arXiv:2402.03300, with the rewards of rewards.py. Both are TRL's trainers.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from lib.dataset import prompt_messages, read_dataset
from lib.finetune.rewards import REWARDS
from lib.finetune.rows import PreparedRows
from lib.finetune.watch import HistoryPoint, plain_output, require_parent
from lib.progress import Progress
from lib.prompts.control_tokens import as_text, control_tokens
from lib.prompts.student import REFUSAL
from lib.recipe import Recipe
from lib.settings import SetupError, portable
from lib.store import file_sha256, read_jsonl

_PAIR = ("prompt", "chosen", "rejected")


def second_inputs(recipe: Recipe) -> dict[str, Any]:
    """What a second training is made of, for the student's name; {} = there is none.

    Raises:
        SetupError: DPO has no file of preferences.
    """
    if not recipe.then:
        return {}
    knobs = ["then", "then_steps", "then_learning_rate"]
    if recipe.then == "grpo":
        knobs.append("num_generations")
    made_of = {name: getattr(recipe, name) for name in knobs}
    if recipe.then == "dpo":
        made_of["dpo_beta"] = recipe.dpo_beta
        made_of["preferences"] = file_sha256(preferences_file(recipe))
    return made_of


def train_again(model_dir: Path, rows: PreparedRows, recipe: Recipe, *, scratch_dir: Path) -> Any:
    """The merged student of `model_dir`, trained once more; (model, its history)."""
    import torch
    from transformers import AutoModelForCausalLM, PrinterCallback

    torch.manual_seed(recipe.seed)
    watch = _watch()
    make = _dpo_trainer if recipe.then == "dpo" else _grpo_trainer
    with plain_output():
        model = AutoModelForCausalLM.from_pretrained(
            str(model_dir), dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        )
        trainer = make(model, rows, recipe, scratch_dir, watch)
        trainer.remove_callback(PrinterCallback)  # the watch prints
        trainer.train()
    return trainer.accelerator.unwrap_model(trainer.model), watch.history


def _dpo_trainer(
    model: Any, rows: PreparedRows, recipe: Recipe, scratch_dir: Path, watch: Any
) -> Any:
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    control = control_tokens(rows.tokenizer)
    pairs = [
        {name: as_text(pair[name], control) for name in _PAIR} for pair in preference_pairs(recipe)
    ]
    return DPOTrainer(
        model=model,
        args=DPOConfig(**_arguments(recipe, scratch_dir), beta=recipe.dpo_beta, max_length=None),
        train_dataset=Dataset.from_list(pairs),
        processing_class=rows.tokenizer,
        callbacks=[watch],
    )


def _grpo_trainer(
    model: Any, rows: PreparedRows, recipe: Recipe, scratch_dir: Path, watch: Any
) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    control = control_tokens(rows.tokenizer)
    prompts = [
        {
            "prompt": as_text(prompt_messages(row), control),
            "documents": row["context"]["sentences"][0],
            "answer": row["answer"],
            "kind": row["kind"],
            "refusal": row.get("refusal", REFUSAL),
        }
        for row in read_dataset(rows.dataset_dir).rows("train")
        if row["kind"] != "memorise"  # no document to quote, none to refuse for
    ]
    return GRPOTrainer(
        model=model,
        reward_funcs=list(REWARDS),
        args=GRPOConfig(
            **_arguments(recipe, scratch_dir),
            num_generations=recipe.num_generations,
            max_completion_length=rows.lengths.max_completion_tokens,
        ),
        train_dataset=Dataset.from_list(prompts),
        processing_class=rows.tokenizer,
        callbacks=[watch],
    )


def _arguments(recipe: Recipe, scratch_dir: Path) -> dict[str, Any]:
    import torch

    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(scratch_dir),
        "max_steps": recipe.then_steps,
        "learning_rate": recipe.then_learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": recipe.warmup_share,
        "per_device_train_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.gradient_accumulation_steps,
        "bf16": on_gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not on_gpu,
        "activation_checkpointing": on_gpu,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": on_gpu,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
    }


# --- the pairs -----------------------------------------------------------------------------------


def preferences_file(recipe: Recipe) -> Path:
    path = Path(recipe.preferences_path).expanduser()
    if path.is_dir():
        path /= "train.jsonl"
    if recipe.preferences_path and path.is_file():
        return path
    raise SetupError(
        f"preferences_path is '{recipe.preferences_path}', where no train.jsonl is. Write it with "
        "`python -m lib.gen convert --to preference`, and give the folder that it prints."
    )


def preference_pairs(recipe: Recipe) -> list[dict[str, Any]]:
    """`{"prompt": [messages], "chosen": [message], "rejected": [message], …}` a line.

    Raises:
        SetupError: there is no such file, or it holds something else.
    """
    path, pairs = preferences_file(recipe), []
    try:
        rows = read_jsonl(path)
    except ValueError as error:
        raise SetupError(f"{portable(path)} is not JSONL ({error}). Write it again.") from None
    for number, row in enumerate(rows, start=1):
        if not all(isinstance(row.get(name), list) and row[name] for name in _PAIR):
            raise SetupError(
                f"{portable(path)}, line {number} is not a pair: expected prompt, chosen and "
                "rejected, each a list of messages."
            )
        pairs.append({name: row[name] for name in _PAIR})
    if not pairs:
        raise SetupError(f"{portable(path)} has no pairs. Convert a dataset with refusals.")
    return pairs


def _watch() -> Any:
    """A callback with `history`: step, loss, and of GRPO the reward, of DPO the margin."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def __init__(self) -> None:
            self.history: list[HistoryPoint] = []
            self._note = ""
            self._progress: Progress | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                self._progress = Progress("updates", state.max_steps, note=lambda: self._note)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            require_parent()
            if self._progress:
                self._progress.advance()

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if self._progress:
                self._progress.close()

        def on_log(
            self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any
        ) -> None:
            names = {"loss": "loss", "reward": "reward", "rewards/margins": "margin"}
            found = {ours: logs[name] for name, ours in names.items() if name in logs}
            if not all(map(math.isfinite, found.values())):
                raise SetupError(
                    f"The second training gives {found} at step {state.global_step}. Lower "
                    "then_learning_rate and run again."
                )
            if found:
                self.history.append({"step": state.global_step, **found})
                self._note = " · ".join(f"{name} {value:.3f}" for name, value in found.items())

    return Watch()
