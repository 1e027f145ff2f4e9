"""Answers → scores: exact match, token F1 and ROUGE-L against the gold answer; quotes checked."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from lib.eval.conditions import Case
from lib.eval.questions import EvalQuestion, fold
from lib.records import Answer, Score

CORRECTNESS = ("exact_match", "f1", "rouge_l")
QUOTES = "quotes_in_context"

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def score_answers(
    answers: Sequence[Answer], questions: Sequence[EvalQuestion], cases: Sequence[Case]
) -> list[Score]:
    """Every metric of every answer, in the answers' order.

    Correctness compares the final answer with the gold answer, whatever the context held. A
    refusal is scored 0: the question has an answer. A reply with neither a final answer nor a
    refusal is unscored (None) in each of them, and a reply without quotes in `quotes_in_context`.
    """
    gold = {question.id: question.answer for question in questions}
    contexts = {
        (case.question_id, case.condition): fold("\n".join(chunk.text for chunk in case.chunks))
        for case in cases
    }
    scores: list[Score] = []
    for answer in answers:
        scores += _correctness(answer, gold[answer.question_id])
        scores.append(_quotes(answer, contexts[answer.question_id, answer.condition]))
    return scores


def _correctness(answer: Answer, gold: str) -> list[Score]:
    if answer.refused:
        values: list[float | None] = [0.0] * len(CORRECTNESS)
        return _scores(answer, values, "refused")
    if answer.final_answer is None:
        why = "cut at the token limit" if answer.finish_reason == "length" else "no final answer"
        return _scores(answer, [None] * len(CORRECTNESS), why)
    final = answer.final_answer
    return _scores(answer, [exact_match(final, gold), f1(final, gold), rouge_l(final, gold)])


def _scores(answer: Answer, values: list[float | None], explanation: str = "") -> list[Score]:
    return [
        Score(answer.question_id, answer.model, answer.condition, metric, value, explanation)
        for metric, value in zip(CORRECTNESS, values, strict=True)
    ]


def _quotes(answer: Answer, context: str) -> Score:
    value = quotes_in_context(answer.quotes, context)
    why = "" if value is not None else "no quotes"
    return Score(answer.question_id, answer.model, answer.condition, QUOTES, value, why)


# --- the metrics ---------------------------------------------------------------------------------


def normalise(text: str) -> str:
    """`The “Tamsay Line”, Ltd.` → `tamsay line ltd` (SQuAD 1.1's rules, for Unicode).

    Lower case, no punctuation, no English articles, single spaces. Compatible forms are unified
    (NFKC), and punctuation is every character of the Unicode classes P and S. Where that leaves
    nothing (the answer "%"), the lower-cased text stands.
    """
    lowered = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c for c in lowered if unicodedata.category(c)[0] not in "PS")
    return fold(_ARTICLES.sub(" ", kept)) or fold(lowered)


def exact_match(answer: str, gold: str) -> float:
    return float(normalise(answer) == normalise(gold))


def f1(answer: str, gold: str) -> float:
    """The harmonic mean of token precision and recall, tokens with their multiplicity."""
    mine, theirs = Counter(tokens(answer)), Counter(tokens(gold))
    common = (mine & theirs).total()
    return 2 * common / (mine.total() + theirs.total()) if common else 0.0


def rouge_l(answer: str, gold: str) -> float:
    """ROUGE-L's F of the final answer (longest common subsequence, the same tokens as F1)."""
    return float(_rouge().score(gold, answer)["rougeL"].fmeasure)


def quotes_in_context(quotes: Sequence[str], context: str) -> float | None:
    """The share of quotes that stand verbatim in the context, white space folded; None = none."""
    if not quotes:
        return None
    return sum(bool(quote) and fold(quote) in context for quote in quotes) / len(quotes)


def tokens(text: str) -> list[str]:
    """Words; a script without spaces between words (Chinese, Japanese, Thai, …) by character."""
    return [piece for word in normalise(text).split() for piece in _pieces(word)]


def _pieces(word: str) -> list[str]:
    return list(word) if any(_UNSPACED.match(c) for c in word) else [word]


_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


class _Tokenizer:
    # rouge-score's own keeps a-z and 0-9 alone: it scores every other script 0.
    def tokenize(self, text: str) -> list[str]:
        return tokens(text)


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=_Tokenizer())
