"""Questions on what to do, when, and what follows: manuals, policies and licences are full of them.

Read from the sentence itself: its comma, or the word that joins its two clauses, divides it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import statement_words as said
from offline.teacher.drafting import Draft
from offline.teacher.grammar import tokenise
from offline.teacher.leads import is_imperative, without_marker

JOIN = r"if|when|whenever|unless|before|after|until|once|while"
# With a duty or an order behind them, these opening phrases say when or where it holds.
_OCCASION = (
    r"in (?:the )?(?:case|event) of|prior to|in|during|for|within|upon|on|at|by|with|without|under"
)
_LEADING = re.compile(
    rf"(?:so |and |but )?(?P<join>(?:{JOIN}|{_OCCASION}|"
    rf"as(?= an? )) )(?P<when>[^,;:]+?(?:(?:, [^,;:]+)*, (?:and|or) "
    r"[^,;:]+)?)(?:,| (?=then )) (?:then |please )*(?P<main>[^;:]+)(?:[;:] .+)?",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    rf"(?:please )?(?P<main>[^;:]+?),? (?P<join>(?:{JOIN}|during|prior to|upon) )"
    r"(?P<when>[^,;:]+)(?:[;:] .+)?"
)
_PURPOSE_FIRST = re.compile(
    r"(?:in order )?(?P<join>to )(?P<when>[^,;:]+), (?:please )?(?P<main>[^;:]+)(?:[;:] .+)?",
    re.IGNORECASE,
)
_PURPOSE_LAST = re.compile(
    r"(?:please )?(?P<main>[^;:]+?),? (?:in order )?(?P<join>to )(?P<when>[^,;:]+)"
)
_DUTY = re.compile(
    r"(?P<who>[^,;:]+?) (?:(?P<aux>must|should|can|may|will|shall|could)|(?P<do>have|has|need|"
    r"needs) to|(?P<be>is|are) (?P<bound>required|expected|encouraged|allowed|permitted|able|asked|"
    r"entitled|advised|obliged|free) to|(?P<it>(?<=^[Ii]t )is (?:advisable|recommended|necessary|"
    r"possible|important|best|sufficient)) to) (?P<what>[a-z].+)"
)
_NO_DEED = frozenset("be have get need want see do like".split())
# "how to", "able to": no purpose of what stands before.
_NO_PURPOSE = frozenset(
    "how able unable need needs want wants have has had way ways ability try tries attempt "
    "likely ready used use possible whether due up according as not is are be been was were "
    "going continue effort efforts refer related equal similar access attention what where when "
    "right permission reason time subject set sets next prior ask asks tell allow allows enable "
    "enables cause causes require requires sure free willing expect expects helps help failed "
    "fails fail enough required needed allowed expected intended designed encouraged forced "
    "likes like wish".split()
)
# Behind these, a "when" or "if" says no condition.
_DATED_OR_ASKED = re.compile(
    r"\d\w*$|\b(?:(?:time|day|week|month|year|season|age|moment|instance|case|occasion)s?|"
    r"determine|check|see|know|ask|"
    r"decide|discuss(?:ed)?|debated?|asked|tell|test|verify|wonder|find out|clear|known)$"
)
_SAYS_NO_OCCASION = re.compile(
    r"\b(?:meantime|end|meanwhile|way|whole|past|future|beginning|first place|part|run|general|"
    r"particular|cases?|words|hand|contrast|contrary|time|times|practice|theory|addition|example|"
    r"instance|fact|herein|a problem|more (?:information|details?|on .+|about .+))$|^(?:more|"
    r"further|details|applicable|necessary|possible|appropriate) ",
    re.IGNORECASE,
)
_NEXT_STATEMENT = re.compile(
    r", (?:but|so|because|although|since|even|particularly|especially) |,? (?:and|or) "
    r"(?:we|you|it|they|he|she) "
)
# Behind one of these, a purpose or a condition may belong to the second verb alone.
_JOINED = re.compile(r",|\b(?:that|which|who|if|when|because|where|how)\b", re.IGNORECASE)
# A condition holds a noun: not "when in doubt", "if you picked wrong".
TELLS = re.compile(
    r"\b(?:the|an?|any|each|every|all|your|our|some|no|two|\d+) \w|\w{3}[^su]s\b|[A-Z][a-z]|"
    r"\w{4}ing\b"
    r"|\w(?:tion|ment|ness|ity|nce)\b|^(?!you|it|we)\w+ (?:is|was|has|can|must|may|will)\b"
)
# "we trust that …": what its authors think happens under no condition.
_THINKS = re.compile(
    r"[Ww]e (?:are|recommend|trust|believe|think|hope|want|suggest|encourage|ask|mean|expect)\b"
)


def instructions(text: str) -> Iterator[Draft]:
    """What to do under a condition or for a purpose, and what happens under a condition."""
    body = without_marker(text)
    if re.search(r"[?“”\"…]|\.\.|\w[.!?] [A-Z]", body):
        return
    for pattern in (_LEADING, _TRAILING, _PURPOSE_FIRST, _PURPOSE_LAST):
        if match := pattern.fullmatch(body):
            join, when, main = match.group("join").lower(), match.group("when"), match.group("main")
            leading = match.start("when") < match.start("main")
            if join == "to " and not _is_purpose(body, match, leading=leading):
                continue
            # "until the late 1970s, when a second was added"
            dated = _DATED_OR_ASKED.search(main) and join in {"when ", "if ", "before ", "after "}
            vague = join.strip() in JOIN.split("|") and not TELLS.search(when)
            listed = "," in when and join in {"after ", "before ", "during "}
            if vague or listed or not _condition_stands(when) or (dated and not leading):
                continue
            found = list(_drafts(join + when, main, leading=leading))
            yield from found
            if found:
                return


def _drafts(condition: str, main: str, *, leading: bool) -> Iterator[Draft]:
    """`if the lamp fails`, `Call the keeper` → "What should you do if the lamp fails?\""""
    main = re.sub(r"\b(can|may|should|must|will) also ", r"\1 ", main)
    main = re.sub(r"^(?:ideally|instead|in general|in that case), ", "", main, flags=re.IGNORECASE)
    if not leading and (_NEXT_STATEMENT.search(main) or _JOINED.search(main)):
        return  # of which of the two statements does the condition speak?
    statement, *others = _NEXT_STATEMENT.split(main)
    if any("," in part for part in others):
        return  # the condition's list may go on
    main = statement
    if others and ", " in main and not re.search(r"\b(?:and|or)\b", main):
        return  # a list that was cut
    low = main[:1].lower() + main[1:]
    if low.startswith(("feel free", "see ", "please ", "consider ", "refer to ")):
        return
    opened = re.match(rf"(?:{JOIN}|since|because|although|which|where) ", low)
    opened = opened or re.match(r"\w+ing\b[^,]*, ", main)
    if opened or said.LOOSE.search(main) or (not leading and said.points(low)):
        return
    if re.match(
        r"(?:[\w-]+ ){0,6}[\w-]+, (?:and|or|and/or|you|we|they|it|the) |(?:and|or|but) ", low
    ) and not (condition.startswith("to ") and is_imperative(main, alone=True)):
        return  # the condition's list goes on
    occasion = re.match(rf"(?:{_OCCASION}|as) ", condition)
    if occasion and (len(condition.split()) > 16 or re.search(r"\b(?:you|we|will)\b", condition)):
        return
    if is_imperative(main, alone=leading):
        if re.match(r"(?:in(?! (?:the )?(?:case|event))|on|at|with|by) ", condition):
            return
        negative = re.match(r"(?:do not|don't|don’t|never) (?=[a-z])", low)
        if negative:
            answer, never = main[negative.end() :], " never" if low.startswith("never") else ""
            modal = "should you never do" if never else "should you not do"
            yield _told(f"What {modal} {condition}?", answer)
            return
        yield _told(f"What should you do {condition}?", main)
        return
    duty = _DUTY.fullmatch(main)
    if duty and (duty["it"] or _names(duty["who"])):
        answer = re.sub(r"^(?:(?:not|also|only|always|then|still|probably) )+", "", duty["what"])
        base, _, more = answer.partition(" ")
        if base in en.BASES - _NO_DEED and more and " to to " not in main:
            yield _told(f"What {_bound(duty)} {condition}?", answer)
            return
        if base in _NO_DEED - {"be", "have"}:
            return
    # Behind its statement, a condition seldom says what happens: "Fees are paid if …".
    if occasion or not leading or condition.startswith("to ") or not _is_clause(condition):
        return
    first = low.partition(" ")[0]
    if first in {*en.ONLY_VERBS, *en.PAST, *en.PRESENT, "only"} or first.endswith("ing"):
        return
    if len(main.split()) > said.LONGEST:
        return
    if _is_event(main) and _is_statement(main) and not re.match(r"(?:and|or|but) ", low):
        first = main.partition(" ")[0].lower()
        if _THINKS.match(main) or (first in en.BASES and main.split()[1] not in en.AUXILIARIES):
            return
        if first in {"this", "that", "these", "such", "he", "she", "i"}:
            return
        if first in {"it", "they"} and not _antecedent(first, condition):
            return
        past = re.search(r"\b(?:was|were|had|did)\b", f"{condition} {main}") is not None
        past = past or all(re.search(r"\w{2,}ed\b", part) for part in (condition, main))
        now = r"\b(?:is|are|has|have|shall|should|will|can|must|may)\b"
        past = past and not re.search(now, f"{condition} {main}")
        yield Draft(
            f"What {'happened' if past else 'happens'} {condition}?", main, 1.0, titled=True
        )


def _bound(duty: re.Match[str]) -> str:
    """`you have to` → "do you have to do"; `a clerk may not` → "may a clerk not do"."""
    who = _lowered(duty["who"])
    if duty["it"]:
        return f"is it {duty['it'].split()[-1]} to do"
    if duty["aux"]:
        return f"{duty['aux']} {who}{' not' if duty['what'].startswith('not ') else ''} do"
    if duty["be"]:
        return f"{duty['be']} {who} {duty['bound']} to do"
    does = "does" if duty["do"].endswith("s") else "do"
    return f"{does} {who} {'have' if duty['do'].startswith('ha') else 'need'} to do"


def _told(question: str, answer: str) -> Draft:
    # "present it, and then we dance": what others do is no part of the answer.
    # "use your leave or take part", in front of a condition: which of the two does it speak of?
    others = re.search(r" and (?:then )?(?:we|you|it|they|he|she|the) ", answer)
    last = re.search(r" (?:and|or) ([a-z]+)$", answer)
    cut = others or (last and last.group(1) in en.BASES)
    return Draft(question, "" if cut else answer, 1.4, titled=True)


def _is_purpose(body: str, match: re.Match[str], *, leading: bool) -> bool:
    verb = match.group("when").split()[0]
    if verb not in en.BASES or re.match(
        r"be |\w+ (?:for|with|as|by)\b", match.group("when").lower()
    ):
        return False
    if leading:
        return True
    main = match.group("main")
    if re.search(
        r"\bfor (?:us|you|them|others|users)$|\b(?:wait|allow|enable|cause|require|request|ask|"
        r"permit|force|let|help|encourage|tell)",
        main,
    ):
        return False
    words = [word.lower().strip("`,") for word in main.split()]
    if len(words) > 10 or " and " in main or re.search(r" (?:you|they|we|it) \w+$", main):
        return False
    return len(words) >= 3 and words[-1] not in _NO_PURPOSE and words[0] not in _NO_PURPOSE


def _condition_stands(when: str) -> bool:
    """Names what it speaks of: no pronoun but one that its own words explain."""
    words = when.split()
    if re.search(r"(?:^| )(?:when|once|if|unless|–) | \w+ed by \w+$", when):
        return False
    if not 2 <= len(words) <= 22 or said.LOOSE.search(when) or _SAYS_NO_OCCASION.search(when):
        return False
    if re.match(
        r"(?:they|he|she|i|many|some|several|both|others|doing|done|not|so) "
        r"|\w+ (?:do|don['’]t|not|can|must|want|like)$",
        when,
        re.IGNORECASE,
    ):
        return False
    participle = words[0].lower() in en.PARTICIPLE
    if participle and (words[0].lower() not in en.BASES or words[1] in en.PREPOSITIONS | {"to"}):
        return False  # "if used for long": what is used?
    return not said.points(when)


def _names(who: str) -> bool:
    words = who.lower().split()
    if words == ["you"]:
        return True
    inner = set(words) & (en.PRONOUNS | en.SUBORDINATORS | en.NEGATIONS | en.AUXILIARIES)
    return (
        len(words) <= 10
        and not inner
        and not said.UNNAMED.search(who)
        and words[0] not in (en.PREPOSITIONS | en.CONJUNCTIONS | en.BASES | en.ADVERBS)
    )


def _lowered(phrase: str) -> str:
    """As inside a question: `The keeper` → "the keeper"; a name keeps its capital."""
    first = phrase.split()[0]
    low = first.lower()
    plain = said.PEOPLE.fullmatch(low) or low in en.OPENERS | {"you", "most", "many", "no"}
    return phrase[0].lower() + phrase[1:] if plain else phrase


def _is_clause(condition: str) -> bool:
    """`after the crash` only dates; `after the engine fails` and `when called` tell."""
    join, _, rest = condition.partition(" ")
    # "while" may set two things against each other.
    return join != "while" and (_is_statement(rest) or "’" in rest or "'" in rest)


def _is_statement(main: str) -> bool:
    """It has a subject and a verb."""
    words = [word.low for word in tokenise(main) if word.low not in en.ADVERBS]
    for place, word in enumerate(words[1:], 1):
        if word in en.AUXILIARIES and not re.search(r"\d May\b", main):
            return True
        if word in en.PRESENT and words[place - 1] not in en.DETERMINERS | en.PREPOSITIONS:
            return place < 6
        if word in en.PAST and place < 6 and words[place - 1] not in en.DETERMINERS:
            return True
        before = words[place - 1]
        if word in en.BASES and (before in {"you", "we", "they"} or re.search("[^su]s$", before)):
            return True
    return False


def _is_event(main: str) -> bool:
    """Not a duty or a state: "the cursor must be …", "the grind is too coarse"."""
    verb = re.search(rf"\b(?:must|should|shall|(?P<be>{'|'.join(sorted(en.BE))}))\b", main)
    behind = main[verb.end() :].split() if verb else []
    done = next((word for word in behind if word.lower() not in en.ADVERBS), "")
    return verb is None or (verb["be"] is not None and done in en.PARTICIPLE)


def _antecedent(pronoun: str, condition: str) -> bool:
    """A condition with one subject of the pronoun's number: `if the file exists`, "it"."""
    match = re.match(r"\w+ (?:the|an?|your|each|any) (?:[\w-]+ ){1,4}", condition)
    return pronoun == "it" and match is not None
