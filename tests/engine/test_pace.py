"""How fast requests start while an endpoint refuses some of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from lib.endpoints import EndpointSettings
from lib.engine.budget import Budget, Estimate, Used
from lib.engine.faults import Fault
from lib.engine.limits import Pace
from lib.engine.retries import RetryLoop
from lib.recipe import Recipe
from tests.clock import Clock

SETTINGS = EndpointSettings("teacher", "openai", "http://127.0.0.1:9/v1", "m", "k")
SLOTS, REQUESTS, SERVICE_S = 32, 1500, 0.5
BOUND_S = REQUESTS * SERVICE_S / SLOTS

Refuses = Callable[[float], "float | bool | None"]  # at a second: False, or the Retry-After


async def no_ping() -> None:
    pass


def took(clock: Clock, refuses: Refuses, *, refusal_s: float = 0.002) -> tuple[float, int]:
    """Seconds until all requests are answered, and how many were refused."""
    refused = 0
    random.seed(1)  # of the back-off and the pauses

    async def main() -> float:
        nonlocal refused
        loop = RetryLoop(SETTINGS, Recipe(concurrency=SLOTS), limits=[], budget=Budget())
        start = clock.now

        async def attempt(timeouts: int) -> tuple[str, Used | None]:
            nonlocal refused
            if (asked_s := refuses(clock.now - start)) is False:
                await asyncio.sleep(SERVICE_S)
                return "", Used(1)
            refused += 1
            await asyncio.sleep(refusal_s)
            raise Fault("busy", kind="busy", retry_after_s=asked_s)

        asks = [loop.run(attempt, ping=no_ping, estimate=Estimate()) for _ in range(REQUESTS)]
        await asyncio.gather(*asks)
        return clock.now - start

    return clock.run(main()), refused


@pytest.mark.parametrize("refusal_s", [0.002, 0.3])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("asked_s", [None, 1.0])
def test_sporadic_refusals_cost_little(
    share: float, asked_s: float | None, refusal_s: float, clock: Clock
) -> None:
    rng = random.Random(5)
    seconds, _ = took(clock, lambda at: rng.random() < share and asked_s, refusal_s=refusal_s)
    assert seconds < 1.5 * BOUND_S / (1 - share)


@pytest.mark.parametrize("refusal_s", [0.002, 0.3])
@pytest.mark.parametrize(("length_s", "every_s"), [(3, 9), (1, 5), (10, 30)])
def test_after_a_storm_the_pace_recovers(
    length_s: float, every_s: float, refusal_s: float, clock: Clock
) -> None:
    storm = lambda at: at % every_s >= every_s - length_s and None  # noqa: E731
    seconds, refused = took(clock, storm, refusal_s=refusal_s)
    calm_s = every_s - length_s
    storms = int(BOUND_S / calm_s) + (refusal_s > 0.1)  # slow refusals: the end meets one more
    assert seconds < 1.5 * (BOUND_S + length_s * storms)
    assert refused < REQUESTS / 2  # nobody storms back


@pytest.mark.parametrize("refusal_s", [0.002, 0.3])
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("per_s", [3.0, 25.0])
def test_a_limit_is_used_and_seldom_overstepped(
    per_s: float, asked: bool, refusal_s: float, clock: Clock
) -> None:
    bucket = SimpleNamespace(level=per_s, at=0.0)

    def refuses(at: float) -> float | bool | None:
        bucket.level = min(per_s, bucket.level + (at - bucket.at) * per_s)
        bucket.at = at
        if bucket.level < 1:
            return 1.0 if asked else None
        bucket.level -= 1
        return False

    seconds, refused = took(clock, refuses, refusal_s=refusal_s)
    assert seconds < 1.5 * REQUESTS / per_s
    assert refused < REQUESTS


def refuse(pace: Pace, clock: Clock, count: int, asked_s: float | None = None) -> float:
    """Requests that start now are refused at once; returns how long all pause."""
    for _ in range(count):
        pace.reserve(Estimate())
        pace.refuse(clock.now, asked_s, longest_s=600)
    return pace._paused_until - clock.now


def test_three_in_a_row_concern_all(clock: Clock) -> None:
    pace = Pace(8)
    assert refuse(pace, clock, 2, 20.0) < 0
    assert refuse(pace, clock, 1, 20.0) == 20


def test_what_started_before_a_pause_says_nothing_new(clock: Clock) -> None:
    pace = Pace(64)
    started_at, clock.now = clock.now, clock.now + 1
    for _ in range(64):
        pace.refuse(started_at, 2.0, longest_s=600)
    assert pace._paused_until == clock.now + 2


def test_without_a_time_pauses_grow_to_a_minute_while_nothing_is_answered(clock: Clock) -> None:
    pace, pauses = Pace(1), []
    for _ in range(2000):
        clock.now += 100
        pauses.append(refuse(pace, clock, 3))
    assert all(1.5**n / 2 <= pause <= 1.5**n for n, pause in enumerate(pauses[:10]))
    assert 30 <= pauses[-1] <= 60
    assert pace._limit is not None
    assert pace._limit.per_s >= 1  # the floor
