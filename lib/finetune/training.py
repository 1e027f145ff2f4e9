"""Local training with TRL, of adapters or of every weight; the loss counts completions only."""

import gc
import shutil
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lib.finetune.estimate import memory_estimate, training_errors
from lib.finetune.merge import (
    merge_adapter,
    prepare_baseline,
    save_adapter,
    save_model,
    write_model_card,
)
from lib.finetune.methods import adapter_dir
from lib.finetune.model_files import load_weights, missing_in_folder
from lib.finetune.parallel import require_processes
from lib.finetune.rows import PreparedRows, check_lengths
from lib.finetune.second import check_second, second_inputs, train_again
from lib.finetune.show import marked, trained_pieces
from lib.finetune.trainer import last_checkpoint, make_trainer, training_dir
from lib.finetune.watch import HistoryPoint, plain_output, training_watch, validation_said
from lib.recipe import Recipe
from lib.settings import SetupError, portable, write_text
from lib.store import (
    alone,
    artefact_dir,
    building,
    file_sha256,
    folder_fingerprint,
    read_jsonl,
    write_jsonl,
)

# Raise it when the same inputs would give another student: older students are then not reused.
_VERSION = 4
_TRAINING_KNOBS = (
    "method num_epochs max_steps learning_rate learning_rate_schedule warmup_share lora_rank "
    "lora_alpha lora_dropout lora_targets use_rslora use_dora batch_size share_contexts "
    "gradient_accumulation_steps max_length_tokens eval_steps early_stop_patience seed"
).split()


@dataclass(frozen=True)
class Trained:
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

    Writes `artefacts/students/<run_name>-<fingerprint>/`: adapter/ (but for method 'full'),
    merged/, metrics.jsonl, trained_row.txt, README.md. Under torchrun every process calls it; the
    first writes. After a kill it goes on from the last checkpoint.
    """
    budget = check_lengths(rows, recipe.max_length_tokens)
    import torch
    from accelerate import PartialState

    process = PartialState(cpu=not torch.cuda.is_available())
    require_processes(process, recipe.parallel)
    if recipe.then and process.num_processes > 1:
        raise SetupError(
            f"then is '{recipe.then}', and a second training takes one process. Start it without "
            "torchrun, or train with then = '' first."
        )
    check_second(rows, recipe)
    target = student_dir(rows, recipe)
    say = partial(process.print, flush=True)
    if reused := target.exists():
        say(f"{portable(target)} is there already: nothing to train.")
    else:
        say(f"Training on {len(rows.train):,} rows of at most {budget:,} tokens.")
        if len(rows.train) < 500:  # docs/experiments.md: 319 lowered the loss by a quarter
            say(
                f"{len(rows.train):,} training rows: expect no measurable effect; about 1,000 are "
                "needed. Give 1_gen more documents, or raise questions_per_chunk."
            )
        if not rows.valid:
            unused = ", and early_stop_patience is not used" if recipe.early_stop_patience else ""
            say(f"No validation rows (valid_share in 1_gen): their loss is not measured{unused}.")
        busy = f"{portable(target)} is being trained by another process. Wait for it, or end it."
        # Another one would write into its checkpoints.
        lock = alone(target.parent / ".lock", busy, place=int(target.name[-12:], 16))
        with lock if process.is_main_process else nullcontext():
            _train(rows, recipe, target, process)
    with process.main_process_first():
        return find_trained(rows, recipe, reused=reused)


def find_trained(rows: PreparedRows, recipe: Recipe, *, reused: bool) -> Trained:
    """The student that these inputs made, and the baseline to serve beside it."""
    target = student_dir(rows, recipe)
    history: list[HistoryPoint] = []
    with suppress(OSError, ValueError):
        history = read_jsonl(target / "metrics.jsonl")
    if not history or missing_in_folder(target / "merged"):
        raise SetupError(
            f"{portable(target)} is not whole any more: a file of merged/, or metrics.jsonl, is "
            "not there, or cut off. Delete the folder and run this again, which trains it anew."
        )
    return Trained(
        model_dir=target / "merged",
        baseline_dir=prepare_baseline(rows.base, chat_template=rows.tokenizer.chat_template),
        history=history,
        seconds=max(point["seconds"] for point in history),
        rows=rows,
        reused=reused,
    )


def student_dir(rows: PreparedRows, recipe: Recipe) -> Path:
    """The student's folder, named after everything that decides what it learns."""
    folder, earlier = rows.dataset_dir / "chat", recipe.from_adapter  # "chat": of all formats
    made_of = {
        "recipe": _VERSION,
        "base": rows.base.fingerprint,
        "train": file_sha256(folder / "train.jsonl"),
        "valid": file_sha256(folder / "valid.jsonl"),
        "chat_template": rows.tokenizer.chat_template,
        "settings": _settings(recipe),
        "from_adapter": earlier and folder_fingerprint(adapter_dir(earlier)),
    } | second_inputs(recipe)
    return artefact_dir("students", recipe.run_name, made_of)


def _settings(recipe: Recipe) -> dict[str, Any]:
    return {name: getattr(recipe, name) for name in _TRAINING_KNOBS}


def _card_settings(recipe: Recipe) -> dict[str, Any]:
    settings = {"dataset_format": recipe.dataset_format} | _settings(recipe) | second_inputs(recipe)
    settings |= {"from_adapter": recipe.from_adapter} if recipe.from_adapter else {}
    if recipe.method == "full" or recipe.from_adapter:  # an earlier adapter brings its own
        return {name: it for name, it in settings.items() if name[:4] not in ("lora", "use_")}
    return settings | {"lora_targets": recipe.lora_targets or "all linear layers"}


def _train(rows: PreparedRows, recipe: Recipe, target: Path, process: Any) -> None:
    scratch = training_dir(target, process.num_processes, recipe.parallel)
    if process.is_main_process:
        for left in {*target.parent.glob(f".{target.name}.????????")} - {scratch}:
            shutil.rmtree(left, ignore_errors=True)  # half built, by a run that was killed
    checkpoint = last_checkpoint(scratch)
    if process.is_main_process and not checkpoint:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
    process.wait_for_everyone()
    if checkpoint:
        step = checkpoint.name.rpartition("-")[2]
        process.print(f"Going on from step {step}, where a run that ended saved it.", flush=True)
    process.print(memory_estimate(rows, recipe, processes=process.num_processes), flush=True)
    watch = training_watch(scratch / "metrics.jsonl")
    with plain_output(), training_errors(rows, recipe, scratch):
        trainer = make_trainer(rows, recipe, output_dir=scratch, callbacks=[watch])
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if not trainer.state.global_step:  # the trainer would save the base as the student
            raise SetupError(
                f"{len(rows.train):,} rows gave no update (processes: {process.num_processes}), "
                "so nothing was trained. Start fewer processes, or make more rows in 1_gen."
            )
        state = None  # of a model that is divided: all processes take part, the first has it
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
        if process.is_main_process:
            with building(target) as folder:
                merged = _save_models(folder, rows, recipe, trainer, state)
                if recipe.then:
                    train_again(folder, rows, recipe, scratch_dir=scratch / "second")
                settings = _card_settings(recipe)
                write_model_card(folder, rows, settings, watch.history, merged)
                write_jsonl(folder / "metrics.jsonl", watch.history)
            shutil.rmtree(scratch, ignore_errors=True)
    if process.is_main_process:
        if said := validation_said(watch.history):
            print(f"The validation loss {said}.")
        print(f"Written: {portable(target)}", flush=True)
    process.wait_for_everyone()


def _save_models(
    folder: Path, rows: PreparedRows, recipe: Recipe, trainer: Any, state: dict[str, Any] | None
) -> str:
    """Write adapter and merged model; the result is the comparison of their answers."""
    model, said = trainer.accelerator.unwrap_model(trainer.model), ""
    first = trainer.train_dataset[0]
    pieces = trained_pieces(first["input_ids"], first["labels"], rows.tokenizer)
    write_text(folder / "trained_row.txt", marked(pieces))
    if recipe.method != "full":
        dtype = model.get_input_embeddings().weight.dtype
        save_adapter(model, folder / "adapter", rows.base, state=state)
        del model
        vars(trainer).clear()  # its memory, before another model is loaded
        gc.collect()
        model, said = merge_adapter(rows.base.folder, folder / "adapter", rows=rows, dtype=dtype)
        print(f"{said[0].upper()}{said[1:]}.", flush=True)
    elif state is not None:
        model = load_weights(rows.base.folder, dtype=next(iter(state.values())).dtype)
        model.load_state_dict(state)
    save_model(model, folder / "merged", tokenizer=rows.tokenizer)
    return said
