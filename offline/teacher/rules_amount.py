"""Questions after a number: how many, how much, how long, how tall, how often."""

from __future__ import annotations

import re
from collections.abc import Iterator

from offline.teacher import english as en
from offline.teacher import phrases as ph
from offline.teacher.drafting import PREP, Draft, ask, tail_of, without
from offline.teacher.grammar import Clause

_END = rf"(?= (?:{PREP}|and|to|or)\b|,|$)"

_COUNTED = re.compile(
    rf"^(?P<num>{ph.NUMBER}) "
    rf"(?P<noun>(?!(?:in|of) )(?:[a-z][\w’'-]*s? ){{0,2}}?[a-z][\w’'-]*"
    rf"(?: of (?:[a-z]+ )?[a-z]+(?<!ed)(?<!prior))?){_END}"
)

_AND_COUNTED = re.compile(
    rf" and (?P<num>{ph.NUMBER}) (?P<noun>(?:[a-z][\w-]* ){{0,1}}[a-z][\w-]*){_END}"
)

_MEASURE = re.compile(
    rf"(?<![\w,.-])(?P<value>{ph.NUMBER} {ph.LENGTH_UNITS}) "
    r"(?P<adj>tall|high|long|wide|deep|thick|across)\b"
)

_ATTRIBUTE = re.compile(
    rf"\b(?P<article>a|an|the) (?P<name>(?:[a-z-]+ ){{0,2}}[a-z-]+) of (?P<value>(?:{ph.MONEY}|"
    rf"{ph.NUMBER} (?:{ph.LENGTH_UNITS}|{ph.MASS_UNITS}|{ph.TIME_UNITS}|knots|kilowatts?|"
    r"horsepower|litres?|degrees|hectares|acres|amperes|volts|watts|kilometres per hour|people|"
    r"passengers)))(?![\w-])"
)

# Behind "is": "40 GB", "3.5 per cent", "£1,600 a year".
_VALUE = re.compile(
    rf"(?P<value>(?:{ph.MONEY}|{ph.NUMBER} ?(?:%|°[CF]?|[A-Za-z]{{1,4}}|per cent|[a-z]{{4,}}s))"
    r"(?: (?:per|an?|each) [a-z]+)?)(?=$|,)"
)
_STANDING = frozenset({"be", "stand", "measure", "rise"})

_MEASURABLE = frozenset(
    "height length width depth range speed weight beam draught draft diameter area capacity "
    "population displacement power output radius thickness temperature value cost price fee fare "
    "wage salary distance altitude elevation circumference span volume pressure crew membership "
    "fund budget rent toll fine pension grant focal bearing voltage frequency allowance number "
    "mass size limit rate interval period ratio dose concentration efficiency duration age".split()
)

_OFTEN = re.compile(
    r"(?<![\w-])(?P<value>every (?:\d+|two|three|four|five|six|seven|eight|nine|ten|twelve|other|"
    rf"second|third|few) {ph.TIME_UNITS}|every (?:day|week|month|year|hour|morning|evening|night|"
    rf"spring|summer|autumn|winter|{en.WEEKDAYS}|{en.MONTHS})|(?:once|twice|three times|"
    r"four times) (?:a|an|every|each) (?:day|week|month|year|hour|season|night|minute|century|"
    r"decade))"
    r"(?![\w-]| and [A-Z])"
)

_LASTING = re.compile(rf"\bfor (?P<value>{ph.DURATION})(?![\w-]| (?:an?|per|each|every) )")

_AFTER = re.compile(rf"\bafter (?P<value>{ph.DURATION})(?![\w-]| (?:of|from|before) )")
_LIMIT = re.compile(
    rf"\bwithin (?P<value>{ph.NUMBER}) (?P<unit>(?:[a-z]+ )?{ph.TIME_UNITS}(?<=s))(?![\w-])"
)

_PAID = frozenset("cost pay charge be earn receive raise spend".split())


def numbers(clause: Clause) -> Iterator[Draft]:
    """`carries 42 passengers` · `costs 9 crowns` · `takes 40 minutes` · `Three keepers lived …`"""
    rest = clause.rest
    money = re.match(rf"({ph.MONEY})(?![\w-])", rest)
    if money and clause.lemma in _PAID:
        wh = "How much"
        if clause.lemma == "be" and _MEASURABLE & set(clause.subject.split()[:3]):
            wh = "What"
        yield Draft(ask(wh, clause, tail_of(rest[money.end() :])), money.group(1), 3.0)
        return
    time = re.match(rf"({ph.DURATION})(?![\w-])", rest)
    if (
        time
        and clause.lemma in {"take", "last", "be", "need"}
        and re.match(rf"$|,| (?:{PREP}|to|of|and|or)\b", rest[time.end() :])
    ):
        yield Draft(ask("How long", clause, tail_of(rest[time.end() :])), time.group(1), 3.0)
        return
    mass = re.match(rf"({ph.NUMBER} {ph.MASS_UNITS})(?![\w-])", rest)
    if mass and clause.lemma == "weigh":
        yield Draft(ask("How much", clause, tail_of(rest[mass.end() :])), mass.group(1), 3.0)
        return
    match = _COUNTED.match(rest)
    if match and re.match(r" (?:by|after|before|ago)\b", rest[match.end() :]):
        return
    if match and re.search(rf"{ph.TIME_UNITS}$", match.group("noun")) and not clause.complete:
        return  # "expire 10 years [after they were issued]"
    if match and clause.voice == "active" and ph.is_plural(match.group("noun")):
        tail = rest[match.end() :]
        second = _AND_COUNTED.match(tail)
        if second and ph.is_plural(second.group("noun")):
            after = tail_of(tail[second.end() :])
            yield Draft(
                ask(f"How many {second.group('noun')}", clause, after), second.group("num"), 2.6
            )
            tail = tail[second.end() :]
        elif tail.startswith(" and "):
            tail = re.sub(r"^ and .*", "", tail)
        yield Draft(
            ask(f"How many {match.group('noun')}", clause, tail_of(tail)), match.group("num"), 3.0
        )
    counted = _COUNTED.match(clause.subject[:1].lower() + clause.subject[1:])
    if (
        counted
        and ph.is_plural(counted.group("noun"))
        and clause.lemma != "be"
        and clause.aux not in en.MODALS
    ):
        tail = clause.subject[counted.end() :]
        number = counted.group("num")
        if clause.lemma in {"come", "go"} or tail.endswith((" afterwards", " later")):
            return
        if re.match(r",? (?:and|or) ", tail) or len(f"{tail} {clause.rest}".split()) < 3:
            return  # "nineteen houses and a chapel"; "Four men were killed": where, when?
        rest = clause.rest.partition(",")[0]
        text = f"How many {counted.group('noun')}{tail} {clause.finite} {rest}".strip() + "?"
        yield Draft(text, number[0].upper() + number[1:], 2.4)


def measures(clause: Clause) -> Iterator[Draft]:
    """`is 33 metres tall` · `has a range of 22 miles` · `stands 9 metres above the rock`"""
    rest, subject = clause.rest, clause.subject
    measured = _MEASURE.finditer(rest) if clause.lemma in _STANDING else iter(())
    for size in measured:
        if size.start() and not rest[: size.start()].endswith((" and ", ", ")):
            continue
        word = {"across": "wide"}.get(size.group("adj"), size.group("adj"))
        verb = clause if clause.lemma == "be" else None
        text = ask(f"How {word}", clause, "") if verb else f"How {word} is {subject}?"
        if clause.aux in {"did", "was", "were"} and not verb:
            text = f"How {word} was {subject}?"
        yield Draft(text, size.group("value"), 3.2)
    sized = _MEASURABLE & set(re.split(r" (?:of|in|for) ", subject)[0].split())
    amount = _VALUE.match(rest)
    if sized and amount and clause.lemma == "be" and clause.aux in {"is", "was"}:
        tail = tail_of(rest[amount.end() :])
        yield Draft(f"What {clause.aux} {subject} {tail}".strip() + "?", amount.group("value"), 2.8)
    for match in _ATTRIBUTE.finditer(rest):
        name, value = match.group("name"), match.group("value")
        if name.split()[-1] not in _MEASURABLE:
            continue
        before = rest[: match.start()].rstrip()
        if clause.lemma == "have" and not before:
            be = "was" if clause.aux == "did" else "is"
            yield Draft(f"What {be} the {name} of {subject}?", value, 3.2)


def often(clause: Clause) -> Iterator[Draft]:
    """`every 24 seconds` · `for 44 years` · `in three days`"""
    if match := _OFTEN.search(clause.rest):
        if re.search(
            r"\b(?:on|at|in|of|as|for|to|from|by|than|with|or)$",
            clause.rest[: match.start()].strip(),
        ):
            return
        if not re.search(r"\d (?:\w+ )?$|\bone \w+ $", clause.rest[: match.start()]):
            yield _left_out("How often", clause, match)
    match = _LASTING.search(clause.rest)
    compared = match is not None and " than " in clause.rest[: match.start()]
    if match and not compared and clause.lemma not in {"be", "continue"}:
        yield _left_out("For how long", clause, match)
    match = _AFTER.search(clause.rest)
    if match and clause.aux not in {"was", "were", "did", "had"} and clause.voice != "be":
        yield _left_out("After how long", clause, match)
    if (match := _LIMIT.search(clause.rest)) and clause.voice != "be":
        yield _left_out(f"Within how many {match.group('unit')}", clause, match)


def _left_out(wh: str, clause: Clause, match: re.Match[str]) -> Draft:
    rest = without(clause.rest, match.start(), match.end())
    return Draft(ask(wh, clause, rest), match.group("value"), 2.8)
