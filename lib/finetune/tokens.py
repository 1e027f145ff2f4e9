"""Chat messages → the token ids of training: the same ids that a server builds from a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

# Llama 3.2's template writes the day into each prompt, which is another one when it is served. This
# is the day that Llama 3.1's has.
_CLOCK = "strftime_now"
_ONE_DAY = "{%- macro strftime_now(format) -%}26 Jul 2024{%- endmacro -%}"


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
    elif dataset_format == "completion" or not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_CHAT_TEMPLATE
    if _CLOCK in tokenizer.chat_template and _ONE_DAY not in tokenizer.chat_template:
        tokenizer.chat_template = _ONE_DAY + tokenizer.chat_template
    if tokenizer.eos_token is None:
        raise SetupError(
            f"The tokenizer in {portable(model_dir)} has no end token, so a student could not "
            "learn to stop. Set its eos_token."
        )
    label: Message = {"role": "assistant", "content": "Ada wrote it."}
    _prompt_and_rest([*student_messages("Who?", ["Ada."]), label], tokenizer, portable(model_dir))
    return tokenizer


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
    completion_ids = _up_to_end(completion_ids, tokenizer, end_ids, row_id)
    if tokenizer.unk_token_id in completion_ids[:-1]:  # in some, the end token, too
        raise SetupError(
            f"{row_id}: the tokenizer does not know a character of its completion, and the student "
            f"would learn to write {tokenizer.unk_token}. Take another model."
        )
    return TokenRow(row_id, prompt_ids + completion_ids, len(prompt_ids))


def _prompt_and_rest(messages: Sequence[Message], tokenizer: Any, where: str) -> tuple[str, str]:
    """The prompt as text, and what the template writes after it: the completion and its end.

    Each message has to be in it word for word; `where` is its row or model.
    """
    try:
        prompt = rendered(tokenizer, messages[:-1])
        text = rendered(tokenizer, messages, prompt=False)
    except ValueError as error:
        said = f"refuses these messages ({error})"
    else:
        rest = text.removeprefix(prompt)
        lost = [one["role"] for one in messages[:-1] if one["content"].strip() not in prompt]
        lost += ["assistant"] * (messages[-1]["content"].strip() not in rest)
        if not lost and text.startswith(prompt):
            return prompt, rest
        said = "writes a prompt differently when an answer follows"
        if lost:
            said = f"drops or changes the {lost[0]} message"
    raise SetupError(
        f"{where}: the chat template {said}. Set dataset_format to 'completion', give another "
        "chat_template_path, or take another model."
    )


def _ids(text: str, tokenizer: Any) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _up_to_end(ids: list[int], tokenizer: Any, end_ids: frozenset[int], row_id: str) -> list[int]:
    """Cut what the template writes after the end token (a newline); add a missing end token."""
    length = next((place for place, token in enumerate(ids, start=1) if token in end_ids), 0)
    if not length:
        return [*ids, tokenizer.eos_token_id]
    if tokenizer.decode(ids[length:], skip_special_tokens=True).strip():
        raise SetupError(
            f"{row_id} holds the end token {tokenizer.decode(ids[length - 1])} inside its "
            "completion. Remove it from the documents and run 1_gen.ipynb again."
        )
    return ids[:length]
