"""Calls compared by their syntax trees: neither quotes nor order count, and nothing is run."""

from __future__ import annotations

import warnings
from pathlib import Path
from random import Random

import pytest

from lib.eval.metrics.api_calls import call_text, calls_match, is_call

GOLD = 'torch.hub.load("vision", "dpt", pretrained=True, size=384)'


@pytest.mark.parametrize(
    "answer",
    [
        GOLD,
        "torch.hub.load('vision','dpt',size=384,pretrained=True)",
        'model = torch.hub.load(\n  "vision",\n  "dpt",\n  pretrained=True,\n  size=384,\n)\n',
        'torch.hub.load("vision", "dpt", pretrained=True, size=384, force_reload=False)',
        'net(torch.hub.load("vision", "dpt", pretrained=True, size=384).eval())',
        'torch.hub.load("vision", "dpt", pretrained=True, size=384).eval()',
        f"```python\nimport torch\nmodel = {GOLD}\n```",
        f"`{GOLD}`",
        f"You may use this:\n```python\n{GOLD}\n```\nIt is in the document.",
        f"import torch; {GOLD}",
    ],
)
def test_the_same_call_however_it_is_written(answer: str) -> None:
    assert calls_match(answer, GOLD) == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "torch.hub.load",
        'hub.load("vision", "dpt", pretrained=True, size=384)',  # another name
        'torch.hub.list("vision", "dpt", pretrained=True, size=384)',
        'torch.hub.load("dpt", "vision", pretrained=True, size=384)',  # places
        'torch.hub.load("vision", pretrained=True, size=384)',
        'torch.hub.load("vision", "dpt", pretrained=True)',
        'torch.hub.load("vision", "dpt", pretrained=1, size=384)',  # 1 is not True
        'torch.hub.load("vision", "dpt", pretrained=True, size="384")',
        'torch.hub.load("vision", "dpt", pretrained=True, **{"size": 384})',
        'torch.hub.load("vision", "dpt", pretrained=True, size=384',  # never closed
        f"You may use {GOLD} for it.",  # a sentence is not code
        f"# {GOLD}",  # a comment calls nothing
        f'"""{GOLD}"""',
        f"```python\n# {GOLD}\nx = 1\n```",
    ],
)
def test_another_call_is_no_match(answer: str) -> None:
    assert calls_match(answer, GOLD) == 0.0


@pytest.mark.parametrize(
    ("gold", "call"),
    [
        (GOLD, True),
        (f"model = {GOLD}", True),
        ("AutoModel.from_pretrained('x').eval()", True),
        ("Velm (1700)", False),  # words with a remark in brackets
        ("Velm(1700) and Tarrow", False),
        ("crimson", False),
        ("3 + f(x)", False),
        ("load('a'", False),
        ("", False),
        ("f(1); g(2)", False),
    ],
)
def test_which_gold_answers_are_calls(gold: str, call: bool) -> None:
    assert is_call(gold) == call
    assert calls_match(gold, gold) == float(call)


@pytest.mark.parametrize(
    ("text", "final", "call"),
    [
        ("<<<domain>>>: A, <<<api_call>>>: f(1), <<<code>>>: x", "g(2)", "f(1)"),
        ("<<< api_call >>> f(1)\n<ANSWER>: g(2)", "g(2)", "f(1)"),
        ("so <ANSWER>: g(2)", "g(2)", "g(2)"),
        ("<<<api_call>>>: , <<<code>>>: x", "g(2)", "g(2)"),
        ("<<<api_call>>>: f(1), no: <<<api_call>>>: f(2)", None, "f(2)"),  # the last counts
        ("nothing", None, ""),
    ],
)
def test_the_field_of_the_call_goes_before_the_final_answer(
    text: str, final: str | None, call: str
) -> None:
    assert call_text(text, final) == call


def test_a_call_is_read_and_never_run(tmp_path: Path) -> None:
    path = tmp_path / "made"
    answer = f"open({str(path)!r}, 'w').write('x')"
    assert calls_match(answer, answer) == 1.0
    assert not path.exists()


def test_an_escape_that_python_warns_of_is_read() -> None:
    call = r"match('\d', text)"
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert calls_match(call, call) == 1.0
    assert not said


def test_only_so_much_is_read() -> None:
    assert calls_match("x = 1\n" * 500 + GOLD, GOLD) == 1.0
    assert calls_match("x = 1\n" * 1000 + GOLD, GOLD) == 0.0
    deep = "a" + ".b" * 2400
    assert calls_match(f"{deep}(1)", f"{deep}.c(1)") == 0.0


def test_whatever_a_model_writes_is_answered_with_a_number() -> None:
    deep = ["(" * 900, "-" * 4900 + "1", "a" + ".b" * 2400 + "(1)", "f(" * 2000, "1" + "+1" * 2400]
    hostile = [*deep, "\0f(a)", "f('\\d')", "f(\ud800)", "f" * 10**6, f"{'f(' * 50}{')' * 50}"]
    rng = Random(0)
    drawn = ["".join(rng.choices("f(a)=,.'\"[]{}:#\\\n λ東1*", k=60)) for _ in range(200)]
    for answer in hostile + drawn:
        assert calls_match(answer, GOLD) == 0.0
        assert calls_match(GOLD, answer) in (0.0, 1.0)
