"""Ollama's Modelfile of a student: the prompt that it was trained on, and how it decodes."""

import re
from typing import Any

from lib.finetune.tokens import rendered
from lib.prompts.student import Message, student_messages

_SYSTEM, _USER, _ANSWER, _NEXT = "system-7391", "user-7391", "answer-7391", "next-7391"


def modelfile(
    gguf_name: str, tokenizer: Any, *, stops: list[str], context_tokens: int, licence: str
) -> tuple[str, str]:
    """The text of a Modelfile, and why it has no TEMPLATE; "" = it has."""
    try:
        template, why = f'TEMPLATE """{go_template(tokenizer)}"""', ""
    except ValueError as error:
        why = str(error)
        template = (
            "# TEMPLATE must be written by hand (Ollama's Go template of the chat template in\n"
            f"# {gguf_name}): {why}."
        )
    lines = [
        f"FROM ./{gguf_name}",
        template,
        f'SYSTEM """{student_messages("", [])[0]["content"]}"""',
        "PARAMETER temperature 0",
        f"PARAMETER num_ctx {context_tokens}",
        *(f'PARAMETER stop "{stop}"' for stop in stops),
        f'LICENSE """{licence}"""',
    ]
    return "\n".join(lines) + "\n", why


def go_template(tokenizer: Any) -> str:
    """The chat template in Go, for one exchange: Ollama repeats it for each.

    Nothing is translated: the chat template renders messages of known texts, and what it writes
    around them is the Go template. So it holds for each template that writes every text once, as it
    is: plain, Alpaca, ChatML, Llama 2 and 3, Gemma. The first token is absent, because the GGUF
    file has it added.

    Raises:
        ValueError: another template, and what it does.
    """
    roles = ("system", "user", "assistant", "user")
    texts = (_SYSTEM, _USER, _ANSWER, _NEXT)
    messages = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)]
    conversation = _rendered(tokenizer, messages)
    pieces = re.split("|".join(texts), conversation)
    if re.findall("|".join(texts), conversation) != list(texts):
        raise ValueError("it does not write each message once, in their order, as it is")
    before, between, asks, then, asks_again = pieces
    asked = _rendered(tokenizer, messages[:2])
    ask = asked.rpartition(_USER)[2]
    # Llama 2 writes the space before an answer with the answer.
    if asked != f"{before}{_SYSTEM}{between}{_USER}{ask}" or asks.rstrip() != ask.rstrip():
        raise ValueError("it writes the first exchange differently when another follows")
    end = _rendered(tokenizer, messages[:3], prompt=False).rpartition(_ANSWER)[2]
    if asks_again != ask or not then.startswith(end):
        raise ValueError("it writes the second exchange differently than the first")
    if any(sign in conversation for sign in ("{{", '"""')):
        raise ValueError('it writes {{ or """, which a Modelfile cannot hold')
    opening = then[len(end) :]
    system = f"{{{{ if .System }}}}{before}{{{{ .System }}}}{between}"
    otherwise = f"{{{{ else }}}}{opening}{{{{ end }}}}"
    return f"{system}{otherwise}{{{{ .Prompt }}}}{ask}{{{{ .Response }}}}{end}"


def begins_with_bos(tokenizer: Any) -> bool:
    """Whether a prompt begins with the tokenizer's first token."""
    text = rendered(tokenizer, student_messages("Who?", ["Ada."]))
    return bool(tokenizer.bos_token) and text.startswith(tokenizer.bos_token)


def _rendered(tokenizer: Any, messages: list[Message], *, prompt: bool = True) -> str:
    try:
        text = rendered(tokenizer, messages, prompt=prompt)
    except ValueError as error:
        raise ValueError(f"it refuses two exchanges ({error})") from None
    return text.removeprefix(tokenizer.bos_token or "")
