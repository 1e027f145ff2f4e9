"""A small dataset folder with known answers, and answers without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from lib.eval.conditions import Case
from lib.eval.metrics.losses import decompose
from lib.eval.metrics.scoring import score_answers, score_retrieval
from lib.eval.questions import EvalQuestion
from lib.eval.results import HEADLINE, Primary, Results
from lib.eval.summaries import clusters_of, summarise
from lib.prompts.student import cot_label, parse_answer
from lib.records import Answer, Chunk, Question, Score
from lib.store import write_json, write_jsonl
from tests.server import last_word, opening

KINDS = ("harbour", "lighthouse", "ferry", "bakery", "orchard", "quarry", "library", "mill")
PLACES = ("Osmund", "Tarrow", "Velm", "Quill", "Brask", "Ostrey")
COLOURS = ("crimson", "indigo", "saffron", "emerald", "russet", "violet", "amber", "ivory")


def make_chunks(count: int = 12) -> list[Chunk]:
    """One sentence a chunk: "The harbour of Osmund was painted in the year 1700 crimson." """
    chunks = []
    for i in range(count):
        kind, place = KINDS[i % len(KINDS)], PLACES[i // 2 % len(PLACES)]
        text = (
            f"The {kind} of {place} number{i} is known to all who sail here, because its walls "
            f"were painted {COLOURS[i % len(COLOURS)]}{i}."
        )
        document = f"{place.lower()}.md"
        chunks.append(Chunk(f"{document}#{1000 * i}", document, place, 1, 1000 * i, 0, text))
    return [Chunk(**{**asdict(chunk), "end": chunk.start + len(chunk.text)}) for chunk in chunks]


def question_of(chunk: Chunk, number: int = 0) -> EvalQuestion:
    text = f"Which word ends the sentence that begins with “{opening(chunk.text)}”?"
    return EvalQuestion(
        id=f"q{chunk.start}-{number}",
        text=text,
        answer=last_word(chunk.text),
        evidence=(chunk.text,),
        oracle=chunk,
        context=(chunk,),
    )


def write_dataset(folder: Path, chunks: Sequence[Chunk], *, with_oracle: bool = True) -> Path:
    """The files of a dataset that the evaluation reads: one eval row a chunk, two distractors."""
    rows: list[dict[str, Any]] = []
    questions: list[Question] = []
    for i, chunk in enumerate(chunks):
        question = question_of(chunk)
        others = [chunks[(i + step) % len(chunks)] for step in (1, 2, 3)]
        label = cot_label("The document says:", chunk.text, question.answer)
        questions.append(Question(question.id, chunk.id, question.text, label, question.answer))
        context = [others[0], chunk, others[1]] if with_oracle else others
        rows.append(
            {
                "id": question.id,
                "kind": "oracle" if with_oracle else "refuse",
                "question": question.text,
                "answer": question.answer,
                "cot_answer": label,
                "oracle": {"chunk_id": chunk.id},
                "oracle_position": 1 if with_oracle else None,
                "context_chunks": [{"chunk_id": one.id} for one in context],
            }
        )
    write_json(folder / "manifest.json", {"parameters": {}})
    write_jsonl(folder / "chunks.jsonl", ({**asdict(chunk), "split": "eval"} for chunk in chunks))
    write_jsonl(folder / "questions.jsonl", questions)
    write_jsonl(folder / "hf" / "eval.jsonl", rows)
    return folder


def answer(case: Case, model: str, text: str, *, finish_reason: str = "stop") -> Answer:
    parsed = parse_answer(text)
    return Answer(
        question_id=case.question_id,
        model=model,
        condition=case.condition,
        text=text,
        final_answer=parsed.final_answer,
        quotes=parsed.quotes,
        refused=parsed.refused,
        oracle_in_context=case.oracle_in_context,
        finish_reason=finish_reason,
        latency_s=0.5,
        prompt_tokens=10,
        completion_tokens=5,
    )


def right(case: Case, questions: dict[str, EvalQuestion]) -> str:
    question = questions[case.question_id]
    return cot_label("The document says:", question.oracle.text, question.answer)


# --- evaluated -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluated:
    """An evaluation's parts, as the notebook has them."""

    questions: list[EvalQuestion]
    cases: list[Case]
    answers: list[Answer]
    scores: list[Score]
    results: Results
    losses: dict[tuple[str, str], dict[str, int]]


def evaluated(
    replies: Mapping[str, Callable[[int, Case, str], str]],
    *,
    count: int = 12,
    conditions: Sequence[str] = ("closed_book", "oracle", "top_3"),
) -> Evaluated:
    """Models and what each replies, of (number of the question, case, the right reply).

    The oracle stands third of three documents; in closed_book and distractors_only nowhere.
    """
    chunks = make_chunks(count + 3)
    questions = [question_of(chunk) for chunk in chunks[:count]]
    by_id = {question.id: question for question in questions}
    cases = []
    for name in conditions:
        for i, q in enumerate(questions):
            shown: tuple[Chunk, ...] = (chunks[i + 1], chunks[i + 2], q.oracle)
            if name in ("closed_book", "distractors_only"):
                shown = () if name == "closed_book" else shown[:2]
            rank = shown.index(q.oracle) if q.oracle in shown else None
            cases.append(Case(q.id, q.text, name, shown, rank))
    place = {question.id: i for i, question in enumerate(questions)}
    answers = [
        answer(case, model, reply(place[case.question_id], case, right(case, by_id)))
        for model, reply in replies.items()
        for case in cases
    ]
    scores = score_answers(answers, questions, cases) + score_retrieval(questions, cases, chunks)
    primary = primary_of([*replies], conditions)
    results = summarise(scores, clusters_of(questions), models=[*replies], primary=primary)
    return Evaluated(questions, cases, answers, scores, results, decompose(answers, scores))


def primary_of(
    models: Sequence[str], conditions: Sequence[str], *, metric: str = HEADLINE, available: int = 0
) -> Primary:
    """Against the baseline, else the second model, under the last condition."""
    against = "baseline" if "baseline" in models[1:] else "".join(models[1:2])
    return Primary(against, "".join(conditions[-1:]), metric, available=available)


def results_of(
    values: Mapping[str, Sequence[float | None]],
    *,
    conditions: Sequence[str] = ("top_5",),
    more: Mapping[str, Mapping[str, Sequence[float | None]]] | None = None,
    metric: str = HEADLINE,
    available: int = 0,
) -> Results:
    """From a model's exact match of each question; `more`: other metrics → the same of them."""
    metrics = {"exact_match": values, **(more or {})}
    scores = [
        Score(f"q{i}", model, condition, metric, value)
        for metric, of_models in metrics.items()
        for condition in conditions
        for model, listed in of_models.items()
        for i, value in enumerate(listed)
    ]
    clusters = {score.question_id: score.question_id for score in scores}
    primary = primary_of([*values], conditions, metric=metric, available=available)
    return summarise(scores, clusters, models=[*values], primary=primary)


class Page(HTMLParser):
    """What a page holds: its tags, the rows of its tables, what it would load, its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []  # a row's cells as text
        self.loads: list[str] = []
        self.headings: list[int] = []
        self.labels: list[tuple[str, str]] = []  # (tag, what is read out in its place)
        self._in_cell = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        for name, value in attrs:
            if name == "aria-label":
                self.labels.append((tag, value or ""))
            loads = name in ("src", "srcset", "data", "poster", "background", "action") or (
                name.endswith("href") and tag != "a"
            )
            if loads and not (value or "").startswith(("data:", "#")):
                self.loads.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data
