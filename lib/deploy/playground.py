"""Ask one model one question, with the prompt of training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from lib.endpoints import endpoint_settings
from lib.engine.endpoint import Endpoint, run
from lib.engine.ledger import Ledger
from lib.prompts.control_tokens import for_student
from lib.prompts.student import STUDENT_PROMPT
from lib.rag.chain import answer_question
from lib.recipe import Recipe
from lib.settings import SetupError


def ask(
    role: str, question: str, documents: Sequence[str], recipe: Recipe, *, refusal: str = ""
) -> str:
    """The whole reply of "student" or "baseline" to a question on some documents.

    `refusal` is the sentence of the dataset that the student was trained on; "" = the standard one.
    """
    settings = endpoint_settings(role, recipe.run_name)
    if settings is None:
        raise SetupError(
            f"The {role} has no endpoint in run '{recipe.run_name}'. Run 3_deploy.ipynb first."
        )

    prompt = for_student(STUDENT_PROMPT, recipe.run_name)

    async def answer() -> str:
        with closing(Ledger()) as ledger:
            async with Endpoint(settings, recipe, ledger=ledger) as endpoint:
                tokens = recipe.max_answer_tokens
                reply = await answer_question(
                    endpoint,
                    question,
                    documents,
                    max_answer_tokens=tokens,
                    refusal=refusal,
                    prompt=prompt,
                )
        return reply.text

    return run(answer())
