"""Whether RAFT works on the embedded default: baseline, RAFT and two controls, over three seeds.

Every student trains as many steps on the same questions of the sample corpus, and is asked about
documents that no training row shows. Writes docs/proof.md. What is trained or answered is found
again by the next run, also after a kill.

Takes about 45 minutes on a CPU with bf16 arithmetic (an estimate).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.homes import fresh_home, random_model, toy_embeddings
from benchmarks.kept_replies import answer
from benchmarks.proof_data import SeedData, proof_recipe, seed_data
from benchmarks.proof_figures import Marks, SeedRun, Training, gates, mark
from benchmarks.proof_page import gate_line, write_page
from benchmarks.proof_rows import BASELINE, BASELINE_PLAIN, CONDITIONS, VARIANTS, Variant
from lib import finetune
from lib.eval.conditions import Case
from lib.eval.questions import EvalQuestion
from lib.gen import Corpus
from lib.gen.ask.questions import teacher_name
from lib.progress import Progress
from lib.prompts.student import STUDENT_PROMPT, Prompt
from lib.recipe import Recipe
from lib.records import RaftExample
from lib.settings import PROJECT_DIR, SetupError, write_text
from lib.threads import tune_threads
from offline.teacher import NAME

SEEDS = (0, 1, 2)
STUDENTS = VARIANTS[:3]  # the others are ablations
MAX_QUESTIONS = 200
CHOOSING_QUESTIONS = 30  # of the validation split, to choose a plain prompt


def main(*, quick: bool = False) -> int:
    """Print the gates; 1 when one is missed. Quick: a random model on a few documents.

    Raises:
        SetupError: .env names a teacher, or the corpus cannot fill the rows.
    """
    if not quick:
        return prove()
    with toy_home() as (folder, few):
        return prove(seeds=(0,), variants=STUDENTS[:2], docs_dir=folder, max_questions=1, **few)


@contextmanager
def toy_home() -> Iterator[tuple[Path, dict[str, Any]]]:
    """A home with a random model and a few short documents, and the parameters that name them."""
    with fresh_home() as folder, toy_embeddings():
        for path in (PROJECT_DIR / "sample_data" / "registers").glob("farm-*.txt"):
            beginning = path.read_text(encoding="utf-8")[:400].rpartition(".")[0]
            write_text(folder / "documents" / path.name, f"{beginning}.\n")
        yield (
            folder,
            {
                "doc_path": str(folder / "documents"),
                "student_model": str(random_model(folder / "random")),
                "questions_per_chunk": 2,
                "num_epochs": 0.02,
                "max_answer_tokens": 8,
            },
        )


def prove(
    *,
    seeds: Sequence[int] = SEEDS,
    variants: Sequence[Variant] = STUDENTS,
    docs_dir: Path = PROJECT_DIR / "docs",
    max_questions: int = MAX_QUESTIONS,
    **changed: Any,
) -> int:
    """Print the gates; 1 when one is missed. `changed` are parameters beside tiny.yaml's."""
    tune_threads()  # before torch is loaded
    recipe = proof_recipe("proof", **changed)
    runs = list(run_seeds(variants, recipe, seeds=seeds, max_questions=max_questions))
    found = gates(runs)
    page_path = write_page(runs, variants, found, recipe, docs_dir=docs_dir)
    for gate in found:
        print(gate_line(gate))
    missed = sum(not gate.reached for gate in found)
    print(f"{page_path.name}: {len(found) - missed} of {len(found)} gates reached (target: all)")
    return int(missed > 0)


# --- the seeds -----------------------------------------------------------------------------------


def run_seeds(
    variants: Sequence[Variant],
    recipe: Recipe,
    *,
    seeds: Sequence[int],
    max_questions: int,
    conditions: Sequence[str] = tuple(CONDITIONS),
    plain_prompts: Sequence[Prompt] = (),
) -> Iterator[SeedRun]:
    """Train each variant and ask it and the baseline everything, seed by seed.

    With `plain_prompts` the baseline is asked again with the best of them, by `best_prompt`.
    """
    if teacher_name() != NAME:
        raise SetupError(
            f".env names the teacher {teacher_name()}, and the proof is about the built-in "
            "one. Take COMPLETION_… out of .env for this command."
        )
    corpus = Corpus(recipe).read()
    baselines = 1 + bool(plain_prompts)
    progress = Progress("models", len(seeds) * (baselines + len(variants)))
    for seed in seeds:
        of_seed = replace(recipe, seed=seed)
        data = seed_data(corpus, variants, of_seed, max_questions)
        data = replace(data, cases={name: data.cases[name] for name in conditions})
        yield run_seed(data, variants, of_seed, progress, plain_prompts)
    progress.close()


def run_seed(
    data: SeedData,
    variants: Sequence[Variant],
    recipe: Recipe,
    progress: Progress,
    plain_prompts: Sequence[Prompt],
) -> SeedRun:
    seed = recipe.seed
    held_out = {question.oracle.document_id for question in data.questions}
    print(f"seed {seed}: {len(data.questions)} questions on {len(held_out)} held-out documents")
    marks: dict[tuple[str, str], Marks] = {}
    trainings: dict[str, Training] = {}

    def ask(
        name: str, model_dir: Path, *, prompt: Prompt = STUDENT_PROMPT, new: bool = False
    ) -> None:
        print(f"seed {seed} · {name} · answering", flush=True)
        replies, asked = answers_of(model_dir, data.cases, recipe, prompt)
        for condition, given in replies.items():
            marks[name, condition] = mark(given, data.questions, prompt)
        if not (new or asked):
            progress.total -= 1  # found again: it says nothing about the time that the rest takes
        else:
            progress.advance()

    for variant in variants:
        print(f"seed {seed} · {variant.name} · training", flush=True)
        trained = _train(data.dataset_dirs[variant.name], recipe)
        trainings[variant.name] = _training(data.rows[variant.name], trained)
        if not marks:
            ask(BASELINE, trained.baseline_dir)
            if plain_prompts:
                best = best_prompt(trained.baseline_dir, data.valid, plain_prompts, recipe)
                ask(BASELINE_PLAIN, trained.baseline_dir, prompt=best)
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


def best_prompt(
    model_dir: Path, valid: Sequence[RaftExample], prompts: Sequence[Prompt], recipe: Recipe
) -> Prompt:
    """The one with the most exact matches on validation rows, which no figure is of."""
    chosen = valid[:CHOOSING_QUESTIONS]
    questions = [EvalQuestion(e.id, e.question.text, e.question.answer) for e in chosen]
    asked = {"valid": [Case(e.id, e.question.text, "valid", e.context, None) for e in chosen]}
    right = []
    for prompt in prompts:
        replies, _ = answers_of(model_dir, asked, recipe, prompt)
        right.append(sum(mark(replies["valid"], questions, prompt).exact_match))
        print(f"seed {recipe.seed} · {prompt.name}: {right[-1]:.0f} of {len(chosen)}", flush=True)
    return prompts[right.index(max(right))]


def answers_of(
    model_dir: Path,
    cases: Mapping[str, Sequence[Case]],
    recipe: Recipe,
    prompt: Prompt = STUDENT_PROMPT,
) -> tuple[dict[str, list[str]], bool]:
    """As `answer`, with the settings of the proof."""
    return answer(
        model_dir,
        cases,
        run_name=recipe.run_name,
        max_new_tokens=recipe.max_answer_tokens,
        prompt=prompt,
    )


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
