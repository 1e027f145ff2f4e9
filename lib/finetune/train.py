"""Local training with TRL, of adapters or of every weight; the loss counts completions only."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.finetune.export import merge_adapter, prepare_baseline, save_model, write_model_card
from lib.finetune.rows import PreparedRows, check_lengths, few_rows
from lib.finetune.show import marked, trained_pieces
from lib.finetune.trainer import make_trainer
from lib.finetune.watch import HistoryPoint, plain_output, training_watch
from lib.recipe import Recipe
from lib.settings import portable, write_text
from lib.store import artefact_dir, building, file_sha256, read_json, write_json

# Raise it when the same inputs would give another student: older students are then not reused.
_VERSION = 1
_TRAINING_KNOBS = (
    "num_epochs learning_rate lora_rank lora_alpha lora_dropout batch_size "
    "gradient_accumulation_steps share_contexts warmup_share max_length_tokens seed"
).split()


@dataclass(frozen=True)
class Trained:
    adapter_dir: Path | None  # None = every weight was trained
    model_dir: Path  # the merged model, which is served
    baseline_dir: Path  # the base model, served beside it
    history: list[HistoryPoint]  # step, epoch, and loss … or validation_loss
    seconds: float  # of training
    rows: PreparedRows
    reused: bool  # it had been trained before

    @property
    def state(self) -> dict[str, str]:
        """What 2_finetune passes on: both models, and what the student was made from."""
        return {
            "STUDENT_MODEL_DIR": portable(self.model_dir),
            "STUDENT_DATASET_DIR": portable(self.rows.dataset_dir),
            "STUDENT_BASE": self.rows.base.fingerprint,
            "BASELINE_MODEL_DIR": portable(self.baseline_dir),
        }


def train_student(rows: PreparedRows, recipe: Recipe) -> Trained:
    """Train, merge and save a student, or find the one that these inputs made before.

    lora_rank 0 trains every weight: about 16 bytes of memory each.
    Writes `artefacts/students/<run_name>-<fingerprint>/`: adapter/ (with LoRA), merged/,
    history.json, trained_row.txt, README.md. Under `accelerate launch` every process calls it;
    rank 0 writes.
    """
    budget = check_lengths(
        rows.lengths,
        max_length_tokens=recipe.max_length_tokens,
        model_limit_tokens=rows.model_limit_tokens,
    )
    import torch
    from accelerate import PartialState

    process = PartialState(cpu=not torch.cuda.is_available())
    with process.main_process_first():
        baseline_dir = prepare_baseline(rows.base, chat_template=rows.tokenizer.chat_template)
    target = _target(rows, recipe)
    if reused := target.exists():
        process.print(f"{portable(target)} is there already: nothing to train.", flush=True)
    else:
        process.print(
            f"Training on {len(rows.train):,} rows of at most {budget:,} tokens.", flush=True
        )
        if few := few_rows(len(rows.train)):
            process.print(few, flush=True)
        if not rows.valid:
            process.print("No validation rows (valid_share in 1_gen): their loss is not measured.")
        _train(rows, recipe, target, process)
    made = read_json(target / "history.json")
    return Trained(
        adapter_dir=target / "adapter" if recipe.lora_rank else None,
        model_dir=target / "merged",
        baseline_dir=baseline_dir,
        history=made["history"],
        seconds=made["seconds"],
        rows=rows,
        reused=reused,
    )


def _target(rows: PreparedRows, recipe: Recipe) -> Path:
    """The student's folder, named after everything that decides what it learns."""
    folder = rows.dataset_dir / "chat"  # of both formats
    made_of = {
        "recipe": _VERSION,
        "base": rows.base.fingerprint,
        "train": file_sha256(folder / "train.jsonl"),
        "valid": file_sha256(folder / "valid.jsonl"),
        "chat_template": rows.tokenizer.chat_template,
        "settings": _settings(recipe),
    }
    return artefact_dir("students", recipe.run_name, made_of)


def _settings(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in _TRAINING_KNOBS}


def _train(rows: PreparedRows, recipe: Recipe, target: Path, process: Any) -> None:
    watch, start = training_watch(), time.monotonic()
    with plain_output():
        with tempfile.TemporaryDirectory(prefix="openbook-train-") as scratch_dir:
            trainer = make_trainer(rows, recipe, output_dir=Path(scratch_dir), callbacks=[watch])
            trainer.train()
        seconds = round(time.monotonic() - start, 1)
        if process.is_main_process:
            with building(target) as folder:
                _save_models(folder, rows, recipe, trainer)
                settings = {"dataset_format": recipe.dataset_format, **_settings(recipe)}
                write_model_card(folder / "README.md", rows, settings, watch.history, seconds)
                write_json(folder / "history.json", {"history": watch.history, "seconds": seconds})
    if process.is_main_process:
        print(f"Written: {portable(target)}", flush=True)
    process.wait_for_everyone()


def _save_models(folder: Path, rows: PreparedRows, recipe: Recipe, trainer: Any) -> None:
    model = trainer.accelerator.unwrap_model(trainer.model)
    if recipe.lora_rank:
        dtype = next(model.parameters()).dtype
        model.save_pretrained(folder / "adapter")
        (folder / "adapter" / "README.md").unlink(missing_ok=True)  # an unfilled template
        model = merge_adapter(rows.base.folder, folder / "adapter", dtype=dtype)
    save_model(model, folder / "merged", tokenizer=rows.tokenizer)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    length = int(batch["attention_mask"][0].sum())  # padding follows
    ids, labels = batch["input_ids"][0][:length], batch["labels"][0][:length]
    pieces = trained_pieces(ids, labels, rows.tokenizer)
    write_text(folder / "trained_row.txt", marked(pieces))
