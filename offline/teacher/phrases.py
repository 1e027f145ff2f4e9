"""What a noun phrase names: a person, a plural, something with a proper name; dates and numbers."""

from __future__ import annotations

import re

from offline.teacher import english as en

_DAY = r"(?:[12]?\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?:1\d{3}|20\d{2})"
_DECADE = r"(?:the (?=\d{3}0s|\d+th|ninet|twent))"
_SEASON = (
    r"(?:(?:the )?(?:early|late|mid-?|spring|summer|autumn|winter|end|beginning)(?: of)? "
    rf"{_DECADE}?)"
)
DATE = (
    rf"(?:{_SEASON}?{_DECADE}?(?:{_DAY} (?:of )?(?:{en.MONTHS})(?:,? {_YEAR})?"
    rf"|(?:{en.MONTHS}) {_DAY}(?:, {_YEAR})?"
    rf"|(?:early |late |mid-)?(?:{en.MONTHS})(?: of)?,? {_YEAR}"
    rf"|{_YEAR}s?|(?:\d{{1,2}}th|nineteenth|twentieth) century))"
)
# A date in running text, with the preposition that a question leaves out.
WHEN = re.compile(
    rf"(?:\b(?:(?P<span>(?:between {DATE} and|from {DATE} (?:to|until)) {DATE})"
    rf"|(?:in|on|around|about|at|during|in about|in around) (?P<date>{DATE})"
    rf"|(?P<limit>(?:since|until|till) {DATE})))"
    r"(?![\w’'-]| [A-Z]| (?:edition|film|season|filming|issue|race|final)\b)"
)
CLOCK = re.compile(
    r"\bat (?P<clock>\d{1,2}[:.]\d{2}(?: ?[ap]\.?m\.?)?|\d{1,2} ?(?:[ap]\.?m\.?|o[’']clock)"
    r"|noon|midnight)(?!\w)"
)
_WORDS = "|".join(en.NUMBER_WORDS)
NUMBER = (
    rf"(?:(?:about|around|approximately|nearly|almost|over|some|roughly|only|up to|at least|at most"
    rf"|more than|less than|fewer than|just) )*"
    r"(?:\d[\d,]*(?:\.\d+)?(?: (?:to|or|and|–) \d[\d,.]*| ?[-–] ?\d[\d,.]*)?"
    r"(?: (?:million|thousand|billion))?"
    rf"|(?:{_WORDS})(?:(?:[- ]| or | to )(?:{_WORDS}))?(?: (?:hundred|thousand|million))?"
    r"|a dozen|two dozen|half a)"
)
LENGTH_UNITS = (
    r"(?:square |cubic |nautical )?(?:millimetres?|centimetres?|metres?|meters?|kilometres?|"
    r"kilometers?|miles?|feet|foot|inches|inch|yards?|fathoms?|mm|cm|km|m|ft|in|nm)"
)
TIME_UNITS = (
    r"(?:seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|decades?|centuries|century)"
)
DURATION = rf"{NUMBER} {TIME_UNITS}(?: and {NUMBER} {TIME_UNITS})?"
MASS_UNITS = r"(?:tonnes?|tons?|kilograms?|kilogrammes?|grams?|pounds?|ounces?|kg|lb|g)"
MONEY = (
    r"(?:[£$€]\s?\d[\d,.]*(?: (?:million|thousand|billion))?"
    rf"|{NUMBER} (?:crowns?|pounds|dollars|euros?|pence|shillings|guineas|cents|francs|marks"
    r"|kroner))"
)


_FORENAME = (
    r"(?:(?:Mc|Mac|De|Di|Du|La|Le|Van|Von|O[’']|D[’'])?[A-ZÀ-Þ][a-zà-ÿʻ’'-]+(?:-[A-ZÀ-Þ][a-zà-ÿ]+)*"
    r"|(?:[A-ZÀ-Þ]\.)+|(?:[JS]r|Dr)\.?|I{2,3}|[A-Z])[’']?s?$"
)
NAME = r"[A-ZÀ-Þ][\w’'.-]*(?: (?:&|of|de|the|on|and)? ?[A-ZÀ-Þ][\w’'.-]*)*"


def is_plural(phrase: str) -> bool:
    """`the two lights of Merrin` → True: its head is plural, or it joins two things."""
    core = re.split(r" (?:of|in|at|from|for|on|with|to|between|off|near|by) ", f"{phrase} ")[0]
    words = core.split()
    last = words[-1].lower() if words else ""
    last = "" if last in {"lens", "mews", "gas", "canvas", "series", "species", "works"} else last
    if words and words[-1][0].isupper():
        # "the lifeboat Edwin and Maud" and "the Curlew and Candle" are one thing each.
        single = re.match(r"the (?:(?:[a-z]+ )*[a-z]+[^s\W] )?[A-Z][\w’'-]* and [A-Z]", core)
        return " and " in core and not single
    plural = re.search(
        r"[^siu]s$|^(?:people|(?:fisher|wo)?men|children|police|feet|sheep)$|[aeiou]us$", last
    )
    return " and " in core or bool(plural)


def is_person(phrase: str) -> bool:
    """`the engineer Gideon Marr`, `Captain Fenwick`, `Leonora Pike`; not `Quarle Light`."""
    words = phrase.split()
    if not words or " of " in phrase or (" and " in phrase and words[0] == "the"):
        return False
    last = words[-1].lower().rstrip("s’'")
    roles = [w for w in words[:-1] if w.islower() and w not in en.DETERMINERS]
    if words[0] in en.PERSON_TITLES or (roles and is_role(roles[-1]) and words[-1][0].isupper()):
        return last not in en.THINGS
    if words[0].lower() in en.DETERMINERS | en.POSSESSIVES:
        return words[-1] in en.PERSON_NOUNS
    if not 2 <= len(words) <= 4 or "&" in words or phrase.endswith(("'s", "’s")):
        return False
    things = en.THINGS | en.ORGANISATION | en.PLACE_NOUNS
    if any(w.lower() in things or w.lower().rstrip("s") in things for w in words):
        return False
    if any(
        re.search(r"(?:[ts]ion|ment|ity|ness|ware|able|ible|ance|ence|ology|ings)$", w)
        for w in words
    ):
        return False
    # "Beta WebSockets" and "HTTP APIs" are no people; "Ronan McDaid" and "J. Holm" are.
    capitals = [w for w in words if re.match(_FORENAME, w)]
    return len(capitals) >= 2 and all(w in capitals or w in {"de", "von", "van"} for w in words)


def who_is(subject: str, answer: str) -> bool:
    """`Ida Holm` with "a Danish baker"; not `Quarle Hospital` with "a public hospital"."""
    answer = re.sub(r"^one of the (\w+)s\b", r"a \1", answer)
    kind = re.split(r" (?:of|in|at|for|from|by|on|with|that|which|who|based) ", answer)[0].lower()
    words = re.findall(r"[a-z]+", kind)
    role = any(is_role(word) or word in _PEOPLE for word in words[1:])
    return role and is_person(subject) and "name" not in words and "title" not in words


_PEOPLE = frozenset(
    "man woman person poet bishop saint king queen monk nurse athlete politician citizen member "
    "chief champion judge general coach captain founder notable leader "
    "restaurateur chef author entrepreneur presenter".split()
)


def is_role(noun: str) -> bool:
    """`engineer`, `watchmaker`, `chemist`; not `drifter`, `harbour`."""
    if noun in en.PERSON_NOUNS or not noun.islower():
        return noun in en.PERSON_NOUNS
    suffix = re.search(r"(?:[^aeiou]er|maker|tor|ist|man|woman|smith|wright|ian|ress)$", noun)
    none = en.NOT_ROLES | en.THINGS | en.PLACE_NOUNS | en.PREPOSITIONS  # "over", "under"
    return bool(suffix) and noun not in none


def is_organisation(phrase: str) -> bool:
    """`Haskill Brothers of Stannock`, `Pellow & Daunt`, `the Harbour Board`."""
    core = re.split(r" (?:of|in|at|from) ", phrase)[0]
    named = any(word[:1].isupper() for word in core.split())
    return named and ("&" in core or any(w.lower() in en.ORGANISATION for w in core.split()))


def referent(pronoun: str, subject: str) -> str | None:
    """Whom a pronoun means when `subject` was the last subject; None when that is not safe.

    After "the speed of the Tern", a "she" is the Tern.
    """
    owner = re.search(r" (?:of|aboard) (the (?:[A-ZÀ-Þ][\w’'-]*(?: and )? ?)+)$", subject)
    if pronoun in {"she", "he"} and not is_person(subject) and owner:
        return owner.group(1)
    return subject if agrees(pronoun, subject) else None


def topic_of(subject: str | None) -> str | None:
    """The named thing that a subject is about: `the door of Quarle Light` → "Quarle Light"."""
    if subject is None or is_person(subject):
        return None
    simple = rf"(?:the (?:[a-z-]+ ){{0,3}})?{NAME}"
    owner = re.search(rf" of ({simple})$", subject) or re.match(
        rf"({simple})['’]s? [a-z ]+$", subject
    )
    name = owner.group(1) if owner else subject
    fits = re.fullmatch(simple, name) and not re.search(r"['’]s$", name)
    return name if fits and not is_person(name) and len(name.split()) <= 5 else None


def with_topic(phrase: str, topic: str) -> str | None:
    """`the firm`, of Zeller & Wray → "Zeller & Wray"; `the tower`, of Quarle Light → its tower."""
    words = phrase.split()
    noun = words[-1]
    if not 2 <= len(words) <= 3 or words[0] != "the" or has_name(phrase):
        return None
    if noun in en.SORTS_OF_COMPANY:
        company = is_organisation(topic) or re.search(r"['’]s\b", topic)
        return topic if company and len(words) == 2 else None
    if topic.split()[-1].lower() == noun and len(words) == 2:
        return topic
    return f"{phrase} of {topic}" if noun in en.PARTS else None


def agrees(pronoun: str, subject: str) -> bool:
    """Can the pronoun mean the subject? A ship may be a she."""
    plural = " and " in subject or (is_plural(subject) and not has_name(subject))
    if pronoun == "they":
        return plural
    if pronoun == "it":
        return not plural and not is_person(subject)
    vessel = pronoun == "she" and re.fullmatch(
        r"the (?:[a-z]+ ){0,3}(?:[A-ZÀ-Þ][\w’'-]* ?)+", subject
    )
    return not plural and bool(is_person(subject) or vessel)


def has_name(phrase: str, names: frozenset[str] | None = None) -> bool:
    """A capitalised word behind the first, or a first one that `names` lists, no month or day."""
    words = re.findall(r"[\w’'-]+", phrase)
    calendar = f"{en.MONTHS}|{en.WEEKDAYS}|I".split("|")
    capitals = [w for w in words if w[0].isupper() and w not in calendar]
    return any(names is None or w in names or w.removesuffix("'s") in names for w in capitals)
