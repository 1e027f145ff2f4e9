from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from lib.gen.distractors import Guard, neighbours
from lib.gen.rows import Built, build_examples
from lib.gen.splits import assign_splits
from lib.recipe import Recipe
from lib.records import Chunk, Question, RaftExample
from tests.gen.make import chunked, questions_on

OPTIONS: dict[str, Any] = {
    "num_distractors": 4,
    "distractor_mode": "random",
    "oracle_probability": 0.8,
    "no_oracle_mode": "both",
    "refusal_probability": 0.05,
    "seed": 0,
}


MODES = ("random", "hard", "mixed")


def build(**changed: Any) -> Built:
    chunks, same = chunked(0, documents=5)
    questions = changed.pop("questions", None) or questions_on(chunks, per_chunk=3)
    splits = changed.pop("splits", None) or assign_splits(
        chunks, same, Recipe(valid_share=0.15, eval_share=0.2, seed=0)
    )
    embedder = changed.pop("embedder", None)
    recipe = Recipe(**{**OPTIONS, **changed})
    return build_examples(questions, chunks, splits, same, recipe, embedder=embedder)


class Embedded:
    """An embedder that knows these texts; each by its vector, of any length."""

    name = identity = "table"

    def __init__(self, vectors: Mapping[str, np.ndarray]) -> None:
        self.vectors = vectors

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.stack([self.vectors[text] for text in texts])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def documents(self, texts: Sequence[str], *, on_done: Any = None) -> np.ndarray:
        return self.queries(texts)


def num_distractors(example: RaftExample) -> int:
    return len(example.context) - (example.kind == "oracle")


def test_the_number_of_distractors_varies_in_training_and_not_in_evaluation() -> None:
    built = build(min_distractors=1)
    counts = Counter(num_distractors(e) for e in built.examples if e.kind == "oracle" != "eval")
    assert set(counts) == {1, 2, 3, 4}
    for example in built.examples:
        least, most = (4, 4) if example.split == "eval" else (1, 4)
        extra = example.kind != "oracle"  # in its oracle's place
        assert least + extra <= num_distractors(example) <= most + extra
    fixed = build(min_distractors=4)
    assert fixed == build()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("per", ["chunk", "context"])
def test_questions_of_a_chunk_share_one_ordered_context(mode: str, per: str) -> None:
    built = build(distractors_per=per, distractor_mode=mode, min_distractors=2)
    seen: dict[str, tuple[Any, ...]] = {}
    for example in built.examples:
        shared = (example.context, example.oracle_position, example.kind)
        assert seen.setdefault(example.oracle.id, shared) == shared
    assert len(seen) * 3 == len(built.examples) > 100
    asked = [question.id for question in questions_on(chunked(0, documents=5)[0], per_chunk=3)]
    places = [asked.index(example.id) for example in built.examples]
    assert places == sorted(places)


@pytest.mark.parametrize("mode", MODES)
def test_a_context_serves_the_questions_of_all_its_chunks(mode: str) -> None:
    examples = build(distractors_per="context", distractor_mode=mode).examples
    for split in ("train", "valid"):
        rows = [example for example in examples if example.split == split]
        shown = {e.oracle.id: e.context for e in rows if e.kind == "oracle"}
        contexts = set(shown.values())
        assert 5 * len(contexts) < 2 * len(shown), "one for each chunk would be as many as chunks"
        assert {e.context for e in rows} == contexts, "rows without their oracle take another's"
    held_out = [example for example in examples if example.split == "eval"]
    assert len({e.context for e in held_out}) * 3 == len(held_out)


@pytest.mark.parametrize("per", ["chunk", "context"])
def test_a_shared_context_holds_the_answer_to_none_of_its_questions(per: str) -> None:
    chunks, _ = chunked(0, documents=5)
    common = [chunk.text.split()[5] for chunk in chunks[-3:]]
    questions = [
        replace(q, answer=common[n % 3]) for n, q in enumerate(questions_on(chunks, per_chunk=3))
    ]
    built = build(questions=questions, distractors_per=per)
    assert built.guarded["holds the answer"] > 0
    for example in built.examples:
        for chunk in example.context:
            assert chunk == example.oracle or not {*common} & {*chunk.text.split()}


def test_too_few_chunks_give_fewer_distractors_or_no_row() -> None:
    some = questions_on(chunked(0, documents=5)[0], per_chunk=1)
    assert build(num_distractors=500, questions=some).examples == []
    built = build(num_distractors=500, questions=some, too_few="fewer")
    assert not [item for item in built.rejected if item.gate == "distractors"]
    assert all(20 < num_distractors(example) < 500 for example in built.examples)


def test_the_refusal_sentence_is_a_parameter() -> None:
    labels = {e.label for e in build(refusal="Tôi không biết.").examples if e.kind == "refuse"}
    assert labels == {"Tôi không biết."}


def made(texts: Sequence[str]) -> list[Chunk]:
    return [Chunk(f"{n}#0", f"{n}", "", 1, 0, len(t), t) for n, t in enumerate(texts)]


def test_neighbours_by_vectors_are_the_nearest_by_cosine() -> None:
    rng = np.random.default_rng(0)
    of_chunks = rng.standard_normal((120, 8)).astype(np.float32) * rng.uniform(1, 9, (120, 1))
    of_questions = rng.standard_normal((90, 8)).astype(np.float32)
    chunks = made([f"chunk {n}" for n in range(120)])
    questions = [Question(f"{n}", "0#0", f"{n}?") for n in range(90)]
    texts = [*(chunk.text for chunk in chunks), *(question.text for question in questions)]
    embedder = Embedded(dict(zip(texts, [*of_chunks, *of_questions], strict=True)))
    found = list(neighbours(questions, chunks, embedder))
    unit = of_chunks / np.linalg.norm(of_chunks, axis=1, keepdims=True)
    for near, question in zip(found, of_questions, strict=True):
        expected = np.argsort(-(unit @ question))[:50]
        assert [chunk.id for chunk in near] == [f"{n}#0" for n in expected]


def test_a_question_without_words_has_no_neighbours() -> None:
    chunks = made(["Rain fell on Velm.", "The lamp burns."])
    questions = [Question(text, "0#0", text) for text in ("?", "Who lit the lamp?")]
    assert list(neighbours(questions, chunks)) == [[], [chunks[1]]]
    assert list(neighbours(questions[:1], chunks)) == [[]]


def test_each_question_gets_what_is_near_to_it() -> None:
    # Every question's vector is that of one chunk; with a shared context the order is another.
    chunks, same = chunked(0, documents=5)
    questions = questions_on(chunks, per_chunk=2)
    Random(1).shuffle(questions)
    target = next(c for c in chunks if not same[c.id])
    of_chunks = np.eye(len(chunks), dtype=np.float32)
    aim = {q.id: chunks.index(target) if q.chunk_id < chunks[9].id else 0 for q in questions}
    vectors = {chunk.text: vector for chunk, vector in zip(chunks, of_chunks, strict=True)}
    embedder = Embedded(vectors | {q.text: of_chunks[aim[q.id]] for q in questions})
    splits = {chunk.id: "train" for chunk in chunks}
    for per in ("question", "chunk"):
        built = build(
            questions=questions,
            splits=splits,
            distractor_mode="hard",
            embedder=embedder,
            distractors_per=per,
        )
        for example in built.examples:
            wanted = chunks[aim[example.id]]
            barred = {example.oracle.id, *same[example.oracle.id]}
            if wanted.id not in barred and example.question.answer not in wanted.text:
                assert wanted in example.context


def test_the_questions_of_a_chunk_take_turns() -> None:
    fruits = [f"{number} {fruit}" for fruit in ("apples", "pears") for number in ("Ten", "Six")]
    chunks = made(["It grows on a tree.", *fruits])
    words = [f"Who ate the {fruit}?" for fruit in ("apples", "pears")]
    questions = [Question(word, "0#0", word, "A tree.", "tree") for word in words]
    recipe = Recipe(**OPTIONS | {"num_distractors": 2}, distractors_per="chunk")
    recipe = replace(recipe, distractor_mode="hard", oracle_probability=1.0)
    splits = {chunk.id: "train" for chunk in chunks}
    same = {chunk.id: set[str]() for chunk in chunks}
    built = build_examples(questions, chunks, splits, same, recipe)
    for example in built.examples:
        shown = " ".join(chunk.text for chunk in example.context)
        assert "apples" in shown
        assert "pears" in shown


@pytest.mark.parametrize(
    ("question", "near"),
    [
        ("서울에 있는 탑은 무엇인가?", "서울은 큰 도시이다"),
        ("Ai xây hải đăng?", "Hải đăng ở bờ biển"),
        ("北京在哪里？", "我住在北京"),
    ],
)
def test_neighbours_by_words_in_any_language(question: str, near: str) -> None:
    chunks = made(["부산은 바다 옆에 있다", "Con mèo ngủ", "猫很小", near, "A cat sleeps"])
    [found] = neighbours([Question("q", "0#0", question)], chunks)
    assert found[0].text == near


def test_the_guard_knows_a_korean_answer_with_its_particle() -> None:
    chunks = made(["oracle", "나는 서울은 좋아한다", "부산에 간다"])
    chosen: list[Chunk] = []
    guard = Guard({chunk.id: set() for chunk in chunks}, Counter())
    guard.add(chosen, iter(chunks), 3, ["서울"], chunks[0])
    assert chosen == [chunks[2]]
    assert guard.counts == {"holds the answer": 1}


def test_neighbours_are_found_as_they_are_taken() -> None:
    assert isinstance(neighbours([], []), Iterator)
    assert list(neighbours([], [])) == []
