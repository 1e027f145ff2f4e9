"""Requests and tokens per minute and per day."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lib.engine.budget import Estimate, Used
from lib.engine.ledger import Ledger
from lib.engine.limits import DailyLimit, Limit, RateLimit, limits_of
from lib.recipe import Recipe
from tests.clock import Clock


def when_they_go(limit: Limit, clock: Clock, estimates: list[Estimate]) -> list[float]:
    """Send each as soon as the limit lets it; seconds from now."""
    start, went = clock.now, []
    for estimate in estimates:
        while (delay_s := limit.delay_s(estimate)) > 1e-6:  # below: rounding
            clock.now += delay_s
        limit.reserve(estimate)
        went.append(clock.now - start)
    return went


def most_in(went: list[float], seconds: float) -> int:
    return max(sum(start <= other < start + seconds for other in went) for start in went)


def test_requests_flow_evenly_with_no_burst_at_a_minutes_border(clock: Clock) -> None:
    went = when_they_go(RateLimit(600, of=lambda estimate: 1), clock, [Estimate()] * 1300)
    assert most_in(went, 60) <= 600 + 10  # a second's worth above the limit at most
    assert most_in(went, 1) <= 2 * 10
    assert went[-1] == pytest.approx(1300 / 10 - 1, abs=0.2)  # and nothing is given away


def test_a_slow_rate_lets_one_go_at_once(clock: Clock) -> None:
    went = when_they_go(RateLimit(6, of=lambda estimate: 1), clock, [Estimate()] * 3)
    assert went == pytest.approx([0, 10, 20])


def of_tokens(estimate: Estimate) -> float:
    return estimate.tokens


def test_tokens_are_settled_by_what_the_reply_took(clock: Clock) -> None:
    def last(used: Callable[[float], Used | None]) -> float:
        start, rate = clock.now, RateLimit(60_000, of=of_tokens)
        for _ in range(50):
            estimate = Estimate(tokens=500)
            clock.now += rate.delay_s(estimate)
            rate.reserve(estimate)
            rate.settle(estimate, used(estimate.tokens))
        return clock.now - start

    assert last(lambda tokens: Used(int(tokens))) == pytest.approx(24, abs=1)
    assert last(lambda tokens: Used(int(tokens * 2))) == pytest.approx(48, abs=2)
    assert last(lambda tokens: Used(int(tokens / 2))) == pytest.approx(12, abs=1)
    assert last(lambda tokens: None) == pytest.approx(24, abs=1)  # it may have been counted


def test_a_request_larger_than_a_seconds_worth_goes_and_leaves_a_debt(clock: Clock) -> None:
    went = when_they_go(RateLimit(6000, of=of_tokens), clock, [Estimate(tokens=1000)] * 3)
    assert went == pytest.approx([0, 10, 20])


def test_a_day_counts_what_earlier_runs_took(clock: Clock) -> None:
    hours = 3600.0
    before = [(clock.now - 25 * hours, 900), (clock.now - 23 * hours, 600), (clock.now - 60, 300)]
    window = DailyLimit(1000, before=before)
    went = when_they_go(
        window, clock, [Estimate(tokens=100), Estimate(tokens=100), Estimate(tokens=100)]
    )
    assert went == pytest.approx([0, 1 * hours, 1 * hours])
    assert window.delay_s(Estimate(tokens=500)) == pytest.approx(23 * hours - 60)


def test_a_day_settles_and_lets_a_request_larger_than_it_go_alone(clock: Clock) -> None:
    window = DailyLimit(1000)
    estimate = Estimate(tokens=900)
    window.reserve(estimate)
    assert window.delay_s(estimate) > 80_000
    window.settle(estimate, Used(50))
    assert window.delay_s(estimate) == 0
    window.reserve(estimate)
    window.settle(estimate, None)
    assert window.delay_s(Estimate(tokens=950)) == 0
    assert window.delay_s(Estimate(tokens=5000)) > 0
    assert DailyLimit(1000).delay_s(Estimate(tokens=5000)) == 0


def test_limits_of_a_day_start_from_the_ledger() -> None:
    ledger = Ledger()
    assert limits_of(Recipe(), ledger, "m") == []
    request = {"role": "teacher", "model": "m"}
    ledger.write("k", request, {"prompt_tokens": 600, "completion_tokens": 300}).result()
    ledger.write("l", {"role": "judge", "model": "m"}, {"prompt_tokens": 50}).result()
    ledger.write("o", {"role": "teacher", "model": "other"}, {"prompt_tokens": 5000}).result()
    (day,) = limits_of(Recipe(tokens_per_day=1000), ledger, "m")
    assert day.delay_s(Estimate(tokens=50)) == 0
    assert day.delay_s(Estimate(tokens=51)) > 86400 - 120
    recipe = Recipe(requests_per_minute=1, tokens_per_minute=1, tokens_per_day=1)
    assert len(limits_of(recipe, ledger, "m")) == 3
    ledger.close()
