"""The judge against people: on the same answers, how often does it say what they say?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill, shorten

from lib.eval.judge.agreement import cohen_kappa
from lib.eval.judge.asking import Judge, ask_judge
from lib.eval.judge.grading import applicable, judge_fields
from lib.eval.judge.labels import RATINGS, LabelledAnswer, read_labels
from lib.eval.statistics import exact_p, wilson_interval
from lib.prompts.verdicts import JUDGED, Grade
from lib.settings import SetupError

Grades = dict[str, Grade]  # field → grade


def audit(judge: Judge | None, labels_file: str | Path) -> str:
    """Ask the judge about answers that people have judged; how far they agree, as text.

    It is asked for the same metrics in one request as in an evaluation (the recipe's
    judge_metrics). Fields without a human label are asked and not compared. The figures come with
    their intervals, then each answer on which judge and people differ.

    It shows how this judge, with these prompts, does on answers like these. It cannot show that
    people are right, nor how the judge does on other subjects, languages or models.

    Raises:
        SetupError: there is no judge; the file has fewer than 20 rows or cannot be read; requests
            failed.
    """
    if judge is None:
        raise SetupError(
            "There is no judge to check. Set JUDGE_OPENAI_BASE_URL, JUDGE_OPENAI_DEPLOYMENT and "
            "JUDGE_OPENAI_API_KEY in .env."
        )
    labels = read_labels(labels_file)
    graded = list(zip(labels, _grade(judge, labels), strict=True))
    lines = [
        (0, f"Judge {judge.name} against people, on {len(labels)} answers"),
        *((2, line) for line in _verdicts(graded)),
        *((2, line) for field in RATINGS for line in _ratings(field, graded)),
        *_differences(graded),
    ]
    return "\n".join(
        fill(line, 100, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2))
        for indent, line in lines
    )


def _grade(judge: Judge, labels: Sequence[LabelledAnswer]) -> list[Grades]:
    """The judge's grades of each answer; `correct` is always asked."""
    fields = judge_fields(judge.recipe, always=("correct",))
    requests = []
    for label in labels:
        documents = (label.document,) if label.document else ()
        wanted = applicable(fields, documents)
        requests.append(
            judge.prompts.grade(
                wanted,
                question=label.question,
                reference=label.reference,
                answer=label.answer,
                documents=documents if "groundedness" in wanted else (),
            )
        )
    return ask_judge(judge, requests)


# --- as text -------------------------------------------------------------------------------------


def _verdicts(graded: Sequence[tuple[LabelledAnswer, Grades]]) -> Iterator[str]:
    pairs = [
        (label.correct, bool(grades["correct"].value))
        for label, grades in graded
        if grades["correct"].value is not None
    ]
    cells, n = Counter(pairs), len(pairs)
    both_yes, both_no = cells[True, True], cells[False, False]
    yes, no = cells[False, True], cells[True, False]  # what the judge alone says
    leaning = "it is too mild" if yes > no else "it is too strict"
    if exact_p([1] * yes + [-1] * no, binary=True) >= 0.05:  # McNemar's test
        leaning = "too few or too even to say that it leans"
    kappa = cohen_kappa([int(people) for people, _ in pairs], [int(says) for _, says in pairs])
    yield f"Same verdict: {rate(both_yes + both_no, n)} (95% interval); {len(graded) - n} unread"
    yield f"Kappa: {kappa}; 1 = always alike, 0 = as often as by chance"
    yield f"Both yes {both_yes}, both no {both_no}"
    yield f"It errs: {yes} times to yes, {no} to no: {leaning}"


def _ratings(field: str, graded: Sequence[tuple[LabelledAnswer, Grades]]) -> Iterator[str]:
    """One line, if an answer has a rating of this field by people and by the judge."""
    pairs = [
        (label.ratings[field], grades[field].value)
        for label, grades in graded
        if field in label.ratings and field in grades
    ]
    read = [(people, int(judge)) for people, judge in pairs if judge is not None]
    steps, n = [judge - people for people, judge in read], len(read)
    if read:
        yield (
            f"{field}: same {rate(steps.count(0), n)}, within one "
            f"{rate(sum(abs(step) <= 1 for step in steps), n)}, judge - people "
            f"{sum(steps) / n:+.2f}, kappa "
            f"{cohen_kappa([people for people, _ in read], [judge for _, judge in read])}, "
            f"{len(pairs) - n} unread"
        )
    elif pairs:
        yield f"{field}: none of {len(pairs)} ratings could be read"


def _differences(graded: Sequence[tuple[LabelledAnswer, Grades]]) -> Iterator[tuple[int, str]]:
    """(indent, line)"""
    found = [
        (label, grades["correct"])
        for label, grades in graded
        if grades["correct"].value not in (None, float(label.correct))
    ]
    if found:
        yield 0, f"It differs from people on {len(found)}:"
    for label, grade in found:
        people, judge = ("yes", "no") if label.correct else ("no", "yes")
        yield 2, f"row {label.row}: people {people}, judge {judge}: {_short(label.question)}"
        yield 4, f"reference: {_short(label.reference)}"
        yield 4, f"answer: {_short(label.answer)}"
        yield 4, f"judge: {_short(grade.explanation.removeprefix(JUDGED))}"


def rate(count: int, n: int) -> str:
    """`18 of 20 = 90% (70–97%)`: the 95% interval is Wilson's."""
    if not n:
        return "none"
    low, high = wilson_interval(count, n)
    return f"{count} of {n} = {100 * count / n:.0f}% ({100 * low:.0f}–{100 * high:.0f}%)"


def _short(text: str) -> str:
    return shorten(text, 200, placeholder=" …")
