"""Whether what answers is the model: short replies of a server, checked by the models here.

Engines round in different ways, so a reply need not be the same, token for token. But each of its
tokens must be, for the model in this process, about as likely as the most likely one there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lib.deploy.batch import ends_of
from lib.deploy.conversation import ask
from lib.deploy.processes import ServerRecord
from lib.deploy.roles import Deployed
from lib.deploy.server import complete, failure, stop
from lib.engine.faults import EndpointError, short
from lib.prompts.control_tokens import for_student, read_tokenizer
from lib.prompts.student import STUDENT_PROMPT, Message
from lib.recipe import Recipe
from lib.records import RaftExample
from lib.settings import CheckFailed, SetupError, portable
from lib.text import one_line

NUM_PROMPTS, NUM_TOKENS = 12, 16
TIE = 0.5  # nats; a token that is so much less likely than the best is another model's


@dataclass(frozen=True)
class Reply:
    messages: list[Message]
    text: str
    ended: bool  # by itself, not at NUM_TOKENS


def prove(endpoints: Sequence[Deployed], rows: Sequence[RaftExample], recipe: Recipe) -> None:
    """Print for each role whether what answers is its model; endpoints elsewhere must answer.

    Served here: replies to questions of some rows, without documents, must be greedy replies of the
    model in its folder. How many of them the other role's model would not write says how well they
    tell the two apart. A server is checked once. Elsewhere: one question, through the ledger.

    CheckFailed: another model answers; the servers are stopped.
    """
    if not rows:
        return
    for one in endpoints:
        if not one.server:
            print(f"{one.role:9} answers: {_answer(one, rows[0], recipe)[:80] or 'nothing'}")
    served = {one.role: one.server for one in endpoints if one.server and not one.server.proved}
    folders = {one.role: one.model_dir for one in endpoints if one.model_dir}
    if not served:
        return
    prompt = for_student(STUDENT_PROMPT, recipe.run_name)
    spread = rows[:: max(1, len(rows) // NUM_PROMPTS)][:NUM_PROMPTS]
    messages = [prompt.messages(row.question.text, [], refusal=row.refusal) for row in spread]
    replies = {role: [_reply(server, m) for m in messages] for role, server in served.items()}
    gaps = {}  # (whose replies, whose model) → of each reply
    for model_of, folder in folders.items():
        model = _Model(folder)
        for role, of_role in replies.items():
            gaps[role, model_of] = [model.gap(reply) for reply in of_role]
            unlikely = zip(of_role, gaps[role, model_of], strict=True)
            wrong = (r for r, gap in unlikely if gap > TIE and model.text(r) != r.text)
            if role == model_of and (found := next(wrong, None)):
                stop(recipe.run_name)
                server, said = served[role], one_line(found.text)
                raise CheckFailed(
                    f"What answers as {role} at {server.base_url} ({server.engine}) is not "
                    f"{portable(folder)}, which would not write “{said}”. The servers were stopped."
                    " Run 3_deploy.ipynb again, or with another engine."
                )
    for role, server in served.items():
        others = [of_both for (of, by), of_both in gaps.items() if of == role != by]
        # One whose text is read as other tokens than were written tells nothing.
        pairs = [pair for other in others for pair in zip(gaps[role, role], other, strict=True)]
        differs = sum(own <= TIE < other for own, other in pairs)
        said = f"; the other model differs in {differs}" if others else ""
        if others and not differs:
            said = "; the other model's are the same, so they do not tell which one answers"
        print(f"{role:9} {len(messages)} short replies are those of its folder's model{said}")
        replace(server, proved=True).save()


def _answer(elsewhere: Deployed, row: RaftExample, recipe: Recipe) -> str:
    role, documents = elsewhere.role, [chunk.text for chunk in row.context]
    try:
        return one_line(ask(role, row.question.text, documents, recipe, refusal=row.refusal))
    except EndpointError as error:
        raise SetupError(
            f"{error}. If a service trained '{elsewhere.model}', deploy it there, and set "
            f"{role.upper()}_OPENAI_DEPLOYMENT in .env to the deployment's name."
        ) from None


def _reply(server: ServerRecord, messages: list[Message]) -> Reply:
    import openai

    try:
        choice = complete(server, messages, max_tokens=NUM_TOKENS)
    except openai.APIError as error:
        raise failure(server, f"broke off a reply ({short(error)})") from None
    return Reply(messages, choice.message.content or "", choice.finish_reason == "stop")


class _Model:
    """The model of a folder, in this process."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()
        # A GPU is the servers'. Where there is one, the model is large and has 16 bits.
        dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        self._tokenizer = read_tokenizer(folder)
        self._ends = sorted(ends_of(self._model.generation_config))

    def gap(self, reply: Reply) -> float:
        """How much less likely than the best one the reply's most surprising token is, nats."""
        import torch

        prompt = self._prompt(reply)
        tokens = self._tokenizer.encode(reply.text, add_special_tokens=False)
        with torch.inference_mode():
            logits = self._model(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 :]
        logits = logits.float()
        gaps = [float(at.max() - at[token]) for at, token in zip(logits, tokens, strict=False)]
        if reply.ended and self._ends:
            gaps.append(float(logits[-1].max() - logits[-1][self._ends].max()))
        return max(gaps, default=0.0)

    def text(self, reply: Reply) -> str:
        """What it writes itself: its tokens may be others than those of its text, read again."""
        import torch

        prompt = torch.tensor([self._prompt(reply)])
        made = self._model.generate(
            prompt, attention_mask=prompt == prompt, max_new_tokens=NUM_TOKENS, do_sample=False
        )
        new = made[0, prompt.shape[1] :]
        return str(self._tokenizer.decode(new, skip_special_tokens=True))

    def _prompt(self, reply: Reply) -> list[int]:
        text = self._tokenizer.apply_chat_template(
            reply.messages, add_generation_prompt=True, tokenize=False
        )
        return list(self._tokenizer.encode(text, add_special_tokens=False))
