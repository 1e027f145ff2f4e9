"""Which rows make a training step: as sequences, those that share a context together."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Any

from lib.finetune.shared_contexts import (
    TrainingSequence,
    share_contexts,
    sharing_note,
    why_not_shared,
)
from lib.finetune.tokens import TokenRow
from lib.recipe import Recipe

_MEGABATCH_UPDATES = 50  # as LengthGroupedSampler of transformers


def training_sequences(
    model: Any, rows: Sequence[TokenRow], recipe: Recipe, say: Callable[..., None]
) -> list[TrainingSequence]:
    """The rows as sequences: contexts are shared where that is asked for and can be, and said."""
    sequences = share_contexts(rows, most_rows=recipe.batch_size) if recipe.share_contexts else []
    if any(sequence.context_tokens for sequence in sequences):
        if not (reason := why_not_shared(getattr(model, "get_base_model", lambda: model)())):
            say(sharing_note(sequences), flush=True)
            return sequences
        say(f"Rows share contexts, but each is trained by itself: {reason}.", flush=True)
    return [TrainingSequence((row,), 0) for row in rows]


def padded_size(sequence: TrainingSequence) -> tuple[bool, int]:
    """To sort by: those of like lengths side by side, shared ones apart, which need a mask."""
    return sequence.context_tokens > 0, sequence.num_tokens


@dataclass(frozen=True)
class StepBatches:
    """Batches of sequences, each of about rows_per_step rows; a batch sampler for PyTorch.

    The same seed and epoch give the same batches, also after a kill and in every process. An epoch
    has as many steps as with separate rows, and every row once. A context goes whole into one step,
    which therefore has rows_per_step rows on average and fewer than twice as many. Rows of one
    context meet in one update, so its gradient is the mean over fewer contexts than of rows drawn
    independently.

    Several processes take them in turn. The last ones are divided so that each process has one;
    with fewer sequences than processes left, accelerate repeats the first steps of the epoch.
    """

    sequences: Sequence[TrainingSequence]
    rows_per_step: int  # not batch_size: accelerate would wait for batches of so many sequences
    rows_per_update: int
    seed: int
    epoch: Callable[[], int]
    processes: int = 1

    def __len__(self) -> int:
        return math.ceil(sum(len(one.rows) for one in self.sequences) / self.rows_per_step)

    def __iter__(self) -> Iterator[list[int]]:
        def size(place: int) -> tuple[bool, int]:
            return padded_size(self.sequences[place])

        def ends(order: list[int]) -> Iterator[int]:
            return accumulate(len(self.sequences[place].rows) for place in order)

        order = list(range(len(self.sequences)))
        Random(f"{self.seed}:{self.epoch()}").shuffle(order)
        parts: dict[int, list[int]] = {}  # each is sorted by length, so that little is padded
        for place, end in zip(order, ends(order), strict=True):
            start = end - len(self.sequences[place].rows)
            parts.setdefault(start // (_MEGABATCH_UPDATES * self.rows_per_update), []).append(place)
        ordered = [sorted(part, key=size, reverse=True) for part in parts.values()]
        # The longest of all goes first, so that too little memory shows at once.
        ordered.sort(key=lambda part: size(part[0]), reverse=True)
        order = [place for part in ordered for place in part]
        # A sequence belongs to the step in which its last row falls. None has more rows than
        # a step, so no step stays empty.
        batches: list[list[int]] = [[] for _ in range(len(self))]
        for place, end in zip(order, ends(order), strict=True):
            batches[math.ceil(end / self.rows_per_step) - 1].append(place)
        whole = len(batches) - len(batches) % self.processes
        rest = [place for batch in batches[whole:] for place in batch]
        if len(rest) >= self.processes:
            batches[whole:] = [rest[n :: self.processes] for n in range(self.processes)]
        return iter(batches)
