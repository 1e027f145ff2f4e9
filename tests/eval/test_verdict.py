"""The verdict: the figures of the results, and no claim that they do not carry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from lib.eval.report.tables import show_table, show_verdict, what_next
from lib.eval.results import Primary, Results
from lib.eval.summaries import summarise
from lib.eval.verdict import claim_of, settling, verdict_of
from lib.eval.wording import called, difference, percent, points, signed
from lib.records import Score
from lib.run_folder import COMMAND
from lib.runner import command_of, parse
from tests.eval.toy import evaluated, primary_of, results_of

PLAIN = "baseline, plain prompt"
GOOD = [1.0] * 36 + [0.0] * 4
POOR = [0.0] * 20 + [1.0] * 16 + [0.0] * 4
NEAR = [1.0] * 34 + [0.0] * 6  # two questions below GOOD


def said(**models: Sequence[float | None]) -> str:
    return verdict_of(results_of({name.replace("plain", PLAIN): v for name, v in models.items()}))


def test_better_and_worse_mirror_and_state_their_figures() -> None:
    better = results_of({"student": GOOD, "baseline": POOR})
    worse = results_of({"student": POOR, "baseline": GOOD})
    assert verdict_of(better).startswith("The student is better than the baseline under top_5")
    assert verdict_of(worse).startswith("The student is worse than the baseline under top_5")
    assert claim_of(better) == "The student is better than the baseline"
    assert claim_of(worse) == "The student is worse than the baseline"
    for results in (better, worse):
        one = results.deciding
        assert one is not None
        for figure in (
            f"{percent(one.value)}% against {percent(one.against_value)}%",
            f"{signed(one.difference)} points (95% interval {points(one)}",
            "40 questions",
            f"p {'< 0.001' if one.p < 0.001 else f'= {one.p:.3f}'})",
        ):
            assert figure in verdict_of(results)


def test_the_command_that_settles_it_is_the_one_that_was_typed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = parse(["-p", "my file.yaml", "-r", "max_questions", "9", "-r", "run_name", "mine"])
    monkeypatch.setenv(COMMAND, command_of(options))
    results = results_of({"student": GOOD, "baseline": NEAR})
    assert results.deciding is not None
    needed = results.deciding.questions_needed
    command = f"./run_all.sh -p 'my file.yaml' -r run_name mine --from 4 -r max_questions {needed}"
    assert verdict_of(results).endswith(command)


def test_what_cannot_be_told_says_what_would_settle_it() -> None:
    values = {"student": GOOD, "baseline": NEAR}
    one = results_of(values).deciding
    assert one is not None
    needed = one.questions_needed
    assert needed
    assert needed > 100
    for available in (0, needed, needed + 1):
        text = verdict_of(results_of(values, available=available))
        assert text.startswith("Cannot tell whether the student beats the baseline")
        assert f"about {needed} questions are needed: ./run_all.sh as before" in text
        assert f"--from 4 -r max_questions {needed}" in text
    for available in (40, needed - 1):
        text = verdict_of(results_of(values, available=available))
        assert f"about {needed} questions (the dataset has {available}) are needed" in text
        assert f"max_questions {needed}" not in text
        assert "raise eval_share" in text
        assert (f"asks all {available}" in text) == (available > 40)
    same = said(student=GOOD, baseline=GOOD)
    assert same.startswith("Cannot tell")
    assert "No difference was seen that more questions could show." in same
    assert settling(results_of({"student": GOOD, "baseline": POOR})) == ""


@pytest.mark.parametrize("available", [0, 30, 40, 100, 5000])
def test_nobody_is_sent_for_more_questions_than_there_are_unsaid(available: int) -> None:
    values = {"student": GOOD, "baseline": NEAR, PLAIN: GOOD[::-1]}
    results = results_of(values, conditions=("oracle", "top_3", "top_5"), available=available)
    for shown in (show_verdict(results), show_table(results), what_next(results, {})):
        text = " ".join(re.sub("<[^>]+>", " ", shown.data).split())
        for number, rest in re.findall(
            r"([\d,]+) questions?( \(the dataset has [\d,]+\))? (?:are )?needed", text
        ):
            assert bool(rest) == (0 < available < int(number.replace(",", "")))


def test_a_claim_names_a_plain_prompt_that_is_not_beaten() -> None:
    for plain in (NEAR, GOOD, [1.0] * 40):
        results = results_of({"student": GOOD, "baseline": POOR, PLAIN: plain})
        first = verdict_of(results).split(": ")[0]
        assert "but not shown to be better than the baseline with its plain prompt" in first
        assert "but not than the baseline with its plain prompt" in claim_of(results)
    assert "Against the baseline with its plain prompt: cannot tell" in said(
        student=GOOD, baseline=POOR, plain=NEAR
    )
    assert "plain prompt: worse, exact match 50%" in said(
        student=[0.0] * 20 + GOOD[:20], baseline=[0.0] * 40, plain=[1.0] * 40
    )


def test_what_would_settle_a_plain_prompt_that_is_not_beaten_is_said() -> None:
    results = results_of({"student": GOOD, "baseline": POOR, PLAIN: NEAR})
    plain = results.comparison(PLAIN, "top_5", "exact_match")
    assert plain
    assert plain.questions_needed
    assert verdict_of(results).endswith(f"with --from 4 -r max_questions {plain.questions_needed}")
    worse = {"student": [0.0] * 10 + GOOD[:30], "baseline": POOR[:1] * 40, PLAIN: [1.0] * 40}
    assert "plain prompt: worse" in verdict_of(results_of(worse))
    assert settling(results_of(worse)) == ""


def test_a_beaten_plain_prompt_is_in_a_second_sentence() -> None:
    text = said(student=GOOD, baseline=POOR, plain=POOR)
    assert "Against the baseline with its plain prompt: better, exact match 90% against 40%" in text
    assert "but not shown" not in text
    assert "was not asked with a plain prompt" in said(student=GOOD, baseline=POOR)
    assert "plain prompt" not in said(student=POOR, baseline=GOOD)


def test_a_plain_reply_that_is_right_among_other_words_is_said_to_be() -> None:
    none = [0.0] * 40
    values = {"student": GOOD, "baseline": POOR, PLAIN: none}
    held = {"student": GOOD, "baseline": POOR, PLAIN: NEAR}
    text = verdict_of(results_of(values, more={"answer_containment": held}))
    assert "but 85% of its answers hold the right one among other words, against 90%" in text
    assert "so counted, +5 points (" in text
    beaten = verdict_of(results_of(values, more={"answer_containment": values}))
    assert "among other words" not in beaten


def test_the_number_of_replies_without_an_answer_is_said() -> None:
    """Found on two corpora: dropped, such questions turned +21 points into "cannot tell"."""

    def baseline(i: int, case: Any, right: str) -> str:
        return right if i < 10 else "and so on" if i < 30 else "<ANSWER>: something else"

    models = {"student": lambda i, case, right: right if i < 30 else "so on", "baseline": baseline}
    text = verdict_of(evaluated(models, count=40).results)
    assert text.startswith("The student is better than the baseline under top_3")
    assert "75% against 25%, +50 points" in text
    assert "40 questions" in text
    assert (
        "without a final answer count as wrong: 10 of 40 of the student, 20 of 40 of the baseline."
    ) in text
    assert "count as wrong" not in said(student=GOOD, baseline=POOR)


def test_the_metric_that_decides_is_named_with_its_reason() -> None:
    results = results_of({"student": GOOD, "baseline": POOR}, more={"f1": {"student": POOR}})
    why = Primary("baseline", "top_5", why="Half of the right answers are long.")
    assert why.why in verdict_of(replace(results, primary=why))


def test_the_baseline_is_judged_against_wherever_it_stands() -> None:
    results = results_of({"student": GOOD, "teacher": GOOD, "baseline": POOR})
    assert results.primary.against == "baseline"
    assert "better than the baseline" in verdict_of(results)
    other = results_of({"student": GOOD, "gpt-4o": POOR, "gpt-4o, plain prompt": NEAR})
    assert verdict_of(other).startswith("The student is better than gpt-4o, but not shown")
    assert "than gpt-4o with its plain prompt" in verdict_of(other)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (results_of({"student": GOOD}), "nothing to compare it with: under top_5"),
        (results_of({"student": [None], "baseline": [1.0]}), "no question was scored for both"),
        (results_of({"student": [None]}), "No reply was scored under top_5"),
        (results_of({"student": GOOD[:1], "baseline": GOOD[:1]}), "1 question."),
    ],
)
def test_odd_inputs_are_no_claim(results: Results, expected: str) -> None:
    text = verdict_of(results)
    assert expected in text
    assert "nan" not in text.lower()
    assert "None" not in text
    assert not any(word in claim_of(results) for word in ("better", "worse"))


def test_distractors_alone_are_judged_by_refusals() -> None:
    refusals = {"refused_rightly": {"student": GOOD, "baseline": POOR}}
    scored = results_of({"student": GOOD, "baseline": POOR}, more=refusals)
    where = "distractors_only"
    estimates = [e for e in scored.estimates if e.metric == "refused_rightly"]
    compared = [c for c in scored.comparisons if c.metric == "refused_rightly"]
    only = Results(
        scored.models,
        (where,),
        [replace(one, condition=where) for one in estimates],
        [replace(one, condition=where) for one in compared],
        Primary("baseline", where, "refused_rightly"),
    )
    assert "refused rightly 90% against 40%" in verdict_of(only)


def test_names_in_a_sentence() -> None:
    assert called("student") == "the student"
    assert called("gpt-4o") == "gpt-4o"
    assert called(PLAIN) == "the baseline with its plain prompt"


def under(**of_conditions: dict[str, list[float]]) -> Results:
    scores = [
        Score(f"q{i}", model, condition, "exact_match", value)
        for condition, values in of_conditions.items()
        for model, listed in values.items()
        for i, value in enumerate(listed)
    ]
    clusters = {score.question_id: score.question_id for score in scores}
    models = list(dict.fromkeys(score.model for score in scores))
    primary = primary_of(models, [*of_conditions])
    return summarise(scores, clusters, models=models, primary=primary)


def test_what_is_read_better_is_said_where_retrieval_hides_it() -> None:
    alike, apart = {"student": GOOD, "baseline": NEAR}, {"student": GOOD, "baseline": POOR}
    results = under(oracle_distractors=apart, top_5=alike)
    assert claim_of(results) == (
        "The student reads better than the baseline; with retrieval it cannot be told"
    )
    text = verdict_of(results)
    sure, open_one = text.split(". ")[:2]  # what is sure comes first
    assert sure.startswith("The student reads better than the baseline, with the oracle among")
    assert open_one.startswith("Cannot tell whether the student beats the baseline under top_5")
    reading = results.comparison("baseline", "oracle_distractors", "exact_match")
    assert reading is not None
    assert f"{signed(reading.difference)} points" in text
    worse = under(oracle_distractors={"student": POOR, "baseline": GOOD}, top_5=alike)
    assert claim_of(worse).startswith("The student reads worse than the baseline;")
    neither = under(oracle_distractors=alike, top_5=alike)
    assert claim_of(neither) == "Cannot tell whether the student beats the baseline"
    both = under(oracle_distractors=alike, top_5=apart)
    assert claim_of(both) == "The student is better than the baseline"
    assert "of its row: cannot tell" in verdict_of(both).split(". ")[1]
    alone = under(oracle_distractors=apart)
    assert verdict_of(alone).count("its row") == 1  # the verdict itself is about it


def test_reading_better_must_hold_against_the_plain_prompt_too() -> None:
    alike = {"student": GOOD, "baseline": NEAR, PLAIN: POOR}
    fair = {"student": GOOD, "baseline": POOR, PLAIN: NEAR}
    assert claim_of(under(oracle_distractors=fair, top_5=alike)) == (
        "Cannot tell whether the student beats the baseline"
    )
    beaten = fair | {PLAIN: POOR}
    assert claim_of(under(oracle_distractors=beaten, top_5=alike)).startswith("The student reads")


@pytest.mark.parametrize(("right", "other", "odd"), [(1, 17, True), (97, 0, False)])
def test_a_difference_that_rounding_makes_odd_says_so(right: int, other: int, odd: bool) -> None:
    scores = {"student": right, "baseline": other}
    found = results_of({m: [1.0] * n + [0.0] * (97 - n) for m, n in scores.items()})
    one = found.deciding
    assert one is not None
    rounded = int(percent(one.value)) - int(percent(one.against_value))
    assert (rounded != int(signed(one.difference))) is odd
    assert difference(one).endswith("before rounding") is odd
    assert difference(one) in verdict_of(found)
