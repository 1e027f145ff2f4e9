"""Scores in, figures out: each counted once, each with its interval, none claimed too early."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

import pytest

from lib.eval.conditions import Case, setting_of
from lib.eval.metrics.scoring import REFUSED_WRONGLY, RETRIEVER, score_answers, score_retrieval
from lib.eval.questions import UNKNOWN
from lib.eval.results import Comparison, Primary, Results
from lib.eval.statistics import clustered
from lib.eval.statistics.clustered import wilson_interval
from lib.eval.statistics.pairs import holm, turned
from lib.eval.summaries import clusters_of, summarise
from lib.eval.verdict import better_settings
from lib.records import Score
from tests.eval.toy import evaluated, make_chunks, question_of

MODELS = ("student", "baseline", "teacher")
CONDITIONS = ("oracle", "top_3", "top_5")
WHERE = ("baseline", "top_5")
PRIMARY = Primary("baseline", "top_5")
Value = Callable[[str, str, int], float | None]  # of model, condition, number of the question


def ids(count: int, *, per_chunk: int = 1) -> dict[str, str]:
    return {f"q{i}": f"chunk{i // per_chunk}" for i in range(count)}


def scores_of(
    value: Value,
    questions: Mapping[str, str],
    *,
    models: tuple[str, ...] = MODELS,
    conditions: tuple[str, ...] = CONDITIONS,
    metric: str = "exact_match",
) -> list[Score]:
    return [
        Score(question, model, condition, metric, value(model, condition, i))
        for condition in conditions
        for model in models
        for i, question in enumerate(questions)
    ]


def luck(model: str, condition: str, i: int) -> float:
    rate = {"student": 0.8, "baseline": 0.4, "teacher": 0.75}[model]
    return float(Random(f"{model} {condition} {i}").random() < rate)


def summed(
    value: Value,
    *,
    count: int = 40,
    metric: str = "exact_match",
    per_chunk: int = 1,
    conditions: tuple[str, ...] = CONDITIONS,
) -> Results:
    questions = ids(count, per_chunk=per_chunk)
    return summarise(
        scores_of(value, questions, metric=metric, conditions=conditions),
        questions,
        models=MODELS,
        primary=replace(PRIMARY, metric=metric),
    )


@pytest.mark.parametrize(("count", "per_chunk"), [(1, 1), (2, 1), (5, 1), (30, 30), (30, 10)])
def test_as_many_questions_as_are_said_to_settle_it_can_settle_it(
    count: int, per_chunk: int
) -> None:
    def won(model: str, condition: str, number: int) -> float:
        return float(model == "student")

    found = summed(won, count=count, per_chunk=per_chunk).deciding
    assert found
    assert found.verdict == "cannot tell"
    assert found.questions_needed
    settled = summed(won, count=found.questions_needed, per_chunk=per_chunk).deciding
    assert settled
    assert settled.verdict == "better"


def test_every_figure_is_there_once_with_its_mean_and_interval() -> None:
    results = summed(luck)
    assert results.models == MODELS
    assert results.conditions == CONDITIONS
    names = [(e.model, e.condition, e.metric) for e in results.estimates]
    assert len(names) == len(set(names)) == 3 * 3
    for one in results.estimates:
        right = sum(luck(one.model, one.condition, i) for i in range(40))
        assert (one.n, one.unscored, one.value) == (40, 0, right / 40)
        assert (one.low, one.high, one.method) == (*wilson_interval(right, 40), "wilson")
    pairs = [(c.model, c.against, c.condition, c.metric) for c in results.comparisons]
    assert len(pairs) == len(set(pairs)) == 2 * 3
    for pair in results.comparisons:
        assert pair.model == "student"
        assert pair.difference == pytest.approx(pair.value - pair.against_value)
        assert pair.n == 40
        assert pair.won - pair.lost == pytest.approx(40 * pair.difference)
        assert pair.low <= pair.difference <= pair.high


def test_clustered_answers_get_the_bootstrap() -> None:
    results = summed(luck, per_chunk=2)
    assert {one.method for one in results.estimates} == {"bca"}


def test_one_comparison_is_tested_alone_some_together_and_the_rest_not_at_all() -> None:
    questions = ids(40)
    scores = [
        *scores_of(luck, questions),
        *scores_of(luck, questions, conditions=("distractors_only",), metric="refused_rightly"),
        *scores_of(luck, questions, metric="f1"),
    ]
    results = summarise(scores, questions, models=MODELS, primary=PRIMARY)
    one = results.deciding
    assert one is not None
    assert (one.against, one.condition, one.metric) == ("baseline", "top_5", "exact_match")
    assert (one.coverage, math.isnan(one.p_holm)) == (0.95, True)
    assert {(c.against, c.condition, c.metric) for c in results.secondary} == {
        *((a, c, "exact_match") for a in MODELS[1:] for c in CONDITIONS if (a, c) != WHERE),
        *((a, "distractors_only", "refused_rightly") for a in MODELS[1:]),
    }
    for other in results.secondary:
        assert other.p <= other.p_holm <= min(1, 7 * other.p)
        assert 0.95 <= other.coverage <= 1 - 0.05 / 7
        assert (other.p_holm < 0.05) == (other.p < 1 - other.coverage)
    rest = [c for c in results.comparisons if c is not one and c not in results.secondary]
    assert {c.metric for c in rest} == {"f1"}
    assert {(c.verdict, c.questions_needed, c.coverage) for c in rest} == {("", None, 0.95)}
    assert all(math.isnan(c.p) and math.isnan(c.p_holm) for c in rest)


@pytest.mark.parametrize("seed", range(12))
def test_the_comparison_that_decides_does_not_depend_on_what_else_is_asked(seed: int) -> None:
    def reply(model: str, condition: str, i: int) -> float:
        return float(Random(f"{seed} {model} {condition} {i}").random() < 0.5 + 0.2 * (model < "c"))

    alone = summed(reply, conditions=("top_5",), per_chunk=seed % 3 + 1).deciding
    assert alone is not None
    for conditions in (CONDITIONS, ("top_5", "top_7"), ("top_1", "top_2", "top_3", "top_5")):
        among = summed(reply, conditions=conditions, per_chunk=seed % 3 + 1).deciding
        assert repr(among) == repr(alone)


@pytest.mark.parametrize("per_chunk", [1, 3])
def test_words_and_intervals_agree_whatever_was_answered(per_chunk: int) -> None:
    seen = set()
    for seed in range(25):
        rng = Random(seed)
        rates = {(m, c): rng.random() for m in MODELS for c in CONDITIONS}
        draws = Random(f"draws {seed}")

        def reply(
            m: str, c: str, i: int, rates: dict[tuple[str, str], float] = rates, rng: Random = draws
        ) -> float:
            return float(rng.random() < rates[m, c])

        results = summed(
            reply,
            count=rng.randint(1, 60),
            per_chunk=per_chunk,
        )
        for one in results.comparisons:
            word = "better" if one.low > 0 else "worse" if one.high < 0 else "cannot tell"
            assert one.verdict == word
            p = one.p if one is results.deciding else one.p_holm
            assert one.verdict == "cannot tell" or p < 0.05
            assert one.low <= one.difference <= one.high
            assert not one.questions_needed or one.verdict == "cannot tell"
            seen.add((one is results.deciding, one.verdict))
    assert len(seen) == 6


def test_the_correction_spares_the_comparison_that_decides() -> None:
    def slightly(model: str, condition: str, i: int) -> float:
        return float(model == "student" and i < 6)  # 6 won, none lost: p = 0.031

    results = summed(slightly, count=12)
    one = results.deciding
    assert one is not None
    assert one.verdict == "better"
    assert {c.verdict for c in results.secondary} == {"cannot tell"}
    assert {c.low for c in results.secondary} == {0.0}
    assert all(c.questions_needed and c.questions_needed > 12 for c in results.secondary)


def test_swapped_models_swap_the_verdicts() -> None:
    questions = ids(60, per_chunk=3)
    scores = scores_of(luck, questions, models=MODELS[:2])
    one = summarise(scores, questions, models=MODELS[:2], primary=PRIMARY)
    turned_round = replace(PRIMARY, against="student")
    other = summarise(scores[::-1], questions, models=MODELS[1::-1], primary=turned_round)
    assert "better" in {c.verdict for c in one.comparisons}
    for mine in one.comparisons:
        theirs = other.comparison("student", mine.condition, mine.metric)
        assert theirs is not None
        assert theirs.verdict == turned(mine.verdict)
        assert theirs.difference == -mine.difference
        assert (theirs.won, theirs.lost) == (mine.lost, mine.won)
        assert (theirs.p, theirs.questions_needed) == (mine.p, mine.questions_needed)
        assert (theirs.low, theirs.high) == pytest.approx((-mine.high, -mine.low), abs=1e-9)


def test_what_a_judge_leaves_open_is_in_no_mean_and_counted() -> None:
    def mute(model: str, condition: str, i: int) -> float | None:
        if model == "student":
            return 1.0 if i < 10 else None
        return 0.0 if i % 2 else 1.0

    results = summed(mute, metric="judge_correct")
    student = results.estimate("student", "oracle", "judge_correct")
    assert student is not None
    assert (student.n, student.unscored, student.value) == (10, 30, 1.0)
    pair = results.comparison("baseline", "oracle", "judge_correct")
    assert pair is not None
    assert (pair.n, pair.value, pair.against_value, pair.won, pair.lost) == (10, 1.0, 0.5, 5, 0)


@pytest.mark.parametrize("seed", range(6))
def test_a_model_has_one_figure_alone_and_in_a_pair(seed: int) -> None:
    """To the last bit: a sum in another order may be rounded to another percent."""

    def thirds(model: str, condition: str, i: int) -> float:
        return Random(f"{seed} {model} {condition} {i}").choice((0, 1 / 3, 0.1, 2 / 7, 1))

    results = summed(thirds, metric="f1", count=50, per_chunk=seed % 4 + 1)
    for one in results.comparisons:
        for model, value in ((one.model, one.value), (one.against, one.against_value)):
            alone = results.estimate(model, one.condition, "f1")
            assert alone
            assert alone.value == value


@pytest.mark.parametrize("metric", ["exact_match", "f1", "answer_containment"])
def test_a_reply_without_a_final_answer_is_wrong_in_means_intervals_and_pairs(metric: str) -> None:
    """It has the figures of a wrong reply, and its number is known."""

    def mute(i: int, case: Case, right: str) -> str:
        return right if i % 3 else "and so on and on"

    def wrong(i: int, case: Case, right: str) -> str:
        return right if i % 3 else "<ANSWER>: nothing of the kind"

    def baseline(i: int, case: Case, right: str) -> str:
        return right if i % 4 == 0 else "<ANSWER>: nothing of the kind"

    one, other = (
        evaluated({"student": how, "baseline": baseline}, count=24).results for how in (mute, wrong)
    )
    for condition in one.conditions:
        silent = one.estimate("student", condition, metric)
        assert silent is not None
        assert (silent.n, silent.unscored, silent.no_answer) == (24, 0, 8)
        assert replace(silent, no_answer=0) == other.estimate("student", condition, metric)
        pair = one.comparison("baseline", condition, metric)
        assert pair is not None
        assert pair.n == 24
        assert repr(pair) == repr(other.comparison("baseline", condition, metric))


def test_no_common_question_is_no_claim() -> None:
    def apart(model: str, condition: str, i: int) -> float | None:
        if condition == "oracle":
            return float(model == "student")
        return 1.0 if (i % 2 == 0) == (model == "student") else None

    results = summed(apart)
    zero = results.comparison("baseline", "oracle", "exact_match")
    assert zero is not None
    assert (zero.verdict, zero.difference) == ("better", 1.0)
    nothing = results.comparison("baseline", "top_3", "exact_match")
    assert nothing is not None
    assert (nothing.n, nothing.verdict, nothing.p) == (0, "cannot tell", 1.0)
    assert nothing.questions_needed is None
    assert all(map(math.isnan, (nothing.value, nothing.difference, nothing.low, nothing.high)))
    silent = summed(lambda model, condition, i: None)
    assert {(e.n, e.method) for e in silent.estimates if e.metric == "exact_match"} == {(0, "")}


def test_of_some_metrics_less_is_better() -> None:
    less = summed(luck, metric=REFUSED_WRONGLY).comparison("baseline", "oracle", REFUSED_WRONGLY)
    more = summed(luck).comparison("baseline", "oracle", "exact_match")
    assert less is not None
    assert more is not None
    assert (less.difference, less.low, less.high) == (more.difference, more.low, more.high)
    assert (more.verdict, less.verdict) == ("better", "worse")


def test_models_are_compared_where_both_were_asked_and_the_retriever_nowhere() -> None:
    questions = ids(20)
    scores = [
        *scores_of(luck, questions, models=MODELS[:2]),
        *scores_of(luck, questions, models=("teacher",), conditions=("oracle",)),
        *(Score(question, "retriever", "top_3", "hit_rate", 1.0) for question in questions),
    ]
    results = summarise(scores, questions, models=MODELS, primary=PRIMARY)
    assert {c.condition for c in results.comparisons if c.against == "teacher"} == {"oracle"}
    assert {c.condition for c in results.comparisons if c.against == "baseline"} == {*CONDITIONS}
    found = results.estimate("retriever", "top_3", "hit_rate")
    assert found is not None
    assert found.value == 1.0
    assert "retriever" not in {c.model for c in results.comparisons}


# --- retrieval settings --------------------------------------------------------------------------

SETTINGS = ("top_5_hybrid", "top_5_hybrid_rerank")


def settings_scores(
    seed: int, per_chunk: int, settings: tuple[str, ...] = SETTINGS
) -> tuple[list[Score], dict[str, str]]:
    """(scores, clusters): exact match and F1 of three models, hit rates of the retriever."""
    questions = ids(36, per_chunk=per_chunk)

    def reply(model: str, condition: str, i: int) -> float:
        rate = 0.3 + 0.3 * ("rerank" in condition) + 0.1 * (model == "student")
        return float(Random(f"{seed} {model} {condition} {i}").random() < rate)

    kinds = (("exact_match", MODELS), ("f1", MODELS), ("hit_rate", (RETRIEVER,)))
    scores = [
        score
        for metric, models in kinds
        for score in scores_of(
            *(reply, questions), models=models, conditions=(*CONDITIONS, *settings), metric=metric
        )
    ]
    return scores, questions


def of_settings(results: Results) -> list[Comparison]:
    return [one for one in results.comparisons if one.against_condition]


@pytest.mark.parametrize("per_chunk", [1, 3])
@pytest.mark.parametrize("seed", range(4))
def test_a_setting_is_compared_as_a_model_is(seed: int, per_chunk: int) -> None:
    """With the first setting in the place of the other model, on the same questions."""
    scores, clusters = settings_scores(seed, per_chunk)
    results = summarise(scores, clusters, models=MODELS, primary=PRIMARY)
    pairs = of_settings(results)
    assert [(c.model, c.condition, c.metric) for c in pairs] == [
        (model, condition, metric)
        for model, metrics in (("student", ("exact_match", "f1")), (RETRIEVER, ("hit_rate",)))
        for metric in metrics
        for condition in SETTINGS
    ]
    for one in pairs:
        assert (one.against, one.against_condition) == (one.model, "top_5")
        assert results.setting(one.model, one.condition, one.metric) is one
        alike = [s for s in scores if (s.model, s.metric) == (one.model, one.metric)]
        direct = summarise(
            [
                replace(s, model=s.condition, condition="both")
                for s in alike
                if s.condition in (one.condition, "top_5")
            ],
            clusters,
            models=(one.condition, "top_5"),
            primary=Primary("top_5", "both", one.metric),
        ).deciding
        assert direct
        names = ("n", "value", "against_value", "difference", "won", "lost")
        assert [getattr(one, name) for name in names] == [getattr(direct, n) for n in names]
        if one in results.secondary:
            assert one.p == direct.p
            assert one.p <= one.p_holm
            assert one.low <= direct.low + 1e-9
            assert direct.high <= one.high + 1e-9
        else:
            assert (one.verdict, one.coverage, math.isnan(one.p)) == ("", 0.95, True)
            assert min(direct.low, one.low) == direct.low  # the test may extend it to 0
    others = [c for c in results.secondary if not c.against_condition]
    assert len(results.secondary) - len(others) == len(SETTINGS)
    ps = [one.p for one in results.secondary]
    assert [one.p_holm for one in results.secondary] == [corrected for corrected, _ in holm(ps)]


@pytest.mark.parametrize("per_chunk", [1, 3])
def test_other_settings_change_no_figure_of_the_first(per_chunk: int) -> None:
    alone, among = (
        summarise(*settings_scores(1, per_chunk, settings), models=MODELS, primary=PRIMARY)
        for settings in ((), SETTINGS)
    )
    assert repr(among.deciding) == repr(alone.deciding)
    shared = [one for one in among.estimates if one.condition not in SETTINGS]
    assert sorted(map(repr, shared)) == sorted(map(repr, alone.estimates))
    assert not of_settings(alone)
    for one in alone.comparisons:
        other = among.comparison(one.against, one.condition, one.metric)
        assert other
        assert (other.value, other.difference) == (one.value, one.difference)
        assert (other.p, other.against_condition) == (one.p, "") or math.isnan(one.p)


@pytest.mark.parametrize("seed", range(3))
def test_a_setting_that_finds_the_same_makes_no_difference(seed: int) -> None:
    scores, clusters = settings_scores(seed, 2, ())
    same = [replace(s, condition="top_5_dense") for s in scores if s.condition == "top_5"]
    results = summarise([*scores, *same], clusters, models=MODELS, primary=PRIMARY)
    pairs = of_settings(results)
    assert {(c.model, c.metric) for c in pairs} == {
        ("student", "exact_match"),
        ("student", "f1"),
        (RETRIEVER, "hit_rate"),
    }
    for one in pairs:
        assert (one.difference, one.won, one.lost, one.n) == (0, 0, 0, 36)
        assert one.low < 0 < one.high
    tested = results.setting("student", "top_5_dense", "exact_match")
    assert tested
    assert (tested.verdict, tested.p, tested.questions_needed) == ("cannot tell", 1.0, None)


def test_a_setting_that_finds_nothing_is_worse_by_all_that_was_found() -> None:
    def found(i: int, case: Case, right: str) -> str:
        return right if case.chunks and i % 4 else "<ANSWER>: nothing of the kind"

    conditions = ("closed_book", "top_3", "top_3_keywords")
    made = evaluated({"student": found}, count=24, conditions=conditions)
    cases = [
        replace(case, chunks=(), oracle_rank=None) if setting_of(case.condition) else case
        for case in made.cases
    ]
    answers = [
        replace(one, text="<ANSWER>: nothing", final_answer="nothing", oracle_in_context=False)
        if setting_of(one.condition)
        else one
        for one in made.answers
    ]
    scores = score_answers(answers, made.questions, cases)
    scores += score_retrieval(made.questions, cases, [])
    primary = Primary("", "top_3")
    clusters = clusters_of(made.questions)
    results = summarise(scores, clusters, models=["student"], primary=primary)
    assert results.deciding is None
    hits = results.setting(RETRIEVER, "top_3_keywords", "hit_rate")
    answered = results.setting("student", "top_3_keywords", "exact_match")
    assert hits
    assert answered
    assert (hits.value, hits.against_value, hits.difference, hits.lost) == (0, 1, -1, 24)
    assert (answered.value, answered.difference, answered.verdict) == (0, -0.75, "worse")
    assert results.secondary == [answered]
    assert not better_settings(results)


def test_the_same_scores_give_the_same_figures() -> None:
    questions = ids(40, per_chunk=2)

    def part(model: str, condition: str, i: int) -> float:
        return Random(f"{model} {condition} {i}").random()

    scores = scores_of(part, questions, metric="f1")
    one = summarise(scores, questions, models=MODELS, primary=PRIMARY)
    again = summarise(scores, questions, models=MODELS, primary=PRIMARY)
    assert repr(one) == repr(again)  # NaN is not equal to itself
    seeded = summarise(scores, questions, models=MODELS, primary=PRIMARY, seed=1)
    assert one.estimates != seeded.estimates


def test_resamples_are_drawn_once_for_all_figures_of_as_many_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn, resamples = [], clustered._resamples

    def counted(clusters: int, *, seed: int, num_resamples: int) -> object:
        drawn.append(clusters)
        return resamples(clusters, seed=seed, num_resamples=num_resamples)

    monkeypatch.setattr(clustered, "_resamples", counted)
    summed(lambda model, condition, i: luck(model, condition, i) if i else None, per_chunk=2)
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == {20}


def test_scores_that_cannot_be_right_are_refused() -> None:
    score = Score("q1", "student", "oracle", "f1", 0.5)
    with pytest.raises(ValueError, match="a second score like"):
        summarise([score, score], ids(3), models=MODELS, primary=PRIMARY)
    with pytest.raises(ValueError, match="'q1' has scores, and is in no cluster"):
        summarise([score], {}, models=MODELS, primary=PRIMARY)


def test_questions_of_a_chunk_belong_together_and_peoples_stand_alone() -> None:
    one, other = make_chunks(2)
    made = [question_of(one), question_of(one, 1), question_of(other)]
    by_people = [
        replace(made[0], id=f"eval_file, row {i}", text=text, oracle=UNKNOWN)
        for i, text in enumerate(("Who?", "Why?", "Who?"))  # one with two answers counts once
    ]
    clusters = clusters_of([*made, *by_people])
    assert list(clusters.values()) == [one.id, one.id, other.id, *(q.text for q in by_people)]
