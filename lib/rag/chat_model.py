"""A model role of `.env` as a LangChain chat model: paid replies are in the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatResult

from lib.endpoints import endpoint_settings
from lib.engine.budget import budget_of
from lib.engine.endpoint import Endpoint, EndpointError, Reply, gather_all, run
from lib.engine.faults import short
from lib.engine.ledger import Ledger
from lib.progress import Progress
from lib.prompts.student import Message
from lib.settings import SetupError

Usable = Callable[[str], object]  # a reply → whether it can be used


class EndpointChat(BaseChatModel):
    """Greedy replies of a role, "" where there is no text (a prompt refused as too long, say).

    These, and replies that cannot be used, are reported in a line: after each `ask_all`, or with
    `at_end` when `report` is called.

    Raises:
        SetupError: the role has no endpoint, it failed after its retries, or max_cost or
            max_tokens_total is spent.
    """

    role: str
    recipe: Any  # a Recipe; pydantic would make its own record of it
    at_end: bool = False
    # What they are for → of each prompt, why its reply changed nothing, or "".
    _reasons: dict[str, list[str]] = defaultdict(list)  # noqa: RUF012  (pydantic copies it)

    @property
    def _llm_type(self) -> str:
        return "openbook"

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> ChatResult:
        (text,) = self.ask_all([convert_to_openai_messages(messages)])
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    def ask_all(
        self, prompts: Sequence[Sequence[Message]], what: str = "chat", usable: Usable = bool
    ) -> list[str]:
        settings = endpoint_settings(self.role, self.recipe.run_name)
        if settings is None:
            raise SetupError(
                f"Retrieval asks the {self.role}, which has no endpoint. Set it in .env, or choose "
                "a retrieval that asks no model."
            )

        async def ask() -> list[Reply | EndpointError]:
            with closing(Ledger()) as ledger:
                async with Endpoint(
                    settings, self.recipe, ledger=ledger, budget=budget_of(self.recipe)
                ) as endpoint:
                    one = partial(endpoint.ask, max_tokens=self.recipe.max_retrieval_tokens)
                    if len(prompts) <= self.recipe.concurrency:  # a question of a chat
                        return await gather_all(prompts, one)
                    progress = Progress(self.role, len(prompts), note=endpoint.note)
                    found = await gather_all(prompts, one, on_done=progress.advance)
                    progress.close()
                    return found

        replies = list[Reply]()
        for reply in run(ask()):
            if isinstance(reply, EndpointError):
                raise SetupError(f"Retrieval stopped: {reply}") from reply
            replies.append(reply)
        self._reasons[what] += [
            "" if usable(r.text) else short(r.text) or r.finish_reason or "empty" for r in replies
        ]
        if not self.at_end:
            self.report()
        return [reply.text for reply in replies]

    def report(self) -> None:
        """Print how many prompts got no usable reply since the last report, and why."""
        for what, asked in self._reasons.items():
            if reasons := [*filter(None, asked)]:
                print(
                    f"{what}: {len(reasons):,} of {len(asked):,} prompts to the {self.role} got no "
                    f"usable reply, and changed nothing; the first: {reasons[0]}"
                )
        self._reasons.clear()


def ask_all(
    model: BaseChatModel,
    prompts: Sequence[Sequence[Message]],
    what: str = "chat",
    usable: Usable = bool,
) -> list[str]:
    """The replies of a chat model, ours or another of LangChain; `what` they are for: `+ rerank`"""
    if isinstance(model, EndpointChat):
        return model.ask_all(prompts, what, usable)
    return [str(reply.text) for reply in model.batch([list(prompt) for prompt in prompts])]
