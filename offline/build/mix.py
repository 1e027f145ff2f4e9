"""The training mix: one example, generated or of real prose, for a point of the training."""

from __future__ import annotations

import re
from functools import cache
from random import Random

from lib.prompts.student import parse_answer
from lib.records import Chunk
from offline.build.asks import NONE_OF_IT, Ask
from offline.build.passages import UNANSWERABLE, Example, generated_example
from offline.build.prose import documents, draw_text, prose_example
from offline.build.word_lists import word_lists
from offline.teacher import write_questions
from offline.teacher.gates import folded

_WORD = re.compile(r"\b[a-z]{3,12}\b")
_DRILLS = (
    "Which sentence says “{p}”?",
    "Where does it say “{p}”?",
    "What is said about {p}?",
    "Find this: {p}",
)


def with_drills(rng: Random, example: Example, *, share: float) -> Example:
    """Replace a share of the questions by "which sentence says these words"."""
    asks = [
        (drill(rng, example, ask) or ask) if rng.random() < share else ask for ask in example.asks
    ]
    wordings = [ask.question for ask in asks]
    return Example(example.documents, tuple(a for a in asks if wordings.count(a.question) == 1))


def drill(rng: Random, example: Example, ask: Ask) -> Ask | None:
    """Two to six words in a row of the ask's quote, or at times of another text."""
    foreign = rng.random() < UNANSWERABLE
    source = other_sentence(rng) if foreign else ask.quote
    words = source.rstrip(".!?").split()
    size = rng.randint(2, 6)
    if len(words) < size + 1:
        return None
    start = rng.randrange(len(words) - size + 1)
    phrase = " ".join(words[start : start + size]).strip(",;:()“”\"'")
    found = sum(document.count(phrase) for document in example.documents)
    if not phrase or found != (0 if foreign else 1):
        return None
    question = rng.choice(_DRILLS).replace("{p}", phrase)
    return Ask(question, "", NONE_OF_IT) if foreign else Ask(question, ask.quote, phrase)


def other_sentence(rng: Random) -> str:
    """A sentence of some other text."""
    if rng.random() < 0.4:
        return draw_text(rng, num_chars=80).split("\n", 1)[0]
    quotes = [a.quote for a in generated_example(rng, num_sentences=2).asks if a.quote]
    return rng.choice(quotes) if quotes else ""


def wrapped(rng: Random, text: str) -> str:
    """Lines broken as in text from a PDF; quotes of it are written without the breaks."""
    width, lines, line = rng.randint(55, 100), [], ""
    for word in text.split(" "):
        if line and len(line) + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def draw_example(rng: Random, *, progress: float, long: bool = False) -> Example:
    """One example of the training mix.

    Contexts grow with `progress` (0–1) from about 100 to 500 tokens. Short ones come
    first, because the student must first learn to find the sentence to quote; names of unusual
    words come last.
    """
    limit = 90 + 430 * progress
    tokens = rng.uniform(40, limit) if not long else rng.uniform(700, 1500)
    # Sometimes two or three documents, rarely at the end: RAFT teaches to ignore distractors.
    several = rng.random() < (0.0 if progress <= 0.3 else 0.10 if progress < 1 else 0.02)
    num_documents = rng.choice((2, 2, 3)) if several else 1
    num_asks = rng.randint(3, 8)
    if rng.random() < 0.25:
        example = prose_example(
            rng, num_chars=int(tokens * 4.2), num_documents=num_documents, num_asks=num_asks
        )
    else:
        example = generated_example(
            rng,
            num_sentences=max(2, round(tokens / 22)),
            num_documents=num_documents,
            num_asks=num_asks,
        )
        if rng.random() < 0.5:
            example = taught(rng, example, num_asks=num_asks)
    # "Which sentence holds these words?" is an easier search than a question needs, but it also
    # trains going back to the start of the sentence, which is slow to learn.
    example = with_drills(rng, example, share=0.4 - 0.33 * progress)
    if rng.random() < 0.07:
        example = Example(tuple(wrapped(rng, d) for d in example.documents), example.asks)
    if progress >= 1 and rng.random() < 0.5:
        example = renamed(rng, example)
    return typeset(example) if rng.random() < 0.5 else example


def renamed(rng: Random, example: Example) -> Example:
    """The example with other words for most of its names: `Velkor Tower` → `Dismiss Tower`."""
    whole = " ".join([*example.documents, *(ask.question for ask in example.asks)])
    low = set(re.findall(r"\b[a-z]{3,}\b", whole))
    inside = dict.fromkeys(re.findall(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b", whole))
    days = word_lists()["weekday"]
    fixed = {*word_lists()["month"], *days, *(f"{day}s" for day in days)}
    names = [name for name in inside if name.lower() not in low and name not in fixed]
    other = {name: rng.choice(odd_words()) for name in names if rng.random() < 0.7}
    if not other or len(set(other.values())) < len(other):
        return example

    def rename(text: str) -> str:
        return re.sub(r"\b[A-Z][a-z]{2,}\b", lambda m: other.get(m.group(), m.group()), text)

    return Example(
        tuple(map(rename, example.documents)),
        tuple(Ask(rename(a.question), rename(a.quote), rename(a.answer)) for a in example.asks),
    )


@cache
def odd_words() -> tuple[str, ...]:
    """The words of the prose, each once, with a capital."""
    words = {word for document in documents() for text in document for word in _WORD.findall(text)}
    return tuple(sorted(word.capitalize() for word in words))


def typeset(example: Example) -> Example:
    """The example with the quotation marks, apostrophes and dashes of printed text; not code."""
    if any("`" in document for document in example.documents):
        return example
    return Example(
        tuple(map(curly, example.documents)),
        tuple(Ask(curly(a.question), curly(a.quote), curly(a.answer)) for a in example.asks),
    )


def curly(text: str) -> str:
    """`it's "here" - now` → `it’s “here” – now`."""
    text = re.sub(r'(^|[\s(\[])"', r"\1“", text).replace('"', "”")
    text = re.sub(r"(^|[\s(\[])'", r"\1‘", text).replace("'", "’")
    return re.sub(r"(?<=\s)-(?=\s)", "–", text).replace("--", "—").replace("...", "…")


def taught(rng: Random, example: Example, *, num_asks: int) -> Example:
    """The example with the questions that the built-in teacher writes about its documents.

    One in eight is about a passage that is not there: nothing in the documents answers it.
    """
    asks = [ask for document in example.documents for ask in teacher_asks(rng, document)]
    known = {folded(ask.question) for ask in asks}
    asks = rng.sample(asks, min(num_asks, len(asks)))
    for index in range(len(asks)):
        if rng.random() < UNANSWERABLE:
            elsewhere = generated_example(rng, num_sentences=3).documents[0]
            others = [a for a in teacher_asks(rng, elsewhere) if folded(a.question) not in known]
            if others:
                asks[index] = Ask(rng.choice(others).question, "", NONE_OF_IT)
    wordings = [ask.question for ask in asks]
    return Example(example.documents, tuple(a for a in asks if wordings.count(a.question) == 1))


def teacher_asks(rng: Random, text: str) -> list[Ask]:
    """Up to eight questions of the built-in teacher on one document."""
    chunk = Chunk("#0", "", "", 1, 0, len(text), text)
    asks = []
    for question in write_questions(chunk, num_questions=8, seed=rng.randrange(1 << 30)):
        (quote,) = parse_answer(question.cot_answer).quotes
        asks.append(Ask(question.text, quote, question.answer))
    return asks
