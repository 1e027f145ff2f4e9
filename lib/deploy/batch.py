"""Greedy answers of one model to several prompts at once, on a CPU, in one thread.

Three things make it faster than one `generate` after another (docs/experiments.md), and none
changes what is written:

- **Continuous batching**: each step writes for all prompts at work, and a prompt joins as soon as
  another is done, so the weights are read once for all of them. Each attends by itself, to no keys
  of longer prompts.
- **Shared prefixes**: a prompt that begins as an earlier one did (top 5 as top 3) copies its keys
  and values.
- **Prompt lookup** (Saxena 2023): a RAFT answer quotes its context word for word, so what followed
  the last two tokens before is proposed, and checked in the step that would write one token.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

BY_SLOT = "openbook_by_slot"  # a model's _attn_implementation in a Batch
SLOTS = 8  # prompts at work
STEP_TOKENS = 32  # of a step, those that are proposed among them; at least one for each prompt
PROPOSED_TOKENS = 10  # of a prompt; 20 are not faster (docs/experiments.md)
LOOKED_UP = 2  # tokens
_TIMED_STEPS, _TRIED_EVERY = 6, 50  # with and without proposals


@dataclass(eq=False)
class Written:
    """A prompt and what has been written for it."""

    tokens: list[int]  # the prompt's, then the answer's
    most_tokens: int  # of the answer
    ends: frozenset[int]  # tokens that end an answer; they belong to it
    on_tokens: Callable[[list[int]], object] = lambda new: None  # may raise: it is then given up
    done: Future[list[int]] = field(default_factory=Future)  # the answer
    prompt_tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.tokens, self.prompt_tokens = list(self.tokens), len(self.tokens)

    @property
    def _missing(self) -> int:
        return self.most_tokens - (len(self.tokens) - self.prompt_tokens)

    def add(self, tokens: Sequence[int]) -> None:
        """Tokens of the answer, of which those behind its end are dropped."""
        tokens = tokens[: self._missing]
        end = next((place for place, token in enumerate(tokens) if token in self.ends), None)
        if end is not None:
            tokens = tokens[: end + 1]
        self.tokens += tokens
        self.on_tokens(list(tokens))
        if end is not None or not self._missing:
            self.done.set_result(self.tokens[self.prompt_tokens :])

    def proposal(self, most: int) -> list[int]:
        """What followed the last two tokens where they stood first."""
        most = min(most, self._missing - 1)
        last = self.tokens[-LOOKED_UP:]
        if most < 1 or len(self.tokens) <= LOOKED_UP:
            return []
        place = -1
        with suppress(ValueError):  # they stood nowhere
            while True:
                place = self.tokens.index(last[0], place + 1, len(self.tokens) - LOOKED_UP)
                if self.tokens[place : place + LOOKED_UP] == last:
                    return self.tokens[place + LOOKED_UP :][:most]
        return []


@dataclass
class _Spent:
    """Time of steps of one kind, the last ones weighing most."""

    steps: int = 0
    seconds: float = 0.0
    tokens: float = 0.0  # of each prompt at work

    def add(self, seconds: float, tokens: float) -> None:
        self.steps += 1
        self.seconds, self.tokens = 0.9 * self.seconds + seconds, 0.9 * self.tokens + tokens


class SlotCache:
    """Keys and values of the prompts in each slot: (slots, heads, tokens, head size) in each layer.

    What transformers asks of a cache: `update` writes at the places given and returns what the
    queries may see.
    """

    is_compileable = False

    def __init__(self, num_layers: int, slots: int) -> None:
        self._slots = slots
        self._layers: list[tuple[Any, Any] | None] = [None] * num_layers
        self._rows = slice(0)
        self._positions: Any = None  # (slots, tokens)

    def place(self, first: int, positions: Any) -> None:
        self._rows, self._positions = slice(first, first + len(positions)), positions

    def update(self, keys: Any, values: Any, layer_idx: int, *_: Any, **__: Any) -> tuple[Any, Any]:
        import torch

        length = int(self._positions.max()) + 1
        kept = self._room(layer_idx, keys, length)
        rows = torch.arange(self._slots, device=keys.device)[self._rows, None]
        for one, new in zip(kept, (keys, values), strict=True):
            one.transpose(1, 2)[rows, self._positions] = new.transpose(1, 2)
        seen_keys, seen_values = (one[self._rows, :, :length] for one in kept)
        return seen_keys, seen_values

    def copy(self, source: int, target: int, length: int) -> None:
        import torch

        with torch.inference_mode():
            for layer in self._layers:
                for one in layer or ():
                    one[target, :, :length] = one[source, :, :length]

    def get_seq_length(self, *_: Any) -> int:
        return int(self._positions.min())

    def _room(self, layer: int, keys: Any, length: int) -> tuple[Any, Any]:
        kept = self._layers[layer]
        if kept is None or kept[0].shape[2] < length:
            shape = (self._slots, keys.shape[1], length + 256, keys.shape[3])
            larger = keys.new_zeros(shape), keys.new_zeros(shape)
            for new, old in zip(larger, kept or (), strict=False):
                new[:, :, : old.shape[2]] = old
            self._layers[layer] = kept = larger
        return kept


class Batch:
    """The prompts at work, one in each slot of the cache."""

    def __init__(self, model: Any, *, slots: int = SLOTS, step_tokens: int = STEP_TOKENS) -> None:
        self._model = model
        self._config = model.config.get_text_config()
        _attend_by_slot(model)
        self._cache = SlotCache(self._config.num_hidden_layers, slots)
        self._step_tokens = step_tokens
        self._spent = {True: _Spent(), False: _Spent()}  # in steps with and without proposals
        self._cached: list[list[int]] = [[] for _ in range(slots)]  # tokens whose keys are kept
        self._at_work: dict[int, Written] = {}  # slot → prompt

    @property
    def num_at_work(self) -> int:
        return len(self._at_work)

    @property
    def is_full(self) -> bool:
        return len(self._at_work) == len(self._cached)

    def begin(self, written: Written) -> None:
        """Read a prompt and write its first token."""
        prompt = written.tokens
        shared = [_common(kept, prompt[:-1]) for kept in self._cached]
        most = max(shared)
        free = [slot for slot in range(len(shared)) if slot not in self._at_work]
        # A slot that has that beginning itself needs no copy; else the one that keeps least.
        slot = min(free, key=lambda slot: (shared[slot] != most, len(self._cached[slot])))
        try:
            if shared[slot] != most:
                self._cached[slot] = []
                self._cache.copy(shared.index(most), slot, most)
            self._cached[slot] = prompt[:most]
            best = self._best(slot, [prompt[most:]], logits_to_keep=1)
        except Exception as error:  # too long for the memory: of this prompt alone
            written.done.set_exception(error)
            return
        self._cached[slot] = list(prompt)
        self._at_work[slot] = written
        self._add(slot, best[0])

    def step(self) -> None:
        """Write at least one token for each prompt at work."""
        start, at_work = time.perf_counter(), len(self._at_work)
        proposes = self._proposes()
        most = min(PROPOSED_TOKENS, self._step_tokens // at_work - 1) if proposes else 0
        read: list[list[int]] = [[] for _ in range(max(self._at_work) + 1)]
        for slot, written in self._at_work.items():
            read[slot] = [written.tokens[-1], *written.proposal(most)]
        try:
            best = self._best(0, read)
        except Exception as error:
            for written in self._at_work.values():
                written.done.set_exception(error)
            self._at_work.clear()
            return
        num_new = 0
        for slot in list(self._at_work):
            right = _common(read[slot][1:], best[slot])  # what the model would have written
            self._cached[slot] += read[slot][: 1 + right]
            self._add(slot, best[slot][: 1 + right])
            num_new += 1 + right
        self._spent[proposes].add(time.perf_counter() - start, num_new / at_work)

    def _proposes(self) -> bool:
        """Whether the next step looks into the prompts; it costs a large model more than it gains.

        Both ways are timed at first, then the slower one now and then.
        """
        steps = {way: spent.steps for way, spent in self._spent.items()}
        if min(steps.values()) < _TIMED_STEPS or sum(steps.values()) % _TRIED_EVERY == 0:
            return min(steps, key=lambda way: steps[way])
        return min(steps, key=lambda way: self._spent[way].seconds / self._spent[way].tokens)

    def _add(self, slot: int, tokens: list[int]) -> None:
        written = self._at_work[slot]
        try:
            written.add(tokens)
        except Exception as error:
            written.done.set_exception(error)
        if written.done.done():
            del self._at_work[slot]

    def _best(
        self, first: int, tokens: list[list[int]], *, logits_to_keep: int = 0
    ) -> list[list[int]]:
        """The most likely token after each of the tokens that follow what is cached, or the last.

        Of neighbouring slots, whose cache needs no copy.
        """
        import torch

        longest = max(map(len, tokens))
        starts = [len(cached) for cached in self._cached[first : first + len(tokens)]]
        device = self._model.device
        rows = [some + [0] * (longest - len(some)) for some in tokens]
        padded, begin = torch.tensor(rows, device=device), torch.tensor(starts, device=device)
        positions = begin[:, None] + torch.arange(longest, device=device)
        self._cache.place(first, positions)
        with torch.inference_mode():
            logits = self._model(
                input_ids=padded,
                position_ids=positions,
                attention_mask=self._masks(positions, max(starts) + longest),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=logits_to_keep,
            ).logits
        return [list(row) for row in logits.argmax(-1).tolist()]

    def _masks(self, positions: Any, length: int) -> Any:
        """What each token sees: all before it in its slot, or in its window; so no padded token."""
        import torch

        places = torch.arange(length, device=positions.device)
        seen = (places <= positions[..., None])[:, None]  # (slots, 1, tokens, length)
        kinds = set(getattr(self._config, "layer_types", None) or ())
        if "sliding_attention" not in kinds:
            return seen
        window = (places > positions[..., None] - self._config.sliding_window)[:, None]
        masks = {"full_attention": seen, "sliding_attention": seen & window}
        return masks if len(kinds) > 1 else masks["sliding_attention"]


def _attend_by_slot(model: Any) -> None:
    """Let SDPA compute each prompt by itself, up to the last key that it sees: it reads the keys
    that a mask hides, too, and a step waits for the memory."""
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

    def attend(
        module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any
    ) -> tuple[Any, None]:
        if len(query) == 1 or attention_mask is None:
            return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        seen = attention_mask.any(dim=(1, 2))  # (slots, keys)
        lengths = seen.shape[1] - seen.flip(1).int().argmax(1)
        heads = []
        for slot, length in enumerate(lengths.tolist()):
            keys, values = (each[slot, None, :, :length] for each in (key, value))
            mask = attention_mask[slot, None, ..., :length]
            own = query[slot, None]
            heads += [sdpa_attention_forward(module, own, keys, values, mask, **options)[0]]
        return torch.cat(heads), None

    if model.config._attn_implementation == "sdpa":
        AttentionInterface.register(BY_SLOT, attend)
        AttentionMaskInterface.register(BY_SLOT, sdpa_mask)
        model.set_attn_implementation(BY_SLOT)


def ends_of(config: Any) -> frozenset[int]:
    """The tokens that end an answer by a GenerationConfig, which has one, several or none."""
    ends = config.eos_token_id
    return frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Leading tokens that are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
