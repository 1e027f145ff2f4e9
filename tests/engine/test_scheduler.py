"""When requests start: priorities, slots, pauses, budgets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lib.engine.budget import Budget, Estimate, Used
from lib.engine.faults import BudgetSpent, EndpointError
from lib.engine.limits import RateLimit
from lib.engine.scheduler import Entry, Scheduler
from tests.clock import Clock


async def yield_all() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Crowd:
    """Requests that note when they start."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.went: list[str] = []
        self.at: list[float] = []
        self.entries: dict[str, Entry] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def add(self, name: str, *, priority: int = 0, estimate: Estimate | None = None) -> None:
        entry = self.entries[name] = self.scheduler.entry(estimate or Estimate(), priority=priority)

        async def wait() -> None:
            await self.scheduler.wait(entry)
            self.went.append(name)
            self.at.append(asyncio.get_running_loop().time())

        self.tasks[name] = asyncio.create_task(wait())

    async def end(self, name: str, used: Used | None = None) -> None:
        self.scheduler.end(self.entries[name], used)
        await yield_all()


def test_answers_go_before_questions_in_the_order_they_came(clock: Clock) -> None:
    async def main() -> list[str]:
        crowd = Crowd(Scheduler(1, budget=Budget()))
        crowd.add("running")
        await yield_all()
        for name in ("a1", "a2"):
            crowd.add(name)
        crowd.add("q1", priority=1)
        crowd.add("urgent", priority=-1)
        await yield_all()
        for _ in range(4):
            await crowd.end(crowd.went[-1])
        return crowd.went

    assert clock.run(main()) == ["running", "urgent", "a1", "a2", "q1"]


def test_questions_go_while_fewer_answers_wait_than_there_are_slots(clock: Clock) -> None:
    async def main() -> list[str]:
        crowd = Crowd(Scheduler(2, budget=Budget()))
        for name in ("r1", "r2"):
            crowd.add(name)
        await yield_all()
        for number in range(3):
            crowd.add(f"a{number}")
            crowd.add(f"q{number}", priority=1)
        await yield_all()
        for number in range(6):
            await crowd.end(crowd.went[number])
        return crowd.went[2:]

    # Three answers wait, then two: only when one is left may a question go before it.
    assert clock.run(main()) == ["a0", "a1", "q0", "q1", "q2", "a2"]


def test_a_cancelled_request_holds_no_slot(clock: Clock) -> None:
    async def main() -> list[str]:
        crowd = Crowd(Scheduler(1, budget=Budget()))
        for name in ("running", "leaves", "leaves in the same moment", "stays"):
            crowd.add(name)
        await yield_all()
        crowd.tasks["leaves"].cancel()
        await yield_all()
        crowd.scheduler.end(crowd.entries["running"])  # the next one has been given the slot,
        crowd.tasks["leaves in the same moment"].cancel()  # but it has not woken yet
        await yield_all()
        return crowd.went

    assert clock.run(main()) == ["running", "stays"]


def test_a_delayed_request_gives_its_slot_and_keeps_its_place(clock: Clock) -> None:
    async def main() -> list[str]:
        scheduler = Scheduler(1, budget=Budget())
        crowd = Crowd(scheduler)
        for name in ("failed", "second", "third"):
            crowd.add(name)
        await yield_all()
        scheduler.end(crowd.entries["failed"])
        again = asyncio.create_task(scheduler.wait(crowd.entries["failed"], after_s=0.02))
        again.add_done_callback(lambda _: crowd.went.append("failed again"))
        await asyncio.sleep(0.05)
        await crowd.end("second")
        await crowd.end("failed")
        return crowd.went

    assert clock.run(main()) == ["failed", "second", "failed again", "third"]


def test_a_stopped_scheduler_ends_everyone_who_waits_or_comes(clock: Clock) -> None:
    async def main() -> None:
        scheduler = Scheduler(1, budget=Budget())
        crowd = Crowd(scheduler)
        for name in ("running", "waits", "leads", "leaves"):
            crowd.add(name, priority=name == "leads")
        await yield_all()
        crowd.tasks["leaves"].cancel()
        rests = asyncio.create_task(scheduler.wait(scheduler.entry(Estimate()), after_s=60))
        await yield_all()
        scheduler.stop(EndpointError("over"))
        for task in (crowd.tasks["waits"], crowd.tasks["leads"], rests):
            with pytest.raises(EndpointError, match="over"):
                await task
        with pytest.raises(EndpointError, match="over"):
            await scheduler.wait(scheduler.entry(Estimate()))
        assert scheduler.in_flight == 1
        await crowd.end("running")
        assert scheduler.in_flight == 0

    clock.run(main())


def test_limits_hold_and_are_settled(clock: Clock) -> None:
    async def main() -> float:
        limit = RateLimit(60 * 100, of=lambda estimate: estimate.tokens)
        scheduler = Scheduler(8, limits=[limit], budget=Budget())
        start = clock.now
        for _ in range(3):
            entry = scheduler.entry(Estimate(tokens=100))
            await scheduler.wait(entry)
            scheduler.end(entry, Used(10))  # a tenth of what was expected
        return clock.now - start

    assert clock.run(main()) < 0.5  # three times 100 tokens at 100 a second would take 2 s


async def spend(
    budget: Budget,
    estimate: Estimate,
    used: Callable[[], Used],
    *,
    requests: int = 50,
    slots: int = 8,
) -> tuple[int, int, list[str]]:
    """Answered requests, the most in flight at once, and what the others heard."""
    scheduler, errors, most = Scheduler(slots, budget=budget), [], 0

    async def one() -> None:
        nonlocal most
        entry = scheduler.entry(estimate)
        try:
            await scheduler.wait(entry)
        except BudgetSpent as error:
            errors.append(str(error))
            return
        most = max(most, scheduler.in_flight)
        await asyncio.sleep(0.001)
        scheduler.end(entry, used())

    await asyncio.gather(*(one() for _ in range(requests)))
    return requests - len(errors), most, errors


@pytest.mark.parametrize(
    ("budget", "estimate", "used", "answered"),
    [
        (Budget(max_tokens_total=1000), Estimate(most_tokens=100), Used(100), 10),
        (Budget(max_tokens_total=1000), Estimate(most_tokens=300), Used(100), 8),
        (Budget(max_cost=1.0), Estimate(most_cost=0.1), Used(5, 0.1), 10),
        (Budget(max_cost=1.0, max_tokens_total=30), Estimate(5, 5, 0.1), Used(5, 0.1), 6),
        (Budget(), Estimate(5, 1e9, 1e9), Used(10**9, 1e9), 50),
    ],
)
def test_a_budget_is_used_up_and_never_exceeded(
    budget: Budget, estimate: Estimate, used: Used, answered: int, clock: Clock
) -> None:
    found, most, errors = clock.run(spend(budget, estimate, lambda: used))
    assert found == answered
    assert most > 1  # many at once, as far as the most they can take fits
    if budget.max_tokens_total:
        assert budget.tokens <= budget.max_tokens_total
    if budget.max_cost:
        assert budget.cost <= budget.max_cost + 1e-6
        assert f"of max_cost = {budget.max_cost:g}" in errors[0]
    assert all(f"{answered} replies" in error for error in errors)


def test_a_request_that_timed_out_is_spent_and_no_answer(clock: Clock) -> None:
    async def main() -> tuple[int, int, int]:
        budget = Budget(max_tokens_total=250)
        scheduler = Scheduler(2, budget=budget)
        for used in (Used(50), Used(100, answered=False)):
            entry = scheduler.entry(Estimate(most_tokens=100))
            await scheduler.wait(entry)
            scheduler.end(entry, used)
        return budget.tokens, budget.requests, len(scheduler.pace._answers)

    assert clock.run(main()) == (150, 1, 1)


def test_two_endpoints_share_a_budget_and_one_waits_for_what_the_other_holds(clock: Clock) -> None:
    async def main() -> tuple[int, list[str]]:
        budget = Budget(max_tokens_total=250)
        estimate = Estimate(most_tokens=100)
        here, there = Scheduler(4, budget=budget), Scheduler(4, budget=budget)
        held = [there.entry(estimate) for _ in range(2)]
        for entry in held:
            await there.wait(entry)
        crowd = Crowd(here)
        crowd.add("waits", estimate=estimate)
        await asyncio.sleep(0.15)
        assert not crowd.tasks["waits"].done()
        for entry in held:
            there.end(entry, Used(50))
        await asyncio.wait_for(crowd.tasks["waits"], 2)
        here.end(crowd.entries["waits"], Used(60))
        crowd.add("too much", estimate=estimate)
        with pytest.raises(BudgetSpent):
            await crowd.tasks["too much"]
        return budget.tokens, crowd.went

    assert clock.run(main()) == (160, ["waits"])


def test_a_request_without_a_reply_gives_back_what_was_set_aside(clock: Clock) -> None:
    async def main() -> tuple[int, int]:
        budget = Budget(max_tokens_total=100)
        scheduler = Scheduler(4, budget=budget)
        for _ in range(20):
            entry = scheduler.entry(Estimate(most_tokens=100))
            await scheduler.wait(entry)
            scheduler.end(entry, None)
        return budget.tokens, budget.requests

    assert clock.run(main()) == (0, 0)
