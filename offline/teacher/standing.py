"""Whether a question stands alone, and what makes it: its name, its field or its title."""

from __future__ import annotations

import re
from dataclasses import replace

from lib.records import Chunk
from offline.teacher import english as en
from offline.teacher.drafting import Draft
from offline.teacher.leads import AUTHORS, ITSELF
from offline.teacher.phrases import has_name, is_organisation, is_person
from offline.teacher.sentences import unmarked
from offline.teacher.wholeness import list_goes_on, may_end, verb_goes_on, whole

MAX_ANSWER_WORDS, MAX_TOLD_WORDS = 14, 24
MIN_QUESTION_WORDS, MAX_QUESTION_WORDS = 4, 28
# Words that no finished question ends with.
_LOOSE_ENDS = frozenset(
    "the a an and each every least most own his her its their again starting beginning".split()
)
# "the heaviest of the five", "of the same stone": of what, only the sentences before would tell.
_UNNAMED = re.compile(
    rf"\bof the (?:{'|'.join(en.NUMBER_WORDS)})\?"
    r"|\bthe (?:default|maximum|minimum) (?:value|setting|option|size)\?|\bthe "
    r"most [\w-]+\?|\bthe (?:first|second|third|next|last) [a-z]+\?"
)
_SPOKEN_OF = re.compile(r"\bthe ([a-z]+)(?=\?| (?:[a-z]+s|[a-z]+ed|is|are|be|can)\b)")
_OF_AN_ORGANISATION = re.compile(
    r"\b(?:polic(?:y|ies)|handbook|terms|privacy|agreement|employees?|staff|teams?|compan(?:y|ies)|"
    r"organi[sz]ations?|customers?|benefits?|club|board|committee|members?)\b",
    re.IGNORECASE,
)
# Titles that name no document.
_SAYS_NOTHING = frozenset(
    "notes readme index document untitled introduction overview contents summary installation "
    "install usage page text file draft copy chapter section part description background about "
    "changelog license licence home main title abstract".split()
)
# Words of an answer that point at something outside it.
_POINTING = en.PRONOUNS - {"one", "all"} | {"anybody", "nobody"}


# "the film", beside names: which one, the title says.
_WORK = re.compile(
    r"\bthe (?:film|movie|series|show|book|novel|story|game|album|song|event)\b(?! (?:of|[A-Z\d]))"
)


def folded(text: str) -> str:
    words = re.findall(r"\w+", text.lower())
    return " ".join(word for word in words if word not in {"the", "a", "an"})


def names_little(draft: Draft, text: str) -> bool:
    """`the remainder`, in a text that speaks of it once; "the deck" is what a text is about."""
    if not draft.field:
        return False
    if re.search(
        r"\bthe (?:remainder|former|latter|point|others)\b|\bthe (?:first|second|two|rest)"
        r"(?=\?| (?:is|are|was|were|has|have)\b)|\b(?:its|their|his|her)\b",
        draft.text,
    ):
        return True
    for noun in _SPOKEN_OF.findall(draft.text):
        stem = noun.removesuffix("s")
        if len(re.findall(rf"\b{stem}(?:s|es)?\b", text, re.IGNORECASE)) < 3:
            return True
    return False


def in_field(draft: Draft, chunk: Chunk, names: frozenset[str]) -> Draft | None:
    """What a question needs before it stands alone: the sport or craft, or the document's title.

    `Which tails are slow?` under the title "Surfing" → "In surfing, which tails are slow?"; under
    "Harbour Rules" → "According to “Harbour Rules”, which …?". None: the title says nothing.
    """
    asked = _without_us(draft.text, f"{chunk.title} {chunk.text}")
    name = document_name(chunk.title) or document_name(chunk.document_id.rpartition("/")[2])
    telling = re.sub(r"“.*?”", "", asked.partition(" ")[2])
    named = has_name(telling, names) and not _WORK.search(telling)
    if draft.alone or (not draft.field and not draft.titled and named):
        return draft
    if draft.field and (has_name(telling) or (name and name.lower() in asked)):
        return replace(draft, alone=True)
    if name is None:
        return None
    craft = re.fullmatch(r"[A-Z][a-z]+(?: [a-z]+)?ing", name)
    opening = f"In {name.lower()}" if craft else f"According to “{name}”"
    if f" {folded(draft.answer)} " in f" {folded(opening)} ":
        return None  # the title would tell
    asked = re.sub(rf"\bth(?:is|ese) (?={ITSELF}s?\b)", "the ", asked)
    return replace(draft, text=f"{opening}, {asked[0].lower()}{asked[1:]}", alone=True)


_SINGULAR = {"do": "does", "have": "has", "are": "is", "were": "was"}


def _without_us(asked: str, text: str) -> str:
    """`do the authors use our tool` → "does the organisation use the tool", in a handbook."""
    asked = re.sub(r"\b[Oo]ur\b", "the", asked)
    asked = re.sub(r"\bwe (\w+)", rf"{AUTHORS} \1", re.sub(r"\bus\b", AUTHORS, asked))
    if _OF_AN_ORGANISATION.search(text):
        for plural, single in _SINGULAR.items():
            asked = re.sub(rf"\b{plural} {AUTHORS}\b", f"{single} {AUTHORS}", asked)
        asked = re.sub(rf"\b{AUTHORS} (\w+)", _third_person, asked)
        asked = asked.replace(AUTHORS, "the organisation")
    return asked


def _third_person(match: re.Match[str]) -> str:
    """`if the authors end it` → "ends"; behind "does" or "can", the verb is bare."""
    before, verb = match.string[: match.start()].split(), match.group(1)
    bare = before and before[-1].lower() in en.AUXILIARIES | en.DO | {"let", "help", "make"}
    single = en.third_person(verb) if verb in en.BASES - en.AUXILIARIES else verb
    return f"{AUTHORS} {verb if bare else _SINGULAR.get(verb, single)}"


def document_name(title: str) -> str | None:
    """`Surfing - Wikipedia` → "Surfing"; a title of any form, but not "Notes"."""
    name = re.sub(r"(?i)\.(?:md|txt|pdf|docx?|html?|json|rst)$", "", title.strip())
    name = re.sub(r" [-–—|] [^-–—|]+$", "", name) if len(name.split()) > 2 else name
    head, _, _ = name.partition(": ")
    name = head if len(head.split()) >= 3 else name
    name = name.replace("“", "").replace("”", "").replace('"', "").strip(" .:*_`#")
    first, last = name.partition(" ")[0], name.rpartition(" ")[2]
    if first == last and " " in name:  # a running head: "DIFF(1) User Commands DIFF(1)"
        name = name.rpartition(" ")[0]
    name = re.sub(r"^[^\w]+", "", name)
    letters = re.findall(r"[^\W\d_]", name)
    if len(letters) < 3 or len(name.split()) > 14 or name.lower() in _SAYS_NOTHING:
        return None
    return name


def as_written(draft: Draft, quote: str) -> Draft:
    """The answer with the capital that it has in the sentence, without an "only" before it."""
    answer = re.sub(r"^(?:only|just|some) (?!of )", "", draft.answer)
    capital = answer[:1].upper() + answer[1:]
    if answer not in quote:
        answer = capital if capital in quote else _verbatim(answer, unmarked(quote))
    return replace(draft, answer=answer)


_SHORT = {"will": "ll", "are": "re", "have": "ve", "is": "s"}


def _verbatim(answer: str, quote: str) -> str:
    """With the brackets, quotation marks and "you’ll" that the sentence was read without."""
    words = (
        rf"(?:\s+{word}|['’]{_SHORT[word]})" if word in _SHORT else rf"\s+[\"“'‘]*{re.escape(word)}"
        for word in answer.split()
    )
    pattern = r"[\"”'’]*(?:\s*\([^()]*\))?".join(words).removeprefix(r"\s+")
    found = re.search(rf"(?i:{pattern}[\"”]?)", quote)
    text = found.group() if found else answer
    return text.strip('"') if text.count('"') % 2 else text


def acceptable(draft: Draft, quote: str, names: frozenset[str]) -> bool:
    """The gates of this teacher: it stands alone, is short, and does not tell its answer."""
    answer = draft.answer
    # The question word may be behind "In kiteboarding,".
    question = re.sub(r"^(?:In [a-z ]+|According to “.*?”), (?=\w)", "", draft.text)
    words = re.findall(r"[\w’'-]+", question)
    defined = re.fullmatch(r"[Ww]hat (?:is|are) (?:[a-z]{5,}|[A-Z][\w.&-]{2,})\?", question)
    if not defined and not MIN_QUESTION_WORDS <= len(words) <= MAX_QUESTION_WORDS:
        return False
    if (
        not answer
        or answer not in unmarked(quote)
        or f" {folded(answer)} " in f" {folded(question)} "
    ):
        return False
    if len(answer.split()) > (MAX_ANSWER_WORDS if not draft.titled else MAX_TOLD_WORDS):
        return False
    if not re.search(r"\w[\"”’')]?\?$", question) or words[-1].lower() in _LOOSE_ENDS:
        return False
    if re.search(rf"\b(?:this(?! {ITSELF}\b)|these|those(?! who| that)|here)\b", question):
        return False
    if re.search(r" (?:from|with|the|an?) \w+ing\?$", question):
        return False  # "from devastating[, unseen storms]"
    if _UNNAMED.search(question) or " & the " in question:
        return False
    # The question's own last words are whole, too.
    tail = " ".join(question.rstrip("?").split()[-2:])
    found = re.search(rf"{re.escape(tail)}(?!\w)(?P<gap>[ ,]*)", unmarked(quote))
    behind = unmarked(quote)[found.end() :] if found else ""
    if tail[-1:].isalpha() and tail.split()[-1][0].isupper() and re.match(r": [A-Z]", behind):
        return False  # "for Dune[: Prophecy]"
    last = found and not behind.startswith(answer) and found.start() > quote.find(answer)
    if found and last and list_goes_on(found["gap"] + behind):
        return False
    if found and last and not found["gap"].strip() and re.match(r"(?:that|which|who) ", behind):
        return False  # "have plans [that name the school]"
    if found and verb_goes_on(tail, f" {behind}"):
        return False
    behind = re.sub(r"^(?:please|then) ", "", behind)
    if found and not behind.startswith(answer) and not may_end(f" {behind}"):
        return False
    told = answer.split()[0].lower() in en.OPENERS or not is_person(answer)
    named = is_organisation(answer) or (draft.rule == "subject" and told)
    if re.match(r"[Ww]ho\b", question) and not named:
        capitals = re.findall(r"\b[A-ZÀ-Þ][\w’'-]+", answer)
        if (
            any(word not in names | en.PERSON_TITLES for word in capitals)
            and not answer[0].islower()
        ):
            return False
    return whole(answer, unmarked(quote), question) and (
        draft.titled
        or (
            _names_all(question, answer)
            and (draft.alone or has_name(question.partition(" ")[2], names))
        )
    )


def _names_all(question: str, answer: str) -> bool:
    """Nothing in question or answer points at something outside the sentence."""
    # "are there" is no pronoun, and neither is "one light".
    bare = re.sub(
        r"\b(are|were) there\b", r"\1", re.sub(r"^(?:At|To|For|at|to|for) ", "", question)
    )
    bare = re.sub(r"\bone(?= [a-z])", "1", bare)
    low = re.findall(r"[\w’'-]+", bare.lower())
    if set(low[1:]) & (en.PRONOUNS | en.NEGATIONS | {"nobody", "everybody", "anybody"}):
        return False
    return question.lower().startswith("why ") or not set(answer.lower().split()) & _POINTING
