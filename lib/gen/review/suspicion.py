"""Why a row deserves a second look: all that a dataset and its teacher's questions say about it."""

from collections import Counter
from collections.abc import Callable
from glob import escape

from lib.dataset import Dataset
from lib.gen.gates import MAX_ANSWER_WORDS, MAX_QUESTION_CHARS, MAX_QUESTION_WORDS
from lib.prompts.student import parse_answer
from lib.records import Question, RaftExample
from lib.settings import home
from lib.store import read_jsonl
from lib.text import tokens

_NEAR = 0.8  # of a limit
_NO_FAULT = ("duplicate", "evaluation", "review")  # gates that do not speak against the chunk

Suspicions = list[tuple[float, str]]  # each with its weight, 0–1


def suspicions_of(dataset: Dataset) -> Callable[[RaftExample], Suspicions]:
    """A function that lists what speaks against a row; [] = nothing does."""
    ratings = read_ratings(dataset)
    faults = [r for r in dataset.rejected if r.question_id and r.gate not in _NO_FAULT]
    refused = Counter(item.chunk_id for item in faults)
    kept = Counter(question.chunk_id for question in dataset.questions)
    max_words = dataset.manifest["parameters"].get("max_answer_words") or MAX_ANSWER_WORDS

    def suspicions(row: RaftExample) -> Suspicions:
        found: Suspicions = []
        question, chunk_id = row.question, row.oracle.id
        if row.id in ratings:
            rating, reason = ratings[row.id]
            found.append(((5 - rating) / 4, f"rated {rating} of 5: {reason}"))
        if count := refused[chunk_id]:
            asked = count + kept[chunk_id]
            said = f"gates rejected {count} of {asked} questions on its chunk"
            found.append((count / asked, said))
        answer = set(tokens(question.answer))
        quotes = parse_answer(question.cot_answer).quotes
        if missing := answer - set(tokens(" ".join(quotes))):
            said = f"{len(missing)} of {len(answer)} words of its answer are in no quote"
            found.append((len(missing) / len(answer), said))
        for name, length, most in (
            ("words of its answer", len(question.answer.split()), max_words),
            ("words of its question", len(question.text.split()), MAX_QUESTION_WORDS),
            ("characters of its question", len(question.text), MAX_QUESTION_CHARS),
        ):
            if length >= _NEAR * most:
                found.append((min(1.0, length / most), f"{length} {name}, at most {most}"))
        return found

    return suspicions


def read_ratings(dataset: Dataset) -> dict[str, tuple[int, str]]:
    """Row id → the judge's rating (1–5) of the same text, and its reason; {} = no judge rated, or
    1_gen's files (artefacts/questions) went."""
    found = {}
    folders = home() / "artefacts" / "questions"
    for path in sorted(folders.glob(f"{escape(dataset.run_name)}-*/ratings.jsonl")):
        rated = {row["question_id"]: row for row in read_jsonl(path)}
        for row in read_jsonl(path.with_name("questions.jsonl")) if rated else ():
            if row["id"] in rated and Question(**row) == dataset.question_by_id.get(row["id"]):
                found[row["id"]] = (rated[row["id"]]["rating"], rated[row["id"]]["reason"])
    return found
