"""The life of a row: its question is asked for, answered, checked, repaired; taken or rejected.

`RowWriter.rows_of` is one coroutine for each chunk. It does not know how its requests are sent:
live or as batches (live.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lib.engine.faults import EndpointError
from lib.engine.replies import Reply
from lib.engine.tasks import gather_all
from lib.gen import gates
from lib.gen.ask.shares import Share, asks_whole_rows
from lib.gen.gates import Rejection
from lib.prompts.student import Message
from lib.prompts.teacher import (
    Draft,
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
from lib.settings import SetupError
from lib.text import normalise, one_line, same_answer

_UNREADABLE_IN_ROW = 20  # replies: the teacher is not paid to the end for what cannot be read
_QUESTION_TOKENS, _ROW_TOKENS = 60, 256  # room for each, where many are asked for at once
# Priorities, see lib.engine.scheduler.Scheduler: a first request leads to many others.
FIRST, FOLLOWING = 1, 0
_UNREADABLE = ("parsable", "complete", "empty", "quoted")  # gates: the reply lacks the form
_FINAL = ("content_filter", "refused")  # gates whose refusals asking again cannot mend
# Gates that show the question to be at fault: another question is asked for.
_QUESTIONS_FAULT = ("told", "teacher_refused", "passage_dependency", "rating")

# Sends one request: live.Sender.ask. It raises EndpointError where no reply came, and counts that.
Ask = Callable[..., Awaitable[Reply]]


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

    def refuse(self, refusal: Rejection, text: str, reply: str = "") -> bool:
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
    whole = asks_whole_rows(chunks[0], recipe)
    if whole:
        messages = prompts.rows(chunks, counts, pairs=recipe.dataset_kind == "qa")
    else:
        messages = prompts.questions(chunks[0], counts[0], api=is_api_record(chunks[0].text))
    return {"messages": messages, **_sampling(recipe, whole, sum(counts))}


def _sampling(recipe: Recipe, whole: bool, count: int) -> dict[str, Any]:
    tokens = count * (_ROW_TOKENS if whole else _QUESTION_TOKENS)
    max_tokens = max(recipe.max_question_tokens, tokens)
    return {"max_tokens": max_tokens, "temperature": recipe.temperature}


@dataclass(frozen=True)
class _Talk:
    """A conversation in which questions or rows are asked for: what is sent, what was known."""

    messages: list[Message]
    chunks: Sequence[Chunk]  # in the order of the prompt
    whole: bool  # whether its replies hold whole rows, or questions alone
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
        self._recipe, self._on_question = recipe, on_question
        self._ask = partial(ask, max_tokens=recipe.max_cot_answer_tokens)
        self._unreadable = Counter[str]()  # what was asked for → such replies in a row
        self.unfinished = set[str]()  # chunks about which a request failed
        self.prompts = load_prompts(recipe)

    async def rows_of(self, shares: Sequence[Share]) -> list[Candidate]:
        """Ask for questions, answer each, check, repair: everything about these chunks.

        Raises:
            SetupError: many replies in a row could not be read.
        """
        candidates = [
            Candidate(share.chunk, (share.place, number), self._recipe.max_repairs)
            for share in shares
            for number in range(share.count)
        ]
        chunks = [share.chunk for share in shares]
        messages = first_request(shares, self._recipe, self.prompts)["messages"]
        talk = _Talk(messages, chunks, asks_whole_rows(chunks[0], self._recipe))
        try:
            await self._write(candidates, talk, priority=FIRST)
        except EndpointError:  # the sender has counted it, and the run will say so
            self.unfinished |= {chunk.id for chunk in chunks}
        return candidates

    def _note_readable(self, asked_for: str, reply: Reply, refusal: Rejection | None) -> None:
        """Raises SetupError: it is one of many in a row that cannot be read."""
        if refusal is None or refusal.gate not in _UNREADABLE:
            self._unreadable[asked_for] = 0
            return
        self._unreadable[asked_for] += 1
        if self._unreadable[asked_for] == _UNREADABLE_IN_ROW:
            raise SetupError(
                f"{_UNREADABLE_IN_ROW} {asked_for} of the teacher in a row cannot be read "
                f"({refusal.reason}). The last: “{one_line(reply.text)[:300]}”. Nothing more is "
                "asked: take another teacher, or change prompt_variant, max_question_tokens or "
                "max_cot_answer_tokens."
            )

    async def _write(
        self, candidates: Sequence[Candidate], talk: _Talk, *, priority: int = FOLLOWING
    ) -> None:
        """Have questions written, or whole rows; go on at once with each that passes its gates,
        and ask again, together, for the others."""
        sampling = _sampling(self._recipe, talk.whole, len(candidates))
        reply = await self._ask(talk.messages, priority=priority, **sampling)
        if talk.whole:
            drafts = parse_rows(reply.text)
        else:
            drafts = [Draft(text) for text in parse_questions(reply.text)]
        if not drafts or reply.finish_reason == "content_filter":
            refusal = gates.unreadable(reply.text, reply.finish_reason)
            self._note_readable("lists of questions", reply, refusal)
            return await self._after_unreadable(candidates, talk, reply, refusal)
        self._note_readable("lists of questions", reply, None)
        now = talk.with_reply(reply, (normalise(draft.question) for draft in drafts))
        following: list[Callable[[], Awaitable[None]]] = []
        refused: list[Candidate] = []
        seen = set(talk.known)
        for candidate, draft in _matched(candidates, talk.chunks, drafts):
            try:
                self._check_question(draft.question, candidate.chunk, seen)
                if talk.whole:
                    question = self._answered_in(draft, candidate)
                    following.append(partial(self._check_row, candidate, draft, question, now))
                else:
                    following.append(partial(self._answer, candidate, draft.question, now))
            except Rejection as refusal:
                if candidate.refuse(
                    refusal, draft.question, draft.cot_answer if talk.whole else ""
                ):
                    refused.append(candidate)
            seen.add(normalise(draft.question))
        if refused:
            following.append(partial(self._write_again, refused, now))
        # One that fails ends its row alone; the others are done when it is raised.
        for outcome in await gather_all(following, lambda follow: follow()):
            if isinstance(outcome, EndpointError):
                raise outcome

    async def _write_again(self, refused: Sequence[Candidate], talk: _Talk) -> None:
        """Ask for other questions in place of those refused, or once more for the rows."""
        reasons = [candidate.refused for candidate in refused if candidate.refused]
        if talk.whole:
            prompt, count = "repair_rows", str(len(refused))
            numbers = {chunk.id: number for number, chunk in enumerate(talk.chunks, start=1)}
            lines = [
                f"- document {numbers[r.chunk_id]}: {r.question} ({r.reason})" for r in reasons
            ]
            # A row may come again with its own question, unless that is what was wrong.
            may_repeat = {normalise(r.question) for r in reasons if r.gate != "duplicate"}
            talk = replace(talk, known=talk.known - may_repeat)
        else:
            prompt, count = "repair_questions", f"{len(refused)} question{'s' * (len(refused) > 1)}"
            lines = [f"- {r.question} ({r.reason})" for r in reasons]
        said = self.prompts.fill(prompt, refused="\n".join(lines), count=count)
        await self._write(refused, talk.then(said))

    async def _after_unreadable(
        self, candidates: Sequence[Candidate], talk: _Talk, reply: Reply, refusal: Rejection
    ) -> None:
        """A reply held no row at all: ask again for all of its candidates that may be repaired.

        Of the others, those refused before stay rejected for that; else the chunk is recorded once,
        with no question's id.
        """
        again = []
        for candidate in candidates:
            if candidate.may_repair(refusal.gate):
                again.append(candidate)
            elif candidate.refused is None and candidate.place[1] == 0:
                candidate.refused = refusal.of(Question("", candidate.chunk.id, ""), reply.text)
        if again:
            said = self.prompts.fill("repair_answer", reason=refusal.reason)
            await self._write(again, talk.with_reply(reply, ()).then(said))

    # --- ask_mode "separate": each answer is asked for -------------------------------------------

    async def _answer(self, candidate: Candidate, text: str, talk: _Talk) -> None:
        """The answer to one question; asked again while it is refused and may be repaired."""
        chunk = candidate.chunk
        messages = self.prompts.answer(chunk, text, api=is_api_record(chunk.text))
        while True:
            reply = await self._ask(messages, temperature=self._recipe.temperature)
            try:
                question = candidate.with_text(text)
                question = self._judged(question, chunk, reply.text, reply.finish_reason)
                self._note_readable("answers", reply, None)
                return await self._take(candidate, question)
            except Rejection as refusal:
                self._note_readable("answers", reply, refusal)
                gate, reason = refusal.gate, refusal.reason
                may_repair = candidate.refuse(refusal, text, reply.text)
            if not may_repair:
                return None
            if gate in _QUESTIONS_FAULT:
                return await self._write_again([candidate], talk)
            said = self.prompts.fill("repair_answer", reason=reason)
            messages = go_on(messages, reply.text, said)

    # --- ask_mode "joint", and plain pairs: the row has its answer -------------------------------

    def _answered_in(self, draft: Draft, candidate: Candidate) -> Question:
        question = candidate.with_text(draft.question)
        if self._recipe.dataset_kind == "qa":
            return gates.judge_pair(question, draft.answer, self._recipe)
        return self._judged(question, candidate.chunk, draft.cot_answer, "stop")

    async def _check_row(
        self, candidate: Candidate, draft: Draft, question: Question, talk: _Talk
    ) -> None:
        try:
            return await self._take(candidate, question)
        except Rejection as refusal:
            may_repair = candidate.refuse(refusal, draft.question, draft.cot_answer)
        if may_repair:
            await self._write_again([candidate], talk)
        return None

    # --- gates and checks ------------------------------------------------------------------------

    def _check_question(self, text: str, chunk: Chunk, seen: Collection[str]) -> None:
        """Raises Rejection: a gate refuses the question, or it is one of those seen, normalised."""
        gates.check_question(text, self._recipe, instruction=is_api_record(chunk.text))
        if normalise(text) in seen:
            raise Rejection("duplicate", "asked before on this chunk")

    def _judged(self, question: Question, chunk: Chunk, text: str, finish_reason: str) -> Question:
        """The question with its answer, or a Rejection that is raised."""
        if is_api_record(chunk.text):
            return gates.judge_api_answer(question, chunk, text, finish_reason)
        return gates.judge_answer(question, chunk, text, finish_reason, self._recipe)

    async def _take(self, candidate: Candidate, question: Question) -> None:
        """Take an answered question, once it passed the optional checks that are on.

        Raises:
            Rejection: by the first that fails.
        """
        recipe, prompts, chunk = self._recipe, self.prompts, candidate.chunk
        is_api = is_api_record(chunk.text)  # its answer is a call: only a rating says something
        if recipe.round_trip and not is_api:
            reply = await self._ask(prompts.round_trip(chunk, question.text))
            gates.check_whole(reply.text, reply.finish_reason)
            found = parse_short_answer(reply.text)
            if found is None:
                raise Rejection("round_trip", "asked again, the document does not answer it")
            if not same_answer(found, question.answer):
                reason = f"asked again, the answer is “{found[:80]}”, not “{question.answer[:80]}”"
                raise Rejection("round_trip", reason)
        if recipe.passage_dependency and not is_api:
            reply = await self._ask(prompts.closed_book(question.text))
            found = parse_short_answer(reply.text)
            if found is not None and same_answer(found, question.answer):
                raise Rejection("passage_dependency", "it can be answered without the document")
        if recipe.min_rating:
            answer = question.cot_answer if is_api else question.answer
            reply = await self._ask(prompts.rating(chunk, question.text, answer), role="judge")
            rated = parse_rating(reply.text)
            if rated is None:
                raise Rejection("unrated", "the judge's reply holds no rating")
            candidate.rating = Rating(question.id, *rated)
            if candidate.rating.rating < recipe.min_rating:
                reason = f"rated {candidate.rating.rating} of 5: {candidate.rating.reason[:200]}"
                raise Rejection("rating", reason)
        if recipe.rationale and not is_api:
            reply = await self._ask(prompts.rationale(chunk, question.text, question.answer))
            anew = self._judged(question, chunk, reply.text, reply.finish_reason)
            if not same_answer(anew.answer, question.answer):
                raise Rejection("rationale", f"it ends with “{anew.answer[:80]}”")
            question = anew
        candidate.question = question
        self._on_question(question)


def _matched(
    candidates: Sequence[Candidate], chunks: Sequence[Chunk], drafts: Sequence[Draft]
) -> list[tuple[Candidate, Draft]]:
    """Each candidate with the next draft on its document. A reply may hold fewer than asked."""
    waiting = {
        chunk.id: [draft for draft in drafts if draft.document == number or len(chunks) == 1]
        for number, chunk in enumerate(chunks, start=1)
    }
    pairs = ((candidate, waiting[candidate.chunk.id]) for candidate in candidates)
    return [(candidate, mine.pop(0)) for candidate, mine in pairs if mine]
