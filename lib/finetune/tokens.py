"""Chat messages → the token ids of training: the same ids that a server builds from a prompt."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.engine.replies import without_thoughts
from lib.prompts.control_tokens import as_text, control_tokens, read_tokenizer
from lib.prompts.student import (
    ALPACA_CHAT_TEMPLATE,
    PLAIN_CHAT_TEMPLATE,
    Message,
    student_messages,
)
from lib.settings import PROJECT_DIR, SetupError, expanded, home, portable
from lib.store import read_json
from lib.text import one_line

# What a template that asks for the name is given before its first line. Llama 3.2's writes the day
# into each prompt, which is another one when it is served: this is the day that Llama 3.1's has, to
# which llama.cpp gives today as `date_string`. Models that can answer without thoughts (Qwen 3,
# SmolLM3, GLM) do so, as the rows do.
_GIVEN = {
    "strftime_now": "{%- macro strftime_now(format) -%}26 Jul 2024{%- endmacro -%}",
    "date_string": "{%- set date_string = '26 Jul 2024' -%}",
    "enable_thinking": "{%- set enable_thinking = false -%}",
}
# For one that takes no system message (Gemma 2, Mistral): it begins the user's, as at an endpoint.
_ONE_MESSAGE = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set messages = [{'role': 'user', 'content': "
    "messages[0]['content'] + '\\n\\n' + messages[1]['content']}] + messages[2:] -%}{%- endif -%}"
)
# Behind one whose prompt opens thoughts (DeepSeek R1, QwQ): the rows have none.
_OPEN = re.compile(r"(<|\[)((?:think|thinking|thought|THINK)[]>])\s*\Z")
_CLOSED = "{%%- if add_generation_prompt -%%}{{ %r }}{%%- endif -%%}"
_ANSWER = "answer-7391"  # one that no template writes


@dataclass(frozen=True)
class TokenRow:
    """A training row as token ids; the first `prompt_tokens` are the prompt, the rest is learnt."""

    id: str
    input_ids: list[int]
    prompt_tokens: int

    @property
    def labels(self) -> list[int]:
        """-100 (ignored by the loss) on the prompt, then the completion with its end token."""
        return [-100] * self.prompt_tokens + self.input_ids[self.prompt_tokens :]


def load_tokenizer(model_dir: Path, dataset_format: str, template_path: str = "") -> Any:
    """The base's tokenizer, with the template that training, evaluation and serving share.

    A base model has no template, and completion rows are plain text: both get the plain one.
    """
    tokenizer = read_tokenizer(model_dir)
    if template_path:
        tokenizer.chat_template = _read_template(template_path)
    elif dataset_format == "alpaca":
        tokenizer.chat_template = ALPACA_CHAT_TEMPLATE
    elif dataset_format == "completion":
        tokenizer.chat_template = PLAIN_CHAT_TEMPLATE
    elif isinstance(named := tokenizer.chat_template, dict):  # others are for tools (Command R)
        tokenizer.chat_template = named.get("default")
    if tokenizer.eos_token is None:
        raise SetupError(
            f"The tokenizer in {portable(model_dir)} has no end token, so a student could not "
            "learn to stop. Set its eos_token."
        )
    _adapt_template(tokenizer, portable(model_dir))
    return tokenizer


def _adapt_template(tokenizer: Any, where: str) -> None:
    """Have the template write rows and prompts alike, on every day and without thoughts."""
    template = tokenizer.chat_template or PLAIN_CHAT_TEMPLATE
    for name, given in _GIVEN.items():
        if name in template and given not in template:
            template = given + template
    label: Message = {"role": "assistant", "content": "Ada wrote it."}
    sample, errors = [*student_messages("Who?", ["Ada."]), label], list[SetupError]()
    for before in ("", _ONE_MESSAGE):
        tokenizer.chat_template = before + template
        with suppress(ValueError):
            prompt = rendered(tokenizer, sample[:-1])
            text = rendered(tokenizer, sample, prompt=False)
            if opened := _OPEN.search(prompt):
                own = text.startswith(prompt) and text[len(prompt) :].partition(label["content"])[0]
                tokenizer.chat_template += _CLOSED % (own or f"\n{opened[1]}/{opened[2]}\n\n")
        try:
            _prompt_and_rest(sample, tokenizer, where)
            return
        except SetupError as error:
            errors.append(error)
    raise errors[0]


def _read_template(template_path: str) -> str:
    path = home() / expanded(template_path)
    path = path if path.is_file() else PROJECT_DIR / template_path
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"chat_template_path is '{template_path}', which cannot be read "
            f"({type(error).__name__}). Give a Jinja file, like parameters/alpaca-vi.jinja."
        ) from None


def rendered(tokenizer: Any, messages: Sequence[Message], *, prompt: bool = True) -> str:
    """The messages as text; of a prompt, up to where the answer begins. ValueError: refused."""
    how = {"add_generation_prompt": prompt, "tokenize": False}
    try:
        return str(tokenizer.apply_chat_template(messages, **how))
    except Exception as error:
        raise ValueError(one_line(str(error))) from None


def end_token_ids(model_dir: Path, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a reply of the served model: of generation config and tokenizer."""
    path = Path(model_dir) / "generation_config.json"
    named = path.is_file() and read_json(path).get("eos_token_id")
    ids = named if isinstance(named, list) else [named] if named else []
    return frozenset([*ids, tokenizer.eos_token_id])


def tokenise(
    row_id: str, messages: Sequence[Message], tokenizer: Any, end_ids: frozenset[int]
) -> TokenRow:
    """The prompt's ids exactly as a server builds them, then the completion up to its end token.

    The completion is the last message. Control tokens of this tokenizer in a message are text.
    """
    messages = as_text(messages, control_tokens(tokenizer))
    prompt_text, rest = _prompt_and_rest(messages, tokenizer, row_id)
    prompt_ids = _ids(prompt_text, tokenizer)
    whole_ids = _ids(prompt_text + rest, tokenizer)
    if whole_ids[: len(prompt_ids)] == prompt_ids:
        completion_ids = whole_ids[len(prompt_ids) :]
    else:  # tokens merge across the boundary, but a server ends the prompt there
        completion_ids = _ids(rest, tokenizer)
    if within := end_ids.intersection(_ids(messages[-1]["content"], tokenizer)):
        raise SetupError(
            f"{row_id} holds the end token {tokenizer.decode([*within])} inside its completion. "
            "Remove it from the documents and run 1_gen.ipynb again."
        )
    # What the template writes after its end token (a newline) is cut; one that lacks is added.
    completion_ids.append(tokenizer.eos_token_id)
    end = next(place for place, token in enumerate(completion_ids, start=1) if token in end_ids)
    completion_ids = completion_ids[:end]
    if tokenizer.unk_token_id in completion_ids[:-1]:  # in some, the end token, too
        raise SetupError(
            f"{row_id}: the tokenizer does not know a character of its completion, and the student "
            f"would learn to write {tokenizer.unk_token}. Take another model."
        )
    return TokenRow(row_id, prompt_ids + completion_ids, len(prompt_ids))


def _prompt_and_rest(messages: Sequence[Message], tokenizer: Any, where: str) -> tuple[str, str]:
    """The prompt as text, and what the template writes behind it: the completion and its end.

    Each message has to be in it word for word; `where` is its row or model.
    """
    answer = messages[-1]["content"].strip()
    try:
        prompt = rendered(tokenizer, messages[:-1])
        text = rendered(tokenizer, messages, prompt=False)
        short = [message | {"content": _ANSWER} for message in messages]
        end = rendered(tokenizer, short, prompt=False).rpartition(_ANSWER)[2]
    except ValueError as error:
        said = f"refuses these messages ({error})"
    else:
        rest, before = text.removeprefix(prompt), text.removesuffix(answer + end)
        more = prompt.removeprefix(before)  # empty thoughts that only a prompt has (Gemma 4, R1)
        if text != before and more != prompt and without_thoughts(more + answer, "stop") == answer:
            rest = answer + end
        lost = [one["role"] for one in messages[:-1] if one["content"].strip() not in prompt]
        lost += ["assistant"] * (answer not in rest)
        if not lost and rest != text:
            # Some write the beginning of the next answer, asked or not.
            return prompt, rest.removesuffix(end if prompt.endswith(end) else "")
        said = "writes a prompt differently when an answer follows"
        if lost:
            said = f"drops or changes the {lost[0]} message"
    raise SetupError(
        f"{where}: the chat template {said}. Set dataset_format to 'completion', give another "
        "chat_template_path, or take another model."
    )


def _ids(text: str, tokenizer: Any) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
