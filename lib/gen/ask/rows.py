"""The life of a row: its question is asked for, answered, checked, repaired; taken or rejected.

`RowWriter.rows_of` is one coroutine for each chunk. It does not know how its requests are sent:
live or as batches (live.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from lib.engine.faults import EndpointError
from lib.engine.replies import Reply
from lib.engine.tasks import gather_all
from lib.gen import gates
from lib.gen.ask.shares import Share, asks_whole_rows
from lib.gen.gates import Refusal
from lib.prompts.languages import language_name
from lib.prompts.student import Message
from lib.prompts.teacher import (
    DraftRow,
    TeacherPrompts,
    go_on,
    load_prompts,
    parse_questions,
    parse_rating,
    parse_rows,
    parse_short_answer,
)
from lib.reading.files.api import is_api_record
from lib.recipe import Recipe
from lib.records import Chunk, Question, Rejected
from lib.text import normalise, same_answer

MAX_TOKENS = 2048  # of a reply: reasoning models spend tokens before they write
_QUESTION_TOKENS, _ROW_TOKENS = 60, 256  # room for each, where many are asked for at once
# Priorities, see lib.engine.scheduler.Scheduler: a first request leads to many others.
FIRST, FOLLOWING = 1, 0
_FINAL = ("content_filter", "refused")  # gates whose refusals asking again cannot mend
# Gates that show the question to be at fault: another question is asked for.
_QUESTIONS_FAULT = ("told", "teacher_refused", "passage_dependency", "rating")


class Ask(Protocol):
    """Sends one request. The role "judge" is the teacher's where the judge has no endpoint."""

    async def __call__(
        self,
        messages: list[Message],
        *,
        max_tokens: int = MAX_TOKENS,
        temperature: float = 0.0,
        role: str = "teacher",
        priority: int = FOLLOWING,
    ) -> Reply:
        """Raises EndpointError: there is no reply. The sender has counted that."""


@dataclass(frozen=True)
class Rating:
    """What the judge thinks of a row."""

    question_id: str
    rating: int  # 1–5
    reason: str


@dataclass(slots=True)
class Candidate:
    """One of the questions that are wanted on a chunk, and what became of it."""

    chunk: Chunk
    place: tuple[int, int]  # of its chunk among those asked about; its own on the chunk
    repairs_left: int
    question: Question | None = None  # with its answer, once it is accepted
    refused: Rejected | None = None  # why it was refused last: if nothing follows, it is rejected
    rating: Rating | None = None

    def with_text(self, text: str) -> Question:
        return Question(f"{self.chunk.id}?{self.place[1]}", self.chunk.id, text)

    def refuse(self, refusal: Refusal, text: str, reply: str = "") -> bool:
        """Whether it may be asked again."""
        self.refused = refusal.of(self.with_text(text), reply)
        return self.may_repair(refusal.gate)

    def may_repair(self, gate: str) -> bool:
        """Whether it may be asked again; if so, that is counted."""
        if gate in _FINAL or not self.repairs_left:
            return False
        self.repairs_left -= 1
        return True


def first_request(
    shares: Sequence[Share], recipe: Recipe, prompts: TeacherPrompts
) -> dict[str, Any]:
    """The request that `rows_of` begins with: messages, max_tokens and temperature."""
    chunks, counts = [share.chunk for share in shares], [share.count for share in shares]
    if asks_whole_rows(chunks[0], recipe):
        messages = prompts.rows(chunks, counts, pairs=recipe.dataset_kind == "qa")
        tokens = _ROW_TOKENS * sum(counts)
    else:
        messages = prompts.questions(chunks[0], counts[0], api=is_api_record(chunks[0].text))
        tokens = _QUESTION_TOKENS * counts[0]
    return {"messages": messages, **_sampling(recipe, tokens)}


def _sampling(recipe: Recipe, tokens: int) -> dict[str, Any]:
    return {"max_tokens": max(MAX_TOKENS, tokens), "temperature": recipe.temperature}


@dataclass(frozen=True)
class _Talk:
    """A conversation in which questions or rows are asked for: what is sent, what was known."""

    messages: list[Message]
    chunks: Sequence[Chunk]  # in the order of the prompt
    known: frozenset[str] = frozenset()  # questions of earlier replies, normalised
    reply: str = ""

    def with_reply(self, reply: Reply, questions: Iterable[str]) -> _Talk:
        # All questions of the reply: which of two repairs comes first decides nothing.
        return replace(self, reply=reply.text, known=self.known | {*questions})

    def then(self, said: str) -> _Talk:
        return replace(self, messages=go_on(self.messages, self.reply, said), reply="")


class RowWriter:
    """Has rows written on one chunk, or on the small chunks that share a request, after another.

    Rows do not depend on the order in which replies come.

    Raises:
        SetupError: the prompts cannot be read.
    """

    def __init__(
        self,
        recipe: Recipe,
        ask: Ask,
        on_question: Callable[[Question], None] = lambda question: None,
    ) -> None:
        self._recipe, self._ask, self._on_question = recipe, ask, on_question
        self.prompts = load_prompts(recipe)
        self._language = language_name(recipe.language)
        self._max_answer_words = gates.longest_answer_words(recipe)

    async def rows_of(self, shares: Sequence[Share]) -> list[Candidate]:
        """Ask for questions, answer each, check, repair: everything about these chunks."""
        candidates = [
            Candidate(share.chunk, (share.place, number), self._recipe.max_repairs)
            for share in shares
            for number in range(share.count)
        ]
        chunks = [share.chunk for share in shares]
        talk = _Talk(first_request(shares, self._recipe, self.prompts)["messages"], chunks)
        whole = asks_whole_rows(chunks[0], self._recipe)
        with suppress(EndpointError):  # the sender has counted it, and the run will say so
            await (self._rows if whole else self._questions)(candidates, talk, priority=FIRST)
        return candidates

    async def _ask_for(
        self, candidates: Sequence[Candidate], talk: _Talk, tokens_each: int, priority: int
    ) -> Reply:
        sampling = _sampling(self._recipe, tokens_each * len(candidates))
        return await self._ask(talk.messages, priority=priority, **sampling)

    # --- ask_mode "separate": questions, then one answer each ------------------------------------

    async def _questions(
        self, candidates: Sequence[Candidate], talk: _Talk, *, priority: int = FOLLOWING
    ) -> None:
        """Questions, then at once an answer to each good one and others in place of the rest."""
        reply = await self._ask_for(candidates, talk, _QUESTION_TOKENS, priority)
        texts = parse_questions(reply.text)
        if not texts or reply.finish_reason == "content_filter":
            return await self._after_unreadable(candidates, talk, reply, self._questions)
        normalised = [normalise(text) for text in texts]
        now = talk.with_reply(reply, normalised)
        is_api = is_api_record(candidates[0].chunk.text)
        answers: list[Callable[[], Awaitable[None]]] = []
        refused: list[Candidate] = []
        for number, (candidate, text) in enumerate(zip(candidates, texts, strict=False)):
            refusal = gates.refuse_question(text, language=self._language, instruction=is_api)
            if refusal is None and normalised[number] in talk.known | {*normalised[:number]}:
                refusal = Refusal("duplicate", "asked before on this chunk")
            if refusal is None:
                answers.append(partial(self._answer, candidate, text, now))
            elif candidate.refuse(refusal, text):
                refused.append(candidate)
        others = [partial(self._other_questions, refused, now)] if refused else []
        return await _at_once([*answers, *others])

    async def _other_questions(self, refused: Sequence[Candidate], talk: _Talk) -> None:
        """Ask for other questions in place of those refused."""
        reasons = [candidate.refused for candidate in refused if candidate.refused]
        listed = "\n".join(f"- {reason.question} ({reason.reason})" for reason in reasons)
        count = f"{len(refused)} question{'s' * (len(refused) > 1)}"
        said = self.prompts.fill("repair_questions", refused=listed, count=count)
        await self._questions(refused, talk.then(said))

    async def _answer(self, candidate: Candidate, text: str, talk: _Talk) -> None:
        """The answer to one question; asked again while it is refused and may be repaired."""
        chunk = candidate.chunk
        messages = self.prompts.answer(chunk, text, api=is_api_record(chunk.text))
        while True:
            reply = await self._ask(messages, temperature=self._recipe.temperature)
            try:
                question = candidate.with_text(text)
                question = self._judged(question, chunk, reply.text, reply.finish_reason)
                return self._accept(candidate, await self._checked(candidate, question))
            except Refusal as refusal:
                gate, reason = refusal.gate, refusal.reason
                may_repair = candidate.refuse(refusal, text, reply.text)
            if not may_repair:
                return None
            if gate in _QUESTIONS_FAULT:
                return await self._other_questions([candidate], talk)
            said = self.prompts.fill("repair_answer", reason=reason)
            messages = go_on(messages, reply.text, said)

    # --- ask_mode "joint", and plain pairs: one reply holds whole rows ---------------------------

    async def _rows(
        self, candidates: Sequence[Candidate], talk: _Talk, *, priority: int = FOLLOWING
    ) -> None:
        """Rows for the candidates; those refused are asked again together."""
        reply = await self._ask_for(candidates, talk, _ROW_TOKENS, priority)
        rows = parse_rows(reply.text)
        if not rows or reply.finish_reason == "content_filter":
            return await self._after_unreadable(candidates, talk, reply, self._rows)
        now = talk.with_reply(reply, (normalise(row.question) for row in rows))
        checks: list[Callable[[], Awaitable[None]]] = []
        refused: list[Candidate] = []
        seen = set(talk.known)
        for candidate, row in _matched(candidates, talk.chunks, rows):
            try:
                question = self._row(candidate, row, seen)
                checks.append(partial(self._check_row, candidate, row, question, now))
            except Refusal as refusal:
                if candidate.refuse(refusal, row.question, row.cot_answer):
                    refused.append(candidate)
            seen.add(normalise(row.question))
        again = [partial(self._rows_again, refused, now)] if refused else []
        return await _at_once([*checks, *again])

    def _row(self, candidate: Candidate, row: DraftRow, seen: set[str]) -> Question:
        """The row as a question with its answer, or a Refusal that is raised."""
        question = candidate.with_text(row.question)
        if refusal := gates.refuse_question(row.question, language=self._language):
            raise refusal
        if normalise(row.question) in seen:
            raise Refusal("duplicate", "asked before on this chunk")
        if self._recipe.dataset_kind == "qa":
            return gates.judge_pair(
                question,
                row.answer,
                max_answer_words=self._max_answer_words,
                language=self._language,
            )
        return self._judged(question, candidate.chunk, row.cot_answer, "stop")

    async def _check_row(
        self, candidate: Candidate, row: DraftRow, question: Question, talk: _Talk
    ) -> None:
        try:
            return self._accept(candidate, await self._checked(candidate, question))
        except Refusal as refusal:
            may_repair = candidate.refuse(refusal, row.question, row.cot_answer)
        if may_repair:
            await self._rows_again([candidate], talk)
        return None

    async def _rows_again(self, refused: Sequence[Candidate], talk: _Talk) -> None:
        """Ask once more for the rows refused."""
        reasons = [candidate.refused for candidate in refused if candidate.refused]
        numbers = {chunk.id: number for number, chunk in enumerate(talk.chunks, start=1)}
        listed = "\n".join(
            f"- document {numbers[reason.chunk_id]}: {reason.question} ({reason.reason})"
            for reason in reasons
        )
        said = self.prompts.fill("repair_rows", refused=listed, count=str(len(refused)))
        # A row may come again with its own question, unless that is what was wrong.
        mended = {normalise(reason.question) for reason in reasons if reason.gate != "duplicate"}
        await self._rows(refused, replace(talk.then(said), known=talk.known - mended))

    # --- gates and checks ------------------------------------------------------------------------

    def _judged(self, question: Question, chunk: Chunk, text: str, finish_reason: str) -> Question:
        """The question with its answer, or a Refusal that is raised."""
        if is_api_record(chunk.text):
            return gates.judge_api_answer(question, chunk, text, finish_reason)
        return gates.judge_answer(
            question,
            chunk,
            text,
            finish_reason,
            max_answer_words=self._max_answer_words,
            language=self._language,
        )

    async def _checked(self, candidate: Candidate, question: Question) -> Question:
        """Take an answered question through the optional checks that are on.

        Raises:
            Refusal: by the first that fails.
        """
        recipe, prompts, chunk = self._recipe, self.prompts, candidate.chunk
        is_api = is_api_record(chunk.text)  # its answer is a call: only a rating says something
        if recipe.round_trip and not is_api:
            reply = await self._ask(prompts.round_trip(chunk, question.text))
            gates.check_whole(reply.text, reply.finish_reason)
            found = parse_short_answer(reply.text)
            if found is None:
                raise Refusal("round_trip", "asked again, the document does not answer it")
            if not same_answer(found, question.answer):
                reason = f"asked again, the answer is “{found[:80]}”, not “{question.answer[:80]}”"
                raise Refusal("round_trip", reason)
        if recipe.passage_dependency and not is_api:
            reply = await self._ask(prompts.closed_book(question.text))
            found = parse_short_answer(reply.text)
            if found is not None and same_answer(found, question.answer):
                raise Refusal("passage_dependency", "it can be answered without the document")
        if recipe.min_rating:
            answer = question.cot_answer if is_api else question.answer
            reply = await self._ask(prompts.rating(chunk, question.text, answer), role="judge")
            rated = parse_rating(reply.text)
            if rated is None:
                raise Refusal("unrated", "the judge's reply holds no rating")
            candidate.rating = Rating(question.id, *rated)
            if candidate.rating.rating < recipe.min_rating:
                reason = f"rated {candidate.rating.rating} of 5: {candidate.rating.reason[:200]}"
                raise Refusal("rating", reason)
        if recipe.rationale and not is_api:
            reply = await self._ask(prompts.rationale(chunk, question.text, question.answer))
            anew = self._judged(question, chunk, reply.text, reply.finish_reason)
            if not same_answer(anew.answer, question.answer):
                raise Refusal("rationale", f"it ends with “{anew.answer[:80]}”")
            question = anew
        return question

    def _accept(self, candidate: Candidate, question: Question) -> None:
        candidate.question = question
        self._on_question(question)

    async def _after_unreadable(
        self,
        candidates: Sequence[Candidate],
        talk: _Talk,
        reply: Reply,
        ask_again: Callable[[Sequence[Candidate], _Talk], Awaitable[None]],
    ) -> None:
        """A reply held no row at all: ask again for all of its candidates that may be repaired.

        Of the others, those refused before stay rejected for that; else the chunk is recorded once,
        with no question's id.
        """
        refusal = gates.unreadable(reply.text, reply.finish_reason)
        again = []
        for candidate in candidates:
            if candidate.may_repair(refusal.gate):
                again.append(candidate)
            elif candidate.refused is None and candidate.place[1] == 0:
                candidate.refused = refusal.of(Question("", candidate.chunk.id, ""), reply.text)
        if again:
            said = self.prompts.fill("repair_answer", reason=refusal.reason)
            await ask_again(again, talk.with_reply(reply, ()).then(said))


async def _at_once(calls: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Await all of them together. A request that failed ends its own row alone."""
    await gather_all(calls, lambda call: call())


def _matched(
    candidates: Sequence[Candidate], chunks: Sequence[Chunk], rows: Sequence[DraftRow]
) -> list[tuple[Candidate, DraftRow]]:
    """Each candidate with the next row on its document. A reply may hold fewer rows than asked."""
    waiting = {
        chunk.id: [row for row in rows if row.document == number or len(chunks) == 1]
        for number, chunk in enumerate(chunks, start=1)
    }
    pairs = ((candidate, waiting[candidate.chunk.id]) for candidate in candidates)
    return [(candidate, mine.pop(0)) for candidate, mine in pairs if mine]
