"""Answers → scores: every metric that needs no judge, for the answers that it applies to."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from lib.eval.conditions import DISTRACTORS_ONLY, Case
from lib.eval.metrics.api_calls import API_CALL, call_text, calls_match, is_call
from lib.eval.metrics.overlap import bleu, chrf, exact_match, f1, rouge
from lib.eval.questions import EvalQuestion, holds_answer
from lib.records import Answer, Score
from lib.text import find_quote, holds, tokens

QUOTES, QUOTES_IN_ORACLE = "quotes_in_context", "quotes_in_oracle"
REFUSED_RIGHTLY = "refused_rightly"  # in distractors_only, 0 or 1: more is better
REFUSED_WRONGLY = "refused_wrongly"  # with the oracle in context, 0 or 1: less is better
ROUGE_2 = "rouge_2"  # of gold answers of two words or more
_OVERLAP = (
    *("exact_match", "f1", "rouge_1", ROUGE_2, "rouge_l"),
    *("bleu", "chrf", "answer_containment"),
)
LOWER_IS_BETTER = frozenset({REFUSED_WRONGLY})
CUT = "cut at the token limit"
NO_ANSWER = ("no final answer", CUT)  # explanations of a score: it is wrong

Values = dict[str, float]  # metric → value


def score_answers(
    answers: Sequence[Answer], questions: Sequence[EvalQuestion], cases: Sequence[Case]
) -> list[Score]:
    """Every metric of every answer, in the answers' order; a metric that does not apply is absent.

    Correctness compares the final answer with the gold answer, whatever the context held. A
    refusal is scored 0: the question has an answer. A reply with neither a final answer nor a
    refusal is wrong in correctness and refusals. A reply without quotes has no value (None) in
    quotes.

    - In `distractors_only` the right reply is a refusal: `refused_rightly` is 0 or 1, and
      correctness is absent. (Unscored would say that the replies could not be read.)
    - `refused_wrongly` (0 or 1) and `quotes_in_oracle`: where `holds_answer` says so of a document.
    - `rouge_2`: where the gold answer has two words or more; `api_call_match`: where it is a call.
    """
    by_id = {question.id: question for question in questions}
    shown = {(case.question_id, case.condition): case.chunks for case in cases}
    texts = {where: [chunk.text for chunk in chunks] for where, chunks in shown.items()}

    @cache
    def holders(question_id: str, condition: str) -> list[str]:
        chunks, question = shown[question_id, condition], by_id[question_id]
        return [chunk.text for chunk in chunks if holds_answer(chunk, question)]

    scores: list[Score] = []
    for answer in answers:
        where = (answer.question_id, answer.condition)
        values: dict[str, float | None] = {**_of_reply(answer, by_id[answer.question_id].answer)}
        values[QUOTES] = verbatim(answer.quotes, texts[where])
        if answer.oracle_in_context:
            values[QUOTES_IN_ORACLE] = verbatim(answer.quotes, holders(*where))
        of = (answer.question_id, answer.model, answer.condition)
        odd = answer.refused or bool(no_answer(answer))  # its values need a reason
        scores += [
            Score(*of, m, value, _why(answer, m, value) if odd or value is None else "")
            for m, value in values.items()
        ]
    return scores


def no_answer(answer: Answer) -> str:
    """Why a reply is wrong in every metric: it neither answers nor refuses. "" = it does."""
    if answer.refused or answer.final_answer is not None:
        return ""
    return NO_ANSWER[answer.finish_reason == "length"]


def _of_reply(answer: Answer, gold: str) -> Values:
    """Correctness and refusals."""
    if answer.condition == DISTRACTORS_ONLY:
        return {REFUSED_RIGHTLY: float(answer.refused)}
    said = ("", "") if answer.refused else (answer.text, answer.final_answer)
    values = correctness(*said, gold)
    if answer.oracle_in_context:
        values[REFUSED_WRONGLY] = float(answer.refused or bool(no_answer(answer)))
    return values


def _why(answer: Answer, metric: str, value: float | None) -> str:
    if value is None:
        return "no quotes"
    if metric in (QUOTES, QUOTES_IN_ORACLE):
        return ""
    if answer.refused:
        return "" if metric in (REFUSED_RIGHTLY, REFUSED_WRONGLY) else "refused"
    return "" if metric == API_CALL and value else no_answer(answer)


def correctness(reply: str, final: str | None, gold: str) -> Values:
    """The metrics of correctness that apply to a gold answer; 0 where there is no final answer."""
    values = {**_overlap(final, gold)} if final else dict.fromkeys(_OVERLAP, 0.0)
    if len(tokens(gold)) < 2:
        del values[ROUGE_2]
    if is_call(gold):
        call = call_text(reply, final)
        values[API_CALL] = calls_match(call, gold)
    return values


@lru_cache(4096)  # of one question right answers are often the same, letter for letter
def _overlap(final: str, gold: str) -> Mapping[str, float]:
    common, exact = rouge(final, gold), exact_match(final, gold)
    return {
        "exact_match": exact,
        "f1": f1(final, gold),
        "rouge_1": common["rouge1"],
        ROUGE_2: common["rouge2"],
        "rouge_l": common["rougeL"],
        "bleu": bleu(final, gold),
        "chrf": chrf(final, gold),
        "answer_containment": exact or float(holds(final, gold)),
    }


def verbatim(quotes: Sequence[str], documents: Sequence[str]) -> float | None:
    """The share of quotes that one of the documents holds (`find_quote`); None = no quote.

    One without a letter or digit quotes nothing, and does not count as found.
    """
    if not quotes:
        return None
    found = sum(
        any(map(str.isalnum, quote)) and any(find_quote(quote, text) for text in documents)
        for quote in quotes
    )
    return found / len(quotes)
