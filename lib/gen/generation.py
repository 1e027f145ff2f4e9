"""From a corpus to a dataset: the verbs of 1_gen.ipynb, and all of them in one go."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from lib.dataset import write_dataset
from lib.endpoints import endpoint_settings
from lib.engine.ledger import Ledger
from lib.engine.prices import costs, load_prices, show_costs
from lib.gen.ask import questions
from lib.gen.ask.questions import Generated, ask_teacher, frequent_gates
from lib.gen.ask.shares import drawn
from lib.gen.check import check_dataset, summary
from lib.gen.corpus import Corpus
from lib.gen.duplicate_questions import drop_asked
from lib.gen.qa import write_pairs
from lib.gen.rows import Built, build_examples
from lib.gen.splits import assign_splits, together
from lib.progress import show_text
from lib.rag.embedder import load_embedder
from lib.recipe import Recipe
from lib.records import Chunk, Question
from lib.settings import CheckFailed, SetupError, home, portable


class Finished(Exception):
    """The work ends here, as it was asked for: no mistake. One line."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this in place of a traceback
        return [str(self)]


def generate(recipe: Recipe, corpus: Corpus | None = None) -> Path:
    """Read, ask, assemble, write and check; returns the dataset's folder. Raises Finished: a dry
    run, or plain pairs, which are not a dataset to train on."""
    corpus = corpus or Corpus(recipe)
    asked = ask_questions(corpus)
    dataset_dir = save_dataset(corpus, asked, build_rows(corpus, asked))
    check_or_stop(dataset_dir)
    return dataset_dir


def check_or_stop(dataset_dir: Path) -> None:
    """Show the dataset's counts and checks; into a log go the failed ones and their number."""
    lines, checks = check_dataset(dataset_dir)
    show_text("\n".join([dataset_dir.name, *lines, *map(str, checks)]))
    failed = [item for item in checks if not item.passed]
    print(*failed, summary(checks), sep="\n")
    if failed:
        raise CheckFailed(
            f"{portable(dataset_dir)} does not hold what it promises (see the lines FAILED). "
            "Delete the folder and run 1_gen.ipynb again: replies are kept."
        )


def ask_questions(corpus: Corpus) -> Generated:
    """Have the teacher write questions and answers, while documents are still read."""
    recipe, chunks = corpus.recipe, chunks_to_ask(corpus)
    print(questions.teacher_notice(), flush=True)
    with costs_shown():
        with _saved_at_once(recipe.run_name) as save:
            asked = ask_teacher(chunks, recipe, own=corpus.own.given, on_question=save)
        evaluation = [item.question for item in corpus.evaluation]
        kept, refused = drop_asked(asked.questions, evaluation, gate="evaluation", by="eval_file")
        rejected = [*corpus.own.rejected, *asked.rejected, *refused]
        asked = replace(asked, questions=kept, rejected=rejected)
        corpus.read()  # a teacher that was asked before about these chunks reads none of them
        passed, failed = len(asked.questions), len(rejected)
        said = f"{passed:,} questions passed the gates, {failed:,} did not"
        said += f" ({frequent_gates(rejected)})" * bool(rejected)
        said += f", {asked.unwritten:,} of those asked for did not come" * bool(asked.unwritten)
        print(said)
        if failed > passed:
            print(questions.frequent_reason(rejected))
    return asked


def chunks_to_ask(corpus: Corpus) -> Iterable[Chunk]:
    """Those drawn from all documents if these must be known first; else the corpus, as it is read.
    Raises Finished: a dry run."""
    recipe = corpus.recipe
    draws = recipe.max_chunks or recipe.questions_per_document
    known_first = recipe.chunker == "semantic" or recipe.eval_doc_path or recipe.train_file
    sent_at_the_end = recipe.batch or recipe.dry_run or endpoint_settings("teacher") is None
    if not (draws or known_first or sent_at_the_end):
        return corpus
    corpus.read()
    if recipe.dry_run:
        raise Finished("Dry run: nothing was asked.")
    return drawn(corpus.chunks, recipe)


@contextmanager
def costs_shown() -> Iterator[None]:
    """Print what the ledger gets meanwhile."""
    with closing(Ledger()) as ledger:
        mark = ledger.mark()
    yield
    with closing(Ledger()) as ledger:
        used, prices = ledger.usage_by_model(since=mark), load_prices()
    show_costs(costs(used, prices), prices)
    if not used:
        print("No endpoint was asked anything new.")


def build_rows(corpus: Corpus, asked: Generated) -> Built:
    """Hold out chunks, draw distractors, place the oracle: a row for each question."""
    recipe, chunks = corpus.recipe, corpus.chunks
    if recipe.dataset_kind == "qa":
        folder = write_pairs(asked, chunks=chunks, run_name=recipe.run_name)
        raise Finished(f"{portable(folder)}: {len(asked.questions)} pairs")
    about = {i for question in asked.questions for i in question.chunk_ids}
    same = together(corpus.same, asked.questions)
    splits = assign_splits(
        *(chunks, same, recipe),
        asked=about,
        eval_documents=corpus.held_out,
        say=lambda line: line in corpus.notes or print(line),
    )
    held_out = [q.text for q in asked.questions if splits[q.chunk_id] == "eval"]
    others = [question for question in asked.questions if splits[question.chunk_id] != "eval"]
    # 4_eval stops at those that a training row asks, too.
    _, refused = drop_asked(others, held_out, gate="evaluation", by="the evaluation split")
    repeated = {item.question_id for item in refused}
    built = build_examples(
        [question for question in asked.questions if question.id not in repeated],
        *(chunks, splits, corpus.same, recipe),
        embedder=load_embedder(recipe) if recipe.hard_by == "embedding" else None,
        given={given.question.id: given.distractors for given in corpus.own.given},
    )
    built.rejected.extend(refused)
    if built.rejected:
        gates = frequent_gates(built.rejected)
        print(f"Questions that are in no row: {len(built.rejected):,} ({gates})")
    for split in sorted({"train", "eval"} - {example.split for example in built.examples}):
        if lost := [item for item in built.rejected if splits[item.chunk_id] == split]:
            raise SetupError(
                f"None of the {len(lost)} questions of the split “{split}” has a row. The first, "
                f"{lost[0].question_id}: {lost[0].reason}. Add documents, or lower num_distractors."
            )
    return built


def save_dataset(corpus: Corpus, asked: Generated, built: Built) -> Path:
    """Write the dataset, named after what made it; returns its folder."""
    recipe = corpus.recipe
    by_people = [{n: v for n, v in vars(item).items() if v} for item in corpus.evaluation]
    return write_dataset(
        built.examples,
        run_name=recipe.run_name,
        documents=corpus.documents,
        chunks=corpus.chunks,
        splits=built.splits,
        questions=asked.questions,
        rejected=[*corpus.dropped, *asked.rejected, *built.rejected],
        teacher=asked.teacher,
        parameters=recipe.shaping,
        skipped=corpus.skipped,
        evaluation=by_people,
        guarded=built.guarded,
    )


@contextmanager
def _saved_at_once(run_name: str) -> Iterator[Callable[[Question], None]]:
    """Yield a function that appends a question to artefacts/questions/<run_name>.partial.jsonl,
    which is deleted when the questions are written as an artefact."""
    path = home() / "artefacts" / "questions" / f"{run_name}.partial.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", buffering=1) as file:
        print(f"Rows as they pass: {portable(path)}")
        yield lambda question: print(json.dumps(vars(question), ensure_ascii=False), file=file)
    path.unlink(missing_ok=True)
