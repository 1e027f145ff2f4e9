"""From a simple clause to questions with their answers, by rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher import (
    rules_amount,
    rules_forms,
    rules_is,
    rules_when_where,
    rules_who_what,
)
from offline.teacher.drafting import Draft, generic
from offline.teacher.grammar import Clause, two_subjects
from offline.teacher.leads import AUTHORS, ITSELF

_RULES = (
    rules_when_where.when,
    rules_amount.numbers,
    rules_amount.measures,
    rules_amount.often,
    rules_when_where.where,
    rules_who_what.agent,
    rules_forms.tied,
    rules_is.copula,
    rules_who_what.of_subject,
    rules_when_where.why,
)

# Questions that stand alone under the document's title although "you" or its authors act.
_OF_ANYBODY = (
    rules_when_where.when,
    rules_amount.numbers,
    rules_amount.often,
    rules_when_where.why,
)

_NO_OPENING = frozenset("otherwise however likewise therefore due because despite".split())
_NAMES_NOTHING = re.compile(
    r"\b(?:goal|aim|idea|object|purpose|objective|point|reason|way|introduction|remainder)$|"
    r"\bthe remainder\b"
    r"|^an? (?:(?:large|small|great|vast|growing) )?(?:number|lot|variety|range|combination|series|"
    r"few|example|majority) (?:of|in)\b"
    r"|^one of |^(?:instead|part of)\b|^(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    r"ninety)-[a-z]+$"
)


def drafts(clause: Clause, names: frozenset[str] = frozenset()) -> Iterator[Draft]:
    """Every question that the rules make of one clause."""
    past = clause.aux in {"was", "were", "did", "had", "has", "have"}
    kind = generic(clause.subject) and not (past and clause.subject.startswith(("a ", "an ")))
    # "the yard": which one, only the sentences before would tell.
    article = re.match(r"(?:the|both|each|every|any|some|all|a|an) ", clause.subject)
    superlative = re.match(r"the (?:\w+ )?\w+est ", clause.subject)
    vague = bool(article) and not (kind or superlative or ph.has_name(clause.subject))
    opens = clause.subject.partition(" ")[0].lower()
    verb = re.match(r"[A-Z]\w+ [a-z]+ed (?:on|in|at|to|as|for|with) ", clause.subject)
    active = clause.voice == "active" and clause.aux == "did"
    made_by = re.match(r"(?:in [\w ]{3,20} )?by [A-Z]", clause.rest)
    if (active and made_by) or two_subjects(clause.subject) or clause.subject.isdigit():
        return  # "studio founded by Ida Holm"
    if verb or opens in _NO_OPENING:
        return  # "Arrival appeared on many lists"
    plural = {"are", "were", "do", "have"}
    if clause.aux in plural and re.match(r"\w+ing (?!.*\band\b)", clause.subject):
        return
    if _NAMES_NOTHING.search(clause.subject) or clause.subject.lower() in en.NUMBER_WORDS:
        return
    # "Software patents pose a threat", "Shared locks on Windows": the noun was taken for the verb.
    bare = clause.aux == "does" and clause.subject.split()[0].lower() not in en.OPENERS
    following = clause.rest.partition(" ")[0]
    alone = bare and re.fullmatch(r"(?!.*ing$)[A-Z]?[a-z]+", clause.subject) is not None
    alone = alone and clause.subject not in names and clause.lemma not in en.ONLY_VERBS
    if alone and following.islower() and following not in en.OPENERS | {"to", "that"}:
        return  # "Speaker names visible"
    if bare and clause.lemma not in en.ONLY_VERBS and following in en.BASES - en.PAST.keys():
        return
    if bare and following in en.PREPOSITIONS and not clause.subject.split()[-1][0].isupper():
        return
    if clause.subject in {"you", AUTHORS}:
        if clause.core or (clause.subject == "you" and clause.aux == "did"):
            return  # the condition would be missing; "… and let the unit run"
        found = _made(_OF_ANYBODY, clause)
        yield from (replace(draft, score=draft.score - 1, titled=True) for draft in found)
        return
    for draft in _made(_RULES, clause):
        if vague and clause.subject in draft.text:
            past = clause.aux in {"was", "were", "did", "had", "has"}
            of_itself = re.fullmatch(rf"the {ITSELF}", clause.subject)
            if of_itself or not (past and clause.subject.startswith("the ")):
                yield replace(draft, score=draft.score - 1.5, field=True)
            continue
        told = f"{draft.text} {draft.answer}"
        if kind and past and not ph.has_name(draft.text[1:]) and re.search(r"\bthe [a-z]", told):
            continue
        yield replace(draft, score=draft.score - 1.2, field=True) if kind else draft


def _made(rules: Iterable[Callable[[Clause], Iterator[Draft]]], clause: Clause) -> Iterator[Draft]:
    for rule in rules:
        for draft in rule(clause):
            yield replace(draft, rule=rule.__name__)
