"""How long a request may take."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from lib.engine.timeouts import AdaptiveTimeout
from tests.clock import Clock


async def take(
    timeout: AdaptiveTimeout, seconds: float, *, times: int = 1, timeouts: int = 0
) -> float:
    """Be requests of that length, all at once; how long they were let."""
    clock = asyncio.get_running_loop()
    start = clock.time()

    async def one() -> None:
        with suppress(TimeoutError):
            await timeout.within(asyncio.sleep(seconds), "k", timeouts=timeouts)

    await asyncio.gather(*(one() for _ in range(times)))
    return clock.time() - start


def test_a_limit_follows_what_requests_of_its_kind_take(clock: Clock) -> None:
    async def main() -> None:
        timeout = AdaptiveTimeout(600.0)
        await take(timeout, 2.0, times=9)
        assert timeout.timeout_s("k") == 600.0  # too few to tell
        await take(timeout, 2.0, times=20)
        assert timeout.timeout_s("k") == pytest.approx(8.0)
        assert timeout.timeout_s("another kind") == 600.0
        assert timeout.timeout_s("k", timeouts=2) == pytest.approx(32.0)
        assert timeout.timeout_s("k", timeouts=30) == 600.0
        assert await take(timeout, 20.0, timeouts=2) == pytest.approx(20.0)

    clock.run(main())


def test_the_floor_and_the_ceiling_hold(clock: Clock) -> None:
    async def main() -> None:
        for longest_s, floor_s in ((100.0, 3.0), (0.2, 0.2)):
            timeout = AdaptiveTimeout(longest_s)
            await take(timeout, 0.1, times=20)
            assert timeout.timeout_s("k") == floor_s

    clock.run(main())


def test_one_that_hangs_from_the_very_first_ends_when_others_have_shown_how_long_it_takes(
    clock: Clock,
) -> None:
    async def main() -> float:
        timeout = AdaptiveTimeout(600.0)
        hanging = asyncio.create_task(take(timeout, 600))
        await take(timeout, 2.0, times=20)
        return await hanging

    assert 8 <= clock.run(main()) <= 8.5  # checked four times a second


def test_requests_that_time_out_again_mean_that_the_endpoint_is_slow(clock: Clock) -> None:
    async def main() -> None:
        timeout = AdaptiveTimeout(600.0)
        await take(timeout, 2.0, times=20)
        await take(timeout, 600, times=5)
        assert timeout.timeout_s("k") == pytest.approx(8.0)  # they may just have hung
        await take(timeout, 600, times=5, timeouts=1)
        assert timeout.timeout_s("k") > 2 * 8.0

    clock.run(main())


def test_what_failed_at_once_says_nothing_of_how_long_replies_take(clock: Clock) -> None:
    async def main() -> None:
        timeout = AdaptiveTimeout(60.0)

        async def fail() -> None:
            raise ConnectionError

        for _ in range(20):
            with pytest.raises(ConnectionError):
                await timeout.within(fail(), "k", timeouts=0)
        assert timeout.timeout_s("k") == 60.0

    clock.run(main())
