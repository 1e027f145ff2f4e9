"""What is optional behind the gates: round trip, passage dependency, rating, rationale."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lib.engine.replies import Reply
from lib.gen.ask import gates
from lib.gen.ask.gates import Refusal
from lib.gen.ask.options import AskOptions
from lib.gen.ask.outcome import Outcome, Slot
from lib.gen.ask.replies import parse_rating, parse_short_answer
from lib.gen.ask.requests import Request
from lib.prompts.student import Message
from lib.prompts.teacher import TeacherPrompts
from lib.reading.api_docs import is_api_record
from lib.records import Question
from lib.text import same_answer

Refused = Callable[[Refusal], list[Request]]  # asks again, or rejects
Judge = Callable[[Reply], Question]  # the row as the reply leaves it, or a Refusal
Step = Callable[[Slot, Question], tuple[list[Message], Judge]]


class Checks:
    """Takes a row through the checks that are on; the first that fails ends it."""

    def __init__(
        self, options: AskOptions, prompts: TeacherPrompts, outcome: Outcome, *, judge_role: str
    ) -> None:
        self._options, self._prompts, self._outcome = options, prompts, outcome
        self._judge_role = judge_role
        steps: dict[Step, bool] = {
            self._round_trip: options.round_trip,
            self._closed_book: options.passage_dependency,
            self._rating: options.min_rating > 0,
            self._rationale: options.rationale,
        }
        self._steps = [step for step, is_on in steps.items() if is_on]

    @property
    def count(self) -> int:
        """How many requests a row takes that passes them all."""
        return len(self._steps)

    def begin(self, slot: Slot, question: Question, refused: Refused) -> list[Request]:
        """The first request, or none: then the row is accepted."""
        steps = self._steps
        if is_api_record(slot.chunk.text):  # its answer is a call: only a rating says something
            steps = [step for step in steps if step == self._rating]
        return self._go_on(steps, slot, question, refused)

    def _go_on(
        self, steps: Sequence[Step], slot: Slot, question: Question, refused: Refused
    ) -> list[Request]:
        if not steps:
            self._outcome.accept(slot, question)
            return []
        messages, judge = steps[0](slot, question)
        role = self._judge_role if steps[0] == self._rating else "teacher"

        def take(reply: Reply) -> list[Request]:
            try:
                judged = judge(reply)
            except Refusal as refusal:
                return refused(refusal)
            return self._go_on(steps[1:], slot, judged, refused)

        return [Request(messages, take, role=role, leads_to=len(steps) - 1)]

    def _round_trip(self, slot: Slot, question: Question) -> tuple[list[Message], Judge]:
        def judge(reply: Reply) -> Question:
            gates.check_whole(reply.text, reply.finish_reason)
            found = parse_short_answer(reply.text)
            if found is None:
                raise Refusal("round_trip", "asked again, the document does not answer it")
            if not same_answer(found, question.answer):
                reason = f"asked again, the answer is “{found[:80]}”, not “{question.answer[:80]}”"
                raise Refusal("round_trip", reason)
            return question

        return self._prompts.round_trip(slot.chunk, question.text), judge

    def _closed_book(self, slot: Slot, question: Question) -> tuple[list[Message], Judge]:
        def judge(reply: Reply) -> Question:
            found = parse_short_answer(reply.text)
            if found is not None and same_answer(found, question.answer):
                raise Refusal("passage_dependency", "it can be answered without the document")
            return question

        return self._prompts.closed_book(question.text), judge

    def _rating(self, slot: Slot, question: Question) -> tuple[list[Message], Judge]:
        def judge(reply: Reply) -> Question:
            rated = parse_rating(reply.text)
            if rated is None:
                raise Refusal("unrated", "the judge's reply holds no rating")
            rating, reason = rated
            self._outcome.rate(slot, rating, reason)
            if rating < self._options.min_rating:
                raise Refusal("rating", f"rated {rating} of 5: {reason[:200]}")
            return question

        answer = question.cot_answer if is_api_record(slot.chunk.text) else question.answer
        return self._prompts.rating(slot.chunk, question.text, answer), judge

    def _rationale(self, slot: Slot, question: Question) -> tuple[list[Message], Judge]:
        def judge(reply: Reply) -> Question:
            judged = gates.judge_answer(
                question,
                slot.chunk,
                reply.text,
                reply.finish_reason,
                max_answer_words=self._options.longest_answer_words,
                language=self._options.language_name,
            )
            if not same_answer(judged.answer, question.answer):
                raise Refusal("rationale", f"it ends with “{judged.answer[:80]}”")
            return judged

        messages = self._prompts.rationale(slot.chunk, question.text, question.answer)
        return messages, judge
