"""What lets a question stand alone: a name of its own, or the title of its document."""

from __future__ import annotations

import re
from dataclasses import replace

from offline.teacher.gates import folded
from offline.teacher.lexicon import DATE, GROUPS, PERSONS
from offline.teacher.wording import Draft

_SAYS_NOTHING = frozenset(
    "notes note readme introduction index untitled document chapter page contents overview summary "
    "home guide draft text about faq manual appendix part new".split()
)


def with_title(draft: Draft, title: str, names: frozenset[str]) -> Draft | None:
    """`What is oiled?` under "Harbour Rules" → "According to “Harbour Rules”, what is oiled?"

    A question with a name and without a bare "the" needs no title. None: the title says nothing.
    """
    named = any(t.text in names and t.pos_ == "PROPN" and _is_name(t.text) for t in draft.asked)
    named = named or any(map(_is_name, re.findall(r"(?<= )[A-ZÀ-Þ][\w’'-]+", draft.text)))
    bare = any(
        t.lower_ == "the" and t.dep_ == "det" and t.head.pos_ == "NOUN"
        and not any(c.pos_ == "PROPN" for c in t.head.subtree if c in draft.asked)
        for t in draft.asked
    )  # fmt: skip
    if (named and not bare) or (title and f" {folded(title)} " in f" {folded(draft.text)} "):
        return draft
    if not title:
        return None  # "the yard": which?
    craft = re.fullmatch(r"[A-Z][a-z]+(?: [a-z]+)?ing", title)
    opening = f"In {title.lower()}" if craft else f"According to “{title}”"
    if f" {folded(draft.answer)} " in f" {folded(opening)} ":
        return None  # the title would tell
    return replace(draft, text=f"{opening}, {draft.text[0].lower()}{draft.text[1:]}")


def _is_name(word: str) -> bool:
    """`Tern`, but not "Sunday", "EC" and "Secretary"."""
    common = DATE.fullmatch(word) or word.lower().rpartition("-")[2] in PERSONS | GROUPS
    return not (common or word.isupper())


def document_name(title: str) -> str | None:
    """`Surfing - Wikipedia` → "Surfing"; a title of any form, but not "Notes"."""
    name = re.sub(r"(?i)\.(?:md|txt|pdf|docx?|html?|json|rst)$", "", title.strip())
    name = re.sub(r"\s+\([^()]*\)", "", name)
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
