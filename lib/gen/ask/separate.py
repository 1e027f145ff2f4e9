"""ask_mode "separate": a chunk's questions, then one answer each, asked right after them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lib.engine.replies import Reply
from lib.gen.ask import gates
from lib.gen.ask.gates import Refusal
from lib.gen.ask.optional_checks import Checks
from lib.gen.ask.options import AskOptions
from lib.gen.ask.outcome import Outcome, Slot
from lib.gen.ask.replies import parse_questions
from lib.gen.ask.requests import LEADS_ON, MAX_TOKENS, Request
from lib.prompts.student import Message
from lib.prompts.teacher import TeacherPrompts, go_on
from lib.reading.api_docs import is_api_record
from lib.records import Question
from lib.text import normalise

_QUESTION_TOKENS = 60  # room for a question, where many are asked for at once
# Of a question that its answer shows to be a bad one: another question is asked for.
_QUESTIONS_FAULT = ("told", "teacher_refused", "passage_dependency", "rating")

Asked = tuple[list[Message], str]  # the request for the questions, and its reply


class Separate:
    """Asks for questions, and for the answer to each; what is refused is asked again."""

    def __init__(
        self, options: AskOptions, prompts: TeacherPrompts, outcome: Outcome, checks: Checks
    ) -> None:
        self._options, self._prompts, self._outcome = options, prompts, outcome
        self._checks = checks

    def first(self, slots: Sequence[Slot]) -> Request:
        """The request for the questions of one chunk."""
        chunk = slots[0].chunk
        messages = self._prompts.questions(chunk, len(slots), api=is_api_record(chunk.text))
        return self._ask_questions(slots, messages, frozenset(), LEADS_ON)

    def _ask_questions(
        self,
        slots: Sequence[Slot],
        messages: list[Message],
        known: frozenset[str],
        priority: int = 0,
    ) -> Request:
        return Request(
            messages,
            partial(self._take_questions, slots, messages, known),
            max_tokens=max(MAX_TOKENS, _QUESTION_TOKENS * len(slots)),
            temperature=self._options.temperature,
            priority=priority,
            leads_to=len(slots) * (1 + self._checks.count),
        )

    def _take_questions(
        self, slots: Sequence[Slot], messages: list[Message], known: frozenset[str], reply: Reply
    ) -> list[Request]:
        """Answers for the questions that pass, and one request for others in place of the rest."""
        texts = parse_questions(reply.text)
        if not texts or reply.finish_reason == "content_filter":
            return self._no_questions(slots, messages, known, reply)
        folded = [normalise(text) for text in texts]
        talk = messages, reply.text
        # All of this reply: which of two repairs comes first decides nothing.
        known_now = known | {*folded}
        follow: list[Request] = []
        again: list[tuple[Slot, str, Refusal]] = []
        for number, (slot, text) in enumerate(zip(slots, texts, strict=False)):
            refusal = self._refusal(slot, text)
            if refusal is None and folded[number] in known | {*folded[:number]}:
                refusal = Refusal("duplicate", "asked before on this chunk")
            if refusal is None:
                follow.append(self._ask_answer(slot, text, talk, known_now))
            elif self._outcome.refuse(slot, refusal, text):
                again.append((slot, text, refusal))
        for slot in slots[len(texts) :]:
            self._outcome.left_out(slot)
        return [*follow, *self._others(again, talk, known_now)]

    def _no_questions(
        self, slots: Sequence[Slot], messages: list[Message], known: frozenset[str], reply: Reply
    ) -> list[Request]:
        refusal = gates.unreadable(reply.text, reply.finish_reason)
        again = self._outcome.unread(slots, refusal, reply.text)
        if not again:
            return []
        said = self._prompts.fill("repair_answer", reason=refusal.reason)
        return [self._ask_questions(again, go_on(messages, reply.text, said), known)]

    def _refusal(self, slot: Slot, text: str) -> Refusal | None:
        refused = gates.refuse_question(
            text,
            language=self._options.language_name,
            instruction=is_api_record(slot.chunk.text),
        )
        return Refusal(*refused) if refused else None

    def _others(
        self, refused: Sequence[tuple[Slot, str, Refusal]], talk: Asked, known: frozenset[str]
    ) -> list[Request]:
        """Ask for other questions in place of those refused."""
        if not refused:
            return []
        listed = "\n".join(f"- {text} ({refusal.reason})" for _, text, refusal in refused)
        count = f"{len(refused)} question{'s' * (len(refused) > 1)}"
        said = self._prompts.fill("repair_questions", refused=listed, count=count)
        return [self._ask_questions([slot for slot, *_ in refused], go_on(*talk, said), known)]

    # --- answers ---------------------------------------------------------------------------------

    def _ask_answer(self, slot: Slot, text: str, talk: Asked, known: frozenset[str]) -> Request:
        api = is_api_record(slot.chunk.text)
        messages = self._prompts.answer(slot.chunk, text, api=api)
        return self._answer_request(slot, text, messages, talk, known)

    def _answer_request(
        self, slot: Slot, text: str, messages: list[Message], talk: Asked, known: frozenset[str]
    ) -> Request:
        def take(reply: Reply) -> list[Request]:
            def refused(refusal: Refusal) -> list[Request]:
                if not self._outcome.refuse(slot, refusal, text, reply.text):
                    return []
                if refusal.gate in _QUESTIONS_FAULT:
                    return self._others([(slot, text, refusal)], talk, known)
                said = self._prompts.fill("repair_answer", reason=refusal.reason)
                again = go_on(messages, reply.text, said)
                return [self._answer_request(slot, text, again, talk, known)]

            try:
                answered = self._judge(slot, text, reply)
            except Refusal as refusal:
                return refused(refusal)
            return self._checks.begin(slot, answered, refused)

        return Request(
            messages,
            take,
            temperature=self._options.temperature,
            leads_to=self._checks.count,
        )

    def _judge(self, slot: Slot, text: str, reply: Reply) -> Question:
        question = slot.question(text)
        if is_api_record(slot.chunk.text):
            return gates.judge_api_answer(question, slot.chunk, reply.text, reply.finish_reason)
        return gates.judge_answer(
            question,
            slot.chunk,
            reply.text,
            reply.finish_reason,
            max_answer_words=self._options.longest_answer_words,
            language=self._options.language_name,
        )
