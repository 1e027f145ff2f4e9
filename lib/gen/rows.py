"""RAFT rows: a question, its oracle among distractors or left out, and the label."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from random import Random

from lib.duplicates import Conflicts
from lib.gen.distractors import Guard, in_random_order, neighbours
from lib.gen.gates import Rejection
from lib.prompts.student import REFUSAL
from lib.rag.embedder import Embedder
from lib.recipe import Recipe
from lib.records import Chunk, Question, RaftExample, Rejected


@dataclass(frozen=True)
class Built:
    examples: list[RaftExample]  # in the order of the questions
    rejected: list[Rejected]  # questions that have no row
    guarded: dict[str, int]  # drawn distractors that were turned down, by reason
    splits: Mapping[str, str]  # of every chunk, by its id


def build_examples(
    questions: Sequence[Question],
    chunks: Sequence[Chunk],
    splits: Mapping[str, str],
    same: Conflicts,
    recipe: Recipe,
    *,
    embedder: Embedder | None = None,
    given: Mapping[str, Sequence[Chunk]] | None = None,
) -> Built:
    """One row a question; each draws from its own generator, seeded by (seed, question id).

    Train and valid rows are of the kinds that `_kinds` says; without their oracle they have one
    more distractor. Eval rows always show it, among num_distractors, and draw from all chunks, the
    others from train chunks alone. "hard" takes the nearest, by the `embedder` or else by BM25;
    `Guard` turns some down.

    distractors_per "chunk": all questions of a chunk are of one kind and have one context. With
    "context" train and valid rows also take one that was made for another chunk: it holds their
    oracle (rows without it: does not), and no answer of theirs elsewhere. Chunks whose questions
    have no context yet are the first distractors.

    A question with several oracles shows all of them or none, in as many documents as any other;
    all must be in one split. `given` distractors (by question id) are taken first.
    """
    seed, num_distractors = recipe.seed, recipe.num_distractors
    by_id = {chunk.id: chunk for chunk in chunks}
    train = [chunk for chunk in chunks if splits[chunk.id] == "train"]
    least = num_distractors if recipe.min_distractors == -1 else recipe.min_distractors
    guard = Guard(same, Counter())
    groups: dict[str, list[Question]] = {}  # questions that share a context
    for question in questions:
        oracle_ids = "|".join(question.chunk_ids)
        group_id = question.id if recipe.distractors_per == "question" else oracle_ids
        groups.setdefault(group_id, []).append(question)
    kinds: dict[str, str] = {}
    for split in ("train", "valid"):
        of_split = [name for name, group in groups.items() if splits[group[0].chunk_id] == split]
        kinds |= _kinds(of_split, recipe)
    made_of = {split: _Contexts() for split in ("train", "valid", "eval")}
    if recipe.distractors_per == "context":
        first = {chunk.id: chunk for chunk in chunks if kinds.get(chunk.id) == "oracle"}
        for chunk in first.values():
            made_of[splits[chunk.id]].waiting[chunk.id] = chunk
        groups = dict(sorted(groups.items(), key=lambda item: item[0] not in first))
    wanted = [question for group in groups.values() for question in group]
    places = {question.id: place for place, question in enumerate(questions)}
    hard = neighbours(wanted, chunks, embedder) if recipe.distractor_mode != "random" else None
    built = Built([], [], {}, splits)
    for group_id, group in groups.items():
        near = [next(hard) for _ in group] if hard else []
        oracles = [by_id[chunk_id] for chunk_id in group[0].chunk_ids]
        oracle, split = oracles[0], splits[oracles[0].id]
        if {splits[chunk.id] for chunk in oracles} != {split} or split == "buffer":
            refusal = Rejection("buffer", "its chunk counts as the same as one of another split")
            built.rejected.extend(map(refusal.of, group))
            continue
        rng, kind = Random(f"{seed}:{group_id}"), kinds.get(group_id, "oracle")
        num_shown = num_distractors
        if split != "eval" and least < num_distractors:
            num_shown = Random(f"{seed}:distractors:{group_id}").randint(least, num_distractors)
        needed = max(0, num_shown + 1 - (len(oracles) if kind == "oracle" else 0))
        made = made_of[split]
        # The nearest of each question, then the second nearest of each, …
        in_turn = chain.from_iterable(zip_longest(*near))
        nearest = [
            chunk
            for chunk in filter(None, in_turn)
            if split == "eval" or splits[chunk.id] == "train" or chunk.id in made.waiting
        ]
        pool = chunks if split == "eval" else train
        answers = [question.answer for question in group]
        own = [chunk for question in group for chunk in (given or {}).get(question.id, ())]
        own = [chunk for chunk in own if split == "eval" or splits[chunk.id] == "train"]
        takes_others = recipe.distractors_per == "context" and split != "eval" and not own
        context = None
        if takes_others:
            context = made.find(oracles, kind, nearest, answers, guard, rng)
        made.waiting.pop(group_id, None)
        if context is None:
            distractors: list[Chunk] = []
            num_hard = needed if recipe.distractor_mode == "hard" else (needed + 1) // 2
            nearest.sort(key=lambda chunk: chunk.id not in made.waiting)
            guard.add(distractors, own, needed, answers, *oracles)
            guard.add(distractors, nearest, num_hard, answers, *oracles)
            for candidates in (list(made.waiting.values()), pool):
                guard.add(distractors, in_random_order(candidates, rng), needed, answers, *oracles)
            empty = kind != "oracle" and not distractors
            if len(distractors) < needed and (empty or recipe.too_few == "error"):
                found = f"only {len(distractors)} of {needed} distractors can be found"
                built.rejected.extend(map(Rejection("distractors", found).of, group))
                continue
            # Shuffled, and the oracle anywhere: a fixed slot would teach "read document 1".
            shown = [*distractors, *(oracles[1:] if kind == "oracle" else ())]
            rng.shuffle(shown)
            if kind == "oracle":
                shown.insert(rng.randrange(len(shown) + 1), oracle)
            context = tuple(shown)
            if takes_others:
                made.add(context)
        for question in group:
            example = RaftExample(
                *(question.id, kind, split, question, oracle, context),
                oracle_position=context.index(oracle) if kind == "oracle" else None,
                label=(recipe.refusal or REFUSAL) if kind == "refuse" else question.cot_answer,
                refusal=recipe.refusal,
                more_oracles=tuple(oracles[1:]),
            )
            built.examples.append(example)
    built.examples.sort(key=lambda example: places[example.id])
    built.rejected.sort(key=lambda item: places[item.question_id])
    built.guarded.update(sorted(guard.counts.items()))
    return built


class _Contexts:
    """Contexts of the rows of a split, for the questions of each chunk in them."""

    def __init__(self) -> None:
        self.all: list[tuple[Chunk, ...]] = []
        self.holding: dict[str, list[tuple[Chunk, ...]]] = {}  # by the id of a chunk
        self.waiting: dict[str, Chunk] = {}  # in none yet, and its rows show it

    def add(self, context: tuple[Chunk, ...]) -> None:
        self.all.append(context)
        for chunk in context:
            self.waiting.pop(chunk.id, None)
            self.holding.setdefault(chunk.id, []).append(context)

    def find(
        self,
        oracles: Sequence[Chunk],
        kind: str,
        nearest: Sequence[Chunk],
        answers: Sequence[str],
        guard: Guard,
        rng: Random,
    ) -> tuple[Chunk, ...] | None:
        """One that holds all of the oracles; for rows without them, one that holds none, if
        possible with a neighbour."""
        shown = len(oracles) if kind == "oracle" else 0
        near = oracles[:1] if shown else nearest
        candidates = chain.from_iterable(self.holding.get(chunk.id, ()) for chunk in near)
        for context in candidates if shown else chain(candidates, in_random_order(self.all, rng)):
            others = [chunk for chunk in context if chunk not in oracles]
            if len(context) - len(others) == shown:
                taken: list[Chunk] = []
                guard.add(taken, others, len(others), answers, *oracles)
                if taken == others:
                    return context
        return None


def _kinds(ids: Sequence[str], recipe: Recipe) -> dict[str, str]:
    """Each row's kind: a share refusal_probability is "refuse"; of the others a share
    oracle_probability is "oracle", the rest what no_oracle_mode says ("both": evenly both).

    Ranked, not drawn one by one: 100 draws at 0.8 give 70 for some seeds.
    """
    ranked = sorted(ids, key=lambda row: (Random(f"{recipe.seed}:kind:{row}").random(), row))
    refusal_share = recipe.refusal_probability
    shown_until = refusal_share + (1 - refusal_share) * recipe.oracle_probability
    kinds = {}
    for rank, row_id in enumerate(ranked):
        place = (rank + 0.5) / len(ranked)
        if place < refusal_share:
            kinds[row_id] = "refuse"
        elif place < shown_until:
            kinds[row_id] = "oracle"
        elif recipe.no_oracle_mode == "both":
            kinds[row_id] = "memorise" if place < (1 + shown_until) / 2 else "refuse"
        else:
            kinds[row_id] = recipe.no_oracle_mode
    return kinds
