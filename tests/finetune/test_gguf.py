"""llama.cpp reads the tokens that were trained: a GGUF file of a SentencePiece vocabulary."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lib.finetune import gguf_file
from lib.finetune.tokens import load_tokenizer
from tests.finetune.families import FAMILIES
from tests.finetune.tiny import chat_row

READ = """
import json, sys
from gguf import GGUFReader
fields = GGUFReader(sys.argv[1]).fields
names = ("tokens", "scores", "token_type", "add_bos_token", "add_space_prefix", "bos_token_id")
print(json.dumps([fields[f"tokenizer.ggml.{name}"].contents() for name in names]))
"""
CONTROL, USER_DEFINED = 3, 4


def llama_cpp(text: str, fields: list[Any]) -> list[int]:
    """The tokens of a text as its SentencePiece tokenizer makes them: the pair with the best score
    is joined, of equal ones the first; a space is put before what follows a control token."""
    tokens, scores, kinds, bos, space, bos_id = fields
    ids = {token: place for place, token in enumerate(tokens)}
    own = [t for t, kind in zip(tokens, kinds, strict=True) if kind in (CONTROL, USER_DEFINED)]
    parts = re.split("(" + "|".join(map(re.escape, sorted(own, key=len, reverse=True))) + ")", text)
    found, behind_special = [bos_id] if bos else [], True
    for part in filter(None, parts):
        if part in own:
            found.append(ids[part])
            behind_special = True
            continue
        symbols = list((" " * (space and behind_special) + part).replace(" ", "▁"))
        behind_special = False
        while True:
            pairs = [(a + b, at) for at, (a, b) in enumerate(pairwise(symbols))]
            known = [(scores[ids[pair]], -at) for pair, at in pairs if pair in ids]
            if not known:
                break
            at = -max(known)[1]
            symbols[at : at + 2] = ["".join(symbols[at : at + 2])]
        for symbol in symbols:
            as_bytes = [ids[f"<0x{byte:02X}>"] for byte in symbol.encode()]
            found += [ids[symbol]] if symbol in ids else as_bytes
    return found


def phi_3(**tokens: Any) -> Any:
    from transformers import Phi3Config

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    return Phi3Config(**sizes, num_attention_heads=4, pad_token_id=0, **tokens)


@pytest.mark.skipif(not gguf_file.converter_python().is_file(), reason="`make gguf` has not run")
@pytest.mark.parametrize("name", ["llama-2", "llama-2-chat", "vinallama", "gemma-3", "phi-3"])
def test_llama_cpp_reads_the_tokens_of_a_prompt(name: str, tmp_path: Path) -> None:
    families = FAMILIES | {"phi-3": replace(FAMILIES["llama-2"], config=phi_3)}
    family = families[name]
    model_dir = family.make(tmp_path / "model")
    tokenizer = load_tokenizer(model_dir, family.knobs.get("dataset_format", "chat"))
    tokenizer.save_pretrained(model_dir)
    gguf_file.write_gguf(model_dir, tmp_path, name="m", kind="f32", card="")
    command = [str(gguf_file.converter_python()), "-c", READ, str(tmp_path / "m-f32.gguf")]
    fields = json.loads(subprocess.check_output(command, text=True).splitlines()[-1])
    for number in range(8):
        asked = chat_row(number)["messages"][:2]
        asked[1]["content"] += " “Größe”, 東京"
        prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
        wanted = tokenizer.encode(prompt, add_special_tokens=False)
        added = tokenizer.bos_token if fields[3] else ""
        assert llama_cpp(prompt.removeprefix(added), fields) == wanted


@pytest.mark.parametrize("scheme", ["never", "always"])
def test_the_space_before_a_prompt_is_the_tokenizers(scheme: str, tmp_path: Path) -> None:
    from tokenizers.pre_tokenizers import Metaspace

    tokenizer = load_tokenizer(FAMILIES["llama-2"].make(tmp_path / "model"), "chat")
    tokenizer.backend_tokenizer.pre_tokenizer = Metaspace(prepend_scheme=scheme)
    assert gguf_file.what_is_added(tokenizer)[1] == (scheme == "always")
