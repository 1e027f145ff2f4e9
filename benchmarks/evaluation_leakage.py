"""The leakage report's time: 500 questions against 10,000 training rows, on one core.

3,600 chunks of 1,000 characters for training and 900 others; five documents in a row; questions of
ten words. A part of the questions leaks, by both kinds.

Takes about 15 s.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

from lib.eval.leakage import KINDS, check_leakage
from lib.eval.questions import load_questions
from lib.recipe import Recipe
from lib.store import write_json, write_jsonl

SIZES = {"num_train": 10_000, "num_eval": 500, "train_chunks": 3_600, "eval_chunks": 900}
QUICK_SIZES = {name: size // 50 for name, size in SIZES.items()}
TARGET_S = 5.0


def main(*, quick: bool = False) -> int:
    """Print what was found and the seconds it took; 1 when the target is missed."""
    recipe = Recipe(max_questions=0, allow_leakage=list(KINDS))
    with tempfile.TemporaryDirectory(prefix="openbook-bench-") as folder:
        write_rows(Path(folder), Random(0), **(QUICK_SIZES if quick else SIZES))
        questions = load_questions(Path(folder), recipe)
        start = time.process_time()
        leakage = check_leakage(Path(folder), questions, recipe)
        took_s = time.process_time() - start
    counts = ", ".join(f"{kind} {len(leakage.of(kind)):,}" for kind in KINDS)
    print(
        f"{leakage.num_questions:,} questions against {leakage.num_rows:,} rows: {took_s:.1f} s of "
        f"CPU (target {TARGET_S:.0f}); found: {counts}"
    )
    return int(took_s > TARGET_S or not all(map(leakage.of, KINDS)))


def write_rows(
    folder: Path,
    rng: Random,
    *,
    num_train: int,
    num_eval: int,
    train_chunks: int,
    eval_chunks: int,
) -> None:
    """A dataset's chunks and rows, words drawn by Zipf's law."""
    letters = "aeioubcdfghlmnprst"
    vocabulary = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(20_000)]
    weights = list(accumulate(1 / rank for rank in range(1, len(vocabulary) + 1)))

    def said(count: int) -> list[str]:
        return rng.choices(vocabulary, cum_weights=weights, k=count)

    chunks = []
    for number in range(train_chunks + eval_chunks):
        text, start = " ".join(said(170)), number % 20 * 1100
        name = f"d{number // 20}"
        place = {"id": f"{name}#{start}", "document_id": name, "start": start}
        split = "train" if number < train_chunks else "eval"
        more = {"title": name, "page": 1, "end": start + len(text), "text": text, "split": split}
        chunks.append({**place, **more})
    train, other = chunks[:train_chunks], chunks[train_chunks:]
    asked = [(said(10), " ".join(said(2))) for _ in range(num_train)]

    def rows(split: str, pairs: list[tuple[list[str], str]], oracles: list[Any]) -> Iterator[Any]:
        for number, (words, answer) in enumerate(pairs):
            oracle = oracles[number % len(oracles)]
            shown = [oracle, *rng.sample(train, 4)]
            texts = [chunk["text"] for chunk in shown]
            yield {
                "id": f"{split}{number}",
                "question": f"{' '.join(words)}?",
                "context": {"title": [[]], "sentences": [texts]},
                "instruction": "\n".join(texts),  # as rows are in size
                "cot_answer": answer,
                "answer": answer,
                "kind": "oracle",
                "oracle": {"chunk_id": oracle["id"]},
                "oracle_position": 0,
                "context_chunks": [{"chunk_id": chunk["id"]} for chunk in shown],
            }

    fresh = [(said(10), " ".join(said(2))) for _ in range(num_eval // 2)]
    same = [(words[::-1], "another") for words, _ in asked[: num_eval // 4]]
    shortened = [(words[:8], answer) for words, answer in asked[-num_eval // 4 :]]  # not the same
    write_json(folder / "manifest.json", {"parameters": {}})
    write_jsonl(folder / "chunks.jsonl", chunks)
    write_jsonl(folder / "hf" / "train.jsonl", rows("train", asked, train))
    write_jsonl(folder / "hf" / "valid.jsonl", [])
    evaluated = rows("eval", [*fresh, *same, *shortened], [*train[:50], *other])
    write_jsonl(folder / "hf" / "eval.jsonl", evaluated)
