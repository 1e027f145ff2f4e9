"""Scores of answers: no answer is a wrong answer, and a metric stands only where it applies."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from random import Random

from lib.eval.conditions import Case
from lib.eval.metrics.api_calls import API_CALL
from lib.eval.metrics.overlap import bleu, chrf, f1, rouge
from lib.eval.metrics.scoring import (
    _OVERLAP,
    LOWER_IS_BETTER,
    QUOTES,
    QUOTES_IN_ORACLE,
    REFUSED_RIGHTLY,
    REFUSED_WRONGLY,
    ROUGE_2,
    score_answers,
    verbatim,
)
from lib.eval.questions import first_hit
from lib.eval.wording import METRIC_NAMES
from lib.prompts.student import QUOTE_BEGIN, QUOTE_END, REFUSAL, cot_label
from lib.records import Score
from tests.eval.toy import answer, make_chunks, question_of, right

CHUNKS = make_chunks(6)
TWO_WORDS = "amber ivory"
Found = dict[str, tuple[float | None, str]]


def scored(
    text: str,
    condition: str = "oracle_distractors",
    *,
    gold: str = "",
    more: tuple[str, ...] = (),
    shown: tuple[int, ...] = (1, 0, 2),
    finish_reason: str = "stop",
) -> Found:
    """Metric → value and explanation, of one reply over these chunks; chunk 0 is the oracle."""
    question = question_of(CHUNKS[0])
    question = replace(question, answer=gold or question.answer, more_answers=more)
    chunks = tuple(CHUNKS[i] for i in shown)
    case = Case(question.id, question.text, condition, chunks, first_hit(chunks, question))
    text = text.replace("RIGHT", right(case, {question.id: question}))
    reply = answer(case, "some model", text, finish_reason=finish_reason)
    scores = score_answers([reply], [question], [case])
    assert {(s.question_id, s.model, s.condition) for s in scores} == {
        (question.id, "some model", condition)
    }
    assert len({s.metric for s in scores}) == len(scores)
    return {s.metric: (s.value, s.explanation) for s in scores}


def test_a_right_answer_has_full_marks() -> None:
    found = scored("RIGHT", gold=TWO_WORDS)
    assert found.pop(REFUSED_WRONGLY) == (0.0, "")
    assert found == dict.fromkeys((*_OVERLAP, QUOTES, QUOTES_IN_ORACLE), (1.0, ""))


def test_each_metric_has_its_own_value() -> None:
    gold, final = "amber walls and ivory doors", "ivory walls and doors, amber too"
    found = scored(f"<ANSWER>: {final}", gold=gold)
    common = rouge(final, gold)
    values = {
        "exact_match": 0.0,
        "f1": f1(final, gold),
        "rouge_1": common["rouge1"],
        ROUGE_2: common["rouge2"],
        "rouge_l": common["rougeL"],
        "bleu": bleu(final, gold),
        "chrf": chrf(final, gold),
        "answer_containment": 0.0,
    }
    assert {metric: found[metric][0] for metric in values} == values
    assert len(set(values.values())) == 6  # no two are the same but F1 and ROUGE-1, and the zeros
    longer = scored(f"<ANSWER>: all {gold}", gold=gold)
    assert (longer["exact_match"][0], longer["answer_containment"][0]) == (0.0, 1.0)


def test_less_is_better_where_it_says_so() -> None:
    for condition, shown, better, worse in (
        ("oracle", (0,), "RIGHT", REFUSAL),
        ("distractors_only", (1, 2), REFUSAL, "<ANSWER>: crimson0"),
    ):
        good, bad = (scored(text, condition, shown=shown) for text in (better, worse))
        pairs = {metric: (good[metric][0], bad[metric][0]) for metric in good}
        lower = {m for m, (a, b) in pairs.items() if a is not None and b is not None and a < b}
        assert lower == LOWER_IS_BETTER & set(good)


def test_a_reply_without_final_answer_is_wrong_in_every_metric() -> None:
    for text in ("crimson0", "", f"{QUOTE_BEGIN} crimson {QUOTE_END}", "so <ANSWER>:"):
        found = scored(text, gold=TWO_WORDS)
        assert {found[metric] for metric in _OVERLAP} == {(0.0, "no final answer")}
        assert found[REFUSED_WRONGLY] == (1.0, "no final answer")
        alone = scored(text, "distractors_only", shown=(1, 2))
        assert alone[REFUSED_RIGHTLY] == (0.0, "no final answer")
    assert scored("So", finish_reason="length")["f1"] == (0.0, "cut at the token limit")


def test_a_reply_without_quotes_has_no_share_of_right_ones() -> None:
    for text in ("so <ANSWER>: crimson0", "mute", REFUSAL):
        assert scored(text)[QUOTES] == scored(text)[QUOTES_IN_ORACLE] == (None, "no quotes")


def test_a_refusal_is_a_wrong_answer_however_it_is_written() -> None:
    for text in (REFUSAL, f"<ANSWER>: {REFUSAL}", REFUSAL.upper()):
        found = scored(text, gold=TWO_WORDS)
        assert {found[metric] for metric in _OVERLAP} == {(0.0, "refused")}
        assert found[REFUSED_WRONGLY][0] == 1.0


def test_who_answers_after_a_refusal_has_answered() -> None:
    found = scored(f"{REFUSAL} But: <ANSWER>: crimson0")
    assert (found["exact_match"][0], found[REFUSED_WRONGLY][0]) == (1.0, 0.0)
    alone = scored(f"{REFUSAL} But: <ANSWER>: crimson0", "distractors_only", shown=(1, 2))
    assert alone[REFUSED_RIGHTLY][0] == 0.0
    refused = scored(f"<ANSWER>: {REFUSAL} Perhaps crimson0.")
    assert (refused["exact_match"], refused[REFUSED_WRONGLY][0]) == ((0.0, "refused"), 1.0)


def test_with_distractors_only_a_refusal_is_right_and_correctness_does_not_apply() -> None:
    for text, value in ((REFUSAL, 1.0), ("so <ANSWER>: crimson0", 0.0), ("RIGHT", 0.0)):
        found = scored(text, "distractors_only", shown=(1, 2))
        assert found[REFUSED_RIGHTLY][0] == value
        assert set(found) == {REFUSED_RIGHTLY, QUOTES}


def test_where_the_oracle_is_absent_nobody_refuses_wrongly_or_quotes_it() -> None:
    for condition, shown in (("top_3", (1, 2, 3)), ("closed_book", ())):
        found = scored("RIGHT", condition, shown=shown)
        assert found["exact_match"][0] == 1.0  # whatever the context held
        assert found[QUOTES][0] == 0.0
        assert not {REFUSED_WRONGLY, REFUSED_RIGHTLY, QUOTES_IN_ORACLE} & set(found)


def test_of_several_gold_answers_each_metric_takes_the_best() -> None:
    alone = scored("<ANSWER>: amber", gold=TWO_WORDS)
    assert alone["exact_match"][0] == 0
    for gold, *more in ((TWO_WORDS, "Amber"), ("amber", TWO_WORDS), ("x", TWO_WORDS, "amber")):
        found = scored("<ANSWER>: amber", gold=gold, more=tuple(more))
        assert {found[metric][0] for metric in ("exact_match", "f1", "rouge_l", "chrf")} == {1}
        assert found[ROUGE_2] == alone[ROUGE_2]
    assert scored("<ANSWER>: amber", gold=TWO_WORDS, more=("x",)) == alone


def test_rouge_2_needs_a_gold_answer_of_two_words_and_a_call_a_gold_call() -> None:
    assert ROUGE_2 not in scored("RIGHT", gold="amber")
    assert API_CALL not in scored("RIGHT", gold=TWO_WORDS)
    gold = "hub.load('amber', pretrained=True)"
    assert scored("RIGHT", gold=gold)[API_CALL] == (1.0, "")
    assert scored(REFUSAL, gold=gold)[API_CALL] == (0.0, "refused")
    assert scored("Hm", gold=gold)[API_CALL] == (0.0, "no final answer")
    field = "<<<domain>>>: Audio, <<<api_call>>>: hub.load('amber', pretrained=True), <<<code>>>: x"
    found = scored(field, gold=gold)  # the call stands in its field, no final answer anywhere
    assert found[API_CALL] == (1.0, "")
    assert found["exact_match"] == (0.0, "no final answer")


def test_quotes_are_verbatim_but_for_white_space() -> None:
    context = "The mill was painted green. Nobody knows why."
    assert verbatim(("mill was\n painted", "Nobody knows"), [context]) == 1.0
    assert verbatim(("The mill was painted red.", "Nobody"), [context]) == 0.5
    assert verbatim(("mill was painted",), ["mill was\npainted"]) == 1.0
    for nothing in ("", " ", ".", "…"):  # a quote of nothing stands nowhere
        assert verbatim((nothing, "The mill"), [context]) == 0.5
    composed, apart = (unicodedata.normalize(form, "thành phố Hà Nội") for form in ("NFC", "NFD"))
    assert verbatim((apart,), [f"Ở {composed}."]) == 1.0
    assert verbatim((composed,), [f"Ở {apart}."]) == 1.0
    assert verbatim((), [context]) is None


def test_quotes_are_of_one_document_and_of_the_oracle() -> None:
    oracle, other = CHUNKS[0].text, CHUNKS[1].text
    both = f"{cot_label('It says:', oracle, 'x')} {cot_label('And:', other, 'crimson0')}"
    found = scored(both)
    assert (found[QUOTES][0], found[QUOTES_IN_ORACLE][0]) == (1.0, 0.5)
    across = scored(cot_label("It says:", f"{other[-20:]} {oracle[:20]}", "crimson0"))
    assert (across[QUOTES][0], across[QUOTES_IN_ORACLE][0]) == (0.0, 0.0)
    beside = scored(cot_label("It says:", other, "crimson0"))
    assert (beside[QUOTES][0], beside[QUOTES_IN_ORACLE][0]) == (1.0, 0.0)


def test_a_chunk_that_does_the_oracles_work_may_be_quoted() -> None:
    question = question_of(CHUNKS[0])
    oracle = question.oracle
    longer = replace(oracle, id="longer", end=oracle.end + 20, text=f"{oracle.text} And more here.")
    case = Case(question.id, question.text, "top_3", (CHUNKS[1], longer), 1)
    reply = answer(case, "student", cot_label("It says:", "And more here.", question.answer))
    values = {s.metric: s.value for s in score_answers([reply], [question], [case])}
    assert values[QUOTES_IN_ORACLE] == 1.0


def test_what_is_measured_depends_on_the_case_and_never_on_the_reply_or_the_model() -> None:
    rng = Random(3)
    texts = ["RIGHT", "mute", "", REFUSAL, "<ANSWER>: red", cot_label("x", "made up", "red"), "f("]
    golds = ["amber", TWO_WORDS, "hub.load('a')", "東京", "%"]
    for _ in range(60):
        condition = rng.choice(["closed_book", "oracle", "distractors_only", "top_3"])
        shown = {"closed_book": (), "oracle": (0,), "distractors_only": (1, 2)}.get(
            condition, tuple(rng.sample(range(6), 3))
        )
        gold = rng.choice(golds)
        found = [scored(text, condition, gold=gold, shown=shown) for text in texts]
        assert all(list(one) == list(found[0]) for one in found)
        values = [value for one in found for value, _ in one.values() if value is not None]
        assert all(0 <= value <= 1 for value in values)
        open_ones = [(m, why) for one in found for m, (v, why) in one.items() if v is None]
        assert set(open_ones) <= {(QUOTES, "no quotes"), (QUOTES_IN_ORACLE, "no quotes")}
    assert set(METRIC_NAMES) > LOWER_IS_BETTER


def test_scores_come_in_the_answers_order_for_any_number_of_models() -> None:
    questions = [question_of(chunk) for chunk in CHUNKS]
    cases = [
        Case(q.id, q.text, name, (q.oracle,), 0) for name in ("oracle", "top_3") for q in questions
    ]
    models = ("student", "baseline, plain prompt", "teacher", "gpt-x")
    answers = [answer(case, model, "<ANSWER>: red") for model in models for case in cases]
    Random(0).shuffle(answers)
    scores = score_answers(answers, questions, cases)
    order = list(dict.fromkeys((s.model, s.condition, s.question_id) for s in scores))
    assert order == [(a.model, a.condition, a.question_id) for a in answers]
    assert scores == score_answers(answers, questions, cases)
    assert all(isinstance(score, Score) for score in scores)
