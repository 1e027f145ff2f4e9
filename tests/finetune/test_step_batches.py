"""Steps of about batch_size rows; a context goes whole into one of them."""

from __future__ import annotations

from random import Random

import pytest

from lib.finetune.shared_contexts import TrainingSequence
from lib.finetune.step_batches import StepBatches
from lib.finetune.tokens import TokenRow


def sequence(rng: Random, num_rows: int) -> TrainingSequence:
    rows = tuple(TokenRow("", [7] * (20 + rng.randrange(60)), 15) for _ in range(num_rows))
    return TrainingSequence(rows, 12 if num_rows > 1 else 0)


def batches_of(
    sequences: list[TrainingSequence], *, batch_size: int, seed: int = 0, epoch: int = 0
) -> list[list[int]]:
    made = StepBatches(
        sequences,
        rows_per_step=batch_size,
        rows_per_update=batch_size * 2,
        seed=seed,
        epoch=lambda: epoch,
    )
    found = list(made)
    assert len(made) == len(found)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_each_epoch_has_the_steps_of_separate_rows_and_every_row_once(seed: int) -> None:
    rng = Random(seed)
    batch_size = rng.randint(1, 8)
    sequences = [sequence(rng, rng.randint(1, batch_size)) for _ in range(rng.randint(1, 90))]
    num_rows = [len(s.rows) for s in sequences]
    batches = batches_of(sequences, batch_size=batch_size, seed=seed)
    assert len(batches) == -(-sum(num_rows) // batch_size)
    assert sorted(place for batch in batches for place in batch) == [*range(len(sequences))]
    sizes = [sum(num_rows[place] for place in batch) for batch in batches]
    assert all(0 < size < 2 * batch_size for size in sizes)


def test_rows_with_contexts_of_their_own_make_steps_of_exactly_batch_size() -> None:
    sequences = [sequence(Random(n), 1) for n in range(103)]
    assert [len(batch) for batch in batches_of(sequences, batch_size=4)] == [4] * 25 + [3]


@pytest.mark.parametrize("processes", [2, 3, 8])
@pytest.mark.parametrize("num_sequences", range(20, 40))
def test_several_processes_have_as_many_steps_each_and_every_row_once(
    num_sequences: int, processes: int
) -> None:
    sequences = [sequence(Random(n), 1) for n in range(num_sequences)]
    alone, together = (
        StepBatches(
            sequences,
            rows_per_step=3,
            rows_per_update=24,
            seed=3,
            epoch=lambda: 0,
            processes=several,
        )
        for several in (1, processes)
    )
    batches, whole = list(together), len(alone) // processes * processes
    assert batches[:whole] == list(alone)[:whole]
    assert sorted(place for batch in batches for place in batch) == [*range(num_sequences)]
    left = num_sequences - sum(map(len, batches[:whole]))
    if left == 0 or left >= processes:
        assert len(batches) % processes == 0
        assert all(batches)


def test_the_same_seed_and_epoch_give_the_same_steps_and_others_give_others() -> None:
    sequences = [sequence(Random(n), 1 + n % 4) for n in range(60)]
    first = batches_of(sequences, batch_size=4, seed=3)
    assert batches_of(sequences, batch_size=4, seed=3) == first
    assert batches_of(sequences, batch_size=4, seed=4) != first
    assert batches_of(sequences, batch_size=4, seed=3, epoch=1) != first


def test_like_lengths_go_together_plain_rows_apart_and_the_longest_first() -> None:
    sequences = [sequence(Random(n), 1 + 3 * (n % 2)) for n in range(2000)]
    batches = batches_of(sequences, batch_size=4)
    longest = max(range(2000), key=lambda place: sequences[place].num_tokens)
    assert longest in batches[0]
    mixed = padding = tokens = 0
    for batch in batches:
        lengths = [sequences[place].num_tokens for place in batch]
        mixed += len({sequences[place].context_tokens > 0 for place in batch}) > 1
        padding += max(lengths) * len(lengths) - sum(lengths)
        tokens += sum(lengths)
    assert mixed <= 0.03 * len(batches)
    assert padding < 0.05 * tokens
