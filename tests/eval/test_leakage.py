"""Leakage: what is planted is found, by its kind; what only looks alike is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lib.eval.leakage import KINDS, Leakage, check_leakage
from lib.eval.questions import UNKNOWN, EvalQuestion
from lib.eval.report.method import show_leakage
from lib.recipe import Recipe
from lib.records import Chunk
from lib.settings import SetupError
from lib.store import write_json, write_jsonl
from tests.eval.toy import Page

Pair = tuple[str, str]  # question, answer


def chunk(number: int, *, start: int = 0, words: str = "") -> Chunk:
    """A text of twelve words that no other chunk has."""
    text = words or " ".join(f"word{number}x{place}" for place in range(12))
    document = f"d{number}.md"
    return Chunk(f"{document}#{start}", document, "", 1, start, start + len(text), text)


TRAINED, SHOWN, VALID, ORACLE = (chunk(number) for number in range(4))
TRAIN: list[Pair] = [
    ("When was the Tamsay Light built?", "1838"),
    ("How many litres of milk does the herd of Far Thorrel Farm give on a fine day?", "259"),
    (
        "Who kept the lamp of the Osmund pier through the great storm of that winter?",
        "Zachary Wynn",
    ),
    ("東京タワーは何年に建てられましたか。", "1958年"),
    # What makes "when", "was", "the", "in" and "built" common.
    *[(f"When was the mill{n} in parish{n} built?", f"17{n:02}") for n in range(20)],
]


def write_rows(
    folder: Path, *, train: Sequence[Pair] = TRAIN, chunks: Sequence[Chunk] = ()
) -> Path:
    """Rows on TRAINED and VALID, with SHOWN among their documents."""

    def row(name: str, asked: Pair, oracle: Chunk) -> dict[str, Any]:
        places = [{"chunk_id": one.id} for one in (oracle, SHOWN)]
        return {
            "id": name,
            "kind": "oracle",
            "question": asked[0],
            "answer": asked[1],
            "cot_answer": asked[1],
            "oracle": places[0],
            "oracle_position": 0,
            "context_chunks": places,
        }

    write_json(folder / "manifest.json", {"parameters": {}})
    write_jsonl(folder / "chunks.jsonl", [TRAINED, SHOWN, VALID, ORACLE, *chunks])
    rows = [row(f"train{n}", asked, TRAINED) for n, asked in enumerate(train)]
    write_jsonl(folder / "hf" / "train.jsonl", rows)
    valid = row("valid0", ("Which bell rings at noon on Velm?", "the cracked one"), VALID)
    write_jsonl(folder / "hf" / "valid.jsonl", [valid])
    return folder


def ask(text: str = "Where do eels sleep?", answer: str = "", oracle: Chunk = ORACLE) -> Any:
    return EvalQuestion(f"q:{text}", text, answer or "in mud", (), oracle, ())


def found(folder: Path, *questions: EvalQuestion) -> dict[str, list[str]]:
    """Kind → the rows that leak, in the questions' order."""
    leakage = check_leakage(folder, questions, Recipe(allow_leakage=list(KINDS)))
    return {kind: [leak.row_id for leak in leakage.of(kind)] for kind in KINDS if leakage.of(kind)}


def test_a_clean_split_passes_and_the_table_says_so(tmp_path: Path) -> None:
    leakage = check_leakage(write_rows(tmp_path), [ask(), ask("What is it?", "259")], Recipe())
    assert isinstance(leakage, Leakage)
    assert (leakage.leaks, leakage.num_questions, leakage.num_rows) == ((), 2, len(TRAIN) + 1)
    _, *rows = Page(show_leakage(leakage).data).rows
    assert [row[0].split()[0] for row in rows] == [*KINDS, "answer"]
    assert [row[1:] for row in rows] == [["0 of 2", "none"]] * 2 + [["1 of 2", "no leak"]]


# --- chunks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oracle", "row"), [(TRAINED, "train0"), (SHOWN, "train0"), (VALID, "valid0")]
)
def test_an_oracle_in_any_row_leaks(oracle: Chunk, row: str, tmp_path: Path) -> None:
    assert found(write_rows(tmp_path), ask(oracle=oracle)) == {"chunks": [row]}


def test_a_chunk_that_counts_as_the_same_leaks(tmp_path: Path) -> None:
    overlapping = replace(chunk(9), id="d0.md#40", document_id="d0.md", start=40, end=99)
    copy = chunk(8, words=f"{SHOWN.text} and more besides, said of other things altogether")
    behind = replace(chunk(7), id="d0.md#999", document_id="d0.md", start=999, end=1099)
    folder = write_rows(tmp_path, chunks=[overlapping, copy, behind])
    assert found(folder, ask(oracle=overlapping)) == {"chunks": ["train0"]}
    assert found(folder, ask(oracle=copy)) == {"chunks": ["train0"]}
    assert found(folder, ask(oracle=behind)) == {}


def test_questions_of_people_are_compared_by_their_words(tmp_path: Path) -> None:
    folder = write_rows(tmp_path)
    theirs = ask("When was the Tamsay light built?", oracle=UNKNOWN)
    leakage = check_leakage(
        folder, [theirs, ask(oracle=UNKNOWN)], Recipe(allow_leakage=["questions"])
    )
    assert leakage.num_with_oracle == 0
    assert [leak.row_id for leak in leakage.leaks] == ["train0"]


# --- questions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("When was the Tamsay Light built?", "train0"),
        ("  when was  “the Tamsay light” built", "train0"),
        ("Through that winter of the great storm, who kept the lamp of the Osmund pier?", "train2"),
        (
            "Who kept the lamp of the Osmund pier through the great big storm of that winter?",
            "train2",
        ),
        ("東京タワーは何年に建てられましたか", "train3"),
        ("Which bell rings at noon on Velm?", "valid0"),
    ],
)
def test_the_same_words_leak_whatever_the_answer(text: str, row: str, tmp_path: Path) -> None:
    folder = write_rows(tmp_path)
    assert found(folder, ask(text, "something else")) == {"questions": [row]}
    for answer in ("1838", "Zachary Wynn", "1958年", "the cracked one"):
        assert found(folder, ask(text, answer)) == {"questions": [row]}  # one kind, not two


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("When was the Velm Light built?", "1838"),
        (
            "How many litres of milk does the herd of Nether Thorrel Farm give on a fine day?",
            "144",
        ),
        (
            "How many litres of milk does the herd of Nether Thorrel Farm give on a fine day?",
            "259",
        ),
        ("Who kept the lamp?", "Zachary Wynn"),
        ("京都タワーは何年に建てられましたか。", "1958年"),
        ("When was the mill3 in parish4 built?", "1703"),
    ],
)
def test_another_thing_in_the_same_words_is_no_leak(text: str, answer: str, tmp_path: Path) -> None:
    assert found(write_rows(tmp_path), ask(text, answer)) == {}


def test_every_near_duplicate_is_found_as_brute_force_finds_it(tmp_path: Path) -> None:
    rng = Random(1)
    sets = [rng.sample([f"w{n}" for n in range(60)], rng.randint(8, 30)) for _ in range(60)]
    train = [(f"{' '.join(words)}?", f"a{n}") for n, words in enumerate(sets)]
    changed = [[*words[: len(words) - rng.randint(0, 3)], "new"] for words in sets]
    texts = [f"{' '.join(rng.sample(words, len(words)))}?" for words in changed]
    near = []
    for text in texts:
        words = set(text.rstrip("?").split())
        of_train = [set(question.rstrip("?").split()) for question, _ in train]
        places = [n for n, o in enumerate(of_train) if len(words & o) >= 0.9 * len(words | o)]
        near += [f"train{places[0]}"] if places else []
    assert 10 < len(near) < 60
    questions = [ask(text, "nothing") for text in texts]
    assert found(write_rows(tmp_path, train=train), *questions) == {"questions": near}


def test_another_name_in_a_long_question_is_no_near_duplicate(tmp_path: Path) -> None:
    long = (
        "How many of the small wooden boats that fish for herring off {} went down in the storm "
        "that came from the west one night in May {}, while all men slept?"
    )
    folder = write_rows(tmp_path, train=[(long.format("Velm", 1838), "7")])
    for place, year in (("Quill", 1838), ("Velm", 1839)):
        for answer in ("7", "9"):
            assert found(folder, ask(long.format(place, year), answer)) == {}
    changed = long.format("Velm", 1838).replace("small", "little")
    assert found(folder, ask(changed, "9")) == {"questions": ["train0"]}


def test_common_names_and_numbers_tell_things_apart(tmp_path: Path) -> None:
    things = ("Alba", "Brio", "type 7", "type 8")
    train = [(f"What is the word{n} of the {thing}?", f"{n}") for n in range(9) for thing in things]
    train += [("How heavy is the big old Alba in the yard on the hill?", "5 kg")]
    folder = write_rows(tmp_path, train=train)
    other = "How heavy is the big old {} in the yard on the hill?"
    assert found(folder, ask(other.format("Brio"), "5 kg")) == {}
    assert found(folder, ask(other.format("Alba"), "9 kg")) == {"questions": ["train36"]}


# --- what stops ----------------------------------------------------------------------------------


def test_each_kind_stops_unless_it_is_allowed_by_name(tmp_path: Path) -> None:
    folder = write_rows(tmp_path)
    questions = [
        ask(oracle=SHOWN),
        ask("When was the Tamsay Light built?"),
        ask("Why?", "1838"),
    ]
    with pytest.raises(SetupError) as stopped:
        check_leakage(folder, questions, Recipe())
    message = str(stopped.value)
    for part in (
        "chunks: 1 of 3 (q:Where do eels sleep? “Where do eels sleep?”: train0 has d1.md#0)",
        "questions: 1 of 3 (",
        "train0 asks “When was the Tamsay Light built?”",
        "allow it by name: allow_leakage = ['chunks', 'questions'].",
    ):
        assert part in message
    both = r"allow_leakage = \['chunks', 'questions'\]\.$"  # what is allowed stays
    with pytest.raises(SetupError, match=rf"training questions: 1 .*by name: {both}"):
        check_leakage(folder, questions, Recipe(allow_leakage=["chunks"]))
    leakage = check_leakage(folder, questions, Recipe(allow_leakage=list(KINDS)))
    _, *rows = Page(show_leakage(leakage).data).rows
    assert [row[-1] for row in rows] == ["allowed by name"] * 2 + ["no leak"]


def test_a_damaged_dataset_is_an_error(tmp_path: Path) -> None:
    folder = write_rows(tmp_path)
    write_jsonl(folder / "chunks.jsonl", [TRAINED, ORACLE])
    with pytest.raises(SetupError, match=r"train\.jsonl, line 1, .*KeyError: 'd1\.md#0'"):
        check_leakage(folder, [ask()], Recipe())
    write_jsonl(folder / "chunks.jsonl", [TRAINED, SHOWN, VALID, ORACLE])
    (folder / "hf" / "valid.jsonl").write_text('{"id": "torn"')
    with pytest.raises(SetupError, match=r"valid\.jsonl, line 1, cannot be read"):
        check_leakage(folder, [ask()], Recipe())
    (folder / "hf" / "train.jsonl").unlink()
    with pytest.raises(SetupError, match=r"train\.jsonl cannot be read .* 1_gen"):
        check_leakage(folder, [ask()], Recipe())
