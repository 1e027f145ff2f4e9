"""Where to cut a document: at paragraphs, at markdown's sections, or where the subject turns."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from lib.text import sentence_spans

Span = tuple[int, int]  # text[start:end]
Embed = Callable[[Sequence[str]], Any]  # texts → array (len(texts), dimensions)

WITH_BODY_CHARS = 50  # less text than this before a heading goes with the text after it

# Paragraphs, lines, sentences, words: the first that gives pieces small enough.
_SEPARATORS = tuple(
    map(re.compile, (r"\n\n", r"\n", r"(?<=[.!?…。！？])(?:\s+|(?<=[。！？]))", r"\s+", ""))
)

# `# Title` on a line of its own, or a short line without a full stop behind a blank line.
_HEADING_AT_END = re.compile(
    r"(?:\A|\n)(?P<line>(?P<mark>[ ]{0,3}#{1,6}[ ][^\n]+)"
    r"|(?<=\n\n)[A-Z0-9À-Þ](?![.)][ ])[^\n|]{1,70}[^\W_][)”\"’]?)[ \t]*\Z"
)
_MAX_HEADINGS = 3  # of a section, its part and its paragraph
_WINDOW_CHUNKS = 16  # how much text is split at once

# --- recursive -----------------------------------------------------------------------------------


def recursive_spans(text: str, chunk_chars: int, overlap_chars: int) -> Iterator[Span]:
    """Paragraphs, lines, sentences or words. A heading goes with the text that follows it: a chunk
    that would close with one ends before it, and splitting begins anew there."""
    begin = 0
    while begin < len(text):
        window_end = min(begin + _WINDOW_CHUNKS * chunk_chars, len(text))
        pieces = list(_split(text[begin:window_end], chunk_chars, overlap_chars))
        window, begin, last, last_end = begin, window_end, -1, begin
        for number, (left, right) in enumerate(pieces):
            start, end = window + left, window + right
            if start <= last:  # the overlap held all of a short chunk: go on behind it
                start = end - len(text[last_end:end].lstrip())
            if window_end < len(text) and 0 < number == len(pieces) - 1:
                begin = start  # cut by the window
                break
            if start == end:
                continue  # nothing new
            heading = _trailing_heading(text, start, end)
            if heading is not None:
                begin, before = heading, len(text[start:heading].rstrip())
                if before < WITH_BODY_CHARS:  # little more than the heading itself
                    begin = end = _with_following(text, start, end, chunk_chars)
                else:
                    end = start + before
                yield start, end
                break
            yield start, end
            last, last_end = start, end


def _split(
    text: str, most: int, overlap: int, separators: Sequence[re.Pattern[str]] = _SEPARATORS
) -> Iterator[Span]:
    """The pieces between the first separator that occurs, joined while they have room: spans of at
    most so many characters, white space aside. Neighbours share whole pieces, up to the overlap.

    A piece of `most` or more is split by the separators that follow (as LangChain's recursive
    splitter does, which gives no places).
    """
    level = next(n for n, separator in enumerate(separators) if separator.search(text))
    ends = {found.end() for found in separators[level].finditer(text)}
    places = sorted({0, *ends, len(text)})
    first = 0  # of the pieces that are joined
    for piece, (start, end) in enumerate(pairwise(places)):
        if end - start >= most:
            yield from _stripped(text, places[first], start)
            finer = _split(text[start:end], most, overlap, separators[level + 1 :])
            yield from ((start + left, start + right) for left, right in finer)
            first = piece + 1
        elif end - places[first] > most:
            yield from _stripped(text, places[first], start)
            while start - places[first] > overlap or end - places[first] > most:
                first += 1
    yield from _stripped(text, places[first], len(text))


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    """The span without white space at its ends, unless it is nothing else."""
    piece = text[start:end]
    if length := len(piece.strip()):
        start += len(piece) - len(piece.lstrip())
        yield start, start + length


def _with_following(text: str, start: int, body: int, chunk_chars: int) -> int:
    """Where a chunk ends that holds headings, up to body, and as much as has room of the rest."""
    while True:
        more = re.compile(r"(?:\s*\n#[^\n]*)*\s*").match(text, body)
        body = more.end() if more else body
        room = start + chunk_chars - body
        if room < WITH_BODY_CHARS or body >= len(text):
            return min(body, start + chunk_chars)
        end = body + next(_split(text[body : body + 4 * chunk_chars], room, 0))[1]
        heading = _trailing_heading(text, body, end)
        if heading is None:
            return end
        if heading > body:
            return body + len(text[body:heading].rstrip())
        body = end  # still nothing but headings


def _trailing_heading(text: str, start: int, end: int) -> int | None:
    """Where the headings begin that end text[start:end] and belong to the next text; else None."""
    if not text[end : end + 200].strip():
        return None
    found = None
    for _ in range(_MAX_HEADINGS + 1):
        line = max(text.rfind("\n", max(start - 1, 0), end), start - 1, 0)
        match = _HEADING_AT_END.match(text, line, end)
        # A plain line is a heading only when a blank line follows; a longer run is a list.
        blank = match is not None and re.match(r"[ \t]*\n[ \t]*\n", text[end : end + 80])
        if match is None or not (match.group("mark") or blank):
            return found
        found = match.start("line")
        end = start + len(text[start:found].rstrip())
        if end == start:
            return found
    return None


# --- markdown ------------------------------------------------------------------------------------

_BLOCK = re.compile(
    r"(?P<fence>^[ ]{0,3}(?P<mark>`{3,}|~{3,})[^\n]*\n(?:.*?\n)??[ ]{0,3}(?P=mark)[`~]*[ \t]*$)"
    r"|(?P<heading>^[ ]{0,3}#{1,6}[ \t][^\n]*$)"
    r"|(?P<table>^[ \t]*\|[^\n]*(?:\n[ \t]*\|[^\n]*)*)"
    r"|(?P<text>^[^\n]*\S[^\n]*"
    r"(?:\n(?![ ]{0,3}(?:#{1,6}[ \t]|`{3}|~{3})|[ \t]*\|)[^\n]*\S[^\n]*)*)",
    re.MULTILINE | re.DOTALL,
)


def markdown_spans(text: str, chunk_chars: int, overlap_chars: int) -> Iterator[Span]:
    """Whole paragraphs, tables and fenced code, as many of one section as have room. A section
    begins at a heading, or at several with no text between them. A block longer than a chunk is cut
    as by recursive_spans, and only these cuts overlap."""
    for blocks in _sections(text):
        start, end = blocks[0]
        for block_start, block_end in blocks[1:]:
            if block_end - start > chunk_chars:
                yield from _fitting(text, start, end, chunk_chars, overlap_chars)
                start = block_start
            end = block_end
        yield from _fitting(text, start, end, chunk_chars, overlap_chars)


def _fitting(text: str, start: int, end: int, chunk_chars: int, overlap_chars: int) -> list[Span]:
    """The span as it is, or cut when it is too long."""
    if end - start <= chunk_chars:
        return [(start, end)]
    spans = recursive_spans(text[start:end], chunk_chars, overlap_chars)
    return [(start + left, start + right) for left, right in spans]


def _sections(text: str) -> Iterator[list[Span]]:
    """The blocks of each section; headings and the block that follows them are one."""
    section: list[Span] = []
    open_heading = False
    for match in _BLOCK.finditer(text):
        start, end = match.start(), match.start() + len(match.group().rstrip())
        is_heading = match.lastgroup == "heading"
        if open_heading:
            section[-1] = (section[-1][0], end)
        elif is_heading and section:
            yield section
            section = [(start, end)]
        else:
            section.append((start, end))
        open_heading = is_heading
    if section:
        yield section


# --- semantic ------------------------------------------------------------------------------------

_CONTEXT_SENTENCES = 3  # compared on either side of a cut
_CUT_PERCENTILE = 90  # of a document's distances: from here on its subject turns


def semantic_spans(
    text: str, chunk_chars: int, min_chunk_chars: int, embed: Embed
) -> Iterator[Span]:
    """Runs of sentences, cut where the text before and the text after are least alike.

    A cut's distance is 1 - the cosine of the three sentences on either side of it. Cut are those
    from the 90th percentile of the document on, and within a run that is still longer than
    chunk_chars its greatest; never so that less than min_chunk_chars is left on a side, if that can
    be. A sentence longer than chunk_chars is cut as by recursive_spans.
    """
    sentences = sentence_spans(text)
    if not sentences:
        return
    distances, turn = _distances([text[start:end] for start, end in sentences], embed)
    waiting = [(0, len(sentences))]
    while waiting:
        first, behind = waiting.pop()
        start, end = sentences[first][0], sentences[behind - 1][1]
        too_long = end - start > chunk_chars
        fair = [
            at
            for at in range(first, behind - 1)
            if sentences[at][1] - start >= min_chunk_chars
            and end - sentences[at + 1][0] >= min_chunk_chars
        ]
        if too_long and not fair:
            fair = list(range(first, behind - 1))
        cut = max(fair, key=lambda at: distances[at], default=None)
        if cut is not None and (too_long or distances[cut] >= turn):
            waiting += [(cut + 1, behind), (first, cut + 1)]
        else:
            yield from _fitting(text, start, end, chunk_chars, 0)


def _distances(sentences: Sequence[str], embed: Embed) -> tuple[list[float], float]:
    """After each sentence but the last the distance of its sides, and the least that cuts."""
    import numpy as np

    size, count = _CONTEXT_SENTENCES, len(sentences)
    if count < 2:
        return [], 0.0
    windows = [" ".join(sentences[max(i, 0) : i + size]) for i in range(1 - size, count)]
    vectors = np.asarray(embed(windows), dtype=np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    # The window that ends at a sentence, and the one that begins behind it.
    alike = np.einsum("ij,ij->i", vectors[: count - 1], vectors[size : size + count - 1])
    # Rounded: how an embedder batches may change its last digits, and must not move a cut.
    distances = np.round(1 - alike, 4)
    # A text of one subject has small distances everywhere: its percentile is not a turn.
    turn = max(float(np.percentile(distances, _CUT_PERCENTILE)), float(distances.mean()) + 1e-4)
    return distances.tolist(), turn
