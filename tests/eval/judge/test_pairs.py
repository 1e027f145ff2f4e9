"""Two answers compared: the order is swapped, and what that changes is a figure."""

from __future__ import annotations

import pytest

from lib.eval.judge.asking import Judge
from lib.eval.judge.pairs import Pair, judge_pairs, pair_figures
from lib.prompts.student import REFUSAL
from lib.records import Answer
from tests.eval.judge.honest import pair_judge
from tests.eval.judge.make import judge_at, make_answer, make_questions, serve_judge
from tests.server import Body

QUESTIONS = make_questions(6)


def fair(reference: str, a: str, b: str) -> str:
    right = (reference in a, reference in b)
    return {(True, False): "A", (False, True): "B"}.get(right, "tie")


def answers(*pairs: tuple[str, str]) -> list[Answer]:
    """Of student and baseline to each question; RIGHT is its reference."""
    return [
        make_answer(question, text.replace("RIGHT", question.answer), model=model)
        for question, pair in zip(QUESTIONS, pairs, strict=False)
        for model, text in zip(("student", "baseline"), pair, strict=True)
    ]


ANSWERS = answers(
    ("<ANSWER>: RIGHT", "<ANSWER>: 1799"),
    ("<ANSWER>: 1799", "<ANSWER>: RIGHT"),
    ("<ANSWER>: 1799", "<ANSWER>: 1798"),
    ("<ANSWER>: RIGHT", REFUSAL),
)


def compare(judge: Judge | None, given: list[Answer] = ANSWERS) -> list[Pair]:
    return judge_pairs(judge, given, QUESTIONS, first="student", second="baseline")


def test_a_fair_judge_says_the_same_in_both_orders() -> None:
    with serve_judge(pair_judge(fair)) as server:
        pairs = compare(judge_at(server))
        assert len(server.requests) == 2 * len(pairs) == 8
        assert compare(judge_at(server)) == pairs
        assert len(server.requests) == 8
        other = judge_pairs(
            judge_at(server), ANSWERS, QUESTIONS, first="baseline", second="student"
        )
        assert len(server.requests) == 8  # the same questions to the judge
    assert [pair.value for pair in pairs] == [1, 0, 0.5, 1]
    assert [pair.value for pair in other] == [0, 1, 0.5, 0]
    assert all(one == two for one, two in (pair.orders for pair in pairs))
    figures = pair_figures(pairs)
    assert (figures.won, figures.tied, figures.lost, figures.value) == (2, 1, 1, 0.625)
    assert figures.consistency == 1
    assert (figures.named, figures.shown_first) == (6, 3)
    assert pairs[0].score.value == 1
    assert pairs[0].score.metric == "judge_prefers_over_baseline"


@pytest.mark.parametrize(("place", "shown_first"), [("A", 8), ("B", 0)])
def test_a_judge_that_likes_a_place_prefers_nobody(place: str, shown_first: int) -> None:
    with serve_judge(pair_judge(lambda reference, a, b: place)) as server:
        pairs = compare(judge_at(server))
    assert [pair.value for pair in pairs] == [0.5] * 4
    figures = pair_figures(pairs)
    assert figures.consistency == 0
    assert figures.consistency_high < 0.5
    assert (figures.named, figures.shown_first) == (8, shown_first)


def test_a_tie_in_one_order_is_half_a_win() -> None:
    def judge(reference: str, a: str, b: str) -> str:
        return fair(reference, a, b) if reference in a else "tie"

    with serve_judge(pair_judge(judge)) as server:
        pairs = compare(judge_at(server))
    assert [pair.value for pair in pairs] == [0.75, 0.25, 0.5, 0.75]
    assert pair_figures(pairs).consistent == 1


def test_what_needs_no_judge_is_not_sent() -> None:
    given = answers(
        ("So <ANSWER>: 1799", "<ANSWER>: 1799"),
        (REFUSAL, f"<ANSWER>: {REFUSAL}"),
        ("Hm.", "<ANSWER>: RIGHT"),
    )
    alone = make_answer(QUESTIONS[4], "<ANSWER>: 1", model="student")
    refusing = [
        make_answer(QUESTIONS[5], "<ANSWER>: 1", model=model, condition="distractors_only")
        for model in ("student", "baseline")
    ]
    with serve_judge(pair_judge(fair)) as server:
        pairs = compare(judge_at(server), [*given, alone, *refusing])
        assert server.requests == []
    found = [(pair.value, pair.explanation) for pair in pairs]
    assert found == [
        (0.5, "the same answer"),
        (0.5, "both refused"),
        (None, "student: no final answer"),
    ]
    figures = pair_figures(pairs)
    assert (figures.n, figures.unscored, figures.asked, figures.consistency) == (2, 1, 0, None)
    assert compare(None) == []
    assert pair_figures([]).value is None


def test_one_order_that_cannot_be_read_leaves_the_pair_unscored() -> None:
    judge = pair_judge(fair)

    def mumbling(body: Body) -> str:
        prompt = body["messages"][-1]["content"]
        return "A. No, B." if prompt.rindex("1881") > prompt.index("1799") else judge(body)

    with serve_judge(mumbling) as server:
        pairs = compare(judge_at(server, "mumbler"), ANSWERS[:2])
    assert [(p.value, p.orders) for p in pairs] == [(None, ())]
    assert pairs[0].explanation.startswith("unparsed: ")
    assert pair_figures(pairs).unscored == 1
