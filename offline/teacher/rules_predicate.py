"""Questions after what a plain statement says of its subject, asked of the named document.

The answer runs to the end of the sentence, so that it is a whole phrase whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher import statement_words as said
from offline.teacher.drafting import Draft, ask
from offline.teacher.grammar import Clause, is_manner
from offline.teacher.leads import AUTHORS
from offline.teacher.rules_instruction import JOIN, TELLS
from offline.teacher.rules_is import JUDGED
from offline.teacher.standing import joins_noun


def predicates(clause: Clause, text: str) -> Iterator[Draft]:
    """What a clause says, when it ends its sentence and its subject names something."""
    if not names_something(clause.subject) or clause.rest.startswith(","):
        return  # "may not copy, modify or sell it": the next verb of a list
    if clause.subject == AUTHORS and clause.lemma not in _GIVES:
        return  # one of many things that "we" do
    lead = clause.rest.removeprefix(clause.core) if clause.core else ""
    behind = (clause.core or clause.rest).strip(" ,")
    told = TELLS.search(lead) or not re.match(rf" *(?:{JOIN}) ", lead)
    if said.points(lead.strip()) or not told:
        return
    body = text.rstrip(" .!")
    rest = _whole(behind, body, whole=clause.complete)
    if not rest and clause.lemma in said.TOLD | _SHOWS:
        told = re.search(
            rf"\b{re.escape(clause.finite)} ((?:that|what|how|which|whether|where|who) [a-z].+)$",
            body,
        )
        rest = told.group(1) if told else ""
    for draft in _said(clause, rest):
        if second_predicate(draft):
            continue
        # What it is said of belongs into the question.
        yield replace(draft, text=f"{draft.text[:-1]}{lead}?") if lead else draft


def _said(clause: Clause, rest: str) -> Iterator[Draft]:
    if not rest or said.SECOND.search(rest) or said.LOOSE.search(rest):
        return
    yield from _means(clause, rest)
    stated = f"the {clause.subject} {rest.removeprefix('that ')}"
    if len(rest.split()) > said.LONGEST or said.points(stated):
        return
    if clause.voice == "active":
        yield from _object(clause, rest)
    elif clause.voice == "passive" and clause.subject != "you":
        yield from _passive(clause, rest)
    elif all(word in {"be", "not"} or is_manner(word) for word in clause.head.split()):
        yield from _relation(clause, rest)


def second_predicate(draft: Draft) -> bool:
    """`parts, and a switch stops the pump` · `fees and take violations seriously`: the text holds
    another verb of the same subject, or a statement of its own."""
    words = re.findall(r"[\w’'-]+|,", draft.answer.lower())
    if draft.text.endswith((" do?", " to?")):
        return False
    if re.search(
        r" and (?:the|an?) [\w -]+ [a-z]+ed$| and [a-z]+ed(?:$| (?:[a-z]+ly|by|in|on|at|for|to|with)\b)"
        r"|^our \w+$",
        draft.answer,
    ):
        return True
    for place, word in enumerate(words[:-1]):
        if word not in {"and", "or", "but", ","}:
            continue
        rest = [w for w in words[place + 1 :] if not is_manner(w)][:9]
        if rest[:1] and rest[0] in en.BASES - en.PAST.keys() and len(rest) > 1 and rest[1] != ",":
            return True
        for before, verb, behind in zip(rest, rest[1:], [*rest[2:], ""], strict=False):
            if before in en.SUBORDINATORS | {","}:
                break
            if verb in en.AUXILIARIES or (verb in en.PRESENT and behind in en.OPENERS):
                return True
    return False


def _whole(rest: str, body: str, *, whole: bool = False) -> str:
    """The words behind the verb with what belongs to them; "" where they are cut."""
    place = body.rfind(rest) if rest else -1
    behind = body[place + len(rest) :]
    if (
        place < 0
        or said.ASIDE.match(behind)
        or (whole and re.match(",? (?:and|but) ", behind) and not joins_noun(behind))
    ):
        return rest if place >= 0 else ""
    if _ends_list(behind):
        return rest + behind
    relative = re.match(r" (?:that|who) ", behind)
    belongs = relative or (said.BELONGS.match(behind) and "," not in behind)
    return rest + behind if belongs else ""


def _ends_list(behind: str) -> bool:
    """`, the People team, or the board` at the end of the sentence: no verb, no clause."""
    words = re.findall(r"[\w’'-]+", behind.lower())
    verbs = en.AUXILIARIES | en.DO | en.SUBORDINATORS | en.PRONOUNS | en.NEGATIONS
    verbal = any(
        verb in en.PRESENT.keys() | en.PAST and after in en.OPENERS
        for verb, after in zip(words, words[1:], strict=False)
    )
    listed = re.match(r"(?:, [^,;:]+)+,? (?:and|or) [^,;:]+$|, (?:and|or) [^,;:]+$", behind)
    opened = re.search(
        r", (?:[a-z]+ly )?(?:[a-z]+(?:ing|ed)|and [a-z]+ly|also|then|as|in|with) ", behind
    )
    return bool(listed and not opened and not verbal and not set(words) & verbs)


def _is_noun(phrase: str) -> bool:
    first = phrase.partition(" ")[0]
    bare = first.islower() and first not in _NO_OBJECT | en.BASES
    return bool(said.OPENS_NOUN.match(phrase)) or (bare and not re.search("(?:ly|ing|ed)$", first))


def names_something(subject: str) -> bool:
    words = subject.split()
    if not words or len(words) > 12 or said.UNNAMED.search(subject) or "," in subject:
        return False
    if re.fullmatch(said.ANY_OF_ITS_SORT, subject):
        return False
    bare = words[1:] if words[0] in en.DETERMINERS else words
    return subject == "you" or bool(bare and re.match(r"[\w.-]{3,}", bare[-1]))


def _object(clause: Clause, rest: str) -> Iterator[Draft]:
    """`The parser returns a list of tokens` → "What does the parser return?\""""
    word, _, behind = rest.partition(" ")
    if (
        clause.lemma in said.RESOLVED
        and word == "to"
        and behind.partition(" ")[0] not in en.OPENERS | {"be"}
        and not re.match(r"\w+s\b|[A-Z]", behind)
    ):
        yield _draft(ask("What", clause, "to do"), behind)
        return
    aimed = _AIMED.fullmatch(rest) if word not in _NO_OBJECT else None
    if clause.subject == "you":
        yield from _where(clause, rest)
        # One of many things that "you" do, but for a duty, a ban, or under a condition.
        duty = clause.aux in {"may", "must", "shall"} or re.match("not |never ", clause.head)
        duty = duty or (clause.core and clause.aux != "do")
        if not (aimed if clause.lemma == "use" else duty and not aimed and len(rest.split()) > 3):
            return
    if clause.lemma in _SHOWS and re.match(r"(?:what|how|which|whether|where|who) ", rest):
        yield _draft(ask("What", clause, ""), rest)
        return
    let = clause.lemma in {"let", "help"} and re.match(
        rf"(?P<who>(?:{_PARTY}) )(?P<what>[a-z]+ .+)", rest
    )
    if let and let["what"].split()[0] in en.BASES and "," not in rest:
        yield _draft(ask("What", clause, f"{let['who']}do"), let["what"])
        return
    led = f"{clause.lemma} {word}" in said.PREPOSITIONAL
    if led and _is_noun(behind) and not re.match(said.ADVERBIAL, rest):
        yield _draft(ask(_who_or_what(behind), clause, word), behind)
        return
    if clause.lemma in said.TOLD and re.match(r"that [a-z]", rest):
        yield _draft(ask("What", clause, ""), rest)
    owned = clause.lemma in {"have", "get", "need", "offer"} and len(rest.split()) >= 4
    thing = re.match(
        r"(?:the|an?|any|all|each|every) ", rest
    )  # "reports the loss", "becomes a member"
    owned = owned or (thing and clause.lemma in said.TOLD | {"become"})
    if not owned and clause.lemma in said.WEAK_VERBS | said.TOLD - {"require", "specify", "mean"}:
        return
    if clause.lemma in _TO_PEOPLE and re.search(rf" that |^{ph.MONEY}", rest):
        return  # "notify the team that …"
    if clause.lemma == "have" and (word in en.PARTICIPLE or word in {"done", "been"}):
        return
    purpose = re.match(r"(?P<who>(?:[\w’'-]+ ){1,5}?)to (?P<what>[a-z]+ .+)$", rest)
    if purpose and clause.lemma in said.MAKES_DO:
        if purpose.group("what").split()[0] in en.BASES:
            asked = ask("What", clause, f"{purpose.group('who')}to do")
            yield _draft(asked, purpose.group("what"))
        return
    if re.fullmatch(rf"the [a-z]+|{ph.NUMBER}", rest) or re.match(
        r"(?:the|an?) [\w-]+ (?:the|an?) |(?:.* )?[a-z]{3,}ly$|a (?:little|few|bit|lot) |(?:his|her) (?:for|in|on|at|as) ",
        rest,
    ):
        return
    if aimed and re.search(r"\w+ing |\band [a-z]+ (?:it|the|an?|them)\b", aimed["what"]):
        return
    aimed = (
        None if clause.lemma in {"have", "choose", "select", "elect", "appoint", "hire"} else aimed
    )
    if aimed and _to_verb(aimed["to"]) and not said.NO_AIM.search(aimed["what"]):
        yield _draft(ask(_who_or_what(aimed["what"]), clause, aimed["to"]), aimed["what"])
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
        who = "What" if thing else _who_or_what(rest)
        who = "Who" if clause.lemma in _TO_PEOPLE else who
        yield _draft(ask(who, clause, ""), rest)


_PLACED = re.compile(
    r"(?P<what>(?!(?:to|up|it|them)\b)(?:[\w’'-]+ ){1,6}?)(?P<where>(?:under|in|on|at|from|inside|near) (?!case\b).+)"
)


def _where(clause: Clause, rest: str) -> Iterator[Draft]:
    """`You can find the form under Settings` → "Where can you find the form?\""""
    match = _PLACED.fullmatch(rest) if clause.lemma in _KEPT else None
    if match is None or re.match(said.ADVERBIAL, match["where"]) or ph.WHEN.match(match["where"]):
        return
    loose = r"\b(?:of|for|that|who|which|to|and|with|under|in|on|at|from)$"
    if _is_noun(match["what"]) and not re.search(rf"{loose}|ing$", match["what"].strip()):
        if not re.search(r" (?:to|if|when|so|by|as|using) ", match["where"]):
            yield _draft(ask("Where", clause, match["what"].strip()), match["where"])


_KEPT = frozenset(
    "find manage configure store keep place put see view access set enable disable edit change "
    "download register book enter record obtain buy collect install mount save hang".split()
)


def _to_verb(phrase: str) -> bool:
    """`to consistently scan`; not "to line managers"."""
    return re.sub(r"^to (?:[a-z]+ly )?", "", phrase).partition(" ")[0] in en.BASES - {"be", "staff"}


_SHOWS = frozenset(
    "see define show describe determine explain specify control indicate decide".split()
)
_GIVES = frozenset("offer provide require cover guarantee support publish accept".split())
_TO_PEOPLE = frozenset(
    "thank appoint elect congratulate inform notify contact consult ask tell".split()
)
_PARTY = r"you|us|(?:the )?[a-z]+s|(?:the|an?) [a-z]+(?: [a-z]+)?"
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
        "farther ourselves themselves itself yourself to up out off down back away together forward "
        "further well better more less much "
        "most".split()
    )
) - {"one"}


def _passive(clause: Clause, rest: str) -> Iterator[Draft]:
    """`is sent to the clerk of the court` → "What is … sent to?\""""
    verb = re.match(r"to (?P<what>[a-z]+\b.*)", rest)
    bound = clause.head.rpartition(" ")[2] in said.BOUND
    noun = re.search(r"(?:limited|restricted|confined)$", clause.head)
    if verb and not noun and verb.group("what").split()[0] in en.BASES | {"do", "be"}:
        if len(verb.group("what").split()) < 2:
            return
        if bound:
            yield _draft(ask("What", clause, "to do"), verb.group("what"))
        elif not re.search(
            r"\bnot\b|(?:sent|added|moved|linked|exposed|opposed|thought|held|seen|assumed|presumed)$",
            clause.head,
        ):
            yield _draft(ask("Why", clause, ""), rest)
        return
    match = re.match(rf"(?P<prep>{said.ENDS_ON}) (?P<what>.+)$", rest)
    if clause.aux in en.HAVE and re.fullmatch(r"the \w+", clause.subject):
        return  # a case that is not told
    if match is None or re.search(r" (?:once|if|when|until|unless|while) ", rest):
        return
    if re.search(
        r"(?<!^by) by |^as \w+ly |^in the context |^in an? \w+ (?:way|manner)$|^\w+ (?:your|our|this) \w+$| since ",
        f" {rest}"[1:],
    ):
        return
    prep, what = match.group("prep"), match.group("what")
    if re.match(said.ADVERBIAL, rest) or ph.WHEN.match(rest):
        return
    if prep == "by" and (ph.is_person(what) or ph.is_organisation(what)):
        return
    if prep in {"by", "for", "through"} and re.match(r"\w+ing ", what):
        if prep == "for":
            yield _draft(ask("What", clause, "for"), what)
        return
    # What follows a second preposition may belong to the verb: "sent to X by Y".
    if re.search(r" (?:by|in|on|at|when|during|to|as) ", what) and len(what.split()) > 6:
        return
    if _is_noun(what) and not re.match(rf"{ph.NUMBER} {ph.TIME_UNITS}", what):
        wh = _who_or_what(what) if prep in {"by", "to", "for", "from", "against"} else "What"
        yield _draft(ask(wh, clause, prep), what)


_NEXT_PHRASE = "of|who|that|in|at|on|from|for|with|to|per|between|shared|by|until|if|when|unless|"
"before|after|and"


def _who_or_what(phrase: str) -> str:
    """`the volunteers who dug the trench`, `Ida Holm and Alan Brenn` → "Who\""""
    first = re.split(rf" (?:{_NEXT_PHRASE}) ", phrase)[0]
    head = first.split()[-1]
    people = said.PEOPLE.fullmatch(head) or head.lower().rstrip("s") in en.PERSON_NOUNS
    each = [part for part in re.split(r",? and |, ", first) if part]
    return "Who" if people or all(ph.is_person(part) for part in each) else "What"


def _relation(clause: Clause, rest: str) -> Iterator[Draft]:
    """`is responsible for the keys` → "What is … responsible for?\""""
    if able := said.ABLE.match(rest):
        if rest[able.end() :].split()[0] in en.BASES - {"be"}:
            yield _draft(ask("What", clause, f"{able['head']} to do"), rest[able.end() :])
        return
    match = said.RELATION.fullmatch(rest)
    aim = re.match(r"the (?:\w+ ){1,3}(?:of|for|to|in) \w", clause.subject)
    if aim and re.match(r"to [a-z]+ \w", rest) and rest.split()[1] in en.BASES:
        yield _draft(ask("What", clause, ""), rest)
    # "the oldest light", "session types", "a review phase", "Quarle Light": what it is.
    identity = re.match(
        r"(?:the |an? )?(?:[\w’'-]+ ){1,7}[\w-]+$|[A-Z]{2,}$|[a-z]{5,}s$", clause.subject
    )
    identity = None if re.match(r"\w+ing |the only |an? \w+er ", clause.subject) else identity
    plural = clause.aux in {"are", "were"}
    if (
        plural == ph.is_plural(rest)
        and ph.has_name(f"- {clause.subject}")
        and re.match(r"the (?:[\w-]+ ){1,5}[\w-]+$", rest)
    ):
        who = "Who" if ph.is_person(clause.subject) else _who_or_what(rest)
        yield _draft(ask(who, replace(clause, subject=rest), ""), clause.subject)
    if (
        identity
        and not JUDGED.search(rest)
        and "-specific" not in rest
        and re.match(r"(?:the|an?|one) |[A-Z]" if clause.subject[:4] == "the " else r"an? ", rest)
    ) and not re.match(r"(?:the (?:same|most|least|first|last|only|one)\b|an? \w+$)", rest):
        yield _draft(ask("What", clause, ""), rest)
    if match and not re.match(r"[a-z]+ing$", match.group("what")):
        yield _draft(ask("What", clause, match.group("head")), match.group("what"))


def _means(clause: Clause, rest: str) -> Iterator[Draft]:
    """`… can be changed by editing the file` → "How can … be changed?\""""
    match = re.search(r"(?:^| )(?P<how>(?:by|using) (?:[a-z]+ly )?(?:\w+ing |the |an? )?.+)$", rest)
    if match is None:
        return
    how, before = match.group("how"), rest[: match.start("how")].strip(" ,")
    if not re.match(
        r"by (?:[a-z]+ly )?\w+ing \w|using (?:the|an?|[A-Z]|[a-z]+s\b)|by [a-z]+(?: [a-z]+)?, .+ (?:and|or) ",
        how,
    ):
        return
    if len(how.split()) > said.LONGEST or len(before.split()) > 10 or said.points(how):
        return
    if said.points(before) or said.LOOSE.search(how) or said.LOOSE.search(before):
        return
    if clause.voice != "be" and (before or clause.voice == "passive"):
        yield _draft(ask("How", clause, before), how)


def _draft(question: str, answer: str) -> Draft:
    return Draft(question, answer, 1.2, titled=True)
