"""Subjects and verb groups of an English sentence, read by word lists, without a model."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from offline.teacher import english as en
from offline.teacher.phrases import is_plural

_TOKEN = re.compile(
    r"\d+(?:[.,]\d+)*[-–](?:\d+(?:[.,]\d+)*|[a-z]+)|\d+(?:[.,:/]\d+)*(?:st|nd|rd|th|s)?%?|"
    r"[£$€]\s?\d+(?:[.,]\d+)*|(?:[A-Z]\.)+(?=\s)"
    r"|\b(?:St|Mr|Mrs|Ms|Dr|Capt|Prof|Mt|No)\.(?=\s)|\w+(?:[-’'‑&./]\w+)*[’']?(?=\W|$)|[^\w\s]"
)
_PLURAL = re.compile(
    r"(?:[^siu]s|people|men|women|children|police|(?<!o)[aeiu]us|ies)$|^(?:we|you|they)$"
)
# Verbs that stand as nouns behind a verb: "takes place", "requires experience".
_NOUNS = frozenset(
    "range cost experience place part shape form practice control support water power drag lift "
    "light use fuel work time speed".split()
)


@dataclass(frozen=True)
class Clause:
    """One statement. Its question order is: wh-word, aux, subject, head, rest."""

    subject: str  # "the Tamsay Pride"
    aux: str  # "was", "does", "can", …
    head: str  # verb behind the subject in a question: "first lit", "carry"; "" for a plain be
    finite: str  # verb as it stands in a statement: "was first lit", "carries"
    lemma: str  # base of the main verb: "light", "carry", "be"
    voice: str  # "passive", "active" or "be"
    rest: str  # what follows the verb, cut at the end of the clause
    complete: bool = True  # False: rest's last phrase goes on behind the cut
    reason: str = ""  # "because it has no fin", behind the cut
    core: str = ""  # rest without the "In 1890," that opened the sentence; "" = the same


@dataclass(frozen=True)
class Word:
    """A token of the sentence."""

    text: str
    low: str
    start: int
    end: int


def tokenise(text: str) -> list[Word]:
    """Words, numbers and punctuation marks with their places."""
    return [Word(m.group(), m.group().lower(), m.start(), m.end()) for m in _TOKEN.finditer(text)]


class Reader:
    """The words of one sentence, and where its subjects and verbs are."""

    def __init__(
        self,
        text: str,
        *,
        subject: str | None,
        names: frozenset[str],
        topic: str | None = None,
    ) -> None:
        """subject: whom an opening pronoun means; names: words written with a capital;
        topic: the named thing that the paragraph is about."""
        self.topic = topic
        self.lowered = False  # the first word got its capital from us
        self.text = text
        self.words = tokenise(text)
        self.names = names
        self.antecedent = subject

    def slice(self, first: int, last: int) -> str:
        """The text of words first … last - 1."""
        return self.text[self.words[first].start : self.words[last - 1].end] if last > first else ""

    def low(self, index: int) -> str:
        """The word at index in lower case, "" outside the sentence."""
        return self.words[index].low if 0 <= index < len(self.words) else ""

    # --- verbs -------------------------------------------------------------------------------

    def finite_base(self, index: int, first: int) -> str | None:
        """The base of a main verb that can be finite here, else None."""
        word = self.words[index]
        before = self.low(index - 1)
        if word.text != word.low or index == first or word.low in en.NOT_VERBS:
            return None
        if before in en.OPENERS | en.PREPOSITIONS or before.endswith(("'s", "’s")):
            return None
        following = self.low(self.before_verb(index + 1))
        if before == "being" or following in en.AUXILIARIES | en.DO:
            return None
        if word.low in en.PARTICIPLE and following in en.PRESENT.keys() & en.ONLY_VERBS:
            return None  # "the data collected allows"
        if word.low in en.PAST and word.low not in en.PARTICIPLE:
            return en.PAST[word.low]
        if self._before_auxiliary(index):
            return None
        if word.low in en.PAST:
            return en.PAST[word.low]
        following = self.low(index + 1)
        if following in en.ONLY_VERBS & en.BASES or (
            following in en.BASES - _NOUNS
            and self.low(index + 2) in en.DETERMINERS | en.POSSESSIVES | en.PREPOSITIONS
        ):
            return None
        past = following in en.PAST.keys() - en.BASES and self.low(index + 2) in en.PREPOSITIONS
        if past and word.low in en.PRESENT:
            return None  # "copies appeared in Berlin"
        if following == "of" and not word.low.startswith("consist"):
            return None
        noun = index - 1
        while noun > first and self.is_adverb(noun):
            noun -= 1
        plural = bool(_PLURAL.search(self.low(noun)))
        if word.low in en.PRESENT and not self._counted(first, index):
            return en.PRESENT[word.low]
        return word.low if word.low in en.BASES and plural else None

    def _before_auxiliary(self, index: int) -> bool:
        """`The demo flows of each team are …`: a noun, for the verb comes later."""
        for later in range(index + 1, min(index + 9, len(self.words))):
            low = self.low(later)
            if low in en.SUBORDINATORS | en.PRONOUNS | {"and", "or", "but"} or not low[0].isalnum():
                return False
            if low in en.AUXILIARIES | en.DO:
                return True
        return False

    def _counted(self, first: int, index: int) -> bool:
        """`three white flashes`: a number within two words before says noun."""
        before: set[str] = set()
        for place in range(max(first, index - 3), index):
            before = set() if self.low(place) == "," else before | {self.low(place)}
            if self.low(place)[:1].isdigit() and "-" not in self.low(place) and place == index - 1:
                return not self.words[place - 1].text[:1].isupper() and self.low(place - 1) != "of"
        return bool(before & (set(en.NUMBER_WORDS[1:]) | {"several", "many", "few", "most"}))

    def is_reduced(self, index: int) -> bool:
        """`The line made by the lights runs …`: a participle, for another verb follows."""
        if self.low(index) not in en.PARTICIPLE:
            return False
        if self.low(index) in {"named", "called"}:
            return True
        behind = self.low(index + 1)
        if behind not in en.PREPOSITIONS | {"to"} and not behind.endswith("ly"):
            return False
        for later in range(index + 1, min(index + 12, len(self.words))):
            low = self.low(later)
            if low in en.SUBORDINATORS - {"after", "before", "since", "until", "once"}:
                return False
            if low in {",", ";", ":", "and", "but"}:
                return False if low != "and" else self.low(index + 1) == "by"
            if low in en.AUXILIARIES or (
                later > index + 1 and self.finite_base(later, index) and low not in en.BASES
            ):
                return True
        return False

    def verb_group(self, index: int, first: int) -> tuple[Clause, int] | None:
        """A clause without subject and rest, and the index behind its verb."""
        place, words = index, self.words
        if index >= len(words):
            return None
        aux = words[index].text
        negated = aux.lower() in en.NEGATED or self.low(index + 1) == "not"
        if aux.lower() in en.NEGATED:
            aux = en.NEGATED[aux.lower()]
        elif negated:
            place += 1
        if aux in en.DO and negated and self.low(place + 1) in en.BASES:
            verb = self.low(place + 1)
            return Clause(
                "", aux, f"not {verb}", f"{aux} not {verb}", verb, "active", ""
            ), place + 2
        if aux.lower() in en.DO:
            return None
        if aux not in en.AUXILIARIES:
            base = self.finite_base(index, first)
            if base is None:
                return None
            # "cost" and "put" are past or present: a plural subject says present.
            end = index
            while end - 1 > first and self.is_adverb(end - 1):
                end -= 1
            present = aux in en.BASES - {"found"} and (
                _PLURAL.search(self.low(end - 1)) or is_plural(_lowered(self.slice(first, end)))
            )
            do = "does" if aux in en.PRESENT else "do"
            do = "did" if aux in en.PAST and not present else do
            return Clause("", do, base, aux, base, "active", ""), index + 1
        place += 1
        adverbs: list[str] = ["not"] if negated else []
        be = aux in en.BE
        if aux in en.MODALS or aux in en.HAVE:
            place = self._adverbs(place, adverbs)
            if self.low(place) in {"be", "been"}:
                adverbs.append(self.low(place))
                place, be = place + 1, True
        place = self._adverbs(place, adverbs)
        low = self.low(place)
        if low in en.NEGATIONS - {"not"}:
            return None
        head = " ".join([*adverbs, low]).strip()
        finite = " ".join([aux, head])
        participle = low in en.PARTICIPLE or low == "born" or _unknown_participle(low)
        if be and participle and self.low(place + 1) not in {"man", "men"}:
            lemma = en.PARTICIPLE.get(low, low)
            return Clause("", aux, head, finite, lemma, "passive", ""), place + 1
        if be and low.endswith("ing") and low[:-3] and _from_ing(low):
            return Clause("", aux, head, finite, _from_ing(low), "active", ""), place + 1
        if be:
            joined = " ".join(adverbs)
            return Clause("", aux, joined, f"{aux} {joined}".strip(), "be", "be", ""), place
        if aux in en.MODALS and (low in en.BASES or _unknown_base(low)):
            return Clause("", aux, head, finite, low, "active", ""), place + 1
        if aux in en.HAVE and low in en.PARTICIPLE:
            return Clause("", aux, head, finite, en.PARTICIPLE[low], "active", ""), place + 1
        if aux in en.HAVE and not adverbs:
            do = {"has": "does", "have": "do", "had": "did"}[aux]
            return Clause("", do, "have", aux, "have", "active", ""), place
        return None

    def _adverbs(self, place: int, adverbs: list[str]) -> int:
        while self.low(place) in en.ADVERBS or is_manner(self.low(place)):
            if self.low(place) not in en.DROPPED_ADVERBS:
                adverbs.append(self.low(place))
            place += 1
        return place

    def before_verb(self, index: int) -> int:
        while self.is_adverb(index):
            index += 1
        return index

    def is_adverb(self, index: int) -> bool:
        low = self.low(index)
        return low in en.ADVERBS - {"both"} or is_manner(low)

    def is_verb_at(self, index: int, first: int) -> bool:
        index = self.before_verb(index)
        if index >= len(self.words):
            return False
        low = self.low(index)
        if low in en.AUXILIARIES:
            return True
        return low in en.PAST or low in en.PRESENT or (low in en.BASES and index > first)


def _lowered(phrase: str) -> str:
    return phrase[:1].lower() + phrase[1:]


def is_manner(word: str) -> bool:
    """`quickly`; not `family`."""
    return bool(re.fullmatch(r"[a-z]{3,}ly", word)) and word not in en.NOT_ADVERBS


def _unknown_participle(word: str) -> bool:
    return re.fullmatch(r"[a-z]{4,}ed", word) is not None and word not in en.NOT_VERBS


def _unknown_base(word: str) -> bool:
    """Behind "must", a word of no closed class is a verb."""
    closed = (
        en.PREPOSITIONS | en.DETERMINERS | en.PRONOUNS | en.ADVERBS | en.NEGATIONS | en.POSSESSIVES
    )
    return re.fullmatch(r"[a-z]{4,}(?<!ly)(?<!ed)(?<!ing)", word) is not None and word not in (
        closed | en.AUXILIARIES | en.SUBORDINATORS | en.CONJUNCTIONS | {"have", "well"}
    )


def _from_ing(word: str) -> str:
    stem = word[:-3]
    for base in (stem, stem + "e", stem[:-1]):
        if base in en.BASES:
            return base
    return ""


def two_subjects(phrase: str) -> bool:
    """`the next round the members`: a second article that no word ties to the first."""
    words = re.split(r" (?:that|which|who|whose|where) ", phrase.lower())[0].split()
    ties = en.PREPOSITIONS | en.CONJUNCTIONS | en.POSSESSIVES | {"of", "to", "all", "both"}
    for place, (before, word) in enumerate(itertools.pairwise(words)):
        tied = before in ties or re.search(r"ing$|\W$", before) or words[max(place - 1, 0)] == "to"
        if word in {"the", "a", "an"} and not tied:
            return True
    return False
