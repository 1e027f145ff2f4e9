"""A shared context gives the loss and the gradients of separate rows, in fewer tokens."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
import torch

from lib.finetune import shared_contexts
from lib.finetune.attention import prepare_attention
from lib.finetune.shared_contexts import (
    TOKEN_BLOCK,
    TrainingSequence,
    attention_masks,
    share_contexts,
    sharing_note,
    why_not_shared,
    with_branches,
)
from lib.finetune.tokens import TokenRow

VOCABULARY = 60
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LOCAL = [[["global", "local", "global"], 1]]
WINDOW = 11  # shorter than every context of contexts(), longer than some branches


def small_model(kind: str, *, lora: bool = False) -> Any:
    import transformers

    torch.manual_seed(1)
    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    made: dict[str, tuple[str, dict[str, Any]]] = {
        "llama": ("Llama", {}),
        "llama, eager": ("Llama", {"attn_implementation": "eager"}),
        "gemma 3": ("Gemma3Text", {"sliding_window": WINDOW, "layer_types": layers}),
        "gemma 2": ("Gemma2", {"sliding_window": WINDOW, "layer_types": layers}),
        "mistral": ("Mistral", {"sliding_window": WINDOW}),
        "qwen 2": ("Qwen2", {"layer_types": ["full_attention"] * 3}),
        "phi 3": ("Phi3", {}),
    }
    name, options = made[kind]
    config = getattr(transformers, f"{name}Config")(**SIZES, **options)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():  # far from uniform: what a token sees changes its logits
        for weight in model.parameters():
            weight.mul_(6 if weight.dim() > 1 else 1)
    if lora:
        from peft import LoraConfig, get_peft_model

        adapters = LoraConfig(
            r=3, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False
        )
        model = get_peft_model(model, adapters)
    return model.train()


def random_rows(rng: Random, *, contexts: int, most: int) -> list[TokenRow]:
    """Rows in random order: some contexts with several questions, some questions that begin alike
    or are the same, some rows alone."""
    rows: list[tuple[list[int], list[int]]] = []

    def tokens(least: int, longest: int) -> list[int]:
        return [rng.randrange(3, VOCABULARY) for _ in range(rng.randint(least, longest))]

    for _ in range(contexts):
        context, beginning = tokens(20, 50), tokens(0, 3)
        for _ in range(rng.randint(1, most)):
            question = beginning * rng.randint(0, 1) + tokens(1, 6)
            prompt = rows[-1][0] if rows and rng.random() < 0.1 else context + question
            rows.append((prompt, [*tokens(1, 9), 2]))
    rng.shuffle(rows)
    return [TokenRow(str(n), p + c, len(p)) for n, (p, c) in enumerate(rows)]


def collate(items: Sequence[Any]) -> dict[str, torch.Tensor]:
    """As TRL pads: a batch, its tokens in multiples of 16."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    padded = DataCollatorForLanguageModeling(pad_token_id=0, pad_to_multiple_of=16)
    return with_branches(padded)([item.columns for item in items])


def logits_of(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Logits that predict each token but the first."""
    told = attention_masks(batch, model.config)
    return model(input_ids=batch["input_ids"], use_cache=False, **told).logits[:, :-1]


def loss_and_gradients(
    model: Any, batches: Sequence[Sequence[TrainingSequence]]
) -> tuple[float, torch.Tensor]:
    """The mean over all completion tokens, and its gradient as one vector."""
    model.zero_grad()
    losses, count = torch.zeros(()), 0
    for items in batches:
        batch = collate(items)
        labels = batch["labels"][:, 1:]
        losses = losses + torch.nn.functional.cross_entropy(
            logits_of(model, batch).flatten(0, 1), labels.flatten(), reduction="sum"
        )
        count += int((labels != -100).sum())
    loss = losses / count
    loss.backward()
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return loss.item(), torch.cat(gradients)


@pytest.mark.parametrize("lora", [False, True], ids=["full", "LoRA"])
@pytest.mark.parametrize(
    "kind", ["llama", "llama, eager", "gemma 3", "gemma 2", "mistral", "qwen 2", "phi 3"]
)
def test_loss_and_gradients_are_those_of_separate_rows(
    kind: str, lora: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_contexts, "TOKEN_BLOCK", 8)
    model = small_model(kind, lora=lora)
    base = model.get_base_model() if lora else model
    assert why_not_shared(base) == ""
    prepare_attention(base, shares=True, longest=2049)  # by torch's kernel
    shared_anything = 0
    for seed in range(6):
        rng = Random(seed)
        rows = random_rows(rng, contexts=rng.randint(1, 4), most=rng.randint(2, 6))
        sequences = share_contexts(rows, most_rows=rng.randint(2, 5))
        rng.shuffle(sequences)
        step = rng.randint(1, 3)  # padding beside sequences of other lengths
        batches = [sequences[start : start + step] for start in range(0, len(sequences), step)]
        loss, gradients = loss_and_gradients(model, batches)
        separate = [TrainingSequence((row,), 0) for row in rows]
        expected_loss, expected = loss_and_gradients(model, [separate])
        assert loss == pytest.approx(expected_loss, rel=1e-5)
        assert (gradients - expected).norm() <= 1e-4 * expected.norm()
        shared_anything += any(sequence.context_tokens for sequence in sequences)
    assert shared_anything >= 4


def plain(ids: str, prompt: str) -> TokenRow:
    return TokenRow(ids, [ord(letter) for letter in ids], len(prompt))


def test_the_branch_point_is_the_longest_common_prefix_inside_the_prompts() -> None:
    rows = [plain("0123456789abYES", "0123456789ab"), plain("0123456789acNO", "0123456789ac")]
    (sequence,) = share_contexts(rows, most_rows=4)
    columns = sequence.columns
    assert "".join(map(chr, columns["input_ids"])) == "0123456789a" + "bYES" + "cNO"
    assert columns["position_ids"] == [*range(11), *range(11, 15), *range(11, 14)]
    assert columns["branches"] == [0] * 11 + [1] * 4 + [2] * 3
    learnt = [chr(label) if label != -100 else "." for label in columns["labels"]]
    assert "".join(learnt) == "." * 11 + ".YES" + ".NO"
    assert sequence.num_tokens == len(columns["input_ids"]) == 18


@pytest.mark.parametrize("other", ["0123456789", "0123456789a"], ids=["the same", "longer"])
def test_every_branch_keeps_a_prompt_token_of_its_own(other: str) -> None:
    rows = [plain("0123456789YES", "0123456789"), plain(f"{other}NO", other)]
    (sequence,) = share_contexts(rows, most_rows=2)
    assert sequence.context_tokens == 9
    first_tokens = [row.labels[sequence.context_tokens] for row in sequence.rows]
    assert first_tokens == [-100, -100]


@pytest.mark.parametrize("seed", range(20))
def test_every_row_is_in_one_sequence_as_it_was(seed: int) -> None:
    rng = Random(seed)
    rows = random_rows(rng, contexts=6, most=9)
    most = rng.randint(1, 5)
    sequences = share_contexts(rows, most_rows=most)
    assert sorted(row.id for s in sequences for row in s.rows) == sorted(row.id for row in rows)
    for sequence in sequences:
        assert 1 <= len(sequence.rows) <= most
        assert (sequence.context_tokens == 0) == (len(sequence.rows) == 1)
        columns = sequence.columns
        for number, row in enumerate(sequence.rows, start=1):
            seen = [place for place, b in enumerate(columns["branches"]) if b in (0, number)]
            assert [columns["input_ids"][place] for place in seen] == row.input_ids
            assert [columns["position_ids"][place] for place in seen] == [*range(len(seen))]
            assert [columns["labels"][place] for place in seen] == row.labels


def test_other_contexts_and_instructions_alone_are_not_shared() -> None:
    instruction = "0123456789"
    rows = [plain(f"{instruction}{c * 10}?YES", f"{instruction}{c * 10}?") for c in "abc"]
    assert [s.context_tokens for s in share_contexts(rows, most_rows=8)] == [0, 0, 0]


def test_a_context_of_many_rows_is_cut_evenly() -> None:
    rows = [plain(f"{'0' * 30}{letter}YES", f"{'0' * 30}{letter}") for letter in "abcdefghi"]
    parts = share_contexts(rows, most_rows=4)
    assert [len(sequence.rows) for sequence in parts] == [3, 3, 3]


def test_the_trainer_says_what_is_shared() -> None:
    rows = [plain(f"{'0' * 97}{letter}YES", f"{'0' * 97}{letter}") for letter in "abcd"]
    rows.append(plain("1" * 101, "1" * 98))
    said = sharing_note(share_contexts(rows, most_rows=4))
    assert said == "4 of 5 rows share 1 contexts: 2.4 × fewer tokens."


def test_the_mask_begins_behind_what_all_sequences_of_a_batch_read_first() -> None:
    """In whole blocks; a window needs its mask from the first token on, and so does a plain row."""
    model = small_model("gemma 3")
    prepare_attention(model, shares=True, longest=2049)
    rows = [
        TokenRow(f"{context}{n}", [context] * size + [n, 2], size + 1)
        for context, size in ((9, TOKEN_BLOCK + 30), (8, TOKEN_BLOCK + 9))
        for n in (3, 4)
    ]
    batch = collate(share_contexts(rows, most_rows=2))
    tokens = batch["input_ids"].shape[1]
    masks = attention_masks(batch, model.config)["attention_mask"]
    assert masks["full_attention"].shape == (2, 1, tokens - TOKEN_BLOCK, tokens)
    assert masks["sliding_attention"].shape == (2, 1, tokens, tokens)
    beside = [*share_contexts(rows[2:], most_rows=2), TrainingSequence((rows[0],), 0)]
    told = attention_masks(collate(beside), model.config)["attention_mask"]
    assert told["full_attention"].shape[2] == told["full_attention"].shape[3]


def test_a_sliding_window_counts_positions_not_places() -> None:
    """The last branch is far behind the context's end, and sees it nonetheless."""
    config = small_model("gemma 3").config
    rows = [TokenRow(str(n), [9] * 20 + [3 + n] * 12 + [2], 24) for n in range(4)]
    (sequence,) = share_contexts(rows, most_rows=4)
    batch = collate([sequence])
    masks = attention_masks(batch, config)["attention_mask"]
    place = sequence.num_tokens - 10
    assert sequence.columns["position_ids"][place] == 23
    sliding, full = masks["sliding_attention"][0, 0, place], masks["full_attention"][0, 0, place]
    own = [*range(sequence.num_tokens - 13, place + 1)]
    assert full.nonzero().flatten().tolist() == [*range(20), *own]
    assert sliding.nonzero().flatten().tolist() == [*range(20 - (WINDOW - 4), 20), *own]


def test_a_batch_of_plain_rows_has_no_mask() -> None:
    rows = [TokenRow(str(n), [3 + n] * 20 + [2], 15) for n in range(2)]
    batch = collate(share_contexts(rows, most_rows=2))
    assert set(batch) == {"input_ids", "labels", "attention_mask"}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Llama", {"attn_implementation": "flex_attention"}),
        ("Mamba", {}),
        ("Lfm2", {"layer_types": ["conv", "full_attention", "conv"]}),
        ("Falcon", {"alibi": True}),
        ("Bloom", {}),
        ("GPTNeo", {"attention_types": LOCAL}),
    ],
)
def test_models_that_cannot_share_are_named(name: str, options: dict[str, Any]) -> None:
    import transformers

    sizes = {key: value for key, value in SIZES.items() if key != "head_dim"}
    config = getattr(transformers, f"{name}Config")(**sizes, **options)
    model = transformers.AutoModelForCausalLM.from_config(config)
    assert "attend by a mask and by positions" in why_not_shared(model)
