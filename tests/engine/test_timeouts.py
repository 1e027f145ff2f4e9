"""How long a request may take."""

from __future__ import annotations

import asyncio
import time

import pytest

from lib.engine.timeouts import AdaptiveTimeout


async def take(timeout: AdaptiveTimeout, kind: str, seconds: float, *, timeouts: int = 0) -> float:
    """Be a request of that length; how long it was let."""
    start = time.monotonic()
    try:
        async with timeout.limit(kind, timeouts=timeouts):
            await asyncio.sleep(seconds)
    except TimeoutError:
        return time.monotonic() - start
    return seconds


def test_a_limit_follows_what_requests_of_its_kind_take() -> None:
    async def main() -> None:
        timeout = AdaptiveTimeout(100.0, shortest_s=0.05)
        for _ in range(9):
            await take(timeout, "short", 0.02)
        assert timeout.timeout_s("short") == 100.0  # too few to tell
        await asyncio.gather(*(take(timeout, "short", 0.02) for _ in range(20)))
        assert 0.08 <= timeout.timeout_s("short") < 1
        assert timeout.timeout_s("long") == 100.0
        once = timeout.timeout_s("short")
        assert timeout.timeout_s("short", timeouts=2) == pytest.approx(4 * once)
        assert timeout.timeout_s("short", timeouts=30) == 100.0
        timeout.close()

    asyncio.run(main())


def test_the_floor_and_the_ceiling_hold() -> None:
    async def main() -> None:
        timeout = AdaptiveTimeout(100.0)
        await asyncio.gather(*(take(timeout, "k", 0.001) for _ in range(20)))
        assert timeout.timeout_s("k") == 3.0
        low = AdaptiveTimeout(0.2)
        await asyncio.gather(*(take(low, "k", 0.1) for _ in range(20)))
        assert low.timeout_s("k") == 0.2
        for each in (timeout, low):
            each.close()

    asyncio.run(main())


def test_one_that_hangs_from_the_very_first_ends_when_others_have_shown_how_long_it_takes() -> None:
    async def main() -> float:
        timeout = AdaptiveTimeout(60.0, shortest_s=0.2)
        hanging = asyncio.create_task(take(timeout, "k", 60))
        await asyncio.sleep(0.01)
        await asyncio.gather(*(take(timeout, "k", 0.02) for _ in range(20)))
        let = await hanging
        timeout.close()
        return let

    assert 0.2 <= asyncio.run(main()) < 2


def test_requests_that_time_out_again_mean_that_the_endpoint_is_slow() -> None:
    async def main() -> None:
        timeout = AdaptiveTimeout(60.0, shortest_s=0.01)
        await asyncio.gather(*(take(timeout, "k", 0.01) for _ in range(20)))
        before = timeout.timeout_s("k")
        await asyncio.gather(*(take(timeout, "k", 60) for _ in range(5)))
        assert timeout.timeout_s("k") == before  # they may just have hung
        await asyncio.gather(*(take(timeout, "k", 60, timeouts=1) for _ in range(5)))
        assert timeout.timeout_s("k") > 2 * before
        timeout.close()

    asyncio.run(main())


def test_what_failed_at_once_says_nothing_of_how_long_replies_take() -> None:
    async def main() -> None:
        timeout = AdaptiveTimeout(60.0)
        for _ in range(20):
            with pytest.raises(ConnectionError):
                async with timeout.limit("k", timeouts=0):
                    raise ConnectionError
        assert timeout.timeout_s("k") == 60.0
        timeout.close()

    asyncio.run(main())
