"""The built-in teacher: questions and quoted answers from a chunk, by rules over a parse.

It needs no key and no network, so that a first run costs nothing. A language model asks better
questions; this one asks plain ones, and every answer is copied from the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from lib.prompts import student as prompts
from lib.records import Chunk, Question
from offline.teacher.clauses import Clause, clauses
from offline.teacher.gates import folded, stands_alone, whole
from offline.teacher.instructions import instructions
from offline.teacher.lexicon import ANYBODY, DATE, determiner
from offline.teacher.questions import drafts
from offline.teacher.sentences import Sentence, split_sentences, unmarked
from offline.teacher.titles import document_name, with_title
from offline.teacher.tree import child, parse
from offline.teacher.wording import Draft, Wording

if TYPE_CHECKING:
    from spacy.tokens import Doc

REASONING = "The document says:"
# Common words, none of which German, Dutch, French, Spanish or Italian has.
_ENGLISH = frozenset(
    "the and to are were has have be been by with for from that this which who what must should "
    "can may not when if there their they he she its is or of it his as you after into than".split()
)


def write_questions(chunk: Chunk, *, num_questions: int, seed: int) -> list[Question]:
    """Up to num_questions questions on one chunk, the best that the rules find.

    They spread over different sentences and answers. A chunk that gives fewer good ones gives
    fewer; one in another language gives none. The same chunk and seed give the same questions.
    """
    rng = Random(f"{seed}:{chunk.id}")
    ranked = [(draft.score + rng.random() / 4, draft, quote) for draft, quote in _candidates(chunk)]
    ranked.sort(key=lambda item: (-item[0], item[1].text))
    chosen = _spread(ranked, num_questions)
    return [
        Question(
            id=f"{chunk.id}?{number}",
            chunk_id=chunk.id,
            text=draft.text,
            cot_answer=prompts.cot_label(REASONING, quote, draft.answer),
            answer=draft.answer,
        )
        for number, (draft, quote) in enumerate(chosen)
    ]


def _candidates(chunk: Chunk) -> Iterator[tuple[Draft, str]]:
    """Every acceptable draft of the chunk with the sentence that it quotes."""
    sentences = [
        sentence
        for sentence in split_sentences(chunk.text, at_start=chunk.start == 0)
        if not re.match(r"\*\*|__", sentence.quote)
    ]
    if not _is_english(chunk.text):
        return
    names = _names(chunk)
    title = document_name(chunk.title) or document_name(chunk.document_id.rpartition("/")[2]) or ""
    before: Sentence | None = None
    antecedent: Clause | None = None  # what an "it" in the next statement means
    for sentence, trees in zip(sentences, _parsed(sentences), strict=True):
        if not _touches(chunk.text, before, sentence):
            antecedent = None
        earlier = " ".join(chunk.text[: sentence.start].split())
        for tree in trees:
            made = list(instructions(tree, names))
            statements = list(clauses(tree))
            antecedent = antecedent if statements else None
            for clause in statements:
                full = _with_antecedent(clause, antecedent, names)
                made += drafts(full, names) if full is not None else []
                named = full is not None and (full.head is None or full.head.pos_ != "PRON")
                antecedent = full if named else None
            for draft in (_verbatim(draft, sentence.quote) for draft in made):
                if whole(draft, unmarked(sentence.quote)) and stands_alone(
                    draft, title=title, earlier=earlier
                ):
                    titled = with_title(draft, title, names)
                    yield from [(titled, sentence.quote)] if titled else []
        before = sentence


def _parsed(sentences: list[Sentence]) -> Iterator[list[Doc]]:
    """The trees of each sentence: of all statements that ";" or ":" divides, in one call."""
    pieces = [_pieces(sentence.text) for sentence in sentences]
    trees = iter(parse([piece for group in pieces for piece in group]))
    for group in pieces:
        yield [next(trees) for _ in group]


def _pieces(text: str) -> list[str]:
    # "In 1752 Peggy Lambkin built …": the year is no part of the name.
    text = re.sub(
        r"^((?:In|On|Since|By|From) (?:[A-Z][a-z]+ )?(?:\d{1,2}, )?\d{4}) (?=[A-Z])", r"\1, ", text
    )
    text = re.sub(r", [\w’' -]+ (?:included|excluded)(?=\.?$)", "", text)  # "dents included"
    if len(re.findall(r" [–—-] |\w—\w", text)) > 1 or re.search(r" [/*&^#@~+<>] ", text):
        return []
    found = []
    for piece in re.split(r"(?<=[\w)”\"]); ", text):
        found.append(re.split(r": (?=\w)| (?:[–—-]|--) |(?<=\w)—(?=\w)", piece)[0])
    return [piece for piece in found if len(piece.split()) >= 3]


def _is_english(text: str) -> bool:
    found = [word in _ENGLISH for word in re.findall(r"[^\W\d_]+", text.lower())]
    return sum(found) >= 0.07 * len(found)


def _with_antecedent(
    clause: Clause, antecedent: Clause | None, names: frozenset[str]
) -> Clause | None:
    """The clause with what its "it" means, from the sentence before; None: nobody knows."""
    head = clause.head
    if head is None or head.pos_ != "PRON":
        owned = head is not None and determiner(head) in {"its", "their", "his", "her"}
        return None if owned else clause
    low = head.lower_
    if low not in {"it", "they", "he", "she"}:
        return clause if low in ANYBODY else None
    if antecedent is None or (low == "they") != antecedent.plural:
        return None
    if (
        low == "it"
        and clause.verb.lemma_ == "be"
        and clause.verb.doc[clause.verb.i :].text.count(" to ")
    ):
        return None  # "It is a crime to lie"
    if any(part.dep_ == "advcl" and child(part, "nsubj", "nsubjpass") for part in clause.before):
        return None  # "If a sensor was ordered, it is connected …"
    wording = Wording(antecedent, names)
    person = wording.is_person()
    if (low == "it" and person) or (low == "he" and not person):
        return None
    somebody = any(entity.label_ == "PERSON" for entity in antecedent.verb.doc.ents)
    if low == "she" and not person and somebody:  # else a ship
        return None
    for other in antecedent.end("dobj") if not person else []:
        alike = (other.tag_ in {"NNS", "NNPS"}) == antecedent.plural
        if alike and determiner(other) in {"the", "a", "an"}:
            return None  # "The case holds the bowl. It …": which of the two?
    subject = wording.subject()
    return replace(
        clause, subject=subject, head=None, names_person=person, plural=antecedent.plural
    )


def _touches(text: str, before: Sentence | None, sentence: Sentence) -> bool:
    """The two sentences belong to one paragraph, and nothing stands between them."""
    if before is None or before.block != sentence.block:
        return False
    between = text[before.start : sentence.start]
    return len(" ".join(between.split())) <= len(before.quote) + 24


def _names(chunk: Chunk) -> frozenset[str]:
    """Words that stand with a capital inside a sentence, or in the title."""
    inside = re.findall(r"(?<=[\w’',;&] )[A-ZÀ-Þ][\w’'-]*", chunk.text)
    title = re.findall(r"[A-ZÀ-Þ][\w’'-]*", re.split(r" [-–|]", chunk.title)[0])
    low = set(re.findall(r"(?<![\w-])[a-z][\w-]*", chunk.text))
    inside += title if len(title) > 1 else []
    found = {word.removesuffix("'s").removesuffix("’s") for word in inside}
    return frozenset(
        word for word in found if word.lower() not in low | _ENGLISH and not DATE.fullmatch(word)
    )


def _verbatim(draft: Draft, quote: str) -> Draft:
    """The answer as the sentence has it: with the brackets and marks that it was read without."""
    plain = unmarked(quote)
    if draft.answer in plain or not draft.answer:
        return draft
    parts = (rf"\s+[\"“'‘]*{re.escape(word)}" for word in draft.answer.split())
    pattern = r"[\"”'’]*(?:\s*\([^()]*\))?".join(parts).removeprefix(r"\s+")
    found = re.search(rf"(?i:{pattern}[\"”]?)", plain)
    return replace(draft, answer=found.group()) if found else draft


def _spread(pool: list[tuple[float, Draft, str]], num_questions: int) -> list[tuple[Draft, str]]:
    """The best drafts, first one per sentence and answer, then more of the same sentence."""
    chosen: list[tuple[Draft, str]] = []
    texts: set[str] = set()
    for per_sentence, repeat in ((1, False), (2, False), (4, False), (2, True)):
        for _, draft, quote in pool:
            if len(chosen) >= num_questions:
                return chosen
            same = [other for other, used in chosen if used == quote]
            if len(same) >= per_sentence or folded(draft.text) in texts:
                continue
            # The same answer twice is one fact twice, unless another sentence gives it.
            rivals = same if repeat else [other for other, _ in chosen]
            if folded(draft.answer) in {folded(other.answer) for other in rivals}:
                continue
            texts.add(folded(draft.text))
            chosen.append((draft, quote))
    return chosen
