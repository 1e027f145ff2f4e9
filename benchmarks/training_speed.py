"""Rows that the embedded student learns per CPU second: TRL, our trainer, and shared contexts.

Rows of the sample corpus with distractors_per "chunk" (OPENBOOK_BENCHMARK_DOCUMENTS names other
documents), as parameters/tiny.yaml trains them: every weight, 4 rows a step, 8 an update. One
thread; each way in a process of its own, in turns, the best of ROUNDS. Unsloth is one of them where
OPENBOOK_UNSLOTH_PYTHON names a Python that has it (docs/experiments.md). Linux only.

Takes about 8 minutes.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.homes import documents, fresh_home, random_model
from benchmarks.training_ways import Way, in_process, measured, ours, trl, unsloth
from lib.finetune.rows import prepare_rows
from lib.finetune.shared_contexts import share_contexts
from lib.finetune.tokens import TokenRow
from lib.gen import generate
from lib.parameters import DEFAULT_PARAMETERS, read_parameters
from lib.recipe import Recipe

ROUNDS, ROWS = 2, 64
UNSLOTH_VARIABLE = "OPENBOOK_UNSLOTH_PYTHON"
TRL, PACKING, OURS, SHARED = "TRL default", "TRL with packing", "ours", "ours, shared contexts"
WAYS = (
    Way(TRL, trl()),
    Way("TRL without recompute", trl(activation_checkpointing=False)),
    Way(PACKING, trl(packing=True)),
    Way(OURS, ours(shared=False)),
    Way(SHARED, ours(shared=True)),
)
UNSLOTH = Way("Unsloth", unsloth())  # only with UNSLOTH_VARIABLE
# Rows per CPU second, in multiples of the way; and peak memory, at most the part of ours.
TARGETS, MEMORY_TARGET = {TRL: 3.0, PACKING: 6.0, UNSLOTH.name: 2.0}, 1.0


def main(*, quick: bool = False) -> int:
    """Print a line for each way, then the ratios; 1 when a target is missed."""
    ways = WAYS if quick or UNSLOTH_VARIABLE not in os.environ else (*WAYS, UNSLOTH)
    with fresh_home() as home:
        changed: dict[str, Any] = {"doc_path": documents(quick=quick), "distractors_per": "chunk"}
        if quick:
            changed |= {"student_model": str(random_model(home / "random")), "num_distractors": 1}
            changed |= {"batch_size": 2, "gradient_accumulation_steps": 1}
        values = read_parameters(DEFAULT_PARAMETERS) | changed | {"num_epochs": 1.0}
        with contextlib.redirect_stdout(sys.stderr):
            dataset_dir = generate(Recipe(**values))
        if quick:  # all in this process
            found = [measure(way.name, str(dataset_dir), values, rows=4) for way in ways]
        else:
            rounds = [
                [_in_process(way, dataset_dir, values) for way in ways] for _ in range(ROUNDS)
            ]
            found = [
                {
                    "rows_per_s": max(m["rows_per_s"] for m in of_way),
                    "peak_mb": min(m["peak_mb"] for m in of_way),
                    "recomputed": of_way[0]["recomputed"],
                }
                for of_way in zip(*rounds, strict=True)
            ]
    made = {way.name: figures for way, figures in zip(ways, found, strict=True)}
    print("way | activations recomputed | rows per CPU second | peak memory, MB")
    for way in ways:
        rate, peak = made[way.name]["rows_per_s"], made[way.name]["peak_mb"]
        recomputed = "yes" if made[way.name]["recomputed"] else "no"
        print(f"| {way.name} | {recomputed} | {rate:.2f} | {peak:,.0f} |")
    return _verdict(made)


def _verdict(made: dict[str, dict[str, float]]) -> int:
    shared = made[SHARED]
    targets = {way: target for way, target in TARGETS.items() if way in made}
    ratios = {way: shared["rows_per_s"] / made[way]["rows_per_s"] for way in (*targets, OURS)}
    memory = shared["peak_mb"] / made[OURS]["peak_mb"]
    said = [f"{ratios[way]:.1f} × {way} (target {target:g})" for way, target in targets.items()]
    said.append(f"{ratios[OURS]:.1f} × {OURS}")
    said.append(f"memory {memory:.2f} × {OURS} (target at most {MEMORY_TARGET:g})")
    print(f"shared contexts: {', '.join(said)}")
    reached = all(ratios[way] >= target for way, target in targets.items())
    return int(not reached or memory > MEMORY_TARGET)


def _in_process(way: Way, dataset_dir: Path, values: dict[str, Any]) -> dict[str, float]:
    told = {"name": way.name, "dataset_dir": str(dataset_dir), "values": values, "rows": ROWS}
    python = os.environ[UNSLOTH_VARIABLE] if way is UNSLOTH else sys.executable
    alone = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}  # nothing is looked up
    figures = in_process("benchmarks.training_speed", told, python=python, **alone)
    print(f"{way.name}: {figures['rows_per_s']:.2f} rows per CPU second", file=sys.stderr)
    return figures


def measure(name: str, dataset_dir: str, values: dict[str, Any], rows: int) -> dict[str, float]:
    """Train one epoch on about so many rows; figures from the second update on."""
    if name == UNSLOTH.name:
        import unsloth  # noqa: F401  before the libraries that it changes
    recipe = Recipe(**values)
    prepared = prepare_rows(Path(dataset_dir), recipe)
    prepared = replace(prepared, train=_drawn(prepared.train, rows, recipe), valid=[])
    (way,) = (way for way in (*WAYS, UNSLOTH) if way.name == name)
    return measured(way, prepared, recipe)


def _drawn(rows: Sequence[TokenRow], count: int, recipe: Recipe) -> list[TokenRow]:
    """The rows of some contexts, drawn from all."""
    contexts = share_contexts(rows, most_rows=recipe.batch_size)
    Random(0).shuffle(contexts)
    return [row for context in contexts for row in context.rows][:count]


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
