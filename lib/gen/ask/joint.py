"""ask_mode "joint", and plain pairs: one reply holds all rows of a chunk or of some small ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lib.engine.replies import Reply
from lib.gen.ask import gates
from lib.gen.ask.gates import Refusal
from lib.gen.ask.optional_checks import Checks
from lib.gen.ask.options import AskOptions
from lib.gen.ask.outcome import Outcome, Slot
from lib.gen.ask.replies import DraftRow, parse_rows
from lib.gen.ask.requests import LEADS_ON, MAX_TOKENS, Request
from lib.prompts.student import Message
from lib.prompts.teacher import TeacherPrompts, go_on
from lib.records import Chunk, Question
from lib.text import normalise

SHARED_CHARS = 1200  # chunks of so many characters together share a request
_ROW_TOKENS = 256  # room for a row beyond what MAX_TOKENS gives


class Joint:
    """Asks for whole rows; those that are refused are asked again together."""

    def __init__(
        self, options: AskOptions, prompts: TeacherPrompts, outcome: Outcome, checks: Checks
    ) -> None:
        self._options, self._prompts, self._outcome = options, prompts, outcome
        self._pairs, self._checks = options.dataset_kind == "qa", checks

    def first(self, slots: Sequence[Slot]) -> Request:
        """The request for all rows of the slots' chunks."""
        chunks = list(dict.fromkeys(slot.chunk for slot in slots))
        counts = [sum(slot.chunk == chunk for slot in slots) for chunk in chunks]
        messages = self._prompts.rows(chunks, counts, pairs=self._pairs)
        return self._request(slots, chunks, messages, frozenset(), priority=LEADS_ON)

    def _request(
        self,
        slots: Sequence[Slot],
        chunks: Sequence[Chunk],
        messages: list[Message],
        known: frozenset[str],
        *,
        priority: int = 0,
    ) -> Request:
        def take(reply: Reply) -> list[Request]:
            return self._take_rows(slots, chunks, messages, known, reply)

        return Request(
            messages,
            take,
            max_tokens=max(MAX_TOKENS, _ROW_TOKENS * len(slots)),
            temperature=self._options.temperature,
            priority=priority,
            leads_to=len(slots) * self._checks.count,
        )

    def _take_rows(
        self,
        slots: Sequence[Slot],
        chunks: Sequence[Chunk],
        messages: list[Message],
        known: frozenset[str],
        reply: Reply,
    ) -> list[Request]:
        rows = parse_rows(reply.text)
        if not rows or reply.finish_reason == "content_filter":
            return self._no_rows(slots, chunks, messages, known, reply)
        texts = {normalise(row.question) for row in rows}

        def refused(slot: Slot, row: DraftRow, refusal: Refusal) -> list[Request]:
            if not self._outcome.refuse(slot, refusal, row.question, row.cot_answer):
                return []
            faulty = [(slot, row.question, refusal)]
            return self._again(faulty, chunks, messages, reply, known | texts)

        follow: list[Request] = []
        again: list[tuple[Slot, str, Refusal]] = []
        seen = set(known)
        for slot, row in _matched(slots, chunks, rows):
            if row is None:
                self._outcome.left_out(slot)
                continue
            try:
                question = self._judge(slot, row, seen)
                follow += self._checks.begin(slot, question, partial(refused, slot, row))
            except Refusal as refusal:
                if self._outcome.refuse(slot, refusal, row.question, row.cot_answer):
                    again.append((slot, row.question, refusal))
            seen.add(normalise(row.question))
        return [*follow, *self._again(again, chunks, messages, reply, known | texts)]

    def _no_rows(
        self,
        slots: Sequence[Slot],
        chunks: Sequence[Chunk],
        messages: list[Message],
        known: frozenset[str],
        reply: Reply,
    ) -> list[Request]:
        refusal = gates.unreadable(reply.text, reply.finish_reason)
        again = self._outcome.unread(slots, refusal, reply.text)
        if not again:
            return []
        said = self._prompts.fill("repair_answer", reason=refusal.reason)
        return [self._request(again, chunks, go_on(messages, reply.text, said), known)]

    def _judge(self, slot: Slot, row: DraftRow, seen: set[str]) -> Question:
        options = self._options
        question = slot.question(row.question)
        if found := gates.refuse_question(row.question, language=options.language_name):
            raise Refusal(*found)
        if normalise(row.question) in seen:
            raise Refusal("duplicate", "asked before on this chunk")
        most, language = options.longest_answer_words, options.language_name
        if self._pairs:
            return gates.judge_pair(question, row.answer, max_answer_words=most, language=language)
        return gates.judge_answer(
            question,
            slot.chunk,
            row.cot_answer,
            "stop",
            max_answer_words=most,
            language=language,
        )

    def _again(
        self,
        refused: Sequence[tuple[Slot, str, Refusal]],
        chunks: Sequence[Chunk],
        messages: list[Message],
        reply: Reply,
        known: frozenset[str],
    ) -> list[Request]:
        """Ask once more for the rows refused."""
        if not refused:
            return []
        listed = "\n".join(
            f"- document {chunks.index(slot.chunk) + 1}: {text or 'no row'} ({refusal.reason})"
            for slot, text, refusal in refused
        )
        said = self._prompts.fill("repair_rows", refused=listed, count=str(len(refused)))
        # A row may come again with its own question, unless that is what was wrong.
        mended = [text for _, text, refusal in refused if refusal.gate != "duplicate"]
        known -= {normalise(text) for text in mended}
        slots = [slot for slot, *_ in refused]
        return [self._request(slots, chunks, go_on(messages, reply.text, said), known)]


def _matched(
    slots: Sequence[Slot], chunks: Sequence[Chunk], rows: Sequence[DraftRow]
) -> list[tuple[Slot, DraftRow | None]]:
    """Each slot with its row: those of its document, in their order."""
    waiting = {
        chunk.id: [row for row in rows if row.document == number or len(chunks) == 1]
        for number, chunk in enumerate(chunks, start=1)
    }
    found: list[tuple[Slot, DraftRow | None]] = []
    for slot in slots:
        mine = waiting[slot.chunk.id]
        found.append((slot, mine.pop(0) if mine else None))
    return found
