"""A student as one GGUF file (llama.cpp, Ollama, LM Studio), with a Modelfile beside it."""

import os
import re
import subprocess
from pathlib import Path

from lib.finetune.merge import licence_of
from lib.finetune.modelfile import begins_with_bos, modelfile
from lib.finetune.tokens import end_token_ids
from lib.prompts.control_tokens import read_tokenizer
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
    """Write `<name>-<kind>.gguf` and Modelfile into the folder.

    `card` is the student's model card, of which the longest row is read. The result is what the
    user should know of the Modelfile.
    """
    require_converter()
    gguf_name, tokenizer = f"{name}-{kind}.gguf", read_tokenizer(model_dir)
    _convert(model_dir, folder / gguf_name, kind, name, bos=begins_with_bos(tokenizer))
    longest = re.search(r"the longest ([\d,]+) \(", card)  # Lengths of lib/finetune/rows.py
    limit = int(read_json(model_dir / "config.json").get("max_position_embeddings") or 0)
    tokens = _context_tokens(int(longest[1].replace(",", "")) if longest else 0, limit)
    stops = [tokenizer.decode([it]) for it in sorted(end_token_ids(model_dir, tokenizer))]
    licence = re.search(r"^license: *(.+)$", card, re.MULTILINE)
    text, no_template = modelfile(
        gguf_name,
        tokenizer,
        stops=stops,
        context_tokens=tokens,
        licence=f"{licence[1] if licence else licence_of(model_dir)} (the base model's licence)",
    )
    write_text(folder / "Modelfile", text)
    said = [] if longest else [f"num_ctx is {tokens}: no model card names the longest row."]
    if no_template:
        said.append(f"Write TEMPLATE in Modelfile by hand. The chat template: {no_template}.")
    return said


def _context_tokens(longest_tokens: int, limit_tokens: int) -> int:
    wanted = -(-longest_tokens // _STEP_TOKENS) * _STEP_TOKENS or _UNKNOWN_TOKENS
    return min(wanted, limit_tokens or wanted)


def _convert(model_dir: Path, path: Path, kind: str, name: str, *, bos: bool) -> None:
    worker = Path(__file__).with_name("gguf_converter.py")
    arguments = (model_dir.resolve(), path, kind, name, str(int(bos)))
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
