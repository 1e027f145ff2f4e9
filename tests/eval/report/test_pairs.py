"""Side-by-side comparisons as shown: the figures of the pairs, and no preference without ground."""

from __future__ import annotations

from lib.eval.judge.pairs import Pair
from lib.eval.report.pairs import show_pairs


def pairs_of(*orders: tuple[float, float]) -> list[Pair]:
    return [
        Pair(f"q{i}", "top_5", "student", "<i>other</i>", sum(both) / 2, both)
        for i, both in enumerate(orders)
    ]


def shown(pairs: list[Pair]) -> str:
    return str(show_pairs(pairs, {pair.question_id: pair.question_id for pair in pairs}).data)


def test_a_clear_preference_is_named_with_its_figures() -> None:
    html = shown(pairs_of(*[(1.0, 1.0)] * 30, *[(0.0, 0.0)] * 2, *[(1.0, 0.0)] * 8))
    assert "85%" in html  # (30 + 8 / 2) / 40
    assert "30 · 8 · 2" in html
    assert "student is preferred" in html
    assert "agree in 80%" in html
    assert "<i>other" not in html


def test_no_ground_is_no_preference() -> None:
    assert "cannot tell" in shown(pairs_of((1.0, 1.0), (0.0, 0.0), (1.0, 0.0)))
    lost = shown(pairs_of(*[(0.0, 0.0)] * 30))
    assert "&lt;i&gt;other&lt;/i&gt; is preferred" in lost


def test_what_was_not_sent_or_not_read_is_said() -> None:
    alike = [Pair("q0", "top_5", "student", "other", 0.5, explanation="the same answer")]
    assert "none was sent" in shown(alike)
    assert "1 unread" in shown([*pairs_of((1.0, 1.0)), Pair("q9", "top_5", "a", "b", None)])
    assert "<table" not in shown([])
