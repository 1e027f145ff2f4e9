"""Whether a question stands alone, and what makes it: its name, its field or its title."""

from __future__ import annotations

import re
from dataclasses import replace

from lib.records import Chunk
from offline.teacher import english as en
from offline.teacher.drafting import Draft
from offline.teacher.phrases import has_name

MAX_ANSWER_WORDS = 14
MIN_QUESTION_WORDS, MAX_QUESTION_WORDS = 4, 22
# Words that no finished question ends with.
_LOOSE_ENDS = frozenset(
    "the a an and each every own his her its their again starting beginning".split()
)
# "the heaviest of the five", "of the same stone": of what, only the sentences before would tell.
_UNNAMED = re.compile(
    rf"\bof the (?:{'|'.join(en.NUMBER_WORDS)})\?|\bof the same\b"
    r"|\bthe (?:first|second|third|next|last) [a-z]+\?"
)
_SPOKEN_OF = re.compile(r"\bthe ([a-z]+)(?=\?| (?:[a-z]+s|[a-z]+ed|is|are|be|can)\b)")
# Words of an answer that point at something outside it.
_POINTING = en.PRONOUNS - {"one", "all"} | {"anybody", "nobody"}


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
    """`Which tails are slow?` under the title "Surfing" → "In surfing, which tails are slow?\""""
    if draft.alone or (not draft.field and has_name(draft.text.partition(" ")[2], names)):
        return draft
    title = re.split(r" [-–|(]|:", chunk.title)[0].strip()
    subject = title.lower() if re.fullmatch(r"[A-Z][a-z]{5,}", title) else ""
    if subject and subject in draft.text:
        return replace(draft, alone=True)
    if draft.field and has_name(re.sub(r"“.*?”", "", draft.text[1:])):
        return draft
    opening = ""
    if draft.field and re.fullmatch(r"[A-Z][a-z]+(?: [a-z]+)?ing", title):
        opening = f"In {title.lower()}"
    elif draft.field and subject and re.search(rf"\b{subject}s?\b", chunk.text):
        opening = f"Regarding {subject}s"
    elif (draft.kind or not draft.field) and len(draft.text.split()) >= 5:
        # A title that says what it speaks of: "Harbours of the Ferrow Islands".
        named = re.fullmatch(r"[A-Z][\w’'-]*,?(?: [\w’'-]+,?){2,7}", title)
        opening = f"According to “{title}”" if named and has_name(title[1:]) else ""
    if not opening:
        return None
    return replace(draft, text=f"{opening}, {draft.text[0].lower()}{draft.text[1:]}", alone=True)


def as_written(draft: Draft, quote: str) -> Draft:
    """The answer with the capital that it has in the sentence, without an "only" before it."""
    answer = re.sub(r"^(?:only|just|some) ", "", draft.answer)
    capital = answer[:1].upper() + answer[1:]
    return replace(draft, answer=capital if answer not in quote and capital in quote else answer)


def acceptable(draft: Draft, quote: str, names: frozenset[str]) -> bool:
    """The gates of this teacher: it stands alone, is short, and does not tell its answer."""
    question, answer = draft.text, draft.answer
    words = re.findall(r"[\w’'-]+", question)
    defined = re.fullmatch(r"What (?:is|are) [a-z]{5,}\?", question)
    if not defined and not MIN_QUESTION_WORDS <= len(words) <= MAX_QUESTION_WORDS:
        return False
    if not answer or answer not in quote or len(answer.split()) > MAX_ANSWER_WORDS:
        return False
    low = [word.lower() for word in words]
    # The question word may stand behind "In kiteboarding,"; "are there" is no pronoun.
    bare = re.sub(r"^(?:(?:In|Regarding) [a-z ]+|According to “.*?”), (?=\w)", "", question)
    bare = re.sub(r"\b(are|were) there\b", r"\1", re.sub(r"^(?:At|To|For|at|to|for) ", "", bare))
    bare = re.sub(r"\bone(?= [a-z])", "1", bare)
    if (
        set(re.findall(r"[\w’'-]+", bare.lower())[1:])
        & (en.PRONOUNS | {"nobody", "everybody", "anybody"})
        or set(low) & en.NEGATIONS
        or low[-1] in _LOOSE_ENDS
    ):
        return False
    if re.search(r"\bbecome (?:his|her|its|their)\b", question):
        return False
    if re.search(r"\bher(?:\?| (?:in|on|at|from|to|for|off|by|with|as|up|down)\b)", question):
        return False
    # "oak, elm" without its "and": a list that was cut.
    cut = re.search(r", [a-z]", answer) and not re.search(r"\b(?:and|or)\b", answer)
    if (cut and not question.endswith(" mean?")) or re.search(r"\bbeing\b", answer):
        return False
    if re.match(r"(?:his|her|its|their) ", answer) or _UNNAMED.search(question):
        return False
    if f" {folded(answer)} " in f" {folded(question)} ":
        return False
    if not re.search(r"\w[\"”’')]?\?$", question):
        return False
    reason = question.startswith("Why ") or ", why " in question
    if not reason and set(answer.lower().split()) & _POINTING:
        return False
    return draft.alone or has_name(question.partition(" ")[2], names)
