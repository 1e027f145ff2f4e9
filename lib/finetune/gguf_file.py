"""A student as one GGUF file (llama.cpp, Ollama, LM Studio), with a Modelfile beside it."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from lib.finetune.merge import licence_of
from lib.finetune.model_files import text_config
from lib.finetune.tokens import end_token_ids, rendered
from lib.prompts.control_tokens import read_tokenizer
from lib.prompts.student import Message, student_messages
from lib.settings import PROJECT_DIR, SetupError, portable, write_text
from lib.store import read_json

TYPES = ("f32", "f16", "bf16", "q8_0")
_STEP_TOKENS, _UNKNOWN_TOKENS = 1024, 4096  # of num_ctx: it is a multiple, or the rows are unknown


def converter_python() -> Path:
    return PROJECT_DIR / ".venv-gguf" / "bin" / "python"


def require_converter() -> None:
    if not converter_python().is_file():
        raise SetupError(
            f"The converter to GGUF is not installed: there is no {portable(converter_python())}. "
            "Run: make gguf"
        )


def own_type(model_dir: Path) -> str:
    """The 16 bits that lose least: a model in bf16 has numbers that f16 cannot hold."""
    config = read_json(model_dir / "config.json")
    return "bf16" if (config.get("dtype") or config.get("torch_dtype")) == "bfloat16" else "f16"


def write_gguf(model_dir: Path, folder: Path, *, name: str, kind: str, card: str) -> list[str]:
    """Write `<name>-<kind>.gguf` and Modelfile into the folder, beside the student's model card.

    The result is what the user should know of the Modelfile.
    """
    gguf_name, tokenizer = f"{name}-{kind}.gguf", read_tokenizer(model_dir)
    if not tokenizer.chat_template:
        raise SetupError(
            f"{portable(model_dir)} has no chat template, and a GGUF file has the one of its "
            "prompts. Give a student's folder, or put chat_template.jinja there."
        )
    _convert(model_dir, folder / gguf_name, kind, name, added=what_is_added(tokenizer))
    longest = re.search(r"the longest ([\d,]+) \(", card)  # Lengths of lib/finetune/rows.py
    limit = int(text_config(model_dir).get("max_position_embeddings") or 0)
    tokens = _context_tokens(int(longest[1].replace(",", "")) if longest else 0, limit)
    stops = [tokenizer.decode([it]) for it in sorted(end_token_ids(model_dir, tokenizer))]
    text, no_template = modelfile(
        gguf_name,
        tokenizer,
        stops=stops,
        context_tokens=tokens,
        licence=f"{licence_of(folder)} (the base model's licence)",
    )
    write_text(folder / "Modelfile", text)
    said = [] if longest else [f"num_ctx is {tokens}: no model card names the longest row."]
    if no_template:
        said.append(f"Write TEMPLATE in Modelfile by hand. The chat template: {no_template}.")
    return said


def _context_tokens(longest_tokens: int, limit_tokens: int) -> int:
    wanted = -(-longest_tokens // _STEP_TOKENS) * _STEP_TOKENS or _UNKNOWN_TOKENS
    return min(wanted, limit_tokens or wanted)


def _convert(
    model_dir: Path, path: Path, kind: str, name: str, *, added: tuple[bool, bool]
) -> None:
    worker = Path(__file__).with_name("gguf_converter.py")
    flags = [str(int(it)) for it in added]
    arguments = [str(model_dir.resolve()), str(path), kind, name, *flags]
    done = subprocess.run(
        [converter_python(), "-P", worker, *arguments],  # -P: our own folder holds no packages
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode or not path.is_file():
        last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "")
        raise SetupError(
            f"{portable(model_dir)} was not converted to GGUF: {last.strip() or 'no message'}. "
            "Its architecture or tokenizer may be unknown to the converter (requirements/gguf.txt)."
        )


# --- Ollama's Modelfile ---------------------------------------------------------------------------


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
        "PARAMETER repeat_penalty 1",  # off: a student quotes. Older versions have 1.1
        f"PARAMETER num_ctx {context_tokens}",
        *(f'PARAMETER stop "{stop}"' for stop in stops),
        f'LICENSE """{licence}"""',
    ]
    return "\n".join(lines) + "\n", why


def go_template(tokenizer: Any) -> str:
    """The chat template in Go, for one exchange: Ollama repeats it for each.

    Nothing is translated: the chat template renders messages of known texts, and what it writes
    around them is the Go template. So it holds for each one that writes every text once, as it is
    (plain, Alpaca, ChatML, Llama 2 and 3, Gemma); of another, a ValueError says what it does. The
    GGUF file adds the first token.
    """
    roles = ("system", "user", "assistant", "user")
    texts = system, user, answer, _ = "system-7391", "user-7391", "answer-7391", "next-7391"
    messages: list[Message] = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=True)]

    def text(count: int, *, prompt: bool = True) -> str:
        found = rendered(tokenizer, messages[:count], prompt=prompt)
        return found.removeprefix(tokenizer.bos_token or "")

    conversation = text(4)
    pieces = re.split("|".join(texts), conversation)
    if re.findall("|".join(texts), conversation) != list(texts):
        raise ValueError("it does not write each message once, in their order, as it is")
    before, between, asks, then, asks_again = pieces
    asked = text(2)
    ask = asked.rpartition(user)[2]
    # Llama 2 writes the space before an answer with the answer; Qwen 3's prompt ends its thoughts.
    if asked != f"{before}{system}{between}{user}{ask}" or not ask.startswith(asks.rstrip()):
        raise ValueError("it writes the first exchange differently when another follows")
    end = text(3, prompt=False).rpartition(answer)[2]
    if asks_again != ask or not then.startswith(end):
        raise ValueError("it writes the second exchange differently than the first")
    if any(sign in conversation for sign in ("{{", '"""')):
        raise ValueError('it writes {{ or """, which a Modelfile cannot hold')
    opening = then[len(end) :]
    first = f"{{{{ if .System }}}}{before}{{{{ .System }}}}{between}"
    otherwise = f"{{{{ else }}}}{opening}{{{{ end }}}}"
    return f"{first}{otherwise}{{{{ .Prompt }}}}{ask}{{{{ .Response }}}}{end}"


def what_is_added(tokenizer: Any) -> tuple[bool, bool]:
    """Whether a prompt begins with the tokenizer's first token, and whether the tokenizer puts a
    space before its text (SentencePiece)."""
    text = rendered(tokenizer, student_messages("Who?", ["Ada."]))
    pieces = tokenizer.convert_ids_to_tokens(tokenizer.encode(text, add_special_tokens=False))
    own = tokenizer.get_added_vocab()
    spaced = next(it for it in pieces if it not in own).startswith("\u2581")
    return bool(tokenizer.bos_token) and text.startswith(tokenizer.bos_token), spaced
