"""What happens between two attempts."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from lib.endpoints import EndpointSettings
from lib.engine.budget import Budget, Estimate, Used
from lib.engine.faults import EndpointError, Fault, RequestRejected
from lib.engine.limits import DailyLimit
from lib.engine.retries import RetryLoop
from lib.recipe import Recipe
from lib.settings import SetupError
from tests.clock import Clock

SETTINGS = EndpointSettings("teacher", "openai", "http://127.0.0.1:9/v1", "m", "k")


def retry_loop(**changed: Any) -> RetryLoop:
    return RetryLoop(
        SETTINGS, Recipe(**({"timeout_s": 60.0} | changed)), limits=[], budget=Budget()
    )


def test_the_back_off_doubles_to_a_bound_and_no_two_are_equal() -> None:
    loop = retry_loop()
    for failures in range(1, 9):
        longest_s = min(30, 0.5 * 2 ** (failures - 1))
        tries = Counter(server=failures)
        waits = {loop._back_off_s(Fault("x", kind="server"), tries) for _ in range(50)}
        assert len(waits) == 50  # slots that failed together do not come again together
        assert longest_s / 2 <= min(waits) < 0.65 * longest_s
        assert 0.85 * longest_s < max(waits) <= longest_s


def test_a_request_that_the_endpoint_refused_waits_as_long_as_it_asks_and_a_little() -> None:
    loop = retry_loop()
    for refusals in (1, 5, 2000):
        fault = Fault("x", kind="busy", retry_after_s=5)
        wait_s = loop._back_off_s(fault, Counter(busy=refusals))
        assert 5 < wait_s <= 7


def test_retries_end() -> None:
    with pytest.raises(EndpointError, match=r"x \(9 attempts\)"):
        retry_loop()._back_off_s(Fault("x", kind="server"), Counter(server=9))


@pytest.mark.parametrize(("kind", "more"), [("unreadable", 1), ("cut", 2)])
def test_a_reply_that_cannot_be_read_is_asked_for_once_more_and_a_cut_one_twice(
    kind: str, more: int
) -> None:
    loop, fault = retry_loop(), Fault("x", kind=kind)
    for tries in range(1, more + 1):
        loop._back_off_s(fault, Counter({kind: tries, "server": 1}))
    with pytest.raises(EndpointError, match=rf"x \({more + 2} attempts, {more + 1} counted"):
        loop._back_off_s(fault, Counter({kind: more + 1, "server": 1}))


@pytest.mark.parametrize("pinged", [True, False])
@pytest.mark.parametrize("outage_s", [20.0, None])
def test_an_endpoint_that_always_failed_is_left_sooner_than_one_that_answered(
    outage_s: float | None, pinged: bool, clock: Clock
) -> None:
    """outage_s: it answers one request, and then nothing for so long; None: it never answers."""
    start, first = clock.now, iter([True])

    async def attempt(timeouts: int) -> tuple[str, Used | None]:
        await asyncio.sleep(0.01)
        if outage_s and (next(first, False) or clock.now - start > outage_s):
            return "", Used(1)
        raise Fault("the teacher failed (500: Internal Server Error)", kind="server")

    async def ping() -> None:
        if not pinged:
            raise Fault("boom", kind="server")

    async def main() -> list[Any]:
        loop = retry_loop(concurrency=4)
        asks = [loop.run(attempt, ping=ping, estimate=Estimate()) for _ in range(30)]
        return await asyncio.gather(*asks, return_exceptions=True)

    outcomes = clock.run(main())
    if outage_s:
        assert all(isinstance(outcome, tuple) for outcome in outcomes)
        return
    assert clock.now - start < 20
    last = next(str(outcome) for outcome in outcomes if isinstance(outcome, SetupError))
    said = "20th request in a row" if pinged else "Nothing was answered"
    assert "Internal Server Error" in last
    assert said in last


@pytest.mark.parametrize(("engine", "says"), [("", "check the base URL"), ("vllm", "3_deploy")])
def test_a_server_of_ours_that_has_ended_is_started_by_its_notebook(
    engine: str, says: str, clock: Clock
) -> None:
    async def fails(*_: Any) -> Any:
        raise Fault("the student cannot be reached", kind="server")

    loop = RetryLoop(replace(SETTINGS, engine=engine), Recipe(), limits=[], budget=Budget())
    with pytest.raises(SetupError, match=says):
        clock.run(loop.run(fails, ping=fails, estimate=Estimate()))


def test_an_endpoint_that_is_starting_up_is_waited_for(clock: Clock) -> None:
    start = clock.now

    async def attempt(timeouts: int) -> tuple[str, Used | None]:
        await asyncio.sleep(0.01)
        if clock.now - start > 40:
            return "", Used(1)
        raise Fault("502" if clock.now - start < 5 else "503 loading", kind="server")

    outcome = clock.run(retry_loop().run(attempt, ping=no_ping, estimate=Estimate()))
    assert outcome[1] == Used(1)


async def no_ping() -> None:
    pass


@pytest.mark.parametrize("asked_s", [None, 0.0, 1.0, 20.0])
@pytest.mark.parametrize("answered", [0, 3])
def test_refusals_end_by_the_clock_since_the_last_answer(
    asked_s: float | None, answered: int, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter(range(answered))

    async def busy(timeouts: int) -> tuple[str, Used | None]:
        await asyncio.sleep(0.01)
        if next(answers, None) is not None:
            return "", Used(1)
        raise Fault("the teacher is busy", kind="busy", retry_after_s=asked_s)

    async def main() -> float:
        loop = retry_loop(concurrency=4, timeout_s=100.0)
        loop._saying = asyncio.create_task(loop._say_why())
        start = clock.now
        asks = [loop.run(busy, ping=no_ping, estimate=Estimate()) for _ in range(8)]
        outcomes = await asyncio.gather(*asks, return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, EndpointError)]
        assert len(failures) == 8 - answered
        assert all("busy; nothing was answered for 1" in str(failure) for failure in failures)
        loop._saying.cancel()
        return clock.now - start

    assert 100 <= clock.run(main()) < 125  # at the first refusal behind it
    said = capsys.readouterr().out.splitlines()
    assert len(said) >= 2
    assert all("still trying: the teacher is busy" in line for line in said)


def test_after_an_answer_earlier_faults_and_rejections_are_over(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = Fault("boom", kind="server")
    rejected = RequestRejected("too long", code="", if_all=SetupError("all"))
    outcomes = iter([fault, None, *[rejected] * 19, None, rejected])

    async def attempt(timeouts: int) -> tuple[str, Used | None]:
        if error := next(outcomes):
            raise error
        return "", Used(1)

    async def ping() -> None:
        raise AssertionError("whether the endpoint answers is known")

    async def main() -> None:
        loop = retry_loop()
        saying = asyncio.create_task(loop._say_why())
        for _ in range(22):
            with suppress(RequestRejected):
                await loop.run(attempt, ping=ping, estimate=Estimate())
        await asyncio.sleep(100)
        saying.cancel()

    clock.run(main())
    assert next(outcomes, "all were asked") == "all were asked"
    assert capsys.readouterr().out == ""


def test_a_long_wait_for_a_limit_is_said_once(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    async def attempt(timeouts: int) -> tuple[str, Used | None]:
        return "", Used(10)

    async def main() -> None:
        limit = DailyLimit(10, before=[(clock.now - 3600, 10)])
        loop = RetryLoop(SETTINGS, Recipe(), limits=[limit], budget=Budget())
        saying = asyncio.create_task(loop._say_why())
        await loop.run(attempt, ping=no_ping, estimate=Estimate(tokens=10))
        saying.cancel()

    clock.run(main())
    (said,) = capsys.readouterr().out.splitlines()
    assert re.match(r"The next request starts in 22:59:\d\d \(tokens_per_day, ", said)


@pytest.mark.parametrize("many", [False, True])
def test_refusals_in_a_row_hold_for_all_and_one_for_itself(many: bool, clock: Clock) -> None:
    start, started = clock.now, list[float]()

    async def attempt(timeouts: int) -> tuple[str, Used | None]:
        started.append(clock.now - start)
        number = len(started)
        await asyncio.sleep(0.01)
        if number <= 8 and (many or number == 8):
            raise Fault("slow down", kind="busy", retry_after_s=1.0)
        return "", Used(1)

    async def main() -> None:
        loop = retry_loop(concurrency=8)
        await asyncio.gather(
            *(loop.run(attempt, ping=no_ping, estimate=Estimate()) for _ in range(16))
        )

    clock.run(main())
    assert started[:8] == [0.0] * 8
    later = started[8:]
    assert len(later) == (16 if many else 9)
    # In the slots of the first two that were refused, or of all eight
    assert sum(at < 1.0 for at in later) == (2 if many else 8)


@pytest.mark.parametrize("answered", [True, False])
def test_many_failures_in_a_row_end_the_run(answered: bool, clock: Clock) -> None:
    sent, pings = 0, 0

    async def broken(timeouts: int) -> tuple[str, Used | None]:
        nonlocal sent
        sent += 1
        number = sent
        await asyncio.sleep(0.01)
        if answered and number == 1:
            return "", Used(1)
        raise Fault("the teacher said boom", kind="server")

    async def ping() -> None:
        nonlocal pings
        pings += 1
        raise Fault("boom", kind="server")

    async def main() -> list[Any]:
        loop = retry_loop(concurrency=4, max_retries=1)
        asks = [loop.run(broken, ping=ping, estimate=Estimate()) for _ in range(200)]
        return await asyncio.gather(*asks, return_exceptions=True)

    outcomes = clock.run(main())
    said = "20th request in a row" if answered else "Nothing was answered before"
    assert re.search(rf"The teacher said boom.*{said}", str(outcomes[-1]))
    assert isinstance(outcomes[-1], SetupError)
    assert sum(isinstance(outcome, EndpointError) for outcome in outcomes) == 19 * answered
    assert (pings > 0) != answered
    assert sent < 250
