"""The life of a row: its question is asked for, answered, checked, repaired; taken or rejected.
`RowWriter.rows_of` is one coroutine for each chunk, whose requests are sent live or as batches."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

from lib.engine.faults import EndpointError
from lib.engine.replies import Reply
from lib.engine.tasks import gather_all
from lib.gen import gates
from lib.gen.ask.shares import Share, asks_whole_rows
from lib.gen.gates import Rejection
from lib.gen.own_questions import Given, label_of
from lib.prompts import teacher
from lib.prompts.student import Message, parse_answer
from lib.prompts.teacher import Draft, TeacherPrompts, load_prompts
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

# Sends a request (messages, role and sampling); it raises EndpointError where no reply comes.
Ask = Callable[..., Awaitable[Reply]]
OnQuestion = Callable[[Question], None]


@dataclass(frozen=True)
class Rating:
    question_id: str
    rating: int  # 1–5
    reason: str


@dataclass(slots=True)
class Candidate:
    """One of the questions that are wanted on a chunk, and its outcome."""

    chunk: Chunk
    place: tuple[int, int]  # of its chunk among those asked about; its own on the chunk
    repairs_left: int
    given: Given | None = None  # a question of people's own
    question: Question | None = None  # with its answer, once it is accepted
    refused: Rejected | None = None  # why it was refused last: if nothing follows, it is rejected
    rating: Rating | None = None

    @property
    def oracles(self) -> tuple[Chunk, ...]:
        return self.given.oracles if self.given else (self.chunk,)

    def by_rule(self, recipe: Recipe) -> Question | None:
        """The given question with the given reasoning, or with a quote; None = it is refused."""
        assert self.given is not None
        question, oracles, reply = self.given.question, self.oracles, ""
        try:
            reply = label_of(self.given)
            return gates.judge_given(question, oracles, reply, recipe, by_teacher=False)
        except Rejection as refusal:
            self.refused = refusal.of(question, reply)
            return None

    def with_text(self, text: str) -> Question:
        if self.given:
            return self.given.question
        return Question(f"{self.chunk.id}?{self.place[1]}", self.chunk.id, text)

    def refuse(self, refusal: Rejection, text: str, reply: str = "") -> bool:
        self.refused = refusal.of(self.with_text(text), reply)
        return self.may_repair(refusal.gate)

    def may_repair(self, gate: str) -> bool:
        """Whether it may be asked again; if so, that is counted."""
        if gate in _FINAL or not self.repairs_left:
            return False
        self.repairs_left -= 1
        return True


def candidates_of(share: Share, recipe: Recipe) -> list[Candidate]:
    places = [(share.place, number) for number in range(share.count)]
    return [Candidate(share.chunk, place, recipe.max_repairs, share.given) for place in places]


@dataclass(frozen=True)
class _Talk:
    """A conversation in which questions or whole rows are asked for."""

    messages: list[Message]
    chunks: Sequence[Chunk]  # in the order of the prompt
    whole: bool  # whether its replies hold whole rows, or questions alone
    known: frozenset[str] = frozenset()  # questions of earlier replies, normalised
    reply: str = ""  # the last one

    def then(self, said: str) -> Self:
        return replace(self, messages=teacher.go_on(self.messages, self.reply, said), reply="")


def first_request(
    shares: Sequence[Share], recipe: Recipe, prompts: TeacherPrompts
) -> dict[str, Any]:
    """The request that `rows_of` begins with: messages, max_tokens and temperature."""
    chunks, counts = [share.chunk for share in shares], [share.count for share in shares]
    is_api = is_api_record(chunks[0].text)
    if given := shares[0].given:
        task, asked = "api_answer" if is_api else "rationale", given.question
        messages = prompts.ask(task, *given.oracles, question=asked.text, answer=asked.answer)
        sampling = {"max_tokens": recipe.max_cot_answer_tokens, "temperature": recipe.temperature}
        return {"messages": messages, **sampling}
    if whole := asks_whole_rows(chunks[0], recipe):
        task = "pairs" if recipe.dataset_kind == "qa" else "joint"
    else:
        task = "instructions" if is_api else "questions"
    count = str(counts[0])
    messages = prompts.ask(task, *chunks, count=count, counts=teacher.say_counts(counts))
    return {"messages": messages, **_sampling(recipe, whole, sum(counts))}


def _sampling(recipe: Recipe, whole: bool, count: int) -> dict[str, Any]:
    tokens = count * (_ROW_TOKENS if whole else _QUESTION_TOKENS)
    max_tokens = max(recipe.max_question_tokens, tokens)
    return {"max_tokens": max_tokens, "temperature": recipe.temperature}


class RowWriter:
    """Has rows written, which do not depend on the order in which replies come."""

    def __init__(
        self, recipe: Recipe, ask: Ask, on_question: OnQuestion = lambda question: None
    ) -> None:
        self._recipe, self._send, self._on_question = recipe, ask, on_question
        self._sent, self._failures = 0, list[EndpointError]()
        self._unreadable = Counter[str]()  # what was asked for → such replies in a row
        self.prompts = load_prompts(recipe)

    async def rows_of(self, shares: Sequence[Share]) -> list[Candidate]:
        """Ask for questions, answer each, check, repair: everything about these chunks."""
        recipe, chunks, given = self._recipe, [share.chunk for share in shares], shares[0].given
        messages = first_request(shares, recipe, self.prompts)["messages"]
        candidates = [candidate for share in shares for candidate in candidates_of(share, recipe)]
        with suppress(EndpointError):  # it is counted, and the run will say so
            if given is None:
                talk = _Talk(messages, chunks, asks_whole_rows(chunks[0], recipe))
                await self._write(candidates, talk, priority=FIRST)
            else:
                talk = _Talk(messages, given.oracles, whole=bool(given.reasoning))
                question = candidates[0].by_rule(recipe) if given.reasoning else given.question
                if question is not None:
                    await self._finish(candidates[0], question, talk, question.cot_answer)
        return candidates

    async def _ask(self, messages: list[Message], **options: Any) -> Reply:
        self._sent += 1
        try:
            most = {"max_tokens": self._recipe.max_cot_answer_tokens}
            return await self._send(messages, **most | options)
        except EndpointError as error:
            self._failures.append(error)
            raise

    def demand_all(self) -> None:
        """Raises SetupError: some requests failed."""
        if self._failures:
            raise SetupError(
                f"{len(self._failures):,} of {self._sent:,} requests failed ({self._failures[0]}). "
                "The replies that came are in the ledger: run this again to ask only the missing "
                "ones. One that fails again is left out, with its reason in rejected.jsonl."
            )

    def _note_readable(self, asked_for: str, reply: str, refusal: Rejection | None) -> None:
        """Raises SetupError: it is one of many in a row that cannot be read. The refusal sentence
        can: there are pages about which nothing can be asked."""
        if refusal is None or refusal.gate not in _UNREADABLE or parse_answer(reply).refused:
            self._unreadable[asked_for] = 0
            return
        self._unreadable[asked_for] += 1
        if self._unreadable[asked_for] == _UNREADABLE_IN_ROW:
            raise SetupError(
                f"{_UNREADABLE_IN_ROW} {asked_for} of the teacher in a row cannot be read "
                f"({refusal.reason}). The last: “{one_line(reply)[:300]}”. Nothing more is asked. "
                f"{gates.remedy(refusal.gate, self._recipe)}"
            )

    async def _write(
        self, candidates: Sequence[Candidate], talk: _Talk, *, priority: int = FOLLOWING
    ) -> None:
        """Have questions written, or whole rows. Each that passes its gates goes on at once; for
        the others is asked again, together."""
        sampling = _sampling(self._recipe, talk.whole, len(candidates))
        reply = await self._ask(talk.messages, priority=priority, **sampling)
        if talk.whole:
            drafts = teacher.parse_rows(reply.text)
        else:
            drafts = [Draft(text) for text in teacher.parse_questions(reply.text)]
        if not drafts or reply.finish_reason == "content_filter":
            refusal = gates.unreadable(reply.text, reply.finish_reason)
            self._note_readable("lists of questions", reply.text, refusal)
            talk = replace(talk, reply=reply.text)
            return await self._write_unreadable_again(candidates, talk, refusal)
        self._note_readable("lists of questions", reply.text, None)
        seen = set(talk.known)
        # All questions of the reply: the order in which rows are repaired must decide nothing.
        known = talk.known | {normalise(draft.question) for draft in drafts}
        talk = replace(talk, reply=reply.text, known=known)
        following: list[Callable[[], Awaitable[None]]] = []
        refused: list[Candidate] = []
        matched = _matched(candidates, talk.chunks, drafts)
        written = {candidate.chunk.id for candidate, _ in matched}
        for chunk in talk.chunks:
            if chunk.id not in written:
                left_out = [c for c in candidates if c.chunk.id == chunk.id]
                following.append(partial(self._write_alone, left_out, chunk))
        for candidate, draft in matched:
            text, answered = draft.question, draft.cot_answer if talk.whole else ""
            try:
                gates.check_question(text, candidate.chunk, self._recipe)
                if normalise(text) in seen:
                    raise Rejection("duplicate", "asked before on this chunk")
                question = candidate.with_text(text)
                if talk.whole and self._recipe.dataset_kind == "qa":
                    question = gates.judge_pair(question, draft.answer, self._recipe)
                elif talk.whole:
                    question = gates.judge_answer(question, candidate.chunk, answered, self._recipe)
                following.append(partial(self._finish, candidate, question, talk, answered))
            except Rejection as refusal:
                if candidate.refuse(refusal, text, answered):
                    refused.append(candidate)
            seen.add(normalise(text))
        if refused:
            following.append(partial(self._write_again, refused, talk))
        # One that fails ends its row alone; the others are done when it is raised.
        for outcome in await gather_all(following, lambda step: step()):
            if isinstance(outcome, EndpointError):
                raise outcome

    async def _finish(
        self, candidate: Candidate, question: Question, talk: _Talk, reply: str
    ) -> None:
        """Answer a question, unless it came with its answer (`reply`); check the row, and take it.

        While it is refused and may be repaired, its answer is asked for again, or else another
        question; of people's own, only the reasoning.
        """
        chunk, given, recipe = candidate.chunk, candidate.given, self._recipe
        task = "api_answer" if is_api_record(chunk.text) else "answer"
        asked = self.prompts.ask(task, chunk, question=question.text)
        messages = talk.messages if given else asked
        while True:
            try:
                if not talk.whole:
                    said = await self._ask(messages, temperature=recipe.temperature)
                    reply = said.text
                    gates.check_whole(reply, said.finish_reason)
                    if given:
                        answered = question, given.oracles, reply, recipe
                        question = gates.judge_given(*answered, by_teacher=True)
                    else:
                        question = gates.judge_answer(question, chunk, reply, recipe)
                    self._note_readable("answers", reply, None)
                candidate.question = await self._checked(candidate, question)
                return self._on_question(candidate.question)
            except Rejection as refusal:
                gate, reason = refusal.gate, refusal.reason
                if not talk.whole:
                    self._note_readable("answers", reply, refusal)
                if not candidate.refuse(refusal, question.text, reply):
                    return None
            if talk.whole or gate in _QUESTIONS_FAULT:
                return None if given else await self._write_again([candidate], talk)
            repair = self.prompts.fill("repair_answer", reason=reason)
            messages = teacher.go_on(messages, reply, repair)

    async def _checked(self, candidate: Candidate, question: Question) -> Question:
        """An answered question that passed the optional checks that are on."""
        recipe, prompts, chunk = self._recipe, self.prompts, candidate.chunk
        text, answer, oracles = question.text, question.answer, candidate.oracles
        is_api = is_api_record(chunk.text)  # its answer is a call: only a rating says something
        if recipe.round_trip and not is_api:
            reply = await self._ask(prompts.ask("round_trip", *oracles, question=text))
            gates.check_whole(reply.text, reply.finish_reason)
            found = teacher.parse_short_answer(reply.text)
            if found is None:
                raise Rejection("round_trip", "asked again, the document does not answer it")
            if not same_answer(found, answer):
                reason = f"asked again, the answer is “{found[:80]}”, not “{answer[:80]}”"
                raise Rejection("round_trip", reason)
        if recipe.passage_dependency and not is_api:
            reply = await self._ask(prompts.ask("closed_book", question=text))
            found = teacher.parse_short_answer(reply.text)
            if found is not None and same_answer(found, answer):
                raise Rejection("passage_dependency", "it can be answered without the document")
        if recipe.min_rating:
            rated_answer = (question.cot_answer if is_api else "") or answer
            asked = prompts.ask("rating", *oracles, question=text, answer=rated_answer)
            reply = await self._ask(asked, role="judge")
            rated = teacher.parse_rating(reply.text)
            if rated is None:
                raise Rejection("unrated", "the judge's reply holds no rating")
            candidate.rating = Rating(question.id, *rated)
            if candidate.rating.rating < recipe.min_rating:
                reason = f"rated {candidate.rating.rating} of 5: {candidate.rating.reason[:200]}"
                raise Rejection("rating", reason)
        if recipe.rationale and not is_api and not candidate.given:
            reply = await self._ask(prompts.ask("rationale", chunk, question=text, answer=answer))
            gates.check_whole(reply.text, reply.finish_reason)
            anew = gates.judge_answer(question, chunk, reply.text, recipe)
            if not same_answer(anew.answer, answer):
                raise Rejection("rationale", f"it ends with “{anew.answer[:80]}”")
            question = anew
        return question

    async def _write_again(self, refused: Sequence[Candidate], talk: _Talk) -> None:
        """Ask for other questions in place of those refused, or once more for the rows."""
        reasons = [candidate.refused for candidate in refused if candidate.refused]
        if talk.whole:
            prompt, count = "repair_rows", str(len(refused))
            numbers = {chunk.id: number for number, chunk in enumerate(talk.chunks, start=1)}
            lines = [
                f"- document {numbers[r.chunk_id]}: {r.question} ({r.reason})" for r in reasons
            ]
            # A row may come again with its own question, unless that was the fault.
            may_repeat = {normalise(r.question) for r in reasons if r.gate != "duplicate"}
            talk = replace(talk, known=talk.known - may_repeat)
        else:
            prompt, count = "repair_questions", f"{len(refused)} question{'s' * (len(refused) > 1)}"
            lines = [f"- {r.question} ({r.reason})" for r in reasons]
        said = self.prompts.fill(prompt, refused="\n".join(lines), count=count)
        await self._write(refused, talk.then(said))

    async def _write_alone(self, left_out: Sequence[Candidate], chunk: Chunk) -> None:
        """Ask about a document that was left out of a reply on several: small models do that."""
        if again := [candidate for candidate in left_out if candidate.may_repair("left_out")]:
            shares = [Share(chunk, again[0].place[0], len(again))]
            messages = first_request(shares, self._recipe, self.prompts)["messages"]
            await self._write(again, _Talk(messages, [chunk], whole=True))

    async def _write_unreadable_again(
        self, candidates: Sequence[Candidate], talk: _Talk, refusal: Rejection
    ) -> None:
        """A reply held no row at all: ask again for all of its candidates that may be repaired. Of
        the others, those refused before stay so; else the chunk is recorded once, with no id."""
        again = []
        for candidate in candidates:
            if candidate.may_repair(refusal.gate):
                again.append(candidate)
            elif candidate.refused is None and candidate.place[1] == 0:
                candidate.refused = refusal.of(Question("", candidate.chunk.id, ""), talk.reply)
        if again:
            said = self.prompts.fill("repair_answer", reason=refusal.reason)
            await self._write(again, talk.then(said))


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
