"""Requests and tokens per minute and per day."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lib.engine.budget import Load, Used
from lib.engine.ledger import Ledger
from lib.engine.limits import DayWindow, Limit, Limits, Rate


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def when_they_go(limit: Limit, clock: Clock, loads: list[Load]) -> list[float]:
    """Send each as soon as the limit lets it; seconds from now."""
    start, went = clock.now, []
    for load in loads:
        while (delay_s := limit.delay_s(load)) > 1e-6:  # below: rounding
            clock.now += delay_s
        limit.take(load)
        went.append(clock.now - start)
    return went


def most_in(went: list[float], seconds: float) -> int:
    return max(sum(start <= other < start + seconds for other in went) for start in went)


def test_requests_flow_evenly_with_no_burst_at_a_minutes_border() -> None:
    clock = Clock()
    went = when_they_go(Rate(600, of=lambda load: 1, clock=clock), clock, [Load()] * 1300)
    assert most_in(went, 60) <= 600 + 10  # a second's worth above the limit at most
    assert most_in(went, 1) <= 2 * 10
    assert went[-1] == pytest.approx(1300 / 10 - 1, abs=0.2)  # and nothing is given away


def test_a_slow_rate_lets_one_go_at_once() -> None:
    clock = Clock()
    went = when_they_go(Rate(6, of=lambda load: 1, clock=clock), clock, [Load()] * 3)
    assert went == pytest.approx([0, 10, 20])


def of_tokens(load: Load) -> float:
    return load.tokens


def test_tokens_are_settled_by_what_the_reply_took() -> None:
    def last(used: Callable[[float], Used | None]) -> float:
        clock = Clock()
        rate = Rate(60_000, of=of_tokens, clock=clock)
        for _ in range(50):
            load = Load(tokens=500)
            clock.now += rate.delay_s(load)
            rate.take(load)
            rate.settle(load, used(load.tokens))
        return clock.now - 1_000_000

    assert last(lambda tokens: Used(int(tokens))) == pytest.approx(24, abs=1)
    assert last(lambda tokens: Used(int(tokens * 2))) == pytest.approx(48, abs=2)
    assert last(lambda tokens: Used(int(tokens / 2))) == pytest.approx(12, abs=1)
    assert last(lambda tokens: None) == pytest.approx(24, abs=1)  # it may have been counted


def test_a_request_larger_than_a_seconds_worth_goes_and_leaves_a_debt() -> None:
    clock = Clock()
    went = when_they_go(Rate(6000, of=of_tokens, clock=clock), clock, [Load(tokens=1000)] * 3)
    assert went == pytest.approx([0, 10, 20])


def test_a_day_counts_what_earlier_runs_took() -> None:
    clock = Clock()
    hours = 3600.0
    before = [(clock.now - 25 * hours, 900), (clock.now - 23 * hours, 600), (clock.now - 60, 300)]
    window = DayWindow(1000, before=before, clock=clock)
    went = when_they_go(window, clock, [Load(tokens=100), Load(tokens=100), Load(tokens=100)])
    assert went == pytest.approx([0, 1 * hours, 1 * hours])
    assert window.delay_s(Load(tokens=500)) == pytest.approx(23 * hours - 60)


def test_a_day_settles_and_lets_a_request_larger_than_it_go_alone() -> None:
    clock = Clock()
    window = DayWindow(1000, clock=clock)
    load = Load(tokens=900)
    window.take(load)
    assert window.delay_s(load) > 80_000
    window.settle(load, Used(50))
    assert window.delay_s(load) == 0
    window.take(load)
    window.settle(load, None)
    assert window.delay_s(Load(tokens=950)) == 0
    assert window.delay_s(Load(tokens=5000)) > 0
    assert DayWindow(1000, clock=clock).delay_s(Load(tokens=5000)) == 0


def test_limits_of_a_day_start_from_the_ledger() -> None:
    ledger = Ledger()
    assert Limits().start(ledger, "m") == []
    request = {"role": "teacher", "model": "m"}
    ledger.put("k", request, {"prompt_tokens": 600, "completion_tokens": 300})
    ledger.put("l", {"role": "judge", "model": "m"}, {"prompt_tokens": 50})
    ledger.put("o", {"role": "teacher", "model": "other"}, {"prompt_tokens": 5000})
    (day,) = Limits(tokens_per_day=1000).start(ledger, "m")
    assert day.delay_s(Load(tokens=50)) == 0
    assert day.delay_s(Load(tokens=51)) > 86400 - 120
    assert len(Limits(1, 1, 1).start(ledger, "m")) == 3
    ledger.close()
