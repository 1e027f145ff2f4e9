"""Where rows end: accepted or rejected, in the order of the chunks whatever came first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from lib.gen.ask.gates import Refusal
from lib.records import Chunk, Question, Rejected

# What asking again cannot mend.
FINAL = ("content_filter", "refused")


@dataclass(frozen=True)
class Rating:
    """What the judge thinks of a row."""

    question_id: str
    rating: int  # 1–5
    reason: str


@dataclass(slots=True)
class Slot:
    """A row to be: one of the questions that are wanted on a chunk."""

    chunk: Chunk
    place: int  # of its chunk among those asked about
    number: int  # of the question on its chunk
    repairs_left: int
    refused: Rejected | None = None  # why it was asked again last
    repaired: bool = False

    @property
    def id(self) -> str:
        return f"{self.chunk.id}?{self.number}"

    def question(self, text: str) -> Question:
        return Question(self.id, self.chunk.id, text)

    def may_repair(self, gate: str) -> bool:
        """Whether it may be asked again; if so, that is counted."""
        if gate in FINAL or not self.repairs_left:
            return False
        self.repairs_left -= 1
        self.repaired = True
        return True


@dataclass
class Outcome:
    """The rows so far."""

    on_question: Callable[[Question], None] = lambda question: None
    repaired: int = 0  # accepted after they had been refused
    _accepted: dict[tuple[int, int], Question] = field(default_factory=dict)
    _rejected: dict[tuple[int, int], Rejected] = field(default_factory=dict)
    _ratings: dict[tuple[int, int], Rating] = field(default_factory=dict)

    def accept(self, slot: Slot, question: Question) -> None:
        self._accepted[slot.place, slot.number] = question
        self.repaired += slot.repaired
        self.on_question(question)

    def refuse(self, slot: Slot, refusal: Refusal, text: str, reply: str = "") -> bool:
        """Whether the row may be asked again; else it is rejected."""
        slot.refused = refusal.of(slot.question(text), reply)
        if slot.may_repair(refusal.gate):
            return True
        self._reject(slot, slot.refused)
        return False

    def left_out(self, slot: Slot) -> None:
        """A reply has nothing for it. A chunk may give fewer rows; one refused stays refused."""
        if slot.refused:
            self._reject(slot, slot.refused)

    def unread(self, slots: Sequence[Slot], refusal: Refusal, reply: str) -> list[Slot]:
        """A reply could not be read at all: the slots to ask again.

        Of the others those that were refused before are rejected for that; else the chunk is
        recorded once, with no question's id.
        """
        again = []
        for slot in slots:
            if slot.may_repair(refusal.gate):
                again.append(slot)
            elif slot.refused:
                self._reject(slot, slot.refused)
            elif slot.number == 0:
                of_chunk = Rejected("", slot.chunk.id, refusal.gate, refusal.reason)
                self._reject(slot, replace(of_chunk, cot_answer=reply))
        return again

    def rate(self, slot: Slot, rating: int, reason: str) -> None:
        self._ratings[slot.place, slot.number] = Rating(slot.id, rating, reason)

    def _reject(self, slot: Slot, rejected: Rejected) -> None:
        self._rejected[slot.place, slot.number] = rejected

    @property
    def questions(self) -> list[Question]:
        return [question for _, question in sorted(self._accepted.items())]

    @property
    def rejected(self) -> list[Rejected]:
        return [rejected for _, rejected in sorted(self._rejected.items())]

    @property
    def ratings(self) -> list[Rating]:
        return [rating for _, rating in sorted(self._ratings.items())]
