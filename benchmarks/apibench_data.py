"""The benchmark of API calls: its files, the RAFT rows around them, and what is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from lib import rag
from lib.dataset import write_dataset
from lib.duplicates import conflicts
from lib.eval.conditions import Case, build_cases, is_retrieved
from lib.eval.questions import EvalQuestion
from lib.gen.rows import build_examples
from lib.prompts.student import cot_label, neutralise
from lib.rag.embedder import minilm_dir
from lib.recipe import Recipe
from lib.records import Chunk, Document, Page, Question, RaftExample
from lib.settings import SetupError
from lib.store import fingerprint, read_jsonl, write_jsonl
from lib.text import one_line

SHOWN = ("domain", "functionality", "api_name", "api_call", "description")
REASONING = "The documentation says:"
FILES = ("torchhub_api.jsonl", "torchhub_train.jsonl", "torchhub_eval.jsonl")
# `###Instruction: …⏎###Output: …`, or a dict that was printed: `{'Instruction': …, 'Output': …}`
_INSTRUCTION = re.compile(
    r"\A\s*(?:###\s*Instruction:|\{['\"]Instruction['\"]:)\s*['\"]?(.+?)['\"]?,?\s*"
    r"(?:###\s*Output|['\"]Output['\"]\s*:)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Bench:
    documents: list[Document]
    chunks: list[Chunk]  # one a document
    calls: dict[str, str]  # the call of each record → its domain, in the order of the file
    train: list[Question]
    test: list[Question]


def bench_recipe(**changed: Any) -> Recipe:
    """The paper's rows: five documents, the oracle in 80%; without it the answer is remembered.

    The instructions of a record share one context: an epoch is then 3.5 times fewer tokens.
    """
    given: dict[str, Any] = {
        "run_name": "apibench",
        "no_oracle_mode": "memorise",
        "refusal_probability": 0.0,
        "embedding_model": str(minilm_dir()),
        "retrieval": ["dense"],
        "top_k": [5],
        "distractors_per": "chunk",
        "num_epochs": 3.0,
        "learning_rate": 2e-4,
        "lora_dropout": 0.0,
        "batch_size": 8,
        "gradient_accumulation_steps": 1,
    }
    return Recipe(**(given | changed))


# --- files -----------------------------------------------------------------------


def read_bench(folder: Path) -> Bench:
    """Records become documents of one chunk; instructions become questions on them."""
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise SetupError(
            f"{folder} has no {missing[0]}. Give the folder of APIBench's Torch Hub files: "
            f"{', '.join(FILES)}."
        )
    records, train, test = (read_jsonl(folder / name) for name in FILES)
    documents = [_document(number, record) for number, record in enumerate(records)]
    chunks = [Chunk(f"{d.id}#0", d.id, d.title, 1, 0, len(d.text), d.text) for d in documents]
    calls = {record["api_call"]: str(record["domain"]) for record in records}
    by_call = {record["api_call"]: chunk for record, chunk in zip(records, chunks, strict=True)}
    return Bench(
        documents,
        chunks,
        calls,
        [_question(f"train-{n}", row, by_call) for n, row in enumerate(train, start=1)],
        [_question(f"test-{n}", row, by_call) for n, row in enumerate(test, start=1)],
    )


def _document(number: int, record: Mapping[str, Any]) -> Document:
    text = "\n".join(f"{name}: {one_line(neutralise(str(record[name])))}" for name in SHOWN)
    page, title = Page(1, 0, len(text)), one_line(str(record["api_name"]))
    return Document(f"torchhub/{number:03}", title, text, (page,), fingerprint(text, length=64))


def _question(name: str, row: Mapping[str, Any], by_call: Mapping[str, Chunk]) -> Question:
    found, call = _INSTRUCTION.match(row["code"]), row["api_call"]
    if not found or call not in by_call:
        raise SetupError(
            f"{name} of APIBench has {'no known api_call' if found else 'no instruction'}: "
            f"{one_line(row['code'])[:80]}. Take the files as Gorilla publishes them."
        )
    label = cot_label(REASONING, f"api_call: {call}", call)
    return Question(name, by_call[call].id, one_line(found[1]), label, call)


# --- rows and cases ------------------------------------------------------------------------------


def write_rows(bench: Bench, recipe: Recipe) -> Path:
    """A dataset of RAFT rows around the training instructions; every twentieth validates."""
    valid = {question.id for question in bench.train[::20]}
    examples = [
        replace(example, split="valid" if example.id in valid else "train")
        for example in _examples(bench, bench.train, "train", recipe)
    ]
    return write_dataset(
        examples,
        run_name=recipe.run_name,
        documents=bench.documents,
        chunks=bench.chunks,
        splits={chunk.id: "train" for chunk in bench.chunks},
        questions=bench.train,
        rejected=[],
        teacher="APIBench",
        parameters=recipe.shaping,
    )


def evaluation_cases(bench: Bench, recipe: Recipe) -> dict[str, list[Case]]:
    """oracle_distractors and top_5 for each test instruction."""
    questions = [
        EvalQuestion(e.id, e.question.text, e.question.answer, oracle=e.oracle, context=e.context)
        for e in _examples(bench, bench.test, "eval", recipe)
    ]
    index = rag.build_index(bench.chunks, recipe)
    cases: dict[str, list[Case]] = {}
    for case in build_cases(questions, index, recipe):
        if case.condition == "oracle_distractors" or is_retrieved(case.condition):
            cases.setdefault(case.condition, []).append(case)
    return cases


def _examples(
    bench: Bench, questions: Sequence[Question], split: str, recipe: Recipe
) -> list[RaftExample]:
    """One row a question; training and test ask about the same records, with other words."""
    splits = {chunk.id: split for chunk in bench.chunks}
    built = build_examples(questions, bench.chunks, splits, conflicts(bench.chunks), recipe)
    if built.rejected:
        raise SetupError(
            f"{len(built.rejected)} instructions have no row: {built.rejected[0].reason}. Give "
            "more records, or lower num_distractors."
        )
    return built.examples


def made_up(folder: Path) -> None:
    """A toy benchmark in the published forms: 12 records, 24 training and 4 test instructions."""
    kinds = [f"{Random(n).choice(('image', 'audio', 'text'))} task {n}" for n in range(12)]
    records = [
        {
            "domain": kind,
            "functionality": f"It solves {kind} by method {n * 7}.",
            "api_name": f"net{n}",
            "api_call": f"torch.hub.load(repo_or_dir='made/up{n}', model='net{n}')",
            "description": f"A network with {n + 3} layers, trained on set {n * 31}.",
        }
        for n, kind in enumerate(kinds)
    ]

    def row(n: int, text: str) -> dict[str, Any]:
        return {"code": text, "api_call": records[n]["api_call"], "api_data": records[n]}

    write_jsonl(folder / FILES[0], records)
    asked = [f"{{'Instruction': Solve {kind}., 'Output': {{'domain': 1}}}}" for kind in kinds]
    also = [f"###Instruction: Find an API for {kind}\n###Output: x" for kind in kinds]
    write_jsonl(folder / FILES[1], [row(n % 12, text) for n, text in enumerate([*asked, *also])])
    write_jsonl(folder / FILES[2], [row(n, also[n].replace("Find", "Name")) for n in range(4)])
