"""Rows that the embedded student learns per CPU second: TRL, our trainer, and shared contexts.

Rows of the sample corpus with distractors_per "chunk" (OPENBOOK_BENCHMARK_DOCUMENTS names other
documents), as parameters/tiny.yaml trains them: every weight, 4 rows a step, 8 an update. One
thread; each way in a process of its own, in turns, the best of ROUNDS. Linux only.

Takes about 8 minutes.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage
from typing import Any

from benchmarks.homes import documents, fresh_home, random_model
from lib.finetune.rows import PreparedRows, prepare_rows
from lib.finetune.shared_contexts import share_contexts
from lib.finetune.tokens import TokenRow
from lib.finetune.trainer import make_trainer
from lib.finetune.watch import plain_output
from lib.gen import generate
from lib.parameters import DEFAULT_PARAMETERS, read_parameters
from lib.recipe import Recipe

ROUNDS, ROWS, PACKED_TOKENS = 2, 64, 1024


@dataclass(frozen=True)
class Way:
    name: str
    recompute: str
    make: Callable[[PreparedRows, Recipe, Path], Any]  # a trainer


def _trl(**options: Any) -> Callable[[PreparedRows, Recipe, Path], Any]:
    """TRL's own trainer with its defaults, on the same rows, labels and batches."""

    def make(rows: PreparedRows, recipe: Recipe, output_dir: Path) -> Any:
        from datasets import Dataset
        from transformers import AutoModelForCausalLM
        from trl import SFTConfig, SFTTrainer

        longest = max(len(row.input_ids) for row in rows.train)
        told = {"max_length": None, "activation_checkpointing": True} | options
        if told.get("packing"):  # which drops what is longer
            told["max_length"] = max(PACKED_TOKENS, longest)
        return SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(str(rows.base.folder), dtype="float32"),
            args=SFTConfig(
                output_dir=str(output_dir),
                per_device_train_batch_size=recipe.batch_size,
                gradient_accumulation_steps=recipe.gradient_accumulation_steps,
                num_train_epochs=recipe.num_epochs,
                use_cpu=True,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                **told,
            ),
            train_dataset=Dataset.from_list(
                [{"input_ids": row.input_ids, "labels": row.labels} for row in rows.train]
            ),
            processing_class=rows.tokenizer,
        )

    return make


def _ours(*, shared: bool) -> Callable[[PreparedRows, Recipe, Path], Any]:
    def make(rows: PreparedRows, recipe: Recipe, output_dir: Path) -> Any:
        told = replace(recipe, share_contexts=shared)
        return make_trainer(rows, told, output_dir=output_dir, callbacks=[])

    return make


TRL, PACKING, OURS, SHARED = "TRL default", "TRL with packing", "ours", "ours, shared contexts"
WAYS = (
    Way(TRL, "on", _trl()),
    Way("TRL without recompute", "off", _trl(activation_checkpointing=False)),
    Way(PACKING, "on", _trl(packing=True)),
    Way(OURS, "off", _ours(shared=False)),
    Way(SHARED, "off", _ours(shared=True)),
)
# Rows per CPU second, in multiples of the way; and peak memory, at most the part of ours.
TARGETS, MEMORY_TARGET = {TRL: 3.0, PACKING: 6.0}, 1.0


def main(*, quick: bool = False) -> int:
    """Print a line for each way, then the ratios; 1 when a target is missed."""
    with fresh_home() as home:
        changed: dict[str, Any] = {"doc_path": documents(quick=quick), "distractors_per": "chunk"}
        if quick:
            changed["student_model"] = str(random_model(home / "random"))
        values = read_parameters(DEFAULT_PARAMETERS) | changed | {"num_epochs": 1.0}
        with contextlib.redirect_stdout(sys.stderr):
            dataset_dir = generate(Recipe(**values))
        if quick:  # all in this process
            found = [measure(way.name, str(dataset_dir), values, rows=16) for way in WAYS]
        else:
            rounds = [
                [_in_process(way, dataset_dir, values) for way in WAYS] for _ in range(ROUNDS)
            ]
            found = [
                {
                    "rows_per_cpu_s": max(m["rows_per_cpu_s"] for m in of_way),
                    "peak_mb": min(m["peak_mb"] for m in of_way),
                }
                for of_way in zip(*rounds, strict=True)
            ]
    made = {way.name: figures for way, figures in zip(WAYS, found, strict=True)}
    print("way | activations recomputed | rows per CPU second | peak memory, MB")
    for way in WAYS:
        rate, peak = made[way.name]["rows_per_cpu_s"], made[way.name]["peak_mb"]
        print(f"| {way.name} | {way.recompute} | {rate:.2f} | {peak:,.0f} |")
    return _verdict(made)


def _verdict(made: dict[str, dict[str, float]]) -> int:
    shared = made[SHARED]
    ratios = {
        way: shared["rows_per_cpu_s"] / made[way]["rows_per_cpu_s"] for way in (*TARGETS, OURS)
    }
    memory = shared["peak_mb"] / made[OURS]["peak_mb"]
    said = [f"{ratios[way]:.1f} × {way} (target {target:g})" for way, target in TARGETS.items()]
    said.append(f"{ratios[OURS]:.1f} × {OURS}")
    said.append(f"memory {memory:.2f} × {OURS} (target at most {MEMORY_TARGET:g})")
    print(f"shared contexts: {', '.join(said)}")
    reached = all(ratios[way] >= target for way, target in TARGETS.items())
    return int(not reached or memory > MEMORY_TARGET)


def _in_process(way: Way, dataset_dir: Path, values: dict[str, Any]) -> dict[str, float]:
    told = {"name": way.name, "dataset_dir": str(dataset_dir), "values": values, "rows": ROWS}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.training_speed", json.dumps(told)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    figures = dict(json.loads(done.stdout.splitlines()[-1]))
    print(f"{way.name}: {figures['rows_per_cpu_s']:.2f} rows per CPU second", file=sys.stderr)
    return figures


def measure(name: str, dataset_dir: str, values: dict[str, Any], rows: int) -> dict[str, float]:
    """Train one epoch on about so many rows; figures from the second update on."""
    recipe = Recipe(**values)
    prepared = prepare_rows(Path(dataset_dir), recipe)
    prepared = replace(prepared, train=_drawn(prepared.train, rows, recipe), valid=[])
    (make,) = (way.make for way in WAYS if way.name == name)
    with tempfile.TemporaryDirectory() as folder, plain_output():
        trainer = make(prepared, recipe, Path(folder))
        seen = _count_rows(trainer)
        trainer.train()
    cpu_s = time.process_time() - seen["started"]
    return {
        "rows_per_cpu_s": seen["rows"] / cpu_s,
        "peak_mb": getrusage(RUSAGE_SELF).ru_maxrss / 1000,
    }


def _drawn(rows: Sequence[TokenRow], count: int, recipe: Recipe) -> list[TokenRow]:
    """The rows of some contexts, drawn from all."""
    contexts = share_contexts(rows, most_rows=recipe.batch_size)
    Random(0).shuffle(contexts)
    return [row for context in contexts for row in context.rows][:count]


def _count_rows(trainer: Any) -> dict[str, float]:
    """Counts the completions of every step but those of the first update, which warms up."""
    step, seen, warm_up = trainer.training_step, {"rows": 0.0, "started": 0.0, "steps": 0.0}, 2

    def counted(model: Any, inputs: dict[str, Any], *rest: Any, **named: Any) -> Any:
        if seen["steps"] == warm_up:
            seen["started"] = time.process_time()
        if seen["steps"] >= warm_up:
            learnt = inputs["labels"] != -100
            seen["rows"] += int((learnt[:, 1:] & ~learnt[:, :-1]).sum())
        seen["steps"] += 1
        return step(model, inputs, *rest, **named)

    trainer.training_step = counted
    return seen


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
