"""The TRL trainer: LoRA or every weight, the loss on completions, nothing cut."""

from __future__ import annotations

import math
import timeit
from pathlib import Path
from typing import Any

from lib.finetune.rows import PreparedRows
from lib.finetune.shared_batches import SharedBatches, share
from lib.finetune.shared_contexts import attention_masks
from lib.finetune.tokens import TokenRow
from lib.recipe import Recipe

_CLEARLY_FASTER = 1.2  # so that one machine always chooses the same


def make_trainer(
    rows: PreparedRows, recipe: Recipe, *, output_dir: Path, callbacks: list[Any]
) -> Any:
    """A TRL trainer; the rows bring their labels, which TRL leaves as they are."""
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, PrinterCallback

    on_gpu = torch.cuda.is_available()
    in_bf16 = torch.cuda.is_bf16_supported() if on_gpu else _cpu_multiplies_bf16()
    # What is trained is float32: the adapters beside a bf16 model, or else all weights.
    frozen = recipe.lora_rank > 0
    model = AutoModelForCausalLM.from_pretrained(
        str(rows.base.folder),
        dtype=torch.bfloat16 if frozen and on_gpu and in_bf16 else torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
    )
    trainer = _completion_trainer(
        model=model,
        args=_trainer_arguments(rows, recipe, output_dir, on_gpu=on_gpu, in_bf16=in_bf16),
        train_dataset=_dataset(rows.train),
        eval_dataset=_dataset(rows.valid) if rows.valid else None,
        processing_class=rows.tokenizer,
        callbacks=callbacks,
        peft_config=LoraConfig(
            r=recipe.lora_rank,
            lora_alpha=recipe.lora_alpha,
            lora_dropout=recipe.lora_dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        if frozen
        else None,
    )
    share(trainer, rows.train, recipe)
    trainer.remove_callback(PrinterCallback)  # the watch prints
    return trainer


def _completion_trainer(**options: Any) -> Any:
    """TRL's trainer, whose loss skips the logits of prompts.

    Nine tenths of a RAFT row are prompt. TRL's own loss computes the logits and the entropy of
    every token: more than half of a step of the embedded student on two cores
    (docs/experiments.md). The loss is the same: the summed cross-entropy of the completions over
    their number of tokens.
    """
    import torch
    from torch.nn import functional
    from torch.utils.data import DataLoader
    from trl import SFTTrainer

    class CompletionTrainer(SFTTrainer):
        step_batches: SharedBatches | None = None  # None: no context is shared

        def get_train_dataloader(self) -> Any:
            if self.step_batches is None:
                return super().get_train_dataloader()
            return self.accelerator.prepare(
                DataLoader(
                    self.train_dataset,
                    batch_sampler=self.step_batches,
                    collate_fn=self.data_collator,
                    pin_memory=self.args.dataloader_pin_memory,
                )
            )

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
            if num_items_in_batch is None:
                loss = summed / learned.sum().clamp(min=1)
            else:
                loss = summed / torch.as_tensor(num_items_in_batch, device=summed.device)
                if self.args.average_tokens_across_devices:
                    loss = loss * self.accelerator.num_processes  # DDP averages the gradients
            if self.model.training:
                seen = self.accelerator.gather_for_metrics(inputs["attention_mask"].sum())
                self._total_train_tokens += seen.sum().item()
                self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
            return (loss, outputs) if return_outputs else loss

    return CompletionTrainer(**options)


def _cpu_multiplies_bf16() -> bool:
    """Whether this CPU multiplies bf16 faster than float32: measured here, as names of CPUs do not
    tell. Float32 took 1.5 to 2.2 times as long with AMX, 1.4 to 2.0 with AVX-512 BF16 alone, 0.4 to
    0.5 with neither (two cores, idle and busy). With AMX it trains 2,300 tokens/s a core in place
    of 1,500, in two thirds of the memory."""
    import torch

    return _product_s(torch.float32) > _CLEARLY_FASTER * _product_s(torch.bfloat16)


def _product_s(dtype: Any) -> float:
    """Seconds of a product of the size of a small student's layer: the best of ten."""
    import torch

    rows, weights = torch.ones(1024, 256, dtype=dtype), torch.ones(256, 1024, dtype=dtype)
    return min(timeit.repeat(lambda: rows @ weights, number=1, repeat=10))


def _dataset(rows: list[TokenRow]) -> Any:
    from datasets import Dataset

    return Dataset.from_list([{"input_ids": r.input_ids, "labels": r.labels} for r in rows])


def _trainer_arguments(
    rows: PreparedRows, recipe: Recipe, output_dir: Path, *, on_gpu: bool, in_bf16: bool
) -> Any:
    from accelerate import PartialState
    from trl import SFTConfig

    rows_per_update = recipe.batch_size * recipe.gradient_accumulation_steps
    rows_per_update *= PartialState().num_processes
    updates = math.ceil(math.ceil(len(rows.train) / rows_per_update) * recipe.num_epochs)
    return SFTConfig(
        output_dir=str(output_dir),
        max_length=None,  # TRL's default keeps the first 1,024 tokens and drops the completion
        packing=False,
        # Few shapes: oneDNN caches a kernel for each (2.1 GB instead of 1.4).
        pad_to_multiple_of=64,
        num_train_epochs=recipe.num_epochs,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=recipe.warmup_share,  # below 1 it is a share of all steps
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.gradient_accumulation_steps,
        train_sampling_strategy="group_by_length",
        optim="adamw_torch_fused" if on_gpu else "adamw_torch",
        bf16=in_bf16,  # mixed: what is trained stays in float32
        use_cpu=not on_gpu,
        activation_checkpointing=on_gpu,  # costs a third of the time; a small model needs none
        eval_strategy="steps" if rows.valid else "no",
        eval_steps=max(1, math.ceil(updates / 4)),
        eval_on_start=bool(rows.valid),
        logging_steps=max(1, updates // 20),
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=on_gpu,
        seed=recipe.seed,
        data_seed=recipe.seed,
    )
