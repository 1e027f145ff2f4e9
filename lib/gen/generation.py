"""A recipe to a dataset in one go: the steps of 1_gen.ipynb, streaming where they can."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.dataset import write_dataset
from lib.engine.ledger import Ledger
from lib.engine.prices import costs, load_prices, show_costs
from lib.gen.ask.estimates import estimate
from lib.gen.ask.questions import Asked, ask_teacher, teacher_notice
from lib.gen.check import print_check
from lib.gen.chunks import Conflicts, Splitter, conflicts, kept_pieces
from lib.gen.distractors import Vectors
from lib.gen.qa import write_pairs
from lib.gen.recipe import Recipe
from lib.gen.rows import build_examples
from lib.gen.splits import assign_splits, check_corpus
from lib.reading.documents import Skipped, iter_documents
from lib.reading.evaluation_file import read_evaluation_file
from lib.records import Chunk, Document, Question, Rejected
from lib.settings import SetupError, endpoint_settings, home, portable


class Finished(Exception):
    """Nothing is wrong, and there is nothing more to do here. One line."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this in place of a traceback
        return [str(self)]


@dataclass
class Corpus:
    """The documents and their chunks, as far as they are read."""

    documents: list[Document] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    dropped: list[Rejected] = field(default_factory=list)
    same: Conflicts = field(default_factory=dict)  # once all are read

    @property
    def held_out(self) -> set[str]:
        return {document.id for document in self.documents if document.held_out}


def generate(recipe: Recipe) -> Path:
    """Read, split, ask, assemble, write and check; returns the dataset's folder.

    The teacher is asked about the first chunks while other documents are read, once those that
    were read can fill rows.

    Raises:
        SetupError: a mistake, or requests that failed.
        Finished: a dry run, or plain pairs, which are no dataset to train on.
    """
    mark, corpus = ledger_mark(), Corpus()
    evaluation = read_evaluation_file(recipe.eval_file) if recipe.eval_file else []
    chunks: Iterator[Chunk] | Sequence[Chunk] = _as_read(recipe, corpus)
    if _needs_all(recipe):
        chunks = list(chunks)
        print(f"{len(corpus.documents)} documents, {len(chunks)} chunks")
        print(estimate(chunks, recipe.options))
        if recipe.dry_run:
            raise Finished("Dry run: nothing was asked.")
    print(teacher_notice(), flush=True)
    with saved_at_once(recipe.run_name) as save:
        asked = ask_teacher(chunks, on_question=save, **recipe.asking)
    print(f"{len(asked.questions)} questions passed the gates, {len(asked.rejected)} did not")
    show_usage(since=mark)
    if recipe.dataset_kind == "qa":
        folder = write_pairs(asked, chunks=corpus.chunks, run_name=recipe.run_name)
        raise Finished(f"{portable(folder)}: {len(asked.questions)} pairs")
    splits = assign_splits(
        corpus.chunks,
        corpus.same,
        asked={question.chunk_id for question in asked.questions},
        eval_documents=corpus.held_out,
        **recipe.splitting,
    )
    vectors = hard_vectors(recipe, asked, corpus.chunks)
    built = build_examples(
        asked.questions, corpus.chunks, splits, corpus.same, vectors=vectors, **recipe.rows
    )
    dataset_dir = write_dataset(
        built.examples,
        run_name=recipe.run_name,
        documents=corpus.documents,
        chunks=corpus.chunks,
        splits=splits,
        questions=asked.questions,
        rejected=[*corpus.dropped, *asked.rejected, *built.rejected],
        teacher=asked.teacher,
        parameters=recipe.shaping,
        skipped=corpus.skipped,
        evaluation=evaluation,
        guarded=built.guarded,
    )
    print_check(dataset_dir)
    return dataset_dir


def _needs_all(recipe: Recipe) -> bool:
    """Whether every document must be read before the first question."""
    draws = recipe.max_chunks > 0 or recipe.chunker == "semantic"
    return draws or recipe.batch or recipe.dry_run or endpoint_settings("teacher") is None


def _as_read(recipe: Recipe, corpus: Corpus) -> Iterator[Chunk]:
    """The chunks of each document as it is read; the first once they can fill rows.

    Raises:
        SetupError: nothing can be read, or what there is cannot fill a row.
    """
    waiting = list[Chunk]()
    fits, look_at = recipe.dataset_kind == "qa", 1
    with closing(kept_pieces()) as kept:
        splitter = Splitter(**recipe.cutting, kept=kept)
        for entry in iter_documents(recipe.doc_path, **recipe.reading):
            if isinstance(entry, Skipped):
                corpus.skipped.append(entry)
                print(f"skipped: {entry.path}: {entry.reason}", flush=True)
                continue
            corpus.documents.append(entry)
            split = splitter.split(entry)
            corpus.chunks += split.chunks
            corpus.dropped += split.dropped
            waiting += split.chunks
            if not fits and len(corpus.chunks) >= look_at:
                look_at = 2 * len(corpus.chunks)  # seldom: each look compares all chunks
                fits = _fills_rows(recipe, corpus)
            if fits:
                yield from waiting
                waiting = []
    if recipe.dataset_kind != "qa":
        corpus.same = conflicts(corpus.chunks)
        check_corpus(corpus.chunks, corpus.same, eval_documents=corpus.held_out, **recipe.filling)
    yield from waiting


def _fills_rows(recipe: Recipe, corpus: Corpus) -> bool:
    """Whether what was read so far would do: then the whole will."""
    filling = recipe.filling | {"split_by": "chunk", "too_few": "error"}
    try:
        check_corpus(
            corpus.chunks, conflicts(corpus.chunks), eval_documents=corpus.held_out, **filling
        )
    except SetupError:
        return False
    return True


@contextmanager
def saved_at_once(run_name: str) -> Iterator[Callable[[Question], None]]:
    """Yield what appends a question to artefacts/questions/<run_name>.partial.jsonl.

    To look at while a run lasts. It goes when the questions are written whole.
    """
    path = home() / "artefacts" / "questions" / f"{run_name}.partial.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", buffering=1) as file:
        print(f"Rows as they pass: {portable(path)}")

        def save(question: Question) -> None:
            file.write(json.dumps(vars(question), ensure_ascii=False) + "\n")

        yield save
    path.unlink(missing_ok=True)


def hard_vectors(recipe: Recipe, asked: Asked, chunks: Sequence[Chunk]) -> Vectors | None:
    """Embeddings to choose hard distractors by, if the recipe wants them; they may take minutes."""
    if recipe.distractor_mode == "random" or recipe.hard_by != "embedding":
        return None
    return Vectors(
        recipe.embedder.queries([question.text for question in asked.questions]),
        recipe.embedder.documents([chunk.text for chunk in chunks]),
    )


# --- what it took --------------------------------------------------------------------------------


def ledger_mark() -> int:
    """This moment, for show_usage."""
    with closing(Ledger()) as ledger:
        return ledger.mark()


def show_usage(*, since: int = 0) -> None:
    """Print requests, tokens and cost of each role since a mark, as the ledger has them."""
    with closing(Ledger()) as ledger:
        used: dict[tuple[str, str], Any] = ledger.usage_by_model(since=since)
    prices = load_prices()
    show_costs(costs(used, prices), prices)
    if not used:
        print("No endpoint was asked anything new.")
