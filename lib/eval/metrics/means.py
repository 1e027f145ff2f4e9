"""Predictions and references → the mean of each metric: the metrics without cases and models."""

from __future__ import annotations

from collections.abc import Sequence

from lib.eval.conditions import Case
from lib.eval.metrics.scoring import score_answers
from lib.eval.questions import UNKNOWN, EvalQuestion
from lib.prompts.student import parse_answer
from lib.records import Answer, Chunk


def mean_scores(
    predictions: Sequence[str],
    references: Sequence[str],
    *,
    contexts: Sequence[str] | None = None,
    refusal: str = "",
) -> dict[str, float]:
    """The mean of each metric over the predictions that it applies to, and the share `refused`.

    Args:
        predictions: final answers, or whole replies in the CoT format.
        references: of the same length: gold answers.
        contexts: of the same length: what each was answered from; quotes are checked with them.
        refusal: the sentence that counts as a refusal; "" = prompts.REFUSAL.

    Raises:
        ValueError: the lengths differ.
    """
    texts = [""] * len(predictions) if contexts is None else contexts
    lengths = (len(predictions), len(references), len(texts))
    if len(set(lengths)) > 1:
        raise ValueError(
            "{} predictions, {} references, {} contexts: expected one of each for each answer. "
            "Make them equally many.".format(*lengths)
        )
    questions, cases, answers = [], [], []
    triples = zip(predictions, references, texts, strict=True)
    for number, (prediction, reference, context) in enumerate(triples):
        name, chunk = str(number), Chunk(str(number), "", "", 1, 0, len(context), context)
        questions.append(EvalQuestion(name, "", reference, evidence=(), oracle=UNKNOWN, context=()))
        cases.append(Case(name, "", "given", (chunk,), None, refusal))
        answers.append(_answer(name, prediction, refusal, quotes=contexts is not None))
    values: dict[str, list[float]] = {}
    for score in score_answers(answers, questions, cases):
        if score.value is not None:
            values.setdefault(score.metric, []).append(score.value)
    means = {metric: sum(given) / len(given) for metric, given in values.items()}
    if answers:
        means["refused"] = sum(answer.refused for answer in answers) / len(answers)
    return means


def _answer(name: str, prediction: str, refusal: str, *, quotes: bool) -> Answer:
    parsed = parse_answer(prediction, refusal=refusal)
    return Answer(
        question_id=name,
        model="",
        condition="given",
        text=prediction,
        final_answer=parsed.final_answer or prediction.strip(),  # nobody promised a format
        quotes=parsed.quotes if quotes else (),
        refused=parsed.refused,
        oracle_in_context=False,
        finish_reason="stop",
        latency_s=0.0,
        prompt_tokens=0,
        completion_tokens=0,
    )
