"""Whether RAFT works on the embedded default: baseline, RAFT and its controls, over three seeds.

Every student trains as many steps on the same questions of the sample corpus, and is asked about
documents that no training row shows. Writes docs/proof.md. What is trained or answered is found
again by the next run, also after a kill.

Takes about 3 hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.homes import fresh_home, random_model
from benchmarks.proof_data import RUN_NAME, proof_recipe, seed_data
from benchmarks.proof_figures import Marks, SeedRun, Training, gates, mark
from benchmarks.proof_page import gate_line, write_page
from benchmarks.proof_rows import BASELINE, VARIANTS, Variant
from benchmarks.reading import greedy_replies, load_reader
from lib import finetune
from lib.eval.conditions import Case
from lib.gen import Corpus
from lib.gen.ask.questions import teacher_name
from lib.progress import Progress
from lib.prompts.student import student_messages
from lib.recipe import Recipe
from lib.records import RaftExample
from lib.settings import PROJECT_DIR, SetupError, home, portable, write_text
from lib.store import fingerprint, folder_fingerprint, read_json, write_json
from lib.threads import tune_threads
from offline.teacher import NAME

SEEDS = (0, 1, 2)
MAX_QUESTIONS, MAX_NEW_TOKENS, BATCH_SIZE = 200, 128, 8


def main(*, quick: bool = False) -> int:
    """Print the gates; 1 when one is missed. Quick: a random model on a few documents.

    Raises:
        SetupError: .env names a teacher, or the corpus cannot fill the rows.
    """
    if not quick:
        return prove()
    with fresh_home() as folder, patch(f"{__name__}.MAX_NEW_TOKENS", 8):
        for path in (PROJECT_DIR / "sample_data" / "registers").glob("farm-*.txt"):
            beginning = path.read_text(encoding="utf-8")[:400].rpartition(".")[0]
            write_text(folder / "documents" / path.name, f"{beginning}.\n")
        few = {"doc_path": str(folder / "documents"), "questions_per_chunk": 2, "num_epochs": 0.02}
        few["student_model"] = str(random_model(folder / "random"))
        return prove(seeds=(0,), variants=VARIANTS[:2], docs_dir=folder, max_questions=1, **few)


def prove(
    *,
    seeds: Sequence[int] = SEEDS,
    variants: Sequence[Variant] = VARIANTS,
    docs_dir: Path = PROJECT_DIR / "docs",
    max_questions: int = MAX_QUESTIONS,
    **changed: Any,
) -> int:
    """Print the gates; 1 when one is missed. `changed` are parameters beside tiny.yaml's."""
    tune_threads()  # before torch is loaded
    recipe = proof_recipe(**changed)
    if teacher_name() != NAME:
        raise SetupError(
            f".env names the teacher {teacher_name()}, and the proof is about the built-in "
            "one. Take COMPLETION_… out of .env for this command."
        )
    corpus = Corpus(recipe).read()
    plan = {s: [v for v in variants if v.every_seed or s == seeds[0]] for s in seeds}
    progress = Progress("models", sum(1 + len(of_seed) for of_seed in plan.values()))
    runs = [
        run_seed(corpus, plan[seed], replace(recipe, seed=seed), progress, max_questions)
        for seed in seeds
    ]
    progress.close()
    found = gates(runs)
    page_path = write_page(runs, variants, found, recipe, docs_dir=docs_dir)
    for gate in found:
        print(gate_line(gate))
    missed = sum(not gate.reached for gate in found)
    print(f"{page_path.name}: {len(found) - missed} of {len(found)} gates reached (target: all)")
    return int(missed > 0)


# --- one seed ------------------------------------------------------------------------------------


def run_seed(
    corpus: Corpus,
    variants: Sequence[Variant],
    recipe: Recipe,
    progress: Progress,
    max_questions: int,
) -> SeedRun:
    """Train each variant and ask it and the baseline everything."""
    seed = recipe.seed
    data = seed_data(corpus, variants, recipe, max_questions)
    held_out = {question.oracle.document_id for question in data.questions}
    print(f"seed {seed}: {len(data.questions)} questions on {len(held_out)} held-out documents")
    marks: dict[tuple[str, str], Marks] = {}
    trainings: dict[str, Training] = {}

    def ask(name: str, model_dir: Path, *, new: bool = False) -> None:
        print(f"seed {seed} · {name} · answering", flush=True)
        replies, asked = answer(model_dir, data.cases)
        marks.update({(name, c): mark(given, data.questions) for c, given in replies.items()})
        if not (new or asked):
            progress.total -= 1  # found again: it says nothing about the time that the rest takes
        else:
            progress.advance()

    for variant in variants:
        print(f"seed {seed} · {variant.name} · training", flush=True)
        trained = _train(data.dataset_dirs[variant.name], recipe)
        trainings[variant.name] = _training(data.rows[variant.name], trained)
        if (BASELINE, "oracle") not in marks:
            ask(BASELINE, trained.baseline_dir)
        ask(variant.name, trained.model_dir, new=not trained.reused)
    shown = {c.document_id for rows in data.rows.values() for e in rows for c in e.context}
    hits = [case.oracle_in_context for case in data.cases["top_5"]]
    return SeedRun(
        seed=seed,
        clusters=tuple(question.oracle.id for question in data.questions),
        num_documents=len(held_out),
        num_shared=len(held_out & shown),
        hit_rate=sum(hits) / len(hits),
        trainings=trainings,
        marks=marks,
    )


# --- one model -----------------------------------------------------------------------------------


def _train(dataset_dir: Path, recipe: Recipe) -> finetune.Trained:
    return finetune.train_student(finetune.prepare_rows(dataset_dir, recipe), recipe)


def _training(rows: Sequence[RaftExample], trained: finetune.Trained) -> Training:
    return Training(
        rows=len(rows),
        oracle_share=sum(e.oracle_position is not None for e in rows) / len(rows),
        updates=int(max(point["step"] for point in trained.history)),
        tokens=trained.rows.lengths.total_tokens,
        seconds=trained.seconds,
    )


def answer(
    model_dir: Path, cases: Mapping[str, Sequence[Case]]
) -> tuple[dict[str, list[str]], bool]:
    """A model's replies by condition, and whether any had to be asked for.

    They are kept under artefacts/proof/, a file a condition, named after the model's files, the
    prompts and the budget.
    """
    model_id, reader = folder_fingerprint(model_dir), None
    replies: dict[str, list[str]] = {}
    for condition, asked in cases.items():
        prompts = [student_messages(c.question, [chunk.text for chunk in c.chunks]) for c in asked]
        made_of = {"model": model_id, "prompts": prompts, "max_new_tokens": MAX_NEW_TOKENS}
        path = home() / "artefacts" / RUN_NAME / f"replies-{fingerprint(made_of)}.json"
        if not path.exists():
            reader = reader or load_reader(model_dir, dtype="float32")
            given = greedy_replies(
                *reader, prompts, max_new_tokens=MAX_NEW_TOKENS, batch_size=BATCH_SIZE
            )
            ids = [case.question_id for case in asked]
            write_json(
                path,
                {
                    "model": portable(model_dir),
                    "condition": condition,
                    "replies": dict(zip(ids, given, strict=True)),
                },
            )
        replies[condition] = list(read_json(path)["replies"].values())
    return replies, reader is not None
