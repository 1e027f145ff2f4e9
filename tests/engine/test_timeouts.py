"""How long a request may take."""

from __future__ import annotations

import asyncio
import time

import pytest

from lib.engine.timeouts import Patience


async def take(patience: Patience, kind: str, seconds: float, *, timeouts: int = 0) -> float:
    """Be a request of that length; how long it was let."""
    start = time.monotonic()
    try:
        async with patience.limited(kind, timeouts=timeouts):
            await asyncio.sleep(seconds)
    except TimeoutError:
        return time.monotonic() - start
    return seconds


def test_a_limit_follows_what_requests_of_its_kind_take() -> None:
    async def main() -> None:
        patience = Patience(100.0, floor_s=0.05)
        for _ in range(9):
            await take(patience, "short", 0.02)
        assert patience.limit_s("short") == 100.0  # too few to tell
        await asyncio.gather(*(take(patience, "short", 0.02) for _ in range(20)))
        assert 0.08 <= patience.limit_s("short") < 1
        assert patience.limit_s("long") == 100.0
        once = patience.limit_s("short")
        assert patience.limit_s("short", timeouts=2) == pytest.approx(4 * once)
        assert patience.limit_s("short", timeouts=30) == 100.0
        patience.close()

    asyncio.run(main())


def test_the_floor_and_the_ceiling_hold() -> None:
    async def main() -> None:
        patience = Patience(100.0)
        await asyncio.gather(*(take(patience, "k", 0.001) for _ in range(20)))
        assert patience.limit_s("k") == 3.0
        low = Patience(0.2)
        await asyncio.gather(*(take(low, "k", 0.1) for _ in range(20)))
        assert low.limit_s("k") == 0.2
        for each in (patience, low):
            each.close()

    asyncio.run(main())


def test_one_that_hangs_from_the_very_first_ends_when_others_have_shown_how_long_it_takes() -> None:
    async def main() -> float:
        patience = Patience(60.0, floor_s=0.2)
        hanging = asyncio.create_task(take(patience, "k", 60))
        await asyncio.sleep(0.01)
        await asyncio.gather(*(take(patience, "k", 0.02) for _ in range(20)))
        let = await hanging
        patience.close()
        return let

    assert 0.2 <= asyncio.run(main()) < 2


def test_requests_that_time_out_again_mean_that_the_endpoint_is_slow() -> None:
    async def main() -> None:
        patience = Patience(60.0, floor_s=0.01)
        await asyncio.gather(*(take(patience, "k", 0.01) for _ in range(20)))
        before = patience.limit_s("k")
        await asyncio.gather(*(take(patience, "k", 60) for _ in range(5)))
        assert patience.limit_s("k") == before  # they may just have hung
        await asyncio.gather(*(take(patience, "k", 60, timeouts=1) for _ in range(5)))
        assert patience.limit_s("k") > 2 * before
        patience.close()

    asyncio.run(main())


def test_what_failed_at_once_says_nothing_of_how_long_replies_take() -> None:
    async def main() -> None:
        patience = Patience(60.0)
        for _ in range(20):
            with pytest.raises(ConnectionError):
                async with patience.limited("k", timeouts=0):
                    raise ConnectionError
        assert patience.limit_s("k") == 60.0
        patience.close()

    asyncio.run(main())
