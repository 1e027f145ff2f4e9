"""Small tokenizers of the kinds that the families in parameters/ have."""

from __future__ import annotations

import json
from typing import Any

from tests.finetune.tiny import chat_row


def _texts() -> list[str]:
    rows = (chat_row(number)["messages"] for number in range(20))
    return ["\n\n".join(message["content"] for message in messages) for messages in rows]


def _pieces(special: list[str], pre_tokenizer: Any, alphabet: list[str]) -> tuple[Any, Any]:
    """Vocabulary and merges of a BPE, with the special tokens first."""
    from tokenizers import Tokenizer, models, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=450, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(_texts(), trainer)
    model = json.loads(bpe.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def _byte_level(special: list[str]) -> tuple[Any, Any]:
    from tokenizers import pre_tokenizers

    level = pre_tokenizers.ByteLevel
    return _pieces(special, level(add_prefix_space=False), sorted(level.alphabet()))


def _sentence_pieces(special: list[str]) -> tuple[Any, Any]:
    """▁ for a space, and a token for each byte that has no piece: here also for a newline."""
    from tokenizers import Regex, pre_tokenizers

    lines = pre_tokenizers.Split(Regex(r"\n"), behavior="removed")
    words = pre_tokenizers.Sequence([lines, pre_tokenizers.Metaspace(split=True)])
    return _pieces([*special, *(f"<0x{byte:02X}>" for byte in range(256))], words, [])


def llama_2() -> Any:
    from transformers import LlamaTokenizer

    vocab, merges = _sentence_pieces(["<unk>", "<s>", "</s>"])
    return LlamaTokenizer(vocab=vocab, merges=merges, add_bos_token=True)


def vinallama() -> Any:
    """Llama 2's with the tokens of ChatML behind its vocabulary."""
    tokenizer = llama_2()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>"})
    return tokenizer


def llama_3() -> Any:
    """It puts <|begin_of_text|> before every text, as the template does; it has no padding."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    begin, *others = "begin_of_text end_of_text start_header_id end_header_id eot_id".split()
    special = [f"<|{name}|>" for name in (begin, *others)]
    vocab, merges = _byte_level(special)
    bpe = Tokenizer(models.BPE(vocab, merges, ignore_merges=True))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{special[0]} $A", special_tokens=[(special[0], 0)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=special[0], eos_token="<|eot_id|>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    return tokenizer


def smollm_2() -> Any:
    """Its first token is the one that begins a turn, and it pads with the one that ends it."""
    from transformers import GPT2Tokenizer

    vocab, merges = _byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    turn = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    return GPT2Tokenizer(vocab=vocab, merges=merges, **turn)


def qwen_2() -> Any:
    """It has no first token."""
    from transformers import Qwen2Tokenizer

    vocab, merges = _byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges, eos_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    return tokenizer


def gemma_3() -> Any:
    from transformers import GemmaTokenizer

    vocab, merges = _sentence_pieces(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"])
    return GemmaTokenizer(vocab=vocab, merges=merges, add_bos_token=True)
