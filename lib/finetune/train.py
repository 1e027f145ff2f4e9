"""Local training with TRL, LoRA or every weight; the loss on completions only."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lib.finetune.export import merge_adapter, prepare_baseline, save_model, write_model_card
from lib.finetune.lengths import Lengths, check_lengths
from lib.finetune.rows import PreparedRows
from lib.finetune.show import marked, trained_pieces
from lib.finetune.trainer import make_trainer
from lib.finetune.watch import HistoryPoint, plain_output, training_watch
from lib.progress import minutes
from lib.settings import SetupError, portable
from lib.store import artefact_dir, building, file_sha256, read_json, write_json, write_text

# Raise it when the same inputs would give another student: old ones are then not reused.
RECIPE = 1


@dataclass(frozen=True)
class Trained:
    """A student and how it came about."""

    adapter_dir: Path | None  # None = every weight was trained
    model_dir: Path  # with the adapter merged: what is served
    baseline_dir: Path  # the base model, to be served beside it
    history: list[HistoryPoint]  # step, epoch, and loss … or validation_loss
    seconds: float  # of training
    lengths: Lengths
    reused: bool  # it was there already


def train_student(
    rows: PreparedRows,
    *,
    run_name: str,
    num_epochs: float,
    learning_rate: float,
    lora_rank: int,
    lora_alpha: int,
    lora_dropout: float,
    batch_size: int,
    gradient_accumulation_steps: int,
    warmup_share: float,
    max_length_tokens: int,
    seed: int,
) -> Trained:
    """Train, merge and save a student, or find the one that these inputs made before.

    lora_rank 0 trains every weight: about 16 bytes of memory a parameter.
    Writes `artefacts/students/<run_name>-<fingerprint>/`: adapter/ (with LoRA), merged/,
    history.json, trained_row.txt, README.md. Under `accelerate launch` every process calls it;
    rank 0 writes.

    Raises:
        SetupError: a row's completion would be cut, the loss is not finite, a wrong setting.
    """
    settings = {name: value for name, value in locals().items() if name != "rows"}
    _check_settings(settings)
    budget = check_lengths(
        rows.lengths,
        max_length_tokens=max_length_tokens,
        model_limit_tokens=rows.model_limit_tokens,
    )
    import torch
    from accelerate import PartialState

    process = PartialState(cpu=not torch.cuda.is_available())
    with process.main_process_first():
        baseline_dir = prepare_baseline(rows.base, chat_template=rows.tokenizer.chat_template)
    target = _target(rows, settings)
    if reused := target.exists():
        process.print(f"{portable(target)} is there already: nothing to train.", flush=True)
    else:
        process.print(f"Training on {rows.lengths} (budget {budget:,}).", flush=True)
        if not rows.valid:
            process.print("No validation rows (valid_share in 1_gen): their loss is not measured.")
        _train(rows, settings, target, process)
    made = read_json(target / "history.json")
    return Trained(
        adapter_dir=target / "adapter" if lora_rank else None,
        model_dir=target / "merged",
        baseline_dir=baseline_dir,
        history=made["history"],
        seconds=made["seconds"],
        lengths=Lengths(**made["lengths"]),
        reused=reused,
    )


def _check_settings(settings: dict[str, Any]) -> None:
    for name in ("num_epochs", "learning_rate", "lora_alpha", "batch_size"):
        if settings[name] <= 0:
            raise SetupError(f"{name} is {settings[name]}; expected more than 0.")
    if settings["lora_rank"] < 0:
        raise SetupError(f"lora_rank is {settings['lora_rank']}; expected 1 or more, or 0 (none).")
    for name in ("lora_dropout", "warmup_share"):
        if not 0 <= settings[name] < 1:
            raise SetupError(f"{name} is {settings[name]}; expected a share, 0 to below 1.")
    if settings["gradient_accumulation_steps"] < 1 or settings["max_length_tokens"] < 0:
        raise SetupError("gradient_accumulation_steps is at least 1, max_length_tokens 0 or more.")


def _target(rows: PreparedRows, settings: dict[str, Any]) -> Path:
    """The student's folder, named after everything that decides what it learns."""
    folder = rows.dataset_dir / "chat"  # of both formats
    made_of = {
        "recipe": RECIPE,
        "base": rows.base.fingerprint,
        "train": file_sha256(folder / "train.jsonl"),
        "valid": file_sha256(folder / "valid.jsonl"),
        "chat_template": rows.tokenizer.chat_template,
        "settings": {name: value for name, value in settings.items() if name != "run_name"},
    }
    return artefact_dir("students", settings["run_name"], made_of)


def _train(rows: PreparedRows, settings: dict[str, Any], target: Path, process: Any) -> None:
    watch, start = training_watch(), time.monotonic()
    with plain_output():
        with tempfile.TemporaryDirectory(prefix="openbook-train-") as scratch_dir:
            trainer = make_trainer(rows, settings, output_dir=Path(scratch_dir), callbacks=[watch])
            trainer.train()
        seconds = round(time.monotonic() - start, 1)
        if process.is_main_process:
            with building(target) as folder:
                _save(folder, rows, settings, trainer, watch.history, seconds)
    if process.is_main_process:
        print(f"Trained in {minutes(seconds)}: {portable(target)}", flush=True)
    process.wait_for_everyone()


def _save(
    folder: Path,
    rows: PreparedRows,
    settings: dict[str, Any],
    trainer: Any,
    history: list[HistoryPoint],
    seconds: float,
) -> None:
    model = trainer.accelerator.unwrap_model(trainer.model)
    if settings["lora_rank"]:
        model.save_pretrained(folder / "adapter")
        (folder / "adapter" / "README.md").unlink(missing_ok=True)  # a template, not filled in
        merge_adapter(
            rows.base.folder,
            folder / "adapter",
            folder / "merged",
            tokenizer=rows.tokenizer,
            dtype=next(model.parameters()).dtype,
        )
    else:
        save_model(model, folder / "merged", tokenizer=rows.tokenizer)
    batch = trainer.data_collator([trainer.train_dataset[0]])
    length = len(rows.train[0].input_ids)  # behind it stands padding
    ids, labels = batch["input_ids"][0][:length], batch["labels"][0][:length]
    pieces = trained_pieces(ids, labels, rows.tokenizer)
    write_text(folder / "trained_row.txt", marked(pieces))
    write_model_card(
        folder / "README.md",
        base=rows.base,
        dataset_dir=rows.dataset_dir,
        settings={"dataset_format": rows.dataset_format, **settings},
        lengths=str(rows.lengths),
        history=history,
        seconds=seconds,
    )
    made = {"history": history, "seconds": seconds, "lengths": asdict(rows.lengths)}
    write_json(folder / "history.json", made)
