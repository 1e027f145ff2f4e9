"""Answers and retrieved chunks → scores: every metric that needs no judge, where it applies."""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from lib.eval.conditions import DISTRACTORS_ONLY, Case, is_retrieved
from lib.eval.metrics.api_calls import API_CALL, call_text, calls_match, is_call
from lib.eval.metrics.overlap import bleu, chrf, exact_match, f1, rouge
from lib.eval.questions import UNKNOWN, EvalQuestion, holds_answer
from lib.records import Answer, Chunk, Score
from lib.text import find_quote, holds, tokens

QUOTES, QUOTES_IN_ORACLE = "quotes_in_context", "quotes_in_oracle"
REFUSED_RIGHTLY = "refused_rightly"  # in distractors_only, 0 or 1: more is better
REFUSED_WRONGLY = "refused_wrongly"  # with the oracle in context, 0 or 1: less is better
ROUGE_2 = "rouge_2"  # of gold answers of two words or more
_OVERLAP = (
    *("exact_match", "f1", "rouge_1", ROUGE_2, "rouge_l"),
    *("bleu", "chrf", "answer_containment"),
)
RETRIEVER = "retriever"  # the model of retrieval's scores
LOWER_IS_BETTER = frozenset({REFUSED_WRONGLY})
CUT = "cut at the token limit"
NO_ANSWER = ("no final answer", CUT)  # explanations of a score: it is wrong

Values = dict[str, float]  # metric → value


def score_answers(
    answers: Sequence[Answer], questions: Sequence[EvalQuestion], cases: Sequence[Case]
) -> list[Score]:
    """Every metric of every answer, in the answers' order; a metric that does not apply is absent.

    In correctness a refusal is 0, whatever the context held. A reply with neither a final answer
    nor a refusal is wrong in correctness and refusals; one without quotes has no value (None) in
    quotes.

    - `distractors_only`, where the right reply is a refusal, has `refused_rightly` (0 or 1) and no
      correctness.
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
        missing, should_refuse = no_answer(answer), answer.condition == DISTRACTORS_ONLY
        said = ("", "") if answer.refused else (answer.text, answer.final_answer)
        correct = {} if should_refuse else correctness(*said, *by_id[answer.question_id].answers)
        refusals = {REFUSED_RIGHTLY: float(answer.refused)} if should_refuse else {}
        quotes = {QUOTES: verbatim(answer.quotes, texts[where])}
        if answer.oracle_in_context:
            refusals[REFUSED_WRONGLY] = float(answer.refused or bool(missing))
            quotes[QUOTES_IN_ORACLE] = verbatim(answer.quotes, holders(*where))
        of = (answer.question_id, answer.model, answer.condition)
        why = "refused" if answer.refused else missing
        scores += [Score(*of, m, value, "" if value else why) for m, value in correct.items()]
        scores += [Score(*of, m, value, missing) for m, value in refusals.items()]
        scores += [Score(*of, m, v, "no quotes" if v is None else "") for m, v in quotes.items()]
    return scores


def no_answer(answer: Answer) -> str:
    """Why a reply is wrong in every metric: it neither answers nor refuses. "" = it does."""
    if answer.refused or answer.final_answer is not None:
        return ""
    return NO_ANSWER[answer.finish_reason == "length"]


def correctness(reply: str, final: str | None, gold: str, *more: str) -> Values:
    """The metrics of correctness that apply to a gold answer; 0 where there is no final answer. Of
    several gold answers each metric takes the best (SQuAD's rule)."""
    if more:
        first, others = correctness(reply, final, gold), correctness(reply, final, *more)
        return {m: max(first.get(m, 0), others.get(m, 0)) for m in first | others}
    values = {**_overlap(final, gold)} if final else dict.fromkeys(_OVERLAP, 0.0)
    if len(tokens(gold)) < 2:
        del values[ROUGE_2]
    if is_call(gold):
        values[API_CALL] = calls_match(call_text(reply, final), gold)
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


# --- retrieval -----------------------------------------------------------------------------------


def score_retrieval(
    questions: Sequence[EvalQuestion], cases: Sequence[Case], chunks: Sequence[Chunk]
) -> list[Score]:
    """Every metric of every retrieved case, in the cases' order; chunks = the whole corpus.

    A chunk is relevant if `holds_answer` says so.

    - `hit_rate`: 1 if a relevant chunk was retrieved (of a question with several oracles, one for
      each), else 0.
    - `reciprocal_rank`: 1 / place of the first one (of several: the last that is needed), from 1; 0
      if there is none. Its mean is MRR.
    - `context_precision`: the share of the retrieved chunks that are relevant, not weighted by
      rank; 1 / k at best where the oracle is the only relevant chunk.
    - `context_recall`: the share of the corpus' relevant chunks that were retrieved. Questions
      that people wrote have none: it is not known which chunks answer them.
    """
    asked = {question.id: question for question in questions}
    by_document: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_document.setdefault(chunk.document_id, []).append(chunk)
    num_relevant = {
        question.id: sum(
            holds_answer(chunk, question)
            for document_id in {oracle.document_id for oracle in question.oracles}
            for chunk in by_document.get(document_id, [])
        )
        for question in questions
        if question.oracle != UNKNOWN
    }
    scores: list[Score] = []
    for case in (case for case in cases if is_retrieved(case.condition)):
        hits = sum(holds_answer(chunk, asked[case.question_id]) for chunk in case.chunks)
        values = {
            "hit_rate": float(case.oracle_in_context),
            "reciprocal_rank": 0.0 if case.oracle_rank is None else 1 / (case.oracle_rank + 1),
            "context_precision": hits / len(case.chunks) if case.chunks else None,
        }
        if case.question_id in num_relevant:
            total = num_relevant[case.question_id]
            values["context_recall"] = hits / total if total else None
        scores += [
            Score(
                *(case.question_id, RETRIEVER, case.condition, metric, value),
                explanation="no chunk to count" if value is None else "",
            )
            for metric, value in values.items()
        ]
    return scores
