"""Questions of people's own (train_file): their oracles are found; the teacher writes the reasoning
that leads to the given answer, unless that is given too, or quotes (the built-in one)."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import PurePath
from textwrap import shorten

from lib.duplicates import SAME_SHARE, shingles
from lib.gen import gates
from lib.gen.gates import Rejection
from lib.prompts.student import ANSWER_TAG, QUOTE_BEGIN, QUOTE_END, canonical, neutralise
from lib.reading.files.api import is_api_record
from lib.reading.questions_file import ROW_ID, Evidence, TrainingItem
from lib.recipe import Recipe
from lib.records import Chunk, Document, Question, Rejected
from lib.text import find_quote, holds, normalise, one_line, sentence_spans, terms, words

_RAREST_WORDS = 3  # of a text that is looked for: more than one, as a line's end may divide it
_SHOWN = 10  # rows without an oracle that are named


@dataclass(frozen=True)
class Given:
    row: int
    question: Question  # with its answer; without reasoning
    oracles: tuple[Chunk, ...]
    reasoning: str = ""  # as given; "" = it is to be written
    quotes: tuple[str, ...] = ()  # as given
    distractors: tuple[Chunk, ...] = ()


@dataclass(frozen=True)
class OwnQuestions:
    given: list[Given] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unknown_distractors: int = 0  # given ones that no chunk holds

    def __str__(self) -> str:
        """`train_file: 20 questions, 1 rejected (row 7: no document is named “x”)`"""
        said = [f"row {r.question_id.removeprefix(ROW_ID)}: {r.reason}" for r in self.rejected]
        more = [f"{len(said) - _SHOWN:,} more"] * (len(said) > _SHOWN)
        named = f" ({'; '.join(said[:_SHOWN] + more)})" * bool(said)
        lacking = f", {self.unknown_distractors:,} distractors are in no chunk"
        lacking *= bool(self.unknown_distractors)
        return f"train_file: {len(self.given):,} questions, {len(said):,} rejected{named}{lacking}"


def find_own(
    items: Sequence[TrainingItem],
    documents: Sequence[Document],
    chunks: Sequence[Chunk],
    recipe: Recipe,
) -> OwnQuestions:
    """Each row with the chunks that hold its answer; rejected: those without, by their rows."""
    finder = _Finder(documents, chunks, items)
    given, rejected, unknown = list[Given](), list[Rejected](), 0
    for item in items:
        question = Question(f"{ROW_ID}{item.row}", "", item.question, "", item.answer)
        try:
            oracles = finder.oracles(item)
            first, *more = (chunk.id for chunk in oracles)
            question = replace(question, chunk_id=first, more_chunk_ids=tuple(more))
            if len(oracles) > recipe.num_distractors + 1:
                most = f"num_distractors + 1 = {recipe.num_distractors + 1}"
                raise Rejection("oracle", f"it needs {len(oracles)} documents, a row has {most}")
            gates.check_given(question, oracles[0], recipe)
        except Rejection as refusal:
            rejected.append(refusal.of(question))
            continue
        distractors = [finder.distractor(one, item) for one in item.distractors]
        found = dict.fromkeys(c for c in distractors if c is not None and c not in oracles)
        unknown += distractors.count(None)
        quotes = dict.fromkeys(quote for one in item.evidence for quote in one.quotes)
        said = item.reasoning, tuple(quotes), tuple(found)
        given.append(Given(item.row, question, oracles, *said))
    return OwnQuestions(given, rejected, unknown)


class _Finder:
    """Finds the chunk that a row means, among those that share its rarest words."""

    def __init__(
        self, documents: Sequence[Document], chunks: Sequence[Chunk], items: Sequence[TrainingItem]
    ) -> None:
        self._chunks = chunks
        of_document: dict[str, list[Chunk]] = defaultdict(list)
        for chunk in chunks:
            of_document[chunk.document_id].append(chunk)
        self._by_id: dict[str, list[Chunk]] = defaultdict(list)
        self._named: dict[str, list[Chunk]] = defaultdict(list)
        for document in documents:
            id, *ends = _ends(document.id)
            others = map(normalise, (PurePath(document.id).stem, document.title))
            self._by_id[id] += of_document[document.id]
            for name in {*ends, *others} - {""}:
                self._named[name] += of_document[document.id]
        # Of the words that are looked for alone: all words of 100,000 chunks fill the memory.
        looked_for = [one for item in items for one in (*item.evidence, *item.distractors)]
        texts = [text for one in looked_for for text in (one.passage, *one.quotes)]
        self._holders = {word: list[int]() for text in texts for word in words(text)}
        for place, chunk in enumerate(chunks):
            for word in {*words(chunk.text)} & self._holders.keys():
                self._holders[word].append(place)

    def oracles(self, item: TrainingItem) -> tuple[Chunk, ...]:
        """The chunk of each evidence, and of each quote that these do not hold; each once. Raises
        Rejection: one cannot be found."""
        if not item.evidence:
            wrong = "it names no document, passage or quote: add a column with one of them"
            raise Rejection("oracle", wrong)
        found = [self._oracle(one, item) for one in item.evidence]
        for one in item.evidence:
            for quote in one.quotes:
                if not any(find_quote(quote, chunk.text) for chunk in found):
                    found.append(self._oracle(Evidence(one.document, "", (quote,)), item))
        return tuple(dict.fromkeys(found))

    def distractor(self, one: Evidence, item: TrainingItem) -> Chunk | None:
        """The chunk of a given distractor: a passage, or a document's name."""
        near = self._of(one.document)
        if not near or one.document != one_line(one.passage):
            near = self._near(one.passage, near)
        return _best(near, one, item, answers=False)

    def _oracle(self, one: Evidence, item: TrainingItem) -> Chunk:
        named = near = self._of(one.document)
        place = f" of “{one.document}”" if named else ""
        if one.passage:
            near = self._near(one.passage, () if _is_word(one.passage) else named)
            wrong = _unfound("", "passage", one.passage)
        elif one.quotes:
            likely = named or [c for quote in one.quotes for c in self._sharing(quote)]
            near = [c for c in likely if any(find_quote(quote, c.text) for quote in one.quotes)]
            wrong = _unfound(place, "quote", one.quotes[0])
        elif named:
            near = [c for c in named if holds(c.text, item.answer)] if len(named) > 1 else named
            wrong = f"no chunk{place} holds its answer: give a passage or a quote"
        else:
            wrong = f"no document is named “{_short(one.document)}”"
        if (best := _best(near, one, item)) is None:
            raise Rejection("oracle", wrong)
        return best

    def _of(self, name: str) -> list[Chunk]:
        """Those of the documents with this id, or else name; a path may begin further up."""
        known = (self._by_id[end] for end in _ends(name) if end in self._by_id)
        return next(known, self._named.get(normalise(name), []))

    def _sharing(self, text: str) -> list[Chunk]:
        """The chunks with one of the text's rarest words, in their order; [] of a single word."""
        if _is_word(text):
            return []
        # Not a set: of words that are equally rare, the same must be taken in every process.
        lists = [found for word in dict.fromkeys(words(text)) if (found := self._holders.get(word))]
        places = {place for found in sorted(lists, key=len)[:_RAREST_WORDS] for place in found}
        return [self._chunks[place] for place in sorted(places)]

    def _near(self, passage: str, named: Sequence[Chunk]) -> list[Chunk]:
        """The chunks, if possible of the named documents, that hold the passage or count as the
        same."""
        among = named or self._sharing(passage)
        near = [c for c in among if _share(passage, c) >= SAME_SHARE or find_quote(passage, c.text)]
        return self._near(passage, ()) if named and not near else near


def _best(
    chunks: Sequence[Chunk], one: Evidence, item: TrainingItem, *, answers: bool = True
) -> Chunk | None:
    """The one with most of the quotes, the answer (a distractor: without it), the passage and the
    words of the question; of equal ones the first."""
    asked = {*terms(item.question)}

    def worth(chunk: Chunk) -> tuple[float, ...]:
        held = sum(find_quote(quote, chunk.text) is not None for quote in one.quotes)
        answered = holds(chunk.text, item.answer) == answers
        return held, answered, _share(one.passage, chunk), len(asked & {*terms(chunk.text)})

    return max(chunks, key=worth, default=None)


def _share(passage: str, chunk: Chunk) -> float:
    """How much of the smaller one's runs of five words both have."""
    runs, others = _runs(passage), _runs(chunk.text)
    return len(runs & others) / min(len(runs), len(others))


@lru_cache(4096)
def _runs(text: str) -> frozenset[int]:
    return frozenset(shingles(text).tolist())


def _ends(path: str) -> list[str]:
    """`docs/a/b.pdf` → it, `a/b.pdf` and `b.pdf`, as names are compared."""
    parts = re.split(r"[/\\]", path)
    return [normalise("/".join(parts[at:])) for at in range(len(parts))]


def _is_word(text: str) -> bool:
    """Whether it is too little to tell a chunk from the others: a word, or a character or two."""
    return len(terms(text)) < 2


def _unfound(place: str, what: str, text: str) -> str:
    if not place and _is_word(text):
        return f"its {what} “{text}” is one word, as many chunks may have: give a sentence"
    return f"no chunk{place} holds its {what} “{_short(text)}”"


def _short(text: str) -> str:
    return shorten(text, 60, placeholder=" …")


def label_of(given: Given) -> str:
    """The given reasoning as a label, a quote in front if it has none; without one, by rule:
    `The document says: ##begin_quote## Ann lit it. ##end_quote## <ANSWER>: Ann`

    Raises:
        Rejection: no sentence of an oracle holds the answer; it holds other markers of prompts.
    """
    says = "The documents say:" if len(given.oracles) > 1 else "The document says:"
    label = canonical(given.reasoning) or f"{says} {_quoted(given)}"
    said = re.sub(f"{QUOTE_BEGIN}|{QUOTE_END}|{ANSWER_TAG}", "", label)
    if neutralise(said) != said:
        raise Rejection("form", "its reasoning holds a marker of the prompts")
    if ANSWER_TAG not in label:
        label = f"{label} {ANSWER_TAG} {given.question.answer}"
    return label if QUOTE_BEGIN in label else f"{_quoted(given)} {label}"


def _quoted(given: Given) -> str:
    """For each oracle the given quotes, or else the sentence that holds the answer."""
    quotes: list[str] = []
    for chunk in given.oracles:
        own = [found for quote in given.quotes if (found := find_quote(quote, chunk.text))]
        quotes += own or [_sentence(chunk, given.question)]
    return " ".join(f"{QUOTE_BEGIN} {quote} {QUOTE_END}" for quote in dict.fromkeys(quotes))


def _sentence(chunk: Chunk, question: Question) -> str:
    """The sentence that holds the answer and most words of the question; of API documentation, and
    where the answer is longer than a sentence, the answer."""
    asked, answer = {*terms(question.text)}, question.answer
    sentences = (one_line(chunk.text[slice(*span)]) for span in sentence_spans(chunk.text))
    held = [sentence for sentence in sentences if holds(sentence, answer)]
    whole = not held and holds(chunk.text, answer)  # not a “no” within “north”
    if (whole or is_api_record(chunk.text)) and (copied := find_quote(answer, chunk.text)):
        return copied
    if not held:
        reason = f"no sentence of {chunk.id} holds the answer: give a quote, or a teacher"
        raise Rejection("quoted", reason)
    return max(held, key=lambda text: len(asked & {*terms(text)}))
