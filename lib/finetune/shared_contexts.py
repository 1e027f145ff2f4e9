"""Shared contexts: rows whose prompts begin with the same tokens become one training sequence.

    context | question 1, completion 1 | question 2, completion 2 | …

Each branch sees the context and itself, not its siblings, and its positions follow the context's.
Loss and gradients are those of the separate rows, in a fraction of the tokens; with dropout, rows
of one context share its mask. The branch point is the longest common prefix by tokens, but at least
one prompt token stays in each branch: it predicts a completion's first token, which is learnt, too.

Related: Tree Training (arXiv:2511.00413) and others for rollouts (docs/experiments.md).
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from lib.finetune.attention import TRAINING
from lib.finetune.tokens import TokenRow

# The least part of every prompt that is shared: an instruction alone is not a context, and rows
# would meet by their wording, for a small gain.
_LEAST_SHARE = 0.8
# A row that would shorten a context to less than this part has another context.
_KEPT_SHARE = 0.9
_CONTEXT, _PADDING = 0, -1  # the branches are 1, 2, …
# Lengths are multiples of it: few shapes, as oneDNN caches a kernel for each (2.1 GB for 1.4).
TOKEN_BLOCK = 64


@dataclass(frozen=True)
class TrainingSequence:
    """Rows that share their first tokens; a plain row shares none."""

    rows: tuple[TokenRow, ...]
    context_tokens: int  # 0 = a plain row

    @property
    def num_tokens(self) -> int:
        own = sum(len(row.input_ids) for row in self.rows)
        return own - (len(self.rows) - 1) * self.context_tokens

    @property
    def columns(self) -> dict[str, list[int]]:
        """An item of the trainer's dataset: of each token also its position and its branch.

        Labels are -100 but for the completions. A branch's last token has a prompt token behind it,
        so the label that follows in the sequence is never one of another branch.
        """
        shared = self.context_tokens
        ids, labels = self.rows[0].input_ids[:shared], [-100] * shared
        positions, branches = list(range(shared)), [_CONTEXT] * shared
        for number, row in enumerate(self.rows, start=1):
            ids = ids + row.input_ids[shared:]
            labels += row.labels[shared:]
            positions += range(shared, len(row.input_ids))
            branches += [number] * (len(row.input_ids) - shared)
        named = {"input_ids": ids, "labels": labels, "position_ids": positions}
        return named | {"branches": branches}


# --- which rows share a context ------------------------------------------------------------------


def share_contexts(rows: Sequence[TokenRow], *, most_rows: int) -> list[TrainingSequence]:
    """Group rows by their first tokens, at most most_rows in one sequence; in the rows' order.

    Rows with a context of their own become plain sequences.
    """
    import numpy as np

    ids = [np.asarray(row.input_ids, dtype=">u4") for row in rows]  # bytes sort as the numbers do
    ordered = sorted(range(len(rows)), key=lambda place: ids[place].tobytes())

    def common(one: int, other: int) -> int:
        """Leading tokens that both prompts have; their last prompt tokens are never among them."""
        longest = min(rows[one].prompt_tokens, rows[other].prompt_tokens) - 1
        differ = (ids[one][:longest] != ids[other][:longest]).nonzero()[0]
        return int(differ[0]) if len(differ) else longest

    groups: list[list[int]] = []
    shared = longest_prompt = 0  # of the last group
    for place in ordered:
        prompt = rows[place].prompt_tokens
        if groups:
            joint = min(shared, common(groups[-1][-1], place))
            longest_prompt = max(longest_prompt, prompt)
            kept = len(groups[-1]) == 1 or joint >= _KEPT_SHARE * shared
            if kept and joint >= _LEAST_SHARE * longest_prompt:
                groups[-1].append(place)
                shared = joint
                continue
        groups.append([place])
        shared = longest_prompt = prompt
    sequences = {}  # by the place of the first row
    parts = (np.array_split(group, math.ceil(len(group) / most_rows)) for group in groups)
    for part in chain.from_iterable(parts):
        # In sorted order, what neighbours share is what all share.
        shared = min((common(a, b) for a, b in pairwise(part)), default=0)
        sequences[min(part)] = TrainingSequence(tuple(rows[p] for p in sorted(part)), shared)
    return [sequences[first] for first in sorted(sequences)]


def sharing_note(sequences: Sequence[TrainingSequence]) -> str:
    """`1,660 of 1,689 rows share 456 contexts: 2.9 × fewer tokens.`"""
    sizes = [len(sequence.rows) for sequence in sequences if sequence.context_tokens]
    rows = [row for sequence in sequences for row in sequence.rows]
    whole = sum(len(row.input_ids) for row in rows)
    ratio = whole / sum(sequence.num_tokens for sequence in sequences)
    shared = f"{sum(sizes):,} of {len(rows):,} rows share {len(sizes):,} contexts"
    return f"{shared}: {ratio:.1f} × fewer tokens."


# --- what a model must be told ------------------------------------------------------------------


def why_not_shared(model: Any) -> str:
    """Why this model, without adapters, cannot train on shared contexts; "" = it can."""
    config = model.config.get_text_config()
    kinds = {*(getattr(config, "layer_types", None) or ())}
    by_other = ("alibi", "attention_chunk_size", "attention_types")  # the last: GPT-Neo's windows
    if (
        kinds <= {"full_attention", "sliding_attention"}
        and config._attn_implementation in ("sdpa", "eager")
        and "position_ids" in inspect.signature(model.forward).parameters
        and not getattr(model, "_is_stateful", False)
        and not any(getattr(config, name, None) for name in by_other)
    ):
        return ""
    how = f"{config.model_type}, {config._attn_implementation}"
    return f"not all layers attend by a mask and by positions ({how})"


def attention_masks(batch: Mapping[str, Any], config: Any) -> dict[str, Any]:
    """What a model is told beside the tokens; nothing for a batch of plain rows.

    The mask is (sequences, 1, tokens, tokens): bool (True = seen) for SDPA, added to the scores for
    eager attention; a dict of them by layer type where a model mixes full and sliding attention. A
    window counts positions. After `prepare_attention`, a mask without a window begins behind the
    context.
    """
    if "branches" not in batch:
        return {}
    import torch

    config, branches, positions = config.get_text_config(), batch["branches"], batch["position_ids"]
    queries, keys = branches[:, :, None], branches[:, None, :]
    places = torch.arange(branches.shape[1], device=branches.device)
    seen = (places[None, :] <= places[:, None]) & ((keys == _CONTEXT) | (keys == queries))
    context = 0  # tokens of it that every sequence has
    if config._attn_implementation == TRAINING:
        context = int((branches == _CONTEXT).all(dim=0).sum()) // TOKEN_BLOCK * TOKEN_BLOCK

    def mask(kind: str) -> Any:
        visible = seen[:, context:]
        if kind == "sliding_attention":
            oldest = positions[:, :, None] - config.sliding_window
            visible = seen & (positions[:, None, :] > oldest)
        visible = visible[:, None]
        if config._attn_implementation != "eager":
            return visible
        return torch.zeros((), device=visible.device).where(visible, torch.finfo(torch.float32).min)

    of_all = "sliding_attention" if getattr(config, "sliding_window", None) else "full_attention"
    kinds = {*(getattr(config, "layer_types", None) or (of_all,))}
    masks = {kind: mask(kind) for kind in kinds} if len(kinds) > 1 else mask(*kinds)
    return {"attention_mask": masks, "position_ids": positions}


def with_branches(collate: Callable[[list[dict[str, Any]]], dict[str, Any]]) -> Callable[..., Any]:
    """The collator, which also pads position_ids and branches; a batch of plain rows has neither.

    Padding is a branch of its own: it sees something, so no score is undefined, and nobody sees it.
    """
    import torch

    def collated(items: list[dict[str, Any]]) -> dict[str, Any]:
        batch = collate([{name: item[name] for name in ("input_ids", "labels")} for item in items])
        if any(item["branches"][0] == _CONTEXT for item in items):
            for name, padding in (("position_ids", 0), ("branches", _PADDING)):
                padded = torch.full_like(batch["input_ids"], padding)
                for place, item in enumerate(items):
                    padded[place, : len(item[name])] = torch.tensor(item[name])
                batch[name] = padded
        return batch

    return collated
