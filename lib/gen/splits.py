"""Train, valid and eval by chunk group or by document: no oracle of one is in a row of another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from random import Random
from textwrap import shorten

from lib.duplicates import Conflicts, shared_text
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError

MAX_BLOCK_CHUNKS = 5
MIN_DOCUMENTS = 10  # of fewer, whole documents make no fair splits
_SHOWN_CHARS = 100  # of a shared text, in an error


def assign_splits(
    chunks: Sequence[Chunk],
    same: Conflicts,
    recipe: Recipe,
    *,
    asked: Collection[str] | None = None,
    eval_documents: Collection[str] = (),
) -> dict[str, str]:
    """Each chunk's split: "train", "valid", "eval", or "buffer" for a chunk of no row.

    Blocks of consecutive chunks of a document are drawn until eval, then valid, hold their share
    of the chunks in `asked` (those that have questions; None = every chunk). The others are
    material for distractors and stay in train. A block's near duplicates come with it, or it stays
    in train, where many chunks would be lost with it. What then counts as the same as a chunk of
    eval, or, in train, of valid, becomes buffer. With split_by "document" the blocks are whole
    documents, the chunks without questions included; of fewer than MIN_DOCUMENTS documents, or
    where no whole ones can be held out, it is groups of chunks all the same.

    With eval_documents, ids of documents, eval is the whole of these and nothing else: eval_share
    does not count.

    Raises:
        SetupError: a document is unknown, or a split stays empty.
    """
    held_out = _held_out(chunks, eval_documents)
    wanted = {chunk.id for chunk in chunks} if asked is None else set(asked)
    rest = [chunk for chunk in chunks if chunk.id not in held_out]
    num_wanted = sum(chunk.id in wanted for chunk in rest)
    shares = [s for s in (recipe.valid_share, 0 if held_out else recipe.eval_share) if s]
    missing = ""
    for whole in (
        (True, False) if recipe.split_by == "document" and not too_few_documents(rest) else (False,)
    ):
        if whole:
            documents = groupby(rest, key=lambda chunk: chunk.document_id)
            blocks = [[chunk.id for chunk in document] for _, document in documents]
        else:
            blocks = _blocks(rest, same, num_wanted, min(shares, default=1))
        Random(f"{recipe.seed}:splits").shuffle(blocks)
        evaluation = held_out or _take(
            blocks, wanted, recipe.eval_share * num_wanted, avoid=set(), same=same, whole=whole
        )
        valid: set[str] = set()
        if recipe.valid_share:
            left = [block for block in blocks if not evaluation & set(block)]
            target = recipe.valid_share * num_wanted
            valid = _take(left, wanted, target, avoid=evaluation, same=same, whole=whole)
        splits = {chunk.id: _split(chunk.id, evaluation, valid, same) for chunk in chunks}
        filled = {split for chunk_id, split in splits.items() if chunk_id in wanted}
        needed = ("train", "valid", "eval") if recipe.valid_share else ("train", "eval")
        missing = next((split for split in needed if split not in filled), "")
        if not missing:
            return splits
    raise SetupError(
        f"The {len(chunks)} chunks, {len(wanted)} with questions, leave none for the split "
        f"“{missing}”.{_alike(chunks, same)} Add documents, or lower chunk_chars."
    )


def _split(chunk_id: str, evaluation: set[str], valid: set[str], same: Conflicts) -> str:
    if chunk_id in evaluation:
        return "eval"
    if same[chunk_id] & evaluation:
        return "buffer"
    if chunk_id in valid:
        return "valid"
    return "buffer" if same[chunk_id] & valid else "train"


def _alike(chunks: Sequence[Chunk], same: Conflicts) -> str:
    """` 70 of them count as the same as others: a#0 and b#0 share “import service_account”.`"""
    by_id = {chunk.id: chunk for chunk in chunks}
    alike = {chunk.id: others for chunk in chunks if (others := same[chunk.id] & by_id.keys())}
    if not alike:
        return ""
    most = by_id[max(alike, key=lambda chunk_id: len(alike[chunk_id]))]
    other = by_id[min(alike[most.id])]
    text = shorten(shared_text(most, other), _SHOWN_CHARS, placeholder=" …")
    said = f": {most.id} and {other.id} share “{text}”"
    return f" {len(alike)} of them count as the same as others{said}."


def _held_out(chunks: Sequence[Chunk], eval_documents: Collection[str]) -> set[str]:
    """The chunks of the documents that only evaluate."""
    missing = set(eval_documents) - {chunk.document_id for chunk in chunks}
    if missing:
        raise SetupError(
            f"{len(missing)} of the {len(eval_documents)} documents to evaluate with have no chunk "
            f"(such as {min(missing)}). Give documents with text of their own."
        )
    return {chunk.id for chunk in chunks if chunk.document_id in eval_documents}


def check_corpus(
    chunks: Sequence[Chunk],
    same: Conflicts,
    recipe: Recipe,
    *,
    eval_documents: Collection[str] = (),
) -> None:
    """Stop before any token is paid when the documents cannot fill rows.

    With too_few "fewer" rows have fewer distractors then: it is said, and nothing stops.

    Raises:
        SetupError: too few chunks for num_distractors + 1 documents in a row of any split.
    """
    if recipe.split_by == "document" and (few := too_few_documents(chunks)):
        print(f"{few} documents are too few to hold out whole ones: groups of chunks are held out.")
    num_distractors = recipe.num_distractors
    splits = assign_splits(chunks, same, recipe, eval_documents=eval_documents)
    train = {chunk_id for chunk_id, split in splits.items() if split == "train"}
    # A row without its oracle needs one more; its answer may rule some out.
    free = max(
        (len(train) - 1 - sum(other in train for other in same[chunk_id]) for chunk_id in train),
        default=0,
    )
    if free >= num_distractors + 1:
        return
    seen = (
        f"The documents give {len(chunks)} chunks, and a training row could draw from {free}; "
        f"num_distractors = {num_distractors} needs at least {num_distractors + 1}."
        f"{_alike(chunks, same)}"
    )
    if recipe.too_few == "fewer":
        print(f"{seen} Rows will have fewer distractors.")
        return
    raise SetupError(
        f"{seen} Add documents, lower chunk_chars or num_distractors, or set too_few to fewer."
    )


def too_few_documents(chunks: Sequence[Chunk]) -> int:
    """The number of documents if it is below MIN_DOCUMENTS, else 0."""
    count = len({chunk.document_id for chunk in chunks})
    return count if count < MIN_DOCUMENTS else 0


def _blocks(
    chunks: Sequence[Chunk], same: Conflicts, num_wanted: int, share: float
) -> list[list[str]]:
    """Consecutive chunks of one document; short enough that a split has several.

    A block ends where its last chunk and the next are different, so that few become buffer.
    """
    length = max(1, min(MAX_BLOCK_CHUNKS, int(num_wanted * share / 4)))
    blocks: list[list[str]] = []
    for _, group in groupby(chunks, key=lambda chunk: chunk.document_id):
        blocks.append([])
        for chunk in sorted(group, key=lambda chunk: chunk.start):
            block = blocks[-1]
            whole = len(block) >= length and (
                block[-1] not in same[chunk.id] or len(block) >= 2 * length
            )
            if whole:
                blocks.append([chunk.id])
            else:
                block.append(chunk.id)
    return blocks


def _take(
    blocks: Sequence[Sequence[str]],
    wanted: set[str],
    target: float,
    *,
    avoid: set[str],
    same: Conflicts,
    whole: bool,
) -> set[str]:
    """Blocks in their order until they hold target wanted chunks (at least one) beside `avoid`.

    Of a block its wanted chunks are taken, or the whole of it. Where more wanted chunks count as
    the same as it than half of its own, they are taken too, up to a quarter of the target, so that
    a split has several groups; else the block is passed over. What then lacks is taken less
    strictly; where nothing can be, the block is taken that loses the fewest.
    """
    block_of = {chunk_id: block for block in blocks for chunk_id in block}

    def near(ids: set[str]) -> set[str]:
        return {other for chunk_id in ids for other in same[chunk_id]}

    def of_block(chunk_id: str) -> set[str]:
        return {other for other in block_of[chunk_id] if whole or other in wanted}

    def usable(ids: set[str]) -> int:
        return sum(chunk_id in wanted and not same[chunk_id] & avoid for chunk_id in ids)

    def lost(ids: set[str]) -> set[str]:
        return {i for i in near(ids) - ids - taken if i in wanted and not same[i] & avoid}

    def grouped(ids: set[str], most: float) -> set[str]:
        """With all that counts as the same, unless that is more than `most` chunks."""
        group = ids
        while len(group) <= most and (more := lost(group) & block_of.keys()):
            group = group.union(*map(of_block, more))
        return group if len(group) <= most else ids

    taken: set[str] = set()
    count = 0
    for most, may_lose in ((target / 4, 0.5), (target, 1.0)):
        for block in blocks:
            ids = of_block(block[0]) - taken
            if len(lost(ids)) > may_lose * len(ids):
                ids = grouped(ids, most)
            more = usable(ids)
            if more and count + more / 2 <= target and len(lost(ids)) <= may_lose * len(ids):
                taken |= ids
                count += more
    if not taken:
        choices = [ids for block in blocks if usable(ids := of_block(block[0]))]
        taken = min(choices, key=lambda ids: len(ids | lost(ids)), default=set())
    return taken
