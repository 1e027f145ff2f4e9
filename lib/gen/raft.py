"""RAFT rows: a question, its oracle among distractors or left out, and the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from lib.gen.chunks import Conflicts
from lib.gen.gates import folded_words
from lib.prompts import REFUSAL
from lib.records import Chunk, Question, RaftExample, Rejected
from lib.settings import SetupError

DISTRACTOR_MODES = ("random", "hard", "mixed")
NO_ORACLE_MODES = ("memorise", "refuse", "both")
HARD_NEIGHBOURS = 50


@dataclass(frozen=True)
class Built:
    """The rows, and what stood in their way."""

    examples: list[RaftExample]  # in the order of the questions
    rejected: list[Rejected]  # questions that have no row
    guarded: dict[str, int]  # drawn distractors that were turned down, by reason


def build_examples(
    questions: Sequence[Question],
    chunks: Sequence[Chunk],
    splits: Mapping[str, str],
    same: Conflicts,
    *,
    num_distractors: int,
    distractor_mode: str,
    oracle_probability: float,
    no_oracle_mode: str,
    refusal_probability: float,
    seed: int,
) -> Built:
    """One row a question; each draws from its own generator, seeded by (seed, question id).

    Of the train rows, and of the valid rows, a share r = refusal_probability is "refuse"; of the
    others a share oracle_probability is "oracle", the rest what no_oracle_mode says ("both": one
    and the other, evenly). The shares are met to the row: rows are ranked by a draw of their own.
    "refuse" and "memorise" rows have one more distractor in their oracle's place. Eval rows always
    show their oracle.

    Train and valid rows draw distractors from train chunks alone; eval rows from all chunks. "hard"
    takes the question's nearest by BM25, "mixed" half of them so and the others at random. No
    distractor counts as the same as the oracle or as another one, and none holds the answer.

    Raises:
        SetupError: a parameter is out of its range.
    """
    _check(
        num_distractors, distractor_mode, no_oracle_mode, oracle_probability, refusal_probability
    )
    by_id = {chunk.id: chunk for chunk in chunks}
    pools = {
        "train": [chunk for chunk in chunks if splits[chunk.id] == "train"],
        "eval": list(chunks),
    }
    pools["valid"] = pools["train"]
    guard = _Guard(same, {chunk.id: f" {folded_words(chunk.text)} " for chunk in chunks}, Counter())
    hard = _neighbours(questions, chunks) if distractor_mode != "random" else {}
    kinds: dict[str, str] = {}
    for split in ("train", "valid"):
        ids = [question.id for question in questions if splits[question.chunk_id] == split]
        kinds |= _kinds(ids, oracle_probability, no_oracle_mode, refusal_probability, seed)
    built = Built([], [], {})
    for question in questions:
        split, oracle = splits[question.chunk_id], by_id[question.chunk_id]
        if split == "buffer":
            reason = "its chunk counts as the same as one of another split"
            built.rejected.append(_rejected(question, "buffer", reason))
            continue
        rng, kind = Random(f"{seed}:{question.id}"), kinds.get(question.id, "oracle")
        needed = num_distractors + (kind != "oracle")
        nearest = (
            c for c in hard.get(question.id, ()) if split == "eval" or splits[c.id] == "train"
        )
        num_hard = needed if distractor_mode == "hard" else (needed + 1) // 2
        distractors: list[Chunk] = []
        guard.add(distractors, nearest, num_hard, question, oracle)
        guard.add(distractors, _in_random_order(pools[split], rng), needed, question, oracle)
        if len(distractors) < needed:
            reason = f"only {len(distractors)} of {needed} distractors can be found"
            built.rejected.append(_rejected(question, "distractors", reason))
            continue
        built.examples.append(_example(question, oracle, distractors, kind, split, rng))
    built.guarded.update(sorted(guard.counts.items()))
    return built


def _kinds(
    ids: Sequence[str], oracle_share: float, no_oracle_mode: str, refusal_share: float, seed: int
) -> dict[str, str]:
    """Each row's kind. Ranked, not thrown: of 100 rows thrown at 0.8 some seeds show 70."""
    ranked = sorted(ids, key=lambda row_id: (Random(f"{seed}:kind:{row_id}").random(), row_id))
    shown_until = refusal_share + (1 - refusal_share) * oracle_share
    kinds = {}
    for rank, row_id in enumerate(ranked):
        place = (rank + 0.5) / len(ranked)
        if place < refusal_share:
            kinds[row_id] = "refuse"
        elif place < shown_until:
            kinds[row_id] = "oracle"
        elif no_oracle_mode == "both":
            kinds[row_id] = "memorise" if place < (1 + shown_until) / 2 else "refuse"
        else:
            kinds[row_id] = no_oracle_mode
    return kinds


@dataclass(frozen=True)
class _Guard:
    """Takes distractors for a row and turns down, counted, what must not stand in it."""

    same: Conflicts
    words: Mapping[str, str]  # a chunk's words, for looking an answer up
    counts: Counter[str]

    def add(
        self,
        chosen: list[Chunk],
        candidates: Iterable[Chunk],
        until: int,
        question: Question,
        oracle: Chunk,
    ) -> None:
        """Go on choosing from candidates until so many are chosen."""
        answer = f" {folded_words(question.answer)} "
        for chunk in candidates:
            if len(chosen) >= until:
                return
            if chunk.id == oracle.id or chunk in chosen:
                continue
            if chunk.id in self.same[oracle.id]:
                self.counts["counts as the same as the oracle"] += 1
            elif any(chunk.id in self.same[other.id] for other in chosen):
                self.counts["counts as the same as another distractor"] += 1
            elif answer in self.words[chunk.id]:
                self.counts["holds the answer"] += 1
            else:
                chosen.append(chunk)


def _in_random_order(pool: Sequence[Chunk], rng: Random) -> Iterator[Chunk]:
    """A shuffle (Fisher-Yates) that costs only as much as is taken of it."""
    moved: dict[int, int] = {}
    for drawn in range(len(pool)):
        place = rng.randrange(drawn, len(pool))
        yield pool[moved.get(place, place)]
        moved[place] = moved.get(drawn, drawn)


def _neighbours(questions: Sequence[Question], chunks: Sequence[Chunk]) -> dict[str, list[Chunk]]:
    """For each question's id the chunks nearest to it by BM25, the nearest first."""
    import bm25s

    def tokens(texts: list[str]) -> list[list[str]]:
        # Plain words, no stop words: the documents may be in any language.
        return [folded_words(text).split() or [""] for text in texts]

    index = bm25s.BM25()
    index.index(tokens([chunk.text for chunk in chunks]), show_progress=False)
    asked = tokens([question.text for question in questions])
    count = min(HARD_NEIGHBOURS, len(chunks))
    found, scores = index.retrieve(asked, k=count, show_progress=False)
    nearest = {}
    for question, indexes, values in zip(questions, found, scores, strict=True):
        ranked = sorted(zip(-values, indexes, strict=True))
        nearest[question.id] = [chunks[int(i)] for value, i in ranked if value < 0]
    return nearest


def _example(
    question: Question,
    oracle: Chunk,
    distractors: Sequence[Chunk],
    kind: str,
    split: str,
    rng: Random,
) -> RaftExample:
    # Shuffled, and the oracle anywhere: a fixed slot would teach "read document 1".
    context = list(distractors)
    rng.shuffle(context)
    position = rng.randrange(len(context) + 1) if kind == "oracle" else None
    if position is not None:
        context.insert(position, oracle)
    return RaftExample(
        id=question.id,
        kind=kind,
        split=split,
        question=question,
        oracle=oracle,
        context=tuple(context),
        oracle_position=position,
        label=REFUSAL if kind == "refuse" else question.cot_answer,
    )


def _rejected(question: Question, gate: str, reason: str) -> Rejected:
    return Rejected(
        question.id, question.chunk_id, gate, reason, question.text, question.cot_answer
    )


def _check(
    num_distractors: int, distractor_mode: str, no_oracle_mode: str, *probabilities: float
) -> None:
    if num_distractors < 0:
        raise SetupError(f"num_distractors = {num_distractors}: expected 0 or more. Change it.")
    for name, value, known in (
        ("distractor_mode", distractor_mode, DISTRACTOR_MODES),
        ("no_oracle_mode", no_oracle_mode, NO_ORACLE_MODES),
    ):
        if value not in known:
            expected = ", ".join(known)
            raise SetupError(f"{name} = '{value}': expected one of {expected}. Change it.")
    if not all(0 <= probability <= 1 for probability in probabilities):
        raise SetupError(
            f"oracle_probability, refusal_probability = {probabilities}: expected 0 to 1. "
            "Change them."
        )
