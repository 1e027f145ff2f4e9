"""The judge's endpoint, and the requests that it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property

from lib.endpoints import EndpointSettings, endpoint_settings
from lib.engine.endpoint import Budget, Endpoint, Reply, run
from lib.engine.ledger import Ledger
from lib.eval.answers import ask_each, require_replies
from lib.prompts.judge import JudgePrompts, JudgeRequest, load_prompts
from lib.prompts.verdicts import UNPARSED, Grade, parse_verdict
from lib.recipe import Recipe
from lib.text import one_line


@dataclass(frozen=True)
class Judge:
    """An endpoint that grades, and how it is asked."""

    settings: EndpointSettings
    recipe: Recipe
    budget: Budget | None = field(default=None, compare=False)

    @cached_property
    def prompts(self) -> JudgePrompts:
        return load_prompts(self.recipe.judge_prompts_path)

    @property
    def name(self) -> str:
        """The model's name at its endpoint."""
        return self.settings.deployment


def find_judge(recipe: Recipe, *, budget: Budget | None = None) -> Judge | None:
    """The judge of JUDGE_… in .env; None if it names none: the judge's metrics are then absent."""
    settings = endpoint_settings("judge")
    if settings is None:
        return None
    judge = Judge(settings, recipe, budget)
    judge.prompts  # noqa: B018  # a mistake in the prompts file is reported now
    return judge


def ask_judge(judge: Judge, requests: Sequence[JudgeRequest]) -> list[dict[str, Grade]]:
    """The verdict on each request, field → grade, in their order."""
    if not requests:
        return []

    async def ask(request: JudgeRequest) -> Reply:
        return await endpoint.ask(request.messages, max_tokens=judge.recipe.max_judge_tokens)

    with closing(Ledger()) as ledger:
        endpoint = Endpoint(judge.settings, judge.recipe, ledger=ledger, budget=judge.budget)
        outcomes = run(ask_each(endpoint, requests, ask))
    replies = require_replies([("judge", outcome) for outcome in outcomes])
    return [_verdict(request, reply) for request, reply in zip(requests, replies, strict=True)]


def _verdict(request: JudgeRequest, reply: Reply) -> dict[str, Grade]:
    whole = reply.finish_reason in ("stop", "")
    shown = request.shown if whole else None  # "4" of a reply that was cut may have begun "4.5"
    grades = parse_verdict(reply.text, key=request.key, fields=request.fields, shown=shown)
    if whole:
        return grades
    # Cut or filtered: grades that were read stay, the others get this reason.
    why = f"{UNPARSED}the judge's reply ended with “{one_line(reply.finish_reason)[:100]}”"
    return {
        name: grade if grade.value is not None else Grade(None, why)
        for name, grade in grades.items()
    }
