"""Cases → answers of every model, through the request engine and its ledger."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing

from lib.engine.endpoint import Budget, Endpoint, EndpointError, Reply, gather_all, run
from lib.engine.ledger import Ledger
from lib.eval.conditions import Case
from lib.eval.models import EvalModel, endpoint_of, eval_models
from lib.progress import Progress
from lib.rag.chain import answer_question
from lib.recipe import Recipe
from lib.records import Answer
from lib.settings import SetupError

# Cases at work for each request in flight: their prompts are in memory, those of others are not.
_CASES_PER_SLOT = 4

Asked = tuple[EvalModel, Case]
Outcome = Reply | EndpointError


def answer_cases(
    models: str | Sequence[str | EvalModel],
    cases: Sequence[Case],
    recipe: Recipe,
    *,
    budget: Budget | None = None,
) -> list[Answer]:
    """Ask every model every case; the answers model by model, in the cases' order.

    All endpoints are asked at once, at most `concurrency` requests in flight to each: on one
    machine they share its cores evenly, so their latencies compare with each other, not with
    elsewhere. Models of one role share its endpoint: the first of them goes first. What the ledger
    knows is not asked again, so a run that was killed goes on where it was. The budget is for all
    endpoints together, the recipe's limits are for each.

    Args:
        models: from eval_models, or names: each is that model alone (no plain baseline is added).

    Raises:
        SetupError: a model has no endpoint (said before any is asked), requests failed, or the
            budget is spent (the replies that came are kept).
    """
    chosen = [_model(model) for model in ([models] if isinstance(models, str) else models)]
    settings = {model.role: endpoint_of(model) for model in chosen}
    with closing(Ledger()) as ledger:

        def opened(role: str) -> Endpoint:
            return Endpoint(settings[role], recipe, ledger=ledger, budget=budget)

        async def ask_all() -> list[list[Outcome]]:
            queues = {
                opened(role): [(m, case) for m in chosen if m.role == role for case in cases]
                for role in settings
            }
            return await _ask_endpoints(queues, recipe)

        outcomes = run(ask_all())
    by_role = {role: iter(of_role) for role, of_role in zip(settings, outcomes, strict=True)}
    found = [(model, case, next(by_role[model.role])) for model in chosen for case in cases]
    _demand_all(found)
    return [_answer(model, case, got) for model, case, got in found if isinstance(got, Reply)]


def _model(model: str | EvalModel) -> EvalModel:
    return model if isinstance(model, EvalModel) else eval_models([model], plain_baseline=False)[0]


def _demand_all(found: Sequence[tuple[EvalModel, Case, Outcome]]) -> None:
    failures = [(model.name, got) for model, _, got in found if isinstance(got, EndpointError)]
    if failures:
        counts = Counter(name for name, _ in failures)
        raise SetupError(
            f"{len(failures):,} of {len(found):,} requests failed "
            f"({', '.join(f'{name}: {count:,}' for name, count in counts.items())}); the first: "
            f"{failures[0][1]}. The other {len(found) - len(failures):,} replies are kept: run "
            "this notebook again, and only what is missing is asked."
        )


async def _ask_endpoints(
    queues: Mapping[Endpoint, Sequence[Asked]], recipe: Recipe
) -> list[list[Outcome]]:
    """What came of each endpoint's queue; the first SetupError of one stops all."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_ask_in_turn(endpoint, queue, recipe))
                for endpoint, queue in queues.items()
            ]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def _ask_in_turn(endpoint: Endpoint, queue: Sequence[Asked], recipe: Recipe) -> list[Outcome]:
    at_work = asyncio.Semaphore(_CASES_PER_SLOT * recipe.concurrency)

    async def ask(asked: Asked) -> Reply:
        model, case = asked
        async with at_work:
            return await answer_question(
                endpoint,
                case.question,
                [chunk.text for chunk in case.chunks],
                max_answer_tokens=recipe.max_answer_tokens,
                refusal=case.refusal,
                prompt=model.prompt,
            )

    async with endpoint:
        progress = Progress(endpoint.settings.role, len(queue), note=endpoint.note)
        outcomes = await gather_all(queue, ask, on_done=progress.advance)
        progress.close()
    return outcomes


def _answer(model: EvalModel, case: Case, reply: Reply) -> Answer:
    parsed = model.prompt.parse(reply.text, refusal=case.refusal)
    return Answer(
        question_id=case.question_id,
        model=model.name,
        condition=case.condition,
        text=reply.text,
        final_answer=parsed.final_answer,
        quotes=parsed.quotes,
        refused=parsed.refused,
        oracle_in_context=case.oracle_in_context,
        finish_reason=reply.finish_reason,
        latency_s=reply.latency_s,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
    )
