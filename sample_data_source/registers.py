"""Write the generated part of the sample corpus, sample_data/registers/, from wordings/*.txt.

    python sample_data_source/registers.py [FOLDER]

Seven families of twenty-four short documents, each about one boat, farm, inn, footpath, brass band,
shop or statue. Documents of a family share what is told (who built it, how long it is) and half of
the name, never the values.
The same wordings and SEED give the same bytes. How a family's file is read:

    key: text            stem of the file names; how the thing is called in a sentence, and its
                         pronoun; headings of the second paragraph || and of the third
    $ slot = a | b       its values, dealt out one to each document; "$ a, b = x / y | …" pairs them
    $ slot = 10..90      a number, with the decimals of 10; "by 5"; added to another slot's or
                         multiplied with it ("built + 9..31"); a "clock", in minutes from midnight;
                         a "date", of these years; a "code", with one of these letters before it
    $ slot = person      a name that no other document has
    @ 2 hull             an attribute of the second paragraph; below it its wordings, one a line
    ~ opening            sentences without facts that open a document, stand between or close it
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

WORDINGS_DIR = Path(__file__).resolve().parent / "wordings"
TARGET_DIR = Path(__file__).resolve().parent.parent / "sample_data" / "registers"
FAMILIES = ("boats", "farms", "inns", "paths", "bands", "shops", "statues")
SEED = 9
NUM_DOCUMENTS = 24  # of a family
MIN_FACTS, MAX_FACTS = 9, 13  # sentences with facts, most of them with two
ENOUGH_WORDS = 178  # at which no further fact is told
PRONOUN_SHARE = 0.6  # of the sentences that would begin with the name like the one before
_MONTHS = (
    "January February March April May June July August September October November December".split()
)


@dataclass(frozen=True)
class Family:
    """What a file of wordings says."""

    keys: dict[str, str] = field(default_factory=dict)
    slots: dict[str, str] = field(default_factory=dict)  # "town" or "island, town" → values
    attributes: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    colour: dict[str, list[str]] = field(default_factory=dict)


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET_DIR
    documents = make_documents()
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    words = sum(len(text.split()) for text in documents.values())
    print(f"{folder.name}: {len(documents)} documents, {words:,} words")
    return 0


def make_documents() -> dict[str, str]:
    """File name → text of every document."""
    people = _people(Random(f"{SEED}:people"))
    documents: dict[str, str] = {}
    for name in FAMILIES:
        family = read_family(WORDINGS_DIR / f"{name}.txt")
        documents |= _family_documents(family, Random(f"{SEED}:{name}"), people)
    return documents


def read_family(path: Path) -> Family:
    """The slots, attributes and sentences of a family's file."""
    family = Family()
    lines: list[str] = []  # of the attribute or colour being read
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        mark, _, rest = line.partition(" ")
        if mark == "$":
            names, _, values = rest.partition(" = ")
            family.slots[names] = values
        elif mark == "@":
            paragraph, _, name = rest.partition(" ")
            lines = family.attributes[int(paragraph), name] = []
        elif mark == "~":
            lines = family.colour[rest] = []
        elif re.fullmatch("[a-z]+:", mark):
            family.keys[mark[:-1]] = rest
        else:
            lines.append(line)
    return family


# --- values --------------------------------------------------------------------------------------


def _people(rng: Random) -> Iterator[str]:
    """Names, each once: the two lists' lengths have no common factor."""
    text = (WORDINGS_DIR / "people.txt").read_text(encoding="utf-8")
    first, last = (part.split() for part in text.partition("\n")[2].split("\n\n"))
    rng.shuffle(first)
    rng.shuffle(last)
    for number in range(len(first) * len(last)):
        yield f"{first[number % len(first)]} {last[number % len(last)]}"


def _values(family: Family, rng: Random, people: Iterator[str]) -> list[dict[str, str]]:
    """For each document its slots' values; of a list that is long enough, none comes twice."""
    documents: list[dict[str, str]] = [{} for _ in range(NUM_DOCUMENTS)]
    for names, definition in family.slots.items():
        if definition == "person":
            column = [next(people) for _ in documents]
        elif "|" in definition:
            items = definition.split(" | ")
            column = items if names == "name" else dealt(items, rng)
        else:
            column = _numbers(definition, documents, rng)
            while len(set(column)) < NUM_DOCUMENTS:  # two sums may be the same
                column = _numbers(definition, documents, rng)
        for document, value in zip(documents, column, strict=True):
            parts = value.split(" / ")
            document.update(zip(names.split(", "), parts, strict=True))
    return documents


def _numbers(definition: str, documents: Sequence[Mapping[str, str]], rng: Random) -> list[str]:
    """`8.2..14.9`, `340..2960 by 20`, `built + 9..31`, `code HN 12..87`, `date 1992..2022`."""
    match = re.fullmatch(r"(?:(\w+) (.*?))?([\d.]+?)\.\.([\d.]+)(?: by ([\d.]+))?", definition)
    assert match, definition
    kind, how, least, most, step = match.groups()
    decimals = len(least.partition(".")[2])
    unit = 10**decimals  # 8.2..14.9 is drawn as 82..149
    first, last = round(float(least) * unit), round(float(most) * unit)
    every = round(float(step) * unit) if step else 1
    drawn = rng.sample(range(first, last + 1, every), NUM_DOCUMENTS)
    if kind == "clock":
        return [f"{minute // 60}.{minute % 60:02}" for minute in drawn]
    if kind == "date":
        return [f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {year}" for year in drawn]
    if kind == "code":
        letters = dealt(how.split(), rng)
        return [f"{head}-{number}" for head, number in zip(letters, drawn, strict=True)]
    if kind:
        both = [(float(d[kind]), n / unit) for d, n in zip(documents, drawn, strict=True)]
        return [f"{a + b:.0f}" if "+" in how else f"{a * b:,.0f}" for a, b in both]
    grouped = "" if 1600 <= first <= 2025 else ","  # no comma in a year
    return [re.sub(r"\.0+$", "", f"{n / unit:{grouped}.{decimals}f}") for n in drawn]


def dealt(items: Sequence[str], rng: Random) -> list[str]:
    """One item for each document, every item before any comes again."""
    deck: list[str] = []
    while len(deck) < NUM_DOCUMENTS:
        deck += rng.sample(items, len(items))
    return deck[:NUM_DOCUMENTS]


# --- documents -----------------------------------------------------------------------------------


def _family_documents(family: Family, rng: Random, people: Iterator[str]) -> dict[str, str]:
    values = _values(family, rng, people)
    wordings = {key: dealt(lines, rng) for key, lines in family.attributes.items()}
    colour = {place: dealt(lines, rng) for place, lines in family.colour.items()}
    documents = {}
    for number, slots in enumerate(values):
        called = family.keys["called"].format(**slots)
        told = {
            key: _fill(lines[number], {**slots, "X": called}) for key, lines in wordings.items()
        }
        aside = {place: lines[number] for place, lines in colour.items()}
        title = called[0].upper() + called[1:]
        pronoun = family.keys["pronoun"]
        paragraphs = [_paragraph(said, title, pronoun, rng) for said in _tell(told, aside, rng)]
        ending = "md" if number % 2 else "txt"
        stem = f"{family.keys['stem']}-{slots['name'].lower().replace(' ', '-')}"
        if ending == "md":
            title = f"# {title}"
            for place, headings in enumerate(family.keys["headings"].split(" || "), start=1):
                heading = rng.choice(headings.split(" | "))
                paragraphs[place] = f"## {heading}\n\n{paragraphs[place]}"
        documents[f"{stem}.{ending}"] = "\n\n".join([title, *paragraphs]) + "\n"
    return documents


def _fill(wording: str, slots: Mapping[str, str]) -> str:
    """`{pet^} sleeps in {X}.` → "A tortoise named Flash sleeps in the Grey Plover.\""""
    capital = {f"{name}^": value[0].upper() + value[1:] for name, value in slots.items()}
    return re.sub(r"\{(.+?)\}", lambda slot: (capital | dict(slots))[slot[1]], wording)


def _tell(
    told: Mapping[tuple[int, str], str], aside: Mapping[str, str], rng: Random
) -> list[list[str]]:
    """The sentences of three paragraphs: some of the facts, and one without facts in each."""
    keys = rng.sample(list(told), len(told))
    places = [[key for key in keys if key[0] == place] for place in (1, 2, 3)]
    first = {key for of_place in places for key in of_place[:2]}  # so that no paragraph is empty
    chosen: list[tuple[int, str]] = []
    words = sum(len(sentence.split()) for sentence in aside.values())
    for key in sorted(keys, key=lambda key: key not in first):
        if len(chosen) < MIN_FACTS or (words < ENOUGH_WORDS and len(chosen) < MAX_FACTS):
            chosen.append(key)
            words += len(told[key].split())
    one, two, three = ([told[key] for key in of_place if key in chosen] for of_place in places)
    two.insert(rng.randint(1, len(two)), aside["between"])
    return [[aside["opening"], *one], two, [*three, aside["closing"]]]


def _paragraph(sentences: Sequence[str], named: str, pronoun: str, rng: Random) -> str:
    """Joined; of two neighbours that begin with the name, the second may begin with the pronoun."""
    said = list(sentences)
    for place in range(1, len(said)):
        both = said[place - 1].startswith(named) and said[place].startswith(f"{named} ")
        if both and rng.random() < PRONOUN_SHARE:
            said[place] = pronoun + said[place].removeprefix(named)
    return " ".join(said)


if __name__ == "__main__":
    sys.exit(main())
