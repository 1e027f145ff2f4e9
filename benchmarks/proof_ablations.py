"""What each part of RAFT's rows does on the embedded default: every student of the proof, one seed.

The reasoning, the share of rows with their oracle, the number and the kind of distractors. Writes
docs/proof_ablations.md and its plots. What is trained or answered is found again by the next run,
also after a kill, and so is what `proof` has trained.

Takes about 50 minutes on a CPU with bf16 arithmetic (an estimate).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.proof import MAX_QUESTIONS, SEEDS, run_seeds, toy_home
from benchmarks.proof_data import proof_recipe
from benchmarks.proof_figures import MAIN, SeedRun
from benchmarks.proof_page import comparison, method, overview, trainings_table
from benchmarks.proof_plots import DISTRACTORS_SVG, SHARE_SVG, write_plots
from benchmarks.proof_rows import BASELINE, RAFT, VARIANTS, Variant
from lib.parameters import DEFAULT_PARAMETERS
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, write_text
from lib.threads import tune_threads


def main(*, quick: bool = False) -> int:
    """Print RAFT's exact match beside that of the best other."""
    if not quick:
        return ablate()
    with toy_home() as (folder, few):
        return ablate(VARIANTS[:1], docs_dir=folder, max_questions=1, **few)


def ablate(
    variants: Sequence[Variant] = VARIANTS,
    *,
    docs_dir: Path = PROJECT_DIR / "docs",
    max_questions: int = MAX_QUESTIONS,
    **changed: Any,
) -> int:
    tune_threads()  # before torch is loaded
    recipe = proof_recipe("proof", **changed)
    [run] = run_seeds(variants, recipe, seeds=SEEDS[:1], max_questions=max_questions)
    write_text(docs_dir / "proof_ablations.md", ablations_page(run, variants, recipe, docs_dir))
    others = [BASELINE, *(variant.name for variant in variants if variant.name != RAFT)]
    best = max(others, key=lambda name: run.exact(name, MAIN))
    raft, other = (100 * run.exact(name, MAIN) for name in (RAFT, best))
    print(f"exact match, {MAIN}: RAFT {raft:.0f}%, “{best}” {other:.0f}% (no target)")
    return 0


def ablations_page(
    run: SeedRun, variants: Sequence[Variant], recipe: Recipe, docs_dir: Path
) -> str:
    """The page; its plots are written beside it."""
    readings = write_plots(run, docs_dir)
    others = [BASELINE, *(variant.name for variant in variants if variant.name != RAFT)]
    return "\n\n".join(
        [
            "# What each part of RAFT's rows does",
            "`python -m benchmarks proof_ablations` trains, asks and writes this page; change "
            "that, not this. [proof.md](proof.md) has the baseline over three seeds.",
            "With the oracle among 4 distractors:",
            "\n".join(f"- {comparison([run], other, MAIN)}" for other in others),
            "## What was run",
            method([run], recipe, parameters=DEFAULT_PARAMETERS.name),
            trainings_table([run], variants),
            "## Exact match",
            overview([run]),
            "## The share of rows with their oracle",
            readings[SHARE_SVG],
            "## The number of distractors",
            readings[DISTRACTORS_SVG] + "\n",
        ]
    )
