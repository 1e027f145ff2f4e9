"""How many questions each chunk is asked for, and which chunks share a request."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from random import Random

from lib.gen.own_questions import Given
from lib.reading.files.api import is_api_record
from lib.recipe import Recipe
from lib.records import Chunk

SHARED_CHARS = 1200  # chunks of so many characters together share a request


@dataclass(frozen=True, slots=True)
class Share:
    chunk: Chunk
    place: int  # of the chunk among those asked about, from 1; before them, of people's questions
    count: int
    given: Given | None = None  # a question of people's own, in place of such questions


def request_groups(
    chunks: Iterable[Chunk], recipe: Recipe, own: Sequence[Given] = ()
) -> Iterator[tuple[Share, ...]]:
    """The chunks that share a first request: one, or some small ones where whole rows are asked;
    each as soon as it is known. The questions of people's own come first, each alone."""
    yield from ((Share(g.oracles[0], n - len(own), 1, g),) for n, g in enumerate(own))
    small: list[Share] = []
    for share in shares(chunks, recipe):
        if not asks_whole_rows(share.chunk, recipe):
            yield (share,)
            continue
        chars = sum(len(other.chunk.text) for other in small) + len(share.chunk.text)
        if small and chars > SHARED_CHARS:
            yield tuple(small)
            small = []
        small.append(share)
    if small:
        yield tuple(small)


def asks_whole_rows(chunk: Chunk, recipe: Recipe) -> bool:
    """Whether one reply holds questions and answers. API documentation is always asked in two."""
    whole = recipe.ask_mode == "joint" or recipe.dataset_kind == "qa"
    return whole and not is_api_record(chunk.text)


def shares(chunks: Iterable[Chunk], recipe: Recipe) -> Iterator[Share]:
    """Each chunk's share: questions_per_chunk, or its part of questions_per_document."""
    place = 0
    if not recipe.questions_per_chunk:
        return
    for _, of_document in groupby(chunks, lambda chunk: chunk.document_id):
        counts: Iterable[int] = repeat(recipe.questions_per_chunk)
        if recipe.questions_per_document:
            whole = list(of_document)
            of_document, counts = iter(whole), spread(recipe.questions_per_document, len(whole))
        for chunk, count in zip(of_document, counts, strict=False):
            place += 1
            if count:
                yield Share(chunk, place, count)


def spread(total: int, parts: int) -> list[int]:
    """`spread(5, 3)` → [1, 2, 2]: as even as whole numbers are, the larger ones spread too."""
    return [total * (part + 1) // parts - total * part // parts for part in range(parts)]


def drawn(chunks: Sequence[Chunk], recipe: Recipe) -> list[Chunk]:
    """max_chunks of the chunks, drawn by seed, in their order; all of them if it is 0."""
    if not 0 < recipe.max_chunks < len(chunks):
        return list(chunks)
    places = Random(f"{recipe.seed}:chunks").sample(range(len(chunks)), recipe.max_chunks)
    return [chunks[place] for place in sorted(places)]
