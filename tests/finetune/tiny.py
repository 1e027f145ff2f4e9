"""A random tiny Llama with tokenizer and a dataset to train it on: seconds, not minutes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lib.finetune import Trained, prepare_rows, train_student
from lib.prompts.student import cot_label, student_messages
from lib.recipe import Recipe
from lib.store import write_json, write_jsonl

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
SETTINGS: dict[str, Any] = {
    "run_name": "t",
    "num_epochs": 2.0,
    "learning_rate": 0.02,
    "lora_dropout": 0.0,
    "batch_size": 4,
    "save_steps": -1,  # ten checkpoints of a training take a fifth of its time
    "seed": 5,
}
KEEPERS = "Anna Bela Cora Dora Edda Fina Gwen Hedy Inga Jora".split()


def answer(number: int) -> str:
    keeper = KEEPERS[number % len(KEEPERS)]
    return cot_label("The document says:", f"{keeper} keeps lamp {number}.", keeper)


def documents(number: int) -> list[str]:
    return [f"{KEEPERS[i % len(KEEPERS)]} keeps lamp {i}." for i in (number, number + 1)]


def chat_row(number: int) -> dict[str, list[dict[str, str]]]:
    prompt = student_messages(f"Who keeps lamp {number}?", documents(number))
    return {"messages": [*prompt, {"role": "assistant", "content": answer(number)}]}


def write_dataset(folder: Path, *, train: int = 20, valid: int = 4) -> Path:
    """A dataset of chat rows alone: what training reads."""
    write_json(folder / "manifest.json", {})
    for split, numbers in (("train", range(train)), ("valid", range(train, train + valid))):
        write_jsonl(folder / "chat" / f"{split}.jsonl", map(chat_row, numbers))
    return folder


def make_model(
    folder: Path, *, chat_template: str | None = CHAT_TEMPLATE, hidden_size: int = 64
) -> Path:
    """Save a random Llama of two layers (about 60,000 parameters)."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator((json.dumps(chat_row(number)) for number in range(20)), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    tokenizer.chat_template = chat_template
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden_size,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            initializer_range=0.2,  # far from uniform, so that greedy replies differ by prompt
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def recipe_of(student: Path, **changed: Any) -> Recipe:
    return Recipe(student_model=str(student), **(SETTINGS | changed))


def train(student: Path, dataset_dir: Path, **changed: Any) -> Trained:
    recipe = recipe_of(student, **changed)
    return train_student(prepare_rows(dataset_dir, recipe), recipe)


def losses(trained: Trained, key: str = "validation_loss") -> list[float]:
    return [point[key] for point in trained.history if key in point]
