"""The built-in teacher: questions and quoted answers from a chunk, by rules alone.

It needs no key, no network and no model, so that a first run costs nothing. A language model
asks better questions; this one asks plain ones, and every answer is copied from the document.
"""

from __future__ import annotations

import re
from random import Random

from lib.prompts import student as prompts
from lib.records import Chunk, Question
from offline.teacher import english as en
from offline.teacher import rules_forms, rules_instruction, rules_subject, rules_whole
from offline.teacher.clauses import read_sentence
from offline.teacher.drafting import Draft, is_kind
from offline.teacher.phrases import has_name, is_organisation, is_person, topic_of
from offline.teacher.question_rules import drafts
from offline.teacher.sentences import Sentence, split_sentences
from offline.teacher.signs import stands
from offline.teacher.standing import acceptable, as_written, folded, in_field, names_little
from offline.teacher.statement_words import UNNAMED

REASONING = "The document says:"
BROAD = frozenset({"whole", "subject"})


def write_questions(chunk: Chunk, *, num_questions: int, seed: int) -> list[Question]:
    """Up to num_questions questions on one chunk, the best that the rules find.

    They spread over different sentences and answers. A chunk that gives fewer good ones gives
    fewer; one in another language gives none. The same chunk and seed give the same questions.
    """
    rng = Random(f"{seed}:{chunk.id}")
    ranked = [(draft.score + rng.random() / 4, draft, quote) for draft, quote in _candidates(chunk)]
    ranked.sort(key=lambda item: (-item[0], item[1].text))
    chosen = _spread([item for item in ranked if item[1].rule not in BROAD], num_questions)
    # Where the other rules find little: a sentence's whole predicate, or its subject.
    used = {quote for _, quote in chosen}
    more = [item for item in ranked if item[1].rule in BROAD and item[2] not in used]
    chosen += _spread(more, num_questions - len(chosen))
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


def _candidates(chunk: Chunk) -> list[tuple[Draft, str]]:
    """Every acceptable draft of the chunk with the sentence that it quotes."""
    sentences = split_sentences(chunk.text, at_start=chunk.start == 0)
    names = _names(chunk)
    found: list[tuple[Draft, str]] = []
    before: Sentence | None = None
    subject: str | None = None
    topic: str | None = None
    thing: str | None = None  # the subject of the sentence before, whatever it names
    person = _person_of(chunk.title)
    for sentence in sentences:
        adjacent = before is not None and before.block == sentence.block
        antecedent = subject if adjacent and _touches(chunk.text, before, sentence) else None
        someone = re.match(r"(He|She|His|Her) ", sentence.text)
        if (
            someone
            and person
            and _same_gender(someone[1], chunk.text)
            and not (antecedent and is_person(antecedent))
        ):
            antecedent = person
        if before is None or before.block != sentence.block:
            topic = _heading(chunk.text, sentence)
        if (
            antecedent
            and re.search(r"['’]s? [a-z]", antecedent)
            and re.match(r"(?:Its|Her|She) ", sentence.text)
        ):
            # "Its hull …. Her mast …": the ship's, not the hull's.
            antecedent = topic_of(antecedent) or antecedent
        if antecedent is None and adjacent:
            antecedent = thing
        if someone and antecedent and is_organisation(antecedent):
            antecedent = None  # "The Committee …. Her family …"
        if re.fullmatch(r"\*\*.*\*\*|\*\*[^*]+\*\* ?[-–—:] .*|\w+-? ?[-–—] .*", sentence.quote):
            continue  # a heading in bold type, a term with its meaning: no statement
        reading = read_sentence(sentence.text, antecedent=antecedent, names=names, topic=topic)
        made = [draft for clause in reading.clauses for draft in drafts(clause, names)]
        made += rules_instruction.instructions(sentence.text)
        made += rules_whole.whole_predicates(sentence.text, names, antecedent)
        made += rules_subject.subjects(sentence.text, names)
        made += rules_forms.there_are(sentence.text)
        made = [draft for draft in made if not names_little(draft, chunk.text)]
        made = [draft for draft in (in_field(draft, chunk, names) for draft in made) if draft]
        found += [(as_written(draft, sentence.quote), sentence.quote) for draft in made]
        named = reading.subject is not None and (
            has_name(reading.subject, names) or is_kind(reading.subject)
        )
        before, subject = sentence, reading.subject if named else None
        topic = topic_of(subject) or topic
        thing = reading.subject
        thing = thing if thing and thing != "you" and not UNNAMED.search(thing) else None
    return [
        (draft, quote)
        for draft, quote in found
        if acceptable(draft, quote, names) and stands(draft, quote, chunk.text)
    ]


def _heading(text: str, sentence: Sentence) -> str | None:
    """`## Quarle Light` above the sentence's paragraph: the name that the paragraph is about."""
    heading = re.search(r"^(?:#+ +)?(.{3,60}[^\W_])\n\n\Z", text[: sentence.start], re.MULTILINE)
    name = heading.group(1).split(",")[0] if heading else ""
    place = heading is not None and "," in heading.group(1)
    if not re.fullmatch(rf"(?:[Tt]he )?(?:[A-ZÀ-Þ][\w’'-]* ?){{{1 if place else 2},4}}", name):
        return None
    return topic_of(re.sub("^The ", "the ", name))


def _person_of(title: str) -> str | None:
    """`Laird Hamilton - Wikipedia` → "Laird Hamilton": whom a biography means by "he"."""
    name = re.split(r" [-–|(]|: ", title)[0].strip()
    return name if name[:1].isupper() and len(name.split()) == 2 and is_person(name) else None


def _same_gender(pronoun: str, text: str) -> bool:
    """A biography says "he" or "she" of its person more often than of anybody else."""
    men, women = (len(re.findall(rf"\b(?:{s})\b", text, re.I)) for s in ("he|his|him", "she|her"))
    return men >= women if pronoun in {"He", "His"} else women >= men


def _touches(text: str, before: Sentence | None, sentence: Sentence) -> bool:
    """Nothing stands between the two sentences."""
    if before is None:
        return False
    between = text[before.start : sentence.start]
    return len(" ".join(between.split())) <= len(before.quote) + 24


def _names(chunk: Chunk) -> frozenset[str]:
    """Words that stand with a capital inside a sentence, or in the title."""
    inside = re.findall(r"(?<=[\w’',;&] )[A-ZÀ-Þ][\w’'-]*", chunk.text)
    codes = re.findall(r"\b[A-Z][A-Za-z]*-?\d+\b|\b[A-Z]{2,}-\w+|\b[A-Z]\w*(?= & )", chunk.text)
    pairs = re.findall(r"[A-ZÀ-Þ][\w’'-]+(?= [A-ZÀ-Þ])", chunk.text)
    headed = re.findall(r"^#+ +(.+)$", chunk.text, re.MULTILINE)
    title = re.split(r" [-–|]", chunk.title)[0]
    headed += [title] if len(re.findall(r"[A-ZÀ-Þ][\w’'-]*", title)) > 1 else []
    inside += re.findall(r"[A-ZÀ-Þ][\w’'-]*", " ".join(headed))
    low = set(re.findall(r"(?<![\w-])[a-z][\w-]*", chunk.text))
    words = {word.removesuffix("'s").removesuffix("’s") for word in [*inside, *codes, *pairs]}
    skip = set(en.DETERMINERS | en.PREPOSITIONS | en.PRONOUNS | en.SUBORDINATORS)
    return frozenset(word for word in words if word.lower() not in low | skip)


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
