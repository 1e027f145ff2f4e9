"""Whether RAFT works on Gemma 3 270M, a pretrained model that nobody here made: two seeds.

The RAFT student against the model that it started from, asked with the student's prompt and with
the plain prompt that suits it best, and against a student trained equally long on the oracle alone;
on documents that no training row shows. Needs the folder that `make gemma` makes. Writes
docs/proof_gemma.md after each seed. What is trained or answered is found again by the next run,
also after a kill.

Takes about 2 hours on a CPU with bf16 arithmetic, 4 without (estimates).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import proof
from benchmarks.proof_data import proof_recipe
from benchmarks.proof_figures import MAIN, SeedRun
from benchmarks.proof_page import (
    comparison,
    condition_table,
    method,
    overview,
    trainings_table,
)
from benchmarks.proof_rows import BASELINE, BASELINE_PLAIN, ORACLE_ONLY, RAFT, VARIANTS, Variant
from lib.eval.wording import signed
from lib.prompts.student import PLAIN_PROMPT, Message, Prompt, parse_plain_answer, student_question
from lib.recipe import Recipe
from lib.settings import PROJECT_DIR, write_text
from lib.threads import tune_threads

PARAMETERS = PROJECT_DIR / "parameters" / "gemma-3-270m.yaml"
SEEDS, MAX_QUESTIONS = (0, 1), 100
CONDITIONS = (MAIN, "top_5")
HELD_OUT: dict[str, Any] = {
    "max_chunks": 260,
    "eval_share": 0.25,
}  # beside the YAML's, for 100 questions
STUDENTS = tuple(variant for variant in VARIANTS if variant.name in (RAFT, ORACLE_ONLY))

_EXAMPLE_DOCUMENTS = (
    "The mill at Corran Ford was built in 1802 and burnt down in 1911.",
    "Ewan Pryce repairs clocks in Tarn Street.",
)


def _bare(question: str, documents: Sequence[str], *, refusal: str = "") -> list[Message]:
    """No instruction, which a base model was never taught to follow: a text to be continued."""
    asked = student_question(f"Question: {question}\nAnswer:", documents)
    return [{"role": "user", "content": asked}]


def _one_shot(question: str, documents: Sequence[str], *, refusal: str = "") -> list[Message]:
    """The same behind an example."""
    example = student_question(
        "Question: Who repairs clocks?\nAnswer: Ewan Pryce", _EXAMPLE_DOCUMENTS
    )
    return [{"role": "user", "content": example}, *_bare(question, documents)]


PLAIN_PROMPTS = (
    PLAIN_PROMPT,
    Prompt("no instruction", _bare, parse_plain_answer),
    Prompt("one example", _one_shot, parse_plain_answer),
)


def main(*, quick: bool = False) -> int:
    """Print the comparisons; 1 when RAFT's lead over a baseline may be zero in some seed."""
    if not quick:
        return prove(docs_dir=PROJECT_DIR / "docs", **HELD_OUT)
    with proof.toy_home() as (folder, few), patch.object(proof, "CHOOSING_QUESTIONS", 1):
        return prove(docs_dir=folder, seeds=(0,), students=STUDENTS[:1], max_questions=1, **few)


def prove(
    *,
    docs_dir: Path,
    seeds: Sequence[int] = SEEDS,
    students: Sequence[Variant] = STUDENTS,
    max_questions: int = MAX_QUESTIONS,
    **changed: Any,
) -> int:
    """Train, ask and write the page; `changed` are parameters beside the YAML's."""
    tune_threads()  # before torch is loaded
    recipe = proof_recipe("proof-gemma", parameters_path=PARAMETERS, **changed)
    path, runs = docs_dir / "proof_gemma.md", list[SeedRun]()
    for run in proof.run_seeds(
        students,
        recipe,
        seeds=seeds,
        max_questions=max_questions,
        conditions=CONDITIONS,
        plain_prompts=PLAIN_PROMPTS,
    ):
        runs.append(run)
        write_text(path, _page(runs, students, recipe) + "\n")
    lows, said = [], []
    for other in (BASELINE, BASELINE_PLAIN):
        found = [run.difference(RAFT, other, MAIN) for run in runs]
        lows += [difference.low for difference in found]
        leads = ", ".join(f"{signed(d.mean)} ({signed(d.low)} to {signed(d.high)})" for d in found)
        said.append(f"{other} {leads}")
    print(f"Written: {path.name}")
    print(f"RAFT − {'; '.join(said)} points, {MAIN} (target: each interval above 0)")
    return int(min(lows) <= 0)


def _page(runs: Sequence[SeedRun], students: Sequence[Variant], recipe: Recipe) -> str:
    others = [BASELINE, BASELINE_PLAIN, *(s.name for s in students if s.name != RAFT)]
    return "\n\n".join(
        [
            "# Does RAFT work on Gemma 3 270M?",
            "`python -m benchmarks proof_gemma` trains, asks and writes this page; change that, "
            "not this. [proof.md](proof.md) is the same of the embedded default.",
            "## In short",
            "Exact match with the oracle among 4 distractors, and the difference in each seed:",
            "\n".join(f"- {comparison(runs, other, MAIN)}" for other in others),
            "## What was run",
            method(runs, recipe, parameters=PARAMETERS.name),
            f"“{BASELINE_PLAIN}” is the base with the one of {len(PLAIN_PROMPTS)} plain prompts "
            "that has the most exact matches on validation questions.",
            trainings_table(runs, students),
            "## Exact match",
            overview(runs),
            "## Every condition",
            *[condition_table(runs, condition) for condition in CONDITIONS],
        ]
    )
