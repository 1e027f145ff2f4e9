"""Train, valid and eval by chunk group or by document: no oracle of one is in a row of another."""

from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from random import Random
from textwrap import shorten

from lib.duplicates import Conflicts, shared_text
from lib.recipe import Recipe
from lib.records import Chunk, Question
from lib.settings import SetupError

MAX_BLOCK_CHUNKS = 5
MIN_DOCUMENTS = 10  # of fewer, whole documents make no fair splits
_PARTS = (1, 0.5, 0.2, 0.1, 0)  # of the shares: less where few chunks are like no other
_SHOWN_CHARS = 100  # of a shared text, in an error


def assign_splits(
    chunks: Sequence[Chunk],
    same: Conflicts,
    recipe: Recipe,
    *,
    asked: Collection[str] | None = None,
    eval_documents: Collection[str] = (),
    say: Callable[[str], object] = print,
) -> dict[str, str]:
    """Each chunk's split: "train", "valid", "eval", or "buffer" for a chunk of no row.

    Blocks of consecutive chunks of a document are drawn until eval, then valid, hold their share
    of the chunks in `asked` (those with questions; None = every chunk). A block's near duplicates
    come with it, or it stays in train, as do chunks without questions. What then counts as the same
    as a chunk of eval, or, in train, of valid, becomes buffer. With split_by "document" the blocks
    are whole documents, unless these are too few, or none can be held out. With eval_documents
    (ids), eval is the whole of these and nothing else. `say` is told why whole ones are not.
    """
    held_out = {chunk.id for chunk in chunks if chunk.document_id in eval_documents}
    if lost := set(eval_documents) - {chunk.document_id for chunk in chunks}:
        raise SetupError(
            f"{len(lost)} of the {len(eval_documents)} documents to evaluate with have no chunk "
            f"(such as {min(lost)}). Give documents with text of their own."
        )
    wanted = {chunk.id for chunk in chunks} if asked is None else set(asked)
    rest = [chunk for chunk in chunks if chunk.id not in held_out]
    eval_share = 0 if held_out else recipe.eval_share
    shares = [share for share in (recipe.valid_share, eval_share) if share]
    by_document, why_groups = recipe.split_by == "document" and bool(shares), ""
    if by_document and (few := too_few_documents(rest)):
        counted = "document is" if few == 1 else "documents are"
        why_groups = f"{few} {counted} too few to hold out whole ones"
    num_wanted = sum(chunk.id in wanted for chunk in rest)
    most = min(MAX_BLOCK_CHUNKS, int(num_wanted * min(shares, default=1) / 4))
    missing = ""
    for whole in (True, False) if by_document and not why_groups else (False,):
        drawn = _blocks(rest, same, len(rest) if whole else max(1, most))
        Random(f"{recipe.seed}:splits").shuffle(drawn)
        blocks = [{i for i in block if whole or i in wanted} for block in drawn]
        for part in _PARTS:
            evaluation, valid = held_out, set[str]()
            if eval_share:
                target = part * eval_share * num_wanted
                evaluation = _take(blocks, same, wanted, target, avoid=set())
            if recipe.valid_share:
                target = part * recipe.valid_share * num_wanted
                valid = _take(blocks, same, wanted, target, avoid=evaluation)
            splits = {chunk.id: _split(chunk.id, evaluation, valid, same) for chunk in chunks}
            filled = {split for chunk_id, split in splits.items() if chunk_id in wanted}
            needed = {"train": 1, "valid": recipe.valid_share, "eval": eval_share or held_out}
            lacking = (split for split, share in needed.items() if share and split not in filled)
            missing = next(lacking, "")
            if not missing:
                if why_groups:
                    say(f"{why_groups}: groups of chunks are held out.")
                return splits
        why_groups = f"Whole documents leave the split “{missing}” empty"
    all_asked = len(wanted) == len(chunks)
    remedy = "lower chunk_chars" if all_asked else "have questions on more chunks"
    raise SetupError(
        f"The {len(chunks)} chunks, {len(wanted)} with questions, leave none for the split "
        f"“{missing}”.{_alike(chunks, same)} Add documents, or {remedy}."
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
    """` 7 of them count as the same as others: a#0 and b#0 share “The lamp burns oil”.`"""
    by_id = {chunk.id: chunk for chunk in chunks}
    alike = {chunk.id: others for chunk in chunks if (others := same[chunk.id] & by_id.keys())}
    if not alike:
        return ""
    most = by_id[max(alike, key=lambda chunk_id: len(alike[chunk_id]))]
    other = by_id[min(alike[most.id])]
    text = shorten(shared_text(most, other), _SHOWN_CHARS, placeholder=" …")
    pair = f"{most.id} and {other.id} share “{text}”"
    return f" {len(alike)} of them count as the same as others: {pair}."


def together(same: Conflicts, questions: Sequence[Question]) -> Conflicts:
    """The conflicts, for splits: the oracles of one question are to come into one split."""
    joined = dict(same)
    for question in questions:
        for chunk_id in question.chunk_ids if question.more_chunk_ids else ():
            joined[chunk_id] = joined[chunk_id] | ({*question.chunk_ids} - {chunk_id})
    return joined


def check_corpus(
    chunks: Sequence[Chunk],
    same: Conflicts,
    recipe: Recipe,
    *,
    asked: Collection[str] | None = None,
    given: Sequence[Question] = (),
    eval_documents: Collection[str] = (),
) -> list[str]:
    """Stop before any token is paid when the documents cannot fill rows, or the questions on the
    chunks in `asked`, among them people's own (`given`), every split; returns what to say."""
    num_distractors, notes, unsaid = recipe.num_distractors, list[str](), list[str]()
    splits = assign_splits(chunks, same, recipe, eval_documents=eval_documents, say=notes.append)
    if asked is not None and (given or len(asked) < len(chunks)):
        same_too = together(same, given)
        assign_splits(
            chunks, same_too, recipe, asked=asked, eval_documents=eval_documents, say=unsaid.append
        )
    train = {chunk_id for chunk_id, split in splits.items() if split == "train"}
    # A row without its oracle needs one more; its answer may rule some out.
    free = max((len(train) - 1 - len(train & same[chunk_id]) for chunk_id in train), default=0)
    if free >= num_distractors + 1:
        return notes
    seen = (
        f"The documents give {len(chunks)} chunks, and a training row could draw from {free}; "
        f"num_distractors = {num_distractors} needs at least {num_distractors + 1}."
        f"{_alike(chunks, same)}"
    )
    if recipe.too_few == "fewer":
        return [*notes, f"{seen} Rows will have fewer distractors."]
    raise SetupError(
        f"{seen} Add documents, lower chunk_chars or num_distractors, or set too_few to fewer."
    )


def too_few_documents(chunks: Sequence[Chunk]) -> int:
    """The number of documents if it is below MIN_DOCUMENTS, else 0."""
    count = len({chunk.document_id for chunk in chunks})
    return count if count < MIN_DOCUMENTS else 0


def _take(
    blocks: Sequence[set[str]], same: Conflicts, wanted: set[str], target: float, avoid: set[str]
) -> set[str]:
    """Blocks until they hold so many wanted chunks (at least one), none of them in `avoid`.

    Where more wanted chunks count as the same as a block than half of its own, they are taken too,
    up to a quarter of the target; else the block is passed over. What then lacks is taken less
    strictly; where nothing can be, the block is taken that loses the fewest.
    """
    blocks = [block for block in blocks if not avoid & block]
    block_of = {chunk_id: block for block in blocks for chunk_id in block}
    taken, count = set[str](), 0

    def usable(ids: set[str]) -> set[str]:
        return {i for i in ids if i in wanted and not same[i] & avoid}

    def lost(ids: set[str]) -> set[str]:
        return usable({other for i in ids for other in same[i]} - ids - taken)

    def grouped(ids: set[str], most: float) -> set[str]:
        group = ids
        while len(group) <= most and (more := lost(group) & block_of.keys()):
            group = group.union(*(block_of[i] for i in more))
        return group if len(group) <= most else ids

    for most, may_lose in ((target / 4, 0.5), (target, 1.0)):
        for block in blocks:
            ids = block - taken
            if len(lost(ids)) > may_lose * len(ids):
                ids = grouped(ids, most)
            more = len(usable(ids))
            if more and count + more / 2 <= target and len(lost(ids)) <= may_lose * len(ids):
                taken |= ids
                count += more
    if not taken:
        choices = [block for block in blocks if usable(block)]
        taken = min(choices, key=lambda ids: len(ids | lost(ids)), default=set())
    return taken


def _blocks(chunks: Sequence[Chunk], same: Conflicts, length: int) -> list[list[str]]:
    """About so many consecutive chunks of one document each, divided where two are different, so
    that few become buffer."""
    blocks: list[list[str]] = []
    for _, group in groupby(chunks, key=lambda chunk: chunk.document_id):
        blocks.append([])
        for chunk in sorted(group, key=lambda chunk: chunk.start):
            block = blocks[-1]
            if len(block) >= (2 * length if block and block[-1] in same[chunk.id] else length):
                blocks.append([chunk.id])
            else:
                block.append(chunk.id)
    return blocks
