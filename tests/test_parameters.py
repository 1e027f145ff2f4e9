from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lib.parameters import declared, known_parameters, listing, override, read_parameters
from lib.settings import PROJECT_DIR, SetupError

CELL = """\
run_name: str = "x"  # names the folders
num_distractors: int = 4  # documents beside the oracle
oracle_probability: float = 0.8  # share, 0–1
top_k: list[int] = [3, 5, 7]  # how many
resume: bool = True  # or not
"""
KNOWN = {p.name: p for p in declared(CELL, "1_gen")}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_cell_declares_name_type_default_and_meaning() -> None:
    top_k = KNOWN["top_k"]
    assert (top_k.type, top_k.default, top_k.meaning) == ("list[int]", [3, 5, 7], "how many")


@pytest.mark.parametrize("line", ["x = 1  # meaning", "x: int = 1", "print(1)"])
def test_a_line_that_explains_nothing_is_a_bug(line: str) -> None:
    with pytest.raises(ValueError, match="1_gen"):
        declared(line, "1_gen")


def test_a_file_overrides_some(tmp_path: Path) -> None:
    text = "oracle_probability: 1  # an integer will do\ntop_k: [1]\nresume: false\n"
    assert read_parameters(write(tmp_path, text), KNOWN) == {
        "oracle_probability": 1.0,
        "top_k": [1],
        "resume": False,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("num_distractor: 3", "num_distractor.*num_distractors"),
        ("num_distractors: three", "'three'.*expected int"),
        ("num_distractors: 3.5", "3.5.*expected int"),
        ("num_distractors: true", "True.*expected int"),
        ("top_k: [3, five]", "expected list"),
        ("run_name: 7", "expected str"),
        ("- a\n- b", "expected `key: value`"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SetupError, match=says) as caught:
        read_parameters(write(tmp_path, text), KNOWN)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_those_that_are_there() -> None:
    with pytest.raises(SetupError, match=r"not there.*tiny\.yaml"):
        read_parameters(Path("parameters/none.yaml"), KNOWN)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("run_name", "007", "007"),
        ("num_distractors", "3", 3),
        ("oracle_probability", "1", 1.0),
        ("top_k", "3,5", [3, 5]),
        ("top_k", "[3]", [3]),
        ("resume", "false", False),
    ],
)
def test_overrides_are_read_as_the_declared_type(name: str, text: str, value: object) -> None:
    assert override(name, text, KNOWN) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [("num_distractors", "many"), ("num_distractors", "3.0"), ("nope", "1"), ("resume", "1")],
)
def test_wrong_overrides_are_refused(name: str, text: str) -> None:
    with pytest.raises(SetupError, match="-r"):
        override(name, text, KNOWN)


@pytest.mark.parametrize("path", sorted((PROJECT_DIR / "parameters").glob("*.yaml")), ids=str)
def test_every_file_binds_to_the_notebooks_and_explains_each_key(path: Path) -> None:
    values = read_parameters(path, known_parameters())
    text = path.read_text(encoding="utf-8")
    assert values
    blocks = [block.splitlines() for block in text.split("\n\n")[1:]]
    for block in blocks:
        assert block[0].startswith("# "), block
        assert any(not line.startswith("#") for line in block), block
    assert yaml.safe_load(text).keys() == values.keys()


def test_the_listing_shows_every_parameter_with_its_default() -> None:
    known = known_parameters()
    text = listing(known.values())
    for parameter in known.values():
        assert f"{parameter.name} = {parameter.default!r}" in text
        assert parameter.meaning in text


def test_a_text_or_a_list_of_texts() -> None:
    cell = 'doc_path: str | list[str] = "a"  # where\nextra: list[str] = []  # which\n'
    known = {p.name: p for p in declared(cell, "1_gen")}
    assert override("doc_path", "b", known) == "b"
    assert override("doc_path", "['b', 'c']", known) == ["b", "c"]
    assert override("extra", "b, c", known) == override("extra", "['b', 'c']", known) == ["b", "c"]
    assert override("extra", "", known) == []
    with pytest.raises(SetupError, match=r"expected str \| list\[str\]"):
        override("doc_path", "[1]", known)
