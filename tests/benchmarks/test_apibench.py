"""What the benchmark of API calls reads, trains on, asks and counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.apibench import controls, in_right_domain, is_same_call, shares_right, written_call
from benchmarks.apibench_data import (
    FILES,
    Bench,
    bench_recipe,
    evaluation_cases,
    made_up,
    read_bench,
    write_rows,
)
from lib.dataset import read_dataset
from lib.prompts.student import cot_label, parse_answer
from lib.settings import SetupError
from lib.store import read_jsonl, write_jsonl
from lib.text import find_quote

GOLD = "torch.hub.load(repo_or_dir='a/b', model='net', pretrained=True)"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made_up(tmp_path)
    return read_bench(tmp_path)


def test_both_forms_of_an_instruction_are_read(bench: Bench) -> None:
    texts = [question.text for question in bench.train]
    assert len(bench.documents) == 12
    assert (len(texts), len(bench.test)) == (24, 4)
    assert all(text.startswith("Solve ") and text.endswith(".") for text in texts[:12])
    assert all(text.startswith("Find an API for ") and "#" not in text for text in texts[12:])


def test_an_instruction_without_its_record_is_named(tmp_path: Path) -> None:
    made_up(tmp_path)
    rows = read_jsonl(tmp_path / FILES[2])
    write_jsonl(tmp_path / FILES[2], [*rows[:2], rows[2] | {"api_call": "other()"}])
    with pytest.raises(SetupError, match="test-3 of APIBench has no known api_call"):
        read_bench(tmp_path)
    (tmp_path / FILES[1]).unlink()
    with pytest.raises(SetupError, match=f"no {FILES[1]}"):
        read_bench(tmp_path)


def test_rows_are_the_paper_s_and_quote_the_record(bench: Bench) -> None:
    recipe = bench_recipe()
    dataset = read_dataset(write_rows(bench, recipe))
    rows = dataset.examples("train")
    assert len(rows) + len(dataset.examples("valid")) == len(bench.train)
    kinds = Counter(row.kind for row in rows)
    assert set(kinds) == {"oracle", "memorise"}
    assert kinds["oracle"] == pytest.approx(0.8 * len(rows), abs=2)
    for row in rows:
        assert len({chunk.id for chunk in row.context}) == 5
        assert (row.oracle in row.context) == (row.kind == "oracle")
        parsed = parse_answer(row.label)
        assert parsed.final_answer == row.question.answer
        assert all(find_quote(quote, row.oracle.text) for quote in parsed.quotes)


def test_every_test_instruction_is_asked_in_each_way(bench: Bench) -> None:
    cases = evaluation_cases(bench, bench_recipe())
    assert list(cases) == ["oracle_distractors", "top_5"]
    shown = {"oracle_distractors": 5, "top_5": 5}
    for condition, asked in cases.items():
        assert [case.question_id for case in asked] == [q.id for q in bench.test]
        assert {len(case.chunks) for case in asked} == {shown[condition]}
    assert all(case.oracle_in_context for case in cases["oracle_distractors"])


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        (cot_label("It says:", "x", GOLD), True),
        (f"<ANSWER>: model = {GOLD}", True),
        ("<ANSWER>: torch.hub.load(model='net', pretrained=True, repo_or_dir=\"a/b\")", True),
        (f"<<<domain>>>: x <<<api_call>>>: {GOLD}, <<<code>>>: y", True),
        ("<ANSWER>: torch.hub.load(repo_or_dir='a/b', model='other', pretrained=True)", False),
        ("<ANSWER>: torch.hub.load(repo_or_dir='a/b', model='net')", False),
        (f"Use {GOLD}", False),
        ("", False),
    ],
)
def test_a_reply_is_the_same_call_by_its_syntax_tree(reply: str, right: bool) -> None:
    assert is_same_call(written_call(reply), GOLD) is right


def test_a_call_that_is_not_python_must_be_the_same_text() -> None:
    gold = "torch.hub.load(repo_or_dir='a/b', 'net', pretrained=True)"
    assert is_same_call(gold.replace(", ", ","), gold)
    assert not is_same_call(gold.replace("net", "other"), gold)


def test_the_published_count_asks_for_a_record_of_the_domain() -> None:
    calls = {
        "load(repo_or_dir='a/b', model='one')": "Image",
        "load(repo_or_dir='a/b', model='two', x=1)": "Image",
        "load(repo_or_dir='c/d', model='three')": "Audio",
    }
    gold = "load(repo_or_dir='a/b', model='one')"
    assert in_right_domain("load('a/b', 'two')", gold, calls)
    assert not in_right_domain("load('c/d', 'three')", gold, calls)
    assert not in_right_domain("load('a/b', 'four')", gold, calls)
    assert not in_right_domain("a/b one", gold, calls)
    assert not in_right_domain("", gold, calls)


def test_controls_copy_and_never_read(bench: Bench) -> None:
    cases = evaluation_cases(bench, bench_recipe())["top_5"]
    (one_call, constant), (_, nearest) = controls(bench, cases).items()
    assert one_call.startswith("always the first call of ")
    assert len({*constant}) == 1
    assert written_call(constant[0]) in bench.calls
    assert all(
        f"api_call: {written_call(reply)}" in case.chunks[0].text
        for reply, case in zip(nearest, cases, strict=True)
    )


def test_shares_are_percent_of_all(bench: Bench) -> None:
    golds = [question.answer for question in bench.test]
    others = [f"{golds[0][:-1]}, pretrained=True)", "", "x", f"x({golds[3]}"]
    assert shares_right([f"<ANSWER>: {gold}" for gold in golds], bench) == (100, 100)
    assert shares_right([f"<ANSWER>: {other}" for other in others], bench) == (50, 25)


def test_a_folder_without_the_files_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apibench", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path} has no {FILES[0]}. Give the folder" in line
