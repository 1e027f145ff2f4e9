"""The generated part of the sample corpus: the same bytes each time, near neighbours, no twins."""

from __future__ import annotations

import lzma
import re
from collections import Counter
from random import Random

import pytest

from lib.duplicates import conflicts
from lib.gen.duplicate_questions import drop_ambiguous
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import PROJECT_DIR
from offline.build.word_lists import TEXT_DIR
from offline.teacher import teacher
from sample_data_source import registers
from tests.gen.make import split_documents
from tests.reading.load import load

FOLDER = PROJECT_DIR / "sample_data" / "registers"


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return registers.make_documents()


@pytest.fixture(scope="module")
def chunks() -> list[Chunk]:
    loaded = load(FOLDER)
    assert not loaded.skipped
    return split_documents(loaded.documents, Recipe(chunk_chars=500, chunk_overlap_chars=50)).chunks


def test_the_folder_holds_what_the_wordings_give(documents: dict[str, str]) -> None:
    assert registers.make_documents() == documents
    there = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert there == {name: text.encode() for name, text in documents.items()}


def test_families_of_short_documents(documents: dict[str, str]) -> None:
    families = Counter(name.partition("-")[0] for name in documents)
    assert families == dict.fromkeys("boat farm inn path band shop statue".split(), 24)
    endings = Counter(name.rpartition(".")[2] for name in documents)
    assert endings == {"txt": 84, "md": 84}
    for name, text in documents.items():
        lengths = [len(s.split()) for s in re.split(r"(?<=[.!?])\s+|\n+", text)]
        assert sum(length >= 8 for length in lengths) >= 9, name
        assert max(lengths) <= 30, name
        assert 150 <= len(re.findall(r"[\w’.-]*\w", text)) <= 220, name
        assert not re.search(r"[{}'^]|  |\ban? [^\w ]", text), name


def test_neighbours_share_half_of_the_name(documents: dict[str, str]) -> None:
    titles = {name: text.partition("\n")[0].removeprefix("# ") for name, text in documents.items()}
    assert len(set(titles.values())) == len(titles)
    for name, title in titles.items():
        words = {word for word in title.split() if word not in {"The", "Farm", "Path", "Band"}}
        family = [other for other in titles if other.partition("-")[0] == name.partition("-")[0]]
        sharing = [other for other in family if words & set(titles[other].split())]
        assert len(sharing) >= 4, title
        named = re.sub("^The ", "the ", title)
        holding = [other for other, text in documents.items() if re.search(named, text, re.I)]
        assert holding == [name]


def test_values_that_tell_neighbours_apart_are_dealt_once() -> None:
    people = registers._people(Random("people"))
    persons: list[str] = []
    for name in registers.FAMILIES:
        family = registers.read_family(registers.WORDINGS_DIR / f"{name}.txt")
        values = registers._values(family, Random(name), people)
        for slot, definition in family.slots.items():
            if ".." in definition or definition == "person":
                column = [document[slot] for document in values]
                assert len(set(column)) == len(column), (name, slot)
            if definition == "person":
                persons += [document[slot] for document in values]
    assert len(set(persons)) == len(persons) > 1000


def test_each_attribute_has_several_wordings() -> None:
    for name in registers.FAMILIES:
        family = registers.read_family(registers.WORDINGS_DIR / f"{name}.txt")
        assert len(family.attributes) >= 12
        for attribute, wordings in family.attributes.items():
            assert 4 <= len(set(wordings)) == len(wordings) <= 6, attribute
            for wording in wordings:
                assert re.search(r"\{X\^?\}", wording), wording
        used = set(re.findall(r"\{(\w+)\^?\}", str([*family.attributes.values()])))
        known = {slot for slots in family.slots for slot in slots.split(", ")}
        assert used - {"X"} == known - {"name"}


def test_nobody_lives_in_both_parts() -> None:
    folder, source = PROJECT_DIR / "sample_data", PROJECT_DIR / "sample_data_source"
    paths = [*folder.glob("*.txt"), *folder.glob("*.md"), *source.glob("*-*.md")]
    assert len(paths) == 12
    by_hand = set(re.findall(r"[A-Z]\w+", " ".join(path.read_text() for path in paths)))
    text = (registers.WORDINGS_DIR / "people.txt").read_text()
    surnames = text.rpartition("\n\n")[2].split()
    assert len(surnames) > 90
    assert not by_hand & set(surnames)


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w[\w'-]*", text.replace("’", "'").lower()))


def test_no_name_stands_in_the_base_students_diet(documents: dict[str, str]) -> None:
    text = lzma.decompress((TEXT_DIR / "prose.txt.xz").read_bytes()).decode()
    text += "".join((TEXT_DIR / name).read_text() for name in ("words.txt", "facts.txt"))
    diet = f" {plain(text)} "
    names = {text.partition("\n")[0].removeprefix("# ") for text in documents.values()}
    names |= set((registers.WORDINGS_DIR / "people.txt").read_text().rpartition("\n\n")[2].split())
    for name in registers.FAMILIES:
        slots = registers.read_family(registers.WORDINGS_DIR / f"{name}.txt").slots
        values = {value for items in slots.values() for value in re.split(r" [|/] ", items)}
        names |= {value for value in values if " " in value and re.search("[A-Z]", value)}
    assert len(names) > 500
    told = [name for name in names if f" {re.sub('^(?:the|an?) ', '', plain(name))} " in diet]
    assert not told


def test_the_built_in_teacher_finds_enough_to_ask(chunks: list[Chunk]) -> None:
    asked = [q for c in chunks for q in teacher.write_questions(c, num_questions=4, seed=0)]
    kept, rejected = drop_ambiguous(asked)
    assert len(rejected) <= 0.01 * len(asked)
    per_document = Counter(question.chunk_id.partition("#")[0] for question in kept)
    assert len(per_document) == 168
    assert min(per_document.values()) >= 4
    assert sum(per_document.values()) >= 168 * 9


def test_no_chunk_counts_as_the_same_as_a_neighbours(chunks: list[Chunk]) -> None:
    for chunk_id, same in conflicts(chunks).items():
        document = chunk_id.partition("#")[0]
        assert all(other.partition("#")[0] == document for other in same), chunk_id


def test_subfolders_of_the_corpus_are_read() -> None:
    loaded = load(PROJECT_DIR / "sample_data")
    assert not loaded.skipped
    generated = [document for document in loaded.documents if "registers/" in document.id]
    assert (len(loaded.documents), len(generated)) == (180, 168)
