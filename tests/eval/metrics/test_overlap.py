"""A final answer against the gold answer: SQuAD's rules in every script, and known values."""

from __future__ import annotations

import unicodedata
from collections import Counter
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest

from lib.eval.metrics.overlap import bleu, chrf, exact_match, f1, rouge
from lib.text import holds, normalise, tokens

MEASURES = (exact_match, f1, bleu, chrf, holds)
WORDS = "red door mill 東京 都 Москва дверь 서울 서울은 ตาก हिन्दी 333 m % The".split()


@pytest.mark.parametrize(
    ("reply", "gold", "em", "token_f1"),
    [
        ("The crimson door.", "crimson door", 1.0, 1.0),
        ("crimson", "crimson door", 0.0, 2 / 3),
        ("door door", "door", 0.0, 2 / 3),  # tokens count with their multiplicity
        ("blue", "crimson door", 0.0, 0.0),
        ("東京都", "東京", 0.0, 0.8),
        ("Москва", "москва!", 1.0, 1.0),
        ("İSTANBUL", "istanbul", 1.0, 1.0),
    ],
)
def test_exact_match_and_f1(reply: str, gold: str, em: float, token_f1: float) -> None:
    assert exact_match(reply, gold) == em
    assert f1(reply, gold) == pytest.approx(token_f1)
    assert f1(reply, gold) == f1(gold, reply)


@pytest.mark.parametrize(
    "text",
    ["Hà Nội", "서울특별시", "东京都", "القاهرة الكبرى", "ตาก", "Санкт-Петербург", "👍", "%", "A"],
)
def test_an_answer_in_any_script_is_like_itself_alone(text: str) -> None:
    for reply, gold in ((text, text), (f" {text.upper()}\n", unicodedata.normalize("NFD", text))):
        assert rouge(reply, gold)["rougeL"] == 1.0
        shares = [measure(reply, gold) for measure in MEASURES]
        assert shares == pytest.approx([1.0] * len(shares))
    for other in ("☀️", "❤️", "red", ""):
        assert [measure(other, text) for measure in MEASURES] == [0.0] * len(MEASURES)


def written(rng: Random, value: Decimal) -> str:
    """A number as some document may write it."""
    text = f"{value:,}" if rng.random() < 0.5 else str(value)
    text = text.replace(",", rng.choice(",'’")).replace("-", rng.choice("-−–‑"))
    if value == value.to_integral() and rng.random() < 0.3:
        text += rng.choice((".0", ".00"))
    if rng.random() < 0.2:  # a zero-width space
        text = "\u200b".join(text)
    return rng.choice(("{}", "{}.", "({})", "[{}]", "“{}”", "the {}", "{},")).format(text)


def test_a_number_is_like_itself_alone() -> None:
    rng = Random(7)
    near = [Decimal(n) for n in "5 50 35 3.5 0.35 3.05 305 1250 12.5 1.25 20000 2000 2 2.5".split()]
    for _ in range(1000):
        one, other = (rng.choice(near) * rng.choice((1, -1)) for _ in range(2))
        reply, gold = written(rng, one), written(rng, other)
        same = float(one == other)
        assert [exact_match(reply, gold), f1(reply, gold), holds(reply, gold)] == [same] * 3
        assert holds(f"It was {reply} in all", gold) == same, (reply, gold)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("1/2", "12"), ("20–25", "2025"), ("10:30", "1030"), ("v1.2.3", "v12.3")),
        *(("C++", "C"), ("C#", "C"), ("A+", "A"), ("blood group A-", "blood group A+")),
        *(("-$5", "$5"), ("a[-1]", "a[1]"), ("5%–10%", "510%"), ("3…5", "35")),
        *(("Building A", "Building B"), ("Vitamin A", "vitamin"), ("Plan A", "a plan")),
    ],
)
def test_signs_that_tell_answers_apart(one: str, other: str) -> None:
    assert not exact_match(one, other)
    assert not holds(other, one)
    assert exact_match(f"the {one}.", one)
    assert holds(f"It is {one}, they say", one)


def test_units_do_not_count_in_a_range() -> None:
    for one in ("5-10%", "5%-10%", "$5–$10", "5°-10°"):
        assert exact_match(one, "5–10")


def test_a_date_is_the_same_with_any_mark() -> None:
    for one in ("12.03.2020", "12/03/2020", "12-03-2020"):
        assert exact_match(one, "12.03.2020")


def test_no_answer_is_like_a_blank_gold_answer() -> None:
    for gold in ("", " \n"):
        for reply in ("", " ", "red"):
            assert [measure(reply, gold) for measure in MEASURES] == [0.0] * len(MEASURES)
            assert set(rouge(reply, gold).values()) == {0.0}


def test_a_very_long_answer_is_measured_by_all_of_it() -> None:
    reply = " ".join(f"w{i}" for i in range(20_000))
    assert exact_match(reply, f"{reply}.") == holds(reply, "w19998 w19999") == 1.0
    assert f1(reply, "w19999") == pytest.approx(2 / 20_001)
    assert rouge(reply, "w19998 w19999")["rougeL"] == pytest.approx(4 / 20_002)
    assert 0 < bleu(reply, "w19998 w19999") < chrf(reply, "w19998 w19999") < 0.01


def test_rouge_l_respects_order_and_reads_every_script() -> None:
    assert rouge("the red door of Velm", "red door of Velm")["rougeL"] == 1.0
    assert rouge("door red", "red door")["rougeL"] == pytest.approx(0.5)
    assert rouge("красная дверь", "Красная дверь")["rougeL"] == 1.0
    assert rouge("blue", "red door")["rougeL"] == 0.0


@pytest.mark.parametrize(
    ("reply", "gold", "value"),
    [
        ("red door of Velm", "The red door of Velm!", 1.0),
        # 3/4, 2/3 and 1/2 of 1, 2 and 3 words in a row; none of 4, smoothed to 1/2
        ("red door of Velm", "red door of Tarrow", (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25),
        ("red door", "red door of Velm", 0.36787944117144233),  # brevity: e^(1 - 4/2)
        ("красная дверь", "Красная дверь.", 1.0),
        ("東京都", "東京都", 1.0),
        ("", "red door", 0.0),
    ],
)
def test_bleu_is_papinenis(reply: str, gold: str, value: float) -> None:
    assert bleu(reply, gold) == pytest.approx(value)


@pytest.mark.parametrize(
    ("reply", "gold", "value"),
    [
        # 1 and 2 characters in a row: precision 1, recall (2/3 + 1/2) / 2; recall counts double
        ("ox", "oxe", 5 * (7 / 12) / (4 + 7 / 12)),
        ("Ox e!", "oxe", 1.0),  # neither white space nor punctuation counts
        ("дверь", "Дверь", 1.0),
        ("x", "y", 0.0),
    ],
)
def test_chrf_is_popovics(reply: str, gold: str, value: float) -> None:
    assert chrf(reply, gold) == pytest.approx(value)


def drawn(rng: Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(1, 6)))


def test_all_metrics_of_random_answers_hold_together() -> None:
    rng = Random(5)
    for _ in range(500):
        reply, gold = drawn(rng), drawn(rng)
        common = rouge(reply, gold)
        shares = [f1(reply, gold), bleu(reply, gold), chrf(reply, gold), *common.values()]
        assert all(0 <= share <= 1 for share in shares)
        assert common["rouge1"] == pytest.approx(f1(reply, gold))  # they share their tokens
        assert common["rouge2"] == pytest.approx(pairs_in_common(reply, gold))
        assert common["rouge1"] >= common["rougeL"] >= 0
        if exact_match(reply, gold):
            one_word = len(tokens(gold)) == 1
            assert all(share == pytest.approx(1) for share in [*shares[:4], common["rougeL"]])
            assert common["rouge2"] == pytest.approx(0 if one_word else 1)
            assert holds(reply, gold) == 1
        if holds(reply, gold) and "서울" not in gold and normalise(gold) != "the":
            assert set(tokens(gold)) <= set(tokens(reply))


def pairs_in_common(reply: str, gold: str) -> float:
    mine, theirs = (Counter(pairwise(t)) for t in (tokens(reply), tokens(gold)))
    total = mine.total() + theirs.total()
    return 2 * (mine & theirs).total() / total if total else 0.0
