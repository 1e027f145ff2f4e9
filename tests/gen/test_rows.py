from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from scipy.stats import chisquare

from lib.gen.rows import Built, build_examples
from lib.gen.splits import assign_splits
from lib.prompts.student import REFUSAL
from lib.recipe import Recipe
from lib.records import Chunk, Question
from lib.text import normalise as folded_words
from tests.gen.make import chunked, questions_on

MODES = ("random", "hard", "mixed")
WAYS = [*((mode, "question") for mode in MODES), *((mode, "context") for mode in MODES)]
OPTIONS: dict[str, Any] = {
    "num_distractors": 4,
    "distractor_mode": "random",
    "oracle_probability": 0.8,
    "no_oracle_mode": "memorise",
    "refusal_probability": 0.05,
    "seed": 0,
}


def build(seed: int = 0, *, per_chunk: int = 2, overlap: int = 80, **changed: Any) -> Built:
    chunks, same = chunked(seed, overlap=overlap, documents=5)
    questions = changed.pop("questions", None) or questions_on(chunks, per_chunk=per_chunk)
    splits = assign_splits(chunks, same, Recipe(valid_share=0.15, eval_share=0.2, seed=seed))
    return build_examples(
        questions, chunks, splits, same, Recipe(**{**OPTIONS, "seed": seed, **changed})
    )


@pytest.mark.parametrize(("mode", "per"), WAYS)
@pytest.mark.parametrize("num_distractors", [0, 1, 4, 20])
def test_every_row_has_k_plus_1_distinct_documents(
    mode: str, per: str, num_distractors: int
) -> None:
    built = build(distractor_mode=mode, distractors_per=per, num_distractors=num_distractors)
    assert len(built.examples) > 50
    for example in built.examples:
        assert len({chunk.id for chunk in example.context}) == num_distractors + 1
        assert len({chunk.text for chunk in example.context}) == len(example.context)
        if example.kind == "oracle":
            assert example.oracle_position is not None
            assert example.context[example.oracle_position] == example.oracle
        else:
            assert example.oracle not in example.context
            assert example.oracle_position is None
        assert example.oracle.id == example.question.chunk_id
        refuses = example.kind == "refuse"
        assert example.label == (REFUSAL if refuses else example.question.cot_answer)


@pytest.mark.parametrize(("mode", "per"), WAYS)
def test_no_distractor_holds_the_answer_or_counts_as_the_oracle(mode: str, per: str) -> None:
    chunks, same = chunked(0, overlap=80, documents=5)
    common = folded_words(chunks[-1].text).split()[3]
    questions = [replace(q, answer=common) for q in questions_on(chunks)]
    built = build(distractor_mode=mode, distractors_per=per, questions=questions)
    for example in built.examples:
        for chunk in example.context:
            if chunk != example.oracle:
                assert common not in folded_words(chunk.text).split()
                assert chunk.id not in same[example.oracle.id]
    assert built.guarded["holds the answer"] > 0
    assert built.guarded["counts as the same as the oracle"] > 0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mode", MODES)
def test_no_held_out_oracle_stands_in_a_training_row(seed: int, mode: str) -> None:
    _, same = chunked(seed, overlap=80, documents=5)
    built = build(seed, distractor_mode=mode)
    by_split = {
        split: [e for e in built.examples if e.split == split]
        for split in ("train", "valid", "eval")
    }
    trained = {c.id for e in by_split["train"] for c in (*e.context, e.oracle)}
    for split in ("valid", "eval"):
        for example in by_split[split]:
            assert not ({example.oracle.id} | same[example.oracle.id]) & trained
    validated = {c.id for e in by_split["valid"] for c in (*e.context, e.oracle)}
    assert not {e.oracle.id for e in by_split["eval"]} & validated
    assert all(by_split.values())


def test_the_oracles_place_is_uniform() -> None:
    built = build(per_chunk=15, oracle_probability=1.0, refusal_probability=0.0)
    counts = Counter(example.oracle_position for example in built.examples)
    assert len(built.examples) > 900
    assert chisquare([counts[place] for place in range(5)]).pvalue > 0.01


@pytest.mark.parametrize(("oracle", "refusal"), [(0.8, 0.05), (1.0, 0.0), (0.0, 0.0), (0.5, 0.4)])
def test_kinds_have_their_shares_in_train_and_in_valid(oracle: float, refusal: float) -> None:
    built = build(
        per_chunk=4, oracle_probability=oracle, refusal_probability=refusal, no_oracle_mode="both"
    )
    for split in ("train", "valid"):
        kinds = Counter(example.kind for example in built.examples if example.split == split)
        rest = (1 - refusal) * (1 - oracle)
        expected = {
            "oracle": (1 - refusal) * oracle,
            "memorise": rest / 2,
            "refuse": refusal + rest / 2,
        }
        for kind, share in expected.items():
            assert abs(kinds[kind] - share * kinds.total()) <= 2


@pytest.mark.parametrize("mode", ["memorise", "refuse"])
def test_rows_without_the_oracle_follow_their_mode(mode: str) -> None:
    built = build(oracle_probability=0.0, refusal_probability=0.0, no_oracle_mode=mode)
    for example in built.examples:
        assert example.kind == ("oracle" if example.split == "eval" else mode)


def test_a_row_depends_on_its_seed_and_id_not_on_the_other_rows() -> None:
    chunks, _ = chunked(0, overlap=80, documents=5)
    questions = questions_on(chunks)
    options: dict[str, Any] = {"oracle_probability": 1.0, "refusal_probability": 0.0}
    whole = {e.id: e for e in build(**options).examples}
    half = build(questions=questions[::2][::-1], **options).examples
    assert [whole[example.id] for example in half] == half
    other = {
        e.id: e for e in build(num_distractors=4, **options | {"no_oracle_mode": "both"}).examples
    }
    assert other == whole


def shared_words(question: Question, chunks: Sequence[Chunk]) -> int:
    words = set(folded_words(question.text).split())
    return sum(len(words & set(folded_words(chunk.text).split())) for chunk in chunks)


def test_hard_distractors_are_nearer_to_the_question_than_random_ones() -> None:
    chunks, _ = chunked(0, overlap=80, documents=5)
    asked = [
        replace(q, text=f"What is {' '.join(chunks[(i * 7) % len(chunks)].text.split()[:6])}?")
        for i, q in enumerate(questions_on(chunks, per_chunk=1))
    ]
    near = {
        mode: sum(
            shared_words(e.question, [c for c in e.context if c != e.oracle])
            for e in build(distractor_mode=mode, questions=asked).examples
        )
        for mode in MODES
    }
    assert near["random"] < near["mixed"] <= near["hard"]
    assert near["hard"] > 1.5 * near["random"]


def test_questions_without_enough_distractors_are_rejected_and_named() -> None:
    built = build(num_distractors=500)
    assert built.examples == []
    assert {item.gate for item in built.rejected} == {"distractors"}
    assert "of 500 distractors" in built.rejected[0].reason


def test_questions_of_buffer_chunks_have_no_row() -> None:
    chunks, same = chunked(0)
    splits = {chunk.id: "train" for chunk in chunks} | {chunks[0].id: "buffer"}
    questions = questions_on(chunks[:2], per_chunk=1)
    built = build_examples(questions, chunks, splits, same, Recipe(**OPTIONS))
    assert [example.id for example in built.examples] == [questions[1].id]
    assert [item.question_id for item in built.rejected] == [questions[0].id]
    assert built.rejected[0].gate == "buffer"
