"""Cases → answers of every model, through the request engine and its ledger."""

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from lib.engine.endpoint import Budget, Endpoint, EndpointError, Reply, gather_all, run
from lib.engine.ledger import Ledger
from lib.eval.conditions import Case
from lib.eval.metrics.scoring import CUT, no_answer
from lib.eval.models import EvalModel, endpoint_of
from lib.progress import Progress
from lib.prompts.control_tokens import for_student
from lib.recipe import Recipe
from lib.records import Answer
from lib.settings import SetupError, home
from lib.state import read_state
from lib.store import read_json

_CASES_PER_SLOT = 4
_MANY_CUT = 0.2  # share of a model's replies

Outcome = Reply | EndpointError


def answer_cases(
    models: Sequence[EvalModel],
    cases: Sequence[Case],
    recipe: Recipe,
    *,
    budget: Budget | None = None,
) -> list[Answer]:
    """Ask every model every case; the answers model by model, in the cases' order.

    All endpoints are asked at once, so that on one machine they share its cores evenly and their
    latencies can be compared. Models of one role share its endpoint, in their order. A question's
    cases follow each other: a server that caches prefixes reads top_3 once for top_5. The budget is
    for all endpoints together, the recipe's limits are for each.
    """
    settings = {model.role: endpoint_of(model) for model in models}
    models = [replace(model, prompt=for_student(model.prompt, recipe.run_name)) for model in models]
    with closing(Ledger()) as ledger:
        endpoints = [
            Endpoint(of_role, recipe, ledger=ledger, budget=budget) for of_role in settings.values()
        ]
        got = run(_ask(endpoints, models, cases, recipe))
    asked = [(model, case) for model in models for case in cases]
    replies = require_replies([(model.name, got[model, case]) for model, case in asked])
    answers = [
        _answer(model, case, reply) for (model, case), reply in zip(asked, replies, strict=True)
    ]
    for model in models:
        _say_what_is_not_whole(model, [one for one in answers if one.model == model.name], recipe)
    return answers


async def _ask(
    endpoints: Sequence[Endpoint],
    models: Sequence[EvalModel],
    cases: Sequence[Case],
    recipe: Recipe,
) -> dict[tuple[EvalModel, Case], Outcome]:
    first = {case.question_id: place for place, case in reversed(list(enumerate(cases)))}
    order = sorted(cases, key=lambda case: first[case.question_id])
    got: dict[tuple[EvalModel, Case], Outcome] = {}

    def note() -> str:
        return " | ".join(f"{one.settings.role}: {one.note()}" for one in endpoints)

    progress = Progress("answers", len(models) * len(cases), note=note)

    async def ask_endpoint(endpoint: Endpoint) -> None:
        role = endpoint.settings.role
        at_work = asyncio.Semaphore(_CASES_PER_SLOT * recipe.slots(role))

        async def ask(item: tuple[EvalModel, Case]) -> Reply:
            model, case = item
            async with at_work:
                texts = [chunk.text for chunk in case.chunks]
                messages = model.prompt.messages(case.question, texts, refusal=case.refusal)
                return await endpoint.ask(messages, max_tokens=recipe.max_answer_tokens)

        queue = [(model, case) for model in models if model.role == role for case in order]
        async with endpoint:
            outcomes = await gather_all(queue, ask, on_done=progress.advance)
        got.update(zip(queue, outcomes, strict=True))

    await gather_all(endpoints, ask_endpoint)
    progress.close()
    return got


def _say_what_is_not_whole(model: EvalModel, answers: Sequence[Answer], recipe: Recipe) -> None:
    """Prompts that the engine of 3_deploy should have refused, and did not; many replies cut."""
    state, name = read_state(model.run_name) if model.run_name else {}, model.role.upper()
    engine, _, ignored = state.get(f"{name}_SERVED_BY", "").partition(",")
    if "long prompts" in ignored:
        path = home() / state[f"{name}_SERVED_DIR"] / "config.json"
        limit = (path.is_file() and read_json(path).get("max_position_embeddings")) or math.inf
        if too_long := sum(one.prompt_tokens > limit for one in answers):
            print(
                f"{model.name}: {too_long:,} of {len(answers):,} prompts are longer than its "
                f"{limit:,} tokens of context, and {engine} does not refuse them. Lower top_k or "
                "chunk_chars."
            )
    cut = sum(no_answer(one) == CUT for one in answers)
    if cut > _MANY_CUT * len(answers):
        print(
            f"{model.name}: {cut:,} of {len(answers):,} replies were cut at max_answer_tokens "
            f"({recipe.max_answer_tokens:,}) before a final answer, and count as wrong. A model "
            "that thinks needs several thousand, or a chat_template_path without thoughts."
        )


def require_replies(found: Sequence[tuple[str, Outcome]]) -> list[Reply]:
    """The replies of (model, outcome) pairs, none of which may have failed.

    Those that the endpoint refused are printed: they have no answer. All of a model are too many.
    """
    failures = [(name, got) for name, got in found if isinstance(got, EndpointError)]
    if failures:
        counts = Counter(name for name, _ in failures)
        raise SetupError(
            f"{len(failures):,} of {len(found):,} requests failed "
            f"({', '.join(f'{name}: {count:,}' for name, count in counts.items())}); the first: "
            f"{failures[0][1]}. The other {len(found) - len(failures):,} replies are kept: run "
            "this again, and only the missing ones are asked. One that fails again has no answer."
        )
    asked = Counter(name for name, _ in found)
    refused = [(name, got) for name, got in found if isinstance(got, Reply) and got.is_refused]
    for name, count in Counter(name for name, _ in refused).items():
        reason = next(got.finish_reason for of, got in refused if of == name)
        said = f"{name}: {count:,} of {asked[name]:,} requests were refused; the first: {reason}"
        if count == asked[name]:
            raise SetupError(
                f"{said}. There is nothing to evaluate: mend that, then run this again."
            )
        print(said)
    return [got for _, got in found if isinstance(got, Reply)]


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
