"""What something does, has or needs: the whole object of a plain statement, and where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher import statement_words as said
from offline.teacher.drafting import Draft, ask
from offline.teacher.grammar import Clause


def of_object(clause: Clause, rest: str) -> Iterator[Draft]:
    """`The parser returns a list of tokens` → "What does the parser return?\""""
    word, _, behind = rest.partition(" ")
    if (
        clause.lemma in said.RESOLVED
        and word == "to"
        and behind.partition(" ")[0] not in en.OPENERS | {"be"}
        and not re.match(r"\w+s\b|[A-Z]", behind)
        and (clause.subject != "you" or clause.lemma == "agree")
    ):
        yield told(ask("What", clause, "to do"), behind)
        return
    aimed = _AIMED.fullmatch(rest) if word not in _NO_OBJECT else None
    if clause.subject == "you":
        yield from _where(clause, rest)
        # One of many things that "you" do, but for a duty, a ban, or under a condition.
        duty = clause.aux in {"may", "must", "shall"} or clause.head.startswith(("not ", "never "))
        duty = duty or (clause.core != "" and clause.aux != "do")
        if not (aimed if clause.lemma == "use" else duty and not aimed and len(rest.split()) > 3):
            return
    if clause.lemma in SHOWS and re.match(r"(?:what|how|which|whether|where|who) ", rest):
        yield told(ask("What", clause, ""), rest)
        return
    let = clause.lemma in {"let", "help"} and re.match(
        rf"(?P<who>(?:{_PARTY}) )(?P<what>[a-z]+ .+)", rest
    )
    if let and let["what"].split()[0] in en.BASES and "," not in rest:
        yield told(ask("What", clause, f"{let['who']}do"), let["what"])
        return
    led = f"{clause.lemma} {word}" in said.PREPOSITIONAL
    if led and is_noun(behind) and not re.match(said.ADVERBIAL, rest):
        yield told(ask(who_or_what(behind), clause, word), behind)
        return
    if clause.lemma in said.TOLD and re.match(r"that [a-z]", rest):
        yield told(ask("What", clause, ""), rest)
    owned = clause.lemma in {"have", "get", "need", "offer"} and len(rest.split()) >= 3
    # "reports the loss", "becomes a member"
    specific = re.match(r"(?:the|an?|any|all|each|every) ", rest)
    stated = specific is not None and clause.lemma in said.TOLD | {"become"}
    if not (owned or stated) and clause.lemma in said.WEAK_VERBS | said.TOLD - {
        "require",
        "specify",
        "mean",
    }:
        return
    if clause.lemma in _TO_PEOPLE and re.search(rf" that |^{ph.MONEY}", rest):
        return  # "notify the team that …"
    if clause.lemma == "have" and (word in en.PARTICIPLE or word in {"done", "been"}):
        return
    purpose = re.match(r"(?P<who>(?:[\w’'-]+ ){1,8}?)to (?P<what>[a-z]+(?: .+)?)$", rest)
    if purpose and clause.lemma in said.MAKES_DO and " and " not in purpose["who"]:
        if purpose.group("what").split()[0] in en.BASES:
            asked = ask("What", clause, f"{purpose.group('who')}to do")
            yield told(asked, purpose.group("what"))
        return
    given = (
        r"(?:the|an?|each|every|your|our) [\w-]+ (?!and|or|of|to|in|on|at|by|as|for|with|"
        r"that|who|from)\w+ "
    )
    if clause.lemma in {"send", "give", "offer", "grant", "show", "teach"} and re.match(
        given, rest
    ):
        return  # "sends the author reviews of the text": two objects
    if re.fullmatch(rf"the [a-z]+|{ph.NUMBER}|h(?:er|im)|.* and \w+ to \d.*", rest) or re.match(
        r"(?:the|an?) [\w-]+ (?:the|an?) |(?:.* )?[a-z]{3,}ly$|a (?:little|few|bit|lot) |"
        r"(?:his|her) (?:for|in|on|at|as) ",
        rest,
    ):
        return
    if aimed and re.search(r"\w+ing |\band [a-z]+ (?:it|the|an?|them)\b", aimed["what"]):
        return
    aimed = (
        None if clause.lemma in {"have", "choose", "select", "elect", "appoint", "hire"} else aimed
    )
    if aimed and is_deed(aimed["to"]) and not said.NO_AIM.search(aimed["what"]):
        yield told(ask(who_or_what(aimed["what"]), clause, aimed["to"]), aimed["what"])
        return
    if word not in _NO_OBJECT and not re.match(
        r"[a-z]+(?:ly|(?<!spe)ed|ing)\b|\w+ (?:of|to|by)\b.{0,3}$", rest
    ):
        if re.match(rf"{ph.NUMBER} {ph.TIME_UNITS}", rest) or " to be " in rest:
            return
        inner = re.split(r" (?:that|which|who|whose|where|when|if|how|what) ", rest)[0].split()
        if set(inner) & (en.AUXILIARIES | en.DO):
            return  # "estimates the club will close": a statement, not a thing
        thing = clause.subject == "you" or clause.lemma == "have"
        who = "What" if thing else who_or_what(rest)
        who = "Who" if clause.lemma in _TO_PEOPLE else who
        yield told(ask(who, clause, ""), rest)


_PLACED = re.compile(
    r"(?P<what>(?!(?:to|up|it|them)\b)(?:[\w’'-]+ ){1,6}?)"
    r"(?P<where>(?:under|in|on|at|from|inside|near) (?!case\b).+)"
)


def _where(clause: Clause, rest: str) -> Iterator[Draft]:
    """`You can find the form under Settings` → "Where can you find the form?\""""
    match = _PLACED.fullmatch(rest) if clause.lemma in _KEPT else None
    if match is None or re.match(said.ADVERBIAL, match["where"]) or ph.WHEN.match(match["where"]):
        return
    loose = r"\b(?:of|for|that|who|which|to|and|with|under|in|on|at|from)$"
    what, where = match["what"].strip(), match["where"]
    cut = re.search(rf"{loose}|ing$", what) or re.search(r" (?:to|if|when|so|by|as|using) ", where)
    if (
        is_noun(what)
        and not re.match("more|(?:additional )?(?:details|information)$", what)
        and not cut
    ):
        yield told(ask("Where", clause, what), where)


_KEPT = frozenset(
    "find manage configure store keep place put see view access set enable disable edit change "
    "download register book enter record obtain buy collect install mount save hang".split()
)


def is_deed(phrase: str) -> bool:
    """`to consistently scan`; not "to line managers"."""
    return re.sub(r"^to (?:[a-z]+ly )?", "", phrase).partition(" ")[0] in en.BASES - {"be", "staff"}


SHOWS = frozenset(
    "see define show describe determine explain specify control indicate decide".split()
)
GIVES = frozenset("offer provide require cover guarantee support publish accept".split())
_TO_PEOPLE = frozenset(
    "thank appoint elect congratulate inform notify contact consult ask tell".split()
)
_PARTY = r"you|us|(?:the )?[a-z]+s|(?:the|an?) [a-z]+(?: [a-z]+)??"
_AIMED = re.compile(
    r"(?P<what>(?!to\b)(?:[\w’'./-]+ ){0,7}[\w’'./-]+) (?P<to>to (?:[a-z]+ly )?[a-z]+ .+)"
)
_NO_OBJECT = (
    en.PREPOSITIONS
    | en.ADVERBS
    | en.SUBORDINATORS
    | en.CONJUNCTIONS
    | en.PRONOUNS
    | en.AUXILIARIES
    | set(
        "farther parallel ourselves themselves itself yourself to up out off down back away "
        "together forward further well better more less much most".split()
    )
) - {"one"}


def is_noun(phrase: str) -> bool:
    first = phrase.partition(" ")[0]
    bare = first.islower() and first not in _NO_OBJECT | en.BASES
    return bool(said.OPENS_NOUN.match(phrase)) or (bare and not re.search("(?:ly|ing|ed)$", first))


_NEXT_PHRASE = "of|who|that|in|at|on|from|for|with|to|per|between|shared|by|until|if|when|unless|"
"before|after|and"


def who_or_what(phrase: str) -> str:
    """`the volunteers who dug the trench`, `Ida Holm and Alan Brenn` → "Who\""""
    first = re.split(rf" (?:{_NEXT_PHRASE}) ", phrase)[0]
    head = first.split()[-1]
    people = said.PEOPLE.fullmatch(head) or head.lower().rstrip("s") in en.PERSON_NOUNS
    each = [part for part in re.split(r",? and |, ", first) if part]
    return "Who" if people or all(ph.is_person(part) for part in each) else "What"


def told(question: str, answer: str) -> Draft:
    return Draft(question, answer, 1.2, titled=True)
