"""Chunks: verbatim slices of documents, and which of them count as the same."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lib.records import Chunk, Document, Rejected
from lib.settings import SetupError

MIN_CHUNK_CHARS = 50
SHINGLE_WORDS = 5
SAME_SHARE = 0.5  # of the smaller chunk's shingles

# Paragraphs, lines, sentences, words: the first that gives pieces small enough.
_SEPARATORS = [r"\n\n", r"\n", r"(?<=[.!?…。！？])\s+", r"\s+", ""]

# `# Title` on a line of its own, or a short line without a full stop behind a blank line.
_HEADING_AT_END = re.compile(
    r"(?:\A|\n)(?P<line>(?P<mark>[ ]{0,3}#{1,6}[ ][^\n]+)"
    r"|(?<=\n\n)[A-Z0-9À-Þ](?![.)][ ])[^\n|]{1,70}[^\W_][)”\"’]?)[ \t]*\Z"
)
_MAX_HEADINGS = 3  # of a section, its part and its paragraph
_WINDOW_CHUNKS = 16  # how much text is split at once

Conflicts = Mapping[str, set[str]]


@dataclass(frozen=True)
class Split:
    """What the documents gave."""

    chunks: list[Chunk]
    dropped: list[Rejected]  # too short to ask about, or the same text as another chunk


def split_documents(
    documents: Sequence[Document], *, chunk_chars: int, chunk_overlap_chars: int
) -> Split:
    """Cut documents into chunks of at most chunk_chars, at paragraphs and sentences if it can.

    Neighbours share at most chunk_overlap_chars. Every chunk is document.text[start:end].

    Raises:
        SetupError: the sizes contradict each other, or no chunk remains.
    """
    if not 0 <= chunk_overlap_chars < chunk_chars or chunk_chars < 2 * MIN_CHUNK_CHARS:
        raise SetupError(
            f"chunk_chars = {chunk_chars}, chunk_overlap_chars = {chunk_overlap_chars}: expected "
            f"at least {2 * MIN_CHUNK_CHARS} characters, and an overlap below that. Change them."
        )
    kept: list[Chunk] = []
    dropped: list[Rejected] = []
    seen: dict[str, str] = {}
    for document in documents:
        for chunk in _cut(document, chunk_chars, chunk_overlap_chars):
            text = " ".join(chunk.text.split())
            if len(text) < MIN_CHUNK_CHARS or len(re.findall(r"[^\W\d_]{2,}", text)) < 5:
                dropped.append(Rejected("", chunk.id, "short", f"only {len(text)} characters"))
            elif text in seen:
                dropped.append(Rejected("", chunk.id, "same", f"the text of {seen[text]}"))
            else:
                seen[text] = chunk.id
                kept.append(chunk)
    if not kept:
        raise SetupError(
            f"The {len(documents)} documents hold no chunk of {MIN_CHUNK_CHARS} characters or "
            "more. Add documents with text."
        )
    return Split(kept, dropped)


def _cut(document: Document, chunk_chars: int, overlap_chars: int) -> Iterable[Chunk]:
    starts = [page.start for page in document.pages]
    for start, end in _spans(document, chunk_chars, overlap_chars):
        page = document.pages[bisect_right(starts, start) - 1]
        yield Chunk(
            id=f"{document.id}#{start}",
            document_id=document.id,
            title=document.title,
            page=page.number,
            start=start,
            end=end,
            text=document.text[start:end],
        )


def _spans(document: Document, chunk_chars: int, overlap_chars: int) -> Iterator[tuple[int, int]]:
    """Start and end of each chunk. A heading goes with the text that follows it.

    The splitter keeps separators at the end, so a chunk may close with the next section's heading:
    then it ends before the heading, and splitting begins anew there.
    """
    text, begin = document.text, 0
    while begin < len(text):
        window_end = min(begin + _WINDOW_CHUNKS * chunk_chars, len(text))
        pieces = _split(text[begin:window_end], chunk_chars, overlap_chars)
        position, last, last_end, begin = begin, begin, begin, window_end
        for number, piece in enumerate(pieces):
            start = text.find(piece, position)
            end = start + len(piece)
            if start < 0 and text.startswith(piece, last):
                # The overlap held all of a short chunk: go on behind it.
                end = last + len(piece)
                start = end - len(text[last_end:end].lstrip())
            if start < 0 or len(piece) > chunk_chars:
                raise RuntimeError(f"{document.id}: the splitter gave no slice of its text")
            if window_end < len(text) and 0 < number == len(pieces) - 1:
                begin = start  # cut by the window
                break
            heading = _trailing_heading(text, start, end)
            if heading is not None:
                begin, before = heading, len(text[start:heading].rstrip())
                if before < MIN_CHUNK_CHARS:  # little more than the heading itself
                    begin = end = _with_following(text, start, end, chunk_chars)
                else:
                    end = start + before
                yield start, end
                break
            yield start, end
            # The next begins behind this one's beginning, no further back than the overlap.
            position, last, last_end = max(start + 1, end - overlap_chars), start, end


def _split(text: str, chunk_chars: int, overlap_chars: int) -> list[str]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(
        chunk_size=chunk_chars,
        chunk_overlap=overlap_chars,
        separators=_SEPARATORS,
        is_separator_regex=True,
        keep_separator="end",
    )
    return splitter.split_text(text)


def _with_following(text: str, start: int, body: int, chunk_chars: int) -> int:
    """Where a chunk ends that holds headings, up to body, and as much as has room of the rest."""
    while True:
        more = re.compile(r"(?:\s*\n#[^\n]*)*\s*").match(text, body)
        body = more.end() if more else body
        room = start + chunk_chars - body
        if room < MIN_CHUNK_CHARS or body >= len(text):
            return min(body, start + chunk_chars)
        first = _split(text[body : body + 4 * chunk_chars], room, 0)[0]
        end = text.index(first, body) + len(first)
        heading = _trailing_heading(text, body, end)
        if heading is None:
            return end
        if heading > body:
            return body + len(text[body:heading].rstrip())
        body = end  # still nothing but headings


def _trailing_heading(text: str, start: int, end: int) -> int | None:
    """Where the headings begin that close text[start:end] and belong to what follows; else None."""
    if not text[end : end + 200].strip():
        return None
    found = None
    for _ in range(_MAX_HEADINGS + 1):
        match = _HEADING_AT_END.search(text, max(start - 1, 0), end)
        # A plain line is a heading only when a blank line follows; a longer run is a list.
        blank = match is not None and re.match(r"[ \t]*\n[ \t]*\n", text[end : end + 80])
        if match is None or not (match.group("mark") or blank):
            return found
        found = match.start("line")
        end = start + len(text[start:found].rstrip())
        if end == start:
            return found
    return None


# --- which chunks count as the same --------------------------------------------------------------


def conflicts(chunks: Sequence[Chunk]) -> dict[str, set[str]]:
    """For each chunk's id the ids of those that count as the same.

    Two count as the same when their ranges in one document overlap, or when at least half of the
    smaller one's runs of five words stand in the other, case and punctuation aside.
    """
    same: dict[str, set[str]] = {chunk.id: set() for chunk in chunks}
    for left, right in [*_overlapping(chunks), *_near_duplicates(chunks)]:
        same[left].add(right)
        same[right].add(left)
    return same


def _overlapping(chunks: Sequence[Chunk]) -> Iterable[tuple[str, str]]:
    by_document: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in sorted(chunks, key=lambda chunk: (chunk.document_id, chunk.start)):
        earlier = by_document[chunk.document_id]
        for other in earlier:
            if other.end > chunk.start:
                yield other.id, chunk.id
        earlier[:] = [*(other for other in earlier if other.end > chunk.start), chunk]


def _near_duplicates(chunks: Sequence[Chunk]) -> Iterable[tuple[str, str]]:
    """Exact, without comparing all pairs: the rarer half of a chunk's runs finds its partners."""
    sets = [_shingles(chunk.text) for chunk in chunks]
    holders: dict[int, list[int]] = defaultdict(list)
    for index, shingles in enumerate(sets):
        for shingle in shingles:
            holders[shingle].append(index)
    for index, shingles in enumerate(sets):
        needed = max(1, -int(-SAME_SHARE * len(shingles) // 1))
        # Who shares `needed` of them shares one of any len - needed + 1.
        rare = sorted(shingles, key=lambda shingle: (len(holders[shingle]), shingle))
        partners = {
            other
            for shingle in rare[: len(rare) - needed + 1]
            for other in holders[shingle]
            if (len(sets[other]), other) > (len(shingles), index)
        }
        for other in sorted(partners):
            if len(shingles & sets[other]) >= needed:
                yield chunks[index].id, chunks[other].id


def _shingles(text: str) -> set[int]:
    words = re.findall(r"\w+", text.lower())
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    return {hash(tuple(words[i : i + SHINGLE_WORDS])) for i in range(last)}
