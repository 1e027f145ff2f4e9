"""The subject of a clause: its words as they read inside a question, and where its verb stands."""

from __future__ import annotations

import re

from offline.teacher import english as en
from offline.teacher.grammar import Reader
from offline.teacher.leads import AUTHORS, ITSELF
from offline.teacher.phrases import referent, with_topic
from offline.teacher.statement_words import PEOPLE

_MAX_SUBJECT = 14
# Openings of subjects that name nothing.
_NOBODY = frozenset("both other others many some several various such certain few more".split())
# In place of a subject whose "its" or "her" nobody can resolve.
UNRESOLVED = "?"


# "It is possible to …" means nothing that was named before.
_EXPLETIVE = re.compile(
    r"[Ii]t (?:is|was|(?:will|may|can|would|should|might) be) (?:[a-z]+ ){0,3}(?:necessary|"
    r"possible|impossible|important|essential|advisable|better|best|eas(?:y|ier)|hard(?:er)?|"
    r"difficult|useful|safe(?:st)?|recommended|likely|unlikely|clear|common|worth|good|time|up) "
)


class Unreadable(Exception):
    """The sentence is none that these rules can read."""


def read_subject(reader: Reader, first: int) -> tuple[str, int, list[tuple[int, int]]]:
    """The noun phrase from `first`, the index of its verb, the spans of its insertions."""
    low = reader.low(first)
    if low in {"it", "he", "she", "they"}:
        meant = reader.antecedent and referent(low, reader.antecedent)
        if not meant or (low == "it" and _EXPLETIVE.match(reader.text, reader.words[first].start)):
            raise Unreadable(low)
        return meant, reader.before_verb(first + 1), []
    if low in {"you", "we"}:
        return AUTHORS if low == "we" else low, reader.before_verb(first + 1), []
    if low in en.PREPOSITIONS:
        raise Unreadable(low)
    if (
        low in _NOBODY
        or reader.is_adverb(first)
        or low in en.PRONOUNS - {"one"} | en.SUBORDINATORS - {"once"}
        or low in en.NEGATIONS
    ):
        raise Unreadable(low)
    inserted: list[tuple[int, int]] = []
    index = first
    relative = 0  # where the subject's "who …" begins
    while index < min(len(reader.words), first + _MAX_SUBJECT + 16):
        low = reader.low(index)
        if low in en.AUXILIARIES and index > first:
            break
        noun = index > first and not reader.low(index - 1).endswith(("ing", "ed"))
        if low in {"who", "that", "which"} and noun and not relative:
            relative, index = index, _behind_relative(reader, index)
            continue
        if low in en.DO and reader.low(index + 1) == "not":
            break
        if low == ",":
            closing = _closing_comma(reader, index)
            inserted.append((index + 1, closing))
            index = closing + 1
            break
        if low in {"this", "these"} and re.fullmatch(f"{ITSELF}s?", reader.low(index + 1)):
            index += 2
            continue
        foreign = low in en.SUBORDINATORS | en.PRONOUNS - {"one"} or not low[:1].isalnum()
        if foreign and low not in {"'", "’", "&", "-", "£"}:
            raise Unreadable(low)
        unknown = low.endswith("ed") and low not in en.NOT_VERBS.union(en.PARTICIPLE)
        if unknown and index > first and reader.words[index - 1].text[0].isupper():
            raise Unreadable(low)
        if reader.finite_base(index, first) and not reader.is_reduced(index):
            break
        index += 1
    else:
        raise Unreadable("no verb")
    end = inserted[0][0] - 1 if inserted else index
    gerund = reader.low(first).endswith("ing")  # "working remotely": the adverb is its own
    while (
        end > first and not gerund and reader.is_adverb(end - 1) and reader.low(end - 1) != "well"
    ):
        end -= 1
    # "The plant supplies heat to the town": which of the two is the verb?
    unclear = reader.low(index) in en.BASES - en.ONLY_VERBS and reader.low(index - 1) in en.PRESENT
    if unclear and reader.low(index + 1) in en.PREPOSITIONS | {"to", ""}:
        raise Unreadable("two verbs")
    if not first < end <= first + _MAX_SUBJECT:
        raise Unreadable("no subject")
    if not _is_noun_phrase(reader, first, relative or end, index):
        raise Unreadable("no noun phrase")
    return _named(reader, first, end), reader.before_verb(index), inserted


def _behind_relative(reader: Reader, index: int) -> int:
    """`who travel alone [must]`: the auxiliary behind the relative clause's own verb."""
    inner = reader.before_verb(index + 1)
    inner += reader.low(inner) in en.AUXILIARIES
    for later in range(inner + 1, min(inner + 12, len(reader.words))):
        low = reader.low(later)
        if low in en.SUBORDINATORS | {",", ";", ":", "(", ")", "–", "—"}:
            break
        if low in en.AUXILIARIES and reader.low(later - 1) not in en.PRONOUNS | {"to"}:
            return later
    raise Unreadable("relative")


def _is_noun_phrase(reader: Reader, first: int, end: int, verb: int) -> bool:
    """Not "Remove the line and restart", "Prints and", "Set up email [filters]"."""
    low = [reader.low(index) for index in range(first, end)]
    if any(re.search(r"['’](?:re|ve|ll|m|d)$|^let['’]s$", word) for word in low):
        return False
    loose = en.PREPOSITIONS | en.CONJUNCTIONS | en.DETERMINERS - {"all", "both", "another"} | {"of"}
    if low[-1] in loose or low[0] in en.CONJUNCTIONS | {"please", "note"}:
        return False
    if low[0] in en.BASES and low[1:2] and low[1] in en.DETERMINERS:
        return False  # "Set a lower bound"
    if low[-1] in set("private public written new old other same common current own".split()):
        return False
    if set(low) & en.ONLY_VERBS or "-" in low or "–" in low or low[0] in en.ONLY_VERBS:
        return False
    if low[0] not in en.OPENERS and any(
        low[i] == "to" and low[i + 1] in en.BASES for i in range(len(low) - 1)
    ):
        return False  # "Directory to use for caching"
    participle = low[-1] in en.PARTICIPLE and low[-1] not in en.BASES and len(low) > 1
    if participle and reader.low(verb) in en.PRESENT.keys() - en.AUXILIARIES:
        return False  # "the number of completed [issues]"
    if len(low) > 2 and low[-2] in {"and", "or"} and low[-1] in en.BASES:
        return False
    if first or reader.words[0].text in reader.names:
        return True
    # A verb that opens a sentence gives an order, or describes an option.
    opens = low[0] in en.BASES and reader.low(verb) not in en.AUXILIARIES | en.BASES
    return not opens and not (low[0] in en.PRESENT and low[0] not in en.BASES)


def _closing_comma(reader: Reader, index: int) -> int:
    for later in range(index + 1, min(index + 20, len(reader.words))):
        if reader.low(later) == "," and reader.is_verb_at(later + 1, index):
            return later
        if reader.low(later) in {";", ":"}:
            break
    raise Unreadable("open insertion")


def _is_name(reader: Reader, word: str) -> bool:
    """Known with a capital, or no word that an English sentence would open with bare."""
    bare = word.removesuffix("'s").removesuffix("’s")
    low = bare.lower()
    common = (
        bool(PEOPLE.match(low))
        or low in en.BASES | en.THINGS | en.PLACE_NOUNS | en.PERSON_NOUNS | en.PREPOSITIONS
    )
    if reader.lowered:
        return False
    return bare in reader.names or not (common or re.search(r"[^s]s$|ing$|ed$|ic$|al$", low))


def _named(reader: Reader, first: int, end: int) -> str:
    """The phrase as it reads inside a question; `Its tower` → `Quarle Light's tower`."""
    phrase = reader.slice(first, end)
    word = reader.words[first]
    if word.low in {"its", "his", "her", "their"}:
        pronoun = {"its": "it", "his": "he", "her": "she", "their": "they"}[word.low]
        owner = reader.antecedent and referent(pronoun, reader.antecedent)
        if not owner or len(owner.split()) > 4:
            return UNRESOLVED
        mark = "’" if "’" in reader.text else "'"
        return owner + (mark if owner.endswith("s") else f"{mark}s") + (phrase[len(word.text) :])
    # "Bat tails": a word that is a name nowhere else, before a common noun.
    common = re.fullmatch(r"[A-Z][a-z]{2,}( [a-z-]{2,}){1,7}", phrase)
    counted = word.low.split("-")[0] in en.NUMBER_WORDS and not re.match(r"\S+ [A-Z]", phrase)
    kind = counted or (common is not None and word.text not in reader.names)
    if word.low in en.OPENERS or (first == 0 and (kind or not _is_name(reader, word.text))):
        following = reader.words[first + 1] if first + 1 < end else None
        joined = following is not None and following.text[0].isupper()
        if word.low in en.OPENERS or counted or reader.lowered or not joined:
            if not word.text[1:2].isupper():
                phrase = phrase[0].lower() + phrase[1:]
            meant = reader.topic and with_topic(phrase, reader.topic)
            return meant or phrase
    return phrase
