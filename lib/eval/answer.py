"""Cases → answers of one model role, through the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from lib.endpoint import Endpoint, EndpointError, Reply, gather_all, run
from lib.eval.conditions import Case
from lib.ledger import Ledger
from lib.progress import Progress
from lib.prompts import parse_answer
from lib.rag.chain import answer_question
from lib.records import Answer
from lib.settings import EndpointSettings, SetupError, endpoint_settings


def answer_cases(
    roles: str | Sequence[str],
    cases: Sequence[Case],
    *,
    concurrency: int = 8,
    max_answer_tokens: int = 256,
) -> list[Answer]:
    """Ask the endpoint of each role ("student", "baseline", …) every case; in their order.

    All roles are asked at once, at most `concurrency` requests in flight to each: on one machine
    they share its cores evenly, so their latencies compare with each other, not with elsewhere.
    What the ledger knows is not asked again.

    Raises:
        SetupError: a role has no endpoint (said before any is asked), or requests failed (the
            replies that came are kept).
    """
    names = (roles,) if isinstance(roles, str) else tuple(roles)
    endpoints = [_settings_of(role) for role in names]
    replies = run(
        _ask_roles(endpoints, cases, concurrency=concurrency, max_answer_tokens=max_answer_tokens)
    )
    return [
        answer
        for settings, of_role in zip(endpoints, replies, strict=True)
        for answer in _answers_of(settings.role, cases, of_role)
    ]


def _settings_of(role: str) -> EndpointSettings:
    settings = endpoint_settings(role)
    if settings is None:
        raise SetupError(
            f"The {role} has no endpoint. Run 3_deploy.ipynb, or set {role.upper()}_OPENAI_… in "
            ".env."
        )
    return settings


def _answers_of(
    role: str, cases: Sequence[Case], replies: Sequence[Reply | EndpointError]
) -> list[Answer]:
    if failures := [reply for reply in replies if isinstance(reply, EndpointError)]:
        raise SetupError(
            f"{len(failures)} of {len(cases)} requests failed; the first: {failures[0]}. The other "
            f"{len(cases) - len(failures)} replies are kept: run this notebook again when the "
            f"{role} answers."
        )
    return [
        _answer(role, case, reply)
        for case, reply in zip(cases, replies, strict=True)
        if isinstance(reply, Reply)
    ]


async def _ask_roles(
    endpoints: Sequence[EndpointSettings],
    cases: Sequence[Case],
    *,
    concurrency: int,
    max_answer_tokens: int,
) -> list[list[Reply | EndpointError]]:
    asked = (
        _ask_all(settings, cases, concurrency=concurrency, max_answer_tokens=max_answer_tokens)
        for settings in endpoints
    )
    return await asyncio.gather(*asked)


async def _ask_all(
    settings: EndpointSettings, cases: Sequence[Case], *, concurrency: int, max_answer_tokens: int
) -> list[Reply | EndpointError]:
    ledger = Ledger()
    try:
        async with Endpoint(settings, ledger=ledger, concurrency=concurrency) as endpoint:
            progress = Progress(
                settings.role,
                len(cases),
                note=lambda: f"{endpoint.asked} asked, {endpoint.from_ledger} from the ledger",
            )

            async def ask(case: Case) -> Reply:
                documents = [chunk.text for chunk in case.chunks]
                return await answer_question(
                    endpoint,
                    case.question,
                    documents,
                    max_answer_tokens=max_answer_tokens,
                    refusal=case.refusal,
                )

            replies = await gather_all(cases, ask, on_done=progress.advance)
            progress.close()
            return replies
    finally:
        ledger.close()


def _answer(model: str, case: Case, reply: Reply) -> Answer:
    parsed = parse_answer(reply.text, refusal=case.refusal)
    return Answer(
        question_id=case.question_id,
        model=model,
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
