"""What happens between two attempts."""

from __future__ import annotations

from typing import Any

import pytest

from lib.engine.budget import Budget, Estimate, Used
from lib.engine.faults import EndpointError, Fault
from lib.engine.retries import RetryLoop
from lib.recipe import Recipe
from lib.settings import EndpointSettings
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
        waits = {loop._back_off_s(Fault("x", kind="server"), failures) for _ in range(50)}
        assert len(waits) == 50  # slots that failed together do not come again together
        assert longest_s / 2 <= min(waits) < 0.65 * longest_s
        assert 0.85 * longest_s < max(waits) <= longest_s


def test_a_request_that_the_endpoint_sent_away_waits_only_for_the_pause_of_all() -> None:
    assert retry_loop()._back_off_s(Fault("x", kind="busy", retry_after_s=5), 0) == 0


def test_retries_end() -> None:
    with pytest.raises(EndpointError, match=r"x \(9 attempts\)"):
        retry_loop()._back_off_s(Fault("x", kind="server"), 9)


def test_pauses_in_which_nothing_is_answered_end_the_run(clock: Clock) -> None:
    async def always_busy(timeouts: int) -> tuple[str, Used | None]:
        raise Fault("the teacher is busy", kind="busy", retry_after_s=20)

    async def main() -> None:
        await retry_loop(concurrency=64, timeout_s=25.0).run(always_busy, estimate=Estimate())

    with pytest.raises(EndpointError, match="busy; after pauses of 40 s without any reply"):
        clock.run(main())
