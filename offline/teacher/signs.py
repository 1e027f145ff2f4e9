"""Clear signs that a question is bad: a misread verb, a subject that nobody names, a cut answer."""

from __future__ import annotations

import re

from offline.teacher import english as en
from offline.teacher import statement_words as said
from offline.teacher.drafting import PREP, Draft
from offline.teacher.leads import ITSELF
from offline.teacher.phrases import TIME_UNITS, is_plural

PREFIX = re.compile(r"^(?:According to “.*?”|In [a-z ]+), ")
CONDITION = re.compile(
    r"\b(?:if|when|(?<!named )after|before|once|while|unless|until|to [a-z]+ing?)\b"
)
VERBS = en.AUXILIARIES | en.DO
_GENERAL = frozenset(
    "thing things way part file value list name type result output option method function program "
    "example limit implementation path section programs users user people group number company "
    "danger others terms order system process variable object page".split()
)
VAGUE = frozenset(
    "do have offer provide include use add contain issue support allow need require receive show "
    "finish make create see get load dump".split()
)
_OUTSIDE = re.compile(
    rf"\b(?:th(?:is|ese)(?! {ITSELF})|those(?! (?:who|that|which|of|in|for|with)\b)|such(?! as)|"
    r"another|(?:above|below)(?! \w)|the (?:above|below|following|other|section)|following$|"
    r"(?:figure|listing|table|section|chapter) \d|shown (?:on|in|at)|"
    r"remaining|previous|newer|(?:similar|corresponding)(?! (?:to|in)\b)|"
    r"that (?:first|way|too|well)|same (?:way|time|thing|reason)|"
    r"(?:all|the|both) (?:two|three|four)|"
    r"(?:to|of|in|for|with|on|at|from|by|and|or|as|when|than|do|follow) that)\b(?! of)|\bthat$|"
    r"\bthat (?:time|case|point|kind|sort|schedule|[a-z]+(?:tion|ment|ance|ity|ory))\b",
    re.IGNORECASE,
)
_UNGRAMMATICAL = re.compile(
    r"^\w+ (?:do|are|were|have) (?:an?|each|every|the only) |"
    r"\b(?:and|or|the|a|an) (?:do|be|mean|have|use)\b|\b(?:of|for) do$|"
    r"\b(?:however|though$)|\b(?:by|in) contrast\b|\bin addition$|\bfor (?:now|the time being)$|"
    r"\b(?:if|when) (?:at|in|on|by) |"
    r"\b(?:if|when) (?:not|no \w+|so|true|false|given|set|omitted|done|present|found|necessary)$|"
    r"(?<!made )(?<!composed )(?<!consist )\bof$| -+ | --|\b(?-i:[A-Z/]{4,} [A-Z]{4,})|"
    r"\bthe (?:more|less|\w+er) (?:an?|the|you) |\b(?:now|please|let['’]s) |, and (?:you|it|we) ",
    re.IGNORECASE,
)


# "every three years the board", "next to the lock" in an inverted sentence: no subjects.
_DONE = "|".join(sorted(en.PARTICIPLE.keys() - en.BASES))
_NO_SUBJECT = re.compile(
    rf"every (?:other|{'|'.join(en.NUMBER_WORDS)})\b|"
    rf"(?:each|every|once an?|twice an?) (?:[\w-]+ )?(?:{TIME_UNITS}|spring|summer|autumn|winter|"
    rf"{en.WEEKDAYS}|{en.MONTHS}) .|(?:next|close|adjacent|{_DONE}) (?:to|{PREP})\b|"
    r"the most [\w-]+$",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b(?:he|she|his|him|her|himself|herself)\b")
_SOMEBODY = re.compile(
    rf"[A-ZÀ-Þ]|\b(?:who|person|man|woman|boy|girl|{'|'.join(sorted(en.PERSON_NOUNS))}|[a-z]+(?:er|or)s?)\b"
)
_TERM = re.compile(r"^\w+ (?:is|are|was|were) the (?:term|word|name)s?\b")
_FIRST = re.compile(r"\bthe (?:first|only|last) (?:person|man|woman|one|to)\b.{0,14}$")
# "the best method", "the capacity": of what?
_OF_WHAT = re.compile(
    r"\bthe (?:only|main|usual|best|worst|most \w+|least \w+) [\w-]+$|^\w+ (?:is|are) the [a-z]+$"
)
_EXCEPTION = re.compile(r"\b(?:a|an|the) (?:\w+ )?(?:exception|example|model|case|classic)$")


def stands(draft: Draft, quote: str, text: str) -> bool:
    """No clear sign that the question is bad."""
    question = PREFIX.sub("", draft.text).rstrip("?")
    words, answer = question.lower().split(), draft.answer
    subject = draft.subject or subject_of(question)
    asked = question[0].lower() + question[1:]
    asks_subject = draft.rule == "subject"
    told = f"{answer} {asked}" if asks_subject else f"{asked}? {answer}"
    if said.points(told, subject) or _NO_SUBJECT.match(subject):
        return False
    if _OUTSIDE.search(question) or _OUTSIDE.search(answer) or _UNGRAMMATICAL.search(question):
        return False
    if (
        re.search(r"\b(?:he|she|him|her)\b", question)
        or _TERM.match(question)
        or _FIRST.search(question)
    ):
        return False
    someone = _PERSON.search(answer)
    if someone and not _SOMEBODY.search(f"{question[1:]} {answer[: someone.start()]}"):
        return False
    if answer.endswith(("'s", "’s")):
        return False
    if re.search(r" but (?:they|it|he|she|we) | (?:or|and) (?:even |also )?be ", answer):
        return False
    if _OF_WHAT.search(question) or _OF_WHAT.search(answer):
        return False
    if _EXCEPTION.search(answer) or question.endswith(("an exception", "a notable exception")):
        return False
    behind = quote.rpartition(answer)[2]
    aside = "," in answer and re.match(r", (?:who|which|whose)\b", behind)
    if aside or behind.startswith(", as well as ") or _second_predicate(question, answer):
        return False
    announced = behind.startswith(":") and re.match(r"(?:\w+ )?(?:\w+ )?\w+s$", answer)
    if announced and not question.lower().startswith(("how many", "in how many")):
        return False
    if re.match(r"(?: [a-z]+)? (?:which|whom|whose|where|whereby)\b", behind) or _WEAK.search(
        answer
    ):
        return False
    if re.match(r"(?:an?|the) \S+$", answer) and re.match(
        r" (?:to|for|of|that|against|between|as|on)\b", behind
    ):
        return False  # "a pattern [to match against]"
    if not draft.rule and behind.startswith(" to ") and len(answer.split()) < 6:
        return False  # "Create a branch [to add the fix]"
    if " and " in answer and draft.subject and _runs_on(answer):
        return False
    first = answer.split()[0].lower()
    if words[:2] == ["what", "happens"] and first in en.BASES | en.PREPOSITIONS:
        return False
    # "by the treasurer, and the treasurer's by the chair": the verb of the second is left out.
    if words[-1] in en.PREPOSITIONS | {"to"} and re.search(rf" and .*\b{words[-1]} ", answer):
        return False
    if re.match(r"\d+\.\d", subject) or re.search(r" [a-z]$", answer) or words[-1] == "c":
        return False
    if re.search(r"\bhow (?:long|much) ", question.lower()) and re.match(r"[^,;]* and \d", behind):
        return False  # "20 minutes with the lid on [and 25 without it]"
    if draft.rule and behind.startswith((" if ", " unless ")):
        return False  # "used for the packaging [if the scripts use it]"
    # "What has a keel?" – "Boats"
    if subject and not asks_subject and not number_agrees(words[1], subject):
        return False
    verb, *others = subject.lower().split(" ")
    determined = (
        others[:1] and others[0] in en.OPENERS and not re.search(r"ing$|^(?:all|both)$", verb)
    )
    if others and draft.rule and (determined or re.fullmatch("[a-z]+ly", verb)):
        return False
    if re.match(r"\w+ be ", answer) or re.search(r"[\w)]\. \W?\w", answer):
        return False
    if words[1] in en.BE and re.search(rf" and (?:also )?(?:{'|'.join(en.AUXILIARIES)}) ", answer):
        return False
    if misread(question, answer, quote):
        return False
    if _unknown_thing(subject, draft.text, text):
        return False
    # "documenting business processes that …": the verb is a noun.
    if words[-1] == "do" and re.match(r"[a-z]+s (?:that|or|which|who|are|is|for) ", answer):
        return False
    one = len(subject.split()) == 1
    return not (one and words[-1] in VAGUE and not CONDITION.search(question) and len(words) < 7)


def _second_predicate(question: str, answer: str) -> bool:
    """`what does he lose` – `fluids and contracts`: the answer took the next verb along."""
    own = {"do", "done"} & set(question.lower().split()[2:])
    if own or question.lower().startswith("what happen"):
        # the answer is the predicate: "increase the signal [but darkens the background]"
        base = answer.split()[0] in en.BASES and re.search(r" not do$", question)
        found = re.search(r" (?:and|but) (\w+s) ", answer) if base else None
        return found is not None and found[1] in en.PRESENT
    if re.search(r"^[^,]*, and [^,]*$", answer):
        return True  # no list: a statement of its own
    if re.search(r" (?:and|or|but), ", answer):
        return True
    joined = r" (?:and|but) (?:\w+ly |instead |then |also |still )?([a-z]+)(,?)( \S+)?"
    for found in re.finditer(joined, answer):
        verb, comma, behind = found[1], found[2], (found[3] or "").strip().lower()
        opens = behind in en.OPENERS | en.PREPOSITIONS | en.PRONOUNS | en.ADVERBS | {"to", "much"}
        opens = opens or behind.endswith(("ing", "ly"))
        known = verb in en.PAST.keys() | en.PRESENT.keys() | en.BASES or verb.endswith("ed")
        told = (known and (opens or comma)) or verb in en.AUXILIARIES
        if told and verb not in en.PREPOSITIONS:
            return True
    return False


_WEAK = re.compile(
    r"\b(?:however|instead|therein|thereof|somehow|accordingly|respectively|not only)\b"
    r"|^(?:take a look|find out|see|the (?:name|term)) "
    r"|^(?:mind|place|order|effect|a rule|\w+ (?:it|them))$",
    re.IGNORECASE,
)


def _runs_on(answer: str) -> bool:
    """`start at $18, and normal rates start at $30`: a statement of its own behind the "and"."""
    words = re.findall(r"[\w’'$.-]+", answer.rpartition(" and ")[2].lower())
    verbs = en.BASES | en.PRESENT.keys() | en.PAST.keys() | en.PARTICIPLE.keys() | VERBS
    if re.search(r"['’](?:re|s|ll|ve)\b", words[0]) and words[0][:2] in {"it", "th", "yo", "we"}:
        return True
    if words[0] in verbs or words[0].endswith("ly"):
        return False
    for verb, after in zip(words[1:6], [*words[2:7], ""], strict=False):
        if verb in en.SUBORDINATORS | en.PREPOSITIONS | {"to", "of"}:
            return False
        opens = after in en.OPENERS | en.PREPOSITIONS | en.SUBORDINATORS | {"to", "that"}
        if verb in VERBS or (verb in verbs and (opens or after[:1] in "$0123456789")):
            return True
    return False


def number_agrees(aux: str, subject: str) -> bool:
    """`what does changes`, `what do the only app`: one of the two was misread."""
    if " and " in subject or " or " in subject or subject.lower() == "you":
        return True
    head = re.split(rf" (?:{PREP}|of|that|which|who) ", subject)[0]
    if aux in {"do", "are", "were", "have"}:
        return (
            is_plural(head)
            or re.match(r"(?:the (?:majority|rest)|most|all|some|any) ", subject) is not None
            or not head.islower()
        )
    last = head.split()[-1]
    return aux not in {"does", "is", "was", "has"} or not (
        last.islower()
        and re.search(r"[^siu]s$", last)
        and last not in {"always", "news", "series", "means", "perhaps", "sometimes"}
    )


_CLEAR_VERBS = en.ONLY_VERBS | {"resemble", "resembles"}
_JOINS = en.SUBORDINATORS | en.CONJUNCTIONS | en.PRONOUNS | {",", "than", "as"}


def misread(question: str, answer: str, quote: str) -> bool:
    """A verb too many: a noun or a participle was taken for the verb.

    `objects or other boats is minimal`; "did" of a sentence that tells no past.
    """
    said_of = answer.lower().replace(",", " ,").split()
    clause = re.match(r"what happen|why ", question)
    for place, word in enumerate(said_of[2:] if not clause else [], 2):
        if word in VERBS - {"do"} and not _JOINS & set(said_of[:place]):
            return True
    present = {"is", "are", "has", "have", "can", "may", "must", "will", "should", "takes", "does"}
    # "What does a pair of amicable number? constitutes …"
    own = question.split()[-1] in {"do", "done"} or question.startswith("what happen")
    for word, before in zip(said_of[own:3], ["", *said_of][own:3], strict=False):
        if word in en.ONLY_VERBS & en.PRESENT.keys() - en.BASES and before not in _JOINS:
            return True
    if re.match(r"(?:[a-z]+ )?what (?:do|does) ", question) and not own and len(said_of) > 1:
        opens = said_of[1] in en.OPENERS | en.PREPOSITIONS | {"to"}
        if (said_of[0] in en.PRESENT.keys() - en.BASES and opens) or said_of[0] in _CLEAR_VERBS:
            return True
    day = re.fullmatch(rf"(?:\d+ )?(?:{en.MONTHS})(?: \d+)?", answer)
    if day and re.search(r"^when (?:was|were|did)", question) and not re.search(r"\d{4}", question):
        return True  # of which year?
    past = re.search(r"\bdid\b", question)
    return bool(past and present & set(quote.lower().split()))


def _unknown_thing(subject: str, asked: str, text: str) -> bool:
    """`the callback`: which one, only the text before would tell; not where the title names it."""
    match = re.fullmatch(
        r"(?:the|an?|each|similar|valid) (?:[a-z][a-z-]* )?([a-z][a-z-]*)", subject
    )
    person = match is not None and (match[1] in en.PERSON_NOUNS or said.PEOPLE.fullmatch(match[1]))
    if match is None or person or CONDITION.search(asked):
        return False
    prefix = PREFIX.match(asked)
    title = prefix.group().lower() if prefix else ""
    head = match[1].removesuffix("s")
    if len(head) > 3 and head[:6] in title:
        return False
    if subject.startswith(("a ", "an ")):
        return head in _GENERAL
    two = " " in subject.partition(" ")[2]
    often = len(re.findall(rf"\b{re.escape(head)}", text, re.IGNORECASE))
    return head in _GENERAL or (often < 3 and (title.startswith("in ") or not two))


def subject_of(question: str) -> str:
    """`what may the name of the holder not be used to do` → "the name of the holder\""""
    match = re.match(
        r"(?:.*?)\b(?:is|are|was|were|do|does|did|can|could|may|must|should|will|would|shall|has|"
        r"have|had) (?P<np>.+)$",
        question,
    )
    words: list[str] = []
    for word in match["np"].split() if match else ():
        low = word.lower()
        if low in en.SUBORDINATORS or (words and low in (en.PREPOSITIONS - {"of"}) | {"to"}):
            break
        words.append(word)
    while len(words) > 1 and words[-1] in _LAST_VERBS:
        words.pop()
    return " ".join(words)


_LAST_VERBS = en.BASES | en.PARTICIPLE.keys() | en.ADVERBS | {"not", "be", "do"}
