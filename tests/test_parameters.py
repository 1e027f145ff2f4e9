from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lib.parameters import for_notebook, listing, override, overrides, read_parameters, reference
from lib.recipe import KNOBS
from lib.settings import PROJECT_DIR, SetupError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_overrides_some(tmp_path: Path) -> None:
    text = "oracle_probability: 1  # an integer will do\ntop_k: [1]\nround_trip: true\n"
    assert read_parameters(write(tmp_path, text)) == {
        "oracle_probability": 1.0,
        "top_k": [1],
        "round_trip": True,
    }


@pytest.mark.parametrize("text", ["2e-05", "2E-5", "2.e-5", "2.0e-5", "0.00002"])
def test_every_way_to_write_a_float_is_a_float(tmp_path: Path, text: str) -> None:
    assert read_parameters(write(tmp_path, f"learning_rate: {text}")) == {"learning_rate": 2e-05}


@pytest.mark.parametrize("text", ["010", "7", "no", "2026-11-30", "2026-13-45", "1_000"])
def test_a_text_is_what_is_written(tmp_path: Path, text: str) -> None:
    """YAML has numbers, truth values, dates and wrong dates there."""
    values = read_parameters(write(tmp_path, f"run_name: {text}\ndoc_path: [{text}, b]"))
    assert values == {"run_name": text, "doc_path": [text, "b"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("num_distractor: 3", "num_distractor.*num_distractors"),
        ("num_distractors: three", "'three'.*expected int"),
        ("num_distractors: 3.5", "3.5.*expected int"),
        ("num_distractors: true", "'true'.*expected int"),
        ("num_distractors: -1", "num_distractors is -1; expected at least 0"),
        ("top_k: [3, five]", "expected list"),
        ("run_name: null", "None.*expected str"),
        ("seed: 010", "seed is '010'.*expected int"),  # 8 in YAML 1.1
        ("max_questions: 1:30", "'1:30'.*expected int"),  # 90
        ("top_k: [3, 010]", "'010'.*expected list"),
        ("more: {seed: 1}", "no parameter more"),
        ("- a\n- b", "expected `key: value`"),
        ("a: [", "is not YAML"),
        ("learning_rate: nan", "'nan'.*expected float"),
        ("learning_rate: fast", "'fast'.*expected float"),
        ("seed: 1\nseed: 2", "sets seed more than once"),
    ],
)
def test_a_wrong_file_says_what_is_wrong_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SetupError, match=says) as caught:
        read_parameters(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_those_that_are_there() -> None:
    with pytest.raises(SetupError, match=r"not there.*tiny\.yaml"):
        read_parameters(Path("parameters/none.yaml"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("run_name", "007", "007"),
        ("num_distractors", "3", 3),
        ("oracle_probability", "1", 1.0),
        ("top_k", "3,5", [3, 5]),
        ("top_k", "[3]", [3]),
        ("round_trip", "false", False),
        ("doc_path", "b", "b"),
        ("doc_path", "['b', 'c']", ["b", "c"]),
        ("doc_path", "[b, c d]", ["b", "c d"]),
        ("retrieval", "[hybrid + rerank, dense]", ["hybrid + rerank", "dense"]),
        ("models", "b, c", ["b", "c"]),
        ("models", "['b', 'c']", ["b", "c"]),
        ("judge_metrics", "", []),
    ],
)
def test_overrides_are_read_as_the_declared_type(name: str, text: str, value: object) -> None:
    assert override(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("num_distractors", "many"),
        ("num_distractors", "3.0"),
        ("nope", "1"),
        ("round_trip", "1"),
        ("doc_path", "[1]"),
        ("models", "['b', c]"),
        ("seed", "-1"),
    ],
)
def test_wrong_overrides_are_refused(name: str, text: str) -> None:
    with pytest.raises(SetupError, match="-r"):
        override(name, text)


def test_a_decimal_comma_is_shown_as_it_was_typed() -> None:
    with pytest.raises(SetupError, match=r"temperature is '0,5'.*expected float"):
        override("temperature", "0,5")


@pytest.mark.parametrize("path", sorted((PROJECT_DIR / "parameters").glob("*.yaml")), ids=str)
def test_every_file_holds_together_and_explains_each_key(path: Path) -> None:
    values = overrides(path)
    text = path.read_text(encoding="utf-8")
    blocks = [block.splitlines() for block in text.split("\n\n")[1:]]
    for block in blocks:
        assert block[0].startswith("# "), block
        assert any(not line.startswith("#") for line in block), block
    assert yaml.safe_load(text).keys() == values.keys()


def test_a_notebook_gets_its_own_values_and_in_more_those_that_it_does_not_show() -> None:
    values = {"run_name": "x", "chunk_overlap_chars": 7, "num_epochs": 2.0, "warmup_share": 0.1}
    assert for_notebook(values, "1_gen") == {"run_name": "x", "more": {"chunk_overlap_chars": 7}}
    assert for_notebook({"run_name": "x"}, "3_deploy") == {"run_name": "x"}


def test_the_listing_and_the_reference_show_every_knob_with_its_default() -> None:
    listed, tables = listing(), reference()
    for knob in KNOBS.values():
        assert listed.count(f"  {knob.name} = {knob.default!r}") == 1
        assert tables.count(f"| `{knob.name}` | `{knob.default!r}` |") == 1
        assert knob.meaning in listed
        assert knob.meaning in tables


def test_the_page_of_all_knobs_is_generated() -> None:
    page = (PROJECT_DIR / "docs" / "reference.md").read_text(encoding="utf-8")
    assert page == reference(), "python -m lib.parameters > docs/reference.md"
