from __future__ import annotations

import math
from typing import Any

import pytest

from lib.recipe import KNOBS, NOTEBOOKS, Knob, Recipe
from lib.runner import EDIT_HERE
from lib.settings import SetupError


def outside(knob: Knob) -> list[Any]:
    """Values of the right type just outside of a knob's range."""
    step: float = 1 if "int" in knob.type else 1e-9
    found: list[float] = []
    if knob.low is not None:
        found.append(knob.low if knob.low_open else knob.low - step)
    if knob.high is not None:
        found.append(knob.high if knob.high_open else knob.high + step)
    values: list[Any] = [int(value) if "int" in knob.type else float(value) for value in found]
    if knob.choices:
        values.append("no such choice")
    return [[value] for value in values] if knob.type.startswith("list") else values


@pytest.mark.parametrize("knob", KNOBS.values(), ids=lambda knob: knob.name)
def test_no_value_outside_of_its_range_passes(knob: Knob) -> None:
    never_ending = [math.inf, -math.inf, math.nan] if knob.type == "float" else []
    for value in [*outside(knob), *never_ending, None, {}, b"x"]:
        with pytest.raises(SetupError, match=f"{knob.name} is .*expected") as caught:
            Recipe.of({knob.name: value})
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"top_k": []},
        {"eval_share": 0.0},
        {"eval_share": 0.5, "valid_share": 0.5},
        {"chunk_overlap_chars": 1000},
        {"min_chunk_chars": 600},
        {"min_distractors": 5},
        {"models": ["student", "student"]},
        {"models": []},
        {"run_name": "../up"},
        {"run_name": "a" * 101},
        {"doc_path": ""},
        {"doc_path": ["sample_data", " "]},
        {"eval_doc_path": [""]},
        {"doc_path": "", "train_file": "faq.csv", "eval_doc_path": "held-out"},
        {"train_file": "faq.csv", "dataset_kind": "qa"},
        {"questions_per_chunk": 0},
        {"refusal": "No."},
        {"refusal": "I do not <know> it."},
        {"rationale": True, "dataset_kind": "qa"},
        {"batch": True, "max_cost": 1.0},
        {"seed": True},
        {"method": "full", "from_adapter": "artefacts/students/x"},
        {"save_steps": -1, "early_stop_patience": 2},
        {"parallel": "fsdp2", "method": "qlora"},
    ],
    ids=str,
)
def test_values_that_contradict_each_other_stop_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(SetupError) as caught:
        Recipe(**wrong)
    assert all(name in str(caught.value) for name in list(wrong)[-1:])
    assert "\n" not in str(caught.value)
    assert "Change it" not in str(caught.value)  # each says itself what to do


def test_the_old_way_to_train_every_weight_names_the_new_one() -> None:
    with pytest.raises(SetupError, match=r"lora_rank is 0.*set method to 'full'"):
        Recipe(lora_rank=0)


def test_the_defaults_hold_together_and_every_knob_is_read_by_a_notebook() -> None:
    assert Recipe() == Recipe.of({})
    for knob in KNOBS.values():
        assert knob.meaning
        assert knob.notebooks
        assert set(knob.notebooks) <= set(NOTEBOOKS)
        assert not knob.choices or not knob.default or "str" in knob.type


@pytest.mark.parametrize("first", ["# Parameters", EDIT_HERE, 'run_name: str = "tiny"  # names'])
def test_a_name_in_a_cell_of_parameters_that_is_none_is_an_error(first: str) -> None:
    wrong = f"{first}\nmax_cst: float = 5.0\nmore = {{}}"
    with pytest.raises(SetupError, match=r"no parameter max_cst\..*max_cost"):
        Recipe.of({"max_cst": 5.0, "In": ["", wrong, "# mine\nx = 1"]})
    right = f'{first}\n_mine = 5\nmax_cost = 5.0\nmore = {{\n    "seed": 1,\n}}\nmax_cst == "a=b"'
    Recipe.of({"max_cost": 5.0, "In": ["", wrong, right, "max_cst = 1"]})


def test_a_notebook_gives_what_its_cell_shows_and_what_is_in_more() -> None:
    recipe = Recipe.of({"seed": 7, "more": {"chunk_overlap_chars": 5}, "other": object()})
    assert (recipe.seed, recipe.chunk_overlap_chars) == (7, 5)
    with pytest.raises(SetupError, match=r"more: there is no parameter chunk_char\. Did you mean"):
        Recipe.of({"more": {"chunk_char": 5}})


def test_lists_of_two_recipes_are_not_shared() -> None:
    one, other = Recipe(), Recipe()
    one.top_k.append(9)
    assert other.top_k == KNOBS["top_k"].default == [5, 3, 7]
