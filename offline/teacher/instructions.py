"""Questions on what to do, when, and what follows: manuals and policies are full of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from offline.teacher import lexicon as lx
from offline.teacher.tree import child, children, phrase, span, words
from offline.teacher.wording import Draft, lead, marked

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

_MODALS = frozenset("must should can may will shall".split())
_ASKS = frozenset("see check ask decide know determine remember wonder".split())
_STATES = frozenset("be have feel want need like know".split())
_CLAUSE = ("nsubj", "nsubjpass", "aux", "auxpass")


def instructions(doc: Doc, names: frozenset[str]) -> Iterator[Draft]:
    """`If the fan fails, stop the firing.` → "What should you do if the fan fails?" – "stop …\""""
    roots = [token for token in doc if token.dep_ == "ROOT" and token.pos_ in {"VERB", "AUX"}]
    conditions = [part for root in roots for part in root.children if _is_condition(part)]
    if len(roots) != 1 or len(conditions) != 1:
        return
    root, part = roots[0], conditions[0]
    if root.lemma_ in _ASKS or doc[0].tag_ == "VBZ":
        return  # "check if …", "Returns true if …"
    told = span(part)
    main = [token for token in doc if token not in told]
    while main and (main[0].is_punct or main[0].lower_ in {"then", "please"}):
        main.pop(0)
    while main and main[-1].is_punct:
        main.pop()
    if any(token.lower_ == "only" for token in main):
        return  # "is only considered if …"
    if not main or main[-1].i - main[0].i != len(main) - 1:
        return  # the condition stands in the middle
    asked = lead(told, names).removeprefix("in order ").replace("whenever ", "when ")
    subject = child(root, "nsubj", "nsubjpass")
    group = [t for t in root.children if t.dep_ in {"aux", "auxpass", "neg"} and t.i < root.i]
    not_ = " not" if any(t.dep_ == "neg" for t in group) else ""
    answer = tuple(token for token in main if token.i >= root.i)
    if subject is None:
        ordered = main[0] == root or (not_ and main[0].lower_ == "do" and main[0] in group)
        if root.tag_ in {"VB", "VBP"} and ordered and len(answer) > 1 and root.lower_ != "are":
            asked = f"What should you{not_} do {asked}?"
            yield Draft(asked, words(answer), 1.6, "instruction", tuple(told), answer)
        return
    whom = phrase(subject)
    if asked.startswith("to ") or not whom or main[0] != subject.left_edge:
        return
    if subject.pos_ == "PRON" and subject.lower_ != "you":
        return
    modal = group[0].lower_ if group else ""
    passive = any(t.dep_ == "auxpass" for t in group)
    if modal in _MODALS and not passive and root.lemma_ not in _STATES:
        asked = f"What {modal} {lead(whom, names)}{not_} do {asked}?"
        yield Draft(asked, words(answer), 1.6, "duty", (*whom, *told), answer)
        return
    past = any(t.tag_ == "VBD" for t in [root, *group])
    follows = marked(part) in {"if", "when", "once", "whenever"}
    if follows and not past and root.lemma_ not in _STATES:
        asked = f"What happens {asked}?"
        yield Draft(asked, words(main), 1.4, "follows", tuple(told), tuple(main))


def _is_condition(part: Token) -> bool:
    tokens = span(part)
    if part.dep_ == "prep":
        return bool(re.match(r"(?:in the event|in case) of ", words(tokens), re.IGNORECASE))
    if part.dep_ != "advcl":
        return False
    before = part.left_edge.nbor(-1) if part.left_edge.i else part
    if before.lemma_ in lx.SPANS | {"period", "time"}:
        return False  # "meant for periods when …"
    if marked(part) in lx.OCCASIONS:
        return bool(children(part, *_CLAUSE))
    # A purpose is safe only in front of an order: "To test a pot, hold it …"
    opening = words(tokens[:3]).lower()
    return part.tag_ == "VB" and part.i < part.head.i and opening.startswith(("to ", "in order to"))
