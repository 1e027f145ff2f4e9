"""Chunks in, requests out: how many questions each is asked for, and which share a request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from lib.gen.ask.joint import SHARED_CHARS, Joint
from lib.gen.ask.optional_checks import Checks
from lib.gen.ask.options import AskOptions
from lib.gen.ask.outcome import Outcome, Slot
from lib.gen.ask.requests import Request
from lib.gen.ask.separate import Separate
from lib.prompts.teacher import load_prompts
from lib.reading.files.api import is_api_record
from lib.records import Chunk, Question
from lib.settings import endpoint_settings

Start = Callable[[], Request]  # makes the first request about some chunks, the same each time


class Flow:
    """Everything that is to be asked, without a network: give it chunks, get requests.

    Chunks that come one by one go to `add`, then `end`; a list to `first_requests`. What comes of
    the replies collects in `outcome`. Chunks of a document follow one another. A request that
    waits is kept as its Start: without its messages, which are longer than the chunk.

    Raises:
        SetupError: the prompts cannot be read.
    """

    def __init__(
        self,
        options: AskOptions,
        *,
        on_question: Callable[[Question], None] = lambda question: None,
    ) -> None:
        self._options = options
        self.prompts, self.outcome = load_prompts(options), Outcome(on_question)
        own_judge = options.min_rating > 0 and endpoint_settings("judge") is not None
        self.judge_role = "judge" if own_judge else "teacher"
        checks = Checks(options, self.prompts, self.outcome, judge_role=self.judge_role)
        self._separate = Separate(options, self.prompts, self.outcome, checks)
        self._joint = Joint(options, self.prompts, self.outcome, checks)
        self._by_rows = options.ask_mode == "joint" or options.dataset_kind == "qa"
        self._spread = Spread(options)
        self._sharing: list[Slot] = []  # small chunks that wait for others

    def first_requests(self, chunks: Iterable[Chunk]) -> list[Request]:
        """What can be asked at once about all chunks, or about max_chunks of them."""
        chosen = drawn(list(chunks), self._options)
        starts = [start for chunk in chosen for start in self.add(chunk)] + self.end()
        return [start() for start in starts]

    def add(self, chunk: Chunk) -> list[Start]:
        """What can be asked now that this chunk is known."""
        return [start for share in self._spread.add(chunk) for start in self._start(share)]

    def end(self) -> list[Start]:
        """What still waited for more chunks."""
        rest = [start for share in self._spread.end() for start in self._start(share)]
        return rest + self._flush()

    def _start(self, share: Share) -> list[Start]:
        chunk = share.chunk
        if not self._by_rows or is_api_record(chunk.text):
            return [partial(self._separate_first, share)]
        together = sum(len(other.text) for other in {slot.chunk for slot in self._sharing})
        full = [] if together + len(chunk.text) <= SHARED_CHARS else self._flush()
        self._sharing += share.slots()
        return full

    def _separate_first(self, share: Share) -> Request:
        return self._separate.first(share.slots())

    def _flush(self) -> list[Start]:
        slots, self._sharing = self._sharing, []
        return [partial(self._joint.first, slots)] if slots else []


@dataclass(frozen=True, slots=True)
class Share:
    """How many questions one chunk is asked for."""

    chunk: Chunk
    place: int  # of the chunk among those asked about
    count: int
    repairs: int

    def slots(self) -> list[Slot]:
        """Its rows to be; made when they are asked for, as a resumed run has many that wait."""
        return [Slot(self.chunk, self.place, number, self.repairs) for number in range(self.count)]


class Spread:
    """How many questions each chunk is asked for: so many each, or evenly over its document."""

    def __init__(self, options: AskOptions) -> None:
        self._options = options
        self._document: list[Chunk] = []  # the chunks so far of the document that comes in
        self._places = 0

    def add(self, chunk: Chunk) -> list[Share]:
        """Of each chunk that is ready: at once, or when its document is whole."""
        if not self._options.questions_per_document:
            return [self._share(chunk, self._options.questions_per_chunk)]
        whole = self._document and self._document[0].document_id != chunk.document_id
        ready = self.end() if whole else []
        self._document.append(chunk)
        return ready

    def end(self) -> list[Share]:
        chunks, self._document = self._document, []
        counts = spread(self._options.questions_per_document, len(chunks))
        shares = [self._share(chunk, count) for chunk, count in zip(chunks, counts, strict=True)]
        return [share for share in shares if share.count]

    def _share(self, chunk: Chunk, count: int) -> Share:
        self._places += 1
        return Share(chunk, self._places, count, self._options.max_repairs)


def spread(total: int, parts: int) -> list[int]:
    """`spread(5, 3)` → [1, 2, 2]: as even as whole numbers are, the larger ones spread too."""
    return [total * (part + 1) // parts - total * part // parts for part in range(parts)]


def drawn(chunks: Sequence[Chunk], options: AskOptions) -> list[Chunk]:
    """max_chunks of the chunks, drawn by seed, in their order; all of them if it is 0."""
    if not 0 < options.max_chunks < len(chunks):
        return list(chunks)
    rng = Random(f"{options.seed}:chunks")
    indexes = rng.sample(range(len(chunks)), options.max_chunks)
    return [chunks[index] for index in sorted(indexes)]
