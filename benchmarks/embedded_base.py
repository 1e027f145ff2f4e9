"""The embedded base student as a reader, before any fine-tuning: unseen families and real prose.

Exact match and F1 of its answers with the oracle passage alone, share of its quotes that stand
verbatim in the passage, and its refusals; greedy, fixed seeds. Kinds of thing, facts and
attributes of "unseen families", and the documents of "real prose", are kept out of its training.

Takes about 5 minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from benchmarks.homes import fresh_home, random_model
from benchmarks.reading import greedy_replies, load_reader
from lib.eval.metrics.overlap import exact_match, f1
from lib.finetune.students import EMBEDDED_MODEL_DIR
from lib.prompts.student import parse_answer, student_messages
from offline.build.asks import Ask
from offline.build.passages import Example, generated_example
from offline.build.prose import prose_example

TARGET = 0.4  # exact match on passages of unseen families, oracle alone
SIZES = {
    "families trained on": 60,
    "unseen families": 120,
    "real prose": 60,
    "unseen families, 3 passages": 60,
    "unanswerable, families": 40,
    "unanswerable, prose": 40,
}


@dataclass(frozen=True)
class Case:
    """One question and the documents it is asked on."""

    documents: tuple[str, ...]
    ask: Ask


def draw_cases(
    make: Callable[[Random], Example], *, count: int, seed: str, answerable: bool
) -> list[Case]:
    """One question from each of `count` examples."""
    rng = Random(seed)
    cases: list[Case] = []
    while len(cases) < count:
        example = make(rng)
        asks = [ask for ask in example.asks if bool(ask.answer) is answerable]
        if asks:
            cases.append(Case(example.documents, rng.choice(asks)))
    return cases


def case_sets(sizes: dict[str, int]) -> dict[str, list[Case]]:
    """The sets that are measured; none or all of a set's questions are unanswerable."""
    makers: dict[str, Callable[[Random], Example]] = {
        "families trained on": lambda rng: generated_example(
            rng, num_sentences=rng.randint(3, 9), unanswerable=0.0
        ),
        "unseen families": lambda rng: generated_example(
            rng, num_sentences=rng.randint(3, 9), held_out=True, unanswerable=0.0
        ),
        "real prose": lambda rng: prose_example(
            rng, num_chars=rng.randint(300, 1000), held_out=True, unanswerable=0.0
        ),
        "unseen families, 3 passages": lambda rng: generated_example(
            rng, num_sentences=15, num_documents=3, held_out=True, unanswerable=0.0
        ),
        "unanswerable, families": lambda rng: generated_example(
            rng, num_sentences=rng.randint(3, 9), held_out=True, unanswerable=1.0
        ),
        "unanswerable, prose": lambda rng: prose_example(
            rng, num_chars=rng.randint(300, 1000), held_out=True, unanswerable=1.0
        ),
    }
    return {
        name: draw_cases(
            makers[name], count=count, seed=name, answerable="unanswerable" not in name
        )
        for name, count in sizes.items()
    }


def answer_all(model: Any, tokenizer: Any, cases: list[Case], *, max_new_tokens: int) -> list[str]:
    """The model's greedy completions, in the cases' order."""
    prompts = [student_messages(case.ask.question, case.documents) for case in cases]
    return greedy_replies(model, tokenizer, prompts, max_new_tokens=max_new_tokens)


def measure(cases: list[Case], replies: list[str]) -> dict[str, float]:
    """Means over the cases: exact match, F1, quotes verbatim, quotes that are right, refusals."""
    totals = dict.fromkeys(("exact match", "F1", "quote verbatim", "right quote", "refused"), 0.0)
    for case, reply in zip(cases, replies, strict=True):
        parsed = parse_answer(reply)
        context = " ".join(" ".join(case.documents).split())
        totals["refused"] += parsed.refused
        if case.ask.answer and parsed.final_answer and not parsed.refused:
            totals["exact match"] += exact_match(parsed.final_answer, case.ask.answer)
            totals["F1"] += f1(parsed.final_answer, case.ask.answer)
        if parsed.quotes:
            totals["quote verbatim"] += all(quote in context for quote in parsed.quotes)
            totals["right quote"] += " ".join(case.ask.quote.split()) in parsed.quotes
    return {name: total / len(cases) for name, total in totals.items()}


def main(*, quick: bool = False) -> int:
    """Print a line for each set; 1 if unseen families are read less well than the target."""
    with fresh_home() as folder:
        model_dir = random_model(folder / "random") if quick else EMBEDDED_MODEL_DIR
        model, tokenizer = load_reader(model_dir)
    results: dict[str, dict[str, float]] = {}
    sizes: dict[str, int] = {}
    for name, cases in case_sets(dict.fromkeys(SIZES, 1) if quick else SIZES).items():
        results[name] = measure(
            cases, answer_all(model, tokenizer, cases, max_new_tokens=4 if quick else 100)
        )
        sizes[name] = len(cases)
        figures = " · ".join(f"{what} {value:.2f}" for what, value in results[name].items())
        print(f"{name} (n = {len(cases)}): {figures}", flush=True)
    right = sum(results[n]["refused"] * sizes[n] for n in sizes if n.startswith("unanswerable"))
    wrong = sum(results[n]["refused"] * sizes[n] for n in sizes if not n.startswith("unanswerable"))
    asked = sum(sizes[n] for n in sizes if n.startswith("unanswerable"))
    print(
        f"refusals: precision {right / max(1, right + wrong):.2f}, recall {right / asked:.2f} "
        f"(n = {asked} unanswerable, {sum(sizes.values()) - asked} answerable)"
    )
    reached = results["unseen families"]["exact match"]
    print(f"exact match on unseen families, oracle alone: {reached:.2f} (target {TARGET})")
    return int(reached < TARGET)
