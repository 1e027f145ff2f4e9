"""Train, valid and eval by chunk group or by document: no oracle of one is in a row of another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from random import Random

from lib.duplicates import Conflicts
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError

MAX_BLOCK_CHUNKS = 5
MIN_DOCUMENTS = 10  # of fewer, whole documents make no fair splits


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
    material for distractors and stay in train. What then counts as the same as a chunk of eval,
    or, in train, of valid, becomes buffer. With split_by "document" the blocks are whole
    documents, the chunks without questions included; of fewer than MIN_DOCUMENTS documents it is
    groups of chunks all the same.

    With eval_documents, ids of documents, eval is the whole of these and nothing else: eval_share
    does not count.

    Raises:
        SetupError: a document is unknown, or a split stays empty.
    """
    held_out = _held_out(chunks, eval_documents)
    valid_share, eval_share = recipe.valid_share, recipe.eval_share
    wanted = {chunk.id for chunk in chunks} if asked is None else set(asked)
    rest = [chunk for chunk in chunks if chunk.id not in held_out]
    num_wanted = sum(chunk.id in wanted for chunk in rest)
    shares = [share for share in (valid_share, 0 if held_out else eval_share) if share]
    by_document = recipe.split_by == "document" and not _too_few(rest)
    if by_document:
        documents = groupby(rest, key=lambda chunk: chunk.document_id)
        blocks = [[chunk.id for chunk in document] for _, document in documents]
    else:
        blocks = _blocks(rest, same, num_wanted, min(shares, default=1))
    Random(f"{recipe.seed}:splits").shuffle(blocks)
    evaluation = held_out or _take(
        blocks, wanted, eval_share * num_wanted, avoid=set(), same=same, whole=by_document
    )
    valid: set[str] = set()
    if valid_share:
        left = [block for block in blocks if not evaluation & set(block)]
        valid = _take(
            left, wanted, valid_share * num_wanted, avoid=evaluation, same=same, whole=by_document
        )
    splits = {}
    for chunk in chunks:
        near = same[chunk.id]
        if chunk.id in evaluation:
            splits[chunk.id] = "eval"
        elif near & evaluation:
            splits[chunk.id] = "buffer"
        elif chunk.id in valid:
            splits[chunk.id] = "valid"
        else:
            splits[chunk.id] = "buffer" if near & valid else "train"
    _demand(splits, wanted, valid_share)
    return splits


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
    if recipe.split_by == "document" and (few := _too_few(chunks)):
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
    )
    if recipe.too_few == "fewer":
        print(f"{seen} Rows will have fewer distractors.")
        return
    raise SetupError(
        f"{seen} Add documents, lower chunk_chars or num_distractors, or set too_few to fewer."
    )


def _too_few(chunks: Sequence[Chunk]) -> int:
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

    Of a block its wanted chunks are taken, or the whole of it.
    """
    taken: set[str] = set()
    count = 0
    for block in blocks:
        usable = sum(chunk_id in wanted and not same[chunk_id] & avoid for chunk_id in block)
        if usable and (not count or count + usable / 2 <= target):
            taken.update(chunk_id for chunk_id in block if whole or chunk_id in wanted)
            count += usable
    return taken


def _demand(splits: dict[str, str], wanted: set[str], valid_share: float) -> None:
    filled = {split for chunk_id, split in splits.items() if chunk_id in wanted}
    for split in ("train", "valid", "eval"):
        if split not in filled and (split != "valid" or valid_share):
            raise SetupError(
                f"The {len(splits)} chunks, {len(wanted)} with questions, leave none for the split "
                f"“{split}”. Add documents, or lower chunk_chars."
            )
