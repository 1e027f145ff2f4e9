"""Answers → scores: every metric that needs no judge, for the answers that it applies to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from lib.eval.conditions import Case
from lib.eval.metrics.api_calls import API_CALL, call_text, calls_match, is_call
from lib.eval.metrics.overlap import bleu, chrf, exact_match, f1, rouge
from lib.eval.metrics.refusals import DISTRACTORS_ONLY, REFUSED_RIGHTLY, REFUSED_WRONGLY, no_answer
from lib.eval.questions import EvalQuestion, holds_answer
from lib.prompts.student import parse_answer
from lib.records import Answer, Score
from lib.text import find_quote, holds, tokens

QUOTES, QUOTES_IN_ORACLE = "quotes_in_context", "quotes_in_oracle"
ROUGE_2 = "rouge_2"  # of gold answers of two words or more
_OVERLAP = (
    *("exact_match", "f1", "rouge_1", ROUGE_2, "rouge_l"),
    *("bleu", "chrf", "answer_containment"),
)
METRICS = (  # all, in the order of a table
    *_OVERLAP,
    *(API_CALL, QUOTES, QUOTES_IN_ORACLE, REFUSED_RIGHTLY, REFUSED_WRONGLY),
)
LOWER_IS_BETTER = frozenset({REFUSED_WRONGLY})

Measured = tuple[str, float | None, str]  # metric, value, explanation


def score_answers(
    answers: Sequence[Answer], questions: Sequence[EvalQuestion], cases: Sequence[Case]
) -> list[Score]:
    """Every metric of every answer, in the answers' order; a metric that does not apply is absent.

    Correctness compares the final answer with the gold answer, whatever the context held. A
    refusal is scored 0: the question has an answer. A reply with neither a final answer nor a
    refusal is unscored (None) in each of them and in those of refusals, and a reply without
    quotes in those of quotes.

    - In `distractors_only` the right reply is a refusal: `refused_rightly` is 0 or 1, and
      correctness is absent. (Unscored would say that the replies could not be read.)
    - `refused_wrongly` (over-refusal, 0 or 1) and `quotes_in_oracle`: where the context holds the
      oracle, or a chunk that does its work (`holds_answer`).
    - `rouge_2`: where the gold answer has two words or more; `api_call_match`: where it is a call.
    """
    by_id = {question.id: question for question in questions}
    shown = {(case.question_id, case.condition): case for case in cases}

    @cache
    def holders(question_id: str, condition: str) -> list[str]:
        chunks, question = shown[question_id, condition].chunks, by_id[question_id]
        return [chunk.text for chunk in chunks if holds_answer(chunk, question)]

    scores: list[Score] = []
    for answer in answers:
        question_id, condition = answer.question_id, answer.condition
        measured = [*_of_reply(answer, by_id[question_id])]
        context = (chunk.text for chunk in shown[question_id, condition].chunks)
        measured.append(_quoted(QUOTES, verbatim(answer.quotes, context)))
        if answer.oracle_in_context:
            oracle = holders(question_id, condition)
            measured.append(_quoted(QUOTES_IN_ORACLE, verbatim(answer.quotes, oracle)))
        scores += [
            Score(question_id, answer.model, condition, metric, value, why)
            for metric, value, why in measured
        ]
    return scores


def _of_reply(answer: Answer, question: EvalQuestion) -> Iterator[Measured]:
    """Correctness and refusals."""
    why = no_answer(answer)
    refused = None if why else float(answer.refused)
    if answer.condition == DISTRACTORS_ONLY:
        yield REFUSED_RIGHTLY, refused, why
        return
    yield from _correctness(answer, question.answer, why)
    if answer.oracle_in_context:
        yield REFUSED_WRONGLY, refused, why


def _correctness(answer: Answer, gold: str, why: str) -> Iterator[Measured]:
    shares: dict[str, float] = {}
    if answer.final_answer is not None and not answer.refused:
        shares = _overlap(answer.final_answer, gold)
    lost = (0.0, "refused") if answer.refused else (None, why)
    for metric in _overlap_metrics(gold):
        yield metric, *((shares[metric], "") if shares else lost)
    if is_call(gold):
        yield _called(answer, gold, why)


def _overlap_metrics(gold: str) -> list[str]:
    """Without ROUGE-2 where the gold answer is one word: it has no pair of words."""
    pairs = len(tokens(gold)) > 1
    return [metric for metric in _OVERLAP if pairs or metric != ROUGE_2]


def _overlap(final: str, gold: str) -> dict[str, float]:
    common = rouge(final, gold)
    return {
        "exact_match": exact_match(final, gold),
        "f1": f1(final, gold),
        "rouge_1": common["rouge1"],
        ROUGE_2: common["rouge2"],
        "rouge_l": common["rougeL"],
        "bleu": bleu(final, gold),
        "chrf": chrf(final, gold),
        "answer_containment": float(holds(final, gold)),
    }


def _called(answer: Answer, gold: str, why: str) -> Measured:
    if answer.refused:
        return API_CALL, 0.0, "refused"
    call = call_text(answer.text, answer.final_answer)
    return (API_CALL, calls_match(call, gold), "") if call else (API_CALL, None, why)


def _quoted(metric: str, share: float | None) -> Measured:
    return metric, share, "" if share is not None else "no quotes"


def verbatim(quotes: Sequence[str], documents: Iterable[str]) -> float | None:
    """The share of quotes that one of the documents holds (`find_quote`); None = no quote.

    A quote may not run from one document into the next. One without a letter or digit quotes
    nothing, and does not count as found.
    """
    if not quotes:
        return None
    read = list(documents)
    found = sum(
        any(map(str.isalnum, quote)) and any(find_quote(quote, text) for text in read)
        for quote in quotes
    )
    return found / len(quotes)


def mean_scores(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """The mean of each correctness metric over the answers that it applies to.

    Args:
        predictions: final answers, or whole replies, whose final answer counts. A refusal is wrong.
        references: of the same length: gold answers.
    """
    values: dict[str, list[float]] = {}
    for prediction, gold in zip(predictions, references, strict=True):
        parsed = parse_answer(prediction)
        final = "" if parsed.refused else parsed.final_answer or prediction.strip()
        shares = _overlap(final, gold)
        for metric in _overlap_metrics(gold):
            values.setdefault(metric, []).append(shares[metric])
        if is_call(gold):
            call = call_text(prediction, final)
            values.setdefault(API_CALL, []).append(calls_match(call, gold))
    return {metric: sum(given) / len(given) for metric, given in values.items()}
