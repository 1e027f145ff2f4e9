"""Who may send next: priorities, slots, pauses, budgets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from lib.engine.budget import Budget, Load, Used
from lib.engine.faults import BudgetSpent, EndpointError
from lib.engine.limits import Rate
from lib.engine.scheduler import Ticket, Turns


async def yield_all() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Crowd:
    """Requests that wait, and note when their turn came."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.went: list[str] = []
        self.at: list[float] = []
        self.tickets: dict[str, Ticket] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def add(self, name: str, *, priority: int = 0, load: Load | None = None) -> None:
        ticket = self.tickets[name] = self.turns.ticket(load or Load(), priority=priority)

        async def wait() -> None:
            await self.turns.wait(ticket)
            self.went.append(name)
            self.at.append(time.monotonic())

        self.tasks[name] = asyncio.create_task(wait())

    async def end(self, name: str, used: Used | None = None) -> None:
        self.turns.end(self.tickets[name], used)
        await yield_all()


def test_answers_go_before_questions_in_the_order_they_came() -> None:
    async def main() -> list[str]:
        crowd = Crowd(Turns(1))
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

    assert asyncio.run(main()) == ["running", "urgent", "a1", "a2", "q1"]


def test_questions_go_while_fewer_answers_wait_than_there_are_slots() -> None:
    async def main() -> list[str]:
        crowd = Crowd(Turns(2))
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
    assert asyncio.run(main()) == ["a0", "a1", "q0", "q1", "q2", "a2"]


def test_a_cancelled_request_holds_no_slot() -> None:
    async def main() -> list[str]:
        crowd = Crowd(Turns(1))
        for name in ("running", "leaves", "leaves in the same moment", "stays"):
            crowd.add(name)
        await yield_all()
        crowd.tasks["leaves"].cancel()
        await yield_all()
        crowd.turns.end(crowd.tickets["running"])  # the next one's turn has come,
        crowd.tasks["leaves in the same moment"].cancel()  # but it has not woken yet
        await yield_all()
        return crowd.went

    assert asyncio.run(main()) == ["running", "stays"]


def test_a_request_that_rests_gives_its_slot_and_keeps_its_place() -> None:
    async def main() -> list[str]:
        turns = Turns(1)
        crowd = Crowd(turns)
        for name in ("failed", "second", "third"):
            crowd.add(name)
        await yield_all()
        turns.end(crowd.tickets["failed"])
        again = asyncio.create_task(turns.wait(crowd.tickets["failed"], after_s=0.02))
        again.add_done_callback(lambda _: crowd.went.append("failed again"))
        await asyncio.sleep(0.05)
        await crowd.end("second")
        await crowd.end("failed")
        return crowd.went

    assert asyncio.run(main()) == ["failed", "second", "failed again", "third"]


def test_after_a_pause_all_start_again_at_the_pace_that_was_borne() -> None:
    async def main() -> tuple[float, list[float]]:
        turns = Turns(8)
        crowd = Crowd(turns)
        for number in range(8):
            crowd.add(f"r{number}")
        await asyncio.sleep(0.1)
        for number in range(6):  # answered; then one is sent away, and 7 were let in
            await crowd.end(f"r{number}")
        turns.pause(crowd.tickets["r6"], 0.2)
        paused = time.monotonic()
        turns.end(crowd.tickets["r6"], busy=True)
        turns.pause(crowd.tickets["r7"], 0.2)  # it went before the pause: no second one
        turns.end(crowd.tickets["r7"], busy=True)
        for number in range(8):
            crowd.add(f"n{number}")
        await asyncio.gather(*crowd.tasks.values())
        return paused, crowd.at[8:]

    paused, at = asyncio.run(main())
    assert at[0] - paused >= 0.19
    assert len(at) == 8
    gaps = [later - sooner for sooner, later in pairwise(at)]
    assert min(gaps) > 0.02  # not eight sleepers that wake together
    assert at[-1] - at[0] > 0.8 * 7 / 14  # 7 in less than half a second: 14 a second


def test_without_a_time_pauses_double_while_nothing_is_answered() -> None:
    clock = [0.0]
    turns = Turns(1, clock=lambda: clock[0])
    pauses = []
    for _ in range(8):
        ticket = turns.ticket(Load())
        ticket.sent_at = clock[0] = clock[0] + 100
        pauses.append(turns.pause(ticket, None))
    assert all(2**n / 2 <= min(pause, 60) <= 2**n for n, pause in enumerate(pauses[:5], start=1))
    assert 30 <= pauses[-1] <= 60


def test_stopped_turns_end_everyone_who_waits_or_comes() -> None:
    async def main() -> None:
        turns = Turns(1)
        crowd = Crowd(turns)
        for name in ("running", "waits", "leads"):
            crowd.add(name, priority=name == "leads")
        await yield_all()
        rests = asyncio.create_task(turns.wait(turns.ticket(Load()), after_s=60))
        await yield_all()
        turns.stop(EndpointError("over"))
        for task in (crowd.tasks["waits"], crowd.tasks["leads"], rests):
            with pytest.raises(EndpointError, match="over"):
                await task
        with pytest.raises(EndpointError, match="over"):
            await turns.wait(turns.ticket(Load()))
        assert turns.in_flight == 1
        await crowd.end("running")
        assert turns.in_flight == 0

    asyncio.run(main())


def test_limits_hold_and_are_settled() -> None:
    async def main() -> float:
        turns = Turns(8, limits=[Rate(60 * 100, of=lambda load: load.tokens)])
        start = time.monotonic()
        for _ in range(3):
            ticket = turns.ticket(Load(tokens=100))
            await turns.wait(ticket)
            turns.end(ticket, Used(10))  # a tenth of what was expected
        return time.monotonic() - start

    assert asyncio.run(main()) < 0.5  # three times 100 tokens at 100 a second would take 2 s


async def spend(
    budget: Budget, load: Load, used: Callable[[], Used], *, requests: int = 50, slots: int = 8
) -> tuple[int, int, list[str]]:
    """Answered requests, the most in flight at once, and what the others heard."""
    turns, errors, most = Turns(slots, budget=budget), [], 0

    async def one() -> None:
        nonlocal most
        ticket = turns.ticket(load)
        try:
            await turns.wait(ticket)
        except BudgetSpent as error:
            errors.append(str(error))
            return
        most = max(most, turns.in_flight)
        await asyncio.sleep(0.001)
        turns.end(ticket, used())

    await asyncio.gather(*(one() for _ in range(requests)))
    return requests - len(errors), most, errors


@pytest.mark.parametrize(
    ("budget", "load", "used", "answered"),
    [
        (Budget(max_tokens_total=1000), Load(most_tokens=100), Used(100), 10),
        (Budget(max_tokens_total=1000), Load(most_tokens=300), Used(100), 8),
        (Budget(max_cost=1.0), Load(most_cost=0.1), Used(5, 0.1), 10),
        (Budget(max_cost=1.0, max_tokens_total=30), Load(5, 5, 0.1), Used(5, 0.1), 6),
        (Budget(), Load(5, 1e9, 1e9), Used(10**9, 1e9), 50),
    ],
)
def test_a_budget_is_used_up_and_never_exceeded(
    budget: Budget, load: Load, used: Used, answered: int
) -> None:
    found, most, errors = asyncio.run(spend(budget, load, lambda: used))
    assert found == answered
    assert most > 1  # many at once, as far as the most they can take fits
    if budget.max_tokens_total:
        assert budget.tokens <= budget.max_tokens_total
    if budget.max_cost:
        assert budget.cost <= budget.max_cost + 1e-6
        assert f"of max_cost = {budget.max_cost:g}" in errors[0]
    assert all(f"{answered} replies" in error for error in errors)


def test_two_endpoints_share_a_budget_and_one_waits_for_what_the_other_holds() -> None:
    async def main() -> tuple[int, list[str]]:
        budget = Budget(max_tokens_total=250)
        load = Load(most_tokens=100)
        here, there = Turns(4, budget=budget), Turns(4, budget=budget)
        held = [there.ticket(load) for _ in range(2)]
        for ticket in held:
            await there.wait(ticket)
        crowd = Crowd(here)
        crowd.add("waits", load=load)
        await asyncio.sleep(0.15)
        assert not crowd.tasks["waits"].done()
        for ticket in held:
            there.end(ticket, Used(50))
        await asyncio.wait_for(crowd.tasks["waits"], 2)
        here.end(crowd.tickets["waits"], Used(60))
        crowd.add("too much", load=load)
        with pytest.raises(BudgetSpent):
            await crowd.tasks["too much"]
        return budget.tokens, crowd.went

    assert asyncio.run(main()) == (160, ["waits"])


def test_a_request_without_a_reply_gives_back_what_was_set_aside() -> None:
    async def main() -> tuple[int, int]:
        budget = Budget(max_tokens_total=100)
        turns = Turns(4, budget=budget)
        for _ in range(20):
            ticket = turns.ticket(Load(most_tokens=100))
            await turns.wait(ticket)
            turns.end(ticket, None)
        return budget.tokens, budget.requests

    assert asyncio.run(main()) == (0, 0)
