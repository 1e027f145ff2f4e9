"""What a question can share with training: chunks, words, answers.

- `chunks`: its oracle, or a chunk that counts as the same (lib/duplicates.py), stands in a training
  or validation row, as oracle or as distractor.
- `questions`: a training question has the same words, or nearly: of the words of both, a share of
  SAME_WORDS is common to both (Jaccard).
- `answers`: a training question has the same answer ("1838", "in 1838"), and asks for it in other
  words: of the words that are rare among questions, all of one stand in the other, and are at
  least half of them.

"How tall is the north tower?" tells nothing of the south tower, whatever words are shared: each has
a rare word that the other lacks. Names and numbers tell things apart however common they are, as
those of a few products are among the questions on them.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lib.duplicates import conflicts
from lib.eval.questions import UNKNOWN, EvalQuestion
from lib.records import Chunk, RaftExample
from lib.text import normalise, same_answer, terms

SAME_WORDS = 0.9
# A word of more questions than this is common: "what", "the", and what the documents are all about.
COMMON_SHARE, COMMON_AT_LEAST = 0.05, 5


@dataclass(frozen=True)
class Leak:
    """One question that shares something with training; the first that it shares it with."""

    kind: str  # a key of KINDS
    question_id: str
    question: str
    row_id: str  # of the training or validation row
    found: str  # the chunk's id; the other question


# --- chunks --------------------------------------------------------------------------------------


def of_chunks(
    questions: Sequence[EvalQuestion], rows: Sequence[RaftExample], chunks: Sequence[Chunk]
) -> Iterator[Leak]:
    """Leaks of kind "chunks"; `chunks` are all that the dataset has."""
    holders: dict[str, str] = {}  # chunk → the first row that has it
    for row in rows:
        for chunk in (row.oracle, *row.context):
            holders.setdefault(chunk.id, row.id)
    same = conflicts(chunks)  # among all: only there does boilerplate show
    for question in questions:
        oracle = question.oracle
        if oracle == UNKNOWN:
            continue
        for chunk_id in (oracle.id, *sorted(same.get(oracle.id, ()))):
            if chunk_id in holders:
                yield Leak("chunks", question.id, question.text, holders[chunk_id], chunk_id)
                break


# --- words ---------------------------------------------------------------------------------------


class Vocabulary:
    """The words of questions, and in how many of them each stands."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.sets = {text: _words(text) for text in dict.fromkeys(texts)}
        self.counts = Counter(word for words in self.sets.values() for word in words)
        self._common = max(COMMON_AT_LEAST, COMMON_SHARE * len(self.sets))

    def prefix(self, text: str) -> list[str]:
        """Its rarest words, so many that two texts with SAME_WORDS in common share one of them.

        (Prefix filtering: Bayardo, Ma and Srikant, "Scaling up all pairs similarity search", 2007.)
        """
        words = sorted(self.sets[text], key=lambda word: (self.counts[word], word))
        return words[: len(words) - math.ceil(SAME_WORDS * len(words) - 1e-9) + 1]

    def same(self, text: str, other: str) -> bool:
        words, others = self.sets[text], self.sets[other]
        alike = len(words & others) >= SAME_WORDS * len(words | others)
        return alike and not self.name_others(text, other)

    def rarest_first(self, text: str) -> list[str]:
        """Its words that are not common."""
        rare = [word for word in self.sets[text] if self.counts[word] <= self._common]
        return sorted(rare, key=lambda word: (self.counts[word], word))

    def name_others(self, text: str, other: str) -> bool:
        """Whether each has a name or a number that the other lacks."""
        words, others = self.sets[text], self.sets[other]
        return bool(_names(text) - others and _names(other) - words)


def _names(text: str) -> set[str]:
    """Its words with a capital letter, the first aside, or with a digit."""
    first, *more = re.findall(r"\w+", text) or [""]
    found = [word for word in more if word != word.lower()]
    found += [word for word in (first, *more) if any(map(str.isdigit, word))]
    return {term for word in found for term in terms(word)}


def _words(text: str) -> frozenset[str]:
    """Case and punctuation aside; what has no words stands for itself."""
    return frozenset(terms(text)) or frozenset([normalise(text)])


def of_questions(
    questions: Sequence[EvalQuestion], rows: Sequence[RaftExample], vocabulary: Vocabulary
) -> Iterator[Leak]:
    by_word: dict[str, list[int]] = defaultdict(list)  # the places in rows
    for place, row in enumerate(rows):
        for word in vocabulary.prefix(row.question.text):
            by_word[word].append(place)
    for question in questions:
        places = {place for w in vocabulary.prefix(question.text) for place in by_word[w]}
        for place in sorted(places):
            if vocabulary.same(question.text, rows[place].question.text):
                yield _leak("questions", question, rows[place])
                break


def of_answers(
    questions: Sequence[EvalQuestion], rows: Sequence[RaftExample], vocabulary: Vocabulary
) -> Iterator[Leak]:
    by_word: dict[str, list[int]] = defaultdict(list)  # the places in rows
    by_rarest: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        rare = vocabulary.rarest_first(row.question.text)
        for word in rare:
            by_word[word].append(place)
        for word in rare[:1]:
            by_rarest[word].append(place)
    for question in questions:
        rare = vocabulary.rarest_first(question.text)
        # Where all words of one stand in the other, the rarest of that one does.
        places = {place for word in rare[:1] for place in by_word[word]}
        places.update(place for word in rare for place in by_rarest[word])
        for place in sorted(places):
            others = vocabulary.rarest_first(rows[place].question.text)
            few, many = sorted((set(rare), set(others)), key=len)
            if (
                few <= many
                and 2 * len(few) >= len(many)
                and not vocabulary.name_others(question.text, rows[place].question.text)
                and same_answer(question.answer, rows[place].question.answer)
                and not vocabulary.same(question.text, rows[place].question.text)
            ):
                yield _leak("answers", question, rows[place])
                break


def _leak(kind: str, question: EvalQuestion, row: RaftExample) -> Leak:
    return Leak(kind, question.id, question.text, row.id, row.question.text)
