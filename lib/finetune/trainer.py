"""The TRL trainer: the loss on completions, nothing cut."""

import json
import math
import os
import zipfile
from pathlib import Path
from typing import Any

from lib.finetune.attention import prepare_attention
from lib.finetune.estimate import recomputes
from lib.finetune.methods import has_bf16, load_model, without_adapters
from lib.finetune.model_files import wrong_content
from lib.finetune.parallel import parallel_arguments, require_divided
from lib.finetune.rows import PreparedRows
from lib.finetune.shared_contexts import (
    TOKEN_BLOCK,
    TrainingSequence,
    attention_masks,
    share_contexts,
    with_branches,
)
from lib.finetune.step_batches import StepBatches, padded_size, training_sequences
from lib.finetune.watch import never_stops_training
from lib.recipe import Recipe
from lib.settings import SetupError, home


def make_trainer(
    rows: PreparedRows, recipe: Recipe, *, output_dir: Path, callbacks: list[Any]
) -> Any:
    """A TRL trainer; the rows bring their labels, which TRL leaves as they are."""
    from accelerate import PartialState
    from datasets import Dataset
    from transformers import EarlyStoppingCallback, PrinterCallback
    from transformers.integrations import get_reporting_integration_callbacks

    process = PartialState()
    rows_per_update = recipe.batch_size * recipe.gradient_accumulation_steps * process.num_processes
    arguments = _trainer_arguments(rows, recipe, output_dir, rows_per_update)
    if recipe.report_to == "tensorboard":  # its own default is the scratch folder, which is deleted
        log_dir = home() / "runs" / recipe.run_name / "tensorboard" / output_dir.stem.lstrip(".")
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(log_dir))
    if recipe.early_stop_patience and rows.valid:
        callbacks = [*callbacks, EarlyStoppingCallback(recipe.early_stop_patience)]
    model, lora = load_model(rows, recipe)
    sequences = training_sequences(model, rows.train, recipe, process.print)
    shares = any(sequence.context_tokens for sequence in sequences)
    longest = max(sequence.num_tokens for sequence in sequences)
    prepare_attention(model, shares=shares, longest=longest)
    valid = [TrainingSequence((row,), 0) for row in rows.valid]
    if shares:
        valid = share_contexts(rows.valid, most_rows=recipe.batch_size)
        arguments.per_device_eval_batch_size = 1  # sequence: about batch_size rows
    valid.sort(key=padded_size)
    try:
        trainer = _completion_trainer(
            recipe.parallel,
            model=model,
            args=arguments,
            train_dataset=Dataset.from_list([sequence.columns for sequence in sequences]),
            eval_dataset=Dataset.from_list([one.columns for one in valid]) if valid else None,
            processing_class=rows.tokenizer,
            callbacks=callbacks,
            peft_config=lora,
        )
    except ValueError as error:
        if not lora:
            raise
        raise SetupError(
            f"{recipe.student_model} cannot have these adapters ({error}). Set lora_dropout to 0 "
            "and use_dora to False, name other layers in lora_targets, or set method to 'full'."
        ) from None
    if lora and not recipe.lora_targets and (frozen := without_adapters(trainer.model)):
        process.print(f"No adapters are on {frozen}.", flush=True)
    trainer.data_collator = with_branches(trainer.data_collator)
    trainer.step_batches = StepBatches(
        sequences,
        rows_per_step=recipe.batch_size,
        rows_per_update=rows_per_update,
        processes=process.num_processes,
        seed=recipe.seed,
        epoch=lambda: int(trainer.state.epoch or 0),
    )
    learned = sum(len(row.input_ids) - row.prompt_tokens for row in rows.valid)
    trainer.valid_tokens = learned / max(1, len(valid))
    trainer.remove_callback(PrinterCallback)  # the watch prints
    trackers = tuple(get_reporting_integration_callbacks(trainer.args.report_to))
    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, trackers):
            never_stops_training(callback, recipe.report_to)
    for weight in trainer.model.parameters():
        if weight.requires_grad:  # TRL makes the adapters of quantised models bf16
            weight.data = weight.data.float()
    if not trainer.model_accepts_loss_kwargs:
        raise SetupError(
            f"{recipe.student_model} does not take the number of tokens of an update, so "
            "accumulation would change its gradient. Set gradient_accumulation_steps to 1 and "
            "batch_size higher, or take another model."
        )
    return trainer


def _completion_trainer(parallel: str, **options: Any) -> Any:
    """TRL's trainer, whose loss skips the logits of prompts: nine tenths of a RAFT row.

    TRL's own computes logits and entropy of every token: more than half of a step of the embedded
    student on two cores (docs/experiments.md). The loss is the same: the summed cross-entropy of
    the completions over their number of tokens.
    """
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader
    from trl import SFTTrainer

    class CompletionTrainer(SFTTrainer):
        step_batches: StepBatches
        valid_tokens: float  # that are learnt, in a validation sequence on average

        def get_train_dataloader(self) -> Any:
            return self.accelerator.prepare(
                DataLoader(
                    self.train_dataset,
                    batch_sampler=self.step_batches,
                    collate_fn=self.data_collator,
                    pin_memory=self.args.dataloader_pin_memory,
                )
            )

        def _prepare_for_training(self, *told: Any) -> Any:
            prepared = super()._prepare_for_training(*told)
            require_divided(self.model_wrapped, parallel)
            return prepared

        def _run_epoch(self, **options: Any) -> None:
            """No update more after a checkpoint of the last one: transformers makes one."""
            saved = self.state.stateful_callbacks.get("TrainerControl", {})
            if saved.get("args", {}).get("should_training_stop"):
                self.control.should_training_stop = True
            else:
                super()._run_epoch(**options)

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            labels = inputs["labels"][:, 1:]
            places = (labels != -100).any(dim=0).nonzero().squeeze(1)
            # No attention mask, a seventh of a step: no row attends to the padding after it.
            ids = inputs["input_ids"]
            seen = attention_masks(inputs, self.model.config)
            outputs = model(input_ids=ids, use_cache=False, logits_to_keep=places, **seen)
            labels = labels[:, places]
            learned = labels != -100
            logits = outputs.logits[learned].float()
            summed = functional.cross_entropy(logits, labels[learned], reduction="sum")
            if not model.training:  # a mean of these by sequences is the mean over all tokens
                loss = summed / (self.valid_tokens * len(ids))
            else:
                loss = summed / torch.as_tensor(num_items_in_batch, device=summed.device)
                loss = loss * self.accelerator.num_processes  # DDP averages the gradients
            if self.model.training:
                seen = self.accelerator.gather_for_metrics(inputs["attention_mask"].sum())
                self._total_train_tokens += seen.sum().item()
                self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
            return (loss, outputs) if return_outputs else loss

    return CompletionTrainer(**options)


def _trainer_arguments(
    rows: PreparedRows, recipe: Recipe, output_dir: Path, rows_per_update: int
) -> Any:
    from trl import SFTConfig

    an_epoch = math.ceil(len(rows.train) / rows_per_update)
    updates = recipe.max_steps or math.ceil(an_epoch * recipe.num_epochs)
    eval_steps = recipe.eval_steps or max(1, math.ceil(updates / 4))
    save_steps = recipe.save_steps or max(1, math.ceil(updates / 10))
    shared = shared_arguments(recipe, output_dir, updates=updates)
    if not shared["use_cpu"]:
        shared["activation_checkpointing"] = recomputes(rows, recipe)
    schedule = recipe.learning_rate_schedule
    keeps_best = bool(recipe.early_stop_patience and rows.valid)
    return SFTConfig(
        **shared,
        router_aux_loss_coef=0.0,  # of a mixture of experts: not in our loss, and fails with a mask
        max_length=None,  # TRL's default keeps the first 1,024 tokens and drops the completion
        pad_to_multiple_of=TOKEN_BLOCK,
        num_train_epochs=recipe.num_epochs,
        max_steps=recipe.max_steps or -1,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type={"constant": "constant_with_warmup"}.get(schedule, schedule),
        per_device_eval_batch_size=recipe.batch_size,
        remove_unused_columns=False,  # the trainer uses some that the model does not
        optim="adamw_torch_fused",
        bf16=has_bf16(),  # mixed: what is trained stays in float32
        eval_strategy="steps" if rows.valid else "no",
        eval_steps=eval_steps,
        eval_on_start=bool(rows.valid) and not last_checkpoint(output_dir),
        logging_steps=max(1, updates // 20),
        logging_nan_inf_filter=False,
        save_strategy="no" if save_steps < 0 else "steps",
        save_steps=eval_steps if keeps_best else max(1, save_steps),
        save_total_limit=1,
        restore_callback_states_from_checkpoint=True,  # how long the loss has not fallen
        load_best_model_at_end=keeps_best,
        report_to=recipe.report_to,
        run_name=recipe.run_name,
        trackio_space_id=None,  # TRL's default makes a public page
        **parallel_arguments(recipe),
    )


def shared_arguments(recipe: Recipe, output_dir: Path, *, updates: int) -> dict[str, Any]:
    """What is the same in every training, also in a second one."""
    import torch

    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(output_dir),
        # Below 1 it is a share of all steps, rounded up: a single one would not be trained at all.
        "warmup_steps": recipe.warmup_share if updates > 1 else 0,
        "per_device_train_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.gradient_accumulation_steps,
        "use_cpu": not on_gpu,
        "activation_checkpointing": on_gpu,
        "disable_tqdm": True,
        "dataloader_pin_memory": on_gpu,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
    }


# --- checkpoints, from which the same command goes on --------------------------------------------


def training_dir(target: Path, processes: int, parallel: str) -> Path:
    """The scratch folder of a student that is being trained. Other rows or settings never find its
    checkpoints, nor another number of processes, or another way to share the work."""
    among = f"-{processes}-{parallel}" if processes > 1 else ""
    return target.parent / f".{target.name}.training{among}"


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole one: where a file is absent or cut off, training would fail, or begin anew
    without a word."""
    steps = {int(path.name.rpartition("-")[2]): path for path in folder.glob("checkpoint-*")}
    return next((steps[step] for step in sorted(steps, reverse=True) if _whole(steps[step])), None)


def _whole(checkpoint: Path) -> bool:
    try:
        state = json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    saved = [*checkpoint.glob("*.pt"), *checkpoint.glob("*.pth")]  # by torch, as archives
    optimizer = checkpoint / "scheduler.pt" in saved and any(checkpoint.glob("optimizer*"))
    return (
        "global_step" in state
        and (optimizer or any(checkpoint.glob("global_step*")))  # DeepSpeed's
        and all(map(zipfile.is_zipfile, saved))
        and not any(map(wrong_content, checkpoint.glob("*.safetensors")))
    )
