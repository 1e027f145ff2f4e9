"""What requests are expected to take, and what their replies took."""

from __future__ import annotations

import pytest

from lib.engine.budget import Meter, Used
from lib.engine.prices import Price
from lib.engine.replies import Reply


def request(text: str, max_tokens: int = 1000) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": max_tokens}


def test_a_reply_is_expected_to_be_as_long_as_those_before_it() -> None:
    meter = Meter(Price(10, 5, 20))
    first = meter.estimate(request("a" * 400))
    assert first.tokens == 100 + 256
    assert first.most_tokens == pytest.approx(400 / 3 + 1000)
    assert first.most_cost == pytest.approx((400 / 3 * 10 + 1000 * 20) / 1e6)
    for length in (40, 60):
        used = meter.count(request("a" * 400), Reply("…", "stop", 90, length, 0.1, 50))
        assert used == Used(90 + length, pytest.approx((40 * 10 + 50 * 5 + length * 20) / 1e6))
    assert meter.estimate(request("a" * 400)).tokens == 150
    assert meter.estimate(request("a" * 400, max_tokens=64)).tokens == 164


def test_languages_of_several_bytes_a_character_count_more_tokens() -> None:
    meter = Meter(None)
    assert meter.estimate(request("서핑의 역사")).tokens > meter.estimate(request("surfing")).tokens
    assert meter.estimate(request("서핑")).most_cost == 0


def test_a_server_without_usage_is_counted_by_characters() -> None:
    used = Meter(None).count(request("a" * 400), Reply("b" * 80, "stop", 0, 0, 0.1))
    assert used == Used(120)
