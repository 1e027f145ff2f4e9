"""Words, names and values of the generated passages: everything invented, nothing remembered."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from random import Random

TEXT_DIR = Path(__file__).parent / "text"

_ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t th tr v w y z".split()
_VOWELS = "a a e e i i o o u ai ea ee ou".split()
_CODAS = ["", "", "", "l", "n", "r", "s", "t", "m", "k", "nd", "rt", "x", "th"]
_ENDINGS = ["", "", "", "a", "o", "en", "er", "ia", "ton", "ford", "ville", "berg", "dale", "by"]


@cache
def word_lists() -> dict[str, tuple[str, ...]]:
    """`color: red | blue` → {"color": ("red", "blue"), …}, from text/words.txt."""
    lists: dict[str, tuple[str, ...]] = {}
    for line in (TEXT_DIR / "words.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, items = line.partition(":")
            lists[name] = tuple(item.strip() for item in items.split(" | "))
    return lists


def pick(rng: Random, name: str) -> str:
    """One item of the list, evenly."""
    return rng.choice(word_lists()[name])


def coined(rng: Random, *, syllables: int = 0) -> str:
    """An invented word with a capital: "Velkor", "Thraiton"."""
    count = syllables or rng.choice((1, 2, 2, 2, 3))
    word = ""
    for index in range(count):
        word += rng.choice(_ONSETS) + rng.choice(_VOWELS)
        word += rng.choice(_CODAS) if index == count - 1 or rng.random() < 0.25 else ""
    if rng.random() < 0.04:
        plain, marked = rng.choice(("aá", "eé", "eè", "iï", "oö", "uü", "aå", "nñ", "cç"))
        word = word.replace(plain, marked, 1)
    return (word + (rng.choice(_ENDINGS) if count < 3 else "")).capitalize()


def code(rng: Random) -> str:
    """A product or catalogue code: "QX-12", "B7", "4410-K", "KL.88/3"."""
    letters = "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=rng.choice((1, 1, 2, 2, 3))))
    digits = "".join(rng.choices("0123456789", k=rng.choice((1, 2, 2, 3, 3, 4))))
    forms = (
        f"{letters}-{digits}",
        f"{letters}{digits}",
        f"{digits}-{letters}",
        f"{letters} {digits}",
        f"{letters}.{digits}/{rng.randint(1, 9)}",
        f"{letters}-{digits}{rng.choice('ABCDX')}",
        f"{digits}",
    )
    return rng.choice(forms)


def person(rng: Random) -> str:
    """A name of a person; half of the surnames, and some first names, are invented."""
    first = pick(rng, "first") if rng.random() < 0.8 else coined(rng, syllables=2)
    last = pick(rng, "last") if rng.random() < 0.5 else coined(rng)
    form = rng.random()
    if form < 0.08:
        return f"{rng.choice(('Dr', 'Captain', 'Professor', 'Mr', 'Mrs', 'Sister'))} {last}"
    if form < 0.14:
        return f"{first} {rng.choice('ABCDEHJKLMR')}. {last}"
    if form < 0.18:
        return f"{first} {rng.choice(('van', 'de', 'von', 'al'))} {last}"
    return f"{first} {last}" if form < 0.95 else first


def town(rng: Random) -> str:
    """A name of a town or village."""
    form = rng.random()
    if form < 0.75:
        return coined(rng)
    if form < 0.85:
        return f"{rng.choice(('Port', 'Upper', 'Saint', 'New', 'Bad', 'East'))} {coined(rng)}"
    return f"{coined(rng)}{rng.choice((' Bay', '-on-Sea', ' Bridge', ' Falls', ' Cross'))}"


def place(rng: Random) -> str:
    """A name on a map: "Mount Erruk", "the Varrin Valley"."""
    form = rng.random()
    if form < 0.3:
        return f"{rng.choice(('Mount', 'Lake', 'Cape', 'Fort'))} {coined(rng)}"
    noun = pick(rng, "place_noun")
    return f"{coined(rng)} {noun}" if form < 0.6 else f"the {coined(rng)} {noun}"


def organisation(rng: Random) -> str:
    """A name of a firm or institution."""
    form = rng.random()
    if form < 0.5:
        return f"{coined(rng)} {pick(rng, 'org_noun')}"
    if form < 0.7:
        return f"the {coined(rng)} {pick(rng, 'org_noun').replace('& Sons', 'House')}"
    return f"{pick(rng, 'adj')} {pick(rng, 'name_noun')} {rng.choice(('Ltd', 'Works', 'Group'))}"


def thing_name(rng: Random, kind: str) -> str:
    """A name for a thing of this kind: coined, coded, of plain words, or only described."""
    form = rng.random()
    if form < 0.26:
        return coined(rng)
    if form < 0.40:
        return f"{coined(rng)}-{rng.randint(1, 999)}"
    if form < 0.50:
        return f"{coined(rng)} {code(rng)}"
    if form < 0.62:
        return f"{coined(rng)} {kind.capitalize()}"
    if form < 0.70:
        return f"the {coined(rng)} {kind}"
    if form < 0.80:
        return f"{pick(rng, 'adj')} {pick(rng, 'name_noun')}"
    if form < 0.86:
        return f"the {pick(rng, 'adj')} {pick(rng, 'name_noun')}"
    if form < 0.92:
        return f"{rng.choice(('Model', 'Type', 'Mark', 'No.', 'Series'))} {code(rng)}"
    return f"the {pick(rng, 'adj').lower()} {kind}"


def number(rng: Random, low: int, high: int) -> str:
    """An integer, small ones more often, large ones at times round; with or without a comma."""
    value = int(low * (high / low) ** rng.random())
    if value >= 1000 and rng.random() < 0.5:
        value = round(value, -3 if value >= 10000 else -2)
    return f"{value:,}" if value < 1000 or rng.random() < 0.6 else str(value)


def measure(rng: Random, unit: str) -> str:
    """A value with a unit: "3.5 kg", "120 metres"."""
    form = rng.random()
    if form < 0.25:
        value = f"{rng.randint(0, 99)}.{rng.randint(1, 9)}"
    elif form < 0.9:
        value = number(rng, 2, 900)
    else:
        value = pick(rng, "smallword")
    return f"{value} {pick(rng, unit)}"


def date(rng: Random) -> str:
    """A date with or without its year."""
    day, month, year = rng.randint(1, 28), pick(rng, "month"), rng.randint(1650, 2039)
    forms = (f"{day} {month} {year}", f"{month} {day}, {year}", f"{day} {month}", f"{month} {day}")
    return rng.choice(forms)


def money(rng: Random) -> str:
    """An amount of money."""
    amount = number(rng, 2, 90000)
    if rng.random() < 0.3:
        return f"{rng.choice('€$£')}{amount}"
    return f"{amount}{rng.choice(('', '', '', ' million'))} {pick(rng, 'currency')}"


def value(rng: Random, slot: str) -> str:
    """A value for a slot of a pattern: {year}, {person}, {len2}, … ("len2" is another "len").

    Raises:
        KeyError: the slot has neither a rule nor a word list.
    """
    name = slot.rstrip("0123456789^")
    digits = "".join(rng.choices("0123456789", k=4))
    makers = {
        "year": lambda: str(rng.randint(1540, 2045)),
        "years": lambda: f"{rng.randint(5, 99)}{rng.choice(('', ' years'))}",
        "person": lambda: person(rng),
        "town": lambda: town(rng),
        "place": lambda: place(rng),
        "org": lambda: organisation(rng),
        "code": lambda: code(rng),
        "date": lambda: date(rng),
        "money": lambda: money(rng),
        "int": lambda: number(rng, 3, 900),
        "num": lambda: number(rng, 2, 5000),
        "bigint": lambda: number(rng, 300, 900000),
        "small": lambda: pick(rng, "smallword") if rng.random() < 0.5 else str(rng.randint(2, 30)),
        "percent": lambda: (
            f"{number(rng, 1, 99)}{rng.choice(('.5', '', ''))}{rng.choice(('%', '%', ' percent'))}"
        ),
        "time": lambda: rng.choice(
            (
                f"{rng.randint(1, 12)} {rng.choice(('am', 'pm'))}",
                f"{rng.randint(0, 23)}:{digits[:2]}",
            )
        ),
        "temp": lambda: (
            f"{rng.choice(('', '', '-'))}{number(rng, 1, 900)} {pick(rng, 'unit_temp')}"
        ),
        "work": lambda: (
            f"“{pick(rng, 'adj')} {pick(rng, 'name_noun')}”" if rng.random() < 0.5 else coined(rng)
        ),
        "prize": lambda: f"the {coined(rng)} {pick(rng, 'prize_noun')}",
        "petname": lambda: coined(rng, syllables=2),
        "address": lambda: f"{rng.randint(1, 99)} {coined(rng)} Street",
        "phone": lambda: f"{rng.randint(2, 99)} {digits}",
        "memory": lambda: f"{rng.choice((2, 4, 8, 16, 32, 64, 128))} {rng.choice(('GB', 'MB'))}",
        "noise": lambda: f"{rng.randint(20, 120)} {rng.choice(('dB', 'decibels'))}",
        "flow": lambda: f"{number(rng, 2, 900)} litres per {rng.choice(('minute', 'hour'))}",
        "pressure": lambda: f"{number(rng, 2, 300)} {rng.choice(('bar', 'kPa', 'psi'))}",
        "freq": lambda: f"{number(rng, 2, 900)} {rng.choice(('Hz', 'MHz', 'kHz'))}",
        "version": lambda: f"{rng.randint(1, 9)}.{rng.randint(0, 20)}",
    }
    if name in makers:
        return makers[name]()
    if f"unit_{name}" in word_lists():
        return measure(rng, f"unit_{name}")
    return fill(rng, pick(rng, name))


_SLOT = re.compile(r"\{([a-z]+\d*\^?)\}")


def slots(pattern: str) -> list[str]:
    """`was built by {person} in {year}` → ["person", "year"]; {X} is not a slot."""
    return _SLOT.findall(pattern)


def fill(rng: Random, pattern: str, values: dict[str, str] | None = None) -> str:
    """Fill every slot, drawing what `values` lacks (and remembering it there); "^" capitalises."""
    known = {} if values is None else values

    def draw(match: re.Match[str]) -> str:
        slot = match.group(1)
        name = slot.rstrip("^")
        if name not in known:
            known[name] = value(rng, name)
        return capital(known[name]) if slot.endswith("^") else known[name]

    return _SLOT.sub(draw, pattern)


def capital(text: str) -> str:
    """The first letter as a capital, the rest unchanged."""
    return text[:1].upper() + text[1:]
